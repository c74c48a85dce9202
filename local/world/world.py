"""The state of the local Azure: subscriptions, groups, clusters, and what is going on with them.

No HTTP in here, and no waiting: operations advance when somebody looks (see agenda.py). Everything that reads or
changes state does so inside `with world.entered():`.
"""

import random
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.clock import Clock, SystemClock
from local.world import clusters, ids, render, rollout, rules
from local.world.access import Access, Principal, load_roles
from local.world.agenda import Agenda
from local.world.errors import group_not_found, subscription_not_found
from local.world.faults import Faults
from local.world.kube.state import Kube
from local.world.locks import Locks
from local.world.management import ManagementGroups
from local.world.model import Call, Cluster, Json, Node, Operation, Pool
from local.world.quotas import Quotas
from local.world.throttles import DEFAULT_LIMITS, Limit, Throttles
from local.world.vault import Vault

DEFAULT_OPERATION_TIME = timedelta(seconds=8)
VAULT = (
    "/subscriptions/90000000-0000-4000-8000-000000000009/resourceGroups/rg-fipswarden"
    "/providers/Microsoft.KeyVault/vaults/kv-local"
)
"""Where the app itself is deployed: nobody looks after clusters there."""


@dataclass
class Group:
    """A resource group with its clusters by lower-case name."""

    name: str
    location: str
    tags: dict[str, str]
    clusters: dict[str, Cluster] = field(default_factory=dict)


@dataclass
class Subscription:
    """A subscription with its resource groups by lower-case name."""

    id: str
    name: str
    groups: dict[str, Group] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestRecord:
    """One request that reached the local Azure, for tests that count."""

    time: datetime
    method: str
    path: str
    kind: str
    """As in faults.py: managedClusters, agentPools, operations, resourceGraph ..."""
    principal: str
    """The principal's name, empty if it is not known."""
    client_request_id: str
    if_match: str
    status: int
    """The HTTP status; 0 for a connection that was reset."""


