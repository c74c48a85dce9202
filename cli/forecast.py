"""`fipswarden forecast`: plays the policy forward over the fleet; asks, reckons, changes nothing."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.exits import NON_COMPLIANT, OK, UNKNOWN, cut_short, returns
from cli.fleet import add_from, say_unseen
from cli.forecast_fleet import App, Found, members
from cli.forecast_report import Report, print_forecast
from cli.naming import a_file, add_output
from cli.rules import load, trouble_of
from cli.scope import ALL_OUT, scope_gaps, with_scope
from shared.domain.budget import Budget, named
from shared.domain.model import ComplianceState
from shared.domain.pace import Pace, pace_of
from shared.domain.policy_warnings import rulebook_warnings
from shared.domain.rulebook import Rulebook
from shared.domain.stage import Start
from shared.domain.wording import count
from shared.errors import ConfigError, InputError

if TYPE_CHECKING:
    from shared.domain.forecast import Forecast

_FARTHEST = timedelta(days=1100)
_MOST_MINUTES = 10_000.0
_DESCRIPTION = (
    "Plays the policy forward over the fleet by the app's own code: when each ring and the fleet will be done, how "
    "many nodes are reimaged when, and what never will be and why. By default with the policy, the exemptions, the "
    "budget and the memory of the app. It is no promise: what it assumes stands at its end."
)
_EXIT = returns("something is not done by then", "a part of the fleet was not seen")
_FRESH = "no app was asked: an empty budget, and nothing is remembered of any pool"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    forecast = commands.add_parser(
        "forecast", help="when the fleet will be done, and what never will be", description=_DESCRIPTION, epilog=_EXIT
    )
    forecast.add_argument("--until", required=True, metavar="DATE", help="the last day, in UTC, such as 2027-03-31")
    forecast.add_argument("--policy", type=a_file, help="play this policy rather than the one that the app used last")
    forecast.add_argument("--exemptions", type=a_file, help="the exemptions that go with the policy")
    approved = "as if whatever waits for an approval had it at once: each step, and the policy's text"
    forecast.add_argument("--approved", action="store_true", help=approved)
    add_from(forecast, "play on")
    minutes = "how long a node takes; default: as the app's last remediations did, or 12.3"
    forecast.add_argument("--minutes-per-node", metavar="N", help=minutes)
    add_output(forecast)
    forecast.add_argument("--svg", type=a_file, metavar="FILE", help="also write a picture there")
    forecast.set_defaults(run=_forecast)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a forecast is played by."""

    rules: Rulebook
    source: str
    """What people call the policy."""
    budget: Budget
    app: App | None
    """None: no app is asked."""


def _forecast(chosen: argparse.Namespace) -> int:
    from shared.domain.forecast import forecast

    now = _now()
    until, given = _until(chosen.until, now), _minutes(chosen.minutes_per_node)
    basis = _basis(chosen)
    fleet = Found.of(chosen.files, basis.rules, now)
    fleet.add_gaps(scope_gaps(basis.rules, fleet.reading.covered))
    known, hidden = members(fleet, basis.app, live=not chosen.files), fleet.hidden(basis.budget.counts)
    pace = given or pace_of(basis.budget)
    unread, blind = fleet.unread, fleet.blind
    start = Start(known, basis.rules, basis.budget, pace, now, until, unread, blind, hidden, chosen.approved)
    found = forecast(start)
    if chosen.svg:
        _draw(found, chosen.svg)
    warnings = (*rulebook_warnings(basis.rules, now), *fleet.warnings(basis.rules))
    beside = (*_asked(basis, hidden), *basis.rules.warnings)
    report = Report(found, basis.rules, basis.source, tuple(fleet.reading.gaps), beside, warnings)
    with cut_short():
        print_forecast(report, chosen.output)
    say_unseen(fleet.reading.gaps, (*fleet.reading.notes, *([ALL_OUT] if fleet.shut_out else [])))
    return UNKNOWN if fleet.shut_out else _code(found)


def _code(found: "Forecast") -> int:
    bad = (ComplianceState.NON_COMPLIANT, ComplianceState.INCONSISTENT)
    if found.fleet.done < found.fleet.pools or any(each.finding.state in bad for each in found.beside_pools):
        return NON_COMPLIANT
    return OK if found.fleet.finished else UNKNOWN


def _asked(basis: _Basis, hidden: int) -> Iterator[str]:
    """Say what was asked of the app, and what the app itself did not see."""
    if basis.app is None:
        yield _FRESH
    if counts := basis.budget.counts if hidden else None:
        what = f"{count(hidden, 'cluster or subscription', 'clusters or subscriptions')}{named(counts)}"
        yield f"the app could not judge {what} at its resync of {counts.at:%Y-%m-%d %H:%M} UTC: later rings stay closed"


def _now() -> datetime:
    from shared import bootstrap

    return bootstrap.SystemClock().now()


def _until(text: str, now: datetime) -> datetime:
    """Return the end of a day in UTC."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--until {text[:40]!r} is no day: write it like {now.date() + timedelta(days=90)}") from error
    if day < now.date():
        raise InputError(f"--until {day} is over: give today ({now.date()}) or a day to come")
    if day > (now + _FARTHEST).date():
        raise InputError(f"--until {day} is too far: a forecast goes as far as {(now + _FARTHEST).date()}")
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _minutes(text: str | None) -> Pace | None:
    if text is None:
        return None
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= _MOST_MINUTES:
        raise InputError(f"--minutes-per-node {text[:40]!r} is no such number: give one above 0, up to 10000")
    return Pace(timedelta(minutes=minutes), "given")


def _basis(chosen: argparse.Namespace) -> _Basis:
    if chosen.exemptions and not chosen.policy:
        raise InputError("--exemptions go with a policy: give --policy as well")
    signed_in = not chosen.files
    if chosen.policy:
        rules = with_scope(load(chosen.policy, chosen.exemptions), signed_in=signed_in)
        # Where the fleet was saved, too, nothing of Azure is needed, and nothing is asked.
        app = _app() if signed_in else None
        return _Basis(rules, str(chosen.policy), _budget(app), app)
    try:
        app = _stored()
    except ConfigError as error:
        hint = "or, without the app, name the policy: --policy FILE (with --from FILE not even a sign-in)"
        raise ConfigError(error.subject, (*error.faults, hint)) from error
    budget = _budget(app)
    rules = with_scope(_last_used(app, budget), signed_in=signed_in)
    return _Basis(rules, "as the app used it last", budget, app)


def _app() -> App | None:
    """Return what the app has stored; None if no setting says where that is."""
    try:
        return _stored()
    except ConfigError:
        return None


def _stored() -> App:
    from shared import bootstrap

    return App(bootstrap.table("rollout"), bootstrap.table("posture"))


def _last_used(app: App, budget: Budget) -> Rulebook:
    from shared.rulebooks import last_used, used_at

    return replace(last_used(app.rollout), trouble=trouble_of(budget, used_at(app.rollout)))


def _budget(app: App | None) -> Budget:
    from shared.budget import read_budget

    return read_budget(app.rollout) if app else Budget()


def _draw(found: "Forecast", path: Path) -> None:
    from shared.reports.timeline import timeline

    try:
        path.write_text(timeline(found), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--svg {path} can't be written: {error.strerror}") from error
