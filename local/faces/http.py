"""Requests and answers of the faces: plain records, so that a face is a function and needs no server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    """Decoded, without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name: ARM doesn't care how parameters are spelt."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    base_url: str = "https://localhost"
    """Scheme and host as the client sees them; links in answers begin with it."""
    client_certificate: str | None = None
    """The common name of the client certificate, if one was shown and is good."""
    waited: float = 0
    """How many seconds it has waited since it came, because answers said `again_after`."""
    address: str = "127.0.0.1"
    """The client's IP address, for API servers with authorised ranges."""
    inside: bool = False
    """Comes from within the cluster's own network, as run command does."""

    def json(self) -> Json:
        """Return the body as an object, empty if there is none; raise ValueError for anything else."""
        if not self.body:
            return {}
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("the body is not an object")  # noqa: TRY004 (a bad value, as json.loads says it)
        return value


@dataclass(frozen=True)
class Response:
    """An answer, or what happens instead of one."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    drop: bool = False
    """Reset the connection instead of answering."""
    again_after: float = 0
    """If not 0: wait that many seconds, then handle the same request again. Nothing has happened yet."""
    begun: bool = False
    """With `again_after`: the status and the headers are sent already, as for a watch; only the body is to come."""

    def json(self) -> Json:
        """Return the body as an object."""
        value: Json = json.loads(self.body)
        return value

    def header(self, name: str) -> str:
        """Return a header's value; raise KeyError."""
        return {key.lower(): value for key, value in self.headers}[name.lower()]

    def plus(self, *headers: tuple[str, str]) -> "Response":
        """Return the answer with further headers."""
        return Response(self.status, (*self.headers, *headers), self.body, self.drop, self.again_after)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Json = b"",
    base_url: str = "https://localhost",
    client_certificate: str | None = None,
) -> Request:
    """Make a request from a path with a query, as tests and the server write it."""
    path, _, query = url.partition("?")
    return Request(
        method=method,
        path=path,
        query={name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)},
        headers={name.lower(): value for name, value in (headers or {}).items()},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        base_url=base_url,
        client_certificate=client_certificate,
    )


def answer(value: Any, status: int = 200, *headers: tuple[str, str]) -> Response:
    """Return a JSON answer."""
    content_type = ("Content-Type", "application/json; charset=utf-8")
    return Response(status, (content_type, *headers), json.dumps(value).encode())


def gateway_error(status: int, code: str, message: str, **more: Any) -> Response:
    """Return an error as ARM's own gateway words it."""
    error = {"error": {"code": code, "message": message, **more}}
    return answer(error, status, ("x-ms-failure-cause", "gateway"))


def link(request: Request, path: str, **query: str) -> str:
    """Return an absolute URL on the host that the client talks to."""
    return f"{request.base_url}{path}?{urlencode(query)}"
