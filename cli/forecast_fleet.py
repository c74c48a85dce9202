"""The fleet as a forecast finds it: its clusters, with what the app remembers of them where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cli.fleet import FleetReading, counted
from cli.forecast_copies import merged
from shared.domain.afterwards import with_etags
from shared.domain.budget import Budget, Counts
from shared.domain.evaluate import evaluate
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Unreadable
from shared.domain.pages import Gap
from shared.domain.posture import Posture
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
from shared.domain.since import unreadable
from shared.domain.situation import Situation
from shared.domain.stage import Known, Maintenance
from shared.domain.steps import due
from shared.domain.unfit import unfit
from shared.domain.wording import count

if TYPE_CHECKING:
    from shared.ports import Table

_AT_REST = (ComplianceState.COMPLIANT, ComplianceState.NOT_APPLICABLE)
_NOT_SAVED = Unreadable("NotSaved", "A saved fleet has no maintenance configurations: leave --from out.", None)


@dataclass(slots=True)
class Found:
    """A fleet, as it was read."""

    reading: FleetReading
    rules: Rulebook
    now: datetime
    clusters: tuple[Cluster, ...] = ()
    """Those that can be read, each once, out of scope or not."""
    shut_out: bool = False
    """Something was read, and nothing of it is in scope."""
    _copies: dict[str, list[Cluster]] = field(default_factory=dict)
    """What can be read, by key of the cluster."""
    _unread: set[str] = field(default_factory=set)
    """Keys of the clusters in scope of which something can't be read."""
    _excluded: set[str] = field(default_factory=set)
    """Keys of the clusters that can't be read and that the policy excludes by their names."""
    _parts: int = 0
    """What else can't be read."""

    @classmethod
    def of(cls, files: Sequence[str] | None, rules: Rulebook, now: datetime) -> "Found":
        """Read the fleet live, or from files; raises what `FleetReading.entries` raises.

        Of a cluster that comes twice (which is fresher can't be known) each pool counts as the worse, as in `check`.
        """
        found = cls(FleetReading(), rules, now)
        again = {key for entry in found.reading.entries(files) if (key := found._keep(entry))}
        found._parts += len(found.reading.gaps)
        found.clusters = tuple(found._merged(key, copies) for key, copies in found._copies.items())
        judged = found.blind or any(map(rules.policy.covers, found.clusters))
        found.shut_out = not judged and bool(found.clusters or found._excluded)
        if again:
            note = f"{count(len(again), 'cluster')} came more than once: of each pool the worse verdict counts"
            found.reading.notes.append(note)
        return found

    @property
    def unread(self) -> int:
        """How many clusters in scope can't be read, or not in every place where they stand."""
        return len(self._unread)

    @property
    def blind(self) -> int:
        """How many parts of the fleet can't be read, clusters among them: each may be any number of pools."""
        return self._parts + self.unread

    def hidden(self, counts: Counts | None) -> int:
        """Return how many parts of the fleet the app could not judge at its last resync, and nobody reads now."""
        if counts is None:
            return 0
        seen = {cluster.id.arm_id.lower() for cluster in self.clusters}
        judged = counts.blind - sum(gap.lower() in seen for gap in counts.gaps)
        # What keeps a ring of the app closed does so whoever else can read it. Of another policy's rings that says
        # nothing; and pools whose ring can't be told are judged here, too.
        rings = counts.rings.values() if counts.policy == self.rules.policy.hash else ()
        return max(judged, *(ring.unseen - ring.untold for ring in rings), 0)

    def add_gaps(self, gaps: Sequence[Gap]) -> None:
        """Add parts of the fleet that should have been seen."""
        self.reading.gaps.extend(gaps)
        self._parts += len(gaps)

    def warnings(self, rules: Rulebook) -> tuple[str, ...]:
        """Return what no ring holds back and what is nowhere in the fleet; that only where all of it was seen."""
        seen = FleetSeen(rules.policy)
        seen.whole = not (self.blind or self._excluded)
        for cluster in self.clusters:
            seen.note(cluster)
        return fleet_warnings(rules, seen)

    def _keep(self, entry: Entry) -> str:
        """Keep a cluster; returns its key if it was there already."""
        if entry.cluster is None:
            self._parts += 1
            return ""
        key, read = entry.cluster.key, _fit(entry.read)
        known = key in self._copies or key in self._unread or key in self._excluded
        in_scope = self._judged(read, entry.cluster).in_scope
        if isinstance(read, Cluster):
            # A pool that stands there twice may be any of the two; that it is there is known.
            self._parts += in_scope and sum(fault.reason != "Contradictory" for fault in entry.faults)
            self._copies.setdefault(key, []).append(read)
        else:
            (self._unread if in_scope else self._excluded).add(key)
        return key if known else ""

    def _judged(self, read: Cluster | Unreadable, cluster: ClusterId) -> Posture:
        return evaluate(read, Memory(), self.rules, None, self.now, cluster=cluster)

    def _merged(self, key: str, copies: Sequence[Cluster]) -> Cluster:
        """Return one cluster with the worse of each pool, whichever came first."""
        if len(copies) == 1:
            return copies[0]
        judged = [(copy, self._judged(copy, copy.id)) for copy in copies]
        judged = [each for each in judged if each[1].in_scope] or judged
        if any(unreadable(posture) for _, posture in judged):
            self._unread.add(key)
        return merged(judged)


