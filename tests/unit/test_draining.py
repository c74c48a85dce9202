"""What is left on a pool's nodes, who can't follow, and what is evicted together."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.api_server import Answered
from shared.domain.demands import Demand
from shared.domain.draining import (
    CORDON,
    EVICTED_AT_ONCE,
    NODES_TRIED,
    Left,
    batches,
    cordon,
    cordoned_for,
    eviction,
    held_by_budget,
    next_node,
    uncordon,
)
from shared.domain.following import drained
from shared.domain.model import Pool
from shared.domain.observe_left import read_followed, read_lacking, read_left, read_place
from shared.domain.taints import SPOT, Taint, Toleration
from shared.domain.workloads import Place
from tests.builders import NOW, pool
from tests.unit.kubernetes_objects import OF_DAEMON_SET, OF_JOB, pod

OLD = Place("o1", "old", {"agentpool": "old", CORDON: "0" * 32}, cordoned=True)
NEW = Place("n1", "oldf", {"agentpool": "oldf"})
ONE = pool("old", count=1)
TWIN = pool("oldf", count=1)
TAINTED = pool("old", count=1, nodeTaints=["gpu=yes:NoSchedule", "soft:PreferNoSchedule"])
GPU = Taint("gpu", "yes", "NoSchedule")


def of_node(*names: str) -> dict[str, Any]:
    """The affinity that a DaemonSet's controller gives a pod."""
    field = {"key": "metadata.name", "operator": "In", "values": list(names)}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def left(name: str = "web-0", node: str = "o1", **changes: Any) -> Left:
    made = Left("pay", name, f"uid-{name}", node, f"pay/StatefulSet/{name}", going=False)
    return replace(made, **changes)


def test_a_pool_is_empty_when_no_node_takes_pods_and_none_is_left() -> None:
    assert drained(ONE, TWIN, [OLD, NEW], [], NOW).empty
    assert drained(pool("old", count=0), TWIN, [NEW], [], NOW).empty
    assert not drained(ONE, TWIN, [replace(OLD, cordoned=False), NEW], [], NOW).empty
    assert not drained(ONE, TWIN, [OLD, NEW], [left(going=True)], NOW).empty


@pytest.mark.parametrize(("count", "unseen"), [(1, 0), (0, 0), (2, 1), (3, 2), (None, 1)])
def test_a_pool_is_not_empty_while_fewer_nodes_are_seen_than_it_has(count: int | None, unseen: int) -> None:
    """A node whose label somebody took off has pods that nobody sees."""
    found = drained(replace(ONE, count=count), TWIN, [OLD, NEW], [], NOW)
    assert (found.unseen, found.empty) == (unseen, not unseen)


def test_pods_of_other_pools_are_nobodys_business() -> None:
    found = drained(ONE, TWIN, [OLD, NEW], [left("a", "n1"), left("b"), left("c", "")], NOW)
    assert [one.name for one in found.left] == ["b"]


def test_a_node_that_somebody_uncordoned_shows_by_our_label_that_it_was_cordoned_before() -> None:
    hosts = [replace(OLD, cordoned=False), Place("o2", "old", {"agentpool": "old"}), replace(OLD, name="o3")]
    found = drained(ONE, TWIN, hosts, [], NOW)
    assert (found.open, found.again) == (("o1", "o2"), ("o1",))


def test_only_pods_that_nobody_has_told_to_go_are_evicted() -> None:
    found = drained(ONE, TWIN, [OLD, NEW], [left("a", going=True), left("b")], NOW)
    assert [one.name for one in found.to_evict] == ["b"]


def test_the_pods_of_one_node_go_together_and_not_too_many() -> None:
    pods = [left(f"p{number:03}", node) for node in ("o1", "o2", "o3", "o4", "o5") for number in range(40)]
    found = list(batches(pods))
    assert [{one.node for one in batch} for batch in found] == [{"o1"}, {"o2"}, {"o3"}, {"o4"}]
    assert (len(found), {len(batch) for batch in found}) == (NODES_TRIED, {EVICTED_AT_ONCE})
    assert list(batches([])) == []


