"""The disruption budget: how many pools of the fleet may be remediated at once, held in one table partition.

A reservation is taken before anything is begun and given back only by a look that holds the cluster's lease and
sees that no operation of ours is on the pool. There is one per cluster, since AKS runs one operation per cluster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.domain.plan import Budget
from shared.ports import Delete, Put, Row, Table

_PARTITION = "budget"
_HEAD = "head"
_RACES = 8


@dataclass(frozen=True, slots=True)
class BudgetHead:
    """The document of the budget's head row."""

    active: int = 0
    """Number of reservations."""
    paused: bool = False
    paused_by: str = ""
    """Who paused, and why."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One place in the budget."""

    intent: str
    pool: str
    at: datetime


def read_budget(table: Table) -> Budget:
    """Return what the planner needs to know."""
    head = read_head(table)
    return Budget(head.active, head.paused)


def read_head(table: Table) -> BudgetHead:
    """Return the head: whether all is paused, and by whom, is for people to see."""
    return _head(table.read(_PARTITION, _HEAD))


def reservation(table: Table, cluster: ClusterId) -> Reservation | None:
    """Return the cluster's reservation, if it has one."""
    row = table.read(_PARTITION, cluster.key)
    return typed(Reservation, row.doc) if row else None


def reserve(table: Table, cluster: ClusterId, wanted: Reservation, limit: int) -> bool:
    """Take a place in the budget; False if none is free, if all is paused, or if the race for it was lost.

    The same intent may reserve twice: it counts once.
    """
    for _ in range(_RACES):
        row, mine = table.read(_PARTITION, _HEAD), table.read(_PARTITION, cluster.key)
        if mine:
            return typed(Reservation, mine.doc).intent == wanted.intent
        head = _head(row)
        if head.paused or head.active >= limit:
            return False
        writes = (
            _head_put(row, replace(head, active=head.active + 1)),
            Put(cluster.key, None, {"pool": wanted.pool, "at": wanted.at}, plain(wanted)),
        )
        if table.transact(_PARTITION, writes):
            return True
    return False


def release(table: Table, cluster: ClusterId, may: Callable[[Reservation], bool]) -> bool:
    """Give the cluster's place back, if it has one; False if the race was lost (the next look tries again).

    `may` says whether this reservation may be given back; it is asked after the reservation was read, so that a
    caller who checks his lease there can't give back that of somebody who took over.
    """
    for _ in range(_RACES):
        mine = table.read(_PARTITION, cluster.key)
        if mine is None or not may(typed(Reservation, mine.doc)):
            return True
        row = table.read(_PARTITION, _HEAD)
        head = _head(row)
        writes = (_head_put(row, replace(head, active=max(head.active - 1, 0))), Delete(cluster.key, mine.etag))
        if table.transact(_PARTITION, writes):
            return True
    return False


def pause(table: Table, who: str, *, paused: bool) -> None:
    """Stop every remediation, or let them go on; raises OSError if others keep writing the row."""
    for _ in range(_RACES):
        row = table.read(_PARTITION, _HEAD)
        if table.write(_PARTITION, _head_put(row, replace(_head(row), paused=paused, paused_by=who))):
            return
    raise OSError("the budget's head row kept changing: try again")


def _head(row: Row | None) -> BudgetHead:
    return typed(BudgetHead, row.doc) if row else BudgetHead()


def _head_put(row: Row | None, head: BudgetHead) -> Put:
    return Put(_HEAD, row.etag if row else None, {"active": head.active, "paused": head.paused}, plain(head))


def stale_reservations(table: Table, before: datetime) -> Iterator[ClusterId]:
    """Yield the clusters whose reservation is older than a time: a look will see whether the world backs it."""
    for row in table.rows(("at",), _PARTITION):
        at = row.columns.get("at")
        if row.key != _HEAD and isinstance(at, datetime) and at < before:
            yield ClusterId.from_key(row.key)
