"""The checks: small functions on one node pool, in order, each giving one finding or none.

Pure. A field that could not be read gives `unknown`; nothing here turns missing knowledge into compliance.
"""

import re
from datetime import timedelta

from shared.domain.arm_errors import ABORTED, CANCELED, FAILED, TABLE
from shared.domain.capability import fips_enabled_by_default, incapable
from shared.domain.images import target_os_sku
from shared.domain.legible import illegible
from shared.domain.memory import Stage
from shared.domain.model import Cluster, Pool, ProofLevel
from shared.domain.model import ComplianceState as State
from shared.domain.operation import UNDER_WAY, Operation
from shared.domain.posture import Finding
from shared.domain.subject import Subject, contradictory
from shared.domain.support import is_fips_image, os_sku_named

PATIENCE = timedelta(hours=2)
"""How long a replacement may wait for one thing before people are told; it goes on waiting."""
TWIN_GONE = "TwinGone"
"""The reason of a replacement whose twin somebody deleted."""
FORGOTTEN = "ReplacementForgotten"
"""The reason of a replacement of which only the twin tells, and no place in the budget that it goes on."""
_KNOWN = frozenset({ABORTED, CANCELED, TWIN_GONE, FORGOTTEN, *(row.reason for row in TABLE)})
CONTEST = timedelta(days=7)
"""A pool that needs us again within this time is contested."""


def flag(subject: Subject) -> Finding | None:
    """Compare the flag with what the policy asks for."""
    return _unjudged(subject.pool) or (_required if subject.required else _forbidden)(subject.pool)


def _unjudged(pool: Pool) -> Finding | None:
    """Say that nobody knows what kind of pool it is: what hangs on that is then silent."""
    if pool.os_type not in ("Linux", "Windows"):
        message = f"ARM calls the pool's OS type {pool.os_type!r}: not judged."
        return Finding("flag", State.UNKNOWN, "OsTypeUnknown", message)
    if os_sku_named(pool.os_sku) is None:
        return Finding("flag", State.UNKNOWN, "OsSkuUnknown", f"OS SKU {pool.os_sku!r} is not known to this version.")
    if contradictory(pool):
        message = f"ARM says OS type {pool.os_type} and OS SKU {pool.os_sku}, which contradict each other: not judged."
        return Finding("flag", State.UNKNOWN, "OsContradictory", message)
    return None


def _required(pool: Pool) -> Finding:
    if fips_enabled_by_default(pool):
        message = f"{pool.os_sku} images have FIPS on whatever enableFIPS says: it settles nothing."
        return Finding("flag", State.NOT_APPLICABLE, "FlagSettlesNothing", message)
    if pool.enable_fips is None:
        return Finding("flag", State.UNKNOWN, "FlagUnreadable", "ARM gave no true or false for enableFIPS: not judged.")
    if pool.enable_fips:
        return Finding("flag", State.COMPLIANT, "FipsEnabled", "enableFIPS is true.")
    if pool.os_type == "Linux" and is_fips_image(pool.node_image):
        message = f"enableFIPS is false, and the node image {pool.node_image} is a FIPS image: one of them is wrong."
        return Finding("flag", State.UNKNOWN, "ImageContradictsFlag", message)
    message = "enableFIPS is false: the pool runs a non-FIPS image."
    return Finding("flag", State.NON_COMPLIANT, "FipsDisabled", message)


def _forbidden(pool: Pool) -> Finding:
    if fips_enabled_by_default(pool):
        message = f"The policy forbids FIPS, and {pool.os_sku} images have it on: use another OS SKU."
        return Finding("flag", State.NON_COMPLIANT, "FipsByDefault", message)
    if pool.enable_fips is None:
        return Finding("flag", State.UNKNOWN, "FlagUnreadable", "ARM gave no true or false for enableFIPS: not judged.")
    if pool.enable_fips:
        return Finding("flag", State.NON_COMPLIANT, "FipsForbidden", "The policy forbids FIPS, and enableFIPS is true.")
    return Finding("flag", State.COMPLIANT, "FipsOff", "enableFIPS is false, as the policy asks.")


def capable(subject: Subject) -> Finding | None:
    """Say why a pool that needs FIPS can't have it as it is configured."""
    if not subject.required or fips_enabled_by_default(subject.pool) or _unjudged(subject.pool):
        return None
    if subject.pool.enable_fips:
        return _capable_though_on(subject)
    found = incapable(subject.pool, today=subject.now.date())
    if found is None:
        return None
    target = target_os_sku(subject)
    advice = f"The policy moves it to {target}, which can be done in place." if target else found.advice
    return Finding("capable", State.NON_COMPLIANT, found.reason, f"{found.why} {advice}")


