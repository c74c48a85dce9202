"""The checks: small functions on one node pool, in order, each giving one finding or none.

Pure. A field that could not be read gives `unknown`; nothing here turns missing knowledge into compliance.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.arm_errors import ABORTED, CANCELED, FAILED, TABLE
from shared.domain.capability import fips_enabled_by_default, incapable, release_if_switched
from shared.domain.legible import illegible
from shared.domain.model import Cluster, Finding, Operation, Pool, PoolMemory, Replacement, Stage
from shared.domain.model import ComplianceState as State
from shared.domain.modules import Standing, modules_of
from shared.domain.policy import Rule
from shared.domain.settings import Fips, Modules, OsSku, Settings
from shared.domain.support import (
    FipsSupport,
    Release,
    is_fips_image,
    is_known_fips_name,
    minor_version,
    os_sku_named,
    release_of,
    releases_with_fips,
    retirement,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a check may look at."""

    pool: Pool
    cluster: Cluster
    memory: PoolMemory
    rule: Rule
    now: datetime
    operation: Operation | None = None
    """Our own operation on the pool, which has not ended, whatever the pool's provisioning state says."""
    agent: str = ""
    """Version of the cluster's monitoring agent; empty if it is not known."""
    replacement: Replacement | None = None
    """The replacement that the pool is part of, as the old pool or as its twin."""

    @property
    def settings(self) -> Settings:
        """What the policy asks of the pool."""
        return self.rule.settings

    @property
    def required(self) -> bool:
        """Say whether FIPS has to be on."""
        return self.settings.fips is Fips.REQUIRED

    @property
    def empty(self) -> bool:
        """No node exists that could prove anything."""
        return self.cluster.stopped or self.pool.stopped or self.pool.count == 0


PATIENCE = timedelta(hours=2)
"""How long a replacement may wait for one thing before people are told; it goes on waiting."""
TWIN_GONE = "TwinGone"
"""The reason of a replacement whose twin somebody deleted."""
_KNOWN = frozenset({ABORTED, CANCELED, TWIN_GONE, *(row.reason for row in TABLE)})
CONTEST = timedelta(days=7)
"""A pool that needs us again within this time is contested."""

Check = Callable[[Subject], Finding | None]


def decided(subject: Subject) -> Finding | None:
    """Say whether it is known which rule holds."""
    if not subject.rule.match.undecided(subject.cluster, subject.pool):
        return None
    match, version = subject.rule.match, subject.pool.kubernetes_version
    if match.kubernetes is not None and minor_version(version) is None:
        message = (
            f"Rule {subject.rule.name} asks for a Kubernetes version, and {version!r} reads as none: which rule holds "
            "is not known."
        )
        return Finding("rule", State.UNKNOWN, "VersionUnreadable", message)
    unread = ", ".join(illegible(subject.cluster, subject.pool)) or "its OS"
    message = f"Rule {subject.rule.name} asks for what can't be read of it ({unread}): which rule holds is not known."
    return Finding("rule", State.UNKNOWN, "FieldUnreadable", message)


def flag(subject: Subject) -> Finding | None:
    """Compare the flag with what the policy asks for."""
    return _unjudged(subject.pool) or (_required if subject.required else _forbidden)(subject.pool)


def _unjudged(pool: Pool) -> Finding | None:
    """Say that nobody knows what kind of pool it is: what hangs on that is then silent."""
    known = os_sku_named(pool.os_sku)
    if pool.os_type not in ("Linux", "Windows"):
        message = f"ARM calls the pool's OS type {pool.os_type!r}: not judged."
        return Finding("flag", State.UNKNOWN, "OsTypeUnknown", message)
    if known is None:
        return Finding("flag", State.UNKNOWN, "OsSkuUnknown", f"OS SKU {pool.os_sku!r} is not known to this version.")
    if known.os_type != pool.os_type:
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
    if not subject.required or subject.pool.enable_fips or fips_enabled_by_default(subject.pool):
        return None
    if _unjudged(subject.pool):
        return None
    found = incapable(subject.pool, today=subject.now.date())
    if found is None:
        return None
    target = target_os_sku(subject)
    advice = f"The policy moves it to {target}, which can be done in place." if target else found.advice
    return Finding("capable", State.NON_COMPLIANT, found.reason, f"{found.why} {advice}")


def cluster_setting(subject: Subject) -> Finding | None:
    """Compare the pool with the FIPS setting of its cluster (preview: every pool must then have FIPS)."""
    if not subject.cluster.fips or subject.pool.enable_fips is not False or fips_enabled_by_default(subject.pool):
        return None
    if _unjudged(subject.pool):
        return None
    message = "The cluster has enableFIPS of its own, which asks it of every pool, and this pool's is false."
    return Finding("cluster_setting", State.NON_COMPLIANT, "ClusterFipsContradicted", message)


def legible(subject: Subject) -> Finding | None:
    """Say what can't be read of the pool or its cluster: no verdict is better than unknown then."""
    found = illegible(subject.cluster, subject.pool)
    if not found:
        return None
    message = f"What ARM says can't be read: {', '.join(found)}. Nothing is changed on such a pool."
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


def _stuck(subject: Subject, operation: Operation) -> str:
    hours = (subject.now - operation.at).total_seconds() / 3600
    return (
        f"Our operation ({operation.kind.value.replace('_', ' ')}) has run for {hours:.0f} hours, since "
        f"{operation.at:%Y-%m-%d %H:%M} UTC: far longer than it should. See what its nodes wait for; "
        f"`fipswarden abort {subject.cluster.id} {operation.pool}` stops it. The app never does so by itself."
    )


