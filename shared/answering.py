"""Serves what people asked: each request is recorded, done under the lease, and cleared; any step may be the last one.

Before anything is sent stands a record of who asked for it, after it one of what became of it; only then the request
is cleared, and only after that the look acts by itself. A look that dies leaves the request for the next one, which
finds the records and does the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.arm_errors import ABORTED, LASTING
from shared.domain.bodies import RequestRecord, Stage
from shared.domain.ends import shows
from shared.domain.memory import Memory, PoolMemory, Replacement
from shared.domain.model import Cluster, Gone, Pool
from shared.domain.operation import AbortTried, Accepted, BeginResult, Operation, OutcomeState, Refused, Unanswered
from shared.domain.people import HOLDS, Request, RequestKind
from shared.domain.planned import Method
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.domain.steps import UNFINISHED
from shared.domain.twins import made_for
from shared.domain.verified import Verified, verified
from shared.look import Look
from shared.requested import clear, drop_unreadable, read_requests
from shared.restoring import forgotten


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    outcome: OutcomeState
    message: str
    memory: Memory | None = None
    """What is remembered from now on; None if nothing changes. It is saved after the answer was recorded."""
    said: Accepted | Refused | None = None
    """What ARM said to it, if it was asked."""


_SELDOM = timedelta(hours=1)
"""How often at least an abort is sent that AKS refuses for the time being."""

Server = Callable[[Look, Cluster, Request], Answer | None]
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
    _record(look, request, Stage.ANSWERED, answer)
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
    if request.kind is RequestKind.VERIFY:
        return _verify(look, read, request, rules)
    return SERVERS[request.kind](look, read, request)


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
            _record(look, request, Stage.ASKED)
    seen = {one.id: known.get(one.id) or look.ports.clock.now() for one in asked}
    if seen != known:
        look.hold.save(replace(look.memory, verifying=seen))


def _of_old(request: Request, now: datetime) -> Answer | None:
    if now - request.at <= HOLDS:
        return None
    message = f"No look could serve it within {HOLDS.days} day: it is dropped, ask again."
    return Answer(OutcomeState.NOT_BEGUN, message)


def _record(look: Look, request: Request, stage: Stage, answer: Answer | None = None, *, operation: str = "") -> None:
    """Record a stage of a request once: whoever comes second finds the first one's record."""
    look.hold.check()
    said = answer.said if answer else None
    body = RequestRecord(
        request=request.id,
        asks=request.kind,
        pool=request.pool,
        by=request.by,
        asked=request.at,
        stage=stage,
        outcome=answer.outcome if answer else None,
        message=answer.message if answer else "",
        operation=operation,
        correlation_id=said.correlation_id if said else "",
        request_id=said.request_id if said else "",
    )
    look.chain.append(RecordKind.REQUEST, look.ports.clock.now(), body, f"{request.id}.{stage}")


def _pool(read: Cluster, name: str) -> Pool | None:
    return next((pool for pool in read.pools if pool.name == name), None)


def _abort(look: Look, read: Cluster, request: Request) -> Answer | None:
    """Stop what we began on a pool, and nothing else."""
    operation = look.memory.operation
    meant = _meant(read, operation, request.pool)
    pool, remembered = _pool(read, operation.on if operation else meant), look.memory.pool(meant)
    stopped = remembered.blocked_reason == ABORTED and remembered.ended and remembered.ended >= request.at
    replacement = look.memory.replacement
    if replacement is None and operation is None and not stopped:
        # Lost with the rollout row: its twin tells by which label its nodes were cordoned.
        replacement = forgotten(look.memory, read, meant, look.ports.clock.now())
    if replacement and request.pool in (replacement.pool, replacement.twin):
        if operation is None:
            return _give_up(look, request, replacement)
        if operation.method is Method.DELETE:
            message = f"{operation.pool} is empty and is being deleted: that is not stopped half-way."
            return Answer(OutcomeState.NOT_BEGUN, message) if operation.outcome else None
    if operation is None and stopped:
        # An earlier look sent it and got no answer, and by now it has done its work.
        return Answer(OutcomeState.ACCEPTED, remembered.blocked)
    if operation is None or operation.pool != meant or operation.outcome is not OutcomeState.ACCEPTED:
        message = (
            f"No operation of ours runs on {request.pool}: nothing is aborted. What others began is theirs to stop "
            "(`az aks nodepool operation-abort`)."
        )
        return Answer(OutcomeState.NOT_BEGUN, message)
    if operation.aborted and pool and pool.provisioning_state in ("Canceling", "Canceled"):
        # An earlier look sent it and got no answer that it could record.
        return Answer(OutcomeState.ACCEPTED, f"The pool is {pool.provisioning_state}. {_AFTERWARDS}")
    if pool is None or pool.provisioning_state in ("Succeeded", *UNFINISHED):
        # It has just ended, or another look will see that it has not.
        return None
    if not shows(operation, pool):
        message = (
            f"What runs on {request.pool} is not ours any more: it no longer shows what ours set. Nothing is aborted."
        )
        return Answer(OutcomeState.NOT_BEGUN, message)
    return _aborted(look, operation, request)


