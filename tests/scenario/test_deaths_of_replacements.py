"""A worker that dies at any call of a replacement: the next one goes on, and one pool is left, with every pod."""

import random
from collections.abc import Iterator

import pytest

from tests.protocol.lab import Schedule, Tap, WorkerDied
from tests.scenario.replacing import HOUR, Replacing

READS = frozenset({"rollout.read", "postures.read", "evidence.read", "policies.load"})
"""Calls at which nobody has to die: it is the same as a death at the call before or after."""
CALLS = 155
"""More than a whole replacement makes of the others."""


def dying(calls: int, *, after: bool) -> Iterator[Tap]:
    """Yield the taps of one worker after the other; whoever makes the call of this number dies at it."""
    left = [calls]

    def dies(call: str) -> None:
        left[0] -= call not in READS
        if left[0] == -1:
            left[0] = -2
            raise WorkerDied

    while True:
        yield Tap(after=dies) if after else Tap(before=dies)


def replaced(taps: Iterator[Tap]) -> Replacing:
    lab = Replacing.made()
    lab.event()
    lab.until_quiet(lambda: next(taps), patience=HOUR)
    lab.passes(HOUR)
    return lab


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("tenth", range(10))
def test_a_worker_may_die_at_any_call(tenth: int, *, after: bool) -> None:
    for death in range(tenth, CALLS, 10):
        lab = replaced(dying(death, after=after))

        lab.assert_replaced()
        lab.assert_chain()
        assert [one.kind for one in lab.world.operations.values()] == ["Creating", "Deleting"], death


def test_there_are_no_more_calls_than_are_tried() -> None:
    made: list[str] = []

    def taps() -> Iterator[Tap]:
        while True:
            yield Tap(before=made.append)

    replaced(taps()).assert_replaced()

    calls = [call for call in made if call not in READS]
    assert len(calls) < CALLS
    assert {"clusters.begin", "kubernetes.api.send", "rollout.write", "evidence.create"} <= {*calls}


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_several_workers_that_die_wait_and_overtake_each_other_lose_nothing(first: int) -> None:
    for seed in range(first, first + 10):
        lab = Replacing.made(seed=seed)
        lab.event()
        Schedule(lab, random.Random(seed), deaths=2).run()
        lab.passes(HOUR)

        lab.assert_replaced()
        lab.assert_chain()
