"""Finds the workloads that FIPS or a reimage would harm; reads a cluster's pods page by page and keeps names only.

What can't be read is remembered as unreadable: it is never taken for nothing found.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from shared.domain import observe_volumes
from shared.domain import observe_workloads as kube
from shared.domain.api_server import Ask, Way, read_all
from shared.domain.barriers import barred
from shared.domain.evaluate import subjects
from shared.domain.handover import TIED, under_way
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ProofLevel, Unreadable
from shared.domain.observe import NODES
from shared.domain.observe_left import read_place
from shared.domain.planned import ActionKind
from shared.domain.risks import RISKS
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.subject import Subject, decided
from shared.domain.twins import twin_of
from shared.domain.waits import waits
from shared.domain.workloads import Leaving, Place, PodUse, Workloads, apart, gathered, unread
from shared.look import Look
from shared.ports import Kubernetes

_KNOWN_FOR = timedelta(days=1)
"""How often to read for a step that waits for something else, or for none, so that people know what is there."""
_AGENT_HOLDS = timedelta(days=3)
"""How long the monitoring agent's version is believed while it can't be read."""
_REASONS = frozenset(risk.reason for risk in RISKS) | {"WorkloadsUnreadable", TIED}


def survey(look: Look, situation: Situation) -> Memory:
    """Return the memory with what a reimage would harm, read where a step may rely on it.

    Of the other pools that need FIPS the SMB volumes are told, and of the cluster its monitoring agent, whatever the
    mode and whether FIPS is on: read once a day. What was read of a pool of which neither is wanted is forgotten.
    """
    steps = [step for step in due(situation) if _asks(situation, step)]
    names = frozenset(step.pool.name for step in steps)
    told = [subject for subject in _told(situation) if subject.pool.name not in names]
    record = frozenset(subject.pool.name for subject in told)
    memory = _kept(look.memory, names, record, situation.now)
    if any(_stale(situation, step) for step in steps):
        wanted = Asked(names, {step.pool.name: _leaving(situation, step) for step in steps if _leaves(step)})
        memory = _with_reading(look, situation, memory, wanted, _ways_of(steps))
    if _of_yesterday(told, situation.now):
        memory = _with_reading(look, situation, memory, Asked(record), _ways_in(told))
        memory = _kept(memory, names, record, situation.now)
    if memory != look.memory:
        look.hold.save(memory)
    return memory


def _asks(situation: Situation, step: Step) -> bool:
    """Say whether it has to be known what runs on a pool before a step; of one that is to be deleted, always."""
    if barred(situation, step):
        return False
    return _leaves(step) or step.subject.settings.workloads.asked


def _leaves(step: Step) -> bool:
    return step.kind is ActionKind.REPLACE


def _leaving(situation: Situation, step: Step) -> Leaving:
    """Return the twin that is there already, and what the pool gives it."""
    found, labels = twin_of(situation.cluster, step.pool.name), step.pool.body.get("nodeLabels")
    carried = {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
    return Leaving(found.name if found else "", carried)


def _ways_in(asked: Sequence[Subject]) -> frozenset[Way]:
    """Return the ways that each of some pools' rules allows."""
    return frozenset.intersection(*(subject.settings.proof.ways for subject in asked))


def _ways_of(steps: Sequence[Step]) -> frozenset[Way]:
    """Return the ways that may be used; for a replacement none that could not drain the pool later on."""
    ways = _ways_in([step.subject for step in steps])
    return ways - {Way.RUN_COMMAND} if any(map(_leaves, steps)) else ways


def _told(situation: Situation) -> Iterator[Subject]:
    """Yield the pools of which what they mount is told without a step: where FIPS is asked, and nodes may be asked."""
    if not situation.posture.in_scope or situation.cluster.stopped:
        return
    for subject in subjects(situation.cluster, situation.memory, situation.rules.policy, situation.now):
        entered = subject.settings.proof.level is not ProofLevel.CONTROL_PLANE
        if entered and subject.required and subject.settings.workloads.asked and not decided(subject):
            yield subject


def _of_yesterday(told: Sequence[Subject], now: datetime) -> bool:
    """Say whether it is time to read for the record: of a cluster at most once a day."""
    known = [subject.memory.workloads.at for subject in told if subject.memory.workloads]
    return bool(told) and (not known or now - min(known) >= _KNOWN_FOR)