def _meant(read: Cluster, operation: Operation | None, name: str) -> str:
    """Return the pool that is meant: for the twin of one that is still there, that one."""
    if operation and name in (operation.pool, operation.on):
        return operation.pool
    pool = _pool(read, name)
    old = _pool(read, made_for(pool)[0]) if pool else None
    return old.name if old else name


def _give_up(look: Look, request: Request, replacement: Replacement) -> Answer:
    """Let a replacement end as it is; what was cordoned for it is uncordoned by this look, or by later ones."""
    said = (
        f"The replacement of {replacement.pool} is given up: its nodes that were cordoned for that are uncordoned now, "
        f"and {replacement.twin} stays as well."
    )
    if replacement.ends:
        return Answer(OutcomeState.ACCEPTED, said)
    ends = f"{ABORTED}: The replacement was aborted, as {request.by} asked."
    ending = replace(replacement.goes_on(look.ports.clock.now()), ends=ends, waiting="")
    return Answer(OutcomeState.ACCEPTED, said, replace(look.memory, replacement=ending))


_AFTERWARDS = (
    "It ends as Canceled, with the nodes as they are by then: the pool is left alone until somebody unblocks it "
    "(`fipswarden unblock`) or changes its configuration, and any later PUT goes on where this one stopped."
)


def _aborted(look: Look, operation: Operation, request: Request) -> Answer | None:
    tried = operation.abort
    if tried is None or tried.request != request.id:
        _record(look, request, Stage.ASKED, operation=operation.intent)
        tried = AbortTried(request.id)
    if tried.after and look.ports.clock.now() < tried.after:
        return None
    # Also the fence: what follows leaves soon after this write, by the same rule as a PUT, or not at all.
    look.hold.save(replace(look.memory, operation=replace(operation, aborted=request.by, abort=tried)))
    return _said(look, operation, tried, look.ports.clusters.abort(look.cluster, operation.on, request.id))


def _said(look: Look, operation: Operation, tried: AbortTried, result: BeginResult) -> Answer | None:
    match result:
        case Accepted(_, correlation_id):
            told = f"AKS took the abort; correlation id {correlation_id or 'not given'}. {_AFTERWARDS}"
            return Answer(OutcomeState.ACCEPTED, told, said=result)
        case Refused(reason, message, retry_after) if retry_after is None or reason in LASTING:
            memory = replace(look.memory, operation=replace(operation, aborted="", abort=None))
            return Answer(OutcomeState.REFUSED, f"AKS refused the abort. {message}", memory, result)
        case Refused(_, _, retry_after):
            # AKS says 409 where the operation ended first (SDK, begin_abort_latest_operation): the next look sees it.
            # Where it goes on saying so, less and less often. What it refuses it has not taken: how the operation ends
            # is then its own doing, unless an earlier abort got no answer.
            pause = max(retry_after or timedelta(), min(look.ports.timing.poll * 2**tried.refusals, _SELDOM))
            later = AbortTried(tried.request, tried.refusals + 1, look.ports.clock.now() + pause)
            look.hold.save(replace(look.memory, operation=replace(operation, abort=later)))
            return None
        case Unanswered():
            return None


def _unblock(look: Look, read: Cluster, request: Request) -> Answer | None:
    """Forget why a pool is left alone; what Azure itself asked us to wait for goes on to hold."""
    pool, remembered = _pool(read, request.pool), look.memory.pool(request.pool)
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


SERVERS: Mapping[RequestKind, Server] = {RequestKind.ABORT: _abort, RequestKind.UNBLOCK: _unblock}
