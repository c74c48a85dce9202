"""Azure Resource Graph: the fleet as it was a moment ago, as far as the caller may read it; no more is said."""

import base64
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from local.faces import kql
from local.faces.arm import Context, Route
from local.faces.http import Json, Response, answer, gateway_error
from local.world import World, ids, render
from local.world.access import Principal
from local.world.model import Cluster

MAX_ROWS = 1000
_TYPE = ids.CLUSTERS.lower()
COLUMNS = (
    "id",
    "name",
    "type",
    "tenantId",
    "kind",
    "location",
    "resourceGroup",
    "subscriptionId",
    "managedBy",
    "sku",
    "plan",
    "properties",
    "tags",
    "identity",
    "zones",
    "extendedLocation",
)


def query(context: Context) -> Response:
    """Answer `POST /providers/Microsoft.ResourceGraph/resources`."""
    body = context.body()
    options = body.get("options") or {}
    wanted = {str(s).lower() for s in body.get("subscriptions") or ()}
    unknown = set(body) - {"query", "subscriptions", "options", "managementGroups"} | (
        set(options) - {"$top", "$skip", "$skipToken", "resultFormat", "allowPartialScopes"}
    )
    if unknown or options.get("resultFormat", "objectArray") != "objectArray" or body.get("managementGroups"):
        return _bad_request(context, "InvalidRequest", f"not known to the local Azure: {sorted(unknown)}")
    readable = _readable(context, wanted)
    if wanted and not readable:  # with at least one readable subscription the others are silently missing
        text = "Please provide below info when asking for support: the caller may read none of the subscriptions."
        return gateway_error(403, "AccessDenied", text)
    tables = {
        "resources": kql.Table(COLUMNS, _resources(context.world, context.call.principal, readable)),
        "resourcecontainers": kql.Table(COLUMNS, _containers(context, readable)),
    }
    try:
        table = kql.run(str(body.get("query", "")), tables)
        return answer(_page(table, options))
    except kql.InvalidQuery as error:
        return _bad_request(context, "InvalidQuery", error.token)


def _page(table: kql.Table, options: Json) -> Json:
    top = min(int(options.get("$top") or MAX_ROWS), MAX_ROWS)
    token = options.get("$skipToken")
    start = json.loads(base64.urlsafe_b64decode(token))["skip"] if token else int(options.get("$skip") or 0)
    rows = list(table.rows)
    page = [{column: row[column] for column in table.columns} for row in islice(rows, start, start + top)]
    result: Json = {
        "totalRecords": len(rows),
        "count": len(page),
        "data": page,
        "facets": [],
        "resultTruncated": "false",
    }
    if start + top < len(rows):
        if "id" in table.columns:
            skip = json.dumps({"skip": start + top}).encode()
            result["$skipToken"] = base64.urlsafe_b64encode(skip).decode()
        else:  # without the id column there is no way to the next page
            result["resultTruncated"] = "true"
    return result


def _bad_request(context: Context, code: str, token: str) -> Response:
    text = "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the "
    details = [
        {"code": code, "message": f"{text}error before retrying."},
        {"code": "ParserFailure", "message": "ParserFailure", "token": token},
    ]
    support = f"timestamp = {render.timestamp(context.world.now)}, correlationId = {context.call.correlation_id}."
    message = f"Please provide below info when asking for support: {support}"
    return gateway_error(400, "BadRequest", message, details=details)


def _readable(context: Context, wanted: set[str]) -> list[str]:
    access, principal = context.world.access, context.call.principal
    return [
        key
        for key, subscription in context.world.subscriptions.items()
        if (not wanted or key in wanted) and access.sees(principal, subscription.id)
    ]


def _resources(world: World, principal: Principal, readable: list[str]) -> Iterator[kql.Row]:
    allowed: dict[str, bool] = {}
    for cluster, row in _visible(world, set(readable)):
        if _may_read(world, principal, cluster, allowed):
            yield row


def _may_read(world: World, principal: Principal, cluster: Cluster, allowed: dict[str, bool]) -> bool:
    group = f"{cluster.subscription}/{cluster.group}".lower()
    if group not in allowed:
        scope = ids.group_id(cluster.subscription, cluster.group)
        allowed[group] = world.access.may(principal, f"{ids.CLUSTERS}/read", scope)
    return allowed[group] or world.access.may(principal, f"{ids.CLUSTERS}/read", cluster.id)


def _visible(world: World, subscriptions: set[str]) -> Iterator[tuple[Cluster, kql.Row]]:
    """Go through what Resource Graph knows: clusters as they are, or as they were before changes it hasn't seen."""
    past = world.graph_past
    for key in list(past):
        while past[key] and past[key][0][0] <= world.now:
            past[key].popleft()
        if not past[key]:
            del past[key]
    for subscription in subscriptions:
        for cluster in world.all_clusters(subscription):
            if ids.key(cluster.id) not in past:
                yield cluster, _ClusterRow(cluster, world.access.tenant)
    for changes in past.values():
        _, cluster, row = changes[0]
        if row is not None and cluster.subscription.lower() in subscriptions:
            yield cluster, row


class _ClusterRow(dict[str, Any]):
    """A row that renders its cluster only if more than these few columns is asked for."""

    __slots__ = ("_cluster", "_tenant")

    def __init__(self, cluster: Cluster, tenant: str) -> None:
        super().__init__(
            id=cluster.id,
            name=cluster.name,
            type=_TYPE,
            location=cluster.location,
            resourceGroup=cluster.group.lower(),
            subscriptionId=cluster.subscription,
        )
        self._cluster, self._tenant = cluster, tenant

    def __missing__(self, column: str) -> Any:
        self.update(render.graph_row(self._cluster, self._tenant))
        return self[column]


def _containers(context: Context, readable: list[str]) -> Iterator[kql.Row]:
    empty = dict.fromkeys(COLUMNS)
    for key in readable:
        subscription = context.world.subscriptions[key]
        common = {"subscriptionId": subscription.id, "tenantId": context.world.access.tenant}
        yield (
            empty
            | common
            | {
                "id": f"/subscriptions/{subscription.id}",
                "name": subscription.name,
                "type": "microsoft.resources/subscriptions",
            }
        )
        for group in subscription.groups.values():
            yield (
                empty
                | common
                | {
                    "id": ids.group_id(subscription.id, group.name),
                    "name": group.name,
                    "type": "microsoft.resources/subscriptions/resourcegroups",
                    "location": group.location,
                    "resourceGroup": group.name.lower(),
                    "tags": group.tags,
                }
            )


ROUTES = (Route("graph", "POST", "/providers/Microsoft.ResourceGraph/resources", "", "resourceGraph", query),)
