"""What is said with a cluster's API server: the way in, its answers, and what they are worth when it refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote

from shared.domain.model import Cluster, Unreadable

AWAY_FOR = timedelta(minutes=2)
"""How soon to ask again an API server that can't be reached or has no time."""
PAGE = 500
"""Items of a list on one page."""
PAGES = 400
"""Pages of a list that are read at most: Kubernetes is made for 150,000 pods in all ("considerations for large
clusters"), which are 300."""
T = TypeVar("T")


class Way(StrEnum):
    """How the Kubernetes API of a cluster is reached; evidence names it."""

    ENTRA = "Microsoft Entra token"
    CERTIFICATE = "client certificate of the cluster's kubeconfig"
    RUN_COMMAND = "AKS run command"


ENTRA_ONLY = frozenset({Way.ENTRA})
"""What needs nobody's leave."""


def way_in(cluster: Cluster, ways: frozenset[Way]) -> Way | Unreadable:
    """Return how a cluster's API server takes us, of the ways that are allowed; Unreadable if none does."""
    if cluster.entra:
        return Way.ENTRA
    if Way.CERTIFICATE in ways:
        return Way.CERTIFICATE
    message = (
        "The cluster takes no Entra tokens: enable Microsoft Entra integration on it, or let the policy allow the "
        "client certificate of its kubeconfig (proof.client_certificates), which may do everything there."
    )
    return Unreadable("NoEntra", message, None)


@dataclass(frozen=True, slots=True)
class Answered:
    """What an API server answered, whatever it was."""

    status: int
    """HTTP status."""
    body: Mapping[str, Any]
    """Its JSON object; empty if it was none."""

    @property
    def ok(self) -> bool:
        """Say whether what was asked for was done."""
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """Kubernetes' own words for a refusal (`Status.message`); empty if there are none."""
        said = self.body.get("message")
        return said[:500] if isinstance(said, str) else ""


def refused(answer: Answered, doing: str) -> Unreadable:
    """Say what a refusal means; `doing` is what was asked for, such as `list nodes`."""
    if answer.status == 401:
        message = (
            "The API server does not take the app's Entra token: enable Microsoft Entra integration on the cluster."
        )
        return Unreadable("KubernetesUnauthenticated", message, None)
    if answer.status == 403:
        said = f" It said: {answer.message}" if answer.message else ""
        message = f"The app's identity may not {doing}: give it a role on the cluster (docs/security.md).{said}"
        return Unreadable("KubernetesForbidden", message, None)
    transient = answer.status in (408, 410, 429) or answer.status >= 500
    said = f": {answer.message}" if answer.message else ""
    message = f"The API server said {answer.status} when asked to {doing}{said}."
    return Unreadable("KubernetesError", message, AWAY_FOR if transient else None)


Ask = Callable[[str], "Answered | Unreadable"]
"""GETs a path of an API server."""


def read_all(get: Ask, path: str, read: Callable[[Mapping[str, Any]], T], what: str) -> tuple[T, ...] | Unreadable:
    """Read a whole list, page by page, each item by `read`, which raises ValueError for one that can't be used.

    `path` may have a query of its own; `what` is what it lists, in the plural. A list of which a page is missing is
    no list: it could hide what proves the contrary. One that does not end isn't either, nor one that has something
    twice, since it may lack as much as that and still be as long as it should: whoever the API server is.
    """
    found: list[T] = []
    known: set[str] = set()
    seen: set[str] = set()
    more: str | None = ""
    while more is not None:
        if more in seen or len(seen) == PAGES:
            message = f"The API server's list of {what} does not end: its page {len(seen)} leads to no last one."
            return Unreadable("Unintelligible", message, None)
        seen.add(more)
        page = get(_paged(path, more))
        if isinstance(page, Unreadable):
            return page
        if not page.ok:
            return refused(page, f"list {what}")
        try:
            items, more = _page(page.body, what)
            _add(known, items)
            found.extend(map(read, items))
        except (ValueError, RecursionError) as error:
            return Unreadable("Unintelligible", f"The API server's list of {what} can't be read: {error}", None)
    return tuple(found)


def _add(known: set[str], items: Sequence[Mapping[str, Any]]) -> None:
    """Add what items are called, and their uids; raises ValueError for what is known already."""
    for item in items:
        metadata = item.get("metadata")
        said = metadata if isinstance(metadata, dict) else {}
        name, uid = said.get("name"), said.get("uid")
        marks = {f"{said.get('namespace') or ''}/{name}"} if name else set()
        marks |= {uid} if uid and isinstance(uid, str) else set()
        if twice := marks & known:
            raise ValueError(f"{min(twice).removeprefix('/')} stands in it twice")
        known |= marks


def _paged(path: str, more: str) -> str:
    joined = f"{path}{'&' if '?' in path else '?'}limit={PAGE}"
    return f"{joined}&continue={quote(more, safe='')}" if more else joined


def _page(body: Mapping[str, Any], what: str) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """Return a page's items and where the next begins (None: nowhere); raises ValueError for another shape."""
    items, metadata = body.get("items"), body.get("metadata")
    if not isinstance(items, list) or not isinstance(metadata, dict) or not all(isinstance(one, dict) for one in items):
        raise ValueError(f"the API server's answer is not a list of {what}")
    more = metadata.get("continue")
    if not (more is None or isinstance(more, str)):
        raise ValueError("where its next page begins is no text")
    return items, more or None
