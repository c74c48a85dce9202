"""The real code under crashes and interleavings: whatever happens, the world ends up as it should."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from itertools import count
from typing import Any

import pytest

from local.world.faults import Answer, FailOperation, Fault
from shared.budget import approve, read_budget
from shared.domain.budget import Approval
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.postures import read_posture
from shared.rollout import PACE, read_memory
from tests.protocol.lab import CLUSTER, INVISIBLE, PUNCTUAL, Lab, Schedule, Stepped, Tap, WorkerDied, ruled

exhaustive = pytest.mark.no_cover
"""A run for every call: the first one covers what the others do, and watching them all doubles the time."""


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Say in a failure which run it was."""
    try:
        yield
    except AssertionError as error:
        error.add_note(what)
        raise


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


def test_a_remediation_ends_proven_and_quiet() -> None:
    lab, killer = Lab(), Killer(0, after=False)
    lab.event()
    lab.until_quiet(killer.tap)
    lab.assert_sound()
    assert killer.calls > 60


@exhaustive
@pytest.mark.parametrize("back_at_once", [True, False], ids=["message back at once", "message back when it expires"])
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_worker_may_die_at_any_call(*, after: bool, back_at_once: bool) -> None:
    for call in count(1):
        lab, killer = Lab(), Killer(call, after=after)
        lab.event()
        lab.until_quiet(killer.tap, back_at_once=back_at_once)
        if killer.calls < call:
            break
        with noted(f"the worker died at call {call}"):
            lab.assert_sound()


def approved(lab: Lab) -> str:
    """Let a person approve what waits on the pool, in a ring of its own; returns the approval's fingerprint."""
    lab.policies.rules = ruled("mode: approve\nrings: [{name: all}]\n")
    lab.event()
    lab.until_quiet(patience=timedelta())
    (waiting,) = read_posture(lab.postures, CLUSTER).deferrals
    now = lab.clock.now()
    approve(lab.rollout, waiting.approval, Approval("ana", now, now + timedelta(days=7), "enable fips on np1"))
    lab.clock.advance(PACE)
    return waiting.approval


@exhaustive
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_wherever_a_worker_dies_an_approval_lets_one_put_through_and_is_neither_lost_nor_used_twice(
    *, after: bool
) -> None:
    for call in count(1):
        lab, killer = Lab(), Killer(call, after=after)
        word = approved(lab)
        lab.event()
        lab.until_quiet(killer.tap)
        if killer.calls < call:
            break
        with noted(f"the worker died at call {call}"):
            lab.assert_sound()
            budget = read_budget(lab.rollout)
            assert budget.approvals == {}
            assert [canary.proven for canary in budget.canaries.values()] == [True]
            intents = [record for record in lab.evidence.chain(CLUSTER) if record.kind is RecordKind.INTENT]
            assert all(intent.payload["approvals"][word]["by"] == "ana" for intent in intents)


def running_for_hours(lab: Lab) -> None:
    """Begin an operation that does not end by itself, and let somebody ask to abort it."""
    lab.world.operation_time = timedelta(days=2)
    lab.event()
    lab.until_quiet(patience=timedelta(seconds=10))
    lab.clock.advance(PACE)
    lab.world.operation_time = timedelta(minutes=2)
    lab.ask(RequestKind.ABORT)


@exhaustive
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_wherever_a_worker_dies_an_abort_stops_one_operation_and_the_request_is_answered_once(*, after: bool) -> None:
    for call in count(1):
        lab, killer = Lab(), Killer(call, after=after)
        running_for_hours(lab)
        lab.until_quiet(killer.tap, patience=timedelta(hours=1))
        if killer.calls < call:
            break
        with noted(f"the worker died at call {call}"):
            lab.assert_requests()
            assert lab.pool.provisioning_state == "Canceled"
            assert outcomes(lab) == ["accepted", "canceled"]
            assert len(lab.world.operations) == 2, "our PUT and one abort"
            answers = [one for one in requests(lab) if one["stage"] == "answered"]
            assert [one["outcome"] for one in answers] == ["accepted"]
            budget = read_budget(lab.rollout)
            assert (budget.places, budget.ended) == ({}, ())
            assert read_memory(lab.rollout, CLUSTER).pool("np1").blocked_reason == "Aborted"
            lab.ask(RequestKind.UNBLOCK)
            lab.until_quiet(patience=timedelta(hours=1))
            assert lab.pool.provisioning_state == "Succeeded"


def left_failed(lab: Lab) -> None:
    """Let an operation of ours fail, and somebody unblock the pool."""
    failure = FailOperation("VMExtensionProvisioningTimeout", "Provisioning of VM extension vmssCSE has timed out.")
    lab.world.faults.add(Fault(failure, method="PUT", kind="agentPools", times=2))
    lab.event()
    lab.until_quiet(patience=timedelta(hours=1))
    lab.clock.advance(PACE)
    lab.ask(RequestKind.UNBLOCK)


