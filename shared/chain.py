"""An evidence chain: appends records so that two writers can neither fork it nor lose a record.

Numbers are taken by creating the blob; a number that is taken is read, and the next one tried. Nothing is listed.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.records import ChainId, Head, Record, RecordKind, make_record, path_of
from shared.ports import Evidence


class Chain:
    """One chain, from the head that a row remembers onwards."""

    def __init__(self, evidence: Evidence, chain: ChainId, head: Head) -> None:
        self._evidence, self._chain = evidence, chain
        self.head = head
        """The last record that is known to exist."""
        self._passed: dict[str, Record] = {}

    def catch_up(self) -> tuple[Record, ...]:
        """Read what a look that died left beyond the known head, move the head there, and return what was passed."""
        while record := self._evidence.read(self._chain, self.head.seq + 1):
            self._pass(record)
        return self.passed

    def append(self, kind: RecordKind, at: datetime, body: Mapping[str, Any], record_id: str = "") -> Record:
        """Write the next record; it exists durably once this returns.

        An id that a look which died has already written beyond the known head gives that record.
        """
        if record_id in self._passed:
            return self._passed[record_id]
        record_id = record_id or secrets.token_hex(16)
        while True:
            record = make_record(self._chain, self.head, record_id, kind, at, body)
            if not self._evidence.create(self._chain, record):
                taken = self._evidence.read(self._chain, record.seq)
                if taken is None:
                    # Created by somebody between our two calls and not readable yet, or half-written: look again.
                    raise OSError(f"evidence {path_of(self._chain)}/{record.seq} is taken but can't be read")
                if taken.id != record_id:
                    self._pass(taken)
                    continue
                # The SDK repeated our own create after a lost answer.
                record = taken
            self._pass(record)
            return record

    def _pass(self, record: Record) -> None:
        self._passed[record.id] = record
        self.head = record.head

    @property
    def passed(self) -> tuple[Record, ...]:
        """The records beyond the head that was known at first, ours and others', in their order."""
        return tuple(self._passed.values())

    def open_intents(self) -> tuple[Record, ...]:
        """Return the intents beyond the head that was known at first which have no outcome there."""
        answered = {record.payload.get("intent") for record in self._passed.values()}
        return tuple(
            record for record in self._passed.values() if record.kind is RecordKind.INTENT and record.id not in answered
        )
