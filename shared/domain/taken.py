"""From what nodes show and say to a proof: whose word counts, whose is missing, who says no.

Pure. A node that has not said yes is never counted as one that has.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from shared.domain.answers import Answer
from shared.domain.memory import PoolMemory
from shared.domain.model import Pool, ProofLevel, Unreadable
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.proven import Node, NodesRead, Proof, Strays
from shared.domain.settings import ProofSettings

_BYTES = 4
"""So many bytes of the hash of a machine and its boot are kept: 5 kB of a thousand."""
_SHOWN = 10
"""So many names of those that are well are kept; the evidence has all."""


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
    imageless, asked = sum(not node.image_label for node in nodes), mark(nodes)
    etag = pool.etag or ""
    return Proof(now, pool.node_image, ready, disagreeing, missing, etag=etag, asked=asked, imageless=imageless)


def nodes_of(read: Iterable[Node], pool: str) -> tuple[Node, ...]:
    """Return the machines of one pool."""
    return tuple(node for node in read if node.pool == pool and not node.virtual)


def mark(nodes: Iterable[Node]) -> str:
    """Return a fingerprint of machines: it changes with each that joins, goes, is exchanged or starts anew.

    It has 32 bits of each, so that those that are left are known when some have gone.
    """
    return base64.b64encode(b"".join(sorted(_marks(nodes)))).decode()


def _marks(nodes: Iterable[Node]) -> list[bytes]:
    each = (f"{node.uid} {node.boot}".encode() for node in nodes if not node.virtual)
    return [hashlib.sha256(one).digest()[:_BYTES] for one in each]


def contradicted(pool: Pool, taken: Proof, nodes: tuple[Node, ...], now: datetime) -> bool:
    """Say whether the very machines that have proven a pool show by now that it is otherwise, or are not ready.

    What settled nothing is asked again without that.
    """
    return not taken.flawed and (bool(take_proof(pool, nodes, now).disagreeing) or not all(one.ready for one in nodes))


def not_proven(pool: Pool, taken: Proof | None, nodes: tuple[Node, ...], now: datetime) -> str:
    """Say why machines, as a list shows them, are not those that have proven a pool; empty if they are.

    `taken` is None where the policy has nobody ask them: then their labels are all that there is.
    """
    found = take_proof(pool, nodes, now)
    if found.disagreeing:
        more = " ..." if len(found.disagreeing) > _SHOWN else ""
        names = f"{', '.join(found.disagreeing[:_SHOWN])}{more}"
        return f"{names} don't carry the FIPS label, or have another image: these labels have to be right"
    if taken and taken.asked != found.asked:
        return "some joined, went, were exchanged or started anew since they were asked: they are asked anew"
    return ""


def fewer(nodes: Sequence[Node], asked: str) -> bool:
    """Say whether machines are just those of a fingerprint without some that have gone, each on its boot of then."""
    then = base64.b64decode(asked)
    return {*_marks(nodes)} < {then[at : at + _BYTES] for at in range(0, len(then), _BYTES)}


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
    names = sorted(disabled) or sorted(node.name for node in machines)[:_SHOWN]
    return Strays(
        now,
        len(machines),
        len(disabled),
        tuple(names),
        # As in a pool: the labels of a machine that may be gone prove nothing.
        missing=sum(not node.ready for node in machines),
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
    most: int = 0
    """The way in can't ask all of them: those in doubt are asked, and a sample beside them, so many at most; 0: it
    can."""
    os_sku: str = ""
    """The pool's; empty for those outside."""

    def sample(self, proof: str) -> tuple[Node, ...]:
        """Return those of them that are asked: all that are ready, or where the policy allows it some, by chance.

        The chance is in the proof's id: nobody can know beforehand who is asked, and every look picks the same ones.
        """
        ready = [node for node in self.nodes if node.ready]
        if (self.doubted and not self.most) or not self.settings.sampling:
            return tuple(ready)
        size = max(LEAST_SAMPLE, -(-len(ready) // 10))
        ready.sort(key=lambda node: hashlib.sha256(f"{proof} {node.uid}".encode()).digest())
        drawn = [*ready[:size], *(node for node in ready[size:] if node.name in self.doubts)]
        if self.most and len(drawn) > self.most:
            # By turns: whoever says yes is not in doubt in the next proof.
            drawn = sorted(drawn, key=lambda node: node.name not in self.doubts)[: max(self.most, size)]
        return tuple(drawn)

    def passed_over(self, proof: str) -> tuple[Node, ...]:
        """Return those in doubt whose turn has not come: they are unproven until it has."""
        if not self.most:
            return ()
        waiting = {*self.doubts} - {node.name for node in self.sample(proof)}
        return tuple(node for node in self.nodes if node.ready and node.name in waiting)

    def narrowed(self, most: int) -> "Asked":
        """Return what is asked where the way in can't ask all; where nobody knows who is in doubt, everybody is."""
        doubts = self.doubts or tuple(sorted(node.name for node in self.nodes))
        return replace(self, most=most, doubts=doubts) if self.doubted else self


DOUBTS = 160
"""So many nodes are kept in doubt by name; where there are more, all are asked again. No cluster has more of which AKS
run command can ask a sample (shared.domain.by_command)."""
TURNS = (DOUBTS, 100, 50, 25)
"""How many nodes of a pool are asked at most, where the way in can't ask all: the first that it can."""
LEAST_SAMPLE = 10
"""A sample is a tenth of a pool's nodes, and not fewer than this."""


def doubt_of(known: PoolMemory | Strays | Asked | None) -> dict[str, Any]:
    """Return who is in doubt, as the fields of whatever comes after what is known."""
    return {"doubted": known.doubted, "doubts": known.doubts} if known else {}


def deepen(labels: Proof, asked: Asked, answers: Mapping[str, Answer], proof: str, began: datetime) -> Proof:
    """Return what a pool's answers prove, on top of labels that agree."""
    sample = asked.sample(proof)
    unheard, silent = _unheard(sample, labels, asked, answers, began)
    waiting = asked.passed_over(proof)
    unheard, silent = [*unheard, *waiting], [*silent, *waiting]
    return replace(
        labels,
        nodes=labels.nodes - len(unheard),
        disagreeing=_noes(sample, answers),
        missing=max(labels.missing, 0) + len(silent),
        level=asked.level,
        silent=reasons(silent, answers),
        sampled=len(sample) if len(sample) < labels.nodes else 0,
        id=proof,
    )


def doubt_left(
    labels: Proof, asked: Asked, answers: Mapping[str, Answer], proof: str, began: datetime
) -> dict[str, Any]:
    """Return who is in doubt once a pool's nodes have answered, as the fields of its memory: nothing else ends it."""
    sample = asked.sample(proof)
    _, silent = _unheard(sample, labels, asked, answers, began)
    named = {*_noes(sample, answers), *(node.name for node in silent)}
    doubts = _in_doubt(asked, _said(sample, answers), named)
    # Where it is known who is in doubt, a node that is missing and is none of them keeps nobody in it.
    doubted = bool(doubts) or (asked.doubted and not asked.doubts and labels.missing > 0)
    return {"doubted": doubted, "doubts": _kept(doubts)}


def _said(sample: Iterable[Node], answers: Mapping[str, Answer]) -> list[Answer]:
    return [answers[node.name] for node in sample if node.name in answers]


def _noes(sample: Iterable[Node], answers: Mapping[str, Answer]) -> tuple[str, ...]:
    return tuple(answer.node for answer in _said(sample, answers) if answer.fips is False)


def _unheard(
    sample: Sequence[Node], labels: Proof, asked: Asked, answers: Mapping[str, Answer], began: datetime
) -> tuple[list[Node], list[Node]]:
    """Return who has said neither yes nor no, and who of them is not covered by the policy."""
    unheard = [node for node in sample if (answer := answers.get(node.name)) is None or answer.fips is None]
    # A proof that nobody gave covers nobody.
    may_join = len(unheard) < len(sample)
    silent = [node for node in unheard if not (may_join and _joins(node, asked.settings, began, labels.at))]
    return unheard, silent


_T = TypeVar("_T", Proof, Strays)


def counted(new: _T, old: _T | None) -> _T:
    """Return a proof that knows how often the same came of the same nodes before it."""
    same = old is not None and old.flawed and new.flawed and _told(old) == _told(new)
    return replace(new, tries=min(old.tries + 1, _TRIES)) if old and same else new


_TRIES = 5


def _told(proof: Proof | Strays) -> tuple[object, ...]:
    if isinstance(proof, Strays):
        return proof.asked, proof.nodes, proof.missing, proof.disabled, proof.denying, proof.level
    return proof.asked, proof.node_image, proof.nodes, proof.missing, proof.disagreeing, proof.unreadable, proof.level


def _in_doubt(asked: Asked, said: Iterable[Answer], names: set[str]) -> set[str]:
    """Return who is in doubt: those named, and those of before that are there and have not said yes."""
    yes = {answer.node for answer in said if answer.fips}
    return names | ({node.name for node in asked.nodes if node.name in asked.doubts} - yes)


def _kept(doubts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(doubts)) if len(doubts) <= DOUBTS else ()


def _joins(node: Node, settings: ProofSettings, began: datetime, now: datetime) -> bool:
    """Say whether a node came while others were asked, and the policy covers such nodes for a while."""
    return node.joined is not None and node.joined >= began and now - node.joined < settings.joined_nodes


def reasons(unheard: Sequence[Node], answers: Mapping[str, Answer]) -> str:
    """Say why some of the nodes that have not answered have not."""
    told = [f"{node.name}: {_why(answers.get(node.name))}" for node in unheard[:3]]
    return "; ".join(told) + (f"; and {len(unheard) - 3} more" if len(unheard) > 3 else "")


def _why(answer: Answer | None) -> str:
    if answer:
        return answer.why[:300]
    return "it was not asked: its turn comes in a later proof, or the policy names no image for its operating system"


def deepen_strays(labels: Strays, asked: Asked, answers: Mapping[str, Answer], proof: str) -> Strays:
    """Return what nodes outside every pool have answered, on top of what their labels say."""
    sample = asked.sample(proof)
    plain = {node.name for node in asked.nodes if node.fips_label != "true"}
    noes = {node.name for node in sample if (answer := answers.get(node.name)) and answer.fips is False} - plain
    unheard = [node for node in sample if (answer := answers.get(node.name)) is None or answer.fips is None]
    unheard += asked.passed_over(proof)
    missing = len(unheard) + sum(not node.ready for node in asked.nodes)
    names = sorted(noes or plain) or sorted({node.name for node in sample} or labels.names)[:_SHOWN]
    doubts = _in_doubt(asked, _said(sample, answers), noes | plain | {node.name for node in unheard})
    return replace(
        labels,
        disabled=len(noes | plain),
        names=tuple(names),
        level=asked.level,
        missing=missing,
        silent=reasons(unheard, answers),
        doubted=bool(doubts) or (asked.doubted and not asked.doubts and missing > 0),
        doubts=_kept(doubts),
        denying=len(noes),
        sampled=len(sample) if len(sample) < sum(node.ready for node in asked.nodes) else 0,
    )
