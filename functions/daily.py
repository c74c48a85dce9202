"""Timer → the daily word on the fleet."""

from datetime import UTC, datetime

import azure.functions as func

from functions.logs import logger

bp = func.Blueprint()
log = logger("daily")


@bp.function_name("daily")
@bp.timer_trigger(arg_name="timer", schedule="%DAILY_SCHEDULE%", use_monitor=True)
def daily(timer: func.TimerRequest) -> None:
    """Send the digest of the day."""
    from shared import bootstrap
    from shared.digest import daily_digest

    digest = daily_digest(bootstrap.table("posture"), datetime.now(UTC))
    bootstrap.alert_queue().send(digest)
    log.info("daily digest queued", extra={"text": digest.text, "pastDue": timer.past_due})
