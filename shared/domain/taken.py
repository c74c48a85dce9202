"""From what nodes show and say to a proof: whose word counts, whose is missing, who says no.

Pure. A node that has not said yes is never counted as one that has.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.domain.answers import Answer
from shared.domain.model import Node, NodesRead, Pool, Proof, ProofLevel, Strays, Unreadable
from shared.domain.proofs import CLOCKS, NODES_UNREADABLE
from shared.domain.settings import ProofSettings

_SHOWN = 10
"""So many names or reasons stand in a verdict; the evidence has all."""


def take_proof(pool: Pool, read: NodesRead, now: datetime) -> Proof:
    """Compare the labels of one pool's nodes with what the control plane says of it."""
    if isinstance(read, Unreadable):
        reason = NODES_UNREADABLE if read.retry_after else read.reason
        return Proof(now, pool.node_image, 0, unreadable=f"{reason}: {read.message}", etag=pool.etag or "")
    nodes = nodes_of(read, pool.name)
    disagreeing = tuple(node.name for node in nodes if not _agrees(node, pool))
    # A node that is not ready may be long gone: what its labels say proves nothing, but it may well disagree.
    ready = sum(node.ready for node in nodes)
    missing = max((pool.count or 0) - ready, len(nodes) - ready, 0)
    return Proof(now, pool.node_image, ready, disagreeing, missing, etag=pool.etag or "", asked=mark(nodes))


def nodes_of(read: Iterable[Node], pool: str) -> tuple[Node, ...]:
    """Return the machines of one pool."""
    return tuple(node for node in read if node.pool == pool and not node.virtual)


def mark(nodes: Iterable[Node]) -> str:
    """Return a fingerprint of machines: it changes with each that joins, goes, is exchanged or starts anew."""
    each = sorted(f"{node.uid} {node.boot}" for node in nodes if not node.virtual)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()[:16]


def fewer(nodes: Sequence[Node], than: int, at: datetime) -> bool:
    """Say whether machines may just be those of whom `than` were asked at a time, without some that have gone."""
    return len(nodes) < than and all(node.joined and node.joined < at - CLOCKS for node in nodes)


def _agrees(node: Node, pool: Pool) -> bool:
    # A node without the image label (older AKS versions) is judged by the FIPS label alone; Windows nodes, which carry
    # no FIPS label, by their registry.
    same_image = not node.image_label or node.image_label.lower() == pool.node_image.lower()
    return same_image and (node.fips_label == "true" or pool.os_type == "Windows")


def take_strays(outside: Sequence[Node], now: datetime) -> Strays:
    """Judge nodes outside every pool by their labels; the names kept are of those without FIPS, if there are any."""
    machines = [node for node in outside if not node.virtual]
    disabled = [node.name for node in machines if node.fips_label != "true"]
    virtual = sorted(node.name for node in outside if node.virtual)
    names = disabled or [node.name for node in machines]
    return Strays(
        now,
        len(machines),
        len(disabled),
        tuple(sorted(names)[:_SHOWN]),
        virtual=tuple(virtual[:_SHOWN]),
        asked=mark(machines),
    )


