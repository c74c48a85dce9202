"""Whether two globs can be about the same text, so that exemptions that contradict each other are found in advance.

Globs are those of `fnmatch` on lower case: `*`, `?`, `[ab]`, `[!ab]`; a bracket without its end is a bracket.
"""

import re
from fnmatch import fnmatchcase

_ANY = "*"
_SPECIAL = re.compile(r"[*?\[]")
_HEAD = re.compile(r"^[^*?\[]*")
_TAIL = re.compile(r"[^*?\[\]]*\Z")
_SOME = "aA0-_. ~\U0010fffe"
"""Characters of every kind, for two parts that each take nearly all."""


def fits(text: str, glob: str) -> bool:
    """Say whether a text matches a glob, without regard to case."""
    return fnmatchcase(text.lower(), glob.lower())


def meet(one: str, other: str) -> bool:
    """Say whether some text matches both globs; errs, if at all, on the side of yes."""
    one, other = one.lower(), other.lower()
    if not _SPECIAL.search(one):
        return fnmatchcase(one, other) if _SPECIAL.search(other) else one == other
    if not _SPECIAL.search(other):
        return fnmatchcase(other, one)
    if not _ends_agree(one, other):
        return False
    return _walk(_parts(one), _parts(other))


def is_name(glob: str) -> bool:
    """Say whether a glob matches one text alone: it has no special character."""
    return not _SPECIAL.search(glob)


def head(glob: str) -> str:
    """Return what stands before the first special character: whatever matches begins with it."""
    found: str = _HEAD.findall(glob)[0]
    return found


def tail(glob: str) -> str:
    """Return what stands after the last special character, or bracket: whatever matches ends with it."""
    found: str = _TAIL.findall(glob)[0]
    return found


def shortest(glob: str) -> str:
    """Return the shortest text that a glob fits, with `?` for each character that may be several."""
    return "".join(part if len(part) == 1 else "?" for part in _parts(glob) if part != _ANY)


def unclosed(glob: str) -> bool:
    """Say whether a glob has a bracket without its end, which stands for itself."""
    at = 0
    while at < len(glob):
        size = _bracket(glob, at) if glob[at] == "[" else 1
        if size == 1 and glob[at] == "[":
            return True
        at += size
    return False


def _ends_agree(one: str, other: str) -> bool:
    """Compare what stands before the first and after the last special character: most globs differ there."""
    heads = [head(glob) for glob in (one, other)]
    tails = [tail(glob) for glob in (one, other)]
    first, last = (min(len(text) for text in texts) for texts in (heads, tails))
    return heads[0][:first] == heads[1][:first] and tails[0][len(tails[0]) - last :] == tails[1][len(tails[1]) - last :]


def _walk(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    # How far both may have come, as (parts of the one, parts of the other) that are behind.
    reached, todo = {(0, 0)}, [(0, 0)]
    while todo:
        at, there = todo.pop()
        if (at, there) == (len(first), len(second)):
            return True
        for step in _steps(first[at : at + 1], second[there : there + 1]):
            place = (at + step[0], there + step[1])
            if place not in reached:
                reached.add(place)
                todo.append(place)
    return False


def _steps(one: tuple[str, ...], other: tuple[str, ...]) -> list[tuple[int, int]]:
    """How both may go on: a star takes nothing and is left behind, or takes what the other one takes."""
    if (_ANY,) in (one, other):
        return [(int(one == (_ANY,)), 0), (0, int(other == (_ANY,))), *_taken(one, other)]
    return [(1, 1)] if one and other and _share(one[0], other[0]) else []


def _taken(one: tuple[str, ...], other: tuple[str, ...]) -> list[tuple[int, int]]:
    if not one or not other:
        return []
    return [(int(one != (_ANY,)), int(other != (_ANY,)))]


def _share(one: str, other: str) -> bool:
    """Say whether one character fits both parts: if any does, then one at the edge of a range of theirs."""
    if "?" in (one, other) or one == other:
        return True
    if len(one) == 1 or len(other) == 1:
        return fnmatchcase(one, other) if len(one) == 1 else fnmatchcase(other, one)
    edges = {chr(code) for each in one + other for code in range(ord(each) - 1, ord(each) + 2) if 0 <= code < 0x110000}
    return any(fnmatchcase(each, one) and fnmatchcase(each, other) for each in edges | set(_SOME))


def _parts(glob: str) -> tuple[str, ...]:
    """Split a glob into parts that match one character each, and stars."""
    parts: list[str] = []
    at = 0
    while at < len(glob):
        size = _bracket(glob, at) if glob[at] == "[" else 1
        part = glob[at : at + size]
        # A bracket without its end is put into brackets, so that it can be matched on its own.
        parts.append("[[]" if part == "[" else part)
        at += size
    return tuple(parts)


def _bracket(glob: str, at: int) -> int:
    """The length of a set of characters; 1 if its end is missing. An end that comes first is a member."""
    first = at + 1 + (glob[at + 1 : at + 2] == "!")
    end = glob.find("]", first + 1)
    return end - at + 1 if end >= 0 else 1
