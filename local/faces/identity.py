"""Where tokens come from: the App Service identity endpoint; and as much of Entra and ARM's metadata as is asked.

The identity endpoint is that of App Service, api-version 2019-08-01: the header X-IDENTITY-HEADER tells which
process asks, and with it which identity it has.
"""

from local.faces.http import Json, Request, Response, answer
from local.world import World
from local.world.faults import Answer, Delay, Drop, LostAnswer

IDENTITY_PATH = "/msi/token"


def token(world: World, request: Request) -> Response:
    """Answer `GET /msi/token?resource=...&api-version=2019-08-01[&client_id=...]`."""
    match world.faults.take(request.method, request.path, "token"):
        case Answer() as fault:
            return _refused(fault.status, fault.message)
        case Drop() | LostAnswer():
            return Response(drop=True)
        case Delay() as delay:
            return Response(again_after=delay.by.total_seconds())
        case _:
            return _token(world, request)


def _token(world: World, request: Request) -> Response:
    header = request.headers.get("x-identity-header", "")
    resource, client_id = request.query.get("resource"), request.query.get("client_id")
    if request.query.get("api-version") != "2019-08-01" or not resource:
        return _refused(400, "The parameters resource and api-version=2019-08-01 are needed.")
    if world.access.by_header(header) is None:
        return _refused(401, "The X-IDENTITY-HEADER is missing or unknown.")
    principal = world.access.by_header(header, client_id)
    if principal is None:
        return _refused(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        )
    audience = resource.removesuffix("/.default")
    signed, ends = world.access.token(principal, audience)
    return answer(
        {
            "access_token": signed,
            "expires_on": str(ends),
            "resource": audience,
            "token_type": "Bearer",
            "client_id": principal.client_id,
        }
    )


def _refused(status: int, message: str) -> Response:
    return answer({"statusCode": status, "message": message}, status)


def endpoints(request: Request) -> Response:
    """Answer ARM's `/metadata/endpoints`: one cloud, or from 2022-09-01 on an object (Azure CLI asks for that)."""
    base = request.base_url
    cloud: Json = {
        "name": "LocalAzure",
        "portal": "https://portal.local.invalid",
        "authentication": {
            "loginEndpoint": base,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graphAudience": "https://graph.local.invalid/",
        "microsoftGraphResourceId": "https://graph.local.invalid/",
        "resourceManager": f"{base}/",
        "suffixes": {"storage": "local.invalid", "keyVaultDns": "vault.local.invalid"},
    }
    version = request.query.get("api-version", "")
    return answer(cloud if version >= "2022-09-01" else [cloud])


def openid_configuration(world: World, request: Request) -> Response:
    """Answer the tenant's discovery document, so that clients that look for it don't stop there."""
    base, tenant = request.base_url, world.access.tenant
    return answer(
        {
            "issuer": f"{base}/{tenant}/v2.0",
            "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
            "tenant_region_scope": "EU",
        }
    )


def entra_token() -> Response:
    """Refuse: here everybody has a managed identity, and no secret could be checked."""
    text = "AADSTS700016: the local Azure signs in managed identities only."
    return answer({"error": "unauthorized_client", "error_description": text}, 400)