def _capable_though_on(subject: Subject) -> Finding | None:
    """Say that the flag is on where AKS says that FIPS can't be: only the nodes' kernels settle that."""
    found = incapable(subject.pool, today=subject.now.date())
    if found is None or found.reason not in _CONTRADICTS or subject.settings.proof.level.reaches(ProofLevel.KERNEL):
        return None
    message = f"{found.why} Yet enableFIPS is true: AKS once took what it did not enforce. Level kernel settles it."
    return Finding("capable", State.UNKNOWN, found.reason, message)


_CONTRADICTS = frozenset({"PodSandboxingIncapable", "ConfidentialVmIncapable", "KubernetesTooOld", "Arm64Incapable"})
"""Reasons that speak of machines and versions, and not of what AKS offers today: a flag that says otherwise is odd."""


def cluster_setting(subject: Subject) -> Finding | None:
    """Compare the pool with the FIPS setting of its cluster (preview: every pool must then have FIPS)."""
    if not subject.cluster.fips or subject.pool.enable_fips is not False or fips_enabled_by_default(subject.pool):
        return None
    if _unjudged(subject.pool):
        return None
    message = "The cluster has enableFIPS of its own, which asks it of every pool, and this pool's is false."
    return Finding("cluster_setting", State.NON_COMPLIANT, "ClusterFipsContradicted", message)


_LOOK = "Nothing is changed on such a pool. See with `az aks show` what is there; if that is right, update the app."


def legible(subject: Subject) -> Finding | None:
    """Say what can't be read of the pool or its cluster: no verdict is better than unknown then."""
    found = illegible(subject.cluster, subject.pool)
    if not found:
        return None
    message = f"What ARM says can't be read: {', '.join(found)}. {_LOOK}"
    return Finding("legible", State.UNKNOWN, "FieldUnreadable", message)


def settled(subject: Subject) -> Finding | None:
    """Say whether the flag can be believed: it shows the target before any node has it."""
    pool = subject.pool
    if subject.operation and subject.operation.stuck and subject.now > subject.operation.stuck:
        return Finding("settled", State.UNKNOWN, "OperationStuck", _stuck(subject, subject.operation))
    if subject.required and not pool.enable_fips:
        return None
    if subject.operation:
        return Finding("settled", State.UNKNOWN, "OperationInProgress", "Our operation on the pool has not ended.")
    if pool.provisioning_state == "Succeeded":
        return None
    if pool.provisioning_state in ("Failed", "Canceled"):
        message = (
            f"The pool's provisioning state is {pool.provisioning_state}: some of its nodes may run another image. "
            "Find the error in the activity log and mend it; then update the pool, or run "
            f"`fipswarden unblock {subject.cluster.id} {pool.name}` to have the app do it once."
        )
        return Finding("settled", State.UNKNOWN, f"Provisioning{pool.provisioning_state}", message)
    # The flag shows the target as soon as AKS has accepted a change, before any node has it
    # (recorded: test_aks_update_agentpool_os_sku).
    message = f"The pool's provisioning state is {pool.provisioning_state or 'missing'}: judged when it has ended."
    return Finding("settled", State.UNKNOWN, "OperationInProgress", message)


OF_CLUSTERS = {"Failed": "ClusterFailed", "Canceled": "ClusterCanceled"}
"""By the provisioning state of a cluster in which AKS has left it half-way: the reason that says so."""


def cluster_settled(subject: Subject) -> Finding | None:
    """Say that an operation on the cluster itself did not end well.

    What is then true of its pools no document says: where the flag alone would speak for a pool, nothing does. Nor
    while AKS works on the cluster: the flag shows the target as soon as a change is accepted, before any node has it.
    """
    state = subject.cluster.provisioning_state
    alone = subject.required and subject.pool.enable_fips and not subject.settings.proof.level.reaches(ProofLevel.NODE)
    if alone and state in UNDER_WAY:
        message = f"AKS works on the cluster itself ({state}), and no node is asked: the flag may be what is yet to be."
        return Finding("cluster_settled", State.UNKNOWN, "OperationInProgress", message)
    reason = OF_CLUSTERS.get(state)
    if reason is None:
        return None
    known = "no document says whether the flag then holds, and no node is asked" if alone else "judged all the same"
    message = f"The cluster's own provisioning state is {state}: {known}. {mend_cluster(subject.cluster)}"
    return Finding("cluster_settled", State.UNKNOWN if alone else State.NOT_APPLICABLE, reason, message)