def test_whose_turn_it_is_comes_first_and_then_the_others() -> None:
    pods = [left(f"p{number}", node) for number, node in enumerate(("o1", "o1", "o3", "o4"))]

    def order(first: str) -> list[str]:
        return [batch[0].node for batch in batches(pods, first)]

    assert order("") == ["o1", "o3", "o4"]
    assert order("o2") == order("o3") == ["o3", "o4", "o1"]
    assert order("o9") == ["o1", "o3", "o4"]
    assert [next_node(pods, node) for node in ("o1", "o3", "o4")] == ["o3", "o4", ""]


@pytest.mark.parametrize(
    ("nodes", "count", "why"),
    [
        ([NEW], 1, ""),
        ([NEW, replace(NEW, name="n2", taints=(GPU,))], 2, ""),
        ([replace(NEW, cordoned=True)], 1, "n1 is cordoned"),
        ([replace(NEW, ready=False)], 1, "n1 is not ready"),
        ([replace(NEW, taints=(GPU, Taint("a", "", "NoExecute")))], 1, "n1 has taint a:NoExecute"),
        ([replace(NEW, name="n2", cordoned=True), NEW], 2, "n2 is cordoned"),
        ([NEW], 2, "Kubernetes shows 1 nodes of 2"),
        ([NEW], None, "Kubernetes shows 1 nodes of unknown"),
        ([], 2, "Kubernetes shows 0 nodes of 2"),
    ],
)
def test_a_twin_takes_pods_when_each_of_its_nodes_does(nodes: list[Place], count: int | None, why: str) -> None:
    twin = pool("oldf", count=1, nodeTaints=["gpu=yes:NoSchedule"])
    found = drained(ONE, replace(twin, count=count), [OLD, *nodes], [], NOW)
    assert (found.unfit, found.empty) == (why, not why)


def test_nodes_of_spot_machines_have_the_taint_of_such_whether_arm_tells_it_or_not() -> None:
    twin = pool("oldf", count=1, scaleSetPriority="Spot")
    assert drained(ONE, twin, [OLD, replace(NEW, taints=(SPOT,))], [], NOW).unfit == ""
    assert drained(ONE, TWIN, [OLD, replace(NEW, taints=(SPOT,))], [], NOW).unfit


@pytest.mark.parametrize(
    ("old", "changes", "pending"),
    [
        (ONE, {}, True),
        (ONE, {"going": True}, False),
        (ONE, {"node": "n1"}, False),
        (ONE, {"demand": Demand((("agentpool", "old"),))}, True),
        (ONE, {"demand": Demand((("agentpool", "web"),))}, False),
        (TAINTED, {}, False),
        (TAINTED, {"tolerations": (Toleration("gpu", "Equal", "yes", "NoSchedule"),)}, True),
        (TAINTED, {"tolerations": (Toleration("gpu", "", "yes", ""),)}, True),
        (TAINTED, {"tolerations": (Toleration("gpu", "Equal", "no", ""),)}, False),
        (TAINTED, {"tolerations": (Toleration("gpu", "Equal", "yes", "NoExecute"),)}, False),
        (TAINTED, {"tolerations": (Toleration("cpu", "Exists", "", ""),)}, False),
        (TAINTED, {"tolerations": (Toleration("", "Exists", "", ""),)}, True),
        (TAINTED, {"tolerations": (Toleration("gpu", "Newer", "1", ""),)}, True),
    ],
)
def test_pods_that_a_pool_would_take_and_that_have_no_node_are_waited_for(
    old: Pool, changes: dict[str, Any], *, pending: bool
) -> None:
    found = drained(old, TWIN, [OLD, NEW], [replace(left("web-0", ""), **changes)], NOW)
    assert found.pending == (("pay/StatefulSet/web-0",) if pending else ())
    assert found.empty is not pending


@pytest.mark.parametrize(
    ("status", "details", "held"),
    [
        (429, {"causes": [{"reason": "DisruptionBudget", "message": "web"}]}, True),
        (429, {"causes": [{"reason": "Other"}, "x"]}, False),
        (429, {"retryAfterSeconds": 1}, False),
        (429, None, False),
        (500, {"causes": [{"reason": "DisruptionBudget"}]}, False),
    ],
)
def test_only_a_budget_is_called_one(status: int, details: Any, *, held: bool) -> None:
    assert held_by_budget(Answered(status, {"details": details})) is held


