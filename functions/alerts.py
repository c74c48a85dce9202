"""Queue `alerts` → people: Teams, mail, the Event Grid topic."""

import azure.functions as func

from functions.logs import logger
from functions.poison import poison_message
from shared.alerting import deliver, read_alert
from shared.errors import TerminalError
from shared.poison import unreadable

bp = func.Blueprint()
log = logger("alerts")


@bp.function_name("alerts")
@bp.queue_trigger(arg_name="message", queue_name="alerts", connection="AzureWebJobsStorage")
def alerts(message: func.QueueMessage) -> None:
    """Tell every channel; whatever is raised brings the message again, for the channels that failed."""
    from shared import bootstrap

    taken = poison_message("alerts", message)
    try:
        alert = read_alert(taken.text)
    except TerminalError as error:
        unreadable(taken, bootstrap.alerting, error)
        return
    alerting = bootstrap.alerting()
    delivery = deliver(alert, alerting.channels, alerting.memory, alerting.clock.now(), message=taken.key)
    fields = {"key": alert.key, "reason": alert.reason, "sent": delivery.sent, "already": delivery.already}
    if delivery.elsewhere:
        log.info("alert let go: another message delivers it", extra=fields)
    elif alerting.channels:
        log.info("alert told", extra=fields)
    else:
        log.warning("alert told to nobody: no channel is set up", extra={**fields, "title": alert.title})
