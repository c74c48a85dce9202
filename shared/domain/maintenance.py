"""A cluster's own maintenance configurations: when its owner lets AKS replace nodes.

Planned maintenance holds back AKS's automatic upgrades and never a PUT of a user (AKS, "Use planned maintenance";
"Node disruption policy" covers some PUTs where it is switched on): the product keeps these windows by itself. What
can't be understood is closed, never open on a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from shared.domain.model import Unreadable
from shared.domain.openings import Closed, Closure, Open, Recurring, judge
from shared.domain.schedules import Schedule

NODE_OS = "aksManagedNodeOSUpgradeSchedule"
DEFAULT = "default"
MAINTENANCE_UNREADABLE = "MaintenanceUnreadable"

_CONCERNING_NODES = (NODE_OS, DEFAULT)
"""Which configuration counts, the first that is there.

`aksManagedNodeOSUpgradeSchedule` is for node images: a reimage is what FIPS brings. `default` is for AKS's weekly
releases of control plane and add-ons; it says nothing of nodes, but it is when the owner wants AKS to work on the
cluster. `aksManagedAutoUpgradeSchedule` is for upgrades to another Kubernetes version and does not count: it is often
monthly, for a step that its owner prepares, and a FIPS reimage changes no version. Source: AKS, "Use planned
maintenance", "Schedule configuration types"; the policy `AllowDuringMaintenanceWindow` ("Node disruption policy") goes
by `aksManagedNodeOSUpgradeSchedule` alone, too.
"""
_ANY_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """AKS's `maintenanceWindow`: a schedule with a start, a length and an offset that knows no summer time."""

    schedule: Schedule
    start: time
    """`startTime`, local to the offset."""
    length: timedelta
    """`durationHours`, 4 to 24 hours."""
    local: tzinfo
    """`utcOffset`."""
    since: date | None
    """`startDate`: before that day it never starts, and intervals are counted from it; None only for intervals of 1."""

    def starts_on(self, day: date) -> bool:
        """Say whether it starts on a day of its offset."""
        return (self.since is None or day >= self.since) and self.schedule.starts_on(day, self.since or _ANY_DAY)


@dataclass(frozen=True, slots=True)
class MaintenanceConfiguration:
    """One maintenance configuration of a cluster, as far as it could be understood."""

    name: str
    """As ARM spells it."""
    windows: tuple[Recurring, ...] = ()
    """Empty only if there is a fault."""
    closures: tuple[Closure, ...] = ()
    """`notAllowedDates` and `notAllowedTime`."""
    fault: str = ""
    """What could not be understood; then the rest counts for nothing."""


@dataclass(frozen=True, slots=True)
class NoMaintenanceConfiguration:
    """Nothing is configured that concerns nodes: what that means is for the policy's owner to say."""

    others: tuple[str, ...] = ()
    """Names of the configurations that there are all the same, sorted."""


def opening_by_cluster(
    configurations: Sequence[MaintenanceConfiguration] | Unreadable, now: datetime, *, any_time: bool = False
) -> Open | Closed | NoMaintenanceConfiguration:
    """Say whether the cluster's own windows are open now; what can't be read is `MaintenanceUnreadable`, closed.

    For what need not wait for a window, at `any_time`, only the times that are not allowed count.
    `Closed.until` of that is None: when reading again may help stands in `Unreadable.retry_after`.
    """
    if isinstance(configurations, Unreadable):
        return _unreadable(f"{configurations.reason}: {configurations.message}")
    for name in _CONCERNING_NODES:
        if found := {one for one in configurations if one.name.lower() == name.lower()}:
            return _opening(found, now, any_time=any_time)
    return NoMaintenanceConfiguration(tuple(sorted({one.name for one in configurations})))


def _opening(found: set[MaintenanceConfiguration], now: datetime, *, any_time: bool) -> Open | Closed:
    """Judge the one configuration of a name."""
    one = min(found, key=lambda each: each.name)
    if len(found) > 1:
        return _unreadable(f"ARM lists {one.name} twice and differently.")
    if one.fault:
        return _unreadable(f"{one.name}: {one.fault}")
    judged = judge(() if any_time else one.windows, one.closures, now)
    return judged if isinstance(judged, Open) else replace(judged, message=f"{one.name}: {judged.message}")


def _unreadable(why: str) -> Closed:
    return Closed(None, MAINTENANCE_UNREADABLE, f"The cluster's maintenance windows can't be kept. {why}")
