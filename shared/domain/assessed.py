"""What evidence records say of one cluster and of each of its node pools.

Implementation (the control plane's word) and effectiveness (the nodes') stay apart, and so do `FIPS is on` and `the
modules are validated`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.bodies import Part, ReplacementPart
from shared.domain.exemptions import Exemption
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState, Mode, ProofLevel, Unreadable, worst
from shared.domain.model import ComplianceState as State
from shared.domain.operation import OutcomeState
from shared.domain.planned import ActionKind, Method
from shared.domain.proven import Proof
from shared.domain.records import Head
from shared.domain.verdicts import Aspect, Implementation, Judgement, ModulesSeen, PoolVerdict

OPEN = (State.INCONSISTENT, State.NON_COMPLIANT, State.UNKNOWN, State.EXEMPT)
"""The states of findings that somebody has to do something about, or has to answer for."""
READABLE = "readable"
"""The check that says why nothing else could be checked."""
GRACE = timedelta(hours=1)
"""How long after a proof's end a report still goes by it: the look that renews it may be on its way."""


@dataclass(frozen=True, slots=True)
class Source:
    """The evidence record that something is from."""

    name: str
    """Its blob, or its file in a pack: `<chain>/<number>.json`."""
    hash: str
    """SHA-256 of its bytes."""
    at: datetime
    """When it was written, by the app's clock."""


@dataclass(frozen=True, slots=True)
class ProofSeen:
    """What the nodes of a pool said when they were last asked."""

    proof: Proof
    level: ProofLevel
    method: str
    """How they were asked, in words; empty if nobody could be."""
    way: str
    """How the API server was reached."""
    expected: int | None
    """How many nodes the control plane said that there were."""
    source: Source
    expires: datetime | None = None
    """From when on the policy calls it too old; None if the policy's text is not among the records."""

    @property
    def tested(self) -> bool:
        """Say whether the nodes themselves were asked, not only their labels."""
        return self.level.reaches(ProofLevel.KERNEL)


@dataclass(frozen=True, slots=True)
class Due:
    """Until when something is to be done."""

    at: datetime | None
    """None: nobody has said."""
    basis: str
    """Who or what says so, in words."""


NO_DATE = Due(None, "no date is set")


