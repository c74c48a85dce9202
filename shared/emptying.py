"""Empties the nodes of a pool: cordons them, evicts their pods as far as budgets allow, and uncordons what it cordoned.

What is to be done follows from nodes, pods and our label, so that a look may end at any call and the next one goes on.
Pods leave by the Eviction API alone; nothing is ever forced.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
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
    eviction,
    held_by_budget,
    next_node,
    uncordon,
)
from shared.domain.following import drained
from shared.domain.handover import PDB_BLOCKED
from shared.domain.memory import Replacement
from shared.domain.model import Cluster, Pool, Unreadable
from shared.domain.observe import NODES, read_node
from shared.domain.observe_left import COUNTING, node_of, read_followed, read_lacking, read_left, read_place
from shared.domain.planned import Action
from shared.domain.proven import Node, Proof
from shared.domain.resting import PODS_RETURN, brings_on, came_with, may_go, opened, rested, returned, shown
from shared.domain.rulebook import Rulebook
from shared.domain.running import STEADY, Tried
from shared.domain.situation import Situation
from shared.domain.taken import nodes_of, not_proven
from shared.domain.workloads import Place, apart
from shared.look import Look
from shared.ports import KubernetesApi
from shared.remediation import Remediation
from shared.restoring import record
from shared.workloads import pod_paths

UNCORDONING = "Uncordoning"
"""The reason of nodes whose turn comes with the next look."""
HELD = "held back"
"""What is logged of a part that a fence or the budget stopped."""


def cordoned_nodes(
    look: Look, read: Cluster, rules: Rulebook, replacement: Replacement
) -> tuple[str, ...] | Unreadable:
    """Return the nodes that carry our label."""
    with enter(look, read, rules, replacement.pool) as api:
        return api if isinstance(api, Unreadable) else _ours(api, replacement)


def _ours(api: KubernetesApi, replacement: Replacement) -> tuple[str, ...] | Unreadable:
    hosts = read_all(api.get, NODES, read_place, "nodes")
    if isinstance(hosts, Unreadable):
        return hosts
    return tuple(host.name for host in hosts if cordoned_for(host) == replacement.id)


def uncordon_all(look: Look, read: Cluster, rules: Rulebook, replacement: Replacement) -> Unreadable | None:
    """Uncordon the nodes that carry our label; say why some still do."""
    if read.stopped:
        return Unreadable("Stopped", "The cluster is stopped: its nodes are uncordoned once it runs again.", None)
    with enter(look, read, rules, replacement.pool) as api:
        if isinstance(api, Unreadable):
            return api
        ours = _ours(api, replacement)
        if isinstance(ours, Unreadable):
            return ours
        done, failed = _patched(look, api, {name: uncordon(name) for name in ours})
        left = len(ours) - len(done)
        later = Unreadable(UNCORDONING, f"{left} nodes are still cordoned.", look.ports.timing.poll)
        return failed or (later if left else None)


def _patched(
    look: Look, api: KubernetesApi, patches: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> tuple[tuple[str, ...], Unreadable | None]:
    """Patch some nodes, by name, so many as one look does; return which were, and why one was refused."""
    sent = tuple(patches)[:CORDONED_AT_ONCE]
    look.hold.check()
    answers = api.send("PATCH", [patches[name] for name in sent]) if sent else ()
    why = {name: _why_not(answer, "cordon nodes") for name, answer in zip(sent, answers, strict=True)}
    failed = next((found for found in why.values() if found), None)
    return tuple(name for name in sent if not why[name]), failed


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


@dataclass(frozen=True, slots=True)
class Emptying:
    """A pool that is emptied, and what is known of it and of its twin before the lists are read."""

    pool: Pool
    twin: Pool
    now: datetime
    began: datetime
    """When its replacement did: what failed on the twin before that is no matter of it."""
    taken: Proof | None = None
    """The proof that the twin has, if its nodes are asked at all: they are compared with those that gave it."""
    ran: Mapping[str, int] | None = None
    """How the pool's workloads ran when emptying began, if it has (`Replacement.ran`)."""
    steady: timedelta = STEADY
    """How long pods that followed have to run before the pool is deleted."""
    tried: Tried | None = None
    """What is remembered of an earlier try (`PoolMemory.tried`)."""
    vacant: datetime | None = None
    """Since when nothing is on the pool (`Replacement.vacant`)."""

    @property
    def settles(self) -> timedelta:
        """How long it is until what left the pool last is no longer new on the twin."""
        left = (self.vacant or self.now) + self.steady - self.now
        return max(left, timedelta())


