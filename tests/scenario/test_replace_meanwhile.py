"""What people change while a pool is being replaced: nothing goes on that they have not judged, or agreed to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.world.access import APP
from local.world.faults import Answer as Refusal
from local.world.faults import Fault
from local.world.kube import builders as kube
from local.world.kube import pods
from shared.budget import change, pause, release
from shared.domain.budget import Budget
from shared.domain.exemptions import Exemptions
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.domain.running import STEADY
from tests.builders import exemption
from tests.protocol.lab import CLUSTER, Tap, ruled
from tests.scenario.replacing import (
    DAY,
    HOUR,
    MINUTE,
    NAMED,
    PROVEN,
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

RINGS = "disruption: {concurrent: 5}\nrings:\n- {name: first, match: {pools: ['old*']}}\n- {name: second, match: {}}\n"
KERNEL = 'proof: {level: kernel, image: "registry.example.com/tools/busybox:1.37"}\n'
APPROVES = "mode: approve\nstrategy: replace\n"
UNPATCHABLE = Fault(Refusal(503, "x", "x"), method="PATCH", kind="kubernetes", times=None)
Change = Callable[[Replacing], None]


def sets(pool: str, **properties: Any) -> Change:
    """Somebody changes properties of a pool."""

    def does(lab: Replacing) -> None:
        lab.pools[pool].properties.update(properties)
        lab.pools[pool].etag = lab.world.guid()

    return does


def rules(text: str) -> Change:
    """Somebody changes the policy."""
    return lambda lab: setattr(lab.policies, "rules", ruled(text))


def fails(lab: Replacing) -> None:
    """An operation of somebody else's on the twin fails."""
    lab.pools["oldf"].provisioning_state = "Failed"


def stops(lab: Replacing) -> None:
    """Somebody stops the twin."""
    lab.pools["oldf"].properties["powerState"] = {"code": "Stopped"}
    lab.pools["oldf"].nodes = []


def relabels(lab: Replacing) -> None:
    """Somebody takes the pool's labels off one of its nodes."""
    lab.nodes()[0].labels |= {"agentpool": None, "kubernetes.azure.com/agentpool": None}


def needs_it_at_night(lab: Replacing) -> None:
    """Somebody adds a CronJob that names the pool."""
    kube.add_workload(lab.cluster, "nightly", kind="CronJob", replicas=0, nodeSelector=NAMED)


def may_not_read(lab: Replacing) -> None:
    """Somebody takes the right away to read pods and what makes them."""
    scope = f"/subscriptions/{CLUSTER.subscription}"
    lab.world.access.revoke(APP, scope)
    for name in ("reader", "remediator", "node reader", "pool deleter"):
        lab.world.access.assign(APP, f"fipswarden {name}", scope)


def loses_its_place(lab: Replacing) -> None:
    """The place in the budget is another cluster's now."""

    def taken(budget: Budget) -> Budget:
        return replace(budget, places={lab.add("aks-other").key: budget.places[CLUSTER.key]})

    change(lab.rollout, taken)


def exempts(lab: Replacing) -> None:
    """Somebody exempts the pool."""
    excused = exemption(created=lab.clock.now() - DAY, expires=lab.clock.now() + DAY)
    lab.policies.rules = Rulebook(ruled(REPLACES).policy, Exemptions((excused,)))


def disagrees(lab: Replacing) -> None:
    """The twin is changed, and one of its nodes says no from then on."""
    lab.pools["oldf"].etag = lab.world.guid()
    lab.nodes("oldf")[0].fips_label = False


def cordons(lab: Replacing) -> None:
    """Somebody cordons the twin's nodes."""
    for node in lab.nodes("oldf"):
        node.unschedulable = True


def loses_touch(lab: Replacing) -> None:
    """The kubelets of the twin's nodes don't answer any more."""
    for node in lab.nodes("oldf"):
        node.ready = False


def loses_one(lab: Replacing) -> None:
    """One of the twin's nodes is gone, and ARM counts it."""
    lab.nodes("oldf")[1].ready = False
    lab.nodes("oldf")[1].labels |= {"agentpool": None, "kubernetes.azure.com/agentpool": None}


def asks_for_more(lab: Replacing) -> None:
    """Somebody wants more pods than the twin has room for."""
    kube.add_workload(lab.cluster, "many", replicas=200)
    pods.look_again(lab.cluster)


