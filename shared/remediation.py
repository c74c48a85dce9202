"""Our own operation on a pool: begun once, recognised after a crash, followed to its end.

Order of what is durable: rollout row (operation) → reservation → intent record → PUT → outcome record → rollout
row → posture row. Whatever step was a worker's last one, the next look can tell from the world what happened.
"""

import secrets
from dataclasses import dataclass, replace

from shared.budget import Reservation, read_budget, release, reserve
from shared.chain import Chain
from shared.domain.model import (
    Accepted,
    Action,
    Answer,
    BeginResult,
    Cluster,
    ClusterRead,
    Memory,
    Mode,
    Operation,
    OperationRead,
    OperationStatus,
    OutcomeState,
    Pool,
    PoolMemory,
    Posture,
    Refused,
    Unanswered,
    Unreadable,
)
from shared.domain.policy import Policy
from shared.domain.records import Record, RecordKind
from shared.domain.requests import ReconcileRequest
from shared.ports import Clock, Clusters, Policies, Table
from shared.rollout import Hold

_ENDS = {
    OperationStatus.SUCCEEDED: OutcomeState.SUCCEEDED,
    OperationStatus.FAILED: OutcomeState.FAILED,
    OperationStatus.CANCELED: OutcomeState.CANCELED,
}
_REST = frozenset(status.value for status in _ENDS)


