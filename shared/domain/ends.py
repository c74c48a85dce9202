"""How an operation of ours ended, or whether it may still be going on, by what ARM shows."""

from typing import Any

from shared.domain.arm_errors import code_and_text
from shared.domain.model import Pool
from shared.domain.operation import (
    AT_REST,
    Operation,
    OperationRead,
    OperationStatus,
    OutcomeState,
    Progress,
    goes_on,
)
from shared.domain.parts import is_ours
from shared.domain.planned import Method

ENDS = {
    OperationStatus.SUCCEEDED: OutcomeState.SUCCEEDED,
    OperationStatus.FAILED: OutcomeState.FAILED,
    OperationStatus.CANCELED: OutcomeState.CANCELED,
}


def rests(pool: Pool | None) -> bool:
    """Say whether nothing is going on at a pool, also because there is none."""
    return pool is None or pool.provisioning_state in AT_REST


def is_on(operation: Operation, pool: Pool | None) -> bool:
    """Say whether an operation of ours may still be on the pool.

    A refusal alone is no proof that none is: the place in the budget is kept until the pool is at rest.
    """
    if operation.outcome is OutcomeState.ACCEPTED:
        return True
    refused = operation.outcome is OutcomeState.REFUSED
    return refused and bool(pool and shows(operation, pool)) and not rests(pool)


def shows(operation: Operation, pool: Pool) -> bool:
    """Say whether a pool has what our request gives it; ARM may spell an OS SKU in another case."""
    if operation.method is not Method.UPDATE:
        return is_ours(operation, pool)
    return all(_lower(pool.body.get(name)) == _lower(value) for name, value in operation.changes.items())


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def nothing_happened(operation: Operation, pool: Pool | None) -> bool:
    """Say whether it is certain that AKS took no PUT of an operation."""
    if operation.outcome is OutcomeState.REFUSED:
        return pool is not None and pool.etag == operation.etag
    return operation.outcome in (None, OutcomeState.NOT_BEGUN)


def ended(operation: Operation, pool: Pool | None, progress: Progress) -> tuple[OperationStatus | None, str]:
    """Say how an operation ended: by its URL, or where that was lost, by the pool's provisioning state.

    One on a pool that is gone has ended.
    """
    if pool is None:
        return _of_gone(operation, progress)
    aborted = operation.aborted and pool.provisioning_state == OperationStatus.CANCELED
    if isinstance(progress, OperationRead) and not aborted:
        if goes_on(progress):
            return None, ""
        return progress.status, _error(progress) or error_of(pool) or "AKS says that the operation has ended."
    for status in ENDS:
        if pool.provisioning_state == status.value:
            error = error_of(pool) if status is not OperationStatus.SUCCEEDED else ""
            return status, error or f"The pool's provisioning state is {status}."
    return None, ""


def _of_gone(operation: Operation, progress: Progress) -> tuple[OperationStatus, str]:
    """Say how an operation ended whose pool is gone: by its URL, or where that knows no end, by what it was for."""
    said = "The pool does not exist any more."
    if goes_on(progress):
        said = "The pool does not exist any more, though AKS says that the operation goes on."
    elif isinstance(progress, OperationRead):
        return progress.status, _error(progress) or said
    return OperationStatus.SUCCEEDED if operation.method is Method.DELETE else OperationStatus.CANCELED, said


def _error(progress: OperationRead) -> str:
    return f"{progress.code}: {progress.message}" if progress.code else progress.message


def error_of(pool: Pool) -> str:
    """Return the error that a pool shows of its last operation (AgentPoolStatus.provisioningError); empty if none."""
    status = pool.body.get("status")
    code, text = code_and_text(status.get("provisioningError")) if isinstance(status, dict) else ("", "")
    return f"{code}: {text}" if code else text
