"""Empties the old pool of a replacement: cordons its nodes, evicts its pods, and gives up in good order.

The cluster keeps the state: what is to be done follows from nodes, pods and our label, so that a look may end at any
call and the next one goes on. Pods leave by the Eviction API alone, and nothing is ever forced or deleted with pods on
it.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.budget import release
from shared.domain.api_server import Answered, Way, read_all, refused
from shared.domain.checks import TWIN_GONE
from shared.domain.codec import fingerprint
from shared.domain.draining import (
    CORDONED_AT_ONCE,
    Drained,
    Left,
    batches,
    cordon,
    drained,
    eviction,
    uncordon,
)
from shared.domain.handover import IN_ORDER, PDB_BLOCKED, PODS_RETURN, stage_of, under_way
from shared.domain.model import Action, Cluster, ClusterRead, Plan, Replacement, Stage, Unreadable
from shared.domain.observe import NODES
from shared.domain.observe_workloads import read_host, read_left
from shared.domain.parts import done
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.twins import made_for, twin_of
from shared.domain.waits import waits
from shared.domain.workloads import SHOWN, apart
from shared.look import Look
from shared.ports import KubernetesApi
from shared.remediation import Remediation
from shared.workloads import pod_paths

UNCORDONS_FOR = timedelta(days=1)
"""How long a replacement that is given up tries to uncordon nodes; then people are told to, and it ends."""
_HELD = "held back"


def settle(look: Look, read: ClusterRead, rules: Rulebook) -> None:
    """End a replacement that has come to its end, or that can't: its twin or its pool is gone, or somebody said so."""
    replacement, now = look.memory.replacement, look.ports.clock.now()
    if replacement is None or look.memory.operation or not isinstance(read, Cluster):
        return
    if all(pool.name != replacement.pool for pool in read.pools):
        _record(look, replacement, {"stage": "ended", "message": f"{replacement.pool} is gone."})
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
    now, failed = look.ports.clock.now(), _uncordon(look, read, rules, replacement)
    if failed and now - replacement.moved < UNCORDONS_FOR:
        waiting = replace(replacement, waiting=f"{failed.reason}: {failed.message}")
        look.hold.save(replace(look.memory, replacement=waiting))
        return
    reason, _, why = replacement.ends.partition(": ")
    pool = next(one for one in read.pools if one.name == replacement.pool)
    said = f"{why} {pool.name} stays" + (
        f", and its nodes could not be uncordoned: do that. {failed.message}" if failed else ", its nodes uncordoned."
    )
    if any(one.name == replacement.twin for one in read.pools):
        said += f" {replacement.twin} stays too: delete it, or unblock {pool.name} to go on with it."
    _record(look, replacement, {"stage": "ended", "message": said})
    remembered = replace(look.memory.pool(pool.name), blocked=said, blocked_on=pool.configuration, ended=now)
    memory = replace(look.memory, replacement=None)
    look.hold.save(memory.with_pool(pool.name, replace(remembered, blocked_reason=reason)))
    _give_place_back(look)


def _give_place_back(look: Look) -> None:
    def still_ours(_: object) -> bool:
        look.hold.check()
        return True

    release(look.ports.rollout, look.cluster, still_ours, begun=True)


def _uncordon(look: Look, read: Cluster, rules: Rulebook, replacement: Replacement) -> Unreadable | None:
    """Uncordon the nodes that carry our label; say why some still do."""
    if read.stopped:
        return None
    with _enter(look, read, rules, replacement.pool) as api:
        if isinstance(api, Unreadable):
            return api
        hosts = read_all(api.get, NODES, read_host, "nodes")
        if isinstance(hosts, Unreadable):
            return hosts
        ours = [host.name for host in hosts if host.cordoned_for == replacement.id]
        left, failed = _patched(look, api, [uncordon(name) for name in ours])
        later = Unreadable("Uncordoning", f"{left} nodes are still cordoned.", look.ports.timing.poll)
        return failed or (later if left else None)


