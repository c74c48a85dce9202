"""Queue `alerts` → people: Teams, mail, the Event Grid topic."""

import azure.functions as func

from functions.poison import poison_message
from shared.alerting import Alerting, come_back, deliver, failing_since, read_alert
from shared.domain.alert import Alert
from shared.errors import ConfigError, TerminalError
from shared.logs import logger
from shared.poison import PoisonMessage, unreadable_alert
from shared.ports import Alerts

bp = func.Blueprint()
log = logger("alerts")
_QUICK_TRIES = 3
"""Of one message, half a minute apart (host.json), before it waits as a new one; fewer than maxDequeueCount."""


@bp.function_name("alerts")
@bp.queue_trigger(arg_name="message", queue_name="alerts", connection="AzureWebJobsStorage")
def alerts(message: func.QueueMessage) -> None:
    """Tell every channel; whatever is raised brings the message again, for the channels that failed."""
    from shared import bootstrap

    taken = poison_message("alerts", message)
    try:
        alert = read_alert(taken.text)
    except TerminalError as error:
        unreadable_alert(taken, bootstrap.alerting, error)
        return
    tell(taken, alert, bootstrap.alerting(), bootstrap.alert_queue())


def tell(taken: PoisonMessage, alert: Alert, alerting: Alerting, queue: Alerts) -> None:
    """Deliver an alert; after a few tries it waits in the queue as a new message, and after a day this raises."""
    try:
        _deliver(taken, alert, alerting)
    except Exception as error:
        now = alerting.clock.now()
        failing = failing_since(taken.text) or now
        delay = come_back(failing, now, error)
        if taken.dequeued <= _QUICK_TRIES or delay is None:
            raise
        queue.send(alert, delay, failing)
        log.warning("alert not told yet", extra={"key": alert.key, "again": str(delay), "detail": str(error)[:1_000]})


def _deliver(taken: PoisonMessage, alert: Alert, alerting: Alerting) -> None:
    if alerting.faults and not alerting.channels:
        raise ConfigError("settings", alerting.faults)
    delivery = deliver(alert, alerting.channels, alerting.memory, alerting.clock.now(), message=taken.key)
    fields = {"key": alert.key, "reason": alert.reason, "sent": delivery.sent, "already": delivery.already}
    if delivery.elsewhere:
        log.info("alert let go", extra={**fields, "because": "another message delivers it"})
    elif alerting.channels:
        log.info("alert told", extra=fields)
    else:
        nobody = {**fields, "because": "no channel is set up", "title": alert.title}
        log.warning("alert told to nobody", extra=nobody)
