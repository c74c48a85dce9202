"""Which pools can be switched, so that no update is begun that AKS will refuse, and no doubt is read as a yes."""

from typing import Any

import pytest

from shared.domain.capability import fips_enabled_by_default, incapable, is_arm64, is_confidential
from tests.builders import pool


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"osSKU": "AzureLinux"}, None),
        ({"osSKU": "AzureLinux3"}, None),
        ({"osSKU": "Ubuntu"}, None),
        ({"osSKU": "Ubuntu2204"}, None),
        ({"osSKU": "AzureContainerLinux", "vmSize": "Standard_D8pds_v6"}, None),
        ({"osSKU": "AzureLinux", "vmSize": "Standard_D8pds_v6"}, None),
        ({"osSKU": "Ubuntu2204", "securityProfile": {"enableVTPM": True}}, None),
        ({"osSKU": "AzureContainerLinux", "securityProfile": {"enableVTPM": True}}, None),
        ({"osSKU": "AzureLinuxOSGuard", "securityProfile": {"enableSecureBoot": True}}, None),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableVTPM": False, "enableSecureBoot": False}}, None),
        ({"osSKU": "AzureLinux", "securityProfile": None}, None),
        ({"osSKU": "AzureLinux", "workloadRuntime": "OCIContainer"}, None),
        ({"osSKU": "Ubuntu2404"}, "OsSkuIncapable"),
        ({"osSKU": "UBUNTU2404"}, "OsSkuIncapable"),
        ({"osSKU": "Flatcar"}, "OsSkuIncapable"),
        ({"osSKU": "CBLMariner"}, "OsSkuIncapable"),
        ({"osSKU": "Mariner"}, "OsSkuIncapable"),
        ({"osType": "Windows", "osSKU": "Windows2019"}, "WindowsNotUpdatable"),
        ({"osType": "Windows", "osSKU": "WindowsAnnual"}, "WindowsNotUpdatable"),
        ({"osSKU": "Ubuntu2204", "vmSize": "Standard_D8pds_v6"}, "Arm64Incapable"),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableVTPM": True}}, "TrustedLaunchIncapable"),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableSecureBoot": True}}, "TrustedLaunchIncapable"),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableSecureBoot": "yes"}}, "TrustedLaunchIncapable"),
        ({"vmSize": "Standard_DC8ads_v5"}, "ConfidentialVmIncapable"),
        ({"vmSize": "Standard_EC8as_cc_v5"}, "ConfidentialVmIncapable"),
        ({"workloadRuntime": "KataVmIsolation"}, "PodSandboxingIncapable"),
        ({"workloadRuntime": "KataMshvVmIsolation"}, "PodSandboxingIncapable"),
    ],
)
def test_a_pool_that_cannot_be_switched_says_what_to_change(properties: dict[str, Any], reason: str | None) -> None:
    found = incapable(pool(**properties))

    assert (found.reason if found else None) == reason
    assert found is None or found.message.endswith(".")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("Standard_D4ps_v5", True),
        ("Standard_D8pds_v6", True),
        ("standard_e2pds_v5", True),
        ("Standard_B2pls_v2", True),
        ("Standard_D8ds_v5", False),
        ("Standard_E4-2ads_v5", False),
        ("Standard_NP10s", False),
        ("Standard_HB120-16rs_v3", False),
        ("Standard_NC24ads_A100_v4", False),
        ("Standard_M208ms_v2", False),
        ("Basic", False),
        ("", False),
    ],
)
def test_arm64_is_read_from_the_name_of_the_size(size: str, *, expected: bool) -> None:
    assert is_arm64(size) is expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("Standard_DC8as_v5", True),
        ("Standard_DC8ads_v5", True),
        ("Standard_EC16ads_v5", True),
        ("Standard_DC4as_cc_v5", True),
        ("Standard_DC2es_v5", True),
        ("Standard_EC4eds_v5", True),
        ("Standard_DC4s_v2", False),
        ("Standard_DC4ds_v3", False),
        ("Standard_D8ads_v5", False),
        ("Standard_E8as_v5", False),
        ("", False),
    ],
)
def test_confidential_machines_are_read_from_the_name_of_the_size(size: str, *, expected: bool) -> None:
    assert is_confidential(size) is expected


@pytest.mark.parametrize(
    ("os_type", "sku", "expected"),
    [
        ("Windows", "Windows2022", True),
        ("Windows", "windows2025", True),
        ("Windows", "Windows2019", False),
        ("Windows", "", False),
        ("Linux", "Windows2022", False),
    ],
)
def test_fips_is_on_by_default_since_windows_2022(os_type: str, sku: str, *, expected: bool) -> None:
    assert fips_enabled_by_default(pool(osType=os_type, osSKU=sku)) is expected
