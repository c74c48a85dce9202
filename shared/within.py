"""The Kubernetes API within the time that a look has: what comes too late is not asked, and the next look goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.domain.api_server import AWAY_FOR, Answered, Way
from shared.domain.by_command import TOGETHER
from shared.domain.model import Cluster, Unreadable
from shared.ports import Kubernetes, KubernetesApi

_TOO_SLOW = "The API server answers too slowly: what one look has to ask does not fit its time. The next one tries."
LATE = Unreadable("Unreachable", _TOO_SLOW, AWAY_FOR)


@dataclass(frozen=True, slots=True)
class Within:
    """shared.ports.Kubernetes until a time; what was begun before is waited for."""

    kubernetes: Kubernetes
    monotonic: Callable[[], float]
    until: float
    """By the monotonic clock, in seconds."""

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        """Enter a cluster's API."""
        if self.late:
            yield LATE
            return
        with self.kubernetes.open(cluster, ways) as api:
            yield api if isinstance(api, Unreadable) else _Api(api, self)

    @property
    def late(self) -> bool:
        """Say whether nothing may be begun any more."""
        return self.monotonic() > self.until


@dataclass(frozen=True, slots=True)
class _Api:
    """shared.ports.KubernetesApi until the same time."""

    api: KubernetesApi
    within: Within

    @property
    def way(self) -> Way:
        return self.api.way

    def get(self, path: str) -> Answered | Unreadable:
        return LATE if self.within.late else self.api.get(path)

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        answers: list[Answered | Unreadable] = []
        for first in range(0, len(requests), TOGETHER):
            some = requests[first : first + TOGETHER]
            answers += [LATE] * len(some) if self.within.late else self.api.send(method, some)
        return tuple(answers)
