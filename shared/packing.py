"""Writes a pack: evidence as it is stored, byte for byte, with all that an auditor needs to verify and read it.

It judges nothing, and never writes over anything: the folder appears when it is whole.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from shared.archive import RECORDS, SNAPSHOTS, Archive, Directory, each, leads_out
from shared.domain.anchoring import read_manifest
from shared.domain.bodies import Manifest
from shared.domain.codec import plain
from shared.domain.pack import INDEX, PAGE, SCHEMA, SUMS, KeySummary, Pack, Scope, TextSummary, sum_line, summary
from shared.domain.records import FLEET, MANIFESTS, Head
from shared.domain.signatures import PublicKey, thumbprint
from shared.domain.stated import LIMITS
from shared.domain.verification import parse, place_of
from shared.errors import InputError
from shared.own_crypto import own_crypto
from shared.pack_files import documents, key_copies, text_copy
from shared.reports.pack_page import pack_page


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported."""

    cluster: str = ""
    """Path of the one cluster's chain; empty: everything."""
    since: date | None = None
    """Of the clusters' records only those behind the last manifest of this day, or before it; None: all."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    """Heads of chains as the app remembers them, by path."""


def write_pack(
    archive: Archive, target: Path, wanted: Wanted, now: datetime, progress: Callable[[int], None] = lambda _: None
) -> Pack:
    """Write a pack to a folder that must not be there yet; raises InputError if it is, and what the storage raises."""
    refusal = InputError(f"{target} is there already: name a folder that is not")
    if os.path.lexists(target):
        raise refusal
    folder = target.absolute().parent / f".{target.name}.{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        pack = _Writer(archive, folder, wanted, progress).write(now)
        if os.path.lexists(target):
            raise refusal
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return pack


@dataclass(slots=True)
class _Writer:
    archive: Archive
    folder: Path
    wanted: Wanted
    progress: Callable[[int], None]
    after: Mapping[str, Head] = field(default_factory=dict)
    """Heads of the manifest that the clusters' chains begin behind."""
    keys: dict[str, KeySummary] = field(default_factory=dict)
    texts: dict[str, TextSummary] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def write(self, now: datetime) -> Pack:
        scope = Scope(self.wanted.cluster, self._manifests())
        chains = tuple(summary(path, records) for path, records in self._chains())
        for name, data in documents().items():
            self._put(name, data)
        heads = {path: head for path, head in self.wanted.heads.items() if path == MANIFESTS or scope.has(path)}
        pack = Pack(
            SCHEMA, now, scope, heads, chains, tuple(self.keys.values()), tuple(self.texts.values()),
            tuple(self.left_out), LIMITS, own_crypto(),
        )  # fmt: skip
        self._put(INDEX, json.dumps(plain(pack), indent=1, sort_keys=True).encode() + b"\n")
        self._put(PAGE, pack_page(pack).encode())
        self._sums()
        return pack

    def _manifests(self) -> int:
        """Copy all manifests, and what they vouch for; returns the number of the one that chains begin behind."""
        after, files = 0, dict[str, None]()
        for _, seq, said in self._copied(f"{RECORDS}{MANIFESTS}/"):
            read = read_manifest(said) if said is not None else None
            if not isinstance(read, Manifest):
                continue
            if self.wanted.since and read.date <= self.wanted.since:
                after, self.after = seq, {path: head for path, head in read.chains.items() if path != FLEET}
                files.clear()
            files |= {f"{SNAPSHOTS}{file.name}": None for file in read.files}
            if read.key:
                self._key(seq, read.key)
        # They speak of the whole fleet.
        for name in () if self.wanted.cluster else files:
            try:
                self._put(name, self.archive.data(name))
            except FileNotFoundError:
                continue  # a verification says so: the manifest names it
        return after

    def _chains(self) -> Iterator[tuple[str, Iterator[tuple[int, Mapping[str, Any] | None]]]]:
        """Copy the records that are meant, chain by chain."""
        cluster = self.wanted.cluster
        for prefix in (f"{RECORDS}{FLEET}/", f"{RECORDS}{cluster}/") if cluster else (RECORDS,):
            for path, records in groupby(self._copied(prefix), lambda record: record[0]):
                yield path, ((seq, said) for _, seq, said in records)

    def _copied(self, prefix: str) -> Iterator[tuple[str, int, Mapping[str, Any] | None]]:
        """Copy records; yields their places, and what they hold if that can be read."""
        for name, data in each(self.archive, self._meant(prefix)):
            place = place_of(name)
            if place is None:
                continue
            self._put(name, data)
            self.progress(1)
            said = parse(data)
            found = None if isinstance(said, str) else said
            if found is not None and place[0] == FLEET:
                self._text(name, found)
            yield *place, found

    def _meant(self, prefix: str) -> Iterator[str]:
        for name in self.archive.names(prefix):
            place = place_of(name)
            if place is None:
                self.left_out.append(name)
            elif place[1] > self.after.get(place[0], Head()).seq and (place[0] != MANIFESTS or MANIFESTS in prefix):
                yield name

    def _key(self, seq: int, key: PublicKey) -> None:
        name = thumbprint(key)
        if name in self.keys:
            self.keys[name] = replace(self.keys[name], last=seq)
            return
        try:
            copies = key_copies(key)
        except ValueError:
            return  # no key at all: a verification says that the signature does not hold
        for file, data in copies.items():
            self._put(file, data)
        self.keys[name] = KeySummary(name, key.kid, seq, seq, next(iter(copies)))

    def _text(self, name: str, said: Mapping[str, Any]) -> None:
        """Write a version of the policy or the exemptions as a file of its own."""
        copy = text_copy(said)
        if copy and copy[0] not in self.texts:
            self._put(*copy)
            self.texts[copy[0]] = TextSummary(said["kind"], said["hash"], str(said.get("at")), name, copy[0])

    def _put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        if leads_out(name):
            raise OSError(f"{name[:200]!r} can't be the name of a file in a pack")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _sums(self) -> None:
        """List every file with its hash; what is hashed is what was written."""
        found = Directory(self.folder)
        with (self.folder / SUMS).open("w", encoding="utf-8", newline="\n") as sums:
            for name in found.names():
                if name != SUMS:
                    sums.write(sum_line(name, hashlib.sha256(found.data(name)).hexdigest()))
