"""Which pools can have FIPS as they are configured, so that no update is begun that AKS will refuse.

Source of every rule: AKS, "Enable FIPS for AKS node pools" (enable-fips-nodes), as of 2026-06-16, unless the
rule names another page. What differs by OS SKU, release or date is in the support matrix (shared/domain/support.py).
"""

import re
from dataclasses import dataclass, replace
from datetime import date

from shared.domain.legible import SANDBOXED, vm_sizes
from shared.domain.model import Pool
from shared.domain.support import (
    FipsSupport,
    Minor,
    OsSku,
    Release,
    TrustedLaunch,
    is_gone,
    is_too_new,
    matrix,
    minor_version,
    os_sku_named,
    release_with_fips,
    releases_with_fips,
    retirement,
)

KNOWN_OS_SKUS = frozenset(
    {
        *("ubuntu", "ubuntu2204", "ubuntu2404", "ubuntu2604", "azurelinux", "azurelinux3", "azurelinuxosguard"),
        *("azurecontainerlinux", "cblmariner", "mariner", "flatcar"),
        *("windows2019", "windows2022", "windows2025", "windowsannual"),
    }
)
"""OS SKUs (lower case) of API 2026-08-01, of previews, and those that older pools still carry: the matrix has a row
for each. Another one is judged unknown."""
_WINDOWS = ("Windows2022", "Windows2025")
"""Those with FIPS on, the older one first: containers of Windows Server 2019 are nearer to it."""
_WINDOWS_BY_DEFAULT = tuple(name.lower() for name in _WINDOWS)
_FIRST_WITH_FIPS: Minor = (1, 19)
_FIRST_ARM64_WITH_FIPS: Minor = (1, 31)
"""AKS, use-arm64-vms: FIPS on Arm64 needs Kubernetes 1.31 or later."""
_UBUNTU_FIRST = ("Ubuntu2204", "Ubuntu", "AzureLinux3", "AzureLinux")
_AZURE_LINUX_FIRST = ("AzureLinux3", "AzureLinux", "Ubuntu2204", "Ubuntu")
"""The OS SKUs that a cure may be, in the order of preference: the nearest to what runs, and the one that says which
release it is before the one that follows the Kubernetes version."""


@dataclass(frozen=True, slots=True)
class Incapable:
    """Why a pool can't be switched as it is, or as it was asked about."""

    reason: str
    why: str
    advice: str
    """What to do."""
    cure: str
    """The OS SKU that makes the pool FIPS-capable by a change in place; empty if none is known to."""

    @property
    def message(self) -> str:
        """Why, and what to do."""
        return f"{self.why} {self.advice}"


@dataclass(frozen=True, slots=True)
class _Objection:
    reason: str
    why: str
    advice: str = "No change of the OS SKU in place is known to cure that: replace the pool."


@dataclass(frozen=True, slots=True)
class _Question:
    """A pool, and the OS SKU that it has or might have."""

    pool: Pool
    sku: OsSku | None
    minor: Minor | None
    releases: tuple[Release, ...]
    """What the pool would get with FIPS: one, or all that the OS SKU gives if the version doesn't say which."""
    changed: bool
    """The OS SKU isn't the pool's own."""
    trusted: bool
    today: date


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
    """Say whether a VM size is confidential: DC, EC and NCC sizes with AMD (`a`) or Intel TDX (`e`) processors.

    DCsv2, DCsv3 and DCdsv3 are not (SGX): VM sizes, "DC family", "EC family" and "NCCads_H100_v5".
    """
    found = re.fullmatch(r"standard_(?:[de]|nc)c\d+(?:-\d+)?([a-z]+)(?:_.*)?", vm_size.lower())
    return found is not None and bool({"a", "e"} & set(found[1]))


def has_trusted_launch(pool: Pool) -> bool:
    """Say whether a pool has a vTPM or Secure Boot; anything but a clear no counts as a yes."""
    security = pool.body.get("securityProfile") or {}
    return not isinstance(security, dict) or bool(security.get("enableVTPM") or security.get("enableSecureBoot"))


def release_if_switched(pool: Pool, os_sku: str | None = None) -> Release | None:
    """Say which release a pool would get with FIPS, as it is or with another OS SKU; None: not known."""
    return release_with_fips(os_sku or pool.os_sku, pool.kubernetes_version, trusted_launch=has_trusted_launch(pool))


def incapable(pool: Pool, os_sku: str | None = None, *, today: date | None = None) -> Incapable | None:
    """Say why a pool can't be switched to FIPS in place; None if nothing is known against it.

    `os_sku` asks: and if it had that OS SKU? `today` decides which releases are gone; without it, the day on which
    the support matrix was compiled.
    """
    on = today or matrix().as_of
    objection = _objection(pool, os_sku, on)
    if objection is None:
        return None
    cure = _cure(pool, os_sku or pool.os_sku, on)
    advice = f"Set the OS SKU to {cure}, which can be done in place." if cure else objection.advice
    return Incapable(objection.reason, objection.why, advice, cure)


def _cure(pool: Pool, os_sku: str, today: date) -> str:
    """Name the first OS SKU that is known to be offered and against which nothing is known."""
    if pool.os_type != "Linux":
        return ""
    for candidate in _UBUNTU_FIRST if os_sku.lower().startswith("ubuntu") else _AZURE_LINUX_FIRST:
        if release_if_switched(pool, candidate) and _objection(pool, candidate, today) is None:
            return candidate
    return ""


