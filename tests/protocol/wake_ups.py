"""A model of the wake-ups: which messages may be let go, with looks that crash, run late and lose their lease.

Each step is one call of the real code, so that a worker may die, or another one act, between any two of them:

| step of the model | code |
|---|---|
| read row | `rollout.claim`: read, then ANSWERED, busy (turned away) or free; the host gives the message just before |
| take | `rollout._take`: the conditional write; lost: read again, or turned away after the third time |
| read woken, send a copy, read woken again, remember | `rollout._turn_away`, `rollout._remember_wake_up` |
| save | `Hold.save`, `Hold.check`: any write and any fence while the look works |
| read woken, send, settle | `Hold.settle` |
| give up | a look that is past its deadline or has lost a race: `Hold.release` |

Time: queue and table put stamps on what they take. Stamps are coarse: two things that come one after the other
may carry the same one. The true order is kept beside them as a count: a look that began when `known` events had
been inserted answers those when it completes. A delayed message may come at any time, which includes its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

LOST = "no wake-up is lost"


class At(IntEnum):
    """What a worker does next."""

    IDLE = 0
    READ = 1
    TAKE = 2
    SAVE = 3
    SETTLE_WOKEN = 4
    SETTLE_SEND = 5
    SETTLE = 6
    SEND_AFTER = 7
    GIVE_UP = 8
    AWAY_WOKEN = 9
    AWAY_SEND = 10
    AWAY_REMEMBER = 11
    AWAY_REMEMBER_FIRST = 12


HOLDING = frozenset({At.SAVE, At.SETTLE_WOKEN, At.SETTLE_SEND, At.SETTLE, At.GIVE_UP})

NOTHING_DONE = frozenset({At.READ, At.TAKE, At.AWAY_WOKEN, At.AWAY_REMEMBER_FIRST})
"""A worker that dies here leaves nothing but its message: as if nobody had received it yet."""


class Worker(NamedTuple):
    """One worker with the message that it was given."""

    at: At = At.IDLE
    inserted: int = 0
    """Stamp of its message."""
    owns: bool = False
    """The message comes back if the worker dies; no more once it was given to somebody else as well."""
    fresh: bool = False
    """The rollout row is as the worker last read or wrote it: its conditional write would take effect."""
    began: int = 0
    """Stamp of its claim."""
    known: int = 0
    """How many events had truly been inserted when it claimed."""
    copied: int = 0
    """Stamp of the copy that it sent."""


class Lease(NamedTuple):
    """The lease in the rollout row."""

    began: int
    expired: bool = False


class State(NamedTuple):
    """Everything."""

    now: int
    """The latest stamp."""
    queue: tuple[int, ...]
    """Stamps of the messages that wait."""
    lease: Lease | None
    answered: int
    woken: int
    workers: tuple[Worker, ...]
    events: int
    """How many are still to come."""
    inserted: int
    """How many wake-ups there have been: events, and next looks that a look asked for."""
    done: int
    """How many of them a completed look has answered."""
    requeues: int
    """How many looks will still want another one."""
    crashes: int
    slow: int
    """How often a look may still outlive its lease or its deadline."""
    repeats: int
    """How often a message may still be given to a second worker while the first one works."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules under test; each switch leaves one out."""

    strict: bool = True
    """Equal stamps are not `before`."""
    copy_when_busy: bool = True
    """Who is turned away sends a copy before he lets his message go."""
    never_rely_on_a_worker: bool = True
    """A message is let go for a completed look or a later message, not for a look that is still running."""
    answered_is_beginning: bool = True
    """`answered` is when the look began, not when it ended."""
    send_before_settle: bool = True
    """The next look is queued before the cluster is free and the messages are answered."""
    keep_message_of_lost_look: bool = True
    """A look that is past its deadline or has lost its lease does not let its message go."""
    send_before_remember: bool = True
    """`woken` is written after the copy is in the queue."""
    expires: bool = True
    """A lease ends."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much may happen."""

    workers: int = 2
    events: int = 2
    requeues: int = 0
    crashes: int = 1
    slow: int = 1
    repeats: int = 0
    coarse: bool = True
    """Two things that come one after the other may carry the same stamp."""
    hasty: bool = False
    """Who settles comes back at once if somebody was turned away meanwhile; this is quicker, not safer."""


