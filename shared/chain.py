"""An evidence chain: appends records so that two writers can neither fork it nor lose a record.

Numbers are taken by creating the blob; a number that is taken is read, and the next one tried. Nothing is listed. The
order is that of the numbers: `at` is what the clock said, which may jump.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.domain.bodies import Body, Origin
from shared.domain.codec import plain
from shared.domain.discreet import discreet
from shared.domain.records import ChainId, Head, Record, RecordKind, make_record, path_of
from shared.errors import EvidenceError
from shared.ports import Evidence

_VERBATIM = frozenset({RecordKind.POLICY, RecordKind.EXEMPTION, RecordKind.MANIFEST})
"""Kinds whose text must have the hash, or the signature, that the record names."""
Seal = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns a record's payload with what can only be said of the whole of it: a signature."""


class Chain:
    """One chain, from the head that a row remembers onwards."""

    def __init__(self, evidence: Evidence, chain: ChainId, head: Head, origin: Origin = Origin()) -> None:  # noqa: B008 (frozen)
        self._evidence, self._chain = evidence, chain
        self.origin = origin
        """What its records say of where they come from."""
        self.head = head
        """The last record that is known to exist."""
        self._passed: dict[str, Record] = {}

    def catch_up(self) -> tuple[Record, ...]:
        """Read what a look that died left beyond the known head, move the head there, and return what was passed.

        Raises EvidenceError for a record that can't be read: nothing is built on it.
        """
        while record := self._read(self.head.seq + 1):
            self._pass(record)
        return self.passed

    def append(
        self,
        kind: RecordKind,
        at: datetime,
        body: Body | Mapping[str, Any],
        record_id: str = "",
        seal: Seal | None = None,
    ) -> Record:
        """Write the next record; it exists durably once this returns.

        An id that a look which died has already written beyond the known head gives that record. `seal` is asked
        anew for each number that is tried, since it stands for the record's place in the chain too. Raises
        EvidenceError where the next number is taken by something that can't be read.
        """
        if record_id in self._passed:
            return self._passed[record_id]
        record_id = record_id or secrets.token_hex(16)
        said = plain(body) if kind in _VERBATIM else discreet(plain(body))
        said |= discreet(plain(self.origin))
        while True:
            record = make_record(self._chain, self.head, record_id, kind, at, said)
            if seal:
                record = replace(record, payload=seal(record.payload))
            if not self._evidence.create(self._chain, record):
                taken = self._read(record.seq)
                if taken is None:
                    # Created by somebody between our two calls and not readable yet: look again.
                    raise EvidenceError(f"evidence {path_of(self._chain)}/{record.seq} is taken but can't be read")
                if taken.id != record_id:
                    self._pass(taken)
                    continue
                # The SDK repeated our own create after a lost answer.
                record = taken
            self._pass(record)
            return record

    def _read(self, seq: int) -> Record | None:
        try:
            return self._evidence.read(self._chain, seq)
        except (ValueError, RecursionError) as error:
            where = f"{path_of(self._chain)}/{seq}"
            raise EvidenceError(
                f"evidence {where} is half-written or no record, nothing follows it: {error}"
            ) from error

    def _pass(self, record: Record) -> None:
        self._passed[record.id] = record
        self.head = record.head

    @property
    def passed(self) -> tuple[Record, ...]:
        """The records beyond the head that was known at first, ours and others', in their order."""
        return tuple(self._passed.values())

    @property
    def met(self) -> tuple[Record, ...]:
        """Those of them that other looks wrote, which died or were late: no posture row knows of them."""
        return tuple(record for record in self.passed if record.payload.get("look") != self.origin.look)

    def open_intents(self) -> tuple[Record, ...]:
        """Return the intents beyond the head that was known at first which have no outcome there."""
        answered = {record.payload.get("intent") for record in self._passed.values()}
        return tuple(
            record for record in self._passed.values() if record.kind is RecordKind.INTENT and record.id not in answered
        )
