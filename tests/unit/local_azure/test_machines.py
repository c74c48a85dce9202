"""The machines behind a pool, which are its nodes seen by ARM."""

from typing import Any

from local.faces import nodes
from local.world import rollout
from local.world.access import Role
from tests.unit.local_azure.asking import PROD, Azure, operator

MACHINES = f"{PROD}/agentPools/apps/machines"


def seen(azure: Azure, pool: str) -> dict[str, str]:
    """Return the addresses of a pool's nodes in Kubernetes by their names."""
    cluster = azure.world.cluster_by_id(PROD)
    shown = [nodes.show(cluster, cluster.pools[pool], node) for node in rollout.nodes(cluster, cluster.pools[pool])]
    return {node["metadata"]["name"]: node["status"]["addresses"][0]["address"] for node in shown}


def test_machines_have_the_names_addresses_and_zones_of_the_nodes(azure: Azure) -> None:
    found: list[dict[str, Any]] = operator(azure).get(MACHINES).json()["value"]
    assert {one["name"]: one["properties"]["network"]["ipAddresses"] for one in found} == {
        name: [{"family": "IPv4", "ip": address}] for name, address in seen(azure, "apps").items()
    }
    assert [one["zones"] for one in found] == [["1"], ["2"], ["3"]]
    first = found[0]
    assert first["id"].endswith(f"/agentPools/apps/machines/{first['name']}")
    group = "MC_rg-payments_aks-payments-prod_westeurope"
    scale_set = first["name"].removesuffix("000000")
    assert first["properties"]["resourceId"].endswith(
        f"/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/0"
    )


def test_machines_of_a_pool_without_zones_have_none(azure: Azure) -> None:
    assert "zones" not in operator(azure).get(f"{PROD}/agentPools/system/machines").json()["value"][0]


def test_one_machine_can_be_asked_for(azure: Azure) -> None:
    owner = operator(azure)
    first = owner.get(MACHINES).json()["value"][0]
    assert owner.get(f"{MACHINES}/{first['name']}").json() == first
    assert owner.get(f"{MACHINES}/gone").status == 404
    assert owner.get(f"{PROD}/agentPools/gone/machines").status == 404


def test_machines_are_listed_page_by_page(azure: Azure) -> None:
    azure.world.page_size = 2
    first = operator(azure).get(MACHINES).json()
    rest = operator(azure).get(first["nextLink"].removeprefix("https://localhost")).json()
    assert len(first["value"]) + len(rest["value"]) == 3
    assert "nextLink" not in rest


def test_machines_need_a_role_that_no_role_of_the_app_holds(azure: Azure) -> None:
    assert azure.get(MACHINES).status == 403
    azure.world.access.assign(
        azure.who, Role("m", ("Microsoft.ContainerService/managedClusters/agentPools/machines/read",)), PROD
    )
    assert azure.get(MACHINES).status == 200
