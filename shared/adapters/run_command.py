"""The Kubernetes API of a cluster through AKS run command: for API servers that can't be reached otherwise.

AKS runs a command in the cluster for 60 seconds at most. Waiting for it is the one wait inside a look (ADR 6).
"""

import base64
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.domain.api_server import AWAY_FOR, Answered, Way
from shared.domain.by_command import ASKING, TOGETHER, Printed, get_command, many, one, send_command, was_cut
from shared.domain.model import Cluster, Unreadable
from shared.ports import KubernetesApi

PATIENCE = timedelta(seconds=90)
"""A command ends after 60 seconds; its pod has to start before."""
EVERY = timedelta(seconds=2)
_HALVINGS = 2
"""How often a page whose output was cut is halved."""
_ENDED = frozenset({"succeeded", "failed", "canceled"})

Post = Callable[[Mapping[str, str]], str | Unreadable]
"""POSTs a command (`command`, `context`); returns the URL of its result."""
Fetch = Callable[[str], Mapping[str, Any] | Unreadable]
"""GETs a result."""


@dataclass(frozen=True, slots=True)
class CommandApi:
    """shared.ports.KubernetesApi by commands."""

    post: Post
    fetch: Fetch
    sleep: Callable[[float], None]
    way: Way = Way.RUN_COMMAND
    ran: list[str] = field(default_factory=list)
    """The commands of this entry."""
    halved: dict[str, int] = field(default_factory=dict)
    """How often the page of a list was halved, by what stands before its limit."""

    def get(self, path: str) -> Answered | Unreadable:
        """GET a path."""
        listed, limit, query = path.partition("limit=")
        halved = self.halved.get(listed, 0)
        printed = self._run(get_command(path, halved), {})
        # Only at its beginning: Kubernetes wants one query for all pages of a list (meta/v1, ListOptions.continue).
        if (
            isinstance(printed, Printed)
            and was_cut(printed)
            and limit
            and "continue=" not in query
            and halved < _HALVINGS
        ):
            self.halved[listed] = halved + 1
            return self.get(path)
        return printed if isinstance(printed, Unreadable) else one(printed)

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Send bodies, some with each command."""
        answers: list[Answered | Unreadable] = []
        for first in range(0, len(requests), TOGETHER):
            answers += self._send(method, requests[first : first + TOGETHER])
        return tuple(answers)

    def _send(
        self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> tuple[Answered | Unreadable, ...]:
        made = send_command(method, requests)
        printed = made if isinstance(made, Unreadable) else self._run(*made)
        if isinstance(printed, Unreadable):
            return (printed,) * len(requests)
        return many(printed, len(requests))

    def _run(self, command: str, files: Mapping[str, str]) -> Printed | Unreadable:
        if len(self.ran) >= ASKING:
            message = (
                f"{ASKING} commands were not enough: the cluster is too large for AKS run command. Give the app a "
                "way through the network."
            )
            return Unreadable("Unreachable", message, None)
        self.ran.append(command)
        url = self.post({"command": command, "context": zipped(files)})
        if isinstance(url, Unreadable):
            return url
        waited = timedelta()
        while waited < PATIENCE:
            self.sleep(EVERY.total_seconds())
            waited += EVERY
            found = self.fetch(url)
            if isinstance(found, Unreadable):
                return found
            properties = found.get("properties")
            if isinstance(properties, dict) and str(properties.get("provisioningState")).lower() in _ENDED:
                return _printed(properties)
        return Unreadable("Unreachable", f"AKS run command gave no result within {PATIENCE}.", AWAY_FOR)


def reached(
    cluster: Cluster, ways: frozenset[Way], api: KubernetesApi | Unreadable, by_command: Callable[[], CommandApi]
) -> KubernetesApi | Unreadable:
    """Return the API that was entered if it can be reached, or else the way by commands, if that is allowed."""
    if not cluster.narrow or (not isinstance(api, Unreadable) and isinstance(api.get("/version"), Answered)):
        return api
    if Way.RUN_COMMAND in ways and cluster.run_command:
        return by_command()
    if isinstance(api, Unreadable):
        return api
    # Whether the rule allows run command isn't known here: what drains a pool asks without it.
    cure = (
        ". AKS run command (proof.run_command) is a way to prove nodes, and to read before a reimage, not to replace "
        "a pool."
        if cluster.run_command
        else " (AKS run command is no way: the cluster has it switched off)."
    )
    message = f"The cluster has {cluster.narrow}, and the app is not let in: give it a way through the network{cure}"
    return Unreadable("Unreachable", message, None)


def zipped(files: Mapping[str, str]) -> str:
    """Return files as the context of a command: a zip file in base64."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return base64.b64encode(content.getvalue()).decode() if files else ""


def _printed(properties: Mapping[str, Any]) -> Printed | Unreadable:
    code, logs = properties.get("exitCode"), properties.get("logs")
    if isinstance(code, int) and isinstance(logs, str):
        return Printed(code, logs)
    why = f"AKS run command failed: {properties.get('reason') or 'no reason was given'}"
    return Unreadable("Unreachable", why[:500], AWAY_FOR)
