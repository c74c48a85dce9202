"""Puts the chains of a fleet together into one assessment."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.anchoring import read_manifest, signature_fault
from shared.domain.assessed import Source
from shared.domain.assessing import Reading
from shared.domain.assessment import Assessment, Coverage, LastManifest
from shared.domain.bodies import StoredFile
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.linked import Stored, linked
from shared.domain.looks import Looks
from shared.domain.pack import INDEX, Scope, unmet
from shared.domain.records import FLEET, MANIFESTS, Head
from shared.domain.rule_texts import RuleTexts
from shared.domain.signatures import thumbprint
from shared.domain.verification import Anchor, ChainCheck

Chains = Iterable[tuple[str, Iterable[Stored]]]
"""Paths of chains with their records, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be assessed."""

    now: datetime
    """As of when: now, or when the pack was written."""
    since: datetime | None = None
    """From when on changes and remediations are told; None: from the first record."""
    scope: Scope = field(default_factory=Scope)
    heads: Mapping[str, Head] = field(default_factory=dict)
    """Heads of chains as the app remembers them, by path."""
    faults: tuple[str, ...] = ()
    """What is wrong with the pack itself, as sentences."""


class Fleet:
    """The assessment of a fleet while its chains are read: manifests, then the fleet's own, then the clusters'."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._texts = RuleTexts()
        self._faults = [*asked.faults]
        self.looks = Looks(asked.now)
        self.snapshots: list[tuple[Source, StoredFile]] = []
        """The snapshots that manifests name, for whoever reads the archive."""
        self.series: StoredFile | None = None
        """The day's line of the series that the last manifest names, for whoever reads the archive."""
        self._coverage: Coverage | None = None
        self._manifest: LastManifest | None = None
        self._anchored: Mapping[str, Head] = {}
        """The heads of all chains, by the last manifest."""
        self._after: Mapping[str, Head] = {}
        """The heads that the chains begin behind."""
        self._fleet: Head | None = None
        self._found: list[ClusterAssessed] = []

    def manifests(self, stored: Iterable[Stored]) -> None:
        """Read the chain of the manifests; of the heads that they hold, the last one's are compared."""
        met, signed = not self.asked.scope.after, False
        for one in linked(self._check(MANIFESTS), stored, self.asked.now):
            self._faults += one.faults
            if one.said is None or one.source is None:
                continue
            read = read_manifest(one.said)
            if isinstance(read, str):
                self._faults.append(f"{one.source.name} {read}")
                continue
            if fault := signature_fault(one.said, read, frozenset(), must=signed):
                self._faults.append(f"{one.source.name} {fault}")
            signed = signed or bool(read.signature)
            key = thumbprint(read.key) if read.signature and read.key and not fault else ""
            self._anchored = read.chains
            self._manifest = LastManifest(one.seq, one.source, key, sum(path != FLEET for path in read.chains))
            self.series = read.series
            self.looks.manifest(one.source)
            if read.snapshot:
                self.snapshots.append((one.source, read.snapshot))
            if one.seq == self.asked.scope.after:
                met = True
                self._after = {path: head for path, head in read.chains.items() if path != FLEET}
        if not met:
            self._faults.append(f"{INDEX} {unmet(self.asked.scope)}")

    def covered(self, named: StoredFile, data: bytes | None) -> None:
        """Take in the day's line of the series; None if it is not there."""
        if data is None or hashlib.sha256(data).hexdigest() != named.sha256:
            self._faults.append(
                f"snapshots/{named.name} is {'changed' if data else 'missing'}: the last manifest names it"
            )
            return
        try:
            self._coverage = typed(Coverage, json.loads(data))
        except (ValueError, RecursionError) as error:
            self._faults.append(f"snapshots/{named.name} can't be read: {error}")

    def looked(self, manifest: Source, named: StoredFile, data: bytes | None) -> None:
        """Take in the fleet's snapshot that a manifest names; None if it is not there."""
        if data is None or hashlib.sha256(data).hexdigest() != named.sha256:
            # A part of the evidence has the last ones alone, and one cluster's has none: `evidence verify` names those.
            if data or ((manifest, named) == self.snapshots[-1] and not self.asked.scope.cluster):
                told = f"is {'changed' if data else 'missing'}: {manifest.name} names it"
                self._faults.append(f"snapshots/{named.name} {told}")
            return
        try:
            self.looks.snapshot(manifest, data)
        except ValueError as error:
            self._faults.append(f"snapshots/{named.name} can't be read: {error}")

    def own(self, stored: Iterable[Stored]) -> None:
        """Read the chain of what belongs to no cluster."""
        for one in linked(self._check(FLEET), stored, self.asked.now):
            self._faults += one.faults
            if one.source:
                self._fleet = Head(one.seq, one.source.hash)
                self._texts.meet(one.body, one.source)

    def clusters(self, chains: Chains) -> None:
        """Read the chains of the clusters."""
        for path, stored in chains:
            try:
                cluster = ClusterId(*path.split("/"))
            except (ValueError, TypeError):
                self._faults.append(f"evidence/{path} is the place of no chain: what lies there was added")
                continue
            reading = Reading(cluster, self._texts, self.looks, self.asked.now, self.asked.since)
            check = self._check(path)
            read = reading.read(check, stored)
            found = replace(read, unanchored=check.unanchored, named=check.named)
            known = path in self._anchored or path in self.asked.heads
            self._found.append(found if known else found.unvouched())

    def assessed(self) -> Assessment:
        """Return the whole, once all has been read."""
        there = {one.cluster.path for one in self._found} | {FLEET, MANIFESTS}
        known = {**self._after, **self._anchored, **self.asked.heads}
        quiet = []
        for path, head in sorted(known.items()):
            if path in there or not self.asked.scope.has(path):
                continue
            after = self._after.get(path, Head()).seq
            if head.seq > after:
                self._faults.append(f"{path} is known to have {head.seq} records, and none of them is there")
            elif after:
                # Nothing came behind the head that its part of the evidence begins behind: how it is, that says.
                quiet.append(ClusterAssessed(ClusterId(*path.split("/")), head, begins=after + 1))
        return Assessment(
            self.asked.now,
            self.asked.since,
            self.asked.scope,
            tuple(sorted([*self._found, *quiet], key=lambda one: one.cluster.path)),
            tuple(self._texts.sources.items()),
            self._fleet,
            self._manifest,
            self._coverage,
            tuple(self._texts.unread),
            tuple(self._faults),
        )

    def _check(self, path: str) -> ChainCheck:
        number = self._manifest.number if self._manifest else 0
        known = [(self._anchored.get(path), number), (self.asked.heads.get(path), 0)]
        anchors = [Anchor(head.seq, head.hash, by) for head, by in known if head]
        return ChainCheck(path, self._after.get(path, Head()), anchors, self.asked.now)
