"""The fleet as a forecast finds it: its clusters, with what the app remembers of them where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cli.fleet import FleetReading, counted
from shared.domain.afterwards import with_etags
from shared.domain.budget import Budget, Counts
from shared.domain.census import DONE
from shared.domain.evaluate import evaluate
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.ids import ClusterId
from shared.domain.model import WORST_FIRST, Cluster, ClusterRead, ComplianceState, Memory, Unreadable
from shared.domain.pages import Gap
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
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
    reads: dict[str, Cluster | Unreadable] = field(default_factory=dict)
    """By key of the cluster."""
    blind: int = 0
    """What can't be read and may be any number of pools of any ring."""

    @classmethod
    def of(cls, files: Sequence[str] | None, rules: Rulebook, now: datetime) -> "Found":
        """Read the fleet live, or from files; raises what `FleetReading.entries` raises.

        Of a cluster that comes twice (which is fresher can't be known) the worse counts, as in `check`.
        """
        found = cls(FleetReading(), rules, now)
        again = {key for entry in found.reading.entries(files) if (key := found._keep(entry))}
        found.blind += len(found.reading.gaps)
        if again:
            note = f"{count(len(again), 'cluster')} came more than once: the one with the worse verdict counts"
            found.reading.notes.append(note)
        return found

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Those that can be read."""
        return tuple(read for read in self.reads.values() if isinstance(read, Cluster))

    @property
    def unread(self) -> int:
        """How many clusters can't be read."""
        return len(self.reads) - len(self.clusters)

    def hidden(self, counts: Counts | None) -> int:
        """Return how many parts of the fleet the app could not judge at its last resync, and nobody reads now."""
        if counts is None:
            return 0
        seen = {cluster.id.arm_id.lower() for cluster in self.clusters}
        judged = counts.blind - sum(gap.lower() in seen for gap in counts.gaps)
        # What keeps a ring of the app closed does so whoever else can read it.
        return max(judged, *(ring.unseen for ring in counts.rings.values()), 0)

    def add_gaps(self, gaps: Sequence[Gap]) -> None:
        """Add parts of the fleet that should have been seen."""
        self.reading.gaps.extend(gaps)
        self.blind += len(gaps)

    def warnings(self, rules: Rulebook) -> tuple[str, ...]:
        """Return what is nowhere in the fleet; of one that was seen in part that can't be said."""
        if self.unread or self.blind:
            return ()
        seen = FleetSeen(rules.policy)
        for cluster in self.clusters:
            seen.note(cluster)
        return fleet_warnings(rules, seen)

    def _keep(self, entry: Entry) -> str:
        """Keep a cluster; returns its key if it was there already."""
        # A pool that stands there twice may be any of the two; that it is there is known.
        self.blind += sum(fault.reason != "Contradictory" for fault in entry.faults)
        if entry.cluster is None:
            self.blind += 1
            return ""
        key, read = entry.cluster.key, _fit(entry.read)
        known = key in self.reads
        self.reads[key] = min(self.reads[key], read, key=self._badness) if known else read
        return key if known else ""

    def _badness(self, read: Cluster | Unreadable) -> tuple[int, bool, int, str]:
        """Return what orders two reads of one cluster, the worse first, whichever came first."""
        posture = evaluate(read, Memory(), self.rules, None, self.now)
        wrong = sum(found.state not in DONE for pool in posture.pools for found in pool.findings)
        bodies = [pool.body for pool in read.pools] if isinstance(read, Cluster) else []
        return WORST_FIRST.index(posture.state), isinstance(read, Cluster), -wrong, f"{read}{bodies}"


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