GIVEN_UP = {
    "PoolChanged": sets("old", maxPods=50),
    "ModeDoesNotAct": rules("mode: audit\nstrategy: replace\n"),
    "NotAsked": rules("mode: enforce\n"),
    "OwnerObjects": rules(f"{REPLACES}notice: {{objection_tag: owner}}\n"),
    "Exempt": exempts,
}
WAITS = {
    "TwinDiffers": sets("oldf", nodeTaints=["a=b:NoSchedule"]),
    "TwinNotOurs": sets("oldf", tags={}),
    "TwinUnfinished": fails,
    "TwinStopped": stops,
    "TwinEmpty": lambda lab: lab.scale("oldf", 0),
    "TwinNotProven": disagrees,
    "TwinNotReady": cordons,
    "PodsPending": asks_for_more,
    "ApprovalMissing": rules(APPROVES),
    "OutsideWindow": rules(f'{REPLACES}windows: [{{days: [Sunday], start: "08:00", length: 15m}}]\n'),
    "BudgetExhausted": loses_its_place,
    "TiedToPool": needs_it_at_night,
    "NodesUnseen": relabels,
    "WorkloadsUnreadable": may_not_read,
}


def emptied() -> Replacing:
    """A replacement whose old pool has no pod left: the next look deletes it."""
    lab = Replacing.made(pods=False)
    lab.event()
    lab.until(lambda: "oldf" in lab.pools and all(node.unschedulable for node in lab.nodes()))
    lab.until(lambda: lab.waits(pool="old") == "PodsSettling")
    lab.clock.advance(STEADY)
    assert writes(lab) == [("PUT", 201)]
    return lab


def uncordoned(lab: Replacing) -> bool:
    """Whether nothing is left of a replacement but its twin."""
    return not any(node.unschedulable for node in lab.nodes()) and (lab.replacement, lab.budget.places) == (None, {})


# At the last look


def test_a_pool_that_is_as_it_was_is_deleted_by_the_next_look() -> None:
    lab = emptied()
    lab.look(lasting=MINUTE)
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]


@pytest.mark.parametrize("reason", WAITS)
def test_an_empty_pool_is_not_deleted_while_anything_is_not_as_it_has_to_be(reason: str) -> None:
    lab = emptied()
    with lab.world.entered():
        WAITS[reason](lab)
    lab.look(lasting=MINUTE)
    assert (lab.waits(pool="old"), writes(lab)) == (reason, [("PUT", 201)])
    assert lab.deferral(pool="old").message


@pytest.mark.parametrize("reason", GIVEN_UP)
def test_what_nobody_wants_any_more_or_is_another_pool_now_is_given_up_and_told(reason: str) -> None:
    lab = emptied()
    with lab.world.entered():
        GIVEN_UP[reason](lab)
    lab.look(lasting=5 * MINUTE)
    assert writes(lab) == [("PUT", 201)]
    assert uncordoned(lab)
    (told,) = {alert.key: alert for alert in lab.alerts.sent if alert.reason == "ReplacementGivenUp"}.values()
    assert "old stays, its nodes uncordoned. oldf stays too" in told.text
    assert lab.records(RecordKind.REPLACEMENT)[-1].payload["message"] == told.text


# Before nodes are cordoned, and in the middle


@pytest.mark.parametrize(
    "reason",
    [
        *("TwinDiffers", "TwinStopped", "TwinEmpty", "TwinNotReady", "PodsPending"),
        *("ApprovalMissing", "WorkloadsUnreadable"),
    ],
)
def test_nothing_more_is_evicted_either(reason: str) -> None:
    lab = half_way()
    sent = evictions(lab)
    with lab.world.entered():
        WAITS[reason](lab)
    lab.look(lasting=HOUR)
    assert (lab.waits(pool="old"), evictions(lab)) == (reason, sent)


@pytest.mark.parametrize("mode", ["User", "System"])
@pytest.mark.parametrize("happens", [cordons, loses_touch, loses_one])
def test_a_proven_twin_that_can_take_no_pods_is_no_successor(happens: Change, mode: str) -> None:
    lab = Replacing.made(pods=False, mode=mode)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=30)
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    with lab.world.entered():
        happens(lab)
    lab.look(lasting=3 * HOUR)
    assert (evictions(lab), set(lab.pools)) == (0, {"old", "oldf"})
    lab.assert_kept()
    assert lab.waits(pool="old") in ("TwinNotReady", "TwinNotProven")
    assert stuck_told(lab) == 1


