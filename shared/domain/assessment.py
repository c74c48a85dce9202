"""What evidence records say of the fleet at one time, in the form that every report is made from.

What could not be read is here too: a report never leaves it out.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from shared.domain.assessed import READABLE, Due, PoolAssessed, Source, ends_with
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.exemptions import Exemption
from shared.domain.ids import ClusterId
from shared.domain.looks import SILENT
from shared.domain.model import OPEN, ComplianceState, worst
from shared.domain.pack import Scope
from shared.domain.records import Head
from shared.domain.verdicts import Judgement
from shared.domain.wording import count


@dataclass(frozen=True, slots=True)
class LastManifest:
    """The last manifest: who holds its hash can tell whether a record was changed later."""

    number: int
    source: Source
    key: str
    """Thumbprint of the key that signed it; empty: nobody did, or the signature does not hold, which is a fault."""
    clusters: int = 0
    """How many chains of clusters it names."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the fleet nobody has judged, by the day's line of the series that the last manifest names."""

    date: date
    unread_subscriptions: int | None = None
    """Subscriptions that could not be read; None: nobody could be asked."""
    unseen: int | None = None
    """Clusters and subscriptions that nobody has judged at all; None: there was no resync lately."""

    @property
    def whole(self) -> bool:
        """Say whether the records are of the whole fleet, as of that day."""
        return self.unread_subscriptions == 0 and self.unseen == 0


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that somebody has to do something about, with all that a reader asks next."""

    cluster: ClusterAssessed
    pool: PoolAssessed | None
    """None for what concerns the whole cluster."""
    judgement: Judgement
    unread: bool = False
    """It is known from when the cluster was read last: it could not be read since."""

    @property
    def key(self) -> str:
        """What makes it the same finding in every report."""
        return finding_key(self.cluster.cluster, self.pool.name if self.pool else "", self.judgement.check)

    @property
    def source(self) -> Source | None:
        """The record that says it."""
        if self.pool:
            return self.pool.source
        return self.cluster.read if self.unread else self.cluster.observed

    @property
    def behind(self) -> bool:
        """Say whether it rests on a record that no manifest vouches for yet."""
        return self.pool.behind if self.pool else bool(self.source and self.source.behind)

    @property
    def exemption(self) -> Exemption | None:
        """The exemption that excuses it; None if none does, or its text is not among the records."""
        return (self.pool or self.cluster).exemption if self.judgement.state is ComplianceState.EXEMPT else None

    @property
    def owner(self) -> str:
        """Who answers for it; empty if nobody is named."""
        if self.pool:
            return self.pool.owner
        return self.exemption.owner if self.exemption else self.cluster.owner

    @property
    def due(self) -> Due:
        """Until when something is to be done."""
        if self.pool:
            return self.pool.due
        ends = self.judgement.exempt_until
        return ends_with(self.exemption, ends) if self.exemption and ends else self.cluster.due


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not known, and stands in no finding."""

    what: str
    """What it is of."""
    why: str
    cluster: ClusterAssessed | None = None
    """None for what concerns the fleet."""
    is_fault: bool = False
    """Something is wrong with the evidence itself."""


