"""Rings over many looks and counts: nothing begins in a ring while one before it is known not to be done."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.budget import Budget, Place
from shared.domain.budget_news import counted, counting, seen
from shared.domain.census import Census, exempt_until, is_done, passes
from shared.domain.evaluate import evaluate
from shared.domain.limits import Limit
from shared.domain.matching import Match, VersionRange
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, Unreadable
from shared.domain.places import released, taken
from shared.domain.plan import plan
from shared.domain.policy import UNTOLD, Disruption, Ring
from shared.domain.posture import Posture
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.waits import wanted
from tests.builders import NOW, POLL, book, cluster, cluster_id, disabled, exemption, memory, profile, proof
from tests.properties.strategies import cases

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONGEST_LOOK = 15 * MINUTE
POOLS = {"aks-a": ("dev1", "prod1"), "aks-b": ("dev2", "mid2"), "aks-c": ("mid3", "prod3"), "aks-d": ("dev4",)}
CLUSTERS = {name: cluster_id(name) for name in POOLS}
STATES: dict[str, dict[str, Any]] = {
    "proven": {},
    "off": {},
    "not asked": {},
    "failed": {"provisioningState": "Failed"},
    "upgrading": {"provisioningState": "Upgrading"},
    "untold": {"currentOrchestratorVersion": "?", "orchestratorVersion": "?"},
}
EXCUSED = exemption(match=Match(pools=("dev4",)), created=NOW - HOUR, expires=NOW + 9 * HOUR, covers=("FipsDisabled",))


def rulebook(soak: timedelta, *, canary: bool) -> Rulebook:
    """Three rings by the names of pools; of one whose version can't be read it is not told which is its."""
    versions = VersionRange(">=1.0")
    rings = tuple(
        Ring(name, Match(pools=(f"{name}*",), kubernetes=versions), soak=soak, canary=canary)
        for name in ("dev", "mid", "prod")
    )
    return book(rings=rings, disruption=Disruption(Limit(9)), exemptions=(EXCUSED,))


class Rings:
    """Pools that change, looks that commit late, resyncs that read rows while looks go on, and time."""

    def __init__(self, soak: timedelta, *, canary: bool) -> None:
        self.book, self.now, self.budget = rulebook(soak, canary=canary), NOW, Budget()
        self.world = {pool: "proven" for pools in POOLS.values() for pool in pools}
        self.lost: set[str] = set()
        self.told: dict[str, Posture] = {}
        """What the last look at each cluster saw."""
        self.rows: dict[str, Posture] = {}
        """What the last look that committed saw."""
        self.late: dict[str, datetime] = {}
        """Looks that have not committed, with their times."""
        self.read: dict[str, Posture] | None = None
        """The rows that a resync has read, while it counts."""
        self.rests_on: dict[str, Posture] = {}
        """Those of the last count."""
        self.troubled: dict[str, datetime] = {}
        """When a ring was last remediated, or told to have a pool that fails."""
        self.a_day_on_which_all_is_mended()

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
        posture = evaluate(read, remembered, self.book, self.rows.get(name), self.now, cluster=CLUSTERS[name])
        self.told[name], self.late[name] = posture, self.now
        for pool in posture.pools:
            if not is_done(pool) and not passes(pool):
                self.troubled[pool.ring] = self.now
        situation = None
        if isinstance(read, Cluster) and key not in self.budget.places:
            # The planner knows what it plans from, told or not.
            situation = Situation(read, posture, remembered, self.book, self.budget, (), self.now, POLL, assuming=True)
        self.budget = seen(self.budget, self.book.policy, key, posture)
        if situation and plan(situation).action:
            self.begin(name, replace(situation, budget=self.budget))

    def begin(self, name: str, situation: Situation) -> None:
        """Take what a plan takes."""
        action = plan(situation).action
        assert action
        step = next(each for each in due(situation) if each.pool.name == action.pool)
        for before in self.before(action.ring):
            self.assert_nothing_is_open_in(before)
        stage = self.book.policy.stage_called(action.ring)
        place = Place(f"i{self.now}-{name}", action.pool, "s", stage, 3, self.now)
        held = taken(self.budget, self.book, wanted(situation, step), place, (), self.now)
        assert held
        self.budget, self.world[action.pool] = held, "upgrading"
        self.troubled[action.ring] = self.now

    def before(self, name: str) -> Iterator[Ring]:
        """The rings before one."""
        policy = self.book.policy
        ring = next((each for each in policy.rings if each.name == name), None)
        while ring := (policy.before(ring) if ring else None):
            yield ring

    def assert_nothing_is_open_in(self, ring: Ring) -> None:
        """Assert that nothing is known that keeps the rings behind one closed."""
        for posture in self.told.values():
            assert all(is_done(pool) for pool in posture.pools if pool.ring in (ring.name, UNTOLD))
        for posture in self.rests_on.values():
            ends = [exempt_until(pool) for pool in posture.pools if pool.ring == ring.name]
            assert all(end is None or end > self.now for end in ends)
        assert self.book.policy.stage(ring) not in {place.stage for place in self.budget.places.values()}
        assert self.budget.counts
        assert not self.budget.counts.rings[ring.name].unproven
        if ring.name in self.troubled:
            assert self.now - self.troubled[ring.name] >= ring.soak

    def a_look_ends(self, name: str) -> None:
        if name in self.late:
            self.commits(name)

    def commits(self, name: str) -> None:
        """The last part of a look."""
        self.rows[name] = self.told[name]
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
        self.budget, self.began = counting(self.budget, self.now), self.now
        self.read = dict(sorted(self.rows.items())[::2])

    def resync_ends(self) -> None:
        """It counts what it has read."""
        if self.read is None:
            return
        rows = {**self.rows, **self.read}
        census = Census(self.book, 0)
        for name, posture in rows.items():
            census.count(CLUSTERS[name], posture)
        counts = census.counts(self.began)
        rings = {
            name: replace(ring, exempt_until=first_end(rows.values(), name)) for name, ring in counts.rings.items()
        }
        self.budget = counted(self.budget, replace(counts, rings=rings), self.now)
        self.read, self.rests_on = None, rows

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
            for name in POOLS:
                self.look(name)
                self.a_look_ends(name)
            self.now += HOUR
            self.resync_begins()
            self.resync_ends()