@dataclass(frozen=True, slots=True)
class Remediation:
    """What it takes to act on one cluster."""

    clusters: Clusters
    policies: Policies
    budget: Table
    clock: Clock
    request: ReconcileRequest
    hold: Hold
    chain: Chain

    def follow(self, read: ClusterRead, progress: OperationRead | Unreadable | None) -> None:
        """Bring what is remembered of our operation in line with the world, and give back what it no longer needs.

        `progress` is what the operation's URL answered before `read` was read; None if there is no URL.
        """
        operation = self.hold.memory.operation
        if isinstance(read, Unreadable):
            return
        if operation is None:
            release(self.budget, self.request.cluster)
            return
        pool = _find(read, operation.pool)
        if operation.answer is not Answer.ACCEPTED:
            operation = self._resolve(operation, pool)
        if operation is not None:
            self._end(operation, pool, progress)

    def _resolve(self, operation: Operation, pool: Pool | None) -> Operation | None:
        """Find out what became of a PUT whose answer is not known to have been a yes."""
        operation = self._with_intent(operation)
        shows = pool is not None and pool.enable_fips is True
        if operation.answer is Answer.REFUSED:
            # A refusal says nothing of an operation that may be there all the same: give the place in the
            # budget back only when the pool is at rest.
            if not shows or pool is None or pool.provisioning_state in _REST:
                self._forget(self.hold.memory)
            return None
        if shows and operation.intent_seq:
            self._outcome(operation, OutcomeState.ACCEPTED, "No answer is known; the pool shows the change.")
            operation = replace(operation, answer=Answer.ACCEPTED)
            self.hold.save(replace(self.hold.memory, operation=operation))
            return operation
        if operation.intent_seq:
            unchanged = pool is not None and pool.etag == operation.etag
            state = OutcomeState.NOT_BEGUN if unchanged else OutcomeState.UNKNOWN
            self._outcome(operation, state, "The pool does not show the change.")
        self._forget(self.hold.memory)
        return None

    def _with_intent(self, operation: Operation) -> Operation:
        """Find the intent's record, in case the worker died between writing it and remembering its number."""
        if operation.intent_seq:
            return operation
        for record in self.chain.catch_up():
            if record.id == operation.intent:
                return replace(operation, intent_seq=record.seq)
        return operation

    def _end(self, operation: Operation, pool: Pool | None, progress: OperationRead | Unreadable | None) -> None:
        """Record the end of an accepted operation, if it has one."""
        if pool is None:
            self._outcome(operation, OutcomeState.CANCELED, "The pool does not exist any more.")
            self._forget(self.hold.memory)
            return
        ended, message = _ended(pool, progress)
        if ended is None:
            return
        self._outcome(operation, _ENDS[ended], message)
        failed = ended is not OperationStatus.SUCCEEDED
        remembered = replace(
            self.hold.memory.pool(pool.name),
            ended=self.clock.now(),
            proof=None,
            blocked=f"Switching FIPS on ended as {ended}. {message}" if failed else "",
            blocked_on=pool.configuration if failed else "",
        )
        self._forget(self.hold.memory.with_pool(pool.name, remembered))

    def _forget(self, memory: Memory) -> None:
        self.hold.save(replace(memory, operation=None))
        release(self.budget, self.request.cluster)

    def act(self, action: Action, cluster: Cluster, posture: Posture, policy: Policy) -> BeginResult | None:
        """Begin the planned action; None if a fence or the budget stopped it before anything was sent."""
        now = self.clock.now()
        operation = Operation(secrets.token_hex(16), action.kind, action.pool, action.etag, now)
        self.hold.save(replace(self.hold.memory, operation=operation))
        wanted = Reservation(operation.intent, action.pool, now)
        if not reserve(self.budget, self.request.cluster, wanted, policy.concurrent) or not self._open(policy):
            self._forget(self.hold.memory)
            return None
        intent = self._intent(operation, action, cluster, posture, policy)
        operation = replace(operation, intent_seq=intent.seq)
        if not self._open(policy):
            self._outcome(operation, OutcomeState.NOT_BEGUN, "Paused, or the policy changed, before the PUT.")
            self._forget(self.hold.memory)
            return None
        result = self.clusters.begin(self.request.cluster, action, operation.intent)
        self._answer(operation, result, _find(cluster, action.pool))
        return result

    def _open(self, policy: Policy) -> bool:
        """The fence: the lease is ours, nothing is paused, the policy is the one that was judged by."""
        self.hold.check()
        current = self.policies.load()
        same = not isinstance(current, Unreadable) and current.hash == policy.hash
        return same and not read_budget(self.budget).paused

    def _answer(self, operation: Operation, result: BeginResult, pool: Pool | None) -> None:
        memory = self.hold.memory
        match result:
            case Accepted(url, correlation_id):
                message = f"AKS took the PUT; correlation id {correlation_id or 'not given'}."
                self._outcome(operation, OutcomeState.ACCEPTED, message)
                operation = replace(operation, answer=Answer.ACCEPTED, url=url)
            case Refused(reason, message, retry_after):
                self._outcome(operation, OutcomeState.REFUSED, f"{reason}: {message}")
                operation = replace(operation, answer=Answer.REFUSED)
                if retry_after is None and pool:
                    blocked = PoolMemory(blocked=f"AKS refused: {message}", blocked_on=pool.configuration)
                    memory = memory.with_pool(pool.name, blocked)
            case Unanswered():
                # Whether it happened is for the next look to find out: nothing is recorded that isn't known.
                operation = replace(operation, answer=Answer.UNANSWERED)
        self.hold.save(replace(memory, operation=operation))

    def _intent(
        self, operation: Operation, action: Action, cluster: Cluster, posture: Posture, policy: Policy
    ) -> Record:
        verdict = next(pool for pool in posture.pools if pool.pool == action.pool)
        body = {
            "pool": action.pool,
            "action": action.kind,
            "ifMatch": action.etag,
            "body": action.body,
            "clientRequestId": operation.intent,
            "policy": policy.hash,
            "rule": verdict.rule,
            "mode": Mode(verdict.mode),
            "location": cluster.location,
        }
        return self.chain.append(RecordKind.INTENT, operation.at, body, operation.intent)

    def _outcome(self, operation: Operation, state: OutcomeState, message: str) -> None:
        body = {
            "pool": operation.pool,
            "action": operation.kind,
            "intent": operation.intent,
            "intentSeq": operation.intent_seq,
            "outcome": state,
            "message": message,
        }
        # The id makes a repeated look find its own record instead of writing a second one.
        self.chain.append(RecordKind.OUTCOME, self.clock.now(), body, f"{operation.intent}.{state}")


def _find(read: ClusterRead, name: str) -> Pool | None:
    if not isinstance(read, Cluster):
        return None
    return next((pool for pool in read.pools if pool.name == name), None)


def _ended(pool: Pool, progress: OperationRead | Unreadable | None) -> tuple[OperationStatus | None, str]:
    """Say how an operation ended: by its URL, or where that was lost, by the pool's provisioning state."""
    if isinstance(progress, OperationRead):
        if progress.status is OperationStatus.IN_PROGRESS:
            return None, ""
        detail = f"{progress.code}: {progress.message}" if progress.code else ""
        return progress.status, detail or "AKS says that the operation has ended."
    for status in _ENDS:
        if pool.provisioning_state == status.value:
            return status, f"The pool's provisioning state is {status}."
    return None, ""
