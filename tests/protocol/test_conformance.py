"""The real code under crashes and interleavings: whatever happens, the world ends up as it should."""

import random
from itertools import count

import pytest

from tests.protocol.lab import INVISIBLE, Lab, Schedule, Tap, WorkerDied


class Killer:
    """Kills the worker that makes the n-th call of a whole run, before or after that call."""

    def __init__(self, call: int, *, after: bool) -> None:
        self.call, self.kill_after = call, after
        self.calls = 0
        self.dead = False

    def tap(self) -> Tap:
        """Return the tap for the next worker."""
        self.dead = False
        return Tap(self.before, self.after)

    def before(self, _: str) -> None:
        """Count a call."""
        if self.dead:
            raise WorkerDied
        self.calls += 1
        if self.calls == self.call and not self.kill_after:
            self.dead = True
            raise WorkerDied

    def after(self, _: str) -> None:
        """Let the call have happened, and nothing after it."""
        if self.calls == self.call and self.kill_after:
            self.dead = True
            raise WorkerDied


def run(lab: Lab, killer: Killer, *, back_at_once: bool) -> None:
    """Run a whole remediation with one worker after the other."""
    lab.event()
    for _ in range(100):
        visible = lab.queue.next_visible()
        if visible is None:
            return
        lab.clock.advance(max(visible - lab.clock.now(), visible - visible))
        message = lab.queue.take(INVISIBLE)
        assert message
        lab.work(message, killer.tap(), back_at_once=back_at_once)
    raise AssertionError(f"not quiet: {lab.queue.messages}")


def test_a_remediation_ends_proven_and_quiet() -> None:
    lab, killer = Lab(), Killer(0, after=False)
    run(lab, killer, back_at_once=True)
    lab.assert_sound()
    assert killer.calls > 60


@pytest.mark.parametrize("back_at_once", [True, False], ids=["message back at once", "message back when it expires"])
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_worker_may_die_at_any_call(*, after: bool, back_at_once: bool) -> None:
    for call in count(1):
        lab, killer = Lab(), Killer(call, after=after)
        run(lab, killer, back_at_once=back_at_once)
        if killer.calls < call:
            break
        try:
            lab.assert_sound()
        except AssertionError as error:
            error.add_note(f"the worker died at call {call}")
            raise


@pytest.mark.parametrize("block", range(8))
def test_workers_may_overtake_each_other_die_and_pause_anywhere(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        lab, rng = Lab(seed=seed), random.Random(seed)
        schedule = Schedule(lab, rng, rng.choice((2, 3)), rng.choice((1, 2, 3)), rng.choice((0, 1, 2)), rng.choice((0, 1)))
        try:
            schedule.run()
            lab.assert_sound()
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
