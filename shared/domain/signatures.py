"""Signatures of manifests: RSASSA-PKCS1-v1_5 with SHA-256 (RS256), checked by arithmetic alone.

Whoever holds the public key can check them with openssl or with `pow`: no library of Azure's is needed for it.
Sources: RFC 8017 (8.2.2 and 9.2), RFC 7518 (3.3: RS256; 6.3.1: `n` and `e`), RFC 7638 (thumbprint), FIPS 186-5 (5.4).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from shared.domain.codec import canonical

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before the digest: the DER form of its algorithm (RFC 8017, 9.2, note 1)."""
LEAST_BITS = 2048
"""Of a modulus: FIPS 186-5 (5.1) allows no smaller one; the deployment makes one of 3072."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA key as a JSON Web Key shows it."""

    kid: str
    """The key's URL with its version."""
    n: str
    """Modulus, big-endian, base64url."""
    e: str
    """Exponent, the same."""
    kty: str = "RSA"


def base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url without padding; raises ValueError for anything else."""
    try:
        # altchars alone would leave `+` and `/` of the other alphabet unnoticed.
        if "+" in text or "/" in text or "=" in text:
            raise ValueError("it is not base64url")
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("it is not base64url") from error


def thumbprint(key: PublicKey) -> str:
    """Return the key's RFC 7638 thumbprint: whoever keeps it knows the key again."""
    return base64url(hashlib.sha256(canonical({"e": key.e, "kty": key.kty, "n": key.n})).digest())


def holds(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Say whether a signature is this key's over these bytes; one that is odd or too small signs nothing."""
    try:
        modulus, exponent = (int.from_bytes(from_base64url(part)) for part in (key.n, key.e))
    except ValueError:
        return False
    length = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if key.kty != "RSA" or modulus.bit_length() < LEAST_BITS or len(signature) != length or number >= modulus:
        return False
    encoded = _SHA256 + hashlib.sha256(data).digest()
    wanted = b"\x00\x01" + b"\xff" * (length - len(encoded) - 3) + b"\x00" + encoded
    return hmac.compare_digest(pow(number, exponent, modulus).to_bytes(length), wanted)
