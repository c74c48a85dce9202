"""When windows are open for the pools that a forecast has to do: what its picture shows behind a ring."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.domain.evaluate import subjects
from shared.domain.memory import Memory
from shared.domain.openings import Open
from shared.domain.stage import Start
from shared.domain.windows import Blackout, Window, opening

_TIMETABLES = 20
"""Of how many different sets of windows a ring shows the times."""


def open_times(start: Start, wanted: set[tuple[str, str]]) -> tuple[tuple[datetime, datetime], ...]:
    """Return when a window is open for some pool that is to be done; nothing if that can't be said."""
    tables: set[tuple[tuple[Window, ...], tuple[Blackout, ...]]] = set()
    clusters = {cluster for cluster, _ in wanted}
    for known in (each for each in start.fleet if each.cluster.id.key in clusters):
        for subject in subjects(known.cluster, Memory(), start.rules.policy, start.now):
            settings = subject.settings
            if settings.mode.acts and (known.cluster.id.key, subject.pool.name) in wanted:
                if settings.cluster_maintenance and not settings.windows:
                    return ()
                tables.add((settings.windows, settings.blackouts))
    if ((), ()) in tables:
        return ((start.now, start.until),) if start.now < start.until else ()
    if len(tables) > _TIMETABLES:
        return ()
    return _joined(sorted(span for table in tables for span in _spans(*table, start.now, start.until)))


def _spans(
    windows: tuple[Window, ...], blackouts: tuple[Blackout, ...], now: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    at = now
    while at < until:
        found = opening(windows, blackouts, at)
        end = min(found.until or until, until)
        if isinstance(found, Open):
            yield at, end
        at = end


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> tuple[tuple[datetime, datetime], ...]:
    found: list[tuple[datetime, datetime]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)
