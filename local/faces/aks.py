"""The AKS resource provider: managed clusters, agent pools and their operations, as routes of ARM."""

import base64
from typing import Any

from local import tls
from local.faces import kubeconfig
from local.faces.arm import Context, Route
from local.faces.http import Json, Response, answer, link
from local.world import clusters, ids, images, pools, render, rules
from local.world.errors import ArmError
from local.world.model import Cluster, Operation
from local.world.pools import Preconditions

_IN_SUBSCRIPTION = "/subscriptions/{s}"
_IN_GROUP = "/subscriptions/{s}/resourceGroups/{g}"
_CLUSTER = f"{_IN_GROUP}/providers/Microsoft.ContainerService/managedClusters/{{c}}"
_POOL = f"{_CLUSTER}/agentPools/{{p}}"
_LOCATION = f"{_IN_SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/{{l}}"


def _cluster(context: Context) -> Cluster:
    return context.world.cluster(context.params["s"], context.params["g"], context.params["c"])


def _conditions(context: Context) -> Preconditions:
    headers = context.request.headers
    return Preconditions(headers.get("if-match"), headers.get("if-none-match"))


def _links(context: Context, op: Operation) -> tuple[tuple[str, str], tuple[str, str]]:
    at = f"/subscriptions/{op.subscription}/providers/{ids.PROVIDER}/locations/{op.location}"
    query = f"?api-version=2025-03-01&{op.signature}"
    base = context.request.base_url
    return (
        ("Azure-AsyncOperation", f"{base}{at}/operations/{op.id}{query}"),
        ("Location", f"{base}{at}/operationresults/{op.id}{query}"),
    )


def _patience(context: Context, op: Operation) -> tuple[tuple[str, str], ...]:
    seconds = context.world.retry_after
    return () if seconds is None or op.done else (("Retry-After", str(seconds)),)


def _written(context: Context, op: Operation, resource: Json, *, new: bool) -> Response:
    """Answer a PUT: 201 or 200, both with Azure-AsyncOperation and without Location (captured).

    It has no eTags: captured for creations; for updates not known, and so nothing to rely on.
    """
    properties = resource["properties"]
    for holder in (resource, properties, *properties.get("agentPoolProfiles", ())):
        holder.pop("eTag", None)
    return answer(resource, 201 if new else 200, _links(context, op)[0], *_patience(context, op))


def _accepted(context: Context, op: Operation, resource: Json | None = None) -> Response:
    """Answer what has only an operation to show: 202 with both links."""
    headers = (*_links(context, op), *_patience(context, op))
    return Response(202, headers) if resource is None else answer(resource, 202, *headers)


def _page(context: Context, rows: list[Json]) -> Response:
    size = context.world.page_size
    start = int(context.request.query.get("$skiptoken") or 0)
    page: Json = {"value": rows[start : start + size]}
    if start + size < len(rows):
        page["nextLink"] = link(
            context.request,
            context.request.path,
            **{"api-version": context.call.api_version, "$skiptoken": str(start + size)},
        )
    return answer(page)


def _show(context: Context, cluster: Cluster) -> Json:
    return render.cluster(cluster, context.world.access.tenant)


def list_clusters(context: Context) -> Response:
    """Answer the clusters of a subscription."""
    found = context.world.all_clusters(context.params["s"])
    return _page(context, [_show(context, cluster) for cluster in found])


def list_clusters_in_group(context: Context) -> Response:
    """Answer the clusters of a resource group."""
    found = context.world.group(context.params["s"], context.params["g"]).clusters.values()
    return _page(context, [_show(context, cluster) for cluster in found])


def get_cluster(context: Context) -> Response:
    """Answer one cluster with all its pools."""
    return answer(_show(context, _cluster(context)))


def put_cluster(context: Context) -> Response:
    """Create or update a cluster."""
    op, cluster, new = clusters.put(
        context.world,
        context.call,
        context.params["s"],
        context.params["g"],
        context.params["c"],
        context.body(),
        _conditions(context),
    )
    return _written(context, op, _show(context, cluster), new=new)


