"""Decides what to do about a posture: at most one action per look, a recorded reason for every step not taken.

Pure; every path (event, resync, CLI, dashboard, forecast) comes through here, so the policy's limits hold on all.
"""

from collections.abc import Iterator
from datetime import timedelta

from shared.domain.evaluate import proof_due
from shared.domain.model import Action, Deferral, Notice, Plan
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.situation import Situation
from shared.domain.steps import Step, due, put_body
from shared.domain.waits import Wait, approvals_needed, barred, closes, waits, wanted

_SELDOM = timedelta(minutes=30)
"""How soon at the latest nodes are asked again that are missing, or have not answered."""


def plan(situation: Situation) -> Plan:
    """Plan one look."""
    deferrals = _not_deleted(situation)
    if not situation.posture.in_scope:
        # Our own operation is followed to its end, and its place in the budget given back, all the same.
        return Plan(None, tuple(deferrals), situation.poll if situation.memory.operation else None)
    notices: list[Notice] = []
    action: Action | None = None
    for step in due(situation):
        wait = waits(situation, step)
        if wait is None and action is not None:
            message = f"{action.pool} comes first: AKS runs one operation per cluster at a time."
            wait = Wait("OneOperationPerCluster", message, situation.poll)
        if wait is None:
            action = _action(situation, step)
            continue
        until = situation.now + wait.after if wait.after is not None else None
        deferrals.append(Deferral(step.pool.name, wait.reason, wait.message, until, wait.approval))
        if wait.notice:
            notices.append(wait.notice)
    barred_pools = tuple(step.pool.name for step in due(situation) if barred(situation, step))
    return Plan(action, tuple(deferrals), _requeue_after(situation, deferrals), tuple(notices), barred_pools)


def _not_deleted(situation: Situation) -> list[Deferral]:
    """Say what keeps the namespaces of a proof that is over; the look comes back for them by itself."""
    probing = situation.memory.probing
    if probing is None or not probing.kept:
        return []
    message = f"What a proof has made in the cluster could not be deleted. {probing.kept}"
    return [Deferral("", "NamespaceNotDeleted", message)]


def _action(situation: Situation, step: Step) -> Action:
    place = wanted(situation, step)
    return Action(
        step.kind,
        step.pool.name,
        step.pool.etag or "",
        step.changes,
        put_body(step.pool, step.changes),
        place.nodes,
        step.verdict.ring,
        place.skip_soak,
        approvals_needed(situation, step),
        closes(situation, step),
    )


def _requeue_after(situation: Situation, deferrals: list[Deferral]) -> timedelta | None:
    """The soonest time at which this look would be worth repeating."""
    return min(_worth_waiting(situation, deferrals), default=None)


def _for_missing(situation: Situation) -> Iterator[timedelta]:
    """Yield how soon to ask again where nodes are missing: ever more seldom while the same ones are."""
    for verdict in situation.posture.pools:
        if {finding.reason for finding in verdict.findings} & {"NodesMissing", "NodesUnanswered"}:
            taken = situation.memory.pool(verdict.pool).proof
            yield min(situation.slow_poll * 2 ** (taken.tries if taken else 0), _SELDOM)


def _worth_waiting(situation: Situation, deferrals: list[Deferral]) -> Iterator[timedelta]:
    yield from (deferral.until - situation.now for deferral in deferrals if deferral.until)
    if situation.memory.operation:
        yield situation.poll
    reasons = {finding.reason for verdict in situation.posture.pools for finding in verdict.findings}
    if "ProofSettling" in reasons:
        yield situation.poll
    if reasons & {"OperationInProgress", "ProofMissing", NODES_UNREADABLE}:
        yield situation.slow_poll
    yield from _for_missing(situation)
    due_at = proof_due(situation.cluster, situation.memory, situation.rules.policy, situation.now)
    if due_at and not situation.memory.probing:
        # While pods ask, or wait to be deleted, the look comes back for them: nothing is due sooner. What is due by
        # now was tried by this look, in vain.
        yield max(due_at - situation.now, situation.poll)
