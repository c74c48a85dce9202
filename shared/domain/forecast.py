"""The forecast: when each ring and the fleet will be done, what is reimaged when, and what never will be and why.

Pure, and no promise: it is what the policy brings about if everything goes as the assumptions say, which stand in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from shared.domain.fates import Fate, PoolFate, fates
from shared.domain.forecast_times import open_times
from shared.domain.policy import UNTOLD
from shared.domain.rehearsal import Rehearsal
from shared.domain.stage import Aside, Known, Remediation, Start
from shared.domain.wording import count

__all__ = ["Blocker", "Day", "Forecast", "Known", "Progress", "Start", "forecast", "headline", "last_day"]

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a ring comes, or the fleet."""

    ring: str
    """Name of the ring; empty for the pools in none, and for the fleet; UNTOLD for those whose ring can't be told."""
    pools: int
    done_now: int
    """Pools for which nothing is to be done, from the start to the end."""
    done: int
    """Pools for which nothing is left to do at the end, those of the start among them."""
    later: int
    """Pools that come by themselves after the end."""
    person: int
    """Pools that wait for somebody's word."""
    never: int
    """Pools that don't come until somebody changes something."""
    nodes: int
    """Nodes that are reimaged in the time."""
    finished: datetime | None
    """When the last of the pools is done; None if one is not by the end."""
    open: tuple[tuple[datetime, datetime], ...] = ()
    """When a window of pools that are due is open: the whole time where none restricts one of them.

    Empty where nothing is due, or it can't be said for the ring: the clusters have windows of their own, or there are
    too many different ones.
    """


@dataclass(frozen=True, slots=True)
class Day:
    """What happens on one day, in UTC."""

    day: date
    pools: int
    """Remediations that begin."""
    nodes: int
    """Nodes of those."""
    rings: Mapping[str, int] = field(hash=False)
    """Nodes by ring; the empty name is for pools in none."""
    pools_at_once: int
    """The most remediations that run at the same time."""
    nodes_at_once: int
    """The most nodes that are under remediation at the same time."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """What keeps pools from being done, and how many."""

    fate: Fate
    reason: str
    message: str
    """What is said of the first of them."""
    pools: int
    nodes: int
    examples: tuple[str, ...]
    """`group/cluster/pool` of some of them."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A whole forecast."""

    now: datetime
    until: datetime
    fleet: Progress
    rings: tuple[Progress, ...]
    """In the policy's order; at the end pools whose ring can't be told, and those in none."""
    days: tuple[Day, ...]
    """Those on which something runs."""
    blockers: tuple[Blocker, ...]
    """By fate, those that concern most pools first; what concerns no pool before all of them."""
    remediations: tuple[Remediation, ...]
    """In the order in which they begin."""
    pools: tuple[PoolFate, ...]
    """By cluster and name."""
    assumptions: tuple[str, ...]
    """What it holds for true that nobody knows."""
    unread: int
    """Clusters that can't be read, or have findings that belong to no pool: what is there is in no number."""
    beside_pools: tuple[Aside, ...] = ()
    """What is wrong with clusters beside their pools, or not known: no step of the product mends it."""


def headline(found: Forecast) -> str:
    """Return the whole forecast in one line."""
    fleet = found.fleet
    pools = count(fleet.pools, "node pool")
    if not fleet.pools:
        return f"{pools}: none that is in scope was read"
    if fleet.finished == found.now:
        return f"{pools}: nothing is left to do"
    if fleet.finished:
        return f"{pools}: done {fleet.finished:%Y-%m-%d %H:%M} UTC"
    left = fleet.pools - fleet.done
    return (
        f"{pools}: {left} not done by the end of {last_day(found)}" if left else f"{pools}: done, as far as can be seen"
    )


def last_day(found: Forecast) -> date:
    """Return the last day that a forecast looks at."""
    return (found.until - timedelta(microseconds=1)).date()


def forecast(start: Start) -> Forecast:
    """Play the policy forward; the same for the same input, in whatever order its clusters come."""
    start = start.agreed()
    play = Rehearsal(start)
    play.run()
    found = fates(play)
    rings = [ring.name for ring in start.rules.policy.rings]
    rings += [name for name in (UNTOLD, "") if any(pool.ring == name for pool in found)]
    asides = tuple(play.asides)
    return Forecast(
        start.now,
        start.until,
        _fleet(start, found, play),
        tuple(_of_ring(start, play, ring, found) for ring in rings),
        tuple(_days(play.remediations, start.until)),
        (*_asides(asides), *_blockers(found)),
        tuple(play.remediations),
        found,
        tuple(_assumptions(start, play)),
        start.unread + len({each.cluster for each in asides}),
        asides,
    )


