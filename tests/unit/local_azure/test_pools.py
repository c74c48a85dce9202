"""Agent pools over ARM: what AKS does with a PUT, a DELETE, an abort."""

from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.world import rollout
from local.world.faults import DRAIN_FAILURE, CancelOperation, FailOperation, Fault
from tests.unit.local_azure.asking import CLUSTERS, OPERATION, PROD, Azure, operator

LINUX: dict[str, Any] = {"count": 2, "vmSize": "Standard_D8ds_v5", "osType": "Linux"}


def new_pool(azure: Azure, name: str, **properties: Any) -> dict[str, Any]:
    """Add a pool over ARM and let it come up; return its properties."""
    answered = azure.put_pool(name, **LINUX | properties)
    assert answered.status == 201, answered.body
    azure.pass_time()
    return azure.pool(name)


def test_a_new_pool_answers_201_with_an_operation_and_no_location(azure: Azure) -> None:
    answered = azure.put_pool("np1", **LINUX)
    assert answered.status == 201
    assert answered.json()["properties"]["provisioningState"] == "Creating"
    assert "eTag" not in answered.json()["properties"]
    assert {name for name, _ in answered.headers}.isdisjoint({"Location", "Retry-After"})
    assert azure.operation(answered)["status"] == "InProgress"
    azure.pass_time()
    assert azure.operation(answered)["status"] == "Succeeded"
    assert azure.pool("np1")["provisioningState"] == "Succeeded"


def test_a_creation_in_progress_has_words_of_its_own_for_its_status(azure: Azure) -> None:
    answered = azure.put_pool("np1", **LINUX)
    azure.pass_time(OPERATION / 2)
    assert azure.operation(answered)["status"] == "CreatingAgentPools: 1/2 nodes completed"


def test_an_update_answers_200_with_an_operation(azure: Azure) -> None:
    answered = azure.put_pool("apps", nodeLabels={"team": "web"})
    assert answered.status == 200
    assert answered.json()["properties"]["provisioningState"] == "Updating"
    assert "eTag" not in answered.json()["properties"]
    azure.pass_time()
    assert azure.operation(answered)["status"] == "Succeeded"


def test_the_url_of_an_operation_is_long_and_has_to_be_used_as_it_is(azure: Azure) -> None:
    url = azure.put_pool("apps", nodeLabels={"a": "b"}).header("Azure-AsyncOperation")
    assert len(url) > 3000
    path = url.removeprefix("https://localhost")
    assert azure.get(path).status == 200
    assert azure.get(path[: path.index("&s=")]).status == 403


def test_the_answer_to_switching_fips_on_shows_the_target_while_the_nodes_are_still_old(azure: Azure) -> None:
    new_pool(azure, "np1")
    shown = azure.put_pool("np1", enableFIPS=True).json()["properties"]
    assert shown["provisioningState"] == "Upgrading"
    assert shown["enableFIPS"] is True
    assert "fips" in shown["nodeImageVersion"]
    cluster = azure.world.cluster_by_id(PROD)
    assert [n.kernel_fips for n in rollout.nodes(cluster, cluster.pools["np1"])] == [0, 0]


def test_a_reimage_replaces_every_node_one_surge_at_a_time(azure: Azure) -> None:
    new_pool(azure, "np1", count=3)
    cluster = azure.world.cluster_by_id(PROD)
    pool = cluster.pools["np1"]
    before = {node.name: (node.uid, node.boot_id) for node in rollout.nodes(cluster, pool)}
    azure.put_pool("np1", enableFIPS=True)
    counts, cordoned = set(), 0
    for _ in range(60):
        azure.pass_time(OPERATION / 60)
        counts.add(len(rollout.nodes(cluster, pool)))
        cordoned += any(node.unschedulable for node in rollout.nodes(cluster, pool))
    after = {node.name: (node.uid, node.boot_id) for node in rollout.nodes(cluster, pool)}
    assert counts == {3, 4}
    assert cordoned > 0
    assert before.keys() == after.keys()
    assert set(before.values()).isdisjoint(after.values())
    assert all(node.fips_label and node.kernel_fips == 1 for node in rollout.nodes(cluster, pool))


def test_an_operation_succeeds_only_when_its_time_is_over(azure: Azure) -> None:
    new_pool(azure, "np1")
    answered = azure.put_pool("np1", enableFIPS=True)
    azure.pass_time(OPERATION - timedelta(seconds=1))
    assert azure.operation(answered)["status"] == "InProgress"
    azure.pass_time(timedelta(seconds=1))
    assert azure.operation(answered)["status"] == "Succeeded"


def test_a_put_replaces_the_whole_pool(azure: Azure) -> None:
    new_pool(azure, "np1", nodeLabels={"team": "web"}, nodeTaints=["a=b:NoSchedule"], enableFIPS=True)
    azure.put_pool("np1", nodeLabels=None)
    azure.pass_time()
    assert "nodeLabels" not in azure.pool("np1")
    assert azure.pool("np1")["nodeTaints"] == ["a=b:NoSchedule"]


