"""The world behind the product's ports, in process and without HTTP: for thousands of schedules in seconds.

It goes through the same faces as the HTTPS server, so roles, throttles, faults and error bodies are the same, and
through the same readers as the adapters. tests/contract holds both to one suite.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from local.clock import ManualClock
from local.faces import handle, kubeconfig, request
from local.faces.http import Response
from local.world import World
from local.world.access import APP
from shared.adapters.management import descendants_url, not_known, refused
from shared.adapters.run_command import CommandApi, reached
from shared.domain.api_server import AWAY_FOR, Answered, Way, way_in
from shared.domain.arm_errors import UNDECIDED, ArmError, arm_ids, classify, code_and_text
from shared.domain.ids import ClusterId
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.model import Cluster, ClusterRead, Gone, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.observe_maintenance import read_page
from shared.domain.operation import Accepted, BeginResult, OperationRead, OperationStatus, Refused, Unanswered
from shared.domain.planned import Action, Method
from shared.domain.scope import read_descendants
from shared.ports import FleetHint, KubernetesApi

_API = "2026-08-01"
_ARM_AUDIENCE = "https://management.azure.com"
_AKS_AUDIENCE = "6dae42f8-4368-4678-94ff-3960e28e3630"


class _Client:
    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens = {audience: world.access.token(APP, audience)[0] for audience in (_ARM_AUDIENCE, _AKS_AUDIENCE)}

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        audience: str = _ARM_AUDIENCE,
        certificate_of: ClusterId | None = None,
    ) -> Response:
        sent = {"authorization": f"Bearer {self._tokens[audience]}", **(headers or {})}
        shown = None
        if certificate_of:
            del sent["authorization"]
            shown = kubeconfig.common_name(self._world.cluster_by_id(certificate_of.arm_id))
        return handle(self._world, request(method, url, headers=sent, body=dict(body or {}), client_certificate=shown))

    def token(self, audience: str) -> str:
        """Return the app's token for somebody."""
        return self._tokens[audience]

    def error(self, response: Response) -> ArmError:
        try:
            body = json.loads(response.body)
        except ValueError:
            body = None
        return classify(response.status, dict(response.headers), body, self._world.clock.now())


class WorldClusters:
    """shared.ports.Clusters on the world."""

    def __init__(self, world: World) -> None:
        self._client = _Client(world)

    def read(self, cluster: ClusterId) -> ClusterRead:
        """GET the cluster."""
        response = self._client.send("GET", f"{cluster.arm_id}?api-version={_API}")
        if response.drop:
            return Unreadable("Unreachable", "the connection was reset", None)
        if response.status == 200:
            return read_cluster(response.json())
        error = self._client.error(response)
        if error.code in ("ResourceNotFound", "ResourceGroupNotFound"):
            return Gone()
        return Unreadable(error.reason, error.message, error.retry_after)

    def begin(self, cluster: ClusterId, action: Action, intent: str) -> BeginResult:
        """PUT or DELETE the pool."""
        condition = {"if-none-match": "*"} if action.method is Method.CREATE else {"if-match": action.etag}
        response = self._client.send(
            "DELETE" if action.method is Method.DELETE else "PUT",
            f"{cluster.arm_id}/agentPools/{action.on}?api-version={_API}",
            headers={**condition, "x-ms-client-request-id": intent},
            body=action.body,
        )
        if response.drop:
            return Unanswered("the connection was reset after the request was sent")
        if 200 <= response.status < 300:
            return Accepted(response.header("azure-asyncoperation"), *arm_ids(dict(response.headers)))
        error = self._client.error(response)
        if error.status in UNDECIDED:
            return Unanswered(error.message)
        return Refused(error.reason, error.message, error.retry_write_after, *arm_ids(dict(response.headers)))

    def abort(self, cluster: ClusterId, pool: str, request: str) -> BeginResult:
        """POST the pool's abort."""
        path = f"{cluster.arm_id}/agentPools/{pool}/abort?api-version={_API}"
        response = self._client.send("POST", path, headers={"x-ms-client-request-id": request})
        if response.drop:
            return Unanswered("the connection was reset after the abort was sent")
        if response.status in (202, 204):
            return Accepted(response.header("azure-asyncoperation"), *arm_ids(dict(response.headers)))
        error = self._client.error(response)
        if error.status in UNDECIDED:
            return Unanswered(error.message)
        return Refused(error.reason, error.message, error.retry_write_after, *arm_ids(dict(response.headers)))

    def operation(self, cluster: ClusterId, url: str) -> OperationRead | Unreadable:  # noqa: ARG002 (the port's)
        """GET the operation's URL."""
        parts = urlsplit(url)
        response = self._client.send("GET", f"{parts.path}?{parts.query}")
        if response.status != 200 or response.drop:
            error = self._client.error(response)
            return Unreadable(error.reason, error.message, error.retry_after)
        body = response.json()
        status = next((end for end in OperationStatus if end.value == body["status"]), OperationStatus.IN_PROGRESS)
        code, text = code_and_text(body) if "error" in body else ("", "")
        return OperationRead(status, code, text, *arm_ids(dict(response.headers)))

    def maintenance(self, cluster: ClusterId) -> tuple[MaintenanceConfiguration, ...] | Unreadable:
        """List the maintenance configurations, page by page."""
        found: tuple[MaintenanceConfiguration, ...] = ()
        url = f"{cluster.arm_id}/maintenanceConfigurations?api-version={_API}"
        while url:
            parts = urlsplit(url)
            response = self._client.send("GET", f"{parts.path}?{parts.query}")
            if response.drop:
                return Unreadable("Unreachable", "the connection was reset", timedelta(seconds=30))
            if response.status != 200:
                error = self._client.error(response)
                return Unreadable(error.reason, error.message, error.retry_after)
            try:
                page, url = read_page(response.json())
            except ValueError as fault:
                return Unreadable("Unintelligible", str(fault), None)
            found += page
        return found


