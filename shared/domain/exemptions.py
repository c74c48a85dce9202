"""Exemptions: node pools that were judged and are excused for a time, each with an owner and an end."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from shared.domain.matching import Match
from shared.domain.model import Cluster, Pool
from shared.domain.model import ComplianceState as State
from shared.domain.policy import ExemptionRules
from shared.domain.posture import Finding
from shared.domain.reasons import REASONS
from shared.domain.scalars import duration_text

_EXPIRY_MISSING = ": an exemption without an end would be a rule; give the day on which it ends"
_NAMELESS = "an exemption that names nothing would excuse the whole fleet: name clusters or node pools"
_REASONS = {
    "words": REASONS,
    "says": "is not the reason of a finding (docs/policy.md lists them)",
    "empty": "and would excuse nothing: leave it out for every finding that is non-compliant",
}


_EXCUSABLE = (State.INCONSISTENT, State.NON_COMPLIANT, State.UNKNOWN)


class Category(StrEnum):
    """Why a pool is excused (the words of Azure Policy's exemptions)."""

    WAIVER = "waiver"
    """The risk is accepted for a time."""
    MITIGATED = "mitigated"
    """The aim is reached in another way."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of the exemptions file."""

    name: str = field(metadata={"longest": 100})
    """Unique; stands in findings and evidence."""
    match: Match = field(metadata={"nameless": _NAMELESS})
    """Which pools."""
    category: Category
    """In which sense they are excused."""
    reason: str
    """Why, for an auditor."""
    owner: str
    """Who answers for it."""
    approver: str
    """Who agreed; somebody else than the owner."""
    ticket: str
    """Where it was decided."""
    created: datetime
    """From when on it counts; a date means its first instant in UTC."""
    expires: datetime = field(metadata={"end_of_day": True, "missing": _EXPIRY_MISSING})
    """When it ends; a date means the end of that day in UTC."""
    covers: tuple[str, ...] = field(default=(), metadata=_REASONS)
    """Reasons of the findings that are excused; none: every finding that is non-compliant."""
    line: int = field(default=0, compare=False, metadata={"place": True})
    """Where it stands in the file."""

    def ends(self, rules: ExemptionRules) -> datetime:
        """Return when it ends: its expiry, or the policy's greatest age if that comes first."""
        return min(self.expires, self.created + rules.max_age)

    def last(self, rules: ExemptionRules) -> str:
        """Return its end for people: its last day, or the instant if it ends within a day; and why it is cut short."""
        end = self.ends(rules)
        if end == self.expires:
            return _last(end)
        age = f"the policy's `exemptions.max_age` is {duration_text(rules.max_age)} after `created`"
        return f"{_last(end)} (rather than {_last(self.expires)}: {age})"

    def excuses(self, finding: Finding) -> bool:
        """Say whether it covers a finding."""
        if self.covers:
            # What is well, or not asked for, needs no excuse.
            return finding.reason in self.covers and finding.state in _EXCUSABLE
        return finding.state is State.NON_COMPLIANT


def _last(end: datetime) -> str:
    # What ends with a day ends at the first instant of the next one.
    return f"{end:%Y-%m-%d %H:%M} UTC" if end.time() != time() else f"{end - timedelta(days=1):%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The whole file."""

    entries: tuple[Exemption, ...] = field(default=(), metadata={"key": "exemptions"})
    """In the order of the file."""
    hash: str = field(default="", compare=False, metadata={"unread": True})
    """SHA-256 of the file's text."""

    def matching(self, cluster: Cluster, pool: Pool) -> tuple[Exemption, ...]:
        """Return all that are about a pool, expired ones too."""
        return tuple(entry for entry in self.entries if entry.match.fits(cluster, pool))


NO_EXEMPTIONS = Exemptions()
