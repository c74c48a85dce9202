"""Asks the nodes: whether each node of a pool shows what the control plane says, with a record of what was seen.

Labels are read in one look. What only a pod on the node can read takes some looks: one makes the pods, a later one
reads them, writes the evidence, and deletes them. Nothing is made before the lease has been checked and the proof is
remembered, so that whoever comes after a death knows what is left to do.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.chain import Chain
from shared.domain import proofs, strays
from shared.domain.api_server import Way
from shared.domain.by_command import too_many
from shared.domain.evaluate import cluster_settings, listing_due, strays_due, subjects, to_prove
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Unreadable
from shared.domain.proof_records import by_labels, by_nobody, seen
from shared.domain.proven import Node, NodesRead, Probing, Strays
from shared.domain.rulebook import Rulebook
from shared.domain.settings import ProofSettings, Settings
from shared.domain.subject import Subject
from shared.domain.taken import (
    OUTSIDE,
    TURNS,
    Asked,
    contradicted,
    counted,
    doubt_of,
    fewer,
    mark,
    nodes_of,
    take_proof,
    take_strays,
)
from shared.nodes import list_nodes
from shared.ports import Kubernetes, KubernetesApi
from shared.probing import STALLED, Probes
from shared.proof_writing import record_proof, record_strays
from shared.proving_by_pods import ByPods, Keeper, Round, questions

Entered = KubernetesApi | Unreadable


@dataclass(frozen=True, slots=True)
class Proving:
    """What it takes to prove the pools of one cluster."""

    kubernetes: Kubernetes
    chain: Chain
    now: datetime
    hold: Keeper

    @property
    def _pods(self) -> ByPods:
        return ByPods(self.chain, self.now, self.hold)

    def prove(self, cluster: Cluster, memory: Memory, rules: Rulebook, wanted: Collection[str] = ()) -> Memory:
        """Return the memory with a fresh proof of every pool that needs one, and of the nodes outside every pool.

        `wanted` are pools of which a person wants a fresh proof, however good the one is that they have.
        """
        due = to_prove(cluster, memory, rules, self.now, wanted)
        outside = OUTSIDE in wanted or strays_due(cluster, memory, rules, self.now)
        listing = listing_due(cluster, memory, rules.policy, self.now)
        listed_lately = listing is None or listing > self.now
        if not due and not outside and memory.probing is None and listed_lately:
            return memory
        with self.kubernetes.open(cluster, _all_ways(cluster, memory, rules)) as api:
            if alone := self._alone(api, memory):
                return alone
            read = list_nodes(api)
            memory = self._shown(api, cluster, replace(memory, listed=self.now), rules, read)
            memory, changed = self._compared(api, cluster, memory, rules, read)
            wanted = {*wanted, *changed}
            due = to_prove(cluster, memory, rules, self.now, wanted)
            memory, asked = self._by_labels(api, cluster, memory, rules, due, read, wanted)
            if isinstance(api, Unreadable):
                return self._in_vain(memory, api)
            pools = {one.pool.name: one for one in due}
            if _too_many(api, read, asked, memory.probing):
                asked = _in_turns(api, read, asked, memory.probing)
            if why := _too_many(api, read, asked, memory.probing):
                memory, asked = self._unasked(memory, asked, pools, why), []
            round_ = Round(api, Probes(api, self.hold.check), asked, pools, wanted)
            if isinstance(read, Unreadable):
                memory = self._in_vain(memory, read)
                return self._pods.deleted(round_.probes, memory) if memory.probing and memory.probing.over else memory
            return self._pods.go_on(round_, self._pods.searched(round_.probes, memory))

    def _alone(self, api: Entered, memory: Memory) -> Memory | None:
        """Where every step takes seconds, do by itself what can be: delete, or search for what a lost row knew."""
        if isinstance(api, Unreadable) or api.way is not Way.RUN_COMMAND:
            return None
        probes = Probes(api, self.hold.check)
        if memory.probing and memory.probing.over and not memory.probing.kept:
            return self._pods.deleted(probes, memory)
        return None if memory.searched or memory.probing else self._pods.searched(probes, memory)

    def _shown(self, api: Entered, cluster: Cluster, memory: Memory, rules: Rulebook, read: NodesRead) -> Memory:
        """Remember how many nodes there are of pools that ARM calls empty or stopped."""
        for subject in subjects(cluster, memory, rules.policy, self.now):
            if isinstance(read, Unreadable) or _allowed(api, subject.settings.proof):
                continue
            name, shown = subject.pool.name, len(nodes_of(read, subject.pool.name)) if subject.empty else 0
            if shown != subject.memory.shown:
                memory = memory.with_pool(name, replace(subject.memory, shown=shown))
        return memory

    def _compared(
        self, api: Entered, cluster: Cluster, memory: Memory, rules: Rulebook, read: NodesRead
    ) -> tuple[Memory, set[str]]:
        """Remember which pools have nodes that were not asked, and say which are to be asked anew.

        That are those, and pools whose nodes show by now what contradicts their proof.
        """
        changed: set[str] = set()
        for subject in subjects(cluster, memory, rules.policy, self.now):
            pool, taken = subject.pool, subject.memory.proof
            if taken is None or isinstance(read, Unreadable) or _allowed(api, subject.settings.proof):
                continue
            if taken.unreadable:
                # Nobody was asked: there is nobody that others could have come after.
                continue
            nodes = nodes_of(read, pool.name)
            if taken.asked == mark(nodes):
                changed |= {pool.name} if contradicted(pool, taken, nodes, self.now) else set()
                continue
            changed |= {pool.name} if proofs.again(taken, self.now) else set()
            # Without some that have gone, what the others said holds until they have been asked.
            new = taken.changed or not fewer(nodes, taken.nodes, taken.at)
            memory = memory.with_pool(pool.name, replace(subject.memory, proof=replace(taken, changed=new)))
        return memory, changed

    def _in_vain(self, memory: Memory, why: Unreadable) -> Memory:
        """Give up what pods were asked, where nobody can be asked and it does not pass: they are only deleted then."""
        probing = memory.probing
        if probing is None or (why.retry_after is not None and self.now - probing.moved < STALLED):
            return memory
        return replace(memory, probing=replace(probing, over=True, kept=f"{why.reason}: {why.message}"))

    def _by_labels(
        self,
        api: Entered,
        cluster: Cluster,
        memory: Memory,
        rules: Rulebook,
        due: Sequence[Subject],
        read: NodesRead,
        wanted: Collection[str],
    ) -> tuple[Memory, list[Asked]]:
        """Judge all nodes by their labels, and say whom pods are to ask for more."""
        memory, outside = self._outside(api, cluster, memory, rules, read, wanted)
        asked = [outside] if outside else []
        for subject in due:
            memory, deep = self._labels(api, subject, read, memory, wanted=subject.pool.name in wanted)
            asked += [deep] if deep else []
        return memory, asked

    def _labels(
        self, api: Entered, subject: Subject, read: NodesRead, memory: Memory, *, wanted: bool
    ) -> tuple[Memory, Asked | None]:
        """Judge a pool by its labels; where these are well and not enough, say whom pods are to ask."""
        pool, remembered = subject.pool, memory.pool(subject.pool.name)
        read = _allowed(api, subject.settings.proof) or read
        if isinstance(read, Unreadable) and read.retry_after and proofs.holds(subject):
            # It passes, and the proof is not too old yet.
            return memory, None
        proof = counted(take_proof(pool, read, self.now), remembered.proof)
        nodes = () if isinstance(read, Unreadable) else nodes_of(read, pool.name)
        if proofs.asks_by_pods(subject) and proof.nodes and not proof.disagreeing:
            level = proofs.wanted_level(subject)
            asked = Asked(pool.name, subject.settings.proof, level, nodes, **doubt_of(remembered))
            return memory, asked if wanted or proofs.pods_due(subject) else None
        asks = wanted and not proof.unreadable
        proof = record_proof(
            self.chain, self.now, subject, proof, by_labels(_way(api)), [seen(node) for node in nodes], wanted=asks
        )
        return memory.with_pool(pool.name, replace(remembered, proof=proof)), None

    def _unasked(self, memory: Memory, asked: Sequence[Asked], pools: Mapping[str, Subject], why: Unreadable) -> Memory:
        """Remember why nobody is asked by pods, whose labels are well."""
        for one in asked:
            if one.pool == OUTSIDE:
                found = replace(take_strays(one.nodes, self.now), level=one.level, missing=len(one.nodes))
                virtual = memory.strays.virtual if memory.strays else ()
                found = replace(found, silent=why.message, virtual=virtual, **doubt_of(one))
                memory = replace(memory, strays=counted(found, memory.strays))
                continue
            subject = pools[one.pool]
            remembered = memory.pool(one.pool)
            proof = counted(take_proof(subject.pool, why, self.now), remembered.proof)
            proof = record_proof(self.chain, self.now, subject, proof, by_nobody(one.level, Way.RUN_COMMAND), ())
            memory = memory.with_pool(one.pool, replace(remembered, proof=proof))
        return memory

    def _outside(
        self, api: Entered, cluster: Cluster, memory: Memory, rules: Rulebook, read: NodesRead, wanted: Collection[str]
    ) -> tuple[Memory, Asked | None]:
        """Remember, and record, the nodes in no pool of ARM's list, and say whom of them pods are to ask."""
        settings = cluster_settings(rules.policy, cluster)
        if isinstance(read, Unreadable):
            return memory, None
        names = {pool.name for pool in cluster.pools}
        outside = [node for node in read if node.pool not in names or node.virtual]
        known = memory.strays
        found = replace(take_strays(outside, self.now), **doubt_of(known))
        if outside and (barred := _allowed(api, settings.proof)):
            return self._barred(cluster, memory, settings, found, barred), None
        asked = None
        if rules.policy.covers(cluster) and strays.strays_need_pods(found, settings):
            machines = tuple(node for node in outside if not node.virtual)
            asked = Asked(OUTSIDE, settings.proof, settings.proof.level, machines, **doubt_of(known))
            if known and self._holds(known, found, machines, settings):
                again = OUTSIDE in wanted or strays.stray_pods_due(cluster, known, found, settings, self.now)
                return replace(memory, strays=replace(known, virtual=found.virtual)), asked if again else None
        if outside or OUTSIDE in wanted or (known and known.record):
            # That there are none any more is news, too: the last word would be that of nodes that are gone.
            known = None if OUTSIDE in wanted else known
            found = record_strays(
                self.chain, self.now, known, found, by_labels(_way(api)), [seen(node) for node in outside]
            )
        return replace(memory, strays=found), asked

    def _barred(self, cluster: Cluster, memory: Memory, settings: Settings, found: Strays, why: Unreadable) -> Memory:
        """Remember that there are nodes outside every pool whose rule does not allow the way that was found."""
        known = memory.strays
        lately = known is not None and self.now - known.at <= settings.proof.max_age
        same = known is not None and (known.asked, known.virtual) == (found.asked, found.virtual)
        if lately and same and not strays.strays_due(cluster, known, settings, self.now):
            return memory
        unread = Strays(self.now, found.nodes, unreadable=f"{why.reason}: {why.message}", **doubt_of(found))
        return replace(memory, strays=record_strays(self.chain, self.now, known, unread, by_labels(""), ()))

    def _holds(self, known: Strays, found: Strays, machines: Sequence[Node], settings: Settings) -> bool:
        """Say whether what pods learned of nodes outside every pool holds until pods have answered again."""
        if not known.level.reaches(settings.proof.level):
            return False
        same = known.asked == found.asked or fewer(machines, known.nodes, known.at)
        return same or known.flawed