def _kept(memory: Memory, steps: Collection[str], told: Collection[str], now: datetime) -> Memory:
    """Return what is still to be remembered of earlier readings."""
    for name, pool in memory.pools.items():
        if pool.workloads and name not in steps:
            found = pool.workloads.for_the_record() if name in told else None
            memory = memory.with_pool(name, replace(pool, workloads=found))
    if memory.agent and (memory.agent_at is None or now - memory.agent_at > _AGENT_HOLDS):
        memory = replace(memory, agent="", agent_at=None)
    return memory


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which pools it is asked what runs on them."""

    pools: Collection[str]
    leaving: Mapping[str, Leaving] = field(default_factory=dict)
    """Those of them that are to be replaced: what controllers would make has to be known as well."""


def _with_reading(look: Look, situation: Situation, memory: Memory, asked: Asked, ways: frozenset[Way]) -> Memory:
    """Read what runs on some pools: one reading serves them all, so it goes only where each of their rules lets it."""
    found = read_workloads(look.ports.kubernetes, situation.cluster, ways, asked, situation.now)
    if found.agent is not None:
        memory = replace(memory, agent=found.agent, agent_at=situation.now)
    for name in asked.pools:
        memory = memory.with_pool(name, replace(memory.pool(name), workloads=found.pools[name]))
    return memory


def _stale(situation: Situation, step: Step) -> bool:
    known, wait = step.subject.memory.workloads, waits(situation, step)
    if known is None or known.only_smb:
        return True
    relies = wait is None or wait.reason in _REASONS
    # What makes a twin, evicts or deletes goes by what is there in the same look, which so shows that there is time.
    at_once = under_way(situation, step) or (_leaves(step) and wait is None)
    until = situation.now if at_once else known.until
    return situation.now >= (until if relies else known.at + _KNOWN_FOR)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What one reading found."""

    pools: Mapping[str, Workloads]
    """By pool, of all that were asked for."""
    agent: str | None = None
    """Version of the monitoring agent; empty: there is none; None: that could not be read."""


def read_workloads(
    kubernetes: Kubernetes, cluster: Cluster, ways: frozenset[Way], asked: Asked, now: datetime
) -> Surveyed:
    """Read what a reimage of some pools would harm, by one of the ways that are allowed; every failure is a value."""
    with kubernetes.open(cluster, ways) as api:
        found = api if isinstance(api, Unreadable) else _read(api.get, asked, now)
    return Surveyed(dict.fromkeys(asked.pools, _unread(found, now))) if isinstance(found, Unreadable) else found


def _unread(found: Unreadable, now: datetime) -> Workloads:
    return unread(now, f"{found.reason}: {found.message}", passing=found.retry_after is not None)


def _read(get: Ask, asked: Asked, now: datetime) -> Surveyed | Unreadable:
    places = read_all(get, NODES, read_place, "nodes")
    if isinstance(places, Unreadable):
        return places
    around = _surroundings(get)
    if isinstance(around, Unreadable):
        return around
    pods = _pods(get, places, asked.pools, around)
    if isinstance(pods, Unreadable):
        return pods
    made = _templates(get, around) if asked.leaving else []
    refused = [budget.name for budget in around.budgets if budget.never]
    found: dict[str, Workloads] = {}
    for pool in asked.pools:
        if pool not in asked.leaving:
            found[pool] = gathered(pool, places, pods, refused, now)
        elif isinstance(made, Unreadable):
            found[pool] = _unread(made, now)
        else:
            found[pool] = gathered(pool, places, [*pods, *made], refused, now, asked.leaving[pool])
    return Surveyed(found, _agent(get))


def _templates(get: Ask, around: kube.Surroundings) -> list[PodUse] | Unreadable:
    """Read what makes pods, for what has none now."""
    wanted = [
        (path, partial(kube.read_template, kind=kind, around=around), f"{kind}s") for kind, path in kube.TEMPLATES
    ]
    found = _lists(get, *wanted)
    return found if isinstance(found, Unreadable) else [one for each in found for one in each]


def _surroundings(get: Ask) -> kube.Surroundings | Unreadable:
    found = _lists(
        get,
        (observe_volumes.CLASSES, observe_volumes.read_class, "storage classes"),
        (kube.BUDGETS, kube.read_budget, "pod disruption budgets"),
    )
    if isinstance(found, Unreadable):
        return found
    classes = observe_volumes.known_classes(found[0])
    volumes = _lists(
        get, (observe_volumes.VOLUMES, partial(observe_volumes.read_volume, classes=classes), "persistent volumes")
    )
    if isinstance(volumes, Unreadable):
        return volumes
    read = partial(observe_volumes.read_claim, volumes=dict(volumes[0]), classes=classes)
    claims = _lists(get, (observe_volumes.CLAIMS, read, "persistent volume claims"))
    return claims if isinstance(claims, Unreadable) else kube.Surroundings(dict(claims[0]), classes, found[1])


def _pods(
    get: Ask, places: Sequence[Place], pools: Collection[str], around: kube.Surroundings
) -> list[PodUse] | Unreadable:
    read = partial(kube.read_pod, around=around)
    found = _lists(get, *((path, read, "pods") for path in pod_paths(apart(places, pools))))
    return found if isinstance(found, Unreadable) else [pod for pods in found for pod in pods]


def pod_paths(nodes: Sequence[str]) -> Iterator[str]:
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
