"""A chain's evidence from its first record on, with every fault in its place; nothing is written or listed.

What is missing or can't be read ends nothing: the records behind it are read too, up to the head that the app
remembers and beyond it while there are more.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from shared.archive import Archive
from shared.domain.records import Head
from shared.domain.verification import Anchor, ChainCheck, Fault, record_name


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, or what only the end of the chain shows."""

    said: Mapping[str, Any] | None
    """What it holds; None if that can't be read, or is no record of its place."""
    faults: tuple[Fault, ...]
    """What is wrong with it, and what is missing before it."""


def history(archive: Archive, path: str, known: Head, now: datetime) -> Iterator[Entry]:
    """Yield a chain in its order, checked as `evidence verify` does; raises what the storage raises."""
    check = ChainCheck(path, Head(), [Anchor(known.seq, known.hash, 0)] if known.seq else [], now)
    for seq in count(1):
        try:
            data = archive.data(record_name(path, seq))
        except FileNotFoundError:
            if seq > known.seq:
                break
            continue
        said = check.take(seq, data, hashlib.sha256(data).hexdigest())
        yield Entry(said, _taken(check))
    check.end(now)
    if check.faults:
        yield Entry(None, _taken(check))


def _taken(check: ChainCheck) -> tuple[Fault, ...]:
    found = tuple(check.faults)
    check.faults.clear()
    return found