def delete_cluster(context: Context) -> Response:
    """Begin to delete a cluster."""
    params = context.params
    cluster = context.world.find_cluster(params["s"], params["g"], params["c"])
    if cluster is None:
        return Response(204)
    op = clusters.delete(context.world, context.call, cluster, _conditions(context))
    return _accepted(context, op)


def start_cluster(context: Context) -> Response:
    """Begin to start a cluster."""
    op = clusters.switch(context.world, context.call, _cluster(context), on=True)
    return _accepted(context, op)


def stop_cluster(context: Context) -> Response:
    """Begin to stop a cluster."""
    op = clusters.switch(context.world, context.call, _cluster(context), on=False)
    return _accepted(context, op)


def list_pools(context: Context) -> Response:
    """Answer a cluster's pools."""
    cluster = _cluster(context)
    return _page(context, [render.pool(cluster, pool) for pool in cluster.pools.values()])


def get_pool(context: Context) -> Response:
    """Answer one pool."""
    cluster = _cluster(context)
    return answer(render.pool(cluster, pools.find(cluster, context.params["p"])))


def put_pool(context: Context) -> Response:
    """Create (201) or update (200) a pool."""
    cluster = _cluster(context)
    op, pool, new = pools.put(
        context.world, context.call, cluster, context.params["p"], context.body(), _conditions(context)
    )
    return _written(context, op, render.pool(cluster, pool), new=new)


def delete_pool(context: Context) -> Response:
    """Begin to delete a pool."""
    cluster = _cluster(context)
    op = pools.delete(context.world, context.call, cluster, context.params["p"], _conditions(context))
    return Response(204) if op is None else _accepted(context, op)


def abort_pool(context: Context) -> Response:
    """Begin to stop what runs on a pool."""
    cluster = _cluster(context)
    op = pools.abort(context.world, context.call, cluster, context.params["p"])
    body = render.pool(cluster, pools.find(cluster, context.params["p"]))
    return _accepted(context, op, body)


def upgrade_image(context: Context) -> Response:
    """Begin to move a pool to the newest image."""
    cluster = _cluster(context)
    op, pool = pools.upgrade_image(context.world, context.call, cluster, context.params["p"])
    return _accepted(context, op, render.pool(cluster, pool))


def pool_upgrades(context: Context) -> Response:
    """Answer what a pool could be upgraded to."""
    cluster = _cluster(context)
    pool = pools.find(cluster, context.params["p"])
    at = f"{ids.answered_id(cluster.id)}/agentPools/{pool.name}"
    properties = {
        "kubernetesVersion": pool.version,
        "osType": pool.properties["osType"],
        "latestNodeImageVersion": pool.target_image(),
        "recentlyUsedVersions": [
            {"nodeImageVersion": image, "orchestratorVersion": pool.version} for image in pool.recent_images
        ],
    }
    kind = f"{ids.POOLS}/upgradeProfiles"
    return answer({"id": f"{at}/upgradeprofiles/default", "name": "default", "type": kind, "properties": properties})


def cluster_upgrades(context: Context) -> Response:
    """Answer what a cluster could be upgraded to: nothing is offered here."""
    cluster = _cluster(context)
    profile: dict[str, Any] = {"kubernetesVersion": cluster.version, "osType": "Linux"}
    return answer(
        {
            "id": f"{ids.answered_id(cluster.id)}/upgradeprofiles/default",
            "name": "default",
            "type": f"{ids.CLUSTERS}/upgradeProfiles",
            "properties": {
                "controlPlaneProfile": profile,
                "agentPoolProfiles": [profile | {"name": name} for name in cluster.pools],
            },
        }
    )


def pool_versions(context: Context) -> Response:
    """Answer the Kubernetes versions that a new pool may have: the cluster's and those below."""
    cluster = _cluster(context)
    versions = [v for v in rules.VERSIONS if images.minor(v) <= images.minor(cluster.version)]
    return answer(
        {
            "id": f"{ids.answered_id(cluster.id)}/availableagentpoolversions",
            "name": "default",
            "type": f"{ids.CLUSTERS}/availableAgentpoolVersions",
            "properties": {"agentPoolVersions": [{"kubernetesVersion": version} for version in versions]},
        }
    )


