"""Counts a fleet's pools by subscription and by ring as the resync does, one changed cluster at a time."""

from collections import Counter
from datetime import datetime

from shared.domain.budget import Counts, RingCount
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.policy import UNTOLD
from shared.domain.posture import PoolPosture, Posture
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.rulebook import Rulebook

DONE = (ComplianceState.COMPLIANT, ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE)
"""States in which nothing is left to do."""
_PASSING = frozenset(
    {
        "OperationInProgress",
        "ProofMissing",
        "WindowsProofMissing",
        "ProofSettling",
        "NodesMissing",
        NODES_UNREADABLE,
    }
)
"""Reasons why a pool is unknown that pass by themselves: AKS works on it, or its nodes are asked in a moment."""


def is_done(pool: PoolPosture) -> bool:
    """Say whether a pool keeps no ring closed: nothing is left to do for it."""
    return pool.state in DONE


def passes(pool: PoolPosture) -> bool:
    """Say whether all that keeps a pool from being done passes by itself: its ring is closed for now, and soaks on."""
    unknown = [one for one in pool.findings if one.state is ComplianceState.UNKNOWN]
    passing = all(one.reason in _PASSING or one.check == "readable" for one in unknown)
    return pool.state is ComplianceState.UNKNOWN and bool(unknown) and passing


def is_blank(state: ComplianceState, pools: int) -> bool:
    """Say whether a cluster shows no pool and is not judged by anything else: it may have any, in any ring."""
    return state is ComplianceState.UNKNOWN and not pools


def exempt_until(pool: PoolPosture) -> datetime | None:
    """Return when a pool that is done is not done any more: the end of the first exemption that it rests on."""
    return min((one.exempt_until for one in pool.findings if is_done(pool) and one.exempt_until), default=None)


class Census:
    """What a resync would count now."""

    def __init__(self, rules: Rulebook, blind: int, hidden: int = 0) -> None:
        """`blind` parts of the fleet can't be read: what is in them may be in any ring, and keeps every one closed.

        So do the `hidden` ones that the app could not judge at its last resync: they may be the same ones.
        """
        self._rules, self._blind, self._hidden = rules, blind, hidden
        self._subscriptions: Counter[str] = Counter()
        self._rings: Counter[str] = Counter()
        self._open: Counter[tuple[str, bool]] = Counter()
        """Pools that are not done: by ring, and whether all that is wrong passes by itself."""
        self._blank = 0
        self._before: dict[str, Posture] = {}

    @property
    def anywhere(self) -> int:
        """How many parts of the fleet may hold pools of any ring, clusters that show no pool among them."""
        return max(self._blind + self._blank, self._hidden)

    def count(self, cluster: ClusterId, posture: Posture) -> bool:
        """Count a cluster by its posture, in place of an earlier one; say whether that changes anything."""
        before = self._before.get(cluster.key)
        self._before[cluster.key] = posture
        after = _not_done(posture)
        self._blank += _blank(posture) - (before is not None and _blank(before))
        if before is None:
            self._subscriptions[cluster.subscription] += len(posture.pools)
            self._rings.update(pool.ring for pool in posture.pools)
        elif (_not_done(before), _blank(before)) == (after, _blank(posture)):
            return False
        else:
            self._open.subtract(_not_done(before))
        self._open.update(after)
        return True

    def counts(self, at: datetime) -> Counts:
        """Return the counts as those of a resync at a time."""
        # A pool whose ring can't be told may be in any; one for which nothing is left to do keeps none closed.
        untold, policy = self._open[UNTOLD, True] + self._open[UNTOLD, False], self._rules.policy
        unseen = self.anywhere + untold
        rings = {
            ring.name: RingCount(
                self._rings[ring.name],
                self._open[ring.name, True] + self._open[ring.name, False] + unseen,
                unjudged=self._open[ring.name, True] + unseen,
                unseen=unseen,
                stage=policy.stage(ring),
                untold=untold,
            )
            for ring in policy.rings
        }
        total = self._subscriptions.total()
        subscriptions, exemptions = dict(self._subscriptions), self._rules.exemptions.hash
        return Counts(at, total, subscriptions, rings, policy.hash, self.anywhere, exemptions=exemptions)


def _blank(posture: Posture) -> bool:
    return posture.in_scope and is_blank(posture.state, len(posture.pools))


def _not_done(posture: Posture) -> Counter[tuple[str, bool]]:
    return Counter((pool.ring, passes(pool)) for pool in posture.pools if not is_done(pool))
