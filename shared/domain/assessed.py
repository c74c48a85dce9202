"""What evidence records say of one node pool.

Implementation (the control plane's word) and effectiveness (the nodes') stay apart, and so do `FIPS is on` and `the
modules are validated`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.exemptions import Exemption
from shared.domain.model import OPEN, ComplianceState, ProofLevel, worst
from shared.domain.model import ComplianceState as State
from shared.domain.outlived import lasting, unexcused
from shared.domain.proven import Proof
from shared.domain.unjudged import belied
from shared.domain.verdicts import Aspect, Implementation, Judgement, ModulesSeen, PoolVerdict, worst_of

READABLE = "readable"
"""The check that says why nothing else could be checked."""
_NOT_ON = {("flag", "FipsDisabled"), ("image", "ImageNotFips"), ("proof", "NodesDisagree")}
"""Checks with reasons that say that FIPS is not in effect, whatever the switch says and whoever excuses it."""


@dataclass(frozen=True, slots=True)
class Source:
    """The evidence record that something is from."""

    name: str
    """Its blob, or its file in a pack: `<chain>/<number>.json`."""
    hash: str
    """SHA-256 of its bytes."""
    at: datetime
    """When it was written, by the app's clock."""
    look: str = ""
    """Id of the look that wrote it; empty where none did."""
    behind: bool = False
    """No manifest vouches for it yet: it lies behind the last one that names its chain."""


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
    judged: bool = False
    """Its pool's last verdict goes by it; else the verdict goes by an older one."""

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


def ends_with(exemption: Exemption, ends: datetime) -> Due:
    """Return the due date of what an exemption excuses."""
    return Due(ends, f"the exemption `{exemption.name}` is over")


@dataclass(frozen=True, slots=True)
class PoolAssessed:
    """One node pool."""

    verdict: PoolVerdict
    source: Source
    """The observation that holds the verdict."""
    implementation: Implementation | None = None
    """What the control plane said when the pool was last read; None if it never was."""
    read: Source | None = None
    """The observation that it is from: an older one, if the cluster can't be read any more."""
    modules: ModulesSeen | None = None
    """Whether the modules of its image are validated, as of that record; None if that was never read."""
    proof: ProofSeen | None = None
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
    was: "PoolAssessed | None" = None
    """How it was when its cluster was read last; only where it could not be read since: the state is then unknown."""

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
    def on(self) -> bool | None:
        """Say whether FIPS is in effect: by the switch, the image and the nodes; None: too little is known.

        On Windows the switch settles nothing, and only what the nodes say counts.
        """
        if self.was:
            # It can't be read. That it was off is known, and nobody has seen it mended; that it was on proves nothing.
            return False if self.was.on is False else None
        said, seen = self.implementation, {(one.check, one.reason) for one in self.findings}
        if said is None or any(check == READABLE for check, _ in seen):
            return None
        if seen & _NOT_ON:
            return False
        if any(_leaves_open(one) for one in self.findings):
            return None
        if said.os_type != "Windows":
            return said.enabled
        return any(one.check == "proof" for one in self.findings) or None

    @property
    def behind(self) -> bool:
        """Say whether it rests on a record that no manifest vouches for yet."""
        return any(one.behind for one in (self.source, self.read, self.proof and self.proof.source) if one)

    @property
    def known(self) -> ComplianceState:
        """The state, or the one that was bad when its cluster was read last: nobody has seen it mended since."""
        was = self.was.state if self.was else State.UNKNOWN
        return self.state if was in (State.UNKNOWN, State.COMPLIANT, State.NOT_APPLICABLE) else was

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
        return worst_of(self.verdict.findings, aspect)

    def as_of(self, now: datetime) -> "PoolAssessed":
        """Return the pool as it has to be called at a time: what its verdict rests on has ended, or been belied."""
        if self.was:
            # Of what was known, time ends the excuses: what was well is unknown already, with its cluster.
            was = self.was.with_findings(tuple(unexcused(one, now) for one in self.was.findings))
            return replace(self, was=was)
        modules = self.modules.as_of(now.date()) if self.modules else None
        asked = self.proof.proof.at if self.proof else self.verdict.effectiveness.at
        known = (self._newest(one) for one in self.verdict.findings)
        findings = tuple(lasting(one, now, modules, asked, self.ends) for one in known)
        return replace(self, modules=modules).with_findings(findings)

    def with_findings(self, findings: tuple[Judgement, ...]) -> "PoolAssessed":
        """Return the pool with its findings as they have to be called at a time, and with the state that they make."""
        if findings == self.findings:
            return self
        state = worst([one.state for one in findings])
        since = max((one.since for one in findings if one.state is state and one.since), default=self.since)
        verdict = replace(self.verdict, state=state, findings=findings)
        dated = verdict if state is self.state else replace(verdict, state_since=since)
        return replace(self, verdict=dated)

    def lost(self, why: Judgement) -> "PoolAssessed":
        """Return the pool of a cluster that could not be read any more, and as it was."""
        since = why.since or self.verdict.since
        verdict = replace(
            self.verdict,
            state=State.UNKNOWN,
            findings=(why,),
            since=since,
            state_since=since,
            implementation=None,
            modules=None,
        )
        return replace(self, verdict=verdict, was=self)

    def _newest(self, found: Judgement) -> Judgement:
        """Return a finding after what the nodes have said since it was judged."""
        new = self.proof if self.proof and not self.proof.judged else None
        return belied(found, new.proof, new.source.at) if new else found

    def before(self, look: str) -> "PoolAssessed":
        """Return the pool without what nodes have told a look that has not judged it yet."""
        asked = self.proof and not self.proof.judged and self.proof.source.look == look
        return replace(self, proof=None) if asked else self

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


def _leaves_open(found: Judgement) -> bool:
    """Say whether a finding leaves it open whether FIPS is in effect; an excuse settles nothing."""
    if found.check in ("legible", "settled", "image", "proof"):
        return found.state not in (State.COMPLIANT, State.NOT_APPLICABLE)
    return found.state is State.UNKNOWN and found.check != "modules"
