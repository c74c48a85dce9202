"""A cluster's evidence from its first record on, with every fault in its place; nothing is written.

What is missing or can't be read ends nothing: the records behind it are read too, up to the head that the posture row
remembers and beyond it while there are more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from shared.domain.ids import ClusterId
from shared.domain.linkage import record_fault
from shared.domain.records import Head, Record
from shared.ports import Evidence


@dataclass(frozen=True, slots=True)
class Entry:
    """One number of a chain."""

    seq: int
    record: Record | None
    """None if it is missing or can't be read."""
    fault: str
    """What is wrong with it, as a sentence; empty if nothing is."""


def history(evidence: Evidence, cluster: ClusterId, known: Head) -> Iterator[Entry]:
    """Yield every number of a chain in its order; raises what the storage raises."""
    before: Head | None = Head()
    for seq in count(1):
        entry = read_entry(evidence, cluster, seq)
        if entry.record is None and not entry.fault:
            if seq > known.seq:
                return
            entry = Entry(seq, None, f"record {seq} is missing")
        if entry.record is not None and not entry.fault:
            entry = Entry(seq, entry.record, record_fault(entry.record, before, known))
        yield entry
        before = entry.record.head if entry.record is not None else None


def read_entry(evidence: Evidence, cluster: ClusterId, seq: int) -> Entry:
    """Read one number by itself; an entry with neither record nor fault: there is none (yet)."""
    try:
        record = evidence.read(cluster, seq)
    except (ValueError, RecursionError) as error:
        return Entry(seq, None, f"record {seq} can't be read: {error}")
    if record is not None and (record.seq, str(record.payload.get("cluster")).lower()) != (seq, cluster.arm_id.lower()):
        return Entry(seq, record, f"record {seq} was changed: it says that it is another record, or another cluster's")
    return Entry(seq, record, "")
