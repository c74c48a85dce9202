"""The part of a proof that pods take, over two looks or more: sent, heard, deleted.

Whatever look is the last one, what was made is deleted: it is remembered before anything is.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.chain import Chain
from shared.domain import proofs
from shared.domain.answers import Answer
from shared.domain.api_server import Way
from shared.domain.memory import Memory
from shared.domain.probes import Question, question
from shared.domain.proof_records import by_pods, seen
from shared.domain.proven import Probing
from shared.domain.subject import Subject
from shared.domain.taken import (
    OUTSIDE,
    Asked,
    counted,
    deepen,
    deepen_strays,
    doubt_left,
    take_proof,
    take_strays,
)
from shared.ports import KubernetesApi
from shared.probing import Probes, settled
from shared.proof_writing import record_proof, record_strays


class Keeper(Protocol):
    """The lease on the cluster's memory (shared.rollout.Hold)."""

    def check(self) -> None:
        """Raise LeaseLostError unless the cluster is still ours to work on."""
        ...

    def save(self, memory: Memory) -> None:
        """Write the memory; raises LeaseLostError."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one look can do with pods."""

    api: KubernetesApi
    probes: Probes
    asked: Sequence[Asked]
    """Whom they are to ask; nobody: what is left of them is deleted."""
    pools: Mapping[str, Subject]
    wanted: Collection[str]


@dataclass(frozen=True, slots=True)
class ByPods:
    """What it takes to ask the nodes of one cluster."""

    chain: Chain
    now: datetime
    hold: Keeper

    def go_on(self, round_: "Round", memory: Memory) -> Memory:
        """Send pods, or read what those that were sent have said, and delete them once all is said."""
        if memory.probing and (memory.probing.over or not round_.asked):
            memory = self.deleted(round_.probes, memory)
        probing = memory.probing
        if probing and probing.over and probing.kept:
            # What can't be deleted piles up.
            seldom = self.now - probing.began < proofs.KEPT
            round_ = replace(round_, asked=[one for one in round_.asked if not seldom or one.pool in round_.wanted])
        if not round_.asked:
            return memory
        if probing is None or probing.over:
            # A namespace that can't be deleted keeps no proof from being taken: the id tells the pods apart.
            kept = probing.kept if probing else ""
            probing = Probing(secrets.token_hex(4), self.now, self.now, round_.api.way, kept=kept)
            # Before anything is made: whoever comes after a death deletes it.
            memory = self._saved(replace(memory, probing=probing))
        return self._asked(round_, memory, probing)

    def _asked(self, round_: "Round", memory: Memory, probing: Probing) -> Memory:
        answers = round_.probes.ask(probing, questions(round_.asked, probing.id))
        probing = _moved(probing, round_.asked, answers, self.now)
        memory = replace(memory, probing=probing)
        if not settled(answers.values(), probing, self.now):
            return memory
        for one in round_.asked:
            memory = self._concluded(round_, memory, one, probing, answers)
        if round_.api.way is Way.RUN_COMMAND:
            # By the next look, alone: every command takes its time.
            return replace(memory, probing=replace(probing, over=True))
        return self.deleted(round_.probes, memory)

    def _concluded(
        self, round_: "Round", memory: Memory, asked: Asked, probing: Probing, answers: Mapping[str, Answer]
    ) -> Memory:
        """Remember and record what the nodes of a pool, or those outside every pool, have answered."""
        nodes = [seen(node, answers.get(node.name)) for node in asked.nodes]
        how = by_pods(asked, probing, answers)
        if asked.pool == OUTSIDE:
            strays = deepen_strays(take_strays(asked.nodes, self.now), asked, answers, probing.id)
            virtual = memory.strays.virtual if memory.strays else ()
            strays = counted(replace(strays, virtual=virtual, began=probing.began), memory.strays)
            return replace(memory, strays=record_strays(self.chain, self.now, None, strays, how, nodes))
        subject = round_.pools[asked.pool]
        pool, remembered = subject.pool, memory.pool(asked.pool)
        heard = take_proof(pool, asked.nodes, self.now), asked, answers, probing.id, probing.began
        proof = counted(replace(deepen(*heard), began=probing.began), remembered.proof)
        proof = record_proof(self.chain, self.now, subject, proof, how, nodes, wanted=pool.name in round_.wanted)
        return memory.with_pool(pool.name, replace(remembered, proof=proof, **doubt_left(*heard)))

    def searched(self, probes: Probes, memory: Memory) -> Memory:
        """Delete, once for each row, what is left of a proof that a lost row knew, whatever the policy is by now."""
        if memory.searched or memory.probing:
            return replace(memory, searched=True)
        why = probes.delete()
        # Where the app may not even read the namespaces, it made none.
        left = Probing("", self.now, self.now, probes.api.way, over=True) if why and why.retry_after else None
        return replace(memory, searched=True, probing=left)

    def deleted(self, probes: Probes, memory: Memory) -> Memory:
        """Delete what was made; what can't be deleted now is left to the next look, and so it is after a death."""
        if memory.probing and not memory.probing.over:
            memory = self._saved(replace(memory, probing=replace(memory.probing, over=True)))
        why = probes.delete()
        if why is None or memory.probing is None:
            return replace(memory, probing=None)
        return replace(memory, probing=replace(memory.probing, kept=f"{why.reason}: {why.message}"))

    def _saved(self, memory: Memory) -> Memory:
        self.hold.save(memory)
        return memory


def questions(asked: Iterable[Asked], proof: str) -> tuple[Question, ...]:
    """Return what the nodes are asked."""
    found = (question(node, one.settings, one.os_sku) for one in asked for node in one.sample(proof))
    return tuple(each for each in found if each)


def _moved(probing: Probing, asked: Iterable[Asked], answers: Mapping[str, Answer], now: datetime) -> Probing:
    answered = sum(not answer.waits for answer in answers.values())
    total = sum(len(one.sample(probing.id)) for one in asked)
    moved = now if answered > probing.answered else probing.moved
    return replace(probing, asked=total, answered=answered, moved=moved)
