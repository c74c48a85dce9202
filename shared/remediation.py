"""Our own operation on a pool: begun once, recognised after a crash, followed to its end.

Order of what is durable: rollout row (operation) → reservation → intent record → PUT → outcome record → rollout
row → posture row. Whatever step was a worker's last one, the next look can tell from the world what happened.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.budget import change, read_budget, release
from shared.chain import Chain
from shared.domain.bodies import Intent, Outcome
from shared.domain.budget import Budget, Ended, Place
from shared.domain.budget_news import learnt
from shared.domain.ends import ENDS, ended, is_on, nothing_happened, rests, shows
from shared.domain.lessons import after_failure, after_refusal, after_success, is_a_failure, stuck_from
from shared.domain.memory import Replacement
from shared.domain.model import Cluster, ClusterRead, Pool, Unreadable
from shared.domain.operation import (
    Accepted,
    BeginResult,
    Operation,
    OperationRead,
    OutcomeState,
    Refused,
    Unanswered,
)
from shared.domain.parts import after_part, became
from shared.domain.places import taken
from shared.domain.planned import Action, ActionKind, Method
from shared.domain.posture import Posture
from shared.domain.records import Record, RecordKind
from shared.domain.refusals import Wanted
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.throttle import WRITE_PACE, held, of_subscription, paced
from shared.domain.twins import twin_body
from shared.errors import LeaseLostError
from shared.ports import Clock, Clusters, Policies, Table
from shared.rollout import Hold

_Answered = Accepted | Refused | OperationRead | Unreadable | None
"""What ARM said of an operation, if anything: the record names its ids."""


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

    def follow(self, read: ClusterRead, progress: OperationRead | Unreadable | None) -> None:
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

    def _end(self, operation: Operation, pool: Pool | None, progress: OperationRead | Unreadable | None) -> Operation:
        """Record the end of an accepted operation, if it has one."""
        if pool is None:
            deleted = operation.method is Method.DELETE
            state = OutcomeState.SUCCEEDED if deleted else OutcomeState.CANCELED
            return self._outcome(operation, state, "The pool does not exist any more.")
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
            release(self.budget, self.request.cluster, self._still_holds, begun=begun)

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
            place = self.reserve(action, operation.intent)
            ready = place is not None and self.is_open(action)
        except LeaseLostError:
            # Whoever took over saw no reservation yet: this one is ours alone.
            release(self.budget, self.request.cluster, lambda found: found.intent == operation.intent, begun=False)
            raise
        if place is None or not ready:
            self._finish(operation, None, None)
            return None
        operation = replace(operation, intent_seq=self._intent(operation, action, cluster, posture, place).seq)
        try:
            is_open = self.is_open(action)
        except LeaseLostError:
            # Whoever took over may have forgotten this intent before it was written: only we know that it ends here.
            self._record_outcome(operation, OutcomeState.NOT_BEGUN, "The lease was lost before the PUT.")
            raise
        if not is_open:
            message = "Before the PUT everything was stopped, the rules changed, or the window closed."
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

    def reserve(self, action: Action, intent: str) -> Place | None:
        """Take a place in the budget, using up the approvals that the action needs; None if there is none any more.

        The parts of a replacement share one place, under the intent that it began with.
        """
        policy, cluster, now = self.rules.policy, self.request.cluster, self.clock.now()
        intent = self.hold.memory.replacement.id if self.hold.memory.replacement else intent
        ring = next((ring for ring in policy.rings if ring.name == action.ring), None)
        wanted = Wanted(cluster.key, action.pool, cluster.subscription, ring, action.nodes, action.skip_soak)
        nodes = 1 if action.nodes is None else action.nodes
        place = Place(intent, action.pool, cluster.subscription, action.ring, nodes, now)

        def decide(budget: Budget) -> Budget | None:
            if paced(budget, cluster.subscription, now):
                return None
            found = taken(budget, self.rules, wanted, place, action.approvals, now)
            sends = action.method not in (Method.ADOPT, Method.DRAIN)
            return held(found, cluster.subscription, now + WRITE_PACE, now) if found and sends else found

        found = change(self.budget, decide)
        return found.places[cluster.key] if found else None

    def is_open(self, action: Action) -> bool:
        """The fence: nothing is stopped, the rules are those judged by, the window is open, and the lease is ours.

        The PUT that follows leaves within 20 s or not at all (shared/adapters/deadline.py), well before the lease's
        margin (60 s) is over; how long its answer takes does not matter.
        """
        current = self.policies.load()
        same = not isinstance(current, Unreadable) and not current.trouble and current.hash == self.rules.hash
        budget = read_budget(self.budget)
        late = action.before is not None and self.clock.now() >= action.before
        self.hold.check()
        return same and not late and not budget.paused and not budget.broken

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

    def _intent(self, operation: Operation, action: Action, cluster: Cluster, posture: Posture, place: Place) -> Record:
        verdict = next(pool for pool in posture.pools if pool.pool == action.pool)
        body = Intent(
            pool=action.pool,
            action=action.kind,
            method=action.method,
            target=action.on,
            if_match="" if action.method is Method.CREATE else action.etag,
            if_none_match="*" if action.method is Method.CREATE else "",
            body=action.body,
            client_request_id=operation.intent,
            changes=action.changes,
            approvals=place.approvals,
            rule=verdict.rule,
            line=verdict.line,
            mode=verdict.mode,
            location=cluster.location,
        )
        return self.chain.append(RecordKind.INTENT, operation.at, body, operation.intent)

    def _outcome(self, operation: Operation, state: OutcomeState, message: str, answer: _Answered = None) -> Operation:
        """Record an outcome, then remember it: the recorded one, if another worker was first."""
        said = self._record_outcome(operation, state, message, answer).payload
        operation = replace(operation, outcome=OutcomeState(said["outcome"]), message=said["message"])
        self.hold.save(replace(self.hold.memory, operation=operation))
        return operation

    def _record_outcome(
        self, operation: Operation, state: OutcomeState, message: str, answer: _Answered = None
    ) -> Record:
        said = answer if isinstance(answer, Accepted | Refused | OperationRead) else Accepted("", "")
        body = Outcome(
            pool=operation.pool,
            action=operation.kind,
            method=operation.method,
            target=operation.on,
            intent=operation.intent,
            intent_seq=operation.intent_seq,
            outcome=state,
            message=message,
            correlation_id=said.correlation_id,
            request_id=said.request_id,
        )
        # One id for the answer and one for the end: who comes second finds the first one's record instead of
        # writing another.
        part = "end" if state in ENDS.values() else "answer"
        return self.chain.append(RecordKind.OUTCOME, self.clock.now(), body, f"{operation.intent}.{part}")

    def close_foreign_intents(self) -> bool:
        """Record an outcome for intents of workers that lost their lease: they would stay open for ever.

        Such an intent was written after somebody else had claimed the cluster, so its fence failed and nothing was
        sent; or its memory was lost with the rollout row. `unknown` is true of both. Returns whether there were any.
        """
        own = self.hold.memory.operation
        foreign = [record for record in self.chain.open_intents() if own is None or record.id != own.intent]
        for record in foreign:
            said = record.payload
            kind, pool, etag = ActionKind(said["action"]), str(said["pool"]), str(said["ifMatch"])
            lost = Operation(record.id, kind, pool, etag, self.clock.now(), said["changes"], intent_seq=record.seq)
            # Records of versions that only updated don't name a method.
            method, target = Method(said.get("method", Method.UPDATE)), str(said.get("target", pool))
            lost = replace(lost, method=method, target="" if target == pool else target)
            self._record_outcome(lost, OutcomeState.UNKNOWN, "Its worker lost the lease; nothing else is known.")
        return bool(foreign)


def _find(read: ClusterRead, name: str) -> Pool | None:
    if not isinstance(read, Cluster):
        return None
    return next((pool for pool in read.pools if pool.name == name), None)
