"""Who calls, and what they may: managed identities, their tokens, and the role files of infra/, enforced.

Tokens are real JWTs, signed by a key that exists only in this process. Their times are the machine's, not the
world's: clients compare them with their own clock.
"""

import fnmatch
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ROLES_FOLDER = Path(__file__).parents[2] / "infra" / "roles"
TENANT = "7e4a4c1e-0000-4000-8000-00000000f1b5"
TOKEN_LIFETIME = 24 * 3600
"""Seconds, as a managed identity's token has."""


@dataclass(frozen=True)
class Principal:
    """A managed identity."""

    name: str
    object_id: str
    client_id: str
    identity_header: str
    """The secret with which a process shows which identity it has (IDENTITY_HEADER)."""


APP = Principal(
    "id-fipswarden", "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-0000000000c1", "app-header"
)
OPERATOR = Principal(
    "operator", "bbbbbbbb-0000-4000-8000-000000000002", "bbbbbbbb-0000-4000-8000-0000000000c2", "operator-header"
)


@dataclass(frozen=True)
class Role:
    """A role definition, in the form that `az role definition create` takes."""

    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tell that the role holds a control plane action."""
        return _covers(self.actions, action) and not _covers(self.not_actions, action)

    def allows_data(self, action: str) -> bool:
        """Tell that the role holds a data action."""
        return _covers(self.data_actions, action) and not _covers(self.not_data_actions, action)


OWNER = Role("Owner and AKS RBAC Cluster Admin", ("*",), data_actions=("*",))


def _covers(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def load_roles(folder: Path = ROLES_FOLDER) -> tuple[Role, ...]:
    """Read every role file of a folder; raise KeyError for one that lacks a member."""
    roles = []
    for path in sorted(folder.glob("*.json")):
        role = json.loads(path.read_text("utf-8"))
        lists = (tuple(role[name]) for name in ("Actions", "NotActions", "DataActions", "NotDataActions"))
        roles.append(Role(role["Name"], *lists))
    return tuple(roles)


class InvalidToken(Exception):  # noqa: N818 (the word of the answer)
    """A token that is missing, forged, expired or for somebody else. `code` is ARM's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# Made at import: of two threads that came first at once, each would make one of its own.
_SIGNING_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=64)
def _claims(token: str) -> Mapping[str, Any]:
    """Say what is in a token that we signed, whenever it ends: callers show the same one with every request."""
    options: Any = {"verify_aud": False, "verify_exp": False}
    found: dict[str, Any] = jwt.decode(token, _SIGNING_KEY.public_key(), algorithms=["RS256"], options=options)
    return found


class Access:
    """The tenant's identities and role assignments."""

    def __init__(self, roles: tuple[Role, ...]) -> None:
        self.tenant = TENANT
        self.roles: Mapping[str, Role] = {role.name: role for role in roles}
        self.principals: list[Principal] = [APP, OPERATOR]
        self._roles: dict[str, dict[str, list[Role]]] = {}
        self.parent_of: Callable[[str], str] = lambda _: ""
        """The management group above a scope, lower case; empty: the path tells what is above."""
        self.assign(OPERATOR, OWNER, "/")

    def assign(self, principal: Principal, role: Role | str, scope: str) -> None:
        """Give a role, by itself or by the name in its file, at a scope; raise KeyError for an unknown name."""
        role = self.roles[role] if isinstance(role, str) else role
        given = self._roles.setdefault(principal.object_id, {})
        given.setdefault(scope.rstrip("/").lower(), []).append(role)

    def revoke(self, principal: Principal, scope: str) -> None:
        """Take back what was given at exactly this scope."""
        self._roles.get(principal.object_id, {}).pop(scope.rstrip("/").lower(), None)

    def may(self, principal: Principal, action: str, scope: str) -> bool:
        """Tell that a role allows an action at a scope."""
        return any(role.allows(action) for role in self._reaching(principal, scope))

    def may_data(self, principal: Principal, action: str, scope: str) -> bool:
        """Tell that a role allows a data action at a scope."""
        return any(role.allows_data(action) for role in self._reaching(principal, scope))

    def sees(self, principal: Principal, subscription: str) -> bool:
        """Tell that a subscription shows up in the principal's list: any role at it, above or below."""
        scope = f"/subscriptions/{subscription}".lower()
        given = self._roles.get(principal.object_id, {})
        return any(True for _ in self._reaching(principal, scope)) or any(
            below.startswith(f"{scope}/") for below in given
        )

    def _reaching(self, principal: Principal, scope: str) -> Iterator[Role]:
        given = self._roles.get(principal.object_id, {})
        at = scope.rstrip("/").lower()
        while True:
            yield from given.get(at, ())
            if not at:
                return
            at = self.parent_of(at) or at.rpartition("/")[0]

    def by_header(self, header: str, client_id: str | None = None) -> Principal | None:
        """Return whose IDENTITY_HEADER this is, if the client id, where one is given, agrees."""
        for principal in self.principals:
            if principal.identity_header == header and client_id in {None, principal.client_id}:
                return principal
        return None

    def token(self, principal: Principal, audience: str, lifetime: int = TOKEN_LIFETIME) -> tuple[str, int]:
        """Sign a token; return it with the Unix time at which it ends."""
        issued = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": issued,
            "nbf": issued - 60,
            "exp": issued + lifetime,
            "appid": principal.client_id,
            "idp": f"https://sts.windows.net/{self.tenant}/",
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self.tenant,
            "ver": "1.0",
        }
        return jwt.encode(claims, _SIGNING_KEY, algorithm="RS256"), issued + lifetime

    def authenticate(self, authorization: str | None, audiences: tuple[str, ...]) -> Principal:
        """Return whose bearer token this is; raise InvalidToken."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        try:
            claims = _claims(token)
        except jwt.InvalidTokenError as error:
            raise InvalidToken("InvalidAuthenticationToken", "The access token is invalid.") from error
        if claims["exp"] <= time.time():
            raise InvalidToken("ExpiredAuthenticationToken", "The access token expiry time has passed.")
        if str(claims["aud"]).rstrip("/").lower() not in {a.rstrip("/").lower() for a in audiences}:
            raise InvalidToken(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'. It should exactly match with one of the allowed audiences "
                f"{','.join(repr(a) for a in audiences)}.",
            )
        for principal in self.principals:
            if principal.object_id == claims["oid"]:
                return principal
        raise InvalidToken("InvalidAuthenticationToken", "The access token is from an unknown identity.")
