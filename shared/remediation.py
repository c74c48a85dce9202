"""Our own operation on a pool: begun once, recognised after a crash, followed to its end.

Order of what is durable: rollout row (operation) → reservation → intent record → PUT → outcome record → rollout
row → posture row. Whatever step was a worker's last one, the next look can tell from the world what happened.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.budget import change, read_budget, release
from shared.chain import Chain
from shared.domain.budget import Ended, Place
from shared.domain.budget_news import learnt
from shared.domain.ends import ENDS, ended, is_on, nothing_happened, rests, shows
from shared.domain.lessons import after_failure, after_refusal, after_success, is_a_failure, stuck_from
from shared.domain.memory import Replacement
from shared.domain.model import Cluster, ClusterRead, Pool, Unreadable
from shared.domain.operation import (
    Accepted,
    BeginResult,
    Operation,
    OutcomeState,
    Progress,
    Refused,
    Unanswered,
)
from shared.domain.parts import after_part, became
from shared.domain.planned import Action, Method
from shared.domain.posture import Posture
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.throttle import held, of_subscription
from shared.domain.twins import twin_body
from shared.errors import LeaseLostError
from shared.fence import Fence
from shared.operation_records import Answer, record_intent, record_outcome
from shared.ports import Clock, Clusters, Policies, Table
from shared.rollout import Hold


@dataclass(frozen=True, slots=True)
class Remediation:
    """What it takes to act on one cluster."""

    clusters: Clusters
    policies: Policies
    rules: Rulebook
    """What the look judges by."""
    budget: Table
    clock: Clock
    request: ReconcileRequest
    hold: Hold
    chain: Chain

    @property
    def fence(self) -> Fence:
        """What stands before everything that is sent."""
        return Fence(self.policies, self.rules, self.budget, self.clock, self.request.cluster, self.hold)

    def follow(self, read: ClusterRead, progress: Progress) -> None:
        """Bring what is remembered of our operation in line with the world, and give back what it no longer needs.

        `progress` is what the operation's URL answered before `read` was read; None if there is no URL.
        """
        operation = self._recall()
        if isinstance(read, Unreadable):
            return
        if operation is None:
            # Between its operations a replacement keeps its place. What took another one may still be going on, if the
            # rollout row was lost: it counts until the pool rests.
            part = self.hold.memory.replacement if isinstance(read, Cluster) else None
            release(
                self.budget,
                self.request.cluster,
                lambda one: (
                    (part is None or one.intent != part.id) and rests(_find(read, one.pool)) and self._still_holds(one)
                ),
                begun=True,
            )
            return
        pool = _find(read, operation.on)
        if operation.outcome is None:
            operation = self._resolve(operation, pool)
        if operation.outcome is OutcomeState.ACCEPTED:
            operation = self._end(operation, pool, progress)
        if not is_on(operation, pool):
            self._finish(operation, pool, _find(read, operation.pool))

    def _recall(self) -> Operation | None:
        """Return our operation, with what a worker recorded of it and did not live to remember."""
        if self.hold.memory.operation is not None:
            # The head was read before this fence: whoever takes over later writes beyond it, where we meet his records.
            self.hold.check()
            self.chain.catch_up()
        return self.remember_passed()

    def remember_passed(self) -> Operation | None:
        """Remember what the records that the chain has passed say of our operation, before the head moves past them."""
        operation = self.hold.memory.operation
        if operation is None:
            return None
        recalled = operation
        for record in self.chain.passed:
            if record.id == operation.intent:
                recalled = replace(recalled, intent_seq=record.seq)
            elif record.payload.get("intent") == operation.intent:
                said = record.payload
                recalled = replace(recalled, outcome=OutcomeState(said["outcome"]), message=str(said["message"]))
        if recalled != operation:
            self.hold.save(replace(self.hold.memory, operation=recalled))
        return recalled

    def _resolve(self, operation: Operation, pool: Pool | None) -> Operation:
        """Find out from the world what became of a PUT whose answer nobody knows."""
        if operation.intent_seq is None:
            # The intent was never written, so nothing was sent, and there is nothing to record an outcome for.
            return replace(operation, outcome=OutcomeState.NOT_BEGUN)
        if operation.method is not Method.UPDATE:
            state, message = became(operation, pool)
        # The eTag first: a pool whose operation is resumed showed the change before.
        elif pool and pool.etag == operation.etag:
            state, message = OutcomeState.NOT_BEGUN, "No answer is known; the pool is as it was."
        elif pool and shows(operation, pool):
            state, message = OutcomeState.ACCEPTED, "No answer is known; the pool shows the change."
        else:
            state, message = OutcomeState.UNKNOWN, "No answer is known; the pool was changed, or is gone."
        return self._outcome(operation, state, message)

    def _end(self, operation: Operation, pool: Pool | None, progress: Progress) -> Operation:
        """Record the end of an accepted operation, if it has one."""
        end, message = ended(operation, pool, progress)
        return self._outcome(operation, ENDS[end], message, progress) if end else operation

    def _finish(self, operation: Operation, on: Pool | None, pool: Pool | None) -> None:
        """Forget an operation that is over, having learnt from it, and give its place in the budget back.

        `on` is the pool that it was on, `pool` the one that it was for; they differ where a twin was made.
        """
        memory = after_part(replace(self.hold.memory, operation=None), operation, on, self.clock.now())
        remembered, part = memory.pool(operation.pool), memory.replacement is not None
        if pool and operation.outcome in ENDS.values():
            failed = operation.outcome is not OutcomeState.SUCCEEDED
            if failed and is_a_failure(operation):
                self._learn(operation, failed=True)
            elif not failed and not part:
                self._learn(operation, failed=False)
            if failed or not part:
                lesson = after_failure if failed else after_success
                memory = memory.with_pool(pool.name, lesson(remembered, operation, pool, self.clock.now()))
        elif operation.outcome is OutcomeState.SUCCEEDED:
            self._learn(operation, failed=False)
        elif operation.resumes and not remembered.blocked and nothing_happened(operation, pool):
            # Whoever unblocked the pool let one PUT through, and none was taken.
            memory = memory.with_pool(operation.pool, replace(remembered, resume=operation.resumes))
        self.hold.save(memory)
        begun = operation.outcome in (*ENDS.values(), OutcomeState.UNKNOWN)
        if not part:
            unsent = operation.intent_seq is None or operation.outcome is OutcomeState.REFUSED
            release(self.budget, self.request.cluster, self._still_holds, begun=begun, unsent=unsent)

    def _learn(self, operation: Operation, *, failed: bool) -> None:
        """Tell the breaker how an operation ended, before it is forgotten; a repetition counts once."""
        ended = Ended(operation.intent, self.clock.now(), failed)
        change(self.budget, lambda budget: learnt(budget, ended, self.rules.policy.disruption.breaker))

    def _still_holds(self, _: Place) -> bool:
        self.hold.check()
        return True

    def act(self, action: Action, cluster: Cluster, posture: Posture) -> BeginResult | None:
        """Begin the planned action; None if a fence or the budget stopped it before anything was sent."""
        intent = secrets.token_hex(16)
        pool = _find(cluster, action.pool)
        if pool and action.method is Method.CREATE:
            action = replace(action, body=twin_body(pool, action.changes, intent))
        operation = self._decided(action, intent, self.clock.now(), pool.configuration if pool else "")
        try:
            place = self.fence.reserve(action, operation.intent)
            ready = place is not None and self.fence.is_open(action)
        except LeaseLostError:
            # Whoever took over saw no reservation yet: this one is ours alone.
            release(
                self.budget,
                self.request.cluster,
                lambda found: found.intent == operation.intent,
                begun=False,
                unsent=True,
            )
            raise
        if place is None or not ready:
            self._finish(operation, None, None)
            return None
        operation = replace(
            operation, intent_seq=record_intent(self.chain, operation, action, cluster, posture, place).seq
        )
        try:
            is_open = self.fence.is_open(action)
        except LeaseLostError:
            # Whoever took over may have forgotten this intent before it was written: only we know that it ends here.
            record_outcome(
                self.chain, self.clock.now(), operation, OutcomeState.NOT_BEGUN, "The lease was lost before the PUT."
            )
            raise
        if not is_open:
            message = "Before the PUT it was stopped, aborted or excused, the rules changed, or the window closed."
            self._finish(self._outcome(operation, OutcomeState.NOT_BEGUN, message), None, None)
            return None
        result = self.clusters.begin(self.request.cluster, action, operation.intent)
        self._answer(operation, result, pool)
        return result

    def _decided(self, action: Action, intent: str, now: datetime, configuration: str) -> Operation:
        """Remember what is about to be begun; what a person let through once is used up by it."""
        remembered, stuck = self.hold.memory.pool(action.pool), stuck_from(read_budget(self.budget), action.nodes, now)
        operation = Operation(
            intent,
            action.kind,
            action.pool,
            action.etag,
            now,
            action.changes,
            stuck=stuck,
            resumes=remembered.resume,
            method=action.method,
            target=action.target,
        )
        memory = replace(self.hold.memory, operation=operation)
        if action.method is Method.CREATE:
            made = Replacement(intent, action.pool, action.target, now, now, configuration=configuration)
            memory = replace(memory, replacement=made)
        if remembered.resume:
            memory = memory.with_pool(action.pool, replace(remembered, resume=""))
        self.hold.save(memory)
        return operation

    def _answer(self, operation: Operation, result: BeginResult, pool: Pool | None) -> None:
        match result:
            case Accepted(url, correlation_id):
                message = f"AKS took it; correlation id {correlation_id or 'not given'}."
                self._outcome(replace(operation, url=url), OutcomeState.ACCEPTED, message, result)
                remembered = self.hold.memory.pool(operation.pool)
                if remembered.refusals:
                    calm = replace(remembered, refused="", refusals=0, not_before=None, waiting="")
                    self.hold.save(self.hold.memory.with_pool(operation.pool, calm))
            case Refused(reason, message):
                self._outcome(operation, OutcomeState.REFUSED, f"{reason}: {message}", result)
                if pool:
                    now, remembered = self.clock.now(), self.hold.memory.pool(pool.name)
                    remembered = after_refusal(remembered, operation, pool, result, now, self.hold.poll)
                    self.hold.save(self.hold.memory.with_pool(pool.name, remembered))
                if of_subscription(result) and result.retry_after:
                    self._hold_subscription(result.retry_after)
            case Unanswered():
                # Whether it happened is for the next look to find out: nothing is recorded that isn't known.
                self.hold.save(replace(self.hold.memory, operation=operation))

    def _hold_subscription(self, lasting: timedelta) -> None:
        """Let nobody send anything to the subscription until Azure takes it again."""
        subscription, now = self.request.cluster.subscription, self.clock.now()
        change(self.budget, lambda budget: held(budget, subscription, now + lasting, now))

    def _outcome(self, operation: Operation, state: OutcomeState, message: str, answer: Answer = None) -> Operation:
        """Record an outcome, then remember it: the recorded one, if another worker was first."""
        said = record_outcome(self.chain, self.clock.now(), operation, state, message, answer).payload
        operation = replace(operation, outcome=OutcomeState(said["outcome"]), message=said["message"])
        self.hold.save(replace(self.hold.memory, operation=operation))
        return operation


def _find(read: ClusterRead, name: str) -> Pool | None:
    if not isinstance(read, Cluster):
        return None
    return next((pool for pool in read.pools if pool.name == name), None)
