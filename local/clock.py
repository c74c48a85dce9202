"""What time it is in the local Azure: the machine's clock, or one that a test drives."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Never goes backwards."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""


class SystemClock:
    """The machine's own clock, for a local Azure that people use."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test moves it, so that no test waits or asserts a duration."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware time")
        self._lock = threading.Lock()
        self._start = self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time it was last moved to."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return the seconds it was moved since its start."""
        return (self.now() - self._start).total_seconds()

    def advance(self, by: timedelta) -> None:
        """Move the clock forward; raise ValueError for a step back."""
        if by < timedelta(0):
            raise ValueError("time does not run backwards")
        with self._lock:
            self._now += by
