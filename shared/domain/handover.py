"""Why a replacement can't begin, or has to wait: nothing goes before the twin is proven and the old pool empty.

Pure. Whatever it waits for, both pools stay as they are.
"""

from collections.abc import Iterator
from datetime import timedelta

from shared.domain.budget import breaker_open
from shared.domain.model import ActionKind, ComplianceState, Method, Stage, Unreadable
from shared.domain.situation import Situation
from shared.domain.steps import UNFINISHED, Step
from shared.domain.throttle import paced
from shared.domain.twins import TAG, fits, impossible, made_for, twin_of
from shared.domain.wait import Wait

TIED = "TiedToPool"
"""The reason of pods that can run in no other pool."""
PDB_BLOCKED = "PdbBlocked"
"""The reason of pods that their budgets do not let go."""
PODS_RETURN = "PodsReturn"
"""The reason of pods that come back to the nodes that they were evicted from."""
_REREAD = timedelta(hours=1)
"""How soon to ask again for what a person may change at any time."""


def under_way(situation: Situation, step: Step) -> bool:
    """Say whether a step is the replacement that has begun: people were asked and told then, and it has its place."""
    replacement = situation.memory.replacement
    return replacement is not None and step.kind is ActionKind.REPLACE and step.pool.name == replacement.pool


def no_twin(situation: Situation, step: Step) -> Wait | None:
    """Why a pool can't be replaced, or not by the pool that bears the name of its twin."""
    twin = twin_of(situation.cluster, step.pool.name)
    if twin is None:
        found = impossible(step.subject, situation.rules.policy)
        return Wait(found.reason, found.message) if found else None
    replacement = made_for(twin)[1]
    if situation.memory.pool(twin.name).replaced == replacement:
        message = (
            f"{twin.name} has replaced {step.pool.name}, which is there again: find out who makes it (Terraform does). "
            f"To have it replaced once more, take the tag `{TAG}` off {twin.name}."
        )
        return Wait("ReplacedBefore", message)
    if twin.provisioning_state in UNFINISHED:
        message = f"AKS left its twin {twin.name} in {twin.provisioning_state}: delete it, or mend it."
        return Wait("TwinUnfinished", message)
    if not fits(step.pool, twin):
        message = f"{twin.name} has the tag `{TAG}` and other settings than {step.pool.name}: delete it, or mend it."
        return Wait("TwinDiffers", message)
    return None


def busy_replacing(situation: Situation, step: Step) -> Wait | None:
    """Whether a replacement in the cluster has to end first: of another pool, or one that is being given up."""
    replacement = situation.memory.replacement
    if replacement is None or (under_way(situation, step) and not replacement.ends):
        return None
    does = "is given up" if replacement.ends else "goes on"
    message = f"The replacement of {replacement.pool} by {replacement.twin} {does} first."
    fails = bool(replacement.ends and replacement.waiting)
    return Wait("ReplacementInProgress", message, situation.idle_poll if fails else situation.slow_poll)


def tied(step: Step) -> Iterator[tuple[str, str]]:
    """Yield that pods of a pool could not follow to another one: they would be lost with it."""
    known = step.subject.memory.workloads
    if step.kind is ActionKind.REPLACE and known and known.tied.count:
        yield TIED, f"Workloads name the pool and can't follow to another one: {known.tied}. Let them run elsewhere."


def stopped(situation: Situation, _: Step) -> Wait | None:
    """Whether a person or the breaker has stopped what has begun, too."""
    budget, subscription = situation.budget, situation.cluster.id.subscription
    if budget.paused:
        return Wait("Paused", "A person has paused every remediation, so the replacement waits.", _REREAD)
    if budget.broken:
        return Wait("BreakerOpen", breaker_open(budget.broken), _REREAD)
    found = paced(budget, subscription, situation.now)
    return Wait(found.reason, found.message, found.after) if found else None


def unproven_twin(situation: Situation, step: Step) -> Wait | None:
    """Whether the twin can take the place of its pool: until it is proven, the old pool stays untouched."""
    replacement = situation.memory.replacement
    verdict = next((one for one in situation.posture.pools if replacement and one.pool == replacement.twin), None)
    twin = next((one for one in situation.cluster.pools if replacement and one.name == replacement.twin), None)
    if verdict is None or twin is None:
        return Wait("TwinGone", "Its twin is not there.", situation.poll)
    if verdict.state is not ComplianceState.COMPLIANT:
        message = f"{twin.name} is {verdict.state.value.replace('_', '-')}: {verdict.decisive.message}"
        return Wait("TwinNotProven", message, situation.slow_poll)
    if step.pool.mode == "System" and twin.mode != "System":
        return Wait("TwinNotSystem", f"{twin.name} is no system pool, as {step.pool.name} is: set its mode to System.")
    return None


def undrained(situation: Situation, step: Step) -> Wait | None:
    """What keeps the old pool's nodes from being emptied, or from being empty."""
    seen, replacement = situation.drained, situation.memory.replacement
    if replacement and replacement.not_before and replacement.not_before > situation.now:
        return refused_before(situation)
    if isinstance(seen, Unreadable):
        return Wait(seen.reason, seen.message, seen.retry_after or situation.idle_poll)
    if seen is None or replacement is None:
        return None
    if seen.bound.count:
        message = (
            f"Pods of it name the pool, or a label that no node of another pool has, and can't follow: {seen.bound}. "
            "Let them run elsewhere."
        )
        return Wait(TIED, message, situation.slow_poll)
    twin = next((one for one in situation.cluster.pools if one.name == replacement.twin), None)
    if seen.left and twin and twin.count == 0 and not twin.body.get("enableAutoScaling"):
        message = f"{twin.name} has no nodes that the pods of {step.pool.name} could go to: scale it up."
        return Wait("TwinEmpty", message, situation.idle_poll)
    if seen.left and not seen.open and not seen.to_evict:
        return Wait("PodsLeaving", f"{len(seen.left)} evicted pods have not ended yet.", situation.poll)
    return None


def refused_before(situation: Situation) -> Wait | None:
    """Return why the last attempt to empty the old pool moved nothing; None if it did."""
    replacement = situation.memory.replacement
    if replacement is None or replacement.not_before is None:
        return None
    reason, _, message = replacement.waiting.partition(": ")
    return Wait(reason, message, max(replacement.not_before - situation.now, situation.poll))


IN_ORDER = frozenset(
    {"OutsideWindow", "Blackout", "NoMaintenanceConfiguration", "Paused", "BreakerOpen", "PolicyNotApproved", "Exempt"}
    | {"ModeDoesNotAct", "OwnerObjects"}
)
"""What people have decided themselves: while a replacement waits for it, nobody needs to be told that it waits."""


def stage_of(situation: Situation, step: Step) -> Stage:
    """Say how far a replacement is, by the cluster as it is."""
    operation, replacement = situation.memory.operation, situation.memory.replacement
    if replacement and replacement.ends:
        return Stage.ENDING
    if operation:
        return Stage.DELETING if operation.method is Method.DELETE else Stage.CREATING
    return Stage.PROVING if unproven_twin(situation, step) else Stage.DRAINING
