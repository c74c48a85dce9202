"""What became of the operations of a replacement, told from the pools as they are."""

from typing import Any

import pytest

from shared.domain.memory import Memory, PoolMemory, Replacement
from shared.domain.model import Pool
from shared.domain.operation import OutcomeState as Ends
from shared.domain.parts import after_part, became, done, is_ours
from shared.domain.planned import ActionKind, Method
from tests.builders import NOW, operation, pool

ID = "0123456789abcdef0123456789abcdef"
REPLACEMENT = Replacement(ID, "old", "oldf", NOW, NOW)
OURS = {"tags": {"fipswarden-replaces": f"old:{ID}"}}
MADE = operation("old", kind=ActionKind.REPLACE, intent=ID, method=Method.CREATE, target="oldf")
DELETED = operation("old", kind=ActionKind.REPLACE, method=Method.DELETE)


@pytest.mark.parametrize(
    ("method", "found", "state"),
    [
        (Method.CREATE, None, Ends.NOT_BEGUN),
        (Method.CREATE, pool("oldf", **OURS), Ends.ACCEPTED),
        (Method.CREATE, pool("oldf", provisioningState="Creating", **OURS), Ends.ACCEPTED),
        (Method.CREATE, pool("oldf"), Ends.NOT_BEGUN),
        (Method.CREATE, pool("oldf", tags={"fipswarden-replaces": f"old:{ID[::-1]}"}), Ends.NOT_BEGUN),
        (Method.DELETE, None, Ends.ACCEPTED),
        (Method.DELETE, pool("old", provisioningState="Deleting", eTag="new"), Ends.ACCEPTED),
        (Method.DELETE, pool("old"), Ends.NOT_BEGUN),
        (Method.DELETE, pool("old", eTag="new"), Ends.UNKNOWN),
        (Method.DELETE, pool("old", eTag="new", provisioningState="Failed"), Ends.UNKNOWN),
    ],
)
def test_an_unanswered_request_is_found_out_from_the_pool(method: Method, found: Pool | None, state: Ends) -> None:
    outcome, message = became(MADE if method is Method.CREATE else DELETED, found)
    assert outcome is state
    assert message


@pytest.mark.parametrize(
    ("outcome", "found", "goes_on"),
    [
        (Ends.SUCCEEDED, pool("oldf", **OURS), True),
        (Ends.SUCCEEDED, pool("oldf"), True),
        (Ends.SUCCEEDED, None, False),
        (Ends.REFUSED, pool("oldf", **OURS), True),
        (Ends.REFUSED, pool("oldf"), False),
        (Ends.REFUSED, None, False),
        (Ends.NOT_BEGUN, None, False),
        (Ends.FAILED, pool("oldf", provisioningState="Failed", **OURS), False),
        (Ends.CANCELED, pool("oldf", provisioningState="Canceled", **OURS), False),
    ],
)
def test_a_replacement_goes_on_with_a_twin_that_was_made(outcome: Ends, found: Pool | None, *, goes_on: bool) -> None:
    ended = operation("old", intent=ID, method=Method.CREATE, target="oldf", outcome=outcome)
    memory = after_part(Memory(replacement=REPLACEMENT), ended, found, NOW)
    assert (memory.replacement is not None) is goes_on
    assert (memory.pool("oldf").ended is not None) is goes_on


@pytest.mark.parametrize("outcome", [Ends.REFUSED, Ends.NOT_BEGUN, Ends.FAILED, Ends.CANCELED, Ends.UNKNOWN])
def test_a_deletion_that_did_not_happen_leaves_it_where_it_was(outcome: Ends) -> None:
    memory = Memory(replacement=REPLACEMENT)
    ended = operation("old", method=Method.DELETE, outcome=outcome)
    assert after_part(memory, ended, pool("old"), NOW) == memory


def test_a_deletion_is_the_end_and_the_twin_is_remembered_for_it() -> None:
    ended = operation("old", method=Method.DELETE, outcome=Ends.SUCCEEDED)
    memory = after_part(Memory(replacement=REPLACEMENT), ended, None, NOW)
    assert (memory.replacement, memory.pool("oldf").replaced) == (None, ID)


def test_an_update_and_a_cluster_without_a_replacement_are_left_alone() -> None:
    memory = Memory(replacement=REPLACEMENT)
    assert after_part(memory, operation("other", outcome=Ends.SUCCEEDED), pool("other"), NOW) == memory
    assert after_part(Memory(), DELETED, None, NOW) == Memory()
    assert done(Memory(pools={"a": PoolMemory()})) == Memory(pools={"a": PoolMemory()})


@pytest.mark.parametrize(
    ("found", "ours"),
    [({}, False), (OURS, True), ({"tags": {"Fipswarden-Replaces": f"old:{ID}"}}, True)],
)
def test_a_twin_is_ours_by_its_tag(found: dict[str, Any], *, ours: bool) -> None:
    assert is_ours(MADE, pool("oldf", **found)) is ours
