"""What a match asks for that no cluster and no node pool of Azure can have: valid, and surely not meant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final

from shared.domain.globs import fits, is_name, shortest, unclosed
from shared.domain.matching import ClusterMatch, VersionRange
from shared.domain.support import matrix

CLUSTER_PARTS: Final = ("subscriptions", "resource_groups", "clusters", "locations")
POOL_PARTS: Final = ("pools", "os_types", "os_skus", "pool_modes")
"""The parts of a match that are globs of one name each."""
ADD_RING: Final = "add a last ring without `match`, or they begin before every canary"
"""What to do where node pools that may be changed are in no ring."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PART_OF_GUID = re.compile(r"[0-9a-fA-F*?\[\]!-]*")
_NAMES: Final = {
    "resource_groups": (re.compile(r"[-\w.()]"), 90, "letters, digits and `-_.()`"),
    "clusters": (re.compile(r"[-_a-z0-9]", re.IGNORECASE | re.ASCII), 63, "letters, digits, `-` and `_`"),
    "pools": (re.compile(r"[a-z0-9]", re.IGNORECASE | re.ASCII), 12, "letters and digits"),
}
"""Which characters names have, and how many at most: Azure Resource Manager, "naming rules" (microsoft.resources,
microsoft.containerservice); of node pools `^[a-z][a-z0-9]{0,11}$` (API 2026-08-01). A tag may hold any value."""
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


def asks_for_pools(match: ClusterMatch) -> bool:
    """Say whether a match asks for more than a cluster can tell."""
    return any(getattr(match, part, None) for part in (*POOL_PARTS, "pool_tags", "kubernetes"))


def match_warnings(what: str, match: ClusterMatch) -> Iterator[str]:
    """Yield what no fleet can have."""
    for part in (*CLUSTER_PARTS, *POOL_PARTS):
        for glob in getattr(match, part, ()):
            if fault := _never_fits(part, glob):
                yield f"`{glob}` in `{part}` of {what} {fault}"
    for part in ("tags", "pool_tags"):
        for name in _twice(getattr(match, part, {})):
            yield f"`{name}` stands more than once in `{part}` of {what}: names compare without case, give it once"
    if _no_os(match):
        yield f"no OS SKU has an OS type of {what}: `os_types` and `os_skus` contradict each other"
    versions = getattr(match, "kubernetes", None)
    if versions and not _is_known(versions):
        yield f"`{versions.text}` in `kubernetes` of {what} holds no version from {_VERSIONS[0]} to {_VERSIONS[-1]}"


def _never_fits(part: str, glob: str) -> str:
    if unclosed(glob):
        return "has a `[` without its `]`, which no name has"
    if glob != glob.strip() or "," in shortest(glob):
        return "fits no name: none has a blank at its ends or a comma, write each as an item of its own"
    if "/" in glob:
        return "fits no name: none has a `/`, give the group under `resource_groups` and the cluster under `clusters`"
    if part == "subscriptions" and not (_GUID if is_name(glob) else _PART_OF_GUID).fullmatch(glob):
        return "fits no subscription id: those are GUIDs"
    if part == "locations" and " " in glob:
        # ARM gives the name, such as `germanywestcentral`; `Germany West Central` is its display name.
        return f"fits no Azure region: their names have no spaces, write `{glob.replace(' ', '').lower()}`"
    return _no_os_sku(glob) if part == "os_skus" else _no_name(part, glob)


def _no_name(part: str, glob: str) -> str:
    """Say that no name is like a glob, such as one that is a regular expression, or too long."""
    if part not in _NAMES:
        return ""
    known, longest, made_of = _NAMES[part]
    text = shortest(glob)
    odd = next((each for each in text if each != "?" and not known.fullmatch(each)), "")
    if odd:
        return f"fits no name: `{odd}` is in none, they have {made_of} alone; globs know `*`, `?`, `[ab]` and `[!ab]`"
    return f"fits no name: none has more than {longest} characters" if len(text) > longest else ""


def _twice(tags: Mapping[str, str]) -> list[str]:
    named = [name.lower() for name in tags]
    return sorted({name for name in named if named.count(name) > 1})


def _no_os(match: ClusterMatch) -> bool:
    """Say whether no OS SKU that a match asks for is of an OS type that it asks for."""
    types, globs = getattr(match, "os_types", ()), getattr(match, "os_skus", ())
    known = [sku for sku in matrix().os_skus if any(fits(sku.name, glob) for glob in globs)]
    return bool(types and known) and not any(fits(sku.os_type, glob) for sku in known for glob in types)


def _no_os_sku(glob: str) -> str:
    known = {sku.name.lower(): sku.name for sku in matrix().os_skus}
    if any(fits(name, glob) for name in known):
        return ""
    close = get_close_matches(glob.lower(), known, n=1)
    return "is no OS SKU that this version knows" + (f": did you mean `{known[close[0]]}`?" if close else "")


@cache
def _is_known(versions: VersionRange) -> bool:
    return any(versions.holds(version) for version in _VERSIONS)
