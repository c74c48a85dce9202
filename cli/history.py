"""`fipswarden history`: what the fleet was like day by day, from the series that the app keeps."""

import argparse
import json
import sys
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.exits import OK, UNKNOWN, cut_short, returns
from cli.naming import add_output
from cli.show import plain_text, print_aligned
from shared.domain.model import WORST_FIRST
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.series import Day
    from shared.series import UnreadDay

_DAYS = 30
_MOST = 3700
"""Ten years of days: each is read by itself."""
_NONE = "-"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = (
        "the fleet day by day: pools by state, coverage, time to remediate, age of proofs; 2 if there is no day, or "
        "one can't be read; the figures are as stored: `evidence verify` holds them against the manifests"
    )
    meaning = returns(two="there is no day, or one can't be read")
    history = commands.add_parser("history", help=words, description=words, epilog=meaning)
    history.add_argument("--since", type=_day, metavar="DATE", help=f"first day, UTC; default: {_DAYS} days ago")
    history.add_argument("--until", type=_day, metavar="DATE", help="last day, UTC; default: today")
    add_output(history)
    history.set_defaults(run=_history)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:50]!r} is not a day such as 2026-11-23") from error


def _history(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.domain.series import Day
    from shared.series import series

    until = chosen.until or bootstrap.SystemClock().now().date()
    since = chosen.since or until - timedelta(days=_DAYS)
    if not 0 <= (until - since).days <= _MOST:
        raise InputError(f"from {since} to {until} is no time of at most {_MOST} days")
    found = list(series(bootstrap.snapshots(), since, until))
    days = [one for one in found if isinstance(one, Day)]
    unread = [one for one in found if not isinstance(one, Day)]
    for one in unread:
        print(plain_text(one.why), file=sys.stderr)
    with cut_short():
        if chosen.output == "json":
            print(json.dumps([_document(one) for one in found], indent=2))
        elif days:
            print_aligned(_HEADER, [_row(day) for day in days])
        elif not unread:
            print(f"there is no day from {since} to {until}: the daily timer writes one a day")
    return OK if days and not unread else UNKNOWN


def _document(one: "Day | UnreadDay") -> dict[str, Any]:
    """Return a day as it is stored; one that can't be read says so: to a program it must not look like none."""
    from shared.domain.series import Day, day_document

    return dict(day_document(one)) if isinstance(one, Day) else {"date": one.date.isoformat(), "unreadable": one.why}


_HEADER = (
    "day",
    "at (UTC)",
    *(state.value for state in WORST_FIRST),
    "unread",
    "unseen",
    "coverage",
    "remediated",
    "mean time",
    "oldest proof",
)


def _row(day: "Day") -> tuple[str, ...]:
    return (
        str(day.date),
        _clock(day.at),
        *(str(day.pools.get(state, 0)) for state in WORST_FIRST),
        str(day.unread_clusters),
        _NONE if day.unseen is None else str(day.unseen),
        # Rounded down: what is not covered must not look as if all were.
        _NONE if day.coverage is None else f"{int(day.coverage * 1000) / 10:.1f}%",
        str(day.remediated.count),
        _hours(day.remediated.mean_seconds),
        _hours(day.proof_age.max_seconds),
    )


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def _hours(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds / 3600:.1f}h"