def initial(size: Size) -> State:
    """Return the state in which nothing has happened."""
    workers = (Worker(),) * size.workers
    budget = (size.requeues, size.crashes, size.slow, size.repeats)
    return State(1, (), None, 0, 0, workers, size.events, 0, 0, *budget)


def quiet(state: State) -> bool:
    """Nothing waits, nobody works."""
    return not (state.queue or state.events) and all(worker.at is At.IDLE for worker in state.workers)


def broken(_: State, state: State) -> str:
    """Name the property that does not hold."""
    return LOST if quiet(state) and state.done != state.inserted else ""


class WakeUps:
    """The steps, under some rules."""

    def __init__(self, size: Size, rules: Rules) -> None:
        self.size, self.rules = size, rules

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield what may happen next, in a canonical form: stamps by rank, workers and messages in order."""
        for label, after in self._all(state):
            if after.lease and after.lease.began and self.rules.never_rely_on_a_worker:
                yield label, _canonical(after._replace(lease=after.lease._replace(began=0)))
            else:
                yield label, _canonical(after)

    def _all(self, state: State) -> Iterator[tuple[str, State]]:
        if state.events:
            for stamp in self._stamps(state):
                queued = _queued(state, stamp)
                yield (
                    f"an event at {stamp}",
                    queued._replace(events=state.events - 1, inserted=state.inserted + 1),
                )
        yield from self._expiry(state)
        seen: set[Worker] = set()
        for index, worker in enumerate(state.workers):
            if worker in seen:
                continue
            seen.add(worker)
            if worker.at is At.IDLE:
                yield from self._receive(state, index)
                continue
            yield from self._step(state, index, worker)
            nothing_done = worker.at in NOTHING_DONE or (worker.at is At.AWAY_SEND and self.rules.send_before_remember)
            if state.crashes and not nothing_done:
                died = _back(state, index)
                yield f"{index} dies before {worker.at.name}", died._replace(crashes=state.crashes - 1)
            if state.repeats and worker.owns:
                queue = (*state.queue, worker.inserted)
                shared = _with(state, index, worker._replace(owns=False))
                yield (
                    f"{index}'s message is visible again",
                    shared._replace(queue=queue, repeats=state.repeats - 1),
                )

    def _expiry(self, state: State) -> Iterator[tuple[str, State]]:
        if state.lease is None or state.lease.expired or not self.rules.expires:
            return
        alive = any(worker.fresh and worker.at in HOLDING for worker in state.workers)
        if alive and not state.slow:
            return
        lease = state.lease._replace(expired=True)
        yield "the lease ends", state._replace(lease=lease, slow=state.slow - alive)

    def _stamps(self, state: State) -> tuple[int, ...]:
        """Which stamp a server may give now: a later one, or, being coarse, the same once more."""
        return (state.now, state.now + 1) if self.size.coarse else (state.now + 1,)

    def _before(self, first: int, second: int) -> bool:
        return first < second if self.rules.strict else first <= second

    def _step(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        match worker.at:
            case At.READ:
                yield from self._read(state, index, worker)
            case At.TAKE:
                yield from self._take(state, index, worker)
            case At.SAVE:
                yield from self._save(state, index, worker)
            case At.SETTLE_WOKEN | At.SETTLE_SEND | At.SETTLE | At.SEND_AFTER:
                yield from self._settle(state, index, worker)
            case At.GIVE_UP:
                # Whoever took over is not disturbed: the write is conditional.
                freed = _written(state, index, None) if worker.fresh else state
                yield f"{index} gives up", self._lost(freed, index)
            case _:
                yield from self._turned_away(state, index, worker)

    def _receive(self, state: State, index: int) -> Iterator[tuple[str, State]]:
        for place, stamp in enumerate(state.queue):
            if place and state.queue[place - 1] == stamp:
                continue
            worker = Worker(At.READ, stamp, owns=True)
            queue = state.queue[:place] + state.queue[place + 1 :]
            for label, after in self._read(_with(state._replace(queue=queue), index, worker), index, worker):
                yield f"{label} ({stamp})", after

    def _read(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        if state.answered and self._before(worker.inserted, state.answered):
            yield f"{index} finds its message answered", _let_go(state, index)
            return
        away = Worker(At.AWAY_WOKEN, worker.inserted, worker.owns)
        lease = state.lease
        if lease and not lease.expired:
            if self._before(worker.inserted, lease.began) and not self.rules.never_rely_on_a_worker:
                yield f"{index} relies on the look that runs", _let_go(state, index)
            elif self.rules.copy_when_busy:
                yield f"{index} finds the cluster busy", _with(state, index, away)
            else:
                yield f"{index} finds the cluster busy and leaves", _let_go(state, index)
            return
        if lease is None and state.done and self.rules.copy_when_busy:
            yield f"{index} comes too soon after the last look", _with(state, index, away)
        yield (
            f"{index} finds the cluster free",
            _with(state, index, Worker(At.TAKE, worker.inserted, worker.owns, fresh=True)),
        )

    def _take(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        if not worker.fresh:
            again = Worker(At.READ, worker.inserted)
            # Reading again is the same as not having received the message yet.
            yield f"{index} loses the race", _back(state, index) if worker.owns else _with(state, index, again)
            away = Worker(At.AWAY_WOKEN, worker.inserted, worker.owns)
            yield f"{index} loses a third race", _with(state, index, away)
            return
        for stamp in self._stamps(state):
            lease = Lease(stamp)
            after = _written(state._replace(now=stamp), index, lease)
            mine = worker._replace(at=At.SAVE, fresh=True, began=stamp, known=state.inserted)
            yield f"{index} claims at {stamp}", _with(after, index, mine)

    def _save(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        if not worker.fresh:
            yield f"{index} notices that its lease is lost", self._lost(state, index)
            return
        lease = Lease(worker.began)
        saved = _written(state, index, lease)
        yield f"{index} saves", _with(saved, index, worker._replace(at=At.SETTLE_WOKEN, fresh=True))
        if state.slow:
            late = _with(state._replace(slow=state.slow - 1), index, worker._replace(at=At.GIVE_UP))
            yield f"{index} is past its deadline", late

    def _lost(self, state: State, index: int) -> State:
        return _back(state, index) if self.rules.keep_message_of_lost_look else _let_go(state, index)

    def _settle(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        first, second = At.SETTLE_SEND, At.SETTLE
        if not self.rules.send_before_settle:
            first, second = At.SETTLE, At.SEND_AFTER
        wanted = bool(state.requeues)
        match worker.at:
            case At.SETTLE_WOKEN:
                send = wanted or (self.size.hasty and state.woken >= worker.began)
                yield f"{index} reads woken", _with(state, index, worker._replace(at=first if send else At.SETTLE))
            case At.SETTLE_SEND | At.SEND_AFTER:
                for stamp in self._stamps(state):
                    queued = _queued(state, stamp)
                    if worker.at is At.SEND_AFTER:
                        yield f"{index} queues the next look at {stamp}", _let_go(queued, index)
                    else:
                        yield (
                            f"{index} queues the next look at {stamp}",
                            _with(queued, index, worker._replace(at=second)),
                        )
            case _ if not worker.fresh:
                yield f"{index} can't settle", self._lost(state, index)
            case _:
                answered = worker.began if self.rules.answered_is_beginning else state.now + 1
                after = _written(state, index, None)._replace(
                    now=max(state.now, answered),
                    answered=answered,
                    done=max(state.done, worker.known),
                    # What is due later is a wake-up like any other from here on.
                    inserted=state.inserted + wanted,
                    requeues=state.requeues - wanted,
                )
                if second is At.SEND_AFTER and wanted:
                    after = _with(after, index, worker._replace(at=At.SEND_AFTER, fresh=False))
                else:
                    after = _let_go(after, index)
                yield f"{index} settles", after

    def _turned_away(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        match worker.at:
            case At.AWAY_WOKEN if state.woken > worker.inserted:
                yield f"{index} relies on a later wake-up", _let_go(state, index)
            case At.AWAY_WOKEN:
                following = At.AWAY_SEND if self.rules.send_before_remember else At.AWAY_REMEMBER_FIRST
                yield f"{index} finds no later wake-up", _with(state, index, worker._replace(at=following))
            case At.AWAY_SEND:
                then = worker._replace(at=At.AWAY_REMEMBER)
                for stamp in self._stamps(state):
                    sent = _with(_queued(state, stamp), index, then._replace(copied=stamp))
                    if not self.rules.send_before_remember:
                        sent = _let_go(sent, index)
                    yield f"{index} sends a copy at {stamp}", sent
            case At.AWAY_REMEMBER:
                # Read, then a conditional write: it may be lost, and it may put an older time over a newer one.
                yield f"{index} remembers its copy", _let_go(state._replace(woken=worker.copied), index)
                yield f"{index} can't remember its copy", _let_go(state, index)
            case _:
                after = state._replace(now=state.now + 1, woken=state.now + 1)
                then = worker._replace(at=At.AWAY_SEND)
                yield f"{index} remembers a copy to come", _with(after, index, then)


def _with(state: State, index: int, worker: Worker) -> State:
    return state._replace(workers=(*state.workers[:index], worker, *state.workers[index + 1 :]))


def _let_go(state: State, index: int) -> State:
    return _with(state, index, Worker())


def _back(state: State, index: int) -> State:
    """The worker is gone; the host brings its message again."""
    worker = state.workers[index]
    queue = (*state.queue, worker.inserted) if worker.owns else state.queue
    return _with(state._replace(queue=queue), index, Worker())


def _queued(state: State, stamp: int) -> State:
    return state._replace(queue=(*state.queue, stamp), now=stamp)


def _written(state: State, index: int, lease: Lease | None) -> State:
    """Write the rollout row: nobody else's conditional write takes effect any more."""
    workers = tuple(
        worker._replace(fresh=False) if other != index else worker for other, worker in enumerate(state.workers)
    )
    return state._replace(lease=lease, workers=workers)


