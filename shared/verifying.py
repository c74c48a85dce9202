"""Verifies stored evidence, whole, as a stream: manifests first, then every chain, then what the manifests vouch for.

It reads and never writes, and memory stays flat however many records there are. docs/evidence.md has the algorithm.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from shared.anchors import Anchors
from shared.archive import RECORDS, SNAPSHOTS, Archive, each
from shared.domain.anchoring import read_manifest, signature_fault
from shared.domain.bodies import Manifest
from shared.domain.pack import ADDED, INDEX, SUMS, Scope, Sums, unmet
from shared.domain.records import FLEET, MANIFESTS, Head
from shared.domain.signatures import thumbprint
from shared.domain.verification import OUTSIDE, ChainCheck, Fault, place_of, record_name, time_of
from shared.pack_files import PackFiles

_MANIFESTS = f"{RECORDS}{MANIFESTS}/"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified, and what is known of it from elsewhere."""

    now: datetime
    """How old an intent is, is asked of this time; for a pack, when it was written."""
    scope: Scope = field(default_factory=Scope)
    since: date | None = None
    """Records up to the last manifest of this day, or before it, are taken as read; None: none are."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    """Heads of chains as the app remembers them, by path."""
    trusted: frozenset[str] = frozenset()
    """Thumbprints of the keys that manifests have to be signed by, from the first on that one of them signed; that one
    vouches for those before it by its `previous`. Empty: any."""
    held: Scope = field(default_factory=Scope)
    """What a pack says that it holds, whatever part of that is to be verified: anything else in it was added."""
    told: tuple[Head, ...] = ()
    """Numbers and hashes of manifests as mails and events told them."""


@dataclass(slots=True)
class Seen:
    """What a verification has gone through."""

    records: int = 0
    """Those of manifests among them."""
    chains: int = 0
    unanchored: int = 0
    """Records behind the last manifest that names their chain; without an anchor outside they could be cut off."""
    manifests: int = 0
    unsigned: int = 0
    """Manifests without a signature."""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By thumbprint of the key: the first and the last manifest that it signed."""
    trusted_from: int = 0
    """Number of the first manifest that is signed by a key that was given; 0: none is."""
    last: Head = field(default_factory=Head)
    """Number and hash of the last manifest."""
    last_date: date | None = None
    heads: dict[str, Head] = field(default_factory=dict)
    """The last record that was read of each chain."""
    at: datetime | None = None
    """When the last of them was made, by what they say: whatever it names was there by then."""
    after: int = 0
    """Number of the manifest behind which chains were verified; 0: from their beginnings."""
    quiet: list[str] = field(default_factory=list)
    """Chains that have no record behind that manifest: how their clusters are was not read."""
    unnamed: list[str] = field(default_factory=list)
    """Chains that no manifest names."""
    foreign: list[str] = field(default_factory=list)
    """Files of a pack that are the product's own, and another version's."""


