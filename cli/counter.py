"""A bar on a terminal for what takes long, and nothing elsewhere; it goes to standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_WIDTH = 30
_EVERY = 0.1
"""Seconds between two drawings."""


@contextmanager
def counter(unit: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Give a function that counts on; the bar is gone afterwards. `total` is None where it is not known."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    done, drawn = 0, 0.0

    def count(more: int) -> None:
        nonlocal done, drawn
        done += more
        if (now := time.monotonic()) - drawn >= _EVERY:
            drawn = now
            print(f"\r{bar(done, total)} {unit}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield count
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def bar(done: int, total: int | None) -> str:
    """Return how far it is, in characters."""
    if not total:
        return f"{done:,}"
    share = min(done / total, 1.0)
    full = int(share * _WIDTH)
    return f"[{'#' * full}{' ' * (_WIDTH - full)}] {share:4.0%} {done:,} of {total:,}"