def _fleet(start: Start, found: Sequence[PoolFate], play: Rehearsal) -> Progress:
    whole = _progress(start, "", found, play.remediations)
    # Of what nobody has read nobody knows that it is done.
    return replace(whole, finished=None) if start.unread or play.anywhere or play.asides else whole


def _of_ring(start: Start, play: Rehearsal, ring: str, found: Sequence[PoolFate]) -> Progress:
    mine = [pool for pool in found if pool.ring == ring]
    made = [each for each in play.remediations if each.ring == ring]
    waiting = {(pool.cluster.key, pool.pool) for pool in mine if pool.done != start.now}
    return _progress(start, ring, mine, made, open_times(start, waiting))


def _progress(
    start: Start,
    ring: str,
    found: Sequence[PoolFate],
    made: Iterable[Remediation],
    spans: tuple[tuple[datetime, datetime], ...] = (),
) -> Progress:
    number = {fate: sum(pool.fate is fate for pool in found) for fate in Fate}
    ends = [pool.done for pool in found if pool.done]
    return Progress(
        ring,
        len(found),
        sum(end == start.now for end in ends),
        number[Fate.DONE],
        number[Fate.LATER],
        number[Fate.PERSON],
        number[Fate.NEVER],
        sum(each.nodes for each in made),
        max(ends, default=start.now) if len(ends) == len(found) else None,
        spans,
    )


def _days(made: Sequence[Remediation], until: datetime) -> Iterator[Day]:
    """Yield the days on which something runs, the most that runs at once by each beginning and end."""
    turns = sorted(
        turn
        for each in made
        for turn in ((each.began, 1, 1, each.nodes, each.ring), (each.ends, 0, -1, -each.nodes, each.ring))
        if turn[0] <= until
    )
    by_day: dict[date, list[tuple[datetime, int, int, int, str]]] = defaultdict(list)
    for turn in turns:
        by_day[turn[0].date()].append(turn)
    pools = nodes = 0
    day = turns[0][0].date() if turns else until.date()
    while turns and day <= turns[-1][0].date():
        most_pools, most_nodes, rings = pools, nodes, defaultdict[str, int](int)
        for _, begins, step, size, ring in by_day[day]:
            pools, nodes = pools + step, nodes + size
            most_pools, most_nodes = max(most_pools, pools), max(most_nodes, nodes)
            if begins:
                rings[ring] += size
        begun = sum(turn[1] for turn in by_day[day])
        if most_pools:
            yield Day(day, begun, sum(rings.values()), dict(rings), most_pools, most_nodes)
        day += timedelta(days=1)


def _asides(found: Iterable[Aside]) -> list[Blocker]:
    groups: dict[str, list[Aside]] = defaultdict(list)
    for each in found:
        groups[each.finding.reason].append(each)
    return [
        Blocker(Fate.NEVER, reason, some[0].finding.message, 0, 0, tuple(str(one.cluster) for one in some[:_EXAMPLES]))
        for reason, some in sorted(groups.items())
    ]


def _blockers(found: Iterable[PoolFate]) -> list[Blocker]:
    groups: dict[tuple[Fate, str], list[PoolFate]] = defaultdict(list)
    for pool in found:
        if pool.fate is not Fate.DONE:
            groups[pool.fate, pool.reason].append(pool)
    order = list(Fate)
    return sorted(
        (
            Blocker(
                fate,
                reason,
                pools[0].message,
                len(pools),
                sum(pool.nodes for pool in pools),
                tuple(f"{pool.cluster}/{pool.pool}" for pool in pools[:_EXAMPLES]),
            )
            for (fate, reason), pools in groups.items()
        ),
        key=lambda it: (-order.index(it.fate), -it.pools, it.reason),
    )


def _assumptions(start: Start, play: Rehearsal) -> Iterator[str]:
    yield f"A remediation takes {start.pace}; none fails."
    if start.approved:
        yield "What waits for an approval has it at once: each step, and the policy's text."
    nobody = "Nobody" if start.approved else "Nobody approves,"
    yield f"{nobody} objects, pauses, creates, resizes or repairs anything; approvals that are there hold."
    yield "Of several that may begin the safest does: by ring, then fewest nodes; in the app it is who looks first."
    yield "What is compliant stays so; dates of modules and releases count for the pools that are due."
    if play.assumed:
        yield f"The nodes of {count(play.assumed, 'FIPS-enabled pool')} that nobody asked lately agree when asked."
    if start.unread:
        yield f"{count(start.unread, 'cluster')} can't be read: their pools are in no number."
    if play.anywhere:
        yield f"{count(play.anywhere, 'part')} of the fleet can't be read: what is there keeps later rings closed."
