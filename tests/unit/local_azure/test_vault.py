"""Key Vault's face: the challenge, the rights, and what it refuses."""

import base64
import hashlib
import json
from typing import Any

import pytest

from local import faces
from local.faces import Response
from local.world.access import APP, OPERATOR, Principal
from local.world.vault import AUDIENCE
from tests.unit.local_azure.asking import ARM, Azure, empty_azure

DIGEST = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).rstrip(b"=").decode()


def ask(
    azure: Azure, method: str, path: str, body: Any = b"", who: Principal | None = APP, audience: str = AUDIENCE
) -> Response:
    headers = {"Authorization": f"Bearer {azure.world.access.token(who, audience)[0]}"} if who else {}
    return faces.handle(azure.world, faces.request(method, path, headers=headers, body=body))


def code(response: Response) -> tuple[int, str]:
    return response.status, json.loads(response.body)["error"]["code"]


@pytest.fixture
def key(azure: Azure) -> str:
    return f"/keys/{azure.world.vault.name}"


def test_who_comes_without_a_token_for_vaults_is_told_whose_he_needs(azure: Azure, key: str) -> None:
    for refused in (
        ask(azure, "GET", f"{key}?api-version=7.4", who=None),
        ask(azure, "GET", f"{key}?api-version=7.4", audience=ARM),
    ):
        assert refused.status == 401
        assert refused.header("WWW-Authenticate") == (
            f'Bearer authorization="https://localhost/{azure.world.access.tenant}", resource="https://vault.azure.net"'
        )


def test_a_key_is_shown_with_the_version_that_it_has(azure: Azure, key: str) -> None:
    shown = ask(azure, "GET", f"{key}?api-version=7.4").json()["key"]

    assert shown["kid"] == f"https://localhost{key}/{azure.world.vault.version}"
    assert (shown["kty"], shown["e"], len(shown["n"])) == ("RSA", "AQAB", 512)
    assert "d" not in shown


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        {"alg": "RS256"},
        {"alg": "RS512", "value": DIGEST},
        {"alg": "RS256", "value": "AAAA"},
        {"alg": "RS256", "value": "ä"},
    ],
)
def test_what_is_no_digest_is_refused(azure: Azure, key: str, body: Any) -> None:
    refused = ask(azure, "POST", f"{key}/{azure.world.vault.version}/sign?api-version=7.4", body)

    assert code(refused) == (400, "BadParameter")


def test_nothing_else_is_there(azure: Azure, key: str) -> None:
    assert code(ask(azure, "GET", key)) == (400, "BadParameter")
    assert code(ask(azure, "DELETE", f"{key}?api-version=7.4", who=OPERATOR)) == (404, "NotFound")
    assert code(ask(azure, "GET", f"{key}/sign?api-version=7.4")) == (404, "NotFound")
    assert code(ask(azure, "GET", f"{key}/{'0' * 32}?api-version=7.4")) == (404, "KeyNotFound")


def test_two_worlds_have_two_keys(azure: Azure) -> None:
    other = empty_azure()

    assert azure.world.vault.jwk("")["n"] != other.world.vault.jwk("")["n"]
