"""Timer → the look at the whole fleet that finds what events missed."""

import dataclasses
from datetime import UTC, datetime

import azure.functions as func

from shared.logs import logger

bp = func.Blueprint()
log = logger("resync")


@bp.function_name("resync")
@bp.timer_trigger(arg_name="timer", schedule="%RESYNC_SCHEDULE%", use_monitor=True)
def resync(timer: func.TimerRequest) -> None:
    """Queue a look for every cluster that needs one; then keep what is known of the fleet."""
    from shared import bootstrap
    from shared.resync import resync as run

    result = run(bootstrap.resync_ports())
    log.info("resynced", extra={**dataclasses.asdict(result), "pastDue": timer.past_due})
    _keep(result.unreadable if result.subscriptions else None)


def _keep(unread_subscriptions: int | None) -> None:
    """Take a snapshot, or, where the day's timer did not come or failed, write the manifest, which has one."""
    from shared import bootstrap
    from shared.anchor import late_alert, late_anchor
    from shared.snapshots import take_snapshot

    ports, now = bootstrap.anchor_ports(), datetime.now(UTC)
    late = late_anchor(ports, now, unread_subscriptions)
    if late is None:
        take_snapshot(ports.postures, ports.snapshots, now)
        return
    bootstrap.alert_queue().send(late_alert(late, now))
    log.warning("evidence anchored late", extra={"manifest": late.record, "sha256": late.sha256})
