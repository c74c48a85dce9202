"""Reads the stored records of one chain in their order, and says of each whether it fits into its place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.assessment import Source
from shared.domain.linkage import record_fault
from shared.domain.records import Head, Record, read_record

Stored = tuple[str, bytes]
"""A record as it is stored: its name, and its bytes."""


@dataclass(frozen=True, slots=True)
class Linked:
    """One record of a chain, and what is wrong with it in its place."""

    seq: int
    """The number in its name; 0 if there is none."""
    source: Source | None
    record: Record | None
    """None if it can't be read."""
    faults: tuple[str, ...] = ()
    """What is wrong, as sentences."""
    sound: bool = True
    """It can be read, and is what it was as far as can be told: what it says counts."""


def linked(stored: Iterable[Stored], owner: dict[str, str], anchored: Head | None = None) -> Iterator[Linked]:
    """Yield the records of a chain in the order of their names.

    `owner` is the field that says whose they are, `anchored` the head that a manifest remembers: a chain that ends
    before that yields one entry more, which says so.
    """
    before: Head | None = None
    last = 0
    for name, data in stored:
        seq = _number(name)
        try:
            record = read_record(data)
            found = Linked(seq, _source(name, record), record)
        except (ValueError, RecursionError) as error:
            found = Linked(seq, None, None, (f"record {seq or name} can't be read: {error}",), sound=False)
        odd = _odd(found, before, last, owner, data) or _unanchored(found, anchored)
        faults = (*_missing(last, seq), *found.faults, *odd)
        yield replace(found, faults=faults, sound=found.sound and not odd)
        last, before = seq, found.record.head if found.record else None
    if anchored and last < anchored.seq:
        fault = f"the last manifest knows {anchored.seq} records: those behind {last} are missing"
        yield Linked(last, None, None, (fault,), sound=False)


def _number(name: str) -> int:
    text = name.rpartition("/")[2].removesuffix(".json")
    return int(text) if text.isascii() and text.isdigit() else 0


def _source(name: str, record: Record) -> Source:
    at = datetime.fromisoformat(str(record.payload.get("at")))
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return Source(name, record.head.hash, at)


def _missing(last: int, seq: int) -> tuple[str, ...]:
    """Name the numbers between two records; the first record of a part of a chain may have any."""
    if not last or seq == last + 1:
        return ()
    gap = f"record {last + 1} is missing" if seq == last + 2 else f"records {last + 1} to {seq - 1} are missing"
    return (gap if seq > last + 1 else f"record {seq} comes behind record {last}",)


def _odd(found: Linked, before: Head | None, last: int, owner: dict[str, str], data: bytes) -> tuple[str, ...]:
    record = found.record
    if record is None:
        return ()
    ours = all(str(record.payload.get(name)).lower() == value.lower() for name, value in owner.items())
    if record.seq != found.seq or not ours:
        return (f"record {found.seq} was changed: it says that it is another record, or another chain's",)
    if record.bytes != data:
        return (f"record {found.seq} was changed: its bytes are not in canonical form",)
    known = before if found.seq == last + 1 else None
    fault = record_fault(record, known or (Head() if found.seq == 1 else None), Head())
    return (fault,) if fault else ()


def _unanchored(found: Linked, anchored: Head | None) -> tuple[str, ...]:
    if anchored is None or found.record is None or found.seq != anchored.seq or found.record.head == anchored:
        return ()
    return (f"record {found.seq} was changed: its hash is not the one in the last manifest",)
