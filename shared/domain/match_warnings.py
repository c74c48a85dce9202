"""What a match asks for that no cluster and no node pool of Azure can have: valid, and surely not meant."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from shared.domain.globs import is_name, unclosed
from shared.domain.matching import ClusterMatch, VersionRange
from shared.domain.support import matrix

CLUSTER_PARTS: Final = ("subscriptions", "resource_groups", "clusters", "locations")
POOL_PARTS: Final = ("pools", "os_types", "os_skus", "pool_modes")
"""The parts of a match that are globs of one name each."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PART_OF_GUID = re.compile(r"[0-9a-fA-F*?\[\]!-]*")
_VERSIONS = tuple(f"1.{minor}" for minor in range(100))
"""Kubernetes has had some 35 minor versions in 11 years."""


def lines(found: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Return warnings in the order of a file, as `line L: what`; of its top, which is line 0, without a line."""
    return tuple(f"line {line}: {text}" if line else text for line, text in sorted(found))


def takes_all(match: ClusterMatch) -> bool:
    """Say whether a match fits every cluster and node pool, in whatever words."""
    globs = [getattr(match, part, ()) for part in (*CLUSTER_PARTS, *POOL_PARTS)]
    asks = match.tags or getattr(match, "pool_tags", None) or getattr(match, "kubernetes", None)
    return not asks and all(not each or "*" in each for each in globs)


def match_warnings(what: str, match: ClusterMatch) -> Iterator[str]:
    """Yield what no fleet can have."""
    for part in (*CLUSTER_PARTS, *POOL_PARTS):
        for glob in getattr(match, part, ()):
            if fault := _never_fits(part, glob):
                yield f"`{glob}` in `{part}` of {what} {fault}"
    versions = getattr(match, "kubernetes", None)
    if versions and not _is_known(versions):
        yield f"`{versions.text}` in `kubernetes` of {what} holds no version from {_VERSIONS[0]} to {_VERSIONS[-1]}"


def _never_fits(part: str, glob: str) -> str:
    if unclosed(glob):
        return "has a `[` without its `]`, which no name has"
    if part == "subscriptions" and not (_GUID if is_name(glob) else _PART_OF_GUID).fullmatch(glob):
        return "fits no subscription id: those are GUIDs"
    if part == "locations" and " " in glob:
        # ARM gives the name, such as `germanywestcentral`; `Germany West Central` is its display name.
        return f"fits no Azure region: their names have no spaces, write `{glob.replace(' ', '').lower()}`"
    return _no_os_sku(glob) if part == "os_skus" else ""


def _no_os_sku(glob: str) -> str:
    known = {sku.name.lower(): sku.name for sku in matrix().os_skus}
    if any(fnmatchcase(name, glob.lower()) for name in known):
        return ""
    close = get_close_matches(glob.lower(), known, n=1)
    return "is no OS SKU that this version knows" + (f": did you mean `{known[close[0]]}`?" if close else "")


@cache
def _is_known(versions: VersionRange) -> bool:
    return any(versions.holds(version) for version in _VERSIONS)
