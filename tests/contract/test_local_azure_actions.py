"""Azure's unmodified SDK against the local Azure: run command, aborts, machines, and what it refuses."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.containerservice.models import AgentPool, RunCommandRequest, RunCommandResult
from kubernetes import client, config
from urllib3.exceptions import MaxRetryError

from local import seed
from local.faces import kubeconfig
from local.server import LocalAzure
from local.world import failures, rollout
from local.world.faults import Fault, HangOperation
from local.world.locks import Level

GROUP, PROD, HIDDEN = "rg-payments", "aks-payments-prod", "aks-hidden"


@pytest.fixture
def azure() -> Iterator[LocalAzure]:
    world = seed.empty_world(operation_time=timedelta(milliseconds=400), limits=())
    seed.payments_prod(world)
    hidden = world.add_cluster(seed.PAYMENTS, GROUP, HIDDEN, private=True)
    world.add_pool(hidden, "system", count=2, mode="System")
    with LocalAzure(world) as served:
        yield served


@pytest.fixture
def credential(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManagedIdentityCredential]:
    for name, value in azure.environment(operator=True).items():
        monkeypatch.setenv(name, value)
    with ManagedIdentityCredential() as found:
        yield found


@pytest.fixture
def aks(azure: LocalAzure, credential: ManagedIdentityCredential) -> Iterator[ContainerServiceClient]:
    arguments: dict[str, Any] = {
        "base_url": azure.arm_endpoint,
        "credential_scopes": ["https://management.azure.com/.default"],
        "polling_interval": 0.02,
        "retry_total": 0,
    }
    with ContainerServiceClient(credential, seed.PAYMENTS, **arguments) as found:
        yield found


def run(aks: ContainerServiceClient, cluster: str, command: str, **more: Any) -> RunCommandResult:
    """Run a command and wait for its result."""
    request = RunCommandRequest(command=command, **more)
    return aks.managed_clusters.begin_run_command(GROUP, cluster, request).result()


def test_a_command_reaches_a_private_cluster_and_its_result_can_be_read_again(aks: ContainerServiceClient) -> None:
    done = run(aks, HIDDEN, "kubectl get nodes -o name")
    assert (done.provisioning_state, done.exit_code) == ("Succeeded", 0)
    assert len((done.logs or "").splitlines()) == 2
    assert done.started_at is not None
    assert done.id is not None
    again = aks.managed_clusters.get_command_result(GROUP, HIDDEN, done.id)
    assert again is not None
    assert again.logs == done.logs


def test_a_command_on_an_entra_cluster_takes_a_token_and_files(
    aks: ContainerServiceClient, credential: ManagedIdentityCredential
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", "{}")
    context = base64.b64encode(packed.getvalue()).decode()
    with pytest.raises(HttpResponseError, match="clusterToken"):
        run(aks, PROD, "kubectl get nodes")
    token = credential.get_token(f"{kubeconfig.KUBERNETES_AUDIENCE}/.default").token
    done = run(aks, PROD, "cat a.json; kubectl get node gone", cluster_token=token, context=context)
    assert (done.exit_code, done.logs) == (1, '{}Error from server (NotFound): nodes "gone" not found\n')


def test_a_private_cluster_is_shown_as_one_and_not_reached_over_the_network(
    azure: LocalAzure, aks: ContainerServiceClient
) -> None:
    shown = aks.managed_clusters.get(GROUP, HIDDEN)
    assert shown.private_fqdn == "aks-hidden.privatelink.westeurope.azmk8s.io"
    assert shown.api_server_access_profile is not None
    assert shown.api_server_access_profile.enable_private_cluster
    value = (aks.managed_clusters.list_cluster_user_credentials(GROUP, HIDDEN).kubeconfigs or [])[0].value
    held: dict[str, Any] = json.loads(value or b"")
    server = held["clusters"][0]["cluster"]["server"]
    connect: Any = config.new_client_from_config_dict
    for where in (server, f"{azure.arm_endpoint}/k8s/{seed.PAYMENTS}/{GROUP}/{HIDDEN}"):
        held["clusters"][0]["cluster"]["server"] = where
        with connect(held) as api, pytest.raises(MaxRetryError):
            client.CoreV1Api(api).list_node(_request_timeout=5)


def test_an_operation_that_hangs_is_aborted_and_what_was_done_stays(
    azure: LocalAzure, aks: ContainerServiceClient
) -> None:
    azure.world.faults.add(Fault(HangOperation(), method="PUT"))
    pool = aks.agent_pools.get(GROUP, PROD, "apps")
    pool.enable_fips, pool.node_image_version = False, None
    hanging = aks.agent_pools.begin_create_or_update(GROUP, PROD, "apps", pool)
    aks.agent_pools.begin_abort_latest_operation(GROUP, PROD, "apps").result()
    with pytest.raises(HttpResponseError, match="aborted"):
        hanging.result()
    assert aks.agent_pools.get(GROUP, PROD, "apps").provisioning_state == "Canceled"
    with pytest.raises(ResourceExistsError, match="no operation in progress"):
        aks.agent_pools.begin_abort_latest_operation(GROUP, PROD, "apps")


def test_an_operation_of_a_cluster_is_aborted(azure: LocalAzure, aks: ContainerServiceClient) -> None:
    azure.world.operation_time = timedelta(hours=1)
    aks.managed_clusters.begin_stop(GROUP, PROD, polling=False)
    azure.world.operation_time = timedelta(0)
    aks.managed_clusters.begin_abort_latest_operation(GROUP, PROD).result()
    shown = aks.managed_clusters.get(GROUP, PROD)
    assert shown.provisioning_state == "Canceled"
    assert shown.power_state is not None
    assert shown.power_state.code == "Running"


def test_machines_are_listed_one_by_one_and_all(azure: LocalAzure, aks: ContainerServiceClient) -> None:
    azure.world.page_size = 2
    cluster = azure.world.cluster(seed.PAYMENTS, GROUP, PROD)
    names = [node.name for node in rollout.nodes(cluster, cluster.pools["apps"])]
    assert [machine.name for machine in aks.machines.list(GROUP, PROD, "apps")] == names
    one = aks.machines.get(GROUP, PROD, "apps", names[2])
    assert one.zones == ["3"]
    assert one.properties is not None
    assert one.properties.resource_id is not None
    assert one.properties.resource_id.endswith("/virtualMachines/2")


def test_a_pool_that_is_there_is_not_created_again_nor_deleted_as_somebody_else_left_it(
    aks: ContainerServiceClient,
) -> None:
    new = AgentPool({"properties": {"count": 1, "vmSize": "Standard_D8ds_v5"}})
    with pytest.raises(ResourceExistsError, match="PreConditionFailed"):  # what the SDK makes of this 412
        aks.agent_pools.begin_create_or_update(
            GROUP, PROD, "apps", new, match_condition=MatchConditions.IfMissing, etag="*"
        )
    with pytest.raises(ResourceModifiedError):
        aks.agent_pools.begin_delete(GROUP, PROD, "apps", etag="stale", match_condition=MatchConditions.IfNotModified)
    etag = aks.agent_pools.get(GROUP, PROD, "apps").e_tag
    aks.agent_pools.begin_delete(GROUP, PROD, "apps", etag=etag, match_condition=MatchConditions.IfNotModified).result()
    assert [pool.name for pool in aks.agent_pools.list(GROUP, PROD)] == ["system"]
    with pytest.raises(HttpResponseError, match="at least one system agent pool"):
        aks.agent_pools.begin_delete(GROUP, PROD, "system")


def test_failures_quotas_and_locks_arrive_as_the_sdks_exceptions(
    azure: LocalAzure, aks: ContainerServiceClient
) -> None:
    new = AgentPool({"properties": {"count": 1, "vmSize": "Standard_D8ds_v5"}})
    azure.world.faults.add(Fault(failures.ZONAL_ALLOCATION, method="PUT"))
    with pytest.raises(HttpResponseError, match="ZonalAllocationFailed"):
        aks.agent_pools.begin_create_or_update(GROUP, PROD, "one", new).result()
    azure.world.quotas.limit_cores(seed.PAYMENTS, "westeurope", "standardDDSv5Family", 0)
    with pytest.raises(HttpResponseError, match="ErrCode_InsufficientVCPUQuota"):
        aks.agent_pools.begin_create_or_update(GROUP, PROD, "two", new)
    azure.world.locks.add(f"/subscriptions/{seed.PAYMENTS}/resourceGroups/{GROUP}", Level.CAN_NOT_DELETE)
    with pytest.raises(ResourceExistsError, match="ScopeLocked"):
        aks.agent_pools.begin_delete(GROUP, PROD, "apps")
