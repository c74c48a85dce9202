"""A pack of exported evidence: what its index says, and SHA256SUMS, which lists every file of it.

SHA256SUMS is what `sha256sum --check` reads (GNU coreutils), sorted by name, so that it is compared as a stream.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.codec import typed
from shared.domain.records import FLEET, MANIFESTS, Head
from shared.domain.verification import Fault, can_be, is_chain

SCHEMA = "fipswarden.pack/1"
INDEX, PAGE, SUMS = "index.json", "index.html", "SHA256SUMS"
_YEARS = range(2000, 9000)
"""Those in which a pack may be written: near the ends of the calendar no other time can be reckoned from one."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the evidence is meant; the fleet's chain and the manifests are always whole."""

    cluster: str = ""
    """Path of the one cluster's chain; empty: all chains."""
    after: int = 0
    """Number of the manifest behind whose heads the clusters' chains begin; 0: they are whole."""

    def has(self, path: str) -> bool:
        """Say whether a chain is meant."""
        return not self.cluster or path in (self.cluster, FLEET)


@dataclass(frozen=True, slots=True)
class ChainSummary:
    """One chain of a pack, for readers."""

    path: str
    records: int
    first: int
    """Number of its first record in the pack."""
    first_at: str
    """When that one says that it was written."""
    last: int
    last_at: str
    kinds: Mapping[str, int]
    """Records by kind."""


@dataclass(frozen=True, slots=True)
class KeySummary:
    """One key that manifests of a pack name; that they are signed by it is for a verification to say."""

    thumbprint: str
    """RFC 7638."""
    kid: str
    first: int
    """Number of the first manifest that names it."""
    last: int
    file: str
    """As PEM; the same name with `.jwk.json` holds it as a JSON Web Key."""


@dataclass(frozen=True, slots=True)
class TextSummary:
    """One text of the policy or of the exemptions, as a file."""

    kind: str
    hash: str
    at: str
    """When its record says that it came into use."""
    record: str
    """Name of its record."""
    file: str


@dataclass(frozen=True, slots=True)
class Pack:
    """What the index of a pack says."""

    schema: str
    at: datetime
    """When it was written: how old an intent is, is asked of that time."""
    scope: Scope
    heads: Mapping[str, Head] = field(default_factory=dict)
    """Heads of the chains as the app remembered them, by path."""
    chains: tuple[ChainSummary, ...] = ()
    keys: tuple[KeySummary, ...] = ()
    texts: tuple[TextSummary, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names in the evidence account that no record has; they are not in the pack."""
    limits: tuple[str, ...] = ()
    """What the evidence does not say."""
    written_by: Mapping[str, str] = field(default_factory=dict)
    """The program that wrote the pack, and what its own crypto runs on."""


def summary(path: str, records: Iterable[tuple[int, Mapping[str, Any] | None]]) -> ChainSummary:
    """Sum up a chain's records, by number with what they hold; None for what can't be read."""
    kinds, first, last = Counter[str](), (0, ""), (0, "")
    for seq, said in records:
        last = seq, str(said.get("at")) if said else ""
        first = first if kinds else last
        kinds[str(said.get("kind")) if said else "unreadable"] += 1
    return ChainSummary(path, kinds.total(), *first, *last, kinds)


def read_pack(data: bytes) -> Pack:
    """Read an index; raises ValueError for one that is none of this version."""
    try:
        found = typed(Pack, json.loads(data))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if found.schema != SCHEMA:
        raise ValueError(f"it is of schema {found.schema!r}, not {SCHEMA}")
    if found.at.year not in _YEARS:
        raise ValueError(f"it says that it was written at {found.at.isoformat()}")
    if not all(is_chain(path) for path in (*found.heads, *filter(None, [found.scope.cluster]))):
        raise ValueError("it names a chain that can't be")
    if not all(can_be(head) for head in found.heads.values()):
        raise ValueError("it names a head that can't be")
    if found.scope.after < 0 or found.scope.cluster in (FLEET, MANIFESTS):
        raise ValueError("it has a scope that can't be")
    return found


ADDED = f"is no part of what the pack holds, by {INDEX}: it was added"
"""What is wrong with a file that lies in a pack of another part of the evidence."""


def unmet(scope: Scope) -> str:
    """Say that a pack begins behind a manifest that it has not, or that can't be read."""
    return f"begins behind manifest {scope.after}, which is not there or can't be read: it was changed"


class Sums:
    """SHA256SUMS, compared with the files in the order of their names, as a stream."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.faults: list[Fault] = []
        """What has been found; whoever reads it may take it out."""
        self._listed = self._read(lines)
        self._next = next(self._listed, None)

    def take(self, name: str, digest: str) -> None:
        """Compare the next file there is."""
        while self._next and self._next[0] < name:
            self._missing(self._next[0])
        if self._next is None or self._next[0] != name:
            self.faults.append(Fault(name, f"is not in {SUMS}: it was added"))
            return
        if self._next[1] != digest:
            self.faults.append(Fault(name, f"was changed: {SUMS} lists another hash"))
        self._next = next(self._listed, None)

    def end(self) -> None:
        """Say what was listed and did not come."""
        while self._next:
            self._missing(self._next[0])

    def _missing(self, name: str) -> None:
        self.faults.append(Fault(name, f"is missing: {SUMS} lists it"))
        self._next = next(self._listed, None)

    def _read(self, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
        last = ""
        for number, line in enumerate(lines, 1):
            found = _LINE.fullmatch(line)
            if found and found[2] > last:
                last = found[2]
                yield found[2], found[1]
            else:
                self.faults.append(Fault(SUMS, f"has a line {number} that is out of order or no sum: it was changed"))


def sum_line(name: str, digest: str) -> str:
    """Return a line of SHA256SUMS."""
    return f"{digest}  {name}\n"
