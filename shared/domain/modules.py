"""Whether the cryptographic modules of an operating system are validated, by a dated list of NIST's certificates.

Pure. Never speaks about whether FIPS is on: enabled and validated are two things. What could not be verified is
unknown, never active.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache
from typing import Protocol

from shared.domain.data_file import load
from shared.domain.support import Release

FILE = "certificates.json"
"""The data file, in `shared/domain/data`; each of its rows names its source."""
END_OF_140_2 = date(2026, 9, 21)
"""From this day on every certificate of FIPS 140-2 is historical (NIST, FIPS 140-3 transition effort)."""


class Standard(StrEnum):
    """The edition of FIPS 140 that a module was validated against."""

    FIPS_140_2 = "140-2"
    FIPS_140_3 = "140-3"


class Status(StrEnum):
    """What NIST's lists said at the date of the data."""

    ACTIVE = "active"
    HISTORICAL = "historical"
    IN_PROGRESS = "in_progress"
    """Submitted, no certificate yet."""
    UNKNOWN = "unknown"
    """No source says it, or the source is not verified."""


class Renewal(StrEnum):
    """What is known of a longer life than the sunset date gives."""

    NONE = "none"
    ANNOUNCED = "announced"
    """The vendor works on it; whether NIST granted it was not verified."""
    GRANTED = "granted"
    """NIST granted it: the sunset date in the row no longer holds."""


class Standing(StrEnum):
    """What a certificate is worth today; the order is from worst to best."""

    HISTORICAL = "historical"
    """Not to be relied on for new procurement: the module is no longer validated."""
    UNKNOWN = "unknown"
    ACTIVE = "active"


class Listed(Protocol):
    """What says how long a certificate lasts: a row of the data file, or what a record holds of one."""

    @property
    def standard(self) -> Standard:
        """The edition of FIPS 140."""

    @property
    def status(self) -> Status:
        """As listed at the date of the data."""

    @property
    def sunset(self) -> date | None:
        """The day on which it becomes historical."""

    @property
    def renewal(self) -> Renewal:
        """What is known of a longer life."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of NIST's Cryptographic Module Validation Program (CMVP)."""

    release: str
    """Name of the operating system's release."""
    module: str
    """Name of the module, with its version."""
    number: str
    """Such as `#4794`."""
    standard: Standard
    status: Status
    """As listed at the date of the data."""
    source: str
    """Where the row is from."""
    sunset: date | None = None
    """The day on which it becomes historical; None: not known."""
    renewal: Renewal = Renewal.NONE


@dataclass(frozen=True, slots=True)
class Certificates:
    """The whole data file."""

    as_of: date
    """The day of the lists that it was taken from."""
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class ModuleStanding:
    """What is known of the modules of one release."""

    standing: Standing
    """The worst of its certificates; unknown if none is known."""
    certificates: tuple[Certificate, ...]
    as_of: date
    """The edition of the data."""
    summary: str
    """One sentence."""


@cache
def edition() -> Certificates:
    """Return the list of certificates, read on first use; raises DataFileError."""
    return load(Certificates, FILE)


def standing(certificate: Listed, today: date) -> Standing:
    """Say what a certificate is worth on a day.

    Past a sunset that the vendor works on to extend, nobody here knows whether NIST did: unknown.
    """
    if certificate.status is Status.HISTORICAL:
        return Standing.HISTORICAL
    if certificate.standard is Standard.FIPS_140_2 and today >= END_OF_140_2:
        return Standing.HISTORICAL
    past = certificate.sunset is not None and certificate.sunset <= today
    if past and certificate.renewal is Renewal.NONE:
        return Standing.HISTORICAL
    if certificate.status is not Status.ACTIVE or (past and certificate.renewal is Renewal.ANNOUNCED):
        return Standing.UNKNOWN
    return Standing.ACTIVE


def ends(certificate: Listed) -> date | None:
    """Return the day from which on a certificate is not known to be active any more; None if none is known."""
    last = [END_OF_140_2] if certificate.standard is Standard.FIPS_140_2 else []
    if certificate.sunset and certificate.renewal is not Renewal.GRANTED:
        last.append(certificate.sunset)
    return min(last, default=None)


def worst_standing(found: Iterable[Standing]) -> Standing:
    """Return the worst of them; unknown if there is none."""
    return min(found, key=tuple(Standing).index, default=Standing.UNKNOWN)


@lru_cache(maxsize=256)
def modules_of(release: Release, today: date) -> ModuleStanding:
    """Say whether the modules of a release are validated on a day."""
    found = tuple(item for item in edition().certificates if item.release == release.name)
    each = [standing(item, today) for item in found]
    return ModuleStanding(worst_standing(each), found, edition().as_of, _summary(release, found, each))


_STANDING = {
    Standing.HISTORICAL: "historical today",
    Standing.UNKNOWN: "status today not known",
    Standing.ACTIVE: "active today",
}


def _summary(release: Release, found: tuple[Certificate, ...], each: list[Standing]) -> str:
    by_list = f"by the list of {edition().as_of}"
    if not found:
        return f"No certificate for the modules of {release.name} is known, {by_list}: ask its vendor or NIST."
    said = "; ".join(
        f"{_STANDING[state]}: {', '.join(f'{item.module} {item.number}' for item in items)}"
        for state in Standing
        if (items := [item for item, its in zip(found, each, strict=True) if its is state])
    )
    return f"NIST's certificates of the modules of {release.name}, {by_list}: {said}."
