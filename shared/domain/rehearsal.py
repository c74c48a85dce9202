"""Plays a policy forward over a fleet: the product's own judgement, plan and budget over time that is made up.

Nothing here decides: every beginning is what `plan` says at that moment, and every place is taken and given back by
the budget's own functions. Time jumps from one event to the next; only clusters with a step that is due are planned
again, and only when something that they wait for may have changed.
"""

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.afterwards import remembered, settled, switched, with_proofs, with_replacement_running
from shared.domain.agenda import Agenda, Event
from shared.domain.budget import Counts, Ended, Place
from shared.domain.budget_news import counted, learnt, seen
from shared.domain.census import DONE, Census, is_done
from shared.domain.evaluate import evaluate
from shared.domain.lanes import Candidate, Lane, Lanes, candidate, lane_key
from shared.domain.lasting import CLOSED, busy, lasting, not_yet
from shared.domain.model import ComplianceState
from shared.domain.operation import Operation, OutcomeState
from shared.domain.places import released, taken
from shared.domain.plan import plan
from shared.domain.planned import Action
from shared.domain.posture import Posture
from shared.domain.refusals import Refusal, Wanted, refusal
from shared.domain.situation import Situation
from shared.domain.stage import Actor, Aside, Remediation, Start
from shared.domain.steps import due
from shared.domain.waits import all_waits

_HOUR = timedelta(hours=1)
"""How often the resync counts the fleet."""
_POLL = timedelta(seconds=30)
_ANYBODY = Wanted("", "", "", None, 0)
"""Who asks for no nodes, in no ring and no subscription: where there is no place for them, there is for nobody."""


