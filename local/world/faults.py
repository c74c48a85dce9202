"""Faults to inject: what goes wrong, where, how often.

    world.faults.add(Fault(method="PUT", kind="agentPools", effect=LostAnswer()))
    world.faults.add(Fault(resource="/agentPools/np1", times=3, effect=Answer(429, "Throttled", "wait", 5)))
    world.faults.add(Fault(method="PUT", effect=FailOperation("PodDrainFailure", DRAIN_FAILURE)))
    world.faults.add(Fault(method="PUT", effect=failures.ZONAL_ALLOCATION))
    world.faults.add(Fault(method="PUT", effect=HangOperation()))

The first fault that matches a request is used, and counts down. Requests are matched after authentication. What AKS
says when an operation fails is in failures.py.
"""

import threading
from dataclasses import dataclass
from datetime import timedelta

DRAIN_FAILURE = (
    "Drain node aks-nodepool1-12345678-vmss000000 failed when evicting pod web-0 failed with Too Many Requests "
    "error. This is often caused by a restrictive Pod Disruption Budget (PDB) policy. See "
    "https://aka.ms/aks/debugdrainfailures. Original error: Cannot evict pod as it would violate the pod's "
    "disruption budget.."
)


@dataclass(frozen=True)
class Answer:
    """An error instead of an answer; nothing is done."""

    status: int
    code: str
    message: str
    retry_after: int | None = None
    """Seconds, as the header Retry-After."""
    headers: tuple[tuple[str, str], ...] = ()
    gateway: bool = False
    """True for the shape of the ARM gateway, False for that of the AKS resource provider."""


@dataclass(frozen=True)
class Drop:
    """The connection is reset before anything is done."""


@dataclass(frozen=True)
class LostAnswer:
    """Everything is done, then the connection is reset: the client can't know."""


@dataclass(frozen=True)
class Delay:
    """The answer comes late. Nothing is done before its time has come."""

    by: timedelta


@dataclass(frozen=True)
class FailOperation:
    """The operation that the request begins stops half-way and ends as Failed."""

    code: str
    message: str
    after: float = 0.5
    """Which part of its steps is done before: 0 for none."""


@dataclass(frozen=True)
class CancelOperation:
    """The operation that the request begins stops half-way and ends as Canceled."""

    code: str = "OperationPreempted"
    message: str = "The operation was overriden and canceled by a later operation."
    after: float = 0.5
    """Which part of its steps is done before: 0 for none."""


@dataclass(frozen=True)
class HangOperation:
    """The operation that the request begins stops half-way and never ends, until it is aborted or released."""

    after: float = 0.5
    """Which part of its steps is done before: 0 for none."""


Ending = FailOperation | CancelOperation | HangOperation
"""How an operation ends that doesn't succeed."""
Effect = Answer | Drop | LostAnswer | Delay | Ending


@dataclass(frozen=True)
class Fault:
    """One thing that will go wrong. Members that are None match everything."""

    effect: Effect
    method: str | None = None
    """GET, PUT, DELETE, POST."""
    resource: str | None = None
    """A part of the path, compared without regard to case: an ARM id, a cluster's name."""
    kind: str | None = None
    """managedClusters, agentPools, machines, maintenanceConfigurations, operations, runCommand, commandResults,
    resourceGraph, subscriptions, kubernetes, token."""
    times: int | None = 1
    """How often; None for ever."""
    after: int = 0
    """How many matching requests pass first."""

    def matches(self, method: str, path: str, kind: str) -> bool:
        """Tell that a request is meant."""
        return (
            self.method in {None, method}
            and self.kind in {None, kind}
            and (self.resource is None or self.resource.lower() in path.lower())
        )


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        with self._lock:
            self._pending.append((fault, 0))

    def __len__(self) -> int:
        with self._lock:
            return len(self._pending)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._pending.clear()

    def take(self, method: str, path: str, kind: str) -> Effect | None:
        """Return what goes wrong with this request, counting the fault down."""
        with self._lock:
            for index, (fault, seen) in enumerate(self._pending):
                if not fault.matches(method, path, kind):
                    continue
                self._pending[index] = (fault, seen + 1)
                if seen < fault.after:
                    continue
                if fault.times is not None and seen + 1 >= fault.after + fault.times:
                    del self._pending[index]
                return fault.effect
        return None
