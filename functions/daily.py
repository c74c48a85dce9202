"""Timer → the daily word on the fleet."""

import logging
from datetime import UTC, datetime

import azure.functions as func

bp = func.Blueprint()
log = logging.getLogger("fipswarden.daily")


@bp.function_name("daily")
@bp.timer_trigger(arg_name="timer", schedule="%DAILY_SCHEDULE%", use_monitor=True)
def daily(timer: func.TimerRequest) -> None:
    """Send the digest of the day."""
    from shared import bootstrap
    from shared.digest import daily_digest

    digest = daily_digest(bootstrap.table("posture"), datetime.now(UTC))
    bootstrap.alert_queue().send(digest)
    log.info("daily digest queued", extra={"text": digest.text, "pastDue": timer.past_due})
