"""Which pools can have FIPS as they are configured, so that no update is begun that AKS will refuse.

Source of every row: AKS, "Enable FIPS for AKS node pools" (enable-fips-nodes), as of 2026-06-16, unless the
row names another page.
"""

import re
from dataclasses import dataclass

from shared.domain.model import Pool

KNOWN_OS_SKUS = frozenset(
    {
        *("ubuntu", "ubuntu2204", "ubuntu2404", "azurelinux", "azurelinux3", "azurelinuxosguard"),
        *("azurecontainerlinux", "cblmariner", "mariner", "flatcar"),
        *("windows2019", "windows2022", "windows2025", "windowsannual"),
    }
)
"""OS SKUs (lower case) of API 2026-08-01 and those that older pools still carry; another one is judged unknown."""
_WINDOWS_BY_DEFAULT = ("windows2022", "windows2025")


@dataclass(frozen=True, slots=True)
class Incapable:
    """Why a pool can't be switched as it is."""

    reason: str
    message: str


def fips_enabled_by_default(pool: Pool) -> bool:
    """Say whether the image has FIPS on whatever the flag says (Windows Server 2022 and later)."""
    return pool.os_type == "Windows" and pool.os_sku.lower() in _WINDOWS_BY_DEFAULT


def is_arm64(vm_size: str) -> bool:
    """Say whether a VM size is Arm64: by Azure's naming, a `p` among the letters after the core count."""
    parts = vm_size.lower().split("_")
    if len(parts) < 2:
        return False
    letters = parts[1].lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789-")
    return "p" in letters


def is_confidential(vm_size: str) -> bool:
    """Say whether a VM size is confidential: DC and EC sizes with AMD (`a`) or Intel TDX (`e`) processors.

    DCsv2, DCsv3 and DCdsv3 are not (SGX): VM sizes, "DC family" and "EC family".
    """
    found = re.fullmatch(r"standard_[de]c\d+(?:-\d+)?([a-z]+)(?:_.*)?", vm_size.lower())
    return found is not None and bool({"a", "e"} & set(found[1]))


def incapable(pool: Pool) -> Incapable | None:
    """Say why a pool can't be switched to FIPS in place; None if nothing is known against it."""
    sku = pool.os_sku.lower()
    if pool.os_type == "Windows":
        return Incapable(
            "WindowsNotUpdatable",
            f"{pool.os_sku} pools can't be switched: replace the pool by one with Windows2022 or later.",
        )
    if sku == "ubuntu2404":
        return Incapable("OsSkuIncapable", "Ubuntu 24.04 has no FIPS image: set the OS SKU to Ubuntu2204.")
    if sku == "flatcar":
        return Incapable("OsSkuIncapable", "Flatcar has no FIPS image: replace the pool.")
    if sku in ("cblmariner", "mariner"):
        return Incapable("OsSkuIncapable", "CBL-Mariner is retired: set the OS SKU to AzureLinux3.")
    return _by_machine(pool, sku)


def _by_machine(pool: Pool, sku: str) -> Incapable | None:
    if is_arm64(pool.vm_size) and sku not in ("azurelinux", "azurelinux3", "azurecontainerlinux"):
        return Incapable("Arm64Incapable", "On Arm64 only Azure Linux 3 has FIPS: set the OS SKU to AzureLinux3.")
    security = pool.body.get("securityProfile")
    trusted = isinstance(security, dict) and (security.get("enableVTPM") or security.get("enableSecureBoot"))
    # node-images: Azure Container Linux and OS Guard come with Trusted Launch alone, and have FIPS images.
    if trusted and sku not in ("ubuntu2204", "ubuntu", "azurecontainerlinux", "azurelinuxosguard"):
        return Incapable("TrustedLaunchIncapable", "Trusted Launch has FIPS only with OS SKU Ubuntu2204.")
    if is_confidential(pool.vm_size):
        # use-cvm: "You can't use FIPS, ARM64, Trusted Launch, or Pod Sandboxing" with confidential VMs.
        return Incapable("ConfidentialVmIncapable", "Confidential VMs can't have FIPS: replace the pool.")
    runtime = pool.body.get("workloadRuntime")
    if runtime in ("KataMshvVmIsolation", "KataVmIsolation"):
        # AKS release 2026-06-19: the API rejects the combination.
        return Incapable("PodSandboxingIncapable", "Pod Sandboxing can't be combined with FIPS: replace the pool.")
    return None
