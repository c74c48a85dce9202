"""What stands before everything that is sent: a place in the budget, and a last look at what could have stopped it."""

from dataclasses import dataclass

from shared.budget import change, read_budget
from shared.domain.breaker import tripped
from shared.domain.budget import Budget, Place
from shared.domain.ids import ClusterId
from shared.domain.model import Unreadable
from shared.domain.people import RequestKind
from shared.domain.places import taken
from shared.domain.planned import Action, Method
from shared.domain.policy_approval import unapproved
from shared.domain.refusals import Wanted
from shared.domain.rulebook import Rulebook
from shared.domain.throttle import WRITE_PACE, held, paced
from shared.ports import Clock, Policies, Table
from shared.requested import open_requests
from shared.rollout import Hold


@dataclass(frozen=True, slots=True)
class Fence:
    """What it takes to pass it, for one cluster."""

    policies: Policies
    rules: Rulebook
    """What the look judges by."""
    budget: Table
    clock: Clock
    cluster: ClusterId
    hold: Hold

    def reserve(self, action: Action, intent: str) -> Place | None:
        """Take a place in the budget, using up the approvals that the action needs; None if there is none any more.

        The parts of a replacement share one place, under the intent that it began with.
        """
        cluster, now = self.cluster, self.clock.now()
        intent = self.hold.memory.replacement.id if self.hold.memory.replacement else intent
        ring = next((ring for ring in self.rules.policy.rings if ring.name == action.ring), None)
        wanted = Wanted(cluster.key, action.pool, cluster.subscription, ring, action.nodes, action.skip_soak)
        nodes = 1 if action.nodes is None else action.nodes
        place = Place(intent, action.pool, cluster.subscription, nodes, now, stage=self.rules.policy.stage(ring))

        def decide(budget: Budget) -> Budget | None:
            if paced(budget, cluster.subscription, now):
                return None
            found = taken(budget, self.rules, wanted, place, action.approvals, now)
            sends = action.method not in (Method.ADOPT, Method.DRAIN)
            return held(found, cluster.subscription, now + WRITE_PACE, now) if found and sends else found

        found = change(self.budget, decide)
        return found.places[cluster.key] if found else None

    def is_open(self, action: Action) -> bool:
        """The fence: nothing is stopped, the rules are those judged and agreed to, the window is open, the lease ours.

        An abort that nobody has answered yet stops whatever pool of the cluster it names: it may be asked of the twin.

        The PUT that follows leaves within 20 s or not at all (shared/adapters/deadline.py), well before the lease's
        margin (60 s) is over; how long its answer takes does not matter.
        """
        current = self.policies.load()
        same = not isinstance(current, Unreadable) and not current.trouble and current.hash == self.rules.hash
        budget, aborted = read_budget(self.budget), self._aborts()
        # The time is asked last: what was read may have taken its own.
        policy, now = self.rules.policy, self.clock.now()
        late = action.before is not None and now >= action.before
        stopped = budget.paused or bool(tripped(budget, policy.disruption.breaker, now))
        held = aborted or unapproved(policy, budget, now)
        self.hold.check()
        return same and not late and not held and not stopped

    def _aborts(self) -> bool:
        return any(one.kind is RequestKind.ABORT for one in open_requests(self.budget, self.cluster))
