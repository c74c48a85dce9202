"""Whether a chain's records are what the app wrote: record by record, as they come, in flat memory.

docs/evidence.md has the algorithm. A record that was changed, removed, moved, slipped in or cut short is a fault with
the name of its blob; it must never pass as sound.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from shared.domain.bodies import BODIES, Body, Origin, RuleText, StrayProof
from shared.domain.codec import canonical, moment, text_hash, typed
from shared.domain.ids import ClusterId
from shared.domain.operation import OutcomeState
from shared.domain.records import FLEET, GENESIS, MANIFESTS, SCHEMA, Head, RecordKind

PATIENCE = timedelta(hours=1, seconds=480)
"""After this an intent without an outcome is a fault: an hour beyond the longest look (LOOK_DEADLINE_SECONDS)."""
LASTS = timedelta(days=7)
"""After this an operation that ARM accepted and whose end no record says is a fault; AKS itself names no limit."""
AHEAD = timedelta(hours=1)
"""So much later than the time of the verification a record may be made: clocks differ."""
_NAME = re.compile(r"(.+)/([0-9]{10})\.json", re.DOTALL)
HASH = re.compile(r"[0-9a-f]{64}")
"""SHA-256 as it is written everywhere."""
OUTSIDE = -1
"""In an anchor, where a manifest's number would be: a mail or an event told it."""
_KINDS = frozenset(kind.value for kind in RecordKind)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with stored evidence."""

    name: str
    """Of the blob or file."""
    said: str
    """What is wrong, as the end of a sentence that begins with the name."""

    def __str__(self) -> str:
        return f"{self.name} {self.said}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What somewhere else says of a record's hash."""

    seq: int
    hash: str
    manifest: int
    """Number of the manifest; 0: the posture row, or what keeps the chain's head in its place; or OUTSIDE."""

    @property
    def by(self) -> str:
        """Who says it."""
        if self.manifest == OUTSIDE:
            return "the mail or event"
        return f"manifest {self.manifest}" if self.manifest else "the app's row"


def record_name(path: str, seq: int) -> str:
    """Return the name of a record in an archive."""
    return f"evidence/{path}/{seq:010}.json"


def place_of(name: str) -> tuple[str, int] | None:
    """Return chain and number of a record by its name in an archive; None for a name that no record has."""
    found = _NAME.fullmatch(name.removeprefix("evidence/"))
    if not found or not is_chain(found[1]) or not (seq := int(found[2])):
        return None
    return found[1], seq


@lru_cache(maxsize=1000)
def is_chain(path: str) -> bool:
    """Say whether a chain can lie there."""
    try:
        return path in (FLEET, MANIFESTS) or ClusterId(*path.split("/")).path == path
    except (ValueError, TypeError):
        return False


def can_be(head: Head) -> bool:
    """Say whether a chain can have a head: ten digits of number, and a hash."""
    return 0 <= head.seq < 10**10 and bool(HASH.fullmatch(head.hash))


@lru_cache(maxsize=1000)
def _path(arm_id: str) -> str:
    try:
        return ClusterId.parse(arm_id).path
    except ValueError:
        return ""


def parse(data: bytes) -> Mapping[str, Any] | str:
    """Return what some bytes hold, or why they are no canonical JSON object."""
    try:
        payload = json.loads(data)
    except (ValueError, RecursionError):
        return "is not JSON: it was changed or cut short"
    if not isinstance(payload, dict):
        return "is no JSON object"
    try:
        same = canonical(payload) == data
    except (ValueError, RecursionError):
        same = False
    return payload if same else "is not in canonical form: it was changed"


def envelope_fault(said: Mapping[str, Any], path: str, seq: int) -> str:
    """Say what is wrong with the fields that every record has, in its place; empty if nothing is."""
    if said.get("schema") != SCHEMA:
        return f"is not of schema {SCHEMA}"
    own = _path(str(said.get("cluster"))) if "cluster" in said else said.get("chain")
    if own != path or type(said.get("seq")) is not int or said["seq"] != seq:
        return "says that it is another record, or another chain's"
    if not (isinstance(said.get("id"), str) and said["id"]):
        return "has no id"
    kind = said.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS or (kind == RecordKind.MANIFEST) != (path == MANIFESTS):
        return "is of a kind that does not belong here"
    if time_of(said) is None:
        return "has no time"
    if not (isinstance(said.get("previous"), str) and HASH.fullmatch(said["previous"])):
        return "names no record before it"
    return ""


def body_of(said: Mapping[str, Any]) -> Body | str:
    """Return what a record holds beside that, or what is wrong with it by the published schema's types."""
    kind = RecordKind(said["kind"])
    of_strays = kind is RecordKind.PROOF and "strays" in said
    body: type[Body] = StrayProof if of_strays else BODIES[kind][0]
    try:
        typed(Origin, said)
        found: Body = typed(body, said)
    except ValueError as error:
        return f"is no {kind}, by the schema: {error}"
    return found if not isinstance(found, RuleText) or _is_called(found) else _MISCALLED


_MISCALLED = "holds a text that has not the hash by which it is called"


def _is_called(found: RuleText) -> bool:
    return found.hash == text_hash(found.text) or not (found.hash or found.text)


def time_of(said: Mapping[str, Any]) -> datetime | None:
    """Return when a record says that it was made; None if it says no time with a zone, or one that UTC can't hold."""
    try:
        return moment(str(said.get("at")))
    except ValueError:
        return None


