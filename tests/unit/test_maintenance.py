"""A cluster's own maintenance configurations: what is read of ARM's JSON, and when it is open by them."""

import json
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.maintenance import (
    MAINTENANCE_UNREADABLE,
    MaintenanceConfiguration,
    NoMaintenanceConfiguration,
    opening_by_cluster,
)
from shared.domain.model import Unreadable
from shared.domain.observe_maintenance import read_page
from shared.domain.openings import BLACKOUT, OUTSIDE_WINDOW, Closed, Open
from shared.domain.schedules import AbsoluteMonthly, Daily, RelativeMonthly, Schedule, WeekIndex, Weekly
from shared.domain.windows import WEEK, Weekday
from tests.builders import DATA
from tests.unit.strategies import json_values

NODE_OS, AUTO, DEFAULT = "aksManagedNodeOSUpgradeSchedule", "aksManagedAutoUpgradeSchedule", "default"
DAY = timedelta(days=1)
WEEKLY = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Monday"}}


def recorded(name: str) -> Any:
    """The body of a recorded answer."""
    found = json.loads((DATA / "arm" / "recorded.maintenanceConfigurations.json").read_text())
    return found["exchanges"][name]["response"]["body"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def item(name: str = NODE_OS, **properties: Any) -> dict[str, Any]:
    """A maintenance configuration as ARM lists it."""
    return {"id": f"/x/maintenanceConfigurations/{name}", "name": name, "properties": properties}


def weekly(name: str = NODE_OS, **changes: Any) -> dict[str, Any]:
    """One that is open from 10:00 to 14:00 UTC on Mondays; `...` leaves a property out."""
    window = {"schedule": WEEKLY, "durationHours": 4, "startTime": "10:00", **changes}
    return item(name, maintenanceWindow={key: value for key, value in window.items() if value is not ...})


def read(*items: Any) -> tuple[MaintenanceConfiguration, ...]:
    return read_page({"value": list(items)})[0]


def judge(now: str, *items: Any) -> Open | Closed | NoMaintenanceConfiguration:
    return opening_by_cluster(read(*items), utc(now))


def fault(of: Any) -> str:
    """What is wrong with a configuration that must be closed for it."""
    found = opening_by_cluster(read(of), utc("2026-11-23T11:00"))
    assert isinstance(found, Closed)
    assert (found.until, found.reason) == (None, MAINTENANCE_UNREADABLE)
    return found.message


class TestRecorded:
    """Answers of AKS."""

    def test_an_empty_list_is_nothing(self) -> None:
        assert read_page(recorded("none")) == ((), "")

    def test_the_node_os_schedule_counts_before_its_start_date_too_and_is_closed(self) -> None:
        found = opening_by_cluster(read_page(recorded("list"))[0], utc("2026-11-24T18:00"))
        assert found == Closed(None, OUTSIDE_WINDOW, f"{NODE_OS}: No maintenance window is open.")

    def test_the_last_tuesday_of_the_month_opens_at_nine_by_its_offset(self) -> None:
        listed = read_page(recorded("list"))[0]
        assert opening_by_cluster(listed, utc("2123-01-26T16:59")) == Closed(
            utc("2123-01-26T17:00"), OUTSIDE_WINDOW, f"{NODE_OS}: No maintenance window is open."
        )
        assert opening_by_cluster(listed, utc("2123-01-26T17:00")) == Open(utc("2123-01-27T05:00"))

    def test_the_example_of_the_api_is_every_third_day_with_days_that_are_not_allowed(self) -> None:
        example = json.loads((DATA / "arm" / "MaintenanceConfigurationsGet.2026-08-01.json").read_text())
        body = example["responses"]["200"]["body"]
        assert judge("2023-01-01T16:30", body) == Open(utc("2023-01-01T20:30"))
        assert judge("2023-01-02T16:30", body) == Closed(
            utc("2023-01-04T16:30"), OUTSIDE_WINDOW, f"{NODE_OS}: No maintenance window is open."
        )
        # 18 February is the 48th day, 21 and 24 are out, 27 February is the next
        blocked = judge("2023-02-18T16:30", body)
        assert isinstance(blocked, Closed)
        assert (blocked.reason, blocked.until) == (BLACKOUT, utc("2023-02-27T16:30"))

    def test_a_monthly_schedule_counts_from_the_month_of_its_start_date(self) -> None:
        body = recorded("put_without_start_date") | {"name": NODE_OS}
        assert judge("2023-08-01T17:00", body) == Closed(
            utc("2023-10-01T17:00"), OUTSIDE_WINDOW, f"{NODE_OS}: No maintenance window is open."
        )

    def test_hour_slots_are_hours_in_utc_and_not_allowed_times_beat_them(self) -> None:
        body = recorded("put_default_with_not_allowed_time")
        assert judge("2021-11-23T01:00", body) == Open(utc("2021-11-23T03:00"))
        assert judge("2021-11-24T02:00", body) == Closed(
            utc("2021-11-24T06:00"), OUTSIDE_WINDOW, f"{DEFAULT}: No maintenance window is open."
        )
        # Tuesday, 30 November, 01:00 to 03:00 is not allowed; Wednesday is
        assert getattr(judge("2021-11-27T00:00", body), "reason", "") == BLACKOUT
        assert getattr(judge("2021-11-27T00:00", body), "until", None) == utc("2021-12-01T01:00")

    def test_the_cli_asks_for_one_hour(self) -> None:
        body = recorded("put_default_one_hour")
        assert judge("2026-11-23T01:59", body) == Open(utc("2026-11-23T02:00"))


class TestWhichCounts:
    """Of several configurations."""

    def test_the_node_os_schedule_counts_before_default(self) -> None:
        assert judge("2026-11-23T11:00", weekly(DEFAULT, startTime="20:00"), weekly()) == Open(utc("2026-11-23T14:00"))
        assert isinstance(judge("2026-11-23T21:00", weekly(DEFAULT, startTime="20:00"), weekly()), Closed)

    def test_default_counts_where_there_is_no_node_os_schedule_in_its_newer_form_too(self) -> None:
        assert judge("2026-11-23T11:00", weekly(DEFAULT), weekly(AUTO)) == Open(utc("2026-11-23T14:00"))

    def test_the_auto_upgrade_schedule_does_not_count(self) -> None:
        assert judge("2026-11-23T11:00", weekly(AUTO)) == NoMaintenanceConfiguration((AUTO,))

    def test_nothing_configured_is_a_value_of_its_own(self) -> None:
        assert judge("2026-11-23T11:00") == NoMaintenanceConfiguration()

    def test_a_faulty_node_os_schedule_is_not_replaced_by_default(self) -> None:
        found = judge("2026-11-23T11:00", weekly(durationHours="4"), weekly(DEFAULT))
        assert isinstance(found, Closed)
        assert found.reason == MAINTENANCE_UNREADABLE

    def test_a_fault_elsewhere_does_no_harm(self) -> None:
        assert judge("2026-11-23T11:00", weekly(), item(AUTO)) == Open(utc("2026-11-23T14:00"))

    def test_names_are_compared_without_case(self) -> None:
        assert judge("2026-11-23T11:00", weekly(NODE_OS.lower())) == Open(utc("2026-11-23T14:00"))

    def test_the_same_name_twice_is_one_if_it_says_the_same_and_unreadable_if_not(self) -> None:
        assert judge("2026-11-23T11:00", weekly(), weekly()) == Open(utc("2026-11-23T14:00"))
        found = judge("2026-11-23T11:00", weekly(), weekly(durationHours=5))
        assert isinstance(found, Closed)
        assert "twice" in found.message

    def test_configurations_that_could_not_be_read_are_closed(self) -> None:
        found = opening_by_cluster(Unreadable("Forbidden", "no role", None), utc("2026-11-23T11:00"))
        assert found == Closed(
            None, MAINTENANCE_UNREADABLE, "The cluster's maintenance windows can't be kept. Forbidden: no role"
        )

    @given(st.permutations([weekly(), weekly(DEFAULT, startTime="20:00"), weekly(AUTO)]), st.integers(0, 10_000))
    def test_the_order_makes_no_difference(self, items: list[Any], minute: int) -> None:
        now = utc("2026-11-23T00:00") + minute * timedelta(minutes=1)
        assert opening_by_cluster(read(*items), now) == opening_by_cluster(read(weekly()), now)


class TestSchedules:
    """On which days they start."""

    def test_a_week_whose_day_lies_before_the_start_date_is_not_made_up_for(self) -> None:
        """The observation of Azure/AKS issue 5720."""
        every_two = {"weekly": {"intervalWeeks": 2, "dayOfWeek": "Sunday"}}
        body = weekly(schedule=every_two, startDate="2026-04-14")
        assert getattr(judge("2026-04-14T00:00", body), "until", None) == utc("2026-04-26T10:00")

    def test_a_week_begins_on_sunday(self) -> None:
        fridays = Weekly(2, Weekday.FRIDAY)
        assert fridays.starts_on(date(2026, 4, 17), date(2026, 4, 14))
        assert not fridays.starts_on(date(2026, 4, 24), date(2026, 4, 14))
        assert Weekly(2, Weekday.SUNDAY).starts_on(date(2026, 4, 12), date(2026, 4, 14))

    def test_nothing_starts_before_the_start_date(self) -> None:
        body = weekly(startDate="2026-11-24")
        assert getattr(judge("2026-11-23T11:00", body), "until", None) == utc("2026-11-30T10:00")

    def test_the_start_date_is_a_day_of_the_offset(self) -> None:
        body = weekly(startDate="2026-11-23", startTime="20:00", utcOffset="-08:00")
        assert judge("2026-11-24T05:00", body) == Open(utc("2026-11-24T08:00"))

    def test_a_month_without_the_day_is_left_out(self) -> None:
        body = weekly(schedule={"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 31}})
        assert getattr(judge("2026-04-01T00:00", body), "until", None) == utc("2026-05-31T10:00")

    @pytest.mark.parametrize(
        ("schedule", "since", "expected"),
        [
            (Daily(1), "2026-02-01", list(range(1, 29))),
            (Daily(9), "2026-01-31", [9, 18, 27]),
            (Weekly(1, Weekday.TUESDAY), "2026-01-01", [3, 10, 17, 24]),
            (Weekly(3, Weekday.TUESDAY), "2026-02-08", [10]),
            (AbsoluteMonthly(1, 28), "2026-01-01", [28]),
            (AbsoluteMonthly(2, 28), "2026-01-01", []),
            (AbsoluteMonthly(14, 28), "2024-12-31", [28]),
            (RelativeMonthly(1, WeekIndex.FIRST, Weekday.SUNDAY), "2026-01-01", [1]),
            (RelativeMonthly(1, WeekIndex.SECOND, Weekday.SATURDAY), "2026-01-01", [14]),
            (RelativeMonthly(1, WeekIndex.THIRD, Weekday.MONDAY), "2026-01-01", [16]),
            (RelativeMonthly(1, WeekIndex.FOURTH, Weekday.SUNDAY), "2026-01-01", [22]),
            (RelativeMonthly(1, WeekIndex.LAST, Weekday.SATURDAY), "2026-01-01", [28]),
            (RelativeMonthly(3, WeekIndex.LAST, Weekday.SATURDAY), "2026-01-01", []),
        ],
        ids=str,
    )
    def test_days_of_february_2026(self, schedule: Schedule, since: str, expected: list[int]) -> None:
        starts = [day for day in range(1, 29) if schedule.starts_on(date(2026, 2, day), date.fromisoformat(since))]
        assert starts == expected

    @given(st.sampled_from(WeekIndex), st.sampled_from(Weekday), st.integers(2020, 2040), st.integers(1, 12), st.data())
    def test_a_relative_schedule_starts_once_a_month(
        self, index: WeekIndex, weekday: Weekday, year: int, month: int, data: st.DataObject
    ) -> None:
        days = [date(year, month, 1) + at * DAY for at in range(31)]
        named = [day for day in days if day.month == month and WEEK[day.weekday()] == weekday]
        since = data.draw(st.dates(date(2019, 1, 1), date(2045, 1, 1)))
        starts = [day for day in named if RelativeMonthly(1, index, weekday).starts_on(day, since)]
        assert starts == [named[-1 if index is WeekIndex.LAST else tuple(WeekIndex).index(index)]]

    @given(
        st.integers(-14 * 60, 14 * 60),
        st.integers(0, 24 * 60 - 1),
        st.integers(4, 24),
        st.integers(1, 5),
        st.integers(0, 40 * 24 * 60),
    )
    def test_a_window_is_open_exactly_for_its_hours_after_each_start(
        self, offset: int, start: int, hours: int, interval: int, minute: int
    ) -> None:
        sign, away = "-" if offset < 0 else "+", abs(offset)
        since, local = date(2026, 3, 20), timezone(timedelta(minutes=offset))
        body = weekly(
            schedule={"daily": {"intervalDays": interval}},
            durationHours=hours,
            utcOffset=f"{sign}{away // 60:02}:{away % 60:02}",
            startDate=since.isoformat(),
            startTime=f"{start // 60:02}:{start % 60:02}",
        )
        now = utc("2026-03-20T00:00") + minute * timedelta(minutes=1)
        first = datetime.combine(since, time(start // 60, start % 60), local)
        starts = [first + interval * DAY * number for number in range(60)]
        expected = any(begin <= now < begin + timedelta(hours=hours) for begin in starts)

        found = opening_by_cluster(read(body), now)

        assert isinstance(found, Open) is expected
        if isinstance(found, Closed):
            assert found.until == min(begin for begin in starts if begin > now)


class TestNotAllowed:
    """Dates on which AKS may not."""

    def test_the_last_day_is_one_of_them_by_the_offset(self) -> None:
        """The example in the SDK's `MaintenanceWindow`: blocked until 22:00 UTC of the last day at +02:00."""
        body = weekly(
            schedule={"daily": {"intervalDays": 1}},
            durationHours=24,
            startTime="00:00",
            utcOffset="+02:00",
            notAllowedDates=[{"start": "2022-12-23", "end": "2023-01-03"}],
        )
        assert judge("2022-12-22T21:59", body) == Open(utc("2022-12-22T22:00"))
        blocked = judge("2022-12-22T22:00", body)
        assert isinstance(blocked, Closed)
        assert (blocked.until, blocked.reason) == (utc("2023-01-03T22:00"), BLACKOUT)

    def test_the_older_not_allowed_time_holds_beside_a_maintenance_window(self) -> None:
        body = weekly()
        body["properties"]["notAllowedTime"] = [{"start": "2026-11-23T12:00:00+01:00", "end": "2026-11-23T13:00:00Z"}]
        assert judge("2026-11-23T10:30", body) == Open(utc("2026-11-23T11:00"))
        assert isinstance(judge("2026-11-23T11:00", body), Closed)
        assert judge("2026-11-23T13:00", body) == Open(utc("2026-11-23T14:00"))


def changed(path: str, value: Any) -> dict[str, Any]:
    """A configuration with everything in it, one part of which is replaced; `...` leaves it out."""
    dates = [{"start": "2026-12-24", "end": "2026-12-26"}]
    body = deepcopy(weekly(utcOffset="+01:00", startDate="2026-01-01", notAllowedDates=dates))
    *parents, last = path.split(".")
    found: Any = body
    for name in parents:
        found = found[int(name)] if isinstance(found, list) else found[name]
    if value is ...:
        del found[last]
    else:
        found[last] = value
    return body


WINDOW = "properties.maintenanceWindow"


class TestNeverOpenOnAGuess:
    """Shapes that are not known."""

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            ("properties", ..., "properties is None, not an object"),
            ("properties", [], "properties is [], not an object"),
            ("properties.timeZone", "Pacific Standard Time", "has the property 'timeZone', which this version"),
            (WINDOW, ..., "no maintenanceWindow"),
            (WINDOW, {}, "startTime is None"),
            (f"{WINDOW}.schedule", ..., "schedule is None, not an object"),
            (f"{WINDOW}.timeZone", "W. Europe Standard Time", "has the property 'timeZone', which this version"),
            (f"{WINDOW}.durationHours", "4", "durationHours is '4', not a whole number from 4 to 24"),
            (f"{WINDOW}.durationHours", ..., "durationHours is None"),
            (f"{WINDOW}.durationHours", True, "durationHours is True"),
            (f"{WINDOW}.durationHours", 4.0, "durationHours is 4.0"),
            (f"{WINDOW}.durationHours", 3, "durationHours is 3"),
            (f"{WINDOW}.durationHours", 25, "durationHours is 25"),
            (f"{WINDOW}.startTime", ..., "startTime is None"),
            (f"{WINDOW}.startTime", "24:00", "startTime is '24:00'"),
            (f"{WINDOW}.startTime", "1:00", "startTime is '1:00'"),
            (f"{WINDOW}.startTime", "01:00\n", "startTime is '01:00\\n'"),
            (f"{WINDOW}.utcOffset", "+1", "utcOffset is '+1'"),
            (f"{WINDOW}.utcOffset", "+15:00", "utcOffset is '+15:00'"),
            (f"{WINDOW}.utcOffset", "Z", "utcOffset is 'Z'"),
            (f"{WINDOW}.startDate", "2026-02-30", "startDate is '2026-02-30', not a date"),
            (f"{WINDOW}.startDate", "20260130", "startDate is '20260130', not a date"),
            (f"{WINDOW}.startDate", 7, "startDate is 7, not a date"),
            (f"{WINDOW}.schedule", {}, "schedule has 0 kinds"),
            (f"{WINDOW}.schedule.daily", {"intervalDays": 1}, "schedule has 2 kinds (daily, weekly), not one"),
            (f"{WINDOW}.schedule", {"hourly": {}}, "has the property 'hourly'"),
            (f"{WINDOW}.schedule", {"daily": {"intervalDays": 0}}, "intervalDays is 0"),
            (f"{WINDOW}.schedule", {"daily": {}}, "intervalDays is None"),
            (f"{WINDOW}.schedule", {"daily": []}, "daily is [], not an object"),
            (f"{WINDOW}.schedule.weekly.dayOfWeek", "Mon", "dayOfWeek is 'Mon', not one of Monday, Tuesday"),
            (f"{WINDOW}.schedule.weekly.weekIndex", "First", "has the property 'weekIndex'"),
            (f"{WINDOW}.schedule", {"absoluteMonthly": {"intervalMonths": 1, "dayOfMonth": 32}}, "dayOfMonth is 32"),
            (
                f"{WINDOW}.schedule",
                {"relativeMonthly": {"intervalMonths": 1, "weekIndex": "Fifth", "dayOfWeek": "Monday"}},
                "weekIndex is 'Fifth', not one of First, Second, Third, Fourth, Last",
            ),
            (f"{WINDOW}.notAllowedDates", {}, "notAllowedDates is {}, not a list"),
            (f"{WINDOW}.notAllowedDates", [{"start": "2026-01-01"}], "end is None, not a date"),
            (f"{WINDOW}.notAllowedDates.0.end", "2026-12-23", "before they start"),
            ("properties.notAllowedTime", ["x"], "notAllowedTime is 'x', not an object"),
            ("properties.notAllowedTime", [{"start": "2026-01-01T00:00:00"}], "a time without an offset"),
            ("properties.notAllowedTime", [{"start": "0001-01-01T00:00:00+14:00"}], "not a time"),
            (
                "properties.notAllowedTime",
                [{"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}],
                "notAllowedTime ends at",
            ),
            ("properties.timeInWeek", [{"day": "Monday", "hourSlots": [11]}], "both maintenanceWindow and timeInWeek"),
        ],
    )
    def test_a_shape_that_is_not_known_is_unreadable_and_says_what_is_wrong(
        self, path: str, value: Any, said: str
    ) -> None:
        assert said in fault(changed(path, value))

    @pytest.mark.parametrize(
        ("slots", "said"),
        [
            ([], "no maintenanceWindow"),
            ({"day": "Monday"}, "timeInWeek is"),
            ([{"day": "Monday"}], "hourSlots is None, not a list"),
            ([{"day": "Monday", "hourSlots": []}], "hourSlots of Monday is empty"),
            ([{"day": "Monday", "hourSlots": [24]}], "hourSlots is 24"),
            ([{"hourSlots": [11]}], "day is None"),
        ],
    )
    def test_hour_slots_that_are_not_known_are_unreadable(self, slots: Any, said: str) -> None:
        assert said in fault(item(DEFAULT, timeInWeek=slots))

    def test_hour_slots_belong_to_default_alone(self) -> None:
        assert "no maintenanceWindow" in fault(item(timeInWeek=[{"day": "Monday", "hourSlots": [11]}]))

    def test_an_interval_without_a_start_date_cannot_be_counted(self) -> None:
        every_two = {"weekly": {"intervalWeeks": 2, "dayOfWeek": "Monday"}}
        assert "no startDate to count an interval of 2 from" in fault(weekly(schedule=every_two))
        assert judge("2026-11-23T11:00", weekly(schedule=every_two, startDate="2026-11-22")) == Open(
            utc("2026-11-23T14:00")
        )

    def test_nulls_are_as_if_left_out(self) -> None:
        """The CLI shows them (AKS, "Use planned maintenance"); ARM's answers leave them out."""
        body = weekly(schedule={"daily": None, **WEEKLY}, startDate=None, utcOffset=None, notAllowedDates=None)
        body["properties"] |= {"timeInWeek": None, "notAllowedTime": None}
        assert judge("2026-11-23T11:00", body) == Open(utc("2026-11-23T14:00"))

    @pytest.mark.parametrize(
        "body",
        [
            *(None, [], "x", {}, {"error": {}}, {"value": [], "other": 1}, {"value": [], "nextLink": 7}),
            *({"value": None}, {"value": {}}, {"value": ["x"]}, {"value": [{}]}, {"value": [{"name": 7}]}),
        ],
        ids=str,
    )
    def test_what_is_no_page_of_configurations_is_refused(self, body: Any) -> None:
        with pytest.raises(ValueError, match=r"not an object|not a list|no name|not text|does not know"):
            read_page(body)

    def test_the_link_to_the_next_page_is_told(self) -> None:
        assert read_page({"value": [], "nextLink": "https://x/y"}) == ((), "https://x/y")

    @given(
        st.sampled_from(
            [
                *("properties", WINDOW, f"{WINDOW}.schedule", f"{WINDOW}.schedule.weekly", f"{WINDOW}.durationHours"),
                *(f"{WINDOW}.startTime", f"{WINDOW}.utcOffset", f"{WINDOW}.startDate", f"{WINDOW}.notAllowedDates"),
                *(f"{WINDOW}.schedule.weekly.dayOfWeek", f"{WINDOW}.notAllowedDates.0.start"),
                *("properties.timeInWeek", "properties.notAllowedTime"),
            ]
        ),
        json_values,
    )
    def test_any_other_json_opens_nothing(self, path: str, value: Any) -> None:
        """Wednesday is not the window's day, whatever one part of it says."""
        found = judge("2026-11-25T11:00", changed(path, value))
        assert isinstance(found, Closed)
