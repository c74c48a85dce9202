"""What is done, and why what is due is not done: a disruption that the policy didn't allow is the second-worst bug."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.budget import Budget, Place
from shared.domain.capability import incapable
from shared.domain.evaluate import evaluate
from shared.domain.limits import Limit
from shared.domain.memory import PoolMemory
from shared.domain.model import READ_ONLY, Cluster, Mode
from shared.domain.plan import plan
from shared.domain.planned import ActionKind, Plan
from shared.domain.policy import Disruption
from shared.domain.situation import Situation
from shared.domain.steps import put_body
from tests.builders import (
    NOW,
    OUT_OF_SCOPE,
    POLL,
    SUBSCRIPTION,
    book,
    cluster,
    disabled,
    memory,
    operation,
    pool,
    profile,
    proof,
    rule,
    situation,
)
from tests.unit.strategies import clusters, memories, rulebooks

FREE = Budget()


def budget(active: int, *, paused: bool) -> Budget:
    """A budget in which other clusters have places."""
    places = {f"{SUBSCRIPTION}|g|{number}": Place(f"i{number}", "p", "s", 3, NOW) for number in range(active)}
    return Budget(places, paused=paused)


def test_a_pool_without_fips_is_switched_on_with_the_read_that_it_was_decided_on() -> None:
    read = cluster(disabled(nodeLabels={"team": "pay"}, nodeTaints=["a=b:NoSchedule"]))

    planned = plan(situation(read))

    assert planned.deferrals == ()
    action = planned.action
    assert action is not None
    assert (action.kind, action.pool, action.etag) == (ActionKind.ENABLE_FIPS, "apps", "etag-apps")
    assert action.body == {
        "properties": {
            "count": 3,
            "vmSize": "Standard_D8ds_v5",
            "type": "VirtualMachineScaleSets",
            "mode": "User",
            "osType": "Linux",
            "osSKU": "AzureLinux",
            "enableFIPS": True,
            "orchestratorVersion": "1.34.2",
            "powerState": {"code": "Running"},
            "nodeLabels": {"team": "pay"},
            "nodeTaints": ["a=b:NoSchedule"],
        }
    }


@dataclass(frozen=True)
class Row:
    """A situation in which a due step waits, and when it is worth another look."""

    reason: str
    after: timedelta | None
    read: Cluster
    change: Callable[[Situation], Situation] = lambda it: it


def _blocked(it: Situation) -> Situation:
    on = it.cluster.pools[0].configuration
    return replace(it, memory=memory(apps=PoolMemory(blocked="AKS refused: no.", blocked_on=on)))


OFF = cluster(disabled())
ROWS = [
    Row("ModeDoesNotAct", None, OFF, lambda it: situation(it.cluster, rules=book(Mode.AUDIT))),
    Row("ModeDoesNotAct", None, OFF, lambda it: situation(it.cluster, rules=book(Mode.ALERT))),
    Row("OsSkuIncapable", None, cluster(disabled(osSKU="Ubuntu2404"))),
    Row("WindowsNotUpdatable", None, cluster(disabled(osType="Windows", osSKU="Windows2019"))),
    Row("NoETag", None, cluster(disabled(eTag=...))),
    Row("NoETag", None, cluster(disabled(eTag=""))),
    Row("Stopped", None, cluster(disabled(powerState={"code": "Stopped"}))),
    Row("Stopped", None, cluster(disabled(), powerState={"code": "Stopped"})),
    Row("ProvisioningFailed", None, cluster(disabled(provisioningState="Failed"))),
    Row("ProvisioningCanceled", None, cluster(disabled(provisioningState="Canceled"))),
    Row("Blocked", None, OFF, _blocked),
    Row("OperationInProgress", POLL, OFF, lambda it: replace(it, memory=memory(operation("batch")))),
    Row("ClusterBusy", 4 * POLL, cluster(disabled(), provisioningState="Updating")),
    Row("FieldUnreadable", None, cluster(disabled(), provisioningState=None)),
    Row("ClusterFailed", None, cluster(disabled(), provisioningState="Failed")),
    Row("ClusterCanceled", None, cluster(disabled(), provisioningState="Canceled")),
    Row("ClusterBusy", 4 * POLL, cluster(disabled(provisioningState="Scaling"))),
    Row("ClusterBusy", 4 * POLL, cluster(disabled(), profile("batch", provisioningState="Deleting"))),
    Row("ClusterBusy", 4 * POLL, cluster(disabled(), profile("batch", provisioningState=...))),
    Row("Paused", timedelta(hours=1), OFF, lambda it: replace(it, budget=budget(0, paused=True))),
    Row("BudgetExhausted", 20 * POLL, OFF, lambda it: replace(it, budget=budget(1, paused=False))),
    Row(
        "BudgetExhausted",
        20 * POLL,
        OFF,
        lambda it: situation(it.cluster, rules=book(disruption=Disruption(concurrent=Limit(0)))),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_a_step_that_waits_says_why_and_until_when(row: Row) -> None:
    planned = plan(row.change(situation(row.read)))

    assert planned.action is None
    deferral = next(item for item in planned.deferrals if item.pool == "apps")
    assert deferral.reason == row.reason
    assert deferral.until == (NOW + row.after if row.after else None)
    assert deferral.message
    if row.after:
        assert planned.requeue_after is not None
        assert planned.requeue_after <= row.after


def test_the_second_of_two_due_pools_waits_for_the_first() -> None:
    planned = plan(situation(cluster(disabled("apps"), disabled("batch"))))

    assert planned.action is not None
    assert planned.action.pool == "apps"
    assert [(item.pool, item.reason) for item in planned.deferrals] == [("batch", "OneOperationPerCluster")]
    assert planned.requeue_after == POLL


def test_what_only_a_person_can_lift_does_not_hold_back_the_next_pool() -> None:
    planned = plan(situation(cluster(disabled("apps", osSKU="Flatcar"), disabled("batch"))))

    assert planned.action is not None
    assert planned.action.pool == "batch"
    assert [(item.pool, item.reason) for item in planned.deferrals] == [("apps", "OsSkuIncapable")]


def test_a_block_of_another_configuration_holds_nothing_back() -> None:
    made = replace(situation(OFF), memory=memory(apps=PoolMemory(blocked="AKS refused.", blocked_on="another")))

    assert plan(made).action is not None


def test_each_pool_has_its_own_rule() -> None:
    policy = book(Mode.AUDIT, rules=(rule("only batch", Mode.ENFORCE, pools=("batch",)),))

    planned = plan(situation(cluster(disabled("apps"), disabled("batch")), rules=policy))

    assert planned.action is not None
    assert planned.action.pool == "batch"
    assert [(item.pool, item.reason) for item in planned.deferrals] == [("apps", "ModeDoesNotAct")]


@pytest.mark.parametrize(
    "read",
    [
        cluster(),
        cluster(disabled(enableFIPS=None)),
        cluster(disabled(enableFIPS="false")),
        cluster(disabled(osSKU="Haiku")),
        cluster(disabled(osType="linux")),
        cluster(disabled(osType="Windows", osSKU="Windows2022")),
        cluster(profile(nodeImageVersion="AKSAzureLinux-V3gen2-1")),
        cluster(agentPoolProfiles=[]),
    ],
)
def test_nothing_is_due_where_the_flag_was_not_seen_to_be_off(read: Cluster) -> None:
    planned = plan(situation(read))

    assert (planned.action, planned.deferrals) == (None, ())


def test_nothing_is_planned_out_of_scope() -> None:
    policy = OUT_OF_SCOPE

    assert plan(situation(OFF, rules=policy)) == Plan(None, (), None)


def test_an_operation_of_ours_is_followed_out_of_scope_too() -> None:
    """Otherwise its place in the budget would stay taken for hours."""
    policy = OUT_OF_SCOPE

    assert plan(situation(OFF, rules=policy, memory=memory(operation()))) == Plan(None, (), POLL)


class TestRequeue:
    """When a look is worth repeating."""

    def test_resync_is_soon_enough_for_a_cluster_without_a_proof_to_renew(self) -> None:
        policy = book(Mode.AUDIT)
        assert plan(situation(OFF, rules=policy)).requeue_after is None

    def test_a_running_operation_of_ours_is_polled(self) -> None:
        read = cluster(profile(provisioningState="Upgrading"))
        assert plan(situation(read, memory=memory(operation()))).requeue_after == POLL

    def test_others_operations_are_polled_more_slowly(self) -> None:
        read = cluster(profile(provisioningState="Upgrading"))
        assert plan(situation(read)).requeue_after == 4 * POLL

    def test_a_missing_proof_is_asked_for_again(self) -> None:
        assert plan(situation(cluster())).requeue_after == 4 * POLL

    def test_a_missing_node_is_waited_for(self) -> None:
        lacking = proof(at=NOW, nodes=2, missing=1)
        assert plan(situation(cluster(), memory=memory(apps=lacking))).requeue_after == 4 * POLL

    def test_nodes_that_lag_behind_a_reimage_are_asked_soon(self) -> None:
        lagging = PoolMemory(proof(at=NOW, disagreeing=("n1",)), ended=NOW - timedelta(minutes=1))
        assert plan(situation(cluster(), memory=memory(apps=lagging))).requeue_after == POLL

    def test_nodes_that_could_not_be_read_for_now_are_asked_again(self) -> None:
        unread = proof(at=NOW, nodes=0, unreadable="NodesUnreadable: 503")
        assert plan(situation(cluster(), memory=memory(apps=unread))).requeue_after == 4 * POLL

    def test_nodes_that_may_not_be_read_wait_for_somebodys_change(self) -> None:
        unread = proof(at=NOW, nodes=0, unreadable="KubernetesForbidden: no role")
        assert plan(situation(cluster(), memory=memory(apps=unread))).requeue_after is None

    def test_a_good_proof_brings_the_cluster_back_when_it_will_be_too_old(self) -> None:
        planned = plan(situation(cluster(), memory=memory(apps=proof())))
        assert planned.requeue_after == timedelta(days=3) - timedelta(hours=1)

    def test_an_old_proof_of_a_pool_without_nodes_does_not_bring_it_back_at_once(self) -> None:
        old = proof(at=NOW - timedelta(days=9))
        assert plan(situation(cluster(profile(count=0)), memory=memory(apps=old))).requeue_after is None


@given(st.data())
@settings(max_examples=400)
def test_nothing_is_done_that_the_policy_and_the_world_do_not_allow(data: st.DataObject) -> None:
    read = data.draw(clusters)
    rules = data.draw(rulebooks)
    remembered = data.draw(memories(read))
    used = budget(data.draw(st.integers(0, 3)), paused=data.draw(st.booleans()))
    posture = evaluate(read, remembered, rules, None, NOW)

    planned = plan(Situation(read, posture, remembered, rules, used, (), NOW, POLL, assuming=True))

    if planned.action:
        chosen = next(pool for pool in read.pools if pool.name == planned.action.pool)
        assert posture.in_scope
        assert rules.policy.rule_for(read, chosen).settings.mode is Mode.ENFORCE
        assert chosen.body["enableFIPS"] is False
        assert chosen.os_type == "Linux"
        assert incapable(chosen) is None
        assert planned.action.etag
        assert planned.action.etag == chosen.body["eTag"]
        assert not read.stopped
        assert not chosen.stopped
        assert remembered.operation is None
        assert not used.paused
        assert len(used.places) < (rules.policy.disruption.concurrent.count or 0)
        block = remembered.pool(chosen.name)
        assert not (block.blocked and block.blocked_on == chosen.configuration)
        assert read.provisioning_state in ("Succeeded", "Failed", "Canceled")
        assert {pool.provisioning_state for pool in read.pools} <= {"Succeeded", "Failed", "Canceled"}
        assert chosen.provisioning_state == "Succeeded"


@given(st.data())
@settings(max_examples=200)
def test_every_due_pool_is_acted_on_or_deferred_with_a_reason(data: st.DataObject) -> None:
    read, rules = data.draw(clusters), data.draw(rulebooks)
    remembered = data.draw(memories(read))
    posture = evaluate(read, remembered, rules, None, NOW)

    planned = plan(Situation(read, posture, remembered, rules, FREE, (), NOW, POLL, assuming=True))

    half_way = {
        pool.name
        for pool in read.pools
        if remembered.pool(pool.name).blocked
        and pool.os_type == "Linux"
        and pool.provisioning_state in ("Failed", "Canceled")
    }
    due = [
        verdict.pool
        for verdict in posture.pools
        if verdict.pool in half_way or any(finding.reason == "FipsDisabled" for finding in verdict.findings)
    ]
    answered = [item.pool for item in planned.deferrals] + ([planned.action.pool] if planned.action else [])
    assert sorted(answered) == sorted(due)
    assert all(item.reason and item.message for item in planned.deferrals)
    assert all(item.until is None or item.until > NOW for item in planned.deferrals)
    assert planned.requeue_after is None or planned.requeue_after >= timedelta()


@given(clusters)
def test_a_put_changes_the_flag_and_nothing_else(read: Cluster) -> None:
    """A PUT of an agent pool is a full replace: what it leaves out is reset."""
    for one in read.pools:
        properties = put_body(one, {"enableFIPS": True})["properties"]

        expected: dict[str, Any] = {key: value for key, value in one.body.items() if key not in (*READ_ONLY, "name")}
        assert properties == {**expected, "enableFIPS": True}
        assert properties.get("type") == one.body.get("type")
        assert "nodeImageVersion" not in properties


def test_a_put_leaves_what_was_read_as_it_was() -> None:
    read = pool("apps", enableFIPS=False)

    put_body(read, {"enableFIPS": True})

    assert read.body["enableFIPS"] is False


def test_only_what_arm_alone_may_write_is_left_out() -> None:
    assert set(READ_ONLY) == {
        "eTag",
        "currentOrchestratorVersion",
        "provisioningState",
        "nodeImageVersion",
        "status",
    }


class TestWaiting:
    """A pool that AKS refused or that somebody keeps switching back waits, and lets others have their turn."""

    def test_it_is_deferred_until_its_time_with_its_reason(self) -> None:
        until = NOW + timedelta(minutes=10)
        waiting = PoolMemory(not_before=until, waiting="Throttled: AKS refused: slow down")
        planned = plan(replace(situation(OFF), memory=memory(apps=waiting)))

        assert planned.action is None
        assert [(one.reason, one.message, one.until) for one in planned.deferrals] == [
            ("Throttled", "AKS refused: slow down", until)
        ]

    def test_then_it_is_tried_again(self) -> None:
        waiting = PoolMemory(not_before=NOW, waiting="Throttled: AKS refused: slow down")

        assert plan(replace(situation(OFF), memory=memory(apps=waiting))).action is not None