def test_a_pool_whose_pods_have_found_no_room_elsewhere_is_not_deleted() -> None:
    lab = Replacing.made(
        pods=False, maxPods=30, count=3, enableAutoScaling=False, minCount=None, maxCount=None, nodeTaints=None
    )
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=80)
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    lab.scale("oldf", 1)
    lab.look(lasting=3 * HOUR)
    assert (lab.waits(pool="old"), set(lab.pools)) == ("PodsPending", {"old", "oldf"})
    assert "default/ReplicaSet/web" in lab.deferral(pool="old").message
    assert stuck_told(lab) == 1
    lab.scale("oldf", 3)
    lab.passes(HOUR)
    lab.assert_replaced()


def loses_label(lab: Replacing) -> None:
    """The label is taken off the twin's nodes."""
    for node in lab.nodes("oldf"):
        node.fips_label = False


def reboots(lab: Replacing) -> None:
    """The twin's nodes start anew, without FIPS in their kernels."""
    for node in lab.nodes("oldf"):
        node.boot_id, node.kernel_fips = lab.world.guid(), 0


def is_exchanged(lab: Replacing) -> None:
    """Others take the place of the twin's machines, of which no kernel has FIPS."""
    reboots(lab)
    for node in lab.nodes("oldf"):
        node.uid = lab.world.guid()


@pytest.mark.parametrize("mode", ["User", "System"])
@pytest.mark.parametrize("happens", [loses_label, reboots, is_exchanged])
def test_no_pod_is_sent_to_nodes_that_are_not_those_that_have_proven_the_twin(happens: Change, mode: str) -> None:
    lab = Replacing.made(mode=mode)
    lab.policies.rules = ruled(f"{REPLACES}{KERNEL}")
    lab.event()
    lab.until(lambda: draining(lab))
    sent = evictions(lab)
    with lab.world.entered():
        happens(lab)
    lab.look(lasting=3 * HOUR)
    assert (evictions(lab), list(lab.pools), writes(lab)) == (sent, ["old", "oldf"], [("PUT", 201)])
    assert (lab.verdict(pool="oldf"), lab.waits(pool="old")) == ("inconsistent: NodesDisagree", "TwinNotProven")


@pytest.mark.parametrize("happens", [loses_label, reboots, is_exchanged])
def test_nor_is_an_empty_pool_deleted_next_to_such_nodes(happens: Change) -> None:
    lab = emptied()
    lab.policies.rules = ruled(f"{REPLACES}{KERNEL}")
    lab.look(lasting=timedelta(seconds=1))
    with lab.world.entered():
        happens(lab)
    lab.look(lasting=HOUR)
    assert (list(lab.pools), writes(lab)) == (["old", "oldf"], [("PUT", 201)])


def test_a_twin_whose_nodes_started_anew_is_asked_at_once_and_the_replacement_goes_on() -> None:
    lab = half_way(f"{REPLACES}{KERNEL}")
    with lab.world.entered():
        lab.nodes("oldf")[0].boot_id = lab.world.guid()
    lab.until(lambda: lab.waits(pool="old") == "TwinNotReady", 5 * MINUTE)
    lab.look(lasting=HOUR)
    lab.assert_replaced()


IMAGE = "mcr.microsoft.com/oss/nginx/nginx:1.27"
"""Of every pod there is."""


def pauses(lab: Replacing) -> None:
    """Somebody stops everything."""
    pause(lab.rollout, "ana", "look into it", lab.clock.now())


STOPS: dict[str, Change] = {
    "pause": pauses,
    "policy": rules("mode: audit\nstrategy: replace\n"),
}


def rest(lab: Replacing, stop: Change, call: str, times: int) -> int:
    """How often something was sent to an API server after a stop that came at the `times`th call of its kind."""
    made: list[str] = []

    def before(found: str) -> None:
        made.append(found)
        if found == call and made.count(call) == times:
            stop(lab)
            made[:] = [call] * times

    for _ in range(8):
        made.clear()
        lab.step(Tap(before))
        if made.count(call) >= times:
            return made[times:].count("kubernetes.api.send")
    raise AssertionError("it does not come to that call")


@pytest.mark.parametrize("stop", STOPS)
def test_what_stops_everything_stops_a_look_between_its_evictions(stop: str) -> None:
    lab = Replacing.made(pods=False, count=3)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=6)
        kube.add_budget(lab.cluster, "web", min_available=6)
    lab.event()
    lab.until(lambda: evictions(lab) > 0)
    assert rest(lab, lambda _: None, "kubernetes.api.send", 1) == 2, "one node after the other"
    assert rest(lab, STOPS[stop], "kubernetes.api.send", 1) == 0
    assert lab.replacement is None or lab.replacement.waiting.startswith("PdbBlocked")


