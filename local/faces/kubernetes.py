"""Every cluster's Kubernetes API, as much as nodes need, under /k8s/<subscription>/<group>/<cluster>.

Clusters with Entra take tokens for the AKS server application and ask Azure RBAC or their own bindings; the others
take only the token or client certificate of their kubeconfig, which may do everything.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.faces import kubeconfig, nodes, reach
from local.faces.http import Json, Request, Response, answer
from local.world import RequestRecord, World, rollout
from local.world.access import InvalidToken, Principal
from local.world.errors import ArmError
from local.world.faults import Answer, Delay, Drop, LostAnswer
from local.world.model import Cluster

PREFIX = re.compile(r"/k8s/(?P<s>[^/]+)/(?P<g>[^/]+)/(?P<c>[^/]+)(?P<rest>/.*)?")
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True)
class Ask:
    """A request to one cluster's API server."""

    world: World
    request: Request
    cluster: Cluster
    name: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One thing an API server answers. Authorization is about `verb` and `resource`; None: everybody may."""

    method: str
    path: str
    handler: Callable[[Ask], Response]
    verb: str | None = None
    resource: str = ""


def status(code: int, reason: str, message: str, **details: Any) -> Response:
    """Return an error as Kubernetes words it."""
    body: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return answer(body | ({"details": details} if details else {}), code)


def handle(world: World, request: Request) -> Response:
    """Answer a request to a cluster's API server."""
    principal: list[str] = []
    response = _answer(world, request, principal)
    if response.again_after:
        return response
    world.requests.append(
        RequestRecord(
            time=world.now,
            method=request.method,
            path=request.path,
            kind="kubernetes",
            principal="".join(principal),
            client_request_id="",
            if_match="",
            status=0 if response.drop else response.status,
        )
    )
    return response


def _answer(world: World, request: Request, principal: list[str]) -> Response:
    match = PREFIX.fullmatch(request.path)
    if match is None:
        return status(404, "NotFound", "the server could not find the requested resource")
    with world.entered():
        try:
            cluster = world.cluster(match["s"], match["g"], match["c"])
        except ArmError:
            return Response(drop=True)  # the host name of a cluster that isn't there doesn't resolve
        if cluster.power_state != "Running" or not reach.reaches(cluster, request):
            return Response(drop=True)
    effect = world.faults.take(request.method, request.path, "kubernetes")
    match effect:
        case Answer():
            return status(effect.status, effect.code, effect.message)
        case Drop():
            return Response(drop=True)
        case Delay():
            return Response(again_after=effect.by.total_seconds())
        case _:
            with world.entered():
                response = _serve(Ask(world, request, cluster), match["rest"] or "/", principal)
            return Response(drop=True) if isinstance(effect, LostAnswer) else response


def _serve(ask: Ask, path: str, principal: list[str]) -> Response:
    try:
        who = _authenticate(ask)
    except InvalidToken:
        return status(401, "Unauthorized", "Unauthorized")
    principal.append(who.name if who else "kubeconfig")
    for endpoint in ENDPOINTS:
        found = re.fullmatch(endpoint.path, path)
        if not found or endpoint.method != ask.request.method:
            continue
        if endpoint.verb and who and not _may(ask, who, endpoint):
            return status(
                403,
                "Forbidden",
                f'{endpoint.resource} is forbidden: User "{who.object_id}" cannot {endpoint.verb} resource '
                f'"{endpoint.resource}" in API group "" at the cluster scope',
                kind=endpoint.resource,
            )
        return endpoint.handler(Ask(ask.world, ask.request, ask.cluster, found.groupdict().get("name", "")))
    return status(404, "NotFound", "the server could not find the requested resource")


def _authenticate(ask: Ask) -> Principal | None:
    """Return the Entra principal, or None for the holder of a static credential; raise InvalidToken."""
    authorization = ask.request.headers.get("authorization")
    local_accounts = not ask.cluster.properties.get("disableLocalAccounts")
    if local_accounts and (
        authorization == f"Bearer {ask.cluster.token}"
        or ask.request.client_certificate == kubeconfig.common_name(ask.cluster)
    ):
        return None
    if not ask.cluster.entra:
        raise InvalidToken("Unauthorized", "this cluster has local accounts only")
    return ask.world.access.authenticate(authorization, (kubeconfig.KUBERNETES_AUDIENCE,))


