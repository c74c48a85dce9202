"""One look at one cluster: claim, observe, evaluate, plan, act, record, commit, settle.

Level-triggered: a request only says which cluster to look at. Every step may be the last one of its worker;
the next look finds out from the world, the rollout row and the evidence what was done, and goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared import __version__
from shared.budget import change, read_budget
from shared.chain import Chain
from shared.domain import alerts
from shared.domain.budget import Budget, seen
from shared.domain.codec import typed
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.model import (
    Accepted,
    Action,
    Cluster,
    ClusterRead,
    ComplianceState,
    Deferral,
    Gone,
    Memory,
    OutcomeState,
    Plan,
    PoolMemory,
    Posture,
    Refused,
    Unanswered,
    Unreadable,
)
from shared.domain.plan import plan
from shared.domain.records import RecordKind
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.ports import Alerts, Clock, Clusters, Evidence, Nodes, Policies, Table, WakeUps
from shared.postures import StoredPosture, commit, control_digest, digest, read_posture
from shared.proving import Proving
from shared.remediation import Remediation
from shared.rollout import Hold, LetGo, RolloutRow, Timing, claim

UNREADABLE_GRACE = timedelta(minutes=15)
"""How long transient errors may keep a cluster from being read before it counts as unknown."""

GONE_SURE = timedelta(minutes=2)
"""How long ARM must go on saying that a cluster does not exist, before its operation and places are given up."""

POLICY_RETRY = timedelta(minutes=10)
"""How soon to come back when the policy can't be had; until then nothing is judged and nothing disrupted."""

HEARTBEAT = timedelta(days=1)
"""How often a cluster at rest is looked at and its posture written anew, so that an old one shows as old."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the reconciler needs from the world."""

    clock: Clock
    clusters: Clusters
    nodes: Nodes
    policies: Policies
    rollout: Table
    """Leases, memory and the disruption budget."""
    postures: Table
    evidence: Evidence
    wake_ups: WakeUps
    alerts: Alerts
    timing: Timing
    watches: Callable[[str], bool] = lambda _: True
    """Whether a subscription is the app's to look after; elsewhere nothing new is begun, only ended what was."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look did, for the log."""

    state: ComplianceState | None
    """The cluster's; None if it could not be judged in this look."""
    action: str
    """`pool: outcome`; empty if nothing was begun."""
    deferrals: tuple[Deferral, ...]
    requeue_after: timedelta | None


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
        return _Look(ports, request, hold).run()
    except Exception as error:
        # Also after LeaseLostError: the deadline may have passed with the row still ours; if it isn't, this fails.
        try:
            hold.release()
        except Exception as second:  # noqa: BLE001 (the first error is the one to be told; the lease will expire)
            error.add_note(f"the lease could not be released either: {second}")
        raise


def _unfinished(rollout: Table, cluster: ClusterId) -> bool:
    """Say whether something of ours may still be going on there, or holds a place in the budget."""
    row = rollout.read(cluster.key, cluster.key)
    running = row is not None and typed(RolloutRow, row.doc).memory.operation is not None
    return running or cluster.key in read_budget(rollout).places


