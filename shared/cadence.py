"""How often the resync comes, read from its schedule: looks that are due rely on it.

A look that is due later than two hours (`shared.rollout.HORIZON`) is not queued: the resync queues it when its time
has come. One that comes less often than that makes them late; nothing else fails, so this is told and stops nothing.
"""

import re

from shared.rollout import HORIZON

_FIELDS = ("second", "minute", "hour", "day", "month", "day of the week")
_HOURS = 24


def resync_faults(schedule: str) -> tuple[str, ...]:
    """Return why a schedule makes looks late; empty if it does not, or is not set (then the host does not start).

    NCRONTAB has six fields (Functions, "Timer trigger"). Whatever the minutes are, two firings are at most as far
    apart as the hours that they fall in.
    """
    if not schedule:
        return ()
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return (f"RESYNC_SCHEDULE: {schedule!r} is not NCRONTAB of six fields ({', '.join(_FIELDS)})",)
    hours = _hours(fields[2])
    if hours is None:
        return (f"RESYNC_SCHEDULE: the hours {fields[2]!r} can't be read",)
    every_day = all(field in ("*", "?") for field in fields[3:])
    gap = max((after - before for before, after in zip(hours, (*hours[1:], hours[0] + _HOURS), strict=True)))
    if every_day and gap * 3600 <= HORIZON.total_seconds():
        return ()
    return (f"RESYNC_SCHEDULE: {schedule!r} is not every two hours, every day: looks that are due come late",)


def _hours(field: str) -> list[int] | None:
    """Return the hours that a field means, in order; None if it can't be read."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", part)
        if match is None:
            return None
        first, last, step = match.groups()
        low = int(first or 0)
        high = int(last) if last else low if first and not step else _HOURS - 1
        if not low <= high < _HOURS or (step and not int(step)):
            return None
        found.update(range(low, high + 1, int(step or 1)))
    return sorted(found)
