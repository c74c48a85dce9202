"""Whether the looks at the clusters came, and whether the app writes at all: by manifests and the snapshots they name.

A look that sees nothing new leaves no record. That it came is said by the fleet's row of the cluster, and of those rows
the day's snapshot is what evidence holds.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.domain.assessed import READABLE, Source
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.outlived import GRACE
from shared.domain.verdicts import Aspect, Judgement

SNAPSHOT = "fipswarden.snapshot/1"
"""The schema of the fleet's snapshots: a line that names it, then one for each cluster."""
HEARTBEAT = timedelta(days=1)
"""How long a cluster goes without a look at most."""
OVERDUE = timedelta(hours=12)
"""How long after it was due a look may be missing before its cluster's verdicts count for nothing."""
SILENT = timedelta(hours=26)
"""How long the records may say nothing before the app counts as stopped: a manifest comes once a day."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which nobody renewed a cluster's verdicts."""

    why: Judgement
    opened: Source
    """From when on that counts, and what shows it."""
    closed: Source | None
    """What shows that it is over; None if nothing does."""

    def covers(self, other: "Absence") -> bool:
        """Say whether it lasts as long as another one, which then says nothing new."""
        if other.opened.at < self.opened.at:
            return False
        return self.closed is None or (other.closed is not None and other.closed.at <= self.closed.at)


@dataclass(frozen=True, slots=True)
class _Row:
    """A cluster in a snapshot, as far as it says whether looks came."""

    cluster: ClusterId
    in_scope: bool
    gone: bool
    due: datetime | None

    def overdue(self, at: datetime) -> bool:
        return self.in_scope and not self.gone and (self.due is None or at - self.due > OVERDUE)


@dataclass(slots=True)
class Looks:
    """What was met so far; memory grows with the clusters, and with the times at which their looks did not come."""

    now: datetime
    _last: datetime = _LONG_AGO
    """When the last manifest was written."""
    _gaps: list[tuple[datetime, Source]] = field(default_factory=list)
    """Times without a manifest, and the one that ended each."""
    _overdue: dict[str, list[Absence]] = field(default_factory=dict)
    """By the path of the cluster."""
    _known: set[str] = field(default_factory=set)
    """Paths of the clusters in the last snapshot."""

    def manifest(self, source: Source) -> None:
        """Take in that a manifest was written; one that is still to come, by a clock that was wrong, shows nothing."""
        if source.at > self.now + GRACE:
            return
        if source.at - self._last > SILENT:
            self._gaps.append((self._last, source))
        self._last = source.at

    def snapshot(self, source: Source, data: bytes) -> None:
        """Take in the snapshot that a manifest names; raises ValueError for what is none."""
        if source.at > self.now + GRACE:
            return
        try:
            rows = tuple(_rows(data))
        except (OSError, EOFError, RecursionError, AttributeError, zlib.error) as error:
            raise ValueError(f"it is no snapshot: {error}") from error
        self._known = {row.cluster.path for row in rows}
        for row in rows:
            self._row(row, source)

    def _row(self, row: _Row, source: Source) -> None:
        told = self._overdue.get(row.cluster.path, [])
        lasts = bool(told) and told[-1].closed is None
        if row.overdue(source.at) and not lasts:
            self._overdue[row.cluster.path] = [*told, Absence(_overdue(row, source.at), source, None)]
        elif lasts and not row.overdue(source.at):
            told[-1] = replace(told[-1], closed=source)

    def knows(self, path: str) -> bool:
        """Say whether the last snapshot has a cluster."""
        return path in self._known

    def absences(self, path: str, last: Source, by: Source | None) -> list[Absence]:
        """Return the absences that began behind a record of a cluster and before the next one, or until now."""
        until = by.at if by else self.now
        late = [
            replace(one, closed=_first(one.closed, by))
            for one in self._overdue.get(path, ())
            if last.at <= one.opened.at < until
        ]
        silent = []
        for begin, end in (*self._gaps, (self._last, None)):
            since = max(begin, last.at)
            if min(end.at if end else until, until) - since > SILENT:
                silent.append(Absence(_silence(since), replace(last, at=since + SILENT), _first(end, by)))
        told = [one for one in silent if not any(other.covers(one) for other in late)]
        return sorted([*told, *late], key=lambda one: one.opened.at)


def _rows(data: bytes) -> Iterator[_Row]:
    with gzip.open(io.BytesIO(data)) as lines:
        header = json.loads(next(lines, b"{}"))
        if header.get("schema") != SNAPSHOT:
            raise ValueError(f"it is of schema {header.get('schema')!r}, not {SNAPSHOT}")
        for line in lines:
            yield typed(_Row, json.loads(line))


def _first(one: Source | None, other: Source | None) -> Source | None:
    return min((each for each in (one, other) if each), key=lambda each: each.at, default=None)


def _overdue(row: _Row, at: datetime) -> Judgement:
    when = f"that was due at {row.due:%Y-%m-%d %H:%M} UTC " if row.due else ""
    message = f"The look {when}had not come by {at:%Y-%m-%d %H:%M} UTC: nobody has renewed the verdict."
    return _unknown("LooksOverdue", message, row.due + OVERDUE if row.due else at)


def _silence(since: datetime) -> Judgement:
    message = f"The app has written nothing since {since:%Y-%m-%d %H:%M} UTC: nobody has renewed the verdict."
    return _unknown("NotRenewed", message, since + SILENT)


def _unknown(reason: str, message: str, since: datetime) -> Judgement:
    return Judgement(READABLE, Aspect.IMPLEMENTATION, ComplianceState.UNKNOWN, reason, message, since)
