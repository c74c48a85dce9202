"""Finds, before a reimage, the workloads that it would harm; reads a cluster's pods page by page and keeps names only.

What can't be read is remembered as unreadable: it is never taken for nothing found.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from shared.domain import observe_workloads as kube
from shared.domain.api_server import Ask, Way, read_all
from shared.domain.model import Cluster, Memory, Unreadable
from shared.domain.observe import NODES
from shared.domain.risks import RISKS
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.waits import barred, waits
from shared.domain.workloads import Place, PodUse, Workloads, apart, gathered, unread
from shared.look import Look
from shared.ports import Kubernetes

_KNOWN_FOR = timedelta(days=1)
"""How often to read for a step that waits for something else, so that people know what is in its way."""
_REASONS = frozenset(risk.reason for risk in RISKS) | {"WorkloadsUnreadable"}


def survey(look: Look, situation: Situation) -> Memory:
    """Return the memory with what a reimage would harm, read where a step may rely on it, forgotten where none is due.

    One reading serves all pools of the cluster whose step is due and wanted.
    """
    memory = look.memory
    steps = [step for step in due(situation) if step.subject.settings.workloads.asked and not barred(situation, step)]
    names = frozenset(step.pool.name for step in steps)
    for name, pool in memory.pools.items():
        if pool.workloads and name not in names:
            memory = memory.with_pool(name, replace(pool, workloads=None))
    if any(_stale(situation, step) for step in steps):
        # One reading serves them all, so it goes only where each of their rules lets it.
        ways = frozenset.intersection(*(step.subject.settings.proof.ways for step in steps))
        found = read_workloads(look.ports.kubernetes, situation.cluster, ways, names, look.ports.clock.now())
        memory = replace(memory, agent=memory.agent if found.agent is None else found.agent)
        for name in names:
            memory = memory.with_pool(name, replace(memory.pool(name), workloads=found.pools[name]))
    if memory != look.memory:
        look.hold.save(memory)
    return memory


def _stale(situation: Situation, step: Step) -> bool:
    known, wait = step.subject.memory.workloads, waits(situation, step)
    if known is None:
        return True
    relies = wait is None or wait.reason in _REASONS
    return situation.now >= (known.until if relies else known.at + _KNOWN_FOR)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What one reading found."""

    pools: Mapping[str, Workloads]
    """By pool, of all that were asked for."""
    agent: str | None = None
    """Version of the monitoring agent; empty: there is none; None: that could not be read."""


def read_workloads(
    kubernetes: Kubernetes, cluster: Cluster, ways: frozenset[Way], pools: Collection[str], now: datetime
) -> Surveyed:
    """Read what a reimage of some pools would harm, by one of the ways that are allowed; every failure is a value."""
    with kubernetes.open(cluster, ways) as api:
        found = api if isinstance(api, Unreadable) else _read(api.get, pools, now)
    if isinstance(found, Unreadable):
        told = unread(now, f"{found.reason}: {found.message}", passing=found.retry_after is not None)
        return Surveyed(dict.fromkeys(pools, told))
    return found


def _read(get: Ask, pools: Collection[str], now: datetime) -> Surveyed | Unreadable:
    places = read_all(get, NODES, kube.read_place, "nodes")
    if isinstance(places, Unreadable):
        return places
    around = _surroundings(get)
    if isinstance(around, Unreadable):
        return around
    pods = _pods(get, places, pools, around)
    if isinstance(pods, Unreadable):
        return pods
    refused = [budget.name for budget in around.budgets if budget.never]
    return Surveyed({pool: gathered(pool, places, pods, refused, now) for pool in pools}, _agent(get))


def _surroundings(get: Ask) -> kube.Surroundings | Unreadable:
    found = _lists(
        get,
        (kube.CLASSES, kube.read_class, "storage classes"),
        (kube.BUDGETS, kube.read_budget, "pod disruption budgets"),
    )
    if isinstance(found, Unreadable):
        return found
    classes = {name: kind for names, kind in found[0] for name in names}
    volumes = _lists(get, (kube.VOLUMES, partial(kube.read_volume, classes=classes), "persistent volumes"))
    if isinstance(volumes, Unreadable):
        return volumes
    read = partial(kube.read_claim, volumes=dict(volumes[0]), classes=classes)
    claims = _lists(get, (kube.CLAIMS, read, "persistent volume claims"))
    return claims if isinstance(claims, Unreadable) else kube.Surroundings(dict(claims[0]), classes, found[1])


def _pods(
    get: Ask, places: Sequence[Place], pools: Collection[str], around: kube.Surroundings
) -> list[PodUse] | Unreadable:
    read = partial(kube.read_pod, around=around)
    found = _lists(get, *((path, read, "pods") for path in _paths(apart(places, pools))))
    return found if isinstance(found, Unreadable) else [pod for pods in found for pod in pods]


def _paths(nodes: Sequence[str]) -> Iterator[str]:
    """Yield where the pods are listed: all of them, or those of some nodes and those that wait for one."""
    if not nodes:
        yield kube.PODS
        return
    for name in (*nodes, ""):
        yield f"{kube.PODS}?fieldSelector={quote(f'spec.nodeName={name}', safe='')}"


def _agent(get: Ask) -> str | None:
    found = _lists(get, (kube.AGENTS, kube.read_agent, "daemon sets of kube-system"))
    return None if isinstance(found, Unreadable) else next(iter(found[0]), "")


def _lists(get: Ask, *wanted: tuple[str, Callable[[Mapping[str, Any]], Any], str]) -> list[list[Any]] | Unreadable:
    """Read some lists, and keep of each what matters; Unreadable if one can't be read."""
    found: list[list[Any]] = []
    for path, read, what in wanted:
        items = read_all(get, path, read, what)
        if isinstance(items, Unreadable):
            return items
        found.append([item for item in items if item is not None])
    return found
