"""Key Vault's data plane, as far as a key that signs: GET key, POST sign, the challenge of who comes without a token.

Sources: Key Vault REST API, "Get Key" and "Sign" (paths, bodies, `kid` with the version); azure-keyvault-keys,
challenge_auth_policy.py and http_challenge.py (401 with `Bearer authorization="...", resource="..."`, to a request
without its body); azure-docs, key-vault/general/rbac-guide.md (the role counts at the key's own scope). How the service
words its errors is not known beyond `{"error": {"code", "message"}}`.
"""

import base64
import binascii
import re

from local.faces.http import Json, Request, Response, answer
from local.world import RequestRecord, World
from local.world.access import InvalidToken, Principal
from local.world.faults import Answer, Delay, Drop, LostAnswer
from local.world.vault import AUDIENCE

_ACTIONS = "Microsoft.KeyVault/vaults/keys"
_PATH = re.compile(r"/keys/(?P<name>[A-Za-z0-9-]{1,127})(?:/(?P<version>[0-9a-fA-F]{32}))?(?P<sign>/sign)?/?")


def handle(world: World, request: Request) -> Response:
    """Answer a request to the vault."""
    match world.faults.take(request.method, request.path, "keys"):
        case Answer() as fault:
            return _refused(fault.status, fault.code, fault.message).plus(*fault.headers)
        case Delay() as delay:
            return Response(again_after=delay.by.total_seconds())
        case Drop() | LostAnswer():
            return Response(drop=True)
        case _:
            return _answer(world, request)


def _answer(world: World, request: Request) -> Response:
    try:
        principal = world.access.authenticate(request.headers.get("authorization"), (AUDIENCE,))
    except InvalidToken as error:
        challenge = f'Bearer authorization="{request.base_url}/{world.access.tenant}", resource="{AUDIENCE}"'
        return _refused(401, "Unauthorized", str(error)).plus(("WWW-Authenticate", challenge))
    response = _served(world, request, principal)
    world.requests.append(
        RequestRecord(
            time=world.now,
            method=request.method,
            path=request.path,
            kind="keys",
            principal=principal.name,
            client_request_id=request.headers.get("x-ms-client-request-id", ""),
            if_match="",
            status=response.status,
        )
    )
    return response


def _served(world: World, request: Request, principal: Principal) -> Response:
    found, vault = _PATH.fullmatch(request.path), world.vault
    if not request.query.get("api-version"):
        return _refused(400, "BadParameter", "api-version must be specified")
    if found is None or (request.method, bool(found["sign"])) not in (("GET", False), ("POST", True)):
        return _refused(404, "NotFound", f"The local Azure's vault has nothing at {request.method} {request.path}.")
    action = f"{_ACTIONS}/sign/action" if found["sign"] else f"{_ACTIONS}/read"
    if not world.access.may_data(principal, action, vault.key_scope):
        text = f"Caller is not authorized to perform action on resource. Caller: {principal.client_id}."
        return _refused(403, "Forbidden", f"{text} Action: '{action}'")
    if found["name"].lower() != vault.name or (found["version"] or vault.version).lower() != vault.version:
        return _refused(404, "KeyNotFound", f"A key with (name/id) {found['name']} was not found in this key vault.")
    if not found["sign"]:
        return answer({"key": vault.jwk(request.base_url), "attributes": {"enabled": vault.enabled}})
    if not vault.enabled:
        return _refused(403, "Forbidden", "Operation sign is not allowed on a disabled key.")
    return _sign(world, request)


def _sign(world: World, request: Request) -> Response:
    try:
        body = request.json()
        if body.get("alg") != "RS256":
            return _refused(400, "BadParameter", f"Key and signing algorithm are incompatible: {body.get('alg')}.")
        value = str(body["value"])
        signature = world.vault.sign(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (ValueError, KeyError, binascii.Error) as error:
        return _refused(400, "BadParameter", f"The request body is not as it has to be: {error}.")
    kid = world.vault.jwk(request.base_url)["kid"]
    return answer({"kid": kid, "value": signature})


def _refused(status: int, code: str, message: str) -> Response:
    body: Json = {"error": {"code": code, "message": message}}
    return answer(body, status)
