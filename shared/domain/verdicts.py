"""The parts of an observation record: what the control plane said, what the nodes say, and what was decided.

What the control plane says (implementation) and what the nodes say (effectiveness) stay apart, and so do `FIPS is
enabled` and `its modules are validated`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.domain.model import Cluster, ComplianceState, Mode, ProofLevel, Unreadable, worst
from shared.domain.modules import Renewal, Standard, Standing, Status, standing, worst_standing
from shared.domain.planned import Action, Deferral


class Aspect(StrEnum):
    """Whose word a finding goes by."""

    IMPLEMENTATION = "implementation"
    """The control plane's."""
    EFFECTIVENESS = "effectiveness"
    """The nodes'."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the control plane said, as it was judged: exactly one of the three."""

    cluster: Cluster | None = None
    """The cluster with its pools and their eTags; `body` of a pool is as ARM gave it."""
    unreadable: Unreadable | None = None
    """Why it could not be read."""
    gone: bool = False
    """ARM said that it does not exist."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of one check."""

    check: str
    """Name of the check."""
    aspect: Aspect
    state: ComplianceState
    reason: str
    """CamelCase code."""
    message: str
    """A sentence that says what was seen and what to do."""
    since: datetime | None
    """Since when the check has had this reason."""
    exemption: str = ""
    """Name of the exemption that excuses it; empty if none does."""
    exempt_until: datetime | None = None
    """When that one ends; null if none excuses it, and where a version did not say so."""


def worst_of(findings: Iterable[Judgement], aspect: Aspect) -> ComplianceState:
    """Return the worst of the findings that go by one side's word."""
    return worst([one.state for one in findings if one.aspect is aspect])


@dataclass(frozen=True, slots=True)
class Implementation:
    """What the control plane says of a pool."""

    state: ComplianceState
    """The worst of the findings that go by it."""
    enabled: bool | None
    """`enableFIPS`; null if it is missing or no boolean. Whether the modules are validated is another thing."""
    os_type: str
    os_sku: str
    node_image: str
    """`nodeImageVersion`; empty if ARM gave none."""
    kubernetes_version: str
    provisioning_state: str
    """ARM's word."""
    etag: str
    """ARM's eTag of the pool at the read; empty if ARM gave none."""


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """What the nodes of a pool say; the record that holds the proof has each node's word."""

    state: ComplianceState
    """The worst of the findings that go by it; `not_applicable` if the nodes are not asked."""
    at: datetime | None = None
    """When the nodes were asked; null if there is no proof."""
    level: ProofLevel | None = None
    """How deep."""
    proof: str = ""
    """Id of the proof, if pods took it."""
    record: int = 0
    """Number of the record in the same chain that holds it; 0 if there is none."""
    nodes: int = 0
    """How many nodes said yes or no."""
    disagreeing: int = 0
    """How many of them are not as the control plane says."""
    missing: int = 0
    """How many there should be that were not seen, are not ready or did not answer."""
    sampled: int = 0
    """How many were asked where some speak for all; 0: all were."""
    unreadable: str = ""
    """Why the nodes could not be asked, as `Reason: message`; empty if they could."""
    max_age: timedelta | None = None
    """How old the proof may be, by the rule that applied; null where a version did not say so."""


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """One certificate of NIST's Cryptographic Module Validation Program (CMVP), and what it is worth."""

    module: str
    """Name of the module, with its version."""
    number: str
    """Such as `#4794`."""
    standard: Standard
    """The edition of FIPS 140."""
    status: Status
    """As listed on the day of the edition."""
    sunset: date | None
    """The day on which it becomes historical; null: not known."""
    renewal: Renewal
    """What is known of a longer life."""
    standing: Standing
    """What it was worth on the day of the record."""
    source: str
    """Where the edition has it from."""

    def as_of(self, day: date) -> "CertificateSeen":
        """Return it as it stands on a later day, by what the record says of it: worse, or the same."""
        worst = worst_standing((self.standing, standing(self, day)))
        return self if worst is self.standing else replace(self, standing=worst)


@dataclass(frozen=True, slots=True)
class ModulesSeen:
    """Whether the modules in a node image are validated: never whether FIPS is enabled."""

    edition: date
    """The day of the lists that the data file was taken from."""
    release: str
    """What the image contains, such as `Azure Linux 3.0`; empty if its name is not known."""
    standing: Standing
    """The worst of the certificates; `unknown` if none is known."""
    certificates: tuple[CertificateSeen, ...] = ()

    def as_of(self, day: date) -> "ModulesSeen":
        """Return them as they stand on a later day."""
        seen = tuple(one.as_of(day) for one in self.certificates)
        worst = worst_standing((self.standing, *(one.standing for one in seen)))
        return (
            self
            if (worst, seen) == (self.standing, self.certificates)
            else replace(self, standing=worst, certificates=seen)
        )


@dataclass(frozen=True, slots=True)
class PoolVerdict:
    """The verdict on one pool."""

    pool: str
    state: ComplianceState
    """The worst of its findings."""
    findings: tuple[Judgement, ...]
    mode: Mode
    """How far the policy lets the app go."""
    rule: str
    """Name of the policy's rule that applied; `default` if none did."""
    line: int
    """Where that rule stands in the policy; 0 for what is at its top."""
    ring: str
    """Name of the pool's ring; empty if it is in none."""
    since: datetime
    """When state and reason became what they are."""
    implementation: Implementation | None
    """Null if this look could not read the pool: the findings are then those of an earlier one."""
    effectiveness: Effectiveness
    modules: ModulesSeen | None
    """Null if this look could not read the pool."""
    state_since: datetime | None = None
    """When the state became what it is, whatever the reasons since."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a cluster."""

    at: datetime
    state: ComplianceState
    """The worst of the pools' and of the cluster's own findings."""
    pools: tuple[PoolVerdict, ...]
    cluster_findings: tuple[Judgement, ...] = ()
    """What concerns no single pool."""
    in_scope: bool = True
    """False if the policy excludes the cluster: it then has no state."""
    strays: int = 0
    """Number of the record in the same chain that holds what was known of nodes outside every pool; 0 if there is none,
    and where a version did not say so."""


@dataclass(frozen=True, slots=True)
class Told:
    """An owner was told that a reimage comes; who that is stands in no record."""

    pool: str
    until: datetime
    """When it may begin."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a look was to do: at most one action, and why the other due steps wait."""

    action: Action | None
    deferrals: tuple[Deferral, ...]
    requeue_after: timedelta | None
    """When the cluster was to be looked at again; null: the resync is soon enough."""
    notices: tuple[Told, ...] = ()
