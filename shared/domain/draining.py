"""What is left on the nodes of a pool that is being replaced, and what may be evicted next.

Pure. Nothing is ever forced: whatever a pod disruption budget does not allow stays where it is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from urllib.parse import quote

from shared.domain.workloads import SHOWN, Names, Place

CORDON = "fipswarden/cordoned-for"
"""The label of nodes that we cordoned, with the replacement's id: no other node is ever uncordoned."""
CORDONED_AT_ONCE = 100
"""Nodes that one look cordons or uncordons."""
EVICTED_AT_ONCE = 25
"""Pods of one node that one look evicts."""
NODES_TRIED = 4
"""Nodes that one look tries, until it finds one with a pod that may be evicted."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Host(Place):
    """A node, as far as it matters for a drain."""

    cordoned: bool
    """`spec.unschedulable`, whoever set it."""

    @property
    def cordoned_for(self) -> str:
        """The id of the replacement for which we cordoned it; empty if we did not."""
        return self.labels.get(CORDON, "")


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
    pools: tuple[str, ...]
    """The only pools in which it may run, by name; empty if it names none."""
    selector: Mapping[str, str]
    """Labels that its node must have."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a look saw on the nodes of the old pool."""

    open: tuple[str, ...] = ()
    """Nodes that take pods: to be cordoned."""
    left: tuple[Left, ...] = ()
    """Pods that are still there, in the order of their nodes."""
    bound: Names = field(default_factory=Names)
    """Workloads of them that could run on no node of another pool."""

    @property
    def to_evict(self) -> tuple[Left, ...]:
        """The pods that nobody has told to go."""
        return tuple(pod for pod in self.left if not pod.going)

    @property
    def empty(self) -> bool:
        """Say whether nothing of the old pool would be lost."""
        return not self.open and not self.left


def drained(pool: str, hosts: Collection[Host], pods: Collection[Left]) -> Drained:
    """Return what is left of a pool; pods without a node count where only this pool could take them."""
    mine = {host.name: host for host in hosts if host.pool == pool}
    others = [host for host in hosts if host.pool != pool]
    left = sorted((pod for pod in pods if pod.node in mine), key=lambda pod: (pod.node, pod.namespace, pod.name))
    waiting = [pod for pod in pods if not pod.node and _fits(pod, pool, mine.values())]
    stuck = sorted({pod.workload for pod in (*left, *waiting) if not pod.going and _bound(pod, pool, others)})
    to_cordon = tuple(sorted(host.name for host in mine.values() if not host.cordoned))
    return Drained(to_cordon, tuple(left), Names(tuple(stuck[:SHOWN]), len(stuck)))


def _bound(pod: Left, pool: str, others: Collection[Host]) -> bool:
    """Say whether a pod can't follow: it names the old pool, or labels that no node of another pool has."""
    if pod.pools:
        return pod.pools == (pool,)
    return bool(others) and not _fits(pod, "", others)


def _fits(pod: Left, pool: str, hosts: Iterable[Host]) -> bool:
    """Say whether some nodes have what a pod asks for by name or by labels; taints and room are not asked."""
    return pool in pod.pools or any(pod.selector.items() <= host.labels.items() for host in hosts)


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
