"""The host's keys: who may call what."""

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest

from aiohttp import web


def _new_key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True)
class Keys:
    """Made anew by every host; the master key opens everything."""

    function: str = field(default_factory=_new_key)
    """Default host key: functions of auth level `function`."""
    event_grid: str = field(default_factory=_new_key)
    """System key `eventgrid_extension`: the Event Grid webhook."""
    master: str = field(default_factory=_new_key)
    """Master key: the admin API, functions of auth level `admin`, and the rest."""

    def allow(self, request: web.Request, level: str) -> bool:
        """Whether the request may use `level`: `anonymous`, `function`, `system` or `admin`."""
        if level == "anonymous":
            return True
        given = request.headers.get("x-functions-key") or request.query.get("code") or ""
        also = {"function": [self.function], "system": [self.event_grid]}.get(level, [])
        return any(compare_digest(given.encode(), key.encode()) for key in [self.master, *also])
