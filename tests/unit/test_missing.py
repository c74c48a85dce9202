"""Which pools a list should have, and how an operation ended whose pool is gone."""

import pytest

from shared.domain.ends import ended
from shared.domain.memory import Memory, PoolMemory, Replacement
from shared.domain.missing import missing
from shared.domain.model import Unreadable
from shared.domain.operation import Operation, OperationRead, Progress
from shared.domain.operation import OperationStatus as Status
from shared.domain.operation import OutcomeState as Ends
from shared.domain.planned import Method
from tests.builders import NOW, cluster, judged, operation, profile

LISTED = cluster(profile("apps"))
SENT = {"outcome": Ends.ACCEPTED, "intent_seq": 1}
MADE = operation("apps", method=Method.CREATE, target="appsf")
DELETED = operation("old", method=Method.DELETE)


@pytest.mark.parametrize(
    "memory",
    [
        Memory(pools={"apps": PoolMemory(), "gone": PoolMemory()}),
        Memory(operation=operation("gone", **SENT)),
        Memory(operation=operation("apps", method=Method.CREATE, target="gone", **SENT)),
        Memory(operation=operation("gone", method=Method.CREATE, target="apps", **SENT)),
        Memory(replacement=Replacement("id", "gone", "apps", NOW, NOW)),
        Memory(replacement=Replacement("id", "apps", "gone", NOW, NOW)),
    ],
)
def test_a_pool_of_which_anything_is_remembered_is_missing_where_it_is_not_listed(memory: Memory) -> None:
    assert missing(LISTED, memory, None, None) == {"gone"}


def test_a_pool_of_which_there_is_a_verdict_is_missing_where_it_is_not_listed() -> None:
    assert missing(LISTED, Memory(), judged(cluster(profile("apps"), profile("gone"))), None) == {"gone"}


def test_nothing_is_missing_from_a_cluster_that_nobody_knows() -> None:
    assert missing(LISTED, Memory(), None, None) == frozenset()


IN_PROGRESS, SUCCEEDED, FAILED = (
    OperationRead(status) for status in (Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED)
)
UNREAD = Unreadable("NotFound", "no such operation", None)


@pytest.mark.parametrize(
    ("found", "outcome", "seq", "progress", "expected"),
    [
        (MADE, None, None, None, False),
        (MADE, None, 1, None, True),
        (MADE, Ends.NOT_BEGUN, 1, None, False),
        (MADE, Ends.REFUSED, 1, None, False),
        (MADE, Ends.ACCEPTED, 1, SUCCEEDED, True),
        (DELETED, None, 1, None, True),
        (DELETED, Ends.ACCEPTED, 1, IN_PROGRESS, True),
        (DELETED, Ends.ACCEPTED, 1, UNREAD, True),
        (DELETED, Ends.ACCEPTED, 1, FAILED, True),
        (DELETED, Ends.ACCEPTED, 1, SUCCEEDED, False),
        (DELETED, Ends.SUCCEEDED, 1, None, False),
        (operation("old"), Ends.SUCCEEDED, 1, SUCCEEDED, True),
    ],
)
def test_a_twin_that_was_never_made_and_a_pool_that_was_deleted_are_not_expected(
    found: Operation, outcome: Ends | None, seq: int | None, progress: Progress, *, expected: bool
) -> None:
    known = operation(found.pool, method=found.method, target=found.target, outcome=outcome, intent_seq=seq)
    assert (found.on in missing(LISTED, Memory(operation=known), None, progress)) is expected


@pytest.mark.parametrize(
    ("method", "progress", "end"),
    [
        (Method.UPDATE, None, Status.CANCELED),
        (Method.UPDATE, UNREAD, Status.CANCELED),
        (Method.UPDATE, IN_PROGRESS, Status.CANCELED),
        (Method.UPDATE, SUCCEEDED, Status.SUCCEEDED),
        (Method.UPDATE, FAILED, Status.FAILED),
        (Method.DELETE, None, Status.SUCCEEDED),
        (Method.DELETE, SUCCEEDED, Status.SUCCEEDED),
        (Method.DELETE, FAILED, Status.FAILED),
    ],
)
def test_an_operation_whose_pool_is_gone_ended_as_aks_says_or_as_it_must_have(
    method: Method, progress: Progress, end: Status
) -> None:
    said = "The pool does not exist any more"
    despite = ", though AKS says that the operation goes on" if progress is IN_PROGRESS else ""
    assert ended(operation(method=method), None, progress) == (end, f"{said}{despite}.")


def test_the_error_of_an_operation_whose_pool_is_gone_is_told() -> None:
    failed = OperationRead(Status.FAILED, "QuotaExceeded", "no cores left")
    assert ended(operation(), None, failed) == (Status.FAILED, "QuotaExceeded: no cores left")
