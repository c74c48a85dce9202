"""Operations that end badly, hang, are refused or stopped, and what people may ask of them: on a clock by hand."""

from datetime import timedelta
from typing import Any

import pytest

from local.world.access import APP
from local.world.faults import DRAIN_FAILURE, Answer, CancelOperation, FailOperation, Fault, LostAnswer
from local.world.model import Operation
from shared.budget import approve, pause
from shared.domain.budget import Approval
from shared.domain.memory import Memory, PoolMemory
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.ports import Put
from shared.requested import open_requests
from shared.rollout import Timing, read_memory
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.fleet import Fleet

PROVEN = "compliant: NodesProven"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOON = timedelta(seconds=10)
RARELY = Timing(poll=10 * MINUTE)
"""For operations that run for days: a look every half minute would be thousands."""
DRAIN = FailOperation("UpgradeFailed", f"{DRAIN_FAILURE} PDB debug info: shop/web-0 blocked by pdb web with 0 unready")
QUOTA = FailOperation(
    "ErrCode_InsufficientVCPUQuota",
    "Insufficient vcpu quota requested 24, remaining 6 for family standardDDSv5Family for region westeurope.",
)
FLAKY = CancelOperation("AKSOperationPreempted", "This operation has been preempted by another operation with ID 7")


def failing(effect: Any, times: int = 1) -> Fleet:
    """A laboratory whose first operations end badly."""
    lab = Fleet()
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=times))
    return lab


def hanging(lab: Fleet | None = None) -> Fleet:
    """A laboratory with an operation of ours that will take days."""
    lab = lab or Fleet()
    lab.world.operation_time = 5 * DAY
    lab.look(lasting=SOON)
    assert lab.outcomes() == ["accepted"]
    return lab


def remembered(lab: Fleet) -> PoolMemory:
    return memory(lab).pool("np1")


def memory(lab: Fleet) -> Memory:
    return read_memory(lab.rollout, CLUSTER)


def posts(lab: Fleet) -> list[int]:
    """Statuses of the aborts that were sent."""
    return [one.status for one in lab.world.requests if one.method == "POST" and one.path.lower().endswith("/abort")]


def finding(lab: Fleet) -> tuple[str, str]:
    """Reason and message of what is remembered of a failure."""
    posture = lab.stored().posture
    assert posture
    (found,) = [one for one in posture.pools[0].findings if one.check == "remediation"]
    return found.reason, found.message


def asked(lab: Fleet) -> list[tuple[str, str, str]]:
    """What the evidence says of requests: who, which stage, what became of it."""
    records = [record.payload for record in lab.records(RecordKind.REQUEST)]
    return [(str(one["by"]), str(one["stage"]), str(one["outcome"] or "")) for one in records]


def said(lab: Fleet) -> str:
    """What the last request's answer says."""
    return str(lab.records(RecordKind.REQUEST)[-1].payload["message"])


def running(lab: Fleet) -> Operation:
    """What AKS does to the cluster."""
    with lab.world.entered():
        found = lab.world.cluster_by_id(CLUSTER.arm_id).operation
    assert found
    return found


# Abort


def test_an_abort_stops_our_operation_and_the_pool_is_left_alone_until_it_is_unblocked() -> None:
    lab = hanging()
    lab.world.operation_time = 2 * MINUTE
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR)
    assert posts(lab) == [202]
    assert asked(lab) == [("ana", "asked", ""), ("ana", "answered", "accepted")]
    assert open_requests(lab.rollout, CLUSTER) == ()
    assert lab.outcomes() == ["accepted", "canceled"]
    assert (lab.budget.places, lab.budget.ended, lab.budget.broken) == ({}, (), "")
    reason, message = finding(lab)
    assert reason == "Aborted"
    assert "as ana asked" in message
    assert (lab.waits(), "fipswarden unblock" in lab.deferral().message) == ("Blocked", True)
    lab.days(2)
    assert lab.puts() == [200], "it is left alone"
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert lab.puts() == [200, 200]
    assert lab.verdict() == PROVEN
    assert remembered(lab).resume == ""
    lab.assert_requests()


def test_an_abort_is_served_while_everything_is_paused() -> None:
    lab = hanging()
    pause(lab.rollout, "ana", "stop", lab.clock.now())
    lab.world.operation_time = MINUTE
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "canceled"]


