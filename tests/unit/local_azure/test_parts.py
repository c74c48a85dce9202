"""The smaller parts: the clock, identities, roles, image names, the example fleet."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from local import faces, seed, tls
from local.clock import ManualClock, SystemClock
from local.world import World, images, rollout
from local.world.access import APP, OPERATOR, Role, load_roles
from local.world.faults import Answer, Drop, Fault
from local.world.model import Cluster
from tests.unit.local_azure.asking import START, Azure


def token(
    azure: Azure, query: str = "resource=https://management.azure.com", header: str = "app-header"
) -> faces.Response:
    url = f"/msi/token?api-version=2019-08-01&{query}"
    return faces.handle_identity(azure.world, faces.request("GET", url, headers={"X-IDENTITY-HEADER": header}))


def test_a_manual_clock_moves_only_when_it_is_moved() -> None:
    clock = ManualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0)
    clock.advance(timedelta(minutes=2))
    assert (clock.now(), clock.monotonic()) == (START + timedelta(minutes=2), 120)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(timedelta(seconds=-1))


def test_a_clock_knows_its_time_zone() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert SystemClock().monotonic() > 0
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 11, 23))  # noqa: DTZ001 (the mistake that is refused)


def test_the_identity_header_tells_whose_token_it_is(azure: Azure) -> None:
    for principal in (APP, OPERATOR):
        answered = token(azure, header=principal.identity_header).json()
        claims = jwt.decode(answered["access_token"], options={"verify_signature": False})
        assert (claims["oid"], claims["appid"]) == (principal.object_id, principal.client_id)
        assert (claims["tid"], claims["aud"]) == (azure.world.access.tenant, "https://management.azure.com")
        assert answered["expires_on"] == str(claims["exp"])


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        ("resource=x", "wrong", 401),
        ("resource=x", "", 401),
        ("", "app-header", 400),
        ("resource=x&client_id=somebody-else", "app-header", 400),
        (f"resource=x&client_id={APP.client_id}", "app-header", 200),
    ],
)
def test_a_token_is_given_only_to_who_has_that_identity(azure: Azure, query: str, header: str, status: int) -> None:
    answered = token(azure, query, header)
    assert answered.status == status
    assert status == 200 or answered.json()["statusCode"] == status


def test_the_identity_port_has_nothing_else(azure: Azure) -> None:
    assert faces.handle_identity(azure.world, faces.request("GET", "/subscriptions")).status == 404


def test_faults_reach_the_identity_endpoint(azure: Azure) -> None:
    azure.world.faults.add(Fault(Answer(500, "", "no"), kind="token"))
    azure.world.faults.add(Fault(Drop(), kind="token"))
    assert token(azure).status == 500
    assert token(azure).drop
    assert token(azure).status == 200


def test_discovery_is_answered_and_secrets_are_not_taken(azure: Azure) -> None:
    found = faces.handle(azure.world, faces.request("GET", "/t/v2.0/.well-known/openid-configuration")).json()
    assert found["token_endpoint"].startswith("https://localhost/")
    assert faces.handle(azure.world, faces.request("POST", "/t/oauth2/v2.0/token")).status == 400


def test_the_role_files_are_loaded_as_they_are_deployed() -> None:
    roles = {role.name: role for role in load_roles()}
    reader, remediator = roles["fipswarden reader"], roles["fipswarden remediator"]
    assert reader.allows("Microsoft.ContainerService/managedClusters/READ")
    assert not reader.allows("Microsoft.ContainerService/managedClusters/agentPools/write")
    assert remediator.allows("Microsoft.ContainerService/managedClusters/agentPools/write")
    assert not remediator.allows("Microsoft.ContainerService/managedClusters/agentPools/delete")
    assert not remediator.allows("Microsoft.ContainerService/managedClusters/write")


def test_wildcards_and_exceptions_of_roles_count() -> None:
    role = Role("r", ("Microsoft.A/*/read",), ("Microsoft.A/secrets/read",), data_actions=("*",))
    assert role.allows("microsoft.a/b/c/read")
    assert not role.allows("Microsoft.A/secrets/read")
    assert not role.allows("Microsoft.A/b/write")
    assert role.allows_data("anything")


@pytest.mark.parametrize(
    ("sku", "version", "size", "fips", "trusted", "wanted"),
    [
        ("Ubuntu", "1.34.4", "Standard_D4s_v5", True, False, "AKSUbuntu-2004gen2fipscontainerd-"),
        ("Ubuntu", "1.35.1", "Standard_D4s_v5", True, False, "AKSUbuntu-2204gen2fipscontainerd-"),
        ("Ubuntu", "1.34.4", "Standard_D4s_v5", False, False, "AKSUbuntu-2204gen2containerd-"),
        ("Ubuntu", "1.35.1", "Standard_D4s_v5", False, False, "AKSUbuntu-2404gen2containerd-"),
        ("Ubuntu", "1.34.4", "Standard_A4_v2", True, False, "AKSUbuntu-2004fipscontainerd-"),
        ("Ubuntu2204", "1.34.4", "Standard_D4s_v5", True, False, "AKSUbuntu-2204gen2fipscontainerd-"),
        ("Ubuntu2204", "1.34.4", "Standard_D4s_v5", True, True, "AKSUbuntu-2204gen2fipsTLcontainerd-"),
        ("Ubuntu2404", "1.34.4", "Standard_D4s_v5", False, False, "AKSUbuntu-2404gen2containerd-"),
        ("AzureLinux", "1.31.9", "Standard_D4s_v5", True, False, "AKSAzureLinux-V2gen2fips-"),
        ("AzureLinux", "1.32.9", "Standard_D4s_v5", True, False, "AKSAzureLinux-V3gen2fips-"),
        ("AzureLinux3", "1.30.1", "Standard_D4ps_v5", True, False, "AKSAzureLinux-V3gen2arm64fips-"),
        ("CBLMariner", "1.28.1", "Standard_D4s_v5", True, False, "AKSCBLMariner-V2gen2fips-"),
        ("Flatcar", "1.34.4", "Standard_D4s_v5", False, False, "AKSFlatcar-flatcargen2-"),
        ("Windows2022", "1.34.4", "Standard_D4s_v5", True, False, "AKSWindows-2022-containerd-20348."),
        ("Windows2025", "1.34.4", "Standard_D4s_v5", True, False, "AKSWindows-2025-gen2-26100."),
    ],
)
def test_image_names_follow_sku_version_size_and_fips(
    sku: str, version: str, size: str, fips: bool, trusted: bool, wanted: str
) -> None:
    assert images.node_image(sku, version, size, fips=fips, trusted_launch=trusted).startswith(wanted)


def test_nodes_of_windows_2022_have_fips_on_whatever_the_flag_says() -> None:
    world = seed.example_world(ManualClock(START))
    cluster = next(c for c in world.all_clusters() if c.name == "aks-windows-prod")
    found = {
        name: {(node.fips_label, node.kernel_fips) for node in rollout.nodes(cluster, pool)}
        for name, pool in cluster.pools.items()
    }
    assert found["win19"] == {(False, 0)}
    assert found["win22"] == {(False, 1)}
    assert found["win25"] == {(True, 1)}


def by_name(world: World) -> dict[str, Cluster]:
    return {cluster.name: cluster for cluster in world.all_clusters()}


def test_the_example_fleet_has_the_trouble_it_promises() -> None:
    world = seed.example_world(ManualClock(START))
    clusters = by_name(world)
    assert len(world.subscriptions) == 3
    assert len(clusters) == 13
    assert clusters["aks-hidden-prod"].private_name
    prod = clusters["aks-payments-prod"]
    assert {(node.fips_label, node.kernel_fips) for node in world.nodes(prod)} == {(True, 1)}
    cards = {(node.fips_label, node.kernel_fips) for node in world.nodes(clusters["aks-cards-prod"])}
    assert cards == {(True, 1), (False, 0)}
    assert clusters["aks-nights-dev"].power_state == "Stopped"
    assert world.nodes(clusters["aks-nights-dev"]) == []
    assert clusters["aks-search-prod"].pools["index"].provisioning_state == "Failed"
    assert clusters["aks-media-prod"].busy
    ledger = clusters["aks-ledger-prod"].pools
    assert ledger["reports"].fips
    assert not images.is_fips_image(ledger["reports"].image)
    assert not world.access.may(APP, "Microsoft.ContainerService/managedClusters/read", clusters["aks-vault-prod"].id)
    assert not clusters["aks-lab-dev"].entra


def test_the_operation_that_is_in_flight_ends() -> None:
    clock = ManualClock(START)
    world = seed.example_world(clock)
    clock.advance(timedelta(seconds=8))
    world.tick()
    pool = by_name(world)["aks-media-prod"].pools["encode"]
    assert (pool.provisioning_state, pool.fips) == ("Succeeded", True)


def test_nodes_of_a_synthetic_fleet_exist_once_somebody_looks() -> None:
    world = seed.empty_world(ManualClock(START))
    seed.synthetic_fleet(world, clusters=150, pools=2)
    clusters = list(world.all_clusters())
    assert len(clusters) == 150
    assert len(world.subscriptions) == 3
    assert all(pool.nodes is None for cluster in clusters for pool in cluster.pools.values())
    assert len(world.nodes(clusters[7])) == 6


def test_the_authority_signs_for_localhost_only() -> None:
    certificate, key = tls.authority().issue("localhost", server=True)
    assert certificate.startswith(b"-----BEGIN CERTIFICATE")
    assert key.startswith(b"-----BEGIN PRIVATE KEY")
    assert tls.authority() is tls.authority()


def test_the_stand_in_for_kubelogin_says_how_it_is_used() -> None:
    program = Path(__file__).parents[3] / "local" / "bin" / "kubelogin"
    ran = subprocess.run([sys.executable, str(program), "token"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.startswith("usage: kubelogin get-token")) == (2, True)
