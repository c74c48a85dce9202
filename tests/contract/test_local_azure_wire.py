"""Unmodified clients against the local Azure over TLS: Azure's SDK and identity library, and Kubernetes' client."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import ManagedIdentityCredential
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.containerservice.models import AgentPool
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

from local import seed
from local.faces import kubeconfig
from local.server import LocalAzure
from local.world.access import APP
from local.world.faults import DRAIN_FAILURE, Answer, Delay, Drop, FailOperation, Fault, LostAnswer
from tests.unit.local_azure.asking import READS_MORE

GROUP, PROD = "rg-payments", "aks-payments-prod"
SCOPE = "https://management.azure.com/.default"


@dataclass(frozen=True)
class Wire:
    """A local Azure that is being served, and clients with the app's identity."""

    azure: LocalAzure
    aks: ContainerServiceClient
    graph: ResourceGraphClient

    def pool(self, name: str) -> AgentPool:
        """Read a pool, ready to be sent back: without the member that would mean a rollback."""
        pool = self.aks.agent_pools.get(GROUP, PROD, name)
        pool.node_image_version = None
        return pool

    def puts(self) -> list[int]:
        """Return the status of every PUT so far."""
        return [entry.status for entry in self.azure.world.requests if entry.method == "PUT"]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    world = seed.empty_world(operation_time=timedelta(milliseconds=400), limits=())
    world.page_size = 2
    cluster = seed.payments_prod(world)
    world.access.assign(APP, READS_MORE, f"/subscriptions/{seed.PAYMENTS}")
    world.add_pool(cluster, "plain", count=1, osSKU="AzureLinux", nodeLabels={"team": "web"})
    with LocalAzure(world) as azure:
        for name, value in azure.environment().items():
            monkeypatch.setenv(name, value)
        arguments: dict[str, Any] = {
            "base_url": azure.arm_endpoint,
            "credential_scopes": [SCOPE],
            "polling_interval": 0.02,
            "retry_total": 0,
        }
        with (
            ManagedIdentityCredential() as credential,
            ContainerServiceClient(credential, seed.PAYMENTS, **arguments) as aks,
            ResourceGraphClient(credential, **arguments) as graph,
        ):
            yield Wire(azure, aks, graph)


def test_the_fleet_is_read_page_by_page(wire: Wire) -> None:
    for number in range(3):
        wire.azure.world.add_cluster(seed.PAYMENTS, GROUP, f"aks-{number}")
    names = [cluster.name for cluster in wire.aks.managed_clusters.list()]
    assert names == [PROD, "aks-0", "aks-1", "aks-2"]
    pools = wire.aks.agent_pools.list(GROUP, PROD)
    assert [pool.name for pool in pools] == ["system", "apps", "plain"]


def test_a_cluster_has_its_pools_with_etags(wire: Wire) -> None:
    cluster = wire.aks.managed_clusters.get(GROUP, PROD)
    profiles = {pool.name: pool.e_tag for pool in cluster.agent_pool_profiles or ()}
    assert profiles["apps"] == wire.aks.agent_pools.get(GROUP, PROD, "apps").e_tag
    assert cluster.power_state is not None
    assert cluster.power_state.code == "Running"


def test_fips_is_switched_on_and_the_operation_is_waited_for(wire: Wire) -> None:
    pool = wire.pool("plain")
    pool.enable_fips = True
    poller = wire.aks.agent_pools.begin_create_or_update(
        GROUP, PROD, "plain", pool, etag=pool.e_tag, match_condition=MatchConditions.IfNotModified
    )
    result = poller.result()
    assert (result.provisioning_state, result.enable_fips, result.node_labels) == ("Succeeded", True, {"team": "web"})
    assert "fips" in (result.node_image_version or "")
    put = next(entry for entry in wire.azure.world.requests if entry.method == "PUT")
    assert put.if_match.strip('"') == pool.e_tag
    assert put.client_request_id


