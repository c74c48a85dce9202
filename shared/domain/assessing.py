"""Reads the chain of one cluster, record by record, and says how the cluster is by what they hold.

Pure, and in one pass: nothing but the last word on each pool, and the changes of the period, is kept. A record that is
missing, changed or unreadable is named and never passed over; a last word that can't be read is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.domain.acting import Acting
from shared.domain.answerable import Answerable, of_cluster
from shared.domain.assessed import READABLE, PoolAssessed, ProofSeen, Source
from shared.domain.bodies import Body, Intent, NodeProof, Observation, Outcome, ReplacementPart, StrayProof
from shared.domain.changes import Change, Key, OpenFindings
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.ids import ClusterId
from shared.domain.last_seen import LastSeen, as_recorded
from shared.domain.last_word import Seen, unread
from shared.domain.linked import Stored, linked
from shared.domain.looks import HEARTBEAT, OVERDUE, SILENT, Looks
from shared.domain.model import OPEN, ComplianceState, worst
from shared.domain.outlived import ENDED, GRACE, PROOF_EXPIRED, unexcused
from shared.domain.pools_seen import PoolsSeen
from shared.domain.records import Head
from shared.domain.rule_texts import RuleTexts
from shared.domain.strays_seen import StraysSaid, after
from shared.domain.unjudged import PROOF, STRAYS, outside, with_outside
from shared.domain.verdicts import Judgement, PoolVerdict
from shared.domain.verification import ChainCheck

_CLUSTER = ("", READABLE)
"""Of what concerns the whole cluster: whether it is known at all."""


@dataclass(slots=True)
class Reading:
    """A chain while it is read."""

    cluster: ClusterId
    """As the chain's path has it, then as its records spell it."""
    texts: RuleTexts
    looks: Looks
    now: datetime
    since: datetime | None
    _pools: PoolsSeen = field(default_factory=PoolsSeen)
    _open: OpenFindings = field(default_factory=OpenFindings)
    _last: Seen | None = None
    _location: str = ""
    _faults: list[str] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)
    _acting: Acting = field(init=False)
    _head: Head = field(default_factory=Head)
    _begins: int = 0
    _heard: Source | None = None
    """The latest record that was not written in times to come."""
    _outside: StraysSaid | None = None
    """What nodes outside every pool said and the last verdict does not know."""
    _before: LastSeen | None = None
    """How the cluster was before it could not be read; None: it could."""
    _stood: Mapping[str, datetime] = field(default_factory=dict)
    """Since when pools have had the state that their last verdict says, where they had it before it."""

    def __post_init__(self) -> None:
        self._acting = Acting(self._open)

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
                self._hear(found.source)
            if found.said is not None and found.source:
                self._take(found.body, found.said, found.source)
        absent = self._pass(None)
        self._age(self._named, self.now)
        self._belied(["", *self._named], None)
        return self._assessed(absent).as_of(self.now, absent)

    def _hear(self, source: Source) -> None:
        """Take in that a record was written; a clock that was wrong is no sign of life."""
        if source.at <= self.now + GRACE and (self._heard is None or source.at > self._heard.at):
            self._pass(source)
            self._heard = source

    def _pass(self, by: Source | None) -> Judgement | None:
        """Let the time pass until the next record, or until now; returns why nobody renews the verdicts any more."""
        if self._last is None or not self._last.judged or self._last.lost:
            return None
        # Nothing but records of times to come: there is no sign of life.
        last = self._heard or replace(self._last.source, at=self.now - 2 * SILENT)
        absences = self.looks.absences(self.cluster.path, last, by)
        for one in absences:
            self._tell(self._open.met(_CLUSTER, one.why, one.opened))
            if one.closed:
                self._tell(self._open.close(_CLUSTER, one.closed, "The app has looked or written again.", mended=True))
        return next((one.why for one in reversed(absences) if one.closed is None), None)

    def _age(self, pools: Iterable[str], until: datetime) -> None:
        """Tell what time alone has made of findings: of proofs, exemptions and certificates that have ended."""
        if self._last is None or not self._last.judged:
            return
        asked, observed = set(pools), self._last.source
        verdicts = (one for one in self._last.seen.posture.pools if one.pool in asked)
        was = {(one.pool, found): None for one in verdicts for found in self._standing(one, self._last, until).findings}
        was |= {("", unexcused(found, until)): None for found in self._of_cluster(self._last)}
        if self._before:
            was |= {(pool, unexcused(found, until)): None for (pool, _), found in self._before.open()}
        for pool, found in was:
            if found.reason in ENDED and found.state is ComplianceState.UNKNOWN:
                grace = GRACE if found.reason == PROOF_EXPIRED else timedelta()
                at = max(observed.at, (found.since or observed.at) + grace)
                self._tell(self._open.met((pool, found.check), found, replace(observed, at=at)))

    def _standing(self, verdict: PoolVerdict, last: Seen, until: datetime) -> PoolAssessed:
        """Return what is known of a pool's verdict at a time."""
        known = self._known(verdict, last)
        return known.assessed(last.source, self._pools.proof(verdict.pool)).as_of(until)

    def _known(self, verdict: PoolVerdict, last: Seen) -> Answerable:
        rules = self.texts.rulebook(last.policy, last.exemptions)
        return Answerable(rules, self._pools.cluster, self._pools.there.get(verdict.pool), last.seen, verdict)

    def _tell(self, changes: tuple[Change, ...]) -> None:
        self._changes += (one for one in changes if self._within(one.source))

    def _take(self, body: Body | None, said: Mapping[str, Any], source: Source) -> None:
        match body:
            case Observation():
                self._observation(body, said, source)
            case NodeProof():
                self._proof(body, int(said["seq"]), source)
            case StrayProof():
                self._stray(body, int(said["seq"]), source)
            case Intent():
                self._tell(self._acting.intent(body, str(said["id"]), source))
            case Outcome():
                self._tell(self._acting.outcome(body, source))
            case ReplacementPart():
                self._tell(self._acting.part(body, source))
            case _:
                pass

    def _within(self, source: Source) -> bool:
        return self.since is None or source.at >= self.since

    def _observation(self, seen: Observation, said: Mapping[str, Any], source: Source) -> None:
        self._age(self._named, source.at)
        self._belied(["", *self._named], source)
        last = Seen(seen, source, str(said.get("policy", "")), str(said.get("exemptions", "")))
        known, stood = dict[Key, Judgement](), self._standing_since(seen, source)
        if not last.lost:
            self._before = None
        elif self._before is None and (before := self._lost(last)):
            self._before = before
        elif self._before is None:
            self._before = as_recorded(seen.posture, lambda verdict: self._pool(verdict, last))
            known = dict(self._before.open())
        self._last, self._stood = last, {} if last.lost else stood
        self.cluster = ClusterId.parse(str(said["cluster"]))
        self._pools.observed(seen, source)
        self._outside = after(self._outside, seen, source)
        known |= {(pool, one.check): one for pool in ["", *self._named] if (one := self._unjudged(pool, source.at))}
        self._tell(self._open.next(seen, source, known))
        for verdict in seen.posture.pools:
            if verdict.state is not worst([one.state for one in verdict.findings]):
                self._faults.append(f"{source.name} calls {verdict.pool} {verdict.state}, and its findings do not")
        if seen.observed.cluster:
            self._location = seen.observed.cluster.location

    def _lost(self, now: Seen) -> LastSeen | None:
        """Return how a cluster was that an observation could not read any more; None if no record before says it."""
        last = self._judged
        if last is None or last.lost:
            return None
        at = now.source.at
        pools = {one.pool: self._pool(one, last).as_of(at) for one in last.seen.posture.pools}
        known = self._open.dated("", self._of_cluster(last))
        findings = tuple(one for found in known if (one := unexcused(found, at)).state in OPEN)
        seen_at = max(last.seen.posture.at, now.seen.posture.last_read or last.seen.posture.at)
        return LastSeen(seen_at, last.source, pools, findings)

    def _standing_since(self, seen: Observation, source: Source) -> Mapping[str, datetime]:
        """Return since when pools have had the open states that an observation says, where they had them before it."""
        new = {one.pool: one.state for one in seen.posture.pools if one.state in OPEN}
        was = dict(self._before.pools) if self._before else {}
        if (last := self._judged) and not last.lost:
            each = (self._pool(one, last) for one in last.seen.posture.pools if one.pool in new)
            # What its own look asked counts from its verdict on.
            was = {one.name: one.before(source.look).as_of(source.at) for one in each}
        return {name: pool.since for name, pool in was.items() if new.get(name) is pool.state}

    def _proof(self, said: NodeProof, seq: int, source: Source) -> None:
        proof = ProofSeen(said.proof, said.level, said.method, said.way, said.expected_nodes, source)
        self._age([said.pool], source.at)
        self._belied([said.pool], source)
        self._pools.proven(said.pool, seq, proof)
        if self._before:
            self._before = self._before.asked(said.pool, proof)
        self._asked_again((said.pool, PROOF), source)

    def _stray(self, said: StrayProof, seq: int, source: Source) -> None:
        self._age([], source.at)
        self._belied([""], source)
        self._outside = StraysSaid(seq, said.strays, source)
        if last := self._last:
            # Of a cluster that was read last, and was in scope, it is known how its verdict compares.
            same = self._unjudged("", source.at) is None and bool(last.seen.observed.cluster)
            self._outside = replace(self._outside, worse=last.seen.posture.in_scope and not same)
            if self._before and self._pools.cluster:
                rules = self.texts.rulebook(last.policy, last.exemptions)
                self._before = self._before.asked_outside(self._pools.cluster, said.strays, rules, source.at)
        self._asked_again(("", STRAYS), source)

    def _asked_again(self, key: Key, source: Source) -> None:
        """Tell what is left of a finding once nodes have said nothing that belies the verdict."""
        pool, at = key[0], source.at
        if self._judged is None or self._judged.lost or self._unjudged(pool, at):
            return
        found = self._by_nodes(pool, at)
        if found and found.state in OPEN:
            self._tell(self._open.met(key, found, source))
        elif found or not pool:
            why = "The nodes were asked again, and what they said settles as much."
            self._tell(self._open.close(key, source, why, mended=True))

    def _belied(self, pools: Iterable[str], until: Source | None) -> None:
        """Tell what nodes have said since the last observation, unless the look that asked them judges it itself."""
        for pool in pools:
            asked = self._asked(pool)
            if asked and not (until and until.look == asked.look):
                found = self._unjudged(pool, until.at if until else self.now)
                self._tell(self._open.met((pool, found.check), found, asked) if found else ())

    def _asked(self, pool: str) -> Source | None:
        """Return the record of a pool's nodes, or of those outside every pool, that no verdict knows."""
        if not pool:
            return self._outside.source if self._outside else None
        proof = self._pools.proof(pool)
        return proof.source if proof and not proof.judged else None

    def _by_nodes(self, pool: str, at: datetime) -> Judgement | None:
        """Return the finding that goes by what the nodes of a pool said, or those outside every pool."""
        if not (last := self._judged):
            return None
        if self._before:
            found = self._before.by_nodes(pool)
            return unexcused(found, at) if found else None
        if not pool:
            found = outside(self._of_cluster(last))
            return unexcused(found, at) if found else None
        each = (self._standing(one, last, at).findings for one in last.seen.posture.pools if one.pool == pool)
        return next((one for findings in each for one in findings if one.check == PROOF), None)

    def _unjudged(self, pool: str, at: datetime) -> Judgement | None:
        """Return the same where it is not what the last verdict says, but what nodes have said since."""
        last, found = self._judged, self._by_nodes(pool, at)
        if last is None or found is None or self._asked(pool) is None:
            return None
        if last.lost:
            return found if found.state in OPEN and found.reason not in ENDED else None
        if not pool:
            return found if outside(self._of_cluster(last)) not in last.seen.posture.cluster_findings else None
        own = (one.message for verdict in last.seen.posture.pools if verdict.pool == pool for one in verdict.findings)
        return None if found.message in own or found.reason in ENDED else found

    @property
    def _named(self) -> list[str]:
        """The pools of the last observation, and those that were there before it, if it could not read the cluster."""
        told = [one.pool for one in self._last.seen.posture.pools] if self._last else []
        return [*dict.fromkeys((*told, *(self._before.pools if self._before else ())))]

    @property
    def _judged(self) -> Seen | None:
        return self._last if self._last and self._last.judged else None

    def _of_cluster(self, last: Seen) -> tuple[Judgement, ...]:
        """Return what concerns no single pool, with what nodes outside every pool have said since."""
        found, cluster = last.seen.posture.cluster_findings, last.seen.observed.cluster
        if self._outside is None or cluster is None or not last.judged:
            return found
        said, rules = self._outside, self.texts.rulebook(last.policy, last.exemptions)
        return with_outside(found, cluster, said.strays, rules, said.source.at)

    def _assessed(self, absent: Judgement | None) -> ClusterAssessed:
        done = tuple(one for one in self._acting.attempts.values() if self._within(one.latest))
        found = ClusterAssessed(
            self.cluster,
            self._head,
            self._location,
            begins=self._begins or 1,
            faults=tuple(self._faults),
            changes=tuple(sorted(self._changes, key=lambda one: one.source.at)),
            attempts=done,
        )
        if self._last is None:
            return found
        last = self._last
        findings = self._open.dated("", self._of_cluster(last))
        if last.judged:
            self._tell_texts(last)
        before, pools = self._before, tuple(self._pool(verdict, last) for verdict in last.seen.posture.pools)
        was = before.findings if before else ()
        rules = self.texts.rulebook(last.policy, last.exemptions)
        itself = of_cluster(rules, self._pools.cluster, last.seen, (*findings, *was))
        return replace(
            found,
            observed=last.source,
            state=worst([last.seen.posture.state, *(one.state for one in findings)]),
            in_scope=last.seen.posture.in_scope,
            gone=last.seen.observed.gone,
            unreadable=last.seen.observed.unreadable,
            pools=before.beside(pools, *self._open.dated("", (unread(last),))) if before else pools,
            findings=findings,
            was=was,
            read=before.source if before else None,
            owner=itself.owner(None),
            due=itself.due(None),
            exemption=itself.exemption(),
            last_read=before.at if before else None,
            policy=last.policy,
            unwatched=None if absent else self._unwatched(last),
        )

    def _tell_texts(self, last: Seen) -> None:
        """Tell which texts are missing, and whose rules."""
        self.texts.tell(last.policy, last.exemptions)
        rules = self.texts.rulebook(last.policy, last.exemptions)
        for one in last.seen.posture.pools:
            if rules and not rules.policy.rule_called(one.rule, one.line):
                why = f"who answers for {one.pool} is not known"
                told = f"{last.source.name} names the rule {one.rule}, which its policy has not: {why}"
                self.texts.unread[told] = None

    def _unwatched(self, last: Seen) -> datetime | None:
        """Return when a look was due of which nothing says whether it came; None if something does."""
        if self.looks.knows(self.cluster.path) or not last.judged or last.lost:
            return None
        due = last.source.at + min(last.seen.plan.requeue_after or HEARTBEAT, HEARTBEAT)
        if self._heard and self._heard.at > last.source.at:
            due = self._heard.at + HEARTBEAT
        return due if self.now - due > OVERDUE else None

    def _pool(self, verdict: PoolVerdict, last: Seen) -> PoolAssessed:
        implementation, read, modules = self._pools.read.get(verdict.pool, (None, None, None))
        known = self._known(verdict, last)
        exemption = known.exemption()
        found = known.assessed(last.source, self._pools.proof(verdict.pool))
        since = min(found.since, self._stood.get(verdict.pool, found.since))
        findings = self._open.dated(verdict.pool, found.findings)
        return replace(
            found,
            verdict=replace(found.verdict, findings=findings, state_since=since),
            implementation=implementation,
            read=read,
            modules=modules,
            owner=known.owner(exemption if verdict.state is ComplianceState.EXEMPT else None),
            due=known.due(exemption),
            exemption=exemption,
        )
