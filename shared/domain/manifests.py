"""The daily manifest: the heads of all evidence chains at one time, chained and signed.

A chain that nobody outside holds proves nothing: who may write it may write all of it anew. So the manifest's hash goes
to where the app can't take it back, an Event Grid topic and people's mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.domain.codec import canonical, typed
from shared.domain.records import MANIFESTS, Record
from shared.domain.signatures import PublicKey, thumbprint
from shared.domain.wording import count


@dataclass(frozen=True, slots=True)
class Anchor:
    """What leaves the app of a manifest: enough to know later that it is still the same."""

    date: date
    """UTC: there is one a day."""
    seq: int
    """Number of its record."""
    sha256: str
    """Of its record, as stored."""
    chains: int
    """How many chains' heads are in it."""
    thumbprint: str
    """RFC 7638, of the key that signed it; empty: nobody did."""

    @property
    def record(self) -> str:
        """Name of its blob in the container `evidence`."""
        return f"{MANIFESTS}/{self.seq:010}.json"

    @property
    def verify(self) -> str:
        """Arguments of `fipswarden evidence verify` by which it is held against the evidence."""
        # With an equals sign: base64url may begin with a hyphen.
        key = f" --key={self.thumbprint}" if self.thumbprint else ""
        return f"--manifest {self.seq}:{self.sha256}{key}"


def record_id(day: date, number: int) -> str:
    """Return the id of a day's manifest that is begun as the `number`th.

    Workers that begin one at the same time make the same id; a clock that comes to a day again makes another.
    """
    return f"manifest-{day.isoformat()}-{number}"


def signed_bytes(payload: Mapping[str, Any]) -> bytes:
    """Return what a manifest's signature is over: the canonical bytes of its record without the signature itself."""
    return canonical({name: value for name, value in payload.items() if name != "signature"})


def anchor_of(record: Record) -> Anchor:
    """Return what leaves the app of a manifest's record; raises ValueError for one that is no manifest."""
    said = record.payload
    try:
        signed_by = thumbprint(typed(PublicKey, said["key"])) if said.get("signature") else ""
        return Anchor(date.fromisoformat(said["date"]), record.seq, record.head.hash, len(said["chains"]), signed_by)
    except (KeyError, TypeError) as error:
        raise ValueError(f"record {record.seq} is no manifest: {error!r}") from error


def in_words(anchor: Anchor) -> str:
    """Say for people what they should keep of a manifest."""
    signed = (
        f"signed by the key with thumbprint {anchor.thumbprint}"
        if anchor.thumbprint
        else "not signed, since the setting FIPSWARDEN_MANIFEST_KEY names no key"
    )
    heads = count(anchor.chains, "evidence chain")
    said = f"Manifest {anchor.seq} of {anchor.date} over {heads}: SHA-256 {anchor.sha256}, {signed}."
    return f"{said} Check it later: fipswarden evidence verify {anchor.verify}"
