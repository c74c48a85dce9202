"""A resync that comes less often than looks rely on is a fault that can be seen."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.timer import occurrences
from shared.cadence import resync_faults
from shared.rollout import HORIZON

START = datetime(2026, 11, 23, tzinfo=UTC)
HOURS = st.one_of(
    st.just("*"),
    st.integers(1, 23).map("*/{}".format),
    st.lists(st.integers(0, 23), min_size=1, max_size=16).map(lambda hours: ",".join(map(str, hours))),
    st.tuples(st.integers(0, 20), st.integers(1, 3), st.integers(1, 5)).map(
        lambda found: f"{found[0]}-{found[0] + found[1]}/{found[2]}"
    ),
    st.integers(20, 23).map("0-{}".format),
)


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "0 0 * * * *", "0 */15 * * * *", "30 5 */2 * * *", "0 0 0-23/2 * * ?"),
        *("0 0 1,3,5,7,9,11,13,15,17,19,21,23 * * *", "0 59 0-12,14-22/2 * * *", "0 0 1/2 * * *"),
    ],
)
def test_every_two_hours_is_often_enough(schedule: str) -> None:
    assert resync_faults(schedule) == ()


@pytest.mark.parametrize(
    "schedule",
    [
        *("0 0 6 * * *", "0 0 */3 * * *", "0 0 */5 * * *", "0 0 0-20 * * *", "0 0 2/2 * * *"),
        *("0 0 * * * 1-5", "0 0 * 1 * *", "0 0 * * 6 *"),
    ],
)
def test_less_often_is_a_fault_that_names_the_setting(schedule: str) -> None:
    (fault,) = resync_faults(schedule)
    assert fault == f"RESYNC_SCHEDULE: {schedule!r} is not every two hours, every day: looks that are due come late"


@pytest.mark.parametrize("schedule", ["0 * * * *", "01:00:00", "x", "0 0 x * * *", "0 0 24 * * *", "0 0 5-2 * * *"])
def test_what_cannot_be_read_is_a_fault(schedule: str) -> None:
    (fault,) = resync_faults(schedule)
    assert fault.startswith("RESYNC_SCHEDULE: ")


@given(HOURS, st.integers(0, 59))
def test_it_is_what_the_schedule_does(hours: str, minute: int) -> None:
    schedule = f"0 {minute} {hours} * * *"
    times = occurrences(schedule, START)
    first = [next(times) for _ in range(60)]
    gaps = [after - before for before, after in pairwise(first) if before < START + timedelta(days=2)]

    assert (resync_faults(schedule) == ()) == (max(gaps) <= HORIZON)
