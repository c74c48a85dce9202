"""A cluster whose nodes are proven by pods, on a clock that only the test moves."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from local.world import rollout
from local.world.kube import namespaces
from local.world.kube.state import Kube
from local.world.model import Cluster, Node, Pool
from shared.domain.posture import Finding
from shared.domain.probes import NAMESPACES
from shared.domain.proven import Strays
from shared.domain.records import RecordKind
from shared.rollout import read_memory
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.fleet import Fleet

IMAGE = "registry.example.com/tools/busybox:1.37"
WINDOWS_IMAGE = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
SOON = timedelta(minutes=12)
"""A proof that stalls has ended by then."""


class Nodes(Fleet):
    """The laboratory with nodes that say what they are told to say."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.world.entered():
            del self.cluster.pools["np1"]
        self.ask_for("kernel")

    @property
    def cluster(self) -> Cluster:
        """The cluster in the world."""
        return self.world.cluster_by_id(CLUSTER.arm_id)

    @property
    def kube(self) -> Kube:
        """What its API server keeps."""
        return self.cluster.kube

    def ask_for(self, level: str, **proof: Any) -> None:
        """Let the policy ask for a level of proof."""
        keys = {"level": level, "image": IMAGE, **proof}
        said = ", ".join(f"{key}: {_yaml(value)}" for key, value in keys.items())
        self.policies.rules = ruled(f"mode: alert\nproof: {{ {said} }}\n")

    def pool_of(self, name: str = "apps", count: int = 3, **more: Any) -> Pool:
        """Add a pool that is as it should be."""
        return self.add_pool(CLUSTER, name, **{"enableFIPS": True, "count": count, **more})

    def nodes(self, pool: Pool) -> list[Node]:
        """Its nodes, to change them."""
        return rollout.nodes(self.cluster, pool)

    def prove(self, lasting: timedelta = SOON) -> None:
        """Look, and let what falls due happen."""
        self.look(lasting=lasting)

    def finding(self, pool: str = "apps") -> Finding:
        """What was found of a pool's proof."""
        posture = self.stored().posture
        assert posture
        verdict = next(one for one in posture.pools if one.pool == pool)
        return next(one for one in verdict.findings if one.check == "proof")

    def cluster_finding(self) -> Finding:
        """What was found of nodes outside every pool."""
        posture = self.stored().posture
        assert posture
        return next(one for one in posture.cluster_findings if one.check == "strays")

    def strays(self) -> Strays:
        """What is remembered of them."""
        found = read_memory(self.rollout, CLUSTER).strays
        assert found
        return found

    def proofs(self, level: str = "kernel") -> list[Mapping[str, Any]]:
        """The evidence of proofs at a level."""
        return [one.payload for one in self.records(RecordKind.PROOF) if one.payload["level"] == level]

    def answers(self, level: str = "kernel") -> dict[str, Any]:
        """What the nodes answered in the last proof, by their names."""
        return {one["name"]: one["answer"] for one in self.proofs(level)[-1]["nodes"]}

    def asked_by(self, method: str, ending: str) -> int:
        """How often the app sent something to an API server that it took."""
        return sum(
            one.kind == "kubernetes" and one.method == method and one.path.endswith(ending) and one.status < 300
            for one in self.world.requests
        )

    def assert_nothing_left(self) -> None:
        """Assert that no pod and no namespace of a proof is there, nor a word of one in the memory."""
        assert not list(self.left())
        assert read_memory(self.rollout, CLUSTER).probing is None

    def left(self) -> Iterator[str]:
        """What a proof has left in the cluster."""
        self.clock.advance(timedelta(minutes=1))
        with self.world.entered():
            yield from (name for name in self.kube.namespaces if name in NAMESPACES)
            yield from (pod.name for pod in self.kube.pods.values() if pod.namespace in NAMESPACES)

    def make_namespace(self, name: str, **labels: str) -> None:
        """Somebody else makes a namespace."""
        with self.world.entered():
            namespaces.create(self.cluster, {"metadata": {"name": name, "labels": labels}})


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
