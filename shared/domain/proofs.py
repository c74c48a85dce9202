"""What the nodes' word is worth: whether a pool is proven as the policy asks, and which pools must be asked."""

from datetime import datetime, timedelta

from shared.domain.capability import fips_enabled_by_default
from shared.domain.model import ComplianceState, ProofLevel
from shared.domain.posture import Finding
from shared.domain.proven import Proof, Strays
from shared.domain.scalars import duration_text
from shared.domain.subject import Subject, contradictory, decided
from shared.domain.support import is_fips_image

SETTLE = timedelta(minutes=5)
"""How long after the end of our operation nodes may still differ before that counts as inconsistent: the
label of a new node and the disappearance of an old one reach the Kubernetes API a little later than ARM."""
CLOCKS = timedelta(minutes=5)
"""How far the clocks of two workers may be apart."""
RENEW = timedelta(minutes=15)
"""How long before a proof by pods is too old it is taken anew: it takes some looks, in which the old one holds."""
AGAIN = timedelta(minutes=10)
"""How soon pods are sent again after a proof by pods that settled nothing."""
SELDOM = timedelta(minutes=45)
"""And how soon at the latest, while the same nodes say the same time and again."""
KEPT = timedelta(hours=6)
"""How soon pods are sent again while those of the last proof can't be deleted."""
LISTING = timedelta(hours=1)
"""How old a list of the nodes may be when a look comes: only a list shows which nodes joined or started anew."""
DESPITE = timedelta(minutes=15)
"""And where the last one showed nodes of a pool that ARM calls empty or stopped: ARM's word may lag, or theirs."""
_NAMED = 10
"""So many nodes are named in a message."""
NODES_UNREADABLE = "NodesUnreadable"
"""Reason of a proof that failed for a cause that may pass."""
_S = ComplianceState


def proof(subject: Subject) -> Finding | None:
    """Judge what the nodes said of a pool that the control plane calls FIPS-enabled.

    Of one whose OS type and OS SKU contradict each other nobody knows what its nodes' word means: it says nothing.
    """
    found = _by_nodes(subject)
    if found and found.state is _S.COMPLIANT and despite(subject):
        message = (
            f"ARM calls the pool {'stopped' if subject.pool.stopped else 'empty'}, and the cluster has "
            f"{subject.memory.shown} nodes of it. One of them is wrong: which nodes the pool has is not known. "
            "Looked at again by itself; if it lasts, see what AKS made of the pool's last operation."
        )
        return Finding("proof", _S.UNKNOWN, "NodesDespiteCount", message)
    return found


def despite(subject: Subject) -> bool:
    """Say whether nodes were listed of a pool that ARM calls empty or stopped, where nodes are asked at all."""
    asks = subject.settings.proof.level is not ProofLevel.CONTROL_PLANE
    return asks and subject.empty and not subject.cluster.stopped and subject.memory.shown > 0


def _by_nodes(subject: Subject) -> Finding | None:
    """Judge a pool by what its nodes said, if there are any to ask."""
    if _only_registry(subject):
        return _registry(subject)
    if not _claims_fips(subject):
        return None
    if subject.empty and not despite(subject):
        return _no_nodes(subject)
    if subject.settings.proof.level is ProofLevel.CONTROL_PLANE:
        return None if subject.pool.count is not None else _no_count("No node was asked")
    if not subject.pool.etag:
        message = "ARM gave no eTag for the pool: whether anything happened to it since a proof could not be told."
        return Finding("proof", _S.UNKNOWN, "ETagMissing", message)
    taken = subject.memory.proof
    return _stale(subject, taken) or _verdict(subject, taken) if taken else _missing()


def asks_nodes(subject: Subject) -> bool:
    """Say whether the nodes of a pool are asked at all: their word can settle it, and which rule asks is known."""
    if (subject.empty and not despite(subject)) or not subject.pool.etag or decided(subject):
        return False
    if _only_registry(subject):
        settled = subject.pool.provisioning_state == "Succeeded" and subject.operation is None
        return settled and bool(subject.settings.proof.windows_image)
    return subject.settings.proof.level is not ProofLevel.CONTROL_PLANE and _claims_fips(subject)