def test_a_cordon_says_for_whom_and_is_taken_back_whole() -> None:
    path, patch = cordon("o1", "abc")
    assert (path, patch) == (
        "/api/v1/nodes/o1",
        {"metadata": {"labels": {CORDON: "abc"}}, "spec": {"unschedulable": True}},
    )
    assert uncordon("o1") == (path, {"metadata": {"labels": {CORDON: None}}, "spec": {"unschedulable": None}})


def test_an_eviction_means_one_pod_of_the_name_alone() -> None:
    path, body = eviction(left())
    assert path == "/api/v1/namespaces/pay/pods/web-0/eviction"
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-web-0"}}
    assert (body["apiVersion"], body["kind"]) == ("policy/v1", "Eviction")


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({}, True),
        ({"owners": []}, True),
        ({"owners": [OF_JOB]}, True),
        ({"owners": [OF_JOB], "phase": "Succeeded"}, False),
        ({"phase": "Failed"}, False),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, False),
        ({"deleting": True}, True),
        ({"node": ""}, True),
        ({"node": "", "schedulingGates": [{"name": "later"}]}, True),
        ({"node": "", "schedulingGates": [{"name": "later"}], "restartPolicy": "Never"}, False),
        ({"node": "", "schedulingGates": [{"name": "later"}], "owners": [OF_DAEMON_SET]}, False),
        ({"schedulingGates": []}, True),
    ],
)
def test_what_keeps_a_node_from_being_empty(changes: dict[str, Any], *, stays: bool) -> None:
    found = read_left(pod(**changes))
    assert (found is not None) is stays
    if found:
        assert found.going is ("deleting" in changes)
        assert found.lacking is bool(changes.get("schedulingGates"))


@pytest.mark.parametrize(
    ("wanted", "there", "lacks"),
    [
        (3, 3, 0),
        (3, 1, 2),
        (3, None, 3),
        (None, None, 1),
        (0, None, 0),
        (1, 2, 0),
        (2**31 - 1, 0, 1000),
    ],
)
def test_a_controller_lacks_the_pods_that_it_is_to_have_and_has_not(
    wanted: int | None, there: int | None, lacks: int
) -> None:
    metadata = {"namespace": "pay", "name": "web"}
    item = {"metadata": metadata, "spec": {"replicas": wanted}, "status": {"replicas": there}}
    found = read_lacking(item, "Deployment")
    assert [(pod.unit, pod.lacking, pod.run.ready) for pod in found] == [("pay/Deployment/web", True, False)] * lacks
    assert read_lacking({**item, "metadata": {**metadata, "deletionTimestamp": "now"}}, "Deployment") == ()


@pytest.mark.parametrize("labels", [{}, {"pod-template-hash": "5d4f"}])
def test_what_a_replica_set_lacks_is_its_deployments_if_it_has_one(labels: dict[str, str]) -> None:
    metadata = {"namespace": "pay", "name": "web-5d4f", "labels": labels}
    (found,) = read_lacking({"metadata": metadata, "spec": {"replicas": 2}, "status": {"replicas": 1}}, "ReplicaSet")
    named = ("pay/Deployment/web", "web-5d4f") if labels else ("pay/ReplicaSet/web-5d4f", "")
    assert (found.unit, found.name) == named


@pytest.mark.parametrize(
    ("changes", "made", "counts"),
    [
        ({}, "2026-11-23T08:00:00Z", True),
        ({"phase": "Failed"}, "2026-11-23T09:30:04Z", True),
        ({"phase": "Failed"}, "2026-11-23T09:30:03Z", False),
        ({"phase": "Failed"}, "some day", True),
        ({"phase": "Succeeded"}, "2026-11-23T09:30:04Z", True),
        ({"owners": [OF_DAEMON_SET]}, "2026-11-23T09:30:04Z", True),
    ],
)
def test_what_has_ended_on_the_twin_since_a_replacement_began_is_seen(
    changes: dict[str, Any], made: str, *, counts: bool
) -> None:
    item = pod(**changes)
    item["metadata"]["creationTimestamp"] = made
    assert (read_followed(item, NOW) is not None) is counts


