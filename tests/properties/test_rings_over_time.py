"""Rings over many looks, counts and edits: nothing begins in a ring while one before it is known not to be done.

Nor does a second pool of a ring while its first one is not proven, whatever is edited meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.domain.budget import Budget, Place
from shared.domain.budget_news import by_texts, counted, counting, seen
from shared.domain.census import exempt_until, is_done, passes
from shared.domain.evaluate import evaluate
from shared.domain.limits import Limit
from shared.domain.matching import Match, VersionRange
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Unreadable
from shared.domain.places import released, taken
from shared.domain.plan import plan
from shared.domain.policy import UNTOLD, Disruption, Ring
from shared.domain.posture import Posture
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.waits import wanted
from shared.fleet_count import FleetCount
from shared.postures import PostureSummary, StoredPosture, commit, summaries
from tests.builders import NOW, POLL, book, cluster, cluster_id, disabled, exemption, memory, profile, proof
from tests.properties.strategies import cases

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONG_AGO = NOW - 999 * HOUR
LEFT = (ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE)
LONGEST_LOOK = 15 * MINUTE
POOLS = {"aks-a": ("dev1", "prod1"), "aks-b": ("dev2", "mid2"), "aks-c": ("mid3", "prod3"), "aks-d": ("dev4",)}
DUE = ("dev1", "dev2", "mid2", "mid3", "prod1", "prod3")
CLUSTERS = {name: cluster_id(name) for name in POOLS}
STATES: dict[str, dict[str, Any]] = {
    "proven": {},
    "off": {},
    "not asked": {},
    "failed": {"provisioningState": "Failed"},
    "upgrading": {"provisioningState": "Upgrading"},
    "untold": {"currentOrchestratorVersion": "?", "orchestratorVersion": "?"},
}
EXCUSED = {
    pool: exemption(pool, match=Match(pools=(pool,)), created=NOW - HOUR, expires=until, covers=("FipsDisabled",))
    for pool, until in (("dev4", NOW + 9 * HOUR), ("dev1", NOW + 90 * HOUR), ("mid3", NOW + 90 * HOUR))
}
WIDER = ("dev/x*", "mid/x*", "prod/x*", "dev/mid2", "mid/prod1")
"""What may be added to what a ring matches: what fits no pool, and what takes one out of a later ring."""
EDITS = (*WIDER, "pre", "soak", *EXCUSED)
"""What may be in the texts, or not."""


@cache
def rulebook(soak: timedelta, edits: frozenset[str], *, canary: bool) -> Rulebook:
    """Three rings by the names of pools, or four; of one whose version can't be read it is not told which is its."""
    versions, names = VersionRange(">=1.0"), ("dev", *(["pre"] if "pre" in edits else []), "mid", "prod")
    patterns = {name: [f"{name}*"] for name in names} | {"pre": ["mid2"]}
    for ring, more in (one.split("/") for one in WIDER if one in edits):
        patterns[ring].append(more)
    soak = soak + HOUR if "soak" in edits else soak
    rings = tuple(
        Ring(name, Match(pools=tuple(patterns[name]), kubernetes=versions), soak=soak, canary=canary) for name in names
    )
    excused = [EXCUSED[pool] for pool in EXCUSED if pool in edits]
    made = book(rings=rings, disruption=Disruption(Limit(9)), exemptions=tuple(excused))
    policy = replace(made.policy, hash=f"p {sorted(edits - {*EXCUSED})}")
    return replace(made, policy=policy, exemptions=replace(made.exemptions, hash=f"e {sorted(edits & {*EXCUSED})}"))


Committed = tuple[PostureSummary, Posture]
"""The row of a cluster, and the posture that it is of."""


@dataclass
class First:
    """The pool that went first in a ring."""

    pool: str
    among: tuple[Match, ...]
    """What the ring and those above it matched when it began: by that it is told which pools it spoke for."""
    proven: bool = False