def _patched(
    look: Look, api: KubernetesApi, patches: list[tuple[str, Mapping[str, Any]]]
) -> tuple[int, Unreadable | None]:
    """Patch some nodes, so many as one look does; return how many are left, and why one was refused."""
    sent = patches[:CORDONED_AT_ONCE]
    look.hold.check()
    failed = [why for answer in api.send("PATCH", sent) if (why := _why_not(answer, "cordon nodes"))] if sent else []
    return len(patches) - len(sent) + len(failed), failed[0] if failed else None


def _why_not(answer: Answered | Unreadable, doing: str) -> Unreadable | None:
    if isinstance(answer, Unreadable):
        return answer
    # 404: it is gone, and nothing more is wanted of it.
    return None if answer.ok or answer.status == 404 else refused(answer, doing)


def _enter(look: Look, read: Cluster, rules: Rulebook, pool: str) -> AbstractContextManager[KubernetesApi | Unreadable]:
    """Enter the cluster by the ways that the old pool's rule allows; AKS run command can't drain (FACTS 6: 60 s)."""
    found = next(one for one in read.pools if one.name == pool)
    ways = rules.policy.rule_for(read, found).settings.proof.ways
    return look.ports.kubernetes.open(read, ways - {Way.RUN_COMMAND})


def at_nodes(look: Look, situation: Situation) -> Situation:
    """Return the situation with what is left on the old pool's nodes, where nothing else keeps a replacement."""
    step = _step(situation)
    if step is None or waits(situation, step):
        return situation
    with _enter(look, situation.cluster, situation.rules, step.pool.name) as api:
        seen = api if isinstance(api, Unreadable) else _seen(api, step.pool.name)
    return replace(situation, drained=seen)


def _step(situation: Situation) -> Step | None:
    return next((step for step in due(situation) if under_way(situation, step)), None)


def _seen(api: KubernetesApi, pool: str) -> Drained | Unreadable:
    hosts = read_all(api.get, NODES, read_host, "nodes")
    if isinstance(hosts, Unreadable):
        return hosts
    mine = {host.name for host in hosts if host.pool == pool}

    def read(item: Mapping[str, Any]) -> Left | None:
        found = read_left(item)
        return found if found and (not found.node or found.node in mine) else None

    left: list[Left] = []
    for path in pod_paths(apart(hosts, {pool})) if mine else ():
        pods = read_all(api.get, path, read, "pods")
        if isinstance(pods, Unreadable):
            return pods
        left += [pod for pod in pods if pod]
    return drained(pool, hosts, left)


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
        return f"{action.pool}: {_HELD}"
    replacement = Replacement(made_for(twin)[1], action.pool, twin.name, now, now, Stage.PROVING)
    look.hold.save(replace(look.memory, replacement=replacement))
    place = remediation.reserve(action, replacement.id)
    if place is None or not remediation.is_open(action):
        look.hold.save(replace(look.memory, replacement=None))
        release(look.ports.rollout, look.cluster, lambda found: found.intent == replacement.id, begun=False)
        return f"{action.pool}: {_HELD}"
    _record(look, replacement, {"stage": "resumed", "approvals": place.approvals, "policy": situation.rules.hash})
    return f"{action.pool}: goes on with {twin.name}"


@dataclass(slots=True)
class _Moved:
    """What one look did on the nodes."""

    cordoned: tuple[str, ...] = ()
    evicted: list[str] = field(default_factory=list)
    """Pods, as `namespace/name`."""
    waiting: str = ""
    """Why the others are still there, as `Reason: message`."""