def test_what_others_began_is_never_aborted() -> None:
    lab = Fleet()
    lab.policies.rules = ruled("mode: audit\n")
    with lab.world.entered():
        lab.pool.provisioning_state = "Upgrading"
    lab.ask(RequestKind.ABORT)
    lab.passes(MINUTE)
    assert posts(lab) == []
    assert asked(lab) == [("ana", "answered", "accepted")]
    assert "No operation of ours runs on np1: nothing is aborted" in said(lab)
    assert open_requests(lab.rollout, CLUSTER) == ()


def test_an_operation_on_another_pool_is_not_meant() -> None:
    lab = Fleet()
    lab.add_pool(CLUSTER, "np2", count=5)
    hanging(lab)
    lab.ask(RequestKind.ABORT, "np2")
    lab.passes(MINUTE)
    assert (posts(lab), asked(lab)) == ([], [("ana", "answered", "accepted")])
    assert (memory(lab).pool("np1").blocked, memory(lab).pool("np2").blocked_reason) == ("", "Aborted")


def test_where_something_else_has_taken_the_place_of_ours_nothing_is_aborted() -> None:
    lab = hanging()
    with lab.world.entered():
        lab.pool.properties["enableFIPS"] = False
    lab.ask(RequestKind.ABORT)
    lab.passes(MINUTE)
    assert (posts(lab), asked(lab)) == ([], [("ana", "answered", "not_begun")])
    assert "not ours any more" in said(lab)


def test_an_abort_that_comes_too_late_finds_the_operation_ended_and_blocks_nothing() -> None:
    lab = Fleet()
    lab.look(lasting=SOON)
    lab.clock.advance(HOUR)
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR)
    assert (posts(lab), asked(lab)) == ([], [("ana", "answered", "not_begun")])
    assert lab.verdict() == PROVEN
    assert read_memory(lab.rollout, CLUSTER).pool("np1").blocked == ""


LATE = [LostAnswer(), Answer(503, "Unavailable", "no"), Answer(429, "Throttled", "no", 5)]


@pytest.mark.parametrize("effect", LATE)
def test_an_abort_whose_answer_is_lost_or_late_is_sent_until_it_is_certain(effect: Any) -> None:
    lab = hanging()
    lab.world.operation_time = 2 * MINUTE
    lab.world.faults.add(Fault(effect, method="POST", kind="agentPools", times=1))
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR)
    assert asked(lab) == [("ana", "asked", ""), ("ana", "answered", "accepted")]
    assert lab.outcomes() == ["accepted", "canceled"]
    assert lab.errors == []


def test_an_abort_that_aks_goes_on_refusing_is_sent_less_and_less_often() -> None:
    lab = hanging()
    lab.world.faults.add(
        Fault(Answer(409, "OperationNotAllowed", "busy"), method="POST", kind="agentPools", times=None)
    )
    lab.ask(RequestKind.ABORT)
    for _ in range(4):
        lab.passes(15 * MINUTE)
    first = len(posts(lab))
    lab.passes(6 * HOUR)

    assert 3 <= first <= 8
    assert 3 <= len(posts(lab)) - first <= 8
    assert asked(lab) == [("ana", "asked", "")]


def test_an_abort_that_aks_never_took_is_not_why_the_operation_ended() -> None:
    lab = failing(DRAIN)
    lab.world.operation_time = 2 * HOUR
    lab.look(lasting=SOON)
    lab.world.faults.add(
        Fault(Answer(409, "OperationNotAllowed", "busy"), method="POST", kind="agentPools", times=None)
    )
    lab.ask(RequestKind.ABORT)
    lab.passes(5 * MINUTE)
    operation = memory(lab).operation
    assert operation
    assert operation.aborted == ""
    lab.passes(3 * HOUR)

    assert set(posts(lab)) == {409}
    assert finding(lab)[0] == "PdbBlocked"
    assert len(lab.budget.ended) == 1, "the breaker counts it"


def test_an_abort_without_an_answer_before_a_refusal_may_have_been_taken() -> None:
    lab = hanging()
    lab.world.faults.add(Fault(Answer(409, "OperationNotAllowed", "busy"), method="POST", kind="agentPools", after=1))
    lab.world.faults.add(Fault(Answer(504, "GatewayTimeout", "no"), method="POST", kind="agentPools", times=1))
    lab.ask(RequestKind.ABORT)
    lab.passes(5 * MINUTE)

    operation = memory(lab).operation
    assert operation
    assert (posts(lab)[:2], operation.aborted) == ([504, 409], "ana")


