"""The key that signs manifests, as the Key Vault SDK and the product meet it over HTTPS."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import SignatureAlgorithm

from local import seed
from local.server import LocalAzure
from local.world import World
from local.world.access import APP
from local.world.faults import Answer, Drop, Fault
from local.world.vault import Vault
from shared.adapters.vault import VaultSigner
from shared.domain.clouds import Cloud
from shared.domain.signatures import from_base64url, holds
from shared.errors import TerminalError

DATA = b'{"kind":"manifest"}'


@dataclass(frozen=True)
class Face:
    """A vault that is being served, and the product's way to its key."""

    world: World
    url: str
    credential: ManagedIdentityCredential
    cloud: Cloud

    def signer(self, url: str = "") -> VaultSigner:
        """The product's, of the newest version unless a URL says which."""
        return VaultSigner(url or self.url, self.cloud, self.credential)

    @property
    def asked(self) -> list[tuple[str, str, int]]:
        """Who asked the vault for what, and how that ended."""
        return [(one.principal, one.method, one.status) for one in self.world.requests if one.kind == "keys"]


@pytest.fixture
def face(monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    world = seed.empty_world()
    with LocalAzure(world) as azure:
        for name, value in azure.environment().items():
            monkeypatch.setitem(os.environ, name, value)
        with ManagedIdentityCredential() as credential:
            url = f"{azure.arm_endpoint}/keys/{world.vault.name}"
            yield Face(world, url, credential, Cloud("custom", azure.arm_endpoint, ""))


def test_a_signature_by_the_vault_holds_by_the_key_that_it_shows(face: Face) -> None:
    signer = face.signer()
    key = signer.key()

    assert holds(key, DATA, signer.sign(key, DATA))
    assert key.kid == f"{face.url}/{face.world.vault.version}"
    assert (key.kty, len(from_base64url(key.n)) * 8) == ("RSA", 3072)


def test_a_version_can_be_named(face: Face) -> None:
    signer = face.signer(f"{face.url}/{face.world.vault.version}/")

    assert signer.key() == face.signer().key()


def test_the_app_uses_no_other_right_than_those_of_its_role(face: Face) -> None:
    signer = face.signer()
    signer.sign(signer.key(), DATA)

    assert {who for who, _, _ in face.asked} == {APP.name}
    assert {status for _, _, status in face.asked} == {200}
    assert [method for _, method, _ in face.asked][-1] == "POST"


def test_without_its_role_the_app_may_not_even_read_the_key(face: Face) -> None:
    face.world.access.revoke(APP, face.world.vault.key_scope)

    with pytest.raises(HttpResponseError) as caught:
        face.signer().key()

    assert caught.value.status_code == 403


def test_a_disabled_key_signs_nothing(face: Face) -> None:
    signer = face.signer()
    key = signer.key()
    face.world.vault.enabled = False

    with pytest.raises(HttpResponseError):
        signer.sign(key, DATA)


class Curved(Vault):
    """A vault whose key is on an elliptic curve."""

    def jwk(self, base_url: str) -> dict[str, Any]:
        """Its public half."""
        return {**super().jwk(base_url), "kty": "EC", "crv": "P-256", "n": None, "e": None, "x": "AQAB", "y": "AQAB"}


def test_a_key_that_is_not_rsa_signs_no_manifest(face: Face) -> None:
    face.world.vault = Curved(face.world.vault.scope)

    with pytest.raises(TerminalError, match="is of type EC: manifests are signed by RSA keys"):
        face.signer().key()


def test_a_key_that_is_not_there_is_an_error(face: Face) -> None:
    with pytest.raises(HttpResponseError) as caught:
        face.signer(f"{face.url}-other").key()

    assert caught.value.status_code == 404


def test_a_busy_vault_is_asked_again_by_the_sdk(face: Face) -> None:
    face.world.faults.add(Fault(Answer(503, "ServiceUnavailable", "busy"), kind="keys"))
    face.world.faults.add(Fault(Drop(), kind="keys"))

    assert face.signer().key().kty == "RSA"


def test_no_token_goes_to_a_vault_whose_challenge_names_another_domain(face: Face) -> None:
    """In a cloud that has a name the SDK checks it, and this vault is on localhost."""
    known = Cloud("AzureCloud", face.cloud.arm_endpoint, "x", vault_suffix=".vault.azure.net")

    with pytest.raises(ValueError, match="does not match the requested domain"):
        VaultSigner(face.url, known, face.credential).key()

    assert face.asked == []


def test_who_has_no_token_is_told_where_to_get_one(face: Face) -> None:
    class Nobody:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ClientAuthenticationError("no identity")

    client = KeyClient(face.cloud.arm_endpoint, Nobody(), verify_challenge_resource=False)
    with client, pytest.raises(ClientAuthenticationError, match="no identity"):
        client.get_key(face.world.vault.name)


@pytest.mark.parametrize(
    ("algorithm", "digest"), [(SignatureAlgorithm.rs512, hashlib.sha512), (SignatureAlgorithm.ps256, hashlib.sha256)]
)
def test_the_vault_signs_in_one_way_alone(face: Face, algorithm: SignatureAlgorithm, digest: Any) -> None:
    with KeyClient(face.cloud.arm_endpoint, face.credential, verify_challenge_resource=False) as client:
        crypto = client.get_cryptography_client(face.world.vault.name)
        with pytest.raises(HttpResponseError) as caught:
            crypto.sign(algorithm, digest(DATA).digest())

    assert caught.value.status_code == 400
