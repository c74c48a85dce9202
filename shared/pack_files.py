"""The files of a pack beside its evidence: what they have to be, by the manifests, the fleet's chain and this version.

They are copies and prose, there to be read. One that nothing holds to anything must not pass as a part of the pack.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from shared.archive import SNAPSHOTS
from shared.domain.bodies import Manifest
from shared.domain.codec import canonical, plain
from shared.domain.data_file import text
from shared.domain.evidence_schema import evidence_schema
from shared.domain.pack import INDEX, PAGE, Scope
from shared.domain.records import RecordKind
from shared.domain.schema import printed
from shared.domain.signatures import PublicKey, thumbprint
from shared.domain.verification import HASH, Fault
from shared.key_files import pem

_JWK = ".jwk.json"
_TEXTS: Mapping[str, str] = {RecordKind.POLICY: "policies", RecordKind.EXEMPTION: "exemptions"}
_PROSE = frozenset({INDEX, PAGE})
"""What nothing vouches for but who sent the pack; of the index, all but what the verification itself goes by."""
_RECORDS = "records.md"
"""Prose as well, and packs that were made before it have none: what it says is in the project, too."""


def documents() -> dict[str, bytes]:
    """Return the files of a pack that are the product's own, by their names there."""
    return {
        "VERIFY.md": text("verify.txt").encode(),
        _RECORDS: text("records.txt").encode(),
        "certificates.json": text("certificates.json").encode(),
        "evidence.schema.json": printed(evidence_schema()).encode(),
    }


def key_copies(key: PublicKey) -> dict[str, bytes]:
    """Return the files of a key, the PEM first; raises ValueError for one that is none."""
    name = f"keys/{thumbprint(key)}"
    return {f"{name}.pem": pem(key), f"{name}{_JWK}": canonical(plain(key))}


def text_copy(said: Mapping[str, object]) -> tuple[str, bytes] | None:
    """Return the file of a text that a record of the fleet's chain holds; None if it holds none."""
    match said:
        case {"kind": str(kind), "text": str(body), "hash": str(digest)} if kind in _TEXTS and HASH.fullmatch(digest):
            return f"{_TEXTS[kind]}/{digest}.yaml", body.encode(errors="surrogatepass")
    return None


class PackFiles:
    """What the files of one pack have to be, learnt while its manifests and the fleet's chain are verified."""

    def __init__(self, scope: Scope) -> None:
        self.foreign: list[str] = []
        """Of the product's own files those that are not as this version writes them."""
        self._scope = scope
        self._own = {name: hashlib.sha256(data).hexdigest() for name, data in documents().items()}
        self._copies: dict[str, str] = {}
        """Hashes of the copies, by name."""
        self._stored = set[str]()
        """Snapshots and series that manifests name: those are compared by themselves."""
        self._left = {*self._own, *_PROSE} - {_RECORDS}
        """What has not come yet."""

    def manifest(self, seq: int, read: Manifest) -> None:
        """Take in what a manifest names."""
        if seq >= self._scope.after and not self._scope.cluster:
            self._stored |= {f"{SNAPSHOTS}{file.name}" for file in read.files}
        try:
            copies = key_copies(read.key) if read.key else {}
        except ValueError:
            return  # no key at all: the signature does not hold
        for name, data in copies.items():
            self._expect(name, hashlib.sha256(data).hexdigest())

    def record(self, said: Mapping[str, object]) -> None:
        """Take in a record of the fleet's chain."""
        if copy := text_copy(said):
            self._expect(copy[0], hashlib.sha256(copy[1]).hexdigest())

    def fault(self, name: str, data: bytes, digest: str) -> str:
        """Say what is wrong with a file that is no record; empty if nothing is."""
        self._left.discard(name)
        if name in self._copies:
            same = (_jwk_digest(data) if name.endswith(_JWK) else digest) == self._copies[name]
            return "" if same else "was changed: it is not what the manifests or the fleet's chain hold under that name"
        if name in self._own:
            if digest != self._own[name]:
                self.foreign.append(name)
            return ""
        return "" if name in self._stored or name in _PROSE else "is no part of what the pack holds: it was added"

    def missing(self) -> Iterator[Fault]:
        """Yield what should have come and did not."""
        yield from (Fault(name, "is missing: a pack has it") for name in sorted(self._left))

    def _expect(self, name: str, digest: str) -> None:
        if name not in self._copies:
            self._copies[name] = digest
            self._left.add(name)


def _jwk_digest(data: bytes) -> str:
    """Return the hash of a key's members, in canonical form: how the file spaces and orders them is no matter."""
    try:
        found = json.loads(data, object_pairs_hook=tuple)
        # Of a member that is there twice, readers take either.
        once = isinstance(found, tuple) and len(dict(found)) == len(found)
        return hashlib.sha256(canonical(dict(found)) if once else data).hexdigest()
    except (ValueError, RecursionError, TypeError):
        return ""