def test_a_pool_is_created_and_the_owner_deletes_it(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    access, scope = wire.azure.world.access, f"/subscriptions/{seed.PAYMENTS}"
    access.revoke(APP, scope)
    for role in (access.roles[seed.READER], access.roles[seed.REMEDIATOR], READS_MORE):
        access.assign(APP, role, scope)
    shape = {"count": 1, "vmSize": "Standard_D8ds_v5", "osType": "Windows", "osSKU": "Windows2022", "mode": "User"}
    new = AgentPool({"properties": shape})
    created = wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "win", new).result()
    assert (created.provisioning_state, created.enable_fips) == ("Succeeded", False)
    with pytest.raises(HttpResponseError) as refused:
        wire.aks.agent_pools.begin_delete(GROUP, PROD, "win")
    assert (refused.value.status_code, refused.value.error and refused.value.error.code) == (
        403,
        "AuthorizationFailed",
    )
    monkeypatch.setenv("IDENTITY_HEADER", wire.azure.operator_identity_header)
    with (
        ManagedIdentityCredential() as credential,
        ContainerServiceClient(
            credential,
            seed.PAYMENTS,
            base_url=wire.azure.arm_endpoint,
            credential_scopes=[SCOPE],
            polling_interval=0.02,
        ) as owner,
    ):
        owner.agent_pools.begin_delete(GROUP, PROD, "win").result()
    with pytest.raises(ResourceNotFoundError):
        wire.aks.agent_pools.get(GROUP, PROD, "win")


def test_azures_refusals_arrive_as_the_sdks_exceptions(wire: Wire) -> None:
    pool = wire.pool("plain")
    with pytest.raises(ResourceModifiedError):
        wire.aks.agent_pools.begin_create_or_update(
            GROUP, PROD, "plain", pool, etag="stale", match_condition=MatchConditions.IfNotModified
        )
    pool.enable_fips = True
    poller = wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "plain", pool)
    with pytest.raises(ResourceExistsError, match="Another agentpool operation"):
        wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "apps", wire.pool("apps"))
    poller.result()
    with pytest.raises(ResourceNotFoundError, match="was not found"):
        wire.aks.managed_clusters.get(GROUP, "aks-missing")


def test_a_drain_that_fails_is_told_by_the_poller(wire: Wire) -> None:
    wire.azure.world.faults.add(Fault(FailOperation("PodDrainFailure", DRAIN_FAILURE), method="PUT"))
    pool = wire.pool("plain")
    pool.enable_fips = True
    with pytest.raises(HttpResponseError, match="PodDrainFailure"):
        wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "plain", pool).result()
    assert wire.aks.agent_pools.get(GROUP, PROD, "plain").provisioning_state == "Failed"


def test_an_operation_is_aborted(wire: Wire) -> None:
    wire.azure.world.operation_time = timedelta(seconds=30)
    pool = wire.pool("plain")
    pool.enable_fips = True
    wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "plain", pool, polling=False)
    wire.azure.world.operation_time = timedelta(0)
    wire.aks.agent_pools.begin_abort_latest_operation(GROUP, PROD, "plain").result()
    assert wire.aks.agent_pools.get(GROUP, PROD, "plain").provisioning_state == "Canceled"


def test_a_dropped_connection_has_done_nothing(wire: Wire) -> None:
    wire.azure.world.faults.add(Fault(Drop(), method="PUT"))
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "apps", wire.pool("apps"))
    assert wire.aks.agent_pools.get(GROUP, PROD, "apps").provisioning_state == "Succeeded"
    assert wire.puts() == [0]


def test_a_lost_answer_has_done_everything(wire: Wire) -> None:
    wire.azure.world.operation_time = timedelta(seconds=30)
    wire.azure.world.faults.add(Fault(LostAnswer(), method="PUT"))
    pool = wire.pool("plain")
    pool.enable_fips = True
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        wire.aks.agent_pools.begin_create_or_update(GROUP, PROD, "plain", pool)
    assert wire.aks.agent_pools.get(GROUP, PROD, "plain").provisioning_state == "Upgrading"


