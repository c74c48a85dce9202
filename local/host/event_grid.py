"""The Event Grid trigger's webhook, as the Event Grid extension answers it (version 3.2.0 or later)."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from local.host.index import AppFunction
from local.host.invoke import Invoker
from local.host.keys import Keys

log = logging.getLogger("local.host")

PATH = "/runtime/webhooks/eventgrid"


class EventGridWebhook:
    """Takes deliveries for every Event Grid function of the app, by the query parameter `functionName`."""

    def __init__(self, functions: Mapping[str, AppFunction], keys: Keys, invoker: Invoker) -> None:
        self._functions, self._keys, self._invoker = functions, keys, invoker

    async def handle(self, request: web.Request) -> web.Response:
        """Answers a handshake, or runs one invocation per event: 202 when all succeeded, else 500."""
        if not self._keys.allow(request, "system"):
            return web.Response(status=401)
        name = request.query.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _cloud_events_handshake(request)
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation" | "notification" as kind:
                return await self._body(kind, function, request)
            case "unsubscribe":
                return web.Response(status=202)
            case _:
                return web.Response(status=400)

    async def _body(self, kind: str, function: AppFunction, request: web.Request) -> web.Response:
        """Answers 500 to a body of another shape, as the host does for the exception that the extension lets pass.

        The extension parses without catching (HttpRequestProcessor.ProcessAsync in azure-sdk-for-net), and so does
        the host (HostController.ExtensionWebHookHandler in azure-functions-host).
        """
        try:
            body = await request.json()
            if not isinstance(body, list | dict):
                raise TypeError(f"the body is neither an array nor an object but {type(body).__name__}")
            if kind == "subscriptionvalidation":
                return _event_grid_handshake(body)
        except (ValueError, LookupError, TypeError) as error:
            log.warning("delivery can't be read", extra={"function": function.name, "error": str(error)})
            return web.Response(status=500)
        return await self._notify(function, body)

    async def _notify(self, function: AppFunction, body: Any) -> web.Response:
        events = body if isinstance(body, list) else [body]
        outcomes = await asyncio.gather(
            *(self._invoker.invoke(function, Datum(_compact(event), "json")) for event in events)
        )
        for outcome in outcomes:
            if not outcome.succeeded:
                return web.Response(status=500, text=outcome.error)
        return web.Response(status=202)


def _cloud_events_handshake(request: web.Request) -> web.Response:
    origin = request.headers.get("WebHook-Request-Origin")
    if origin is None:
        return web.Response(status=400)
    return web.Response(headers={"WebHook-Allowed-Origin": origin})


def _event_grid_handshake(body: Any) -> web.Response:
    # with the CloudEvents schema it is one object, and its data is JSON within a string
    data = body[0]["data"] if isinstance(body, list) else json.loads(body["data"])
    return web.json_response({"validationResponse": data["validationCode"]})


def _compact(event: Any) -> str:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)
