"""Makes the records of proofs: how nodes were asked, what each showed and said, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from shared.domain.answers import Answer
from shared.domain.api_server import Way
from shared.domain.bodies import NodeProof, StrayProof
from shared.domain.model import ProofLevel
from shared.domain.node_words import How, NodeSeen, Said
from shared.domain.proven import Node, Probing, Proof, Strays
from shared.domain.subject import Subject
from shared.domain.taken import Asked

_LABELS = "Kubernetes API: labels of the nodes"


def pool_proof(subject: Subject, proof: Proof, how: How, nodes: Sequence[NodeSeen]) -> NodeProof:
    """Return what is recorded of a proof of one pool."""
    pool, rule = subject.pool, subject.rule
    return NodeProof(
        **_as_said(how),
        pool=pool.name,
        node_image_version=pool.node_image,
        expected_nodes=pool.count,
        proof=proof,
        nodes=tuple(nodes),
        rule=rule.name,
        line=rule.line,
    )


def stray_proof(strays: Strays, how: How, nodes: Sequence[NodeSeen]) -> StrayProof:
    """Return what is recorded of a proof of the nodes outside every pool."""
    return StrayProof(**_as_said(how), strays=strays, nodes=tuple(nodes))


def _as_said(how: How) -> dict[str, Any]:
    return {each.name: getattr(how, each.name) for each in fields(How)}


def by_labels(way: str) -> How:
    """Say that labels were read alone; `way` is empty where the cluster could not be entered."""
    return How(level=ProofLevel.NODE, method=_LABELS, way=way)


def by_nobody(level: ProofLevel, way: Way) -> How:
    """Say that nobody could be asked at a level."""
    return How(level=level, method="", way=way)


def by_pods(asked: Asked, probing: Probing, answers: Mapping[str, Answer]) -> How:
    """Say how pods, or commands, asked these nodes."""
    of_these = [answer for node in asked.nodes if (answer := answers.get(node.name))]
    return How(
        level=asked.level,
        method=", ".join(sorted({answer.method for answer in of_these})),
        way=probing.way,
        proof_id=probing.id,
        began=probing.began,
        images=tuple(sorted({answer.digest for answer in of_these if answer.digest})),
    )


def seen(node: Node, answer: Answer | None = None) -> NodeSeen:
    """Return a node with its labels as they stand, and what it answered, if it was asked."""
    return NodeSeen(
        name=node.name,
        uid=node.uid,
        pool=node.pool,
        fips_label=node.fips_label,
        image_label=node.image_label,
        ready=node.ready,
        boot=node.boot,
        os=node.os,
        os_sku=node.os_sku,
        joined=node.joined,
        virtual=node.virtual,
        answer=_said(answer) if answer else None,
    )


def _said(answer: Answer) -> Said:
    return Said(
        method=answer.method,
        fips=answer.fips,
        value=answer.value,
        why=answer.why,
        exit_code=answer.exit_code,
        started=answer.started,
        digest=answer.digest,
        seen=answer.seen,
    )


def worth_recording(old: Proof | None, new: Proof) -> bool:
    """Say whether a proof says anything that the last one did not; a good one is always recorded, as it begins anew."""
    return old is None or not new.flawed or _without_time(old) != _without_time(new)


def _without_time(proof: Proof) -> tuple[Any, ...]:
    left_out = {"at", "etag", "id", "began", "tries", "record"}
    return tuple(getattr(proof, each.name) for each in fields(Proof) if each.name not in left_out)
