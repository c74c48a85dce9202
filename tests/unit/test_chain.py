"""A chain's numbers: one that is taken is read, and one that is taken and can't be read ends the look."""

from datetime import UTC, datetime, timedelta

import pytest

from local.memory import MemoryEvidence
from shared.chain import Chain
from shared.domain.bodies import Origin, PolicyText, Who
from shared.domain.records import FLEET, GENESIS, ChainId, Head, Record, RecordKind
from shared.errors import EvidenceError
from tests.builders import cluster_id

NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)


class HalfWritten(MemoryEvidence):
    """Evidence in which somebody has created the next record, which nobody can read yet."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def create(self, chain: ChainId, record: Record) -> bool:  # noqa: ARG002 - the port names it
        """Say that the number is taken; a chain that goes on all the same is stopped by the third."""
        self.asked.append(record.seq)
        assert len(self.asked) < 3, "the chain went on past a record that it has not read"
        return False

    def read(self, chain: ChainId, seq: int) -> Record | None:  # noqa: ARG002 - the port names them
        """Find nothing."""
        return None


def test_a_number_that_is_taken_and_cannot_be_read_ends_the_look_and_is_not_passed() -> None:
    evidence = HalfWritten()
    chain = Chain(evidence, cluster_id(), Head())

    with pytest.raises(EvidenceError, match=r"/1 is taken but can't be read"):
        chain.append(RecordKind.INTENT, NOW, {})

    assert (chain.head, chain.passed, evidence.asked) == (Head(), (), [1])


def test_a_number_that_is_taken_and_can_be_read_is_passed() -> None:
    evidence = MemoryEvidence()
    theirs = Chain(evidence, cluster_id(), Head()).append(RecordKind.OBSERVATION, NOW, {})
    chain = Chain(evidence, cluster_id(), Head())

    ours = chain.append(RecordKind.OBSERVATION, NOW, {})

    assert (theirs.seq, ours.seq) == (1, 2)
    assert chain.passed == (theirs, ours)


@pytest.mark.parametrize("data", [b"", b'{"schema":"fipswarden.evidence/1","seq":1,"id":"x"', b"\xff", b"[" * 100_000])
def test_a_half_written_record_is_said_and_neither_passed_nor_written_over(data: bytes) -> None:
    evidence = MemoryEvidence()
    evidence.blobs[cluster_id().path, 1] = data

    chain = Chain(evidence, cluster_id(), Head())
    with pytest.raises(EvidenceError, match=r"/1 is half-written or no record"):
        chain.catch_up()
    with pytest.raises(EvidenceError, match=r"/1 is half-written or no record"):
        chain.append(RecordKind.INTENT, NOW, {})
    assert (chain.head, chain.passed) == (Head(), ())
    assert evidence.blobs == {(cluster_id().path, 1): data}


def test_a_clock_that_jumps_back_breaks_no_chain() -> None:
    evidence = MemoryEvidence()
    chain = Chain(evidence, cluster_id(), Head())
    for at in (NOW, NOW - timedelta(days=400), NOW + timedelta(days=1), NOW):
        chain.append(RecordKind.OBSERVATION, at, {})

    records = evidence.chain(cluster_id())
    before = [GENESIS, *(record.head.hash for record in records)]
    assert [record.payload["previous"] for record in records] == before[:4]
    again = Chain(evidence, cluster_id(), Head())
    again.catch_up()
    assert again.head == chain.head


def test_every_record_names_look_cause_who_ran_and_the_texts_that_were_judged_by() -> None:
    origin = Origin("look-1", "asked by ana@contoso.com", Who("1.2.3", "client-1"), "p" * 64, "e" * 64)

    made = Chain(MemoryEvidence(), cluster_id(), Head(), origin).append(RecordKind.OBSERVATION, NOW, {"n": 1})

    said = {name: made.payload[name] for name in ("look", "cause", "who", "policy", "exemptions", "n")}
    assert said == {
        "look": "look-1",
        "cause": "asked by (mail address)",
        "who": {"app": "1.2.3", "principal": "client-1"},
        "policy": "p" * 64,
        "exemptions": "e" * 64,
        "n": 1,
    }


def test_the_text_of_a_policy_is_recorded_as_it_was_written() -> None:
    text = "version: 1\n# ask ana@contoso.com\n"

    made = Chain(MemoryEvidence(), FLEET, Head()).append(RecordKind.POLICY, NOW, PolicyText("h", text, "policy.yaml"))

    assert made.payload["text"] == text
