"""Timer → the look at the whole fleet that finds what events missed."""

import dataclasses

import azure.functions as func

from shared.logs import logger

bp = func.Blueprint()
log = logger("resync")


@bp.function_name("resync")
@bp.timer_trigger(arg_name="timer", schedule="%RESYNC_SCHEDULE%", use_monitor=True)
def resync(timer: func.TimerRequest) -> None:
    """Queue a look for every cluster that needs one."""
    from shared import bootstrap
    from shared.resync import resync as run

    result = run(bootstrap.resync_ports())
    log.info("resynced", extra={**dataclasses.asdict(result), "pastDue": timer.past_due})