class ChainCheck:
    """One chain, from a head on; records are given in the order of their numbers."""

    def __init__(self, path: str, after: Head, anchors: Iterable[Anchor], now: datetime) -> None:
        self.path, self.now, self.records, self.unanchored = path, now, 0, 0
        """Records seen, and those behind the last manifest that names the chain."""
        self.faults: list[Fault] = []
        """What has been found; whoever reads it may take it out."""
        self.body: Body | None = None
        """What the last record that was taken says, as its kind has it; None if that is not known."""
        self.last = after.seq
        self._start = self.last
        self._before: str | None = after.hash
        """Hash of the record before; None if that one is missing."""
        self._anchors = deque(sorted(anchors, key=lambda anchor: anchor.seq))
        self._anchored = max((anchor.seq for anchor in self._anchors if anchor.manifest), default=after.seq)
        self.named = self._anchored > 0
        """Whether a manifest names the chain."""
        self._intents = set[int]()
        """Hashes of the ids of all intents, or manifests: a number each, where a text would make a long chain heavy."""
        self._open: dict[str, tuple[int, datetime, bool]] = {}
        """By id of an intent whose end is not known: number and time of the last record of it, whether ARM took it."""
        self._whole = not after.seq
        """Whether every record of the chain until now was read."""
        self._compare(after.seq, after.hash)

    def take(self, seq: int, data: bytes, digest: str) -> Mapping[str, Any] | None:
        """Check the next record there is; returns what it holds, or None if that is not known."""
        if seq > self.last + 1:
            self._missing(seq - 1)
        self.records += 1
        self.unanchored += self.behind(seq)
        said = self._sound(seq, data)
        if said is None:
            self._whole = False
        else:
            self._follow(seq, str(said["previous"]))
            self._remember(seq, said)
        self._compare(seq, digest)
        self.last, self._before = seq, digest
        return said

    def behind(self, seq: int) -> bool:
        """Say whether a record lies behind the last manifest that names the chain: no manifest vouches for it yet."""
        return self.path != MANIFESTS and seq > self._anchored

    def _sound(self, seq: int, data: bytes) -> Mapping[str, Any] | None:
        """Return what a record holds, and keep it as what its kind says; None, with a fault, if it is none."""
        said = parse(data)
        fault = said if isinstance(said, str) else envelope_fault(said, self.path, seq)
        body = fault if fault or isinstance(said, str) else body_of(said)
        if isinstance(body, str) or isinstance(said, str):
            self.body = None
            self._fault(seq, str(body))
            return None
        self.body = body
        return said

    @property
    def head(self) -> Head:
        """The last record that was taken; asked before the end, which may know of more that are missing."""
        return Head(self.last, self._before or "")

    def end(self, as_of: datetime) -> None:
        """Check what only the end of a chain shows: whether more is known of it, and intents that nothing came of."""
        if self._anchors:
            self._missing(self._anchors[-1].seq)
        for seq, at, accepted in self._open.values():
            if accepted and as_of - at > LASTS:
                self._fault(seq, "is the last word of an operation, and older than one may last")
            elif not accepted and as_of - at > PATIENCE:
                self._fault(seq, "is an intent without an outcome, and older than a look may last")

    def _follow(self, seq: int, previous: str) -> None:
        if self._before is None or previous == self._before:
            return
        if self.last == self._start:
            beginning = "a record before it, and is the first" if self._before == GENESIS else "another one before it"
            self._fault(seq, f"names {beginning}: it was changed")
        else:
            self._fault(self.last, f"or the record after it was changed: {seq} names another hash than {self.last} has")

    def _remember(self, seq: int, said: Mapping[str, Any]) -> None:
        at = time_of(said)
        if at and at - self.now > AHEAD:
            self._fault(seq, f"says that it was made at {said['at']}, and it is not so late yet")
        if said["kind"] in (RecordKind.INTENT, RecordKind.MANIFEST):
            if hash(said["id"]) in self._intents:
                self._fault(seq, f"has the id of another {said['kind']}")
            self._intents.add(hash(said["id"]))
        if at and said["kind"] == RecordKind.INTENT:
            self._open[said["id"]] = seq, at, False
        elif at and said["kind"] == RecordKind.OUTCOME:
            self._outcome(seq, at, said)

    def _outcome(self, seq: int, at: datetime, said: Mapping[str, Any]) -> None:
        intent, known = said["intent"], hash(said["intent"]) in self._intents
        # What stands before a part of a chain, or in a record that can't be read, is not known.
        if self._whole and not known:
            self._fault(seq, "is an outcome of no intent before it")
        self._intents.add(hash(intent))
        if said["outcome"] != OutcomeState.ACCEPTED:
            self._open.pop(intent, None)
        elif intent in self._open or not known:
            self._open[intent] = seq, at, True

    def _compare(self, seq: int, digest: str) -> None:
        while self._anchors and self._anchors[0].seq <= seq:
            anchor = self._anchors.popleft()
            if anchor.seq == seq and anchor.hash != digest:
                self._fault(seq, f"was changed: its hash is not the one that {anchor.by} holds")

    def _missing(self, until: int) -> None:
        first = self.last + 1
        knowing = [anchor for anchor in self._anchors if first <= anchor.seq <= until]
        known = f"; {knowing[-1].by} knows of record {knowing[-1].seq}" if knowing else ""
        more = "" if first == until else f", and so is every record up to {until}"
        self._fault(first, f"is missing{more}{known}")
        self.last, self._before, self._whole = until, None, False
        while self._anchors and self._anchors[0].seq <= until:
            self._anchors.popleft()

    def _fault(self, seq: int, said: str) -> None:
        self.faults.append(Fault(record_name(self.path, seq), said))
