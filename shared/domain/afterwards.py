"""What a cluster will look like once something has gone well: the assumptions of a forecast, as functions.

They are for forecasts alone: nothing here may be taken for an observation.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.domain import proofs
from shared.domain.capability import release_if_switched
from shared.domain.evaluate import subjects
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Pool
from shared.domain.operation import AT_REST, Operation, OutcomeState
from shared.domain.planned import ActionKind
from shared.domain.proven import Proof
from shared.domain.rulebook import Rulebook
from shared.domain.support import release_of

_IMAGES = (
    "AKSUbuntu-2204gen2fipscontainerd-forecast",
    "AKSUbuntu-2004gen2fipscontainerd-forecast",
    "AKSAzureLinux-V3gen2fips-forecast",
    "AKSAzureLinux-OSGuardV3gen2fipsTL-forecast",
    "AKSAzureLinux-V2gen2fips-forecast",
    "AKSCBLMariner-V2gen2fips-forecast",
)
"""Names of FIPS images, as the releases of AKS spell them, with no version that exists."""
UNREAD = "unread"
"""Stands for an eTag that a list of clusters doesn't show."""
_UNASKED = frozenset({"ProofMissing", "ProofExpired", "ProofSettling", "ProofLevelMissing", "WindowsProofMissing"})
"""Reasons of proofs that the next look takes."""


def switched(cluster: Cluster, operation: Operation, number: int) -> Cluster:
    """Return the cluster after our operation has succeeded; `number` makes the pool's new eTag another one."""
    pools = tuple(
        _switched(pool, operation.changes, number) if pool.name == operation.pool else pool for pool in cluster.pools
    )
    return replace(cluster, pools=pools)


def _switched(pool: Pool, changes: Mapping[str, Any], number: int) -> Pool:
    os_sku = str(changes.get("osSKU", pool.os_sku))
    enabled = bool(changes.get("enableFIPS", pool.enable_fips))
    return replace(
        pool,
        enable_fips=enabled,
        os_sku=os_sku,
        node_image=_image(pool, os_sku) if enabled else pool.node_image.lower().replace("fips", ""),
        etag=f"forecast-{number}",
        provisioning_state="Succeeded",
        body={**pool.body, **changes},
    )


def _image(pool: Pool, os_sku: str) -> str:
    """Return a name that reads as an image of the release that the pool gets with FIPS."""
    release = release_if_switched(pool, os_sku)
    for name in _IMAGES:
        if release and release_of(replace(pool, node_image=name)) == release:
            return name
    return f"{pool.node_image}-fips"


def with_replacement_running(cluster: Cluster, memory: Memory) -> Memory:
    """Return a memory in which a replacement that is under way is one operation, which goes well as any other."""
    replacement = memory.replacement
    if replacement is None:
        return memory
    twin = next((pool for pool in cluster.pools if pool.name == replacement.twin), None)
    changes = {"enableFIPS": True, **({"osSKU": twin.os_sku} if twin else {})}
    kind, done = ActionKind.REPLACE, OutcomeState.ACCEPTED
    running = Operation(replacement.id, kind, replacement.pool, "", replacement.began, changes, done)
    return replace(memory, operation=running, replacement=None)


def remembered(memory: Memory, pool: str, at: datetime) -> Memory:
    """Return the memory after our operation on a pool has ended well: what it asked for is forgotten."""
    before = memory.pool(pool)
    after = PoolMemory(ended=at, remediated=before.remediated + 1, first_seen=before.first_seen)
    return replace(memory, operation=None).with_pool(pool, after)


def with_etags(cluster: Cluster, memory: Memory) -> Cluster:
    """Return a cluster of a list that shows no eTags as if none had changed: whoever acts reads the cluster anew."""
    return replace(cluster, pools=tuple(replace(pool, etag=_etag(pool, memory)) for pool in cluster.pools))


def _etag(pool: Pool, memory: Memory) -> str:
    proof = memory.pool(pool.name).proof
    return pool.etag or (proof.etag if proof else "") or UNREAD


def settled(cluster: Cluster) -> Cluster:
    """Return the cluster once what others do to it has succeeded."""
    pools = tuple(replace(pool, provisioning_state=_ended(pool.provisioning_state)) for pool in cluster.pools)
    return replace(cluster, provisioning_state=_ended(cluster.provisioning_state), pools=pools)


def _ended(state: str) -> str:
    return state if state in AT_REST else "Succeeded"


def with_proofs(cluster: Cluster, memory: Memory, rules: Rulebook, now: datetime) -> tuple[Memory, int]:
    """Return the memory after a look has asked the nodes and all of them agreed, and of how many pools that is.

    Only pools are asked whose proof is missing or too old; what nodes did say is never improved upon.
    """
    assumed = 0
    for subject in subjects(cluster, memory, rules.policy, now):
        found = proofs.proof(subject) if proofs.asks_nodes(subject) else None
        if found and found.reason in _UNASKED:
            pool, before = subject.pool, subject.memory.proof
            told = before if found.reason == "ProofExpired" and before and _bad(before) else None
            level = proofs.wanted_level(subject)
            good = Proof(now, pool.node_image, pool.count or 0, etag=pool.etag or "", level=level)
            proof = replace(told, at=now) if told else good
            memory = memory.with_pool(pool.name, replace(subject.memory, proof=proof))
            assumed += told is None
    return memory, assumed


def _bad(proof: Proof) -> bool:
    return bool(proof.unreadable or proof.disagreeing or proof.missing)
