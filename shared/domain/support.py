"""The support matrix: which operating system a pool runs, and which it would get with FIPS, as dated data.

Pure. What the data doesn't say is None, never a guess; FIPS-capable says nothing about validated modules.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from shared.domain.data_file import DataFileError, load
from shared.domain.model import Pool

_NUMBER = r"(?:0|[1-9][0-9]{0,3})"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})(?:\.{_NUMBER}(?:-akslts)?)?")
"""As ARM writes versions, with those of long-term support; whatever else stands there is no version that is known."""
FILE = "os_releases.json"
"""The data file, in `shared/domain/data`; each of its rows names its source."""
SOON = timedelta(days=180)
"""How long before the removal of its images a release is reported as retiring."""


class FipsSupport(StrEnum):
    """Whether node images of a release have FIPS."""

    CAPABLE = "capable"
    """There are images with FIPS and images without."""
    DEFAULT = "default"
    """Every image has FIPS on."""
    NONE = "none"
    """No image has FIPS."""


class TrustedLaunch(StrEnum):
    """How an OS SKU's FIPS images and Trusted Launch go together."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Release:
    """One release of an operating system that node pools run."""

    name: str
    """For example `Ubuntu 20.04`, `Azure Linux 3.0`, `Windows Server 2022`."""
    fips: FipsSupport
    source: str
    """Where the row is from."""
    end_of_support: date | None = None
    """First day without support and security updates from AKS; None: not known."""
    images_removed: date | None = None
    """Day from which on pools can't be scaled or reimaged, as their images are gone; None: not known."""
    images: tuple[str, ...] = ()
    """Patterns of the names of its node images, lower case, for the whole name."""


@dataclass(frozen=True, slots=True)
class WithFips:
    """What an OS SKU gives with FIPS in a range of Kubernetes versions."""

    release: str
    """Name of the release."""
    since: str = ""
    """First Kubernetes minor version, such as `1.27`; empty: any."""
    until: str = ""
    """Last Kubernetes minor version; empty: any."""
    trusted_launch: str = ""
    """Name of the release that a pool with Trusted Launch gets instead; empty: the same."""

    def covers(self, minor: "Minor") -> bool:
        """Say whether a Kubernetes version is in the range."""
        since, until = minor_version(self.since), minor_version(self.until)
        return (since is None or since <= minor) and (until is None or minor <= until)


@dataclass(frozen=True, slots=True)
class OsSku:
    """One OS SKU of the containerservice API."""

    name: str
    """As the API spells it."""
    os_type: str
    """`Linux` or `Windows`."""
    with_fips: tuple[WithFips, ...]
    """What it gives with FIPS; a Kubernetes version in no range: not known, or not offered."""
    trusted_launch: TrustedLaunch
    source: str
    """Where the row is from."""
    arm64: bool = False
    """It has FIPS images for Arm64."""
    in_place: bool = True
    """Pools can be changed from it and to it in place."""
    retired: str = ""
    """Why no pool should be switched with it, as a sentence; empty if it is in use."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole data file."""

    as_of: date
    """The day on which it was compiled from its sources."""
    newest_kubernetes: str
    """The newest Kubernetes minor version that it was made for: of what a later one gives nothing is known."""
    newest_kubernetes_source: str
    """Where that is from."""
    releases: tuple[Release, ...]
    os_skus: tuple[OsSku, ...]


Minor = tuple[int, int]
"""A Kubernetes version without its patch: (1, 34)."""


def minor_version(version: str) -> Minor | None:
    """Return a version (`1.34`, `1.34.2`, `1.28.101-akslts`) as (major, minor); None if it reads as none."""
    found = _VERSION.fullmatch(version)
    return (int(found[1]), int(found[2])) if found else None


def checked(matrix: Matrix) -> Matrix:
    """Return a matrix whose names and versions refer to something; raises DataFileError that names the row."""
    known = {release.name for release in matrix.releases}
    _check_version("newestKubernetes", matrix.newest_kubernetes)
    for sku in matrix.os_skus:
        for row in sku.with_fips:
            for name in (row.release, row.trusted_launch or row.release):
                if name not in known:
                    raise DataFileError(f"{FILE}: OS SKU {sku.name}: there is no release {name!r}: add it or mend it")
            for version in (row.since, row.until):
                if version:
                    _check_version(f"OS SKU {sku.name}", version)
    for release in matrix.releases:
        for pattern in release.images:
            try:
                re.compile(pattern)
            except re.error as error:
                raise DataFileError(f"{FILE}: release {release.name}: pattern {pattern!r}: {error}: mend it") from error
    return matrix


def _check_version(where: str, version: str) -> None:
    if minor_version(version) is None:
        raise DataFileError(f"{FILE}: {where}: {version!r} is no version: write it as 1.34")


