"""Exemptions: node pools that were judged and are excused for a time, each with an owner and an end."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.domain.matching import Match
from shared.domain.model import Cluster, Finding, Pool
from shared.domain.model import ComplianceState as State
from shared.domain.policy import ExemptionRules


class Category(StrEnum):
    """Why a pool is excused (the words of Azure Policy's exemptions)."""

    WAIVER = "waiver"
    """The risk is accepted for a time."""
    MITIGATED = "mitigated"
    """The aim is reached in another way."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of the exemptions file."""

    name: str
    """Unique; stands in findings and evidence."""
    match: Match
    """Which pools."""
    category: Category
    reason: str
    """Why, for an auditor."""
    owner: str
    """Who answers for it."""
    approver: str
    """Who agreed; somebody else than the owner."""
    ticket: str
    """Where it was decided."""
    created: datetime
    expires: datetime
    covers: tuple[str, ...] = ()
    """Reasons of the findings that are excused; none: every finding that is non-compliant."""
    line: int = 0
    """Where it stands in the file."""

    def ends(self, rules: ExemptionRules) -> datetime:
        """Return when it ends: its expiry, or the policy's greatest age if that comes first."""
        return min(self.expires, self.created + rules.max_age)

    def excuses(self, finding: Finding) -> bool:
        """Say whether it covers a finding."""
        if self.covers:
            return finding.reason in self.covers
        return finding.state is State.NON_COMPLIANT


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The whole file."""

    entries: tuple[Exemption, ...] = ()
    """In the order of the file."""
    hash: str = field(default="", compare=False)
    """SHA-256 of the file's text."""

    def matching(self, cluster: Cluster, pool: Pool) -> tuple[Exemption, ...]:
        """Return all that are about a pool, expired ones too."""
        return tuple(entry for entry in self.entries if entry.match.fits(cluster, pool))


NO_EXEMPTIONS = Exemptions()
