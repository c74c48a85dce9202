"""Names of time zones: which exist, the same on every machine, and what was probably meant.

A name is looked up in the list of the package `tzdata`, never on a path: what it says reaches no file system. The
package is pinned since Azure Functions' image need not have the system's own data.
"""

import re
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

_NO_PLACE = frozenset({"Factory"})
"""In the list, but only for clocks that were never set (tz database, `factory`)."""

_SHORTEST = 5
"""Abbreviations are close to each other and mean hours of difference: `CEST` is not `EST`."""


def zone_fault(name: str) -> str | None:
    """Say what is wrong with the name of a time zone, with what was probably meant; None if it exists."""
    known = _names()
    if known.get(name.lower()) == name:
        return None
    # The names of the list that hold an offset count it the other way round: `Etc/GMT+4` is four hours behind.
    offset = re.search(r"[-+]\d", name) is not None
    meant = None if offset else _meant(name.lower(), known)
    advice = f"did you mean {meant!r}?" if meant else "give an IANA name such as 'Europe/Berlin', or 'UTC'"
    advice += "; an offset is no zone" if offset else ""
    return f"time zone {name[:100]!r} does not exist: {advice}"


def _meant(name: str, known: dict[str, str]) -> str | None:
    """The zone that a wrong name is closest to, by its whole name or by that of its city."""
    spelt = name[:100].strip().replace(" ", "_")
    if len(spelt) < _SHORTEST:
        return known.get(spelt)
    for candidates in (known, {zone.rpartition("/")[2]: full for zone, full in known.items() if "/" in zone}):
        if close := get_close_matches(spelt, candidates, n=1, cutoff=0.75):
            return candidates[close[0]]
    return None


@cache
def _names() -> dict[str, str]:
    """All names by their lower case, from the package's own list (one a line)."""
    names = files("tzdata").joinpath("zones").read_text("ascii").split()
    return {name.lower(): name for name in sorted(names) if name not in _NO_PLACE}