@pytest.mark.parametrize("stop", STOPS)
def test_and_before_the_first_one_though_the_cluster_was_entered(stop: str) -> None:
    lab = half_way()
    sent = evictions(lab)
    assert rest(lab, STOPS[stop], "kubernetes.open", 3) == 0
    assert evictions(lab) == sent


@pytest.mark.parametrize("protected", [True, False])
def test_a_pool_whose_pods_do_not_run_on_the_twin_is_not_deleted(*, protected: bool) -> None:
    lab = Replacing.made(pods=protected)
    if not protected:
        with lab.world.entered():
            kube.add_workload(lab.cluster, "web", replicas=8)
            kube.add_workload(lab.cluster, "db", kind="StatefulSet", replicas=2)
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    with lab.world.entered():
        lab.kube.unpullable.add(IMAGE)
    lab.look(lasting=4 * HOUR)
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
    # Where there is a DaemonSet, which is on the twin before anything is moved, nothing is.
    first = "DaemonSet/agent" if protected else "StatefulSet/db"
    assert f"default/{first}" in lab.deferral(pool="old").message
    assert stuck_told(lab) == 1
    lab.ask(RequestKind.ABORT, "old")
    lab.look(lasting=HOUR)
    assert not any(node.unschedulable for node in lab.nodes())
    # Whoever lets it be tried again has not mended those that followed already.
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.look(lasting=4 * HOUR)
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])


