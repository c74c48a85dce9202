"""Decides what to do about a posture: at most one action per look, and a recorded reason for every step not taken.

Pure; every path (event, resync, CLI, dashboard) comes through here, so that the policy's limits hold on all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.capability import incapable
from shared.domain.evaluate import proof_due
from shared.domain.model import (
    Action,
    ActionKind,
    Cluster,
    Deferral,
    Memory,
    Mode,
    Plan,
    Pool,
    PoolPosture,
    Posture,
)
from shared.domain.policy import Policy

READ_ONLY = ("eTag", "currentOrchestratorVersion", "provisioningState", "nodeImageVersion", "status")
"""Properties of a pool that ARM gives and a PUT must not carry: read-only in API 2026-08-01, and
`nodeImageVersion`, which is writable since 2026-04-01 and would trigger a rollback."""
_TRANSITION_POLL = timedelta(minutes=2)
_UNPROVEN_POLL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Budget:
    """What the disruption budget says at the time of planning."""

    active: int
    """Reservations in the whole fleet."""
    paused: bool
    """A person has stopped everything."""


def put_body(pool: Pool, **changes: bool) -> Mapping[str, Any]:
    """Return the body of a PUT that changes only what is named: the pool as read, without what is read-only.

    PUT of an agent pool is a full replace: what is left out would be reset.
    """
    kept = {key: value for key, value in pool.body.items() if key not in (*READ_ONLY, "name", "id", "type")}
    return {"properties": kept | changes}


def plan(
    cluster: Cluster,
    posture: Posture,
    memory: Memory,
    policy: Policy,
    budget: Budget,
    now: datetime,
    poll: timedelta,
) -> Plan:
    """Plan one look.

    `poll` is how soon to come back while an operation of ours runs.
    """
    if not posture.in_scope:
        return Plan(None, (), None)
    deferrals: list[Deferral] = []
    action: Action | None = None
    for verdict, pool in _due(cluster, posture):
        blocker = _blocker(cluster, pool, verdict, memory, policy, budget, now)
        if blocker is None and action is not None:
            blocker = Deferral(
                pool.name,
                "OneOperationPerCluster",
                f"{action.pool} comes first: AKS runs one operation per cluster.",
            )
        if blocker is not None:
            deferrals.append(blocker)
        elif pool.etag:
            action = Action(ActionKind.ENABLE_FIPS, pool.name, pool.etag, put_body(pool, enableFIPS=True))
    return Plan(action, tuple(deferrals), _requeue(cluster, posture, memory, policy, tuple(deferrals), now, poll))


def _due(cluster: Cluster, posture: Posture) -> list[tuple[PoolPosture, Pool]]:
    """Pools whose remediation is due: the flag is off and the policy wants it on."""
    by_name = {pool.name: pool for pool in cluster.pools}
    return [
        (verdict, by_name[verdict.pool])
        for verdict in posture.pools
        if any(finding.reason == "FipsDisabled" for finding in verdict.findings)
    ]


def _blocker(
    cluster: Cluster,
    pool: Pool,
    verdict: PoolPosture,
    memory: Memory,
    policy: Policy,
    budget: Budget,
    now: datetime,
) -> Deferral | None:
    """The first reason why a step may not be taken; the order is from what nobody can change to what passes."""
    reason: tuple[str, str, timedelta | None] | None = None
    cannot = incapable(pool)
    remembered = memory.pool(pool.name)
    if verdict.mode is not Mode.ENFORCE:
        reason = ("ModeDoesNotAct", f"Rule {verdict.rule} has mode {verdict.mode}: nothing is changed.", None)
    elif cannot:
        reason = (cannot.reason, cannot.message, None)
    elif not pool.etag:
        reason = ("NoETag", "ARM gave no eTag for the pool: a PUT could overwrite somebody's change.", None)
    elif cluster.stopped or pool.stopped:
        reason = ("Stopped", "A stopped cluster or pool can't be updated: start it, or delete it.", None)
    elif remembered.blocked and remembered.blocked_etag == pool.etag:
        reason = ("Blocked", f"{remembered.blocked} Change the pool's configuration to have it tried again.", None)
    elif memory.operation:
        reason = (
            "OperationInProgress",
            f"Our operation on {memory.operation.pool} has not ended.",
            _TRANSITION_POLL,
        )
    elif busy := _busy(cluster):
        reason = ("ClusterBusy", f"AKS runs another operation: {busy}.", _TRANSITION_POLL)
    elif pool.provisioning_state in ("Failed", "Canceled"):
        reason = (
            "ProvisioningFailed",
            f"The pool's provisioning state is {pool.provisioning_state}: mend it first, a PUT would resume that.",
            None,
        )
    elif budget.paused:
        reason = ("Paused", "A person has paused every remediation.", None)
    elif budget.active >= policy.concurrent:
        reason = (
            "BudgetExhausted",
            f"{budget.active} remediations are running, the policy allows {policy.concurrent}.",
            _TRANSITION_POLL,
        )
    if reason is None:
        return None
    code, message, after = reason
    return Deferral(pool.name, code, message, now + after if after else None)


def _busy(cluster: Cluster) -> str:
    """Name what AKS is doing to the cluster, or nothing."""
    ended = ("Succeeded", "Failed", "Canceled")
    if cluster.provisioning_state not in ended:
        return f"the cluster is {cluster.provisioning_state or 'in an unknown state'}"
    for pool in cluster.pools:
        if pool.provisioning_state not in ended:
            return f"{pool.name} is {pool.provisioning_state or 'in an unknown state'}"
    return ""


def _requeue(
    cluster: Cluster,
    posture: Posture,
    memory: Memory,
    policy: Policy,
    deferrals: tuple[Deferral, ...],
    now: datetime,
    poll: timedelta,
) -> timedelta | None:
    """The soonest time at which this look would be worth repeating."""
    waits = [deferral.until - now for deferral in deferrals if deferral.until]
    if memory.operation:
        waits.append(poll)
    reasons = {finding.reason for verdict in posture.pools for finding in verdict.findings}
    if "ProofSettling" in reasons:
        waits.append(poll)
    if "OperationInProgress" in reasons:
        waits.append(_TRANSITION_POLL)
    if reasons & {"NodesMissing", "ProofMissing"}:
        waits.append(_UNPROVEN_POLL)
    if due := proof_due(cluster, memory, policy):
        waits.append(max(due - now, timedelta()))
    return min(waits, default=None)
