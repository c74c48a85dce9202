"""Agent pools and long-running operations, as AKS answers them."""

from local.faces.aks_answers import accepted, cluster_of, conditions_of, links, page, patience, written
from local.faces.arm import Context
from local.faces.http import Response, answer
from local.world import ids, pools, render
from local.world.errors import ArmError
from local.world.model import Operation


def list_pools(context: Context) -> Response:
    """Answer a cluster's pools."""
    cluster = cluster_of(context)
    return page(context, [render.pool(cluster, pool) for pool in cluster.pools.values()])


def get_pool(context: Context) -> Response:
    """Answer one pool."""
    cluster = cluster_of(context)
    return answer(render.pool(cluster, pools.find(cluster, context.params["p"])))


def put_pool(context: Context) -> Response:
    """Create (201) or update (200) a pool."""
    cluster = cluster_of(context)
    op, pool, new = pools.put(
        context.world, context.call, cluster, context.params["p"], context.body(), conditions_of(context)
    )
    return written(context, op, render.pool(cluster, pool), new=new)


def delete_pool(context: Context) -> Response:
    """Begin to delete a pool."""
    cluster = cluster_of(context)
    op = pools.delete(context.world, context.call, cluster, context.params["p"], conditions_of(context))
    return Response(204) if op is None else accepted(context, op)


def abort_pool(context: Context) -> Response:
    """Begin to stop what runs on a pool."""
    cluster = cluster_of(context)
    before = render.pool(cluster, pools.find(cluster, context.params["p"]))  # what the answer shows (captured)
    op = pools.abort(context.world, context.call, cluster, context.params["p"])
    return accepted(context, op, before)


def upgrade_image(context: Context) -> Response:
    """Begin to move a pool to the newest image."""
    cluster = cluster_of(context)
    op, pool = pools.upgrade_image(context.world, context.call, cluster, context.params["p"])
    return accepted(context, op, render.pool(cluster, pool))


def pool_upgrades(context: Context) -> Response:
    """Answer what a pool could be upgraded to."""
    cluster = cluster_of(context)
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


def get_operation(context: Context) -> Response:
    """Answer how an operation stands."""
    op = _operation(context)
    return answer(render.operation(op), 200, *patience(context, op))


def get_operation_result(context: Context) -> Response:
    """Answer 202 while an operation runs and 204 when it has ended (captured)."""
    op = _operation(context)
    if op.done:
        return Response(204)
    return Response(202, (links(context, op)[1], *patience(context, op)))


def _operation(context: Context) -> Operation:
    op = context.world.operations.get(context.params["o"].lower())
    if op is None or op.subscription.lower() != context.params["s"].lower():
        raise ArmError(404, "NotFound", f"The entity was not found: operation {context.params['o']}.")
    shown = "&".join(f"{name}={context.request.query.get(name, '')}" for name in "tcsh")
    if shown != op.signature:  # what ARM says to a cut-off URL is not captured; that it is signed is
        text = "The signature of the asynchronous operation's URL is not valid."
        raise ArmError(403, "AuthorizationFailed", text, gateway=True)
    return op
