"""Cordons, evictions, budgets, and what a reimage or a deletion of a pool does to pods."""

from datetime import timedelta
from typing import Any

import pytest

from local.faces import Response
from local.world.kube import builders
from local.world.model import Node
from tests.unit.local_azure.asking import OPERATION, PROD, operator
from tests.unit.local_azure.kube import PODS, Kube

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
ON_APPS: dict[str, Any] = {"nodeSelector": {"agentpool": "apps"}}


def evict(kube: Kube, name: str) -> Response:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    return kube.ask("POST", f"{PODS}/{name}/eviction", body)


def workload(kube: Kube, replicas: int = 3, **more: Any) -> None:
    builders.add_workload(kube.cluster, "web", replicas=replicas, **(ON_APPS | more))
    kube.wait()


def status(kube: Kube) -> tuple[int, int, int, int]:
    found = kube.get(f"{BUDGETS}/web")["status"]
    return found["expectedPods"], found["currentHealthy"], found["desiredHealthy"], found["disruptionsAllowed"]


@pytest.mark.parametrize(
    ("budget", "shown"),
    [
        ({"min_available": 2}, (3, 3, 2, 1)),
        ({"min_available": 3}, (3, 3, 3, 0)),
        ({"min_available": "50%"}, (3, 3, 2, 1)),
        ({"max_unavailable": 1}, (3, 3, 2, 1)),
        ({"max_unavailable": 0}, (3, 3, 3, 0)),
        ({"max_unavailable": "50%"}, (3, 3, 1, 2)),
    ],
)
def test_a_budget_says_what_it_allows(kube: Kube, budget: dict[str, Any], shown: tuple[int, ...]) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", **budget)
    assert status(kube) == shown
    assert kube.table(BUDGETS)[0][3] == shown[3]


def test_a_budget_counts_only_pods_that_are_ready(kube: Kube) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", min_available=2)
    kube.nodes("apps")[0].ready = False
    assert status(kube) == (3, 2, 2, 0)