def test_pods_that_run_again_on_the_twin_let_it_go_on() -> None:
    lab = half_way()
    with lab.world.entered():
        lab.kube.unpullable.add(IMAGE)
    lab.look(lasting=HOUR)
    sent = evictions(lab)
    lab.passes(HOUR)
    assert (lab.waits(pool="old"), evictions(lab)) == ("PodsNotRunning", sent)
    with lab.world.entered():
        lab.kube.unpullable.clear()
        for pod in [one for one in lab.kube.pods.values() if one.phase == "Pending"]:
            pods.delete(lab.cluster, pod, grace=0)
    lab.passes(2 * HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize("row", ["kept", "lost"])
def test_what_did_not_run_before_does_not_keep_a_pool_from_being_replaced(row: str) -> None:
    """Unless the row is lost in the middle, with it how it was: then people are told."""
    lab = Replacing.small()
    with lab.world.entered():
        lab.kube.unpullable.add("broken:1")
        kube.add_workload(lab.cluster, "broken", replicas=1, containers=[{"name": "main", "image": "broken:1"}])
        kube.add_workload(lab.cluster, "stuck", replicas=1, schedulerName="another")
    lab.passes(HOUR)
    lab.event()
    lab.until(lambda: draining(lab))
    if row == "lost":
        lab.lose_row()
        lab.event()
    lab.look(lasting=4 * HOUR)
    assert list(lab.pools) == (["oldf"] if row == "kept" else ["old", "oldf"])
    assert row == "kept" or lab.waits(pool="old") in ("PodsPending", "PodsNotRunning")


def test_a_workload_that_would_not_bear_it_is_found_though_it_came_later() -> None:
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: proving(lab))
    share = [{"name": "data", "azureFile": {"secretName": "files", "shareName": "data"}}]
    with lab.world.entered():
        kube.add_workload(lab.cluster, "share", nodeName=lab.nodes()[0].name, volumes=share)
    lab.passes(HOUR)
    assert lab.waits(pool="old") == "SmbVolumes"
    assert "default/ReplicaSet/share" in lab.deferral(pool="old").message
    assert evictions(lab) == 0


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ReplicaSet", {"nodeSelector": NAMED}),
        ("CronJob", {"nodeSelector": NAMED}),
        ("StatefulSet", {"nodeSelector": {"kubernetes.azure.com/agentpool": "old"}}),
        ("Deployment", {"nodeSelector": {"kubernetes.azure.com/os-sku": "Flatcar"}}),
        ("DaemonSet", {"nodeSelector": NAMED}),
    ],
)
def test_workloads_that_can_not_follow_are_a_blocker_before_anything_is_made(kind: str, spec: dict[str, Any]) -> None:
    """Those that run, and those that have no pod now."""
    lab = Replacing.made()
    with lab.world.entered():
        kube.add_workload(lab.cluster, "pinned", kind=kind, replicas=int(kind == "ReplicaSet"), **spec)
    lab.look(lasting=MINUTE)
    assert lab.waits(pool="old") == "TiedToPool"
    assert f"default/{kind}/pinned" in lab.deferral(pool="old").message
    assert writes(lab) == []
    with lab.world.entered():
        del lab.kube.workloads["default", "pinned"]
        for key in [key for key in lab.kube.pods if key[1].startswith("pinned")]:
            del lab.kube.pods[key]
    lab.passes(2 * HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize("rules", [REPLACES, APPROVES])
def test_a_twin_whose_modules_are_not_validated_is_not_made_where_they_have_to_be(rules: str) -> None:
    lab = Replacing.made()
    lab.policies.rules = ruled(f"{rules}modules: required\n")
    lab.look(lasting=DAY)
    waits = lab.deferral(pool="old")
    assert (waits.reason, waits.approval, list(lab.pools), writes(lab)) == ("TwinNotProvable", "", ["old"], [])
    assert "oldf would be unknown (The pool would get Azure Linux 3" in waits.message
    lab.policies.rules = ruled(REPLACES)
    lab.look(lasting=2 * HOUR)
    lab.assert_replaced()


def test_pods_that_select_a_label_that_somebody_put_on_the_nodes_are_a_blocker_before_anything_is_made() -> None:
    lab = Replacing.made()
    with lab.world.entered():
        for node in lab.nodes():
            node.labels["disk"] = "ssd"
        kube.add_workload(lab.cluster, "fast", replicas=1, nodeSelector={"disk": "ssd"})
    lab.look(lasting=MINUTE)
    assert (lab.waits(pool="old"), writes(lab)) == ("TiedToPool", [])
    with lab.world.entered():
        sets("old", nodeLabels={"team": "ledger", "disk": "ssd"})(lab)
    lab.passes(2 * HOUR)
    lab.assert_replaced()


# Agreed to


def test_a_policy_that_comes_to_ask_for_approvals_has_to_have_one() -> None:
    lab = half_way()
    lab.policies.rules = ruled(APPROVES)
    sent = evictions(lab)
    lab.look(lasting=HOUR)
    assert (evictions(lab), lab.waits(pool="old")) == (sent, "ApprovalMissing")
    lab.says_yes()
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    assert lab.budget.approvals == {}, "it is used up"
    assert len(lab.records(RecordKind.INTENT)[-1].payload["approvals"]) == 1


def test_a_twin_is_gone_on_with_only_as_far_as_somebody_agreed() -> None:
    lab = half_way(rules=APPROVES, agreed=True)
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(MINUTE)
    lab.ask(RequestKind.UNBLOCK, "old")
    sent = evictions(lab)
    lab.passes(HOUR)
    assert (evictions(lab), lab.waits(pool="old"), lab.replacement) == (sent, "ApprovalMissing", None)
    lab.says_yes()
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_pool_that_changed_is_judged_and_agreed_to_anew() -> None:
    lab = half_way(rules=APPROVES, agreed=True)
    with lab.world.entered():
        sets("old", tags={"owner": "bob@example.com"})(lab)
    sent = evictions(lab)
    lab.look(lasting=30 * MINUTE)
    assert (evictions(lab), lab.waits(pool="old"), uncordoned(lab)) == (sent, "PoolChanged", True)
    lab.passes(HOUR)
    assert lab.waits(pool="old") == "ApprovalMissing"
    lab.says_yes()
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)], "the twin is gone on with"


def test_what_a_policy_has_ended_goes_on_by_itself_once_a_policy_asks_for_it_again() -> None:
    lab = half_way()
    lab.policies.rules = ruled("mode: audit\nstrategy: replace\n")
    lab.look(lasting=5 * MINUTE)
    assert uncordoned(lab)
    lab.assert_untouched()
    lab.policies.rules = ruled(REPLACES)
    lab.look(lasting=30 * MINUTE)
    assert (lab.waits(pool="old"), set(lab.pools)) == ("ModeDoesNotAct", {"old", "oldf"}), "it may change back"
    lab.passes(2 * HOUR)
    lab.assert_replaced()


def test_a_twin_with_another_os_sku_than_people_are_asked_about_is_not_gone_on_with() -> None:
    lab = half_way(rules=APPROVES, agreed=True)
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(MINUTE)
    lab.policies.rules = ruled(f"{APPROVES}os_sku: Ubuntu2204\n")
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    assert (lab.waits(pool="old"), lab.replacement) == ("TwinDiffers", None)
    assert "oldf has OS SKU AzureLinux3, and one with Ubuntu2204 is asked for" in lab.deferral(pool="old").message
    lab.policies.rules = ruled(APPROVES)
    lab.look(lasting=HOUR)
    lab.says_yes()
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_pool_that_has_far_more_nodes_than_people_agreed_to_is_asked_about_again() -> None:
    lab = half_way(rules=APPROVES, agreed=True)
    sent = evictions(lab)
    lab.scale("old", 9)
    lab.look(lasting=HOUR)
    assert (lab.waits(pool="old"), evictions(lab)) == ("ApprovalMissing", sent)
    lab.says_yes()
    lab.look(lasting=HOUR)
    lab.assert_replaced()


