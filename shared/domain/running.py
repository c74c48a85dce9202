"""Whether pods run, and which don't that did: what followed from an old pool to its twin has to run there.

Pure. What did not run before anything was moved is nobody's fault here, and is counted off.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

STEADY = timedelta(minutes=5)
"""How long a pod may take until it is ready, and how long one whose containers were restarted has to be ready until
that is believed: what crashes at each start is ready for moments, and started again after five minutes at the latest
(Kubernetes, "Pod lifecycle": back-off is "capped at 300 seconds")."""
WATCHED = 1000
"""So many workloads of a pool are remembered, those that don't run first: the row must not grow with the pool."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a pod is."""

    ready: bool = True
    """Its condition `Ready` is true."""
    steady: datetime | None = None
    """From when on that may be believed; None: at once."""
    made: datetime | None = None
    """When it was made; None if it does not say: a while ago then."""

    def is_well(self, now: datetime) -> bool:
        """Say whether it runs, and not for a moment only."""
        return self.ready and (self.steady is None or self.steady <= now)

    def is_new(self, now: datetime) -> bool:
        """Say whether it may still be starting."""
        return self.made is not None and now - self.made < STEADY


RUNS = Running()
"""A pod that runs."""


class Pod(Protocol):
    """A pod, as far as it matters here."""

    @property
    def workload(self) -> str:
        """Its controller, or itself."""
        ...

    @property
    def run(self) -> Running:
        """How it is."""
        ...


def read_running(item: Mapping[str, Any]) -> Running:
    """Read how a pod is; what it does not say is taken as not ready."""
    metadata, status = _dict(item.get("metadata")), _dict(item.get("status"))
    ready = next((one for one in _dicts(status.get("conditions")) if one.get("type") == "Ready"), {})
    restarted = any(one.get("restartCount") for one in _dicts(status.get("containerStatuses")))
    since = _time(ready.get("lastTransitionTime")) if restarted else None
    made = _time(metadata.get("creationTimestamp"))
    return Running(ready.get("status") == "True", since + STEADY if since else None, made)


def at_begin(pods: Iterable[Pod], on_twin: Iterable[Pod], now: datetime) -> Mapping[str, int]:
    """Return, of each workload, how many of its pods have not run for a while, before anything is moved.

    What is on the twin already may have followed in an earlier try that was given up: it is watched, and none of its
    pods there that doesn't run is counted off.
    """
    found = Counter[str]()
    for pod in pods:
        found[_mark(pod.workload)] += not pod.run.is_well(now) and not pod.run.is_new(now)
    for pod in on_twin:
        found[_mark(pod.workload)] += 0
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))[:WATCHED])


def watched(pod: Pod, ran: Mapping[str, int] | None) -> bool:
    """Say whether a pod is of a workload that ran on the old pool; where nobody knows any more which did, any is."""
    return ran is None or _mark(pod.workload) in ran


def worse(pods: Iterable[Pod], ran: Mapping[str, int] | None) -> tuple[str, ...]:
    """Return the workloads of pods that don't run, those that had fewer of them at the beginning."""
    now = Counter(pod.workload for pod in pods)
    return tuple(sorted(name for name, count in now.items() if count > (ran or {}).get(_mark(name), 0)))


def _mark(workload: str) -> str:
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
