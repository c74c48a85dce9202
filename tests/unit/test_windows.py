"""Windows and blackouts, held against a scan of every minute of the definition."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.openings import BLACKOUT, HORIZON, OUTSIDE_WINDOW, instant
from shared.domain.windows import WEEK, Blackout, Closed, Open, Weekday, Window, opening, zone_fault

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"),
    # left 30 December 2011 out; went back from 00:01 to 23:01 of the day before until 2011
    *("Pacific/Apia", "America/St_Johns"),
)
FIRST, YEARS = datetime(2009, 1, 1, tzinfo=UTC), 20
AHEAD = timedelta(days=8)
"""How far a scan looks: more than a week, so that every weekly window has its turn."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str = "22:00", hours: float = 4, *days: Weekday, zone: str = "Europe/Berlin") -> Window:
    return Window(days, time.fromisoformat(start), timedelta(hours=hours), zone)


def blackout(first: str, last: str | None = None, zone: str = "Europe/Berlin", reason: str = "freeze") -> Blackout:
    return Blackout(date.fromisoformat(first), date.fromisoformat(last or first), reason, zone)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours in which the clocks of a zone change."""
    found, hour = [], FIRST
    local = ZoneInfo(zone)
    while hour < FIRST + YEARS * 365 * DAY:
        if hour.astimezone(local).utcoffset() != (hour + DAY).astimezone(local).utcoffset():
            found.append(hour + DAY)
        hour += DAY
    return tuple(found)


def scan(zone: str, first: datetime, minutes: int) -> list[datetime]:
    """The wall time of every minute from one on."""
    local = ZoneInfo(zone)
    return [(first + at * MINUTE).astimezone(local).replace(tzinfo=None) for at in range(minutes)]


def open_minutes(windows: Sequence[Window], blackouts: Sequence[Blackout], first: datetime, minutes: int) -> set[int]:
    """Which minutes are open, by the definition alone.

    A start is the first minute at which the wall shows its time or a later one; a day begins so, too. The scan begins
    before every start that counts.
    """
    before = 9 * 24 * 60
    zones = {one.zone for one in windows} | {one.zone for one in blackouts}
    latest = {zone: list(accumulate(scan(zone, first - before * MINUTE, before + minutes), max)) for zone in zones}
    found = set() if windows else set(range(minutes))
    for one in windows:
        shown = latest[one.zone]
        for day in (shown[0].date() + at * DAY for at in range(1, (before + minutes) // (24 * 60) + 3)):
            at = bisect_left(shown, datetime.combine(day, one.start)) - before
            if not one.days or day.strftime("%A") in one.days:
                found |= set(range(max(at, 0), min(at + one.length // MINUTE, minutes)))
    for dark in blackouts:
        shown = latest[dark.zone]
        found -= {at for at in found if dark.first <= shown[before + at].date() <= dark.last}
    return found


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a minute, mostly within days of a change of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    any_day = st.integers(0, YEARS * 365).map(lambda day: FIRST + day * DAY)
    near = draw(st.sampled_from(changes(zone) or (FIRST,)) if draw(st.integers(0, 4)) else any_day)
    return zone, near + draw(st.integers(-3 * 24 * 60, 2 * 24 * 60)) * MINUTE


lengths = st.integers(1, 7 * 24 * 60) | st.integers(1, 8 * 60) | st.sampled_from([60, 24 * 60, 25 * 60, 7 * 24 * 60])
days = st.lists(st.sampled_from(Weekday), max_size=2, unique=True).map(tuple)
starts = st.times().map(lambda at: at.replace(second=0, microsecond=0)) | st.sampled_from([time(0), time(2, 30)])


@st.composite
def situations(draw: st.DrawFn) -> tuple[tuple[Window, ...], tuple[Blackout, ...], datetime]:
    """Up to two windows and two blackouts, in one zone or two, and a moment."""
    zone, now = draw(moments())
    zones = st.sampled_from([zone, zone, zone, draw(st.sampled_from(ZONES))])
    made = [
        Window(draw(days), draw(starts), draw(lengths) * MINUTE, draw(zones)) for _ in range(draw(st.integers(0, 2)))
    ]
    dark = []
    for number in range(draw(st.integers(0, 2))):
        first = (now + draw(st.integers(-3, 4)) * DAY).date()
        dark.append(Blackout(first, first + draw(st.integers(0, 3)) * DAY, f"freeze {number}", draw(zones)))
    return tuple(made), tuple(dark), now


class TestAgainstAScan:
    """Random windows, blackouts, zones and moments."""

    @given(situations())
    def test_it_is_open_exactly_when_the_definition_says_so(
        self, situation: tuple[tuple[Window, ...], tuple[Blackout, ...], datetime]
    ) -> None:
        windows, blackouts, now = situation
        minutes = AHEAD // MINUTE
        expected = open_minutes(windows, blackouts, now, minutes)

        found = opening(windows, blackouts, now)

        assert isinstance(found, Open) is (0 in expected)
        ends = found.until is not None and found.until - now < AHEAD
        until = (found.until - now) // MINUTE if found.until and ends else minutes
        same = [at in expected for at in range(until)]
        assert same == [isinstance(found, Open)] * until, "nothing changes before it says so"
        if ends:
            assert (until in expected) is not isinstance(found, Open), "and then it does"

    @given(situations(), st.randoms(use_true_random=False))
    def test_the_order_of_windows_and_blackouts_makes_no_difference(
        self, situation: tuple[tuple[Window, ...], tuple[Blackout, ...], datetime], shuffle: random.Random
    ) -> None:
        windows, blackouts, now = situation
        others = shuffle.sample(windows, len(windows)), shuffle.sample(blackouts, len(blackouts))
        assert opening(*others, now) == opening(windows, blackouts, now)

    @given(situations())
    def test_a_later_look_agrees_with_an_earlier_one(
        self, situation: tuple[tuple[Window, ...], tuple[Blackout, ...], datetime]
    ) -> None:
        windows, blackouts, now = situation
        found = opening(windows, blackouts, now)
        if found.until is None:
            return
        assert isinstance(opening(windows, blackouts, found.until), Open) is isinstance(found, Closed)
        just_before = opening(windows, blackouts, found.until - timedelta(microseconds=1))
        assert (type(just_before), just_before.until) == (type(found), found.until)

    @given(st.sampled_from(ZONES), st.dates(date(2009, 1, 5), date(2028, 1, 1)), starts)
    def test_an_instant_is_the_first_minute_at_which_the_wall_shows_the_time(
        self, zone: str, day: date, at: time
    ) -> None:
        wall = datetime.combine(day, at)
        first = wall.replace(tzinfo=UTC) - 2 * DAY
        minute = next(at for at, shown in enumerate(scan(zone, first, 4 * 24 * 60)) if shown >= wall)
        assert instant(ZoneInfo(zone), day, at) == first + minute * MINUTE


class TestOneDay:
    """Berlin, where nothing happens to the clocks."""

    def test_no_windows_are_always_open(self) -> None:
        assert opening((), (), utc("2026-11-23T09:30")) == Open(None)

    def test_a_window_is_open_from_its_start_to_before_its_end_across_midnight(self) -> None:
        night = (window("22:00", 4),)
        closed = Closed(utc("2026-11-23T21:00"), OUTSIDE_WINDOW, "No maintenance window is open.")
        assert opening(night, (), utc("2026-11-23T20:59")) == closed
        assert opening(night, (), utc("2026-11-23T21:00")) == Open(utc("2026-11-24T01:00"))
        assert opening(night, (), utc("2026-11-24T00:59")) == Open(utc("2026-11-24T01:00"))
        assert isinstance(opening(night, (), utc("2026-11-24T01:00")), Closed)

    def test_a_window_starts_on_its_days_only(self) -> None:
        weekend = (window("20:00", 34, Weekday.SATURDAY),)
        assert opening(weekend, (), utc("2026-11-23T12:00")).until == utc("2026-11-28T19:00")
        assert opening(weekend, (), utc("2026-11-29T12:00")) == Open(utc("2026-11-30T05:00"))

    def test_windows_that_meet_or_overlap_are_one(self) -> None:
        shifts = (window("01:00", 2), window("03:00", 1), window("03:30", 2))
        assert opening(shifts, (), utc("2026-11-23T00:30")) == Open(utc("2026-11-23T04:30"))

    def test_a_window_of_24_hours_every_day_closes_only_in_the_25th_hour_of_a_day(self) -> None:
        assert opening((window("05:00", 24),), (), utc("2026-11-23T12:00")) == Open(utc("2027-10-31T03:00"))
        assert opening((window("05:00", 24, zone="UTC"),), (), utc("2026-11-23T12:00")) == Open(None)

    def test_a_window_that_overlaps_itself_is_one(self) -> None:
        assert opening((window("00:00", 168, zone="UTC"),), (), utc("2026-11-25T12:00")) == Open(None)
        assert opening((window("00:00", 48),), (), utc("2026-11-25T12:00")) == Open(None)


class TestBlackouts:
    """They beat windows."""

    def test_a_blackout_closes_what_would_be_open_for_all_of_its_days(self) -> None:
        dark = (blackout("2026-12-24", "2026-12-26", reason="Christmas"),)
        first, after = utc("2026-12-23T23:00"), utc("2026-12-26T23:00")
        assert opening((), dark, first - MINUTE) == Open(first)
        assert opening((), dark, first) == Closed(after, BLACKOUT, "Blackout: Christmas")
        assert opening((), dark, after) == Open(None)

    def test_a_blackout_ends_an_open_window_in_its_middle(self) -> None:
        found = opening((window("22:00", 4),), (blackout("2026-11-24"),), utc("2026-11-23T21:30"))
        assert found == Open(utc("2026-11-23T23:00"))

    def test_a_window_that_is_still_running_after_a_blackout_opens_again(self) -> None:
        found = opening((window("22:00", 4),), (blackout("2026-11-23"),), utc("2026-11-23T21:30"))
        assert found == Closed(utc("2026-11-23T23:00"), BLACKOUT, "Blackout: freeze")

    def test_the_next_opening_is_after_all_blackouts(self) -> None:
        dark = (blackout("2026-11-24", "2026-11-25"), blackout("2026-11-26"))
        found = opening((window("10:00", 1),), dark, utc("2026-11-23T12:00"))
        assert found == Closed(utc("2026-11-27T09:00"), OUTSIDE_WINDOW, "No maintenance window is open.")

    def test_the_blackout_that_ends_last_is_the_one_that_is_told(self) -> None:
        dark = (blackout("2026-11-20", "2026-11-30"), blackout("2026-11-23", "2026-11-24", reason="short"))
        found = opening((), dark, utc("2026-11-23T12:00"))
        assert isinstance(found, Closed)
        assert found.message == "Blackout: freeze"

    def test_a_blackout_for_ever_has_no_known_end(self) -> None:
        found = opening((), (Blackout(date.min, date.max, "frozen", "Pacific/Apia"),), utc("2026-11-23T12:00"))
        assert found == Closed(None, BLACKOUT, "Blackout: frozen")

    def test_what_is_further_away_than_the_horizon_is_not_known(self) -> None:
        now = utc("2026-11-23T12:00")
        far = (now + HORIZON + 2 * DAY).date()
        assert opening((), (Blackout(far, far, "later", "UTC"),), now) == Open(None)
        assert opening((), (Blackout(now.date(), far, "long", "UTC"),), now).until is None

    def test_a_day_that_the_zone_left_out_closes_nothing(self) -> None:
        assert opening((), (blackout("2011-12-30", zone="Pacific/Apia"),), utc("2011-12-29T12:00")) == Open(None)


class TestClocksThatChange:
    """One case of each kind."""

    def test_a_start_that_does_not_exist_is_the_first_instant_after_the_gap(self) -> None:
        night = (window("02:30", 2),)
        assert opening(night, (), utc("2026-03-29T00:59")).until == utc("2026-03-29T01:00")
        assert opening(night, (), utc("2026-03-29T01:00")) == Open(utc("2026-03-29T03:00"))

    def test_a_start_that_exists_twice_is_the_first_of_both(self) -> None:
        night = (window("02:30", 0.5),)
        assert opening(night, (), utc("2026-10-25T00:00")).until == utc("2026-10-25T00:30")
        assert isinstance(opening(night, (), utc("2026-10-25T01:30")), Closed), "and not the second"

    def test_a_start_that_says_it_means_the_second_is_the_first_all_the_same(self) -> None:
        night = (Window((), time(2, 30, fold=1), timedelta(minutes=30), "Europe/Berlin"),)
        assert opening(night, (), utc("2027-10-31T00:00")).until == utc("2027-10-31T00:30")

    def test_a_length_is_elapsed_time(self) -> None:
        night = (window("22:00", 8),)
        assert opening(night, (), utc("2026-10-24T22:00")) == Open(utc("2026-10-25T04:00"))
        assert opening(night, (), utc("2026-03-28T22:00")) == Open(utc("2026-03-29T05:00"))

    def test_half_an_hour_is_enough_of_a_gap(self) -> None:
        night = (window("02:15", 1, zone="Australia/Lord_Howe"),)
        assert opening(night, (), utc("2026-10-03T15:00")).until == utc("2026-10-03T15:30")

    def test_a_window_on_a_day_that_the_zone_left_out_starts_with_the_next_day(self) -> None:
        friday = (window("09:00", 2, Weekday.FRIDAY, zone="Pacific/Apia"),)
        assert opening(friday, (), utc("2011-12-29T12:00")).until == utc("2011-12-30T10:00")

    def test_a_window_stays_open_where_the_clocks_go_back_into_the_day_before(self) -> None:
        sunday = (window("00:00", 0.5, Weekday.SUNDAY, zone="America/St_Johns"),)
        at_2315_on_saturday = utc("2010-11-07T02:45")
        assert opening(sunday, (), at_2315_on_saturday) == Open(utc("2010-11-07T03:00"))

    def test_a_window_stays_open_over_a_day_that_the_zone_left_out(self) -> None:
        thursday = (window("23:00", 36, Weekday.THURSDAY, zone="Pacific/Apia"),)
        at_1000_on_sunday = utc("2011-12-31T20:00")
        assert opening(thursday, (), at_1000_on_sunday) == Open(utc("2011-12-31T21:00"))


class TestNonsense:
    """What can't be a window, a blackout or a moment."""

    @pytest.mark.parametrize("hours", [0, -1, 168.01])
    def test_a_window_is_more_than_nothing_and_at_most_a_week(self, hours: float) -> None:
        with pytest.raises(ValueError, match="at most 7 days"):
            window("22:00", hours)

    @pytest.mark.parametrize("start", [time(22, 0, 1), time(22, 0, 0, 1), time(22, tzinfo=UTC)])
    def test_a_window_starts_on_a_minute_of_its_zone(self, start: time) -> None:
        with pytest.raises(ValueError, match="give hours and minutes"):
            Window((), start, HOUR, "UTC")

    def test_a_window_needs_a_zone_that_exists(self) -> None:
        with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
            window(zone="Europe/Berln")

    def test_a_blackout_ends_no_earlier_than_it_begins(self) -> None:
        with pytest.raises(ValueError, match="comes first"):
            blackout("2026-11-24", "2026-11-23")

    def test_a_blackout_needs_a_zone_that_exists(self) -> None:
        with pytest.raises(ValueError, match="does not exist"):
            blackout("2026-11-24", zone="Mars/Olympus")

    def test_a_moment_needs_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            opening((), (), datetime(2026, 11, 23))  # noqa: DTZ001 (that is the fault)