def test_an_abort_that_the_role_does_not_allow_is_answered_and_the_operation_goes_on() -> None:
    lab = Fleet()
    lab.look(lasting=SOON)
    denied = Answer(403, "AuthorizationFailed", "does not have authorization", gateway=True)
    lab.world.faults.add(Fault(denied, method="POST", kind="agentPools", times=1))
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR)
    assert asked(lab) == [("ana", "asked", ""), ("ana", "answered", "refused")]
    assert "Assign the app's role" in said(lab)
    assert lab.outcomes() == ["accepted", "succeeded"]
    assert lab.verdict() == PROVEN


def test_an_operation_that_was_aborted_by_somebody_else_blocks_the_pool_and_blames_nobody() -> None:
    lab = failing(CancelOperation("OperationCanceled", "The operation was aborted."))
    lab.look(lasting=DAY)
    assert lab.puts() == [200]
    assert finding(lab)[0] == "Canceled"
    assert lab.budget.ended == ()


# Unblock


def test_after_unblock_one_put_goes_on_with_what_failed_and_only_one() -> None:
    lab = failing(DRAIN, times=2)
    lab.look(lasting=DAY)
    assert (lab.puts(), finding(lab)[0]) == ([200], "PdbBlocked")
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(DAY)
    assert lab.puts() == [200, 200], "it failed again, and one word is good for one PUT"
    assert asked(lab) == [("ana", "answered", "succeeded")]
    lab.ask(RequestKind.UNBLOCK, by="bob")
    lab.passes(HOUR)
    assert lab.puts() == [200, 200, 200]
    assert lab.verdict() == PROVEN
    assert lab.outcomes() == ["accepted", "failed", "accepted", "failed", "accepted", "succeeded"]


@pytest.mark.parametrize(
    "effect",
    [Answer(409, "OperationNotAllowed", "Another operation is in progress"), Answer(429, "Throttled", "no", 9)],
)
def test_a_put_that_aks_did_not_take_uses_no_word_up(effect: Answer) -> None:
    lab = failing(DRAIN)
    lab.look(lasting=HOUR)
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=1))
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert lab.puts() == [200, effect.status, 200]
    assert lab.verdict() == PROVEN


def test_a_resumed_put_whose_answer_is_lost_is_recognised_and_not_repeated() -> None:
    lab = failing(DRAIN)
    lab.look(lasting=HOUR)
    lab.world.faults.add(Fault(LostAnswer(), method="PUT", kind="agentPools", times=1))
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert len(lab.world.operations) == 2
    assert lab.outcomes() == ["accepted", "failed", "accepted", "succeeded"]
    assert lab.verdict() == PROVEN


def test_a_word_for_a_pool_that_somebody_mended_meanwhile_is_forgotten() -> None:
    lab = failing(DRAIN)
    lab.look(lasting=HOUR)
    lab.policies.rules = ruled("mode: audit\n")
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(MINUTE)
    assert remembered(lab).resume == "ana"
    with lab.world.entered():
        lab.pool.provisioning_state = "Succeeded"
    lab.look(lasting=MINUTE)
    assert remembered(lab).resume == ""


def test_unblock_sends_nothing_that_the_policy_does_not_allow() -> None:
    lab = failing(DRAIN)
    lab.look(lasting=HOUR)
    lab.policies.rules = ruled("mode: enforce\ndisruption: { concurrent: 0 }\n")
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert (lab.puts(), lab.waits()) == ([200], "BudgetExhausted")


def test_unblock_forgets_a_refusal_and_the_pool_is_tried_at_once() -> None:
    lab = failing(Answer(400, "PropertyChangeNotAllowed", "Changing property 'x' is not allowed."))
    lab.look(lasting=DAY)
    assert (lab.puts(), lab.waits()) == ([400], "Blocked")
    assert "fipswarden unblock" in lab.deferral().message
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert lab.puts() == [400, 200]


def test_unblock_lifts_what_a_person_had_to_lift_elsewhere_without_the_wait() -> None:
    locked = Answer(409, "ScopeLocked", "cannot perform write operation because following scope(s) are locked: '/s'")
    lab = failing(locked)
    lab.look(lasting=10 * MINUTE)
    assert (lab.puts(), finding(lab)[0]) == ([409], "Locked")
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(10 * MINUTE)
    assert lab.puts() == [409, 200]
    assert lab.verdict() == PROVEN


