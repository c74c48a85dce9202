"""Stored evidence as a deployed app leaves it: chains of clusters and of the fleet, days with signed manifests."""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from shared.domain.bodies import Intent, Outcome, PolicyText, RequestRecord, Stage
from shared.domain.codec import canonical, plain
from shared.domain.ids import ClusterId
from shared.domain.model import Mode
from shared.domain.operation import OutcomeState
from shared.domain.people import RequestKind
from shared.domain.planned import ActionKind
from shared.domain.records import FLEET, MANIFESTS, ChainId, Head, RecordKind, make_record, path_of
from shared.domain.signatures import PublicKey, base64url, thumbprint
from shared.domain.verification import record_name
from tests.builders import NOW, cluster_id

PAY, MEDIA = cluster_id(), cluster_id("aks-media", "rg-media")
POLICY = "version: 1\nmode: enforce\n"
ASKED = RequestRecord("r1", RequestKind.VERIFY, "apps", "ana", NOW, Stage.ASKED)
INTENT = Intent(
    "apps", ActionKind.ENABLE_FIPS, "etag", {}, "i", {"enableFIPS": True}, {}, "default", 1, Mode.ENFORCE, "westeurope"
)


@cache
def signing_key(name: str = "the app's") -> RSAPrivateKey:
    """A key made once in a process."""
    assert name
    return generate_private_key(65537, 2048)


def public(key: RSAPrivateKey) -> PublicKey:
    """Its public half."""
    numbers = key.public_key().public_numbers()
    n, e = (base64url(one.to_bytes((one.bit_length() + 7) // 8)) for one in (numbers.n, numbers.e))
    return PublicKey("https://kv.vault.azure.net/keys/manifests/1", n, e)


def signed(payload: Mapping[str, Any], key: RSAPrivateKey) -> dict[str, Any]:
    """A manifest's payload with key and signature."""
    whole = {**{name: value for name, value in payload.items() if name != "signature"}, "key": plain(public(key))}
    return {**whole, "signature": base64url(key.sign(canonical(whole), PKCS1v15(), SHA256()))}


class MemoryArchive:
    """An archive in memory."""

    at_once = 1

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files if files is not None else {}

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names."""
        yield from sorted(name for name in self.files if name.startswith(prefix))

    def data(self, name: str) -> bytes:
        """Return what is stored."""
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]


class Stored(MemoryArchive):
    """An evidence account: records and manifests are added as the app does it."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: dict[str, Head] = {}
        self.at = NOW

    def add(
        self, chain: ChainId, kind: RecordKind, body: Mapping[str, Any], record_id: str = "", *, sign: bool = False
    ) -> str:
        """Write the next record of a chain; returns its name."""
        path = path_of(chain)
        head = self.heads.get(path, Head())
        self.at += timedelta(minutes=1)
        record = make_record(chain, head, record_id or f"{path}-{head.seq + 1}", kind, self.at, body)
        return self.put(path, record.seq, signed(record.payload, signing_key()) if sign else record.payload)

    def put(self, path: str, seq: int, payload: Mapping[str, Any]) -> str:
        """Store a record, whatever it says."""
        data = canonical(payload)
        name = record_name(path, seq)
        self.files[name] = data
        self.heads[path] = Head(seq, hashlib.sha256(data).hexdigest())
        return name

    def remediate(self, cluster: ClusterId, number: int) -> None:
        """An intent, and what came of it."""
        intent = f"i{number}-{cluster.name}"
        self.add(cluster, RecordKind.INTENT, plain(INTENT), intent)
        outcome = Outcome(
            "apps", ActionKind.ENABLE_FIPS, intent, self.heads[cluster.path].seq, OutcomeState.REFUSED, ""
        )
        self.add(cluster, RecordKind.OUTCOME, plain(outcome))

    def _row(self, path: str, due: datetime | None) -> Mapping[str, Any]:
        said = {
            "inScope": True,
            "gone": False,
            "due": plain(due),
            "state": "compliant",
            "head": plain(self.heads[path]),
        }
        return {"cluster": ClusterId(*path.split("/")).arm_id, **said}

    def anchor(
        self, day: datetime, *, sign: bool = True, due: Mapping[str, datetime | None] = {}, **of_series: Any
    ) -> str:
        """Write a day's snapshot, series and manifest; returns the manifest's name.

        By the snapshot the clusters were looked at on time, but for those of which `due` says otherwise, by path.
        """
        clusters = [path for path in self.heads if not path.startswith("_")]
        rows = [self._row(path, due.get(path, day + timedelta(days=1))) for path in clusters]
        lines = [canonical(one) + b"\n" for one in ({"schema": "fipswarden.snapshot/1", "at": plain(day)}, *rows)]
        snapshot = gzip.compress(b"".join(lines), mtime=0)
        series = canonical({"date": day.date().isoformat(), "pools": {"compliant": 3}, **of_series})
        named = {}
        for what, name, data in (
            ("snapshot", f"fleet/{day:%Y/%m/%d/%H%M%SZ}.jsonl.gz", snapshot),
            ("series", f"daily/{day.date().isoformat()}.json", series),
        ):
            self.files[f"snapshots/{name}"] = data
            named[what] = {"name": name, "sha256": hashlib.sha256(data).hexdigest()}
        chains = {path: plain(head) for path, head in self.heads.items() if path != MANIFESTS}
        body = {"date": day.date().isoformat(), "chains": chains, **named}
        return self.add(MANIFESTS, RecordKind.MANIFEST, body, sign=sign)


def stored(days: int = 3, *, sign: bool = True) -> Stored:
    """Two clusters and the fleet's chain over some days, each of which ends with a manifest; then one record more."""
    made = Stored()
    text = PolicyText(hashlib.sha256(POLICY.encode()).hexdigest(), POLICY, "file:policy.yaml")
    made.add(FLEET, RecordKind.POLICY, plain(text))
    for number in range(days):
        made.at = NOW + timedelta(days=number)
        for cluster in (PAY, MEDIA):
            made.add(cluster, RecordKind.REQUEST, plain(ASKED))
            made.remediate(cluster, number)
        made.anchor(made.at, sign=sign)
    made.add(PAY, RecordKind.REQUEST, plain(ASKED))
    return made


def rotated(*keys: str) -> Stored:
    """The same, with a manifest a day for each key, which is signed by the key of that name; empty: by none."""
    made = stored(days=0)
    for number, key in enumerate(keys):
        made.at = NOW + timedelta(days=number)
        made.remediate(PAY, number)
        name = made.anchor(made.at, sign=False)
        if key:
            made.put(MANIFESTS, number + 1, signed(said(made.files[name]), signing_key(key)))
    return made


def key_name(*name: str) -> str:
    """The thumbprint of the key that signs, or of one that is called so."""
    return thumbprint(public(signing_key(*name)))


def said(data: bytes) -> dict[str, Any]:
    """What a record says."""
    found: dict[str, Any] = json.loads(data)
    return found
