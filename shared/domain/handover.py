"""Why a replacement can't begin, has to wait, or is given up: nothing goes before the twin is proven.

Pure. Whatever it waits for, both pools stay as they are.
"""

from collections.abc import Iterator
from datetime import timedelta

from shared.domain.breaker import tripped
from shared.domain.budget import Place
from shared.domain.checks import TWIN_GONE
from shared.domain.draining import Drained
from shared.domain.memory import Stage
from shared.domain.model import ComplianceState, Pool, Unreadable
from shared.domain.planned import ActionKind, Method
from shared.domain.refusals import breaker_open
from shared.domain.resting import PODS_RETURN, may_go, returned, shown
from shared.domain.situation import Situation
from shared.domain.steps import UNFINISHED, Step
from shared.domain.throttle import paced
from shared.domain.twins import TAG, differing, impossible, made_for, twin_of
from shared.domain.wait import REREAD, Wait

TIED = "TiedToPool"
"""The reason of pods that can run in no other pool."""
PDB_BLOCKED = "PdbBlocked"
"""The reason of pods that their budgets do not let go."""
POOL_CHANGED = "PoolChanged"
"""The reason of a pool that is no longer the one that was judged."""


def under_way(situation: Situation, step: Step) -> bool:
    """Say whether a step is the replacement that has begun: people were asked and told then, and it has its place."""
    replacement = situation.memory.replacement
    return replacement is not None and step.kind is ActionKind.REPLACE and step.pool.name == replacement.pool


def twin_under_way(situation: Situation) -> Pool | None:
    """Return the pool that bears the name of the twin of the replacement that has begun."""
    replacement = situation.memory.replacement
    return next((one for one in situation.cluster.pools if replacement and one.name == replacement.twin), None)


