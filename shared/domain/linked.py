"""Reads the stored records of one chain in their order, and says of each whether what it says counts.

What a chain has to look like is checked by `verification`, here as there; a report is made in the same pass.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.assessed import Source
from shared.domain.bodies import Body
from shared.domain.verification import ChainCheck, place_of, record_name, time_of

Stored = tuple[str, bytes]
"""A record as it is stored: its name in the archive, and its bytes."""


@dataclass(frozen=True, slots=True)
class Linked:
    """One stored record, or what was found at the end of the chain."""

    seq: int
    """Its number, or that of the last one that is missing at the end; 0: it is no record."""
    said: Mapping[str, Any] | None
    """What it holds; None if it can't be read, or was changed as far as can be told."""
    body: Body | None
    """The same, as its kind has it."""
    source: Source | None
    faults: tuple[str, ...]
    """What is wrong with it, and with those that should stand before it, as sentences."""


def linked(check: ChainCheck, stored: Iterable[Stored], now: datetime) -> Iterator[Linked]:
    """Yield the records of a chain, and at the end what only that shows."""
    for name, data in stored:
        place = place_of(name)
        if place is None:
            yield Linked(0, None, None, None, (f"{name} has a name that no record has",))
            continue
        digest, before = hashlib.sha256(data).hexdigest(), check.last
        said = check.take(place[1], data, digest)
        # Of two records that don't fit together either may have been changed.
        doubted = {name, record_name(check.path, before)} & {fault.name for fault in check.faults}
        at = time_of(said) if said else None
        sound = said is not None and at is not None and not doubted
        source = Source(name, digest, at, str(said.get("look", "")), check.behind(place[1])) if said and at else None
        told = (said, check.body) if sound else (None, None)
        yield Linked(place[1], *told, source, _taken(check))
    before = check.last
    check.end(now)
    if check.faults:
        yield Linked(check.last if check.last > before else 0, None, None, None, _taken(check))


def _taken(check: ChainCheck) -> tuple[str, ...]:
    found = tuple(map(str, check.faults))
    check.faults.clear()
    return found
