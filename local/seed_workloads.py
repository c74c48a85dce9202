"""What runs on the example fleet: workloads with and without budgets, an SMB volume, nodes of no pool."""

from typing import Any

from local.world import World
from local.world.kube import builders, outside
from local.world.model import Cluster

_WEB: dict[str, Any] = {"nodeSelector": {"agentpool": "apps"}}


def fill(world: World) -> None:
    """Put the workloads on the clusters that run. No budget here forbids every eviction: reimages go on."""
    for cluster in world.all_clusters():
        if cluster.power_state == "Running":
            builders.add_default_storage_classes(cluster)
            _FILLED.get(cluster.name, _nothing)(cluster)


def _nothing(_: Cluster) -> None:
    """Leave a cluster as it is."""


def _payments(cluster: Cluster) -> None:
    builders.add_workload(cluster, "storefront", namespace="shop", replicas=3, **_WEB)
    builders.add_budget(cluster, "storefront", namespace="shop", max_unavailable=1)
    builders.add_workload(cluster, "node-logs", namespace="kube-system", kind="DaemonSet")


def _cards(cluster: Cluster) -> None:
    builders.add_workload(cluster, "vault", namespace="cards", kind="StatefulSet", replicas=3, **_WEB)
    builders.add_budget(cluster, "vault", namespace="cards", min_available=2)


def _windows(cluster: Cluster) -> None:
    on_windows: dict[str, Any] = {
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "containers": [{"name": "main", "image": "mcr.microsoft.com/windows/nanoserver:ltsc2022"}],
    }
    builders.add_workload(cluster, "billing", namespace="erp", replicas=4, **on_windows)
    builders.add_budget(cluster, "billing", namespace="erp", max_unavailable=1)


def _build(cluster: Cluster) -> None:
    """A build cache on an SMB share, which would break on a FIPS node, and a pod that nobody brings back."""
    spot: dict[str, Any] = {
        "nodeSelector": {"agentpool": "spot"},
        "tolerations": [{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}],
    }
    claim = {"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}
    builders.add_volume(
        cluster, "pv-cache", builders.azure_file("cache"), claim="cache", namespace="ci", storage_class="azurefile-csi"
    )
    builders.add_workload(cluster, "runner", namespace="ci", replicas=2, volumes=[claim], **spot)
    builders.add_pod(cluster, "one-off", namespace="ci", **spot)
    outside.add_node_class(cluster, imageFamily="AzureLinux", fipsMode="FIPS")
    outside.add_provisioned_node(cluster, osSKU="AzureLinux", enableFIPS=True)
    lying = outside.add_provisioned_node(cluster, osSKU="AzureLinux", enableFIPS=True)
    lying.kernel_fips = 0  # its label says true


_FILLED = {
    "aks-payments-prod": _payments,
    "aks-cards-prod": _cards,
    "aks-windows-prod": _windows,
    "aks-build-dev": _build,
}
