"""The disruption budget: whatever happens in whatever order, never more is disrupted than was allowed."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.budget import Reservation, pause, read_budget, release, reservation, reserve, stale_reservations
from shared.domain.ids import ClusterId
from shared.domain.plan import Budget
from shared.errors import LeaseLostError
from shared.ports import Delete, Put, Written
from tests.builders import NOW, cluster_id

CLUSTERS = [cluster_id(f"aks-{number}") for number in range(5)]
ONE, TWO = CLUSTERS[:2]


def wanted(intent: str = "i1", pool: str = "apps") -> Reservation:
    return Reservation(intent, pool, NOW)


def holding(_: Reservation) -> bool:
    """The caller holds the lease."""
    return True


def lost(_: Reservation) -> bool:
    """Somebody else took over."""
    raise LeaseLostError("lost")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable(ManualClock(NOW))


class BusyTable(MemoryTable):
    """A table in which somebody else writes the budget's head before each of our next writes."""

    def __init__(self, races: int) -> None:
        super().__init__(ManualClock(NOW))
        self.races = races

    def transact(self, partition: str, writes: Sequence[Put | Delete]) -> bool:
        self._interfere(partition)
        return super().transact(partition, writes)

    def write(self, partition: str, put: Put) -> Written | None:
        self._interfere(partition)
        return super().write(partition, put)

    def _interfere(self, partition: str) -> None:
        if self.races:
            self.races -= 1
            row = self.read(partition, "head")
            doc = row.doc if row else {}
            super().write(partition, Put("head", row.etag if row else None, {}, doc))


def test_nothing_is_reserved_at_first(table: MemoryTable) -> None:
    assert read_budget(table) == budget(0, paused=False)
    assert reservation(table, ONE) is None


def test_a_place_is_taken_and_given_back(table: MemoryTable) -> None:
    assert reserve(table, ONE, wanted(), 1)
    assert read_budget(table).active == 1
    assert reservation(table, ONE) == wanted()

    assert release(table, ONE, holding)
    assert read_budget(table).active == 0
    assert reservation(table, ONE) is None


def test_the_last_place_is_taken_once(table: MemoryTable) -> None:
    assert reserve(table, ONE, wanted(), 1)

    assert not reserve(table, TWO, wanted("i2"), 1)
    assert read_budget(table).active == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_budget_of_nothing_holds_everything_back(table: MemoryTable, limit: int) -> None:
    assert not reserve(table, ONE, wanted(), limit)


def test_a_smaller_budget_takes_no_place_away_and_gives_none(table: MemoryTable) -> None:
    for number, one in enumerate(CLUSTERS[:3]):
        assert reserve(table, one, wanted(f"i{number}"), 3)

    assert not reserve(table, CLUSTERS[3], wanted("i4"), 2)
    assert read_budget(table).active == 3


def test_the_same_intent_counts_once(table: MemoryTable) -> None:
    assert reserve(table, ONE, wanted(), 5)
    assert reserve(table, ONE, wanted(), 5)

    assert read_budget(table).active == 1


def test_another_intent_of_the_same_cluster_gets_no_second_place(table: MemoryTable) -> None:
    assert reserve(table, ONE, wanted(), 5)

    assert not reserve(table, ONE, wanted("i2"), 5)
    assert read_budget(table).active == 1


def test_giving_back_twice_counts_once(table: MemoryTable) -> None:
    reserve(table, ONE, wanted(), 5)
    reserve(table, TWO, wanted("i2"), 5)

    assert release(table, ONE, holding)
    assert release(table, ONE, holding)
    assert read_budget(table).active == 1


def test_who_lost_the_lease_gives_nothing_back(table: MemoryTable) -> None:
    reserve(table, ONE, wanted(), 5)

    with pytest.raises(LeaseLostError):
        release(table, ONE, lost)

    assert reservation(table, ONE) == wanted()


