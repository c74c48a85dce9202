"""What will happen when: steps that fall due as time passes, and a lock around everything.

Time passes lazily: whoever enters first runs what fell due since. Subscribers hear of it after the lock is free.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from local.clock import Clock
from local.events import ResourceEvent

Step = Callable[[], None]
Subscriber = Callable[[ResourceEvent], None]


class Agenda:
    """Scheduled steps and events that wait to be told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._steps: list[tuple[datetime, int, Step]] = []
        self._numbers = itertools.count()
        self._due: datetime | None = None
        self._untold: list[ResourceEvent] = []
        self._subscribers: list[Subscriber] = []

    @property
    def now(self) -> datetime:
        """The world's time; within a step the time at which it fell due, however late it runs."""
        return self._due or self.clock.now()

    def subscribe(self, callback: Subscriber) -> None:
        """Call back with every event from now on, in the thread that made it come about."""
        self._subscribers.append(callback)

    def tell(self, event: ResourceEvent) -> None:
        """Keep an event until the lock is free."""
        self._untold.append(event)

    def at(self, when: datetime, step: Step) -> None:
        """Schedule a step. Steps of the same time run in the order in which they were scheduled."""
        heapq.heappush(self._steps, (when, next(self._numbers), step))

    def next_due(self) -> datetime | None:
        """Return when the next step falls due, or None if nothing is scheduled."""
        with self._lock:
            return self._steps[0][0] if self._steps else None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the lock; run what fell due before and tell events after."""
        told: list[ResourceEvent] = []
        try:
            with self._lock:
                self._depth += 1
                try:
                    if self._depth == 1:
                        self._run_due()
                    yield
                finally:
                    self._depth -= 1
                    if self._depth == 0:
                        told, self._untold = self._untold, []
        finally:
            for event in told:
                for callback in tuple(self._subscribers):
                    callback(event)

    def _run_due(self) -> None:
        limit = self.clock.now()
        try:
            while self._steps and self._steps[0][0] <= limit:
                self._due, _, step = heapq.heappop(self._steps)
                step()
        finally:
            self._due = None