class WorldKubernetes:
    """shared.ports.Kubernetes on the world."""

    def __init__(self, world: World) -> None:
        self._client, self._world = _Client(world), world

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        """Enter a cluster's API."""
        way = way_in(cluster, ways)
        api = way if isinstance(way, Unreadable) else _WorldApi(self._client, cluster.id, way)
        yield reached(cluster, ways, api, lambda: CommandApi(partial(self._post, cluster), self._fetch, self._sleep))

    def _post(self, cluster: Cluster, body: Mapping[str, str]) -> str | Unreadable:
        """POST a command."""
        sent = {**body, "clusterToken": self._client.token(_AKS_AUDIENCE) if cluster.entra else ""}
        response = self._client.send("POST", f"{cluster.id.arm_id}/runCommand?api-version={_API}", body=sent)
        if response.drop or response.status != 202:
            error = self._client.error(response)
            return Unreadable(error.reason, error.message, error.retry_after)
        return response.header("location")

    def _fetch(self, url: str) -> Mapping[str, Any] | Unreadable:
        parts = urlsplit(url)
        response = self._client.send("GET", f"{parts.path}?{parts.query}")
        if response.drop or response.status not in (200, 202):
            error = self._client.error(response)
            return Unreadable(error.reason, error.message, error.retry_after)
        return response.json()

    def _sleep(self, seconds: float) -> None:
        """Let the time pass that the app would wait."""
        clock = self._world.clock
        if isinstance(clock, ManualClock):
            clock.advance(timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class _WorldApi:
    """shared.ports.KubernetesApi on the world."""

    client: _Client
    cluster: ClusterId
    way: Way

    def get(self, path: str) -> Answered | Unreadable:
        """GET a path."""
        return self._ask("GET", path, None)

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Send a body to each of some paths."""
        return tuple(self._ask(method, path, body) for path, body in requests)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answered | Unreadable:
        where = f"/k8s/{self.cluster.subscription}/{self.cluster.resource_group}/{self.cluster.name}"
        certificate = self.cluster if self.way is Way.CERTIFICATE else None
        headers = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
        response = self.client.send(
            method, f"{where}{path}", headers=headers, body=body, audience=_AKS_AUDIENCE, certificate_of=certificate
        )
        if response.drop:
            return Unreadable("Unreachable", "the connection was reset", AWAY_FOR)
        return Answered(response.status, response.json())


class WorldManagementGroups:
    """shared.domain.scope.SubscriptionsOf on the world."""

    def __init__(self, world: World) -> None:
        self._client = _Client(world)

    def __call__(self, group: str) -> tuple[str, ...] | Unreadable:
        """List what is below a group, page by page."""
        found: tuple[str, ...] = ()
        url = descendants_url(group)
        while url:
            parts = urlsplit(url)
            response = self._client.send("GET", f"{parts.path}?{parts.query}")
            if response.drop:
                return not_known(group, "ARM could not be reached", timedelta(seconds=30))
            if response.status != 200:
                return refused(group, self._client.error(response))
            below, url = read_descendants(response.json())
            found += below
        return found


class WorldFleet:
    """shared.ports.Fleet on the world."""

    def __init__(self, world: World) -> None:
        self._client = _Client(world)

    def subscriptions(self) -> tuple[str, ...]:
        """List the subscriptions that the app sees."""
        response = self._client.send("GET", "/subscriptions?api-version=2022-12-01")
        return tuple(str(item["subscriptionId"]).lower() for item in response.json()["value"])

    def watches(self, subscription: str) -> bool:  # noqa: ARG002 (the port's)
        """Say yes: nothing is configured."""
        return True

    def unreadable(self, subscription: str) -> Unreadable | None:
        """GET the list of the subscription's clusters."""
        path = f"/subscriptions/{subscription}/providers/Microsoft.ContainerService/managedClusters"
        response = self._client.send("GET", f"{path}?api-version={_API}")
        if response.drop:
            return Unreadable("Unreachable", "the connection was reset", timedelta(seconds=30))
        if response.status == 200:
            return None
        error = self._client.error(response)
        return Unreadable(error.reason, error.message, error.retry_after)

    def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
        """Ask Resource Graph, with the adapter's own query."""
        from shared.adapters.graph import QUERY, hints

        more: str | None = None
        while True:
            options = {"$top": 1000, "resultFormat": "objectArray", **({"$skipToken": more} if more else {})}
            body = {"query": QUERY, "subscriptions": list(subscriptions), "options": options}
            url = "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01"
            answer = self._client.send("POST", url, body=body).json()
            yield from hints(answer["data"])
            more = answer.get("$skipToken")
            if not more:
                return
