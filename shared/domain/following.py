"""What the lists of one look say of a pool that is being emptied: what is left of it, and whether what followed runs.

Pure. What is not known, or not seen, keeps the pool. An empty one may be deleted when in one look

1. looks have found nothing on it for `steady`, so that whatever left it is older on the twin by now;
2. of each unit that ran on it no more pods don't run on the twin, wait for a node that the old pool would be, or are
   nowhere though their controller is to have them, than when emptying began, but for one in `SHARE` of those that are
   there, which may be starting or have stopped for a moment: newer than `steady`, or not ready for less than that and
   not crashing, while another one runs for longer;
3. of each unit that runs on the twin one pod has run for `steady`.

A unit is a workload; a pod of a StatefulSet is one by itself, and those of it that are nowhere are its workload's. A
pod runs that is ready and, where it has crashed soon after a start, has been for `SOUND`. One that failed for good
counts until a later one makes it good. What has not run for `steady` is ill, and none of it is ever left out: neither
because others run, nor because they are many.

Before the next cordon or eviction 2 holds as well, without what is new; of DaemonSets, until the first cordon, with it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.draining import Drained, Left, cordoned_for
from shared.domain.model import Pool
from shared.domain.running import STEADY, Tried, at_begin, beyond, ill, watched, worse, young
from shared.domain.taints import of_pool, tolerated
from shared.domain.workloads import SHOWN, Place


def drained(
    pool: Pool,
    twin: Pool,
    hosts: Collection[Place],
    pods: Collection[Left],
    now: datetime,
    ran: Mapping[str, int] | None = None,
    steady: timedelta = STEADY,
    before: Tried | None = None,
) -> Drained:
    """Return what is left of a pool; nodes are its own by their label, and no fewer than ARM counts.

    `ran` is what is remembered of how its workloads ran when emptying began; None before that. `steady` is how long
    pods that followed have to run before nothing is left that could take them back. `before` is what is remembered of
    an earlier try.
    """
    mine = {host.name: host for host in hosts if host.pool == pool.name}
    theirs = {host.name for host in hosts if host.pool == twin.name}
    here = sorted((pod for pod in pods if pod.node in mine), key=lambda pod: (pod.node, pod.namespace, pod.name))
    seen = Seen(
        here=tuple(here),
        waiting=tuple(pod for pod in pods if _would_run(pod, pool, mine.values())),
        followed=tuple(pod for pod in pods if pod.node in theirs and not pod.going),
        lacking=_lacking(pods),
        begun=any(cordoned_for(host) for host in mine.values()),
        now=now,
        steady=steady,
    )
    if ran is None and not seen.begun:
        ran = seen.at_begin(before)
    to_cordon = sorted((host for host in mine.values() if not host.cordoned), key=lambda host: host.name)
    # Where ARM gives no count, one more may be there than is seen.
    counted = len(mine) + 1 if pool.count is None else pool.count
    found = Drained(
        open=tuple(host.name for host in to_cordon),
        again=tuple(host.name for host in to_cordon if cordoned_for(host)),
        left=tuple(pod for pod in here if not pod.stays),
        unseen=max(counted - len(mine), 0),
        unfit=_unfit(twin, hosts),
        unsettled=() if seen.begun else seen.unsettled(),
        around=seen.around(),
        ran=ran,
    )
    return seen.compared(found)


@dataclass(frozen=True, slots=True)
class Seen:
    """The pods of an old pool and its twin, as one look's lists show them."""

    here: tuple[Left, ...]
    """On the old pool."""
    waiting: tuple[Left, ...]
    """Without a node: they would run on the old pool."""
    followed: tuple[Left, ...]
    """On the twin, and nobody has told them to go."""
    lacking: tuple[Left, ...]
    """Nowhere: their controllers are to have them."""
    begun: bool
    """Nodes of the old pool are cordoned for the replacement."""
    now: datetime
    steady: timedelta
    """How long pods that followed have to run."""

    @property
    def well(self) -> frozenset[str]:
        """The units of which a pod runs on the old pool."""
        return frozenset(pod.unit for pod in self.here if pod.run.is_well(self.now))

    def at_begin(self, before: Tried | None) -> Mapping[str, int]:
        """Return how the workloads run, of each how many pods do not, before anything is moved."""
        well, moved = self.well, [pod for pod in ill(self.followed, self.now) if not pod.run.end]
        moved += young(self.followed, self.now, self.steady)
        # How a DaemonSet was matters only if it runs there at all: on a twin with more nodes more of it would fail.
        old = [pod for pod in self.here if not pod.going and (not pod.stays or pod.unit in well)]
        known = {pod.workload for pod in (*self.waiting, *old, *moved)}
        lacking = (pod for pod in self.lacking if pod.workload in known)
        unknown = before.without(well) if before else None
        return at_begin([*self.waiting, *old, *lacking], [pod for pod in moved if not pod.stays], self.now, unknown)

    def unsettled(self) -> tuple[str, ...]:
        """Return the units on the old pool of which nobody knows yet how they run there."""
        starting = (pod for pod in self.here if pod.run.is_new(self.now) and not (pod.going or pod.stays))
        return tuple(sorted({pod.unit for pod in starting} - self.well))

    def around(self) -> int:
        """Return how many pods are on the old pool, on their way from it, or there: who evicts makes none more."""
        on_both = (pod for pod in (*self.here, *self.followed) if not (pod.going or pod.stays or pod.run.end))
        return sum(1 for _ in on_both) + len(self.waiting)

    def compared(self, found: Drained) -> Drained:
        """Return it with the units that are worse off than when emptying began."""
        ran, now = found.ran, self.now
        followed = [pod for pod in self.followed if watched(pod, ran)]
        sick = beyond(ill(followed, now), followed, now, self.steady)
        # Those of DaemonSets are on the twin before anything is moved: nothing is, until they run.
        old = [pod for pod in sick if (pod.stays and not self.begun) or not pod.run.is_new(now)]
        fresh = young(followed, now, self.steady)
        lacking = [pod for pod in self.lacking if watched(pod, ran)]
        waiting = (*self.waiting, *lacking)
        return replace(
            found,
            pending=worse(self.waiting, ran),
            missing=worse(lacking, ran),
            failing=worse([*waiting, *old], ran),
            starting=worse([*waiting, *sick], ran),
            untried=worse([*waiting, *sick, *fresh], ran),
        )


def _lacking(pods: Collection[Left]) -> tuple[Left, ...]:
    """Return the pods that are nowhere, each once.

    Of a Deployment as many as it says, or as its ReplicaSets say, if that is more: pods beyond its number, of a rollout
    that does not get on, stand for those that another ReplicaSet lacks.
    """
    lacking = [pod for pod in pods if pod.lacking]
    by_parts = Counter(pod.workload for pod in lacking if pod.name and not pod.uid)
    itself = Counter(pod.workload for pod in lacking if not pod.name)
    parts = {workload for workload, count in by_parts.items() if count > itself[workload]}
    return tuple(pod for pod in lacking if pod.uid or bool(pod.name) == (pod.workload in parts))


def _would_run(pod: Left, pool: Pool, mine: Collection[Place]) -> bool:
    """Say whether a pod waits for a node, and the pool's would do, as far as labels and taints go."""
    if pod.node or pod.going or pod.stays or pod.lacking or not tolerated(of_pool(pool), pod.tolerations):
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
