"""What becomes of each node pool by the end of a forecast, and why."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.domain.census import is_done
from shared.domain.evaluate import subjects
from shared.domain.ids import ClusterId
from shared.domain.lasting import PERSON, lasting
from shared.domain.policy import UNTOLD
from shared.domain.posture import PoolPosture
from shared.domain.refusals import canary_of, refusal
from shared.domain.rehearsal import Rehearsal
from shared.domain.settings import Skip
from shared.domain.situation import Situation
from shared.domain.stage import Actor
from shared.domain.steps import Step, due
from shared.domain.timing import skips
from shared.domain.wait import Wait
from shared.domain.waits import all_waits, wanted


class Fate(StrEnum):
    """What becomes of a node pool."""

    DONE = "done"
    """Compliant, excused or not asked anything of, by the end of the forecast."""
    LATER = "later"
    """It comes by itself, and not by then."""
    PERSON = "person"
    """It waits for somebody's word, which no forecast assumes."""
    NEVER = "never"
    """It does not come until somebody changes the pool, the fleet or the rules."""


@dataclass(frozen=True, slots=True)
class PoolFate:
    """What becomes of one node pool."""

    cluster: ClusterId
    pool: str
    ring: str
    """Empty if it is in none; UNTOLD if that can't be told."""
    fate: Fate
    nodes: int
    """How many nodes it has; 0 if that is not known."""
    done: datetime | None = None
    """Since when nothing is left to do; None if something is."""
    reason: str = ""
    """CamelCase code of what is in the way; empty if nothing is."""
    message: str = ""
    """The same in a sentence."""


def fates(play: Rehearsal) -> tuple[PoolFate, ...]:
    """Return what became of every pool in scope, by cluster and name."""
    # As the app would at that time: nothing may have happened for days, and its resync counts every hour.
    play.resync(play.start.until)
    found = [each for _, actor in sorted(play.actors.items()) for each in _of_cluster(play, actor)]
    return tuple(sorted(_blocked(play, found), key=lambda it: (it.cluster.key, it.pool)))


def _of_cluster(play: Rehearsal, actor: Actor) -> list[PoolFate]:
    key, until = actor.cluster.id.key, play.start.until
    if all(is_done(pool) for pool in actor.posture.pools):
        return [_fate(actor, pool, Fate.DONE, done=play.done[key, pool.pool]) for pool in actor.posture.pools]
    play.judge(actor, until)
    situation = play.situation(actor, until)
    steps = {step.pool.name: step for step in due(situation)}
    return [
        _fate(actor, pool, Fate.DONE, done=play.done[key, pool.pool])
        if is_done(pool)
        else _undone(play, actor, pool, situation, steps.get(pool.pool))
        for pool in actor.posture.pools
    ]


def _fate(
    actor: Actor, pool: PoolPosture, fate: Fate, why: Wait | None = None, done: datetime | None = None
) -> PoolFate:
    nodes = next((each.count or 0 for each in actor.cluster.pools if each.name == pool.pool), 0)
    reason, message = (why.reason, why.message) if why else ("", "")
    return PoolFate(actor.cluster.id, pool.pool, pool.ring, fate, nodes, done, reason, message)


def _undone(play: Rehearsal, actor: Actor, pool: PoolPosture, situation: Situation, step: Step | None) -> PoolFate:
    operation = actor.memory.operation
    if operation and operation.pool == pool.pool:
        return _fate(actor, pool, Fate.LATER, Wait("OperationInProgress", "It is under remediation at that time."))
    if step is None:
        decisive = pool.decisive
        fate = Fate.LATER if decisive.reason == "OperationInProgress" else Fate.NEVER
        return _fate(actor, pool, fate, Wait(decisive.reason, decisive.message))
    waits = tuple(all_waits(situation, step))
    if found := lasting(situation, step, waits):
        return _fate(actor, pool, Fate.PERSON if found.reason in PERSON else Fate.NEVER, found)
    if found := _too_big(situation, step):
        return _fate(actor, pool, Fate.NEVER, found)
    why = waits[0] if waits else Wait("JustDue", "It could begin at that very time.")
    return _fate(actor, pool, Fate.NEVER if play.over else Fate.LATER, why)


def _too_big(situation: Situation, step: Step) -> Wait | None:
    """Return why a step would find no place even if nothing else were running."""
    empty = replace(situation.budget, places={}, last_begun=None)
    found = refusal(empty, situation.rules, wanted(situation, step), situation.now)
    if found and found.reason in ("BudgetExhausted", "TooManyNodes"):
        return Wait(found.reason, found.message)
    return None


def _blocked(play: Rehearsal, found: list[PoolFate]) -> list[PoolFate]:
    """Return the fates, knowing that nothing comes behind a ring, or a canary, that is never done.

    What waits for a person's word does not come either where that would help nothing: `never` wins.
    """
    while True:
        stuck = _Stuck(play, found, (Fate.PERSON, Fate.NEVER))
        hopeless = _Stuck(play, found, (Fate.NEVER,))
        after = [_behind(play, each, hopeless if each.fate is Fate.PERSON else stuck) for each in found]
        if after == found:
            return found
        found = after


class _Stuck:
    """The node pools of some fates, and how many of them may be in each ring."""

    def __init__(self, play: Rehearsal, found: list[PoolFate], fates: Collection[Fate]) -> None:
        rings = {(each.cluster.key, each.pool): each.ring for each in found if each.fate in fates}
        self.pools = rings.keys()
        self.rings = Counter(rings.values())
        # What nobody can read, and a pool whose ring can't be told, may be in any.
        self.anywhere = play.anywhere + self.rings[UNTOLD]
        self.rings.update({ring.name: self.anywhere for ring in play.policy.rings})


def _skips(play: Rehearsal, one: PoolFate) -> bool:
    """Say whether a pool is so new that it need not wait for the rings before; whom a person helps, he helps now."""
    actor, at = play.actors[one.cluster.key], play.start.now if one.fate is Fate.PERSON else play.start.until
    mine = (each for each in subjects(actor.cluster, actor.memory, play.policy, at) if each.pool.name == one.pool)
    return any(skips(each, Skip.SOAK) for each in mine)


def _behind(play: Rehearsal, one: PoolFate, stuck: _Stuck) -> PoolFate:
    ring = next((ring for ring in play.policy.rings if ring.name == one.ring), None)
    if ring is None or one.fate not in (Fate.LATER, Fate.PERSON) or one.reason == "OperationInProgress":
        return one
    besides = f" Besides: {one.message}" if one.fate is Fate.PERSON else ""
    canary = canary_of(play.budget, play.policy, ring)
    before = None if _skips(play, one) else play.policy.before(ring)
    # The budget asks every earlier ring, also behind one that has no pool or is done.
    while before and not stuck.rings[before.name]:
        before = play.policy.before(before)
    if before:
        maybe = " or perhaps in it" if stuck.anywhere else ""
        number = stuck.rings[before.name]
        done = "is not done by itself" if number == 1 else "are not done by themselves"
        message = f"Ring {before.name} comes first, and {number} in it{maybe} {done}.{besides}"
        return replace(one, fate=Fate.NEVER, reason="RingClosed", message=message)
    if canary and not canary.proven and (canary.cluster, canary.pool) in stuck.pools - {(one.cluster.key, one.pool)}:
        first = f"{canary.pool} of {ClusterId.from_key(canary.cluster)}"
        message = f"{first} goes first in ring {ring.name}, and is never proven.{besides}"
        return replace(one, fate=Fate.NEVER, reason="CanaryUnproven", message=message)
    return one
