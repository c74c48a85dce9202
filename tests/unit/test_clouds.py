"""Hosts and scopes per cloud: no client may fall back to the public one."""

from dataclasses import asdict

import pytest

from shared.domain.clouds import AKS_SCOPE, CLOUDS

PUBLIC = ("management.azure.com", "portal.azure.com", "eventgrid.azure.net")


def test_the_clouds_have_the_names_of_the_azure_cli() -> None:
    assert set(CLOUDS) == {"AzureCloud", "AzureUSGovernment", "AzureChinaCloud"}
    assert all(name == cloud.name for name, cloud in CLOUDS.items())


@pytest.mark.parametrize("name", ["AzureUSGovernment", "AzureChinaCloud"])
def test_no_sovereign_cloud_names_a_public_host(name: str) -> None:
    assert not [value for value in asdict(CLOUDS[name]).values() if any(host in value for host in PUBLIC)]


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_endpoints_have_no_slash_at_the_end_and_scopes_ask_for_the_default(cloud: object) -> None:
    fields: dict[str, str] = asdict(cloud)  # type: ignore[call-overload]

    assert all(fields[name].startswith("https://") for name in fields if name != "name")
    assert not fields["arm_endpoint"].endswith("/")
    assert not fields["portal"].endswith("/")
    assert fields["arm_scope"].endswith("/.default")
    assert fields["event_grid_scope"].endswith("/.default")


def test_tokens_for_a_kubernetes_api_are_for_the_aks_server_application() -> None:
    assert AKS_SCOPE == "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
