"""Takes a replacement from its proven twin to its end: goes on with one, gives one up, and tells people how far it is.

The cluster keeps the state: every look finds out anew what is there. What was begun with ARM is `shared.remediation`'s.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.budget import release
from shared.domain.announced import given_up
from shared.domain.arm_errors import ABORTED
from shared.domain.bodies import Part
from shared.domain.checks import FORGOTTEN, TWIN_GONE
from shared.domain.draining import Drained
from shared.domain.evaluate import subjects
from shared.domain.giving_up import hopeless, step_under_way
from shared.domain.handover import IN_ORDER, stage_of, twin_under_way
from shared.domain.memory import WHATEVER, Replacement, Stage
from shared.domain.model import Cluster, ClusterRead, Pool, Unreadable
from shared.domain.parts import done
from shared.domain.planned import Action, ActionKind, Plan
from shared.domain.proofs import asks_nodes
from shared.domain.rulebook import Rulebook
from shared.domain.running import Tried
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.twins import remade
from shared.domain.waits import waits
from shared.emptying import HELD, UNCORDONING, Emptying, cordoned_nodes, enter, uncordon_all, what_is_left
from shared.look import Look
from shared.remediation import Remediation
from shared.restoring import forgotten, record

UNCORDONS_FOR = timedelta(days=1)
"""How long a replacement that is given up tries to uncordon nodes; then people are told to, and it ends."""
BACK = "PoolReturned"
"""The reason of a pool that was believed to be gone, and was not."""
PAUSE = timedelta(hours=1)
"""How long a pool rests after its replacement was given up for what people decided or changed: it may change back."""


def settle(look: Look, read: ClusterRead, rules: Rulebook) -> None:
    """End a replacement whose pool is gone, or that was given up: somebody said so, or it has become hopeless."""
    if look.memory.operation or not isinstance(read, Cluster):
        return
    _find_returned(look, read, rules)
    replacement = look.memory.replacement
    if replacement is None:
        return
    if all(pool.name != replacement.pool for pool in read.pools):
        record(look, replacement, Part.ENDED, message=f"{replacement.pool} is gone.")
        look.hold.save(done(look.memory))
        _give_place_back(look)
    elif replacement.ends:
        _give_up(look, read, rules, replacement)


def _find_returned(look: Look, read: Cluster, rules: Rulebook) -> None:
    """Find nodes that we cordoned in a pool that was believed to be gone and is there again: they are uncordoned.

    That is so where ARM did not list it for a while. Who made a new pool of that name has no such nodes.
    """
    if look.memory.replacement or read.stopped:
        return
    for pool in read.pools:
        found, remembered = remade(read, pool.name, look.ports.clock.now()), look.memory.pool(pool.name)
        if found is None or look.memory.pool(found.twin).replaced != found.id or remembered.returned == found.id:
            continue
        cordoned = cordoned_nodes(look, read, rules, found)
        if isinstance(cordoned, Unreadable):
            continue
        memory = look.memory.with_pool(pool.name, replace(remembered, returned=found.id))
        ends = f"{BACK}: ARM did not show {pool.name} for a while, and it is there again: it is not replaced any more."
        ending = replace(found, stage=Stage.ENDING, ends=ends) if cordoned else None
        look.hold.save(replace(memory, replacement=ending))
        if ending:
            return


def _give_up(look: Look, read: Cluster, rules: Rulebook, replacement: Replacement) -> None:
    """Give the place back, uncordon what we cordoned, then forget the replacement; both pools stay."""
    _give_place_back(look)
    now, failed = look.ports.clock.now(), uncordon_all(look, read, rules, replacement)
    # A stopped cluster has no node that could be uncordoned: that is owed until it runs again, however long.
    if failed and (read.stopped or now - replacement.moved < UNCORDONS_FOR):
        went = failed.reason == UNCORDONING
        told = replace(replacement, waiting="" if went else f"{failed.reason}: {failed.message}")
        look.hold.save(replace(look.memory, replacement=replace(told, moved=now) if went or read.stopped else told))
        return
    pool = next(one for one in read.pools if one.name == replacement.pool)
    said = _ended(read, replacement, failed)
    record(look, replacement, Part.ENDED, message=said)
    reason, before = replacement.ends.partition(": ")[0], replace(look.memory.pool(pool.name), ended=now)
    if replacement.ran is not None:
        # What never ran is on the twin by now, where the next try would find it.
        before = replace(before, tried=Tried({name: count for name, count in replacement.ran.items() if count}, now))
    stopped = reason in (ABORTED, TWIN_GONE, FORGOTTEN)
    if stopped:
        # Somebody stopped it: it is left alone until somebody lets it go on, and a finding says so.
        after = replace(before, blocked=said, blocked_on=WHATEVER, blocked_reason=reason)
    else:
        after = replace(before, not_before=now + PAUSE, waiting=f"{reason}: {said}")
    if failed or not stopped:
        # What people have decided, or changed, is judged anew; who sees the finding does not see that a twin stays, or
        # in mode audit that nodes are still cordoned.
        look.hold.check()
        channels = rules.policy.rule_for(read, pool).settings.alerts
        look.ports.alerts.send(given_up(look.cluster, replacement, said, replacement.moved, channels))
    look.hold.save(replace(look.memory, replacement=None).with_pool(pool.name, after))


def _ended(read: Cluster, replacement: Replacement, failed: Unreadable | None) -> str:
    """Say how a replacement ended that was given up, and what is left of it."""
    pool, twin = replacement.pool, replacement.twin
    nodes = f"and its nodes could not be uncordoned: do that. {failed.message}" if failed else "its nodes uncordoned."
    said = f"{replacement.ends.partition(': ')[2]} {pool} stays, {nodes}"
    if any(one.name == twin for one in read.pools):
        said += f" {twin} stays too: delete it, or have {pool} replaced after all, which goes on with it."
    return said


def _give_place_back(look: Look) -> None:
    def still_ours(_: object) -> bool:
        look.hold.check()
        return True

    release(look.ports.rollout, look.cluster, still_ours, begun=True)


def at_nodes(look: Look, situation: Situation) -> Situation:
    """Return the situation with what is left on the old pool's nodes, where nothing else keeps a replacement."""
    step = step_under_way(situation) or next((one for one in due(situation) if one.kind is ActionKind.REPLACE), None)
    if step is None or waits(situation, step):
        return situation
    twin = twin_under_way(situation)
    with enter(look, situation.cluster, situation.rules, step.pool.name) as api:
        if isinstance(api, Unreadable):
            return replace(situation, drained=api)
        asked = _emptying(situation, step.pool, twin)
        seen = what_is_left(api, asked)
        if twin is None and not isinstance(seen, Unreadable):
            # Before a twin is made it is tried whether there is time for this at all, and once more for as many calls:
            # the looks to come list the nodes for the twin's proof as well, cordon and evict.
            seen = what_is_left(api, asked)
    if twin and isinstance(seen, Drained) and seen.unproven:
        # The next look lists the nodes, whenever the last one did, and asks those anew that are not the proven ones.
        look.hold.save(replace(look.memory, listed=None))
        situation = replace(situation, memory=look.memory)
    return replace(situation, drained=seen)


