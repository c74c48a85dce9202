"""The fleet as a forecast finds it: its clusters, with what the app remembers of them where there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.fleet import FleetReading, counted
from shared.domain.afterwards import with_etags
from shared.domain.budget import Budget
from shared.domain.evaluate import evaluate
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, ComplianceState, Memory, Unreadable
from shared.domain.pages import Gap
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
from shared.domain.situation import Situation
from shared.domain.stage import Known, Maintenance
from shared.domain.steps import due
from shared.domain.wording import count

if TYPE_CHECKING:
    from shared.ports import Table

_DEEPEST = 100
_AT_REST = (ComplianceState.COMPLIANT, ComplianceState.NOT_APPLICABLE)
_NOT_SAVED = Unreadable("NotSaved", "A saved fleet has no maintenance configurations: leave --from out.", None)


def _is_deep(value: Any, room: int) -> bool:
    """Say whether a JSON value is nested more deeply than anything that AKS sends."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return room == 0 or any(_is_deep(each, room - 1) for each in inner)


@dataclass(slots=True)
class Found:
    """A fleet, as it was read."""

    reading: FleetReading
    clusters: dict[str, Cluster] = field(default_factory=dict)
    """By key."""
    unread: set[str] = field(default_factory=set)
    """Clusters that can't be read, by key."""
    blind: int = 0
    """What can't be read and may be any number of pools of any ring."""

    @classmethod
    def of(cls, files: Sequence[str] | None) -> "Found":
        """Read the fleet live, or from files; raises what `FleetReading.entries` raises."""
        found = cls(FleetReading())
        again = {key for entry in found.reading.entries(files) if (key := found._keep(entry))}
        found.unread -= found.clusters.keys()
        found.blind += len(found.reading.gaps)
        if again:
            note = f"{count(len(again), 'cluster')} came more than once: the first that could be read counts"
            found.reading.notes.append(note)
        return found

    def add_gaps(self, gaps: Sequence[Gap]) -> None:
        """Add parts of the fleet that should have been seen."""
        self.reading.gaps.extend(gaps)
        self.blind += len(gaps)

    def warnings(self, rules: Rulebook) -> tuple[str, ...]:
        """Return what is nowhere in the fleet; of one that was seen in part that can't be said."""
        if self.unread or self.blind:
            return ()
        seen = FleetSeen(rules.policy)
        for cluster in self.clusters.values():
            seen.note(cluster)
        return fleet_warnings(rules, seen)

    def _keep(self, entry: Entry) -> str:
        """Keep a cluster; returns its key if it was there already."""
        self.blind += len(entry.faults)
        if entry.cluster is None:
            self.blind += 1
            return ""
        key = entry.cluster.key
        known = key in self.clusters or key in self.unread
        if not isinstance(entry.read, Cluster) or any(_is_deep(pool.body, _DEEPEST) for pool in entry.read.pools):
            self.unread.add(key)
        elif key not in self.clusters:
            self.clusters[key] = entry.read
        return key if known else ""


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


def members(found: Found, rules: Rulebook, app: App | None, now: datetime, *, live: bool) -> tuple[Known, ...]:
    """Return the clusters with what a forecast has to know of each."""
    remembered = _remembered(found, app, now)
    listed = tuple(_with_memory(each, remembered) for each in found.clusters.values())
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
    others = [cluster.id for key, cluster in sorted(found.clusters.items()) if key not in at_rest]
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
    found = Situation(known.cluster, posture, known.memory, rules, Budget(), (), now, timedelta())
    return any(step.asks_maintenance for step in due(found))


def _uses_maintenance(rules: Rulebook) -> bool:
    settings = (rules.policy.defaults, *(rule.settings for rule in rules.policy.rules))
    return any(each.cluster_maintenance for each in settings)
