"""An abort that was asked for while the row showed an operation of ours: whatever became of that, nothing follows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cli.main import main
from local.world.faults import Answer, CancelOperation, Drop, Fault
from shared import bootstrap
from shared.domain.operation import Accepted, OutcomeState
from shared.domain.people import Request, RequestKind
from shared.domain.records import RecordKind
from shared.requested import ask, open_requests
from shared.rollout import read_memory
from tests.builders import ANA
from tests.protocol.lab import CLUSTER, Tap, WorkerDied, ruled
from tests.scenario.fleet import Fleet
from tests.scenario.replacing import DAY, HOUR, MINUTE, REPLACES, Replacing, half_way, writes

SECONDS = timedelta(seconds=10)
BUSY = Answer(409, "OperationNotAllowed", "Another operation (Upgrading) is in progress on the cluster")
AWAY = Answer(503, "ServiceUnavailable", "try later")
WAYS = [Drop(), AWAY, BUSY]
SETTINGS: list[dict[str, Any]] = [{}, {"osSKU": "Ubuntu"}]
TWIN_OR_FLAG = pytest.mark.parametrize("settings", SETTINGS, ids=["a twin is made", "fips is switched on"])


@pytest.fixture
def abort(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fleet], int]:
    """Give `fipswarden abort old` against a laboratory; it returns the exit code."""

    def run(lab: Fleet) -> int:
        tables = {"rollout": lab.rollout, "posture": lab.postures}
        monkeypatch.setattr(bootstrap, "table", lambda name: tables[name])
        monkeypatch.setattr(bootstrap, "wake_ups", lambda: lab.queue)
        monkeypatch.setattr(bootstrap, "alert_queue", lambda: lab.alerts)
        monkeypatch.setattr(bootstrap, "caller", lambda: ANA)
        monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: lab.clock.now())
        monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
        return main(["abort", CLUSTER.arm_id, "old"])

    return run


def begun(settings: dict[str, Any]) -> Replacing:
    lab = Replacing.made(**settings)
    lab.event()
    return lab


def answers(lab: Fleet) -> list[tuple[str, str]]:
    """What became of requests, and in which words."""
    found = [one.payload for one in lab.records(RecordKind.REQUEST) if one.payload["stage"] == "answered"]
    return [(str(one["outcome"]), str(one["message"])) for one in found]


def assert_left_alone(lab: Replacing) -> None:
    """Assert that nothing follows until somebody unblocks the pool, and that something does then."""
    sent = writes(lab)
    lab.passes(2 * DAY)
    assert (list(lab.pools), writes(lab), lab.replacement, lab.budget.places) == (["old"], sent, None, {})
    assert (lab.waits(pool="old"), f"as {ANA} asked" in lab.deferral(pool="old").message) == ("Blocked", True)
    assert open_requests(lab.rollout, CLUSTER) == ()
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    assert len(writes(lab)) > len(sent)


@TWIN_OR_FLAG
@pytest.mark.parametrize("effect", WAYS, ids=["dropped", "503", "409"])
def test_an_abort_of_what_aks_has_not_taken_holds(
    effect: Any, settings: dict[str, Any], abort: Callable[[Fleet], int]
) -> None:
    lab = begun(settings)
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=1))
    lab.step(Tap())
    assert len(writes(lab)) == 1
    lab.clock.advance(SECONDS)
    assert abort(lab) == 0
    lab.passes(HOUR)
    assert [outcome for outcome, _ in answers(lab)] == ["accepted"]
    assert_left_alone(lab)


@TWIN_OR_FLAG
def test_an_abort_holds_wherever_the_worker_that_begins_dies(settings: dict[str, Any]) -> None:
    whole, calls = begun(settings), list[str]()
    whole.step(Tap(before=calls.append))
    sends = calls.index("clusters.begin")
    for death in range(sends - 10, sends + 1):
        lab, gone, asked = begun(settings), list[str](), list[int]()

        def dies(
            call: str, lab: Replacing = lab, gone: list[str] = gone, asked: list[int] = asked, at: int = death
        ) -> None:
            gone.append(call)
            if len(gone) > at:
                raise WorkerDied
            if not asked and read_memory(lab.rollout, CLUSTER).operation:
                asked.append(len(gone))
                ask(lab.rollout, CLUSTER, Request("r1", RequestKind.ABORT, "ana", lab.clock.now(), "old"))

        lab.step(Tap(before=dies))
        lab.event()
        lab.passes(HOUR)
        if asked:
            assert (list(lab.pools), writes(lab)) == (["old"], []), f"it died before {calls[death]}"
            assert lab.remembered().blocked_reason == "Aborted"


def test_a_deletion_that_aks_refuses_is_held_back_by_an_abort(abort: Callable[[Fleet], int]) -> None:
    lab = Replacing.small()
    lab.event()
    lab.world.faults.add(Fault(BUSY, method="DELETE", kind="agentPools", times=None))
    lab.until(lambda: ("DELETE", 409) in writes(lab), patience=3 * HOUR)
    operation = read_memory(lab.rollout, CLUSTER).operation
    assert operation
    assert operation.outcome is OutcomeState.REFUSED
    assert abort(lab) == 0
    sent = writes(lab)
    lab.world.faults.clear()
    lab.passes(2 * HOUR)
    assert (sorted(lab.pools), writes(lab)) == (["old", "oldf"], sent)
    assert lab.waits(pool="old") == "Blocked"
    lab.assert_untouched()


def test_an_abort_holds_that_comes_while_a_replacement_is_given_up_for_what_may_change_back() -> None:
    lab = half_way()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.policies.rules = ruled("mode: alert\nstrategy: replace\n")
    lab.event()
    lab.until(lambda: bool(lab.replacement and lab.replacement.ends))
    ending = lab.replacement
    assert ending
    assert ending.ends.startswith("ModeDoesNotAct")
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(MINUTE)
    lab.cluster.properties["apiServerAccessProfile"] = {}
    lab.policies.rules = ruled(REPLACES)
    lab.event()
    lab.passes(DAY)
    assert sorted(lab.pools) == ["old", "oldf"]
    assert lab.replacement is None
    assert lab.waits(pool="old") == "Blocked"
    lab.assert_untouched()


def in_two_steps() -> Fleet:
    """A pool of which AKS changes first the OS SKU, and would then switch FIPS on."""
    lab = Fleet()
    lab.policies.rules = ruled("mode: enforce\nos_sku: Ubuntu2204\n")
    with lab.world.entered():
        lab.pool.properties["osSKU"] = "Ubuntu2404"
        lab.pool.image = lab.pool.target_image()
    refused = Answer(400, "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.OSSKU' is not allowed.")
    lab.world.faults.add(Fault(refused, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=MINUTE)
    assert lab.puts() == [400, 200]
    return lab


def test_the_second_of_two_steps_does_not_follow_an_abort_that_came_too_late_for_the_first() -> None:
    lab = in_two_steps()
    lab.clock.advance(HOUR)
    lab.ask(RequestKind.ABORT)
    lab.passes(DAY)
    assert (lab.puts(), lab.outcomes()[-1]) == ([400, 200], "succeeded")
    assert (lab.waits(), [outcome for outcome, _ in answers(lab)]) == ("Blocked", ["accepted"])


@pytest.mark.parametrize("replaces", [False, True], ids=["two steps", "a twin is made"])
def test_nothing_follows_an_abort_that_aks_took_of_what_succeeded_all_the_same(
    monkeypatch: pytest.MonkeyPatch, *, replaces: bool
) -> None:
    lab = begun({}) if replaces else in_two_steps()
    if replaces:
        lab.passes(SECONDS)
    monkeypatch.setattr(type(lab.clusters), "abort", lambda *_: Accepted("", "taken"))
    lab.ask(RequestKind.ABORT, "old" if replaces else "np1")
    lab.passes(DAY)
    assert [outcome for outcome, _ in answers(lab)] == ["accepted"]
    assert lab.outcomes()[-1] == "succeeded"
    assert len(lab.puts()) == (1 if replaces else 2)
    assert lab.waits(pool="old" if replaces else "np1") == "Blocked"


PREEMPTED = CancelOperation("AKSOperationPreempted", "This operation has been preempted by another operation")


@pytest.mark.parametrize("end", ["canceled", "succeeded"])
def test_nothing_follows_ours_where_something_else_had_taken_its_place_when_an_abort_came(end: str) -> None:
    lab = Fleet()
    lab.world.operation_time, image = HOUR, lab.pool.image
    if end == "canceled":
        lab.world.faults.add(Fault(PREEMPTED, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=SECONDS)
    with lab.world.entered():
        lab.pool.properties["enableFIPS"] = False
    lab.ask(RequestKind.ABORT)
    lab.passes(MINUTE)
    assert "not ours any more" in answers(lab)[0][1]
    lab.passes(2 * HOUR)
    assert lab.outcomes()[-1] == end
    with lab.world.entered():
        lab.pool.provisioning_state, lab.pool.image = "Succeeded", image
    lab.event()
    lab.passes(DAY)
    assert (lab.puts(), lab.pool.fips) == ([200], False)
    assert lab.waits() == "Blocked"


def test_an_abort_by_a_clock_that_is_ahead_is_no_reason_to_keep_silent_about_nodes_that_disagree() -> None:
    lab = begun({"osSKU": "Ubuntu", "enableAutoScaling": False, "minCount": None, "maxCount": None})
    lab.world.faults.add(Fault(BUSY, method="PUT", kind="agentPools", times=1))
    lab.step(Tap())
    ahead = lab.clock.now() + 10 * DAY
    ask(lab.rollout, CLUSTER, Request("r1", RequestKind.ABORT, "ana", ahead, "old"))
    lab.passes(HOUR)
    assert lab.waits(pool="old") == "Blocked"
    with lab.world.entered():
        lab.pools["old"].properties["enableFIPS"] = True
        lab.pools["old"].image = lab.pools["old"].target_image()
        for node in lab.nodes():
            node.image, node.fips_label, node.kernel_fips = lab.pools["old"].image, True, 1
        lab.nodes()[0].fips_label = False
    lab.event()
    lab.passes(HOUR)
    assert lab.verdict(pool="old") == "inconsistent: NodesDisagree"
