"""Alerts to Microsoft Teams, through the webhook of a Workflow.

The webhook's URL is a secret: whoever has it can post. It must not reach a log or an error's text, hence the
standard library rather than an HTTP client that logs paths (urllib3 does, when debugging) or quotes the URL in its
errors (requests does), and errors here have no cause or context.
"""

import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, InvalidURL
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, UnknownHandler

from shared.domain.alert import Alert
from shared.domain.arm_errors import retry_after
from shared.domain.clouds import Cloud
from shared.errors import FipswardenError, TerminalError, TransientError
from shared.reports import card

_TIMEOUT = 20.0
"""Seconds to connect, and again between two reads."""


class TeamsChannel:
    """shared.ports.Channel on a Workflow that posts to a team or a chat.

    A Workflow answers 202 once it has the request ("When a Teams webhook request is received"): that it then fails
    to post shows in its own run history alone. It is slowed down with 429 from four requests a second on.
    """

    name = "teams"

    def __init__(self, url: str, cloud: Cloud, tls: ssl.SSLContext | None = None) -> None:
        self._url, self._portal = url, cloud.portal
        self._opener = OpenerDirector()
        # No handler for redirects: the card goes to the host that was configured, or nowhere.
        secure = HTTPSHandler(context=tls or ssl.create_default_context())
        for handler in (ProxyHandler(), HTTPHandler(), secure, UnknownHandler()):
            self._opener.add_handler(handler)
        self._opener.addheaders = [("User-Agent", "fipswarden")]

    def send(self, alert: Alert) -> None:
        """Post one card; raises TransientError or TerminalError if the Workflow did not take it."""
        answer = self._post(card.message(alert, self._portal))
        if isinstance(answer, FipswardenError):
            raise answer
        if 200 <= answer.status < 300:
            return
        said = f"Teams: the Workflow answered {answer.status}{f' {answer.code}' if answer.code else ''}"
        if answer.status in (408, 429) or answer.status >= 500:
            raise TransientError(said, retry_after(answer.headers, datetime.now(UTC)))
        raise TerminalError(f"{said}: check that it is there and turned on, and the setting TEAMS_WEBHOOK_URL")

    def _post(self, body: bytes) -> "_Answer | FipswardenError":
        """Errors are returned, so that the exception which knows the URL does not hang on the one that is raised."""
        try:
            # The charset is needed for characters beyond ASCII ("Format cards in Microsoft Teams").
            request = Request(self._url, body, {"Content-Type": "application/json; charset=utf-8"}, method="POST")  # noqa: S310 - the settings allow https alone, and this opener knows no files
            with self._opener.open(request, timeout=_TIMEOUT) as response:
                return _Answer(response.status, dict(response.headers.items()), _code(response.read(8192)))
        except (OSError, HTTPException, ValueError) as error:
            return _failure(error)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    code: str
    """Logic Apps' error code; empty if there is none."""


def _failure(error: Exception) -> FipswardenError:
    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return TerminalError(f"Teams: the certificate of the Workflow's host can't be trusted: {inner.verify_message}")
    if isinstance(inner, str | ValueError | InvalidURL):
        return TerminalError("Teams: the setting TEAMS_WEBHOOK_URL is no URL that can be posted to")
    # The text of an operating system's error says what happened; others may quote the URL.
    detail = f": {inner.strerror}" if isinstance(inner, OSError) and inner.errno and inner.strerror else ""
    return TransientError(f"Teams: the Workflow can't be reached ({type(inner).__name__}{detail})")


def _code(body: bytes) -> str:
    """Return the error's code if it is one: the rest of the answer may quote the request."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_]{1,60}", code) else ""
