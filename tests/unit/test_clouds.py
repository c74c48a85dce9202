"""Hosts and scopes per cloud: no client may fall back to the public one."""

from dataclasses import asdict

import pytest

from shared.domain.clouds import AKS_SCOPE, CLOUDS, Cloud

PUBLIC = ("management.azure.com", "portal.azure.com", "eventgrid.azure.net", "vault.azure.net")


def test_the_clouds_have_the_names_of_the_azure_cli() -> None:
    assert set(CLOUDS) == {"AzureCloud", "AzureUSGovernment", "AzureChinaCloud"}
    assert all(name == cloud.name for name, cloud in CLOUDS.items())


@pytest.mark.parametrize("name", ["AzureUSGovernment", "AzureChinaCloud"])
def test_no_sovereign_cloud_names_a_public_host(name: str) -> None:
    assert not [value for value in asdict(CLOUDS[name]).values() if any(host in value for host in PUBLIC)]


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_endpoints_have_no_slash_at_the_end_and_scopes_ask_for_the_default(cloud: object) -> None:
    fields: dict[str, str] = asdict(cloud)  # type: ignore[call-overload]

    assert all(fields[name].startswith("https://") for name in fields if name not in ("name", "vault_suffix"))
    assert not fields["arm_endpoint"].endswith("/")
    assert not fields["portal"].endswith("/")
    assert fields["arm_scope"].endswith("/.default")
    assert fields["event_grid_scope"].endswith("/.default")


def test_tokens_for_a_kubernetes_api_are_for_the_aks_server_application() -> None:
    assert AKS_SCOPE == "6dae42f8-4368-4678-94ff-3960e28e3630/.default"


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        ("AzureCloud", "https://kv-fips.vault.azure.net/keys/manifests"),
        ("AzureCloud", "https://kv-fips.vault.azure.net/keys/manifests/0123456789abcdef0123456789ABCDEF"),
        ("AzureUSGovernment", "https://kv-fips.vault.usgovcloudapi.net/keys/manifests"),
        ("AzureChinaCloud", "https://kv-fips.vault.azure.cn/keys/manifests/"),
    ],
)
def test_a_key_in_a_vault_of_its_cloud_is_no_fault(cloud: str, url: str) -> None:
    assert CLOUDS[cloud].key_fault(url) == ""


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        ("AzureUSGovernment", "https://kv-fips.vault.azure.net/keys/manifests"),
        ("AzureCloud", "https://kv-fips.vault.azure.net.evil.example/keys/manifests"),
        ("AzureCloud", "https://evil.example/kv.vault.azure.net/keys/manifests"),
        ("AzureCloud", "https://a.b.vault.azure.net/keys/manifests"),
        ("AzureCloud", "https://user@kv-fips.vault.azure.net/keys/manifests"),
        ("AzureCloud", "http://kv-fips.vault.azure.net/keys/manifests"),
        ("AzureCloud", "https://kv-fips.vault.azure.net/secrets/manifests"),
        ("AzureCloud", "https://kv-fips.vault.azure.net/keys/manifests?x=1"),
        ("AzureCloud", "https://kv-fips.vault.azure.net/keys/manifests/latest"),
    ],
)
def test_what_is_no_key_in_a_vault_of_its_cloud_is_a_fault_that_repeats_nothing(cloud: str, url: str) -> None:
    said = CLOUDS[cloud].key_fault(url)

    assert said
    assert url not in said


def test_a_cloud_without_a_name_of_ours_may_have_its_vaults_anywhere() -> None:
    assert Cloud("custom", "https://localhost:1", "").key_fault("https://localhost:8443/keys/manifests") == ""