def finding_key(cluster: ClusterId, pool: str, check: str) -> str:
    """Return what makes a finding the same one over time: its cluster, its pool and its check."""
    return f"{cluster.path}/{pool}/{check}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """The fleet, as its records show it."""

    as_of: datetime
    """When: now, or when the pack was written."""
    since: datetime | None
    """From when on changes and remediations are told; None: from the first record."""
    scope: Scope
    """Which part of the evidence it is of."""
    clusters: tuple[ClusterAssessed, ...]
    """In the order of their chains' names."""
    policies: tuple[tuple[str, Source], ...] = ()
    """The policy's texts that are among the records: hash and record."""
    fleet: Head | None = None
    """Head of the chain of what belongs to no cluster; None if it is not there."""
    manifest: LastManifest | None = None
    """None: no manifest is among the records."""
    coverage: Coverage | None = None
    """None: no manifest names a day's line of the series, or one cluster alone was asked for."""
    texts_unread: tuple[str, ...] = ()
    """Texts of policy and exemptions that can't be read by this version, as sentences."""
    faults: tuple[str, ...] = ()
    """What is wrong with the records that belong to no cluster, or with what the fleet should have."""

    @property
    def judged(self) -> tuple[ClusterAssessed, ...]:
        """The clusters that have a state."""
        return tuple(one for one in self.clusters if one.judged)

    def pools(self) -> Iterator[tuple[ClusterAssessed, PoolAssessed]]:
        """Yield the node pools of all clusters that have a state."""
        for cluster in self.judged:
            for pool in cluster.pools:
                yield cluster, pool

    def states(self) -> Counter[ComplianceState]:
        """Count pools by state."""
        return Counter(pool.state for _, pool in self.pools())

    def open(self) -> Iterator[OpenFinding]:
        """Yield the open findings; what is unknown only because its cluster is, is told of the cluster alone.

        Of a cluster that can't be read, what was open when it was read last is so still.
        """
        for cluster in self.judged:
            yield from self.open_of(cluster)

    def open_of(self, cluster: ClusterAssessed) -> Iterator[OpenFinding]:
        """Yield those of one cluster."""
        yield from (OpenFinding(cluster, None, one) for one in cluster.findings if one.state in OPEN)
        yield from (OpenFinding(cluster, None, one, unread=True) for one in cluster.was if one.state in OPEN)
        for pool in cluster.pools:
            for known in filter(None, (pool, pool.was)):
                for found in known.findings:
                    if found.state in OPEN and found.check != READABLE:
                        yield OpenFinding(cluster, known, found, unread=known is pool.was)

    def beside(self, means: Callable[[Judgement], bool] = lambda _: True) -> Counter[ComplianceState]:
        """Count clusters by the worst of what is open of them beside their pools, of the findings that are meant."""
        each = (worst([one.state for one in cluster.beside if means(one)]) for cluster in self.judged)
        return Counter(state for state in each if state in OPEN)

    def was(self) -> Counter[ComplianceState]:
        """Count the pools that can't be read by what was bad of them when they were."""
        return Counter(pool.known for _, pool in self.pools() if pool.known is not pool.state)

    def unread(self) -> Iterator[tuple[str, str]]:
        """Yield what could not be read, with the reason."""
        for gap in self.gaps():
            yield str(gap.cluster.cluster) if gap.cluster else gap.what, gap.why
        for cluster in self.judged:
            if cluster.observed and cluster.unreadable:
                yield str(cluster.cluster), f"{cluster.unreadable.reason}: {cluster.unreadable.message}"

    def gaps(self) -> Iterator[Gap]:
        """Yield what is not known and stands in no finding."""
        for fault in self.faults:
            yield Gap("the fleet's records", fault, is_fault=True)
        if not self.clusters:
            yield Gap("the evidence", "there is no record of any cluster: this report is of nothing")
        for text in self.texts_unread:
            yield Gap("the fleet's records", text)
        if self.manifest and self.as_of - self.manifest.source.at > SILENT:
            since = f"{self.manifest.source.at:%Y-%m-%d %H:%M} UTC"
            yield Gap("the fleet", f"nobody has written a manifest since {since}, and one is due each day")
        if why := self._uncovered():
            yield Gap("the fleet", why)
        for cluster in self.clusters:
            for fault in cluster.faults:
                yield Gap("its records", fault, cluster, is_fault=True)
            for why in _gaps_of(cluster):
                yield Gap("its records", why, cluster)

    def _uncovered(self) -> str:
        """Say why it is not known which clusters there are; empty if it is, or if one cluster alone is meant."""
        if self.coverage:
            return "" if self.coverage.whole else _uncovered(self.coverage)
        if self.scope.cluster:
            return ""
        why = (
            "no line of the series that the last manifest names is there"
            if self.manifest
            else "no manifest is among the records (the daily digest writes one)"
        )
        return f"which clusters and subscriptions there are is not known: {why}"


def _gaps_of(cluster: ClusterAssessed) -> Iterator[str]:
    if not cluster.vouched and cluster.unreadable is None:
        yield "nothing vouches for them: no manifest names their chain, and nobody remembers its head"
    if cluster.begins > 1:
        before = f"record{'' if cluster.begins == 2 else 's 1 to'} {cluster.begins - 1}"
        yield f"{before} {'is' if cluster.begins == 2 else 'are'} not in the pack"
    if cluster.judged and any(pool.assumed and pool.ends for pool in cluster.pools):
        yield _ASSUMED
    if cluster.observed is None:
        yield "no record of it says how it is"
    if cluster.unwatched:
        yield (
            f"whether the look that was due at {cluster.unwatched:%Y-%m-%d %H:%M} UTC came is not known: it left no "
            "record, and no snapshot of the fleet that has the cluster is there"
        )
    for pool in (pool.was or pool for pool in cluster.pools if cluster.judged):
        if pool.state is ComplianceState.EXEMPT and pool.exemption is None:
            yield f"which exemption excuses {pool.name}, and who answers for that, is not known"


_ASSUMED = (
    "how old its nodes' proofs may be is not known: neither its records nor a policy among them say it. Three days "
    "are taken, the policy language's default"
)


def _uncovered(found: Coverage) -> str:
    lost, unseen = found.unread_subscriptions, found.unseen
    said = (
        "nobody could ask which subscriptions there are" if lost is None else f"{count(lost, 'subscription')} not read"
    )
    if unseen is None:
        return f"on {found.date}: {said}; no resync came"
    rest = f"{count(unseen, 'cluster or subscription', 'clusters and subscriptions')} never judged"
    return f"on {found.date}: {said}; {rest}"
