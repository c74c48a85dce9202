"""The faces of the world: what clients of Azure see of it, as pure functions of a request."""

from local.faces import aks, arm, graph, identity, kubernetes, management, resources, storage, vault
from local.faces.http import Request, Response, gateway_error, request
from local.world import World

ROUTES = (*resources.ROUTES, *management.ROUTES, *graph.ROUTES, *aks.ROUTES, *storage.ROUTES)

__all__ = ["ROUTES", "Request", "Response", "handle", "handle_identity", "request"]


def handle(world: World, request: Request) -> Response:
    """Answer a request to the HTTPS port: ARM, Resource Graph, Kubernetes, Key Vault, metadata, Entra."""
    path = request.path.lower()
    if path.startswith("/k8s/"):
        return kubernetes.handle(world, request)
    if path.startswith("/keys/"):
        return vault.handle(world, request)
    if path == "/metadata/endpoints":
        return identity.endpoints(request)
    if path.endswith("/.well-known/openid-configuration"):
        return identity.openid_configuration(world, request)
    if path.endswith("/oauth2/v2.0/token"):
        return identity.entra_token()
    return arm.handle(world, request, ROUTES)


def handle_identity(world: World, request: Request) -> Response:
    """Answer a request to the plain HTTP port, which only processes with a managed identity know."""
    if request.method == "GET" and request.path == identity.IDENTITY_PATH:
        return identity.token(world, request)
    return gateway_error(404, "NotFound", "This port has the identity endpoint only.")