def test_a_delay_holds_up_nobody_else(wire: Wire) -> None:
    wire.azure.world.faults.add(Fault(Delay(timedelta(hours=1)), resource="/agentPools/plain"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wire.aks.agent_pools.get, GROUP, PROD, "plain")
        while len(wire.azure.world.faults):
            time.sleep(0.01)
        assert wire.aks.agent_pools.get(GROUP, PROD, "apps").name == "apps"
        assert not waiting.done()
        wire.azure.stop()
        assert waiting.exception() is not None


def test_429_with_retry_after_is_retried_by_the_sdk(wire: Wire) -> None:
    wire.azure.world.faults.add(Fault(Answer(429, "Throttled", "later", retry_after=0), kind="agentPools"))
    assert wire.aks.agent_pools.get(GROUP, PROD, "apps", retry_total=2).name == "apps"
    assert [entry.status for entry in wire.azure.world.requests][-2:] == [429, 200]


def test_a_wrong_identity_header_gets_no_token(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    with ManagedIdentityCredential() as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(SCOPE)


def test_resource_graph_is_asked_page_by_page(wire: Wire) -> None:
    for number in range(4):
        wire.azure.world.add_cluster(seed.PAYMENTS, GROUP, f"aks-{number}")
    query = (
        "resources | where type =~ 'microsoft.containerservice/managedclusters' | project id, name | order by id asc"
    )
    names: list[str] = []
    token = None
    while True:
        options = QueryRequestOptions(top=2, skip_token=token, result_format="objectArray")
        page = wire.graph.resources(QueryRequest(query=query, options=options, subscriptions=[seed.PAYMENTS]))
        assert page.total_records == 5
        data: Any = page.data
        names += [row["name"] for row in data]
        token = page.skip_token
        if not token:
            break
    assert names == ["aks-0", "aks-1", "aks-2", "aks-3", PROD]
    with pytest.raises(HttpResponseError, match="InvalidQuery"):
        wire.graph.resources(QueryRequest(query="resources | evaluate magic()"))


def test_the_kubernetes_client_reads_nodes_with_an_entra_token(wire: Wire) -> None:
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException

    configuration = client.Configuration(host=f"{wire.azure.arm_endpoint}/k8s/{seed.PAYMENTS}/{GROUP}/{PROD}")
    configuration.ssl_ca_cert = str(wire.azure.ca_file)
    with ManagedIdentityCredential() as credential:
        token = credential.get_token(f"{kubeconfig.KUBERNETES_AUDIENCE}/.default").token
    configuration.api_key = {"authorization": f"Bearer {token}"}
    with client.ApiClient(configuration) as api:
        core = client.CoreV1Api(api)
        nodes: Any = core.list_node(label_selector="kubernetes.azure.com/fips_enabled=true", limit=100)
        assert len(nodes.items) == 6
        assert nodes.items[0].status.node_info.kubelet_version == "v1.34.4"
        first: Any = core.read_node(nodes.items[0].metadata.name)
        assert first.metadata.uid == nodes.items[0].metadata.uid
        with pytest.raises(ApiException) as missing:
            core.read_node("nobody")
        assert missing.value.status == 404
    configuration.api_key = {}
    with client.ApiClient(configuration) as api, pytest.raises(ApiException) as refused:
        client.CoreV1Api(api).list_node()
    assert refused.value.status == 401


def local_cluster(wire: Wire, folder: Path) -> dict[str, Any]:
    """Add a cluster with local accounts; return its kubeconfig as the API hands it out."""
    cluster = wire.azure.world.add_cluster(seed.PAYMENTS, GROUP, "aks-local")
    wire.azure.world.add_pool(cluster, "system", count=2)
    answered = wire.aks.managed_clusters.list_cluster_user_credentials(GROUP, "aks-local")
    value = (answered.kubeconfigs or [])[0].value
    assert value is not None
    (folder / "config").write_bytes(value)
    config: dict[str, Any] = json.loads(value)
    return config


@pytest.mark.parametrize("left_out", ["token", "client-certificate-data"])
def test_a_kubeconfig_with_a_static_credential_works_by_token_and_by_certificate(
    wire: Wire, tmp_path: Path, left_out: str
) -> None:
    from kubernetes import client, config

    held = local_cluster(wire, tmp_path)
    user = held["users"][0]["user"]
    del user[left_out]
    if left_out == "client-certificate-data":
        del user["client-key-data"]
    connect: Any = config.new_client_from_config_dict
    with connect(held) as api:
        assert len(client.CoreV1Api(api).list_node().items) == 2


def test_kubectl_works_with_the_kubeconfig_of_an_entra_cluster(wire: Wire, tmp_path: Path) -> None:
    answered = wire.aks.managed_clusters.list_cluster_user_credentials(GROUP, PROD)
    value = (answered.kubeconfigs or [])[0].value
    assert value is not None
    (tmp_path / "config").write_bytes(value)
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)}
    ran = subprocess.run(
        ["kubectl", "get", "nodes", "-l", "kubernetes.azure.com/fips_enabled=true", "--no-headers"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[1:3] for line in ran.stdout.splitlines()] == [["Ready", "<none>"]] * 6


def test_a_port_that_is_taken_is_told_at_the_start(wire: Wire) -> None:
    port = int(wire.azure.arm_endpoint.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"), LocalAzure(wire.azure.world, port=port):
        pass
