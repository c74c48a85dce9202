"""Managed clusters, their kubeconfigs and versions, as AKS answers them."""

import base64
from typing import Any

from local import tls
from local.faces import kubeconfig, reach
from local.faces.aks_answers import accepted, cluster_of, conditions_of, page, written
from local.faces.arm import Context
from local.faces.http import Json, Response, answer
from local.world import clusters, ids, images, render, rules
from local.world.errors import ArmError
from local.world.model import Cluster


def _show(context: Context, cluster: Cluster) -> Json:
    return render.cluster(cluster, context.world.access.tenant)


def list_clusters(context: Context) -> Response:
    """Answer the clusters of a subscription."""
    found = context.world.all_clusters(context.params["s"])
    return page(context, [_show(context, cluster) for cluster in found])


def list_clusters_in_group(context: Context) -> Response:
    """Answer the clusters of a resource group."""
    found = context.world.group(context.params["s"], context.params["g"]).clusters.values()
    return page(context, [_show(context, cluster) for cluster in found])


def get_cluster(context: Context) -> Response:
    """Answer one cluster with all its pools."""
    return answer(_show(context, cluster_of(context)))


def put_cluster(context: Context) -> Response:
    """Create or update a cluster."""
    op, cluster, new = clusters.put(
        context.world,
        context.call,
        context.params["s"],
        context.params["g"],
        context.params["c"],
        context.body(),
        conditions_of(context),
    )
    return written(context, op, _show(context, cluster), new=new)


def delete_cluster(context: Context) -> Response:
    """Begin to delete a cluster."""
    params = context.params
    cluster = context.world.find_cluster(params["s"], params["g"], params["c"])
    if cluster is None:
        return Response(204)
    op = clusters.delete(context.world, context.call, cluster, conditions_of(context))
    return accepted(context, op)


def start_cluster(context: Context) -> Response:
    """Begin to start a cluster."""
    op = clusters.switch(context.world, context.call, cluster_of(context), on=True)
    return accepted(context, op)


def stop_cluster(context: Context) -> Response:
    """Begin to stop a cluster."""
    op = clusters.switch(context.world, context.call, cluster_of(context), on=False)
    return accepted(context, op)


def abort_cluster(context: Context) -> Response:
    """Begin to stop what runs on a cluster."""
    cluster = cluster_of(context)
    before = _show(context, cluster)  # as for a pool (captured there)
    op = clusters.abort(context.world, context.call, cluster)
    return accepted(context, op, before)


def cluster_upgrades(context: Context) -> Response:
    """Answer what a cluster could be upgraded to: nothing is offered here."""
    cluster = cluster_of(context)
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
    cluster = cluster_of(context)
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


def user_credential(context: Context) -> Response:
    """Answer the kubeconfig for people and programs."""
    return _credential(context, "clusterUser", admin=False)


def admin_credential(context: Context) -> Response:
    """Answer the kubeconfig of the cluster's own administrator, unless local accounts are disabled."""
    cluster = cluster_of(context)
    if cluster.properties.get("disableLocalAccounts"):  # the text is not captured
        raise ArmError(400, "BadRequest", "Getting static credential is not allowed: local accounts are disabled.")
    return _credential(context, "clusterAdmin", admin=True)


def _credential(context: Context, name: str, *, admin: bool) -> Response:
    cluster = cluster_of(context)
    text = kubeconfig.render(
        cluster,
        server=reach.server(cluster, context.request.base_url),
        tenant=context.world.access.tenant,
        authority=tls.authority(),
        admin=admin,
    )
    return answer({"kubeconfigs": [{"name": name, "value": base64.b64encode(text.encode()).decode()}]})
