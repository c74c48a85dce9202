"""Takes a replacement from its proven twin to its end: goes on with one, gives one up, and tells people how far it is.

The cluster keeps the state: every look finds out anew what is there. What was begun with ARM is `shared.remediation`'s.
"""

from dataclasses import replace
from datetime import timedelta

from shared.budget import release
from shared.domain.checks import TWIN_GONE
from shared.domain.handover import IN_ORDER, stage_of, under_way
from shared.domain.model import Action, Cluster, ClusterRead, Plan, Replacement, Stage, Unreadable
from shared.domain.parts import done
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.twins import made_for, twin_of
from shared.domain.waits import waits
from shared.emptying import HELD, UNCORDONING, enter, record, uncordon_all, what_is_left
from shared.look import Look
from shared.remediation import Remediation

UNCORDONS_FOR = timedelta(days=1)
"""How long a replacement that is given up tries to uncordon nodes; then people are told to, and it ends."""


def settle(look: Look, read: ClusterRead, rules: Rulebook) -> None:
    """End a replacement that has come to its end, or that can't: its twin or its pool is gone, or somebody said so."""
    replacement, now = look.memory.replacement, look.ports.clock.now()
    if replacement is None or look.memory.operation or not isinstance(read, Cluster):
        return
    if all(pool.name != replacement.pool for pool in read.pools):
        record(look, replacement, {"stage": "ended", "message": f"{replacement.pool} is gone."})
        look.hold.save(done(look.memory))
        _give_place_back(look)
        return
    if not replacement.ends and (why := _hopeless(read, rules, replacement)):
        replacement = replace(replacement, ends=why, moved=now, waiting="")
        look.hold.save(replace(look.memory, replacement=replacement))
    if replacement.ends:
        _give_up(look, read, rules, replacement)


def _hopeless(read: Cluster, rules: Rulebook, replacement: Replacement) -> str:
    if not rules.policy.covers(read):
        return "OutOfScope: The cluster has left the policy's scope while a pool was being replaced."
    if all(pool.name != replacement.twin for pool in read.pools):
        return f"{TWIN_GONE}: Its twin {replacement.twin} was deleted while {replacement.pool} was being replaced."
    return ""


def _give_up(look: Look, read: Cluster, rules: Rulebook, replacement: Replacement) -> None:
    """Uncordon what we cordoned; then forget the replacement, and leave both pools alone."""
    now, failed = look.ports.clock.now(), uncordon_all(look, read, rules, replacement)
    if failed and now - replacement.moved < UNCORDONS_FOR:
        went = failed.reason == UNCORDONING
        told = replace(replacement, waiting="" if went else f"{failed.reason}: {failed.message}")
        look.hold.save(replace(look.memory, replacement=replace(told, moved=now) if went else told))
        return
    reason, _, why = replacement.ends.partition(": ")
    pool = next(one for one in read.pools if one.name == replacement.pool)
    said = f"{why} {pool.name} stays" + (
        f", and its nodes could not be uncordoned: do that. {failed.message}" if failed else ", its nodes uncordoned."
    )
    if any(one.name == replacement.twin for one in read.pools):
        said += f" {replacement.twin} stays too: delete it, or unblock {pool.name} to go on with it."
    record(look, replacement, {"stage": "ended", "message": said})
    remembered = replace(look.memory.pool(pool.name), blocked=said, blocked_on=pool.configuration, ended=now)
    memory = replace(look.memory, replacement=None)
    look.hold.save(memory.with_pool(pool.name, replace(remembered, blocked_reason=reason)))
    _give_place_back(look)


def _give_place_back(look: Look) -> None:
    def still_ours(_: object) -> bool:
        look.hold.check()
        return True

    release(look.ports.rollout, look.cluster, still_ours, begun=True)


def at_nodes(look: Look, situation: Situation) -> Situation:
    """Return the situation with what is left on the old pool's nodes, where nothing else keeps a replacement."""
    step = _step(situation)
    if step is None or waits(situation, step):
        return situation
    with enter(look, situation.cluster, situation.rules, step.pool.name) as api:
        seen = api if isinstance(api, Unreadable) else what_is_left(api, step.pool.name)
    return replace(situation, drained=seen)


def _step(situation: Situation) -> Step | None:
    return next((step for step in due(situation) if under_way(situation, step)), None)


def remember(look: Look, situation: Situation | None, planned: Plan) -> None:
    """Remember how far a replacement is and what it waits for, for people; what is in order is no waiting."""
    replacement = look.memory.replacement
    if replacement is None or situation is None:
        return
    found = _as_planned(situation, replacement, planned)
    if found != replacement:
        look.hold.save(replace(look.memory, replacement=found))


def _as_planned(situation: Situation, replacement: Replacement, planned: Plan) -> Replacement:
    if replacement.ends:
        return replace(replacement, stage=Stage.ENDING)
    step, waiting = _step(situation), replacement.waiting if planned.action else ""
    held = next((one for one in planned.deferrals if one.pool == replacement.pool), None)
    stage = stage_of(situation, step) if step else replacement.stage
    if held:
        waiting = f"{held.reason}: {held.message}"
    elif step is None:
        waiting = "NotAsked: The policy does not ask for it any more."
    in_order = stage is not replacement.stage or (held is not None and held.reason in IN_ORDER)
    return replace(replacement, stage=stage, waiting=waiting, moved=situation.now if in_order else replacement.moved)


def adopt(look: Look, remediation: Remediation, situation: Situation, action: Action) -> str:
    """Go on with a twin that is there, whose replacement was given up, or forgotten with the rollout row."""
    twin, now = twin_of(situation.cluster, action.pool), look.ports.clock.now()
    if twin is None:
        return f"{action.pool}: {HELD}"
    replacement = Replacement(made_for(twin)[1], action.pool, twin.name, now, now, Stage.PROVING)
    look.hold.save(replace(look.memory, replacement=replacement))
    place = remediation.reserve(action, replacement.id)
    if place is None or not remediation.is_open(action):
        look.hold.save(replace(look.memory, replacement=None))
        release(look.ports.rollout, look.cluster, lambda found: found.intent == replacement.id, begun=False)
        return f"{action.pool}: {HELD}"
    record(look, replacement, {"stage": "resumed", "approvals": place.approvals, "policy": situation.rules.hash})
    return f"{action.pool}: goes on with {twin.name}"
