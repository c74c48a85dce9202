"""All that a plan is made from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.budget import Budget
from shared.domain.draining import Drained
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Unreadable
from shared.domain.posture import Posture
from shared.domain.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a plan is made from."""

    cluster: Cluster
    posture: Posture
    memory: Memory
    rules: Rulebook
    budget: Budget
    maintenance: tuple[MaintenanceConfiguration, ...] | Unreadable
    """The cluster's own maintenance configurations; none where the policy doesn't ask for them."""
    now: datetime
    poll: timedelta
    """How soon to come back while an operation of ours runs."""
    drained: Drained | Unreadable | None = None
    """What is left on the nodes of the pool that is being replaced; None if that was not read."""
    assuming: bool = False
    """Whether nothing is taken to run on a pool of which nobody has read what does: where one only guesses what would
    be done, never where it is done."""

    @property
    def slow_poll(self) -> timedelta:
        """How soon to come back for what others do: their operations, their places in the budget, lagging nodes."""
        return self.poll * 4

    @property
    def steady(self) -> timedelta:
        """How long pods that followed to a twin have to run before the old pool is deleted: five minutes by default.

        Where all else is made to go faster, that does.
        """
        return self.poll * 10

    @property
    def idle_poll(self) -> timedelta:
        """How soon to come back for a place in the budget or a ring: many clusters may wait for the same one."""
        return self.poll * 20
