"""Which pools can be switched, so that no update is begun that AKS will refuse, and no doubt is read as a yes."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.capability import (
    Incapable,
    fips_enabled_by_default,
    has_trusted_launch,
    incapable,
    is_arm64,
    is_confidential,
    release_if_switched,
)
from shared.domain.model import Cluster, Pool
from tests.builders import pool
from tests.unit.strategies import any_text, clusters

ARM = "Standard_D8pds_v6"
TRUSTED = {"enableVTPM": True}


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
        ({"osSKU": "Ubuntu2604"}, "OsSkuIncapable"),
        ({"currentOrchestratorVersion": "1.18.20"}, "KubernetesTooOld"),
        ({"currentOrchestratorVersion": "1.19.0"}, None),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": "1.31.9"}, "OsRetired"),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "1.26.3"}, "OsRetired"),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "1.27.3"}, None),
        ({"osSKU": "AzureLinux3", "vmSize": ARM, "currentOrchestratorVersion": "1.30.1"}, "Arm64Incapable"),
        ({"osSKU": "AzureLinux3", "vmSize": ARM, "currentOrchestratorVersion": "1.31.1"}, None),
        ({"osSKU": "AzureLinux3", "vmSize": ARM, "currentOrchestratorVersion": "?"}, None),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": "?"}, None),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": None, "orchestratorVersion": None}, None),
        ({"osSKU": "AzureLinux3", "currentOrchestratorVersion": "1.39.0"}, None),
        ({"osSKU": "Ubuntu", "securityProfile": TRUSTED, "currentOrchestratorVersion": "1.34.2"}, None),
        ({"osSKU": "Haiku", "securityProfile": TRUSTED, "vmSize": ARM}, None),
        ({"osSKU": "Flatcar", "currentOrchestratorVersion": "?"}, "OsSkuIncapable"),
        ({"osSKU": "Ubuntu2404", "currentOrchestratorVersion": "1.39.0"}, "OsSkuIncapable"),
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


@pytest.mark.parametrize(
    ("properties", "cure"),
    [
        ({"osSKU": "Ubuntu2404"}, "Ubuntu2204"),
        ({"osSKU": "ubuntu2404", "currentOrchestratorVersion": "1.36.0"}, "Ubuntu2204"),
        ({"osSKU": "Ubuntu2404", "currentOrchestratorVersion": "1.37.0"}, ""),
        ({"osSKU": "Ubuntu2404", "currentOrchestratorVersion": "?"}, ""),
        ({"osSKU": "Ubuntu2404", "vmSize": ARM}, "AzureLinux3"),
        ({"osSKU": "Ubuntu2404", "vmSize": ARM, "currentOrchestratorVersion": "1.36.0"}, "AzureLinux3"),
        ({"osSKU": "Ubuntu2404", "securityProfile": TRUSTED}, "Ubuntu2204"),
        ({"osSKU": "Ubuntu", "vmSize": ARM}, "AzureLinux3"),
        ({"osSKU": "Ubuntu2204", "vmSize": ARM, "currentOrchestratorVersion": "1.30.1"}, ""),
        ({"osSKU": "Ubuntu2204", "vmSize": ARM, "securityProfile": TRUSTED}, ""),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "1.26.3"}, "Ubuntu2204"),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "1.24.3"}, ""),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": "1.31.9"}, "AzureLinux3"),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": "1.31.9", "vmSize": ARM}, "AzureLinux3"),
        ({"osSKU": "AzureLinux", "currentOrchestratorVersion": "1.27.9"}, "Ubuntu2204"),
        ({"osSKU": "AzureLinux3", "securityProfile": TRUSTED}, "Ubuntu2204"),
        ({"osSKU": "CBLMariner"}, "AzureLinux3"),
        ({"osSKU": "Flatcar"}, ""),
        ({"osSKU": "Ubuntu2404", "vmSize": "Standard_DC8ads_v5"}, ""),
        ({"osSKU": "Ubuntu2404", "workloadRuntime": "KataVmIsolation"}, ""),
        ({"osSKU": "Ubuntu2404", "currentOrchestratorVersion": "1.18.1"}, ""),
        ({"osType": "Windows", "osSKU": "Windows2019"}, ""),
        ({"osType": "Plan9", "osSKU": "Ubuntu2404"}, ""),
    ],
)
def test_the_cure_is_an_os_sku_that_the_pool_can_have_in_place(properties: dict[str, Any], cure: str) -> None:
    found = incapable(pool(**properties))

    assert found is not None
    assert found.cure == cure
    assert (f"Set the OS SKU to {cure}, which can be done in place." in found.message) == bool(cure)


@pytest.mark.parametrize(
    ("properties", "os_sku", "reason"),
    [
        ({"osSKU": "Ubuntu"}, "Ubuntu2204", None),
        ({"osSKU": "Ubuntu"}, "UBUNTU", None),
        ({"osSKU": "AzureLinux3", "currentOrchestratorVersion": "1.39.0"}, "azurelinux3", None),
        ({"osSKU": "Ubuntu"}, "AzureLinux3", None),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "1.37.0"}, "AzureLinux3", "OsSkuNotOffered"),
        ({"osSKU": "Ubuntu", "currentOrchestratorVersion": "?"}, "AzureLinux3", None),
        ({"osSKU": "Ubuntu"}, "Ubuntu2404", "OsSkuIncapable"),
        ({"osSKU": "Ubuntu"}, "CBLMariner", "OsSkuIncapable"),
        ({"osSKU": "Ubuntu"}, "Haiku", "OsSkuUnknown"),
        ({"osSKU": "Ubuntu"}, "Windows2022", "OsSkuNotChangeable"),
        ({"osSKU": "Ubuntu"}, "Flatcar", "OsSkuNotChangeable"),
        ({"osSKU": "Flatcar"}, "AzureLinux3", "OsSkuNotChangeable"),
        ({"osSKU": "Haiku"}, "AzureLinux3", None),
        ({"osSKU": "Ubuntu"}, "AzureContainerLinux", "TrustedLaunchMissing"),
        ({"osSKU": "Ubuntu", "securityProfile": TRUSTED}, "AzureContainerLinux", None),
        ({"osSKU": "AzureContainerLinux"}, "AzureContainerLinux", None),
        ({"osSKU": "Ubuntu", "securityProfile": TRUSTED}, "AzureLinux3", "TrustedLaunchIncapable"),
        ({"osType": "Windows", "osSKU": "Windows2019"}, "Windows2022", "WindowsNotUpdatable"),
    ],
)
def test_another_os_sku_can_be_asked_about(properties: dict[str, Any], os_sku: str, reason: str | None) -> None:
    found = incapable(pool(**properties), os_sku)

    assert (found.reason if found else None) == reason


def test_a_release_counts_as_retired_from_the_day_on_which_its_images_go() -> None:
    ubuntu = pool(osSKU="Ubuntu")

    assert incapable(ubuntu, today=date(2027, 3, 16)) is None
    assert incapable(ubuntu, today=date(2027, 3, 17)) == Incapable(
        "OsRetired",
        "With FIPS the pool would get Ubuntu 20.04. AKS removed the node images of Ubuntu 20.04 on "
        "2027-03-17: its pools can't be scaled or reimaged.",
        "Set the OS SKU to Ubuntu2204, which can be done in place.",
        "Ubuntu2204",
    )


def test_without_a_readable_version_an_os_sku_is_retired_when_all_that_it_may_give_is() -> None:
    ubuntu = pool(osSKU="Ubuntu", currentOrchestratorVersion="?")

    assert incapable(ubuntu, today=date(2028, 4, 29)) is None
    found = incapable(ubuntu, today=date(2028, 4, 30))
    assert found is not None
    assert (found.reason, found.cure) == ("OsRetired", "")
    assert found.message.startswith("With FIPS the pool would get Ubuntu 22.04. AKS removed")


def test_no_cure_has_lost_its_images() -> None:
    found = incapable(pool(osSKU="Ubuntu2404"), today=date(2028, 4, 30))

    assert found is not None
    assert found.cure == "AzureLinux3"


@pytest.mark.parametrize(
    ("properties", "os_sku", "expected"),
    [
        ({"osSKU": "Ubuntu"}, None, "Ubuntu 20.04"),
        ({"osSKU": "Ubuntu", "securityProfile": TRUSTED}, None, "Ubuntu 22.04"),
        ({"osSKU": "Ubuntu"}, "AzureLinux3", "Azure Linux 3.0"),
        ({"osSKU": "Haiku"}, None, None),
    ],
)
def test_the_release_that_a_pool_would_get_is_told(
    properties: dict[str, Any], os_sku: str | None, expected: str | None
) -> None:
    found = release_if_switched(pool(**properties), os_sku)

    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (TRUSTED, True),
        ({"enableSecureBoot": True}, True),
        ({"enableSecureBoot": "no"}, True),
        ({"enableVTPM": False, "enableSecureBoot": None}, False),
        ({}, False),
        (None, False),
        ("yes", True),
        (["TrustedLaunch"], True),
    ],
)
def test_trusted_launch_is_a_vtpm_or_secure_boot(profile: Any, *, expected: bool) -> None:
    assert has_trusted_launch(pool(securityProfile=profile)) is expected


_SKUS = st.sampled_from(
    [
        *("Ubuntu", "Ubuntu2204", "Ubuntu2404", "AzureLinux", "AzureLinux3", "AzureLinuxOSGuard", "Flatcar"),
        *("AzureContainerLinux", "CBLMariner", "Windows2019", "Windows2022", "Windows2025", "WindowsAnnual", "Haiku"),
    ]
)
_POOLS = st.builds(
    pool,
    osSKU=_SKUS,
    osType=st.sampled_from(["Linux", "Linux", "Linux", "Windows", "Plan9"]),
    currentOrchestratorVersion=st.builds("1.{}.2".format, st.integers(17, 40)) | any_text,
    vmSize=st.sampled_from(["Standard_D8ds_v5", "Standard_D8ds_v5", ARM, "Standard_DC8ads_v5", ""]),
    securityProfile=st.sampled_from([None, None, TRUSTED, {"enableSecureBoot": "yes"}, "x"]),
    workloadRuntime=st.sampled_from([None, None, "OCIContainer", "KataVmIsolation"]),
)


@given(_POOLS, st.none() | _SKUS | any_text, st.none() | st.dates())
def test_whenever_a_cure_is_named_the_pool_with_it_is_capable(
    asked: Pool, os_sku: str | None, today: date | None
) -> None:
    found = incapable(asked, os_sku, today=today)

    if found and found.cure:
        assert asked.os_type == "Linux"
        assert incapable(asked, found.cure, today=today) is None
        assert release_if_switched(asked, found.cure) is not None


@given(_POOLS, st.none() | st.dates())
def test_asking_about_the_pools_own_os_sku_is_asking_about_the_pool(asked: Pool, today: date | None) -> None:
    assert incapable(asked, asked.os_sku.upper(), today=today) == incapable(asked, today=today)


@given(clusters)
def test_nothing_that_arm_may_say_raises(read: Cluster) -> None:
    for asked in read.pools:
        found = incapable(asked)
        assert found is None or (found.reason and found.message.endswith("."))
