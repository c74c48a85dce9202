"""What the nodes' word is worth: whether a pool is proven as the policy asks, and which pools must be asked."""

from datetime import datetime, timedelta

from shared.domain.capability import fips_enabled_by_default
from shared.domain.checks import Subject
from shared.domain.model import Cluster, ComplianceState, Finding, Proof, ProofLevel, Strays
from shared.domain.settings import Fips, Settings
from shared.domain.support import is_fips_image

SETTLE = timedelta(minutes=5)
"""How long after the end of our operation nodes may still differ before that counts as inconsistent: the
label of a new node and the disappearance of an old one reach the Kubernetes API a little later than ARM."""
CLOCKS = timedelta(minutes=5)
"""How far the clocks of two workers may be apart."""
NODES_UNREADABLE = "NodesUnreadable"
"""Reason of a proof that failed for a cause that may pass."""
_S = ComplianceState


def proof(subject: Subject) -> Finding | None:
    """Judge what the nodes said of a pool that the control plane calls FIPS-enabled."""
    if _only_registry(subject):
        return _registry(subject)
    if not _claims_fips(subject) or subject.settings.proof.level is ProofLevel.CONTROL_PLANE:
        return None
    if subject.empty:
        return _no_nodes(subject)
    if not subject.pool.etag:
        message = "ARM gave no eTag for the pool: whether anything happened to it since a proof could not be told."
        return Finding("proof", _S.UNKNOWN, "ETagMissing", message)
    taken = subject.memory.proof
    return _stale(subject, taken) or _verdict(subject, taken) if taken else _missing()


def asks_nodes(subject: Subject) -> bool:
    """Say whether the nodes of a pool are asked at all: their word can still settle it."""
    wanted = subject.settings.proof.level is not ProofLevel.CONTROL_PLANE
    bound = bool(subject.pool.etag)
    return wanted and bound and _claims_fips(subject) and not subject.empty and not _only_registry(subject)


def due(subject: Subject) -> bool:
    """Say whether the nodes of a pool must be asked now: no proof, an old one, or one that settles nothing."""
    finding = proof(subject) if asks_nodes(subject) else None
    return finding is not None and finding.state is not _S.COMPLIANT


def expiry(subject: Subject) -> datetime | None:
    """Return when a pool's proof will be too old; None if there is none that counts for something."""
    taken = subject.memory.proof
    if not asks_nodes(subject) or taken is None or taken.unreadable:
        return None
    return taken.at + subject.settings.proof.max_age


def _claims_fips(subject: Subject) -> bool:
    pool = subject.pool
    return (
        subject.required
        and not subject.operating
        and pool.enable_fips is True
        and pool.os_type == "Linux"
        and pool.provisioning_state == "Succeeded"
        and is_fips_image(pool.node_image)
    )


def _only_registry(subject: Subject) -> bool:
    """Windows nodes carry no image of the name and no label that could tell: only their registry does."""
    pool = subject.pool
    return subject.required and pool.os_type == "Windows" and bool(pool.enable_fips or fips_enabled_by_default(pool))


def _registry(subject: Subject) -> Finding:
    taken = subject.memory.proof
    if taken is None or not taken.level.reaches(ProofLevel.KERNEL):
        message = "Only the registry of Windows nodes proves FIPS, and it has not been read."
        return Finding("proof", _S.UNKNOWN, "WindowsProofMissing", message)
    return _stale(subject, taken) or _verdict(subject, taken)


def _missing() -> Finding:
    return Finding("proof", _S.UNKNOWN, "ProofMissing", "The nodes have not been asked since the pool last changed.")


def _no_nodes(subject: Subject) -> Finding:
    """Without nodes to ask the control plane's word is all there is; it is worth less than what nodes said before."""
    level, taken = subject.settings.proof.level, subject.memory.proof
    why, said = ("NoNodes", "There are no nodes") if subject.pool.count == 0 else ("Stopped", "The nodes don't run")
    if why == "Stopped" and taken and taken.disagreeing and taken.node_image == subject.pool.node_image:
        return _disagreement(subject, taken)
    if level.reaches(ProofLevel.KERNEL):
        return Finding("proof", _S.UNKNOWN, why, f"{said}, and the policy asks for level {level}.")
    return Finding("proof", _S.COMPLIANT, why, f"{said}: this is the control plane's word alone.")


