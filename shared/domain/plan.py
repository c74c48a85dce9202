"""Decides what to do about a posture: at most one action per look, a recorded reason for every step not taken.

Pure; every path (event, resync, CLI, dashboard) comes through here, so the policy's limits hold on all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.capability import incapable
from shared.domain.evaluate import NODES_UNREADABLE, proof_due
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
_PAUSE_POLL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Budget:
    """What the disruption budget says at the time of planning."""

    active: int
    """Reservations in the whole fleet."""
    paused: bool
    """A person has stopped everything."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a plan is made from."""

    cluster: Cluster
    posture: Posture
    memory: Memory
    policy: Policy
    budget: Budget
    now: datetime
    poll: timedelta
    """How soon to come back while an operation of ours runs."""

    @property
    def slow_poll(self) -> timedelta:
        """How soon to come back for what others do: their operations, their places in the budget, lagging nodes."""
        return self.poll * 4


_Reason = tuple[str, str, timedelta | None]
"""Code, message, and after how long to look again (None: only somebody's change will help)."""


def put_body(pool: Pool, **changes: bool) -> Mapping[str, Any]:
    """Return the body of a PUT that changes only what is named: the pool as read, without what is read-only.

    PUT of an agent pool is a full replace: what is left out would be reset. `type` stays: in a cluster's
    `agentPoolProfiles` it is the property (VirtualMachineScaleSets), not the resource's type.
    """
    kept = {key: value for key, value in pool.body.items() if key not in (*READ_ONLY, "name")}
    return {"properties": kept | changes}


def plan(situation: Situation) -> Plan:
    """Plan one look."""
    if not situation.posture.in_scope:
        # Our own operation is followed to its end, and its place in the budget given back, all the same.
        return Plan(None, (), situation.poll if situation.memory.operation else None)
    deferrals: list[Deferral] = []
    action: Action | None = None
    for verdict, pool in _due(situation):
        reason = _forbidden(situation, verdict, pool) or _not_now(situation, pool)
        if reason is None and action is not None:
            reason = (
                "OneOperationPerCluster",
                f"{action.pool} comes first: AKS runs one operation per cluster at a time.",
                situation.poll,
            )
        if reason is None:
            etag = pool.etag or ""
            action = Action(ActionKind.ENABLE_FIPS, pool.name, etag, put_body(pool, enableFIPS=True))
        else:
            code, message, after = reason
            deferrals.append(Deferral(pool.name, code, message, situation.now + after if after else None))
    return Plan(action, tuple(deferrals), _requeue_after(situation, deferrals))


def _due(situation: Situation) -> list[tuple[PoolPosture, Pool]]:
    """Pools whose remediation is due: the flag is off and the policy wants it on."""
    by_name = {pool.name: pool for pool in situation.cluster.pools}
    return [
        (verdict, by_name[verdict.pool])
        for verdict in situation.posture.pools
        if any(finding.reason == "FipsDisabled" for finding in verdict.findings)
    ]


def _forbidden(situation: Situation, verdict: PoolPosture, pool: Pool) -> _Reason | None:
    """What only somebody's change can lift."""
    if verdict.mode is not Mode.ENFORCE:
        return ("ModeDoesNotAct", f"Rule {verdict.rule} has mode {verdict.mode}: nothing is changed.", None)
    if cannot := incapable(pool):
        return (cannot.reason, cannot.message, None)
    if not pool.etag:
        return ("NoETag", "ARM gave no eTag for the pool: a PUT could overwrite somebody's change.", None)
    if situation.cluster.stopped or pool.stopped:
        return ("Stopped", "A stopped cluster or pool can't be updated: start it, or delete it.", None)
    if pool.provisioning_state in ("Failed", "Canceled"):
        message = f"Provisioning state {pool.provisioning_state}: mend the pool first, a PUT would resume that."
        return (f"Provisioning{pool.provisioning_state}", message, None)
    blocked = situation.memory.pool(pool.name)
    if blocked.blocked and blocked.blocked_on == pool.configuration:
        return ("Blocked", f"{blocked.blocked} It is tried again when the pool's configuration changes.", None)
    return None


def _not_now(situation: Situation, pool: Pool) -> _Reason | None:
    """What passes by itself, or when a person lifts it for the whole fleet."""
    remembered = situation.memory.pool(pool.name)
    if remembered.not_before and remembered.not_before > situation.now:
        code, _, message = remembered.waiting.partition(": ")
        return (code, message, remembered.not_before - situation.now)
    if operation := situation.memory.operation:
        return ("OperationInProgress", f"Our operation on {operation.pool} has not ended.", situation.poll)
    if busy := _busy(situation.cluster):
        return ("ClusterBusy", f"AKS runs another operation: {busy}.", situation.slow_poll)
    if situation.budget.paused:
        return ("Paused", f"A person has paused every remediation, so {pool.name} waits.", _PAUSE_POLL)
    if situation.budget.active >= situation.policy.concurrent:
        message = f"{situation.budget.active} remediations run; the policy allows {situation.policy.concurrent}."
        return ("BudgetExhausted", message, situation.slow_poll)
    return None


def _busy(cluster: Cluster) -> str:
    """Name what AKS is doing to the cluster, or nothing."""
    ended = ("Succeeded", "Failed", "Canceled")
    if cluster.provisioning_state not in ended:
        return f"the cluster is {cluster.provisioning_state or 'in an unknown state'}"
    for pool in cluster.pools:
        if pool.provisioning_state not in ended:
            return f"{pool.name} is {pool.provisioning_state or 'in an unknown state'}"
    return ""


def _requeue_after(situation: Situation, deferrals: list[Deferral]) -> timedelta | None:
    """The soonest time at which this look would be worth repeating."""
    waits = [deferral.until - situation.now for deferral in deferrals if deferral.until]
    if situation.memory.operation:
        waits.append(situation.poll)
    reasons = {finding.reason for verdict in situation.posture.pools for finding in verdict.findings}
    if "ProofSettling" in reasons:
        waits.append(situation.poll)
    if "OperationInProgress" in reasons:
        waits.append(situation.slow_poll)
    if reasons & {"NodesMissing", "ProofMissing", NODES_UNREADABLE}:
        waits.append(situation.slow_poll)
    if due := proof_due(situation.cluster, situation.memory, situation.policy, situation.now):
        waits.append(max(due - situation.now, timedelta()))
    return min(waits, default=None)
