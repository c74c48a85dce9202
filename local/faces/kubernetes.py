"""Every cluster's Kubernetes API under /k8s/<subscription>/<group>/<cluster>: what a request means, and who asks.

Clusters with Entra take tokens for the AKS server application and ask Azure RBAC or their own bindings; the others
take only the token or client certificate of their kubeconfig, which may do everything.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from local.faces import kube_access, kube_objects, kube_pods, nodes, reach
from local.faces.http import Json, Request, Response, answer
from local.faces.kube_access import Wish
from local.faces.kube_answers import Ask, Resource, listing, refused, show, status
from local.world import RequestRecord, World
from local.world.access import InvalidToken
from local.world.errors import ArmError
from local.world.faults import Answer, Delay, Drop, LostAnswer
from local.world.kube import pods
from local.world.kube.refusals import Refusal, not_found

PREFIX = re.compile(r"/k8s/(?P<s>[^/]+)/(?P<g>[^/]+)/(?P<c>[^/]+)(?P<rest>/.*)?")
RESOURCES = (
    nodes.NODES,
    kube_objects.NAMESPACES,
    kube_pods.PODS,
    kube_objects.VOLUMES,
    kube_objects.CLAIMS,
    kube_objects.BUDGETS,
    kube_objects.STORAGE_CLASSES,
    kube_objects.NODE_CLASSES,
    *kube_objects.CONTROLLERS,
)
_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update"}
_NOWHERE = status(404, "NotFound", "the server could not find the requested resource")


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
        return _NOWHERE
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
        who = kube_access.authenticate(ask)
    except InvalidToken:
        return status(401, "Unauthorized", "Unauthorized")
    principal.append(who.name if who else "kubeconfig")
    if ask.request.method == "GET" and (told := _DISCOVERY.get(path) or _group(path)):
        return told(ask)
    target = _target(path)
    if target is None:
        return _NOWHERE
    there = replace(ask, namespace=target.namespace, name=target.name)
    resource = target.resource
    wish = Wish(_verb(there), resource.group, resource.plural, target.subresource)
    if who and not kube_access.may(there, who, wish):
        return kube_access.forbidden(there, who, wish)
    pods.settle(ask.cluster)
    try:
        return _answered(there, resource, wish)
    except Refusal as refusal:
        return refused(refusal)


def _verb(ask: Ask) -> str:
    match ask.request.method:
        case "GET":
            watches = ask.request.query.get("watch", "").lower() in {"1", "true"}
            return "get" if ask.name else "watch" if watches else "list"
        case "DELETE":
            return "delete" if ask.name else "deletecollection"
        case method:
            return _VERBS.get(method, method.lower())


def _answered(ask: Ask, resource: Resource, wish: Wish) -> Response:
    handler = resource.handlers.get((wish.verb, wish.subresource))
    if handler:
        return handler(ask)
    if wish.subresource:
        return _NOWHERE
    if wish.verb in {"list", "watch"}:
        return listing(ask, resource)
    if wish.verb == "get":
        return show(ask, resource, _one(ask, resource))
    message = "the server does not allow this method on the requested resource"
    return status(405, "MethodNotAllowed", message)


def _one(ask: Ask, resource: Resource) -> Json:
    if resource.one:
        return resource.one(ask)
    found = next((one for one in resource.items(ask) if one["metadata"]["name"] == ask.name), None)
    if found is None:
        raise not_found(resource.plural, ask.name, resource.group)
    return found


@dataclass(frozen=True)
class _Target:
    """What a path names."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def _target(path: str) -> _Target | None:
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        return None
    plural, name, subresource = [*rest, "", ""][:3]
    for resource in RESOURCES:
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            fits = resource.namespaced or not namespace
            return _Target(resource, namespace, name, subresource) if fits else None
    return None


# what clients ask first


def _version(ask: Ask) -> Response:
    _, minor, _ = ask.cluster.version.split(".")
    return answer({"major": "1", "minor": minor, "gitVersion": f"v{ask.cluster.version}", "platform": "linux/amd64"})


def _healthy(_: Ask) -> Response:
    return Response(200, (("Content-Type", "text/plain"),), b"ok")


def _api_versions(_: Ask) -> Response:
    return answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


def _api_groups(_: Ask) -> Response:
    versions = {resource.group: resource.version for resource in RESOURCES if resource.group}
    groups = []
    for group, version in versions.items():
        only = {"groupVersion": f"{group}/{version}", "version": version}
        groups.append({"name": group, "versions": [only], "preferredVersion": only})
    return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})


def _group(path: str) -> Callable[[Ask], Response] | None:
    """Return who answers for the resources of a group, if the path names one."""
    found = [one for one in RESOURCES if path == f"/{'apis' if one.group else 'api'}/{one.api_version}"]
    if not found:
        return None
    listed = [each for one in found for each in _listed(one)]
    body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version, "resources": listed}
    return lambda _: answer(body)


def _listed(resource: Resource) -> list[Json]:
    verbs = ["get", "list", *(["watch"] if resource.versioned else [])]
    main: Json = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs + [verb for verb, sub in resource.handlers if not sub],
        "shortNames": list(resource.short),
    }
    found = [main]
    for verb, sub in resource.handlers:
        if sub:
            more = {"group": "policy", "version": "v1"} if sub == "eviction" else {}
            kind = "Eviction" if sub == "eviction" else resource.kind
            name = f"{resource.plural}/{sub}"
            found.append(
                main | {"name": name, "singularName": "", "kind": kind, "verbs": [verb], "shortNames": []} | more
            )
    return found


_DISCOVERY: Mapping[str, Callable[[Ask], Response]] = {
    "/version": _version,
    "/healthz": _healthy,
    "/livez": _healthy,
    "/readyz": _healthy,
    "/api": _api_versions,
    "/apis": _api_groups,
}
