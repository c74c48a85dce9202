"""Which subscriptions can't be read is known in minutes, however many there are and however slow ARM is."""

import threading
from typing import Any

import pytest

from shared.coverage import NOT_ASKED, unreadable_subscriptions
from shared.domain.model import Unreadable

FORBIDDEN = Unreadable("Forbidden", "no", None)


class Fleet:
    """Subscriptions, each of which takes ARM some seconds, by a clock of its own."""

    def __init__(self, seconds: float = 0) -> None:
        self.now, self._seconds, self._lock = 0.0, seconds, threading.Lock()
        self.asked: list[str] = []

    def monotonic(self) -> float:
        """Return the clock."""
        return self.now

    def unreadable(self, subscription: str) -> Unreadable | None:
        """Answer, later."""
        with self._lock:
            self.asked.append(subscription)
            self.now += self._seconds
        return FORBIDDEN if subscription.startswith("no") else None


def ask(fleet: Any, names: list[str]) -> dict[str, Unreadable]:
    return unreadable_subscriptions(fleet, iter(names), fleet.monotonic)


def test_each_is_asked_once_and_those_that_refuse_are_named_in_order() -> None:
    fleet, names = Fleet(), [f"{'no' if number % 3 else 'yes'}{number}" for number in range(40)]

    found = ask(fleet, names)

    assert list(found) == [name for name in names if name.startswith("no")]
    assert set(found.values()) == {FORBIDDEN}
    assert sorted(fleet.asked) == sorted(names)


def test_when_two_minutes_are_over_the_rest_counts_as_unreadable_and_is_not_asked() -> None:
    fleet, names = Fleet(seconds=10), [f"yes{number}" for number in range(300)]

    found = ask(fleet, names)

    assert 12 <= len(fleet.asked) < 12 + 8
    assert found == {name: NOT_ASKED for name in names if name not in fleet.asked}


def test_several_are_asked_at_once_and_not_more_than_eight() -> None:
    together, most, now = threading.Barrier(8, timeout=10), list[int](), list[str]()

    class Slow(Fleet):
        def unreadable(self, subscription: str) -> Unreadable | None:
            now.append(subscription)
            most.append(len(now))
            together.wait()
            now.remove(subscription)
            together.wait()
            return None

    assert ask(Slow(), [str(number) for number in range(24)]) == {}
    assert max(most) == 8


def test_a_fleet_that_fails_is_not_taken_for_a_readable_one() -> None:
    class Broken(Fleet):
        def unreadable(self, subscription: str) -> Unreadable | None:
            raise OSError(subscription)

    with pytest.raises(OSError, match="a"):
        ask(Broken(), ["a", "b"])
