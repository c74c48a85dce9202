"""Tables, evidence and queues in memory, with the semantics of Azure Storage that the product relies on.

For thousands of schedules in seconds; tests/contract runs one suite on these and on Azurite, so that they agree.
"""

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import IO

from shared.domain.alert import Alert
from shared.domain.records import ChainId, Record, path_of, read_record
from shared.domain.requests import ReconcileRequest
from shared.ports import Clock, Put, Queued, Row, Written

_FORBIDDEN = set("/\\#?")


class MemoryTable:
    """A table with eTags."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[tuple[str, str], Row] = {}
        self._etags = itertools.count(1)
        self._lock = threading.Lock()

    def read(self, partition: str, key: str) -> Row | None:
        """Return a row, or None."""
        with self._lock:
            return self._rows.get((partition, key))

    def write(self, partition: str, put: Put) -> Written | None:
        """Write one row if it is as `put` expects."""
        with self._lock:
            if not self._fits(partition, put):
                return None
            return self._put(partition, put)

    def rows(self, columns: Sequence[str], partition: str | None = None) -> Iterator[Row]:
        """Yield rows in the order of their keys, without documents."""
        with self._lock:
            found = sorted(self._rows.items())
        for (owner, _), row in found:
            if partition in (None, owner):
                kept = {name: value for name, value in row.columns.items() if name in columns}
                yield replace(row, columns=kept, doc={})

    def _fits(self, partition: str, write: Put) -> bool:
        if _FORBIDDEN & set(partition + write.key):
            raise ValueError(f"{partition!r}, {write.key!r}: a table key holds no / \\ # ?")
        row = self._rows.get((partition, write.key))
        return (row.etag if row else None) == write.etag

    def _put(self, partition: str, put: Put) -> Written:
        # The server's Date header is in seconds.
        at = self._clock.now()
        etag = f"W/{next(self._etags)}"
        self._rows[partition, put.key] = Row(partition, put.key, dict(put.columns), dict(put.doc), etag, at)
        return Written(etag, at.replace(microsecond=0))


class MemoryEvidence:
    """Evidence blobs that can be created and read."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, int], bytes] = {}
        """Canonical bytes by path of the chain and number."""
        self._lock = threading.Lock()

    def create(self, chain: ChainId, record: Record) -> bool:
        """Create a record; False if its number is taken."""
        with self._lock:
            if (path_of(chain), record.seq) in self.blobs:
                return False
            self.blobs[path_of(chain), record.seq] = record.bytes
            return True

    def read(self, chain: ChainId, seq: int) -> Record | None:
        """Return a record, or None."""
        data = self.blobs.get((path_of(chain), seq))
        return read_record(data) if data is not None else None

    def chain(self, chain: ChainId) -> tuple[Record, ...]:
        """Return all records of a chain in order."""
        numbers = sorted(seq for path, seq in self.blobs if path == path_of(chain))
        return tuple(read_record(self.blobs[path_of(chain), seq]) for seq in numbers)


class MemorySnapshots:
    """Files that can be created and read."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, name: str, data: IO[bytes]) -> bool:
        """Create a file; False if its name is taken."""
        with self._lock:
            if name in self.files:
                return False
            self.files[name] = data.read()
            return True

    def read(self, name: str) -> bytes | None:
        """Return a file, or None."""
        return self.files.get(name)


@dataclass(slots=True)
class Message:
    """A message of the queue in memory."""

    request: ReconcileRequest
    inserted: datetime
    visible: datetime
    dequeued: int = 0
    id: int = field(default_factory=itertools.count(1).__next__)


class MemoryQueue:
    """The queue `reconcile`: invisible while it is worked on, back after that, gone when it is deleted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[Message] = []
        """All that have not been deleted."""
        self._lock = threading.Lock()

    def send(self, request: ReconcileRequest, delay: timedelta = timedelta()) -> Queued:
        """Queue a request."""
        now = self._clock.now()
        # Insertion times are in seconds, as in the service.
        message = Message(request, now.replace(microsecond=0), now + delay)
        with self._lock:
            self.messages.append(message)
        return Queued(message.inserted)

    def take(self, invisible: timedelta) -> Message | None:
        """Take the oldest visible message and hide it."""
        now = self._clock.now()
        with self._lock:
            due = [message for message in self.messages if message.visible <= now]
            if not due:
                return None
            message = min(due, key=lambda one: (one.visible, one.id))
            message.visible = now + invisible
            message.dequeued += 1
            return message

    def delete(self, message: Message) -> None:
        """Delete a message after its work is done."""
        with self._lock:
            self.messages.remove(message)

    def next_visible(self) -> datetime | None:
        """Return when the next message becomes visible; None if the queue is empty."""
        return min((message.visible for message in self.messages), default=None)


class MemoryAlerts:
    """The queue `alerts`."""

    def __init__(self) -> None:
        self.sent: list[Alert] = []
        """In the order of sending, repeats included."""
        self.waiting: list[tuple[Alert, timedelta, datetime | None]] = []
        """Those of them that are to be told later: with the delay, and since when they could not be delivered."""

    def send(self, alert: Alert, delay: timedelta = timedelta(), failing: datetime | None = None) -> None:
        """Keep an alert."""
        self.sent.append(alert)
        if delay:
            self.waiting.append((alert, delay, failing))