def test_a_reservation_that_may_not_be_given_back_stays(table: MemoryTable) -> None:
    reserve(table, ONE, wanted(), 5)

    assert release(table, ONE, lambda found: found.intent == "another")

    assert reservation(table, ONE) == wanted()
    assert read_budget(table).active == 1


def test_where_there_is_nothing_to_give_back_the_lease_is_not_asked_for(table: MemoryTable) -> None:
    assert release(table, ONE, lost)


def test_a_pause_stops_new_reservations_and_leaves_the_old_ones(table: MemoryTable) -> None:
    reserve(table, ONE, wanted(), 5)

    pause(table, "ana: incident", paused=True)

    assert read_budget(table) == budget(1, paused=True)
    assert not reserve(table, TWO, wanted("i2"), 5)
    pause(table, "", paused=False)
    assert reserve(table, TWO, wanted("i2"), 5)


def test_a_lost_race_is_tried_again() -> None:
    table = BusyTable(3)

    assert reserve(table, ONE, wanted(), 1)
    table.races = 3
    assert release(table, ONE, holding)
    table.races = 3
    pause(table, "ana", paused=True)
    assert read_budget(table) == budget(0, paused=True)


def test_who_loses_every_race_gets_no_place_and_keeps_his_own() -> None:
    table = BusyTable(100)

    assert not reserve(table, ONE, wanted(), 1)
    assert reservation(table, ONE) is None
    table.races = 0
    reserve(table, ONE, wanted(), 1)
    table.races = 100
    assert not release(table, ONE, holding)
    assert reservation(table, ONE) == wanted()
    with pytest.raises(OSError, match="try again"):
        pause(table, "ana", paused=True)


def test_old_reservations_are_found(table: MemoryTable) -> None:
    reserve(table, ONE, Reservation("i1", "apps", NOW - timedelta(hours=4)), 5)
    reserve(table, TWO, Reservation("i2", "apps", NOW), 5)

    assert list(stale_reservations(table, NOW - timedelta(hours=3))) == [ONE]


class BudgetMachine(RuleBasedStateMachine):
    """Several clusters, workers that die with a place, people who pause, a policy that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.table = MemoryTable(ManualClock(NOW))
        self.held: dict[str, str] = {}
        self.paused = False
        self.limit = 2
        self.intents = 0

    @rule(cluster=st.sampled_from(CLUSTERS))
    def reserve_for_a_new_intent(self, cluster: ClusterId) -> None:
        self.intents += 1
        before, name = len(self.held), f"i{self.intents}"

        got = reserve(self.table, cluster, wanted(name), self.limit)

        assert got is (cluster.key not in self.held and not self.paused and before < self.limit)
        if got:
            self.held[cluster.key] = name

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def reserve_again_after_a_crash(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        cluster = next(one for one in CLUSTERS if one.key == key)

        assert reserve(self.table, cluster, wanted(self.held[key]), self.limit)

    @rule(cluster=st.sampled_from(CLUSTERS))
    def give_back(self, cluster: ClusterId) -> None:
        assert release(self.table, cluster, holding)
        self.held.pop(cluster.key, None)

    @rule(paused=st.booleans())
    def pause_or_resume(self, *, paused: bool) -> None:
        pause(self.table, "ana", paused=paused)
        self.paused = paused

    @rule(limit=st.integers(0, 4))
    def change_the_policy(self, limit: int) -> None:
        self.limit = limit

    @invariant()
    def the_counter_is_the_number_of_rows(self) -> None:
        rows = [row for row in self.table.rows(("at",), "budget") if row.key != "head"]

        assert read_budget(self.table) == Budget(len(rows), paused=self.paused)
        assert {row.key for row in rows} == set(self.held)

    @invariant()
    def each_row_is_that_of_the_intent_that_got_it(self) -> None:
        for one in CLUSTERS:
            found = reservation(self.table, one)
            assert (found.intent if found else None) == self.held.get(one.key)


TestAnyOrder = BudgetMachine.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30)
