"""Where alerts end up locally: a Teams Workflows webhook and a mail server, which keep what they get."""

import asyncio
import email
import email.policy
import ssl
from collections import deque
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.loop import LoopThread
from local.part import Part
from local.serving import Server

CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True)
class Failure:
    """An answer that a sink gives instead of taking the next message."""

    status: int = 500
    """HTTP status, or SMTP reply code."""
    retry_after: int | None = None
    """Seconds of the Retry-After header, if any."""


class TeamsSink(Server):
    """The webhook of a Teams workflow: answers 202 and keeps the Adaptive Card; 400 for any other payload."""

    def __init__(self, port: int = 0) -> None:
        super().__init__("teams", [web.post("/workflows/{id}/triggers/manual/paths/invoke", self._take)], port)
        self._failures: deque[Failure] = deque()
        self.cards: list[dict[str, Any]] = []
        """The cards that were taken, in order."""

    @property
    def webhook(self) -> str:
        """The URL to post to."""
        return f"{self.url}/workflows/local/triggers/manual/paths/invoke?api-version=1&sig=local"

    def fail(self, times: int = 1, failure: Failure | None = None) -> None:
        """Answers the next `times` messages with a failure (500 without one)."""
        self._failures.extend([failure or Failure()] * times)

    async def _take(self, request: web.Request) -> web.Response:
        if self._failures:
            failure = self._failures.popleft()
            seconds = failure.retry_after
            return web.Response(status=failure.status, headers={} if seconds is None else {"Retry-After": str(seconds)})
        try:
            cards = _cards(await request.json())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return web.json_response(
                {"error": {"code": "TriggerInputSchemaMismatch", "message": str(error)}}, status=400
            )
        self.cards += cards
        return web.Response(status=202)


class MailSink(Part):
    """A mail server that keeps parsed messages; offers STARTTLS when it is given a TLS context."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._wanted, self._tls = port, tls
        self._loop = LoopThread("mail")
        self._server: asyncio.Server | None = None
        self._connections: list[SMTP] = []
        self._failures: deque[Failure] = deque()
        self.host, self.port = "127.0.0.1", port
        self.messages: list[EmailMessage] = []
        """The messages that were taken, in order."""

    def start(self) -> None:
        """Starts listening; OSError when the port is taken."""
        self._loop.start()
        self.port = self._loop.run(self._start())

    def stop(self) -> None:
        """Stops; calling it again does nothing."""
        server, self._server = self._server, None
        if server is not None:
            self._loop.run(self._close(server))
        self._loop.stop()

    def fail(self, times: int = 1, failure: Failure | None = None) -> None:
        """Refuses the next `times` messages (451, try again later, without a failure)."""
        self._failures.extend([failure or Failure(451)] * times)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Takes one message; returns the reply line."""
        if self._failures:
            return f"{self._failures.popleft().status} refused for a test"
        self.messages.append(
            email.message_from_bytes(envelope.original_content or b"", EmailMessage, policy=email.policy.default)
        )
        return "250 OK"

    async def _start(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self.host, self._wanted)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _connection(self) -> SMTP:
        secure = self._tls is not None
        connection = SMTP(self, hostname="localhost", tls_context=self._tls, require_starttls=secure)
        self._connections.append(connection)
        return connection

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for connection in self._connections:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        await server.wait_closed()


def _cards(payload: Any) -> list[dict[str, Any]]:
    if payload["type"] != "message" or not payload["attachments"]:
        raise ValueError("the payload is not a message with attachments")
    for attachment in payload["attachments"]:
        if attachment["contentType"] != CARD or attachment["content"]["type"] != "AdaptiveCard":
            raise ValueError(f"an attachment is not an {CARD}")
    return [attachment["content"] for attachment in payload["attachments"]]
