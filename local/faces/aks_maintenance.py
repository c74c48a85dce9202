"""A cluster's maintenance configurations, as AKS answers them.

Captured (tests/data/arm/recorded.maintenanceConfigurations.json): ids keep the spelling `resourceGroups`, there is no
type and no eTag, a PUT is answered with 200 even if it creates, and a DELETE with 200 and no body. That a DELETE of
what is not there is 204 is the API's description.
"""

from local.faces.aks_answers import cluster_of, page
from local.faces.arm import Context
from local.faces.http import Json, Response, answer
from local.world import maintenance
from local.world.model import Cluster


def list_maintenance(context: Context) -> Response:
    """Answer a cluster's maintenance configurations."""
    cluster = cluster_of(context)
    return page(context, [_shown(cluster, name) for name in cluster.maintenance])


def get_maintenance(context: Context) -> Response:
    """Answer one maintenance configuration."""
    cluster = cluster_of(context)
    return answer(_shown(cluster, maintenance.find(cluster, context.params["m"])))


def put_maintenance(context: Context) -> Response:
    """Create or replace a maintenance configuration."""
    cluster = cluster_of(context)
    name = maintenance.put(cluster, context.params["m"], context.body(), context.world.now)
    return answer(_shown(cluster, name))


def delete_maintenance(context: Context) -> Response:
    """Take a maintenance configuration away."""
    return Response(200 if maintenance.delete(cluster_of(context), context.params["m"]) else 204)


def _shown(cluster: Cluster, name: str) -> Json:
    at = f"{cluster.id}/maintenanceConfigurations/{name}"
    return {"id": at, "name": name, "properties": cluster.maintenance[name]}