@pytest.mark.parametrize(
    ("changes", "node"),
    [
        ({"owners": [OF_DAEMON_SET]}, "aks-apps-0"),
        ({"owners": [OF_DAEMON_SET], "node": "", "affinity": of_node("n1")}, "n1"),
        ({"owners": [OF_DAEMON_SET], "node": "", "affinity": of_node("n1", "n2")}, ""),
        ({"owners": [OF_DAEMON_SET], "node": ""}, ""),
        ({"node": "", "affinity": of_node("n1")}, ""),
    ],
)
def test_a_pod_of_a_daemon_set_belongs_to_its_node_also_while_it_waits_for_it(
    changes: dict[str, Any], node: str
) -> None:
    found = read_left(pod(**changes))
    assert found
    assert (found.node, found.stays) == (node, "owners" in changes)


def test_a_deployment_that_is_rolled_out_meanwhile_is_watched_by_its_own_name() -> None:
    """Its new ReplicaSet has another name, and none of its pods was on the old pool."""
    before = read_left(pod(node="o1"))
    owner = {"kind": "ReplicaSet", "name": "ledger-77c4", "controller": True}
    after = read_followed(pod(node="n1", labels={"pod-template-hash": "77c4"}, owners=[owner]), NOW)
    assert before
    assert after
    ran = drained(ONE, TWIN, [replace(OLD, labels={}), NEW], [before], NOW).ran
    assert ran
    assert drained(ONE, TWIN, [OLD, NEW], [after] * (max(ran.values()) + 1), NOW, ran).failing == (before.workload,)


def test_a_pod_that_is_left_says_what_it_asks_and_what_it_tolerates() -> None:
    tolerations = [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}, {"operator": "Exists"}]
    found = read_left(pod(nodeSelector={"disk": "ssd"}, tolerations=tolerations))
    assert found
    assert found.demand == Demand((("disk", "ssd"),))
    assert found.tolerations == (
        Toleration("gpu", "Exists", "", "NoSchedule"),
        Toleration("", "Exists", "", ""),
    )


@pytest.mark.parametrize(("spec", "cordoned"), [({"unschedulable": True}, True), ({}, False), (None, False)])
def test_a_node_says_whether_it_takes_pods_and_for_whom_it_was_cordoned(spec: Any, *, cordoned: bool) -> None:
    labels = {"agentpool": "old", CORDON: "abc"}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    found = read_place({"metadata": {"name": "o1", "labels": labels}, "spec": spec, "status": ready})
    assert (found.name, found.pool, found.cordoned, cordoned_for(found)) == ("o1", "old", cordoned, "abc")
    assert (found.ready, found.taints) == (True, ())


def test_a_node_says_what_keeps_pods_away() -> None:
    taints = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "soft", "effect": "PreferNoSchedule"}]
    found = read_place({"metadata": {"name": "n1"}, "spec": {"taints": [*taints, "x"]}})
    assert (found.ready, found.taints) == (False, (GPU,))


@pytest.mark.parametrize(
    ("workload", "name", "unit"),
    [
        ("pay/Deployment/web", "web-24567", "pay/Deployment/web"),
        ("pay/DaemonSet/agent", "agent-24567", "pay/DaemonSet/agent"),
        ("pay/StatefulSet/db", "db-0", "pay/StatefulSet/db/db-0"),
        ("pay/StrimziPodSet/kafka", "kafka-12", "pay/StrimziPodSet/kafka/kafka-12"),
        ("pay/CloneSet/web", "web-x2k4b", "pay/CloneSet/web"),
        ("pay/Pod/db-0", "db-0", "pay/Pod/db-0"),
        ("?", "a", "?"),
    ],
)
def test_a_pod_that_keeps_its_name_is_one_by_itself(workload: str, name: str, unit: str) -> None:
    assert replace(left(), workload=workload, name=name).unit == unit
