"""Asks the nodes: whether each node of a pool shows what the control plane says, with a record of what was seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.chain import Chain
from shared.domain.api_server import ENTRA_ONLY
from shared.domain.evaluate import pools_to_prove, strays_due
from shared.domain.model import Cluster, Memory, Node, NodesRead, Pool, Proof, Strays, Unreadable
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.nodes import read_nodes
from shared.ports import Kubernetes

_METHOD = "Kubernetes API: labels of the nodes"


@dataclass(frozen=True, slots=True)
class Proving:
    """What it takes to prove the pools of one cluster."""

    kubernetes: Kubernetes
    chain: Chain
    now: datetime

    def prove(self, cluster: Cluster, memory: Memory, rules: Rulebook) -> Memory:
        """Return the memory with a fresh proof of every pool that needs one, and of the nodes outside every pool."""
        due = pools_to_prove(cluster, memory, rules, self.now)
        if not due and not strays_due(cluster, memory, rules, self.now):
            return memory
        read = read_nodes(self.kubernetes, cluster, ENTRA_ONLY)
        memory = self._outside(cluster, memory, read)
        for pool in due:
            remembered = memory.pool(pool.name)
            proof = take_proof(pool, read, self.now)
            if _worth_recording(remembered.proof, proof):
                self._record(pool, read, proof)
            memory = memory.with_pool(pool.name, replace(remembered, proof=proof))
        return memory

    def _outside(self, cluster: Cluster, memory: Memory, read: NodesRead) -> Memory:
        """Remember, and record, the nodes that belong to no pool of ARM's list."""
        if isinstance(read, Unreadable):
            return memory
        names = {pool.name for pool in cluster.pools}
        outside = [node for node in read if node.pool not in names]
        found = take_strays(outside, self.now)
        known = memory.strays
        if outside and (known is None or replace(known, at=found.at) != found):
            body = {"level": "node", "method": _METHOD, "strays": found, "nodes": outside}
            self.chain.append(RecordKind.PROOF, self.now, body)
        return replace(memory, strays=found)

    def _record(self, pool: Pool, read: NodesRead, proof: Proof) -> None:
        body = {
            "pool": pool.name,
            "level": "node",
            "method": _METHOD,
            "nodeImageVersion": pool.node_image,
            "expectedNodes": pool.count,
            "proof": proof,
            "nodes": [] if isinstance(read, Unreadable) else _of(read, pool),
        }
        self.chain.append(RecordKind.PROOF, self.now, body)


def take_strays(outside: Sequence[Node], now: datetime) -> Strays:
    """Judge nodes outside every pool by their labels; the names kept are of those without FIPS, if there are any."""
    disabled = [node.name for node in outside if node.fips_label != "true"]
    names = disabled or [node.name for node in outside]
    return Strays(now, len(outside), len(disabled), tuple(sorted(names)[:10]))


def take_proof(pool: Pool, read: NodesRead, now: datetime) -> Proof:
    """Compare the nodes of one pool with what the control plane says of it."""
    if isinstance(read, Unreadable):
        reason = NODES_UNREADABLE if read.retry_after else read.reason
        return Proof(now, pool.node_image, 0, unreadable=f"{reason}: {read.message}", etag=pool.etag or "")
    nodes = _of(read, pool)
    disagreeing = tuple(node.name for node in nodes if not _agrees(node, pool))
    # A node that is not ready may be long gone: what its labels say proves nothing, but it may well disagree.
    ready = sum(node.ready for node in nodes)
    missing = max((pool.count or 0) - ready, len(nodes) - ready, 0)
    return Proof(now, pool.node_image, ready, disagreeing, missing, etag=pool.etag or "")


def _agrees(node: Node, pool: Pool) -> bool:
    # A node without the image label (older AKS versions) is judged by the FIPS label alone.
    same_image = not node.image_label or node.image_label.lower() == pool.node_image.lower()
    return node.fips_label == "true" and same_image


def _of(read: Iterable[Node], pool: Pool) -> list[Node]:
    return [node for node in read if node.pool == pool.name]


def _worth_recording(old: Proof | None, new: Proof) -> bool:
    good = not (new.unreadable or new.disagreeing or new.missing)
    return good or old is None or replace(old, at=new.at, etag=new.etag) != new
