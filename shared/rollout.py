"""The lease on a cluster's rollout row: who may work on a cluster, and which messages need no look any more.

One rule keeps wake-ups from being lost: a message is let go only if a look that has *completed* began after the
message was inserted, or if a message that was inserted later is in the queue. Never because a look is running: its
worker may die. tests/protocol checks it exhaustively, with crashes and expired leases.
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.requests import ReconcileRequest
from shared.errors import LeaseLostError
from shared.ports import Clock, Put, Row, Table, WakeUps

CLOCK_MARGIN = timedelta(seconds=2)
"""How far the clocks of the queue's and the table's servers may be apart, rounding to seconds included."""
PACE = timedelta(seconds=3)
"""Looks at one cluster begin at least this far apart, so that a burst of events costs a few looks."""

HORIZON = timedelta(hours=2)
"""What falls due later than this is not queued now: resync queues it when its time comes."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take."""

    look_deadline: timedelta = timedelta(minutes=4)
    """After this a look begins nothing any more; well below functionTimeout in host.json."""
    lease_margin: timedelta = timedelta(minutes=1)
    """The lease lasts this much longer than a look may, for clocks that differ."""
    poll: timedelta = timedelta(seconds=30)
    """How soon a look comes back while an operation of ours runs."""

    @property
    def begin_by(self) -> timedelta:
        """How long a look may begin what takes long: it then has time for a command of AKS (90 s), and to write."""
        return self.look_deadline - min(timedelta(seconds=100), self.look_deadline * 0.4)

    @property
    def lease(self) -> timedelta:
        """How long a lease lasts."""
        return self.look_deadline + self.lease_margin


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on the cluster."""

    holder: str
    until: datetime
    """By the holder's clock."""


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """The document of a rollout row."""

    lease: Lease | None = None
    answered: datetime | None = None
    """When the last look that completed began, by the table server."""
    memory: Memory = field(default_factory=Memory)


def read_memory(table: Table, cluster: ClusterId) -> Memory:
    """Return what earlier looks left of a cluster; of one that nobody has looked at, nothing."""
    row = table.read(cluster.key, cluster.key)
    return typed(RolloutRow, row.doc).memory if row else Memory()


class LetGo(StrEnum):
    """Why a message needs no look of its own."""

    ANSWERED = "a look that completed began after it was inserted"
    WOKEN = "a later wake-up is in the queue"
    COPIED = "the cluster is busy: a copy comes back when it is free"
    NOT_OURS = "its subscription is not the app's to look after, and nothing of ours is going on there"


