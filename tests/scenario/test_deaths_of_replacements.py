"""A worker that dies at any call of a replacement: the next one goes on, and one pool is left, with every pod."""

import random
from collections.abc import Iterator

import pytest

from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from tests.protocol.lab import Schedule, Tap, WorkerDied, ruled
from tests.scenario.replacing import HOUR, MINUTE, Replacing

READS = frozenset(
    {"rollout.read", "postures.read", "evidence.read", "policies.load", "clusters.read", "clusters.operation"}
    | {"kubernetes.open", "kubernetes.api.get"}
)
"""Calls that change nothing: a death at one of them is a death before the next of the others."""
exhaustive = pytest.mark.no_cover
"""A run for every call: one of them covers what the others do, and watching them all doubles the time."""
CALLS = 125
"""More than a whole replacement makes of the others."""
APPROVES = "mode: approve\nstrategy: replace\n"


def dying(calls: int, died: list[bool]) -> Iterator[Tap]:
    """Yield the taps of one worker after the other; whoever comes to the call of this number dies before it."""
    left = [calls]

    def dies(call: str) -> None:
        left[0] -= call not in READS
        if left[0] == -1:
            left[0] = -2
            died.append(True)
            raise WorkerDied

    while True:
        yield Tap(before=dies)


def agreed() -> Replacing:
    """A replacement that waits for one person's word, and has it."""
    lab = Replacing.small()
    lab.policies.rules = ruled(APPROVES)
    lab.look(lasting=MINUTE)
    lab.says_yes()
    lab.event()
    return lab


def replaced(taps: Iterator[Tap]) -> Replacing:
    lab = agreed()
    lab.until_quiet(lambda: next(taps), patience=HOUR)
    return lab


@exhaustive
@pytest.mark.parametrize("fifth", range(5))
def test_a_worker_may_die_at_any_call(fifth: int) -> None:
    """And what somebody agreed to is used up once."""
    for death in range(fifth, CALLS, 5):
        lab = replaced(dying(death, []))

        lab.assert_replaced()
        lab.assert_chain()
        assert [one.kind for one in lab.world.operations.values()] == ["Creating", "Deleting"], death
        assert lab.budget.approvals == {}
        assert len(lab.records(RecordKind.INTENT)[-1].payload["approvals"]) == 1


def test_there_are_no_more_calls_than_are_tried() -> None:
    made: list[str] = []

    def taps() -> Iterator[Tap]:
        while True:
            yield Tap(before=made.append)

    replaced(taps()).assert_replaced()

    calls = [call for call in made if call not in READS]
    assert len(calls) < CALLS
    assert {"clusters.begin", "kubernetes.api.send", "rollout.write", "evidence.create"} <= {*calls}


@pytest.mark.parametrize("first", range(2))
def test_a_worker_may_die_and_the_rollout_row_be_lost_with_it(first: int) -> None:
    """Where the place in the budget tells of it, nobody is asked again; at worst one more word is needed."""
    for death in range(first, CALLS, 5):
        lab, died = agreed(), list[bool]()
        taps = dying(death, died)
        while lab.queue.messages and not died:
            lab.step(next(taps))
        lab.lose_row()
        lab.look(lasting=HOUR)
        if lab.waits(pool="old") == "ApprovalMissing":
            lab.says_yes()
            lab.look(lasting=HOUR)

        lab.assert_replaced()
        assert [one.kind for one in lab.world.operations.values()] == ["Creating", "Deleting"], death


def test_a_worker_may_die_while_it_goes_on_with_a_twin_that_was_given_up() -> None:
    """Its place is taken before it is remembered, so that the word for it is neither lost nor used without a place."""
    for death in range(0, 16, 2):
        lab = agreed()
        lab.until(lambda lab=lab: bool(lab.parts()))  # type: ignore[misc]
        for kind in (RequestKind.ABORT, RequestKind.UNBLOCK):
            lab.ask(kind, "old")
            lab.passes(MINUTE)
        assert (lab.waits(pool="old"), lab.replacement) == ("ApprovalMissing", None)
        lab.says_yes()
        taps = dying(death, [])
        lab.event()
        lab.until_quiet(lambda taps=taps: next(taps), patience=HOUR)  # type: ignore[misc]

        lab.assert_replaced()
        assert lab.budget.approvals == {}, death
        assert [one.kind for one in lab.world.operations.values()] == ["Creating", "Deleting"], death


@exhaustive
@pytest.mark.parametrize("first", range(0, 20, 10))
def test_several_workers_that_die_wait_and_overtake_each_other_lose_nothing(first: int) -> None:
    for seed in range(first, first + 10):
        lab = Replacing.small(seed)
        lab.event()
        Schedule(lab, random.Random(seed), deaths=2).run()
        lab.passes(HOUR)

        lab.assert_replaced()
        lab.assert_chain()
