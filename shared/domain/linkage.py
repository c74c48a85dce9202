"""Whether the records of an evidence chain hold together: each names the hash of the one before it.

It must never let a changed record pass as sound; what can't be compared, because the record before is missing, is
said to be missing and no more.
"""

from shared.domain.records import GENESIS, Head, Record


def record_fault(record: Record, before: Head | None, known: Head) -> str:
    """Return what is wrong with a record in its place, as a sentence; empty if it fits.

    `before` is the head up to the record before it (None if that one is missing or can't be read), `known` the head
    that the posture row remembers.
    """
    previous = record.payload.get("previous")
    if before is not None and previous != before.hash:
        if before.hash == GENESIS:
            return f"record {record.seq} was changed: it is the first and names a record before it"
        return f"record {before.seq} or {record.seq} was changed: {record.seq} names another hash than {before.seq} has"
    if record.seq == known.seq and record.head != known:
        return f"record {record.seq} was changed: its hash is not the one that the posture row remembers"
    return ""
