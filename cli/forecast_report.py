"""What `forecast` prints: rings, days, what is not done and why, and what is assumed; JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.show import plain_text, print_aligned
from shared.domain.codec import plain
from shared.domain.fates import Fate
from shared.domain.forecast import Blocker, Day, Forecast, Progress, headline
from shared.domain.pages import Gap
from shared.domain.policy import UNTOLD
from shared.domain.rulebook import Rulebook

_RINGS = ("  ring", "pools", "done now", "by then", "later", "person", "never", "nodes", "done")
_DAYS = ("remediations", "nodes", "pools at once", "nodes at once")
_WHY = ("  pools", "nodes", "reason", "message", "for example")
_FEW = 31
"""So many days are shown one by one, more of them by week."""
_TITLES = {
    Fate.LATER: "comes by itself, later",
    Fate.PERSON: "waits for a person's word",
    Fate.NEVER: "does not come until somebody changes something",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A forecast with what people should know of it."""

    found: Forecast
    rules: Rulebook
    source: str
    """What people call the policy."""
    gaps: tuple[Gap, ...]
    """Parts of the fleet that nobody has seen."""
    beside: tuple[str, ...]
    """More that it rests on."""
    warnings: tuple[str, ...]
    """What is probably not meant in the policy or its exemptions."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """All that it rests on and nobody knows."""
        return (*self.beside, *self.found.assumptions)


def print_forecast(report: Report, output: str) -> None:
    """Print it as `table` or `json`."""
    if output == "json":
        print(json.dumps(_plain(report), indent=2))
        return
    found = report.found
    print(headline(found))
    print(plain_text(f"  policy {report.source}, sha256 {report.rules.policy.hash}"))
    print("\nrings")
    print_aligned(_RINGS, [*(_ring(found, ring) for ring in found.rings), _ring(found, found.fleet, "the fleet")])
    if found.days:
        _print_days(found.days)
    for fate in (Fate.LATER, Fate.PERSON, Fate.NEVER):
        if rows := [_blocker(each) for each in found.blockers if each.fate is fate]:
            print(f"\n{_TITLES[fate]}")
            print_aligned(_WHY, rows)
    for title, lines in (("warnings", report.warnings), ("assumed", report.assumptions)):
        if lines:
            print(f"\n{title}", *map(plain_text, lines), sep="\n  ")


def _ring(found: Forecast, ring: Progress, name: str = "") -> Sequence[str]:
    numbers = (ring.pools, ring.done_now, ring.done, ring.later, ring.person, ring.never, ring.nodes)
    if ring.finished:
        done = "now" if ring.finished == found.now else _moment(ring.finished)
    else:
        done = "never" if ring.never else "waits for a person" if ring.person else "later"
    shown = "(ring not known)" if ring.ring == UNTOLD else ring.ring or "(no ring)"
    return f"  {name or shown}", *map(str, numbers), done


def _print_days(days: Sequence[Day]) -> None:
    weekly = len(days) > _FEW
    print(f"\nreimaged by {'week' if weekly else 'day'} (UTC)")
    rows = list(_weeks(days)) if weekly else [_cells(f"{each.day}", [each]) for each in days]
    print_aligned(("  week of" if weekly else "  day", *_DAYS), rows)


def _weeks(days: Sequence[Day]) -> Iterator[Sequence[str]]:
    mondays = sorted({each.day - timedelta(days=each.day.weekday()) for each in days})
    for monday in mondays:
        yield _cells(f"{monday}", [each for each in days if timedelta() <= each.day - monday < timedelta(days=7)])


def _cells(name: str, days: Sequence[Day]) -> Sequence[str]:
    most = (max(each.pools_at_once for each in days), max(each.nodes_at_once for each in days))
    numbers = (sum(each.pools for each in days), sum(each.nodes for each in days), *most)
    return f"  {name}", *map(str, numbers)


def _blocker(each: Blocker) -> Sequence[str]:
    return f"  {each.pools}", str(each.nodes), each.reason, each.message, ", ".join(each.examples)


def _plain(report: Report) -> dict[str, Any]:
    policy = {
        "source": report.source,
        "hash": report.rules.policy.hash,
        "exemptions": report.rules.exemptions.hash,
    }
    found: dict[str, Any] = plain(report.found)
    told = {"assumptions": list(report.assumptions), "warnings": list(report.warnings)}
    return {**found, "policy": policy, **told, "coverage": plain(report.gaps)}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
