"""A key in Azure Key Vault behind shared.ports.Signer: its private half never leaves the vault.

The app's identity needs keys/read and keys/sign on it (infra/roles/fipswarden-manifest-signer.json). The scope of the
token is what the vault's own challenge says; the SDK refuses a challenge for another domain than the vault's
(azure-keyvault-keys, challenge_auth_policy.py).
"""

import hashlib
from typing import TYPE_CHECKING, Any

from shared.domain.clouds import Cloud
from shared.domain.signatures import PublicKey, base64url
from shared.errors import TerminalError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.keys import KeyClient

_LIMITS: dict[str, Any] = {"retry_total": 3, "connection_timeout": 5, "read_timeout": 20, "retry_backoff_max": 5}
"""Seconds: a vault that stays away is the next resync's to ask."""


class VaultSigner:
    """shared.ports.Signer on a Key Vault key, named by its URL with or without a version."""

    def __init__(self, url: str, cloud: Cloud, credential: "TokenCredential") -> None:
        self._url, self._cloud, self._credential = url.rstrip("/"), cloud, credential
        vault, _, key = self._url.partition("/keys/")
        self._vault = vault
        self._name, _, self._version = key.partition("/")
        self._made: KeyClient | None = None

    def _client(self) -> "KeyClient":
        from azure.keyvault.keys import KeyClient

        if self._made is None:
            # The vault of a cloud without a name of ours (the local Azure) has a host that no audience is part of.
            known = bool(self._cloud.vault_suffix)
            self._made = KeyClient(self._vault, self._credential, verify_challenge_resource=known, **_LIMITS)
        return self._made

    def key(self) -> PublicKey:
        """Return the public half; raises TerminalError for a key that is not RSA, and as the SDK does."""
        found = self._client().get_key(self._name, self._version or None)
        n, e = getattr(found.key, "n", None), getattr(found.key, "e", None)
        if not n or not e or not found.id:
            kind = getattr(found.key_type, "value", found.key_type)
            raise TerminalError(f"the key {self._url} is of type {kind}: manifests are signed by RSA keys")
        # `RSA-HSM` is Key Vault's word for where the key is; to whoever checks a signature it is an RSA key (RFC 7518).
        return PublicKey(found.id, base64url(n), base64url(e))

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """Return the RS256 signature by exactly that version of the key; raises as the SDK does.

        Key Vault takes the digest, not the data (REST, "Sign": `value`).
        """
        from azure.keyvault.keys.crypto import SignatureAlgorithm

        version = key.kid.rpartition("/")[2]
        with self._client().get_cryptography_client(self._name, key_version=version) as client:
            signed = client.sign(SignatureAlgorithm.rs256, hashlib.sha256(data).digest())
        return signed.signature