def what_is_left(api: KubernetesApi, asked: Emptying) -> Drained | Unreadable:
    """List the nodes of a pool and its twin, the pods that keep the old ones from being empty, and who does not run."""
    pool, twin, now = asked.pool, asked.twin, asked.now
    nodes = read_all(api.get, NODES, _read_both, "nodes")
    if isinstance(nodes, Unreadable):
        return nodes
    hosts = [host for host, _ in nodes]
    mine = {host.name for host in hosts if host.pool == pool.name}
    theirs = {host.name for host in hosts if host.pool == twin.name} - mine

    def read(item: Mapping[str, Any]) -> Sequence[Left]:
        node, found = node_of(item), None
        if node in theirs:
            found = read_followed(item, asked.began)
        elif not node or node in mine:
            found = read_left(item)
        return (found,) if found else ()

    paths = pod_paths(apart(hosts, {pool.name, twin.name})) if mine or theirs else ()
    controllers = [(path, partial(read_lacking, kind=kind), f"{kind}s") for kind, path in COUNTING]
    left = _pods(api, [*((path, read, "pods") for path in paths), *controllers])
    if isinstance(left, Unreadable):
        return left
    unproven = not_proven(twin, asked.taken, nodes_of([node for _, node in nodes], twin.name), now)
    found = drained(pool, twin, hosts, left, now, asked.ran, asked.steady, asked.tried)
    return replace(found, unproven=unproven, settles=asked.settles)


def _pods(
    api: KubernetesApi, lists: Iterable[tuple[str, Callable[[Mapping[str, Any]], Sequence[Left]], str]]
) -> list[Left] | Unreadable:
    """Read the pods that some lists tell of."""
    pods: list[Left] = []
    for path, read, what in lists:
        found = read_all(api.get, path, read, what)
        if isinstance(found, Unreadable):
            return found
        pods += [pod for each in found for pod in each]
    return pods


def _read_both(item: Mapping[str, Any]) -> tuple[Place, Node]:
    return read_place(item), read_node(item)


@dataclass(slots=True)
class _Moved:
    """What one look did on the nodes."""

    cordoned: tuple[str, ...] = ()
    evicted: list[str] = field(default_factory=list)
    """Pods, as `namespace/name`."""
    workloads: set[str] = field(default_factory=set)
    """Theirs."""
    node: str = ""
    """The last one of which a pod was asked to leave."""
    waiting: str = ""
    """Why the others are still there, as `Reason: message`."""


def drain(look: Look, remediation: Remediation, situation: Situation, action: Action) -> str:
    """Cordon the old pool's nodes; once all are, evict pods of the first node that lets some go."""
    replacement, seen = look.memory.replacement, situation.drained
    if replacement is None or not isinstance(seen, Drained):
        return ""
    if remediation.fence.reserve(action, replacement.id) is None:
        return f"{action.pool}: {HELD}"
    if replacement.ran is None and seen.ran is not None:
        # Before anything is moved: whoever comes after a death does not know any more how it was.
        replacement = replace(replacement, ran=seen.ran)
        look.hold.save(replace(look.memory, replacement=replacement))
    pods = may_go(seen, replacement, situation.now)
    tries = {"cordon": seen.open[:CORDONED_AT_ONCE]} if seen.open else {"evict": _named(pods, replacement)}
    told = fingerprint(tries)
    if told != replacement.recorded:
        record(look, replacement, Part.DRAINS, **tries)
    tried = replace(seen, left=pods)
    moved = _move(look, situation, replacement, tried, partial(remediation.fence.is_open, action))
    if moved is None:
        return f"{action.pool}: {HELD}"
    if moved.evicted or told != replacement.recorded:
        did = {"cordoned": moved.cordoned, "evicted": tuple(moved.evicted), "waits": moved.waiting}
        record(look, replacement, Part.DRAINED, **did)
    _remember_moved(look, situation, seen, moved, told)
    return f"{action.pool}: cordoned {len(moved.cordoned)} nodes, evicted {len(moved.evicted)} pods"


