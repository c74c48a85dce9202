"""What the answers of the AKS resource provider share: links to operations, pages, the cluster of a path."""

from local.faces.arm import Context
from local.faces.http import Json, Response, answer, link
from local.world import ids
from local.world.model import Cluster, Operation
from local.world.pools import Preconditions


def cluster_of(context: Context) -> Cluster:
    """Return the cluster that a path names; raise ArmError (404)."""
    return context.world.cluster(context.params["s"], context.params["g"], context.params["c"])


def conditions_of(context: Context) -> Preconditions:
    """Return the conditional headers of a request."""
    headers = context.request.headers
    return Preconditions(headers.get("if-match"), headers.get("if-none-match"))


def links(context: Context, op: Operation) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the headers that lead to an operation: Azure-AsyncOperation, then Location."""
    at = f"/subscriptions/{op.subscription}/providers/{ids.PROVIDER}/locations/{op.location}"
    query = f"?api-version=2025-03-01&{op.signature}"
    base = context.request.base_url
    return (
        ("Azure-AsyncOperation", f"{base}{at}/operations/{op.id}{query}"),
        ("Location", f"{base}{at}/operationresults/{op.id}{query}"),
    )


def patience(context: Context, op: Operation) -> tuple[tuple[str, str], ...]:
    """Return the header that asks a client to wait, where the world asks for it."""
    seconds = context.world.retry_after
    return () if seconds is None or op.done else (("Retry-After", str(seconds)),)


def written(context: Context, op: Operation, resource: Json, *, new: bool) -> Response:
    """Answer a PUT: 201 or 200, both with Azure-AsyncOperation and without Location (captured).

    It has no eTags: captured for creations; for updates not known, and so nothing to rely on.
    """
    properties = resource["properties"]
    for holder in (resource, properties, *properties.get("agentPoolProfiles", ())):
        holder.pop("eTag", None)
    return answer(resource, 201 if new else 200, links(context, op)[0], *patience(context, op))


def accepted(context: Context, op: Operation, resource: Json | None = None) -> Response:
    """Answer what has only an operation to show: 202 with both links."""
    headers = (*links(context, op), *patience(context, op))
    return Response(202, headers) if resource is None else answer(resource, 202, *headers)


def page(context: Context, rows: list[Json]) -> Response:
    """Answer a page of a list, with the link to the next."""
    size = context.world.page_size
    start = int(context.request.query.get("$skiptoken") or 0)
    page: Json = {"value": rows[start : start + size]}
    if start + size < len(rows):
        page["nextLink"] = link(
            context.request,
            context.request.path,
            **{"api-version": context.call.api_version, "$skiptoken": str(start + size)},
        )
    return answer(page)