def _emptying(situation: Situation, pool: Pool, twin: Pool | None) -> Emptying:
    """Return what is asked of a pool's nodes and of its twin's; before there is one, of the pool's alone."""
    replacement, policy = situation.memory.replacement, situation.rules.policy
    if replacement is None or twin is None:
        return Emptying(pool, pool, situation.now, situation.now)
    tried = situation.memory.pool(pool.name).tried
    asked = Emptying(
        pool,
        twin,
        situation.now,
        replacement.began,
        ran=replacement.ran,
        steady=situation.steady,
        tried=tried,
        vacant=replacement.vacant,
    )
    known = subjects(situation.cluster, situation.memory, policy, situation.now)
    subject = next(one for one in known if one.pool.name == twin.name)
    return replace(asked, taken=subject.memory.proof if asks_nodes(subject) else None)


def remember(look: Look, situation: Situation | None, planned: Plan) -> None:
    """Remember how far a replacement is and what it waits for, for people; what is in order is no waiting."""
    replacement = look.memory.replacement
    if replacement is None or situation is None:
        return
    found = _as_planned(situation, replacement, planned)
    if found != replacement:
        look.hold.save(replace(look.memory, replacement=found))


def _as_planned(situation: Situation, replacement: Replacement, planned: Plan) -> Replacement:
    if why := hopeless(situation):
        return replace(replacement.goes_on(situation.now), stage=Stage.ENDING, ends=why, waiting="")
    if replacement.ends:
        return replace(replacement, stage=Stage.ENDING)
    step, waiting = step_under_way(situation), replacement.waiting if planned.action else ""
    held = next((one for one in planned.deferrals if one.pool == replacement.pool), None)
    stage = stage_of(situation, step) if step else replacement.stage
    if held:
        waiting = f"{held.reason}: {held.message}"
    elif step is None:
        waiting = "Undecided: What the policy asks of it can't be told for now."
    order = tuple(Stage)
    furthest = max(stage, replacement.furthest, key=order.index)
    known = replacement if furthest is replacement.furthest else replacement.goes_on(situation.now)
    known = known.waits(situation.now, in_order=held is not None and held.reason in IN_ORDER)
    return replace(known, stage=stage, furthest=furthest, waiting=waiting, vacant=_vacant(situation, replacement))


def _vacant(situation: Situation, replacement: Replacement) -> datetime | None:
    """Return since when looks find nothing on the old pool: what they come too late to see may have just left.

    It is kept before anything is evicted: whoever comes after a death has to know that something was there. In a look
    that reads nothing, as all is paused, people may be at work there.
    """
    seen = situation.drained
    if isinstance(seen, Unreadable):
        return replacement.vacant
    return None if seen is None or seen.left or seen.unseen else replacement.vacant or situation.now


def adopt(look: Look, remediation: Remediation, situation: Situation, action: Action) -> str:
    """Go on with a twin that is there, whose replacement was given up, or forgotten with the rollout row."""
    replacement = forgotten(look.memory, situation.cluster, action.pool, look.ports.clock.now())
    place = remediation.fence.reserve(action, replacement.id) if replacement else None
    if replacement is None or place is None:
        return f"{action.pool}: {HELD}"
    if not remediation.fence.is_open(action):
        release(look.ports.rollout, look.cluster, lambda found: found.intent == replacement.id, begun=False)
        return f"{action.pool}: {HELD}"
    record(look, replacement, Part.RESUMED, approvals=place.approvals)
    look.hold.save(replace(look.memory, replacement=replacement))
    return f"{action.pool}: goes on with {replacement.twin}"
