"""ARM's JSON of maintenance configurations as records: a shape that is not known is a fault, never a window.

Shapes: Microsoft.ContainerService managedClusters/maintenanceConfigurations, API 2026-08-01, as the SDK describes
them. A property that it does not describe is a fault, too: it could change what the others mean.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Any, TypeVar

from shared.domain.maintenance import DEFAULT, MaintenanceConfiguration, MaintenanceWindow
from shared.domain.openings import Closure, Recurring, closed_days
from shared.domain.schedules import AbsoluteMonthly, Daily, RelativeMonthly, Schedule, WeekIndex, Weekly
from shared.domain.windows import Weekday, Window

E = TypeVar("E", bound=StrEnum)
Properties = Mapping[str, Any]

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_ALLOWED = "AKS's maintenance configuration does not allow it."
_WINDOW = ("schedule", "durationHours", "utcOffset", "startDate", "startTime", "notAllowedDates")


def read_page(body: Any) -> tuple[tuple[MaintenanceConfiguration, ...], str]:
    """Read a page of the list: its configurations and the link to the next page, empty if it is the last.

    Raises ValueError for what is no such page. A configuration that can't be understood is one with a fault.
    """
    page = _object(body, "the answer", ("value", "nextLink"))
    items = _list(page.get("value"), "value")
    link = page.get("nextLink", "")
    if not isinstance(link, str):
        raise ValueError(f"nextLink is a {type(link).__name__}, not text")  # noqa: TRY004 (bad input)
    return tuple(_configuration(item) for item in items), link


def _configuration(item: Any) -> MaintenanceConfiguration:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("a maintenance configuration of the list has no name")
    try:
        windows, closures = _properties(item.get("properties"), name)
    except ValueError as fault:
        return MaintenanceConfiguration(name, fault=f"{fault}. Check it in AKS, or name windows in the policy.")
    return MaintenanceConfiguration(name, windows, closures)


def _properties(value: Any, name: str) -> tuple[tuple[Recurring, ...], tuple[Closure, ...]]:
    """Read the windows and what closes them.

    `timeInWeek` and `notAllowedTime` are the older form of `default` alone, which AKS replaces by the newer one ("Use
    planned maintenance", "Deprecated properties"); which counts where both stand is not documented.
    """
    properties = _object(value, "properties", ("maintenanceWindow", "timeInWeek", "notAllowedTime"))
    closures = tuple(_time_span(span) for span in _list(properties.get("notAllowedTime", []), "notAllowedTime"))
    slots, window = properties.get("timeInWeek"), properties.get("maintenanceWindow")
    if slots and window:
        raise ValueError("it has both maintenanceWindow and timeInWeek, and AKS does not say which counts")
    if window is not None:
        one, dates = _window(window)
        return (one,), closures + dates
    if name.lower() != DEFAULT or not slots:
        raise ValueError("it has no maintenanceWindow")
    return tuple(_slots(slots)), closures


def _window(value: Any) -> tuple[MaintenanceWindow, tuple[Closure, ...]]:
    window = _object(value, "maintenanceWindow", _WINDOW)
    hours, minutes = _text(window.get("startTime"), "startTime", _TIME).groups()
    sign, *offset = _text(window.get("utcOffset", "+00:00"), "utcOffset", _OFFSET).groups()
    away = timedelta(hours=int(offset[0]), minutes=int(offset[1]))
    local = timezone(-away if sign == "-" else away)
    since = _date(window["startDate"], "startDate") if "startDate" in window else None
    schedule = _schedule(window.get("schedule"))
    if since is None and schedule.interval > 1:
        raise ValueError(f"it has no startDate to count an interval of {schedule.interval} from")
    length = timedelta(hours=_number(window.get("durationHours"), "durationHours", 4, 24))
    spans = _list(window.get("notAllowedDates", []), "notAllowedDates")
    start = time(int(hours), int(minutes))
    return MaintenanceWindow(schedule, start, length, local, since), tuple(_date_span(span, local) for span in spans)


def _schedule(value: Any) -> Schedule:
    found = _object(value, "schedule", ("daily", "weekly", "absoluteMonthly", "relativeMonthly"))
    if len(found) != 1:
        raise ValueError(f"schedule has {len(found)} kinds ({', '.join(sorted(found))}), not one")
    ((kind, body),) = found.items()
    match kind:
        case "daily":
            return Daily(_interval(_object(body, kind, ("intervalDays",)), "intervalDays"))
        case "weekly":
            weekly = _object(body, kind, ("intervalWeeks", "dayOfWeek"))
            return Weekly(_interval(weekly, "intervalWeeks"), _choice(weekly.get("dayOfWeek"), "dayOfWeek", Weekday))
        case "absoluteMonthly":
            monthly = _object(body, kind, ("intervalMonths", "dayOfMonth"))
            day = _number(monthly.get("dayOfMonth"), "dayOfMonth", 1, 31)
            return AbsoluteMonthly(_interval(monthly, "intervalMonths"), day)
    monthly = _object(body, kind, ("intervalMonths", "weekIndex", "dayOfWeek"))
    index = _choice(monthly.get("weekIndex"), "weekIndex", WeekIndex)
    return RelativeMonthly(
        _interval(monthly, "intervalMonths"), index, _choice(monthly.get("dayOfWeek"), "dayOfWeek", Weekday)
    )


def _slots(value: Any) -> Iterable[Window]:
    """Read `timeInWeek`: every hour of `hourSlots` is a window of an hour, in UTC."""
    for item in _list(value, "timeInWeek"):
        slot = _object(item, "timeInWeek", ("day", "hourSlots"))
        day = _choice(slot.get("day"), "day", Weekday)
        hours = _list(slot.get("hourSlots"), "hourSlots")
        if not hours:
            raise ValueError(f"hourSlots of {day} is empty")
        for hour in hours:
            yield Window((day,), time(_number(hour, "hourSlots", 0, 23)), timedelta(hours=1), "UTC")


def _date_span(value: Any, local: timezone) -> Closure:
    """Read a span of `notAllowedDates`, whose last day it includes.

    Source: the SDK's example, where a span at +02:00 that ends on 3 January ends at 22:00 UTC of that day.
    """
    span = _object(value, "notAllowedDates", ("start", "end"))
    first, last = _date(span.get("start"), "start"), _date(span.get("end"), "end")
    if last < first:
        raise ValueError(f"notAllowedDates end on {last}, before they start on {first}")
    return closed_days(first, last, local, _NOT_ALLOWED)


def _time_span(value: Any) -> Closure:
    span = _object(value, "notAllowedTime", ("start", "end"))
    start, end = _moment(span.get("start"), "start"), _moment(span.get("end"), "end")
    if end < start:
        raise ValueError(f"notAllowedTime ends at {end}, before it starts at {start}")
    return Closure(start, end, _NOT_ALLOWED)


def _object(value: Any, what: str, known: tuple[str, ...]) -> Properties:
    """Return an object without its nulls; raises ValueError if it is none or has a property that is not known."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {_shown(value)}, not an object")  # noqa: TRY004 (bad input)
    given = {name: inner for name, inner in value.items() if inner is not None}
    if unknown := sorted(str(name) for name in given if name not in known):
        raise ValueError(f"{what} has the property {_shown(unknown[0])}, which this version does not know")
    return given


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is {_shown(value)}, not a list")  # noqa: TRY004 (bad input)
    return value


def _interval(value: Properties, what: str) -> int:
    return _number(value.get(what), what, 1, 10_000)


def _number(value: Any, what: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{what} is {_shown(value)}, not a whole number from {least} to {most}")
    return value


def _choice(value: Any, what: str, kind: type[E]) -> E:
    for one in kind:
        if isinstance(value, str) and value.lower() == one.value.lower():
            return one
    raise ValueError(f"{what} is {_shown(value)}, not one of {', '.join(kind)}")


def _text(value: Any, what: str, pattern: re.Pattern[str]) -> re.Match[str]:
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"{what} is {_shown(value)}, not of the form that AKS documents")
    return found


def _date(value: Any, what: str) -> date:
    try:
        return date.fromisoformat(_text(value, what, _DATE).group())
    except ValueError as error:
        raise ValueError(f"{what} is {_shown(value)}, not a date") from error


def _moment(value: Any, what: str) -> datetime:
    """Read a date-time of RFC 3339; one without an offset has no known meaning."""
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo:
            return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{what} is {_shown(value)}, not a time") from error
    raise ValueError(f"{what} is {_shown(value)}, a time without an offset")


def _shown(value: Any) -> str:
    return f"{value!r}"[:80]