def _canonical(state: State) -> State:
    """Forget what makes no difference any more, and count stamps by rank."""
    waiting = [*state.queue, *(worker.inserted for worker in state.workers if worker.at)]
    oldest = min(waiting, default=state.now)
    begun = min((worker.began for worker in state.workers if worker.began), default=state.now)
    answered = state.answered if state.answered > oldest else 0
    woken = state.woken if state.woken > oldest or state.woken >= begun else 0
    lease = state.lease
    stamps = {state.now, answered, woken, *waiting, lease.began if lease else 0}
    for worker in state.workers:
        stamps.add(worker.began)
        stamps.add(worker.copied)
    stamps.discard(0)
    rank = dict(zip(sorted(stamps), range(1, len(stamps) + 1), strict=True))
    rank[0] = 0
    workers = sorted(
        Worker(
            worker.at,
            rank[worker.inserted],
            worker.owns,
            worker.fresh,
            rank[worker.began],
            worker.known if worker.known > state.done else 0,
            rank[worker.copied],
        )
        if worker.at
        else worker
        for worker in state.workers
    )
    return state._replace(
        now=rank[state.now],
        queue=tuple(sorted([rank[stamp] for stamp in state.queue])),
        lease=Lease(rank[lease.began], lease.expired) if lease else None,
        answered=rank[answered],
        woken=rank[woken],
        workers=tuple(workers),
    )
