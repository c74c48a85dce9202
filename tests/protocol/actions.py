"""A model of one remediation: one PUT at most, an answer for every intent, a place and a count for every operation.

Looks may begin at any time (that they do is what wake_ups.py is about), die anywhere, and sleep until their lease
has ended. Each step is one call of the real code:

| step of the model | code |
|---|---|
| CLAIM, POSTURE, READ | `rollout.claim`, `postures.read_posture`, `Clusters.operation` and `Clusters.read` |
| READ missing | ... and `observing.not_believed`: a 404 that passes ends the look |
| HEAD_FENCE, RECALL, SAVE | `Remediation._recall` |
| ANSWER, SAVE, END, SAVE | `_resolve`, `_end`, `_answer`: the record, then the row |
| LEARN, FORGET | `Remediation._learn` (`budget.change`) and the row, in `_finish` |
| FREE_READ, FREE_FENCE, FREE | `budget.release`: read, ask `_still_holds`, write on the eTag; after a lost race anew |
| BEGIN, RESERVE, FENCE, INTENT, LAST_FENCE, PUT | `Remediation.act`; RESERVE is `budget.change` |
| FREE_OWN, NOT_BEGUN | `act`, when the lease turns out to be lost |
| OBSERVE | `reconciler._record` |
| CLOSE_FENCE, CLOSE, COMMIT_FENCE, COMMIT | `close_foreign_intents`, in `committing.commit_look` |
| SETTLE, GIVE_UP | `Hold.settle`, `Hold.release` |

The budget is one row for the whole fleet, changed by compare-and-swap: RESERVE, LEARN and FREE_OWN depend on nothing
but that row, so each is one step; what comes between FREE_READ and FREE is another row's fence.

What the design takes for granted of time: a call right after a fence takes effect before the lease ends
(`punctual`). Without it If-Match still sees to it that AKS accepts one PUT at most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

ONE_PUT = "AKS accepts at most one PUT"
INTENT_FIRST = "no PUT without a durable intent"
ONE_ANSWER = "an intent has one answer and one end"
CLOSED = "no intent stays without an answer"
TRUE = "the evidence says of an accepted PUT that it was accepted"
IN_BUDGET = "no operation of ours runs without a reservation"
COUNTED = "the breaker has counted every end of an operation that is forgotten"
APPEND_ONLY = "the chain and its known head only grow"


class At(IntEnum):
    """The next call of a worker."""

    IDLE = 0
    POSTURE = 1
    READ = 2
    HEAD_FENCE = 3
    RECALL = 4
    SAVE_RECALLED = 5
    ANSWER = 6
    SAVE_ANSWER = 7
    END = 8
    SAVE_END = 9
    LEARN = 10
    FORGET = 11
    FREE_READ = 12
    FREE_FENCE = 13
    FREE = 14
    BEGIN = 15
    RESERVE = 16
    FENCE = 17
    INTENT = 18
    LAST_FENCE = 19
    PUT = 20
    FREE_OWN = 21
    NOT_BEGUN = 22
    OBSERVE = 23
    CLOSE_FENCE = 24
    CLOSE = 25
    COMMIT_FENCE = 26
    COMMIT = 27
    SETTLE = 28
    GIVE_UP = 29


PUNCTUAL = frozenset({At.PUT, At.COMMIT})
"""Calls that come right after a fence."""


class Operation(NamedTuple):
    """What the rollout row remembers."""

    intent: int
    etag: int
    recorded: bool = False
    """The number of the intent's record is known."""
    outcome: str = ""


class Record(NamedTuple):
    """One evidence record."""

    kind: str
    intent: int = 0
    says: str = ""


class Worker(NamedTuple):
    """One worker, and what it has read."""

    at: At = At.IDLE
    fresh: bool = False
    """The rollout row is as it last read or wrote it."""
    posture_fresh: bool = False
    base: int = 0
    """Head of the chain in the posture row that it read."""
    head: int = 0
    operation: Operation | None = None
    etag: int = 0
    fips: bool = False
    rest: bool = False
    readable: bool = True
    acting: bool = False
    reservation: int = 0
    """The reservation that it read, or the foreign intent that it closes."""
    budget: int = 0
    """The budget's row as it read it."""
    says: str = ""