def _may(ask: Ask, who: Principal, endpoint: Endpoint) -> bool:
    if ask.cluster.azure_rbac:
        kind = {"get": "read", "list": "read", "watch": "read", "create": "write", "delete": "delete"}
        action = f"Microsoft.ContainerService/managedClusters/{endpoint.resource}/{kind[endpoint.verb or 'get']}"
        return ask.world.access.may_data(who, action, ask.cluster.id)
    return who.object_id in ask.cluster.readers or ask.world.access.may_data(who, "*", ask.cluster.id)


# what is answered


def _version(ask: Ask) -> Response:
    _, minor, _ = ask.cluster.version.split(".")
    return answer({"major": "1", "minor": minor, "gitVersion": f"v{ask.cluster.version}", "platform": "linux/amd64"})


def _healthy(_: Ask) -> Response:
    return Response(200, (("Content-Type", "text/plain"),), b"ok")


def _api_versions(_: Ask) -> Response:
    return answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


def _api_groups(_: Ask) -> Response:
    return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})


def _api_resources(_: Ask) -> Response:
    def resource(name: str, kind: str, short: str, verbs: list[str]) -> Json:
        singular = kind.lower()
        return {
            "name": name,
            "singularName": singular,
            "namespaced": False,
            "kind": kind,
            "verbs": verbs,
            "shortNames": [short],
        }

    resources = [
        resource("nodes", "Node", "no", ["get", "list"]),
        resource("namespaces", "Namespace", "ns", ["get", "list"]),
    ]
    return answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": resources})


def _as_table(ask: Ask) -> bool:
    return "as=Table" in ask.request.headers.get("accept", "")


def _all_nodes(ask: Ask) -> list[Json]:
    found = [
        nodes.show(ask.cluster, pool, node)
        for pool in ask.cluster.pools.values()
        for node in rollout.nodes(ask.cluster, pool)
    ]
    return sorted(found, key=lambda node: str(node["metadata"]["name"]))


def _list_nodes(ask: Ask) -> Response:
    query = ask.request.query
    try:
        by_label = nodes.label_selector(query.get("labelselector", ""))
        by_field = nodes.field_selector(query.get("fieldselector", ""))
        limit = int(query.get("limit") or 0)
        after = base64.b64decode(query.get("continue", ""), b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        return status(400, "BadRequest", str(error))
    found = [node for node in _all_nodes(ask) if by_label(node) and by_field(node)]
    rest = [node for node in found if node["metadata"]["name"] > after]
    page = rest[:limit] if limit else rest
    metadata: Json = {"resourceVersion": str(int(ask.world.now.timestamp()))}
    if len(page) < len(rest):
        last = str(page[-1]["metadata"]["name"]).encode()
        metadata |= {"continue": base64.urlsafe_b64encode(last).decode()}
        metadata |= {"remainingItemCount": len(rest) - len(page)}
    if _as_table(ask):
        return answer(nodes.table(page, ask.world.now, metadata))
    return answer({"kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": page})


def _get_node(ask: Ask) -> Response:
    found = next((node for node in _all_nodes(ask) if node["metadata"]["name"] == ask.name), None)
    if found is None:
        return status(404, "NotFound", f'nodes "{ask.name}" not found', name=ask.name, kind="nodes")
    return answer(nodes.table([found], ask.world.now, {}) if _as_table(ask) else found)


def _namespace(ask: Ask, name: str) -> Json:
    metadata = {"name": name, "creationTimestamp": nodes.stamp(ask.cluster.created)}
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": metadata, "status": {"phase": "Active"}}


def _list_namespaces(ask: Ask) -> Response:
    items = [_namespace(ask, name) for name in _NAMESPACES]
    return answer({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": items})


def _get_namespace(ask: Ask) -> Response:
    if ask.name not in _NAMESPACES:
        return status(404, "NotFound", f'namespaces "{ask.name}" not found', name=ask.name, kind="namespaces")
    return answer(_namespace(ask, ask.name))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/version", _version),
    Endpoint("GET", "/(healthz|livez|readyz)", _healthy),
    Endpoint("GET", "/api", _api_versions),
    Endpoint("GET", "/apis", _api_groups),
    Endpoint("GET", "/api/v1", _api_resources),
    Endpoint("GET", "/api/v1/nodes", _list_nodes, "list", "nodes"),
    Endpoint("GET", "/api/v1/nodes/(?P<name>[^/]+)", _get_node, "get", "nodes"),
    Endpoint("GET", "/api/v1/namespaces", _list_namespaces, "list", "namespaces"),
    Endpoint("GET", "/api/v1/namespaces/(?P<name>[^/]+)", _get_namespace, "get", "namespaces"),
)
