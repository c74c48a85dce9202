"""A chain's numbers: one that is taken is read, and one that is taken and can't be read ends the look."""

from datetime import UTC, datetime

import pytest

from local.memory import MemoryEvidence
from shared.chain import Chain
from shared.domain.records import ChainId, Head, Record, RecordKind
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

    with pytest.raises(OSError, match=r"/1 is taken but can't be read"):
        chain.append(RecordKind.INTENT, NOW, {})

    assert (chain.head, chain.passed, evidence.asked) == (Head(), (), [1])


def test_a_number_that_is_taken_and_can_be_read_is_passed() -> None:
    evidence = MemoryEvidence()
    theirs = Chain(evidence, cluster_id(), Head()).append(RecordKind.OBSERVATION, NOW, {})
    chain = Chain(evidence, cluster_id(), Head())

    ours = chain.append(RecordKind.OBSERVATION, NOW, {})

    assert (theirs.seq, ours.seq) == (1, 2)
    assert chain.passed == (theirs, ours)
