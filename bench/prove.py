"""Proves a cluster of 5,000 nodes by pods, AKS's largest, and one of 1,000: memory and the rollout row stay bounded.

    .venv/bin/python -m bench.prove

The API server is a stand-in without memory: it makes pages of nodes and pods as they are asked for, each object as
large as a real one, so that what is measured is the app.
"""

import json
import sys
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.memory import MemoryEvidence
from shared.chain import Chain
from shared.domain.api_server import Answered, Way
from shared.domain.codec import canonical, plain
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ProofLevel, Unreadable
from shared.domain.policy import Policy
from shared.domain.probes import CONTAINER, OWNER
from shared.domain.records import Head
from shared.domain.rulebook import Rulebook
from shared.domain.settings import ProofSettings, Settings
from shared.ports import KubernetesApi
from shared.proving import Proving
from tests.builders import IMAGE, NOW, cluster, cluster_id, profile

SMALL, LARGE = 1000, 5000
MOST_ROW = 900_000
"""Bytes that a rollout row may have, packed."""
_PADDING = {"managedFields": "x" * 6000, "images": ["y" * 100] * 50}
"""What a real object has besides: most of it."""


@dataclass
class ApiServer:
    """Nodes that all say 1, and pods that answer at once."""

    count: int
    pods: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    there: bool = False
    way: Way = Way.ENTRA

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:  # noqa: ARG002 (the port's)
        """Enter it."""
        yield self

    def get(self, path: str) -> Answered | Unreadable:
        """List nodes and pods by pages, or show the namespace."""
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        if parts.path.endswith(("/nodes", "/pods")):
            first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
            found = self._nodes(first, limit) if parts.path.endswith("/nodes") else self._pods(first, limit)
            total = self.count if parts.path.endswith("/nodes") else len(self.pods)
            more = {"continue": str(first + limit)} if first + limit < total else {}
            # Through JSON, so that each page is memory of its own, as one that came over the network.
            return Answered(200, json.loads(json.dumps({"items": found, "metadata": more})))
        there = self.there and parts.path.endswith("/fipswarden-proof")
        return Answered(200, {"metadata": {"labels": OWNER, "uid": "u"}}) if there else Answered(404, {})

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Make pods and the namespace, or delete it."""
        for path, body in requests:
            self.there = method == "POST"
            if path.endswith("/pods"):
                self.pods[body["metadata"]["name"]] = {"metadata": body["metadata"], "node": body["spec"]["nodeName"]}
        return tuple(Answered(201, {"metadata": {"labels": OWNER}}) for _ in requests)

    def _nodes(self, first: int, limit: int) -> list[Mapping[str, Any]]:
        return [self._node(number) for number in range(first, min(first + limit, self.count))]

    def _node(self, number: int) -> Mapping[str, Any]:
        labels = {
            "kubernetes.azure.com/agentpool": "apps",
            "kubernetes.azure.com/fips_enabled": "true",
            "kubernetes.azure.com/node-image-version": IMAGE,
        }
        name = f"aks-apps-31415926-vmss{number:06}"
        info = {"bootID": f"boot-{number:032}", "operatingSystem": "linux"}
        status = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": info, **_PADDING}
        return {"metadata": {"name": name, "uid": f"uid-{number:032}", "labels": labels}, "status": status}

    def _pods(self, first: int, limit: int) -> list[Mapping[str, Any]]:
        return [self._pod(pod) for pod in list(self.pods.values())[first : first + limit]]

    def _pod(self, pod: Mapping[str, Any]) -> Mapping[str, Any]:
        proof = pod["metadata"]["labels"]["fipswarden/proof"]
        boot = f"boot-{int(pod['node'][-6:]):032}"
        ended = {
            "exitCode": 0,
            "startedAt": NOW.isoformat(),
            "message": f"fips=1 boot={boot} proof={proof}\n",
        }
        status = {
            "phase": "Succeeded",
            "containerStatuses": [{"name": CONTAINER, "imageID": "i@sha256:1", "state": {"terminated": ended}}],
        }
        return {"metadata": pod["metadata"], "spec": {"nodeName": pod["node"]}, "status": status | _PADDING}


class Row:
    """The rollout row: keeps how large it ever was."""

    def __init__(self) -> None:
        self.largest = 0

    def check(self) -> None:
        """Go on."""

    def save(self, memory: Memory) -> None:
        """Pack it as the table does."""
        self.largest = max(self.largest, len(zlib.compress(canonical(plain(memory)))))


@dataclass(frozen=True, slots=True)
class Measured:
    """What one proof needed."""

    peak: int
    """Bytes, beyond what was there before."""
    row: int
    looks: int


def measure(count: int) -> Measured:
    """Prove a cluster of so many nodes."""
    proof = ProofSettings(ProofLevel.KERNEL, image="busybox")
    rules = Rulebook(Policy(defaults=Settings(proof=proof), hash="p"))
    read, server, row, memory, looks = cluster(profile(count=count)), ApiServer(count), Row(), Memory(), 0
    tracemalloc.start()
    while not memory.pool("apps").proof:
        chain = Chain(MemoryEvidence(), _id(), Head())
        now = NOW + timedelta(seconds=30 * looks)
        memory = Proving(server, chain, now, row).prove(read, memory, rules)
        row.save(memory)
        looks += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    proven = memory.pool("apps").proof
    if proven is None or (proven.nodes, proven.missing, proven.disagreeing) != (count, 0, ()):
        raise RuntimeError(f"{count} nodes were to be proven: {proven}")
    return Measured(peak, row.largest, looks)


def _id() -> ClusterId:
    return cluster_id()


def main() -> int:
    """Print what both need; returns 1 if the large one needs more than it may."""
    small, large = measure(SMALL), measure(LARGE)
    print(f"{SMALL:5} nodes: {small.peak / 2**20:6.1f} MiB at most, rollout row {small.row} bytes, {small.looks} looks")
    print(f"{LARGE:5} nodes: {large.peak / 2**20:6.1f} MiB at most, rollout row {large.row} bytes, {large.looks} looks")
    # A page of 500 large objects is the floor that both stand on; what grows are the answers, for the evidence.
    bounded = large.peak < small.peak * LARGE / SMALL and large.row < min(small.row + 64, MOST_ROW)
    print("bounded" if bounded else "NOT bounded")
    return 0 if bounded else 1


if __name__ == "__main__":
    sys.exit(main())