class Verification:
    """One verification; `seen` is filled while `faults` are read."""

    def __init__(
        self, archive: Archive, asked: Asked, sums: Sums | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self.archive, self.asked, self.sums, self.progress = archive, asked, sums, progress
        self.seen = Seen()
        self._after: dict[str, Head] = {}
        """Heads of the manifest behind which chains are verified."""
        self._begins: dict[str, Head] | None = None if asked.scope.after else {}
        """Heads of the one that a pack's chains begin behind; None: it has not been met."""
        self._pack = PackFiles(asked.held) if sums else None
        self._files: list[tuple[str, str, str]] = []
        """Snapshots and series: name, hash, and the manifest that names them."""

    def faults(self) -> Iterator[Fault]:
        """Yield everything that is wrong, in the order in which it is found; raises what the storage raises."""
        with Anchors() as anchors:
            heads = self.asked.heads.items()
            anchors.add(OUTSIDE, ((MANIFESTS, head) for head in self.asked.told))
            anchors.add(0, ((path, head) for path, head in heads if path == MANIFESTS))
            yield from self._manifests(anchors)
            yield from self._stored_files()
            # After the manifests': a head that both name counts as anchored.
            anchors.add(0, ((path, head) for path, head in heads if path != MANIFESTS and self.asked.scope.has(path)))
            yield from self._chains(anchors)
            for path in anchors.left():
                yield from self._ended(self._begun(path, anchors))
        self.seen.quiet = sorted(path for path in self._after if self._is_quiet(path))
        if self.sums and self._pack:
            self.sums.end()
            yield from _taken(self.sums.faults)
            yield from self._pack.missing()
            self.seen.foreign = self._pack.foreign
        if self.asked.trusted and self.seen.records and not self.seen.trusted_from:
            yield _unvouched(self.seen.last.seq)

    def _manifests(self, anchors: Anchors) -> Iterator[Fault]:
        """Check the manifests, and keep what they say of the chains that are meant."""
        check = self._begun(MANIFESTS, anchors)
        for name, data in each(self.archive, self.archive.names(_MANIFESTS)):
            self.progress(1)
            place = place_of(name)
            if place is None:
                yield _odd(name)
                continue
            digest = hashlib.sha256(data).hexdigest()
            said = check.take(place[1], data, digest)
            yield from _taken(check.faults)
            self.seen.last = Head(place[1], digest)
            if said is not None:
                yield from self._manifest(name, place[1], said, anchors)
        yield from self._ended(check)
        if self._begins is None:
            # Or whoever writes that number switches off what all manifests say.
            yield Fault(INDEX, unmet(self.asked.scope))

    def _manifest(self, name: str, seq: int, said: Mapping[str, Any], anchors: Anchors) -> Iterator[Fault]:
        read = read_manifest(said)
        if isinstance(read, str):
            yield Fault(name, read)
            return
        if fault := self._signature_fault(seq, said, read):
            yield Fault(name, fault)
        at = time_of(said)
        if at and read.date != at.astimezone(UTC).date():
            yield Fault(name, f"is the manifest of {read.date}, and was made on another day")
        self._count(seq, read, at)
        if self._pack:
            self._pack.manifest(seq, read)
        asked = self.asked
        if seq == asked.scope.after or (asked.since and read.date <= asked.since):
            self.seen.after = seq
            self._after = {path: head for path, head in read.chains.items() if path != FLEET}
            if seq == asked.scope.after:
                self._begins = self._after
            self._files.clear()
            anchors.clear()
        anchors.add(seq, ((path, head) for path, head in read.chains.items() if asked.scope.has(path)))
        self._files += [(f"{SNAPSHOTS}{file.name}", file.sha256, name) for file in read.files]

    def _signature_fault(self, seq: int, said: Mapping[str, Any], read: Manifest) -> str:
        seen, given = self.seen, self.asked.trusted
        # What came before the first is held by the hashes in `previous`: the key may have been another, or none.
        trusted = given if seen.trusted_from else frozenset()
        fault = signature_fault(said, read, trusted, must=bool(seen.keys))
        if not (fault or seen.trusted_from) and read.signature and read.key and thumbprint(read.key) in given:
            seen.trusted_from = seq
        return fault

    def _count(self, seq: int, read: Manifest, at: datetime | None) -> None:
        seen = self.seen
        seen.manifests += 1
        seen.at = max(filter(None, (seen.at, at)), default=None)
        seen.last_date = read.date
        if read.signature and read.key:
            key = thumbprint(read.key)
            seen.keys[key] = seen.keys.get(key, (seq, seq))[0], seq
        else:
            seen.unsigned += 1

    def _stored_files(self) -> Iterator[Fault]:
        """Check what the manifests vouch for besides chains; it speaks of the whole fleet, so not for one cluster."""
        for name, digest, by in () if self.asked.scope.cluster else self._files:
            try:
                found = hashlib.sha256(self.archive.data(name)).hexdigest()
            except FileNotFoundError:
                yield Fault(name, f"is missing: {by} names it")
                continue
            if found != digest:
                yield Fault(name, f"was changed: its hash is not the one that {by} holds")

    def _chains(self, anchors: Anchors) -> Iterator[Fault]:
        check: ChainCheck | None = None
        for name, data in each(self.archive, self._wanted()):
            self.progress(1)
            digest = hashlib.sha256(data).hexdigest()
            if self.sums:
                self.sums.take(name, digest)
                yield from _taken(self.sums.faults)
            place = place_of(name)
            if added := self._added(name, place, data, digest):
                yield Fault(name, added)
            elif not _is_record(name):
                continue
            elif place is None:
                yield _odd(name)
            elif self._is_meant(*place):
                if check is None or check.path != place[0]:
                    yield from self._ended(check)
                    check = self._begun(place[0], anchors)
                said = check.take(place[1], data, digest)
                yield from _taken(check.faults)
                if self._pack and said is not None and place[0] == FLEET:
                    self._pack.record(said)
        yield from self._ended(check)

    def _wanted(self) -> Iterator[str]:
        """Yield the names that have to be read: all of a pack's, else those of the records that are meant."""
        if self.sums:
            yield from (name for name in self.archive.names() if name != SUMS)
            return
        cluster = self.asked.scope.cluster
        for prefix in (f"{RECORDS}{FLEET}/", f"{RECORDS}{cluster}/") if cluster else (RECORDS,):
            for name in self.archive.names(prefix):
                place = place_of(name)
                if _is_record(name) and (place is None or self._is_meant(*place)):
                    yield name

    def _is_meant(self, path: str, seq: int) -> bool:
        return self.asked.scope.has(path) and seq > self._after.get(path, Head()).seq

    def _is_quiet(self, path: str) -> bool:
        return self.asked.scope.has(path) and path not in self.seen.heads

    def _added(self, name: str, place: tuple[str, int] | None, data: bytes, digest: str) -> str:
        """Say why a file can't be a part of the pack; empty if it can: what nobody would verify must not lie in it."""
        if self._pack is None:
            return ""
        if not name.startswith(RECORDS):
            return self._pack.fault(name, data, digest)
        if place is None or place[0] == MANIFESTS:
            return ""
        path, seq = place
        if self.asked.held.has(path) and seq > (self._begins or {}).get(path, Head()).seq:
            return ""
        return ADDED

    def _begun(self, path: str, anchors: Anchors) -> ChainCheck:
        return ChainCheck(path, self._after.get(path, Head()), anchors.take(path), self.asked.now)

    def _ended(self, check: ChainCheck | None) -> Iterator[Fault]:
        if check is None:
            return
        if check.records:
            self.seen.heads[check.path] = check.head
        # A pack that says it is older than its manifests are can't make an intent look young.
        check.end(max(self.asked.now, self.seen.at or self.asked.now))
        self.seen.records += check.records
        if check.path != MANIFESTS:
            self.seen.chains += check.records > 0
            self.seen.unanchored += check.unanchored
            if check.records and not check.named:
                self.seen.unnamed.append(check.path)
        yield from _taken(check.faults)


def _is_record(name: str) -> bool:
    """Say whether a name is one of a record that belongs to no manifest: those are checked by themselves."""
    return name.startswith(RECORDS) and not name.startswith(_MANIFESTS)


def _odd(name: str) -> Fault:
    return Fault(name, "has a name that no record has: it was added")


def _unvouched(last: int) -> Fault:
    """Say that no manifest up to the last one is signed by a key that was given."""
    if not last:
        return Fault(_MANIFESTS, "holds no manifest, and a key that signs them was given")
    said = "is the last manifest, and neither it nor any before it is signed by a key that was given"
    return Fault(record_name(MANIFESTS, last), said)


def _taken(faults: list[Fault]) -> Iterator[Fault]:
    found = tuple(faults)
    faults.clear()
    yield from found
