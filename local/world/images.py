"""Which node image AKS picks: OS SKU, Kubernetes version, generation, architecture and FIPS decide.

Names and rules are those of facts/FACTS.md, sections 1 and 6; a combination that isn't there is not made up here.
"""

import re

LINUX_RELEASE = "202611.02.0"
OLDER_LINUX_RELEASE = "202609.14.0"
_WINDOWS = {
    "Windows2019": "AKSWindows-2019-containerd-17763.8880.260214",
    "Windows2022": "AKSWindows-2022-containerd-20348.4773.261014",
    "Windows2025": "AKSWindows-2025-gen2-26100.33158.261014",
}
WINDOWS_SKUS = tuple(_WINDOWS)
LINUX_SKUS = (
    "Ubuntu",
    "Ubuntu2204",
    "Ubuntu2404",
    "AzureLinux",
    "AzureLinux3",
    "CBLMariner",
    "Flatcar",
)


def minor(version: str) -> int:
    """Return 34 for `1.34`, `1.34.2`."""
    return int(version.split(".")[1])


def is_arm64(vm_size: str) -> bool:
    """Tell from the `p` of an Azure VM size's name (`Standard_D4ps_v5`) that its processor is Arm."""
    return re.match(r"standard_[a-z]+\d+p", vm_size, re.IGNORECASE) is not None


def is_confidential(vm_size: str) -> bool:
    """Tell DCas/DCes/ECas/ECes sizes: their VMs are confidential."""
    return re.match(r"standard_(dc|ec)\d+[ae]", vm_size, re.IGNORECASE) is not None


def is_generation2(vm_size: str) -> bool:
    """Tell that AKS takes a generation 2 image; of the sizes used here only the A series has none."""
    return not vm_size.lower().startswith("standard_a")


def effective_sku(os_sku: str, version: str, *, fips: bool) -> str:
    """Return the OS SKU with its release, as the label `kubernetes.azure.com/os-sku-effective` has it."""
    match os_sku:
        case "Ubuntu" if fips:
            return "Ubuntu2004" if minor(version) <= 34 else "Ubuntu2204"
        case "Ubuntu":
            return "Ubuntu2204" if minor(version) <= 34 else "Ubuntu2404"
        case "AzureLinux":
            return "AzureLinux2" if minor(version) <= 31 else "AzureLinux3"
        case _:
            return os_sku


def node_image(
    os_sku: str,
    version: str,
    vm_size: str,
    *,
    fips: bool,
    trusted_launch: bool = False,
    release: str = LINUX_RELEASE,
) -> str:
    """Return the `nodeImageVersion` that AKS gives a pool; Windows names never say `fips`."""
    if os_sku in _WINDOWS:
        return _WINDOWS[os_sku]
    sku = effective_sku(os_sku, version, fips=fips)
    kind = "gen2" if is_generation2(vm_size) else ""
    kind += "arm64" if is_arm64(vm_size) else ""
    kind += "fips" if fips else ""
    kind += "TL" if trusted_launch else ""
    if sku.startswith("Ubuntu"):
        return f"AKSUbuntu-{sku.removeprefix('Ubuntu')}{kind}containerd-{release}"
    if sku == "Flatcar":
        return f"AKSFlatcar-flatcar{kind}-{release}"
    family = {"AzureLinux2": "AzureLinux-V2", "AzureLinux3": "AzureLinux-V3"}.get(sku, "CBLMariner-V2")
    return f"AKS{family}{kind}-{release}"


def is_fips_image(image: str) -> bool:
    """Tell a Linux FIPS image by its name."""
    return "fips" in image.lower()
