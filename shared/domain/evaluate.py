"""Judges an observed cluster by the policy: an ordered list of small checks, each giving one finding.

Pure. A field that could not be read gives `unknown`; nothing here turns missing knowledge into compliance.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.capability import KNOWN_OS_SKUS, fips_enabled_by_default, incapable
from shared.domain.model import (
    Cluster,
    ClusterRead,
    ComplianceState,
    Finding,
    Gone,
    Memory,
    Mode,
    Pool,
    PoolMemory,
    PoolPosture,
    Posture,
    Proof,
    ProofLevel,
    Unreadable,
    worst,
)
from shared.domain.policy import Policy

SETTLE = timedelta(minutes=5)
"""How long after the end of our operation nodes may still differ before that counts as inconsistent: the
label of a new node and the disappearance of an old one reach the Kubernetes API a little later than ARM."""

NODES_UNREADABLE = "NodesUnreadable"
"""Reason of a proof that failed for a cause that may pass."""

_S = ComplianceState


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a check may look at."""

    pool: Pool
    cluster: Cluster
    memory: PoolMemory
    policy: Policy
    now: datetime
    operating: bool = False
    """Our own operation on the pool has not ended, whatever the pool's provisioning state says."""

    @property
    def empty(self) -> bool:
        """No node exists that could prove anything."""
        return self.cluster.stopped or self.pool.stopped or self.pool.count == 0


Check = Callable[[Subject], Finding | None]


def evaluate(read: ClusterRead, memory: Memory, policy: Policy, previous: Posture | None, now: datetime) -> Posture:
    """Judge one cluster; `previous` only tells since when a verdict has stood."""
    match read:
        case Unreadable():
            finding = Finding("readable", _S.UNKNOWN, read.reason, read.message)
            known = previous.pools if previous else ()
            return Posture(now, _S.UNKNOWN, tuple(_unread(pool, finding, now) for pool in known), (finding,))
        case Gone():
            finding = Finding("exists", _S.NOT_APPLICABLE, "ClusterGone", "ARM says that it does not exist.")
            return Posture(now, _S.NOT_APPLICABLE, (), (finding,))
        case Cluster():
            if not policy.covers(read.id, dict(read.tags)):
                return Posture(now, _S.NOT_APPLICABLE, (), (), in_scope=False)
            if not read.pools:
                message = "ARM shows no node pool of the cluster: whatever nodes it has are not judged."
                return Posture(now, _S.UNKNOWN, (), (Finding("readable", _S.UNKNOWN, "NoNodePools", message),))
            before = {pool.pool: pool for pool in previous.pools} if previous else {}
            pools = tuple(_judge(read, pool, memory, policy, before, now) for pool in read.pools)
            return Posture(now, worst([pool.state for pool in pools]), pools)


def _subject(cluster: Cluster, pool: Pool, memory: Memory, policy: Policy, now: datetime) -> Subject:
    operating = memory.operation is not None and memory.operation.pool == pool.name
    return Subject(pool, cluster, memory.pool(pool.name), policy, now, operating)


def _unread(pool: PoolPosture, finding: Finding, now: datetime) -> PoolPosture:
    since = pool.since if (pool.state, pool.decisive.reason) == (finding.state, finding.reason) else now
    return replace(pool, state=finding.state, findings=(finding,), since=since)


def _judge(
    cluster: Cluster,
    pool: Pool,
    memory: Memory,
    policy: Policy,
    before: Mapping[str, PoolPosture],
    now: datetime,
) -> PoolPosture:
    subject = _subject(cluster, pool, memory, policy, now)
    rule = policy.rule_for(cluster, pool.name)
    findings = tuple(finding for check in CHECKS if (finding := check(subject)))
    state = worst([finding.state for finding in findings])
    verdict = PoolPosture(pool.name, state, findings, rule.mode, rule.name, now)
    old = before.get(pool.name)
    if old and (old.state, old.decisive.reason) == (state, verdict.decisive.reason):
        return PoolPosture(pool.name, state, findings, rule.mode, rule.name, old.since)
    return verdict


