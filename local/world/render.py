"""The world's things as Azure puts them on the wire (shapes: facts/examples/recorded.* and the API's examples)."""

from datetime import datetime

from local.world import ids, rules
from local.world.model import Cluster, Json, Operation, Pool

_POOL_ORDER = (
    "count",
    "vmSize",
    "osDiskSizeGB",
    "osDiskType",
    "kubeletDiskType",
    "workloadRuntime",
    "messageOfTheDay",
    "vnetSubnetID",
    "maxPods",
    "type",
    "availabilityZones",
    "maxCount",
    "minCount",
    "enableAutoScaling",
    "scaleDownMode",
)


def timestamp(when: datetime) -> str:
    """Return a time as .NET services write it, with seven digits."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond:06d}0Z"


def pool_properties(pool: Pool) -> Json:
    """Return a pool's `properties`."""
    asked = pool.properties
    wire: Json = {name: asked[name] for name in _POOL_ORDER if name in asked}
    wire |= {
        "provisioningState": pool.provisioning_state,
        "powerState": asked["powerState"],
        "orchestratorVersion": asked["orchestratorVersion"],
        "currentOrchestratorVersion": pool.version,
    }
    wire |= {name: value for name, value in asked.items() if name not in wire}
    wire["nodeImageVersion"] = pool.image
    if machines := rules.machines_of(asked):
        wire["virtualMachineNodesStatus"] = [{"size": one["size"], "count": one["count"]} for one in machines]
    if pool.error:
        wire["status"] = {"provisioningError": pool.error}
    wire["eTag"] = pool.etag
    return wire


def pool(cluster: Cluster, pool: Pool) -> Json:
    """Return an agent pool resource."""
    return {
        "id": f"{ids.answered_id(cluster.id)}/agentPools/{pool.name}",
        "name": pool.name,
        "type": ids.POOLS,
        "properties": pool_properties(pool),
    }


def cluster(cluster: Cluster, tenant: str) -> Json:
    """Return a managed cluster resource, with every pool and its eTag in it."""
    wire: Json = {
        "id": ids.answered_id(cluster.id),
        "location": cluster.location,
        "name": cluster.name,
        "type": f"{ids.PROVIDER}/ManagedClusters",
        "kind": "Base",
        "properties": {
            "provisioningState": cluster.provisioning_state,
            "powerState": {"code": cluster.power_state},
            "kubernetesVersion": cluster.version,
            "currentKubernetesVersion": cluster.version,
            "fqdn": f"{cluster.properties['dnsPrefix']}.hcp.{cluster.location}.azmk8s.io",
            "azurePortalFQDN": f"{cluster.properties['dnsPrefix']}.portal.hcp.{cluster.location}.azmk8s.io",
            "agentPoolProfiles": [{"name": pool.name, **pool_properties(pool)} for pool in cluster.pools.values()],
            "nodeResourceGroup": cluster.node_group,
            "maxAgentPools": 100,
            **cluster.properties,
        },
        "identity": {**cluster.identity, "principalId": _identity_of(cluster), "tenantId": tenant},
        "sku": cluster.sku,
    }
    if cluster.private_name:
        wire["properties"]["privateFQDN"] = cluster.private_name
    if cluster.tags:
        wire["tags"] = dict(cluster.tags)
    wire["eTag"] = cluster.etag
    return wire


def graph_row(item: Cluster, tenant: str) -> Json:
    """Return a cluster as a row of Resource Graph's `resources`. Without eTags: a hint is no base for a write."""
    wire = cluster(item, tenant)
    wire.pop("eTag", None)
    for profile in wire["properties"]["agentPoolProfiles"]:
        profile.pop("eTag", None)
    return {
        "id": item.id,
        "name": item.name,
        "type": ids.CLUSTERS.lower(),
        "tenantId": tenant,
        "kind": "",
        "location": item.location,
        "resourceGroup": item.group.lower(),
        "subscriptionId": item.subscription,
        "managedBy": "",
        "sku": wire["sku"],
        "plan": None,
        "properties": wire["properties"],
        "tags": wire.get("tags"),
        "identity": wire["identity"],
        "zones": None,
        "extendedLocation": None,
    }


def operation(op: Operation) -> Json:
    """Return the body of an operation's status."""
    wire: Json = {"name": op.id, "status": op.status, "startTime": timestamp(op.started)}
    if op.ended:
        wire["endTime"] = timestamp(op.ended)
    if op.error:
        wire["error"] = op.error
    return wire


def _identity_of(item: Cluster) -> str:
    return f"cccccccc-0000-4000-8000-{abs(hash_of(item.id)) % 16**12:012x}"


def hash_of(text: str) -> int:
    """Return a number for a text, the same in every process (unlike `hash`)."""
    number = 0
    for character in text.lower():
        number = (number * 131 + ord(character)) % 2**61
    return number