@cache
def matrix() -> Matrix:
    """Return the support matrix, read on first use; raises DataFileError."""
    return checked(load(Matrix, FILE))


def is_too_new(version: str) -> bool:
    """Say whether a Kubernetes version is newer than the data: what it gives with FIPS, nobody knows."""
    minor, newest = minor_version(version), minor_version(matrix().newest_kubernetes)
    return minor is not None and newest is not None and minor > newest


@cache
def _releases() -> Mapping[str, Release]:
    return {release.name: release for release in matrix().releases}


@cache
def _os_skus() -> Mapping[str, OsSku]:
    return {sku.name.lower(): sku for sku in matrix().os_skus}


def os_sku_named(name: str) -> OsSku | None:
    """Return the row of an OS SKU, whatever its case; None if it is not known."""
    return _os_skus().get(name.lower())


def release_of(pool: Pool) -> Release | None:
    """Say what a pool runs, by the name of its node image; None if the name is not known.

    Both spellings are read: `AKSUbuntu-2204gen2fipscontainerd-<version>` of the pools API, and
    `AKSUbuntu-gen2-2204containerd` of the vulnerability API.
    """
    return _release_of_image(pool.node_image.lower())


def is_fips_image(node_image: str) -> bool:
    """Say whether a node image is named as one with FIPS, in both spellings; the name alone proves nothing."""
    # Always behind a version, a generation, an architecture or a hyphen: `2204fips`, `V3gen2fips`, `gen2arm64fips`.
    return re.search(r"[0-9-]fips", node_image.lower()) is not None


_FIPS_NAME = re.compile(r"aks[a-z]+(v[0-9]+)?-(gen[12]-|[0-9]{4}-)?[0-9a-z]*[0-9]fips(tl)?(containerd)?(-[0-9a-z.-]*)?")


def is_known_fips_name(node_image: str) -> bool:
    """Say whether `fips` stands where every known name of a FIPS image has it, so that it means what it says.

    That is behind the release, the generation or the architecture, with at most `TL` and `containerd` between it and
    the version: `2004fipscontainerd`, `2204gen2fipsTLcontainerd`, `V3gen2arm64fips`, `OSGuardV3gen2fipsTL`
    (Azure/karpenter-provider-azure, image names; AKS, security-vulnerability-api-reference).
    """
    return _FIPS_NAME.fullmatch(node_image.lower()) is not None


@lru_cache(maxsize=4096)
def _release_of_image(image: str) -> Release | None:
    fits = (it for it in matrix().releases if any(re.fullmatch(pattern, image) for pattern in it.images))
    return next(fits, None)


@lru_cache(maxsize=4096)
def release_with_fips(os_sku: str, kubernetes_version: str, *, trusted_launch: bool = False) -> Release | None:
    """Say what a pool would get if FIPS were switched on with an OS SKU and a Kubernetes version.

    None: not known (an OS SKU or a version that the data doesn't have, or a version that is newer than the data). A
    release whose `fips` is `none` is what the OS SKU gives, and AKS has no FIPS image of it. The trap that this is for:
    with `Ubuntu` up to 1.34 it is Ubuntu 20.04, although such a pool runs 22.04 without FIPS.
    """
    sku = os_sku_named(os_sku)
    minor = minor_version(kubernetes_version)
    row = next((row for row in sku.with_fips if row.covers(minor)), None) if sku and minor else None
    if row is None or is_too_new(kubernetes_version):
        return None
    return _releases()[(trusted_launch and row.trusted_launch) or row.release]


def releases_with_fips(os_sku: str) -> tuple[Release, ...]:
    """Return every release that an OS SKU gives with FIPS, whatever the Kubernetes version; none if it is not known."""
    sku = os_sku_named(os_sku)
    names = [name for row in sku.with_fips for name in (row.release, row.trusted_launch) if name] if sku else []
    return tuple(_releases()[name] for name in dict.fromkeys(names))


def is_gone(release: Release, today: date) -> bool:
    """Say whether AKS can't give nodes of a release any more: no images, or no support and nothing about images."""
    last = release.images_removed or release.end_of_support
    return last is not None and last <= today


def retirement(release: Release, today: date) -> str | None:
    """Say in a sentence that a release is retired or will be soon; None if neither is known."""
    name, ended, removed = release.name, release.end_of_support, release.images_removed
    if removed and removed <= today:
        return f"AKS removed the node images of {name} on {removed}: its pools can't be scaled or reimaged."
    if ended and ended <= today:
        until = f"; its node images go on {removed}" if removed else ""
        return f"AKS ended its support of {name} on {ended}: no security updates{until}."
    if removed and removed - today <= SOON:
        return f"AKS removes the node images of {name} on {removed}, in {(removed - today).days} days: move the pool."
    return None
