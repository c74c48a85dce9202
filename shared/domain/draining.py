"""What is left on the nodes of a pool that is being replaced, and what may be evicted next.

Pure. Nothing is ever forced: whatever a pod disruption budget does not allow stays where it is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import quote

from shared.domain.api_server import Answered
from shared.domain.demands import NO_DEMAND, Demand
from shared.domain.model import Pool
from shared.domain.running import RUNS, STEADY, Running, at_begin, ill, tried, watched, worse, young
from shared.domain.taints import Toleration, of_pool, tolerated
from shared.domain.workloads import SHOWN, Place

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
    """Workloads with pods that have no node, and would run on the pool's if it took any: more than before."""
    failing: tuple[str, ...] = ()
    """Workloads that ran on the pool, with pods on the twin that don't: more than before, and for a while."""
    starting: tuple[str, ...] = ()
    """Those, and others whose pods there are too new to run."""
    untried: tuple[str, ...] = ()
    """Those, and others of which no pod has run there for long."""
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
        waits = self.unseen or self.unfit or self.unproven or self.pending or self.starting or self.untried
        return not (self.open or self.left or waits)


def drained(
    pool: Pool,
    twin: Pool,
    hosts: Collection[Place],
    pods: Collection[Left],
    now: datetime,
    ran: Mapping[str, int] | None = None,
    steady: timedelta = STEADY,
) -> Drained:
    """Return what is left of a pool; nodes are its own by their label, and no fewer than ARM counts.

    `ran` is what is remembered of how its workloads ran when emptying began; None before that. `steady` is how long
    pods that followed have to run before nothing is left that could take them back.
    """
    mine = {host.name: host for host in hosts if host.pool == pool.name}
    here = sorted((pod for pod in pods if pod.node in mine), key=lambda pod: (pod.node, pod.namespace, pod.name))
    to_cordon = sorted((host for host in mine.values() if not host.cordoned), key=lambda host: host.name)
    # Where ARM gives no count, one more may be there than is seen.
    counted = len(mine) + 1 if pool.count is None else pool.count
    unseen = max(counted - len(mine), 0)
    waiting = [pod for pod in pods if _would_run(pod, pool, mine.values())]
    theirs = {host.name for host in hosts if host.pool == twin.name}
    followed = [pod for pod in pods if pod.node in theirs and not pod.going]
    begun = any(cordoned_for(host) for host in mine.values())
    if ran is None and not begun:
        unproven = [*(pod for pod in ill(followed, now) if not pod.run.end), *young(followed, now, steady)]
        # How a DaemonSet was matters only if it runs there at all: on a twin with more nodes more of it would fail.
        well = {pod.workload for pod in here if pod.run.is_well(now)}
        before = [*waiting, *(pod for pod in here if not pod.going and (not pod.stays or pod.workload in well))]
        ran = at_begin(before, [pod for pod in unproven if not pod.stays], now)
    # Those of DaemonSets are on the twin before anything is moved: nothing is, until they run.
    # In a large pool some pod is always starting, or was started again: where its workload has run there for a while,
    # that says nothing.
    known = tried(followed, now, steady)
    sick = [pod for pod in ill(followed, now) if watched(pod, ran) and not (pod.run.ready and pod.workload in known)]
    slow = [pod for pod in sick if pod.run.end or pod.workload not in known or not pod.run.is_new(now)]
    fresh = [pod for pod in young(followed, now, steady) if watched(pod, ran)]
    return Drained(
        open=tuple(host.name for host in to_cordon),
        again=tuple(host.name for host in to_cordon if cordoned_for(host)),
        left=tuple(pod for pod in here if not pod.stays),
        unseen=unseen,
        unfit=_unfit(twin, hosts),
        pending=worse(waiting, ran),
        failing=worse([*waiting, *(pod for pod in sick if (pod.stays and not begun) or not pod.run.is_new(now))], ran),
        starting=worse([*waiting, *slow], ran),
        untried=worse([*waiting, *slow, *fresh], ran),
        ran=ran,
    )


def _would_run(pod: Left, pool: Pool, mine: Collection[Place]) -> bool:
    """Say whether a pod waits for a node, and the pool's would do, as far as labels and taints go."""
    if pod.node or pod.going or pod.stays or not tolerated(of_pool(pool), pod.tolerations):
        return False
    return any(pod.demand.met_by(host) for host in mine)


def _unfit(twin: Pool, hosts: Collection[Place]) -> str:
    """Say why not every node that ARM counts of a twin takes the pods of its pool."""
    mine = sorted((host for host in hosts if host.pool == twin.name), key=lambda host: host.name)
    why = [f"{host.name} {said}" for host in mine if (said := _takes_none(twin, host))]
    if twin.count is None or len(mine) < twin.count:
        why.append(f"Kubernetes shows {len(mine)} nodes of {'unknown' if twin.count is None else twin.count}")
    return f"{', '.join(why[:SHOWN])}{' ...' if len(why) > SHOWN else ''}"


def _takes_none(twin: Pool, host: Place) -> str:
    if not host.ready:
        return "is not ready"
    if host.cordoned:
        return "is cordoned"
    others = [str(taint) for taint in host.taints if taint not in of_pool(twin)]
    return f"has taint {', '.join(others)}" if others else ""


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