class _Look:
    def __init__(self, ports: Ports, request: ReconcileRequest, hold: Hold) -> None:
        self.ports, self.request, self.hold = ports, request, hold
        self.stored = read_posture(ports.postures, request.cluster)
        self.chain = Chain(ports.evidence, request.cluster, self.stored.head)

    def run(self) -> Looked:
        rules = self.ports.policies.load()
        if isinstance(rules, Unreadable):
            again = rules.retry_after or POLICY_RETRY
            return self._settle(None, "", (Deferral("", rules.reason, rules.message),), again)
        if not self.ports.watches(self.request.cluster.subscription):
            rules = rules.of_nothing()
        self.remediation = Remediation(
            self.ports.clusters,
            self.ports.policies,
            rules,
            self.ports.rollout,
            self.ports.clock,
            self.request,
            self.hold,
            self.chain,
        )
        read = self._observe()
        if isinstance(read, Unreadable) and read.retry_after and not self._grace_is_over():
            return self._settle(None, "", (Deferral("", read.reason, read.message),), read.retry_after)
        if isinstance(read, Gone) and not self._gone_is_sure():
            said = "ARM says that it does not exist: asked again before that is believed."
            return self._settle(None, "", (Deferral("", "GoneUnconfirmed", said),), GONE_SURE)
        memory = self._prove(read, rules)
        if isinstance(read, Gone) and self.stored.etag is None:
            # Nobody has ever seen this cluster: an event or a person named one that does not exist.
            return self._settle(None, "", (Deferral("", "NoSuchCluster", "ARM says that it does not exist."),), None)
        now = self.ports.clock.now()
        posture = evaluate(read, memory, rules, self.stored.posture, now)
        budget = read_budget(self.ports.rollout)
        planned = self._plan(read, posture, memory, rules, budget, now)
        self._record(read, posture, planned, rules)
        answer = self._act(read, posture, planned.action)
        waits = (planned.requeue_after, self.ports.timing.poll if answer else None)
        requeue_after = min((wait for wait in waits if wait is not None), default=None)
        due = now + min(requeue_after or HEARTBEAT, HEARTBEAT)
        self._commit(posture, planned, rules, control_digest(read, rules, now), due)
        self._send_alerts()
        self._remember_notices(planned, now)
        self._tell_rings(posture, budget)
        return self._settle(posture.state, answer, planned.deferrals, requeue_after)

    def _observe(self) -> ClusterRead:
        operation, progress = self.hold.memory.operation, None
        if operation and operation.outcome is OutcomeState.ACCEPTED and operation.url:
            # The operation is asked first: a cluster read after its end shows the end.
            progress = self.ports.clusters.operation(self.request.cluster, operation.url)
        read = self.ports.clusters.read(self.request.cluster)
        if not isinstance(read, Gone) or self._gone_is_sure():
            self.remediation.follow(read, progress)
        return read

    def _grace_is_over(self) -> bool:
        """Remember since when the cluster can't be read, and say whether that is too long."""
        now, since = self.ports.clock.now(), self.hold.memory.unreadable_since
        if since is None:
            self.hold.save(replace(self.hold.memory, unreadable_since=now))
        return since is not None and now - since > UNREADABLE_GRACE

    def _gone_is_sure(self) -> bool:
        """Remember since when ARM says that the cluster is gone; of one that nobody ever saw, once is enough."""
        now, since = self.ports.clock.now(), self.hold.memory.gone_since
        if since is None and (self.stored.etag or self.hold.memory != Memory()):
            self.hold.save(replace(self.hold.memory, gone_since=now))
            return False
        return since is None or now - since >= GONE_SURE

    def _prove(self, read: ClusterRead, rules: Rulebook) -> Memory:
        memory = self.hold.memory
        if isinstance(read, Gone) and memory != Memory():
            # Another cluster may come by this name: nothing that is known of this one holds for it.
            self.hold.save(Memory())
        if not isinstance(read, Cluster):
            return self.hold.memory
        now = self.ports.clock.now()
        memory = replace(memory, pools=self._pools_remembered(read, now), unreadable_since=None, gone_since=None)
        proven = Proving(self.ports.nodes, self.chain, now).prove(read, memory, rules)
        if proven != self.hold.memory:
            self.hold.save(proven)
        return proven

    def _pools_remembered(self, read: Cluster, now: datetime) -> dict[str, PoolMemory]:
        """What is remembered of the pools that exist; one that an earlier look did not see is new."""
        before, memory = self.stored.posture, self.hold.memory
        known = {pool.pool for pool in before.pools} if before and before.pools else None
        names = [pool.name for pool in read.pools]
        kept = {name: memory.pools[name] for name in names if name in memory.pools}
        new = [name for name in names if name not in kept and known is not None and name not in known]
        return kept | {name: PoolMemory(first_seen=now) for name in new}

    def _plan(
        self, read: ClusterRead, posture: Posture, memory: Memory, rules: Rulebook, budget: Budget, now: datetime
    ) -> Plan:
        if not isinstance(read, Cluster):
            return Plan(None, (), read.retry_after if isinstance(read, Unreadable) else None)
        situation = Situation(read, posture, memory, rules, budget, (), now, self.ports.timing.poll)
        if any(step.asks_maintenance for step in due(situation)):
            situation = replace(situation, maintenance=self.ports.clusters.maintenance(read.id))
        return plan(situation)

    def _record(self, read: ClusterRead, posture: Posture, planned: Plan, rules: Rulebook) -> None:
        """Write an observation if it says anything new; a decision to do nothing is recorded too, once."""
        if digest(posture, planned) == self.stored.digest:
            return
        self.hold.check()
        body = {
            "cause": self.request.cause,
            "app": __version__,
            "policy": rules.policy.hash,
            "exemptions": rules.exemptions.hash,
            "observed": read,
            "posture": posture,
            "plan": planned,
        }
        self.chain.append(RecordKind.OBSERVATION, posture.at, body)

    def _act(self, read: ClusterRead, posture: Posture, action: Action | None) -> str:
        if action is None or not isinstance(read, Cluster):
            return ""
        match self.remediation.act(action, read, posture):
            case Accepted():
                return f"{action.pool}: accepted"
            case Refused(reason):
                return f"{action.pool}: refused, {reason}"
            case Unanswered():
                return f"{action.pool}: no answer"
            case None:
                return f"{action.pool}: held back"

    def _commit(self, posture: Posture, planned: Plan, rules: Rulebook, control: str, due: datetime | None) -> None:
        before, memory = self.stored.posture, self.hold.memory
        news = alerts.news(
            self.request.cluster, before, posture, planned, memory, self.stored.begun, self.chain.head.seq
        )
        digested = digest(posture, planned)
        same = (self.chain.head, digested, control) == (self.stored.head, self.stored.digest, self.stored.control)
        if same and not news and self.stored.due and self.stored.due > posture.at:
            return
        self.hold.check()
        self.remediation.remember_passed()
        if self.remediation.close_foreign_intents():
            self.hold.check()
        begun = alerts.running(self.hold.memory)
        stored = StoredPosture(
            head=self.chain.head,
            posture=posture,
            deferrals=planned.deferrals,
            rules=rules.hash,
            pending=(*self.stored.pending, *news),
            begun=begun.intent if begun else self.stored.begun,
            digest=digested,
            control=control,
            due=due,
            etag=self.stored.etag,
        )
        self.stored = commit(self.ports.postures, self.request.cluster, stored)

    def _remember_notices(self, planned: Plan, now: datetime) -> None:
        """Let the notice run from now on: only once the owner's message is queued."""
        memory = self.hold.memory
        for notice in planned.notices:
            memory = memory.with_pool(notice.pool, replace(memory.pool(notice.pool), noticed=now))
        if memory != self.hold.memory:
            self.hold.save(memory)

    def _tell_rings(self, posture: Posture, budget: Budget) -> None:
        """Tell the budget how the canaries of this cluster are."""
        key = self.request.cluster.key
        if seen(budget, key, posture) != budget:
            change(self.ports.rollout, lambda now: seen(now, key, posture))

    def _send_alerts(self) -> None:
        if not self.stored.pending:
            return
        for alert in self.stored.pending:
            self.ports.alerts.send(alert)
        self.stored = commit(self.ports.postures, self.request.cluster, replace(self.stored, pending=()))

    def _settle(
        self,
        state: ComplianceState | None,
        action: str,
        deferrals: tuple[Deferral, ...],
        requeue_after: timedelta | None,
    ) -> Looked:
        self.hold.settle(self.ports.wake_ups, self.hold.memory, requeue_after)
        return Looked(state, action, deferrals, requeue_after)