class Rehearsal:
    """One play; afterwards its fields say what became of everything."""

    def __init__(self, start: Start) -> None:
        self.start, self.rules, self.policy = start, start.rules, start.rules.policy
        # It counts at the hours, by what it then knows: nothing happens while it counts.
        self.budget = replace(start.budget, counting=None, unsettled={})
        self.actors: dict[str, Actor] = {}
        self.done: dict[tuple[str, str], datetime] = {}
        """Since when nothing is left to do for a pool, by keys of cluster and name."""
        self.remediations: list[Remediation] = []
        self.asides: list[Aside] = []
        """What is wrong with clusters beside their pools at the start, or not known."""
        self.assumed = 0
        """Pools whose nodes nobody has asked, and that are assumed to agree."""
        self._census = Census(self.rules, start.blind, start.hidden)
        self._counted_at: datetime | None = None
        self._agenda = Agenda()
        self._lanes = Lanes()
        self._shut: list[int] = []

    @property
    def anywhere(self) -> int:
        """How many parts of the fleet may hold pools of any ring: nobody knows what is there."""
        return self._census.anywhere

    @property
    def over(self) -> bool:
        """Say whether nothing would ever happen any more."""
        return self._agenda.next is None

    def run(self) -> None:
        """Play until the time is up, or nothing happens any more."""
        now, until = self.start.now, self.start.until
        self._enter(now)
        self._begin(now)
        while (at := self._agenda.next) and at <= until:
            self.resync(at)
            for event, key in self._agenda.happening(at):
                self._happen(event, key, at)
            self._begin(at)

    def situation(self, actor: Actor, at: datetime) -> Situation:
        """Return all that a plan for a cluster is made from, by its last judgement."""
        return Situation(
            actor.cluster,
            actor.posture,
            actor.memory,
            self.rules,
            self.budget,
            actor.maintenance,
            at,
            _POLL,
            assuming=True,
        )

    def judge(self, actor: Actor, at: datetime) -> int:
        """Judge a cluster after asking its nodes, as a look does; returns of how many pools that was assumed."""
        actor.memory, assumed = with_proofs(actor.cluster, actor.memory, self.rules, at)
        actor.posture = evaluate(actor.cluster, actor.memory, self.rules, None, at)
        key = actor.cluster.id.key
        if self._census.count(actor.cluster.id, actor.posture):
            self._agenda.add(self._mark(at) + _HOUR, Event.AGAIN)
        for pool in actor.posture.pools:
            if is_done(pool):
                self.done.setdefault((key, pool.pool), at)
            else:
                self.done.pop((key, pool.pool), None)
        before = self.budget.canaries
        self.budget = seen(self.budget, self.policy, key, actor.posture)
        if self.budget.canaries != before:
            self._reopen()
        return assumed

    def _enter(self, now: datetime) -> None:
        for known in sorted(self.start.fleet, key=lambda it: it.cluster.id.key):
            memory = with_replacement_running(known.cluster, known.memory)
            actor = Actor(known.cluster, memory, known.maintenance, Posture(now, ComplianceState.UNKNOWN, ()))
            assumed = self.judge(actor, now)
            if actor.posture.in_scope:
                self.actors[known.cluster.id.key] = actor
                self.assumed += 0 if known.proven else assumed
                self.asides += () if known.proven else _asides(actor)
        self.resync(now)
        for key in sorted(self.budget.places.keys() | {key for key, it in self.actors.items() if it.memory.operation}):
            self._agenda.add(self._ends(key, now), Event.END, key)
        for key, actor in self.actors.items():
            if actor.memory.operation is None and busy(actor.cluster):
                nodes = max((pool.count or 0 for pool in actor.cluster.pools), default=0)
                self._agenda.add(now + self.start.pace.of(nodes), Event.SETTLED, key)
            self._queue(actor, now)

    def _ends(self, key: str, now: datetime) -> datetime:
        """Return when an operation that runs at the start ends; what is late by the pace ends soon."""
        place, actor = self.budget.places.get(key), self.actors.get(key)
        operation = actor.memory.operation if actor else None
        began = place.at if place else operation.at if operation else now
        ends = began + self.start.pace.of(place.nodes if place else 1)
        return ends if ends > now else now + self.start.pace.per_node

    def _happen(self, event: Event, key: str, at: datetime) -> None:
        if event is Event.LANE:
            self._lanes.wake(int(key))
        elif event is Event.END:
            self._end(key, at)
        elif event in (Event.SETTLED, Event.LOOK):
            actor = self.actors[key]
            if event is Event.SETTLED:
                actor.cluster = settled(actor.cluster)
            self._look(actor, at)

    def _look(self, actor: Actor, at: datetime) -> None:
        self.judge(actor, at)
        self._queue(actor, at)

    def _queue(self, actor: Actor, at: datetime) -> None:
        """Queue a cluster's steps that may be taken some time; for what passes by itself, a look at its end."""
        actor.generation += 1
        self._watch_exemptions(actor, at)
        if actor.cluster.id.key in self.budget.places or actor.memory.operation:
            return
        situation = self.situation(actor, at)
        for step in due(situation):
            waits = tuple(all_waits(situation, step))
            if busy(actor.cluster) or lasting(situation, step, waits):
                continue
            if after := not_yet(waits):
                self._agenda.add(at + after, Event.LOOK, actor.cluster.id.key)
            else:
                self._lanes.put(lane_key(actor, situation, step), candidate(actor, situation, step))

    def _watch_exemptions(self, actor: Actor, at: datetime) -> None:
        """Look again when an exemption of a pool that is not compliant begins or ends."""
        if not self.rules.exemptions.entries:
            return
        waiting = {it.pool for it in actor.posture.pools if it.state is not ComplianceState.COMPLIANT}
        for pool in actor.cluster.pools:
            for entry in self.rules.exemptions.matching(actor.cluster, pool) if pool.name in waiting else ():
                for turn in (entry.created, entry.ends(self.policy.exemptions)):
                    if turn > at:
                        self._agenda.add(turn, Event.LOOK, actor.cluster.id.key)

    def _begin(self, at: datetime) -> None:
        """Begin all that may be begun now, the safest first."""
        aside: list[Lane] = []
        planned: set[Hashable] = set()
        while lane := self._next(at):
            head = lane.queue[0]
            actor = self.actors[head.wanted.cluster]
            if head.generation != actor.generation:
                self._lanes.drop(lane)
            elif found := refusal(self.budget, self.rules, head.wanted, at):
                self._refused(lane, found, at, aside)
            elif head.order in planned:
                # Neither taken nor deferred by anything that passes: once in a moment is enough.
                aside.append(lane)
            else:
                planned.add(head.order)
                self._try(lane, actor, head, at)
        for lane in aside:
            self._lanes.offer(lane)

    def _next(self, at: datetime) -> Lane | None:
        if found := refusal(self.budget, self.rules, _ANYBODY, at):
            if found.reason == "Spacing" and found.after:
                self._agenda.add(at + found.after, Event.AGAIN)
            return None
        return self._lanes.next()

    def _refused(self, lane: Lane, found: Refusal, at: datetime, aside: list[Lane]) -> None:
        """Put a lane aside until a place comes free, or let it rest until its ring may have opened."""
        if found.reason in ("BudgetExhausted", "TooManyNodes"):
            aside.append(lane)
            return
        lane.resting = True
        self._shut.append(lane.number)
        if found.after:
            self._agenda.add(at + found.after, Event.LANE, str(lane.number))

    def _try(self, lane: Lane, actor: Actor, head: Candidate, at: datetime) -> None:
        self.judge(actor, at)
        made = plan(self.situation(actor, at))
        for notice in made.notices:
            told = actor.memory.pool(notice.pool).told(notice, at)
            actor.memory = actor.memory.with_pool(notice.pool, told)
        mine = next((it for it in made.deferrals if it.pool == head.wanted.pool), None)
        if made.action:
            self._take(actor, made.action, at)
        elif mine and mine.reason in CLOSED and mine.until:
            lane.resting = True
            self._agenda.add(mine.until, Event.LANE, str(lane.number))
        else:
            self._queue(actor, at)
        self._lanes.offer(lane)

    def _take(self, actor: Actor, action: Action, at: datetime) -> None:
        # A pool whose size is not known is taken for one of one node: that is among the assumptions.
        cluster, number = actor.cluster.id, len(self.remediations) + 1
        nodes = 1 if action.nodes is None else action.nodes
        intent = f"forecast-{number}"
        ring = next((ring for ring in self.policy.rings if ring.name == action.ring), None)
        asks = Wanted(cluster.key, action.pool, cluster.subscription, ring, action.nodes, action.skip_soak)
        place = Place(intent, action.pool, cluster.subscription, nodes, at, stage=self.policy.stage(ring))
        held = taken(self.budget, self.rules, asks, place, action.approvals, at)
        if held is None:
            raise RuntimeError(f"plan and budget disagree about {cluster}/{action.pool}")
        self.budget = held
        done = OutcomeState.ACCEPTED
        operation = Operation(intent, action.kind, action.pool, action.etag, at, action.changes, done)
        actor.memory = replace(actor.memory, operation=operation)
        actor.generation += 1
        ends = at + self.start.pace.of(nodes)
        self._agenda.add(ends, Event.END, cluster.key)
        made = Remediation(cluster, action.pool, action.ring, action.kind, nodes, at, ends)
        self.remediations.append(made)

    def _end(self, key: str, at: datetime) -> None:
        if place := self.budget.places.get(key):
            ended = Ended(place.intent, at, failed=False)
            self.budget = released(learnt(self.budget, ended, self.policy.disruption.breaker), key, begun=True)
        if actor := self.actors.get(key):
            if operation := actor.memory.operation:
                actor.cluster = settled(switched(actor.cluster, operation, len(self.remediations)))
                actor.memory = remembered(actor.memory, operation.pool, at)
            self._look(actor, at)

    def _mark(self, at: datetime) -> datetime:
        """Return when the last resync was."""
        return self.start.now + (at - self.start.now) // _HOUR * _HOUR

    def resync(self, at: datetime) -> None:
        """Count the fleet as the last resync before a time would have."""
        mark = self._mark(at)
        if self._counted_at == mark:
            return
        self._counted_at, before = mark, self.budget
        # Whatever was seen since the last count is in this one.
        self.budget = counted(replace(before, unsettled={}), self._census.counts(mark), at)
        if before.unsettled or _clean(before.counts) != _clean(self.budget.counts):
            self._reopen()

    def _reopen(self) -> None:
        """Ask again for the lanes whose ring was closed."""
        shut, self._shut = self._shut, []
        for number in shut:
            self._lanes.wake(number)


def _asides(actor: Actor) -> list[Aside]:
    return [Aside(actor.cluster.id, each) for each in actor.posture.cluster_findings if each.state not in DONE]


def _clean(counts: Counts | None) -> dict[str, datetime | None]:
    """Return since when each ring is clean; one that something keeps closed is not, whatever its soak."""
    rings = counts.rings.items() if counts else ()
    return {name: None if ring.unproven else ring.clean_since for name, ring in rings}
