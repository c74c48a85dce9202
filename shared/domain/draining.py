"""What is left on the nodes of a pool that is being replaced, and what may be evicted next.

Pure. Nothing is ever forced: whatever a pod disruption budget does not allow stays where it is.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from shared.domain.model import Pool
from shared.domain.workloads import Place

CORDON = "fipswarden/cordoned-for"
"""The label of nodes that we cordoned, with the replacement's id: no other node is ever uncordoned."""
CORDONED_AT_ONCE = 100
"""Nodes that one look cordons or uncordons."""
EVICTED_AT_ONCE = 25
"""Pods of one node that one look evicts."""
NODES_TRIED = 4
"""Nodes that one look tries, until it finds one with a pod that may be evicted."""
Json = dict[str, Any]


def cordoned_for(node: Place) -> str:
    """Return the id of the replacement for which we cordoned a node; empty if we did not."""
    return node.labels.get(CORDON, "")


@dataclass(frozen=True, slots=True)
class Left:
    """A pod that has to leave its node before the pool can be deleted."""

    namespace: str
    name: str
    uid: str
    node: str
    workload: str
    """Its controller, or itself, as `namespace/kind/name`."""
    going: bool
    """It is being deleted already."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a look saw on the nodes of the old pool."""

    open: tuple[str, ...] = ()
    """Nodes that take pods: to be cordoned."""
    left: tuple[Left, ...] = ()
    """Pods that are still there, in the order of their nodes."""
    unseen: int = 0
    """Nodes that ARM counts and Kubernetes does not show as the pool's: nobody knows what runs on them."""

    @property
    def to_evict(self) -> tuple[Left, ...]:
        """The pods that nobody has told to go."""
        return tuple(pod for pod in self.left if not pod.going)

    @property
    def empty(self) -> bool:
        """Say whether nothing of the old pool would be lost."""
        return not self.open and not self.left and not self.unseen


def drained(pool: Pool, hosts: Collection[Place], pods: Collection[Left]) -> Drained:
    """Return what is left of a pool; nodes are its own by their label, and no fewer than ARM counts."""
    mine = {host.name: host for host in hosts if host.pool == pool.name}
    left = sorted((pod for pod in pods if pod.node in mine), key=lambda pod: (pod.node, pod.namespace, pod.name))
    to_cordon = tuple(sorted(host.name for host in mine.values() if not host.cordoned))
    # Where ARM gives no count, one more may be there than is seen.
    counted = len(mine) + 1 if pool.count is None else pool.count
    return Drained(to_cordon, tuple(left), max(counted - len(mine), 0))


def batches(pods: Sequence[Left]) -> Iterator[tuple[Left, ...]]:
    """Yield what is evicted together: the pods of one node, so that the rest of a workload stays where it is."""
    for number, (_, of_node) in enumerate(groupby(pods, key=lambda pod: pod.node)):
        if number == NODES_TRIED:
            return
        yield tuple(of_node)[:EVICTED_AT_ONCE]


def cordon(host: str, replacement: str) -> tuple[str, Json]:
    """Return path and merge patch that cordon a node, with our label."""
    return _node(host), {"metadata": {"labels": {CORDON: replacement}}, "spec": {"unschedulable": True}}


def uncordon(host: str) -> tuple[str, Json]:
    """Return path and merge patch that take back what `cordon` did."""
    return _node(host), {"metadata": {"labels": {CORDON: None}}, "spec": {"unschedulable": None}}


def _node(name: str) -> str:
    return f"/api/v1/nodes/{quote(name, safe='')}"


def eviction(pod: Left) -> tuple[str, Json]:
    """Return path and body that evict exactly this pod, as long as budgets let it go (Kubernetes, policy/v1)."""
    metadata = {"name": pod.name, "namespace": pod.namespace}
    options = {"preconditions": {"uid": pod.uid}}
    body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
    namespace, name = (quote(part, safe="") for part in (pod.namespace, pod.name))
    return f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body
