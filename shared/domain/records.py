"""Evidence records: canonical JSON, chained by SHA-256, never amended.

A record names its predecessor's hash; its own hash is that of its canonical bytes. Times are UTC in ISO 8601.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.domain.codec import canonical, plain
from shared.domain.ids import ClusterId

SCHEMA = "fipswarden.evidence/1"
GENESIS = "0" * 64
"""The `previous` of a chain's first record."""


class RecordKind(StrEnum):
    """What a record is proof of."""

    OBSERVATION = "observation"
    PROOF = "proof"
    INTENT = "intent"
    OUTCOME = "outcome"
    REQUEST = "request"
    """A person asked for something: what, and then what became of it."""
    REPLACEMENT = "replacement"
    """A part of a replacement that is no operation of ARM's: what is cordoned and evicted, what became of it, how it
    ended."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain, as far as is known."""

    seq: int = 0
    """0: the chain is empty."""
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Record:
    """One evidence record, ready to be written."""

    seq: int
    """1, 2, 3 ... without gaps in one chain."""
    id: str
    """Unique; a record that was written but whose answer was lost is recognised by it."""
    kind: RecordKind
    payload: Mapping[str, Any]
    """Every field of the record, as JSON values."""

    @property
    def bytes(self) -> bytes:
        """The canonical form, which is stored and hashed."""
        return canonical(self.payload)

    @property
    def head(self) -> Head:
        """The chain's head once this record is written."""
        return Head(self.seq, hashlib.sha256(self.bytes).hexdigest())


def make_record(
    cluster: ClusterId, previous: Head, record_id: str, kind: RecordKind, at: datetime, body: Mapping[str, Any]
) -> Record:
    """Build the record that follows `previous` in a cluster's chain; `body` may hold dataclasses and times."""
    payload = {
        **plain(body),
        "schema": SCHEMA,
        "cluster": cluster.arm_id,
        "seq": previous.seq + 1,
        "id": record_id,
        "kind": kind.value,
        "at": plain(at),
        "previous": previous.hash,
    }
    return Record(previous.seq + 1, record_id, kind, payload)


def read_record(data: bytes) -> Record:
    """Read a stored record; raises ValueError for bytes that are none."""
    payload = json.loads(data)
    if not isinstance(payload, dict) or payload.get("schema") != SCHEMA:
        raise ValueError(f"not an evidence record of schema {SCHEMA}: {data[:100]!r}")
    try:
        return Record(int(payload["seq"]), str(payload["id"]), RecordKind(payload["kind"]), payload)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an evidence record: {error!r}: {data[:100]!r}") from error