def test_an_evicted_pod_with_a_controller_comes_back_elsewhere(kube: Kube) -> None:
    workload(kube)
    first = kube.get(PODS)["items"][0]
    node = first["spec"]["nodeName"]
    assert kube.ask("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}}).status == 200
    answered = evict(kube, first["metadata"]["name"])
    assert (answered.status, answered.json()["status"]) == (201, "Success")
    kube.wait()
    after = kube.get(PODS)["items"]
    assert [pod["status"]["phase"] for pod in after] == ["Running"] * 3
    assert node not in {pod["spec"]["nodeName"] for pod in after}
    assert kube.cluster.kube.lost == 0


def test_a_budget_refuses_evictions_in_kubernetes_words(kube: Kube) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", max_unavailable=1)
    first, second, _ = kube.names(PODS)
    assert evict(kube, first).status == 201
    refused = evict(kube, second).json()
    assert (refused["code"], refused["reason"]) == (429, "TooManyRequests")
    assert refused["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    cause = refused["details"]["causes"][0]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget web needs 2 healthy pods and has 2 currently"
    kube.wait()
    assert evict(kube, second).status == 201


def test_two_budgets_over_one_pod_are_an_error(kube: Kube) -> None:
    workload(kube)
    for name in ("web", "other"):
        builders.add_budget(kube.cluster, name, labels={"app": "web"}, max_unavailable=1)
    assert evict(kube, kube.names(PODS)[0]).status == 500


def test_an_eviction_of_nobody_is_not_found(kube: Kube) -> None:
    assert evict(kube, "nobody").status == 404


def test_pods_that_do_not_run_may_always_go(kube: Kube) -> None:
    workload(kube, nodeSelector={"agentpool": "nowhere"})
    builders.add_budget(kube.cluster, "web", max_unavailable=0)
    assert evict(kube, kube.names(PODS)[0]).status == 201


def test_a_pod_without_a_controller_is_lost(kube: Kube) -> None:
    builders.add_pod(kube.cluster, "alone", **ON_APPS)
    kube.wait()
    assert evict(kube, "alone").status == 201
    kube.wait()
    assert (kube.names(PODS), kube.cluster.kube.lost) == ([], 1)


def test_what_somebody_deletes_is_not_lost_and_comes_back_only_by_its_controller(kube: Kube) -> None:
    workload(kube, replicas=1, kind="StatefulSet")
    builders.add_pod(kube.cluster, "alone", **ON_APPS)
    for name in ("web-0", "alone"):
        kube.ask("DELETE", f"{PODS}/{name}")
    kube.wait()
    assert (kube.names(PODS), kube.cluster.kube.lost) == (["web-0"], 0)


def test_pods_name_their_controller(kube: Kube) -> None:
    workload(kube, replicas=1)
    owner = kube.get(PODS)["items"][0]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ReplicaSet", "web", True)
    assert kube.names("/apis/apps/v1/namespaces/default/replicasets") == ["web"]


def test_a_daemon_set_is_on_every_node_that_it_selects(kube: Kube) -> None:
    workload(kube, kind="DaemonSet")
    assert len(kube.names(PODS)) == 3
    kube.ask("DELETE", f"{PODS}/{kube.names(PODS)[0]}?gracePeriodSeconds=0")
    assert len(kube.names(PODS)) == 3


def test_a_cordon_is_a_patch_that_can_be_taken_back(kube: Kube) -> None:
    node = kube.nodes("apps")[0]
    path = f"/api/v1/nodes/{node.name}"
    shown = kube.ask("PATCH", path, {"spec": {"unschedulable": True}}).json()
    assert shown["spec"]["unschedulable"] is True
    assert shown["spec"]["taints"][0]["key"] == "node.kubernetes.io/unschedulable"
    kube.ask("PATCH", path, {"spec": {"unschedulable": None}})
    assert not node.unschedulable
    kube.ask("PATCH", path, {"metadata": {"labels": {"a": "b"}}})
    assert kube.names("/api/v1/nodes?labelSelector=a=b") == [node.name]


def test_other_changes_of_a_node_are_refused(kube: Kube) -> None:
    path = f"/api/v1/nodes/{kube.nodes('apps')[0].name}"
    assert kube.ask("PATCH", path, {"spec": {"taints": []}}).status == 422
    assert kube.ask("PATCH", "/api/v1/nodes/nobody", {"spec": {"unschedulable": True}}).status == 404
    assert kube.ask("DELETE", path).status == 405


def reimage(kube: Kube) -> Any:
    answered = kube.azure.put_pool("apps", enableFIPS=False)
    kube.azure.pass_time(2 * OPERATION)
    return kube.azure.operation(answered)


def test_a_reimage_moves_pods_through_their_budget(kube: Kube) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", max_unavailable=1)
    assert reimage(kube)["status"] == "Succeeded"
    kube.wait()
    assert [pod["status"]["phase"] for pod in kube.get(PODS)["items"]] == ["Running"] * 3
    assert (kube.cluster.kube.lost, kube.cluster.kube.killed_protected) == (0, 0)


def test_a_budget_that_allows_nothing_fails_the_reimage_and_is_named(kube: Kube) -> None:
    workload(kube, kind="StatefulSet")
    builders.add_budget(kube.cluster, "web", max_unavailable=0)
    error = reimage(kube)["error"]
    assert error["code"] == "PodDrainFailure"
    assert "failed when evicting pod web-0 failed with Too Many Requests error" in error["message"]
    assert "PDB debug info: default/web-0 blocked by pdb web with 0 unready pods: []." in error["message"]
    assert kube.azure.pool("apps")["provisioningState"] == "Failed"
    assert (len(kube.names(PODS)), kube.cluster.kube.killed_protected) == (3, 0)


def test_a_failed_drain_leaves_the_node_cordoned_and_another_put_resumes(kube: Kube) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", max_unavailable=0)
    reimage(kube)
    assert any(node.unschedulable for node in kube.nodes("apps"))
    kube.cluster.kube.of("poddisruptionbudgets").clear()
    answered = kube.azure.put_pool("apps")
    kube.azure.pass_time(2 * OPERATION)
    assert kube.azure.operation(answered)["status"] == "Succeeded"
    assert {(node.kernel_fips, node.unschedulable) for node in kube.nodes("apps")} == {(0, False)}


def test_a_reimage_loses_pods_that_nobody_brings_back_and_keeps_daemons(kube: Kube) -> None:
    builders.add_pod(kube.cluster, "alone", **ON_APPS)
    workload(kube, kind="DaemonSet")
    reimage(kube)
    assert len(kube.names(PODS)) == 3
    assert kube.cluster.kube.lost == 1


def delete_pool(kube: Kube) -> None:
    assert operator(kube.azure).ask("DELETE", f"{PROD}/agentPools/apps").status == 202
    kube.azure.pass_time()


def test_deleting_a_pool_drains_nothing_and_kills_what_a_budget_protects(kube: Kube) -> None:
    workload(kube)
    builders.add_budget(kube.cluster, "web", min_available=2)
    builders.add_pod(kube.cluster, "alone", **ON_APPS)
    kube.wait()
    delete_pool(kube)
    assert (kube.cluster.kube.killed_protected, kube.cluster.kube.lost) == (2, 1)
    assert {pod["status"]["phase"] for pod in kube.get(PODS)["items"]} == {"Pending"}


def test_a_pool_that_was_emptied_first_loses_nothing(kube: Kube) -> None:
    workload(kube, nodeSelector={"kubernetes.io/os": "linux"}, replicas=6)
    builders.add_budget(kube.cluster, "web", max_unavailable=1)
    for node in kube.nodes("apps"):
        kube.ask("PATCH", f"/api/v1/nodes/{node.name}", {"spec": {"unschedulable": True}})
    for node in kube.nodes("apps"):
        empty(kube, node)
    delete_pool(kube)
    assert (kube.cluster.kube.killed_protected, kube.cluster.kube.lost) == (0, 0)
    assert len(kube.names(f"{PODS}?fieldSelector=status.phase=Running")) == 6


def empty(kube: Kube, node: Node) -> None:
    for name in kube.names(f"{PODS}?fieldSelector=spec.nodeName={node.name}"):
        assert evict(kube, name).status == 201
        kube.wait()


def test_fewer_nodes_are_drained_first(kube: Kube) -> None:
    workload(kube)
    kube.azure.put_pool("apps", count=1)
    kube.azure.pass_time()
    kube.wait(timedelta(minutes=1))
    assert len(kube.nodes("apps")) == 1
    assert [pod["status"]["phase"] for pod in kube.get(PODS)["items"]] == ["Running"] * 3
    assert kube.cluster.kube.lost == 0
