"""Quotas for vCPUs, addresses in subnets, resource locks: how AKS and ARM refuse for want of room or leave."""

from typing import Any

import pytest

from local import seed
from local.world import quotas, rollout
from local.world.locks import Level
from tests.unit.local_azure.asking import GROUP, OPERATION, PROD, Azure, operator

SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/nodes"
SIX_NODES = 3 * 4 + 3 * 8
"""vCPUs of aks-payments-prod."""
NEW: dict[str, Any] = {"count": 2, "vmSize": "Standard_D8ds_v5", "osType": "Linux"}


def limit_cores(azure: Azure, limit: int, *, early: bool = True) -> None:
    """Set the quota of the family that aks-payments-prod uses."""
    azure.world.quotas.limit_cores(seed.PAYMENTS, "westeurope", "standardDDSv5Family", limit)
    azure.world.quotas.early = early


@pytest.mark.parametrize(
    ("size", "cores", "family"),
    [
        ("Standard_D8ds_v5", 8, "standardDDSv5Family"),
        ("Standard_D16s_v3", 16, "standardDSv3Family"),
        ("Standard_E4as_v4", 4, "standardEASv4Family"),
        ("Standard_D4ps_v5", 4, "standardDPSv5Family"),
    ],
)
def test_a_size_tells_its_cores_and_its_quota(size: str, cores: int, family: str) -> None:
    assert (quotas.cores_of(size), quotas.family_of(size)) == (cores, family)


def test_a_new_pool_beyond_the_quota_is_refused_before_anything_is_made(azure: Azure) -> None:
    limit_cores(azure, SIX_NODES + 15)
    refused = azure.put_pool("np1", **NEW)
    assert (refused.status, refused.json()["code"]) == (400, "ErrCode_InsufficientVCPUQuota")
    said = "Insufficient vcpu quota requested 16, remaining 15 for family standardDDSv5Family for region westeurope."
    assert refused.json()["message"].startswith(said)
    assert azure.get(f"{PROD}/agentPools/np1").status == 404
    limit_cores(azure, SIX_NODES + 16)
    assert azure.put_pool("np1", **NEW).status == 201


def test_the_quota_of_another_place_or_family_does_not_matter(azure: Azure) -> None:
    azure.world.quotas.limit_cores(seed.PAYMENTS, "northeurope", "standardDDSv5Family", 0)
    azure.world.quotas.limit_cores(seed.PLATFORM, "westeurope", "standardDDSv5Family", 0)
    azure.world.quotas.limit_cores(seed.PAYMENTS, "westeurope", "standardDSv3Family", 0)
    assert azure.put_pool("np1", **NEW).status == 201


def test_surge_nodes_use_the_quota_and_can_be_done_without(azure: Azure) -> None:
    limit_cores(azure, SIX_NODES + 7)
    refused = azure.put_pool("apps", enableFIPS=False)
    assert "requested 8, remaining 7 " in refused.json()["message"]
    assert operator(azure).ask("POST", f"{PROD}/agentPools/apps/upgradeNodeImageVersion").status == 400
    assert azure.put_pool("apps", nodeLabels={"a": "b"}).status == 200
    azure.pass_time()
    settings = {"maxSurge": "0", "maxUnavailable": "1"}
    assert azure.put_pool("apps", enableFIPS=False, upgradeSettings=settings).status == 200
    cluster = azure.world.cluster_by_id(PROD)
    counts = set()
    for _ in range(60):
        azure.pass_time(OPERATION / 60)
        counts.add(len(rollout.nodes(cluster, cluster.pools["apps"])))
    assert counts == {2, 3}
    assert azure.pool("apps")["provisioningState"] == "Succeeded"


def test_an_operation_can_find_out_itself_that_there_are_no_cores(azure: Azure) -> None:
    limit_cores(azure, SIX_NODES, early=False)
    running = azure.put_pool("apps", enableFIPS=False)
    assert running.status == 200
    azure.pass_time()
    error = azure.operation(running)["error"]
    assert error["code"] == "QuotaExceeded"
    assert error["message"].endswith("Maximum allowed: 36, Current in use: 36, Additional requested: 8")
    cluster = azure.world.cluster_by_id(PROD)
    assert [node.kernel_fips for node in rollout.nodes(cluster, cluster.pools["apps"])] == [1, 1, 1]
    limit_cores(azure, SIX_NODES + 8, early=False)
    azure.put_pool("apps", enableFIPS=False)
    azure.pass_time()
    assert azure.pool("apps")["provisioningState"] == "Succeeded"


