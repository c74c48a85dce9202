"""The checks of what a pool runs, and would run: the image's name, its release and the modules that come with it.

Pure. What is not known of an image gives `unknown`; nothing here turns missing knowledge into compliance.
"""

from shared.domain.capability import fips_enabled_by_default, incapable, release_if_switched
from shared.domain.model import ComplianceState as State
from shared.domain.model import Pool, ProofLevel
from shared.domain.modules import Standing, modules_of
from shared.domain.posture import Finding
from shared.domain.settings import Modules, OsSku
from shared.domain.subject import Subject, contradictory
from shared.domain.support import (
    FipsSupport,
    Release,
    is_fips_image,
    is_known_fips_name,
    is_too_new,
    matrix,
    release_of,
    releases_with_fips,
    retirement,
)


def image(subject: Subject) -> Finding | None:
    """Compare the name of the node image with the flag."""
    pool = subject.pool
    # That there is no name is a finding of its own (`checks.legible`).
    if pool.os_type != "Linux" or contradictory(pool) or not pool.node_image:
        return None
    if bool(pool.enable_fips) is not subject.required:
        return None
    if not subject.required:
        return _forbidden_image(pool)
    if not is_fips_image(pool.node_image):
        message = f"enableFIPS is true but the node image {pool.node_image} is no FIPS image: upgrade the node image."
        return Finding("image", State.NON_COMPLIANT, "ImageNotFips", message)
    if not is_known_fips_name(pool.node_image):
        message = f"The node image {pool.node_image} has `fips` where no name that is known has it. Not judged."
        return Finding("image", State.UNKNOWN, "ImageUnknown", message)
    release = release_of(pool)
    if release is None or release not in releases_with_fips(pool.os_sku) or release.fips is FipsSupport.NONE:
        is_one = f"is one of {release.name}" if release else "is of no release that this version knows"
        message = (
            f"The node image {pool.node_image} {is_one}: not one that OS SKU {pool.os_sku} has with FIPS. Not judged."
        )
        return Finding("image", State.UNKNOWN, "ImageUnknown", message)
    return Finding("image", State.COMPLIANT, "ImageFips", f"The node image {pool.node_image} is a FIPS image.")


def _forbidden_image(pool: Pool) -> Finding | None:
    if not is_fips_image(pool.node_image):
        return None
    message = f"The policy forbids FIPS, and the node image {pool.node_image} is a FIPS image: upgrade the node image."
    return Finding("image", State.NON_COMPLIANT, "ImageIsFips", message)


def known_kubernetes(subject: Subject) -> Finding | None:
    """Say that the Kubernetes version is newer than the data, where no node's own kernel settles the pool."""
    pool, asked = subject.pool, subject.required and not subject.empty
    if not is_too_new(pool.kubernetes_version) or (asked and _by_kernels(subject)):
        return None
    or_ask = ", or have the nodes' own kernels asked (level kernel)" if asked else ""
    message = (
        f"Kubernetes {pool.kubernetes_version} is newer than this version's data (up to {matrix().newest_kubernetes}, "
        f"of {matrix().as_of}): what AKS's flag, image and labels mean with it isn't known. Update the app{or_ask}."
    )
    return Finding("kubernetes", State.UNKNOWN, "ReleaseUnknown", message)


def _by_kernels(subject: Subject) -> bool:
    """Say whether the kernels' word (on Windows, the registry's), or that FIPS is off, settles a pool."""
    pool, taken, level = subject.pool, subject.memory.proof, subject.settings.proof.level
    if pool.os_type == "Windows":
        return True
    if level is ProofLevel.CONTROL_PLANE:
        return False
    asked = level.reaches(ProofLevel.KERNEL) or (taken is not None and taken.level.reaches(ProofLevel.KERNEL))
    return asked or not pool.enable_fips


def modules(subject: Subject) -> Finding | None:
    """Say how NIST's certificates of the image's cryptographic modules stand: another question than `enabled`."""
    if not subject.required or contradictory(subject.pool) or _can_have_none(subject):
        return None
    return standing(subject, _release(subject), "has" if subject.pool.enable_fips else "would get")


def standing(subject: Subject, release: Release | None, when: str) -> Finding:
    """Say how the certificates of a release stand that a pool `has`, or `would get`."""
    demanded = subject.settings.modules is Modules.REQUIRED
    if release is None:
        message = f"Which OS release the pool {when} is not known, so neither are its modules."
        return Finding("modules", _if(State.UNKNOWN, demanded), "ModulesUnknown", message)
    found = modules_of(release, subject.now.date())
    message = f"The pool {when} {release.name}. {found.summary}"
    match found.standing:
        case Standing.ACTIVE:
            return Finding("modules", _if(State.COMPLIANT, demanded), "ModulesValidated", message)
        case Standing.HISTORICAL:
            return Finding("modules", _if(State.NON_COMPLIANT, demanded), "ModulesHistorical", message)
        case Standing.UNKNOWN:
            return Finding("modules", _if(State.UNKNOWN, demanded), "ModulesUnknown", message)


def _can_have_none(subject: Subject) -> bool:
    """Say whether no image with FIPS is in sight for a pool: whose modules it would get is then no question."""
    switched = subject.pool.enable_fips or fips_enabled_by_default(subject.pool)
    return not switched and not target_os_sku(subject) and incapable(subject.pool, today=subject.now.date()) is not None


def _release(subject: Subject) -> Release | None:
    pool = subject.pool
    if pool.enable_fips or fips_enabled_by_default(pool):
        return release_of(pool)
    return release_if_switched(pool, target_os_sku(subject) or None)


def _if(state: State, demanded: bool) -> State:
    return state if demanded else State.NOT_APPLICABLE


def target_os_sku(subject: Subject) -> str:
    """Return the OS SKU that the policy moves a pool to; empty if it keeps its own.

    That is where the policy names one, the pool is Linux and not on it, and either it can't have FIPS as it is and
    could then, or its modules are historical and would not be.
    """
    pool, target, today = subject.pool, subject.settings.os_sku, subject.now.date()
    if target is OsSku.KEEP or pool.os_type != "Linux" or pool.os_sku.lower() == target.lower():
        return ""
    if incapable(pool, target.value, today=today):
        return ""
    return target.value if incapable(pool, today=today) or _leaves_history(subject, target.value) else ""


def _leaves_history(subject: Subject, target: str) -> bool:
    pool, today = subject.pool, subject.now.date()
    has = release_of(pool) if pool.enable_fips else release_if_switched(pool)
    gets = release_if_switched(pool, target)
    if has is None or gets is None or has == gets:
        return False
    before, after = (modules_of(release, today).standing for release in (has, gets))
    return before is Standing.HISTORICAL is not after


def retiring(subject: Subject) -> Finding | None:
    """Report an OS release whose support or images end: no matter of FIPS, so never part of the verdict."""
    release = release_of(subject.pool)
    text = retirement(release, subject.now.date()) if release else None
    return Finding("retiring", State.NOT_APPLICABLE, "ReleaseRetiring", text) if text else None