def _stale(subject: Subject, taken: Proof) -> Finding | None:
    same = (taken.node_image, taken.etag) == (subject.pool.node_image, subject.pool.etag or "")
    # What was taken in the future, by a clock that was wrong, proves nothing.
    if not same or taken.at > subject.now + CLOCKS:
        return _missing()
    if subject.now - taken.at > subject.settings.proof.max_age:
        message = f"The nodes were last asked at {taken.at:%Y-%m-%d %H:%M} UTC."
        return Finding("proof", _S.UNKNOWN, "ProofExpired", message)
    return None


def _verdict(subject: Subject, taken: Proof) -> Finding:
    if taken.unreadable:
        reason, _, message = taken.unreadable.partition(": ")
        return Finding("proof", _S.UNKNOWN, reason, message)
    if taken.disagreeing:
        return _disagreement(subject, taken)
    return _incomplete(subject, taken) or _proven(subject, taken)


def _disagreement(subject: Subject, taken: Proof) -> Finding:
    names = ", ".join(taken.disagreeing[:10]) + (" ..." if len(taken.disagreeing) > 10 else "")
    ended = subject.memory.ended
    if ended and taken.at - ended < SETTLE:
        message = f"{len(taken.disagreeing)} of {taken.nodes} nodes don't show FIPS yet: {names}."
        return Finding("proof", _S.UNKNOWN, "ProofSettling", message)
    message = (
        f"ARM says that FIPS is on; {len(taken.disagreeing)} of {taken.nodes} nodes don't show it: {names}. "
        "Treat them as not FIPS-enabled; reimage or delete them."
    )
    return Finding("proof", _S.INCONSISTENT, "NodesDisagree", message)


def _incomplete(subject: Subject, taken: Proof) -> Finding | None:
    count = subject.pool.count
    if count is None:
        message = f"{taken.nodes} nodes show FIPS, but ARM gave no count: whether some are missing isn't known."
        return Finding("proof", _S.UNKNOWN, "CountUnreadable", message)
    # A pool may have grown since: the nodes that came later are as unproven as those that were missing, unless
    # the policy lets the pool's proof stand for them for a while.
    covered = subject.now - taken.at <= subject.settings.proof.joined_nodes
    missing = max(taken.missing, 0 if covered else count - taken.nodes)
    if missing > 0:
        total = max(count, taken.nodes + taken.missing)
        message = f"{missing} of {total} nodes are not there, or not ready: they are unproven."
        return Finding("proof", _S.UNKNOWN, "NodesMissing", message)
    return None


def _proven(subject: Subject, taken: Proof) -> Finding:
    level = subject.settings.proof.level
    if not taken.level.reaches(level):
        message = f"{_all(taken)} carried the FIPS label; the policy asks for level {level}: not asked."
        return Finding("proof", _S.UNKNOWN, "ProofLevelMissing", message)
    said = (
        "carried fips_enabled=true and the image"
        if taken.level is ProofLevel.NODE
        else f"said so at level {taken.level}"
    )
    message = f"{_all(taken)} {said} when asked, {taken.at:%Y-%m-%d %H:%M} UTC."
    return Finding("proof", _S.COMPLIANT, "NodesProven", message)


def _all(taken: Proof) -> str:
    return "The only node" if taken.nodes == 1 else f"All {taken.nodes} nodes"


def strays(cluster: Cluster, found: Strays | None, settings: Settings, now: datetime) -> Finding | None:
    """Judge the nodes that belong to no node pool of ARM's list: only the nodes themselves show them."""
    if settings.fips is not Fips.REQUIRED:
        return None
    if found is None or now - found.at > settings.proof.max_age:
        if not cluster.unlisted and not (found and found.nodes):
            return None
        why = f"has {cluster.unlisted}" if cluster.unlisted else "had nodes that belong to no node pool"
        message = f"The cluster {why}: its nodes outside ARM's node pools have not been asked lately."
        return Finding("strays", _S.UNKNOWN, "NodesOutsidePoolsUnread", message)
    if not found.nodes:
        return None
    names = ", ".join(found.names) + (" ..." if found.nodes > len(found.names) else "")
    if found.disabled:
        message = (
            f"{found.disabled} of {found.nodes} nodes outside every node pool don't carry the FIPS label: {names}. "
            "With node auto-provisioning set fipsMode: FIPS in the AKSNodeClass."
        )
        return Finding("strays", _S.NON_COMPLIANT, "NodesOutsidePools", message)
    if settings.proof.level.reaches(ProofLevel.KERNEL):
        message = f"{found.nodes} nodes outside every node pool carry the FIPS label; their kernels were not asked."
        return Finding("strays", _S.UNKNOWN, "ProofLevelMissing", message)
    message = f"{found.nodes} nodes outside every node pool carry the FIPS label: {names}."
    return Finding("strays", _S.COMPLIANT, "NodesOutsidePoolsProven", message)
