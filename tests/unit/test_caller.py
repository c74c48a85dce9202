"""Who acts is who Entra says: the object id in the caller's own token, or nothing is asked."""

import json
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from local.world import World
from local.world.access import OPERATOR
from shared.adapters.caller import object_id
from shared.domain.signatures import base64url
from shared.errors import InputError
from tests.builders import ANA


class Credential:
    """Gives one token, whatever it is asked for."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return it."""
        self.scopes += scopes
        return AccessToken(self.token, 0)


def token(payload: object) -> str:
    """A token with a payload."""
    return f"e30.{base64url(json.dumps(payload).encode())}.c2lnbmVk"


def test_it_is_the_object_id_in_the_callers_own_token() -> None:
    credential = Credential(token({"oid": ANA.upper(), "upn": "ana@example.com", "sub": "x"}))

    assert object_id(credential) == ANA
    assert credential.scopes == ["https://storage.azure.com/.default"]


def test_the_local_azures_tokens_have_one() -> None:
    signed, _ = World().access.token(OPERATOR, "https://storage.azure.com")

    assert object_id(Credential(signed)) == OPERATOR.object_id


@pytest.mark.parametrize(
    "found",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "a.!!.c",
        "a.e30=.c",
        "a.ä.c",
        f"a.{base64url(bytes([255]))}.c",
        token([]),
        token("x"),
        token({}),
        token({"oid": None}),
        token({"oid": 7}),
        token({"oid": "ana@example.com"}),
        token({"OID": ANA}),
    ],
)
def test_a_token_without_one_lets_nothing_be_asked(found: str) -> None:
    with pytest.raises(InputError, match="sign in with `az login`"):
        object_id(Credential(found))
