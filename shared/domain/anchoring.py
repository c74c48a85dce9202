"""What a manifest says, read from its record, and whether it is signed as it has to be.

A manifest that was signed can't become one that was not, and a key that nobody vouches for is named, never trusted
silently.
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.bodies import Manifest
from shared.domain.codec import typed
from shared.domain.manifests import signed_bytes
from shared.domain.records import MANIFESTS
from shared.domain.signatures import from_base64url, holds, thumbprint
from shared.domain.verification import can_be, is_chain

_FILE = re.compile(r"[A-Za-z0-9/._-]{1,200}")


def read_manifest(said: Mapping[str, Any]) -> Manifest | str:
    """Return what a manifest says, or what is wrong with it."""
    try:
        read = typed(Manifest, said)
    except ValueError as error:
        return f"is no manifest: {error}"
    for path, head in read.chains.items():
        if not (is_chain(path) and path != MANIFESTS and can_be(head)):
            return f"names a head that can't be: of {path[:200]!r}"
    if not all(_FILE.fullmatch(file.name) for file in read.files):
        return "names a file that can't be"
    return read


def signature_fault(said: Mapping[str, Any], read: Manifest, trusted: frozenset[str], must: bool) -> str:
    """Say what is wrong with a manifest's signature; empty if it is good, or if there is none and need not be.

    `trusted` are thumbprints of the keys one of which has to have signed it (none: any key), `must` is whether an
    earlier one was signed.
    """
    if not read.signature:
        return "is not signed, though one before it is" if must else ""
    if read.key is None:
        return "is signed and names no key"
    try:
        good = holds(read.key, signed_bytes(said), from_base64url(read.signature))
    except ValueError:
        good = False
    if not good:
        return "has a signature that is not its own: it was changed, or signed by another key"
    if trusted and thumbprint(read.key) not in trusted:
        other = thumbprint(read.key)
        return f"is signed by a key that was not given: {other}; if a newer mail of yours names it, give --key for both"
    return ""