def kubernetes_versions(_: Context) -> Response:
    """Answer the Kubernetes versions of a region."""
    by_minor: dict[str, dict[str, Json]] = {}
    for version in rules.VERSIONS:
        by_minor.setdefault(version.rpartition(".")[0], {})[version] = {"upgrades": []}
    plans = {"supportPlan": ["KubernetesOfficial", "AKSLongTermSupport"]}
    default = rules.DEFAULT_VERSION.rpartition(".")[0]
    values = [
        {"version": name, "capabilities": plans, "patchVersions": patches}
        | ({"isDefault": True} if name == default else {})
        for name, patches in by_minor.items()
    ]
    return answer({"values": values})


def list_maintenance(context: Context) -> Response:
    """Answer a cluster's maintenance configurations."""
    cluster = _cluster(context)
    return _page(context, [_maintenance(cluster, name) for name in cluster.maintenance])


def get_maintenance(context: Context) -> Response:
    """Answer one maintenance configuration."""
    cluster, name = _cluster(context), context.params["m"]
    if name not in cluster.maintenance:  # the code is AKS's general one; the text is not captured
        raise ArmError(404, "NotFound", f"Could not find the maintenance configuration: {name}.")
    return answer(_maintenance(cluster, name))


def _maintenance(cluster: Cluster, name: str) -> Json:
    return {
        "id": f"{ids.answered_id(cluster.id)}/maintenanceConfigurations/{name}",
        "name": name,
        "type": f"{ids.CLUSTERS}/maintenanceConfigurations",
        "properties": cluster.maintenance[name],
    }


def user_credential(context: Context) -> Response:
    """Answer the kubeconfig for people and programs."""
    return _credential(context, "clusterUser", admin=False)


def admin_credential(context: Context) -> Response:
    """Answer the kubeconfig of the cluster's own administrator, unless local accounts are disabled."""
    cluster = _cluster(context)
    if cluster.properties.get("disableLocalAccounts"):  # the text is not captured
        raise ArmError(400, "BadRequest", "Getting static credential is not allowed: local accounts are disabled.")
    return _credential(context, "clusterAdmin", admin=True)


def _credential(context: Context, name: str, *, admin: bool) -> Response:
    cluster = _cluster(context)
    text = kubeconfig.render(
        cluster,
        server=f"{context.request.base_url}{kubeconfig.path(cluster)}",
        tenant=context.world.access.tenant,
        authority=tls.authority(),
        admin=admin,
    )
    return answer({"kubeconfigs": [{"name": name, "value": base64.b64encode(text.encode()).decode()}]})


def get_operation(context: Context) -> Response:
    """Answer how an operation stands."""
    op = _operation(context)
    return answer(render.operation(op), 200, *_patience(context, op))


def get_operation_result(context: Context) -> Response:
    """Answer 202 while an operation runs and 204 when it has ended (captured)."""
    op = _operation(context)
    if op.done:
        return Response(204)
    return Response(202, (_links(context, op)[1], *_patience(context, op)))


def _operation(context: Context) -> Operation:
    op = context.world.operations.get(context.params["o"].lower())
    if op is None or op.subscription.lower() != context.params["s"].lower():
        raise ArmError(404, "NotFound", f"The entity was not found: operation {context.params['o']}.")
    shown = "&".join(f"{name}={context.request.query.get(name, '')}" for name in "tcsh")
    if shown != op.signature:  # what ARM says to a cut-off URL is not captured; that it is signed is
        text = "The signature of the asynchronous operation's URL is not valid."
        raise ArmError(403, "AuthorizationFailed", text, gateway=True)
    return op


_C, _P = ids.CLUSTERS, ids.POOLS
_LIST = "providers/Microsoft.ContainerService/managedClusters"

