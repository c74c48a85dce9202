"""Which matches of a large file may be about the same pool: to compare all with all would take minutes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.globs import head, is_name
from shared.domain.matching import Match

_GLOBS = ("clusters", "pools", "subscriptions", "resource_groups", "locations", "os_types", "os_skus", "pool_modes")
_TAGS = ("tags", "pool_tags")
_Part = tuple[str, str]
"""A part of a match; of tags each name is one."""


def pairs_that_may_meet(matches: Sequence[Match]) -> Iterator[tuple[int, int]]:
    """Yield every two places, the smaller one first, but those of matches that plainly name different things.

    Two globs name different things where their beginnings differ, up to the first special character of either.
    """
    indexes: dict[_Part, _Index] = {}
    for place, match in enumerate(matches):
        asked = _asked(match)
        for part in asked.keys() - indexes.keys():
            # Until now nobody has asked for it, so that all may meet.
            indexes[part] = _Index(loose=set(range(place)))
        met = [indexes[part].meeting(globs) for part, globs in asked.items()]
        yield from ((before, place) for before in (sorted(set.intersection(*met)) if met else range(place)))
        for part, index in indexes.items():
            index.add(place, asked.get(part, ()))


def _asked(match: Match) -> Mapping[_Part, Sequence[str]]:
    found: dict[_Part, Sequence[str]] = {(part, ""): globs for part in _GLOBS if (globs := getattr(match, part))}
    for part in _TAGS:
        found |= {(part, name.lower()): (glob,) for name, glob in getattr(match, part).items()}
    return found


@dataclass(slots=True)
class _Index:
    """The matches so far, by how the globs begin that they have for one part."""

    loose: set[int]
    """Those that don't ask for the part."""
    exact: dict[str, set[int]] = field(default_factory=dict)
    """By the whole beginning."""
    longer: dict[str, set[int]] = field(default_factory=dict)
    """By each beginning of the beginning, the whole one among them."""

    def add(self, place: int, globs: Sequence[str]) -> None:
        """Note a match."""
        if not globs:
            self.loose.add(place)
        for begins in map(_begins, globs):
            self.exact.setdefault(begins, set()).add(place)
            for end in range(len(begins) + 1):
                self.longer.setdefault(begins[:end], set()).add(place)

    def meeting(self, globs: Sequence[str]) -> set[int]:
        """Return the places of those that may fit the same."""
        found = set(self.loose)
        for begins in map(_begins, globs):
            found |= self.longer.get(begins, set())
            for end in range(len(begins)):
                found |= self.exact.get(begins[:end], set())
        return found


def _begins(glob: str) -> str:
    # A name ends where it ends: no glob that begins with it and more can fit it.
    return glob.lower() + "\0" if is_name(glob) else head(glob.lower())