@exhaustive
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_wherever_a_worker_dies_an_unblock_lets_at_most_one_put_through_and_the_request_is_answered_once(
    *, after: bool
) -> None:
    for call in count(1):
        lab, killer = Lab(), Killer(call, after=after)
        left_failed(lab)
        lab.until_quiet(killer.tap, patience=timedelta(hours=1))
        if killer.calls < call:
            break
        with noted(f"the worker died at call {call}"):
            lab.assert_requests()
            lab.assert_chain()
            assert len(lab.world.operations) == 2, "the one that failed, and the one that was let through"
            assert outcomes(lab).count("accepted") == 2
            assert read_memory(lab.rollout, CLUSTER).pool("np1").resume == ""
            answers = [one for one in requests(lab) if one["stage"] == "answered"]
            assert [one["outcome"] for one in answers] == ["succeeded"]


def outcomes(lab: Lab) -> list[str]:
    """The outcomes of what was really sent."""
    found = [record.payload for record in lab.evidence.chain(CLUSTER) if record.kind is RecordKind.OUTCOME]
    return [str(one["outcome"]) for one in found if one["outcome"] != "not_begun"]


def requests(lab: Lab) -> list[Any]:
    """What the evidence says of people's requests."""
    return [record.payload for record in lab.evidence.chain(CLUSTER) if record.kind is RecordKind.REQUEST]


class Then(StrEnum):
    """What a worker does that slept longer than its lease."""

    GOES_ON = "and goes on"
    DIES = "and dies after one call"
    SLEEPS_AGAIN = "and sleeps again after one call"


def overtaken(lab: Lab, call: int, patience: timedelta, then: Then) -> bool:
    """Let the worker that is about to make the n-th call of a run sleep; say whether there was such a call.

    Its lease ends, others work, then it wakes up.
    """
    lab.event()
    calls = 0
    while (visible := lab.queue.next_visible()) is not None:
        lab.clock.advance(max(visible - lab.clock.now(), timedelta()))
        message = lab.queue.take(INVISIBLE)
        assert message
        worker = Stepped(lab, message)
        while not worker.done:
            calls += 1
            sleeps = calls == call or (calls == call + 1 and then is Then.SLEEPS_AGAIN)
            if sleeps and worker.at not in PUNCTUAL:
                lab.clock.advance(timedelta(minutes=6))
                lab.event()
                lab.until_quiet(patience=patience)
            worker.step()
            if calls == call and then is Then.DIES and not worker.done:
                worker.kill()
    return calls >= call


@exhaustive
@pytest.mark.parametrize("then", Then)
@pytest.mark.parametrize(
    "patience",
    [timedelta(), timedelta(seconds=40), timedelta(hours=3)],
    ids=["while others do one look", "while others see the operation", "while others do everything"],
)
def test_a_worker_may_be_overtaken_at_any_call(patience: timedelta, then: Then) -> None:
    for call in count(1):
        lab = Lab()
        with noted(f"the worker slept before call {call}"):
            if not overtaken(lab, call, patience, then):
                break
            lab.resync()
            lab.assert_sound()


def test_a_look_that_has_lost_its_lease_closes_no_intent_of_the_one_that_works() -> None:
    lab = Lab()
    lab.event()
    lab.world.faults.add(Fault(Answer(403, "AuthorizationFailed", "no"), method="GET", kind="managedClusters"))
    sleeper = started(lab)
    until(sleeper, "evidence.create")
    lab.clock.advance(timedelta(minutes=6))
    lab.event()
    worker = started(lab)
    until(worker, "clusters.begin")
    until(sleeper, "")
    until(worker, "")
    lab.until_quiet()
    lab.event()
    lab.until_quiet()
    lab.assert_sound()


def started(lab: Lab) -> Stepped:
    """Give the oldest message to a worker that waits before its first call."""
    message = lab.queue.take(INVISIBLE)
    assert message
    return Stepped(lab, message)


def until(worker: Stepped, call: str) -> None:
    """Let a worker go on until it is about to make a call, or to its end."""
    while not worker.done and worker.at != call:
        worker.step()


@exhaustive
@pytest.mark.parametrize("block", range(8))
def test_workers_may_overtake_each_other_die_and_sleep_anywhere(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        lab, rng = Lab(seed=seed), random.Random(seed)
        schedule = Schedule(
            lab,
            rng,
            workers=rng.choice((2, 3)),
            events=rng.choice((1, 2, 3)),
            deaths=rng.choice((0, 1, 2)),
            pauses=rng.choice((0, 1)),
            changes=rng.choice((0, 0, 1)),
        )
        with noted(f"seed {seed}"):
            schedule.run()
            lab.resync()
            lab.assert_sound()
