"""AKS through azure-mgmt-containerservice: reads a cluster, begins an update once, aborts it, asks how far it is."""

import json
from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

from shared.adapters.arm import Arm, classified
from shared.domain.arm_errors import UNDECIDED, arm_ids, code_and_text
from shared.domain.ids import ClusterId
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.model import ClusterRead, Gone, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.observe_maintenance import read_page
from shared.domain.operation import Accepted, BeginResult, OperationRead, OperationStatus, Refused, Unanswered
from shared.domain.planned import Action, Method

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.core.pipeline import PipelineResponse

_GONE = frozenset({"resourcenotfound", "resourcegroupnotfound"})
_TRANSPORT_RETRY = timedelta(seconds=30)
_MAINTENANCE_API = "2026-08-01"
_SEND_WITHIN = 20.0
"""Seconds from the call to the PUT's way out, a token included. With 10 s each to connect and for TLS, it is out
before the lease's margin (60 s) is over, whatever becomes of its answer."""


class AksClusters:
    """shared.ports.Clusters on Azure."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    def read(self, cluster: ClusterId) -> ClusterRead:
        """GET the cluster: all of its pools with their eTags, from one moment."""
        from azure.core.exceptions import AzureError, HttpResponseError

        client = self._arm.client(cluster.subscription)
        try:
            # The raw JSON rather than the model: a PUT must carry what this version of the SDK does not know.
            body = client.managed_clusters.get(cluster.resource_group, cluster.name, cls=_raw)
            return read_cluster(body)
        except HttpResponseError as error:
            found = classified(error)
            if found.status == 404 and found.code.lower() in _GONE:
                return Gone()
            return Unreadable(found.reason, found.message, found.retry_after)
        except AzureError as error:
            return Unreadable("Unreachable", f"ARM could not be reached: {error.message}", _TRANSPORT_RETRY)
        except ValueError as error:
            return Unreadable("Unintelligible", f"ARM's answer is not a managed cluster: {error}", None)

    def begin(self, cluster: ClusterId, action: Action, intent: str) -> BeginResult:
        """Send the action's request, once, and return what is known of it; never waits for the operation.

        The caller's fence was the last thing before: what is not ready to be sent soon after it is not sent at all.
        """
        from azure.core.exceptions import AzureError

        from shared.adapters.deadline import SentTooLateError

        answer = _Answer()
        try:
            self._send(cluster, action, intent, answer)
        except SentTooLateError as error:
            return Refused("TooLate", f"The request was not sent: {error}.", _TRANSPORT_RETRY)
        except AzureError as error:
            if not answer.is_success:
                return _refused(error, answer)
            if not answer.operation:
                return Unanswered(f"AKS said {answer.status}, and the rest could not be read: {error.message}")
        return Accepted(answer.operation, *arm_ids(answer.headers))

    def abort(self, cluster: ClusterId, pool: str, request: str) -> BeginResult:
        """POST the pool's abort, once; AKS takes no condition: the caller has just seen what runs there."""
        from azure.core.exceptions import AzureError

        from shared.adapters.deadline import SentTooLateError

        answer = _Answer()
        send_by = self._arm.monotonic() + _SEND_WITHIN
        try:
            self._arm.client(cluster.subscription).agent_pools.begin_abort_latest_operation(
                cluster.resource_group,
                cluster.name,
                pool,
                headers={"x-ms-client-request-id": request},
                polling=False,
                raw_response_hook=answer.keep,
                send_by=send_by,
            )
        except SentTooLateError as error:
            return Refused("TooLate", f"The abort was not sent: {error}.", _TRANSPORT_RETRY)
        except AzureError as error:
            if not answer.is_success:
                return _refused(error, answer)
        return Accepted(answer.operation, *arm_ids(answer.headers))

    def _send(self, cluster: ClusterId, action: Action, intent: str, answer: "_Answer") -> None:
        send_by = self._arm.monotonic() + _SEND_WITHIN
        from azure.core import MatchConditions

        pools = self._arm.client(cluster.subscription).agent_pools
        where = cluster.resource_group, cluster.name, action.on
        how: dict[str, Any] = {
            "headers": {"x-ms-client-request-id": intent},
            "polling": False,
            "raw_response_hook": answer.keep,
            "send_by": send_by,
        }
        match action.method:
            case Method.DELETE:
                # `ignore_pod_disruption_budget` is never set.
                pools.begin_delete(*where, etag=action.etag, match_condition=MatchConditions.IfNotModified, **how)
            case Method.CREATE:
                # The SDK makes If-None-Match `*` of this condition (_operations.prep_if_none_match).
                pools.begin_create_or_update(*where, _body(action), match_condition=MatchConditions.IfMissing, **how)
            case Method.UPDATE:
                condition = MatchConditions.IfNotModified
                pools.begin_create_or_update(*where, _body(action), etag=action.etag, match_condition=condition, **how)
            case Method.ADOPT | Method.DRAIN:
                raise ValueError(f"nothing is sent to ARM for {action.method}")

    def operation(self, cluster: ClusterId, url: str) -> OperationRead | Unreadable:
        """GET the operation's URL (opaque, up to 4 kB); unreadable where AKS no longer knows it."""
        from azure.core.exceptions import AzureError, HttpResponseError

        headers: dict[str, str] = {}
        try:
            body = self._arm.get_json(cluster.subscription, url, headers.update)
            return _operation(body, headers)
        except HttpResponseError as error:
            found = classified(error)
            return Unreadable(found.reason, found.message, found.retry_after)
        except AzureError as error:
            return Unreadable("Unreachable", f"ARM could not be reached: {error.message}", _TRANSPORT_RETRY)
        except ValueError as error:
            return Unreadable("Unintelligible", str(error), None)

    def maintenance(self, cluster: ClusterId) -> tuple[MaintenanceConfiguration, ...] | Unreadable:
        """List the cluster's maintenance configurations, every page of them."""
        from azure.core.exceptions import AzureError, HttpResponseError

        found: tuple[MaintenanceConfiguration, ...] = ()
        # Not by the SDK's pager: it sends a token to whatever host a link names, and takes no list for an empty one.
        url = f"{cluster.arm_id}/maintenanceConfigurations?api-version={_MAINTENANCE_API}"
        try:
            while url:
                page, url = read_page(self._arm.get_json(cluster.subscription, url))
                found += page
        except HttpResponseError as error:
            refused = classified(error)
            return Unreadable(refused.reason, refused.message, refused.retry_after)
        except AzureError as error:
            return Unreadable("Unreachable", f"ARM could not be reached: {error.message}", _TRANSPORT_RETRY)
        except ValueError as error:
            return Unreadable("Unintelligible", f"ARM's answer lists no maintenance configurations: {error}", None)
        return found


