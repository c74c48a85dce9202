"""Volumes of all kinds, and nodes that belong to no pool."""

from datetime import timedelta

import pytest

from local.world.kube import builders, outside
from tests.unit.local_azure.kube import Kube


def test_volumes_say_what_they_are(kube: Kube) -> None:
    for name, source in (
        ("smb", builders.azure_file()),
        ("nfs", builders.azure_file(protocol="nfs")),
        ("generic", builders.smb_share()),
        ("old", builders.in_tree_azure_file()),
        ("disk", builders.azure_disk()),
    ):
        builders.add_volume(kube.cluster, name, source, claim=f"claim-{name}", storage_class="azurefile-csi")
    found = {one["metadata"]["name"]: one["spec"] for one in kube.get("/api/v1/persistentvolumes")["items"]}
    assert found["smb"]["csi"]["driver"] == found["nfs"]["csi"]["driver"] == "file.csi.azure.com"
    assert found["nfs"]["csi"]["volumeAttributes"]["protocol"] == "nfs"
    assert "protocol" not in found["smb"]["csi"]["volumeAttributes"]
    assert found["generic"]["csi"]["driver"] == "smb.csi.k8s.io"
    assert found["old"]["azureFile"]["shareName"] == "data"
    assert found["disk"]["csi"]["driver"] == "disk.csi.azure.com"
    assert found["smb"]["claimRef"]["name"] == "claim-smb"
    claim = kube.get("/api/v1/namespaces/default/persistentvolumeclaims/claim-smb")
    assert claim["spec"]["volumeName"] == "smb"


def test_kubectl_prints_volumes_claims_and_classes(kube: Kube) -> None:
    builders.add_default_storage_classes(kube.cluster)
    builders.add_volume(kube.cluster, "free", builders.azure_disk())
    builders.add_volume(kube.cluster, "pv", builders.azure_file(), claim="data", namespace="shop")
    columns = kube.table("/api/v1/persistentvolumes")
    assert columns[0][1:6] == ["100Gi", "RWX", "Retain", "Available", ""]
    assert columns[1][5] == "shop/data"
    assert kube.table("/api/v1/persistentvolumeclaims")[0][:4] == ["data", "Bound", "pv", "100Gi"]
    assert kube.table("/apis/storage.k8s.io/v1/storageclasses")[0][:2] == ["azurefile-csi", "file.csi.azure.com"]
    assert kube.table("/api/v1/namespaces")[-1][:2] == ["shop", "Active"]


def test_pods_keep_their_inline_volumes(kube: Kube) -> None:
    volume = {"name": "files", "azureFile": {"shareName": "data", "secretName": "files"}}
    builders.add_workload(kube.cluster, "web", volumes=[volume])
    assert kube.get("/api/v1/pods")["items"][0]["spec"]["volumes"] == [volume]


@pytest.mark.parametrize("fips", [True, False])
def test_a_provisioned_node_has_karpenters_labels_and_a_kernel(kube: Kube, fips: bool) -> None:
    node = outside.add_provisioned_node(kube.cluster, node_pool="spot", osSKU="AzureLinux", enableFIPS=fips)
    labels = kube.get(f"/api/v1/nodes/{node.name}")["metadata"]["labels"]
    assert labels["karpenter.sh/nodepool"] == "spot"
    assert "agentpool" not in labels
    assert "kubernetes.azure.com/agentpool" not in labels
    assert ("kubernetes.azure.com/fips_enabled" in labels) == fips
    assert kube.run("cat", "/proc/sys/crypto/fips_enabled", nodeName=node.name)["log"] == f"{int(fips)}\n"


def test_a_provisioned_node_may_lie(kube: Kube) -> None:
    node = outside.add_provisioned_node(kube.cluster, enableFIPS=True, osSKU="AzureLinux")
    node.kernel_fips = 0
    assert kube.names("/api/v1/nodes?labelSelector=karpenter.sh/nodepool,kubernetes.azure.com/fips_enabled") == [
        node.name
    ]
    assert kube.run("cat", "/proc/sys/crypto/fips_enabled", nodeName=node.name)["log"] == "0\n"


def test_a_managed_system_node_is_in_no_pool_of_arm(kube: Kube) -> None:
    node = outside.add_managed_system_node(kube.cluster)
    shown = kube.get(f"/api/v1/nodes/{node.name}")["metadata"]["labels"]
    assert shown["kubernetes.azure.com/mode"] == "system"
    assert "agentpool" not in shown
    assert set(kube.cluster.pools) == {"system", "apps"}


def test_a_provisioned_node_can_come_later_and_takes_pods(kube: Kube) -> None:
    builders.add_workload(kube.cluster, "web", nodeSelector={"karpenter.sh/nodepool": "default"})
    node = outside.add_provisioned_node(kube.cluster, joins=timedelta(minutes=3))
    assert node.name not in kube.names("/api/v1/nodes")
    kube.wait(timedelta(minutes=4))
    assert node.name in kube.names("/api/v1/nodes")
    kube.wait()
    assert kube.names(f"/api/v1/pods?fieldSelector=spec.nodeName={node.name},status.phase=Running") != []


def test_nodes_of_a_stopped_cluster_are_gone_with_those_outside(kube: Kube) -> None:
    outside.add_provisioned_node(kube.cluster)
    assert len(kube.names("/api/v1/nodes")) == 7
    kube.cluster.power_state = "Stopped"
    assert kube.ask("GET", "/api/v1/nodes").drop
