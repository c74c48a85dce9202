"""Whether a match takes all that another one would, so that a rule or ring behind it is never reached."""

from collections.abc import Mapping, Sequence
from typing import Final

from shared.domain.globs import fits, head, is_name
from shared.domain.matching import Match, VersionRange

_GLOBS: Final = (
    *("subscriptions", "resource_groups", "clusters", "locations"),
    *("pools", "os_types", "os_skus", "pool_modes"),
)


def hides(before: Match, after: Match) -> bool:
    """Say whether whatever fits one match fits the one before it, too; errs, if at all, on the side of no."""
    return (
        all(_globs_within(getattr(before, part), getattr(after, part)) for part in _GLOBS)
        and all(_tags_within(getattr(before, part), getattr(after, part)) for part in ("tags", "pool_tags"))
        and _versions_within(before.kubernetes, after.kubernetes)
    )


def _globs_within(before: Sequence[str], after: Sequence[str]) -> bool:
    if not before or "*" in before:
        return True
    return bool(after) and all(any(_within(wide, narrow) for wide in before) for narrow in after)


def _within(wide: str, narrow: str) -> bool:
    wide, narrow = wide.lower(), narrow.lower()
    if wide == narrow or (is_name(narrow) and fits(narrow, wide)):
        return True
    # `aks-*` has all of `aks-prod-*`; of other pairs of globs nothing is claimed.
    return wide.endswith("*") and is_name(wide[:-1]) and head(narrow).startswith(wide[:-1])


def _tags_within(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    return all(
        any(theirs.lower() == name.lower() and _within(wide, narrow) for theirs, narrow in after.items())
        for name, wide in before.items()
    )


def _versions_within(before: VersionRange | None, after: VersionRange | None) -> bool:
    if before is None:
        return True
    if after is None:
        return False
    edges = VersionRange(f"{before.text} {after.text}").edges()
    return all(before.holds(version) for version in edges if after.holds(version))
