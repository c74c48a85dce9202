"""What the policy and the exemptions, as they were at a look, say about who answers for a pool, and until when."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.domain.assessed import NO_DATE, Due, ProofSeen
from shared.domain.bodies import Observation
from shared.domain.discreet import ADDRESS
from shared.domain.exemptions import Exemption
from shared.domain.model import Cluster, ComplianceState, Pool
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Settings
from shared.domain.verdicts import PoolVerdict

OWNER_TAG = "owner"
"""The tag that names the owner where no policy says otherwise (`notice.owner_tag`)."""


def later(at: datetime, by: timedelta) -> datetime:
    """Add a duration to a time; what no calendar holds is the last time that there is."""
    try:
        return at + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answerable:
    """One pool at one look, with the texts that it was judged by."""

    rules: Rulebook | None
    """None: the policy's text is not among the records."""
    cluster: Cluster | None
    """None: the cluster could not be read."""
    pool: Pool | None
    seen: Observation
    verdict: PoolVerdict

    @property
    def _settings(self) -> Settings | None:
        if self.rules is None:
            return None
        # Not matched anew: evidence holds no mail address, and a rule may match tags that hold some.
        rule = self.rules.policy.rule_called(self.verdict.rule, self.verdict.line)
        return rule.settings if rule else None

    def dated(self, proof: ProofSeen | None) -> ProofSeen | None:
        """Return a proof with the time at which the policy calls it too old."""
        settings = self._settings
        if proof is None or settings is None:
            return proof
        return replace(proof, expires=later(proof.proof.at, settings.proof.max_age))

    def excused_until(self, exemption: Exemption | None) -> datetime | None:
        """Say until when an exemption holds."""
        return exemption.ends(self.rules.policy.exemptions) if exemption and self.rules else None

    def exemption(self) -> Exemption | None:
        """Return the exemption of the pool that holds, and of several the one that ends last."""
        if self.rules is None or self.cluster is None or self.pool is None:
            return None
        now, terms = self.seen.posture.at, self.rules.policy.exemptions
        met = self.rules.exemptions.matching(self.cluster, self.pool)
        holding = [one for one in met if one.created <= now < one.ends(terms)]
        return max(holding, key=lambda one: one.ends(terms), default=None)

    def owner(self, exemption: Exemption | None) -> str:
        """Say who answers for the pool: whoever asked for its exemption, its tag, its cluster's, or the policy."""
        if exemption:
            return exemption.owner
        if self.cluster is None or self.pool is None:
            return ""
        notice = self._settings.notice if self._settings else None
        tag = (notice.owner_tag if notice else OWNER_TAG).lower()
        tagged = [item for tags in (self.pool.tags, self.cluster.tags) for item in tags.items()]
        found = [value.strip() for name, value in tagged if name.lower() == tag and value.strip()]
        if found:
            # Evidence holds no mail address; the tag itself does.
            return f"whoever the tag `{tag}` names" if found[0] == ADDRESS else found[0]
        return notice.owner if notice else ""

    def due(self, verdict: PoolVerdict, exemption: Exemption | None) -> Due:
        """Say until when the pool has to be as the policy asks, or when the plan goes on with it."""
        if verdict.state is ComplianceState.EXEMPT and exemption and self.rules:
            return Due(exemption.ends(self.rules.policy.exemptions), f"the exemption `{exemption.name}` ends")
        plan = self.seen.plan
        if plan.action and plan.action.pool == verdict.pool:
            return Due(self.seen.posture.at, "the app begins its remediation at once")
        waits: list[tuple[datetime, str]] = [
            (one.until, one.reason) for one in plan.deferrals if one.pool == verdict.pool and one.until
        ]
        if not waits:
            return NO_DATE
        at, reason = max(waits)
        return Due(at, f"remediation is not begun before that: {reason}")
