"""Reads the chain of one cluster, record by record, and says how the cluster is by what they hold.

Pure, and in one pass: nothing but the last word on each pool, and the changes of the period, is kept. A record that is
missing, changed or unreadable is named and never passed over; a last word that can't be read is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.domain.answerable import Answerable
from shared.domain.assessed import Attempt, Change, ClusterAssessed, PoolAssessed, ProofSeen, Source, Step
from shared.domain.bodies import Intent, NodeProof, Observation, Outcome, Part, ReplacementPart
from shared.domain.changes import OpenFindings
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.linked import Stored, linked
from shared.domain.model import ComplianceState, worst
from shared.domain.operation import OutcomeState
from shared.domain.records import Head, RecordKind
from shared.domain.rule_texts import RuleTexts
from shared.domain.rulebook import Rulebook
from shared.domain.verdicts import Implementation, ModulesSeen, PoolVerdict
from shared.domain.verification import ChainCheck


@dataclass(slots=True)
class _Pools:
    """The last word on each pool: what was read of it, and what its nodes said."""

    read: dict[str, tuple[Implementation, Source, ModulesSeen | None]] = field(default_factory=dict)
    proofs: dict[str, tuple[int, ProofSeen]] = field(default_factory=dict)
    """With the number of the record."""

    def keep(self, pools: Sequence[PoolVerdict]) -> None:
        """Forget pools that are not there any more, and proofs that a verdict does not go by any more."""
        there = {one.pool: one.effectiveness for one in pools}
        for pool in {*self.read, *self.proofs} - {*there}:
            self.read.pop(pool, None)
            self.proofs.pop(pool, None)
        for pool, (number, _) in tuple(self.proofs.items()):
            known = there[pool]
            if known.at is None or known.record not in (0, number):
                del self.proofs[pool]


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
    _head: Head = field(default_factory=Head)
    _begins: int = 0

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
        if seen.observed.cluster:
            self._pools.keep(seen.posture.pools)
        for verdict in seen.posture.pools:
            if verdict.state is not worst([one.state for one in verdict.findings]):
                self._faults.append(f"{source.name} calls {verdict.pool} {verdict.state}, and its findings do not")
            if verdict.implementation:
                self._pools.read[verdict.pool] = (verdict.implementation, source, verdict.modules)
        if seen.observed.cluster:
            self._location = seen.observed.cluster.location

    def _proof(self, said: NodeProof, seq: int, source: Source) -> None:
        seen = ProofSeen(said.proof, said.level, said.method, said.way, said.expected_nodes, source)
        self._pools.proofs[said.pool] = seq, seen

    def _intent(self, said: Intent, intent: str, source: Source) -> None:
        self._open.acting.add(said.pool)
        self._attempts[intent] = Attempt(said.pool, said.action, said.mode, said.rule, source, said.method, said.target)

    def _part(self, said: ReplacementPart, source: Source) -> None:
        if said.stage is Part.ENDED:
            self._open.acting.discard(said.pool)
        else:
            self._open.acting.add(said.pool)
        if was := self._attempts.get(said.replacement):
            self._attempts[said.replacement] = replace(was, parts=(*was.parts, (said, source)))

    def _outcome(self, said: Outcome, source: Source) -> None:
        if said.outcome is not OutcomeState.ACCEPTED:
            self._open.acting.discard(said.pool)
        if said.intent in self._attempts:
            was = self._attempts[said.intent]
            step = Step(said.outcome, said.message, said.correlation_id, source)
            self._attempts[said.intent] = replace(was, steps=(*was.steps, step))

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
        proof = self._pools.proofs.get(verdict.pool)
        cluster = seen.observed.cluster
        pool = next((one for one in cluster.pools if one.name == verdict.pool), None) if cluster else None
        known = Answerable(rules, cluster, pool, seen, verdict)
        if rules and not rules.policy.rule_called(verdict.rule, verdict.line):
            why = f"when the proof of {verdict.pool} ends is not known"
            self.texts.unread.append(f"{source.name} names the rule {verdict.rule}, which its policy has not: {why}")
        exemption = known.exemption()
        return PoolAssessed(
            verdict,
            source,
            implementation,
            read,
            modules,
            known.dated(proof[1] if proof else None),
            known.owner(exemption if verdict.state is ComplianceState.EXEMPT else None),
            known.due(verdict, exemption),
            exemption,
            known.excused_until(exemption),
        )
