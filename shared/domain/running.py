"""Whether pods run, and which don't that did: what followed from an old pool to its twin has to run there.

Pure. What did not run before anything was moved is nobody's fault here, and is counted off.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar

STEADY = timedelta(minutes=5)
"""How long a pod may take until it is ready."""
SOUND = timedelta(minutes=10)
"""How long a container has to run for its end to be no crash at its start, and how long a pod has to be ready after
such a crash: what crashes again and again is ready for moments, at most five minutes apart, and what has run for ten
begins without that back-off (Kubernetes, "Pod lifecycle", "Container restart policy")."""
SHARE = 20
"""Of so many pods of a workload on a twin one may be starting, or have stopped for a moment: in many some always is."""
WATCHED = 1000
"""So many workloads of a pool are remembered, those that don't run first: the row must not grow with the pool."""


class End(StrEnum):
    """How a pod ended that is not started again."""

    NONE = ""
    """It has not."""
    DONE = "done"
    FAILED = "failed"
    """By what its own containers did."""
    REFUSED = "refused"
    """By its kubelet, which did not take it or needed the room, and says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a pod is."""

    ready: bool = True
    """Its condition `Ready` is true."""
    since: datetime | None = None
    """When that condition changed last, or else when the pod was made; None if it says neither: a while ago then."""
    crashing: bool = False
    """A container of it was started again, or will be, that had not run for `SOUND` by then."""
    again: datetime | None = None
    """When the last of those containers was started again; None if one does not run, or does not say."""
    made: datetime | None = None
    """When it was made; None if it does not say: a while ago then."""
    lasts: bool = True
    """It is to run for ever, and not to an end, as those of Jobs are."""
    end: End = End.NONE

    def is_well(self, now: datetime) -> bool:
        """Say whether it runs, and not between two crashes alone."""
        return self.ready and not (self._crashes(now) and self._lately(now, SOUND))

    def is_steady(self, now: datetime, steady: timedelta) -> bool:
        """Say whether it has run for so long, if it is to run on."""
        return self.has_run(now, steady) if self.lasts else self.is_well(now)

    def has_run(self, now: datetime, steady: timedelta) -> bool:
        """Say whether it has run for so long, whether it is to run on or to an end."""
        return self.is_well(now) and not self._lately(now, steady)

    def is_new(self, now: datetime, within: timedelta = STEADY) -> bool:
        """Say whether it may still be starting."""
        return self.made is not None and now - self.made < within

    def may_pass(self, now: datetime, within: timedelta) -> bool:
        """Say whether one that does not run may have been so for moments alone, and be well in others."""
        stopped = not self.ready and not self._crashes(now) and self._lately(now, within)
        return not self.end and (self.is_new(now, within) or stopped)

    def _crashes(self, now: datetime) -> bool:
        """Say whether it does so still: what crashed once, and has run ever since, does not."""
        return self.crashing and (self.again is None or now - self.again < SOUND)

    def _lately(self, now: datetime, within: timedelta) -> bool:
        return self.since is not None and now - self.since < within


RUNS = Running()
"""A pod that runs."""


class Pod(Protocol):
    """A pod, as far as it matters here."""

    @property
    def workload(self) -> str:
        """Its controller, or itself."""
        ...

    @property
    def unit(self) -> str:
        """That of which it is one of many alike: its workload, or itself alone."""
        ...

    @property
    def run(self) -> Running:
        """How it is."""
        ...


def read_running(item: Mapping[str, Any]) -> Running:
    """Read how a pod is; what it does not say is taken as not ready."""
    metadata, status = _dict(item.get("metadata")), _dict(item.get("status"))
    lasts = _dict(item.get("spec")).get("restartPolicy", "Always") == "Always"
    # An init container, and one of a pod that is to end, may end well.
    ends = {"containerStatuses": not lasts, "initContainerStatuses": True}
    ready = next((one for one in _dicts(status.get("conditions")) if one.get("type") == "Ready"), {})
    made = _time(metadata.get("creationTimestamp"))
    containers = [(one, may_end) for kind, may_end in ends.items() for one in _dicts(status.get(kind))]
    crashed = [one for one, may_end in containers if _crashes(one, may_end=may_end)]
    again = [_time(_dict(_dict(one.get("state")).get("running")).get("startedAt")) for one in crashed]
    return Running(
        ready=ready.get("status") == "True",
        since=_time(ready.get("lastTransitionTime")) or made,
        crashing=bool(crashed),
        again=max((at for at in again if at), default=None) if all(again) else None,
        made=made,
        lasts=lasts,
        end=_end(status),
    )


def _crashes(container: Mapping[str, Any], *, may_end: bool) -> bool:
    """Read whether a container ended soon after its start, now or the last time; where that is not told, it did.

    `lastState` is "not populated if the container is still running and RestartCount is 0" (Kubernetes, API).
    Of init containers those matter that run on, as sidecars: the others have ended well, or the pod was never ready.
    """
    ended = _dict(_dict(container.get("state")).get("terminated"))
    if ended and may_end and not ended.get("exitCode"):
        return False
    last = ended or _dict(_dict(container.get("lastState")).get("terminated"))
    began, finished = _time(last.get("startedAt")), _time(last.get("finishedAt"))
    if began and finished:
        return finished - began < SOUND
    return bool(last or container.get("restartCount"))


