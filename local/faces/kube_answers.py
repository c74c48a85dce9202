"""Requests to an API server and how it answers: objects, lists in pieces, tables for kubectl, watches, refusals."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.faces import kube_protobuf, kube_selectors
from local.faces.http import Json, Request, Response, answer
from local.world import World
from local.world.kube.refusals import Refusal, bad_request, invalid
from local.world.model import Cluster

WATCH_SECONDS = 10.0
"""A watch ends after that, or what `timeoutSeconds` says if it is less; clients then watch again."""
_MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
_WATCH_PAUSE = 0.25
_WATCHED = (("Content-Type", "application/json;stream=watch"),)


@dataclass(frozen=True)
class Ask:
    """A request to one cluster's API server. `namespace` and `name` are empty where the path has none."""

    world: World
    request: Request
    cluster: Cluster
    namespace: str = ""
    name: str = ""

    def body(self) -> Json:
        """Return the body; raise Refusal."""
        try:
            if self.request.body.startswith(kube_protobuf.MAGIC):
                return kube_protobuf.decode(self.request.body)
            return self.request.json()
        except ValueError as error:
            raise bad_request(f"the object provided is unrecognized: {error}") from error

    @property
    def as_table(self) -> bool:
        """Tell that the client wants what kubectl prints."""
        return "as=Table" in self.request.headers.get("accept", "")


Row = Callable[[Json, datetime], list[Any]]
Handler = Callable[[Ask], Response]


@dataclass(frozen=True)
class Resource:
    """A kind of objects that an API server has."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    items: Callable[[Ask], Iterable[Json]]
    """All of them, or those of the namespace."""
    columns: tuple[tuple[str, int], ...]
    """Names and priorities of what kubectl prints: 0 always, 1 when wide."""
    row: Row
    short: tuple[str, ...] = ()
    one: Callable[[Ask], Json] | None = None
    """Finds one without showing all; raises Refusal."""
    fields: Mapping[str, Callable[[Json], Any]] = field(default_factory=dict)
    """What can be selected by, besides name and namespace."""
    handlers: Mapping[tuple[str, str], Handler] = field(default_factory=dict)
    """What else is answered, by verb and subresource: (`create`, ``), (`get`, `log`)."""
    versioned: bool = True
    """Its resourceVersions are the cluster's, so that a watch can tell what is new."""

    @property
    def api_version(self) -> str:
        """`v1`, `policy/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


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


def refused(refusal: Refusal) -> Response:
    """Return a refusal."""
    return status(refusal.code, refusal.reason, refusal.message, **refusal.details)


def done(code: int = 200) -> Response:
    """Return the Status of something that was done and has no object."""
    return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}, code)


def stamp(when: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(since: str, now: datetime) -> str:
    """Return an age as kubectl prints it."""
    past: timedelta = now - datetime.fromisoformat(since)
    seconds = max(0, int(past.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def show(ask: Ask, resource: Resource, found: Json, code: int = 200) -> Response:
    """Return one object, or its row."""
    return answer(_table(ask, resource, [found], {}) if ask.as_table else found, code)


def merge_patch(ask: Ask, kind: str, changeable: Mapping[str, set[str]]) -> Json:
    """Return the body of a patch, merge or strategic, which say the same here; raise Refusal for what can't change."""
    sent = ask.request.headers.get("content-type", "").partition(";")[0]
    if sent not in _MERGES:
        message = "the body of the request was in an unknown format - accepted media types include: "
        raise Refusal(415, "UnsupportedMediaType", message + ", ".join(_MERGES))
    body = ask.body()
    for member, value in body.items():
        if set(value or ()) - changeable.get(member, set()) or (value and member not in changeable):
            raise invalid(kind, ask.name, member, f"Forbidden: the local Azure changes only {dict(changeable)}")
    return body


def listing(ask: Ask, resource: Resource) -> Response:
    """Return the objects that a query picks, in pieces if it asks for them; raise Refusal."""
    if ask.request.query.get("watch", "").lower() in {"1", "true"}:
        return _watch(ask, resource)
    limit, after = _piece(ask.request.query)
    found = sorted(selected(ask, resource), key=_order)
    rest = [one for one in found if _order(one) > after]
    page = rest[:limit] if limit else rest
    metadata: Json = {"resourceVersion": str(ask.cluster.kube.version)}
    if len(page) < len(rest):
        last = json.dumps(_order(page[-1])).encode()
        metadata |= {"continue": base64.urlsafe_b64encode(last).decode()}
        metadata |= {"remainingItemCount": len(rest) - len(page)}
    if ask.as_table:
        return answer(_table(ask, resource, page, metadata))
    kind = f"{resource.kind}List"
    return answer({"kind": kind, "apiVersion": resource.api_version, "metadata": metadata, "items": page})


def selected(ask: Ask, resource: Resource) -> list[Json]:
    """Return the objects that the query's selectors pick; raise Refusal."""
    query = ask.request.query
    try:
        by_label = kube_selectors.by_labels(query.get("labelselector", ""))
        by_field = kube_selectors.by_fields(query.get("fieldselector", ""), resource.fields)
    except ValueError as error:
        raise bad_request(str(error)) from error
    return [one for one in resource.items(ask) if by_label(one) and by_field(one)]


def _piece(query: Mapping[str, str]) -> tuple[int, tuple[str, str]]:
    try:
        limit = int(query.get("limit") or 0)
        token = base64.b64decode(query.get("continue", ""), b"-_", validate=True).decode()
        namespace, name = json.loads(token) if token else ("", "")
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request(f"limit or continue is not valid: {error}") from error
    return limit, (namespace, name)


def _order(found: Json) -> tuple[str, str]:
    return str(found["metadata"].get("namespace", "")), str(found["metadata"]["name"])


def _watch(ask: Ask, resource: Resource) -> Response:
    query = ask.request.query
    since = int(query.get("resourceversion") or 0)
    events = [
        ("MODIFIED" if since else "ADDED", one)
        for one in selected(ask, resource)
        if not since or (resource.versioned and int(one["metadata"]["resourceVersion"]) > since)
    ]
    events += [("DELETED", one) for one in _gone(ask, resource, since)] if since else []
    patience = min(WATCH_SECONDS, float(query.get("timeoutseconds") or WATCH_SECONDS))
    if not events and ask.request.waited < patience:
        return Response(200, _WATCHED, again_after=_WATCH_PAUSE, begun=True)
    shown = [
        {"type": kind, "object": _table(ask, resource, [one], {}) if ask.as_table and kind != "DELETED" else one}
        for kind, one in events
    ]
    body = "".join(f"{json.dumps(event)}\n" for event in shown)
    return Response(200, _WATCHED, body.encode())


def _gone(ask: Ask, resource: Resource, since: int) -> Iterable[Json]:
    by_field = kube_selectors.by_fields(ask.request.query.get("fieldselector", ""), {}, lenient=True)
    for version, plural, metadata in ask.cluster.kube.gone:
        told = {**metadata, "resourceVersion": str(version)}
        one: Json = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": told}
        here = not ask.namespace or metadata.get("namespace") == ask.namespace
        if plural == resource.plural and version > since and here and by_field(one):
            yield one


def _table(ask: Ask, resource: Resource, found: list[Json], metadata: Json) -> Json:
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "name" if name == "Name" else "", "priority": priority}
            | {"description": name}
            for name, priority in resource.columns
        ],
        "rows": [{"cells": resource.row(one, ask.world.now), "object": _partial(one)} for one in found],
    }


def _partial(found: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}