def test_read_only_members_of_a_body_are_ignored(azure: Azure) -> None:
    answered = azure.put_pool("apps", provisioningState="Failed", eTag="x", currentOrchestratorVersion="1.2.3")
    assert answered.status == 200
    azure.pass_time()
    assert azure.pool("apps")["provisioningState"] == "Succeeded"


def test_a_node_image_that_was_not_used_lately_is_refused(azure: Azure) -> None:
    answered = azure.put_pool("apps", nodeImageVersion="AKSUbuntu-1804gen2containerd-2022.03.29")
    assert (answered.status, answered.json()["code"]) == (400, "InvalidParameter")


def test_a_node_image_that_was_used_lately_is_rolled_back_to(azure: Azure) -> None:
    old = new_pool(azure, "np1")["nodeImageVersion"]
    azure.put_pool("np1", enableFIPS=True)
    azure.pass_time()
    answered = azure.put_pool("np1", nodeImageVersion=old)
    assert answered.json()["properties"]["provisioningState"] == "Upgrading"
    azure.pass_time()
    assert azure.pool("np1")["nodeImageVersion"] == old
    cluster = azure.world.cluster_by_id(PROD)
    assert {node.kernel_fips for node in rollout.nodes(cluster, cluster.pools["np1"])} == {0}


def test_the_pools_own_image_in_a_body_asks_for_nothing(azure: Azure) -> None:
    image = azure.pool("apps")["nodeImageVersion"]
    answered = azure.put_pool("apps", nodeImageVersion=image)
    assert answered.json()["properties"]["provisioningState"] == "Updating"


def test_a_pool_put_renews_the_pools_etag_and_no_other(azure: Azure) -> None:
    cluster = azure.get(PROD).json()["eTag"]
    apps, system = azure.pool("apps")["eTag"], azure.pool("system")["eTag"]
    azure.put_pool("apps", nodeLabels={"a": "b"})
    azure.pass_time()
    assert azure.pool("apps")["eTag"] != apps
    assert azure.pool("system")["eTag"] == system
    assert azure.get(PROD).json()["eTag"] == cluster


def test_a_cluster_put_renews_the_etags_of_cluster_and_pools(azure: Azure) -> None:
    owner = operator(azure)
    before = owner.get(PROD).json()
    assert owner.ask("PUT", PROD, before | {"tags": {"env": "test"}}).status == 200
    azure.pass_time()
    after = owner.get(PROD).json()
    assert after["tags"] == {"env": "test"}
    assert after["eTag"] != before["eTag"]
    assert azure.pool("system")["eTag"] != before["properties"]["agentPoolProfiles"][0]["eTag"]


def test_one_get_of_the_cluster_has_every_pool_with_its_etag(azure: Azure) -> None:
    profiles = azure.get(PROD).json()["properties"]["agentPoolProfiles"]
    assert {p["name"]: p["eTag"] for p in profiles} == {n: azure.pool(n)["eTag"] for n in ("system", "apps")}


def test_a_stale_etag_gets_412_and_changes_nothing(azure: Azure) -> None:
    before = azure.pool("apps")
    answered = azure.put_pool("apps", {"If-Match": "stale"}, enableFIPS=False)
    assert (answered.status, answered.json()["code"]) == (412, "PreConditionFailed")
    assert azure.pool("apps") == before


def test_the_right_etag_is_accepted(azure: Azure) -> None:
    assert azure.put_pool("apps", {"If-Match": azure.pool("apps")["eTag"]}, enableFIPS=False).status == 200


def test_if_none_match_lets_only_a_creation_pass(azure: Azure) -> None:
    assert azure.put_pool("apps", {"If-None-Match": "*"}).status == 412
    assert azure.put_pool("np1", {"If-None-Match": "*"}, **LINUX).status == 201


def test_both_conditions_together_are_refused(azure: Azure) -> None:
    assert azure.put_pool("apps", {"If-Match": "x", "If-None-Match": "*"}).status == 400
    assert azure.put_pool("apps", {"If-None-Match": "x"}).status == 400


def test_while_one_operation_runs_another_gets_409(azure: Azure) -> None:
    azure.put_pool("np1", **LINUX)
    answered = azure.put_pool("apps", enableFIPS=False)
    assert (answered.status, answered.json()["code"]) == (409, "OperationNotAllowed")
    assert "Another agentpool operation (np1 - Creating) is in progress" in answered.json()["message"]
    cluster = operator(azure).ask("PUT", PROD, {"location": "westeurope"})
    assert "Another operation (Creating) is in progress on agent pool (np1)" in cluster.json()["message"]
    azure.pass_time()
    assert azure.put_pool("apps", enableFIPS=False).status == 200


