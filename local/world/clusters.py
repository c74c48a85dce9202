"""What clients do to managed clusters: create, update, stop, start, delete."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from local.world import operations, pools, rollout, rules
from local.world.errors import ArmError, not_found, nothing_to_abort
from local.world.ids import CLUSTERS
from local.world.model import Call, Cluster, Json, Operation, Pool
from local.world.pools import NO_PRECONDITIONS, Preconditions

if TYPE_CHECKING:
    from local.world.world import World

_READ_ONLY = (
    "provisioningState",
    "powerState",
    "kubernetesVersion",
    "currentKubernetesVersion",
    "fqdn",
    "privateFQDN",
    "azurePortalFQDN",
    "agentPoolProfiles",
    "nodeResourceGroup",
    "maxAgentPools",
    "resourceUID",
)


def properties(asked: Json, name: str) -> Json:
    """Return a cluster's writable properties with AKS's defaults (captured: PUT and GET of 2026-04-22)."""
    defaults: Json = {
        "dnsPrefix": name,
        "servicePrincipalProfile": {"clientId": "msi"},
        "enableRBAC": True,
        "supportPlan": "KubernetesOfficial",
        "networkProfile": {
            "networkPlugin": "azure",
            "networkPolicy": "none",
            "networkDataplane": "azure",
            "loadBalancerSku": "standard",
            "serviceCidr": "10.0.0.0/16",
            "dnsServiceIP": "10.0.0.10",
            "outboundType": "loadBalancer",
            "ipFamilies": ["IPv4"],
        },
        "autoUpgradeProfile": {"nodeOSUpgradeChannel": "NodeImage"},
        "disableLocalAccounts": False,
        "securityProfile": {},
        "nodeProvisioningProfile": {"mode": "Manual", "defaultNodePools": "Auto"},
    }
    kept = {name: value for name, value in asked.items() if name not in _READ_ONLY and value is not None}
    network = {**defaults["networkProfile"], **(kept.get("networkProfile") or {})}
    return {**defaults, **kept, "networkProfile": network}


def put(
    world: World,
    call: Call,
    subscription: str,
    group: str,
    name: str,
    body: Json,
    conditions: Preconditions = NO_PRECONDITIONS,
) -> tuple[Operation, Cluster, bool]:
    """Create or update a cluster; return the operation, the cluster and whether it is new. Raises ArmError."""
    current = world.find_cluster(subscription, group, name)
    conditions.check(current.etag if current else None)
    if current is None:
        return *_create(world, call, subscription, group, name, body), True
    return _update(world, call, current, body), current, False


def _create(
    world: World, call: Call, subscription: str, group: str, name: str, body: Json
) -> tuple[Operation, Cluster]:
    asked = body.get("properties") or {}
    version = rules.full_version(str(asked.get("kubernetesVersion") or rules.DEFAULT_VERSION))
    profiles = {str(p["name"]): rules.normalise(p, version, None) for p in asked.get("agentPoolProfiles") or ()}
    if not profiles:
        raise ArmError(400, "InvalidParameter", "Required parameter agentPoolProfiles is missing (null).")
    for pool, profile in profiles.items():
        profile.pop("name", None)
        rules.check(pool, profile, None, {}, call.api_version)
    cluster = world.add_cluster(
        subscription,
        group,
        name,
        version=version,
        location=str(body.get("location") or "westeurope"),
        tags=body.get("tags") or {},
        properties=asked,
        state="Creating",
    )
    cluster.sku, cluster.identity = body.get("sku") or cluster.sku, body.get("identity") or cluster.identity
    steps = []
    for pool, profile in profiles.items():
        steps += rollout.creation(cluster, world.add_pool(cluster, pool, state="Creating", **profile))
    op = operations.begin(world, call, cluster, None, kind="Creating", action=operations.WRITE_CLUSTER, steps=steps)
    return op, cluster


def _update(world: World, call: Call, cluster: Cluster, body: Json) -> Operation:
    asked = body.get("properties") or {}
    version = rules.full_version(str(asked.get("kubernetesVersion") or cluster.version), cluster.version)
    if version != cluster.version:  # better than to pretend
        raise ArmError(400, "BadRequest", "The local Azure does not upgrade clusters to another Kubernetes version.")
    wanted: list[tuple[Pool, Json]] = []
    for profile in asked.get("agentPoolProfiles") or ():
        pool = cluster.pools.get(str(profile["name"]).lower())
        if pool is None:
            raise ArmError(
                400,
                "BadRequest",
                "A new agent pool was introduced. Adding agent pools to an existing cluster is not allowed through "
                "managed cluster operations. For agent pool specific change, please use per agent pool operations: "
                "https://aka.ms/agent-pool-rest-api",
            )
        body_of_pool = {key: value for key, value in profile.items() if key != "name"}
        normal = rules.normalise(body_of_pool, cluster.version, pool)
        rules.check(pool.name, normal, pool, {}, call.api_version)
        wanted.append((pool, normal))
    pools.ensure_free(cluster, asks_for_pool=False)
    world.changing(cluster)
    cluster.properties = properties({**cluster.properties, **asked}, cluster.name)
    cluster.tags = body.get("tags") or {}
    steps, kind = [], "Updating"
    for pool, normal in wanted:
        of_pool, pool_steps = pools.change(cluster, pool, normal)
        steps += pool_steps
        kind = of_pool if of_pool == "Upgrading" and pool_steps else kind

    def settle() -> None:
        for pool, _ in wanted:
            pools.settle(world, cluster, pool)

    return operations.begin(
        world, call, cluster, None, kind=kind, action=operations.WRITE_CLUSTER, steps=steps, finish=settle
    )


def delete(world: World, call: Call, cluster: Cluster, conditions: Preconditions = NO_PRECONDITIONS) -> Operation:
    """Begin to delete a cluster; what runs on it is preempted."""
    conditions.check(cluster.etag)
    operations.preempt(world, cluster)
    return operations.begin(
        world,
        call,
        cluster,
        None,
        kind="Deleting",
        action=operations.DELETE_CLUSTER,
        finish=partial(world.remove_cluster, cluster),
    )


def switch(world: World, call: Call, cluster: Cluster, *, on: bool) -> Operation:
    """Begin to start or to stop a cluster. A stopped one has no nodes and no API server."""
    if on:
        if cluster.busy:
            pools.ensure_free(cluster, asks_for_pool=False)
    else:
        pools.ensure_free(cluster, asks_for_pool=False)

    def switched() -> None:
        cluster.power_state = "Running" if on else "Stopped"
        for pool in cluster.pools.values():
            pool.nodes = None if on else []
            pool.properties["powerState"] = {"code": cluster.power_state}

    verb = "start" if on else "stop"
    return operations.begin(
        world,
        call,
        cluster,
        None,
        kind="Starting" if on else "Stopping",
        action=f"{CLUSTERS}/{verb}/action",
        finish=switched,
    )


def abort(world: World, call: Call, cluster: Cluster) -> Operation:
    """Stop what runs on a cluster: it ends as Canceled, at the step that it is at. Raises ArmError.

    Whether an abort of the cluster reaches an operation that was begun on one of its pools is not documented: here
    it doesn't, and the pool's own abort is needed.
    """
    running = cluster.operation
    if running is None or running.done or running.pool or running.kind == "Canceling":
        raise nothing_to_abort(f"managed cluster {cluster.name}")
    return operations.halt(world, call, cluster, None, running, operations.ABORT_CLUSTER)


def missing(group: str, name: str) -> ArmError:
    """Return ARM's answer for a cluster that isn't there."""
    return not_found(CLUSTERS, name, group)
