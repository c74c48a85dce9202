"""Verdicts: findings, of which the worst decides what a pool and a cluster are."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.model import ComplianceState, Mode


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check on one node pool (or on the cluster)."""

    check: str
    """Name of the check."""
    state: ComplianceState
    reason: str
    """CamelCase code."""
    message: str
    """A sentence that says what was seen and what to do."""
    since: datetime | None = None
    """Since when the check has had this reason; None where nobody compared it with an earlier verdict."""
    nodes: tuple[str, ...] = ()
    """Names of the nodes that say no, if any do: people are told of each further one."""
    exemption: str = ""
    """Name of the exemption that excuses it; empty if none does."""
    exempt_until: datetime | None = None
    """When that one ends."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was open on a pool when its cluster was read last: it is known, not mended, and nobody judges by it."""

    state: ComplianceState
    findings: tuple[Finding, ...]
    """Those that were open."""
    since: datetime
    state_since: datetime


@dataclass(frozen=True, slots=True)
class PoolPosture:
    """The verdict on one pool."""

    pool: str
    state: ComplianceState
    """The worst of its findings."""
    findings: tuple[Finding, ...]
    """In the order of the checks, at least one."""
    mode: Mode
    rule: str
    """Name of the policy's rule that applied; `default` if none did."""
    line: int
    """Where that rule stands in the policy; 0 for what is at its top."""
    ring: str
    """Name of the pool's ring; empty if it is in none."""
    since: datetime
    """When the pool's state and reason became what they are."""
    channels: tuple[str, ...] = ()
    """Names of the channels that are told about it; none: all."""
    state_since: datetime | None = None
    """When its state became what it is, whatever the reasons since; None in rows of versions that did not say so."""
    proof_age: int | None = None
    """How many seconds old the nodes' proof may be, by the rule that applied; None in old rows."""
    earlier: Earlier | None = None
    """Only while its cluster can't be read; None if nothing was open then."""

    @property
    def decisive(self) -> Finding:
        """The finding that made the state: the first of the worst, or the one that went deepest if all is well."""
        found = [finding for finding in self.findings if finding.state == self.state]
        return found[-1] if self.state is ComplianceState.COMPLIANT else found[0]


@dataclass(frozen=True, slots=True)
class Posture:
    """The verdict on a cluster at one time."""

    at: datetime
    state: ComplianceState
    """The worst of the pools' and of the cluster's own findings."""
    pools: tuple[PoolPosture, ...]
    cluster_findings: tuple[Finding, ...] = ()
    """What concerns no single pool, such as a cluster that could not be read."""
    in_scope: bool = True
    """False if the policy excludes the cluster: it then has no state."""
    earlier: tuple[Finding, ...] = ()
    """What was open of the cluster itself when it was read last; only while it can't be read."""
    last_read: datetime | None = None
    """When that was, as far as a posture says; None where the cluster could be read, and where none says it."""
