"""What is to come in a play of time that is made up: one event after the other, each of them once."""

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from heapq import heappop, heappush


class Event(IntEnum):
    """What happens at a time; of several at once, in this order."""

    END = 0
    """Our operation on a cluster ends."""
    SETTLED = 1
    """What others do to a cluster ends."""
    LOOK = 2
    """A cluster is worth a look."""
    LANE = 3
    """A lane may have something to take."""
    AGAIN = 4
    """Nothing but that time has passed: a resync, or the spacing."""


class Agenda:
    """The events to come, by their times."""

    def __init__(self) -> None:
        self._events: list[tuple[datetime, Event, str]] = []
        self._coming: set[tuple[datetime, Event, str]] = set()

    def add(self, at: datetime, event: Event, key: str = "") -> None:
        """Add an event, of a cluster or a lane by its key; one that is to come already comes once."""
        found = (at, event, key)
        if found not in self._coming:
            self._coming.add(found)
            heappush(self._events, found)

    @property
    def next(self) -> datetime | None:
        """When something happens next; None if nothing ever does."""
        return self._events[0][0] if self._events else None

    def happening(self, at: datetime) -> Iterator[tuple[Event, str]]:
        """Yield, and forget, all that happens at a time, with what is added for it meanwhile."""
        while self.next == at:
            event = heappop(self._events)
            self._coming.discard(event)
            yield event[1:]