class Rings:
    """Pools that change, looks that commit late, resyncs that read rows while looks go on, and time."""

    def __init__(self, soak: timedelta, *, canary: bool) -> None:
        self.soak, self.canary, self.edits = soak, canary, frozenset(("dev4",))
        self.now, self.budget = NOW, Budget()
        self.world = {pool: "proven" for pools in POOLS.values() for pool in pools}
        self.lost: set[str] = set()
        self.told: dict[str, Posture] = {}
        """What the last look at each cluster saw."""
        self.told_by: dict[str, Rulebook] = {}
        """The rules that it judged by."""
        self.rows: dict[str, StoredPosture] = {}
        """What the last look that committed left in the table."""
        self.table = MemoryTable(ManualClock(NOW))
        self.firsts: dict[str, First] = {}
        """By ring."""
        self.late: dict[str, datetime] = {}
        """Looks that have not committed, with their times."""
        self.read: dict[str, Committed] | None = None
        """The rows that a resync has read, while it counts."""
        self.rests_on: dict[str, Posture] = {}
        """Those of the last count."""
        self.troubled: dict[str, datetime] = {}
        """When a pool was last remediated, or told to fail."""
        self.a_day_on_which_all_is_mended()

    @property
    def book(self) -> Rulebook:
        """The texts of today."""
        return rulebook(self.soak, self.edits, canary=self.canary)

    def somebody_edits(self, what: str) -> None:
        """Write something into the texts, or take it out."""
        self.edits ^= {what}

    def observed(self, name: str) -> tuple[ClusterRead, Memory]:
        """What a look at a cluster reads, and remembers."""
        if name in self.lost:
            return Unreadable("ServerError", "no answer", None), Memory()
        shown, proven = [], {}
        for pool in POOLS[name]:
            state = self.world[pool]
            shown.append((disabled if state == "off" else profile)(pool, **STATES[state]))
            if state in ("proven", "upgrading", "untold"):
                proven[pool] = proof(at=self.now)
        return replace(cluster(*shown), id=CLUSTERS[name]), memory(**proven)

    def look(self, name: str) -> None:
        """A look up to its commit: it tells, plans and acts."""
        if name in self.late:
            return
        read, remembered = self.observed(name)
        key = CLUSTERS[name].key
        before = self.rows[name].posture if name in self.rows else None
        posture = evaluate(read, remembered, self.book, before, self.now, cluster=CLUSTERS[name])
        self.told[name], self.told_by[name], self.late[name] = posture, self.book, self.now
        for pool in posture.pools:
            if not is_done(pool) and not passes(pool):
                self.troubled[pool.pool] = self.now
        if isinstance(read, Cluster):
            self.sees_firsts(posture)
        situation = None
        if isinstance(read, Cluster) and key not in self.budget.places:
            # The planner knows what it plans from, told or not.
            situation = Situation(read, posture, remembered, self.book, self.budget, (), self.now, POLL, assuming=True)
        self.budget = seen(by_texts(self.budget, self.book), self.book.policy, key, posture)
        if situation and plan(situation).action:
            self.begin(name, replace(situation, budget=self.budget))

    def begin(self, name: str, situation: Situation) -> None:
        """Take what a plan takes."""
        action = plan(situation).action
        assert action
        step = next(each for each in due(situation) if each.pool.name == action.pool)
        for before in self.before(action.ring):
            self.assert_nothing_is_open_in(before)
        self.goes_first_or_follows(action.ring, action.pool)
        stage = self.book.policy.stage_called(action.ring)
        place = Place(f"i{self.now}-{name}", action.pool, "s", 3, self.now, stage=stage)
        held = taken(self.budget, self.book, wanted(situation, step), place, (), self.now)
        assert held
        self.budget, self.world[action.pool] = held, "upgrading"
        self.troubled[action.pool] = self.now

    def goes_first_or_follows(self, name: str, pool: str) -> None:
        """Assert that the first pool of a ring was proven before another one; one that spoke for others is none."""
        if not name or not self.canary:
            return
        rings = [ring.name for ring in self.book.policy.rings]
        among = tuple(ring.match for ring in self.book.policy.rings[: rings.index(name) + 1])
        first = self.firsts.get(name)
        if first is None or (first.proven and first.among != among):
            self.firsts[name] = First(pool, among)
        else:
            assert first.proven or first.pool == pool

    def sees_firsts(self, posture: Posture) -> None:
        """A look sees what became of pools that went first: proven, or not in their ring any more, or excused."""
        verdicts = {one.pool: one for one in posture.pools}
        for name, first in list(self.firsts.items()):
            found = verdicts.get(first.pool)
            if found and (found.ring not in (name, UNTOLD) or found.state in LEFT):
                del self.firsts[name]
            elif found:
                first.proven = first.proven or found.state is ComplianceState.COMPLIANT

    def before(self, name: str) -> Iterator[Ring]:
        """The rings before one."""
        policy = self.book.policy
        ring = next((each for each in policy.rings if each.name == name), None)
        while ring := (policy.before(ring) if ring else None):
            yield ring

    def assert_nothing_is_open_in(self, ring: Ring) -> None:
        """Assert that nothing is known that keeps the rings behind one closed."""
        for name, posture in self.told.items():
            assert self.told_by[name] == self.book
            mine = [pool for pool in posture.pools if pool.ring in (ring.name, UNTOLD)]
            assert all(is_done(pool) for pool in mine)
            assert all(self.now - self.troubled.get(pool.pool, LONG_AGO) >= ring.soak for pool in mine)
        for posture in self.rests_on.values():
            ends = [exempt_until(pool) for pool in posture.pools if pool.ring == ring.name]
            assert all(end is None or end > self.now for end in ends)
        assert self.book.policy.stage(ring) not in {place.stage for place in self.budget.places.values()}
        assert self.budget.counts
        assert not self.budget.counts.rings[ring.name].unproven

    def a_look_ends(self, name: str) -> None:
        if name in self.late:
            self.commits(name)

    def commits(self, name: str) -> None:
        """The last part of a look."""
        etag = self.rows[name].etag if name in self.rows else None
        row = StoredPosture(
            posture=self.told[name], rules=self.told_by[name].hash, due=self.now + 999 * HOUR, etag=etag
        )
        self.rows[name] = commit(self.table, CLUSTERS[name], row)
        del self.late[name]

    def comes_due(self, pool: str) -> None:
        """A pool of a later ring is due, and its cluster is looked at."""
        self.changes(pool, "off")
        self.look(next(name for name, pools in POOLS.items() if pool in pools))

    def changes(self, pool: str, state: str) -> None:
        """Somebody changes a pool that is not under remediation."""
        if pool not in {place.pool for place in self.budget.places.values()}:
            self.world[pool] = state

    def a_cluster_is_lost_or_found(self, name: str) -> None:
        self.lost ^= {name}

    def a_remediation_ends(self, name: str, state: str) -> None:
        place = self.budget.places.get(CLUSTERS[name].key)
        if place:
            self.world[place.pool] = state
            self.budget = released(self.budget, CLUSTERS[name].key, begun=True)

    def resync_begins(self) -> None:
        """It reads some rows at once, and the others when it ends."""
        if self.read is not None:
            return
        self.budget, self.began, self.counts_by = counting(self.budget, self.now), self.now, self.book
        self.read = dict(sorted(self.committed().items())[::2])

    def resync_ends(self) -> None:
        """It counts what it has read."""
        if self.read is None:
            return
        fleet, rows = FleetCount(self.counts_by), {**self.committed(), **self.read}
        for name, (summary, _) in rows.items():
            fleet.posture(summary, self.observed(name)[0], self.began)
        self.rests_on = {name: posture for name, (_, posture) in rows.items()}
        counts = fleet.result(self.began, ())
        self.budget, self.read = counted(self.budget, counts, self.now), None
        done = {name for name, ring in counts.rings.items() if not ring.unproven}
        under_way = {place.pool for place in self.budget.places.values()}
        # Where nothing is left to do the ring has no first one any more.
        self.firsts = {name: it for name, it in self.firsts.items() if name not in done or it.pool in under_way}

    def committed(self) -> dict[str, Committed]:
        """What a resync reads of each cluster."""
        postures = {name: row.posture for name, row in self.rows.items() if row.posture}
        return {each.cluster.name: (each, postures[each.cluster.name]) for each in summaries(self.table)}

    def time_passes(self, after: timedelta) -> None:
        self.now += after
        for name, at in list(self.late.items()):
            if self.now - at > LONGEST_LOOK:
                self.commits(name)

    def a_day_on_which_all_is_mended(self) -> None:
        """Rings do open."""
        for name, pools in POOLS.items():
            self.a_remediation_ends(name, "proven")
            self.lost -= {name}
            self.world |= dict.fromkeys(pools, "proven")
        for _ in range(5):
            self.an_hour_in_which_all_is_looked_at()

    def an_hour_in_which_all_is_looked_at(self) -> None:
        """And counted; operations go on."""
        for name in POOLS:
            self.a_look_ends(name)
            self.look(name)
            self.a_look_ends(name)
        self.now += HOUR
        self.resync_begins()
        self.resync_ends()


