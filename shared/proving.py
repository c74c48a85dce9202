"""Asks the nodes: whether each node of a pool shows what the control plane says, with a record of what was seen."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.chain import Chain
from shared.domain.evaluate import NODES_UNREADABLE, pools_to_prove
from shared.domain.model import Cluster, Memory, Node, NodesRead, Pool, Proof, Unreadable
from shared.domain.policy import Policy
from shared.domain.records import RecordKind
from shared.ports import Nodes


@dataclass(frozen=True, slots=True)
class Proving:
    """What it takes to prove the pools of one cluster."""

    nodes: Nodes
    chain: Chain
    now: datetime

    def prove(self, cluster: Cluster, memory: Memory, policy: Policy) -> Memory:
        """Return the memory with a fresh proof of every pool that needs one."""
        due = pools_to_prove(cluster, memory, policy, self.now)
        if not due:
            return memory
        read = self.nodes.read(cluster.id)
        for pool in due:
            remembered = memory.pool(pool.name)
            proof = take_proof(pool, read, self.now)
            if _worth_recording(remembered.proof, proof):
                self._record(pool, read, proof)
            memory = memory.with_pool(pool.name, replace(remembered, proof=proof))
        return memory

    def _record(self, pool: Pool, read: NodesRead, proof: Proof) -> None:
        body = {
            "pool": pool.name,
            "level": "node",
            "method": "Kubernetes API: labels of the nodes",
            "nodeImageVersion": pool.node_image,
            "expectedNodes": pool.count,
            "proof": proof,
            "nodes": [] if isinstance(read, Unreadable) else _of(read, pool),
        }
        self.chain.append(RecordKind.PROOF, self.now, body)


def take_proof(pool: Pool, read: NodesRead, now: datetime) -> Proof:
    """Compare the nodes of one pool with what the control plane says of it."""
    if isinstance(read, Unreadable):
        reason = NODES_UNREADABLE if read.retry_after else read.reason
        return Proof(now, pool.node_image, 0, unreadable=f"{reason}: {read.message}", etag=pool.etag or "")
    nodes = _of(read, pool)
    disagreeing = tuple(node.name for node in nodes if not _agrees(node, pool))
    missing = max((pool.count or 0) - len(nodes), 0)
    return Proof(now, pool.node_image, len(nodes), disagreeing, missing, etag=pool.etag or "")


def _agrees(node: Node, pool: Pool) -> bool:
    # A node without the image label (older AKS versions) is judged by the FIPS label alone.
    same_image = not node.image_label or node.image_label.lower() == pool.node_image.lower()
    return node.fips_label == "true" and same_image


def _of(read: Iterable[Node], pool: Pool) -> list[Node]:
    return [node for node in read if node.pool == pool.name]


def _worth_recording(old: Proof | None, new: Proof) -> bool:
    good = not (new.unreadable or new.disagreeing or new.missing)
    return good or old is None or replace(old, at=new.at, etag=new.etag) != new
