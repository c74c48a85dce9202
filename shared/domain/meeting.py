"""Which matches of a large file may be about the same pool: to compare all with all would take minutes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.globs import head, is_name, tail
from shared.domain.matching import Match

_GLOBS = ("clusters", "pools", "subscriptions", "resource_groups", "locations", "os_types", "os_skus", "pool_modes")
_TAGS = ("tags", "pool_tags")
_Part = tuple[str, str, bool]
"""A part of a match (of tags each name is one), by how its globs begin, or by how they end."""


def pairs_that_may_meet(matches: Sequence[Match]) -> Iterator[tuple[int, int]]:
    """Yield every two places, the smaller one first, but those of matches that plainly name different things.

    Two globs name different things where their beginnings differ, up to the first special character of either, or
    their ends, from the last one on.
    """
    indexes: dict[_Part, _Index] = {}
    for place, match in enumerate(matches):
        asked = _asked(match)
        for part in asked.keys() - indexes.keys():
            # Until now nobody has asked for it, so that all may meet.
            indexes[part] = _Index(loose=set(range(place)))
        met = [indexes[part].meeting(edges) for part, edges in asked.items()]
        yield from ((before, place) for before in (sorted(set.intersection(*met)) if met else range(place)))
        for part, index in indexes.items():
            index.add(place, asked.get(part, ()))


def _asked(match: Match) -> Mapping[_Part, Sequence[str]]:
    found: dict[_Part, Sequence[str]] = {}
    for part, name, globs in _parts(match):
        found[part, name, False] = tuple(map(_begins, globs))
        found[part, name, True] = tuple(map(_ends, globs))
    return found


def _parts(match: Match) -> Iterator[tuple[str, str, Sequence[str]]]:
    yield from ((part, "", globs) for part in _GLOBS if (globs := getattr(match, part)))
    for part in _TAGS:
        yield from ((part, name.lower(), (glob,)) for name, glob in getattr(match, part).items())


@dataclass(slots=True)
class _Index:
    """The matches so far, by the edges of the globs that they have for one part: how these begin, or how they end."""

    loose: set[int]
    """Those that don't ask for the part."""
    exact: dict[str, set[int]] = field(default_factory=dict)
    """By the whole edge."""
    longer: dict[str, set[int]] = field(default_factory=dict)
    """By each beginning of the edge, the whole one among them."""

    def add(self, place: int, edges: Sequence[str]) -> None:
        """Note a match."""
        if not edges:
            self.loose.add(place)
        for edge in edges:
            self.exact.setdefault(edge, set()).add(place)
            for end in range(len(edge) + 1):
                self.longer.setdefault(edge[:end], set()).add(place)

    def meeting(self, edges: Sequence[str]) -> set[int]:
        """Return the places of those that may fit the same."""
        found = set(self.loose)
        for edge in edges:
            found |= self.longer.get(edge, set())
            for end in range(len(edge)):
                found |= self.exact.get(edge[:end], set())
        return found


def _begins(glob: str) -> str:
    # A name ends where it ends: no glob that begins with it and more can fit it.
    return glob.lower() + "\0" if is_name(glob) else head(glob.lower())


def _ends(glob: str) -> str:
    """Return how a glob ends, from its last character on."""
    return glob.lower()[::-1] + "\0" if is_name(glob) else tail(glob.lower())[::-1]
