"""AKS's four kinds of schedule: on which local days a maintenance window starts.

What is documented: the properties (API 2026-08-01, `Schedule`) and examples such as "every 3 months on last Friday"
(AKS, "Use planned maintenance", 2025-12-19). How an interval is counted is not; Azure/AKS issue 5720 tells of one
observation: every 2 weeks on Sunday with the start date Tuesday, 14 April 2026, opens on 26 April first and not on the
19th. So the week of the start date counts as the first, weeks begin on Sunday, and a day that lies before the start
date in its week is not made up for. Days and months are counted in the same way here. No source says what day 31 means
in a month of 30 days: it never starts in such a month, which keeps the product closed.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from shared.domain.windows import WEEK, Weekday


class WeekIndex(StrEnum):
    """Which of the month's Mondays, Tuesdays ...; `Second` is the second such day, not the second calendar week.

    Source: the API's own example, and hashicorp/terraform-provider-azurerm issue 23979.
    """

    FIRST = "First"
    SECOND = "Second"
    THIRD = "Third"
    FOURTH = "Fourth"
    LAST = "Last"


@dataclass(frozen=True, slots=True)
class Daily:
    """Every so many days."""

    interval: int
    """`intervalDays`, at least 1."""

    def starts_on(self, day: date, since: date) -> bool:
        """Say whether it starts on a day, counted from another."""
        return (day - since).days % self.interval == 0


@dataclass(frozen=True, slots=True)
class Weekly:
    """Every so many weeks on one day of the week."""

    interval: int
    """`intervalWeeks`, at least 1."""
    weekday: Weekday

    def starts_on(self, day: date, since: date) -> bool:
        """Say whether it starts on a day, counted from the week of another."""
        # An ordinal that 7 divides is a Sunday.
        weeks = day.toordinal() // 7 - since.toordinal() // 7
        return WEEK[day.weekday()] == self.weekday and weeks % self.interval == 0


@dataclass(frozen=True, slots=True)
class AbsoluteMonthly:
    """Every so many months on one date."""

    interval: int
    """`intervalMonths`, at least 1."""
    day_of_month: int
    """1 to 31; a month that has no such day is left out."""

    def starts_on(self, day: date, since: date) -> bool:
        """Say whether it starts on a day, counted from the month of another."""
        return day.day == self.day_of_month and _months(day, since) % self.interval == 0


@dataclass(frozen=True, slots=True)
class RelativeMonthly:
    """Every so many months on, for example, the last Friday."""

    interval: int
    """`intervalMonths`, at least 1."""
    index: WeekIndex
    weekday: Weekday

    def starts_on(self, day: date, since: date) -> bool:
        """Say whether it starts on a day, counted from the month of another."""
        if WEEK[day.weekday()] != self.weekday or _months(day, since) % self.interval:
            return False
        if self.index is WeekIndex.LAST:
            return (day + timedelta(days=7)).month != day.month
        return (day.day - 1) // 7 == tuple(WeekIndex).index(self.index)


Schedule = Daily | Weekly | AbsoluteMonthly | RelativeMonthly


def _months(day: date, since: date) -> int:
    return (day.year - since.year) * 12 + day.month - since.month