def _end(status: Mapping[str, Any]) -> End:
    """Read how a pod ended; a kubelet that ends one for its node's sake, or refuses it, gives the pod a reason.

    `Evicted`, `Terminated` (the node shuts down), what keeps it from being admitted (Kubernetes, pkg/kubelet: eviction,
    nodeshutdown, rejectPod). Its controller makes another one, and the old one stays as an object.
    """
    match status.get("phase"):
        case "Succeeded":
            return End.DONE
        case "Failed":
            return End.REFUSED if status.get("reason") else End.FAILED
        case _:
            return End.NONE


AnyPod = TypeVar("AnyPod", bound=Pod)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tried:
    """What is remembered of the last try that was given up."""

    ill: Mapping[str, int] = field(hash=False)
    """Of the workloads that did not all run before it, how many pods did not, by the workload's mark."""
    until: datetime
    """When it was over: what was made later may have run meanwhile where it came from."""

    def without(self, units: Collection[str]) -> "Tried":
        """Return what holds where some units have been seen to run since."""
        marks = {mark(unit) for unit in units}
        return replace(self, ill={name: count for name, count in self.ill.items() if name not in marks})

    def knew(self, run: Running, now: datetime) -> bool:
        """Say whether a pod that does not run was there by then, so that it never left since."""
        return not run.is_well(now) and run.made is not None and run.made <= self.until


def at_begin(
    pods: Iterable[Pod], on_twin: Iterable[Pod], now: datetime, before: Tried | None = None
) -> Mapping[str, int]:
    """Return, of each workload and unit, how many pods have not run for a while, before anything is moved.

    What is on the twin already may have followed in an earlier try that was given up: it is watched, and none of its
    pods there that doesn't run is counted off, but those that have been there since, of so many as did not run before
    that try either.
    """
    found = Counter[str]()
    for pod in pods:
        found[mark(pod.workload)] += 0
        if not pod.run.is_well(now) and not pod.run.may_pass(now, STEADY):
            found[mark(pod.unit)] += 1
    for pod in on_twin:
        found[mark(pod.workload)] += 0
        name = mark(pod.unit)
        if before is not None and before.knew(pod.run, now) and found[name] < before.ill.get(name, 0):
            found[name] += 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))[:WATCHED])


def watched(pod: Pod, ran: Mapping[str, int] | None) -> bool:
    """Say whether a pod is of a workload that ran on the old pool; where nobody knows any more which did, any is."""
    return ran is None or mark(pod.workload) in ran


def ill(pods: Collection[AnyPod], now: datetime) -> list[AnyPod]:
    """Return those of the pods of a pool that don't run, or that failed and nothing has made good."""
    good = _made_good(pods, now)
    return [pod for pod in pods if _is_ill(pod.run, good.get(pod.unit), now)]


def _made_good(pods: Iterable[Pod], now: datetime) -> Mapping[str, datetime]:
    """Return when the last pod of each unit was made that has run for a while or done its work.

    Of a Job each try may run for a moment and fail like those before.
    """
    found: dict[str, datetime] = {}
    for pod in pods:
        if pod.run.end is End.DONE or pod.run.has_run(now, STEADY):
            found[pod.unit] = max(found.get(pod.unit, _LONG_AGO), pod.run.made or _LONG_AGO)
    return found


def _is_ill(run: Running, good: datetime | None, now: datetime) -> bool:
    if run.end is End.NONE:
        return not run.is_well(now)
    # One that was refused says nothing of its workload, unless that goes on and on.
    matters = run.end is End.FAILED or (run.end is End.REFUSED and run.is_new(now))
    return matters and (good is None or (run.made or _LONG_AGO) >= good)


def beyond(sick: Iterable[AnyPod], pods: Collection[Pod], now: datetime, steady: timedelta) -> list[AnyPod]:
    """Return the sick ones but for a share of each unit that may pass, where another pod of it has run for a while."""
    known = {pod.unit for pod in pods if pod.run.has_run(now, steady)}
    room = Counter(pod.unit for pod in pods if pod.unit in known and not pod.run.end)
    room = Counter({unit: count // SHARE for unit, count in room.items()})
    found = []
    for pod in sick:
        if room[pod.unit] and pod.run.may_pass(now, steady):
            room[pod.unit] -= 1
        else:
            found.append(pod)
    return found


def young(pods: Collection[AnyPod], now: datetime, steady: timedelta) -> list[AnyPod]:
    """Return those of the pods of a pool that run, but not for so long, and no other one of their unit has either.

    What fails at its first call, or after a slow start, is ready until then.
    """
    proven = tried(pods, now, steady)
    return [pod for pod in pods if pod.run.is_well(now) and pod.unit not in proven]


def tried(pods: Iterable[Pod], now: datetime, steady: timedelta) -> frozenset[str]:
    """Return the units of which a pod has run for a while."""
    return frozenset(pod.unit for pod in pods if pod.run.is_steady(now, steady))


def worse(pods: Iterable[Pod], ran: Mapping[str, int] | None) -> tuple[str, ...]:
    """Return the units of pods that don't run, those that had fewer of them at the beginning."""
    now = Counter(pod.unit for pod in pods)
    return tuple(sorted(name for name, count in now.items() if count > (ran or {}).get(mark(name), 0)))


def mark(workload: str) -> str:
    """Return what is remembered in place of a workload's name: names are long, and many."""
    return hashlib.sha256(workload.encode(errors="surrogatepass")).hexdigest()[:8]


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
