"""Everything that people decide: the policy and the exemptions, as they hold for one look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.exemptions import NO_EXEMPTIONS, Exemptions
from shared.domain.matching import ClusterMatch
from shared.domain.model import Cluster, Pool
from shared.domain.policy import Policy

MENDED = frozenset({"FipsDisabled", "FipsForbidden", "ModulesHistorical"})
"""Reasons for which there is a remediation step."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A policy with its exemptions."""

    policy: Policy
    exemptions: Exemptions = NO_EXEMPTIONS
    trouble: str = ""
    """Why one of the two is the last good one rather than today's; nothing is disrupted until it is mended."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant."""

    def of_nothing(self) -> "Rulebook":
        """Return the rulebook that has nothing in its scope: for a cluster that is not the app's to look after."""
        scope = replace(self.policy.scope, exclude=(ClusterMatch(),))
        return replace(self, policy=replace(self.policy, scope=scope))

    def exempt_until(self, cluster: Cluster, pool: Pool, now: datetime) -> datetime | None:
        """Return when the last of the exemptions of a pool that hold now ends; None if none does."""
        terms = self.policy.exemptions
        ends = [one.ends(terms) for one in self.exemptions.matching(cluster, pool) if one.created <= now]
        return max((end for end in ends if end > now), default=None)

    def spared(self, cluster: Cluster, pool: Pool, now: datetime) -> bool:
        """Say whether an exemption that holds now keeps a pool from being changed, whatever is found on it."""
        terms = self.policy.exemptions
        holding = (one for one in self.exemptions.matching(cluster, pool) if one.created <= now < one.ends(terms))
        return any(not one.covers or {*one.covers} & MENDED for one in holding)

    def undecided(self, cluster: Cluster, pool: Pool) -> Mapping[str, str]:
        """Return what can't be read where a pool's ring or an exemption hangs on it: by the part that asks for it."""
        _, unread = self.policy.ring_of(cluster, pool)
        exempting = [one.match.undecided(cluster, pool) for one in self.exemptions.entries]
        return {part: said for each in (unread, *exempting) for part, said in each.items()}

    @property
    def hash(self) -> str:
        """What both files were; whoever decided by another pair of texts has to decide again."""
        return f"{self.policy.hash}:{self.exemptions.hash}"