def test_a_pool_that_grew_past_what_the_policy_lets_be_disrupted_waits_until_it_fits() -> None:
    lab = half_way(rules=f"{REPLACES}disruption: {{ nodes: 4 }}\n")
    sent = evictions(lab)
    lab.scale("old", 5)
    lab.look(lasting=3 * HOUR)
    assert (lab.waits(pool="old"), evictions(lab)) == ("TooManyNodes", sent)
    assert len([node for node in lab.nodes() if not node.unschedulable]) == 3, "nor is a node cordoned"
    lab.scale("old", 4)
    lab.look(lasting=MINUTE)
    assert [place.nodes for place in lab.budget.places.values()] == [4], "the others see how many there are"
    lab.passes(HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize("happens", [rules(f"{REPLACES}os_sku: Ubuntu2204\n"), sets("oldf", osSKU="Ubuntu2204")])
def test_an_os_sku_that_changes_in_the_middle_stops_it(happens: Change) -> None:
    lab = half_way()
    sent = evictions(lab)
    with lab.world.entered():
        happens(lab)
    lab.look(lasting=2 * HOUR)
    assert (lab.waits(pool="old"), evictions(lab), set(lab.pools)) == ("TwinDiffers", sent, {"old", "oldf"})


@pytest.mark.parametrize(
    "changes",
    [{"orchestratorVersion": "1.33.9"}, {"upgradeSettings": {"maxSurge": "50%", "drainTimeoutInMinutes": 60}}],
)
def test_what_a_person_stopped_no_change_of_the_pools_sets_going_again(changes: dict[str, Any]) -> None:
    lab = half_way()
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(10 * MINUTE)
    with lab.world.entered():
        for pool in ("old", "oldf"):
            sets(pool, **changes)(lab)
    lab.look(lasting=3 * HOUR)
    assert (lab.waits(pool="old"), lab.replacement) == ("Blocked", None)
    assert lab.deferral(pool="old").message.endswith("`fipswarden unblock rg-payments/aks-payments old`.")
    posture = lab.stored().posture
    assert posture
    assert "Aborted" in {found.reason for found in posture.pools[0].findings}
    lab.assert_untouched()
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    lab.assert_replaced()


# What is lost


def test_a_lost_rollout_row_makes_no_second_twin() -> None:
    lab = half_way(rules=APPROVES, agreed=True)
    lab.lose_row()
    lab.look(lasting=2 * HOUR)
    assert "resumed" in lab.parts()
    lab.assert_replaced()
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]


def test_a_lost_rollout_row_leaves_nothing_cordoned_where_nobody_wants_it_any_more() -> None:
    lab = half_way()
    lab.lose_row()
    lab.policies.rules = ruled("mode: audit\nstrategy: replace\n")
    lab.look(lasting=5 * MINUTE)
    assert uncordoned(lab)
    lab.assert_untouched()


def test_what_was_changed_while_the_row_was_lost_is_not_taken_for_what_was_judged() -> None:
    lab = half_way()
    lab.lose_row()
    with lab.world.entered():
        sets("old", maxPods=50)(lab)
    lab.look(lasting=2 * HOUR)
    assert uncordoned(lab)
    assert (lab.waits(pool="old"), writes(lab)) == ("TwinDiffers", [("PUT", 201)])


