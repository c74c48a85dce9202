"""The HTTP trigger: routes, methods, keys, and the conversion to and from the worker's form of HTTP."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from local.host.index import AppFunction
from local.host.invoke import Invoker, Outcome
from local.host.keys import Keys

# a segment of an ASP.NET route template: {name}, {name:constraint}, {name?}, {*rest}
PARAMETER = re.compile(r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+)(?:\([^)]*\))?)?(?P<optional>\?)?\}")
CONSTRAINTS = {"int": r"-?\d+", "long": r"-?\d+", "guid": "[0-9A-Fa-f-]{36}", "alpha": "[A-Za-z]+"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(router: web.UrlDispatcher, function: AppFunction, prefix: str, keys: Keys, invoker: Invoker) -> None:
    """Adds the routes of one HTTP function; `prefix` is host.json's routePrefix."""
    route = "/" + "/".join(part for part in (prefix, function.trigger["route"].strip("/")) if part)
    level = (function.trigger.get("authLevel") or "function").lower()

    async def handle(request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        if not keys.allow(request, level):
            return web.Response(status=401)
        return _response(await invoker.invoke(function, await _datum(request)))

    for path in _paths(route):
        for method in function.trigger.get("methods") or METHODS:
            router.add_route(method, path, handle)


@web.middleware
async def unmatched_is_not_found(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 404 where aiohttp answers 405: to the host, a method is a constraint of the route."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        raise web.HTTPNotFound from error


def _paths(route: str) -> list[str]:
    """An ASP.NET route template as aiohttp's; two when its last segment is optional."""

    def segment(match: re.Match[str]) -> str:
        pattern = ".*" if match["rest"] else CONSTRAINTS.get(match["constraint"] or "", "[^{}/]+")
        return f"{{{match['name']}:{pattern}}}"

    paths = [PARAMETER.sub(segment, route)]
    last = route.rsplit("/", 1)[-1]
    found = PARAMETER.fullmatch(last)
    if found and (found["optional"] or found["rest"]):
        paths.append(PARAMETER.sub(segment, route.removesuffix("/" + last)) or "/")
    return paths


async def _datum(request: web.Request) -> Datum:
    """The request as the host sends it to a worker: header names in lower case, values of one name joined."""
    body = await request.read()
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _strings({name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}),
            "query": _strings({name: ",".join(request.query.getall(name)) for name in request.query}),
            "params": _strings(dict(request.match_info)),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def _strings(values: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _response(outcome: Outcome) -> web.Response:
    datum: Any = outcome.outputs.get("$return")
    if datum is None:
        return web.Response(status=204 if outcome.succeeded else 500)
    if datum.type != "http":
        return web.Response(text=datum.value)
    value = datum.value
    response = web.Response(
        status=int(value["status_code"].value),
        headers={name: item.value for name, item in value["headers"].items()},
        body=value["body"].value,
    )
    for jar in value.get("cookies") or ():
        response.cookies.update(jar)
    return response
