"""Evidence records: chained, the same bytes for ever, and nothing in a body can stand in for the chain itself."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.records import GENESIS, SCHEMA, Head, Record, RecordKind, make_record, read_record
from tests.builders import NOW, cluster, cluster_id, judged
from tests.unit.strategies import any_text, arm_clusters, json_values

CHAIN = ("schema", "cluster", "seq", "id", "kind", "at", "previous")


def record(previous: Head = Head(), **body: Any) -> Record:  # noqa: B008 (frozen)
    return make_record(cluster_id(), previous, "r1", RecordKind.OBSERVATION, NOW, body)


def test_the_first_record_of_a_chain_follows_nothing() -> None:
    made = record(cause="event")

    assert made.payload == {
        "schema": "fipswarden.evidence/1",
        "cluster": cluster_id().arm_id,
        "seq": 1,
        "id": "r1",
        "kind": "observation",
        "at": "2026-11-23T09:30:04.000000Z",
        "previous": GENESIS,
        "cause": "event",
    }


def test_each_record_names_its_predecessors_hash() -> None:
    first = record()
    second = record(first.head)

    assert first.head == Head(1, hashlib.sha256(first.bytes).hexdigest())
    assert (second.seq, second.payload["previous"]) == (2, first.head.hash)


def test_a_changed_record_breaks_the_chain() -> None:
    first = record(state="non_compliant")
    second = record(first.head)
    forged = read_record(first.bytes.replace(b"non_compliant", b"yes_compliant"))

    assert second.payload["previous"] != forged.head.hash


@given(st.dictionaries(any_text | st.sampled_from(CHAIN), json_values, max_size=4))
def test_no_body_can_stand_in_for_the_chain(body: dict[str, Any]) -> None:
    made, plain = record_of(body), record_of({})

    assert {key: made.payload[key] for key in CHAIN} == plain.payload


def record_of(body: dict[str, Any]) -> Record:
    return make_record(cluster_id(), Head(), "r1", RecordKind.OBSERVATION, NOW, body)


@given(st.dictionaries(any_text, json_values, max_size=4))
def test_what_is_stored_reads_back_with_the_same_bytes_and_hash(body: dict[str, Any]) -> None:
    made = record_of(body)

    again = read_record(made.bytes)

    assert again.bytes == made.bytes
    assert (again.seq, again.id, again.kind, again.head) == (made.seq, made.id, made.kind, made.head)


@given(arm_clusters())
def test_any_cluster_that_can_be_read_can_be_recorded(body: dict[str, Any]) -> None:
    read = cluster(*body["properties"]["agentPoolProfiles"])

    made = record(observed=read, posture=judged(read))

    assert read_record(made.bytes).head == made.head


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"schema":"fipswarden.evidence/2"}',
        json.dumps({"schema": SCHEMA}).encode(),
        json.dumps({"schema": SCHEMA, "seq": None, "id": "x", "kind": "proof"}).encode(),
        json.dumps({"schema": SCHEMA, "seq": "x", "id": "x", "kind": "proof"}).encode(),
        json.dumps({"schema": SCHEMA, "seq": 1, "id": "x", "kind": "rumour"}).encode(),
        json.dumps({"schema": SCHEMA, "seq": 1, "kind": "proof"}).encode(),
    ],
    ids=range(12),
)
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_record(data)


@pytest.mark.parametrize("more", [b'"x": 1', b'"a":1,"a":1', b'"z":1.0E0'])
def test_bytes_in_another_form_than_the_one_that_is_hashed_are_refused(more: bytes) -> None:
    with pytest.raises(ValueError, match="not in canonical form"):
        read_record(record().bytes[:-1] + b"," + more + b"}")