@pytest.mark.parametrize("mode", ["audit", "enforce"])
def test_without_its_place_what_a_lost_row_knew_is_uncordoned_and_left_alone(mode: str) -> None:
    lab = half_way()
    sent = evictions(lab)
    lab.lose_row()
    release(lab.rollout, CLUSTER, lambda _: True, begun=True)
    lab.policies.rules = ruled(f"mode: {mode}\nstrategy: replace\n")
    lab.look(lasting=3 * HOUR)
    assert (uncordoned(lab), evictions(lab), set(lab.pools)) == (True, sent, {"old", "oldf"})
    assert lab.remembered().blocked_reason == "ReplacementForgotten"
    assert "somebody may have stopped it. old stays, its nodes uncordoned." in lab.remembered().blocked
    lab.policies.rules = ruled(REPLACES)
    lab.event()
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "Blocked"
    posture = lab.stored().posture
    assert posture
    assert "ReplacementForgotten" in {one.reason for one in posture.pools[0].findings}
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(2 * HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize("reads", ["at once", "after a while"])
def test_what_a_person_stopped_stays_stopped_though_the_row_is_lost(reads: str) -> None:
    lab = half_way()
    lab.ask(RequestKind.ABORT, "old")
    lab.look(lasting=HOUR)
    sent = evictions(lab)
    lab.lose_row()
    if reads == "after a while":
        lab.world.faults.add(Fault(Refusal(503, "x", "x"), method="GET", kind="managedClusters", times=60))
    lab.event()
    lab.look(lasting=9 * HOUR)
    assert (lab.waits(pool="old"), evictions(lab), writes(lab)) == ("Blocked", sent, [("PUT", 201)])
    assert uncordoned(lab)


def test_nodes_that_a_lost_row_left_cordoned_are_uncordoned_once_that_is_possible() -> None:
    """Somebody had given it up, and the place was given back already."""
    lab = half_way()
    lab.world.faults.add(UNPATCHABLE)
    lab.ask(RequestKind.ABORT, "old")
    lab.look(lasting=HOUR)
    lab.lose_row()
    lab.event()
    lab.look(lasting=3 * HOUR)
    assert any(node.unschedulable for node in lab.nodes())
    assert any("Its nodes are still cordoned" in alert.text for alert in lab.alerts.sent)
    lab.world.faults.clear()
    lab.passes(HOUR)
    assert uncordoned(lab)
    assert lab.waits(pool="old") == "Blocked"


def test_an_abort_uncordons_what_could_not_be_for_a_day() -> None:
    lab = half_way()
    lab.world.faults.add(UNPATCHABLE)
    lab.policies.rules = ruled("mode: audit\nstrategy: replace\n")
    lab.look(lasting=2 * DAY)
    assert any(node.unschedulable for node in lab.nodes())
    lab.world.faults.clear()
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(5 * MINUTE)
    assert uncordoned(lab)
    assert "as ana asked" in lab.remembered().blocked
    lab.assert_requests()


def test_what_a_stopped_cluster_owes_is_uncordoned_when_it_runs_again() -> None:
    lab = half_way()
    lab.cluster.power_state = "Stopped"
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(3 * DAY)
    assert lab.replacement
    assert lab.replacement.ends
    assert lab.budget.places == {}, "nothing is disrupted: others may have its place"
    lab.cluster.power_state = "Running"
    lab.look(lasting=HOUR)
    lab.assert_untouched()
    assert uncordoned(lab)


def test_a_cluster_of_a_subscription_that_is_not_ours_is_looked_at_until_what_is_owed_is_done() -> None:
    lab = half_way()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(MINUTE)
    assert (lab.budget.places, lab.replacement is None) == ({}, False)
    lab.watched = False
    lab.cluster.properties["apiServerAccessProfile"] = {}
    lab.look(lasting=HOUR)
    assert uncordoned(lab)
    lab.assert_untouched()


# Rings


def test_a_pool_and_its_twin_both_count_in_their_rings() -> None:
    """The canary is the old pool: it proves nothing, so that the next one of the ring is a canary as well."""
    lab = Replacing.made(pods=False)
    lab.policies.rules = ruled(f"{REPLACES}{RINGS}")
    third, other = lab.add("aks-third"), lab.add("aks-other")
    lab.add_pool(third, "older")
    lab.count()
    lab.event()
    lab.until(lambda: bool(lab.verdict(pool="oldf")))
    lab.look(third, other)
    assert (lab.waits(third, "older"), lab.waits(other)) == ("CanaryUnproven", "RingClosed")
    assert [canary.pool for canary in lab.budget.canaries.values()] == ["old"]
    lab.count()
    assert lab.budget.counts
    assert (lab.budget.counts.rings["first"].pools, lab.budget.counts.rings["first"].unproven) == (3, 3)
    lab.days(0.5)
    assert list(lab.pools) == ["oldf"]
    done = [lab.records(RecordKind.INTENT, cluster)[-1].payload["at"] for cluster in (CLUSTER, third, other)]
    assert done == sorted(done), "the old pool, then the rest of its ring, then the next ring"
    assert lab.verdict(other) == "compliant: NodesProven"


# What others do


def test_nodes_that_join_the_old_pool_in_the_middle_are_cordoned_and_emptied_too() -> None:
    lab = half_way()
    lab.scale("old", 3)
    lab.passes(HOUR)
    lab.assert_replaced()


def test_a_twin_that_somebody_deletes_is_not_made_again_and_the_nodes_are_uncordoned() -> None:
    lab = half_way()
    with lab.world.entered():
        del lab.pools["oldf"]
        lab.kube.settled = None
        pods.look_again(lab.cluster)
    lab.look(lasting=HOUR)
    assert list(lab.pools) == ["old"]
    assert not [node.name for node in lab.nodes() if node.unschedulable]
    assert lab.waits(pool="old") == "Blocked"
    assert "was deleted while" in lab.deferral(pool="old").message
    assert (lab.replacement, lab.budget.places) == (None, {})
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(HOUR)
    assert list(lab.pools) == ["oldf"]


def test_an_old_pool_that_somebody_deletes_is_replaced() -> None:
    lab = half_way()
    with lab.world.entered():
        del lab.pools["old"]
        pods.look_again(lab.cluster)
    lab.look(lasting=MINUTE)
    assert lab.parts()[-1] != "ended", "one list that lacks it is not believed"
    lab.passes(HOUR)
    assert (list(lab.pools), lab.replacement, lab.budget.places) == (["oldf"], None, {})
    assert lab.parts()[-1] == "ended"
    assert lab.verdict(pool="oldf") == "compliant: NodesProven"


def test_an_old_pool_that_one_list_lacks_is_gone_on_with() -> None:
    lab = half_way()
    with lab.world.entered():
        kept = lab.pools.pop("old")
    lab.event()
    lab.step(Tap())
    with lab.world.entered():
        lab.pools["old"] = kept
        pods.look_again(lab.cluster)
    lab.look(lasting=HOUR)
    assert "ended" not in lab.parts()[:-1]
    assert list(lab.pools) == ["oldf"]
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]
    assert (lab.replacement, lab.budget.places) == (None, {})