def mend_cluster(cluster: Cluster) -> str:
    """Say what to do with a cluster that AKS left in Failed or Canceled."""
    where = f"-g {cluster.id.resource_group} -n {cluster.id.name}"
    return f"Find the error in the activity log and mend it; then `az aks update {where}` lets AKS try again."


def _stuck(subject: Subject, operation: Operation) -> str:
    hours = (subject.now - operation.at).total_seconds() / 3600
    return (
        f"Our operation ({operation.kind.value.replace('_', ' ')}) has run for {hours:.0f} hours, since "
        f"{operation.at:%Y-%m-%d %H:%M} UTC: far longer than it should. See what its nodes wait for; "
        f"`fipswarden abort {subject.cluster.id} {operation.pool}` stops it. The app never does so by itself."
    )


def monitoring(subject: Subject) -> Finding | None:
    """Report a monitoring agent that is too old for FIPS nodes (enable-fips-nodes: 3.1.17)."""
    if not subject.required or not subject.agent or _numbers(subject.agent) >= (3, 1, 17):
        return None
    if not _numbers(subject.agent):
        message = f"The monitoring agent's version {subject.agent!r} reads as none; FIPS nodes need 3.1.17 or later."
        return Finding("monitoring", State.NOT_APPLICABLE, "MonitoringAgentUnknown", message)
    message = f"The monitoring agent is {subject.agent}: on FIPS nodes it needs 3.1.17 or later."
    return Finding("monitoring", State.NOT_APPLICABLE, "MonitoringAgentOld", message)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.fullmatch(r"(?:win-|v)?([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})(?:[-+.].*)?", version.lower())
    return tuple(map(int, found.groups())) if found else ()


def remediation(subject: Subject) -> Finding | None:
    """Say that an earlier attempt failed."""
    memory = subject.memory
    still = memory.blocks(subject.pool)
    blocked = (memory.blocked if still else "") or memory.refused
    switched = subject.pool.enable_fips is subject.required and subject.pool.provisioning_state == "Succeeded"
    if not blocked or (switched and not target_os_sku(subject)):
        return None
    reason = memory.blocked_reason if still else memory.waiting.partition(": ")[0]
    # A code of ARM's that no row knows is no reason that an exemption could name.
    return Finding("remediation", State.NON_COMPLIANT, reason if reason in _KNOWN else FAILED, blocked)


def replacing(subject: Subject) -> Finding | None:
    """Say that a pool is being replaced and how far that is; it is told to people where it does not go on."""
    found = subject.replacement
    if found is None or subject.pool.name != found.pool:
        return None
    waits = f" It waits: {found.waiting.partition(': ')[2]}" if found.waiting else ""
    message = f"It is being replaced by {found.twin} since {found.began:%Y-%m-%d %H:%M} UTC: {found.stage}.{waits}"
    if found.idle(subject.now) < PATIENCE or found.stage is Stage.CREATING:
        return Finding("replacing", State.NOT_APPLICABLE, "BeingReplaced", message)
    if found.stage is Stage.ENDING:
        message += f" {found.ends.partition(': ')[2]} Its nodes are still cordoned."
        return Finding("replacing", State.NON_COMPLIANT, "ReplacementStuck", message)
    message += (
        f" It has not gone on for {PATIENCE.seconds // 3600} hours and longer in which it might have, and nothing is "
        f"forced: it goes on by itself once that is mended. `fipswarden abort {subject.cluster.id} {found.pool}` gives "
        "it up; both pools stay."
    )
    return Finding("replacing", State.NON_COMPLIANT, "ReplacementStuck", message)


def contested(subject: Subject) -> Finding | None:
    """Say that somebody keeps undoing what we do."""
    times, ended = subject.memory.remediated, subject.memory.ended
    if times < 2 or ended is None or subject.now - ended > CONTEST or subject.pool.enable_fips is subject.required:
        return None
    message = (
        f"FIPS was switched {times} times within days, and somebody keeps switching it back. Find out who does "
        "(Terraform with fips_enabled = false does)."
    )
    return Finding("contested", State.NON_COMPLIANT, "Contested", message)