def _named(pods: Sequence[Left], replacement: Replacement) -> tuple[str, ...]:
    # In one order, whoever's turn it is: the same attempt is recorded once.
    tried = batches(pods, replacement.turn)
    return tuple(sorted(f"{pod.namespace}/{pod.name}" for batch in tried for pod in batch))


def _move(
    look: Look, situation: Situation, replacement: Replacement, seen: Drained, is_open: Callable[[], bool]
) -> _Moved | None:
    """Cordon, or evict; None if the fence was closed by then: what was read takes its time."""
    with enter(look, situation.cluster, situation.rules, replacement.pool) as api:
        if isinstance(api, Unreadable):
            return _Moved(waiting=f"{api.reason}: {api.message}")
        if not is_open():
            return None
        if seen.open:
            done, failed = _patched(look, api, {name: cordon(name, replacement.id) for name in seen.open})
            # Of those that were refused the next look sees that they are open.
            return _Moved(done, waiting=f"{failed.reason}: {failed.message}" if failed else "")
        return _evict(api, seen, replacement.turn, is_open)


def _evict(api: KubernetesApi, seen: Drained, first: str, is_open: Callable[[], bool]) -> _Moved:
    """Evict the pods of one node; of the next one only if no budget lets any of this one go, and the fence is open."""
    moved, held, other = _Moved(), set[str](), ""
    for batch in batches(seen.to_evict, first):
        if moved.node and not is_open():
            break
        moved.node = batch[0].node
        for pod, answer in zip(batch, api.send("POST", [eviction(pod) for pod in batch]), strict=True):
            if not (why := _why_not(answer, "evict pods")):
                moved.evicted.append(f"{pod.namespace}/{pod.name}")
                moved.workloads.add(pod.workload)
            elif isinstance(answer, Answered) and held_by_budget(answer):
                held.add(pod.workload)
            else:
                other = f"{why.reason}: {pod.workload}: {why.message}"
        if moved.evicted:
            return moved
    blocked = f"{PDB_BLOCKED}: Pod disruption budgets let no pod go of: {shown(held)}. Nothing is forced."
    moved.waiting = other or blocked
    return moved


def _remember_moved(look: Look, situation: Situation, seen: Drained, moved: _Moved, told: str) -> None:
    replacement, now, count = look.memory.replacement, look.ports.clock.now(), len(seen.to_evict)
    if replacement is None:
        return
    went = brings_on(seen, replacement, moved.cordoned, evicts=bool(moved.evicted))
    rests, evicted = rested(replacement, moved.workloads, now, situation.slow_poll)
    found = replace(
        replacement,
        moved=now if went else replacement.moved,
        waiting=moved.waiting or ("" if went else _in_vain(seen, replacement, moved)),
        # A pod that was evicted a moment ago may let the next one go as soon as it is back.
        not_before=None if went else now + max(situation.slow_poll, min(replacement.idle(now), situation.idle_poll)),
        least=count if moved.evicted and went else replacement.least + came_with(seen, replacement, moved.cordoned),
        most=max(seen.around, replacement.most),
        # Whose pods come back, or don't go, does not keep those of the other nodes.
        turn=moved.node if went else next_node(seen.to_evict, moved.node),
        rests=None if went else rests,
        evicted=evicted,
        recorded=told,
    )
    look.hold.save(replace(look.memory, replacement=found))


def _in_vain(seen: Drained, replacement: Replacement, moved: _Moved) -> str:
    return opened(seen, replacement) if moved.cordoned else f"{PODS_RETURN}: {returned(seen, replacement)}"
