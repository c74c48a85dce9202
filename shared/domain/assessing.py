"""Reads the chain of one cluster, record by record, and says how the cluster is by what they hold.

Pure, and in one pass: nothing but the last word on each pool, and the changes of the period, is kept. A record that is
missing, changed or unreadable is named and never passed over; a last word that can't be read is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.domain.answerable import Answerable
from shared.domain.assessed import Attempt, Change, ClusterAssessed, PoolAssessed, ProofSeen, Source, Step
from shared.domain.bodies import Intent, NodeProof, Observation, Outcome, Part, ReplacementPart
from shared.domain.changes import OpenFindings, parted
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.linked import Stored, linked
from shared.domain.model import ComplianceState, worst
from shared.domain.planned import Method
from shared.domain.records import Head, RecordKind
from shared.domain.rule_texts import RuleTexts
from shared.domain.rulebook import Rulebook
from shared.domain.verdicts import Implementation, ModulesSeen, PoolVerdict
from shared.domain.verification import ChainCheck

_KEPT = 4
"""Proofs of one pool between two observations: the one that counts, and the latest."""


@dataclass(slots=True)
class _Pools:
    """The last word on each pool: what was read of it, and what its nodes said."""

    read: dict[str, tuple[Implementation, Source, ModulesSeen | None]] = field(default_factory=dict)
    proofs: dict[str, dict[int, ProofSeen]] = field(default_factory=dict)
    """By pool and number of the record: the one that the last verdict went by, and those since."""
    last: int = 0
    """Number of the last observation."""

    def observed(self, seen: Observation, seq: int, source: Source) -> None:
        """Take in what an observation read, and forget what it says does not count any more."""
        self.last = seq
        if seen.observed.cluster:
            there = {pool.name for pool in seen.observed.cluster.pools}
            self.read = {name: read for name, read in self.read.items() if name in there}
            self.proofs = {name: proofs for name, proofs in self.proofs.items() if name in there}
        for verdict in seen.posture.pools:
            if verdict.implementation:
                self.read[verdict.pool] = (verdict.implementation, source, verdict.modules)
            said, known = verdict.effectiveness, self.proofs.get(verdict.pool, {})
            # Versions before this one did not name the record in each verdict.
            self.proofs[verdict.pool] = {
                seq: proof for seq, proof in known.items() if seq == said.record or proof.proof.at == said.at
            }

    def proven(self, pool: str, seq: int, proof: ProofSeen) -> None:
        """Take in a proof; how many are kept does not grow with the chain."""
        known = self.proofs.setdefault(pool, {})
        known[seq] = proof
        if len(known) > _KEPT:
            del known[list(known)[1]]

    def proof(self, pool: str) -> ProofSeen | None:
        """Return the proof that the last verdict went by, or one since that settles as much."""
        known = self.proofs.get(pool, {}).items()
        return next((one for seq, one in reversed(known) if seq <= self.last or not one.proof.flawed), None)


@dataclass(slots=True)
class Reading:
    """A chain while it is read."""

    cluster: ClusterId
    """As the chain's path has it, then as its records spell it."""
    texts: RuleTexts
    now: datetime
    since: datetime | None
    _pools: _Pools = field(default_factory=_Pools)
    _open: OpenFindings = field(default_factory=OpenFindings)
    _last: tuple[Observation, Source, Mapping[str, Any]] | None = None
    _location: str = ""
    _faults: list[str] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _twins: dict[str, str] = field(default_factory=dict)
    """Pools that are replaced, and their twins."""
    _head: Head = field(default_factory=Head)
    _begins: int = 0
    _heard: datetime | None = None

    def read(self, check: ChainCheck, stored: Iterable[Stored]) -> ClusterAssessed:
        """Read the whole chain, and say how the cluster is."""
        for found in linked(check, stored, self.now):
            self._begins = self._begins or found.seq
            self._faults += found.faults
            if found.seq and (found.faults or found.said is None):
                # It may have been the last word, and what it said is not known.
                self._last = None
            if found.source:
                self._head = Head(found.seq, found.source.hash)
                self._heard = found.source.at
            if found.said is not None and found.source:
                self._take(found.said, found.source)
        return self._assessed()

    def _take(self, said: Mapping[str, Any], source: Source) -> None:
        kind = RecordKind(said["kind"])
        try:
            match kind:
                case RecordKind.OBSERVATION:
                    self._observation(typed(Observation, said), said, source)
                case RecordKind.PROOF if "pool" in said:
                    self._proof(typed(NodeProof, said), int(said["seq"]), source)
                case RecordKind.INTENT:
                    self._intent(typed(Intent, said), str(said["id"]), source)
                case RecordKind.OUTCOME:
                    self._outcome(typed(Outcome, said), source)
                case RecordKind.REPLACEMENT:
                    self._part(typed(ReplacementPart, said), source)
                case _:
                    pass
        except ValueError as error:
            self._faults.append(f"{source.name} does not say what its kind must say: {error}")
            if kind is RecordKind.OBSERVATION:
                # What the one before said is not the last word any more.
                self._last = None

    def _within(self, source: Source) -> bool:
        return self.since is None or source.at >= self.since

    def _observation(self, seen: Observation, said: Mapping[str, Any], source: Source) -> None:
        changes = self._open.next(seen, source)
        self._changes += changes if self._within(source) else ()
        self._last = (seen, source, said)
        self.cluster = ClusterId.parse(str(said["cluster"]))
        self._pools.observed(seen, int(said["seq"]), source)
        for verdict in seen.posture.pools:
            if verdict.state is not worst([one.state for one in verdict.findings]):
                self._faults.append(f"{source.name} calls {verdict.pool} {verdict.state}, and its findings do not")
        if seen.observed.cluster:
            self._location = seen.observed.cluster.location

    def _proof(self, said: NodeProof, seq: int, source: Source) -> None:
        proof = ProofSeen(said.proof, said.level, said.method, said.way, said.expected_nodes, source)
        self._pools.proven(said.pool, seq, proof)

    def _intent(self, said: Intent, intent: str, source: Source) -> None:
        self._open.acting.add(said.pool)
        if said.method in (Method.CREATE, Method.ADOPT):
            self._twins[said.pool] = said.target
        elif said.method is Method.DELETE and said.target in ("", said.pool):
            self._open.replaced[said.pool] = self._twins.get(said.pool, "")
        self._attempts[intent] = Attempt(
            *(said.pool, said.action, said.mode, said.rule, source), method=said.method, target=said.target
        )

    def _outcome(self, said: Outcome, source: Source) -> None:
        self._step(said.intent, Step(said.outcome, said.message, said.correlation_id, source))
        # A replacement goes on when the operation by which its twin was made has ended.
        if not any(one.pool == said.pool and not one.ended for one in self._attempts.values()):
            self._open.acting.discard(said.pool)

    def _part(self, said: ReplacementPart, source: Source) -> None:
        self._step(said.replacement, Step(said.stage, parted(said), "", source))
        if said.stage is Part.ENDED:
            self._open.acting.discard(said.pool)
        else:
            self._open.acting.add(said.pool)

    def _step(self, intent: str, step: Step) -> None:
        if was := self._attempts.get(intent):
            self._attempts[intent] = replace(was, steps=(*was.steps, step))

    def _assessed(self) -> ClusterAssessed:
        done = tuple(one for one in self._attempts.values() if self._within(one.latest))
        found = ClusterAssessed(
            self.cluster,
            self._head,
            self._location,
            begins=self._begins or 1,
            faults=tuple(self._faults),
            changes=tuple(self._changes),
            attempts=done,
            heard=self._heard,
        )
        if self._last is None:
            return found
        seen, source, said = self._last
        policy, exemptions = str(said.get("policy", "")), str(said.get("exemptions", ""))
        judged = seen.posture.in_scope and not seen.observed.gone
        rules = self.texts.rulebook(policy, exemptions) if judged else None
        return replace(
            found,
            observed=source,
            state=seen.posture.state,
            in_scope=seen.posture.in_scope,
            gone=seen.observed.gone,
            unreadable=seen.observed.unreadable,
            pools=tuple(self._pool(verdict, seen, source, rules) for verdict in seen.posture.pools),
            findings=seen.posture.cluster_findings,
            policy=policy,
        )

    def _pool(self, verdict: PoolVerdict, seen: Observation, source: Source, rules: Rulebook | None) -> PoolAssessed:
        implementation, read, modules = self._pools.read.get(verdict.pool, (None, None, None))
        cluster = seen.observed.cluster
        pool = next((one for one in cluster.pools if one.name == verdict.pool), None) if cluster else None
        known = Answerable(rules, cluster, pool, seen, verdict)
        if rules and not rules.policy.rule_called(verdict.rule, verdict.line):
            why = f"who answers for {verdict.pool} is not known"
            self.texts.unread.append(f"{source.name} names the rule {verdict.rule}, which its policy has not: {why}")
        exemption, proof = known.exemption(), self._pools.proof(verdict.pool)
        ends = known.ends(proof)
        return PoolAssessed(
            replace(verdict, findings=tuple(map(known.dated, verdict.findings))),
            source,
            implementation,
            read,
            modules,
            replace(proof, expires=ends) if proof else None,
            known.owner(exemption if verdict.state is ComplianceState.EXEMPT else None),
            known.due(exemption),
            exemption,
            ends,
            assumed=known.max_age is None,
        )
