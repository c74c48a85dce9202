"""The machines behind a pool, as AKS answers them (facts/examples/MachineList.2026-01-01.json)."""

from local.faces import nodes
from local.faces.aks_answers import cluster_of, page
from local.faces.arm import Context
from local.faces.http import Json, Response, answer
from local.world import ids, pools, rollout
from local.world.errors import ArmError
from local.world.model import Cluster, Node, Pool


def list_machines(context: Context) -> Response:
    """Answer a pool's machines."""
    return page(context, _machines(context))


def get_machine(context: Context) -> Response:
    """Answer one machine."""
    wanted = context.params["n"].lower()
    found = next((machine for machine in _machines(context) if machine["name"] == wanted), None)
    if found is None:  # the text is not captured
        raise ArmError(404, "NotFound", f"Could not find the machine: {wanted}.")
    return answer(found)


def _machines(context: Context) -> list[Json]:
    cluster = cluster_of(context)
    pool = pools.find(cluster, context.params["p"])
    return [_show(cluster, pool, node) for node in rollout.nodes(cluster, pool)]


def _show(cluster: Cluster, pool: Pool, node: Node) -> Json:
    """Return a machine: address and zone are those that the node has in Kubernetes."""
    seen = nodes.show(cluster, pool, node)
    addresses = [one["address"] for one in seen["status"]["addresses"] if one["type"] == "InternalIP"]
    machine: Json = {
        "id": f"{ids.answered_id(cluster.id)}/agentPools/{pool.name}/machines/{node.name}",
        "name": node.name,
        "type": f"{ids.POOLS}/machines",
        "properties": {
            "network": {"ipAddresses": [{"family": "IPv4", "ip": address} for address in addresses]},
            "resourceId": f"{ids.group_id(cluster.subscription, cluster.node_group)}/providers/Microsoft.Compute/"
            f"virtualMachineScaleSets/{node.name[:-6]}/virtualMachines/{int(node.name[-6:], 36)}",
        },
    }
    _, dash, zone = seen["metadata"]["labels"]["topology.kubernetes.io/zone"].rpartition("-")
    return machine | ({"zones": [zone]} if dash else {})