def drain(look: Look, remediation: Remediation, situation: Situation, action: Action) -> str:
    """Cordon the old pool's nodes; once all are, evict pods of the first node that lets some go."""
    replacement, seen = look.memory.replacement, situation.drained
    if replacement is None or not isinstance(seen, Drained):
        return ""
    if remediation.reserve(action, replacement.id) is None:
        return f"{action.pool}: {_HELD}"
    tries = {"cordon": seen.open[:CORDONED_AT_ONCE]} if seen.open else {"evict": _named(seen)}
    told = fingerprint(tries)
    if told != replacement.recorded:
        _record(look, replacement, {"stage": "drains", "policy": situation.rules.policy.hash, **tries})
    if not remediation.is_open(action):
        return f"{action.pool}: {_HELD}"
    moved = _move(look, situation, replacement, seen)
    if moved.cordoned or moved.evicted or told != replacement.recorded:
        did = {"cordoned": moved.cordoned, "evicted": moved.evicted, "waits": moved.waiting}
        _record(look, replacement, {"stage": "drained", **did})
    _remember_moved(look, situation, seen, moved, told)
    return f"{action.pool}: cordoned {len(moved.cordoned)} nodes, evicted {len(moved.evicted)} pods"


def _named(seen: Drained) -> list[str]:
    return [f"{pod.namespace}/{pod.name}" for batch in batches(seen.to_evict) for pod in batch]


def _move(look: Look, situation: Situation, replacement: Replacement, seen: Drained) -> _Moved:
    with _enter(look, situation.cluster, situation.rules, replacement.pool) as api:
        if isinstance(api, Unreadable):
            return _Moved(waiting=f"{api.reason}: {api.message}")
        if seen.open:
            left, failed = _patched(look, api, [cordon(name, replacement.id) for name in seen.open])
            waiting = f"{failed.reason}: {failed.message}" if failed else ""
            # Of those that were refused the next look sees that they are open.
            return _Moved(() if left == len(seen.open) else seen.open[:CORDONED_AT_ONCE], waiting=waiting)
        return _evict(look, api, seen)


def _evict(look: Look, api: KubernetesApi, seen: Drained) -> _Moved:
    """Evict the pods of one node; of the next one only if no budget lets any of this one go."""
    moved, held, other = _Moved(), set[str](), ""
    for batch in batches(seen.to_evict):
        look.hold.check()
        for pod, answer in zip(batch, api.send("POST", [eviction(pod) for pod in batch]), strict=True):
            if not (why := _why_not(answer, "evict pods")):
                moved.evicted.append(f"{pod.namespace}/{pod.name}")
            elif isinstance(answer, Answered) and answer.status == 429:
                held.add(pod.workload)
            else:
                other = f"{why.reason}: {pod.workload}: {why.message}"
        if moved.evicted:
            return moved
    names = f"{', '.join(sorted(held)[:SHOWN])}{' ...' if len(held) > SHOWN else ''}"
    blocked = f"{PDB_BLOCKED}: Pod disruption budgets let no pod go of: {names}. Nothing is forced."
    moved.waiting = other or blocked
    return moved


def _remember_moved(look: Look, situation: Situation, seen: Drained, moved: _Moved, told: str) -> None:
    replacement, now, count = look.memory.replacement, look.ports.clock.now(), len(seen.to_evict)
    if replacement is None:
        return
    fewer = replacement.least < 0 or count < replacement.least
    went = bool(moved.cordoned or (moved.evicted and fewer))
    found = replace(
        replacement,
        moved=now if went else replacement.moved,
        waiting=moved.waiting or ("" if went else _returned(seen)),
        # A pod that was evicted a moment ago may let the next one go as soon as it is back.
        not_before=None if went else now + max(situation.slow_poll, min(now - replacement.moved, situation.idle_poll)),
        least=-1 if moved.cordoned else count if fewer else replacement.least,
        recorded=told,
    )
    look.hold.save(replace(look.memory, replacement=found))


def _returned(seen: Drained) -> str:
    names = sorted({pod.workload for pod in seen.to_evict})
    more = " ..." if len(names) > SHOWN else ""
    return (
        f"{PODS_RETURN}: Evicted pods come back to cordoned nodes, as those do that tolerate every taint: "
        f"{', '.join(names[:SHOWN])}{more}."
    )


def _record(look: Look, replacement: Replacement, body: Mapping[str, Any]) -> None:
    look.hold.check()
    named = {"replacement": replacement.id, "pool": replacement.pool, "twin": replacement.twin}
    look.chain.append(RecordKind.REPLACEMENT, look.ports.clock.now(), {**named, **body})