def test_a_request_about_a_pool_that_is_gone_is_answered() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    lab.ask(RequestKind.UNBLOCK, "gone")
    lab.passes(MINUTE)
    assert asked(lab) == [("ana", "answered", "not_begun")]
    assert "no node pool gone" in said(lab)


def test_an_abort_waits_for_the_end_of_an_operation_whose_pool_is_at_rest_already() -> None:
    lab = hanging(Fleet(timing=RARELY))
    with lab.world.entered():
        lab.pool.provisioning_state = "Succeeded"
    lab.ask(RequestKind.ABORT)
    lab.passes(10 * MINUTE)
    assert posts(lab) == [], "it may have ended, and the next operation is somebody's"
    assert len(open_requests(lab.rollout, CLUSTER)) == 1
    lab.passes(2 * DAY)
    assert (asked(lab), open_requests(lab.rollout, CLUSTER)) == ([("ana", "answered", "not_begun")], ())


def test_unblock_does_not_shorten_what_azure_asked_for() -> None:
    lab = failing(Answer(429, "Throttled", "slow down", retry_after=1800))
    lab.look(lasting=MINUTE)
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(10 * MINUTE)
    assert lab.puts() == [429]
    assert asked(lab) == [("ana", "answered", "not_begun")]


def test_a_request_that_no_look_could_serve_for_a_day_is_dropped() -> None:
    lab = failing(DRAIN)
    lab.look(lasting=HOUR)
    request = lab.ask(RequestKind.UNBLOCK)
    lab.queue.messages.clear()
    lab.clock.advance(DAY + MINUTE)
    lab.look(lasting=HOUR)
    assert lab.puts() == [200]
    assert asked(lab) == [("ana", "answered", "not_begun")]
    assert "dropped" in said(lab)
    assert lab.records(RecordKind.REQUEST)[0].payload["request"] == request.id
    assert open_requests(lab.rollout, CLUSTER) == ()


def test_what_nobody_can_read_is_dropped_by_a_look() -> None:
    lab = Fleet()
    lab.rollout.write(CLUSTER.key, Put("requests", None, {}, {"requests": [1, {"id": 1}]}))
    lab.look(lasting=MINUTE)

    row = lab.rollout.read(CLUSTER.key, "requests")
    assert row
    assert row.doc["requests"] == []
    assert lab.errors == []


def test_a_request_about_a_cluster_that_is_gone_is_answered() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    with lab.world.entered():
        lab.world.remove_cluster(lab.world.cluster_by_id(CLUSTER.arm_id))
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(HOUR)
    assert asked(lab) == [("ana", "answered", "not_begun")]


# Ends


@pytest.mark.parametrize(
    ("effect", "reason", "named"),
    [
        (DRAIN, "PdbBlocked", "The disruption budget shop/web keeps pod shop/web-0"),
        (QUOTA, "QuotaExceeded", "24 more are needed, 6 are left"),
        (FailOperation("VMExtensionProvisioningTimeout", "timed out"), "RemediationFailed", "timed out"),
    ],
)
def test_a_failure_is_a_finding_that_names_what_it_is_about(effect: Any, reason: str, named: str) -> None:
    lab = failing(effect)
    lab.look(lasting=HOUR)
    found, message = finding(lab)
    assert found == reason
    assert named in message
    assert lab.told("ProvisioningFailed") + lab.told(reason) == 1
    assert [one.failed for one in lab.budget.ended] == [True]


def test_a_failure_whose_url_was_lost_is_read_off_the_pool() -> None:
    lab = failing(LostAnswer())
    lab.look(lasting=SOON)
    running(lab).ending = QUOTA
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "failed"]
    assert finding(lab)[0] == "QuotaExceeded"


def test_what_a_later_operation_replaced_is_nobodys_fault_and_tried_again() -> None:
    lab = failing(FLAKY)
    lab.look(lasting=MINUTE)
    with lab.world.entered():
        # Somebody's operation, which replaced ours, ends well and leaves the pool without FIPS.
        lab.world.operations.clear()
    lab.passes(5 * MINUTE)
    assert remembered(lab).blocked == ""
    assert lab.budget.ended == ()
    assert remembered(lab).waiting.startswith("Preempted: ")
    with lab.world.entered():
        lab.pool.properties["enableFIPS"] = False
        lab.pool.image = lab.pool.target_image()
        lab.pool.provisioning_state, lab.pool.etag = "Succeeded", lab.world.guid()
    lab.look(lasting=HOUR)
    assert lab.puts() == [200, 200]
    assert lab.verdict() == PROVEN


