"""Who rests while an old pool is emptied, and what brings that on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.codec import plain, typed
from shared.domain.draining import Drained, Left
from shared.domain.memory import Memory, PoolMemory, Replacement
from shared.domain.resting import LONGEST, brings_on, came_with, may_go, opened, rested, returned
from shared.domain.running import WATCHED, Tried, mark
from tests.builders import NOW

SOON, HOUR = timedelta(minutes=2), timedelta(hours=1)
PODS = tuple(Left("pay", f"{name}-0", "u", "o1", name, going=False) for name in ("web", "db"))
SEEN = Drained(left=PODS)
UNDER_WAY = Replacement("0" * 32, "old", "oldf", NOW - 3 * HOUR, NOW - HOUR, least=2)
RESTING = replace(UNDER_WAY, evicted=(mark("web"),), rests=NOW + HOUR)


@pytest.mark.parametrize(
    ("replacement", "names"),
    [
        (UNDER_WAY, ["web", "db"]),
        (RESTING, ["db"]),
        (replace(RESTING, rests=NOW), ["web", "db"]),
        (replace(RESTING, least=3), ["web", "db"]),
        (replace(RESTING, evicted=(mark("web"), mark("db"))), []),
    ],
)
def test_whose_pods_were_evicted_in_vain_rest_unless_fewer_are_there_than_ever(
    replacement: Replacement, names: list[str]
) -> None:
    assert [pod.workload for pod in may_go(SEEN, replacement, NOW)] == names


@pytest.mark.parametrize(
    ("least", "cordoned", "evicts", "brings"),
    [
        (-1, (), True, True),
        (3, (), True, True),
        (2, (), True, False),
        (3, (), False, False),
        (-1, ("o1",), False, True),
        (-1, ("o1", "o2"), False, True),
        (-1, ("o2",), False, False),
        (2, ("o1",), False, False),
    ],
)
def test_new_nodes_bring_it_on_before_the_first_eviction_and_after_it_fewer_pods_than_ever(
    least: int, cordoned: tuple[str, ...], *, evicts: bool, brings: bool
) -> None:
    seen = replace(SEEN, open=("o1", "o2"), again=("o2",))
    assert brings_on(seen, replace(UNDER_WAY, least=least), cordoned, evicts=evicts) is brings


@pytest.mark.parametrize(
    ("most", "around", "cordoned", "came"),
    [
        (9, 10, ("o1",), 1),
        (8, 10, ("o1",), 2),
        (7, 10, ("o1",), 2),
        (10, 10, ("o1",), 0),
        (11, 10, ("o1",), 0),
        (8, 10, ("o2",), 0),
        (8, 10, (), 0),
        (-1, 10, ("o1",), 0),
    ],
)
def test_what_came_with_a_node_is_new_as_far_as_there_are_more_pods_than_ever(
    most: int, around: int, cordoned: tuple[str, ...], came: int
) -> None:
    seen = replace(SEEN, open=("o1", "o2"), again=("o2",), around=around)
    assert came_with(seen, replace(UNDER_WAY, most=most), cordoned) == came
    assert came_with(seen, replace(UNDER_WAY, most=most, least=-1), cordoned) == 0
    assert came_with(replace(seen, again=("o1",)), replace(UNDER_WAY, most=most), cordoned) == 0


def test_the_time_in_which_it_waits_for_what_is_in_order_is_no_time_without_progress() -> None:
    closed = UNDER_WAY.waits(NOW, in_order=True)
    assert [closed.idle(NOW + number * HOUR) for number in (0, 8)] == [HOUR, HOUR]
    assert closed.waits(NOW + HOUR, in_order=True) == closed
    opened_again = closed.waits(NOW + 8 * HOUR, in_order=False)
    assert opened_again.idle(NOW + 9 * HOUR) == 2 * HOUR
    assert opened_again.waits(NOW + 9 * HOUR, in_order=False) == opened_again
    assert closed.goes_on(NOW + HOUR).idle(NOW + 2 * HOUR) == HOUR
    assert UNDER_WAY.idle(NOW) == HOUR


def test_a_row_of_a_version_that_knew_less_is_read() -> None:
    known = plain(Memory(replacement=UNDER_WAY, pools={"old": PoolMemory()}))
    for name in ("excused", "most", "vacant"):
        known["replacement"].pop(name, None)
    known["pools"]["old"].pop("tried", None)
    found = typed(Memory, known)
    assert found.replacement == UNDER_WAY
    assert (found.replacement.idle(NOW), found.pool("old").tried) == (HOUR, None)


def test_what_is_remembered_of_a_try_outlives_the_look() -> None:
    tried = PoolMemory(tried=Tried({mark("web"): 2}, NOW))
    kept = Memory(replacement=replace(UNDER_WAY, excused=NOW, most=3), pools={"old": tried})
    assert typed(Memory, plain(kept)) == kept


def test_workloads_rest_as_long_as_nothing_has_gone_on_and_a_day_at_most() -> None:
    assert rested(UNDER_WAY, ["web"], NOW, SOON) == (NOW + HOUR, (mark("web"),))
    assert rested(replace(UNDER_WAY, moved=NOW), ["web"], NOW, SOON)[0] == NOW + SOON
    assert rested(replace(UNDER_WAY, moved=NOW - 9 * LONGEST), ["web"], NOW, SOON)[0] == NOW + LONGEST


def test_those_that_rest_rest_on_while_others_are_evicted_in_vain() -> None:
    both = tuple(sorted((mark("web"), mark("db"))))
    assert rested(RESTING, ["db"], NOW, SOON) == (NOW + HOUR, both)
    assert rested(RESTING, [], NOW, SOON) == (NOW + HOUR, RESTING.evicted)
    assert rested(replace(RESTING, rests=NOW), ["db"], NOW, SOON)[1] == (mark("db"),)


def test_the_row_does_not_grow_with_the_workloads_that_rest() -> None:
    assert len(rested(RESTING, map(str, range(2 * WATCHED)), NOW, SOON)[1]) == WATCHED


def test_people_are_told_whose_pods_or_which_nodes_and_what_to_do() -> None:
    assert "again: web. " in returned(SEEN, RESTING)
    assert "again: db, web. " in returned(SEEN, UNDER_WAY)
    joined = opened(replace(SEEN, open=("o3",)), UNDER_WAY)
    assert joined.startswith("NodesJoined: ")
    assert "cordoned: o3. " in joined
    assert "room on oldf" in joined
    again = opened(replace(SEEN, open=("o1", "o2"), again=("o2",)), UNDER_WAY)
    assert again.startswith("NodesUncordoned: ")
    assert "again: o2. " in again