def asks_by_pods(subject: Subject) -> bool:
    """Say whether labels are not enough, so that pods have to ask the nodes."""
    return asks_nodes(subject) and wanted_level(subject).reaches(ProofLevel.KERNEL)


def wanted_level(subject: Subject) -> ProofLevel:
    """Return the level of a proof that settles a pool; the registry is the deepest that Windows has."""
    return ProofLevel.KERNEL if _only_registry(subject) else subject.settings.proof.level


def due(subject: Subject) -> bool:
    """Say whether the nodes of a pool must be asked now: no proof, an old one, or one that settles nothing."""
    finding = _by_nodes(subject) if asks_nodes(subject) else None
    return finding is not None and (finding.state is not _S.COMPLIANT or _renews(subject))


def holds(subject: Subject) -> bool:
    """Say whether the proof that a pool has still proves it."""
    finding = _by_nodes(subject) if asks_nodes(subject) else None
    return finding is not None and finding.state is _S.COMPLIANT


def pods_due(subject: Subject) -> bool:
    """Say whether pods are to be sent now: not right after some that settled nothing."""
    if not asks_by_pods(subject) or not due(subject):
        return False
    taken = subject.memory.proof
    same = taken is not None and (taken.node_image, taken.etag) == (subject.pool.node_image, subject.pool.etag or "")
    if taken is None or not same or not taken.level.reaches(wanted_level(subject)):
        return True
    return again(taken, subject.now)


def again(taken: Proof | Strays, now: datetime) -> bool:
    """Say whether pods may be sent again: not right after some that settled nothing."""
    return not taken.flawed or now - taken.at >= min(AGAIN * 2**taken.tries, SELDOM)


def _renews(subject: Subject) -> bool:
    taken = subject.memory.proof
    if taken is None or not asks_by_pods(subject):
        return False
    return subject.now >= taken.at + subject.settings.proof.max_age - RENEW


def expiry(subject: Subject) -> datetime | None:
    """Return when a pool's proof will be too old; None if there is none that counts for something."""
    taken = subject.memory.proof
    if not asks_nodes(subject) or taken is None or taken.unreadable:
        return None
    return taken.at + subject.settings.proof.max_age - (RENEW if asks_by_pods(subject) else timedelta())


def _claims_fips(subject: Subject) -> bool:
    pool = subject.pool
    return (
        subject.required
        and not subject.operation
        and pool.enable_fips is True
        and pool.os_type == "Linux"
        and pool.provisioning_state == "Succeeded"
        and is_fips_image(pool.node_image)
        and not contradictory(pool)
    )


def _only_registry(subject: Subject) -> bool:
    """Windows nodes carry no image of the name and no label that could tell: only their registry does."""
    pool = subject.pool
    windows = pool.os_type == "Windows" and not contradictory(pool)
    return subject.required and windows and bool(pool.enable_fips or fips_enabled_by_default(pool))


def _registry(subject: Subject) -> Finding:
    taken, may_ask = subject.memory.proof, bool(subject.settings.proof.windows_image)
    if taken is None or not taken.level.reaches(ProofLevel.KERNEL):
        if taken and taken.unreadable:
            return _verdict(subject, taken)
        return _unread_registry(subject)
    stale = _stale(subject, taken)
    # Nobody asks again by himself: what would have to be changed says more than that the last word is old.
    return (_unread_registry(subject, " lately") if stale and not may_ask else stale) or _verdict(subject, taken)


def _unread_registry(subject: Subject, when: str = "") -> Finding:
    message = f"Only the registry of Windows nodes proves FIPS, and it has not been read{when}"
    cure = ": `proof.windows_image` names an image for that, and allows it. It is access to the host."
    message += "." if subject.settings.proof.windows_image else cure
    return Finding("proof", _S.UNKNOWN, "WindowsProofMissing", message)


def _missing() -> Finding:
    return Finding("proof", _S.UNKNOWN, "ProofMissing", "The nodes have not been asked since the pool last changed.")