class Hold:
    """Our lease on one cluster: every write of the row goes through here and fails once the lease is lost."""

    def __init__(
        self,
        table: Table,
        request: ReconcileRequest,
        state: RolloutRow,
        etag: str,
        began: datetime,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._table, self._clock, self._timing = table, clock, timing
        self._request, self._state, self._etag = request, state, etag
        now = clock.monotonic()
        self._end = now + timing.look_deadline.total_seconds()
        self.begin_by = now + timing.begin_by.total_seconds()
        """Until when, by the monotonic clock, something may be begun that takes long."""
        self.began = began
        """When this look began, by the table server."""

    @property
    def poll(self) -> timedelta:
        """How soon a look comes back while an operation of ours runs."""
        return self._timing.poll

    @property
    def memory(self) -> Memory:
        """What earlier looks left, and what this one saved."""
        return self._state.memory

    def check(self) -> None:
        """Fence: raises LeaseLostError unless the row is still as we wrote it and the deadline has not passed."""
        if self._clock.monotonic() > self._end:
            raise LeaseLostError(f"the look at {self._request.cluster} took longer than its deadline")
        key = self._request.cluster.key
        row = self._table.read(key, key)
        if row is None or row.etag != self._etag:
            raise LeaseLostError(f"somebody else wrote the rollout row of {self._request.cluster}")

    def save(self, memory: Memory) -> None:
        """Write the memory and renew the lease; raises LeaseLostError."""
        if self._clock.monotonic() > self._end:
            raise LeaseLostError(f"the look at {self._request.cluster} took longer than its deadline")
        self._write(replace(self._state, memory=memory))

    def settle(self, wake_ups: WakeUps, memory: Memory, requeue_after: timedelta | None) -> timedelta | None:
        """Queue the next look, then free the cluster and say which messages are answered, in one write.

        Returns how soon the queued look comes; None if none was queued, since the resync is soon enough.
        """
        woken = _woken(self._table, self._request)
        if woken and woken >= self.began - CLOCK_MARGIN:
            # Somebody was turned away while we worked: come back at once rather than at the lease's end.
            requeue_after = PACE
        queued = max(requeue_after, PACE) if requeue_after is not None and requeue_after <= HORIZON else None
        if queued is not None:
            wake_ups.send(replace(self._request, cause="requeue"), queued)
        self._write(RolloutRow(None, self.began, memory))
        return queued

    def release(self) -> None:
        """Free the cluster without calling anything answered, after a look that failed."""
        self._write(replace(self._state, lease=None))

    def _write(self, state: RolloutRow) -> None:
        key = self._request.cluster.key
        if state.lease:
            until = self._clock.now() + self._timing.lease
            state = replace(state, lease=replace(state.lease, until=until))
        written = self._table.write(key, Put(key, self._etag, {}, plain(state)))
        if written is None:
            raise LeaseLostError(f"somebody else wrote the rollout row of {self._request.cluster}")
        self._state, self._etag = state, written.etag


def claim(
    table: Table,
    wake_ups: WakeUps,
    request: ReconcileRequest,
    inserted: datetime,
    clock: Clock,
    timing: Timing,
) -> Hold | LetGo:
    """Take the lease for a message that was inserted at `inserted` (by the queue server), or let the message go."""
    for _ in range(3):
        row = table.read(request.cluster.key, request.cluster.key)
        state = typed(RolloutRow, row.doc) if row else RolloutRow()
        if state.answered and inserted + CLOCK_MARGIN <= state.answered:
            return LetGo.ANSWERED
        busy_until = _busy_until(state, clock.now())
        if busy_until:
            return _turn_away(table, wake_ups, request, inserted, busy_until - clock.now())
        hold = _take(table, request, row, state, clock, timing)
        if hold:
            return hold
    # Three lost races: others are at work on this cluster.
    return _turn_away(table, wake_ups, request, inserted, PACE)


def _busy_until(state: RolloutRow, now: datetime) -> datetime | None:
    if state.lease:
        return state.lease.until if state.lease.until > now else None
    if state.answered and state.answered + PACE > now:
        return state.answered + PACE
    return None


def _take(
    table: Table,
    request: ReconcileRequest,
    row: Row | None,
    state: RolloutRow,
    clock: Clock,
    timing: Timing,
) -> Hold | None:
    key = request.cluster.key
    mine = replace(state, lease=Lease(secrets.token_hex(8), clock.now() + timing.lease))
    written = table.write(key, Put(key, row.etag if row else None, {}, plain(mine)))
    if written is None:
        return None
    return Hold(table, request, mine, written.etag, written.at, clock, timing)


def _turn_away(
    table: Table,
    wake_ups: WakeUps,
    request: ReconcileRequest,
    inserted: datetime,
    delay: timedelta,
) -> LetGo:
    """Let a message go while the cluster is busy, having made sure that a look will come that it can count on."""
    woken = _woken(table, request)
    if woken and woken > inserted:
        return LetGo.WOKEN
    queued = wake_ups.send(request, max(delay, timedelta()) + CLOCK_MARGIN)
    _remember_wake_up(table, request, queued.at)
    return LetGo.COPIED


_WOKEN = "woken"


def _woken(table: Table, request: ReconcileRequest) -> datetime | None:
    """When the last copy of a turned-away message was inserted, by the queue server."""
    row = table.read(request.cluster.key, _WOKEN)
    at = row.columns.get("at") if row else None
    return at.astimezone(UTC) if isinstance(at, datetime) else None


def _remember_wake_up(table: Table, request: ReconcileRequest, at: datetime) -> None:
    row = table.read(request.cluster.key, _WOKEN)
    # A lost race leaves an older time or somebody's newer one: either way fewer messages are let go, never more.
    table.write(request.cluster.key, Put(_WOKEN, row.etag if row else None, {"at": at}, {}))
