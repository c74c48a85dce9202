"""One look at one cluster: claim, observe, evaluate, plan, act, record, commit, settle.

Level-triggered: a request only says which cluster to look at. Every step may be the last one of its worker;
the next look finds out from the world, the rollout row and the evidence what was done, and goes on from there.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.answering import drop_old, serve
from shared.budget import read_budget
from shared.committing import commit_look, remember_notices, send_alerts, tell_rings
from shared.domain.budget import Budget
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.judged import observation
from shared.domain.looks import HEARTBEAT
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Gone, Unreadable
from shared.domain.operation import Accepted, Refused, Unanswered
from shared.domain.plan import plan
from shared.domain.planned import Action, Deferral, Method, Plan
from shared.domain.posture import Posture
from shared.domain.records import RecordKind
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.emptying import drain
from shared.look import Look, Ports, begin_look
from shared.observing import missing_wait, not_believed, observe, probing_wait, prove
from shared.ports import Table
from shared.postures import digest
from shared.remediation import Remediation
from shared.replacing import adopt, at_nodes, remember, settle
from shared.requested import drop_all
from shared.rollout import LetGo, claim, read_memory
from shared.workloads import survey

POLICY_RETRY = timedelta(minutes=10)
"""How soon to come back when the policy can't be had; until then nothing is judged and nothing disrupted."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look did, for the log."""

    state: ComplianceState | None
    """The cluster's; None if it could not be judged in this look."""
    action: str
    """`pool: outcome`; empty if nothing was begun."""
    deferrals: tuple[Deferral, ...]
    requeue_after: timedelta | None
    """How soon the look that was queued comes; None if none was: the resync brings the next one."""
    answers: tuple[str, ...] = ()
    """What became of people's requests."""


def reconcile(ports: Ports, request: ReconcileRequest, inserted: datetime) -> Looked | LetGo:
    """Look at a cluster, or let the message go because another look answers it, or the cluster is not ours.

    `inserted` is when the message was put into the queue, by the queue server's clock. Raises LeaseLostError
    when somebody else took over, and whatever the storage raises: the host then brings the message again.
    """
    if not ports.watches(request.cluster.subscription) and not _unfinished(ports.rollout, request.cluster):
        return LetGo.NOT_OURS
    hold = claim(ports.rollout, ports.wake_ups, request, inserted, ports.clock, ports.timing)
    if isinstance(hold, LetGo):
        return hold
    try:
        return _run(begin_look(ports, request, hold))
    except Exception as error:
        # Also after LeaseLostError: the deadline may have passed with the row still ours; if it isn't, this fails.
        try:
            hold.release()
        except Exception as second:  # noqa: BLE001 (the first error is the one to be told; the lease will expire)
            error.add_note(f"the lease could not be released either: {second}")
        raise


def _unfinished(rollout: Table, cluster: ClusterId) -> bool:
    """Say whether something of ours may still be going on there, or lie there, or holds a place in the budget."""
    memory = read_memory(rollout, cluster)
    ours = memory.operation or memory.replacement or memory.probing
    return ours is not None or cluster.key in read_budget(rollout).places


def _run(look: Look) -> Looked:
    ports = look.ports
    rules = ports.policies.load()
    if isinstance(rules, Unreadable):
        again = rules.retry_after or POLICY_RETRY
        return _settle(look, None, "", (Deferral("", rules.reason, rules.message),), again)
    if not ports.watches(look.cluster.subscription):
        rules = rules.of_nothing()
    look.judges_by(rules)
    remediation = Remediation(
        ports.clusters, ports.policies, rules, ports.rollout, ports.clock, look.request, look.hold, look.chain
    )
    read = observe(look, remediation)
    if doubt := not_believed(look, read):
        return _settle(look, None, "", (doubt[0],), doubt[1])
    if isinstance(read, Gone) and look.stored.etag is None:
        # Nobody has ever seen this cluster: an event or a person named one that does not exist.
        prove(look, read, rules)
        dropped = drop_all(ports.rollout, look.cluster)
        settled = _settle(look, None, "", (Deferral("", "NoSuchCluster", "ARM says that it does not exist."),), None)
        return replace(settled, answers=dropped)
    served = drop_old(look) if isinstance(read, Unreadable) else serve(look, read, rules)
    settle(look, read, rules)
    memory = prove(look, read, rules, served.verify)
    now = ports.clock.now()
    posture = evaluate(read, memory, rules, look.stored.posture, now, cluster=look.cluster)
    budget = read_budget(ports.rollout)
    if budget.decisions:
        look.record_decisions()
    situation = _situation(look, read, posture, rules, budget)
    if situation and survey(look, situation) != memory:
        posture = evaluate(read, look.memory, rules, look.stored.posture, now)
        situation = replace(situation, posture=posture, memory=look.memory)
    budget = tell_rings(look, posture, budget, rules)
    situation = at_nodes(look, replace(situation, budget=budget)) if situation else None
    planned = plan(situation) if situation else _nothing(read)
    remember(look, situation, planned)
    _record(look, read, posture, planned, rules)
    answer = _act(look, remediation, situation, planned.action)
    soon = ports.timing.poll if answer or served.waiting else None
    waits = (planned.requeue_after, soon, probing_wait(look, read), missing_wait(look, read))
    requeue_after = min((wait for wait in waits if wait is not None), default=None)
    due_at = now + min(requeue_after or HEARTBEAT, HEARTBEAT)
    commit_look(look, remediation, read, posture, planned, rules, budget, due_at)
    send_alerts(look)
    if isinstance(read, Cluster):
        remember_notices(look, planned, posture)
    return replace(_settle(look, posture.state, answer, planned.deferrals, requeue_after), answers=served.answers)


def _nothing(read: ClusterRead) -> Plan:
    return Plan(None, (), read.retry_after if isinstance(read, Unreadable) else None)


def _situation(look: Look, read: ClusterRead, posture: Posture, rules: Rulebook, budget: Budget) -> Situation | None:
    if not isinstance(read, Cluster):
        return None
    situation = Situation(read, posture, look.memory, rules, budget, (), posture.at, look.ports.timing.poll)
    if any(step.asks_maintenance for step in due(situation)):
        situation = replace(situation, maintenance=look.ports.clusters.maintenance(read.id))
    return situation


def _record(look: Look, read: ClusterRead, posture: Posture, planned: Plan, rules: Rulebook) -> None:
    """Write an observation if it says anything new; a decision to do nothing is recorded too, once.

    And where other looks wrote something of which the posture row does not know: the chain has to end with what the app
    knows, and theirs may not be that.
    """
    if digest(read, posture, planned, rules) == look.stored.digest and not look.chain.met:
        return
    look.hold.check()
    look.chain.append(RecordKind.OBSERVATION, posture.at, observation(read, posture, planned, look.memory))


def _act(look: Look, remediation: Remediation, situation: Situation | None, action: Action | None) -> str:
    if action is None or situation is None:
        return ""
    if action.method is Method.ADOPT:
        return adopt(look, remediation, situation, action)
    if action.method is Method.DRAIN:
        return drain(look, remediation, situation, action)
    match remediation.act(action, situation.cluster, situation.posture):
        case Accepted():
            return f"{action.pool}: accepted"
        case Refused(reason):
            return f"{action.pool}: refused, {reason}"
        case Unanswered():
            return f"{action.pool}: no answer"
        case None:
            return f"{action.pool}: held back"


def _settle(
    look: Look, state: ComplianceState | None, action: str, deferrals: tuple[Deferral, ...], again: timedelta | None
) -> Looked:
    return Looked(state, action, deferrals, look.hold.settle(look.ports.wake_ups, look.memory, again))
