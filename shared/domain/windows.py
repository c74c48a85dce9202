"""The policy's maintenance windows and blackouts.

How a window behaves when the clocks change is told in `openings`: the start is wall time, the length is elapsed time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.domain.openings import Closed, Closure, Open, closed_days, judge
from shared.domain.zones import zone_fault

__all__ = ["WEEK", "Blackout", "Closed", "Open", "Weekday", "Window", "opening", "zone_fault"]

_LONGEST = timedelta(days=7)
_DAYS = {"optional": (), "empty": "and would never begin: leave it out for every day"}


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday()`, spelt as AKS spells it."""

    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


WEEK = tuple(Weekday)
"""Monday to Sunday, so that `WEEK[day.weekday()]` is a date's day."""


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window that recurs weekly or daily; raises ValueError for what can't be one."""

    days: tuple[Weekday, ...] = field(metadata=_DAYS)
    """Days on which it starts; empty: every day."""
    start: time
    """Local time of day, in whole minutes, without a time zone of its own."""
    length: timedelta = field(metadata={"least": timedelta(minutes=1), "most": _LONGEST, "also": ("end", "until")})
    """Elapsed time, more than nothing and at most 7 days: it may cross midnight, and overlap itself."""
    zone: str = field(default="UTC", metadata={"check": zone_fault})
    """IANA name of the time zone that `start` and `days` are local to."""

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.start.second or self.start.microsecond:
            raise ValueError(f"a window can't start at {self.start}: give hours and minutes, and the zone apart")
        if not timedelta() < self.length <= _LONGEST:
            raise ValueError(f"a window can't be {self.length} long: give more than nothing and at most 7 days")
        if fault := zone_fault(self.zone):
            raise ValueError(fault)

    @property
    def local(self) -> tzinfo:
        """The time zone."""
        return ZoneInfo(self.zone)

    def starts_on(self, day: date) -> bool:
        """Say whether it starts on a local day."""
        return not self.days or WEEK[day.weekday()] in self.days


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days on which nothing may be disrupted; raises ValueError for what can't be one."""

    first: date = field(metadata={"also": ("from", "start")})
    """The first day of it."""
    last: date = field(metadata={"also": ("to", "end", "until")})
    """The last day of it, which it includes."""
    reason: str
    """Why, for people."""
    zone: str = field(default="UTC", metadata={"check": zone_fault})
    """IANA name of the time zone whose days these are."""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a blackout from {self.first} can't end on {self.last}: the last day comes first")
        if fault := zone_fault(self.zone):
            raise ValueError(fault)

    @property
    def closure(self) -> Closure:
        """The blackout from its first instant to the first after it."""
        return closed_days(self.first, self.last, ZoneInfo(self.zone), self.reason)


def opening(windows: Sequence[Window], blackouts: Sequence[Blackout], now: datetime) -> Open | Closed:
    """Say whether it is open now, and until when; without windows it always is, but for the blackouts.

    A blackout beats every window, in the middle of an open one too. Windows that overlap or meet are one. The order
    of windows and blackouts makes no difference. Raises ValueError if `now` is not aware.
    """
    return judge(windows, [blackout.closure for blackout in blackouts], now)
