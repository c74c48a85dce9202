"""The days of the fleet's series, written and read: 18 months of them, for `history`, digests and auditors."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO

from shared.domain.bodies import StoredFile
from shared.domain.codec import canonical
from shared.domain.series import Day, day_document, read_day
from shared.ports import Snapshots
from shared.snapshots import put_away

_AT_ONCE = 8


def keep_day(files: Snapshots, day: Day) -> StoredFile:
    """Write a day; the first of a date stays, and it is the one whose hash counts."""
    return put_away(files, _name(day.date), BytesIO(canonical(day_document(day))))


@dataclass(frozen=True, slots=True)
class UnreadDay:
    """A day whose file is there and can't be read by this version."""

    date: date
    why: str


def series(files: Snapshots, since: date, until: date) -> Iterator[Day | UnreadDay]:
    """Yield the days from one to another, both included, that there are; one that can't be read hides no other.

    Their names are known, so nothing is listed; a few are read at once.
    """
    dates = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    with ThreadPoolExecutor(_AT_ONCE, "series") as threads:
        for day in threads.map(lambda each: _read(files, each), dates):
            if day is not None:
                yield day


def _read(files: Snapshots, day: date) -> Day | UnreadDay | None:
    data = files.read(_name(day))
    if data is None:
        return None
    try:
        return read_day(json.loads(data))
    except (ValueError, RecursionError) as error:
        return UnreadDay(day, f"snapshots/{_name(day)} can't be read: {error}")


def trend(files: Snapshots, today: date) -> str:
    """Say how the node pools of the day compare with the day before and a week ago; empty if today has no figures."""
    read = [_read(files, today - timedelta(days=ago)) for ago in (0, 1, 7)]
    if isinstance(read[0], UnreadDay):
        return f"{read[0].why}."
    found = {day.date: day for day in read if isinstance(day, Day)}
    if today not in found:
        return ""
    whens = ((0, "today"), (1, "yesterday"), (7, "a week ago"))
    said = [
        f"{when} {day.judged_well} of {day.total}"
        for ago, when in whens
        if (day := found.get(today - timedelta(days=ago)))
    ]
    return f"Node pools with nothing to be done: {', '.join(said)}."


def _name(day: date) -> str:
    return f"daily/{day.isoformat()}.json"
