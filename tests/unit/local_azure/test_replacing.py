"""A pool that takes another one's place: made with all it had, the old one deleted, and never both or none."""

from typing import Any

import pytest

from local.faces import nodes
from local.world import rollout
from tests.unit.local_azure.asking import GROUP, PROD, Azure, operator

EVERYTHING: dict[str, Any] = {
    "count": 2,
    "vmSize": "Standard_D8ds_v5",
    "osDiskSizeGB": 256,
    "osDiskType": "Ephemeral",
    "kubeletDiskType": "OS",
    "maxPods": 60,
    "osType": "Linux",
    "osSKU": "AzureLinux",
    "mode": "User",
    "type": "VirtualMachineScaleSets",
    "scaleDownMode": "Deallocate",
    "enableFIPS": True,
    "enableEncryptionAtHost": True,
    "enableUltraSSD": True,
    "enableNodePublicIP": False,
    "enableAutoScaling": True,
    "minCount": 1,
    "maxCount": 5,
    "availabilityZones": ["1", "3"],
    "vnetSubnetID": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/nodes",
    "podSubnetID": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/pods",
    "nodeLabels": {"team": "web"},
    "nodeTaints": ["dedicated=web:NoSchedule"],
    "tags": {"cost-centre": "4711"},
    "messageOfTheDay": "YXV0aG9yaXNlZCB1c2Ugb25seQ==",
    "kubeletConfig": {"cpuManagerPolicy": "static", "failSwapOn": False},
    "linuxOSConfig": {"sysctls": {"vmMaxMapCount": 262144}, "swapFileSizeMB": 1500},
    "upgradeSettings": {"maxSurge": "33%", "maxUnavailable": "0", "drainTimeoutInMinutes": 45},
    "securityProfile": {"enableVTPM": False, "enableSecureBoot": False, "sshAccess": "Disabled"},
    "proximityPlacementGroupID": f"{GROUP}/providers/Microsoft.Compute/proximityPlacementGroups/ppg",
    "networkProfile": {"allowedHostPorts": [{"portStart": 80, "portEnd": 80, "protocol": "TCP"}]},
    "gpuInstanceProfile": "MIG1g",
    "powerState": {"code": "Running"},
}


def test_everything_that_a_new_pool_is_asked_to_have_is_kept(azure: Azure) -> None:
    assert azure.ask("PUT", f"{PROD}/agentPools/twin", {"properties": EVERYTHING}).status == 201
    azure.pass_time()
    kept = azure.pool("twin")
    assert {name: kept.get(name) for name in EVERYTHING} == EVERYTHING
    in_cluster = next(p for p in azure.get(PROD).json()["properties"]["agentPoolProfiles"] if p["name"] == "twin")
    assert {name: in_cluster.get(name) for name in EVERYTHING} == EVERYTHING
    labels = [node["metadata"]["labels"]["team"] for node in nodes_of(azure, "twin")]
    assert labels == ["web", "web"]


def nodes_of(azure: Azure, pool: str) -> list[dict[str, Any]]:
    """Return a pool's nodes as Kubernetes shows them."""
    cluster = azure.world.cluster_by_id(PROD)
    return [nodes.show(cluster, cluster.pools[pool], node) for node in rollout.nodes(cluster, cluster.pools[pool])]


def test_a_creation_that_wants_the_name_to_be_free_is_refused_where_it_is_taken(azure: Azure) -> None:
    free = {"If-None-Match": "*"}
    new = {"properties": {"count": 1, "vmSize": "Standard_D8ds_v5"}}
    taken = azure.ask("PUT", f"{PROD}/agentPools/apps", new, free)
    assert (taken.status, taken.json()["code"]) == (412, "PreConditionFailed")
    assert azure.pool("apps")["count"] == 3
    assert azure.ask("PUT", f"{PROD}/agentPools/twin", new, free).status == 201
    assert azure.ask("PUT", f"{PROD}/agentPools/twin", new, free).status == 412


@pytest.mark.parametrize("name", ["Upper", "1st", "with-dash", "thirteenchars", "ünicode"])
def test_names_that_aks_does_not_take_are_refused(azure: Azure, name: str) -> None:
    new = {"properties": {"count": 1, "vmSize": "Standard_D8ds_v5"}}
    assert azure.ask("PUT", f"{PROD}/agentPools/{name}", new).status == 400


def test_a_windows_pool_has_a_name_of_at_most_six_characters(azure: Azure) -> None:
    new = {"properties": {"count": 1, "vmSize": "Standard_D8ds_v5", "osType": "Windows"}}
    refused = azure.ask("PUT", f"{PROD}/agentPools/windows", new)
    assert (refused.status, refused.json()["code"]) == (400, "WindowsAgentPoolNameTooLong")
    assert refused.json()["message"] == "Windows agent pool name can not be longer than 6 characters."
    assert azure.ask("PUT", f"{PROD}/agentPools/window", new).status == 201
    azure.pass_time()
    system = {"properties": new["properties"] | {"mode": "System"}}
    assert azure.ask("PUT", f"{PROD}/agentPools/wsys", system).status == 400


def test_a_pool_is_deleted_only_as_it_was_read(azure: Azure) -> None:
    owner = operator(azure)
    read = azure.pool("apps")["eTag"]
    azure.put_pool("apps", nodeLabels={"a": "b"})
    azure.pass_time()
    stale = owner.ask("DELETE", f"{PROD}/agentPools/apps", headers={"If-Match": read})
    assert (stale.status, stale.json()["code"]) == (412, "PreConditionFailed")
    fresh = {"If-Match": azure.pool("apps")["eTag"]}
    assert owner.ask("DELETE", f"{PROD}/agentPools/apps", headers=fresh).status == 202
    azure.pass_time()
    assert azure.get(f"{PROD}/agentPools/apps").status == 404
    assert {node.name for node in azure.world.nodes(azure.world.cluster_by_id(PROD))} == {
        node["metadata"]["name"] for node in nodes_of(azure, "system")
    }


def test_a_deletion_cordons_no_node_and_waits_for_nothing(azure: Azure) -> None:
    operator(azure).ask("DELETE", f"{PROD}/agentPools/apps")
    cluster = azure.world.cluster_by_id(PROD)
    assert not any(node.unschedulable for node in rollout.nodes(cluster, cluster.pools["apps"]))
    azure.pass_time()
    assert "apps" not in cluster.pools


def test_a_cluster_keeps_a_system_pool(azure: Azure) -> None:
    owner = operator(azure)
    last = owner.ask("DELETE", f"{PROD}/agentPools/system")
    said = "There has to be at least one system agent pool."
    assert (last.status, last.json()["code"], last.json()["message"]) == (400, "OperationNotAllowed", said)
    assert azure.put_pool("system", mode="User").json()["message"] == said
    assert azure.put_pool("apps", mode="System").status == 200
    azure.pass_time()
    assert owner.ask("DELETE", f"{PROD}/agentPools/system").status == 202
