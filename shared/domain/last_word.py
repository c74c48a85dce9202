"""The last word on a cluster while its chain is read: an observation, and what it says of whether it could look."""

from typing import NamedTuple

from shared.domain.assessed import READABLE, Source
from shared.domain.bodies import Observation
from shared.domain.model import ComplianceState
from shared.domain.verdicts import Aspect, Judgement


class Seen(NamedTuple):
    """The last observation."""

    seen: Observation
    source: Source
    policy: str
    exemptions: str

    @property
    def judged(self) -> bool:
        """Say whether the cluster was there, and in the policy's scope."""
        return self.seen.posture.in_scope and not self.seen.observed.gone

    @property
    def lost(self) -> bool:
        """Say whether the cluster could not be read."""
        return self.judged and self.seen.observed.unreadable is not None


def unread(last: Seen) -> Judgement:
    """Return why a cluster could not be read."""
    found = (one for one in last.seen.posture.cluster_findings if one.check == READABLE)
    why = "No finding of the record says why."
    return next(found, Judgement(READABLE, Aspect.IMPLEMENTATION, ComplianceState.UNKNOWN, "", why, last.source.at))
