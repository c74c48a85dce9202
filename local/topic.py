"""A custom Event Grid topic: takes the CloudEvents that the product publishes, and keeps them."""

import ssl
from collections.abc import Callable
from typing import Any

from aiohttp import web

from local.serving import Server

REQUIRED = ("id", "source", "specversion", "type")


class Topic(Server):
    """`POST /api/events` as the topic's endpoint, for EventGridPublisherClient with a token credential.

    The SDK sends tokens over HTTPS only, hence `tls`. `authorise` judges the Authorization header; without it
    any bearer token will do.
    """

    def __init__(
        self,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        authorise: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__("event-grid-topic", [web.post("/api/events", self._take)], port, tls)
        self._authorise = authorise or (lambda header: header.startswith("Bearer "))
        self.received: list[dict[str, Any]] = []
        """Every event that was published, in order."""

    @property
    def endpoint(self) -> str:
        """What the publisher client takes."""
        return f"{self.url}/api/events"

    async def _take(self, request: web.Request) -> web.Response:
        if not self._authorise(request.headers.get("Authorization", "")):
            return _error(401, "Unauthorized", "The request did not contain a valid bearer token.")
        if request.content_type != "application/cloudevents-batch+json":
            return _error(400, "BadRequest", "This topic takes batches of CloudEvents v1.0.")
        events = await request.json()
        if not all(event.get(name) for event in events for name in REQUIRED):
            return _error(400, "BadRequest", f"An event lacks one of {', '.join(REQUIRED)}.")
        self.received += events
        return web.Response(status=200)


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