ROUTES: tuple[Route, ...] = (
    Route("clusters.list", "GET", f"{_IN_SUBSCRIPTION}|/{_LIST}", f"{_C}/read", "managedClusters", list_clusters),
    Route(
        "clusters.list_in_group",
        "GET",
        f"{_IN_GROUP}|/{_LIST}",
        f"{_C}/read",
        "managedClusters",
        list_clusters_in_group,
    ),
    Route("clusters.get", "GET", _CLUSTER, f"{_C}/read", "managedClusters", get_cluster),
    Route("clusters.put", "PUT", _CLUSTER, f"{_C}/write", "managedClusters", put_cluster),
    Route("clusters.delete", "DELETE", _CLUSTER, f"{_C}/delete", "managedClusters", delete_cluster),
    Route("clusters.start", "POST", f"{_CLUSTER}|/start", f"{_C}/start/action", "managedClusters", start_cluster),
    Route("clusters.stop", "POST", f"{_CLUSTER}|/stop", f"{_C}/stop/action", "managedClusters", stop_cluster),
    Route(
        "clusters.upgrades",
        "GET",
        f"{_CLUSTER}|/upgradeProfiles/default",
        f"{_C}/upgradeProfiles/read",
        "managedClusters",
        cluster_upgrades,
    ),
    Route(
        "clusters.user_credential",
        "POST",
        f"{_CLUSTER}|/listClusterUserCredential",
        f"{_C}/listClusterUserCredential/action",
        "managedClusters",
        user_credential,
    ),
    Route(
        "clusters.admin_credential",
        "POST",
        f"{_CLUSTER}|/listClusterAdminCredential",
        f"{_C}/listClusterAdminCredential/action",
        "managedClusters",
        admin_credential,
    ),
    Route(
        "clusters.pool_versions",
        "GET",
        f"{_CLUSTER}|/availableAgentPoolVersions",
        f"{_C}/availableAgentPoolVersions/read",
        "managedClusters",
        pool_versions,
    ),
    Route(
        "maintenance.list",
        "GET",
        f"{_CLUSTER}|/maintenanceConfigurations",
        f"{_C}/maintenanceConfigurations/read",
        "managedClusters",
        list_maintenance,
    ),
    Route(
        "maintenance.get",
        "GET",
        f"{_CLUSTER}/maintenanceConfigurations/{{m}}",
        f"{_C}/maintenanceConfigurations/read",
        "managedClusters",
        get_maintenance,
    ),
    Route("pools.list", "GET", f"{_CLUSTER}|/agentPools", f"{_P}/read", "agentPools", list_pools),
    Route("pools.get", "GET", _POOL, f"{_P}/read", "agentPools", get_pool),
    Route("pools.put", "PUT", _POOL, f"{_P}/write", "agentPools", put_pool),
    Route("pools.delete", "DELETE", _POOL, f"{_P}/delete", "agentPools", delete_pool),
    Route("pools.abort", "POST", f"{_POOL}|/abort", f"{_P}/abort/action", "agentPools", abort_pool),
    Route(
        "pools.upgrade_image",
        "POST",
        f"{_POOL}|/upgradeNodeImageVersion",
        f"{_P}/upgradeNodeImageVersion/action",
        "agentPools",
        upgrade_image,
    ),
    Route(
        "pools.upgrades",
        "GET",
        f"{_POOL}|/upgradeProfiles/default",
        f"{_P}/upgradeProfiles/read",
        "agentPools",
        pool_upgrades,
    ),
    Route(
        "operations.get",
        "GET",
        f"{_LOCATION}/operations/{{o}}",
        f"{ids.PROVIDER}/locations/operations/read",
        "operations",
        get_operation,
    ),
    Route(
        "operations.result",
        "GET",
        f"{_LOCATION}/operationresults/{{o}}",
        f"{ids.PROVIDER}/locations/operationresults/read",
        "operations",
        get_operation_result,
    ),
    Route(
        "locations.versions",
        "GET",
        f"{_LOCATION}/kubernetesVersions",
        "",
        "managedClusters",
        kubernetes_versions,
    ),
)