@pytest.mark.parametrize("reachable", [True, False])
def test_an_old_pool_that_was_long_not_listed_is_uncordoned_when_it_is_there_again(*, reachable: bool) -> None:
    lab = half_way()
    with lab.world.entered():
        kept = lab.pools.pop("old")
    lab.look(lasting=HOUR)
    assert (lab.parts()[-1], lab.replacement, lab.budget.places) == ("ended", None, {})
    with lab.world.entered():
        lab.pools["old"] = kept
        pods.look_again(lab.cluster)
        lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": not reachable}
    lab.look(lasting=HOUR)
    assert bool([node.name for node in lab.nodes() if node.unschedulable]) is not reachable
    lab.cluster.properties["apiServerAccessProfile"] = {}
    lab.look(lasting=HOUR)
    assert not [node.name for node in lab.nodes() if node.unschedulable]
    assert len([alert for alert in lab.alerts.sent if "it is there again" in alert.text]) == 1
    assert (lab.waits(pool="old"), lab.replacement) == ("ReplacedBefore", None)


def test_a_pool_that_comes_back_is_not_replaced_again_and_again() -> None:
    lab = Replacing.made(pods=False)
    lab.look(lasting=HOUR)
    lab.add_pool(CLUSTER, "old", **SETTINGS)
    lab.look(lasting=HOUR)
    assert set(lab.pools) == {"old", "oldf"}
    assert lab.waits(pool="old") == "ReplacedBefore"


def test_a_pool_that_only_bears_the_tag_of_a_twin_is_no_twin() -> None:
    lab = Replacing.made()
    tag = {"fipswarden-replaces": f"old:{'a' * 32}"}
    lab.add_pool(
        CLUSTER, "small", **SETTINGS | {"osSKU": "AzureLinux3", "enableFIPS": True, "maxPods": 30, "tags": tag}
    )
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "TwinDiffers"
    assert writes(lab) == []


def test_a_subscription_that_is_no_longer_ours_is_left_in_order() -> None:
    lab = half_way()
    lab.watched = False
    lab.look(lasting=HOUR)
    lab.assert_untouched()
    assert (lab.replacement, lab.budget.places) == (None, {})


def test_a_cluster_that_leaves_the_scope_is_left_in_order() -> None:
    lab = half_way()
    lab.policies.rules = ruled(f"{REPLACES}scope: {{ exclude: [{{ clusters: ['*'] }}] }}\n")
    lab.look(lasting=HOUR)
    lab.assert_untouched()
    assert (lab.replacement, lab.budget.places) == (None, {})
