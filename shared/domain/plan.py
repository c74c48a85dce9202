"""Decides what to do about a posture: at most one action per look, a recorded reason for every step not taken.

Pure; every path (event, resync, CLI, forecast) comes through here, so the policy's limits hold on all.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from shared.domain.barriers import barred
from shared.domain.consent import approvals_needed
from shared.domain.draining import Drained
from shared.domain.evaluate import proof_due
from shared.domain.giving_up import hopeless
from shared.domain.handover import refused_before, under_way
from shared.domain.planned import Action, ActionKind, Deferral, Method, Notice, Plan
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.proven import Proof, Strays
from shared.domain.situation import Situation
from shared.domain.steps import Step, due, put_body
from shared.domain.timing import begins_before
from shared.domain.twins import twin_name, twin_of
from shared.domain.wait import Wait
from shared.domain.waits import waits, wanted

_SELDOM = timedelta(minutes=30)
"""How soon at the latest nodes are asked again that are missing, or have not answered."""


def plan(situation: Situation) -> Plan:
    """Plan one look."""
    deferrals = _not_deleted(situation)
    if not situation.posture.in_scope:
        # Our own operation is followed to its end, and its place in the budget given back, all the same.
        return Plan(None, tuple(deferrals), min(_of_ours(situation), default=None))
    notices: list[Notice] = []
    action: Action | None = None
    for step in due(situation):
        wait = waits(situation, step)
        if wait is None and action is not None:
            message = f"{action.pool} comes first: AKS runs one operation per cluster at a time."
            wait = Wait("OneOperationPerCluster", message, situation.poll)
        if wait is None:
            action = _action(situation, step)
            # What is tried again is not settled by that: people go on to see why it waits.
            wait = refused_before(situation) if action.method is Method.DRAIN else None
        if wait is None:
            continue
        until = situation.now + wait.after if wait.after is not None else None
        deferrals.append(Deferral(step.pool.name, wait.reason, wait.message, until, wait.approval, wait.dated))
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
    if under_way(situation, step):
        return _going_on(situation, step)
    place, twin = wanted(situation, step), twin_of(situation.cluster, step.pool.name)
    begun = Action(
        step.kind,
        step.pool.name,
        step.pool.etag or "",
        step.changes,
        put_body(step.pool, step.changes),
        place.nodes,
        step.verdict.ring,
        place.skip_soak,
        approvals_needed(situation, step),
        begins_before(situation, step),
    )
    if step.kind is not ActionKind.REPLACE:
        return begun
    if twin:
        return replace(begun, method=Method.ADOPT, body={}, target=twin.name)
    # Its body gets the id of the intent when there is one.
    name = twin_name(step.pool, {pool.name for pool in situation.cluster.pools})
    return replace(begun, method=Method.CREATE, body={}, target=name)


def _going_on(situation: Situation, step: Step) -> Action:
    """Return the next step of a replacement: a pool is deleted only in the look that has seen it empty."""
    seen, pool = situation.drained, step.pool
    empty = isinstance(seen, Drained) and seen.empty
    method = Method.DELETE if empty else Method.DRAIN
    return Action(
        step.kind,
        pool.name,
        pool.etag or "",
        {},
        {},
        pool.count,
        step.verdict.ring,
        approvals=approvals_needed(situation, step),
        before=begins_before(situation, step),
        method=method,
    )


def _of_ours(situation: Situation) -> Iterator[timedelta]:
    """Yield how soon to come back for what we have begun ourselves."""
    if situation.memory.operation:
        yield situation.poll
    replacement = situation.memory.replacement
    # In a stopped cluster nothing can be done until somebody starts it: the next look is soon enough.
    if replacement and not situation.cluster.stopped:
        soon = hopeless(situation) or (replacement.ends and not replacement.waiting)
        yield situation.poll if soon else situation.idle_poll


def _requeue_after(situation: Situation, deferrals: list[Deferral]) -> timedelta | None:
    """The soonest time at which this look would be worth repeating."""
    return min(_worth_waiting(situation, deferrals), default=None)


def _for_missing(situation: Situation) -> Iterator[timedelta]:
    """Yield how soon to ask again where nodes are missing, also outside every pool: more seldom while the same are."""
    for verdict in situation.posture.pools:
        if {finding.reason for finding in verdict.findings} & {"NodesMissing", "NodesUnanswered"}:
            yield _again(situation, situation.memory.pool(verdict.pool).proof)
    outside = {finding.reason for finding in situation.posture.cluster_findings}
    if "NodesUnanswered" in outside:
        yield _again(situation, situation.memory.strays)
    if outside & {"ProofLevelMissing", "NodesOutsidePoolsUnread"}:
        yield _SELDOM


def _again(situation: Situation, taken: Proof | Strays | None) -> timedelta:
    pause: timedelta = situation.slow_poll * 2 ** (taken.tries if taken else 0)
    return min(pause, _SELDOM)


def _worth_waiting(situation: Situation, deferrals: list[Deferral]) -> Iterator[timedelta]:
    yield from (deferral.until - situation.now for deferral in deferrals if deferral.until)
    yield from _of_ours(situation)
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
