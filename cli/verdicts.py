"""The verdicts on a fleet as `check` reports them: made by the product's own `evaluate`, the worst first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from cli.exits import of_states
from cli.scope import ALL_OUT
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import WORST_FIRST, ComplianceState, Unreadable, worst
from shared.domain.pages import Gap
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
from shared.domain.wording import count

R = TypeVar("R", "PoolRow", "ClusterRow")
_NAMED = 3
"""How many clusters a note names."""


@dataclass(frozen=True, slots=True)
class PoolRow:
    """The verdict on one node pool."""

    cluster: ClusterId
    posture: PoolPosture

    @property
    def state(self) -> ComplianceState:
        """The worst of the pool's findings."""
        return self.posture.state

    @property
    def id(self) -> str:
        """The pool's ARM id."""
        return f"{self.cluster.arm_id}/agentPools/{self.posture.pool}"


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """What is to be said of a cluster and belongs to none of its pools, such as that it can't be read."""

    cluster: ClusterId | None
    """None if nobody can tell which cluster it is."""
    where: str
    """Where it stands, for people."""
    findings: tuple[Finding, ...]
    """At least one."""

    @property
    def state(self) -> ComplianceState:
        """The worst of the findings."""
        return worst([finding.state for finding in self.findings])

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.cluster) if self.cluster else self.where


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A whole fleet, judged at one time."""

    at: datetime
    pools: tuple[PoolRow, ...]
    """The worst first."""
    clusters: tuple[ClusterRow, ...]
    """The worst first."""
    excluded: tuple[ClusterId, ...]
    """Out of the policy's scope: they have no state."""
    gaps: tuple[Gap, ...]
    """What nobody has seen: it counts as unknown."""
    notes: tuple[str, ...]
    """What people should know, and what changes no verdict."""

    @property
    def states(self) -> tuple[ComplianceState, ...]:
        """Of every pool and of every cluster with something to say of its own."""
        return (*(row.state for row in self.pools), *(row.state for row in self.clusters))

    @property
    def summary(self) -> Mapping[str, int]:
        """How many rows are in each state, the worst first; every state is there."""
        counted = Counter(self.states)
        return {state.value: counted[state] for state in WORST_FIRST}

    @property
    def exit_code(self) -> int:
        """1 for anything bad, else 2 for anything unknown or unseen, or if a fleet was read and none judged; else 0."""
        return of_states((*self.states, *([ComplianceState.UNKNOWN] if self.gaps or self.shut_out else [])))

    @property
    def shut_out(self) -> bool:
        """Say whether the policy's scope has left nothing to judge of all that was read."""
        return bool(self.excluded) and not self.states


@dataclass(slots=True)
class Judge:
    """Judges entry after entry and keeps the verdicts alone.

    A cluster that comes twice counts once: which of the two is fresher can't be known, so each of its pools gets the
    worse of its verdicts.
    """

    rules: Rulebook
    now: datetime
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _pools: dict[tuple[str, str], PoolRow] = field(default_factory=dict)
    _clusters: dict[tuple[str, int], ClusterRow] = field(default_factory=dict)
    """By key, and number: what is said of the cluster, and of each of its pools that can't be read, is a row."""
    _excluded: dict[str, ClusterId] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _again: dict[str, ClusterId] = field(default_factory=dict)

    def judge(self, entries: Iterable[Entry]) -> None:
        """Judge some clusters; what can't be judged becomes unknown."""
        for entry in entries:
            self._keep(entry, self._posture(entry))

    def _posture(self, entry: Entry) -> Posture:
        try:
            return _unasked(evaluate(entry.read, Memory(), self.rules, None, self.now, cluster=entry.cluster))
        except RecursionError:
            deep = Unreadable("Unintelligible", f"{entry.where} is nested too deeply to be judged.", None)
            return evaluate(deep, Memory(), self.rules, None, self.now, cluster=entry.cluster)

    def _keep(self, entry: Entry, posture: Posture) -> None:
        cluster = entry.cluster
        key = cluster.key if cluster else entry.where
        if cluster and key in self._seen:
            self._again[key] = cluster
        self._seen.add(key)
        if cluster and not posture.in_scope:
            self._excluded[key] = cluster
            return
        # Where pools can't be read, whatever else is said of the cluster as a whole says less.
        of_cluster = () if entry.faults and not posture.pools else posture.cluster_findings
        for number, findings in enumerate((of_cluster, *((fault,) for fault in entry.faults))):
            if findings:
                row = ClusterRow(cluster, entry.where, findings)
                self._clusters[key, number] = _worse(self._clusters.get((key, number)), row)
        if cluster:
            for pool in posture.pools:
                self._pools[key, pool.pool] = _worse(self._pools.get((key, pool.pool)), PoolRow(cluster, pool))

    def verdicts(self) -> Verdicts:
        """Return what was judged so far."""
        judged = {key for key, _ in (*self._pools, *self._clusters)}
        return Verdicts(
            self.now,
            tuple(sorted(self._pools.values(), key=_pool_order)),
            tuple(sorted(self._clusters.values(), key=_cluster_order)),
            tuple(cluster for key, cluster in sorted(self._excluded.items()) if key not in judged),
            tuple(self.gaps),
            (*self.notes, *self._twice(), *([ALL_OUT] if self._excluded and not judged else [])),
        )

    def _twice(self) -> list[str]:
        if not self._again:
            return []
        shown = ", ".join(str(cluster) for _, cluster in sorted(self._again.items())[:_NAMED])
        more = " ..." if len(self._again) > _NAMED else ""
        which = f"{count(len(self._again), 'cluster')} came more than once ({shown}{more})"
        return [f"{which}: which is fresher can't be known, so the worse verdict counts"]


def _unasked(posture: Posture) -> Posture:
    """Say of missing proofs that nobody asks nodes here; so it is without an eTag, which Resource Graph leaves out."""
    pools = (replace(pool, findings=tuple(map(_unasked_finding, pool.findings))) for pool in posture.pools)
    return replace(posture, pools=tuple(pools))


def _unasked_finding(found: Finding) -> Finding:
    if found.state is not ComplianceState.UNKNOWN or found.reason not in ("ProofMissing", "ETagMissing"):
        return found
    told = "Nodes are not asked here: `fipswarden posture` shows what the app has proven."
    return replace(found, reason="ProofMissing", message=told)


def _worse(old: R | None, new: R) -> R:
    return old if old is not None and _badness(old) <= _badness(new) else new


def _badness(row: PoolRow | ClusterRow) -> int:
    return WORST_FIRST.index(row.state)


def _pool_order(row: PoolRow) -> tuple[int, str, str]:
    return _badness(row), row.cluster.key, row.posture.pool


def _cluster_order(row: ClusterRow) -> tuple[int, str]:
    return _badness(row), row.cluster.key if row.cluster else row.where