def _all_ways(cluster: Cluster, memory: Memory, rules: Rulebook) -> frozenset[Way]:
    """Return every way that is allowed for some of a cluster's nodes, and the one by which pods were sent."""
    settings = [rules.policy.rule_for(cluster, pool).settings for pool in cluster.pools]
    settings.append(cluster_settings(rules.policy, cluster))
    sent = {Way(memory.probing.way)} if memory.probing and memory.probing.way else set()
    return frozenset(way for one in settings for way in one.proof.ways) | sent


def _allowed(api: Entered, settings: ProofSettings) -> Unreadable | None:
    """Say why a pool's nodes may not be read the way that the cluster was entered."""
    if isinstance(api, Unreadable) or api.way in settings.ways:
        return None
    message = f"The cluster could be entered by its {api.way} alone, which the nodes' rule does not allow."
    return Unreadable("WayNotAllowed", message, None)


def _way(api: Entered) -> str:
    return "" if isinstance(api, Unreadable) else api.way


def _too_many(
    api: KubernetesApi, read: NodesRead, asked: Sequence[Asked], probing: Probing | None
) -> Unreadable | None:
    """Say why the pods of a proof would ask more nodes than one look can; None if they would not."""
    if api.way is not Way.RUN_COMMAND or isinstance(read, Unreadable) or not asked:
        return None
    found = questions(asked, probing.id if probing else "")
    return too_many(len(read), Counter(one.method for one in found).values())


def _in_turns(api: KubernetesApi, read: NodesRead, asked: Sequence[Asked], probing: Probing | None) -> list[Asked]:
    """Return whom to ask where not all can be asked in one proof; the same if that is no matter of who is in doubt."""
    turns = ([one.narrowed(most) for one in asked] for most in TURNS)
    return next((found for found in turns if not _too_many(api, read, found, probing)), [*asked])
