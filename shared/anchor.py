"""The daily anchor: a snapshot, a day of the series, and the manifest over all evidence chains, chained and signed.

There is one manifest a day, however often it is asked for and whoever dies in between. Without a key it is written
unsigned and everybody is told so; with a key that can't sign, none is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from shared.budget import read_budget
from shared.chain import Chain
from shared.domain.alert import Alert
from shared.domain.codec import canonical, plain, typed
from shared.domain.manifests import Anchor, anchor_of, in_words, record_id
from shared.domain.records import FLEET, MANIFESTS, Head, Record, RecordKind
from shared.domain.series import Tally
from shared.domain.signatures import base64url, holds
from shared.errors import TerminalError
from shared.heads import KEYS, PARTITION, kept_head
from shared.ports import Evidence, Put, Row, Signer, Snapshots, Table
from shared.postures import PostureDetail, PostureSummary
from shared.series import keep_day
from shared.snapshots import take_snapshot

_KEY = KEYS[MANIFESTS]
_LATE = timedelta(hours=25)
"""How old the last manifest may be before the resync writes one in the daily timer's place."""


@dataclass(frozen=True, slots=True)
class AnchorPorts:
    """All that the anchor needs from the world."""

    postures: Table
    rollout: Table
    evidence: Evidence
    snapshots: Snapshots
    signer: Signer | None
    """None: no key is set up."""
    watches: Callable[[str], bool]
    """Which subscriptions are the app's to look after."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The document of the row that remembers the head of the manifests' chain."""

    head: Head = field(default_factory=Head)
    at: datetime | None = None
    """When that manifest was written."""


def anchor(ports: AnchorPorts, now: datetime, unread_subscriptions: int | None) -> Anchor:
    """Return the day's manifest, written now if there is none yet; raises what storage or the key's vault raises."""
    row = ports.rollout.read(PARTITION, _KEY)
    chain = Chain(ports.evidence, MANIFESTS, _kept(row).head)
    # Written by a worker that died before it could remember it: the row may be behind.
    chain.catch_up()
    today = now.astimezone(UTC).date()
    record = _of_day(ports, chain.head, today) or _write(ports, chain, now, today, unread_subscriptions)
    kept = _Kept(record.head, datetime.fromisoformat(record.payload["at"]))
    if kept != _kept(row):
        # Losing this write is no loss: the head is probed forward from wherever the row is.
        ports.rollout.write(PARTITION, Put(_KEY, row.etag if row else None, {"at": now}, plain(kept)))
    return anchor_of(record)


def late_anchor(ports: AnchorPorts, now: datetime, unread_subscriptions: int | None) -> Anchor | None:
    """Write the manifest that the daily timer did not; None if the last is recent enough, or none ever was."""
    last = _kept(ports.rollout.read(PARTITION, _KEY)).at
    if last is None or now - last <= _LATE:
        return None
    return anchor(ports, now, unread_subscriptions)


def late_alert(found: Anchor, now: datetime) -> Alert:
    """Return what people are told of a manifest that came late; the digest of its day had none."""
    title = f"The evidence manifest of {found.date} came late"
    return Alert(f"manifest:{found.seq}", "", "", "info", "ManifestLate", title, in_words(found), now, anchor=found)


def _kept(row: Row | None) -> _Kept:
    return typed(_Kept, row.doc) if row else _Kept()


def _of_day(ports: AnchorPorts, head: Head, today: date) -> Record | None:
    last = ports.evidence.read(MANIFESTS, head.seq) if head.seq else None
    return last if last and last.payload.get("date") == today.isoformat() else None


def _write(ports: AnchorPorts, chain: Chain, now: datetime, today: date, unread_subscriptions: int | None) -> Record:
    tally, heads = Tally(now), dict[str, Head]()

    def count(summary: PostureSummary, detail: PostureDetail) -> None:
        # What is gone or out of scope is in no figure, and its evidence is anchored all the same.
        if detail.head.seq:
            heads[summary.cluster.path] = detail.head
        if summary.in_scope and not summary.gone and ports.watches(summary.cluster.subscription):
            overdue = summary.overdue(now)
            tally.add(
                summary.state,
                detail.states,
                detail.proofs,
                detail.mended,
                unread=summary.unread,
                overdue=overdue,
            )

    snapshot = take_snapshot(ports.postures, ports.snapshots, now, count)
    counts = read_budget(ports.rollout).counts
    unseen = counts.blind if counts and counts.lately(now) else None
    day = keep_day(ports.snapshots, tally.day(unread_subscriptions, unseen))
    if (fleet := _fleet_head(ports)).seq:
        heads[FLEET] = fleet
    record_name = record_id(today, chain.head.seq + 1)
    body = {"date": today, "chains": heads, "snapshot": snapshot, "series": day, "key": None}
    seal = partial(_sealed, signer=ports.signer)
    return chain.append(RecordKind.MANIFEST, now, body, record_name, seal)


def _fleet_head(ports: AnchorPorts) -> Head:
    chain = Chain(ports.evidence, FLEET, kept_head(ports.rollout, FLEET))
    chain.catch_up()
    return chain.head


def _sealed(payload: Mapping[str, Any], signer: Signer | None) -> Mapping[str, Any]:
    """Return a record's payload with key and signature; nothing is written that the key's own owner can't check."""
    if signer is None:
        return payload
    key = signer.key()
    keyed = {**payload, "key": plain(key)}
    data = canonical(keyed)
    signature = signer.sign(key, data)
    if not holds(key, data, signature):
        raise TerminalError(f"the signature by {key.kid} does not hold: the key must be RSA of 2048 bits or more")
    return {**keyed, "signature": base64url(signature)}


def with_anchor(digest: Alert, history: str, found: Anchor | None, fault: str) -> Alert:
    """Return the daily digest with the trend and the manifest, or with why there is none, which is never good."""
    said = in_words(found) if found else f"The day's evidence manifest was not written: {fault}"
    text = "\n".join(each for each in (digest.text, history, said) if each)
    severity = "warning" if found is None and digest.severity in ("good", "info") else digest.severity
    return replace(digest, text=text, severity=severity, anchor=found)
