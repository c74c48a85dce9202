"""Public keys as files: PEM, as openssl has it, and JSON Web Keys."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.domain.codec import typed
from shared.domain.signatures import LEAST_BITS, PublicKey, base64url, from_base64url
from shared.errors import InputError

_MOST_BYTES = 100_000
"""No file of a key is as large."""


def pem(key: PublicKey) -> bytes:
    """Return a key as PEM (SubjectPublicKeyInfo); raises ValueError for one that is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    n, e = (int.from_bytes(from_base64url(part)) for part in (key.n, key.e))
    return RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_key_file(path: Path) -> PublicKey:
    """Read an RSA key's public half, PEM or JWK, from a file; raises InputError for anything else."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    try:
        return _from_jwk({"kid": "", **json.loads(data)}) if data.lstrip()[:1] == b"{" else _from_pem(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is neither the PEM nor the JWK of an RSA public key: {error}") from error


def _from_jwk(said: Mapping[str, Any]) -> PublicKey:
    key = typed(PublicKey, said)
    pem(key)
    return key


def _from_pem(data: bytes) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(data)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, RSAPublicKey) or found.key_size < LEAST_BITS:
        raise ValueError("it is a key of another kind, or too small")
    numbers = found.public_numbers()
    n, e = (base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
    return PublicKey("", n, e)
