"""What is remembered of a pool once our operation on it has ended or was refused: pure, so that it can be repeated."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.arm_errors import ABORTED, CANCELED, LASTING, PREEMPTED, ArmError, classify_end
from shared.domain.budget import Budget
from shared.domain.checks import CONTEST
from shared.domain.ends import shows
from shared.domain.memory import WHATEVER, PoolMemory
from shared.domain.model import Pool
from shared.domain.operation import Operation, OutcomeState, Refused
from shared.domain.pace import pace_of
from shared.domain.planned import Method

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(hours=1), timedelta(days=1)
_LONGEST_REFUSAL = timedelta(hours=6)
_STUCK_AFTER, _STUCK_TIMES = timedelta(hours=2), 3
"""An operation is stuck after so many times what it should take, and never before so long: draining one node alone
may take half an hour by default (AKS, "drain timeout")."""
_TOGETHER = frozenset({"enableFIPS", "osSKU"})


def stuck_from(budget: Budget, nodes: int | None, now: datetime) -> datetime:
    """Return from when on an operation that begins now takes too long."""
    return now + max(_STUCK_AFTER, pace_of(budget).of(nodes or 1) * _STUCK_TIMES)


def after_success(remembered: PoolMemory, operation: Operation, pool: Pool, now: datetime) -> PoolMemory:
    """Remember a success; only a change of the flag can be one that somebody undid.

    Whoever had it aborted, too late, does not want what would come after it either.
    """
    flag = "enableFIPS" in operation.changes
    found = replace(_ended(_contested(remembered, pool, now) if flag else remembered, now), apart="")
    more = not (flag and shows(operation, pool))
    return after_abort(found, pool, operation.aborted) if operation.aborted and more else found


def _contested(remembered: PoolMemory, pool: Pool, now: datetime) -> PoolMemory:
    """Remember a success: a pool that somebody keeps switching back is remediated ever more slowly."""
    again = remembered.ended is not None and now - remembered.ended < CONTEST
    times = remembered.remediated + 1 if again else 1
    if times == 1:
        return replace(remembered, remediated=1, not_before=None, waiting="")
    pause = min(_FIRST_PAUSE * 2 ** min(times - 2, 10), _LONGEST_PAUSE)
    message = (
        f"{pool.name} had FIPS switched {times} times within days: somebody keeps switching it back. Find out "
        "who does (Terraform with fips_enabled = false does)."
    )
    return replace(remembered, remediated=times, not_before=now + pause, waiting=f"Contested: {message}")


def error_of(operation: Operation) -> ArmError:
    """Return what an operation that did not succeed ended with."""
    return classify_end("", operation.message, canceled=operation.outcome is OutcomeState.CANCELED)


def is_a_failure(operation: Operation) -> bool:
    """Say whether an operation failed for its own sake: what somebody stopped or replaced says nothing of the fleet."""
    return not operation.aborted and error_of(operation).reason not in (CANCELED, PREEMPTED)


def after_failure(remembered: PoolMemory, operation: Operation, pool: Pool, now: datetime) -> PoolMemory:
    """Remember an operation that did not succeed: the pool is blocked, unless a later operation replaced ours."""
    found, error, words = _ended(remembered, now), error_of(operation), operation.kind.value.replace("_", " ")
    if operation.aborted:
        left = _left(operation) or " Some nodes may have the new image."
        said = f"The operation ({words}) was aborted, as {operation.aborted} asked.{left}"
        return _aborted(found, operation, pool, said)
    said = f"The operation ({words}) ended as {operation.outcome}. {error.message}".strip() + _left(operation)
    if error.reason == PREEMPTED and error.retry_after:
        return replace(found, not_before=now + error.retry_after, waiting=f"{PREEMPTED}: {said}")
    return replace(found, blocked=said, blocked_on=pool.configuration, blocked_reason=error.reason)


def after_abort(remembered: PoolMemory, pool: Pool, by: str) -> PoolMemory:
    """Remember that somebody stopped what AKS had not taken, or what had ended: what is known of the pool still holds.

    A pool that is left alone already for another reason goes on to be, by whatever configuration.
    """
    if remembered.blocks(pool):
        return remembered if remembered.blocked_reason == ABORTED else replace(remembered, blocked_on=WHATEVER)
    said = f"It was stopped while no operation of ours ran on it, as {by} asked."
    return replace(remembered, blocked=said, blocked_on=WHATEVER, blocked_reason=ABORTED)


def _aborted(remembered: PoolMemory, operation: Operation, pool: Pool, said: str) -> PoolMemory:
    # A pool whose replacement somebody stopped is left alone, whatever else is changed on it.
    on = WHATEVER if operation.method is Method.CREATE else pool.configuration
    return replace(remembered, blocked=said, blocked_on=on, blocked_reason=ABORTED)


def _left(operation: Operation) -> str:
    made = operation.method is Method.CREATE
    return (
        f" {operation.pool} is as it was; if anything of its twin {operation.on} is there, delete it." if made else ""
    )


def _ended(remembered: PoolMemory, now: datetime) -> PoolMemory:
    found = replace(remembered.untold(), ended=now, proof=None, resume="")
    return replace(found, blocked="", blocked_on="", blocked_reason="")


def after_refusal(
    remembered: PoolMemory, operation: Operation, pool: Pool, result: Refused, now: datetime, poll: timedelta
) -> PoolMemory:
    """Remember a refusal: for good, or until when; the more often, the longer, so that others get their turn.

    AKS takes 20 PUTs of a pool at once, then one a minute ("quotas, SKUs, and regions"): pauses that double are slower.
    """
    said = f"AKS refused: {result.message}"
    if result.retry_after is None:
        if _refuses_both(operation, result):
            return replace(remembered, apart=pool.configuration)
        return replace(remembered, blocked=said, blocked_on=pool.configuration, blocked_reason=result.reason)
    refusals = remembered.refusals + 1
    pause = min(max(result.retry_after, poll * 2 ** min(refusals - 1, 10)), _LONGEST_REFUSAL)
    lasting = said if result.reason in LASTING else ""
    waiting = f"{result.reason}: {said}"
    return replace(remembered, refused=lasting, refusals=refusals, not_before=now + pause, waiting=waiting)


def _refuses_both(operation: Operation, result: Refused) -> bool:
    """Say whether AKS may have refused only that OS SKU and FIPS change in one PUT.

    Nothing documents that it does, or how it would say so: what names both, or says that a property may not change, is
    tried one by one, and what it refuses then is its last word. What names one of them is no matter of the other: to
    change that alone would reimage the nodes for nothing.
    """
    names = result.reason == "PropertyChangeNotAllowed" or all(
        name in result.message.lower() for name in ("ossku", "enablefips")
    )
    return operation.method is Method.UPDATE and operation.changes.keys() == _TOGETHER and names
