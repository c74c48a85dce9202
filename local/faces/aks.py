"""The AKS resource provider as routes of ARM: path, action that has to be allowed, who answers."""

from local.faces import aks_clusters, aks_commands, aks_machines, aks_maintenance, aks_pools
from local.faces.arm import Route
from local.world import ids

_IN_SUBSCRIPTION = "/subscriptions/{s}"
_IN_GROUP = "/subscriptions/{s}/resourceGroups/{g}"
_CLUSTER = f"{_IN_GROUP}/providers/Microsoft.ContainerService/managedClusters/{{c}}"
_POOL = f"{_CLUSTER}/agentPools/{{p}}"
_LOCATION = f"{_IN_SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/{{l}}"
_C, _P, _M = ids.CLUSTERS, ids.POOLS, "maintenanceConfigurations"
_MAINTENANCE = f"{_CLUSTER}/{_M}/{{m}}"
_LIST = "providers/Microsoft.ContainerService/managedClusters"

ROUTES: tuple[Route, ...] = (
    Route(
        "clusters.list",
        "GET",
        f"{_IN_SUBSCRIPTION}|/{_LIST}",
        f"{_C}/read",
        "managedClusters",
        aks_clusters.list_clusters,
    ),
    Route(
        "clusters.list_in_group",
        "GET",
        f"{_IN_GROUP}|/{_LIST}",
        f"{_C}/read",
        "managedClusters",
        aks_clusters.list_clusters_in_group,
    ),
    Route("clusters.get", "GET", _CLUSTER, f"{_C}/read", "managedClusters", aks_clusters.get_cluster),
    Route("clusters.put", "PUT", _CLUSTER, f"{_C}/write", "managedClusters", aks_clusters.put_cluster),
    Route("clusters.delete", "DELETE", _CLUSTER, f"{_C}/delete", "managedClusters", aks_clusters.delete_cluster),
    Route(
        "clusters.start",
        "POST",
        f"{_CLUSTER}|/start",
        f"{_C}/start/action",
        "managedClusters",
        aks_clusters.start_cluster,
    ),
    Route(
        "clusters.stop", "POST", f"{_CLUSTER}|/stop", f"{_C}/stop/action", "managedClusters", aks_clusters.stop_cluster
    ),
    Route(
        "clusters.abort",
        "POST",
        f"{_CLUSTER}|/abort",
        f"{_C}/abort/action",
        "managedClusters",
        aks_clusters.abort_cluster,
    ),
    Route(
        "clusters.run_command",
        "POST",
        f"{_CLUSTER}|/runCommand",
        f"{_C}/runcommand/action",
        "runCommand",
        aks_commands.run_command,
    ),
    Route(
        "clusters.command_result",
        "GET",
        f"{_CLUSTER}|/commandResults/{{o}}",
        f"{_C}/commandResults/read",
        "commandResults",
        aks_commands.get_result,
    ),
    Route(
        "clusters.upgrades",
        "GET",
        f"{_CLUSTER}|/upgradeProfiles/default",
        f"{_C}/upgradeProfiles/read",
        "managedClusters",
        aks_clusters.cluster_upgrades,
    ),
    Route(
        "clusters.user_credential",
        "POST",
        f"{_CLUSTER}|/listClusterUserCredential",
        f"{_C}/listClusterUserCredential/action",
        "managedClusters",
        aks_clusters.user_credential,
    ),
    Route(
        "clusters.admin_credential",
        "POST",
        f"{_CLUSTER}|/listClusterAdminCredential",
        f"{_C}/listClusterAdminCredential/action",
        "managedClusters",
        aks_clusters.admin_credential,
    ),
    Route(
        "clusters.pool_versions",
        "GET",
        f"{_CLUSTER}|/availableAgentPoolVersions",
        f"{_C}/availableAgentPoolVersions/read",
        "managedClusters",
        aks_clusters.pool_versions,
    ),
    Route("maintenance.list", "GET", f"{_CLUSTER}|/{_M}", f"{_C}/{_M}/read", _M, aks_maintenance.list_maintenance),
    Route("maintenance.get", "GET", _MAINTENANCE, f"{_C}/{_M}/read", _M, aks_maintenance.get_maintenance),
    Route("maintenance.put", "PUT", _MAINTENANCE, f"{_C}/{_M}/write", _M, aks_maintenance.put_maintenance),
    Route("maintenance.delete", "DELETE", _MAINTENANCE, f"{_C}/{_M}/delete", _M, aks_maintenance.delete_maintenance),
    Route("pools.list", "GET", f"{_CLUSTER}|/agentPools", f"{_P}/read", "agentPools", aks_pools.list_pools),
    Route("pools.get", "GET", _POOL, f"{_P}/read", "agentPools", aks_pools.get_pool),
    Route("pools.put", "PUT", _POOL, f"{_P}/write", "agentPools", aks_pools.put_pool),
    Route("pools.delete", "DELETE", _POOL, f"{_P}/delete", "agentPools", aks_pools.delete_pool),
    Route("pools.abort", "POST", f"{_POOL}|/abort", f"{_P}/abort/action", "agentPools", aks_pools.abort_pool),
    Route(
        "machines.list",
        "GET",
        f"{_POOL}|/machines",
        f"{_P}/machines/read",
        "machines",
        aks_machines.list_machines,
    ),
    Route(
        "machines.get",
        "GET",
        f"{_POOL}|/machines/{{n}}",
        f"{_P}/machines/read",
        "machines",
        aks_machines.get_machine,
    ),
    Route(
        "pools.upgrade_image",
        "POST",
        f"{_POOL}|/upgradeNodeImageVersion",
        f"{_P}/upgradeNodeImageVersion/action",
        "agentPools",
        aks_pools.upgrade_image,
    ),
    Route(
        "pools.upgrades",
        "GET",
        f"{_POOL}|/upgradeProfiles/default",
        f"{_P}/upgradeProfiles/read",
        "agentPools",
        aks_pools.pool_upgrades,
    ),
    Route(
        "operations.get",
        "GET",
        f"{_LOCATION}/operations/{{o}}",
        f"{ids.PROVIDER}/locations/operations/read",
        "operations",
        aks_pools.get_operation,
    ),
    Route(
        "operations.result",
        "GET",
        f"{_LOCATION}/operationresults/{{o}}",
        f"{ids.PROVIDER}/locations/operationresults/read",
        "operations",
        aks_pools.get_operation_result,
    ),
    Route(
        "locations.versions",
        "GET",
        f"{_LOCATION}/kubernetesVersions",
        "",
        "managedClusters",
        aks_clusters.kubernetes_versions,
    ),
)
