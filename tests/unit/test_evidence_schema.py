"""The schema in docs/ is that of the types; it refuses what is missing, and takes what a later version adds."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.memory import MemoryEvidence
from shared.chain import Chain
from shared.domain.bodies import BODIES, Manifest, NodeProof, Origin, Outcome, PolicyText, RequestRecord, Who
from shared.domain.evidence_schema import evidence_schema
from shared.domain.judged import observation
from shared.domain.model import ProofLevel
from shared.domain.node_words import How
from shared.domain.operation import OutcomeState
from shared.domain.people import Decision, DecisionKind
from shared.domain.planned import ActionKind, Plan
from shared.domain.proof_records import seen
from shared.domain.records import FLEET, MANIFESTS, ChainId, Head, Record, RecordKind, read_record
from shared.domain.schema import printed
from tests.builders import NOW, cluster, cluster_id, judged, memory, nodes, proof
from tests.evidence import SCHEMA, assert_sound, body_of

DOCS = Path(__file__).parents[2] / "docs"
STORED = Path(__file__).parents[1] / "data" / "evidence"
ORIGIN = Origin("0123456789abcdef", "event", Who("0.1.0", ""), "a" * 64, "")
AGAIN = "from shared.domain.evidence_schema import *; from shared.domain.schema import printed; "
AGAIN += "print(printed(evidence_schema()), end='')"


def written(kind: RecordKind, body: Any, chain: ChainId | None = None) -> Record:
    return Chain(MemoryEvidence(), chain or cluster_id(), Head(), ORIGIN).append(kind, NOW, body, "r1")


def observed() -> Record:
    read, remembered = cluster(), memory(apps=proof(record=3))
    return written(
        RecordKind.OBSERVATION, observation(read, judged(read, remembered), Plan(None, (), None), remembered)
    )


def proven() -> Record:
    how = How(level=ProofLevel.NODE, method="labels", way="entra")
    body = NodeProof(
        level=how.level,
        method=how.method,
        way=how.way,
        pool="apps",
        node_image_version="image",
        expected_nodes=3,
        proof=proof(),
        nodes=tuple(seen(one) for one in nodes()),
        rule="production",
        line=4,
    )
    return written(RecordKind.PROOF, body)


def ended() -> Record:
    body = Outcome("apps", ActionKind.ENABLE_FIPS, "i1", 4, OutcomeState.ACCEPTED, "AKS took it.", "c-1", "r-1")
    return written(RecordKind.OUTCOME, body)


def decided() -> Record:
    body = Decision("r1", DecisionKind.PAUSE, "ana", NOW, "an incident")
    return written(RecordKind.APPROVAL, body, FLEET)


def text() -> Record:
    return written(RecordKind.POLICY, PolicyText("b" * 64, "version: 1\n", "policy.yaml"), FLEET)


def manifest() -> Record:
    body = Manifest(NOW.date(), {cluster_id().path: Head(3, "c" * 64)}, None, None, None)
    return written(RecordKind.MANIFEST, body, MANIFESTS)


MADE = [observed, proven, ended, decided, text, manifest]


def test_the_published_schema_is_that_of_the_types() -> None:
    path = DOCS / "evidence.schema.json"

    assert path.read_text(encoding="utf-8") == printed(evidence_schema()), f'python -c "{AGAIN}" > {path}'


def test_it_is_a_schema_with_the_version_in_its_name_and_knows_every_kind() -> None:
    schema = evidence_schema()

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:fipswarden:evidence:1"
    assert set(BODIES) == set(RecordKind)
    assert [one["if"]["properties"]["kind"]["const"] for one in schema["allOf"]] == [kind.value for kind in RecordKind]


@pytest.mark.parametrize("make", MADE)
def test_what_is_written_is_sound(make: Any) -> None:
    assert_sound(make())


@pytest.mark.parametrize("make", MADE)
def test_a_field_that_is_missing_is_seen(make: Any) -> None:
    payload = dict(make().payload)
    schema = evidence_schema()
    known = [*schema["required"], *(name for name in ("cluster", "chain") if name in payload)]
    for name in known:
        assert not SCHEMA.is_valid({key: value for key, value in payload.items() if key != name}), name


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (observed, "posture"),
        (proven, "nodes"),
        (ended, "intent"),
        (decided, "by"),
        (text, "text"),
        (manifest, "chains"),
    ],
)
def test_a_field_of_the_kind_that_is_missing_is_seen(make: Any, field: str) -> None:
    payload = {key: value for key, value in make().payload.items() if key != field}

    assert not SCHEMA.is_valid(payload)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("schema", "fipswarden.evidence/2"),
        ("seq", 0),
        ("kind", "rumour"),
        ("at", "2026-11-23 09:30"),
        ("previous", "x"),
        ("cluster", "aks-payments"),
        ("chain", "_fleet"),
        ("who", "somebody"),
        ("outcome", "fine"),
    ],
)
def test_a_value_that_no_version_writes_is_refused(change: str, value: Any) -> None:
    assert not SCHEMA.is_valid({**ended().payload, change: value})


@pytest.mark.parametrize("make", MADE)
def test_what_a_later_version_adds_is_taken(make: Any) -> None:
    assert SCHEMA.is_valid({**make().payload, "later": {"any": 1}})


@pytest.mark.parametrize("path", sorted(STORED.glob("*.json")), ids=lambda path: path.stem)
def test_a_stored_record_stays_readable_and_keeps_its_hash(path: Path) -> None:
    """Records lie for years: what was written by version 0.1.0 is read, and found sound, by every later one."""
    data = path.read_bytes()
    record = read_record(data)

    assert record.bytes == data, "the canonical form has changed"
    assert SCHEMA.is_valid(record.payload)
    assert body_of(record)
    assert path.stem == f"{record.kind}-{record.head.hash[:12]}"


def test_there_is_a_stored_record_of_every_kind() -> None:
    kinds = {json.loads(path.read_bytes())["kind"] for path in STORED.glob("*.json")}

    assert kinds == {kind.value for kind in RecordKind}


def test_a_request_that_is_not_answered_has_no_outcome() -> None:
    asked = {"request": "q1", "asks": "verify", "pool": "", "by": "ana", "asked": NOW.astimezone(UTC), "stage": "asked"}
    found = written(RecordKind.REQUEST, asked)

    body = body_of(found)

    assert isinstance(body, RequestRecord)
    assert (body.outcome, body.asked) == (None, datetime.fromisoformat(str(found.payload["asked"])))
