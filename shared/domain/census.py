"""Counts a fleet's pools by subscription and by ring as the resync does, one changed cluster at a time."""

from collections import Counter
from datetime import datetime

from shared.domain.budget import Counts, RingCount
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState, PoolPosture, Posture
from shared.domain.policy import UNTOLD, Policy

DONE = (ComplianceState.COMPLIANT, ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE)
"""States in which nothing is left to do."""


def is_done(pool: PoolPosture) -> bool:
    """Say whether a pool keeps no ring closed: nothing is left to do for it."""
    return pool.state in DONE


class Census:
    """What a resync would count now."""

    def __init__(self, policy: Policy, blind: int) -> None:
        """`blind` parts of the fleet can't be read: what is in them may be in any ring, and keeps every one closed."""
        self._policy, self._blind = policy, blind
        self._subscriptions: Counter[str] = Counter()
        self._rings: Counter[str] = Counter()
        self._unproven: Counter[str] = Counter()
        self._before: dict[str, Posture] = {}

    def count(self, cluster: ClusterId, posture: Posture) -> bool:
        """Count a cluster by its posture, in place of an earlier one; say whether that changes anything."""
        before = self._before.get(cluster.key)
        self._before[cluster.key] = posture
        after = _unproven(posture)
        if before is None:
            self._subscriptions[cluster.subscription] += len(posture.pools)
            self._rings.update(pool.ring for pool in posture.pools)
        elif _unproven(before) == after:
            return False
        else:
            self._unproven.subtract(_unproven(before))
        self._unproven.update(after)
        return True

    def counts(self, at: datetime) -> Counts:
        """Return the counts as those of a resync at a time."""
        # A pool whose ring can't be told may be in any.
        unseen = self._blind + self._rings[UNTOLD]
        rings = {
            ring.name: RingCount(
                self._rings[ring.name],
                self._unproven[ring.name] + unseen,
                unseen=unseen,
                stage=self._policy.stage(ring),
            )
            for ring in self._policy.rings
        }
        total = self._subscriptions.total()
        return Counts(at, total, dict(self._subscriptions), rings, self._policy.hash, self._blind)


def _unproven(posture: Posture) -> Counter[str]:
    return Counter(pool.ring for pool in posture.pools if not is_done(pool))
