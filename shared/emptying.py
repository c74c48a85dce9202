"""Empties the nodes of a pool: cordons them, evicts their pods as far as budgets allow, and uncordons what it cordoned.

What is to be done follows from nodes, pods and our label, so that a look may end at any call and the next one goes on.
Pods leave by the Eviction API alone; nothing is ever forced.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from shared.domain.api_server import Answered, Way, read_all, refused
from shared.domain.bodies import Part
from shared.domain.codec import fingerprint
from shared.domain.draining import (
    CORDONED_AT_ONCE,
    Drained,
    Left,
    batches,
    cordon,
    cordoned_for,
    drained,
    eviction,
    uncordon,
)
from shared.domain.handover import PDB_BLOCKED, PODS_RETURN
from shared.domain.memory import Replacement
from shared.domain.model import Cluster, Pool, Unreadable
from shared.domain.observe import NODES
from shared.domain.observe_workloads import read_left, read_place
from shared.domain.planned import Action
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.workloads import SHOWN, apart
from shared.look import Look
from shared.ports import KubernetesApi
from shared.remediation import Remediation
from shared.restoring import record
from shared.workloads import pod_paths

UNCORDONING = "Uncordoning"
"""The reason of nodes whose turn comes with the next look."""
HELD = "held back"
"""What is logged of a part that a fence or the budget stopped."""


def uncordon_all(look: Look, read: Cluster, rules: Rulebook, replacement: Replacement) -> Unreadable | None:
    """Uncordon the nodes that carry our label; say why some still do."""
    if read.stopped:
        return Unreadable("Stopped", "The cluster is stopped: its nodes are uncordoned once it runs again.", None)
    with enter(look, read, rules, replacement.pool) as api:
        if isinstance(api, Unreadable):
            return api
        hosts = read_all(api.get, NODES, read_place, "nodes")
        if isinstance(hosts, Unreadable):
            return hosts
        ours = [host.name for host in hosts if cordoned_for(host) == replacement.id]
        left, failed = _patched(look, api, [uncordon(name) for name in ours])
        later = Unreadable(UNCORDONING, f"{left} nodes are still cordoned.", look.ports.timing.poll)
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


def enter(look: Look, read: Cluster, rules: Rulebook, pool: str) -> AbstractContextManager[KubernetesApi | Unreadable]:
    """Enter the cluster by the ways that the old pool's rule allows; AKS run command can't drain (FACTS 6: 60 s)."""
    found = next(one for one in read.pools if one.name == pool)
    ways = rules.policy.rule_for(read, found).settings.proof.ways
    return look.ports.kubernetes.open(read, ways - {Way.RUN_COMMAND})


def what_is_left(api: KubernetesApi, pool: Pool) -> Drained | Unreadable:
    """List the nodes of a pool, and the pods that keep them from being empty."""
    hosts = read_all(api.get, NODES, read_place, "nodes")
    if isinstance(hosts, Unreadable):
        return hosts
    mine = {host.name for host in hosts if host.pool == pool.name}

    def read(item: Mapping[str, Any]) -> Left | None:
        found = read_left(item)
        return found if found and found.node in mine else None

    left: list[Left] = []
    for path in pod_paths(apart(hosts, {pool.name})) if mine else ():
        pods = read_all(api.get, path, read, "pods")
        if isinstance(pods, Unreadable):
            return pods
        left += [pod for pod in pods if pod]
    return drained(pool, hosts, left)


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
        return f"{action.pool}: {HELD}"
    tries = {"cordon": seen.open[:CORDONED_AT_ONCE]} if seen.open else {"evict": tuple(_named(seen))}
    told = fingerprint(tries)
    if told != replacement.recorded:
        record(look, replacement, Part.DRAINS, **tries)
    if not remediation.is_open(action):
        return f"{action.pool}: {HELD}"
    moved = _move(look, situation, replacement, seen)
    if moved.cordoned or moved.evicted or told != replacement.recorded:
        did = {"cordoned": moved.cordoned, "evicted": tuple(moved.evicted), "waits": moved.waiting}
        record(look, replacement, Part.DRAINED, **did)
    _remember_moved(look, situation, seen, moved, told)
    return f"{action.pool}: cordoned {len(moved.cordoned)} nodes, evicted {len(moved.evicted)} pods"


def _named(seen: Drained) -> list[str]:
    return [f"{pod.namespace}/{pod.name}" for batch in batches(seen.to_evict) for pod in batch]


def _move(look: Look, situation: Situation, replacement: Replacement, seen: Drained) -> _Moved:
    with enter(look, situation.cluster, situation.rules, replacement.pool) as api:
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
