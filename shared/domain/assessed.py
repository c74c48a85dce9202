"""What evidence records say of one cluster and of each of its node pools.

Implementation (the control plane's word) and effectiveness (the nodes') stay apart, and so do `FIPS is on` and `the
modules are validated`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.bodies import Part
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
SILENT = timedelta(hours=26)
"""How long the records may say nothing before the app counts as stopped: a manifest comes once a day."""
_UNASKED = ("NoNodes", "Stopped")
"""Reasons for which a pool needs no proof: there is nobody to ask."""


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
    """From when on it is too old, by the rule that its pool was judged by, or by default; None if it has no end."""

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
    ends: datetime | None = None
    """When what the nodes said is too old; None if no record says when they were asked."""
    assumed: bool = False
    """No record says how old that may be: the policy language's default is taken."""

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.verdict.pool

    @property
    def state(self) -> ComplianceState:
        """The state of the verdict."""
        return self.verdict.state

    @property
    def findings(self) -> tuple[Judgement, ...]:
        """The findings of the verdict."""
        return self.verdict.findings

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
        """Return the pool as it has to be called at a time: unknown, where what its verdict rests on has ended."""
        findings = tuple(self._as_of(one, now) for one in self.verdict.findings)
        if findings == self.verdict.findings:
            return self
        state = worst([one.state for one in findings])
        since = max((one.since for one in findings if one.state is state and one.since), default=self.since)
        verdict = replace(self.verdict, state=state, findings=findings)
        return replace(self, verdict=verdict if state is self.state else replace(verdict, state_since=since))

    def _as_of(self, found: Judgement, now: datetime) -> Judgement:
        if found.state is State.EXEMPT:
            return unexcused(found, now)
        if (found.check, found.state) != ("proof", State.COMPLIANT) or found.reason in _UNASKED:
            return found
        expires = self.ends
        if expires and now <= expires + GRACE:
            return found
        message = (
            f"The nodes' proof ended at {expires:%Y-%m-%d %H:%M} UTC, and no record holds a newer one."
            if expires
            else "No record says when the nodes' proof ends."
        )
        return replace(found, state=State.UNKNOWN, reason="ProofExpired", message=message, since=expires or found.since)

    def silent(self, why: Judgement) -> "PoolAssessed":
        """Return the pool of a cluster that nobody looks at any more: what was well there is unknown."""
        if self.state not in (State.COMPLIANT, State.EXEMPT):
            return self
        still = tuple(one for one in self.findings if one.state in OPEN)
        verdict = replace(
            self.verdict,
            state=State.UNKNOWN,
            findings=(why, *still),
            implementation=None,
            modules=None,
            state_since=why.since,
        )
        return replace(self, verdict=verdict)


def unexcused(found: Judgement, now: datetime) -> Judgement:
    """Return a finding as it has to be called at a time: unknown, where the exemption that excuses it has ended."""
    ends = found.exempt_until
    if found.state is not State.EXEMPT or (ends and now < ends):
        return found
    message = (
        f"The exemption `{found.exemption}` ended at {ends:%Y-%m-%d %H:%M} UTC, and nobody has judged since."
        if ends
        else "No record says when its exemption ends."
    )
    return replace(found, state=State.UNKNOWN, reason="ExemptionEnded", message=message, since=ends or found.since)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a remediation, at one time."""

    outcome: OutcomeState | Part
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
    steps: tuple[Step, ...] = ()
    """The answer, then the end of the operation; none: nobody knows yet. Of a replacement all its parts, too."""
    method: Method = Method.UPDATE
    """What is sent to ARM."""
    target: str = ""
    """The node pool that it is sent to, where that is not `pool`: its twin."""

    @property
    def what(self) -> str:
        """Say what is done, and to what: an update in place, or a part of a replacement."""
        said = str(self.action).replace("_", " ")
        whom = {Method.CREATE: f": create the twin {self.target}", Method.ADOPT: f": adopt the twin {self.target}"}
        end = whom.get(self.method, f": {self.method} {self.target or self.pool}")
        return said if self.method is Method.UPDATE else f"{said}{end}"

    @property
    def latest(self) -> Source:
        """The record of its last word."""
        return self.steps[-1].source if self.steps else self.source

    @property
    def ended(self) -> bool:
        """Say whether nothing more comes of it: AKS refused it, or its operation has ended, or nobody will know."""
        if not self.steps:
            return False
        last = self.steps[-1].outcome
        if self.method in (Method.CREATE, Method.ADOPT) and last is OutcomeState.SUCCEEDED:
            # The twin is there; its pool is still to be drained and deleted.
            return False
        return last is Part.ENDED or last not in (OutcomeState.ACCEPTED, *Part)


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
    heard: datetime | None = None
    """When its last record was written."""

    @property
    def judged(self) -> bool:
        """Say whether it has a state at all: it is there, and in the policy's scope."""
        return self.in_scope and not self.gone

    def as_of(self, now: datetime, heard: datetime | None = None) -> "ClusterAssessed":
        """Return the cluster as it has to be called at a time; `heard` is when the app wrote its last manifest."""
        if not self.judged or self.observed is None:
            return self
        # A clock that was wrong may have written what is still to come: that is no sign of life.
        told = [at for at in (heard, self.heard, self.observed.at) if at and at <= now + GRACE]
        last = max(told, default=now - 2 * SILENT)
        if self.unreadable is None and now - last > SILENT:
            return self._silent(last, now)
        pools = tuple(pool.as_of(now) for pool in self.pools)
        return self._with(pools, tuple(unexcused(one, now) for one in self.findings))

    def _silent(self, last: datetime, now: datetime) -> "ClusterAssessed":
        message = f"The app has written nothing since {last:%Y-%m-%d %H:%M} UTC: nobody has renewed the verdict."
        since = last + SILENT
        why = Judgement(READABLE, Aspect.IMPLEMENTATION, State.UNKNOWN, "NotRenewed", message, since)
        found = self._with(tuple(pool.as_of(now).silent(why) for pool in self.pools), (*self.findings, why))
        return replace(found, unreadable=Unreadable("NotRenewed", message, None))

    def _with(self, pools: tuple[PoolAssessed, ...], findings: tuple[Judgement, ...]) -> "ClusterAssessed":
        """Return the cluster with what a time has made of it; each finding that this opened is a change, too."""
        if (pools, findings) == (self.pools, self.findings) or self.observed is None:
            return self
        before = [*(("", one) for one in self.findings), *((p.name, one) for p in self.pools for one in p.findings)]
        after = [("", one) for one in findings]
        after += [(pool.name, one) for pool in pools for one in pool.findings if one.check != READABLE]
        opened = (_opened(pool, one, self.observed) for pool, one in after if (pool, one) not in before)
        states = [*(pool.state for pool in pools), *(one.state for one in findings)]
        return replace(self, pools=pools, findings=findings, state=worst(states), changes=(*self.changes, *opened))


def _opened(pool: str, found: Judgement, observed: Source) -> Change:
    """Return the change by which time alone opened a finding."""
    told = replace(observed, at=found.since or observed.at)
    return Change(Activity.CREATE, pool, found, told, told)
