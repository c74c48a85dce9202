"""Puts the chains of a fleet together into one assessment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.assessing import Reading
from shared.domain.assessment import Anchor, Assessment, ClusterAssessed
from shared.domain.bodies import Manifest
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.linked import Stored, linked
from shared.domain.records import FLEET, MANIFESTS, Head, RecordKind
from shared.domain.rule_texts import RuleTexts

Chains = Iterable[tuple[str, Iterable[Stored]]]
"""Paths of chains with their records, in the order of their names."""


@dataclass(slots=True)
class _Own:
    """What the chains say that belong to no cluster."""

    texts: RuleTexts = field(default_factory=RuleTexts)
    head: Head | None = None
    anchor: Anchor | None = None
    heads: Mapping[str, Head] = field(default_factory=dict)
    """The heads of all chains, by the last manifest."""
    faults: list[str] = field(default_factory=list)
    last: datetime | None = None

    def manifests(self, stored: Iterable[Stored]) -> None:
        """Read the chain of the manifests: the last one counts."""
        for found in linked(stored, {"chain": MANIFESTS}):
            self.faults += [f"{MANIFESTS}: {fault}" for fault in found.faults]
            if not (found.sound and found.record and found.source and found.record.kind is RecordKind.MANIFEST):
                continue
            try:
                said = typed(Manifest, found.record.payload)
            except ValueError as error:
                self.faults.append(f"{MANIFESTS}: record {found.seq} does not say what its kind must say: {error}")
                continue
            self.anchor = Anchor(found.seq, found.source.hash, found.source.at, signed=bool(said.signature))
            self.heads, self.last = said.chains, found.source.at

    def fleet(self, stored: Iterable[Stored]) -> None:
        """Read the chain of what belongs to no cluster."""
        for found in linked(stored, {"chain": FLEET}, self.heads.get(FLEET)):
            self.faults += [f"{FLEET}: {fault}" for fault in found.faults]
            if not (found.sound and found.record and found.source):
                continue
            self.head = found.record.head
            self.last = max(self.last or found.source.at, found.source.at)
            try:
                self.texts.meet(found.record, found.source)
            except ValueError as error:
                self.faults.append(f"{FLEET}: record {found.seq} does not say what its kind must say: {error}")


def assess(
    own: Mapping[str, Iterable[Stored]],
    clusters: Chains,
    *,
    now: datetime | None,
    since: datetime | None = None,
    whole: bool = True,
) -> Assessment:
    """Assess the fleet: `own` are the chains that belong to no cluster, by their paths.

    Without `now` it is assessed as of the last record: a pack says how things were when it was made. `whole` says that
    `clusters` are to be all: one that the last manifest knows, and that is not there, is then a fault.
    """
    about = _Own()
    about.manifests(own.get(MANIFESTS, ()))
    about.fleet(own.get(FLEET, ()))
    found: list[ClusterAssessed] = []
    for path, stored in clusters:
        try:
            cluster = ClusterId.from_key(path.replace("/", "|"))
        except ValueError:
            about.faults.append(f"{path}: is no chain of records")
            continue
        found.append(Reading(cluster, about.texts, since).read(stored, about.heads.get(path)))
    if whole:
        missing = {*about.heads} - {one.cluster.path for one in found} - {FLEET, MANIFESTS}
        about.faults += [f"{path}: the last manifest knows it, and none of its records is there" for path in missing]
    as_of = now or _last(about.last, found)
    return Assessment(
        as_of,
        since,
        tuple(one.as_of(as_of) for one in found),
        tuple(about.texts.sources.items()),
        about.head,
        about.anchor,
        tuple(sorted(about.faults)),
    )


def _last(own: datetime | None, clusters: Iterable[ClusterAssessed]) -> datetime:
    """Return when the last record was written; raises ValueError if there is none."""
    times = [one.last for one in clusters if one.last]
    return max([*times, own] if own else times)
