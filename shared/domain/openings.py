"""Whether something that recurs is open at a moment, and when that changes next.

Pure: `now` is a parameter. Nothing is open for longer than its starts and lengths say, across every change of the
clocks: a start is a local wall time, a length is elapsed time, so the wall time of an end moves with the clocks. A
start that does not exist (spring) is the first instant after the gap; one that exists twice (autumn) is the first of
both. Closures beat everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol

HORIZON = timedelta(days=400)
"""How far ahead is looked: longer than any yearly window is away."""
OUTSIDE_WINDOW = "OutsideWindow"
BLACKOUT = "Blackout"

_DAY = timedelta(days=1)
# Dates beyond these would leave Python's calendar when they are brought to UTC.
_EARLIEST, _LATEST = date(1900, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class Open:
    """The product may disrupt now."""

    until: datetime | None
    """The first moment at which it may not, UTC; None if there is none within 400 days."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The product may not disrupt now."""

    until: datetime | None
    """The first moment at which it may, UTC; None if none is known within 400 days."""
    reason: str
    """CamelCase code: `OutsideWindow`, `Blackout`, or that of whoever judges."""
    message: str
    """A sentence that says why."""


@dataclass(frozen=True, slots=True)
class Closure:
    """A time in which nothing is open, whatever the windows say; empty if it ends where it starts."""

    start: datetime
    """Aware."""
    end: datetime
    """Aware; the first moment after it."""
    message: str
    """A sentence that says why."""


class Recurring(Protocol):
    """Something that is open for a while from a local time of certain days on."""

    @property
    def start(self) -> time:
        """Local time of day, in whole minutes."""
        ...

    @property
    def length(self) -> timedelta:
        """Elapsed time from the start to the end, more than nothing and at most 7 days."""
        ...

    @property
    def local(self) -> tzinfo:
        """What `start` and the days are local to."""
        ...

    def starts_on(self, day: date) -> bool:
        """Say whether it starts on a local day."""
        ...


def judge(recurring: Sequence[Recurring], closures: Sequence[Closure], now: datetime) -> Open | Closed:
    """Say whether it is open now: some recurring time covers it (or there is none at all) and no closure does."""
    if now.tzinfo is None:
        raise ValueError(f"{now} has no time zone: give an aware time")
    now = now.astimezone(UTC)
    ahead = [one for one in closures if max(one.start, now) < one.end]
    opens = _first_open(recurring, ahead, now, now + HORIZON)
    if opens == now:
        return Open(_closes(recurring, ahead, now, now + HORIZON))
    closing = max((one for one in ahead if one.start <= now), key=lambda one: (one.end, one.message), default=None)
    if closing is None:
        return Closed(opens, OUTSIDE_WINDOW, "No maintenance window is open.")
    return Closed(opens, BLACKOUT, f"Blackout: {closing.message}")


def _first_open(
    recurring: Sequence[Recurring], closures: Sequence[Closure], moment: datetime, horizon: datetime
) -> datetime | None:
    """The first open moment from one on, by going from one end of a closure or start of a window to the next."""
    while moment <= horizon:
        if ends := [one.end for one in closures if one.start <= moment < one.end]:
            moment = max(ends).astimezone(UTC)
        elif not recurring or _ends(recurring, moment):
            return moment
        else:
            starts = [found for one in recurring if (found := _next_start(one, moment, horizon))]
            if not starts:
                return None
            moment = min(starts)
    return None


def _closes(
    recurring: Sequence[Recurring], closures: Sequence[Closure], now: datetime, horizon: datetime
) -> datetime | None:
    """When what is open now closes, if that is before the horizon."""
    end = now if recurring else horizon + _DAY
    while end <= horizon and (ends := _ends(recurring, end)):
        end = max(ends)
    until = min([end, *(one.start.astimezone(UTC) for one in closures)])
    return until if until <= horizon else None


def _ends(recurring: Sequence[Recurring], moment: datetime) -> list[datetime]:
    """The ends of all that is open at a moment; empty if nothing is."""
    found = []
    for one in recurring:
        today = moment.astimezone(one.local).date()
        # A day more at both ends: clocks that go back over midnight repeat a day, Samoa once left one out.
        for back in range(-1, one.length // _DAY + 3):
            day = today - back * _DAY
            if one.starts_on(day) and (start := instant(one.local, day, one.start)) <= moment < start + one.length:
                found.append(start + one.length)
    return found


def _next_start(one: Recurring, moment: datetime, horizon: datetime) -> datetime | None:
    """The first start after a moment, or None if there is none up to the horizon."""
    local = one.local
    day = moment.astimezone(local).date() - _DAY
    last = horizon.astimezone(local).date() + _DAY
    while day <= last:
        if one.starts_on(day) and (start := instant(local, day, one.start)) > moment:
            return start
        day += _DAY
    return None


# A fleet is judged by few windows: the same days come up for every pool.
@lru_cache(maxsize=8192)
def instant(local: tzinfo, day: date, at: time) -> datetime:
    """Bring a wall time of whole minutes to UTC: the first of two, or the first instant after the gap it is in."""
    wall = datetime.combine(day, at, local).replace(fold=0)
    found = wall.astimezone(UTC)
    if found.astimezone(local).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return found
    # In a gap `fold` picks the offset before (0) or after it (1, PEP 495): the change lies between the two results.
    after = wall.replace(fold=1).utcoffset()
    before = wall.replace(fold=1).astimezone(UTC)
    while found - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(found - before) // timedelta(seconds=2))
        if middle.astimezone(local).utcoffset() == after:
            found = middle
        else:
            before = middle
    return found


def closed_days(first: date, last: date, local: tzinfo, message: str) -> Closure:
    """Return the closure from the first instant of a local day to the last of another."""
    first, last = (min(max(day, _EARLIEST), _LATEST) for day in (first, last))
    return Closure(instant(local, first, time()), instant(local, last + _DAY, time()), message)