def test_other_clusters_are_free_while_one_is_busy(azure: Azure) -> None:
    other = azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-other")
    azure.world.add_pool(other, "system", mode="System")
    azure.put_pool("np1", **LINUX)
    assert azure.put_pool("system", cluster=f"{CLUSTERS}/aks-other", nodeLabels={"a": "b"}).status == 200


def test_a_stopped_cluster_takes_no_pool_put(azure: Azure) -> None:
    assert operator(azure).ask("POST", f"{PROD}/stop").status == 202
    azure.pass_time()
    assert azure.get(PROD).json()["properties"]["powerState"] == {"code": "Stopped"}
    assert azure.put_pool("apps", enableFIPS=False).json()["code"] == "OperationNotAllowed"
    assert operator(azure).ask("POST", f"{PROD}/start").status == 202
    azure.pass_time()
    assert azure.put_pool("apps", enableFIPS=False).status == 200


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"vmSize": "Standard_D16ds_v5"}, "agentPoolProfile.VMSize"),
        ({"osDiskType": "Ephemeral"}, "agentPoolProfile.OSDiskType"),
        ({"maxPods": 50}, "agentPoolProfile.MaxPods"),
        ({"availabilityZones": ["1"]}, "agentPoolProfile.AvailabilityZones"),
    ],
)
def test_what_is_fixed_at_creation_cannot_be_changed(azure: Azure, change: dict[str, Any], target: str) -> None:
    body = azure.put_pool("apps", **change).json()
    assert (body["code"], body["target"]) == ("PropertyChangeNotAllowed", target)
    assert body["message"] == f"Changing property '{target}' is not allowed."


@pytest.mark.parametrize(
    "refused",
    [
        {"osSKU": "Ubuntu2404"},
        {"osSKU": "Flatcar"},
        {"vmSize": "Standard_D4ps_v5", "osSKU": "Ubuntu"},
        {"vmSize": "Standard_DC4as_v5"},
        {"vmSize": "Standard_EC4ads_v5", "osSKU": "AzureLinux"},
        {"workloadRuntime": "KataVmIsolation", "osSKU": "AzureLinux"},
        {"osSKU": "AzureLinux", "securityProfile": {"enableVTPM": True}},
        {"osSKU": "Ubuntu", "securityProfile": {"enableSecureBoot": True}},
        {"orchestratorVersion": "1.18.20"},
    ],
)
def test_fips_is_refused_where_no_fips_image_exists(azure: Azure, refused: dict[str, Any]) -> None:
    assert azure.put_pool("np1", **LINUX | refused, enableFIPS=True).status == 400
    assert azure.put_pool("np1", **LINUX | refused, enableFIPS=False).status == 201


@pytest.mark.parametrize(
    "allowed",
    [
        {"vmSize": "Standard_D4ps_v5", "osSKU": "AzureLinux"},
        {"osSKU": "Ubuntu2204", "securityProfile": {"enableVTPM": True, "enableSecureBoot": True}},
        {"osSKU": "Ubuntu"},
    ],
)
def test_fips_is_accepted_where_a_fips_image_exists(azure: Azure, allowed: dict[str, Any]) -> None:
    assert azure.put_pool("np1", **LINUX | allowed, enableFIPS=True).status == 201


@pytest.mark.parametrize("name", ["Upper", "1st", "waytoolongname", "with-dash"])
def test_a_bad_pool_name_is_refused(azure: Azure, name: str) -> None:
    assert azure.put_pool(name, **LINUX).status == 400


def test_a_windows_pools_name_is_short(azure: Azure) -> None:
    assert azure.put_pool("windows", osType="Windows").status == 400


def test_a_windows_pools_fips_cannot_be_updated(azure: Azure) -> None:
    assert new_pool(azure, "win", osType="Windows")["osSKU"] == "Windows2022"
    assert azure.put_pool("win", enableFIPS=True).status == 400
    assert azure.put_pool("win", osSKU="Windows2025").json()["code"] == "PropertyChangeNotAllowed"


def test_a_windows_2025_pool_has_to_be_created_with_fips(azure: Azure) -> None:
    assert azure.put_pool("win", osType="Windows", osSKU="Windows2025").status == 400
    shown = new_pool(azure, "win", osType="Windows", osSKU="Windows2025", enableFIPS=True)
    assert "fips" not in shown["nodeImageVersion"].lower()


def test_an_os_sku_change_reimages_in_place(azure: Azure) -> None:
    new_pool(azure, "np1", osSKU="Ubuntu", enableFIPS=True)
    azure.put_pool("np1", osSKU="Ubuntu2204")
    azure.pass_time()
    assert azure.pool("np1")["nodeImageVersion"].startswith("AKSUbuntu-2204gen2fipscontainerd-")


