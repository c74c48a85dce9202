"""What evidence records say of one cluster."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.assessed import NO_DATE, READABLE, Due, PoolAssessed, Source
from shared.domain.attempts import Attempt
from shared.domain.changes import Change
from shared.domain.exemptions import Exemption
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState, Unreadable, worst
from shared.domain.model import ComplianceState as State
from shared.domain.outlived import unexcused
from shared.domain.records import Head
from shared.domain.verdicts import Aspect, Judgement


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
    was: tuple[Judgement, ...] = ()
    """What concerned no single pool and was open when it was read last; only where it could not be read since."""
    read: Source | None = None
    """The observation that says so; None if it is not among the records."""
    last_read: datetime | None = None
    """When that was; None where it could be read, and where no record says it."""
    owner: str = ""
    """Who answers for what concerns no single pool; empty if nobody is named."""
    due: Due = NO_DATE
    exemption: Exemption | None = None
    """The one that excuses some of it; None if none does, or its text is not among the records."""
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
    vouched: bool = True
    """A manifest, or a head that the app or the pack remembers, names its chain."""
    unanchored: int = 0
    """How many of its records lie behind the last manifest that names its chain: no manifest vouches for them yet."""
    named: bool = True
    """A manifest names its chain."""
    unwatched: datetime | None = None
    """When a look was due of which nothing says whether it came; None: the fleet's snapshot, or a record, says it."""

    @property
    def judged(self) -> bool:
        """Say whether it has a state at all: it is there, and in the policy's scope."""
        return self.in_scope and not self.gone

    @property
    def beside(self) -> tuple[Judgement, ...]:
        """What is known of itself beside its pools, such as nodes outside them; that it can't be read, they tell."""
        own = (one for one in self.findings if not (self.unreadable and one.check == READABLE))
        return (*own, *self.was)

    def as_of(self, now: datetime, absent: Judgement | None) -> "ClusterAssessed":
        """Return the cluster as it has to be called at a time; `absent` says why nobody renews its verdicts."""
        if not self.judged or self.observed is None:
            return self
        pools = tuple(pool.as_of(now) for pool in self.pools)
        findings = tuple(unexcused(one, now) for one in self.findings)
        if self.unreadable:
            return replace(self._with(pools, findings), was=tuple(unexcused(one, now) for one in self.was))
        if absent is None:
            return self._with(pools, findings)
        found = self._with(tuple(pool.silent(absent) for pool in pools), (*findings, absent))
        return replace(found, unreadable=Unreadable(absent.reason, absent.message, None))

    def unvouched(self) -> "ClusterAssessed":
        """Return the cluster of whose chain nobody knows: whoever wrote it, what it calls well is unknown."""
        if self.observed is None or not self.judged:
            return replace(self, vouched=False)
        message = (
            "No manifest names the chain of its records, and nobody remembers its head: who wrote them is not known."
        )
        why = Judgement(READABLE, Aspect.IMPLEMENTATION, State.UNKNOWN, "NotVouched", message, self.observed.at)
        found = self._with(tuple(pool.silent(why) for pool in self.pools), (*self.findings, why))
        return replace(found, vouched=False, unreadable=Unreadable(why.reason, message, None))

    def _with(self, pools: tuple[PoolAssessed, ...], findings: tuple[Judgement, ...]) -> "ClusterAssessed":
        if (pools, findings) == (self.pools, self.findings):
            return self
        states = [*(pool.state for pool in pools), *(one.state for one in findings)]
        return replace(self, pools=pools, findings=findings, state=worst(states))