# An operation that hangs


def test_an_operation_that_hangs_is_told_once_and_never_aborted_by_itself() -> None:
    lab = hanging(Fleet(timing=RARELY))
    lab.passes(timedelta(hours=1, minutes=50))
    assert lab.verdict() == "unknown: OperationInProgress"
    lab.passes(DAY)
    assert lab.verdict() == "unknown: OperationStuck"
    assert lab.told("OperationStuck") == 1
    (alert,) = [one for one in lab.alerts.sent if one.reason == "OperationStuck"]
    assert "fipswarden abort rg-payments/aks-payments np1" in alert.text
    assert posts(lab) == []
    assert list(lab.budget.places) == [CLUSTER.key], "it may still be going on"


# OS SKU


def bodies(lab: Fleet) -> list[tuple[object, object]]:
    """What each intent changes: OS SKU and FIPS."""
    changes = [record.payload["changes"] for record in lab.records(RecordKind.INTENT)]
    return [(one.get("osSKU"), one.get("enableFIPS")) for one in changes]


def moving(rules: str = "mode: enforce\nos_sku: Ubuntu2204\n") -> Fleet:
    """A laboratory whose pool can have FIPS only with another OS SKU."""
    lab = Fleet()
    with lab.world.entered():
        lab.pool.properties["osSKU"] = "Ubuntu2404"
        lab.pool.image = lab.pool.target_image()
    lab.policies.rules = ruled(rules)
    return lab


def test_os_sku_and_fips_change_in_one_put_where_aks_takes_it() -> None:
    lab = moving()
    lab.look(lasting=HOUR)
    assert (lab.puts(), bodies(lab)) == ([200], [("Ubuntu2204", True)])
    assert lab.verdict() == PROVEN


@pytest.mark.parametrize(
    "effect",
    [
        Answer(400, "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.OSSKU' is not allowed."),
        Answer(400, "BadRequest", "Updating enableFIPS together with osSKU is not supported."),
    ],
)
def test_os_sku_and_fips_change_in_two_steps_where_aks_refuses_both_at_once(effect: Answer) -> None:
    lab = moving()
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=2 * HOUR)
    assert lab.puts() == [400, 200, 200]
    assert bodies(lab) == [("Ubuntu2204", True), ("Ubuntu2204", None), (None, True)]
    assert lab.outcomes() == ["refused", "accepted", "succeeded", "accepted", "succeeded"]
    assert lab.verdict() == PROVEN
    assert len(lab.budget.ended) == 2, "each step had a place of its own"


