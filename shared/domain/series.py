"""The daily series: what the fleet was like, a day at a time, for trends; what could not be read is counted with it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from shared.domain.codec import plain, typed
from shared.domain.model import ComplianceState
from shared.domain.remediated import Mended

SCHEMA = "fipswarden.series/1"


@dataclass(frozen=True, slots=True)
class Remediated:
    """The node pools that were found compliant on one whole day, after they had been at fault."""

    day: date
    """UTC, the day before the series' own: that one is not over yet."""
    count: int
    mean_seconds: float | None
    """From the look that first found them at fault; None if there are none."""


@dataclass(frozen=True, slots=True)
class ProofAge:
    """How long ago nodes were asked."""

    proofs: int
    """How many node pools have a proof."""
    median_seconds: float | None
    max_seconds: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the series. Only what is in scope, still there and looked after by the app is counted."""

    date: date
    """UTC."""
    at: datetime
    """When it was taken."""
    pools: Mapping[str, int]
    """Node pools by state; those of a cluster whose looks have not come are unknown."""
    clusters: Mapping[str, int]
    """Clusters by state, in the same way."""
    unread_clusters: int
    """Clusters that could not be read, or whose looks have not come."""
    unread_subscriptions: int | None
    """Subscriptions that can't be read, or that nobody looks at; None: nobody could be asked."""
    unseen: int | None
    """Clusters and subscriptions that nobody has judged at all; None: there was no resync lately."""
    coverage: float | None
    """Share of the clusters that were read, of all that are known or may be there; None: how many is not known."""
    remediated: Remediated
    proof_age: ProofAge

    @property
    def judged_well(self) -> int:
        """Node pools with nothing to be done: compliant, exempt or not applicable."""
        good = (ComplianceState.COMPLIANT, ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE)
        return sum(self.pools.get(state, 0) for state in good)

    @property
    def total(self) -> int:
        """All node pools."""
        return sum(self.pools.values())


@dataclass(slots=True)
class Tally:
    """Adds clusters up to a day; memory grows by a number a node pool."""

    now: datetime
    pools: Counter[str] = field(default_factory=Counter)
    clusters: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    ages: list[float] = field(default_factory=list)
    mended: list[float] = field(default_factory=list)

    @property
    def _yesterday(self) -> date:
        return self.now.astimezone(UTC).date() - timedelta(days=1)

    def add(
        self,
        state: ComplianceState,
        pools: Mapping[str, int],
        proofs: tuple[datetime, ...],
        mended: tuple[Mended, ...],
        *,
        unread: bool,
        overdue: bool,
    ) -> None:
        """Add one cluster that counts; an overdue one's verdicts are no knowledge any more."""
        unknown = ComplianceState.UNKNOWN
        self.clusters[unknown if overdue else state] += 1
        self.pools.update({unknown: sum(pools.values())} if overdue else pools)
        self.unread += unread or overdue
        self.ages.extend(max((self.now - at).total_seconds(), 0.0) for at in proofs)
        self.mended.extend(each.seconds for each in mended if each.at.astimezone(UTC).date() == self._yesterday)

    def day(self, unread_subscriptions: int | None, unseen: int | None) -> Day:
        """Return what was added up; `unseen` is what the last resync could not judge at all."""
        total, ages, mended = sum(self.clusters.values()), self.ages, self.mended
        known = total + (unseen or 0)
        return Day(
            self.now.astimezone(UTC).date(),
            self.now,
            {state: number for state, number in self.pools.items() if number},
            dict(self.clusters),
            self.unread,
            unread_subscriptions,
            unseen,
            round((total - self.unread) / known, 4) if known and unseen is not None else None,
            Remediated(self._yesterday, len(mended), round(sum(mended) / len(mended), 1) if mended else None),
            ProofAge(len(ages), *((round(median(ages), 1), round(max(ages), 1)) if ages else (None, None))),
        )


def day_document(day: Day) -> dict[str, Any]:
    """Return a day as it is stored."""
    return {"schema": SCHEMA, **plain(day)}


def read_day(value: Any) -> Day:
    """Read a stored day; raises ValueError for anything else."""
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ValueError(f"it is not a day of schema {SCHEMA}")
    return typed(Day, value)
