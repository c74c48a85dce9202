"""Records proofs: what is new of them, so that the same nodes saying the same leave one record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.chain import Chain
from shared.domain.node_words import How, NodeSeen
from shared.domain.proof_records import pool_proof, stray_proof, worth_recording
from shared.domain.proven import Proof, Strays
from shared.domain.records import RecordKind
from shared.domain.subject import Subject


def record_proof(
    chain: Chain,
    now: datetime,
    subject: Subject,
    proof: Proof,
    how: How,
    nodes: Sequence[NodeSeen],
    *,
    wanted: bool = False,
) -> Proof:
    """Record what is new of a proof, and return it with the number of the record that holds it."""
    known = subject.memory.proof
    if known and not wanted and not worth_recording(known, proof):
        return replace(proof, record=known.record)
    made = chain.append(RecordKind.PROOF, now, pool_proof(subject, proof, how, nodes))
    return replace(proof, record=made.seq)


def record_strays(
    chain: Chain, now: datetime, known: Strays | None, found: Strays, how: How, nodes: Sequence[NodeSeen]
) -> Strays:
    """Record what is new of nodes outside every pool, and return it with the number of the record that holds it."""
    if known and replace(known, at=found.at) == found:
        return replace(found, record=known.record)
    made = chain.append(RecordKind.PROOF, now, stray_proof(found, how, nodes))
    return replace(found, record=made.seq)
