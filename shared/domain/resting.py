"""Which pods of an old pool may be asked to go, and which rest: whoever evicts in vain only disrupts.

Pure. What brings the old pool no nearer to its end is done ever less often, and told.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.draining import Drained, Left
from shared.domain.memory import Replacement
from shared.domain.running import WATCHED, mark
from shared.domain.workloads import SHOWN

PODS_RETURN = "PodsReturn"
"""The reason of pods that come back to the pool that they were evicted from."""
NODES_UNCORDONED = "NodesUncordoned"
"""The reason of nodes that somebody uncordons again."""
NODES_JOINED = "NodesJoined"
"""The reason of nodes that join the old pool while it is being emptied."""
LONGEST = timedelta(days=1)
"""How long a workload rests at most: somebody may have mended it without a pod fewer being there."""


def may_go(seen: Drained, replacement: Replacement, now: datetime) -> tuple[Left, ...]:
    """Return the pods that may be evicted now: all but those of workloads that rest.

    As soon as fewer are there than ever, evictions bring something again.
    """
    if replacement.rests is None or replacement.rests <= now or _fewer(seen, replacement):
        return seen.to_evict
    return tuple(pod for pod in seen.to_evict if mark(pod.workload) not in replacement.evicted)


def brings_on(seen: Drained, replacement: Replacement, cordoned: Iterable[str], *, evicts: bool) -> bool:
    """Say whether what was done on the nodes has brought the old pool nearer to its end.

    A node that was cordoned before has not, nor one that joined after the first eviction, nor an eviction that found as
    many pods as one before it.
    """
    new = replacement.least < 0 and not set(cordoned) <= set(seen.again)
    return new or (evicts and _fewer(seen, replacement))


def _fewer(seen: Drained, replacement: Replacement) -> bool:
    return replacement.least < 0 or len(seen.to_evict) < replacement.least


def came_with(seen: Drained, replacement: Replacement, cordoned: Iterable[str]) -> int:
    """Return how many pods came with nodes that joined after the first eviction, which nobody had evicted.

    Evictions make no pods more on both pools together than there ever were: what exceeds that is new.
    """
    if replacement.least < 0 or replacement.most < 0:
        return 0
    joined = set(cordoned) - set(seen.again)
    there = sum(pod.node in joined for pod in seen.to_evict)
    return min(there, max(seen.around - replacement.most, 0))


def rested(
    replacement: Replacement, workloads: Iterable[str], now: datetime, least: timedelta
) -> tuple[datetime | None, tuple[str, ...]]:
    """Return until when workloads rest of which pods were evicted in vain, and which: those with the ones before them.

    It grows with the time in which nothing has gone on, so that they are few in a day, and one a day in the end.
    """
    names = {mark(workload) for workload in workloads}
    before = replacement.evicted if replacement.rests and replacement.rests > now else ()
    if not names:
        return replacement.rests, before
    until = now + min(max(least, replacement.idle(now)), LONGEST)
    return until, tuple(sorted({*before, *names}))[:WATCHED]


def returned(seen: Drained, replacement: Replacement) -> str:
    """Say whose pods come back."""
    there = {pod.workload for pod in seen.to_evict}
    names = {name for name in there if mark(name) in replacement.evicted} or there
    return (
        f"Evicted pods are on nodes of {replacement.pool} again: {shown(names)}. They tolerate every taint, or nodes "
        f"have joined {replacement.pool}, as its autoscaler adds some where pods find no room: give them room on "
        f"{replacement.twin}. They are evicted ever less often, once a day at last."
    )


def opened(seen: Drained, replacement: Replacement) -> str:
    """Say which nodes had to be cordoned though emptying has begun, as `Reason: message`."""
    pool, twin = replacement.pool, replacement.twin
    if seen.again:
        names = shown(seen.again)
        return (
            f"{NODES_UNCORDONED}: Somebody has uncordoned nodes of {pool}, which are cordoned again: {names}. Find out "
            f"who; to have {pool} back, abort."
        )
    return (
        f"{NODES_JOINED}: Nodes have joined {pool} since its pods are evicted, and are cordoned: {shown(seen.open)}. "
        f"Its autoscaler adds them where pods find no room: give them room on {twin}, such as by a higher minimum of "
        f"its nodes, quota or a larger subnet."
    )


def shown(names: Iterable[str]) -> str:
    """Name some of them."""
    ordered = sorted(names)
    return f"{', '.join(ordered[:SHOWN])}{' ...' if len(ordered) > SHOWN else ''}"
