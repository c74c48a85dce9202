"""Serves what people asked: each request is recorded, done under the lease, and cleared; any step may be the last one.

Before anything is sent stands a record of who asked for it, after it one of what became of it; only then the request
is cleared, and only after that the look acts by itself. A look that dies leaves the request for the next one, which
finds the records and does the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.aborting import abort
from shared.answer import Answer, pool_named, record_request
from shared.domain.bodies import Stage
from shared.domain.memory import PoolMemory
from shared.domain.model import Cluster, Gone
from shared.domain.operation import OutcomeState
from shared.domain.people import HOLDS, Request, RequestKind
from shared.domain.rulebook import Rulebook
from shared.domain.steps import UNFINISHED
from shared.domain.verified import Verified, verified
from shared.look import Look
from shared.requested import clear, drop_unreadable, read_requests

Server = Callable[[Look, Cluster, Request, Rulebook], Answer | None]
"""Serves one kind of request; None: not done yet, the next look goes on with it."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a look did about requests."""

    answers: tuple[str, ...] = ()
    """`kind pool: outcome`, and how many were dropped unread, for the log."""
    waiting: bool = False
    """Some are not done yet: the look comes back soon."""
    verify: frozenset[str] = frozenset()
    """Pools of which somebody wants a fresh proof now; empty text: the nodes outside every pool."""


def serve(look: Look, read: Cluster | Gone, rules: Rulebook) -> Served:
    """Serve the open requests of the cluster."""
    answers: list[str] = []
    waiting = False
    verify: set[str] = set()
    requests, unread = read_requests(look.ports.rollout, look.cluster)
    _seen(look, requests)
    for request in requests:
        answer = _answer(look, read, request, rules)
        if answer is None:
            waiting = True
            if request.kind is RequestKind.VERIFY and isinstance(read, Cluster):
                verify |= _verified(look, read, request, rules).open
            continue
        answers.append(_answered(look, request, answer))
    dropped = drop_unreadable(look.ports.rollout, look.cluster, look.ports.clock.now()) if unread else 0
    if dropped:
        answers.append(f"{dropped} that nobody can read: dropped")
    return Served(tuple(answers), waiting, frozenset(verify))


def drop_old(look: Look) -> Served:
    """Answer the requests that are too old by now, of a cluster that can't be read: no other can be served there."""
    requests, _ = read_requests(look.ports.rollout, look.cluster)
    old = ((one, _of_old(one, look.ports.clock.now())) for one in requests)
    return Served(tuple(_answered(look, request, answer) for request, answer in old if answer))


def _answered(look: Look, request: Request, answer: Answer) -> str:
    """Record what became of a request, remember it, and clear it."""
    record_request(look, request, Stage.ANSWERED, answer)
    if answer.memory is not None:
        look.hold.save(answer.memory)
    clear(look.ports.rollout, look.cluster, request)
    return f"{request.kind} {request.pool}: {answer.outcome}"


def _answer(look: Look, read: Cluster | Gone, request: Request, rules: Rulebook) -> Answer | None:
    if old := _of_old(request, look.ports.clock.now()):
        return old
    if request.pool in look.memory.missed and not isinstance(read, Gone):
        # Whether it is still there is not known yet.
        return None
    if isinstance(read, Gone):
        return Answer(OutcomeState.NOT_BEGUN, "The cluster does not exist any more.")
    return SERVERS[request.kind](look, read, request, rules)


def _verify(look: Look, read: Cluster, request: Request, rules: Rulebook) -> Answer | None:
    """Say what became of a proof that somebody asked for, once the look that was to take it has."""
    found = _verified(look, read, request, rules)
    if found.open:
        return None
    if not found.taken and not found.failed:
        message = (
            "There is no node to ask: the pools are not there, empty, not FIPS-enabled or at work, or the policy asks "
            "for no proof of theirs."
        )
        return Answer(OutcomeState.NOT_BEGUN, message)
    told = [f"A fresh proof was taken of {', '.join(found.taken)}."] if found.taken else []
    told += [f"None could be taken of {one}" for one in found.failed]
    return Answer(OutcomeState.FAILED if found.failed else OutcomeState.SUCCEEDED, " ".join(told))


def _verified(look: Look, read: Cluster, request: Request, rules: Rulebook) -> Verified:
    since = look.memory.verifying[request.id]
    return verified(read, look.memory, rules, request.pool, since, look.ports.clock.now())


def _seen(look: Look, requests: Sequence[Request]) -> None:
    """Remember when a request for a fresh proof was first seen: the clock of whoever asked may be any."""
    known = look.memory.verifying
    asked = [one for one in requests if one.kind is RequestKind.VERIFY]
    for request in asked:
        if request.id not in known:
            record_request(look, request, Stage.ASKED)
    seen = {one.id: known.get(one.id) or look.ports.clock.now() for one in asked}
    if seen != known:
        look.hold.save(replace(look.memory, verifying=seen))


def _of_old(request: Request, now: datetime) -> Answer | None:
    if now - request.at <= HOLDS:
        return None
    message = f"No look could serve it within {HOLDS.days} day: it is dropped, ask again."
    return Answer(OutcomeState.NOT_BEGUN, message)


def _unblock(look: Look, read: Cluster, request: Request, _: Rulebook) -> Answer | None:
    """Forget why a pool is left alone; what Azure itself asked us to wait for goes on to hold."""
    pool, remembered = pool_named(read, request.pool), look.memory.pool(request.pool)
    if pool is None:
        return Answer(OutcomeState.NOT_BEGUN, f"There is no node pool {request.pool} any more.")
    resume = request.by if pool.provisioning_state in UNFINISHED else ""
    held = remembered.refused or remembered.waiting.startswith("Contested: ")
    found = replace(remembered, blocked="", blocked_on="", blocked_reason="", apart="", resume=resume)
    if held:
        found = replace(found, refused="", refusals=0, not_before=None, waiting="", remediated=0)
    if found == remembered:
        return Answer(OutcomeState.NOT_BEGUN, "Nothing that a person could lift keeps the pool.")
    message = f"{_because(remembered)} It may be tried again, within the policy's limits."
    if resume:
        message += f" AKS left the pool in {pool.provisioning_state}: one PUT may be sent to it all the same."
    return Answer(OutcomeState.SUCCEEDED, message, look.memory.with_pool(pool.name, found))


def _because(remembered: PoolMemory) -> str:
    return remembered.blocked or remembered.refused or remembered.waiting or "Nothing of ours kept it."


SERVERS: Mapping[RequestKind, Server] = {
    RequestKind.ABORT: abort,
    RequestKind.UNBLOCK: _unblock,
    RequestKind.VERIFY: _verify,
}
