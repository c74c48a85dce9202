"""The row of a cluster's open requests, beside its rollout row: written by people, served and emptied by looks.

A row of its own, so that asking never breaks the lease of a look that runs. Every write is a compare-and-swap.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.domain.people import HOLDS, Request
from shared.errors import InputError
from shared.ports import Put, Row, Table

_KEY = "requests"
_RACES = 8
_MOST = 50
"""So many requests of one cluster may be open: more are nobody's who waits for an answer. Those that can't be read
don't count: they end by their time."""

_Entries = Sequence[Any]


def open_requests(table: Table, cluster: ClusterId) -> tuple[Request, ...]:
    """Return what is asked, the oldest first; what only a later version understands is left to it."""
    return read_requests(table, cluster)[0]


def read_requests(table: Table, cluster: ClusterId) -> tuple[tuple[Request, ...], bool]:
    """Return what is asked, the oldest first, and whether there is anything beside that can't be read."""
    entries = _entries(table.read(cluster.key, _KEY))
    found = [one for entry in entries if (one := _request(entry))]
    return tuple(sorted(found, key=lambda one: (one.at, one.id))), len(found) < len(entries)


def ask(table: Table, cluster: ClusterId, request: Request) -> None:
    """Add a request; it takes the place of an open one for the same. The caller then queues a look."""

    def added(entries: _Entries) -> _Entries:
        others = [entry for entry in entries if not _same(_request(entry), request)]
        readable = sum(_request(entry) is not None for entry in others)
        if readable >= _MOST:
            raise InputError(f"{readable} requests for {cluster} are open: find out why no look serves them")
        return [*others, plain(request)]

    _change(table, cluster, added)


def clear(table: Table, cluster: ClusterId, request: Request) -> None:
    """Take a request away that was answered; one that is not there any more was answered by another look."""

    def cleared(entries: _Entries) -> _Entries:
        return [entry for entry in entries if not isinstance(entry, dict) or entry.get("id") != request.id]

    _change(table, cluster, cleared)


def drop_all(table: Table, cluster: ClusterId) -> tuple[str, ...]:
    """Take away what is asked of a cluster that never was, and say what that is: there is no evidence to record it."""
    asked = open_requests(table, cluster)
    for request in asked:
        clear(table, cluster, request)
    return tuple(f"{request.kind} {request.pool}: dropped, asked by {request.by}" for request in asked)


def drop_unreadable(table: Table, cluster: ClusterId, now: datetime) -> int:
    """Take away what can't be read as a request and is no later version's whose time has not come; returns how many."""
    dropped = 0

    def readable(entries: _Entries) -> _Entries:
        nonlocal dropped
        kept = [entry for entry in entries if _request(entry) or _may_be_read(entry, now)]
        dropped = len(entries) - len(kept)
        return kept

    _change(table, cluster, readable)
    return dropped


def _may_be_read(entry: Any, now: datetime) -> bool:
    """Say whether a later version may still understand it and serve it."""
    try:
        at = typed(datetime, entry.get("at")) if isinstance(entry, dict) else None
    except ValueError:
        return False
    return at is not None and abs(now - at) <= HOLDS


def _change(table: Table, cluster: ClusterId, become: Callable[[_Entries], _Entries]) -> None:
    for _ in range(_RACES):
        row = table.read(cluster.key, _KEY)
        before = _entries(row)
        after = become(before)
        if list(after) == list(before):
            return
        if table.write(cluster.key, Put(_KEY, row.etag if row else None, {}, {"requests": list(after)})):
            return
    raise OSError(f"the requests for {cluster} kept changing: try again")


def _entries(row: Row | None) -> _Entries:
    found = row.doc.get("requests") if row else None
    return found if isinstance(found, list) else []


def _request(entry: Any) -> Request | None:
    try:
        return typed(Request, entry)
    except ValueError:
        return None


def _same(one: Request | None, other: Request) -> bool:
    return one is not None and (one.kind, one.pool) == (other.kind, other.pool)