def image(subject: Subject) -> Finding | None:
    """Compare the name of the node image with the flag."""
    pool = subject.pool
    if pool.os_type != "Linux" or bool(pool.enable_fips) is not subject.required:
        return None
    if not pool.node_image:
        return Finding("image", State.UNKNOWN, "ImageMissing", "ARM gave no nodeImageVersion: not judged.")
    if not subject.required:
        return _forbidden_image(pool)
    if not is_fips_image(pool.node_image):
        message = f"enableFIPS is true but the node image {pool.node_image} is no FIPS image: upgrade the node image."
        return Finding("image", State.NON_COMPLIANT, "ImageNotFips", message)
    if not is_known_fips_name(pool.node_image):
        message = f"The node image {pool.node_image} has `fips` where no name that is known has it. Not judged."
        return Finding("image", State.UNKNOWN, "ImageUnknown", message)
    release = release_of(pool)
    if release is None or release not in releases_with_fips(pool.os_sku) or release.fips is FipsSupport.NONE:
        is_one = f"is one of {release.name}" if release else "is of no release that this version knows"
        message = (
            f"The node image {pool.node_image} {is_one}: not one that OS SKU {pool.os_sku} has with FIPS. Not judged."
        )
        return Finding("image", State.UNKNOWN, "ImageUnknown", message)
    return Finding("image", State.COMPLIANT, "ImageFips", f"The node image {pool.node_image} is a FIPS image.")


def _forbidden_image(pool: Pool) -> Finding | None:
    if not is_fips_image(pool.node_image):
        return None
    message = f"The policy forbids FIPS, and the node image {pool.node_image} is a FIPS image: upgrade the node image."
    return Finding("image", State.NON_COMPLIANT, "ImageIsFips", message)


def modules(subject: Subject) -> Finding | None:
    """Say how NIST's certificates of the image's cryptographic modules stand: another question than `enabled`."""
    if not subject.required or _can_have_none(subject):
        return None
    release, when = _release(subject), ("has" if subject.pool.enable_fips else "would get")
    demanded = subject.settings.modules is Modules.REQUIRED
    if release is None:
        message = f"Which OS release the pool {when} is not known, so neither are its modules."
        return Finding("modules", _if(State.UNKNOWN, demanded), "ModulesUnknown", message)
    found = modules_of(release, subject.now.date())
    message = f"The pool {when} {release.name}. {found.summary}"
    match found.standing:
        case Standing.ACTIVE:
            return Finding("modules", _if(State.COMPLIANT, demanded), "ModulesValidated", message)
        case Standing.HISTORICAL:
            return Finding("modules", _if(State.NON_COMPLIANT, demanded), "ModulesHistorical", message)
        case Standing.UNKNOWN:
            return Finding("modules", _if(State.UNKNOWN, demanded), "ModulesUnknown", message)


def _can_have_none(subject: Subject) -> bool:
    """Say whether no image with FIPS is in sight for a pool: whose modules it would get is then no question."""
    switched = subject.pool.enable_fips or fips_enabled_by_default(subject.pool)
    return not switched and not target_os_sku(subject) and incapable(subject.pool, today=subject.now.date()) is not None


def _release(subject: Subject) -> Release | None:
    pool = subject.pool
    if pool.enable_fips or fips_enabled_by_default(pool):
        return release_of(pool)
    return release_if_switched(pool, target_os_sku(subject) or None)


def _if(state: State, demanded: bool) -> State:
    return state if demanded else State.NOT_APPLICABLE


def target_os_sku(subject: Subject) -> str:
    """Return the OS SKU that the policy moves a pool to; empty if it keeps its own.

    That is where the policy names one, the pool is Linux and not on it, and either it can't have FIPS as it is and
    could then, or its modules are historical and would not be.
    """
    pool, target, today = subject.pool, subject.settings.os_sku, subject.now.date()
    if target is OsSku.KEEP or pool.os_type != "Linux" or pool.os_sku.lower() == target.lower():
        return ""
    if incapable(pool, target.value, today=today):
        return ""
    return target.value if incapable(pool, today=today) or _leaves_history(subject, target.value) else ""


def _leaves_history(subject: Subject, target: str) -> bool:
    pool, today = subject.pool, subject.now.date()
    has = release_of(pool) if pool.enable_fips else release_if_switched(pool)
    gets = release_if_switched(pool, target)
    if has is None or gets is None or has == gets:
        return False
    before, after = (modules_of(release, today).standing for release in (has, gets))
    return before is Standing.HISTORICAL is not after


def retiring(subject: Subject) -> Finding | None:
    """Report an OS release whose support or images end: no matter of FIPS, so never part of the verdict."""
    release = release_of(subject.pool)
    text = retirement(release, subject.now.date()) if release else None
    return Finding("retiring", State.NOT_APPLICABLE, "ReleaseRetiring", text) if text else None


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
    still = memory.blocked and memory.blocked_on == subject.pool.configuration
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
    if subject.now - found.moved < PATIENCE or found.stage is Stage.CREATING:
        return Finding("replacing", State.NOT_APPLICABLE, "BeingReplaced", message)
    if found.stage is Stage.ENDING:
        message += f" {found.ends.partition(': ')[2]} Its nodes are still cordoned."
        return Finding("replacing", State.NON_COMPLIANT, "ReplacementStuck", message)
    message += (
        f" It has not gone on since {found.moved:%Y-%m-%d %H:%M} UTC, and nothing is forced: it goes on by itself "
        f"once that is mended. `fipswarden abort {subject.cluster.id} {found.pool}` gives it up; both pools stay."
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