def _fit(read: ClusterRead) -> Cluster | Unreadable:
    if not isinstance(read, Cluster):
        return read if isinstance(read, Unreadable) else Unreadable("Gone", "It does not exist.", None)
    why = unfit(read)
    return Unreadable("Unintelligible", why, None) if why else read


@dataclass(frozen=True, slots=True)
class App:
    """What the deployed app has stored."""

    rollout: "Table"
    postures: "Table"

    def at_rest(self, now: datetime) -> frozenset[str]:
        """Return the keys of the clusters that the app has proven, or that it need not prove."""
        from shared.postures import summaries

        known = summaries(self.postures)
        return frozenset(each.cluster.key for each in known if each.state in _AT_REST and not each.overdue(now))


def members(found: Found, app: App | None, *, live: bool) -> tuple[Known, ...]:
    """Return the clusters with what a forecast has to know of each."""
    rules, now = found.rules, found.now
    remembered = _remembered(found, app, now)
    listed = tuple(_with_memory(each, remembered) for each in found.clusters)
    if not _uses_maintenance(rules):
        return listed
    asking = [each.cluster.id for each in listed if _asks_maintenance(each, rules, now)]
    ask = _maintenance(live=live)
    windows = {cluster.key: ask(cluster) for cluster in counted("reading the windows of cluster", asking)}
    return tuple(replace(each, maintenance=windows.get(each.cluster.id.key, ())) for each in listed)


def _with_memory(cluster: Cluster, remembered: "dict[str, Memory | None]") -> Known:
    memory = remembered.get(cluster.id.key, Memory())
    return Known(with_etags(cluster, memory or Memory()), memory or Memory(), proven=memory is None)


def _remembered(found: Found, app: App | None, now: datetime) -> "dict[str, Memory | None]":
    """Return what the app remembers, by key of the cluster; None for those at rest, which need no reading."""
    if app is None:
        return {}
    from shared.rollout import read_memory

    at_rest = app.at_rest(now)
    memories: dict[str, Memory | None] = dict.fromkeys(at_rest)
    others = sorted((each.id for each in found.clusters if each.id.key not in at_rest), key=lambda one: one.key)
    for cluster in counted("reading what the app remembers of cluster", others):
        memories[cluster.key] = read_memory(app.rollout, cluster)
    return memories


def _maintenance(*, live: bool) -> "Callable[[ClusterId], Maintenance]":
    if not live:
        return lambda _: _NOT_SAVED
    from shared import bootstrap

    _, clusters = bootstrap.standalone_fleet()
    return clusters.maintenance


def _asks_maintenance(known: Known, rules: Rulebook, now: datetime) -> bool:
    posture = evaluate(known.cluster, known.memory, rules, None, now)
    found = Situation(known.cluster, posture, known.memory, rules, Budget(), (), now, timedelta(), assuming=True)
    return any(step.asks_maintenance for step in due(found))


def _uses_maintenance(rules: Rulebook) -> bool:
    settings = (rules.policy.defaults, *(rule.settings for rule in rules.policy.rules))
    return any(each.cluster_maintenance for each in settings)
