"""Counts the fleet from what the postures say: by subscription and by ring, with what nobody could judge."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Counts, RingCount
from shared.domain.census import is_blank
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, ClusterRead
from shared.domain.policy import UNTOLD
from shared.domain.rulebook import Rulebook
from shared.ports import FleetHint
from shared.postures import PostureSummary, RingPart

_NOTHING = RingPart(0, 0)
_KEPT = 10
"""How many names of what nobody could judge the counts keep for people."""


class FleetCount:
    """Adds up the fleet's pools, by subscription and by ring, from what the postures say."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules
        self.clusters = 0
        self.unaddressed = 0
        self._unseen = 0
        self._names: list[str] = []
        self._anywhere = 0
        self._subscriptions: dict[str, int] = {}
        self._rings: dict[str, RingPart] = {}

    def addressed(self, hints: Iterable[FleetHint]) -> Iterator[tuple[ClusterId, FleetHint]]:
        """Yield the hints that name a cluster, with it, and count the others."""
        for hint in hints:
            if hint.cluster is None:
                self.unaddressed += 1
            else:
                yield hint.cluster, hint

    def posture(self, summary: PostureSummary, read: ClusterRead | None, now: datetime) -> None:
        """Count a cluster by its posture; `read` is what Resource Graph shows of it, None if nothing."""
        if summary.gone and read is None:
            return
        blank = is_blank(summary.state, summary.pools)
        by_others = summary.gone or summary.rules != self._rules.hash
        # Nor was one that could not be read: its rings are those of the policy that judged it last.
        if by_others or ((blank or summary.unread) and summary.in_scope):
            self._unjudged(read, summary.cluster)
            return
        if summary.in_scope:
            self._in(summary.cluster, summary.pools)
        for ring, part in summary.rings.items():
            late = part.pools - part.unproven if summary.overdue(now) else 0
            self._add(ring, replace(part, unproven=part.unproven + late, passing=part.passing + late))

    def unseen(self, cluster: ClusterId, read: ClusterRead) -> None:
        """Count a cluster that nobody has looked at."""
        self._unseen += 1
        if len(self._names) < _KEPT:
            self._names.append(cluster.arm_id)
        self._unjudged(read, cluster)

    def _unjudged(self, read: ClusterRead | None, cluster: ClusterId) -> None:
        """Count the pools of a cluster that today's rules have not judged: unproven, each in its ring of today."""
        policy = self._rules.policy
        if not isinstance(read, Cluster):
            self._anywhere += policy.may_cover(cluster)
        elif policy.covers(read):
            self._in(cluster, len(read.pools))
            # One that shows no pool may have any.
            self._anywhere += not read.pools
            for pool in read.pools:
                self._add(policy.ring_name(read, pool), RingPart(1, 1, 1))

    def _in(self, cluster: ClusterId, pools: int) -> None:
        self._subscriptions[cluster.subscription] = self._subscriptions.get(cluster.subscription, 0) + pools

    def _add(self, ring: str, part: RingPart) -> None:
        before = self._rings.get(ring, _NOTHING)
        self._rings[ring] = RingPart(
            before.pools + part.pools,
            before.unproven + part.unproven,
            before.passing + part.passing,
            min((end for end in (before.exempt_until, part.exempt_until) if end), default=None),
        )

    def result(self, now: datetime, closed: Collection[str]) -> Counts:
        """Return the counts; what could not be read at all may be in any ring, and keeps every one closed.

        `closed` are the subscriptions that nobody can read.
        """
        blind = len(closed) + self.unaddressed
        policy = self._rules.policy
        # A pool whose ring can't be told may be in any; one for which nothing is left to do keeps none closed.
        untold = self._rings.get(UNTOLD, _NOTHING).unproven
        anywhere, rings = blind + self._anywhere + untold, {}
        for ring in policy.rings:
            part, stage = self._rings.get(ring.name, _NOTHING), policy.stage(ring)
            unproven, unjudged = part.unproven + anywhere, part.passing + anywhere
            rings[ring.name] = RingCount(
                part.pools, unproven, None, unjudged, anywhere, stage, untold, part.exempt_until
            )
        total = sum(self._subscriptions.values())
        names = (*(f"subscription {each}" for each in closed), *self._names)[:_KEPT]
        everything = self._unseen + blind
        return Counts(
            now,
            total,
            self._subscriptions,
            rings,
            policy.hash,
            everything,
            self._rules.trouble,
            names,
            self._rules.exemptions.hash,
        )
