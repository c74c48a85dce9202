"""What is left on the nodes of a pool that is being replaced, and what may be evicted next.

Pure. Nothing is ever forced: whatever a pod disruption budget does not allow stays where it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote

from shared.domain.api_server import Answered
from shared.domain.demands import NO_DEMAND, Demand
from shared.domain.running import RUNS, Running
from shared.domain.taints import Toleration
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
_ALIKE = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "DaemonSet", "Job", "Pod"})
"""Kinds whose pods have random names, which may be digits, or are their own workload."""


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
    """Empty: it waits for one."""
    workload: str
    """Its controller, or itself, as `namespace/kind/name`."""
    going: bool
    """It is being deleted already."""
    demand: Demand = NO_DEMAND
    tolerations: tuple[Toleration, ...] = ()
    run: Running = RUNS
    stays: bool = False
    """It is a DaemonSet's: it goes with its node, and is never evicted."""
    lacking: bool = False
    """There is none, as its controller is to have it and has not made it, or to no avail, as its gates are closed."""

    @property
    def unit(self) -> str:
        """That of which it is one of many alike: its workload.

        A pod that has its controller's name and a number, as those of StatefulSets, has data of its own, and no other
        one stands for it.
        """
        _, kind, name = [*self.workload.split("/", 2), "", ""][:3]
        own = kind not in _ALIKE and self.name.removeprefix(f"{name}-").isdecimal()
        return f"{self.workload}/{self.name}" if own else self.workload


@dataclass(frozen=True, slots=True)
class Drained:
    """What a look saw on the nodes of the old pool."""

    open: tuple[str, ...] = ()
    """Nodes that take pods: to be cordoned."""
    again: tuple[str, ...] = ()
    """Those of them that we had cordoned: somebody has uncordoned them."""
    left: tuple[Left, ...] = ()
    """Pods that are still there, in the order of their nodes."""
    unseen: int = 0
    """Nodes that ARM counts and Kubernetes does not show as the pool's: nobody knows what runs on them."""
    unfit: str = ""
    """Why nodes of the twin take no pods, or are not there; empty if all that ARM counts do."""
    unproven: str = ""
    """Why the nodes of the twin, as they are, are not those that have proven it; empty if they are."""
    pending: tuple[str, ...] = ()
    """Units with pods that have no node, and would run on the pool's if it took any: more than before."""
    missing: tuple[str, ...] = ()
    """Workloads that ran on the pool, of which pods are nowhere that are to be there: more than before."""
    failing: tuple[str, ...] = ()
    """Units that ran on the pool, with pods that are nowhere, or on the twin and don't run for a while: more than
    before."""
    starting: tuple[str, ...] = ()
    """Those, and others whose pods there are too new to run."""
    untried: tuple[str, ...] = ()
    """Those, and others of which no pod has run there for long."""
    settles: timedelta = timedelta()
    """How long it is until what left the pool last is no longer new on the twin."""
    unsettled: tuple[str, ...] = ()
    """Units whose pods on the pool are too new to say how they run there, before anything is moved."""
    around: int = 0
    """Pods that are on the pool, or the twin, or would run there: it grows only where there are more of them."""
    ran: Mapping[str, int] | None = None
    """Of each workload that ran on the pool when emptying began, or would begin now, how many pods did not, by its
    mark; None if that is not known any more."""

    @property
    def to_evict(self) -> tuple[Left, ...]:
        """The pods that nobody has told to go."""
        return tuple(pod for pod in self.left if not pod.going)

    @property
    def empty(self) -> bool:
        """Say whether nothing of the old pool would be lost."""
        unfit = self.unseen or self.unfit or self.unproven
        return not (self.open or self.left or unfit or self.settles or self.pending or self.starting or self.untried)


def batches(pods: Sequence[Left], first: str = "") -> Iterator[tuple[Left, ...]]:
    """Yield what is evicted together: the pods of one node, so that the rest of a workload stays where it is.

    Pods come in the order of their nodes, `first` is the node to begin with: the next one if it has none any more.
    """
    ordered = [*(pod for pod in pods if pod.node >= first), *(pod for pod in pods if pod.node < first)]
    for number, (_, of_node) in enumerate(groupby(ordered, key=lambda pod: pod.node)):
        if number == NODES_TRIED:
            return
        yield tuple(of_node)[:EVICTED_AT_ONCE]


def next_node(pods: Sequence[Left], node: str) -> str:
    """Return the node whose turn comes after another one's; empty if that was the last: the first one's again."""
    return next((pod.node for pod in pods if pod.node > node), "")


def cordon(host: str, replacement: str) -> tuple[str, Json]:
    """Return path and merge patch that cordon a node, with our label."""
    return _node(host), {"metadata": {"labels": {CORDON: replacement}}, "spec": {"unschedulable": True}}


def uncordon(host: str) -> tuple[str, Json]:
    """Return path and merge patch that take back what `cordon` did."""
    return _node(host), {"metadata": {"labels": {CORDON: None}}, "spec": {"unschedulable": None}}


def held_by_budget(answer: Answered) -> bool:
    """Say whether a pod disruption budget refused an eviction: an API server with too much to do says 429 as well.

    A budget is the cause `DisruptionBudget` of the refusal (Kubernetes, registry/core/pod/storage/eviction.go).
    """
    details = answer.body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    named = [each.get("reason") for each in causes if isinstance(each, dict)] if isinstance(causes, list) else []
    return answer.status == 429 and "DisruptionBudget" in named


def _node(name: str) -> str:
    return f"/api/v1/nodes/{quote(name, safe='')}"


def eviction(pod: Left) -> tuple[str, Json]:
    """Return path and body that evict exactly this pod, as long as budgets let it go (Kubernetes, policy/v1)."""
    metadata = {"name": pod.name, "namespace": pod.namespace}
    options = {"preconditions": {"uid": pod.uid}}
    body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
    namespace, name = (quote(part, safe="") for part in (pod.namespace, pod.name))
    return f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body
