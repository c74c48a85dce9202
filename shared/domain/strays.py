"""What is known of nodes that belong to no node pool of ARM's list: whether they are proven, and when to ask them."""

from datetime import datetime

from shared.domain.model import Cluster, ComplianceState, ProofLevel
from shared.domain.posture import Finding
from shared.domain.proofs import RENEW, again
from shared.domain.proven import Strays
from shared.domain.settings import Fips, Settings

_S = ComplianceState
_NAMED = 10
"""So many names stand in a message."""


def strays(cluster: Cluster, found: Strays | None, settings: Settings, now: datetime) -> Finding | None:
    """Judge the nodes that belong to no node pool of ARM's list: only the nodes themselves show them."""
    if settings.fips is not Fips.REQUIRED:
        return None
    if found and found.unreadable:
        reason, _, message = found.unreadable.partition(": ")
        return Finding("strays", _S.UNKNOWN, reason, message)
    if found is None or now - found.at > settings.proof.max_age:
        if not cluster.unlisted and not (found and (found.nodes or found.virtual)):
            return None
        why = f"has {cluster.unlisted}" if cluster.unlisted else "had nodes that belong to no node pool"
        message = f"The cluster {why}: its nodes outside ARM's node pools have not been asked lately."
        return Finding("strays", _S.UNKNOWN, "NodesOutsidePoolsUnread", message)
    return _machines(found, settings) if found.nodes and not _well(found, settings) else _virtual(found)


def _well(found: Strays, settings: Settings) -> bool:
    deep = settings.proof.level.reaches(ProofLevel.KERNEL)
    return not found.disabled and not found.missing and (_deep_enough(found, settings) or not deep)


def _deep_enough(found: Strays, settings: Settings) -> bool:
    """Say whether as many of the nodes outside every pool were asked, and as deep, as the policy asks for."""
    enough = settings.proof.sampling or not found.sampled
    return found.level.reaches(settings.proof.level) and enough


def _machines(found: Strays, settings: Settings) -> Finding:
    """Say what is wrong with machines outside every pool."""
    level = settings.proof.level
    if found.denying:
        message = (
            f"{found.denying} of {found.nodes} nodes outside every node pool carry the FIPS label and say no at level "
            f"{found.level}: {_names(found)}. Treat them as not FIPS-enabled; delete them."
        )
        return Finding("strays", _S.INCONSISTENT, "NodesDisagree", message, nodes=found.names)
    if found.disabled:
        message = (
            f"{found.disabled} of {found.nodes} nodes outside every node pool don't carry the FIPS label: "
            f"{_names(found)}. With node auto-provisioning set fipsMode: FIPS in the AKSNodeClass."
        )
        return Finding("strays", _S.NON_COMPLIANT, "NodesOutsidePools", message, nodes=found.names)
    if not _deep_enough(found, settings):
        asked = " all" if found.sampled else ""
        message = (
            f"{found.nodes} nodes outside every node pool carry the FIPS label; at level {level} not{asked} asked."
        )
        return Finding("strays", _S.UNKNOWN, "ProofLevelMissing", message)
    why = found.silent or "They are not ready."
    message = f"{found.missing} of {found.nodes} nodes outside every node pool are unproven. {why}"
    return Finding("strays", _S.UNKNOWN, "NodesUnanswered", message)


def _virtual(found: Strays) -> Finding | None:
    if found.virtual:
        message = (
            f"Virtual nodes ({', '.join(found.virtual)}) run containers on machines that are not the cluster's: "
            "whether those have FIPS on can't be asked. An exemption of the cluster can say that this is accepted."
        )
        return Finding("strays", _S.UNKNOWN, "VirtualNodes", message)
    if not found.nodes:
        return None
    said = "carry the FIPS label" if found.level is ProofLevel.NODE else f"said so at level {found.level}"
    who = f"{found.nodes} nodes"
    if found.sampled:
        who, said = f"{found.sampled} nodes", f"{said} (sampled {found.sampled} of {found.nodes}; all carry the label)"
    message = f"{who} outside every node pool {said}: {_names(found)}."
    return Finding("strays", _S.COMPLIANT, "NodesOutsidePoolsProven", message)


def _names(found: Strays) -> str:
    more = (found.denying or found.disabled or found.nodes) > len(found.names[:_NAMED])
    return ", ".join(found.names[:_NAMED]) + (" ..." if more else "")


def strays_due(cluster: Cluster, found: Strays | None, settings: Settings, now: datetime) -> bool:
    """Say whether the nodes outside every pool must be asked: nobody did lately, or they are not as they should be."""
    finding = strays(cluster, found, settings, now)
    if finding is None or finding.reason == "VirtualNodes":
        # What virtual nodes are does not change by asking.
        return False
    return finding.state is not _S.COMPLIANT or _strays_renew(found, settings, now)


def strays_need_pods(found: Strays, settings: Settings) -> bool:
    """Say whether what the labels of nodes outside every pool say is well and not enough."""
    asked = settings.fips is Fips.REQUIRED and settings.proof.level.reaches(ProofLevel.KERNEL)
    return asked and found.nodes > 0 and not found.disabled


def stray_pods_due(cluster: Cluster, known: Strays, found: Strays, settings: Settings, now: datetime) -> bool:
    """Say whether pods are to be sent to nodes outside every pool again: not right after some that settled nothing."""
    if not again(known, now):
        return False
    others = known.asked != found.asked or bool(found.missing and not known.flawed)
    return others or strays_due(cluster, known, settings, now)


def _strays_renew(found: Strays | None, settings: Settings, now: datetime) -> bool:
    deep = settings.proof.level.reaches(ProofLevel.KERNEL)
    return deep and found is not None and now >= found.at + settings.proof.max_age - RENEW
