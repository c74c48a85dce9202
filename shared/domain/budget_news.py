"""What the disruption budget learns: how remediations ended, what looks saw of canaries, what the resync counted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.breaker import judged
from shared.domain.budget import TOLD_AGAIN, Budget, Canary, Counts, Ended, RingCount
from shared.domain.census import is_done, passes
from shared.domain.model import ComplianceState
from shared.domain.places import unsettled
from shared.domain.policy import ENDS_KEPT, UNTOLD, Breaker, Policy
from shared.domain.posture import PoolPosture, Posture
from shared.domain.proofs import CLOCKS
from shared.domain.rulebook import Rulebook
from shared.domain.since import unreadable
from shared.domain.subject import RULE

_LOOK_LASTS = timedelta(minutes=15)
"""No look lasts so long: the host ends it before (functionTimeout in host.json)."""

_EXCUSED = (ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE)


def learnt(budget: Budget, ended: Ended, breaker: Breaker) -> Budget:
    """Return the budget that knows of one more end; the breaker opens, and stays open until a person resets it."""
    if any(one.intent == ended.intent for one in budget.ended):
        return budget
    place = next((one for one in budget.places.values() if one.intent == ended.intent), None)
    if place:
        ended = replace(ended, began=place.at, nodes=place.nodes)
    return judged(replace(budget, ended=(*budget.ended, ended)[-ENDS_KEPT:]), breaker, ended.at)


def seen(budget: Budget, policy: Policy, cluster: str, posture: Posture) -> Budget:
    """Return the budget after a look at a cluster: a canary that is proven opens its ring, one that is none leaves.

    Gone, excused or no longer to be acted on, it would hold the ring back for ever. While its cluster can't be read, or
    what would tell its rule or its ring, nobody knows that it is none: it stays. It is told which ring of the `policy`
    that judged the posture its pool is in, and so is what is under way. A ring with a pool that is not done
    is closed, without waiting for the resync to see that; the look's own plan is made from this budget. It soaks anew
    where a pool fails, and soaks on where all that is wrong passes by itself: one bad answer restarts no soak.
    The breaker opens that by this policy should be open: by another one it may have been closed.
    """
    budget = judged(budget, policy.disruption.breaker, posture.at)
    if unreadable(posture):
        # Those shown are the pools of an earlier look; where there are none, it may have any.
        return unsettled(budget, {pool.ring for pool in posture.pools} or {UNTOLD}, (), posture.at)
    told = _placed(budget, policy, cluster, {pool.pool: pool for pool in posture.pools})
    waiting = [pool for pool in posture.pools if not is_done(pool)]
    failing = {pool.ring for pool in waiting if not passes(pool)}
    return unsettled(told, {pool.ring for pool in waiting}, failing, posture.at)


def _placed(budget: Budget, policy: Policy, cluster: str, verdicts: Mapping[str, PoolPosture]) -> Budget:
    """Return the budget that knows in which rings the canaries of a cluster are, and what is under way in it."""
    canaries, places = {}, dict(budget.places)
    for key, canary in budget.canaries.items():
        found = verdicts.get(canary.pool)
        after = canary if canary.cluster != cluster else found and _after(canary, policy, found)
        if after:
            canaries[key] = after
    place = places.get(cluster)
    if place and (found := verdicts.get(place.pool)):
        places[cluster] = replace(place, stage=_stage(place.stage, policy, found))
    return (
        budget
        if (canaries, places) == (budget.canaries, budget.places)
        else replace(budget, canaries=canaries, places=places)
    )


def _after(canary: Canary, policy: Policy, pool: PoolPosture) -> Canary | None:
    """Return a canary after a look at its pool; None if it is none any more.

    One that is not proven moves with its pool into another ring; what it has proven in one it has not in another.
    """
    stage = _stage(canary.stage, policy, pool)
    if not _can_prove(pool) or (canary.proven and stage != canary.stage) or stage == policy.stage(None):
        return None
    return replace(canary, stage=stage, proven=canary.proven or pool.state is ComplianceState.COMPLIANT)


def _stage(before: str, policy: Policy, pool: PoolPosture) -> str:
    """Return which ring a pool is in; where that can't be told, that which it was in before."""
    return before if pool.ring == UNTOLD else policy.stage_called(pool.ring)


def _can_prove(pool: PoolPosture) -> bool:
    asleep = pool.state is ComplianceState.COMPLIANT and pool.decisive.reason in ("NoNodes", "Stopped")
    undecided = any(one.check == RULE and one.state is ComplianceState.UNKNOWN for one in pool.findings)
    return (pool.mode.acts or undecided) and pool.state not in _EXCUSED and not asleep


def by_texts(budget: Budget, rules: Rulebook) -> Budget:
    """Return the budget for a look by these texts: what was counted by others is no count, should they come back.

    What looks tell meanwhile they tell of other rings.
    """
    counts = budget.counts
    texts = (rules.policy.hash, rules.exemptions.hash)
    if counts is None or not counts.policy or (counts.policy, counts.exemptions) == texts:
        return budget
    return replace(budget, counts=replace(counts, policy=""))


def counting(budget: Budget, at: datetime) -> Budget:
    """Return the budget that knows that a resync begins to count: from now on looks tell anew what it may miss."""
    return replace(budget, counting=at)


def counted(budget: Budget, counts: Counts, now: datetime, watches: Callable[[str], bool] = lambda _: True) -> Budget:
    """Return the budget with counts that end now; a ring in which nothing is left to do chooses its next canary anew.

    So does one whose canary is in a subscription that `watches` says nobody looks after any more. Of two resyncs that
    overlap the one that began last is believed, whichever ends last; none, nor what a look saw, of a time that has not
    come: a clock was wrong, and what it says would be believed until then.
    """
    last = budget.counts if budget.counts and budget.counts.at <= now + CLOCKS else None
    if last and counts.at < last.at:
        return budget
    before = last.rings if last else {}
    # What a look saw, or a remediation that began, while this was being counted; a look commits after it has told.
    since = counts.at - _LOOK_LASTS - TOLD_AGAIN
    late = {name: at for name, at in budget.unsettled.items() if since <= at <= now + CLOCKS}
    rings = {
        name: replace(ring, clean_since=_clean_since(ring, before.get(name), counts.at, late=name in late))
        for name, ring in counts.rings.items()
    }
    done = {ring.stage for ring in rings.values() if not ring.unproven}
    # One that was chosen while this was being counted holds a place.
    canaries = {
        key: canary
        for key, canary in budget.canaries.items()
        if canary.cluster in budget.places or (canary.stage not in done and watches(canary.cluster.split("|")[0]))
    }
    return replace(budget, counts=replace(counts, rings=rings), canaries=canaries, unsettled=late)


def _clean_since(ring: RingCount, before: RingCount | None, at: datetime, *, late: bool) -> datetime | None:
    """Return since when a ring is clean; where a look saw something `late`, no soak begins with this count."""
    if ring.unproven > ring.unjudged:
        return None
    if before and before.clean_since and before.stage == ring.stage:
        return before.clean_since
    return None if ring.unjudged or late else at
