"""What a forecast is made from, and what its play keeps of each cluster."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.budget import Budget
from shared.domain.ids import ClusterId
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Unreadable
from shared.domain.pace import Pace
from shared.domain.planned import ActionKind
from shared.domain.posture import Finding, Posture
from shared.domain.rulebook import Rulebook

Maintenance = tuple[MaintenanceConfiguration, ...] | Unreadable
"""A cluster's own maintenance configurations."""


@dataclass(frozen=True, slots=True)
class Known:
    """One cluster as a forecast finds it."""

    cluster: Cluster
    memory: Memory = field(default_factory=Memory)
    """What the app remembers of it."""
    maintenance: Maintenance = ()
    """Its own maintenance configurations; only needed where the policy asks for them."""
    proven: bool = False
    """The app has proven its pools, so that it is no assumption that their nodes agree."""


@dataclass(frozen=True, slots=True)
class Start:
    """All that a forecast is made from."""

    fleet: tuple[Known, ...]
    """Each cluster once, in any order."""
    rules: Rulebook
    budget: Budget
    pace: Pace
    now: datetime
    until: datetime
    unread: int = 0
    """How many clusters in scope can't be read: nothing is known of their pools."""
    blind: int = 0
    """How many parts of the fleet can't be read, those clusters among them: they keep every ring from being done."""
    hidden: int = 0
    """How many the app could not judge at its last resync, some of those perhaps among them: they do so, too."""
    approved: bool = False
    """It is assumed that whatever waits for an approval has it at once: the policy's text, and each step."""

    def agreed(self) -> "Start":
        """Return what is played: where approvals are assumed, by rules that ask for none."""
        if not self.approved:
            return self
        rules = replace(self.rules, policy=self.rules.policy.agreed())
        return replace(self, rules=rules, budget=replace(self.budget, guarded=False))


@dataclass(frozen=True, slots=True)
class Aside:
    """What is to be said of a cluster and belongs to none of its pools."""

    cluster: ClusterId
    finding: Finding


@dataclass(frozen=True, slots=True)
class Remediation:
    """One remediation that the forecast has begun."""

    cluster: ClusterId
    pool: str
    ring: str
    """Empty if the pool is in none."""
    kind: ActionKind
    nodes: int
    began: datetime
    ends: datetime


@dataclass(slots=True)
class Actor:
    """A cluster in the play."""

    cluster: Cluster
    memory: Memory
    maintenance: Maintenance
    posture: Posture
    generation: int = 0
    """Grows whenever its steps are queued anew or one is begun: what was queued before is void."""