def first_end(rows: Any, ring: str) -> datetime | None:
    """Return when the first exemption ends that excuses a pool of a ring."""
    ends = [exempt_until(pool) for posture in rows for pool in posture.pools if pool.ring == ring]
    return min((end for end in ends if end), default=None)


_names = st.sampled_from([*POOLS])
_steps = st.one_of(
    st.tuples(st.just(Rings.look), _names),
    st.tuples(st.just(Rings.look), _names),
    st.tuples(st.just(Rings.a_look_ends), _names),
    st.tuples(st.just(Rings.comes_due), st.sampled_from(["mid2", "mid3", "prod1", "prod3"])),
    st.tuples(st.just(Rings.comes_due), st.sampled_from(["mid2", "mid3", "prod1", "prod3"])),
    st.tuples(st.just(Rings.comes_due), st.sampled_from(["mid2", "mid3", "prod1", "prod3"])),
    st.tuples(st.just(Rings.changes), st.sampled_from(["dev1", "dev2", "dev4", "mid2"]), st.sampled_from([*STATES])),
    st.tuples(st.just(Rings.a_cluster_is_lost_or_found), _names),
    st.tuples(st.just(Rings.a_remediation_ends), _names, st.sampled_from(["proven", "failed"])),
    st.tuples(st.just(Rings.resync_begins)),
    st.tuples(st.just(Rings.resync_ends)),
    st.tuples(st.just(Rings.time_passes), st.sampled_from([MINUTE, 5 * MINUTE, 16 * MINUTE, HOUR, 2 * HOUR])),
    st.tuples(st.just(Rings.a_day_on_which_all_is_mended)),
    st.tuples(st.just(Rings.a_day_on_which_all_is_mended)),
)


@given(st.sampled_from([timedelta(), 3 * HOUR]), st.booleans(), st.lists(_steps, min_size=20, max_size=60))
@settings(max_examples=cases(200), deadline=None)
def test_nothing_begins_in_a_ring_while_one_before_it_is_known_not_to_be_done(
    soak: timedelta, canary: bool, steps: list[tuple[Any, ...]]
) -> None:
    """What is asserted stands in `Rings.begin`: whatever is begun, at that moment."""
    fleet = Rings(soak, canary=canary)
    for step, *given_to in steps:
        step(fleet, *given_to)
