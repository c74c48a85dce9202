"""Timer → the daily word on the fleet."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from shared.logs import logger

if TYPE_CHECKING:
    from shared.domain.manifests import Anchor
    from shared.domain.model import Unreadable

bp = func.Blueprint()
log = logger("daily")


@bp.function_name("daily")
@bp.timer_trigger(arg_name="timer", schedule="%DAILY_SCHEDULE%", use_monitor=True)
def daily(timer: func.TimerRequest) -> None:
    """Anchor the evidence, and send the digest of the day, which comes whatever became of the anchor."""
    from shared import bootstrap
    from shared.anchor import with_anchor
    from shared.budget import read_budget
    from shared.digest import daily_digest

    now, unread = datetime.now(UTC), _coverage()
    history, found, fault = _anchor(now, unread)
    counts = read_budget(bootstrap.table("rollout")).counts
    digest = daily_digest(bootstrap.table("posture"), unread, counts, bootstrap.watches, now)
    digest = with_anchor(digest, history, found, fault)
    bootstrap.alert_queue().send(digest)
    log.info("daily digest queued", extra={"text": digest.text, "pastDue": timer.past_due})


def _coverage() -> "Mapping[str, Unreadable] | Unreadable":
    """Ask which subscriptions can't be read; that nobody could be asked is a value too, since the digest must come."""
    from shared import bootstrap
    from shared.coverage import unreadable_subscriptions
    from shared.domain.model import Unreadable

    try:
        fleet = bootstrap.resync_ports().fleet
        return unreadable_subscriptions(fleet, fleet.subscriptions())
    except Exception as error:
        log.exception("subscriptions not listed")
        return Unreadable("CoverageUnknown", f"their list can't be had ({type(error).__name__}).", None)


def _anchor(now: datetime, unread: "Mapping[str, Unreadable] | Unreadable") -> "tuple[str, Anchor | None, str]":
    """Return the trend and the day's manifest; where either can't be had, why, since the digest must come."""
    from shared import bootstrap
    from shared.anchor import anchor
    from shared.series import trend

    found = None
    try:
        ports = bootstrap.anchor_ports()
        found = anchor(ports, now, len(unread) if isinstance(unread, Mapping) else None)
        return trend(ports.snapshots, now.date()), found, ""
    except Exception as error:
        log.exception("evidence not anchored")
        return "", found, f"{type(error).__name__}; the log has more."
