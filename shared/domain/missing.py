"""Which node pools ARM's list of a cluster should have: one that lacks any is not believed at once.

Pure. No source says that the list can lack a pool for a moment, and none that it can't; what hangs on it (the end of an
operation, its place in the budget, all that is remembered of a pool) is not given up for one odd answer.
"""

from datetime import timedelta

from shared.domain.memory import Memory
from shared.domain.model import Cluster, Unreadable
from shared.domain.operation import Operation, OperationRead, OperationStatus, OutcomeState, Progress
from shared.domain.planned import Method
from shared.domain.posture import Posture


def no_pools(read: Cluster, retry_after: timedelta | None = None, *, had: bool = False) -> Unreadable | None:
    """Return why a cluster can't be judged by its list of pools, as it is empty; None if it can.

    Every cluster has a system pool (AKS, "Manage system node pools"), and lists it unless AKS manages it itself: node
    auto-provisioning or virtual nodes alone are no reason for an empty list. Where it does, and the cluster `had` pools
    before, only a list that is there says that they are gone: no source says that ARM then leaves it out.
    """
    if read.pools or (read.hosted and (read.listed or not had)):
        return None
    message = "ARM shows no node pool of the cluster: whatever nodes it has are not judged."
    return Unreadable("NoNodePools", message, retry_after)


def missing(read: Cluster, memory: Memory, posture: Posture | None, progress: Progress) -> frozenset[str]:
    """Return the pools that are not listed though something is known of them, or of our operation on them."""
    known = {*memory.pools, *(pool.pool for pool in (posture.pools if posture else ()))}
    if replacement := memory.replacement:
        known |= {replacement.pool, replacement.twin}
    if operation := memory.operation:
        known |= {operation.pool, operation.on}
        known -= {operation.on} if _leaves_none(operation, progress) else set()
    return frozenset(known - {pool.name for pool in read.pools})


def _leaves_none(operation: Operation, progress: Progress) -> bool:
    """Say whether there should be no pool where an operation was: a twin was never made, or an old pool deleted."""
    match operation.method:
        case Method.CREATE:
            not_sent = operation.outcome is None and operation.intent_seq is None
            return not_sent or operation.outcome in (OutcomeState.NOT_BEGUN, OutcomeState.REFUSED)
        case Method.DELETE:
            ended = isinstance(progress, OperationRead) and progress.status is OperationStatus.SUCCEEDED
            return ended or operation.outcome is OutcomeState.SUCCEEDED
        case _:
            return False