@dataclass(frozen=True, slots=True)
class PoolAssessed:
    """One node pool."""

    verdict: PoolVerdict
    source: Source
    """The observation that holds the verdict."""
    implementation: Implementation | None
    """What the control plane said when the pool was last read; None if it never was."""
    read: Source | None
    """The observation that it is from: an older one, if the cluster can't be read any more."""
    modules: ModulesSeen | None
    """Whether the modules of its image are validated, as of that record; None if that was never read."""
    proof: ProofSeen | None
    """None if the records hold none."""
    owner: str = ""
    """Who answers for it; empty if nobody is named."""
    due: Due = NO_DATE
    exemption: Exemption | None = None
    """The one that excuses it; None if none does, or its text is not among the records."""
    excused_until: datetime | None = None
    """When that one ends, by the policy's limit at the latest."""
    ended: tuple[Judgement, ...] = ()
    """Findings that no record holds: what the pool rested on has ended since the last one."""

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.verdict.pool

    @property
    def state(self) -> ComplianceState:
        """The state of the verdict."""
        return self.verdict.state

    @property
    def on(self) -> bool:
        """Say whether FIPS is on: by the switch, or on Windows, where that settles nothing, by the nodes."""
        said = self.implementation
        if said is None:
            return False
        return self.state is State.COMPLIANT if said.os_type == "Windows" else said.enabled is True

    @property
    def decisive(self) -> Judgement:
        """The finding that made the state: the first of the worst, or the one that went deepest if all is well."""
        found = [one for one in self.verdict.findings if one.state == self.state]
        if not found:
            return Judgement("", Aspect.IMPLEMENTATION, self.state, "", "No finding of the record says why.", None)
        return found[-1] if self.state is State.COMPLIANT else found[0]

    @property
    def since(self) -> datetime:
        """When its state became what it is."""
        return self.verdict.state_since or self.verdict.since

    def aspect_state(self, aspect: Aspect) -> ComplianceState:
        """Return the worst of the findings that go by the control plane's word, or by the nodes'."""
        if any(one.check == READABLE for one in self.verdict.findings):
            return State.UNKNOWN
        return worst([one.state for one in self.verdict.findings if one.aspect is aspect])

    def as_of(self, now: datetime) -> "PoolAssessed":
        """Return the pool as it has to be called at a time: unknown, where what it rests on has ended meanwhile."""
        return self.proven_at(now).excused_at(now)

    def proven_at(self, now: datetime) -> "PoolAssessed":
        """Return the pool as it is called at a time by its proof: unknown once that has ended and none came since."""
        expires = self.proof.expires if self.proof else None
        if self.state is not State.COMPLIANT or expires is None or now - expires <= GRACE:
            return self
        message = f"The nodes' proof ended at {expires:%Y-%m-%d %H:%M} UTC, and no record holds a newer one."
        stale = Judgement("proof", Aspect.EFFECTIVENESS, State.UNKNOWN, "ProofExpired", message, expires)
        others = tuple(one for one in self.verdict.findings if one.check != "proof")
        verdict = replace(self.verdict, state=State.UNKNOWN, findings=(stale, *others), state_since=expires)
        return replace(self, verdict=verdict, ended=(*self.ended, stale))

    def excused_at(self, now: datetime) -> "PoolAssessed":
        """Return the pool as it is called at a time by its exemption: unknown once that has ended."""
        until, found = self.excused_until, self.verdict.findings
        if until is None or now - until <= GRACE or all(one.state is not State.EXEMPT for one in found):
            return self
        ended = f"The exemption ended at {until:%Y-%m-%d %H:%M} UTC, and no record says how it is since. Before: "
        findings = tuple(
            replace(one, state=State.UNKNOWN, reason="ExemptionExpired", message=ended + one.message, since=until)
            if one.state is State.EXEMPT
            else one
            for one in found
        )
        verdict = replace(self.verdict, findings=findings)
        if self.state is State.EXEMPT:
            verdict = replace(verdict, state=State.UNKNOWN, state_since=until)
        expired = tuple(new for new, old in zip(findings, found, strict=True) if new != old)
        return replace(self, verdict=verdict, ended=(*self.ended, *expired))


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a remediation, at one time."""

    outcome: OutcomeState
    message: str
    correlation: str
    """`x-ms-correlation-request-id`; empty if ARM gave none."""
    source: Source


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to bring a pool to compliance."""

    pool: str
    action: ActionKind
    mode: Mode
    rule: str
    source: Source
    """The intent, recorded before anything was sent."""
    method: Method = Method.UPDATE
    """What was sent: an update in place, or a part of a replacement."""
    target: str = ""
    """The twin, where it was sent to that."""
    steps: tuple[Step, ...] = ()
    """The answer, then the end of the operation; none: nobody knows yet."""
    parts: tuple[tuple[ReplacementPart, Source], ...] = ()
    """What was done for the replacement that it began, beside ARM's operations."""

    @property
    def latest(self) -> Source:
        """The record of its last word."""
        last = self.steps[-1].source if self.steps else self.source
        return self.parts[-1][1] if self.parts else last

    @property
    def ended(self) -> bool:
        """Say whether nothing more comes of it: AKS refused it, or all of it has ended, or nobody will know."""
        if self.parts:
            return self.parts[-1][0].stage is Part.ENDED
        return bool(self.steps) and self.steps[-1].outcome is not OutcomeState.ACCEPTED


class Activity(StrEnum):
    """What became of an open finding between two observations."""

    CREATE = "create"
    UPDATE = "update"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that was opened, became another one, or was closed."""

    activity: Activity
    pool: str
    """Empty for what concerns the whole cluster."""
    judgement: Judgement
    """As it is now; of a closed one, as it was last."""
    opened: Source
    """The observation that opened it."""
    source: Source
    """The observation that says so."""
    why: str = ""
    """Why it was closed."""
    mended: bool = False
    """It was closed because the check is content, not because there is nothing to check any more."""
    remediating: bool = False
    """An operation of the app's own was under way on the pool."""


@dataclass(frozen=True, slots=True)
class ClusterAssessed:
    """One cluster, from its chain of records."""

    cluster: ClusterId
    head: Head
    """Of the chain, as far as it could be read."""
    location: str = ""
    observed: Source | None = None
    """The last observation; None if there is none that can be read."""
    state: ComplianceState = State.UNKNOWN
    in_scope: bool = True
    gone: bool = False
    unreadable: Unreadable | None = None
    """Why the control plane could not be read at the last observation."""
    pools: tuple[PoolAssessed, ...] = ()
    findings: tuple[Judgement, ...] = ()
    """What concerns no single pool."""
    begins: int = 1
    """Number of the first record that is there: the ones before it are not in the pack."""
    faults: tuple[str, ...] = ()
    """What is wrong with its records, as sentences."""
    changes: tuple[Change, ...] = ()
    """Within the period, in their order."""
    attempts: tuple[Attempt, ...] = ()
    """Within the period, in their order."""
    policy: str = ""
    """SHA-256 of the policy's text that it was last judged by."""

    @property
    def judged(self) -> bool:
        """Say whether it has a state at all: it is there, and in the policy's scope."""
        return self.in_scope and not self.gone

    def as_of(self, now: datetime) -> "ClusterAssessed":
        """Return the cluster as it has to be called at a time."""
        pools = tuple(pool.as_of(now) for pool in self.pools) if self.judged else self.pools
        if pools == self.pools:
            return self
        state = worst([*(pool.state for pool in pools), *(one.state for one in self.findings)])
        return replace(self, pools=pools, state=state)
