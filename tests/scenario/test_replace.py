"""Pools that can't have FIPS in place are replaced: no pod is lost that a budget protects, and nothing is forced."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from local.clock import ManualClock
from local.world.access import APP
from local.world.faults import Answer, CancelOperation, FailOperation, Fault, LostAnswer
from local.world.kube import builders as kube
from local.world.locks import Level
from shared.budget import approve, pause, resume
from shared.domain.api_server import Answered, Way
from shared.domain.budget import Approval
from shared.domain.model import Cluster, Unreadable
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.ports import Kubernetes, KubernetesApi
from tests.protocol.lab import CLUSTER, Tap, ruled
from tests.scenario.proving import WINDOWS_IMAGE
from tests.scenario.replacing import (
    DAY,
    HOUR,
    MINUTE,
    REPLACES,
    SETTINGS,
    Replacing,
    draining,
    evictions,
    half_way,
    proving,
    stuck_told,
    writes,
)

VARIES = {"tags", "osSKU", "enableFIPS", "upgradeStrategy"}
"""In what a twin differs: what it is made for, and what AKS shows of pools that are made now."""
WINDOWS: dict[str, Any] = {"osType": "Windows", "osSKU": "Windows2019", "kubeletConfig": None, "linuxOSConfig": None}
ON_WINDOWS: dict[str, Any] = {
    "nodeSelector": {"kubernetes.io/os": "windows"},
    "containers": [{"name": "main", "image": WINDOWS_IMAGE}],
}


def _kept(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in VARIES}


# The whole of it


def test_a_pool_is_replaced_by_its_twin_with_all_that_was_set_on_it() -> None:
    lab = Replacing.made()
    before = dict(lab.pools["old"].properties)
    lab.look(lasting=HOUR)

    lab.assert_replaced()
    after = dict(lab.pools["oldf"].properties)
    tags = after["tags"]
    assert tags.pop("fipswarden-replaces").startswith("old:")
    assert tags == before["tags"]
    assert after["enableFIPS"] is True
    assert _kept(after) == _kept(before)
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]
    assert [record.payload["ifMatch"] != "" for record in lab.records(RecordKind.INTENT)] == [False, True]
    assert [one.failed for one in lab.budget.ended] == [False]
    assert lab.told("RemediationBegun") == 2


def test_the_pods_of_a_daemon_set_need_not_leave() -> None:
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "agent", kind="DaemonSet", replicas=0)
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    assert evictions(lab) == 0


def test_many_nodes_are_cordoned_and_uncordoned_a_hundred_at_a_time() -> None:
    lab = Replacing.made(count=250, maxCount=300)
    lab.event()
    lab.until(lambda: sum(node.unschedulable for node in lab.nodes()) == 100)
    lab.until(lambda: sum(node.unschedulable for node in lab.nodes()) == 200)
    assert evictions(lab) == 0, "nothing is evicted while a node of the pool takes pods"
    lab.until(lambda: draining(lab))
    lab.ask(RequestKind.ABORT, "old")
    lab.until(lambda: sum(node.unschedulable for node in lab.nodes()) == 150)
    lab.passes(HOUR)
    lab.assert_untouched()
    assert lab.replacement is None
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(HOUR)
    lab.assert_replaced()


def test_a_twin_without_nodes_proves_nothing_and_is_no_successor_until_somebody_scales_it_up() -> None:
    lab = Replacing.made(pods=False, count=0, minCount=None, maxCount=None, enableAutoScaling=False)
    lab.look(lasting=HOUR)
    assert lab.verdict(pool="oldf") == "compliant: NoNodes"
    assert (lab.waits(pool="old"), writes(lab)) == ("TwinEmpty", [("PUT", 201)])
    lab.scale("oldf", 1)
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_system_pool_is_never_left_without_a_successor() -> None:
    lab = Replacing.made(mode="System", nodeTaints=None)
    lab.event()
    lab.until(lambda: "oldf" in lab.pools)
    assert {pool.properties["mode"] for pool in lab.pools.values()} == {"System"}
    with lab.world.entered():
        lab.pools["oldf"].properties["mode"] = "User"
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "TwinDiffers"
    assert "is not set as old is: mode." in lab.deferral(pool="old").message
    lab.assert_untouched()
    with lab.world.entered():
        lab.pools["oldf"].properties["mode"] = "System"
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_windows_pool_gets_a_twin_of_windows_server_2022_with_a_name_of_six_characters() -> None:
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        lab.pools.clear()
    lab.add_pool(CLUSTER, "winold", **SETTINGS | WINDOWS)
    lab.policies.rules = ruled(f"{REPLACES}proof: {{ windows_image: {WINDOWS_IMAGE} }}\n")
    lab.fill(**ON_WINDOWS)
    lab.look(lasting=HOUR)
    lab.assert_replaced("winolf", "Windows2022")
    assert lab.parts()[-1:] == ["drained"], "its pods were evicted before it was deleted"
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]


def test_a_pool_of_single_machines_gets_a_twin_of_as_many() -> None:
    """AKS counts its machines by size (`virtualMachineNodesStatus`), and tells no single number."""
    sizes = [{"size": "Standard_D4ds_v5", "count": 2}, {"size": "Standard_D8ds_v5", "count": 1}]
    machines: Any = {"scale": {"manual": sizes}}
    fixed: Any = {"enableAutoScaling": False, "minCount": None, "maxCount": None, "vmSize": None}
    lab = Replacing.made(type="VirtualMachines", virtualMachinesProfile=machines, **fixed)
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    assert lab.pools["oldf"].properties["virtualMachinesProfile"] == machines
    assert len(lab.nodes("oldf")) == 3


def test_a_windows_twin_that_could_not_be_proven_is_not_made() -> None:
    lab = Replacing.made(**WINDOWS)
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "TwinUnprovable"
    assert writes(lab) == []


@pytest.mark.parametrize(
    ("settings", "policy", "by"),
    [
        ({"osSKU": "Ubuntu2404"}, "", "Ubuntu2204"),
        ({"osSKU": "Flatcar"}, "os_sku: Ubuntu2204\n", "Ubuntu2204"),
        ({"osSKU": "Ubuntu2204", "vmSize": "Standard_D4ps_v5"}, "", "AzureLinux3"),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableVTPM": True, "enableSecureBoot": True}}, "", "Ubuntu2204"),
    ],
)
def test_the_twin_has_the_os_sku_of_the_policy_or_the_nearest_that_can(
    settings: dict[str, Any], policy: str, by: str
) -> None:
    lab = Replacing.made(**settings)
    lab.policies.rules = ruled(REPLACES + policy)
    lab.look(lasting=HOUR)
    lab.assert_replaced(by=by)


def test_a_confidential_pool_has_no_twin_and_says_so() -> None:
    lab = Replacing.made(vmSize="Standard_DC4as_v5", osSKU="Ubuntu2204")
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "NoTwin"
    assert "Confidential VMs can't have FIPS" in lab.deferral(pool="old").message
    assert writes(lab) == []


# What it waits for


def test_what_a_budget_protects_stays_and_people_are_told_once() -> None:
    lab = half_way()
    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
        kube.add_budget(lab.cluster, "web", min_available=4)
    lab.passes(DAY)

    assert set(lab.pools) == {"old", "oldf"}
    assert lab.waits(pool="old") == "PdbBlocked"
    assert lab.replacement
    assert "default/Deployment/web" in lab.replacement.waiting or "default/ReplicaSet/web" in lab.replacement.waiting
    assert stuck_told(lab) == 1
    assert len(lab.evidence.chain(CLUSTER)) < 40, "an attempt that is the same is not recorded again"
    lab.assert_kept()
    assert list(lab.budget.places) == [CLUSTER.key], "its place is held for the whole of it"

    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
        kube.add_budget(lab.cluster, "web", min_available=3)
    lab.passes(HOUR)
    lab.assert_replaced()


def test_pods_that_come_back_to_cordoned_nodes_are_told_and_not_chased() -> None:
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "sticky", replicas=2, tolerations=[{"operator": "Exists"}])
    lab.look(lasting=HOUR)
    assert set(lab.pools) == {"old", "oldf"}
    assert lab.waits(pool="old") == "PodsReturn"
    assert "sticky" in lab.deferral(pool="old").message
    sent = evictions(lab)
    lab.passes(12 * HOUR)
    assert evictions(lab) - sent <= 2 * 12 * 6, "every ten minutes at most"
    assert stuck_told(lab) == 1
    lab.assert_kept()


def test_a_drain_that_nothing_brings_on_is_told_though_the_proof_of_the_twin_comes_and_goes() -> None:
    lab = half_way()
    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
        kube.add_budget(lab.cluster, "web", min_available=4)
    for ready in (False, True) * 4:
        with lab.world.entered():
            lab.nodes("oldf")[0].ready, lab.pools["oldf"].etag = ready, lab.world.guid()
        lab.look(lasting=90 * MINUTE)
    assert set(lab.pools) == {"old", "oldf"}
    assert stuck_told(lab) >= 1


def test_a_pod_that_comes_back_does_not_keep_those_of_the_other_nodes() -> None:
    lab = Replacing.made(pods=False)
    first, other = sorted(node.name for node in lab.nodes())
    with lab.world.entered():
        # Of a controller that Kubernetes doesn't know, which names the node itself.
        kube.add_workload(lab.cluster, "sticky", kind="CloneSet", replicas=1, nodeName=first)
        kube.add_workload(lab.cluster, "web", replicas=8)
    assert other in {pod.node for pod in lab.kube.pods.values()}
    lab.look(lasting=3 * HOUR)
    assert {pod.name[:6] for pod in lab.kube.pods.values() if pod.node in (first, other)} == {"sticky"}
    assert lab.waits(pool="old") == "PodsReturn"
    assert " again: default/CloneSet/sticky. " in lab.deferral(pool="old").message


def test_only_nodes_that_were_cordoned_are_recorded_as_such() -> None:
    lab = Replacing.made(pods=False)
    first, other = sorted(node.name for node in lab.nodes())
    lab.world.faults.add(Fault(Answer(500, "InternalError", "no"), "PATCH", f"/nodes/{first}"))
    lab.look(lasting=HOUR)
    told = [record.payload.get("cordoned") for record in lab.records(RecordKind.REPLACEMENT)]
    assert [names for names in told if names] == [[other], [first]]
    lab.assert_replaced()


def test_an_api_server_with_too_much_to_do_is_no_budget() -> None:
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=2)
    busy = Answer(429, "TooManyRequests", "Too many requests, please try again later.")
    lab.world.faults.add(Fault(busy, "POST", "/eviction", times=None))
    lab.look(lasting=30 * MINUTE)
    assert lab.waits(pool="old") == "KubernetesError"
    assert "Too many requests" in lab.deferral(pool="old").message


def test_a_twin_that_fails_its_proof_leaves_the_old_pool_untouched() -> None:
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: "oldf" in lab.pools and len(lab.pools["oldf"].nodes or ()) == 2)
    lab.nodes("oldf")[0].fips_label = False
    lab.passes(DAY)
    assert lab.verdict(pool="oldf") == "inconsistent: NodesDisagree"
    assert lab.waits(pool="old") == "TwinNotProven"
    lab.assert_untouched()
    assert evictions(lab) == 0
    assert (lab.told("NodesDisagree"), stuck_told(lab)) == (1, 1)
    lab.nodes("oldf")[0].fips_label = True
    lab.passes(HOUR)
    lab.assert_replaced()


def test_every_disruptive_step_begins_in_the_window_alone() -> None:
    lab = Replacing.made()
    window = 'windows: [{days: [Monday, Wednesday], start: "08:00", length: 15m}]\n'
    lab.policies.rules = ruled(REPLACES + window)
    lab.world.operation_time = 20 * MINUTE
    lab.look(lasting=HOUR)
    assert proving(lab)
    assert lab.waits(pool="old") == "OutsideWindow"
    lab.assert_untouched()
    lab.passes(DAY)
    assert stuck_told(lab) == 0, "that is what the policy says"
    lab.days(1)
    lab.passes(HOUR)
    lab.assert_replaced()


def test_a_pause_stops_it_before_the_next_step() -> None:
    lab = half_way()
    pause(lab.rollout, "ana", "an incident", lab.clock.now())
    sent = evictions(lab)
    lab.passes(HOUR)
    assert (evictions(lab), lab.waits(pool="old")) == (sent, "Paused")
    resume(lab.rollout, "ana", lab.clock.now())
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_person_agrees_to_the_whole_of_it_once() -> None:
    lab = Replacing.made()
    lab.policies.rules = ruled("mode: approve\nstrategy: replace\n")
    lab.look(lasting=MINUTE)
    first = lab.deferral(pool="old")
    assert first.reason == "ApprovalMissing"
    lab.pools["old"].properties["nodeLabels"] = {"team": "other"}
    lab.look(lasting=MINUTE)
    wanted = lab.deferral(pool="old").approval
    assert wanted != first.approval, "what is carried over is part of what is agreed to"
    now = lab.clock.now()
    approve(lab.rollout, wanted, Approval("bob", now, now + DAY, "replace old"))
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    assert lab.budget.approvals == {}
    approvals = [record.payload["approvals"] for record in lab.records(RecordKind.INTENT)]
    assert [list(one) for one in approvals] == [[wanted], [wanted]]


def test_one_pool_of_a_cluster_is_replaced_at_a_time_and_no_other_step_is_taken() -> None:
    lab = half_way()
    lab.add_pool(CLUSTER, "old2", osSKU="Flatcar")
    lab.add_pool(CLUSTER, "plain")
    lab.look(lasting=MINUTE)
    assert {lab.waits(pool="old2"), lab.waits(pool="plain")} == {"ReplacementInProgress"}
    lab.passes(2 * HOUR)
    assert {name: pool.fips for name, pool in lab.pools.items()} == {"oldf": True, "old2f": True, "plain": True}
    lab.assert_kept()


# What Azure refuses or breaks


@pytest.mark.parametrize(
    ("limit", "reason"),
    [("cores", "QuotaExceeded"), ("subnet", "SubnetFull")],
)
def test_a_twin_that_has_no_room_is_refused_and_told(limit: str, reason: str) -> None:
    lab = Replacing.made()
    if limit == "cores":
        lab.world.quotas.limit_cores(CLUSTER.subscription, lab.cluster.location, "standardDDSv5Family", 8)
    else:
        lab.world.quotas.limit_subnet(SETTINGS["vnetSubnetID"], "10.0.0.0/24")
    lab.look(lasting=MINUTE)
    assert (list(lab.pools), lab.outcomes()) == (["old"], ["refused"])
    assert reason in lab.deferral(pool="old").message or lab.waits(pool="old") == reason
    assert (lab.replacement, lab.budget.places) == (None, {})
    lab.assert_untouched()
    lab.world.quotas.cores.clear()
    lab.world.quotas.subnets.clear()
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    lab.assert_replaced()


def test_a_twin_whose_creation_fails_is_not_gone_on_with() -> None:
    lab = Replacing.made()
    lab.world.faults.add(Fault(FailOperation("QuotaExceeded", "no quota"), method="PUT", kind="agentPools", times=1))
    lab.look(lasting=HOUR)
    assert lab.outcomes() == ["accepted", "failed"]
    assert lab.waits(pool="old") == "TwinUnfinished"
    assert "if anything of its twin oldf is there, delete it" in lab.remembered().blocked
    assert (lab.replacement, lab.budget.places) == (None, {})
    lab.assert_untouched()
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(HOUR)
    assert lab.waits(pool="old") == "TwinUnfinished"
    assert writes(lab) == [("PUT", 201)]
    with lab.world.entered():
        del lab.pools["oldf"]
    lab.look(lasting=HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_answer_that_is_lost_is_found_out_from_the_world(method: str) -> None:
    lab = Replacing.made()
    lab.world.faults.add(Fault(LostAnswer(), method=method, kind="agentPools", times=1))
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    lab.assert_chain()


def test_a_deletion_that_is_canceled_leaves_the_pool_alone_until_somebody_unblocks_it() -> None:
    lab = Replacing.made()
    fault = Fault(CancelOperation("OperationCanceled", "stopped"), method="DELETE", kind="agentPools", times=1)
    lab.world.faults.add(fault)
    lab.look(lasting=HOUR)
    assert lab.outcomes()[2:] == ["accepted", "canceled"]
    assert lab.waits(pool="old") == "Blocked"
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(HOUR)
    lab.assert_replaced()


def test_a_lock_on_the_old_pool_is_waited_for() -> None:
    lab = Replacing.made()
    pool = f"{lab.cluster.id}/agentPools/old"
    lab.world.locks.add(pool, Level.CAN_NOT_DELETE)
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "Locked"
    assert set(lab.pools) == {"old", "oldf"}
    lab.world.locks.remove(pool)
    lab.passes(3 * HOUR)
    lab.assert_replaced()


def test_without_its_roles_no_twin_is_made_and_no_pool_deleted() -> None:
    lab = Replacing.made()
    scope = f"/subscriptions/{CLUSTER.subscription}"
    given = lab.world.access.roles
    lab.world.access.revoke(APP, scope)
    basic = {"reader", "remediator", "node reader", "workload reader"}
    for name in basic:
        lab.world.access.assign(APP, given[f"fipswarden {name}"], scope)
    lab.look(lasting=HOUR)
    assert (lab.waits(pool="old"), writes(lab)) == ("WorkloadsUnreadable", [])
    assert "may not list Deployments" in lab.deferral(pool="old").message
    lab.world.access.assign(APP, given["fipswarden node drainer"], scope)
    lab.passes(2 * HOUR)
    assert lab.waits(pool="old") == "Forbidden"
    lab.assert_kept()
    lab.world.access.assign(APP, given["fipswarden pool deleter"], scope)
    lab.passes(3 * HOUR)
    lab.assert_replaced()


# What people ask for


def test_an_abort_uncordons_what_we_cordoned_and_leaves_both_pools() -> None:
    lab = half_way()
    others = lab.nodes()[0]
    others.labels["fipswarden/cordoned-for"] = None
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(HOUR)
    assert [node.unschedulable for node in lab.nodes()] == [True, False], "what somebody else cordoned stays so"
    others.unschedulable = False
    lab.assert_untouched()
    assert lab.pools["oldf"].provisioning_state == "Succeeded"
    assert (lab.replacement, lab.budget.places) == (None, {})
    assert lab.waits(pool="old") == "Blocked"
    assert "as ana asked" in lab.deferral(pool="old").message
    answered = lab.records(RecordKind.REQUEST)[-1].payload
    assert (answered["stage"], answered["outcome"]) == ("answered", "accepted")
    lab.assert_requests()
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(HOUR)
    lab.assert_replaced()
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)], "the twin is gone on with"


@pytest.mark.parametrize("before_the_end", [2, 3, 6, 20])
def test_an_abort_that_comes_in_the_very_look_that_deletes_is_heard(before_the_end: int) -> None:
    whole, looks, calls = half_way(), 0, list[str]()
    while whole.pools["old"].provisioning_state != "Deleting":
        calls.clear()
        whole.step(Tap(before=calls.append))
        looks += 1
    asked_at = calls.index("clusters.begin") - before_the_end
    lab, gone = half_way(), list[str]()
    for _ in range(looks - 1):
        lab.step(Tap())

    def ask(call: str) -> None:
        if len(gone) == asked_at:
            lab.ask(RequestKind.ABORT, "old")
        gone.append(call)

    lab.step(Tap(before=ask))
    lab.passes(HOUR)

    lab.assert_untouched()
    assert "as ana asked" in lab.deferral(pool="old").message


@pytest.mark.parametrize("settings", [{}, {"osSKU": "Ubuntu"}], ids=["a twin is made", "fips is switched on"])
@pytest.mark.parametrize("before_the_end", [2, 4, 8, 12])
def test_an_abort_that_comes_in_the_very_look_that_begins_is_not_forgotten(
    before_the_end: int, settings: dict[str, Any]
) -> None:
    whole, calls = Replacing.made(**settings), list[str]()
    whole.event()
    whole.step(Tap(before=calls.append))
    asked_at = calls.index("clusters.begin") - before_the_end
    lab, gone = Replacing.made(**settings), list[str]()
    lab.event()

    def ask(call: str) -> None:
        if len(gone) == asked_at:
            lab.ask(RequestKind.ABORT, "old")
        gone.append(call)

    lab.step(Tap(before=ask))
    lab.passes(2 * HOUR)

    assert (list(lab.pools), writes(lab), lab.replacement, lab.budget.places) == (["old"], [], None, {})
    assert lab.waits(pool="old") == "Blocked"
    answered = lab.records(RecordKind.REQUEST)[-1].payload
    assert (answered["stage"], answered["outcome"]) == ("answered", "accepted")
    assert "was stopped while no operation of ours ran on it, as ana asked" in answered["message"]
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    assert writes(lab)


def test_an_abort_stops_the_creation_of_the_twin() -> None:
    lab = Replacing.made()
    lab.world.operation_time = DAY
    lab.look(lasting=MINUTE)
    lab.world.operation_time = MINUTE
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "canceled"]
    assert lab.waits(pool="old") == "TwinUnfinished"
    assert "as ana asked" in lab.remembered().blocked
    lab.assert_untouched()
    assert (lab.replacement, lab.budget.places) == (None, {})


def test_a_pool_that_was_a_twin_once_is_a_pool_like_any_other() -> None:
    lab = Replacing.made(pods=False)
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    with lab.world.entered():
        lab.pools["oldf"].properties["enableFIPS"] = False
        lab.pools["oldf"].image = lab.pools["oldf"].target_image()
    lab.world.operation_time = DAY
    lab.look(lasting=MINUTE)
    assert lab.pools["oldf"].provisioning_state == "Upgrading"
    lab.world.operation_time = MINUTE
    lab.ask(RequestKind.ABORT, "oldf")
    lab.passes(HOUR)
    assert lab.outcomes()[-2:] == ["accepted", "canceled"]


def test_a_deletion_is_not_aborted() -> None:
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: lab.pools["old"].provisioning_state == "Deleting")
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(HOUR)
    answered = lab.records(RecordKind.REQUEST)[-1].payload
    assert (answered["outcome"], "is being deleted" in answered["message"]) == ("not_begun", True)
    lab.assert_replaced()


def test_an_abort_waits_until_the_cluster_can_be_reached() -> None:
    lab = half_way()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(HOUR)
    assert lab.replacement
    assert lab.replacement.ends
    lab.cluster.properties["apiServerAccessProfile"] = {}
    lab.passes(HOUR)
    lab.assert_untouched()
    assert lab.replacement is None


def test_nodes_that_can_not_be_uncordoned_for_a_day_are_left_to_people() -> None:
    lab = half_way()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(2 * DAY)
    assert (lab.replacement, lab.budget.places) == (None, {})
    assert "could not be uncordoned: do that" in lab.deferral(pool="old").message


def test_a_cluster_that_only_run_command_reaches_gets_no_twin() -> None:
    lab = Replacing.made()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.policies.rules = ruled(f"{REPLACES}proof: {{ run_command: true }}\n")
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "WorkloadsUnreadable"
    assert "a way through the network. AKS run command" in lab.deferral(pool="old").message
    assert "not to replace a pool" in lab.deferral(pool="old").message
    assert writes(lab) == []


@dataclass
class Slow:
    """An API server each of whose answers takes a while."""

    kubernetes: Kubernetes
    clock: ManualClock
    answer: timedelta

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        with self.kubernetes.open(cluster, ways) as api:
            yield api if isinstance(api, Unreadable) else SlowApi(api, self)


@dataclass
class SlowApi:
    """Its answers."""

    api: KubernetesApi
    slow: Slow

    @property
    def way(self) -> Way:
        return self.api.way

    def get(self, path: str) -> Answered | Unreadable:
        self.slow.clock.advance(self.slow.answer)
        return self.api.get(path)

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        self.slow.clock.advance(self.slow.answer)
        return self.api.send(method, requests)


@pytest.mark.parametrize("seconds", [6, 7, 8, 9, 10, 12, 15])
def test_where_one_look_can_not_read_all_that_it_has_to_no_twin_is_made(seconds: int) -> None:
    """A twin that nothing could ever be evicted onto would be paid for ever; so either all of it fits, or none."""
    lab = Replacing.small()
    lab.kubernetes = Slow(lab.kubernetes, lab.clock, timedelta(seconds=seconds))  # type: ignore[assignment]
    lab.look(lasting=12 * HOUR)
    if "old" not in lab.pools:
        assert seconds < 12, "this is too slow for anything"
        lab.assert_replaced()
        return
    assert seconds > 6, "there is time enough for this"
    assert (writes(lab), lab.waits(pool="old")) in (([], "Unreachable"), ([], "WorkloadsUnreadable"))
    assert lab.deferral(pool="old").message.endswith("does not fit its time. The next one tries.")
