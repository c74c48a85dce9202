"""Asks of an API server as commands of `kubectl`, and what it printed as answers: the way through AKS run command.

Every command works on raw paths, so that what is asked and answered is the same as by HTTPS. A path is checked before
it gets into a command line, bodies are files of the context, and nothing else goes in.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.api_server import AWAY_FOR, Answered
from shared.domain.model import Unreadable
from shared.domain.probes import NAMESPACES

OUTPUT = 500_000
"""Bytes from which on an output may have been cut: the limit is 512 kB, and nothing says whether a kB is 1,000 bytes
(AKSDOC access-private-cluster.md, FACTS 6)."""
PAGE = 20
"""Items on a page: a node is some 20 kB, and the output of a command is bounded."""
OWN_PAGE = 50
"""And of our own pods, each of which has one container and says a few lines: some 6 kB."""
ASKING = 12
"""Commands that one entry has: each takes some seconds, and a look has to end. Listing the nodes, making pods and
reading them go together; what was made is deleted by an entry of its own."""
TOGETHER = 25
"""Bodies sent by one command: it ends after 60 seconds."""
_OWN_PODS = tuple(f"/api/v1/namespaces/{name}/pods?" for name in NAMESPACES)
_PATH = re.compile(r"/[A-Za-z0-9/._~%?=&-]+")
_VERBS = {"POST": "create", "DELETE": "delete"}
_REFUSED = re.compile(r"Error from server \((?P<reason>\w+)\): (?P<message>.*)", re.DOTALL)
_STATUS = {
    # reasons of Kubernetes' Status objects (apimachinery, meta/v1/types.go), which kubectl prints
    "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "NotFound": 404, "MethodNotAllowed": 405,
    "AlreadyExists": 409, "Conflict": 409, "Gone": 410, "Expired": 410, "Invalid": 422, "TooManyRequests": 429,
    "InternalError": 500, "ServiceUnavailable": 503, "Timeout": 504, "ServerTimeout": 504,
}  # fmt: skip
_MARK = "fipswarden-next"


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command left."""

    exit_code: int
    logs: str


def get_command(path: str, halved: int = 0) -> str:
    """Return the command that GETs a path; of a list a page that fits into an output, halved so many times."""
    size = max((OWN_PAGE if path.startswith(_OWN_PODS) else PAGE) >> halved, 1)
    page = re.sub("([?&]limit=)[0-9]+", f"\\g<1>{size}", path)
    return f"kubectl get --raw {_quoted(page)}"


def too_many(nodes: int, asked: Iterable[int]) -> Unreadable | None:
    """Say why pods can't ask so many nodes by commands, in any look; `asked` are their numbers by method."""
    # At first a namespace is read and made, and an empty list read; later the list has as many pages as there are pods.
    each = [1 + max(2, -(-pods // OWN_PAGE)) + min(2, -(-pods // TOGETHER)) for pods in asked]
    if -(-nodes // PAGE) + sum(each) <= ASKING:
        return None
    message = (
        f"The cluster has {nodes} nodes: pods can't ask them through AKS run command within one look. Give the app a "
        "way through the network, or let the policy ask for level node, or (up to 160 nodes) for samples."
    )
    return Unreadable("Unreachable", message, None)


def send_command(
    method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[str, Mapping[str, str]] | Unreadable:
    """Return the command that sends some bodies, and its files by name."""
    if method not in _VERBS:
        return Unreadable("Unreachable", f"AKS run command has no way to {method}.", None)
    files = {f"{number}.json": json.dumps(body) for number, (_, body) in enumerate(requests)}
    lines = [
        f"kubectl {_VERBS[method]} --raw {_quoted(path)} -f {number}.json; cat next.txt"
        for number, (path, _) in enumerate(requests)
    ]
    return "; ".join(lines), {**files, "next.txt": f"\n{_MARK}\n"}


def _quoted(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path for a command line")
    return f"'{path}'"


def was_cut(printed: Printed) -> bool:
    """Say whether an output may be the beginning of a longer one."""
    return len(printed.logs.encode()) >= OUTPUT


def one(printed: Printed) -> Answered | Unreadable:
    """Read what one command printed."""
    if was_cut(printed):
        message = "The output of AKS run command was cut: the cluster is too large for this way."
        return Unreadable("Unreachable", message, None)
    return _answer(printed.logs)


def many(printed: Printed, count: int) -> tuple[Answered | Unreadable, ...]:
    """Read what a command printed for each of some bodies; those of which nothing is said may have been sent."""
    parts = printed.logs.split(_MARK)[:-1]
    cut = Unreadable("Unreachable", "AKS run command ended before it came to this.", AWAY_FOR)
    return tuple(_answer(parts[number]) if number < len(parts) else cut for number in range(count))


def _answer(text: str) -> Answered | Unreadable:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return Answered(200, found)
    if "You must be logged in" in text:
        return Answered(401, {"message": text.strip()[:500]})
    if said := _REFUSED.search(text):
        return Answered(_STATUS.get(said["reason"], 500), {"message": said["message"].strip()[:500]})
    return Unreadable(
        "Unreachable", f"AKS run command printed no answer of the API server: {text.strip()[:300]}", AWAY_FOR
    )