def _flag(subject: Subject) -> Finding | None:
    pool = subject.pool
    if fips_enabled_by_default(pool):
        return Finding(
            "flag",
            _S.UNKNOWN,
            "WindowsProofMissing",
            f"{pool.os_sku} images have FIPS on whatever enableFIPS says; only the registry of the nodes "
            "proves it, and it has not been read.",
        )
    if pool.os_type not in ("Linux", "Windows"):
        return Finding(
            "flag", _S.UNKNOWN, "OsTypeUnknown", f"ARM calls the pool's OS type {pool.os_type!r}: not judged."
        )
    if pool.os_sku.lower() not in KNOWN_OS_SKUS:
        return Finding("flag", _S.UNKNOWN, "OsSkuUnknown", f"OS SKU {pool.os_sku!r} is not known to this version.")
    if pool.enable_fips is None:
        return Finding("flag", _S.UNKNOWN, "FlagUnreadable", "ARM gave no true or false for enableFIPS: not judged.")
    if not pool.enable_fips:
        return Finding("flag", _S.NON_COMPLIANT, "FipsDisabled", "enableFIPS is false: the pool runs a non-FIPS image.")
    return Finding("flag", _S.COMPLIANT, "FipsEnabled", "enableFIPS is true.")


def _capable(subject: Subject) -> Finding | None:
    if subject.pool.enable_fips or fips_enabled_by_default(subject.pool):
        return None
    found = incapable(subject.pool)
    if found is None:
        return None
    return Finding("capable", _S.NON_COMPLIANT, found.reason, found.message)


def _settled(subject: Subject) -> Finding | None:
    pool = subject.pool
    if not pool.enable_fips:
        return None
    if subject.operating:
        return Finding("settled", _S.UNKNOWN, "OperationInProgress", "Our operation on the pool has not ended.")
    if pool.provisioning_state == "Succeeded":
        return None
    if pool.provisioning_state in ("Failed", "Canceled"):
        return Finding(
            "settled",
            _S.UNKNOWN,
            f"Provisioning{pool.provisioning_state}",
            f"The pool's provisioning state is {pool.provisioning_state}: some of its nodes may run another "
            "image. Find the error in the activity log, mend it and update the pool.",
        )
    # The flag shows the target as soon as AKS has accepted a change, before any node has it
    # (recorded: test_aks_update_agentpool_os_sku).
    return Finding(
        "settled",
        _S.UNKNOWN,
        "OperationInProgress",
        f"The pool's provisioning state is {pool.provisioning_state or 'missing'}: judged when it has ended.",
    )


def _image(subject: Subject) -> Finding | None:
    pool = subject.pool
    if not pool.enable_fips or pool.os_type != "Linux":
        return None
    if not pool.node_image:
        return Finding("image", _S.UNKNOWN, "ImageMissing", "ARM gave no nodeImageVersion: not judged.")
    if "fips" not in pool.node_image.lower():
        return Finding(
            "image",
            _S.NON_COMPLIANT,
            "ImageNotFips",
            f"enableFIPS is true but the node image {pool.node_image} is no FIPS image: upgrade the node image.",
        )
    return Finding("image", _S.COMPLIANT, "ImageFips", f"The node image {pool.node_image} is a FIPS image.")


def _proof(subject: Subject) -> Finding | None:
    if subject.pool.os_type == "Windows" and subject.pool.enable_fips and not fips_enabled_by_default(subject.pool):
        message = "Only the registry of Windows nodes proves FIPS, and it has not been read."
        return Finding("proof", _S.UNKNOWN, "WindowsProofMissing", message)
    if not needs_proof(subject):
        return None
    if subject.empty:
        return Finding("proof", _S.COMPLIANT, "NoNodes", "There are no nodes: this is the control plane's word alone.")
    proof = subject.memory.proof
    if proof is None or (proof.node_image, proof.etag) != (subject.pool.node_image, subject.pool.etag or ""):
        return Finding(
            "proof", _S.UNKNOWN, "ProofMissing", "The nodes have not been asked since the pool last changed."
        )
    if subject.now - proof.at > subject.policy.proof_max_age:
        return Finding(
            "proof",
            _S.UNKNOWN,
            "ProofExpired",
            f"The nodes were last asked at {proof.at:%Y-%m-%d %H:%M} UTC.",
        )
    return _proof_verdict(subject, proof)