def test_a_deleted_pool_is_gone_when_the_operation_ends(azure: Azure) -> None:
    owner = operator(azure)
    answered = owner.ask("DELETE", f"{PROD}/agentPools/apps")
    assert answered.status == 202
    assert azure.pool("apps")["provisioningState"] == "Deleting"
    azure.pass_time()
    gone = azure.get(f"{PROD}/agentPools/apps")
    assert (gone.status, gone.json()["subcode"]) == (404, "GetAgentPool_NotFound")
    assert owner.get(answered.header("Location").removeprefix("https://localhost")).status == 204
    assert owner.ask("DELETE", f"{PROD}/agentPools/apps").status == 204


def test_the_last_system_pool_stays(azure: Azure) -> None:
    assert operator(azure).ask("DELETE", f"{PROD}/agentPools/system").status == 400


def test_an_abort_leaves_the_pool_canceled_and_the_nodes_as_they_are(azure: Azure) -> None:
    new_pool(azure, "np1", count=4)
    running = azure.put_pool("np1", enableFIPS=True)
    azure.pass_time(OPERATION / 2)
    aborted = azure.ask("POST", f"{PROD}/agentPools/np1/abort")
    assert aborted.status == 202
    assert azure.pool("np1")["provisioningState"] == "Canceling"
    azure.pass_time()
    assert azure.operation(running)["status"] == "Canceled"
    assert azure.operation(aborted)["status"] == "Succeeded"
    assert azure.pool("np1")["provisioningState"] == "Canceled"
    cluster = azure.world.cluster_by_id(PROD)
    assert {node.kernel_fips for node in rollout.nodes(cluster, cluster.pools["np1"])} == {0, 1}


def test_there_is_nothing_to_abort_on_an_idle_pool(azure: Azure) -> None:
    assert azure.ask("POST", f"{PROD}/agentPools/apps/abort").status == 409


def test_a_failed_reimage_leaves_a_cordoned_node_and_says_why_and_another_put_resumes_it(azure: Azure) -> None:
    new_pool(azure, "np1", count=4)
    azure.world.faults.add(Fault(FailOperation("PodDrainFailure", DRAIN_FAILURE), method="PUT"))
    running = azure.put_pool("np1", enableFIPS=True)
    azure.pass_time()
    assert azure.operation(running)["error"] == {"code": "PodDrainFailure", "message": DRAIN_FAILURE}
    shown = azure.pool("np1")
    assert shown["provisioningState"] == "Failed"
    assert shown["status"]["provisioningError"]["code"] == "PodDrainFailure"
    cluster = azure.world.cluster_by_id(PROD)
    assert {node.kernel_fips for node in rollout.nodes(cluster, cluster.pools["np1"])} == {0, 1}

    assert azure.put_pool("np1", nodeLabels={"again": "yes"}).json()["properties"]["provisioningState"] == "Upgrading"
    azure.pass_time()
    assert azure.pool("np1")["provisioningState"] == "Succeeded"
    assert "status" not in azure.pool("np1")
    nodes = rollout.nodes(cluster, cluster.pools["np1"])
    assert [(node.kernel_fips, node.surge) for node in nodes] == [(1, False)] * 4


def test_a_canceled_operation_says_so(azure: Azure) -> None:
    azure.world.faults.add(Fault(CancelOperation(), method="PUT"))
    running = azure.put_pool("apps", enableFIPS=False)
    azure.pass_time()
    assert azure.operation(running)["status"] == "Canceled"
    assert azure.pool("apps")["provisioningState"] == "Canceled"


def test_the_image_of_a_pool_can_be_brought_up_to_date(azure: Azure) -> None:
    cluster = azure.world.cluster_by_id(PROD)
    stale = azure.world.add_pool(cluster, "old", image="AKSAzureLinux-V3gen2fips-202601.01.0", **LINUX)
    assert operator(azure).ask("POST", f"{PROD}/agentPools/old/upgradeNodeImageVersion").status == 202
    azure.pass_time()
    assert azure.pool("old")["nodeImageVersion"] == stale.target_image()
    assert {node.image for node in rollout.nodes(cluster, stale)} == {stale.target_image()}


def test_the_number_of_nodes_follows_the_count(azure: Azure) -> None:
    cluster = azure.world.cluster_by_id(PROD)
    for count in (5, 1, 0):
        answered = azure.put_pool("apps", count=count)
        assert answered.json()["properties"]["provisioningState"] == "Scaling"
        azure.pass_time()
        assert len(rollout.nodes(cluster, cluster.pools["apps"])) == count


def test_a_pool_without_nodes_can_be_switched_too(azure: Azure) -> None:
    new_pool(azure, "none", count=0)
    azure.put_pool("none", enableFIPS=True)
    azure.pass_time()
    assert azure.pool("none")["enableFIPS"] is True
