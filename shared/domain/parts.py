"""What became of the operations that a replacement consists of: pure, told from the pools as they are.

A twin carries its intent in its tag, so it is never taken for somebody else's pool, or the other way round.
"""

from dataclasses import replace
from datetime import datetime

from shared.domain.memory import Memory
from shared.domain.model import Pool
from shared.domain.operation import Operation, OutcomeState
from shared.domain.planned import Method
from shared.domain.steps import UNFINISHED
from shared.domain.twins import made_for

_DELETING = "Deleting"


def is_ours(operation: Operation, pool: Pool) -> bool:
    """Say whether a pool shows that a creation or deletion of ours was taken."""
    if operation.method is Method.CREATE:
        return made_for(pool) == (operation.pool, operation.intent)
    return pool.provisioning_state == _DELETING


def became(operation: Operation, pool: Pool | None) -> tuple[OutcomeState, str]:
    """Say what became of a creation or deletion whose answer nobody knows."""
    if operation.method is Method.CREATE:
        if pool is None:
            return OutcomeState.NOT_BEGUN, "No answer is known; there is no such pool."
        if is_ours(operation, pool):
            return OutcomeState.ACCEPTED, "No answer is known; the pool is there and carries our tag."
        return OutcomeState.NOT_BEGUN, "No answer is known; a pool of that name is there, and not ours."
    if pool is None:
        return OutcomeState.ACCEPTED, "No answer is known; the pool is gone."
    if is_ours(operation, pool):
        return OutcomeState.ACCEPTED, "No answer is known; the pool is being deleted."
    if pool.etag == operation.etag:
        return OutcomeState.NOT_BEGUN, "No answer is known; the pool is as it was."
    return OutcomeState.UNKNOWN, "No answer is known; the pool was changed."


def after_part(memory: Memory, operation: Operation, pool: Pool | None, now: datetime) -> Memory:
    """Return the memory after one of a replacement's operations is over; `pool` is the one that it was on.

    A replacement goes on with a twin that was made, and ends with a pool that was deleted; what was refused or failed
    on the old pool leaves it where it was.
    """
    replacement = memory.replacement
    if replacement is None or operation.method is Method.UPDATE:
        return memory
    if operation.method is Method.DELETE:
        return done(memory) if operation.outcome is OutcomeState.SUCCEEDED else memory
    # AKS's word is enough, should somebody's policy have taken the tag off.
    made = operation.outcome is OutcomeState.SUCCEEDED or (pool is not None and is_ours(operation, pool))
    if pool is None or not made or pool.provisioning_state in UNFINISHED:
        return replace(memory, replacement=None)
    twin = replace(memory.pool(operation.on), ended=now)
    return replace(memory, replacement=replacement.goes_on(now)).with_pool(operation.on, twin)


def done(memory: Memory) -> Memory:
    """Return the memory of a cluster in which the twin has taken its pool's place."""
    replacement = memory.replacement
    if replacement is None:
        return memory
    twin = replace(memory.pool(replacement.twin), replaced=replacement.id)
    return replace(memory, replacement=None).with_pool(replacement.twin, twin)