@pytest.mark.parametrize("named", ["enableFIPS", "OSSKU Ubuntu2204"])
def test_what_aks_refuses_of_one_of_both_is_no_reason_to_change_the_other(named: str) -> None:
    """The nodes would be reimaged for nothing."""
    lab = moving()
    refused = Answer(400, "BadRequest", f"{named} is not supported with this VM size in this region.")
    lab.world.faults.add(Fault(refused, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=DAY)
    assert (lab.puts(), lab.pool.properties["osSKU"]) == ([400], "Ubuntu2404")
    assert lab.waits() == "Blocked"


def test_what_aks_refuses_of_one_step_alone_is_its_last_word() -> None:
    lab = moving()
    refused = Answer(400, "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.OSSKU' is not allowed.")
    lab.world.faults.add(Fault(refused, method="PUT", kind="agentPools", times=None))
    lab.look(lasting=DAY)
    assert lab.puts() == [400, 400]
    assert bodies(lab) == [("Ubuntu2204", True), ("Ubuntu2204", None)]
    assert (lab.waits(), finding(lab)[0]) == ("Blocked", "PropertyChangeNotAllowed")


def test_each_of_two_steps_needs_a_persons_word_for_what_it_does() -> None:
    lab = moving("mode: approve\nos_sku: Ubuntu2204\n")
    refused = Answer(400, "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.OSSKU' is not allowed.")
    lab.world.faults.add(Fault(refused, method="PUT", kind="agentPools", times=1))
    words = []
    for _ in range(3):
        lab.look(lasting=HOUR)
        waiting = lab.deferral()
        assert waiting.reason == "ApprovalMissing"
        words.append(waiting.message.partition("(")[2].partition(";")[0])
        now = lab.clock.now()
        approve(lab.rollout, waiting.approval, Approval("ana", now, now + DAY, waiting.message))
    lab.look(lasting=HOUR)
    assert words == ['enableFIPS = true, osSKU = "Ubuntu2204"', 'osSKU = "Ubuntu2204"', "enableFIPS = true"]
    assert (lab.puts(), lab.verdict()) == ([400, 200, 200], PROVEN)


def test_each_of_two_steps_keeps_to_the_window() -> None:
    window = 'windows: [{ days: [Monday], start: "00:00", length: 24h, zone: Etc/UTC }]\n'
    lab = moving(f"mode: enforce\nos_sku: Ubuntu2204\n{window}")
    refused = Answer(400, "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.OSSKU' is not allowed.")
    lab.world.faults.add(Fault(refused, method="PUT", kind="agentPools", times=1))
    lab.days(8)
    intents = [record.payload["at"] for record in lab.records(RecordKind.INTENT)]
    assert len(intents) == 3
    weekdays = {lab.clock.now().fromisoformat(str(at)).strftime("%A") for at in intents}
    assert weekdays == {"Monday"}


def test_fips_is_switched_off_where_the_policy_forbids_it() -> None:
    lab = Fleet()
    with lab.world.entered():
        lab.pool.properties["enableFIPS"] = True
        lab.pool.image = lab.pool.target_image()
    lab.policies.rules = ruled("mode: enforce\nfips: forbidden\n")
    lab.look(lasting=HOUR)
    assert (lab.puts(), bodies(lab)) == ([200], [(None, False)])
    assert not lab.pool.fips
    assert lab.verdict() == "compliant: FipsOff"


# Refusals that pass


REFUSALS = {
    409: Answer(409, "OperationNotAllowed", "Another operation (Updating) is in progress, please wait"),
    412: Answer(412, "PreConditionFailed", "The eTag does not match."),
    429: Answer(429, "Throttled", "The PutAgentPoolHandler.PUT request limit has been exceeded for SubID='s'", 7),
}


@pytest.mark.parametrize("effect", REFUSALS.values(), ids=REFUSALS)
def test_what_passes_is_waited_out_as_a_value_and_is_never_poison(effect: Answer) -> None:
    lab = failing(effect, times=8)
    lab.look(lasting=SOON)
    lab.look(lasting=SOON)
    assert lab.deferral().until, "it says when it comes back"
    lab.passes(DAY)
    assert lab.errors == []
    assert lab.puts() == [effect.status] * 8 + [200]
    assert lab.verdict() == PROVEN
    assert all(message.dequeued <= 1 for message in lab.queue.messages)


@pytest.mark.parametrize("effect", REFUSALS.values(), ids=REFUSALS)
def test_one_pool_gets_no_more_puts_than_aks_takes(effect: Answer) -> None:
    lab = failing(effect, times=10_000)
    lab.look(lasting=DAY)
    at = [one.time for one in lab.world.requests if one.method == "PUT" and one.principal == APP.name]
    for first, begun in enumerate(at):
        for last in range(first, len(at)):
            assert last - first + 1 <= 20 + (at[last] - begun) / MINUTE


def test_where_arm_throttles_a_subscription_nothing_is_sent_to_it_until_then() -> None:
    lab = Fleet()
    lab.policies.rules = ruled("mode: enforce\ndisruption: { concurrent: 9 }\n")
    throttled = Answer(
        429,
        "SubscriptionRequestsThrottled",
        "Number of write requests for subscription 's' exceeded the limit of '1200' for time interval '01:00:00'.",
        retry_after=600,
        gateway=True,
    )
    lab.world.faults.add(Fault(throttled, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=SOON)
    other = lab.add("aks-other")
    lab.look(other, lasting=5 * MINUTE)
    assert (lab.puts(), lab.waits(other)) == ([429], "SubscriptionPaced")
    assert lab.deferral(other).until
    lab.passes(HOUR)
    assert lab.puts() == [429, 200, 200]


def test_the_throttle_of_one_pool_holds_no_other_cluster_back() -> None:
    lab = failing(Answer(429, "Throttled", "The PUT request limit has been exceeded for SubID='s'", retry_after=600))
    lab.policies.rules = ruled("mode: enforce\ndisruption: { concurrent: 9 }\n")
    lab.look(lasting=SOON)
    other = lab.add("aks-other")
    lab.look(other, lasting=MINUTE)
    assert lab.puts() == [429, 200]
