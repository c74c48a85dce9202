"""The fleet from Azure Resource Graph: one call per 1,000 clusters; hints alone, since it lags behind ARM."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.arm import NO_RETRY, Arm, classified
from shared.domain.ids import ClusterId
from shared.domain.model import Unreadable
from shared.domain.observe import read_cluster
from shared.logs import logger
from shared.ports import FleetHint

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

log = logger("graph")

# Names of rows that `read_cluster` knows; `order by` with `id` keeps the paging stable (Resource Graph, "paging").
QUERY = """resources
| where type =~ 'microsoft.containerservice/managedclusters'
| project id, subscriptionId, location, tags, provisioningState = properties.provisioningState,
  powerState = properties.powerState, aadProfile = properties.aadProfile,
  agentPoolProfiles = properties.agentPoolProfiles, enableFIPS = properties.enableFIPS,
  nodeProvisioningProfile = properties.nodeProvisioningProfile, hostedSystemProfile = properties.hostedSystemProfile
| order by subscriptionId asc, id asc"""
"""One query for the whole fleet."""
_PROPERTIES = (
    *("provisioningState", "powerState", "aadProfile", "agentPoolProfiles", "enableFIPS"),
    *("nodeProvisioningProfile", "hostedSystemProfile"),
)
_PAGE = 1000
_TRANSPORT_RETRY = timedelta(seconds=30)
_MAX_SUBSCRIPTIONS = 300
"""Resource Graph, "throttling": group fewer than 300 subscriptions a query."""


class GraphFleet:
    """shared.ports.Fleet on Azure."""

    def __init__(self, arm: Arm, credential: "TokenCredential", subscriptions: Sequence[str]) -> None:
        self._arm, self._credential = arm, credential
        self._configured = tuple(subscriptions)

    def subscriptions(self) -> tuple[str, ...]:
        """Return the configured subscriptions, or those that ARM (not Resource Graph) lists."""
        return self._configured or tuple(self._arm.subscriptions())

    def watches(self, subscription: str) -> bool:
        """Say whether a subscription is configured; without a configuration, all are watched."""
        return not self._configured or subscription.lower() in self._configured

    def unreadable(self, subscription: str) -> Unreadable | None:
        """List the subscription's clusters, the first page alone: None if ARM answers, else why not."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            next(self._arm.client(subscription).managed_clusters.list().by_page(), None)
        except HttpResponseError as error:
            found = classified(error)
            return Unreadable(found.reason, found.message, found.retry_after)
        except AzureError as error:
            return Unreadable("Unreachable", f"ARM could not be reached: {error.message}", _TRANSPORT_RETRY)
        return None

    def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
        """Yield what Resource Graph knows of the clusters in some subscriptions, grouped by subscription."""
        from azure.mgmt.resourcegraph import ResourceGraphClient

        with ResourceGraphClient(
            self._credential,
            base_url=self._arm.cloud.arm_endpoint,
            credential_scopes=[self._arm.cloud.arm_scope],
            **NO_RETRY,
        ) as client:
            for start in range(0, len(subscriptions), _MAX_SUBSCRIPTIONS):
                some = list(subscriptions[start : start + _MAX_SUBSCRIPTIONS])
                yield from hints(_pages(client, some))


def _pages(client: Any, subscriptions: list[str]) -> Iterator[dict[str, Any]]:
    from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions, ResultFormat

    more: str | None = None
    while True:
        options = QueryRequestOptions(top=_PAGE, skip_token=more, result_format=ResultFormat.OBJECT_ARRAY)
        answer = client.resources(QueryRequest(query=QUERY, subscriptions=subscriptions, options=options))
        yield from answer.data
        more = answer.skip_token
        if not more:
            return


def hints(rows: Iterable[dict[str, Any]]) -> Iterator[FleetHint]:
    """Read rows; one that names no cluster that we can address is passed on as such, and ends nothing."""
    for row in rows:
        try:
            cluster = ClusterId.parse(str(row.get("id")))
        except ValueError as error:
            log.warning("row of Resource Graph without a usable id", extra={"detail": str(error)})
            yield FleetHint(Unreadable("Unintelligible", f"Resource Graph's row names no cluster: {error}", None), None)
        else:
            yield _hint(cluster, row)


def _hint(cluster: ClusterId, row: dict[str, Any]) -> FleetHint:
    """Read one row; what can't be judged becomes an unreadable hint, which queues a look."""
    properties = {name: row.get(name) for name in _PROPERTIES}
    try:
        return FleetHint(read_cluster({**row, "properties": properties}), cluster)
    except ValueError as error:
        return FleetHint(Unreadable("Unintelligible", f"Resource Graph's row can't be read: {error}", None), cluster)
