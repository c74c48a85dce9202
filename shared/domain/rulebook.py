"""Everything that people decide: the policy and the exemptions, as they hold for one look."""

from dataclasses import dataclass

from shared.domain.exemptions import NO_EXEMPTIONS, Exemptions
from shared.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A policy with its exemptions."""

    policy: Policy
    exemptions: Exemptions = NO_EXEMPTIONS
    trouble: str = ""
    """Why one of the two is the last good one rather than today's; nothing is disrupted until it is mended."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant."""

    @property
    def hash(self) -> str:
        """What both files were; whoever decided by another pair of texts has to decide again."""
        return f"{self.policy.hash}:{self.exemptions.hash}"