def _body(action: Action) -> BytesIO:
    return BytesIO(json.dumps(action.body).encode())


class _Answer:
    """What came back for a PUT before its body was read: enough to know that AKS took it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}

    def keep(self, response: "PipelineResponse[Any, Any]") -> None:
        """Keep an answer; of several (a challenge comes first), the last one."""
        self.status = int(response.http_response.status_code)
        self.headers = {name.lower(): value for name, value in response.http_response.headers.items()}

    @property
    def is_success(self) -> bool:
        """Whether AKS took the request, whatever else it meant to say."""
        return 200 <= self.status < 300

    @property
    def operation(self) -> str:
        """The URL of the operation that AKS began; empty if it named none."""
        return self.headers.get("azure-asyncoperation", "")


def _refused(error: "AzureError", answer: _Answer) -> Refused | Unanswered:
    from azure.core.exceptions import HttpResponseError, ServiceRequestError

    if isinstance(error, HttpResponseError):
        found = classified(error)
        if found.status in UNDECIDED:
            return Unanswered(found.message)
        return Refused(found.reason, found.message, found.retry_write_after, *arm_ids(answer.headers))
    if isinstance(error, ServiceRequestError):
        return Refused("Unreachable", f"Nothing was sent, ARM could not be reached: {error}", _TRANSPORT_RETRY)
    return Unanswered(f"The connection broke after the request was sent: {error.message}")


def _raw(response: "PipelineResponse[Any, Any]", _model: object, _headers: Mapping[str, Any]) -> Any:
    body = response.http_response.json()
    if not isinstance(body, dict):
        raise ValueError(f"it is a {type(body).__name__}, not an object")  # noqa: TRY004 (bad input)
    return body


def _operation(body: Mapping[str, Any], headers: Mapping[str, str]) -> OperationRead:
    """Read an operation's state; any word that is not one of the three ends means that it goes on (ARM, async)."""
    said = str(body.get("status", "")).lower()
    status = next((end for end in OperationStatus if end.value.lower() == said), OperationStatus.IN_PROGRESS)
    code, text = code_and_text(body) if isinstance(body.get("error"), dict) else ("", "")
    return OperationRead(status, code, text, *arm_ids(headers))
