"""Timer → the daily word on the fleet."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from shared.logs import logger

if TYPE_CHECKING:
    from shared.domain.model import Unreadable

bp = func.Blueprint()
log = logger("daily")


@bp.function_name("daily")
@bp.timer_trigger(arg_name="timer", schedule="%DAILY_SCHEDULE%", use_monitor=True)
def daily(timer: func.TimerRequest) -> None:
    """Send the digest of the day."""
    from shared import bootstrap
    from shared.budget import read_budget
    from shared.digest import daily_digest

    counts = read_budget(bootstrap.table("rollout")).counts
    digest = daily_digest(bootstrap.table("posture"), _coverage(), counts, bootstrap.watches, datetime.now(UTC))
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
