"""The fleet as a command reads it: live, as whom `az login` says, or as it was saved; what nobody has seen is kept."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cli.naming import named
from cli.show import plain_text
from shared.domain.model import ClusterRead, Unreadable
from shared.domain.pages import Gap, gaps
from shared.domain.saved import ACCEPTED, Entry, read_saved
from shared.domain.wording import count
from shared.errors import InputError, TransientError

if TYPE_CHECKING:
    from shared.domain.ids import ClusterId
    from shared.ports import Clusters, Fleet

T = TypeVar("T")

AWAY = frozenset({"Unreachable", "Unauthenticated"})
"""Why nothing at all could be read: no network, no sign-in."""
_PATIENCE = 5
"""How often one cluster is asked for while ARM throttles."""
_LONGEST_WAIT = 60.0
"""Seconds; who has to wait longer is told that the cluster is unknown."""


def add_from(parser: Any, what: str) -> None:
    """Add `--from`, by which the fleet is read from files; `what` is done with it."""
    saved = f"{what} what was saved, without signing in; - is standard input. Accepted are {ACCEPTED}"
    parser.add_argument("--from", dest="files", nargs="+", action="extend", type=named, metavar="FILE", help=saved)


@dataclass(slots=True)
class FleetReading:
    """One reading of a fleet; gaps and notes are complete once its entries have been taken."""

    gaps: list[Gap] = field(default_factory=list)
    """Parts of the fleet that nobody has seen: what is in them is unknown."""
    notes: list[str] = field(default_factory=list)
    """What people should know besides."""
    covered: tuple[str, ...] = ()
    """The subscriptions that were to be read, live."""

    def entries(self, files: Sequence[str] | None, *, fresh: bool = False) -> Iterator[Entry]:
        """Yield the clusters of files, or live where there are none; `fresh` reads each of them from ARM.

        Raises InputError for a file that can't be used, TransientError if ARM can't be reached at all.
        """
        return self._saved(files) if files else self._live(fresh=fresh)

    def _saved(self, files: Sequence[str]) -> Iterator[Entry]:
        if files.count("-") > 1:
            raise InputError("standard input (-) can be read only once")
        pages = []
        for name in files:
            saved = read_saved(_content(name), "standard input" if name == "-" else name)
            pages.append(saved.page)
            if saved.others:
                self.notes.append(f"{saved.source}: {count(saved.others, 'resource')} of other types left out")
            yield from saved.entries()
        self.gaps.extend(gaps(pages))

    def _live(self, *, fresh: bool) -> Iterator[Entry]:
        from shared import bootstrap

        fleet, clusters = bootstrap.standalone_fleet()
        readable = self._readable(fleet)
        hints = list(fleet.clusters(readable)) if readable else []
        if fresh:
            ids = counted("reading cluster", [hint.cluster for hint in hints if hint.cluster])
            yield from (Entry(cluster, "ARM", read_patiently(clusters, cluster)) for cluster in ids)
            hints = [hint for hint in hints if hint.cluster is None]
        yield from (Entry(hint.cluster, "Resource Graph", hint.read) for hint in hints)

    def _readable(self, fleet: "Fleet") -> list[str]:
        """Return the subscriptions that ARM lets be listed; the others are gaps. Raises TransientError if ARM is away.

        ARM is asked since Resource Graph leaves out without a word what may not be read.
        """
        from shared.coverage import unreadable_subscriptions

        subscriptions = self.covered = fleet.subscriptions()
        if not subscriptions:
            nothing = "Whoever is signed in sees no subscription: check `az login`."
            self.gaps.append(Gap("ARM", "NoSubscriptions", nothing))
        unreadable = unreadable_subscriptions(fleet, counted("asking about subscription", subscriptions))
        if unreadable and all(one in unreadable and unreadable[one].reason in AWAY for one in subscriptions):
            raise TransientError(unreadable[subscriptions[0]].message)
        self.gaps.extend(Gap(f"subscription {one}", why.reason, why.message) for one, why in unreadable.items())
        return [one for one in subscriptions if one not in unreadable]


def say_unseen(gaps: Iterable[Gap], notes: Iterable[str]) -> None:
    """Say on standard error what nobody has seen, and what people should know besides."""
    for gap in gaps:
        print(
            plain_text(f"fipswarden: not seen, so unknown: {gap.source}: {gap.reason}: {gap.message}"), file=sys.stderr
        )
    for note in notes:
        print(plain_text(f"fipswarden: {note}"), file=sys.stderr)


def _content(name: str) -> bytes:
    if name == "-" and sys.stdin is None:
        raise InputError("standard input (-) is closed: nothing can be read from it")
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{'standard input' if name == '-' else name} can't be read: {error.strerror}") from error


def read_patiently(
    clusters: "Clusters", cluster: "ClusterId", wait: Callable[[float], None] = time.sleep
) -> ClusterRead:
    """Read a cluster; where ARM throttles (60 at once, then one a second; AKS, "quotas"), wait as long as it says."""
    for _ in range(_PATIENCE):
        read = clusters.read(cluster)
        if not isinstance(read, Unreadable) or read.reason != "Throttled" or read.retry_after is None:
            return read
        if read.retry_after.total_seconds() > _LONGEST_WAIT:
            return read
        wait(read.retry_after.total_seconds())
    return clusters.read(cluster)


def counted(what: str, items: Sequence[T]) -> Iterator[T]:
    """Yield items, and say on a terminal how far it is."""
    for number, item in enumerate(items, 1):
        _progress(f"{what} {number} of {len(items)}")
        yield item
    _progress("")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)
