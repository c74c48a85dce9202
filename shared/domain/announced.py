"""What people are told before and beside verdicts: notices, what begins or is given up, and what waits for a person."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.domain.alert import Alert
from shared.domain.codec import fingerprint
from shared.domain.ids import ClusterId
from shared.domain.memory import Replacement
from shared.domain.operation import Operation
from shared.domain.planned import ActionKind, Deferral, Method, Notice, Plan
from shared.domain.posture import Posture
from shared.domain.refusals import breaker_open

_BEGUN = {
    ActionKind.ENABLE_FIPS: "It was not FIPS-enabled. FIPS is being switched on",
    ActionKind.DISABLE_FIPS: "The policy forbids FIPS. FIPS is being switched off",
    ActionKind.CHANGE_OS_SKU: "The policy wants another OS SKU. It is being changed",
    ActionKind.REPLACE: "It can't have FIPS in place. It is being replaced",
}
_REIMAGES = "AKS reimages its nodes, one surge at a time."


def _what_begins(operation: Operation) -> str:
    if operation.method is Method.CREATE:
        return (
            f"{operation.on} is made with its settings. Once that is proven, the nodes of {operation.pool} are "
            "cordoned and its pods evicted, as far as their budgets allow; it is deleted when it is empty."
        )
    if operation.method is Method.DELETE:
        return "its twin is proven and no pod is left on it. It is being deleted."
    return _REIMAGES


def _why_begun(operation: Operation) -> str:
    if operation.resumes:
        return f"AKS had left it half-way, and {operation.resumes} unblocked it. It is being gone on with"
    return _BEGUN[operation.kind]


def begun(cluster: ClusterId, operation: Operation, at: datetime, channels: tuple[str, ...] = ()) -> Alert:
    """Return the alert for a remediation that AKS has accepted; the same one whoever tells it."""
    return Alert(
        f"{cluster.key}:{operation.intent}:RemediationBegun",
        cluster.arm_id,
        operation.pool,
        "info",
        "RemediationBegun",
        f"{cluster}/{operation.pool}: remediation begun",
        f"{_why_begun(operation)}: {_what_begins(operation)}",
        at,
        channels=channels,
    )


def given_up(
    cluster: ClusterId, replacement: Replacement, text: str, at: datetime, channels: tuple[str, ...] = ()
) -> Alert:
    """Return the alert for a replacement that was given up; the same one whoever tells it."""
    key, title = f"{cluster.key}:{replacement.id}:{at:%Y-%m-%dT%H:%M:%S}", f"{cluster}/{replacement.pool}"
    reason = "ReplacementGivenUp"
    return Alert(
        f"{key}:{reason}",
        cluster.arm_id,
        replacement.pool,
        "warning",
        reason,
        f"{title}: replacement given up",
        text,
        at,
        channels=channels,
    )


def noticed(cluster: ClusterId, one: Notice, before: datetime | None, at: datetime, channels: tuple[str, ...]) -> Alert:
    """Return what an owner is told before a reimage; `before` is when one was told last, of whatever it was."""
    text = (
        f"From {one.until:%Y-%m-%d %H:%M} UTC on {_announced(one)} to bring it to the policy on FIPS. To object, set "
        f"the tag `{one.objection}` on the node pool or its cluster; nothing is done while it is there."
    )
    # What was told before is part of the key: whatever is told after that is told, also where it was said once already.
    # A look that died before it could remember and the next one, which knows of no other notice either, tell it once.
    after = f"{before:%Y-%m-%dT%H:%M:%S}" if before else ""
    key = f"{cluster.key}:{one.until:%Y-%m-%d}:{one.pool}:{one.said}:{after}:RemediationAnnounced"
    title = f"{cluster}/{one.pool}: remediation announced"
    return Alert(key, cluster.arm_id, one.pool, "info", "RemediationAnnounced", title, text, at, one.owner, channels)


def _announced(one: Notice) -> str:
    if one.kind is ActionKind.REPLACE:
        return (
            f"node pool {one.pool} will be replaced by a new one with its settings, to which its pods are moved by "
            "evictions that keep their budgets, and then deleted,"
        )
    return f"AKS will reimage the nodes of node pool {one.pool}, draining one surge of nodes at a time,"


def approvals_wanted(
    cluster: ClusterId,
    plan: Plan,
    deferred: tuple[Deferral, ...],
    at: datetime,
    channels: Mapping[str, tuple[str, ...]],
) -> Iterator[Alert]:
    """Yield what waits for a person's word that did not before."""
    before = {(one.pool, one.approval) for one in deferred if one.reason == "ApprovalMissing"}
    for one in plan.deferrals:
        if one.reason == "ApprovalMissing" and (one.pool, one.approval) not in before:
            # The day is part of the key: what was approved once and waits again is told anew.
            key = f"{cluster.key}:{at:%Y-%m-%d}:{one.pool}:{one.approval}:ApprovalMissing"
            title = f"{cluster}/{one.pool}: approval wanted"
            text = f"{one.message} To agree, run `fipswarden approve {cluster} {one.pool}`; nothing is done until then."
            told_to = channels.get(one.pool, ())
            yield Alert(key, cluster.arm_id, one.pool, "info", one.reason, title, text, at, channels=told_to)


def opened(plan: Plan, deferred: tuple[Deferral, ...], new: Posture, broken: str) -> Iterator[Alert]:
    """Yield that the breaker has opened: of the fleet, on all channels, with a key that is the same in every cluster.

    `broken` is why it is open if an operation of this cluster has just ended, perhaps the one that opened it. The day
    is part of the key: a breaker that opens again with the same words is told anew.
    """
    before = {one.message for one in deferred if one.reason == "BreakerOpen"}
    met = {one.message for one in plan.deferrals if one.reason == "BreakerOpen"}
    for message in sorted((met | ({breaker_open(broken)} if broken else set())) - before):
        key = f"breaker:{new.at:%Y-%m-%d}:{fingerprint(message)}"
        yield Alert(key, "", "", "critical", "BreakerOpen", "The breaker is open", message, new.at)


def policy_waits(plan: Plan, deferred: tuple[Deferral, ...], new: Posture) -> Iterator[Alert]:
    """Yield that remediations wait until a person approves the policy: once a day for the fleet, on all channels."""
    before = {one.approval for one in deferred if one.reason == "PolicyNotApproved"}
    for one in plan.deferrals:
        if one.reason == "PolicyNotApproved" and one.approval not in before:
            key = f"policy:{new.at:%Y-%m-%d}:{one.approval}:PolicyNotApproved"
            text = (
                f"{one.message} Its SHA-256 is {one.approval}. To agree, run `fipswarden policy approve` on that very "
                "file; nothing is remediated until then."
            )
            title = "The policy waits for an approval"
            yield Alert(key, "", "", "warning", one.reason, title, text, new.at)
            return
