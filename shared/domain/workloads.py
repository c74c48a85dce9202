"""What runs on a node pool that a reimage would harm, as a look remembers it: names and numbers, never the pods.

Pure. A pod is reduced to a `PodUse` as soon as it is read; most harm nothing, and nothing is kept of them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.demands import NO_DEMAND, Demand, Labelled, as_twin
from shared.domain.demands import tied as is_tied
from shared.domain.taints import Taint

SHOWN = 10
"""How many names are kept and shown."""
HOLDS = timedelta(hours=1)
"""How long what was read may be acted on."""
TRY_AGAIN = timedelta(minutes=15)
"""How soon to read again what can't be read for now."""


@dataclass(frozen=True, slots=True)
class Names:
    """Some things by name, and how many there are."""

    first: tuple[str, ...] = ()
    """In the order of the alphabet, `SHOWN` at most."""
    count: int = 0

    def __str__(self) -> str:
        """Return the names, and the number of those that are not told."""
        more = self.count - len(self.first)
        return f"{', '.join(self.first)}{f' and {more} more' if more else ''}"


@dataclass(frozen=True, slots=True)
class Workloads:
    """What a reimage of one pool would harm, as `namespace/kind/name`, and when that was read."""

    at: datetime
    until: datetime
    """When it has to be read again before anything relies on it."""
    smb: Names = Names()
    """Workloads that mount SMB volumes, or would by a claim that waits for its volume."""
    budgets: Names = Names()
    """Pod disruption budgets that allow no eviction."""
    unmanaged_pods: Names = Names()
    """Pods that no controller brings back."""
    local_data: Names = Names()
    """Workloads with data on the node's own disk."""
    tied: Names = Names()
    """Workloads that ask for what no node outside the pool has, such as its name: they can't follow to a twin."""
    unreadable: str = ""
    """Why none of it could be read; empty if it could."""
    only_smb: bool = False
    """Read for the record, where no step is due and wanted: of SMB volumes alone is anything kept, and no step may rely
    on it."""

    def for_the_record(self) -> "Workloads":
        """Return what is told of a pool that nobody is about to reimage."""
        return Workloads(self.at, self.until, smb=self.smb, unreadable=self.unreadable, only_smb=True)


@dataclass(frozen=True, slots=True)
class PodUse:
    """What one pod has that matters before a reimage, or one that a controller would make."""

    workload: str
    """Its controller, or itself, as `namespace/kind/name`."""
    node: str
    """Empty: not scheduled."""
    smb: bool = False
    local_data: bool = False
    unmanaged: bool = False
    budgets: tuple[str, ...] = ()
    """Budgets that select it and allow no eviction."""
    demand: Demand = NO_DEMAND
    """What it asks of its node; nothing where it stays with its node, or has ended."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node, as far as it matters which pods are on it."""

    name: str
    pool: str
    """Lower case; empty if it is in none."""
    labels: Mapping[str, str]
    cordoned: bool = False
    """`spec.unschedulable`, whoever set it."""
    ready: bool = True
    taints: tuple[Taint, ...] = ()
    """Those that keep pods away."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A pool that is to be replaced, as far as it matters who can follow to its twin."""

    twin: str = ""
    """Its twin, where that is made already."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The labels that the pool gives its nodes (`nodeLabels`): a twin gets them too."""


_STAYS = Leaving()


def unread(at: datetime, message: str, *, passing: bool) -> Workloads:
    """Return what is remembered where nothing could be read."""
    return Workloads(at, at + (TRY_AGAIN if passing else HOLDS), unreadable=message)


def gathered(
    pool: str,
    places: Collection[Place],
    pods: Iterable[PodUse],
    refused: Collection[str],
    at: datetime,
    leaving: Leaving = _STAYS,
) -> Workloads:
    """Gather what a reimage of a pool would harm, or its replacement.

    `refused` are the budgets for which AKS refuses a PUT of any pool, whatever runs there.
    """
    here = {place.name: place for place in places if place.pool == pool}
    elsewhere = _elsewhere(pool, places, leaving)
    mine = [pod for pod in pods if _is_on(pod, pool, here)]
    return Workloads(
        at,
        at + HOLDS,
        smb=_named(pod.workload for pod in mine if pod.smb),
        budgets=_named([*refused, *(name for pod in mine for name in pod.budgets)]),
        unmanaged_pods=_named(pod.workload for pod in mine if pod.unmanaged),
        local_data=_named(pod.workload for pod in mine if pod.local_data),
        tied=_named(pod.workload for pod in mine if is_tied(pod.demand, pool, here.values(), elsewhere)),
    )


def _elsewhere(pool: str, places: Collection[Place], leaving: Leaving) -> list[Labelled]:
    """Return the nodes to which pods of a pool could follow: as long as its twin shows none, such as it will have."""
    others: list[Labelled] = [place for place in places if place.pool != pool and not place.cordoned]
    if any(place.pool == leaving.twin for place in places if leaving.twin):
        return others
    return [*others, *(as_twin(place, leaving.labels) for place in places if place.pool == pool)]


def _is_on(pod: PodUse, pool: str, here: Mapping[str, Place]) -> bool:
    """Say whether a pod runs in a pool, or waits and may come to run there; taints are not asked."""
    if pod.node:
        return pod.node in here
    if pod.demand.pools:
        return pool in pod.demand.pools
    return any(pod.demand.met_by(place) for place in here.values())


def _named(found: Iterable[str]) -> Names:
    names = sorted(set(found))
    return Names(tuple(names[:SHOWN]), len(names))


def apart(places: Collection[Place], pools: Collection[str]) -> tuple[str, ...]:
    """Return the nodes of some pools where asking them one by one costs fewer pages than all pods; else nothing.

    A node has about 30 pods or more (AKS's `maxPods` is 30 or 110 by default, or 250), a page holds 500.
    """
    mine = tuple(place.name for place in places if place.pool in pools)
    return mine if len(mine) * 500 <= len(places) * 30 else ()
