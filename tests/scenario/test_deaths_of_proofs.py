"""A worker that dies before or after any call of a proof by pods: the next one ends it, and nothing is left behind."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.domain.records import GENESIS
from tests.protocol.lab import CLUSTER, Schedule, Tap, WorkerDied
from tests.scenario.proving import Nodes

exhaustive = pytest.mark.no_cover
"""A run for every call: one of them covers what the others do, and watching them all doubles the time."""
CALLS = 66
"""More than a whole proof makes; a death after the last one changes nothing."""


def dying(calls: int, *, after: bool) -> Iterator[Tap]:
    """Yield the taps of one worker after the other; whoever makes the call of this number dies at it."""
    left = [calls]

    def dies(_: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise WorkerDied

    while True:
        yield Tap(after=dies) if after else Tap(before=dies)


def proven(taps: Iterator[Tap], *, lie: bool = False) -> Nodes:
    lab = Nodes()
    nodes = lab.nodes(lab.pool_of())
    nodes[1].kernel_fips = 0 if lie else 1
    lab.event()
    lab.until_quiet(lambda: next(taps), patience=timedelta(minutes=30))
    lab.passes(timedelta(minutes=30))
    return lab


@exhaustive
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("lie", [False, True])
def test_a_worker_may_die_at_any_call(*, after: bool, lie: bool) -> None:
    for death in range(CALLS):
        lab = proven(dying(death, after=after), lie=lie)

        assert lab.verdict(pool="apps") == ("inconsistent: NodesDisagree" if lie else "compliant: NodesProven"), death
        lab.assert_nothing_left()
        previous = GENESIS
        for record in lab.evidence.chain(CLUSTER):
            assert record.payload["previous"] == previous, death
            previous = record.head.hash
        assert all(len(one["nodes"]) == 3 for one in lab.proofs()), death


def test_there_are_no_more_calls_than_are_tried() -> None:
    made: list[str] = []

    def taps() -> Iterator[Tap]:
        while True:
            yield Tap(before=made.append)

    lab = proven(taps())

    assert len(made) < CALLS, made
    assert {"kubernetes.open", "kubernetes.api.send", "kubernetes.api.get"} <= {*made}
    lab.assert_nothing_left()


@exhaustive
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_several_workers_that_die_wait_and_overtake_each_other_leave_nothing(first: int) -> None:
    for seed in range(first, first + 20):
        lab = Nodes(seed=seed)
        lab.pool_of()
        lab.event()
        Schedule(lab, random.Random(seed), deaths=2).run()
        lab.passes(timedelta(hours=1))

        assert lab.verdict(pool="apps") == "compliant: NodesProven", seed
        lab.assert_nothing_left()