def _no_count(but: str) -> Finding:
    message = f"{but}, and ARM gave no count: which nodes the pool should have isn't known."
    return Finding("proof", _S.UNKNOWN, "CountUnreadable", message)


def _no_nodes(subject: Subject) -> Finding:
    """Without nodes to ask the control plane's word is all there is; it is worth less than what nodes said before."""
    level = subject.settings.proof.level
    taken = None if level is ProofLevel.CONTROL_PLANE else subject.memory.proof
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
        age = duration_text(subject.settings.proof.max_age)
        message = (
            f"The nodes were last asked at {taken.at:%Y-%m-%d %H:%M} UTC, and that is older than `proof.max_age` "
            f"({age}): the next look asks them again."
        )
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
    names = ", ".join(taken.disagreeing[:_NAMED]) + (" ..." if len(taken.disagreeing) > _NAMED else "")
    how = f" at level {taken.level}" if taken.level.reaches(ProofLevel.KERNEL) else ""
    says = "ARM says that FIPS is on" if subject.pool.enable_fips else "FIPS is on by default"
    ended = subject.memory.ended
    if ended and taken.at - ended < SETTLE and not how:
        message = f"{len(taken.disagreeing)} of {taken.nodes} nodes don't show FIPS yet: {names}."
        return Finding("proof", _S.UNKNOWN, "ProofSettling", message)
    message = (
        f"{says}; {len(taken.disagreeing)} of {taken.nodes} nodes don't show it{how}: {names}. "
        "Treat them as not FIPS-enabled; reimage or delete them."
    )
    return Finding("proof", _S.INCONSISTENT, "NodesDisagree", message, nodes=taken.disagreeing)


def _incomplete(subject: Subject, taken: Proof) -> Finding | None:
    count = subject.pool.count
    if count is None:
        return _no_count(f"{taken.nodes} nodes show FIPS")
    # A pool may have grown since: the nodes that came later are as unproven as those that were missing, unless
    # the policy lets the pool's proof stand for them for a while.
    covered = subject.now - taken.at <= subject.settings.proof.joined_nodes
    missing = max(taken.missing, 0 if covered else count - taken.nodes)
    if missing > 0:
        total = max(count, taken.nodes + taken.missing)
        if taken.silent:
            message = f"{missing} of {total} nodes are unproven. Asked at level {taken.level}: {taken.silent}"
            return Finding("proof", _S.UNKNOWN, "NodesUnanswered", message)
        message = f"{missing} of {total} nodes are not there, or not ready: they are unproven."
        return Finding("proof", _S.UNKNOWN, "NodesMissing", message)
    if taken.changed and not covered:
        message = f"Nodes joined or started anew since all were asked, {taken.at:%Y-%m-%d %H:%M} UTC: not asked yet."
        return Finding("proof", _S.UNKNOWN, "ProofMissing", message)
    return None


def _proven(subject: Subject, taken: Proof) -> Finding:
    level = wanted_level(subject)
    if not taken.level.reaches(level):
        message = f"{_all(taken)} carried the FIPS label; the policy asks for level {level}: not asked yet."
        return Finding("proof", _S.UNKNOWN, "ProofLevelMissing", message)
    if taken.sampled and not subject.settings.proof.sampling:
        message = f"{taken.sampled} of {taken.nodes} nodes were asked; the policy asks for all of them: not asked yet."
        return Finding("proof", _S.UNKNOWN, "ProofLevelMissing", message)
    said = (
        "carried fips_enabled=true and the image"
        if taken.level is ProofLevel.NODE
        else f"said so at level {taken.level}"
    )
    if taken.sampled:
        said += f" (sampled {taken.sampled} of {taken.nodes}; all carry the label)"
    message = f"{_all(taken)} {said} when asked, {taken.at:%Y-%m-%d %H:%M} UTC."
    return Finding("proof", _S.COMPLIANT, "NodesProven", message)


def _all(taken: Proof) -> str:
    if taken.sampled:
        return f"{taken.sampled} nodes"
    named = {1: "The only node", 2: "Both nodes"}
    return named.get(taken.nodes, f"All {taken.nodes} nodes")