_names, _edits, _pools = st.sampled_from([*POOLS]), st.sampled_from(EDITS), st.sampled_from(DUE)
_steps = st.one_of(
    st.tuples(st.just(Rings.look), _names),
    st.tuples(st.just(Rings.look), _names),
    st.tuples(st.just(Rings.a_look_ends), _names),
    st.tuples(st.just(Rings.comes_due), _pools),
    st.tuples(st.just(Rings.comes_due), _pools),
    st.tuples(st.just(Rings.comes_due), _pools),
    st.tuples(st.just(Rings.changes), st.sampled_from(["dev1", "dev2", "dev4", "mid2"]), st.sampled_from([*STATES])),
    st.tuples(st.just(Rings.a_cluster_is_lost_or_found), _names),
    st.tuples(st.just(Rings.a_remediation_ends), _names, st.sampled_from(["proven", "failed"])),
    st.tuples(st.just(Rings.somebody_edits), _edits),
    st.tuples(st.just(Rings.an_hour_in_which_all_is_looked_at)),
    st.tuples(st.just(Rings.resync_begins)),
    st.tuples(st.just(Rings.resync_ends)),
    st.tuples(st.just(Rings.time_passes), st.sampled_from([MINUTE, 5 * MINUTE, 16 * MINUTE, HOUR, 2 * HOUR])),
    st.tuples(st.just(Rings.a_day_on_which_all_is_mended)),
    st.tuples(st.just(Rings.a_day_on_which_all_is_mended)),
)


@given(st.sampled_from([timedelta(), 3 * HOUR]), st.booleans(), st.lists(_steps, min_size=20, max_size=60))
@settings(max_examples=cases(140), deadline=None)
def test_nothing_begins_in_a_ring_before_an_earlier_one_is_done_or_its_first_pool_is_proven(
    soak: timedelta, canary: bool, steps: list[tuple[Any, ...]]
) -> None:
    """What is asserted stands in `Rings.begin`: whatever is begun, at that moment, whatever was edited."""
    fleet = Rings(soak, canary=canary)
    for step, *given_to in steps:
        step(fleet, *given_to)


def test_texts_that_come_back_are_not_believed_by_an_old_count() -> None:
    """What failed meanwhile was told of the ring that it was in by the other text."""
    fleet = Rings(timedelta(), canary=True)
    fleet.somebody_edits("dev/mid2")
    fleet.a_day_on_which_all_is_mended()
    fleet.somebody_edits("dev/mid2")
    fleet.changes("mid2", "failed")
    fleet.look("aks-b")
    fleet.somebody_edits("dev/mid2")

    fleet.comes_due("mid3")

    assert not fleet.budget.places