def successor(pool: Pool, wanted: str = "", *, today: date | None = None) -> str:
    """Name the OS SKU with which a new pool of this kind could have FIPS; empty if none is known to.

    `wanted` is asked first. For a new pool it does not matter what can be changed in place.
    """
    on = today or matrix().as_of
    if pool.os_type == "Windows":
        return next((name for name in _WINDOWS if _lasts(release_if_switched(pool, name), on)), "")
    nearest = _UBUNTU_FIRST if pool.os_sku.lower().startswith("ubuntu") else _AZURE_LINUX_FIRST
    for name in filter(None, (wanted, *nearest)):
        if release_if_switched(pool, name) and _objection(replace(pool, os_sku=name), None, on) is None:
            return name
    return ""


def _lasts(release: Release | None, today: date) -> bool:
    return release is not None and not is_gone(release, today)


def _objection(pool: Pool, os_sku: str | None, today: date) -> _Objection | None:
    if pool.os_type == "Windows":
        advice = "Replace the pool by one with Windows2022 or later."
        return _Objection("WindowsNotUpdatable", f"{pool.os_sku} pools can't be switched.", advice)
    name = os_sku or pool.os_sku
    changed = name.lower() != pool.os_sku.lower()
    if changed and (found := _not_changeable(pool, name)):
        return found
    release = release_if_switched(pool, name)
    question = _Question(
        pool=pool,
        sku=os_sku_named(name),
        minor=minor_version(pool.kubernetes_version),
        releases=(release,) if release else releases_with_fips(name),
        changed=changed,
        trusted=has_trusted_launch(pool),
        today=today,
    )
    return _by_version(question) or _by_release(question) or _by_machine(question) or _by_feature(question)


def _not_changeable(pool: Pool, name: str) -> _Objection | None:
    own, sku = os_sku_named(pool.os_sku), os_sku_named(name)
    another = "Choose another OS SKU."
    if own and not own.in_place:
        # flatcar-container-linux-for-aks: "no in-place migration path".
        return _Objection("OsSkuNotChangeable", f"{own.name} pools can't get another OS SKU in place.")
    if sku is None:
        return _Objection("OsSkuUnknown", f"OS SKU {name!r} is not known to this version.", another)
    if sku.os_type != "Linux" or not sku.in_place:
        return _Objection("OsSkuNotChangeable", f"Pools can't get {sku.name} in place.", another)
    if minor_version(pool.kubernetes_version) and sku.with_fips and release_if_switched(pool, name) is None:
        does = "isn't known to offer" if is_too_new(pool.kubernetes_version) else "doesn't offer"
        why = f"AKS {does} {sku.name} with Kubernetes {pool.kubernetes_version}."
        return _Objection("OsSkuNotOffered", why, another)
    return None


def _by_version(asked: _Question) -> _Objection | None:
    if asked.minor and asked.minor < _FIRST_WITH_FIPS:
        why = f"FIPS needs Kubernetes 1.19 or later, and the pool has {asked.pool.kubernetes_version}."
        return _Objection("KubernetesTooOld", why, "Upgrade Kubernetes.")
    return None


def _by_release(asked: _Question) -> _Objection | None:
    if asked.sku and asked.sku.retired:
        return _Objection("OsSkuIncapable", asked.sku.retired)
    if not asked.releases:
        return None
    newest = asked.releases[-1]
    if all(it.fips is FipsSupport.NONE for it in asked.releases):
        return _Objection("OsSkuIncapable", f"{newest.name} has no FIPS image.")
    if all(is_gone(it, asked.today) for it in asked.releases):
        why = f"With FIPS the pool would get {newest.name}. {retirement(newest, asked.today)}"
        return _Objection("OsRetired", why)
    return None


def _by_machine(asked: _Question) -> _Objection | None:
    sizes = vm_sizes(asked.pool)
    if any(map(is_arm64, sizes)) and asked.sku:
        if not asked.sku.arm64:
            return _Objection("Arm64Incapable", "On Arm64 only Azure Linux has FIPS.")
        if asked.minor and asked.minor < _FIRST_ARM64_WITH_FIPS:
            return _Objection("Arm64Incapable", "On Arm64 FIPS needs Kubernetes 1.31 or later.", "Upgrade Kubernetes.")
    if any(map(is_confidential, sizes)):
        # use-cvm: "You can't use FIPS, ARM64, Trusted Launch, or Pod Sandboxing" with confidential VMs.
        return _Objection("ConfidentialVmIncapable", "Confidential VMs can't have FIPS.")
    return None


def _by_feature(asked: _Question) -> _Objection | None:
    if asked.trusted and asked.sku and asked.sku.trusted_launch is TrustedLaunch.REFUSED:
        return _Objection("TrustedLaunchIncapable", "Trusted Launch has FIPS only with Ubuntu 22.04.")
    if not asked.trusted and asked.changed and asked.sku and asked.sku.trusted_launch is TrustedLaunch.REQUIRED:
        # A pool that has such an OS SKU has Trusted Launch, whatever the read shows.
        why = f"{asked.sku.name} needs Trusted Launch, which the pool doesn't have."
        return _Objection("TrustedLaunchMissing", why, "Enable Trusted Launch with the same change.")
    if str(asked.pool.body.get("workloadRuntime")).lower() in SANDBOXED:
        # AKS release 2026-06-19: the API rejects the combination.
        return _Objection("PodSandboxingIncapable", "Pod Sandboxing can't be combined with FIPS.")
    return None
