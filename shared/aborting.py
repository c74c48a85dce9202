"""Stops what we began because a person asked for it, and leaves alone what that person named."""

from dataclasses import replace
from datetime import timedelta

from shared.answer import Answer, pool_named, record_request
from shared.domain.arm_errors import ABORTED, LASTING
from shared.domain.bodies import Stage
from shared.domain.checks import as_wanted
from shared.domain.ends import shows
from shared.domain.evaluate import subjects
from shared.domain.lessons import after_abort
from shared.domain.memory import Replacement
from shared.domain.model import Cluster
from shared.domain.operation import AbortTried, Accepted, BeginResult, Operation, OutcomeState, Refused, Unanswered
from shared.domain.parts import aborted
from shared.domain.people import Request
from shared.domain.planned import Method
from shared.domain.rulebook import Rulebook
from shared.domain.steps import UNFINISHED
from shared.domain.twins import made_for
from shared.look import Look
from shared.restoring import forgotten

_SELDOM = timedelta(hours=1)
"""How often at least an abort is sent that AKS refuses for the time being."""


def abort(look: Look, read: Cluster, request: Request, rules: Rulebook) -> Answer | None:
    """Stop what we began on a pool, and nothing else; where nothing runs by now, nothing more is begun on it.

    That is the one place where an abort holds that is asked for something which AKS has not taken: whichever way an
    operation was forgotten, nothing is sent while a request to abort is open (shared.fence), and it is open until this.
    """
    operation, replacement = look.memory.operation, look.memory.replacement
    meant = _meant(read, operation, request.pool)
    if replacement is None and operation is None:
        # Lost with the rollout row: its twin tells by which label its nodes were cordoned.
        replacement = forgotten(look.memory, read, meant, look.ports.clock.now())
    if replacement and request.pool in (replacement.pool, replacement.twin):
        if operation is None:
            return _give_up(look, request, replacement)
        if operation.method is Method.DELETE:
            message = f"{operation.pool} is empty and is being deleted: that is not stopped half-way."
            taken = operation.outcome is OutcomeState.ACCEPTED
            return Answer(OutcomeState.NOT_BEGUN, message) if taken else None
    if operation is None or operation.pool != meant:
        return _left_alone(look, read, request, meant, rules)
    pool = pool_named(read, operation.on)
    if operation.outcome is not OutcomeState.ACCEPTED:
        # Refused, and the pool shows it all the same, at work: what that comes to is seen first.
        return None
    if operation.aborted and pool and pool.provisioning_state in ("Canceling", "Canceled"):
        # An earlier look sent it and got no answer that it could record.
        return Answer(OutcomeState.ACCEPTED, f"The pool is {pool.provisioning_state}. {_AFTERWARDS}")
    if pool is None or pool.provisioning_state in ("Succeeded", *UNFINISHED):
        # It has just ended, or another look will see that it has not.
        return None
    if not shows(operation, pool):
        message = (
            f"What runs on {request.pool} is not ours any more: it no longer shows what ours set. Nothing is aborted, "
            "and nothing more is begun on it."
        )
        # However ours ends, nothing comes after it.
        memory = replace(look.memory, operation=replace(operation, aborted=request.by))
        return Answer(OutcomeState.NOT_BEGUN, message, memory)
    return _aborted(look, operation, request)


def _left_alone(look: Look, read: Cluster, request: Request, meant: str, rules: Rulebook) -> Answer:
    """Leave a pool alone on which nothing of ours runs, or not any more, unless it is as the policy wants it."""
    known = subjects(read, look.memory, rules.policy, look.ports.clock.now())
    subject = next((one for one in known if one.pool.name == meant), None)
    said = f"No operation of ours runs on {request.pool}: nothing is aborted"
    others = "What others began is theirs to stop (`az aks nodepool operation-abort`)."
    if subject is None or (as_wanted(subject) and not subject.memory.blocks(subject.pool)):
        return Answer(OutcomeState.NOT_BEGUN, f"{said}. {others}")
    found = after_abort(subject.memory, subject.pool, request.by)
    message = f"{said}, and nothing more is begun until somebody unblocks it. {others} {found.blocked}"
    return Answer(OutcomeState.ACCEPTED, message, look.memory.with_pool(meant, found))


def _meant(read: Cluster, operation: Operation | None, name: str) -> str:
    """Return the pool that is meant: for the twin of one that is still there, that one."""
    if operation and name in (operation.pool, operation.on):
        return operation.pool
    pool = pool_named(read, name)
    old = pool_named(read, made_for(pool)[0]) if pool else None
    return old.name if old else name


def _give_up(look: Look, request: Request, replacement: Replacement) -> Answer:
    """Let a replacement end as it is; what was cordoned for it is uncordoned by this look, or by later ones."""
    said = (
        f"The replacement of {replacement.pool} is given up: its nodes that were cordoned for that are uncordoned now, "
        f"and {replacement.twin} stays as well."
    )
    if replacement.ends.startswith(f"{ABORTED}:"):
        return Answer(OutcomeState.ACCEPTED, said)
    # Whatever it is given up for: what people decide may change back by itself, and the word of who asks does not.
    ending = replace(replacement.goes_on(look.ports.clock.now()), ends=aborted(request.by), waiting="")
    return Answer(OutcomeState.ACCEPTED, said, replace(look.memory, replacement=ending))


_AFTERWARDS = (
    "It ends as Canceled, with the nodes as they are by then: the pool is left alone until somebody unblocks it "
    "(`fipswarden unblock`) or changes its configuration, and any later PUT goes on where this one stopped."
)


def _aborted(look: Look, operation: Operation, request: Request) -> Answer | None:
    tried = operation.abort
    if tried is None or tried.request != request.id:
        record_request(look, request, Stage.ASKED, operation=operation.intent)
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
