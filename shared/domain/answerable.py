"""What the policy and the exemptions, as they were at a look, say about who answers for a pool, and until when."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.assessed import NO_DATE, Due, PoolAssessed, ProofSeen, Source, ends_with
from shared.domain.bodies import Observation
from shared.domain.exemptions import Exemption
from shared.domain.model import Cluster, ComplianceState, Pool, worst
from shared.domain.owners import owner
from shared.domain.policy import Rule
from shared.domain.rulebook import Rulebook
from shared.domain.settings import ProofSettings, Settings
from shared.domain.verdicts import Effectiveness, Judgement, PoolVerdict


@dataclass(frozen=True, slots=True)
class Answerable:
    """One pool at one look, or its cluster beside its pools, with the texts that it was judged by."""

    rules: Rulebook | None
    """None: the policy's text is not among the records."""
    cluster: Cluster | None
    """As it was read last; None: it never was."""
    pool: Pool | None
    """None: it was not there then, or no pool is meant."""
    seen: Observation
    verdict: PoolVerdict

    @property
    def _settings(self) -> Settings | None:
        if self.rules is None:
            return None
        # Not matched anew: evidence holds no mail address, and a rule may match tags that hold some.
        rule = self.rules.policy.rule_called(self.verdict.rule, self.verdict.line)
        return rule.settings if rule else None

    @property
    def max_age(self) -> timedelta | None:
        """How old the nodes' proof may be, as it was judged; of an old record, by the policy's text; else None."""
        said = self.verdict.effectiveness.max_age
        return said or (self._settings.proof.max_age if self._settings else None)

    def ends(self, proof: ProofSeen | None) -> datetime | None:
        """Return the time from which on what the nodes said is too old; None if nobody knows when they were asked."""
        if proof and proof.proof.unreadable:
            # Nothing was proven that could end.
            return None
        asked = proof.proof.at if proof else self.verdict.effectiveness.at
        try:
            return asked + (self.max_age or ProofSettings().max_age) if asked else None
        except OverflowError:
            return None

    def assessed(self, source: Source, proof: ProofSeen | None) -> PoolAssessed:
        """Return the pool's verdict with the times at which what it rests on ends; `source` is its record."""
        ends = self.ends(proof)
        return PoolAssessed(
            replace(self.verdict, findings=tuple(map(self.dated, self.verdict.findings))),
            source,
            modules=self.verdict.modules,
            proof=replace(proof, expires=ends) if proof else None,
            ends=ends,
            assumed=self.max_age is None,
        )

    def dated(self, found: Judgement) -> Judgement:
        """Return a finding that is excused with the end of its exemption, if a record or a text says it."""
        if found.state is not ComplianceState.EXEMPT or found.exempt_until or self.rules is None:
            return found
        one = self._excusing(found)
        ends = one.ends(self.rules.policy.exemptions) if one else None
        return replace(found, exemption=one.name, exempt_until=ends) if one else found

    def exemption(self) -> Exemption | None:
        """Return the exemption that excuses the pool, and of several the one that ends first."""
        if self.rules is None:
            return None
        terms = self.rules.policy.exemptions
        excused = [one for one in self.verdict.findings if one.state is ComplianceState.EXEMPT]
        found = [one for one in map(self._excusing, excused) if one]
        return min(found, key=lambda one: one.ends(terms), default=None)

    def _excusing(self, found: Judgement) -> Exemption | None:
        """Return the exemption that a finding names; older records name it in words alone."""
        entries = self.rules.exemptions.entries if self.rules else ()
        if found.exemption:
            return next((one for one in entries if one.name == found.exemption), None)
        return next((one for one in entries if f" by `{one.name}` (" in found.message), None)

    def owner(self, exemption: Exemption | None) -> str:
        """Say who answers for the pool: whoever asked for its exemption, its tag, its cluster's, or the policy."""
        if exemption:
            return exemption.owner
        if self.cluster is None:
            return ""
        notice = self._settings.notice if self._settings else None
        return owner(notice, self.pool.tags if self.pool else {}, self.cluster.tags)

    def due(self, exemption: Exemption | None) -> Due:
        """Say until when the pool has to be as the policy asks, or when the plan goes on with it."""
        verdict = self.verdict
        if verdict.state is ComplianceState.EXEMPT and exemption and self.rules:
            return ends_with(exemption, exemption.ends(self.rules.policy.exemptions))
        plan = self.seen.plan
        if plan.action and plan.action.pool == verdict.pool:
            return Due(self.seen.posture.at, "the app begins its remediation at once")
        waits = [one for one in plan.deferrals if one.pool == verdict.pool]
        if undated := [one.message for one in waits if one.until is None or one.dated is False]:
            return Due(None, f"{NO_DATE.basis}: {' '.join(undated).rstrip('.')}")
        at, reason = max(((one.until, one.reason) for one in waits if one.until), default=(None, ""))
        return Due(at, f"remediation is not begun before that: {reason}") if at else NO_DATE


def of_cluster(
    rules: Rulebook | None, cluster: Cluster | None, seen: Observation, findings: tuple[Judgement, ...]
) -> Answerable:
    """Return who answers for what concerns no single pool: by the rule for nodes outside every pool."""
    rule = rules.policy.rule_outside(cluster) if rules and cluster else Rule("default")
    none = Effectiveness(ComplianceState.NOT_APPLICABLE)
    verdict = PoolVerdict(
        *("", worst([one.state for one in findings]), findings, rule.settings.mode, rule.name, rule.line, ""),
        *(seen.posture.at, None, none, None),
    )
    return Answerable(rules, cluster, None, seen, verdict)