class World(Agenda):
    """A whole Azure in memory. Two worlds with one seed and one history are equal, down to GUIDs."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        operation_time: timedelta = DEFAULT_OPERATION_TIME,
        seed: int = 0,
        graph_lag: timedelta = timedelta(0),
        limits: Iterable[Limit] = DEFAULT_LIMITS,
        page_size: int = 100,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(clock or SystemClock())
        self.operation_time = operation_time
        """How long a reimage takes, whatever the number of nodes; operations that touch no node take a quarter."""
        self.graph_lag = graph_lag
        """How far Resource Graph is behind."""
        self.page_size = page_size
        """How many resources an ARM list has on a page."""
        self.retry_after = retry_after
        """Seconds that answers about a running operation ask clients to wait. The API documents it, captured traffic
        has none: Azure's clients then ask every 30 seconds."""
        self.access = Access(load_roles())
        self.management = ManagementGroups(self.access.tenant)
        self.access.parent_of = self.management.parent_of
        self.faults = Faults()
        self.throttles = Throttles(limits)
        self.quotas = Quotas()
        self.locks = Locks()
        self.vault = Vault(VAULT)
        self.immutability: dict[str, tuple[int, str]] = {}
        """Days and state of the policies of blob containers, by `account/container` in lower case."""
        self.requests: deque[RequestRecord] = deque(maxlen=100_000)
        self.subscriptions: dict[str, Subscription] = {}
        self.operations: dict[str, Operation] = {}
        self.registrations: dict[tuple[str, str], str] = {}
        """State of resource providers per subscription, where somebody registered one."""
        self.graph_past: dict[str, deque[tuple[datetime, Cluster, Json | None]]] = {}
        """What Resource Graph still shows of clusters that changed, and until when."""
        self._random = random.Random(seed)

    # time

    def tick(self) -> None:
        """Run what fell due. Nobody has to call it for answers to be right, only for events to come in time."""
        with self.entered():
            pass

    def guid(self) -> str:
        """Return a new GUID from the world's seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    # look-ups; they raise ArmError

    def subscription(self, subscription: str) -> Subscription:
        """Return a subscription; raise ArmError (404)."""
        found = self.subscriptions.get(subscription.lower())
        if found is None:
            raise subscription_not_found(subscription)
        return found

    def group(self, subscription: str, group: str) -> Group:
        """Return a resource group; raise ArmError (404)."""
        found = self.subscription(subscription).groups.get(group.lower())
        if found is None:
            raise group_not_found(group)
        return found

    def find_cluster(self, subscription: str, group: str, name: str) -> Cluster | None:
        """Return a cluster or None; raise ArmError (404) if even its group isn't there."""
        return self.group(subscription, group).clusters.get(name.lower())

    def cluster(self, subscription: str, group: str, name: str) -> Cluster:
        """Return a cluster; raise ArmError (404)."""
        found = self.find_cluster(subscription, group, name)
        if found is None:
            raise clusters.missing(group, name)
        return found

    def cluster_by_id(self, resource_id: str) -> Cluster:
        """Return a cluster by its ARM id or by that of one of its pools; raise ArmError (404)."""
        parts = resource_id.split("/")
        return self.cluster(parts[2], parts[4], parts[8])

    def all_clusters(self, subscription: str | None = None) -> Iterator[Cluster]:
        """Go through the clusters of one subscription, or of all."""
        wanted = self.subscriptions.values() if subscription is None else [self.subscription(subscription)]
        for each in wanted:
            for group in each.groups.values():
                yield from group.clusters.values()

    def nodes(self, cluster: Cluster) -> list[Node]:
        """Return the nodes of all pools of a cluster."""
        return [node for pool in cluster.pools.values() for node in rollout.nodes(cluster, pool)]

    # what the seed and tests set up

    def add_subscription(self, subscription: str, name: str) -> Subscription:
        """Add a subscription."""
        added = Subscription(subscription, name)
        self.subscriptions[subscription.lower()] = added
        return added

    def add_group(
        self, subscription: str, name: str, location: str = "westeurope", tags: Mapping[str, str] | None = None
    ) -> Group:
        """Add a resource group, or return the one that is there with its tags renewed."""
        groups = self.subscription(subscription).groups
        added = groups.setdefault(name.lower(), Group(name, location, {}))
        added.tags = dict(tags or {})
        return added

    def add_cluster(  # noqa: PLR0913 (a builder; all but the id are named)
        self,
        subscription: str,
        group: str,
        name: str,
        *,
        version: str = rules.DEFAULT_VERSION,
        location: str = "westeurope",
        tags: Mapping[str, str] | None = None,
        entra: bool = False,
        azure_rbac: bool = False,
        private: bool = False,
        authorized_ranges: Iterable[str] = (),
        properties: Json | None = None,
        state: str = "Succeeded",
    ) -> Cluster:
        """Add a cluster without pools, at once and without an event."""
        asked = dict(properties or {}) | _access(private=private, ranges=list(authorized_ranges))
        if entra:
            asked["aadProfile"] = {
                "managed": True,
                "enableAzureRBAC": azure_rbac,
                "adminGroupObjectIDs": None,
                "tenantID": self.access.tenant,
            }
        added = Cluster(
            subscription=self.subscription(subscription).id,
            group=self.group(subscription, group).name,
            name=name,
            location=location,
            version=version,
            properties=clusters.properties(asked, name),
            tags=dict(tags or {}),
            pools={},
            provisioning_state=state,
            etag=self.guid(),
            created=self.now,
            kube=Kube(self, self.operation_time / 240, ids.cluster_id(subscription, group, name)),
            token=uuid.UUID(int=self._random.getrandbits(128)).hex,
        )
        self._remember(added, None)
        self.group(subscription, group).clusters[name.lower()] = added
        return added

    def add_pool(
        self, cluster: Cluster, name: str, *, image: str | None = None, state: str = "Succeeded", **asked: Any
    ) -> Pool:
        """Add a pool at once; `asked` are wire properties such as `osSKU`, and nothing is refused."""
        properties = rules.normalise(asked, cluster.version, None)
        version = str(properties["orchestratorVersion"])
        pool = Pool(name, properties, "", version, state, self.guid())
        pool.image = image or pool.target_image()
        pool.recent_images = [pool.target_image().rpartition("-")[0] + "-202609.14.0"] if not pool.windows else []
        cluster.pools[name.lower()] = pool
        return pool

    def remove_cluster(self, cluster: Cluster) -> None:
        """Take a cluster away at once."""
        self.changing(cluster)
        self.group(cluster.subscription, cluster.group).clusters.pop(cluster.name.lower(), None)

    # changes, for those who need no HTTP (the faces use pools.py, clusters.py)

    def call(self, principal: Principal, **details: Any) -> Call:
        """Return who asks, for the functions in pools.py and clusters.py."""
        return Call(principal, correlation_id=self.guid(), **details)

    def changing(self, cluster: Cluster) -> None:
        """Say that a cluster is about to change: Resource Graph shows the old state for a while."""
        if self.graph_lag:
            self._remember(cluster, render.graph_row(cluster, self.access.tenant))

    def _remember(self, cluster: Cluster, row: Json | None) -> None:
        if self.graph_lag:
            past = self.graph_past.setdefault(ids.key(cluster.id), deque())
            past.append((self.now + self.graph_lag, cluster, row))


def _access(*, private: bool, ranges: list[str]) -> Json:
    """Return what a cluster's properties say of who reaches its API server."""
    if ranges:
        return {"apiServerAccessProfile": {"authorizedIPRanges": ranges}}
    if not private:
        return {}
    profile = {"enablePrivateCluster": True, "enablePrivateClusterPublicFQDN": True, "privateDNSZone": "system"}
    return {"apiServerAccessProfile": profile}
