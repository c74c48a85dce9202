"""What every evidence record has to be: as the published schema says, whole in its type, and discreet."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from shared.domain.bodies import BODIES, Body, Origin
from shared.domain.codec import plain, typed
from shared.domain.evidence_schema import evidence_schema
from shared.domain.records import Record, RecordKind

SCHEMA = Draft202012Validator(evidence_schema())
CHAIN = frozenset({"schema", "cluster", "chain", "seq", "id", "kind", "at", "previous"})
VERBATIM = (RecordKind.POLICY, RecordKind.EXEMPTION)
"""Kinds that hold a text as people wrote it."""
_FORBIDDEN = re.compile(
    r"[\w.+-]+@[\w-]+\.[a-z]{2,}|eyJ[\w-]{8,}\.|Bearer [\w-]{8,}|AccountKey=|[?&]sig=", re.IGNORECASE
)


def body_of(record: Record) -> Body:
    """Read a record into the type of its body."""
    kinds = BODIES[record.kind]
    kind = kinds[-1] if len(kinds) > 1 and "strays" in record.payload else kinds[0]
    return typed(kind, record.payload)


def assert_sound(record: Record) -> None:
    """Assert that a record may be written."""
    faults = [f"{fault.json_path}: {fault.message[:300]}" for fault in SCHEMA.iter_errors(record.payload)]
    assert not faults, (record.kind, faults)
    written = {name: value for name, value in record.payload.items() if name not in CHAIN}
    read = {**plain(body_of(record)), **plain(typed(Origin, record.payload))}
    # What a record leaves out the schema has let pass.
    assert {name: read.get(name) for name in written} == written, "nothing is without a type"
    if record.kind not in VERBATIM:
        assert [text for text in texts(record.payload) if _FORBIDDEN.search(text)] == []


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names of fields included."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)
