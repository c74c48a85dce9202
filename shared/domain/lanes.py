"""The queue of a forecast: steps that would be taken once the budget and the windows let them, the safest first.

Steps that the same limits concern stand in one lane, so that what holds back its head holds back the whole lane:
of thousands that wait only a few are asked for whenever something changes.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from shared.domain.refusals import Wanted, canary_of
from shared.domain.situation import Situation
from shared.domain.stage import Actor
from shared.domain.steps import Step
from shared.domain.timing import is_new
from shared.domain.waits import wanted

Order = tuple[int, bool, int, str, str]
"""Place of the ring, whether the size is unknown, size, cluster, pool: the smaller, the safer."""


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A step that waits for its turn."""

    order: Order
    wanted: Wanted = field(compare=False)
    generation: int = field(compare=False)
    """That of its cluster when it was queued: another one makes it void."""


def candidate(actor: Actor, situation: Situation, step: Step) -> Candidate:
    """Return a step as it waits for its turn: the order is that of `steps.due`, over the whole fleet."""
    place = wanted(situation, step)
    rings = [ring.name for ring in situation.rules.policy.rings]
    number = rings.index(place.ring.name) if place.ring else len(rings)
    size = (place.nodes or 0) * 2 + (step.pool.mode != "User")
    order = (number, step.pool.count is None, size, place.cluster, place.pool)
    return Candidate(order, place, actor.generation)


def lane_key(actor: Actor, situation: Situation, step: Step) -> Hashable:
    """Return what all steps of a lane have in common; a new pool, or a canary, has limits of its own."""
    place, settings = wanted(situation, step), step.subject.settings
    ring = place.ring.name if place.ring else ""
    canary = canary_of(situation.budget, situation.rules.policy, place.ring) if place.ring else None
    alone = bool(settings.new_pools.skip) and is_new(step.subject)
    alone = alone or (canary is not None and (canary.cluster, canary.pool) == (place.cluster, place.pool))
    maintenance = actor.maintenance if settings.cluster_maintenance else None
    own = (place.cluster, place.pool) if alone else None
    return ring, place.subscription, settings.windows, settings.blackouts, maintenance, own


@dataclass(slots=True)
class Lane:
    """Steps that the same limits concern."""

    number: int
    queue: list[Candidate] = field(default_factory=list)
    """A heap."""
    resting: bool = False
    """Nothing in it can be taken until it is woken."""
    offered: Order | None = None
    """By which head it may be chosen; None while it may not."""


class Lanes:
    """All lanes; the one with the safest step comes first."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, Lane] = {}
        self._numbered: list[Lane] = []
        self._ready: list[tuple[Order, int]] = []

    def put(self, key: Hashable, candidate: Candidate) -> None:
        """Queue a step in the lane of a key."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(len(self._numbered))
            self._numbered.append(lane)
        heappush(lane.queue, candidate)
        if lane.queue[0] is candidate:
            self.offer(lane)

    def offer(self, lane: Lane) -> None:
        """Let a lane be chosen (again)."""
        if lane.queue and not lane.resting and lane.offered != lane.queue[0].order:
            lane.offered = lane.queue[0].order
            heappush(self._ready, (lane.queue[0].order, lane.number))

    def next(self) -> Lane | None:
        """Take the lane with the safest step; it comes back by `offer`, `drop` or `wake`."""
        while self._ready:
            order, number = heappop(self._ready)
            lane = self._numbered[number]
            if lane.offered == order:
                lane.offered = None
                return lane
        return None

    def drop(self, lane: Lane) -> None:
        """Take the head out of a lane."""
        heappop(lane.queue)
        self.offer(lane)

    def wake(self, number: int) -> None:
        """Let a lane that rests be chosen again."""
        lane = self._numbered[number]
        if lane.resting:
            lane.resting = False
            self.offer(lane)