OUTSIDE = ""
"""Stands for a pool's name where the nodes outside every pool are meant."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Nodes that pods are asking, of one pool or outside every pool."""

    pool: str
    """Empty for those outside."""
    settings: ProofSettings
    level: ProofLevel
    """What their answers prove."""
    nodes: tuple[Node, ...]
    """All of them."""
    doubted: bool = False
    """One of them has said no, or nothing, and not all have said yes since: none speaks for another then."""
    doubts: tuple[str, ...] = ()
    """Names of those; empty if there are too many to name."""
    narrow: bool = False
    """The way in can't ask all of them: those in doubt are asked, and a sample beside them."""

    def sample(self, proof: str) -> tuple[Node, ...]:
        """Return those of them that are asked: all that are ready, or where the policy allows it some, by chance.

        The chance is in the proof's id: nobody can know beforehand who is asked, and every look picks the same ones.
        """
        ready = [node for node in self.nodes if node.ready]
        if (self.doubted and not self.narrow) or not self.settings.sampling:
            return tuple(ready)
        size = max(LEAST_SAMPLE, -(-len(ready) // 10))
        ready.sort(key=lambda node: hashlib.sha256(f"{proof} {node.uid}".encode()).digest())
        return (*ready[:size], *(node for node in ready[size:] if node.name in self.doubts))

    def narrowed(self) -> "Asked":
        """Return what is asked where the way in can't ask all; the same if it is known of nobody whom to ask again."""
        return replace(self, narrow=True) if self.doubts else self


DOUBTS = 100
"""So many nodes are kept in doubt by name; where there are more, all are asked again."""
LEAST_SAMPLE = 10
"""A sample is a tenth of a pool's nodes, and not fewer than this."""


def doubt_of(known: Proof | Strays | Asked | None) -> dict[str, Any]:
    """Return who is in doubt, as the fields of whatever comes after what is known."""
    return {"doubted": known.doubted, "doubts": known.doubts} if known else {}


def deepen(labels: Proof, asked: Asked, answers: Mapping[str, Answer], proof: str, began: datetime) -> Proof:
    """Return what a pool's answers prove, on top of labels that agree."""
    sample = asked.sample(proof)
    said = [answers[node.name] for node in sample if node.name in answers]
    noes = tuple(answer.node for answer in said if answer.fips is False)
    unheard = [node for node in sample if (answer := answers.get(node.name)) is None or answer.fips is None]
    # A proof that nobody gave covers nobody.
    may_join = len(unheard) < len(sample)
    joined = [node for node in unheard if may_join and _joins(node, asked.settings, began, labels.at)]
    silent = [node for node in unheard if node not in joined]
    doubted = bool(noes or silent) or (asked.doubted and labels.missing > 0)
    return replace(
        labels,
        nodes=labels.nodes - len(unheard),
        disagreeing=noes,
        missing=max(labels.missing, 0) + len(silent),
        level=asked.level,
        silent=reasons(silent, answers),
        sampled=len(sample) if len(sample) < labels.nodes else 0,
        id=proof,
        doubted=doubted,
        doubts=_doubts(asked, said, {*noes, *(node.name for node in silent)}) if doubted else (),
    )


def counted(new: Proof, old: Proof | None) -> Proof:
    """Return a proof that knows how often the same came of the same nodes before it."""
    same = old is not None and old.flawed and new.flawed and _told(old) == _told(new)
    return replace(new, tries=min(old.tries + 1, _TRIES)) if old and same else new


_TRIES = 5


def _told(proof: Proof) -> tuple[object, ...]:
    return proof.asked, proof.node_image, proof.nodes, proof.missing, proof.disagreeing, proof.unreadable, proof.level


def _doubts(asked: Asked, said: Iterable[Answer], names: set[str]) -> tuple[str, ...]:
    """Return who is in doubt: those named, and those of before that are there and have not said yes."""
    yes = {answer.node for answer in said if answer.fips}
    still = {node.name for node in asked.nodes if node.name in asked.doubts} - yes
    found = sorted(names | still)
    return tuple(found) if len(found) <= DOUBTS else ()


def _joins(node: Node, settings: ProofSettings, began: datetime, now: datetime) -> bool:
    """Say whether a node came while others were asked, and the policy covers such nodes for a while."""
    return node.joined is not None and node.joined >= began and now - node.joined < settings.joined_nodes


def reasons(unheard: Sequence[Node], answers: Mapping[str, Answer]) -> str:
    """Say why some of the nodes that have not answered have not."""
    told = [f"{node.name}: {_why(answers.get(node.name))}" for node in unheard[:3]]
    return "; ".join(told) + (f"; and {len(unheard) - 3} more" if len(unheard) > 3 else "")


def _why(answer: Answer | None) -> str:
    return answer.why[:300] if answer else "it could not be asked: the policy names no image for its operating system"


def deepen_strays(labels: Strays, asked: Asked, answers: Mapping[str, Answer], proof: str) -> Strays:
    """Return what nodes outside every pool have answered, on top of what their labels say."""
    sample = asked.sample(proof)
    plain = {node.name for node in asked.nodes if node.fips_label != "true"}
    noes = {node.name for node in sample if (answer := answers.get(node.name)) and answer.fips is False} - plain
    unheard = [node for node in sample if (answer := answers.get(node.name)) is None or answer.fips is None]
    missing = len(unheard) + sum(not node.ready for node in asked.nodes)
    names = tuple(sorted(noes or plain or {node.name for node in sample} or labels.names)[:_SHOWN])
    doubted = bool(noes or plain or unheard) or (asked.doubted and missing > 0)
    said = [answers[node.name] for node in sample if node.name in answers]
    return replace(
        labels,
        disabled=len(noes | plain),
        names=names,
        level=asked.level,
        missing=missing,
        silent=reasons(unheard, answers),
        doubted=doubted,
        doubts=_doubts(asked, said, noes | plain | {node.name for node in unheard}) if doubted else (),
        denying=len(noes),
        sampled=len(sample) if len(sample) < sum(node.ready for node in asked.nodes) else 0,
    )