def test_a_subnet_has_room_for_so_many_nodes_and_their_pods(azure: Azure) -> None:
    azure.world.quotas.limit_subnet(SUBNET, "10.10.0.0/24")
    azure.put_pool("one", **NEW, maxPods=110, vnetSubnetID=SUBNET)
    azure.pass_time()
    refused = azure.put_pool("two", **NEW, maxPods=30, vnetSubnetID=SUBNET.upper())
    assert (refused.status, refused.json()["code"]) == (400, "InsufficientSubnetSize")
    said = "Pre-allocated IPs 284 exceeds IPs available 251 in Subnet Cidr 10.10.0.0/24"
    assert refused.json()["message"].startswith(said)
    assert azure.put_pool("one", enableFIPS=True).status == 400  # a surge node with its pods
    azure.world.cluster_by_id(PROD).properties["networkProfile"]["networkPluginMode"] = "overlay"
    assert azure.put_pool("two", **NEW, maxPods=30, vnetSubnetID=SUBNET).status == 201


def test_the_most_that_an_autoscaler_may_make_counts(azure: Azure) -> None:
    azure.world.quotas.limit_subnet(SUBNET, "10.10.0.0/24")
    scaled: dict[str, Any] = {"enableAutoScaling": True, "minCount": 1, "maxCount": 9}
    refused = azure.put_pool("one", **NEW, maxPods=30, vnetSubnetID=SUBNET, **scaled)
    assert "Pre-allocated IPs 279 exceeds" in refused.json()["message"]


def test_an_operation_can_find_out_itself_that_a_subnet_is_full(azure: Azure) -> None:
    azure.world.quotas.limit_subnet(SUBNET, "10.10.0.0/24")
    azure.world.quotas.early = False
    azure.put_pool("one", **NEW, maxPods=110, vnetSubnetID=SUBNET)
    azure.pass_time()
    running = azure.put_pool("one", enableFIPS=True)
    azure.pass_time()
    error = azure.operation(running)["error"]
    assert error["code"] == "SubnetIsFull"
    assert "Subnet nodes with address prefix 10.10.0.0/24 does not have enough capacity for 111 IP" in error["message"]


@pytest.mark.parametrize("scope", [f"/subscriptions/{seed.PAYMENTS}", GROUP.lower(), PROD, f"{PROD}/agentPools/apps"])
def test_a_lock_reaches_everything_below_its_scope(azure: Azure, scope: str) -> None:
    azure.world.locks.add(scope, Level.READ_ONLY)
    refused = azure.put_pool("apps", nodeLabels={"a": "b"})
    assert (refused.status, refused.json()["error"]["code"]) == (409, "ScopeLocked")
    assert refused.json()["error"]["message"] == (
        f"The scope '{PROD}/agentPools/apps' cannot perform write operation because following scope(s) are locked: "
        f"'{scope}'. Please remove the lock and try again."
    )
    assert azure.get(PROD).status == 200
    azure.world.locks.remove(scope)
    assert azure.put_pool("apps", nodeLabels={"a": "b"}).status == 200


def test_a_lock_against_deletion_lets_changes_pass(azure: Azure) -> None:
    azure.world.locks.add(PROD, Level.CAN_NOT_DELETE)
    refused = operator(azure).ask("DELETE", f"{PROD}/agentPools/apps")
    assert refused.status == 409
    assert "cannot perform delete operation" in refused.json()["error"]["message"]
    assert azure.put_pool("apps", nodeLabels={"a": "b"}).status == 200


def test_a_lock_on_a_neighbour_whose_name_begins_alike_does_not_matter(azure: Azure) -> None:
    azure.world.locks.add(f"{PROD}/agentPools/app", Level.READ_ONLY)
    assert azure.put_pool("apps", nodeLabels={"a": "b"}).status == 200


def test_a_read_only_lock_stops_actions_too(azure: Azure) -> None:
    azure.world.locks.add(PROD, Level.READ_ONLY)
    assert operator(azure).ask("POST", f"{PROD}/listClusterUserCredential").status == 409