def no_twin(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield why a pool can't be replaced, or not by the pool that bears the name of its twin."""
    twin = twin_of(situation.cluster, step.pool.name)
    if twin is None:
        if found := impossible(step.subject, situation.rules.policy):
            yield Wait(found.reason, found.message)
        return
    if situation.memory.pool(twin.name).replaced == made_for(twin)[1]:
        message = (
            f"{twin.name} has replaced {step.pool.name}, which is there again: find out who makes it (Terraform does). "
            f"To have it replaced once more, take the tag `{TAG}` off {twin.name}."
        )
        yield Wait("ReplacedBefore", message)
    yield from _unlike(step, twin)


def _unlike(step: Step, twin: Pool) -> Iterator[Wait]:
    """Yield why a pool is not, or not any more, what the twin of a step is made as, and people agreed to."""
    pool, os_sku = step.pool, str(step.changes.get("osSKU", ""))
    if twin.provisioning_state in UNFINISHED:
        message = f"AKS left its twin {twin.name} in {twin.provisioning_state}: delete it, or mend it."
        yield Wait("TwinUnfinished", message)
    if differs := differing(pool, twin):
        message = f"{twin.name} is not set as {pool.name} is: {', '.join(differs)}. Delete it, or mend it."
        yield Wait("TwinDiffers", message)
    if twin.os_sku.lower() != os_sku.lower():
        asked = f"one with {os_sku} is asked for now" if os_sku else "no OS SKU is known any more that could have FIPS"
        message = f"{twin.name} has OS SKU {twin.os_sku}, and {asked}: delete it, or set the policy's `os_sku` to that."
        yield Wait("TwinDiffers", message)


def too_slow(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield that one look can't read all that it would have to, once the twin is there: then none is made.

    What a drain lists was read on trial, behind all that was asked before.
    """
    seen = situation.drained
    if step.kind is ActionKind.REPLACE and isinstance(seen, Unreadable):
        yield Wait(seen.reason, seen.message, seen.retry_after or situation.idle_poll)


def busy_replacing(situation: Situation, step: Step) -> Wait | None:
    """Whether a replacement in the cluster has to end first: of another pool, or one that is being given up."""
    replacement = situation.memory.replacement
    if replacement is None or (under_way(situation, step) and not replacement.ends):
        return None
    fails = bool(replacement.ends and replacement.waiting)
    of = "Its own replacement" if step.pool.name == replacement.pool else f"The replacement of {replacement.pool}"
    message = f"{of} by {replacement.twin} {'is given up' if replacement.ends else 'goes on, or is given up,'} first."
    return Wait("ReplacementInProgress", message, situation.idle_poll if fails else situation.slow_poll)


def tied(step: Step) -> Iterator[tuple[str, str]]:
    """Yield that pods of a pool could not follow to another one: they would be lost with it."""
    known = step.subject.memory.workloads
    if step.kind is ActionKind.REPLACE and known and known.tied.count:
        why = "Workloads ask for this very pool, its nodes, or a label that no other node has, and can't follow"
        yield TIED, f"{why}: {known.tied}. Let them run elsewhere."


def changed(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield that the old pool is not the one any more that was judged, and that people agreed to."""
    replacement = situation.memory.replacement
    if replacement is None or replacement.configuration == step.pool.configuration:
        return
    message = (
        f"{step.pool.name} was changed while it was being replaced, by somebody or by an upgrade: it is judged, and "
        "agreed to, anew."
    )
    yield Wait(POOL_CHANGED, message, situation.poll)


def not_its_own(situation: Situation, place: Place) -> Wait | None:
    """Whether the cluster's place in the budget is that of another step, which has not given it back."""
    replacement = situation.memory.replacement
    if replacement and place.intent == replacement.id:
        return None
    message = f"The cluster's place in the budget is that of another step, on {place.pool}, and not given back yet."
    return Wait("PlaceTaken", message, situation.slow_poll)


def stopped(situation: Situation, _: Step) -> Iterator[Wait]:
    """Yield that a person, the breaker or Azure's pace has stopped what has begun, too."""
    budget, subscription = situation.budget, situation.cluster.id.subscription
    if budget.paused:
        yield Wait("Paused", "A person has paused every remediation, so the replacement waits.", REREAD)
    if broken := tripped(budget, situation.rules.policy.disruption.breaker, situation.now):
        yield Wait("BreakerOpen", breaker_open(broken), REREAD)
    if found := paced(budget, subscription, situation.now):
        yield Wait(found.reason, found.message, found.after)


def unproven_twin(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield why the twin can't take its pool's place: it has to be ours, set as that is, with nodes, and proven."""
    replacement, twin = situation.memory.replacement, twin_under_way(situation)
    if replacement is None or twin is None:
        message = f"The twin of {step.pool.name} was deleted while that was being replaced."
        yield Wait(TWIN_GONE, message, situation.poll)
        return
    if made_for(twin) != (replacement.pool, replacement.id):
        message = f"{twin.name} does not carry the tag `{TAG}` of this replacement: another pool may have its name now."
        yield Wait("TwinNotOurs", message, situation.idle_poll)
        return
    yield from _unlike(step, twin)
    if unproven := _unproven(situation, step, twin):
        yield unproven


def _unproven(situation: Situation, step: Step, twin: Pool) -> Wait | None:
    """Whether nodes that could prove the twin are not there, or have not proven it."""
    if twin.stopped:
        return Wait("TwinStopped", f"{twin.name} is stopped: start it, so that it takes pods and can be proven.")
    if not twin.count:
        message = f"{twin.name} has no nodes that could prove it and take the pods of {step.pool.name}: scale it up."
        return Wait("TwinEmpty", message, situation.idle_poll)
    verdict = next((one for one in situation.posture.pools if one.pool == twin.name), None)
    if verdict is None or verdict.state is not ComplianceState.COMPLIANT:
        is_so = f"{verdict.state.value.replace('_', '-')}: {verdict.decisive.message}" if verdict else "not judged."
        return Wait("TwinNotProven", f"{twin.name} is {is_so}", situation.slow_poll)
    return None


def undrained(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what keeps the old pool's nodes from being emptied, or empty: one thing, as it goes step by step."""
    seen, replacement = situation.drained, situation.memory.replacement
    found = None
    if replacement and replacement.not_before and replacement.not_before > situation.now:
        found = refused_before(situation)
    elif isinstance(seen, Unreadable):
        found = Wait(seen.reason, seen.message, seen.retry_after or situation.idle_poll)
    elif seen:
        found = _cannot_follow(situation, step, seen) or _not_empty_yet(situation, step, seen)
    if found:
        yield found


def _cannot_follow(situation: Situation, step: Step, seen: Drained) -> Wait | None:
    """Whether the twin is not fit to take what comes, or what came to it does not run."""
    if seen.unfit:
        message = f"The twin has to take the pods of {step.pool.name}, and not all of its nodes do: {seen.unfit}."
        return Wait("TwinNotReady", message, situation.slow_poll)
    if seen.unproven:
        message = f"The twin's nodes don't prove it as they are now: {seen.unproven}."
        return Wait("TwinNotReady", message, max(situation.poll, _ever_less_often(situation)))
    if seen.pending:
        message = (
            f"Pods that {step.pool.name} would take have no node: {shown(seen.pending)}. Make room "
            f"for them elsewhere, such as by more nodes of the twin, or abort, which uncordons {step.pool.name}."
        )
        return Wait("PodsPending", message, max(situation.slow_poll, _ever_less_often(situation)))
    if seen.missing:
        message = (
            f"Controllers of what ran on {step.pool.name} have not made all pods that they are to have: "
            f"{shown(seen.missing)}. Their events say why: a quota, an admission webhook, one before it that is not "
            f"ready. Scale to what is there, or to 0, what is not wanted; abort uncordons {step.pool.name}."
        )
        return Wait("PodsMissing", message, max(situation.poll, _ever_less_often(situation)))
    if seen.failing:
        return _not_running(situation, step, seen.failing, _ever_less_often(situation))
    return _unsettled(situation, step, seen)


def _unsettled(situation: Situation, step: Step, seen: Drained) -> Wait | None:
    """Whether it is not known yet how a workload runs on the old pool: what never ran there is not missed later.

    Of one whose pods are always new it never is: that keeps nothing for long.
    """
    replacement = situation.memory.replacement
    first = replacement is None or replacement.furthest in (Stage.CREATING, Stage.PROVING)
    if not seen.unsettled or not (first or _idle(situation) < situation.steady):
        return None
    message = (
        f"Pods on {step.pool.name} have just been made, and it is not known yet how they run there: "
        f"{shown(seen.unsettled)}. Some minutes are left to them before the first node is cordoned."
    )
    return Wait("PodsSettling", message, situation.slow_poll)


def _not_empty_yet(situation: Situation, step: Step, seen: Drained) -> Wait | None:
    """Whether a look can only wait: what is to be cordoned or evicted it does itself."""
    if seen.open or seen.to_evict:
        return None if seen.open else _resting(situation, seen)
    if seen.left:
        message = f"{len(seen.left)} evicted pods have not ended yet."
        return Wait("PodsLeaving", message, max(situation.poll, _ever_less_often(situation)))
    if seen.unseen:
        counted = "gives no number of nodes" if step.pool.count is None else f"counts {step.pool.count} nodes"
        message = f"ARM {counted}, and {seen.unseen} more than Kubernetes shows may be there: nobody sees their pods."
        return Wait("NodesUnseen", message, situation.slow_poll)
    if seen.settles:
        message = f"The last pods have just left {step.pool.name}: some minutes are left to them to run elsewhere."
        return Wait("PodsSettling", message, max(situation.poll, seen.settles))
    if seen.starting:
        # They are new: in some look soon none may be.
        return _not_running(situation, step, seen.starting, situation.slow_poll)
    if seen.untried:
        names = shown(seen.untried)
        message = f"Pods that followed from {step.pool.name} run on its twin, and have not for long: {names}."
        return Wait("PodsSettling", message, max(situation.poll, _ever_less_often(situation)))
    return None


def _resting(situation: Situation, seen: Drained) -> Wait | None:
    """Whether every pod that is left was evicted in vain, and none is for a while."""
    replacement = situation.memory.replacement
    if replacement is None or replacement.rests is None or may_go(seen, replacement, situation.now):
        return None
    return Wait(PODS_RETURN, returned(seen, replacement), min(replacement.rests - situation.now, situation.idle_poll))


def _not_running(situation: Situation, step: Step, names: tuple[str, ...], after: timedelta) -> Wait:
    pool = step.pool.name
    message = (
        f"Pods of what ran on {pool} don't run on its twin: {shown(names)}. Find out why, such as by their logs; "
        "delete those that have failed for good, or were made good on another pool, and scale to 0 what never ran on "
        f"{pool} either. As long as {pool} is there they can go back: abort uncordons it."
    )
    return Wait("PodsNotRunning", message, max(situation.poll, min(after, _ever_less_often(situation))))


def _ever_less_often(situation: Situation) -> timedelta:
    """Return how soon to read everything again that has not changed since a replacement went on."""
    return min(_idle(situation), situation.idle_poll)


def _idle(situation: Situation) -> timedelta:
    replacement = situation.memory.replacement
    return replacement.idle(situation.now) if replacement else situation.poll


def refused_before(situation: Situation) -> Wait | None:
    """Return why the last attempt to empty the old pool moved nothing; None if it did."""
    replacement = situation.memory.replacement
    if replacement is None or replacement.not_before is None:
        return None
    reason, _, message = replacement.waiting.partition(": ")
    return Wait(reason, message, max(replacement.not_before - situation.now, situation.poll))


IN_ORDER = frozenset(
    {"OutsideWindow", "Blackout", "NoMaintenanceConfiguration", "Paused", "BreakerOpen", "PolicyNotApproved"}
    | {"ApprovalMissing", "Stopped"}
)
"""What people have decided themselves, or are asked by name: while a replacement waits for it, nobody needs to be told
that it waits."""


def stage_of(situation: Situation, step: Step) -> Stage:
    """Say how far a replacement is, by the cluster as it is."""
    operation, replacement = situation.memory.operation, situation.memory.replacement
    if replacement and replacement.ends:
        return Stage.ENDING
    if operation:
        return Stage.DELETING if operation.method is Method.DELETE else Stage.CREATING
    return Stage.PROVING if any(unproven_twin(situation, step)) else Stage.DRAINING
