"""Everything that people decide: the policy and the exemptions, as they hold for one look."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.exemptions import NO_EXEMPTIONS, Exemption, Exemptions
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

    def sparing(
        self, cluster: Cluster, pool: Pool, reasons: Collection[str], now: datetime
    ) -> tuple[tuple[Exemption, datetime], ...]:
        """Return the exemptions of a pool that hold now and excuse one of some reasons, each with its end."""
        terms = self.policy.exemptions
        each = ((one, one.ends(terms)) for one in self.exemptions.matching(cluster, pool))
        return tuple(
            (one, end)
            for one, end in each
            if one.created <= now < end and (not one.covers or not {*one.covers}.isdisjoint(reasons))
        )

    def next_exemption(self, cluster: Cluster, pool: Pool, now: datetime) -> datetime | None:
        """Return when the next exemption of a pool begins that will spare it a step; None if none is ahead."""
        ahead = (
            one.created
            for one in self.exemptions.matching(cluster, pool)
            if one.created > now and (not one.covers or not MENDED.isdisjoint(one.covers))
        )
        return min(ahead, default=None)

    def undecided(self, cluster: Cluster, pool: Pool) -> Mapping[str, str]:
        """Return what can't be read where a pool's ring or an exemption hangs on it: by the part that asks for it."""
        _, unread = self.policy.ring_of(cluster, pool)
        exempting = [one.match.undecided(cluster, pool) for one in self.exemptions.entries]
        return {part: said for each in (unread, *exempting) for part, said in each.items()}

    @property
    def hash(self) -> str:
        """What both files were; whoever decided by another pair of texts has to decide again."""
        return f"{self.policy.hash}:{self.exemptions.hash}"
