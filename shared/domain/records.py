"""Evidence records: canonical JSON, chained by SHA-256, never amended.

A record names its predecessor's hash; its own hash is that of its canonical bytes. Times are UTC in ISO 8601.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.domain.codec import canonical, plain
from shared.domain.ids import ClusterId
from shared.domain.wording import count

SCHEMA = "fipswarden.evidence/1"
GENESIS = "0" * 64
"""The `previous` of a chain's first record."""


class RecordKind(StrEnum):
    """What a record is proof of."""

    OBSERVATION = "observation"
    PROOF = "proof"
    INTENT = "intent"
    OUTCOME = "outcome"
    REQUEST = "request"
    """A person asked for something: what, and then what became of it."""
    REPLACEMENT = "replacement"
    """A part of a replacement that is no operation of ARM's: what is cordoned and evicted, what became of it, how it
    ended."""
    APPROVAL = "approval"
    """A person decided for the fleet: an approval, a pause, a reset of the breaker."""
    EXEMPTION = "exemption"
    """Another text of the exemptions came into use."""
    POLICY = "policy"
    """Another text of the policy came into use."""
    MANIFEST = "manifest"
    """The heads of all chains at one time, signed."""


FLEET = "_fleet"
"""The chain of what belongs to no cluster; no cluster's path can be the same, since it has slashes."""
MANIFESTS = "_manifests"
"""The chain of the daily manifests."""
ChainId = ClusterId | str
"""A cluster's chain, or one of those two."""


def path_of(chain: ChainId) -> str:
    """Return where a chain's records lie: `subscription/group/cluster` in lower case, `_fleet` or `_manifests`."""
    return chain.path if isinstance(chain, ClusterId) else chain


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain, as far as is known."""

    seq: int = 0
    """0: the chain is empty."""
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Record:
    """One evidence record, ready to be written."""

    seq: int
    """1, 2, 3 ... without gaps in one chain."""
    id: str
    """Unique; a record that was written but whose answer was lost is recognised by it."""
    kind: RecordKind
    payload: Mapping[str, Any]
    """Every field of the record, as JSON values."""

    @property
    def bytes(self) -> bytes:
        """The canonical form, which is stored and hashed."""
        return canonical(self.payload)

    @property
    def head(self) -> Head:
        """The chain's head once this record is written."""
        return Head(self.seq, hashlib.sha256(self.bytes).hexdigest())


def make_record(
    chain: ChainId, previous: Head, record_id: str, kind: RecordKind, at: datetime, body: Mapping[str, Any]
) -> Record:
    """Build the record that follows `previous` in a chain; `body` may hold dataclasses and times."""
    payload = {
        **plain(body),
        "schema": SCHEMA,
        **named(chain),
        "seq": previous.seq + 1,
        "id": record_id,
        "kind": kind.value,
        "at": plain(at),
        "previous": previous.hash,
    }
    return Record(previous.seq + 1, record_id, kind, payload)


def named(chain: ChainId) -> dict[str, str]:
    """Return the field by which a record says to whose chain it belongs."""
    return {"cluster": chain.arm_id} if isinstance(chain, ClusterId) else {"chain": chain}


def read_record(data: bytes) -> Record:
    """Read a stored record; raises ValueError for bytes that are none."""
    payload = json.loads(data)
    if not isinstance(payload, dict) or payload.get("schema") != SCHEMA:
        raise ValueError(f"not an evidence record of schema {SCHEMA}: {data[:100]!r}")
    if canonical(payload) != data:
        # Its hash would be that of other bytes than the stored ones, and the next record would name it.
        raise ValueError(f"not in canonical form, it was changed: {data[:100]!r}")
    try:
        return Record(int(payload["seq"]), str(payload["id"]), RecordKind(payload["kind"]), payload)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an evidence record: {error!r}: {data[:100]!r}") from error


def in_words(said: Mapping[str, Any]) -> str:
    """Say in a few words what a record holds; a changed one may hold anything."""
    match said:
        case {"asks": str(asks), "by": str(by), "stage": str(stage)}:
            return f"{asks}, asked by {by}: {said.get('outcome') or stage}"
        case {"outcome": str(outcome)}:
            return outcome
        case {"action": str()} | {"replacement": str()}:
            return _step(said)
        case {"posture": {"state": str(state)}}:
            return state
        case {"proof": {"unreadable": str(why)}} if why:
            return f"nodes not read: {why.partition(':')[0]}"
        case {"proof": {"nodes": int(nodes), "disagreeing": [*names]}}:
            return f"{count(nodes, 'node')} asked, {len(names)} disagree"
        case {"strays": {"nodes": int(nodes), "disabled": int(disabled)}}:
            return f"{count(nodes, 'node')} in no node pool, {disabled} without FIPS"
    return _of_fleet(said)


def _of_fleet(said: Mapping[str, Any]) -> str:
    """Say the same of a record that is on no cluster's chain."""
    match said:
        case {"decision": str(decision), "by": str(by), "what": str(what)}:
            return f"{decision}, by {by}: {what}"
        case {"hash": str(called), "source": str(source)}:
            return f"{called[:12] or 'none'}, from {source or 'nowhere'}"
        case {"date": str(date), "chains": {**chains}}:
            signed = "signed" if said.get("signature") else "not signed"
            return f"of {date}, over {count(len(chains), 'chain')}, {signed}"
    return ""


def _step(said: Mapping[str, Any]) -> str:
    """Say what an action is, or which part of a replacement."""
    match said:
        case {"stage": "drained", "cordoned": [*nodes], "evicted": [*pods]}:
            return f"cordoned {count(len(nodes), 'node')}, evicted {count(len(pods), 'pod')}"
        case {"stage": str(stage), "twin": str(twin)}:
            return f"{stage}, twin {twin}"
        case {"method": "create" | "delete" as method, "target": str(target)}:
            return f"{said.get('action')}: {method} {target}"
    return str(said.get("action", ""))
