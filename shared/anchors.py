"""What manifests and rows say of chains' heads, kept on disk while a verification runs.

A large fleet's manifests of a year hold millions of heads: they go to a nameless database that SQLite keeps in memory
while it is small and in a temporary file beyond that, and that ends with the process.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from shared.domain.records import Head
from shared.domain.verification import Anchor

_TABLE = (
    "CREATE TABLE anchor (path TEXT, seq INTEGER, hash TEXT, manifest INTEGER, PRIMARY KEY (path, seq, hash)) "
    "WITHOUT ROWID"
)


class Anchors:
    """Heads by chain; use it in a `with`."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")  # a temporary database: https://www.sqlite.org/inmemorydb.html
        self._base.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, manifest: int, heads: Iterable[tuple[str, Head]]) -> None:
        """Take in what one manifest says (0: the rows); a head that is already known is not kept twice."""
        rows = ((path, head.seq, head.hash, manifest) for path, head in heads)
        self._base.executemany("INSERT OR IGNORE INTO anchor VALUES (?, ?, ?, ?)", rows)

    def clear(self) -> None:
        """Forget all of them."""
        self._base.execute("DELETE FROM anchor")

    def take(self, path: str) -> tuple[Anchor, ...]:
        """Return, and forget, what is said of one chain."""
        found = self._base.execute("SELECT seq, hash, manifest FROM anchor WHERE path = ? ORDER BY seq", (path,))
        anchors = tuple(Anchor(*row) for row in found)
        self._base.execute("DELETE FROM anchor WHERE path = ?", (path,))
        return anchors

    def left(self) -> Iterator[str]:
        """Yield the chains of which something is said that nobody took."""
        found = self._base.execute("SELECT DISTINCT path FROM anchor ORDER BY path").fetchall()
        yield from (path for (path,) in found)