class TestZoneNames:
    """Which time zones exist."""

    def test_every_zone_of_the_machine_that_is_a_place_exists_and_can_be_used(self) -> None:
        known = [zone for zone in available_timezones() if zone not in ("Factory", "localtime")]
        assert [zone for zone in known if zone_fault(zone)] == []
        assert len({window(zone=zone) for zone in known}) == len(known)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("europe/berlin", "Europe/Berlin"),
            ("Europe/Berln", "Europe/Berlin"),
            ("America/New York", "America/New_York"),
            ("Kathmandu", "Asia/Kathmandu"),
            ("utc", "UTC"),
        ],
    )
    def test_what_was_probably_meant_is_said(self, name: str, meant: str) -> None:
        assert zone_fault(name) == f"time zone {name!r} does not exist: did you mean {meant!r}?"

    @pytest.mark.parametrize(
        "name",
        ["", "CEST", "+02:00", "localtime", "Factory", "posixrules", "zone.tab", "\0", "W. Europe Standard Time"],
    )
    def test_what_is_no_zone_of_any_place_does_not_exist(self, name: str) -> None:
        assert "give an IANA name such as 'Europe/Berlin', or 'UTC'" in str(zone_fault(name))

    @pytest.mark.parametrize("name", ["GMT+14", "UTC+2", "UTC+02:00", "Etc/GMT+15", "+02:00", "EST5EDT-1"])
    def test_for_an_offset_no_zone_is_suggested(self, name: str) -> None:
        """The names of the list that hold one count it the other way round."""
        advice = "give an IANA name such as 'Europe/Berlin', or 'UTC'; an offset is no zone"
        assert zone_fault(name) == f"time zone {name!r} does not exist: {advice}"

    @pytest.mark.parametrize("zone", ["../Berlin", "/usr/share/zoneinfo/UTC", "Europe/../UTC", "posix/UTC", "./UTC"])
    def test_a_path_is_no_zone_even_if_it_leads_to_one(self, zone: str) -> None:
        assert zone_fault(zone)

    def test_a_long_name_is_cut_in_the_message(self) -> None:
        assert len(str(zone_fault("x" * 10_000))) < 250

    def test_the_package_with_the_zones_is_pinned(self) -> None:
        pinned = (Path(__file__).parents[2] / "requirements.txt").read_text()
        assert [line for line in pinned.splitlines() if line.startswith("tzdata==")]

    def test_the_days_of_the_week_are_in_pythons_order(self) -> None:
        assert [date(2026, 11, 23 + at).strftime("%A") for at in range(7)] == list(WEEK)
