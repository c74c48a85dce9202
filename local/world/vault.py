"""A key vault with one key, made when the world is and gone with the process; and its access by Azure RBAC."""

import base64
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

NAME = "fipswarden-manifests"
"""The key's name, as infra/ has it."""
AUDIENCE = "https://vault.azure.net"
KEY_BITS = 3072
_MAKING = threading.Lock()


@dataclass
class Vault:
    """One vault; everybody who may is told by his roles at the key's scope."""

    scope: str
    """The vault's ARM id."""
    name: str = NAME
    version: str = "0f1b5c0de0000000000000000000c0de"
    enabled: bool = True
    """False: the key is there and may not be used, as after `az keyvault key set-attributes --enabled false`."""

    @property
    def key_scope(self) -> str:
        """The key's ARM id."""
        return f"{self.scope}/keys/{self.name}"

    @cached_property
    def _made(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)

    @property
    def _private(self) -> rsa.RSAPrivateKey:
        # Making one takes a moment, and most worlds need none; of two threads the second waits for the first's.
        with _MAKING:
            return self._made

    def jwk(self, base_url: str) -> dict[str, Any]:
        """Return the public half, as Key Vault shows it."""
        numbers = self._private.public_key().public_numbers()
        return {
            "kid": f"{base_url}/keys/{self.name}/{self.version}",
            "kty": "RSA",
            "key_ops": ["sign", "verify"],
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }

    def sign(self, digest: bytes) -> str:
        """Return the RS256 signature of a SHA-256 digest, in base64url; raise ValueError for another length."""
        signed = self._private.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
