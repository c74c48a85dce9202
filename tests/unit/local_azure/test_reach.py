"""Who reaches a cluster's API server: private clusters and authorised IP ranges."""

import json
from base64 import b64decode
from dataclasses import replace

import pytest

from local import faces, seed
from local.faces import Response, kubeconfig
from local.ports import WorldClusters, WorldKubernetes
from shared.domain.api_server import ENTRA_ONLY
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, Unreadable
from shared.nodes import list_nodes
from tests.unit.local_azure.asking import CLUSTERS, Azure, operator

HIDDEN = f"{CLUSTERS}/aks-hidden"


def ask_api_server(azure: Azure, address: str = "127.0.0.1") -> Response:
    """Ask a cluster's API server for its version, with a good credential and from some address."""
    cluster = azure.world.cluster_by_id(HIDDEN)
    sent = {"Authorization": f"Bearer {cluster.token}"}
    asked = faces.request("GET", f"{kubeconfig.path(cluster)}/version", headers=sent)
    return faces.handle(azure.world, replace(asked, address=address))


def test_nobody_outside_reaches_a_private_cluster(azure: Azure) -> None:
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-hidden", private=True)
    assert ask_api_server(azure).drop
    found = WorldClusters(azure.world).read(ClusterId.parse(HIDDEN))
    assert isinstance(found, Cluster)
    with WorldKubernetes(azure.world).open(found, ENTRA_ONLY) as api:
        assert isinstance(list_nodes(api), Unreadable)


def test_a_private_cluster_says_so_and_its_kubeconfig_names_a_host_that_never_resolves(azure: Azure) -> None:
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-hidden", private=True)
    shown = azure.get(HIDDEN).json()["properties"]
    assert shown["apiServerAccessProfile"]["enablePrivateCluster"] is True
    assert shown["privateFQDN"] == "aks-hidden.privatelink.westeurope.azmk8s.io"
    answered = operator(azure).ask("POST", f"{HIDDEN}/listClusterUserCredential").json()["kubeconfigs"][0]["value"]
    server = json.loads(b64decode(answered))["clusters"][0]["cluster"]["server"]
    assert server == "https://aks-hidden.privatelink.westeurope.azmk8s.io.invalid:443"
    assert "privateFQDN" not in azure.get(f"{CLUSTERS}/aks-payments-prod").json()["properties"]


@pytest.mark.parametrize(
    ("address", "reached"),
    [("203.0.113.9", True), ("198.51.100.1", False), ("127.0.0.1", False), ("2001:db8::1", False)],
)
def test_authorised_ranges_let_in_whom_they_hold(azure: Azure, address: str, *, reached: bool) -> None:
    ranges = ["203.0.113.0/24", "192.0.2.7/32"]
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-hidden", authorized_ranges=ranges)
    assert azure.get(HIDDEN).json()["properties"]["apiServerAccessProfile"]["authorizedIPRanges"] == ranges
    assert ask_api_server(azure, address).drop is not reached


def test_a_cluster_without_ranges_is_reached_from_everywhere(azure: Azure) -> None:
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-hidden")
    assert ask_api_server(azure, "198.51.100.1").status == 200
