"""Which changes people are told about: one alert per change, none for a state that merely goes on."""

import hashlib
from datetime import datetime

from shared.domain.evaluate import told
from shared.domain.ids import ClusterId
from shared.domain.model import Action, Alert, ComplianceState, PoolPosture, Posture

_SEVERITY = {
    ComplianceState.INCONSISTENT: "critical",
    ComplianceState.NON_COMPLIANT: "warning",
    ComplianceState.UNKNOWN: "warning",
}
_TRANSIENT = frozenset({"OperationInProgress", "ProofSettling", "ProofMissing", "ProofExpired", "NodesMissing"})
"""Reasons that the next look usually clears: not worth a message of their own."""

SEVERITIES = ("critical", "warning", "info", "good")
"""What an alert's severity may be, from worst to best."""


def alert_id(key: str) -> str:
    """Return what identifies an alert outside: hexadecimal, the same for the same key, allowed in any header or key."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def changes(
    cluster: ClusterId, old: Posture | None, new: Posture, seq: int, remediated: frozenset[str] = frozenset()
) -> tuple[Alert, ...]:
    """Return what to tell about a commit; `seq` is the number of its last evidence record.

    `remediated` names the pools whose remediation ended since `old`: that they are compliant now is news, even if
    a worker died before it could commit that they were not.
    """
    found: list[Alert] = []
    # What was found while nobody was to be told is news when a policy says to tell.
    before = {pool.pool: pool for pool in old.pools if told(pool)} if old else {}
    was_unreadable = any(finding.state is ComplianceState.UNKNOWN for finding in old.cluster_findings) if old else False
    nobody_cares = bool(new.pools) and not any(told(pool) for pool in new.pools)
    for finding in new.cluster_findings:
        if finding.state is ComplianceState.UNKNOWN and not was_unreadable and not nobody_cares:
            title = f"{cluster}: can't be read"
            key = f"{cluster.key}:{seq}::{finding.reason}"
            text = f"{finding.message} Its pools count as unknown."
            found.append(Alert(key, cluster.arm_id, "", "warning", finding.reason, title, text, new.at))
    if new.cluster_findings:
        return tuple(found)
    if was_unreadable:
        title, text = f"{cluster}: can be read again", "Its pools are judged again."
        key = f"{cluster.key}:{seq}::ClusterReadable"
        found.append(Alert(key, cluster.arm_id, "", "good", "ClusterReadable", title, text, new.at))
    for pool in new.pools:
        old_pool = None if was_unreadable else before.get(pool.pool)
        if not told(pool):
            continue
        alert = _worse(cluster, old_pool, pool, seq, new.at)
        news = old_pool.state in _SEVERITY if old_pool else pool.pool in remediated
        if alert is None and news:
            alert = _better(cluster, pool, seq, new.at)
        if alert:
            found.append(alert)
    return tuple(found)


def _worse(cluster: ClusterId, old: PoolPosture | None, new: PoolPosture, seq: int, at: datetime) -> Alert | None:
    if new.state not in _SEVERITY:
        return None
    worst = tuple(finding for finding in new.findings if finding.state == new.state)
    if {finding.reason for finding in worst} <= _TRANSIENT | (_reasons(old) if old else frozenset()):
        return None
    text = " ".join(finding.message for finding in worst)
    return _pool_alert(cluster, new, seq, at, _SEVERITY[new.state], text)


def _better(cluster: ClusterId, new: PoolPosture, seq: int, at: datetime) -> Alert | None:
    return None if new.state in _SEVERITY else _pool_alert(cluster, new, seq, at, "good", new.findings[-1].message)


def _pool_alert(cluster: ClusterId, pool: PoolPosture, seq: int, at: datetime, severity: str, text: str) -> Alert:
    reason, state = pool.decisive.reason, pool.state.value.replace("_", "-")
    key = f"{cluster.key}:{seq}:{pool.pool}:{reason}"
    return Alert(key, cluster.arm_id, pool.pool, severity, reason, f"{cluster}/{pool.pool}: {state}", text, at)


def _reasons(pool: PoolPosture) -> frozenset[str]:
    return frozenset(finding.reason for finding in pool.findings if finding.state == pool.state)


def begun(cluster: ClusterId, action: Action, seq: int, at: datetime) -> Alert:
    """Return the alert for a remediation that AKS has accepted."""
    return Alert(
        f"{cluster.key}:{seq}:{action.pool}:RemediationBegun",
        cluster.arm_id,
        action.pool,
        "info",
        "RemediationBegun",
        f"{cluster}/{action.pool}: remediation begun",
        "It was not FIPS-enabled. FIPS is being switched on: AKS reimages its nodes, one surge at a time.",
        at,
    )
