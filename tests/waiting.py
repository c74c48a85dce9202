"""Waiting for what comes by itself; how long it takes is nobody's business, only that it comes."""

import time
from collections.abc import Callable

TRIES = 600
"""Five a second."""


def eventually(reached: Callable[[], bool], what: str, now: Callable[[], object] = lambda: "") -> None:
    """Wait until something is true; fails, saying what is true instead, after about two minutes."""
    for _ in range(TRIES):
        if reached():
            return
        time.sleep(0.2)
    raise AssertionError(f"it never came true that {what}; now: {now()}")