def _proof_verdict(subject: Subject, proof: Proof) -> Finding:
    if proof.unreadable:
        reason, _, message = proof.unreadable.partition(": ")
        return Finding("proof", _S.UNKNOWN, reason, message)
    if proof.disagreeing:
        names = ", ".join(proof.disagreeing[:10]) + (" ..." if len(proof.disagreeing) > 10 else "")
        ended = subject.memory.ended
        if ended and proof.at - ended < SETTLE:
            return Finding("proof", _S.UNKNOWN, "ProofSettling", f"Not all nodes show the new image yet: {names}.")
        return Finding(
            "proof",
            _S.INCONSISTENT,
            "NodesDisagree",
            f"ARM says that FIPS is on; {len(proof.disagreeing)} of {proof.nodes} nodes don't show it: {names}. "
            "Treat them as not FIPS-enabled; reimage or delete them.",
        )
    count = subject.pool.count
    if count is None:
        message = f"{proof.nodes} nodes show FIPS, but ARM gave no count: whether some are missing isn't known."
        return Finding("proof", _S.UNKNOWN, "CountUnreadable", message)
    # A pool may have grown since: the nodes that came later are as unproven as those that were missing.
    if missing := max(proof.missing, count - proof.nodes):
        message = f"{missing} of {max(count, proof.nodes)} nodes have not been seen in the cluster: they are unproven."
        return Finding("proof", _S.UNKNOWN, "NodesMissing", message)
    return Finding(
        "proof",
        _S.COMPLIANT,
        "NodesProven",
        f"All {proof.nodes} nodes carry fips_enabled=true and the image.",
    )


def needs_proof(subject: Subject) -> bool:
    """Say whether the nodes' word can still settle a pool that the control plane calls FIPS-enabled."""
    pool = subject.pool
    return (
        subject.policy.proof_level is not ProofLevel.CONTROL_PLANE
        and not subject.operating
        and pool.enable_fips is True
        and pool.os_type == "Linux"
        and pool.provisioning_state == "Succeeded"
        and "fips" in pool.node_image.lower()
    )


def _remediation(subject: Subject) -> Finding | None:
    still = subject.memory.blocked_on == subject.pool.configuration
    blocked = (subject.memory.blocked if still else "") or subject.memory.refused
    if not blocked:
        return None
    if subject.pool.enable_fips and subject.pool.provisioning_state == "Succeeded":
        return None
    return Finding("remediation", _S.NON_COMPLIANT, "RemediationFailed", blocked)


CHECKS: tuple[Check, ...] = (_flag, _capable, _settled, _image, _proof, _remediation)
"""In the order in which their findings are shown; the worst one decides."""


def pools_to_prove(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> tuple[Pool, ...]:
    """Return the pools whose nodes must be asked now: no proof, an old one, or one that settles nothing."""
    if not policy.covers(cluster.id, dict(cluster.tags)):
        return ()
    findings = ((subject.pool, _proof(subject)) for subject in _askable(cluster, memory, policy, now))
    return tuple(pool for pool, finding in findings if finding and finding.state is not _S.COMPLIANT)


def _askable(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> list[Subject]:
    subjects = [_subject(cluster, pool, memory, policy, now) for pool in cluster.pools]
    return [subject for subject in subjects if needs_proof(subject) and not subject.empty]


def proof_due(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> datetime | None:
    """Return when the first of the proofs that still count for something will be too old; None if there is none."""
    proofs = [subject.memory.proof for subject in _askable(cluster, memory, policy, now)]
    taken = [proof.at for proof in proofs if proof and not proof.unreadable]
    return min(taken) + policy.proof_max_age if taken else None


def told(posture: PoolPosture) -> bool:
    """Say whether people are told about a pool."""
    return posture.mode is not Mode.AUDIT
