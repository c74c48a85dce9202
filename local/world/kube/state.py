"""What a cluster's API server keeps. Only code that holds the world's lock may change it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.world.agenda import Agenda
    from local.world.model import Node, Pool

Json = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""

_REMEMBERED = 100
SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_UIDS = uuid.UUID("6b756265-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Rule:
    """What a ClusterRole allows: `*` is everything; subresources are resources of their own (`pods/log`)."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, verb: str, resource: str) -> bool:
        """Tell that a verb on a resource is covered."""
        return bool({"*", verb} & set(self.verbs)) and bool({"*", resource} & set(self.resources))


@dataclass
class Namespace:
    """A namespace; `deleting` is since when it is being terminated."""

    name: str
    uid: str
    created: datetime
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    deleting: datetime | None = None
    version: int = 1


@dataclass(eq=False)
class Container:
    """A container of a pod: what is left of its process, and what it said."""

    spec: Json
    image_id: str = ""
    waiting: str | None = "ContainerCreating"
    """Why it doesn't run yet, or no more; None: it runs or has ended."""
    waiting_message: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    """The termination message."""
    log: list[str] = field(default_factory=list)
    process: Generator[float, None, int] | None = None
    """Yields the seconds that it sleeps, returns its exit code."""
    files: dict[str, str] = field(default_factory=dict)
    """What it wrote, by path."""
    before: Container | None = None
    """How it ended the last time, if it was started again."""
    restarts: int = 0


@dataclass(eq=False)
class Pod:
    """A pod."""

    namespace: str
    name: str
    uid: str
    created: datetime
    spec: Json
    labels: dict[str, str]
    annotations: dict[str, str]
    owners: list[Json]
    containers: list[Container]
    version: int = 0
    node: str = ""
    """The node's name; empty: not scheduled."""
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    started: datetime | None = None
    """When the kubelet took it, `status.startTime`."""
    deleting: datetime | None = None
    node_uid: str = ""
    """Which machine of that name."""
    resume: list[Callable[[], None]] = field(default_factory=list)
    """What goes on once its node is ready again."""
    workload: Key | None = None
    """The controller that replaces it."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def ended(self) -> bool:
        """Tell that it has ended, well or not."""
        return self.phase in {"Succeeded", "Failed"}


@dataclass(frozen=True)
class Workload:
    """A controller with what its pods are made of."""

    namespace: str
    name: str
    kind: str
    """ReplicaSet, StatefulSet, DaemonSet, Deployment, CronJob or Job."""
    replicas: int
    labels: dict[str, str]
    spec: Json
    uid: str
    created: datetime


@dataclass
class Kube:
    """Everything in a cluster but the nodes of its pools."""

    agenda: Agenda
    moment: timedelta
    """How long a kubelet, a controller or the garbage collector takes for a step."""
    cluster: str
    """The cluster's id; UIDs derive from it."""
    created: datetime = field(init=False)
    pods: dict[Key, Pod] = field(default_factory=dict)
    workloads: dict[Key, Workload] = field(default_factory=dict)
    objects: dict[str, dict[Key, Json]] = field(default_factory=dict)
    """What is only stored, by plural: persistentvolumes, persistentvolumeclaims, storageclasses,
    poddisruptionbudgets, aksnodeclasses."""
    outside: list[tuple[Pool, Node]] = field(default_factory=list)
    """Nodes of no agent pool, each with a pool that ARM doesn't know and that says what the machine is."""
    bindings: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    """What ClusterRoleBindings give, by object id; asked on clusters without Azure RBAC."""
    pods_read_covers_logs: bool = False
    """No data action is documented for `pods/log` (facts, section 9), so Azure RBAC refuses it here. The webhook that
    AKS is built on, kubeguard/guard (checkaccessreqhelper.go), asks `pods/read` for it: True is that outcome."""
    unpullable: set[str] = field(default_factory=set)
    """Images that no node can pull."""
    lost: int = 0
    """Pods that went and that no controller brings back, unless somebody deleted them by name."""
    killed_protected: int = 0
    """Pods that went with their node although their budget allowed no disruption."""
    unplaced: dict[Key, Pod] = field(default_factory=dict)
    """Pods that wait for a node to come or to be ready."""
    load: dict[str, int] = field(default_factory=dict)
    """How many pods a node has."""
    settled: tuple[object, ...] | None = None
    """Which nodes there were when the controllers last looked; None: they have to look."""
    version: int = 1
    """The resourceVersion."""
    gone: list[tuple[int, str, Json]] = field(default_factory=list)
    """What went last, for watches: version, plural, the object's metadata."""
    _made: int = 0
    _namespaces: dict[str, Namespace] | None = None

    def __post_init__(self) -> None:
        self.created = self.now

    @property
    def namespaces(self) -> dict[str, Namespace]:
        """The namespaces by name, made on first use: a fleet of 20,000 clusters need not have them in memory."""
        if self._namespaces is None:
            self._namespaces = {name: Namespace(name, self.uid(), self.created) for name in SYSTEM_NAMESPACES}
        return self._namespaces

    def went(self, plural: str, metadata: Json) -> None:
        """Remember for watches that an object went."""
        self.gone = [*self.gone[-_REMEMBERED:], (self.next_version(), plural, metadata)]

    @property
    def now(self) -> datetime:
        """The world's time."""
        return self.agenda.now

    def uid(self) -> str:
        """Return a new UID, the same in every world with the same history."""
        self._made += 1
        return str(uuid.uuid5(_UIDS, f"{self.cluster.lower()}/{self._made}"))

    def next_version(self) -> int:
        """Count a change."""
        self.version += 1
        return self.version

    def of(self, plural: str) -> dict[Key, Json]:
        """Return the stored objects of a kind, for reading or adding."""
        return self.objects.setdefault(plural, {})

    def in_namespace(self, namespace: str) -> Iterator[Pod]:
        """Go through a namespace's pods."""
        return (pod for pod in self.pods.values() if pod.namespace == namespace)