class State(NamedTuple):
    """Everything."""

    etag: int
    fips: bool
    running: int
    """Intent of the operation that AKS runs; 0: none."""
    taken: tuple[int, ...]
    """Intents whose PUT AKS accepted."""
    lease: str
    """`free`, `held` or `ended`."""
    operation: Operation | None
    reservation: int
    budget: int
    """How often the budget's row was written: its eTag."""
    learnt: tuple[int, ...]
    """Intents whose end the breaker has counted."""
    chain: tuple[Record, ...]
    head: int
    workers: tuple[Worker, ...]
    intents: int
    """How many have been made."""
    crashes: int
    slow: int
    lost_answers: int
    """How often a connection may break after the PUT was sent."""
    repeated_puts: int
    """How often something on the way may repeat a PUT, so that a refusal comes though it was accepted."""
    changes: int
    """How often somebody else may change the pool."""
    unreadable: int
    missing: int
    """How often ARM may say that the cluster does not exist although it does."""
    observations: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules under test; each switch leaves one out."""

    save_before_put: bool = True
    intent_before_put: bool = True
    if_match: bool = True
    keep_place_after_refusal: bool = True
    doubt_missing: bool = True
    learn_before_forgetting: bool = True
    fence_head: bool = True
    fence_release: bool = True
    one_answer_id: bool = True
    last_fence: bool = True
    say_that_it_was_not_begun: bool = True
    close_foreign_intents: bool = True
    fence_close: bool = True
    remember_what_was_passed: bool = True


@dataclass(frozen=True, slots=True)
class Size:
    """How much may happen."""

    workers: int = 2
    intents: int = 2
    crashes: int = 0
    slow: int = 0
    lost_answers: int = 0
    repeated_puts: int = 0
    changes: int = 0
    unreadable: int = 0
    missing: int = 0
    observations: int = 0
    punctual: bool = True


def initial(size: Size) -> State:
    """Return a pool without FIPS that nobody has looked at."""
    may = (size.crashes, size.slow, size.lost_answers, size.repeated_puts, size.changes, size.unreadable, size.missing)
    workers = (Worker(),) * size.workers
    return State(1, False, 0, (), "free", None, 0, 0, (), (), 0, workers, 0, *may, size.observations)


def quiet(state: State) -> bool:
    """Nobody works, nothing runs, nothing is remembered or reserved."""
    idle = all(worker.at is At.IDLE for worker in state.workers)
    return idle and not (state.running or state.operation or state.reservation)


_ranked = cache(repr)
"""Any order of workers does; there are few different ones, and each is met a million times."""


class Actions:
    """The steps and the properties, under some rules."""

    def __init__(self, size: Size, rules: Rules) -> None:
        self.size, self.rules = size, rules

    def broken(self, before: State, state: State) -> str:
        """Name the property that does not hold."""
        if state.chain[: len(before.chain)] != before.chain or state.head < before.head:
            return APPEND_ONLY
        if len(state.taken) > 1:
            return ONE_PUT
        if any(Record("intent", intent) not in state.chain for intent in state.taken):
            return INTENT_FIRST
        if not self.size.punctual:
            return ""
        if state.running and not state.reservation:
            return IN_BUDGET
        own = state.operation.intent if state.operation else 0
        ended = {record.intent for record in state.chain if record.kind == "end"}
        if ended - {own, *state.learnt} and before.operation != state.operation:
            return COUNTED
        return self._evidence(state)

    def _evidence(self, state: State) -> str:
        said = [(record.kind, record.intent) for record in state.chain if record.kind in ("answer", "end")]
        if len(said) != len(set(said)):
            return ONE_ANSWER
        own = state.operation.intent if state.operation else 0
        for record in state.chain[: state.head]:
            if record.kind == "intent" and record.intent != own and ("answer", record.intent) not in said:
                return CLOSED
        if quiet(state) and state.crashes == self.size.crashes:
            written = {record.intent for record in state.chain if record.kind == "intent"}
            if any(("answer", intent) not in said for intent in written):
                return CLOSED
        repeated = self.size.repeated_puts > state.repeated_puts
        for record in state.chain:
            lies = record.kind == "answer" and record.says != "accepted" and record.intent in state.taken
            if lies and not repeated:
                return TRUE
        return ""

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what may happen next; workers in order, since it does not matter which is which."""
        for label, after in self._all(state):
            yield label, after._replace(workers=tuple(sorted(after.workers, key=_ranked)))

    def _all(self, state: State) -> Iterator[tuple[str, State]]:
        if state.running:
            yield "the operation ends", state._replace(running=0, etag=state.etag + 1)
        if state.changes and not state.running:
            yield "somebody changes the pool", state._replace(etag=state.etag + 1, changes=state.changes - 1)
        if state.lease == "held":
            alive = any(worker.fresh and worker.at for worker in state.workers)
            urgent = self.size.punctual and any(worker.fresh and worker.at in PUNCTUAL for worker in state.workers)
            if not alive or (state.slow and not urgent):
                yield "the lease ends", state._replace(lease="ended", slow=state.slow - alive)
        for index, worker in enumerate(state.workers):
            if worker.at is At.IDLE:
                if state.lease != "held" and worker not in state.workers[:index]:
                    claimed = Worker(At.POSTURE, fresh=True, operation=state.operation)
                    yield f"{index} CLAIM", _written(state, index, claimed)._replace(lease="held")
                continue
            for label, after in self._look(state, index, worker):
                yield f"{index} {worker.at.name}{label}", after
            if state.crashes:
                died = _with(state, index, Worker())
                yield f"{index} dies before {worker.at.name}", died._replace(crashes=state.crashes - 1)

    def _look(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        if worker.at <= At.RECALL:
            yield from self._observe(state, index, worker)
        elif worker.at <= At.SAVE_END or worker.at is At.SAVE_RECALLED:
            yield from self._follow(state, index, worker)
        elif worker.at <= At.FREE:
            yield from self._finish(state, index, worker)
        elif worker.at <= At.NOT_BEGUN:
            yield from self._act(state, index, worker)
        else:
            yield from self._end_look(state, index, worker)

    def _observe(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        match worker.at:
            case At.POSTURE:
                read = worker._replace(at=At.READ, posture_fresh=True, base=state.head, head=state.head)
                yield "", _with(state, index, read)
            case At.READ:
                seen = worker._replace(etag=state.etag, fips=state.fips, rest=not state.running)
                yield "", _with(state, index, seen._replace(at=At.HEAD_FENCE if worker.operation else At.FREE_READ))
                if state.unreadable:
                    blind = worker._replace(readable=False, at=At.HEAD_FENCE if worker.operation else At.OBSERVE)
                    yield " unreadable", _with(state, index, blind)._replace(unreadable=state.unreadable - 1)
                if state.missing:
                    # Believed, it would be a pool at rest that shows no change, and the cluster's place would be free.
                    believed = seen._replace(at=At.HEAD_FENCE if worker.operation else At.FREE_READ)
                    believed = believed._replace(etag=0, fips=False, rest=True)
                    doubted = worker._replace(at=At.SETTLE) if self.rules.doubt_missing else believed
                    yield " missing", _with(state, index, doubted)._replace(missing=state.missing - 1)
            case At.HEAD_FENCE if not _ours(state, worker) and self.rules.fence_head:
                yield " lost", _with(state, index, Worker())
            case At.HEAD_FENCE:
                yield "", _with(state, index, worker._replace(at=At.RECALL))
            case _:
                yield "", self._recalled(state, index, worker)

    def _recalled(self, state: State, index: int, worker: Worker) -> State:
        remembered = operation = worker.operation
        assert operation
        assert remembered
        operation = _recalled(operation, state.chain[worker.head :])
        worker = worker._replace(head=len(state.chain), operation=operation)
        if operation != remembered:
            return _with(state, index, worker._replace(at=At.SAVE_RECALLED))
        return self._resolved(state, index, worker)

    def _resolved(self, state: State, index: int, worker: Worker) -> State:
        """Decide what is to be written of the operation; no call is made here."""
        operation = worker.operation
        assert operation
        if not worker.readable:
            return _with(state, index, worker._replace(at=At.OBSERVE))
        if operation.outcome == "accepted":
            return _with(state, index, worker._replace(at=At.END if worker.rest else At.OBSERVE))
        if operation.outcome or not operation.recorded:
            refused = operation.outcome == "refused" and self.rules.keep_place_after_refusal
            on = refused and worker.fips and not worker.rest
            ended = operation.outcome == "succeeded" and self.rules.learn_before_forgetting
            over = At.LEARN if ended else At.FORGET
            return _with(state, index, worker._replace(at=At.OBSERVE if on else over))
        changed = "accepted" if worker.fips else "unknown"
        said = "not_begun" if worker.etag == operation.etag else changed
        return _with(state, index, worker._replace(at=At.ANSWER, says=said))

    def _follow(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        operation = worker.operation
        assert operation
        match worker.at:
            case At.ANSWER:
                yield from self._append(state, index, worker, Record("answer", operation.intent, worker.says), 1)
            case At.END:
                yield from self._append(state, index, worker, Record("end", operation.intent, "succeeded"), 1)
            case _ if not _ours(state, worker):
                yield " lost", _with(state, index, Worker())
            case At.SAVE_RECALLED:
                yield "", self._resolved(_saved(state, index, operation), index, worker)
            case At.SAVE_ANSWER if worker.acting:
                told = operation._replace(outcome=worker.says)
                yield "", _with(_saved(state, index, told), index, worker._replace(at=At.OBSERVE, operation=told))
            case _:
                told = operation._replace(outcome=worker.says if worker.at is At.SAVE_ANSWER else "succeeded")
                yield "", self._resolved(_saved(state, index, told), index, worker._replace(operation=told))

    def _append(
        self, state: State, index: int, worker: Worker, record: Record, then: int
    ) -> Iterator[tuple[str, State]]:
        """Create the next record, or meet one that is there: ours, then it counts, or another, then go on."""
        for place in range(worker.base, len(state.chain)):
            found = state.chain[place]
            same = found[:2] == record[:2] if self.rules.one_answer_id else found == record
            if record.kind in ("answer", "end", "intent") and same and place <= worker.head:
                told = worker._replace(head=max(worker.head, place + 1), says=found.says, at=At(worker.at + then))
                yield " found", _with(state, index, told)
                return
        if worker.head < len(state.chain):
            yield " taken", _with(state, index, worker._replace(head=worker.head + 1))
            return
        after = state._replace(chain=(*state.chain, record))
        yield (
            f" {record.kind} {record.says}",
            _with(after, index, worker._replace(head=len(after.chain), at=At(worker.at + then))),
        )

    def _finish(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        then = worker._replace(at=At.OBSERVE)
        if not worker.acting and not worker.fips and worker.rest and state.intents < self.size.intents:
            then = worker._replace(at=At.BEGIN)
        match worker.at:
            case At.LEARN:
                assert worker.operation
                yield "", _with(_learnt(state, worker.operation.intent), index, worker._replace(at=At.FORGET))
            case At.FORGET if _ours(state, worker):
                yield "", _with(_saved(state, index, None), index, worker._replace(at=At.FREE_READ, operation=None))
            case At.FORGET:
                yield " lost", _with(state, index, Worker())
            case At.FREE_READ if not state.reservation:
                yield " none", _with(state, index, then)
            case At.FREE_READ:
                fence = At.FREE_FENCE if self.rules.fence_release else At.FREE
                read = worker._replace(at=fence, reservation=state.reservation, budget=state.budget)
                yield "", _with(state, index, read)
            case At.FREE_FENCE:
                yield "", _with(state, index, worker._replace(at=At.FREE) if _ours(state, worker) else Worker())
            case _ if self.rules.fence_release and worker.budget != state.budget:
                again = worker._replace(at=At.FREE_READ, reservation=0, budget=0)
                yield " lost the race", _with(state, index, again)
            case _:
                yield "", _with(_placed(state, 0), index, then._replace(reservation=0, budget=0))

    def _act(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        operation = worker.operation
        match worker.at:
            case At.BEGIN if not _ours(state, worker):
                yield " lost", _with(state, index, Worker())
            case At.BEGIN:
                begun = Operation(state.intents + 1, worker.etag)
                after = state._replace(intents=begun.intent)
                after = _saved(after, index, begun) if self.rules.save_before_put else after
                yield "", _with(after, index, worker._replace(at=At.RESERVE, operation=begun, acting=True))
            case At.RESERVE if state.reservation:
                yield " none free", _with(state, index, worker._replace(at=At.FORGET))
            case At.RESERVE:
                assert operation
                then = worker._replace(at=At.FENCE)
                yield "", _with(_placed(state, operation.intent), index, then)
            case At.FENCE:
                following = At.INTENT if self.rules.intent_before_put else At.LAST_FENCE
                following = following if _ours(state, worker) else At.FREE_OWN
                yield "", _with(state, index, worker._replace(at=following))
            case At.INTENT:
                assert operation
                yield from self._append(state, index, worker, Record("intent", operation.intent), 1)
            case _:
                yield from self._send(state, index, worker)

    def _send(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        operation = worker.operation
        assert operation
        match worker.at:
            case At.LAST_FENCE if _ours(state, worker) or not self.rules.last_fence:
                yield "", _with(state, index, worker._replace(at=At.PUT))
            case At.LAST_FENCE if self.rules.say_that_it_was_not_begun:
                yield " lost", _with(state, index, worker._replace(at=At.NOT_BEGUN))
            case At.LAST_FENCE:
                yield " lost", _with(state, index, Worker())
            case At.PUT:
                yield from self._put(state, index, worker)
            case At.FREE_OWN:
                freed = _placed(state, 0) if state.reservation == operation.intent else state
                yield "", _with(freed, index, Worker())
            case _:
                record = Record("answer", operation.intent, "not_begun")
                for label, after in self._append(state, index, worker, record, 0):
                    yield label, after if label == " taken" else _with(after, index, Worker())

    def _put(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        operation = worker.operation
        assert operation
        operation = operation._replace(recorded=True)
        worker = worker._replace(operation=operation, at=At.ANSWER)
        fits = state.etag == operation.etag or not self.rules.if_match
        if state.running or not fits:
            yield " refused", _with(state, index, worker._replace(says="refused"))
            return
        taken = (*state.taken, operation.intent)
        after = state._replace(etag=state.etag + 1, fips=True, running=operation.intent, taken=taken)
        yield " accepted", _with(after, index, worker._replace(says="accepted"))
        if state.lost_answers:
            unknown = _with(after, index, worker._replace(at=At.SAVE_ANSWER, says=""))
            yield " accepted, answer lost", unknown._replace(lost_answers=state.lost_answers - 1)
        if state.repeated_puts:
            refused = _with(after, index, worker._replace(says="refused"))
            yield " accepted, then refused", refused._replace(repeated_puts=state.repeated_puts - 1)

    def _end_look(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        match worker.at:
            case At.OBSERVE:
                yield " nothing", _with(state, index, worker._replace(at=At.CLOSE_FENCE))
                if state.observations or not worker.readable:
                    for label, after in self._append(state, index, worker, Record("observation"), 1):
                        spent = worker.readable and label != " taken"
                        yield label, after._replace(observations=after.observations - spent)
            case At.CLOSE_FENCE | At.CLOSE:
                yield from self._close(state, index, worker)
            case At.COMMIT_FENCE:
                yield "", _with(state, index, worker._replace(at=At.COMMIT if _ours(state, worker) else At.GIVE_UP))
            case At.COMMIT if not worker.posture_fresh:
                yield " lost", _with(state, index, worker._replace(at=At.GIVE_UP))
            case At.COMMIT:
                workers = tuple(other._replace(posture_fresh=False) for other in state.workers)
                after = state._replace(head=worker.head, workers=workers)
                yield "", _with(after, index, worker._replace(at=At.SETTLE))
            case _ if worker.fresh:
                # Settling and giving up look at no deadline: the conditional write is enough.
                yield "", _written(state, index, Worker())._replace(lease="free")
            case _:
                yield " lost", _with(state, index, Worker())

    def _close(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        match worker.at:
            case At.CLOSE_FENCE if worker.head == worker.base:
                yield " nothing to commit", _with(state, index, worker._replace(at=At.SETTLE))
            case At.CLOSE_FENCE if self.rules.remember_what_was_passed and self._learnt(state, worker):
                told = self._learnt(state, worker)
                if _ours(state, worker):
                    yield " saves", _with(_saved(state, index, told), index, worker._replace(operation=told))
                else:
                    yield " lost", _with(state, index, worker._replace(at=At.GIVE_UP))
            case At.CLOSE_FENCE:
                # What was passed before a fence that holds can't be the intent of somebody who took over.
                opened = self._open_intent(state, worker) if self.rules.close_foreign_intents else 0
                then = worker._replace(at=At.CLOSE if opened else At.COMMIT_FENCE, reservation=opened)
                ours = _ours(state, worker) or not self.rules.fence_close
                yield "", _with(state, index, then if ours else worker._replace(at=At.GIVE_UP))
            case _:
                record = Record("answer", worker.reservation, "unknown")
                for label, after in self._append(state, index, worker, record, 0):
                    done = after.workers[index]._replace(at=At.CLOSE_FENCE, reservation=0)
                    yield label, after if label == " taken" else _with(after, index, done)

    def _learnt(self, state: State, worker: Worker) -> Operation | None:
        """What a worker that slept wrote of the operation after it had been recalled; None if nothing."""
        if not worker.operation:
            return None
        told = _recalled(worker.operation, state.chain[worker.base : worker.head])
        return told if told != worker.operation else None

    def _open_intent(self, state: State, worker: Worker) -> int:
        passed = state.chain[worker.base : worker.head]
        answered = {record.intent for record in passed if record.kind == "answer"}
        own = worker.operation.intent if worker.operation else 0
        found = (record.intent for record in passed if record.kind == "intent")
        return next((intent for intent in found if intent != own and intent not in answered), 0)


def _recalled(operation: Operation, records: tuple[Record, ...]) -> Operation:
    for record in records:
        if record.intent == operation.intent and record.kind == "intent":
            operation = operation._replace(recorded=True)
        elif record.intent == operation.intent:
            operation = operation._replace(outcome=record.says)
    return operation


def _with(state: State, index: int, worker: Worker) -> State:
    return state._replace(workers=(*state.workers[:index], worker, *state.workers[index + 1 :]))


def _placed(state: State, reservation: int) -> State:
    return state._replace(reservation=reservation, budget=state.budget + 1)


def _learnt(state: State, intent: int) -> State:
    if intent in state.learnt:
        return state
    return state._replace(learnt=(*state.learnt, intent), budget=state.budget + 1)


def _written(state: State, index: int, worker: Worker) -> State:
    """Write the rollout row: nobody else's conditional write takes effect any more."""
    workers = tuple(other._replace(fresh=False) for other in state.workers)
    return _with(state._replace(workers=workers), index, worker)


def _saved(state: State, index: int, operation: Operation | None) -> State:
    return _written(state, index, state.workers[index])._replace(operation=operation, lease="held")


def _ours(state: State, worker: Worker) -> bool:
    """`Hold.check`: nobody else wrote the row, and the deadline, which is before the lease's end, has not passed."""
    return worker.fresh and state.lease == "held"
