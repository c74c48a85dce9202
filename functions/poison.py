"""Queues of messages that nobody could use → log, table `poison`, people."""

from datetime import UTC

import azure.functions as func

from shared.poison import PoisonMessage, alerts_poison, reconcile_poison, rejected_event

bp = func.Blueprint()


@bp.function_name("reconcile_poison")
@bp.queue_trigger(arg_name="message", queue_name="reconcile-poison", connection="AzureWebJobsStorage")
def on_reconcile_poison(message: func.QueueMessage) -> None:
    """Keep and tell a request whose looks have all failed."""
    from shared import bootstrap

    reconcile_poison(poison_message("reconcile-poison", message), bootstrap.alerting)


@bp.function_name("alerts_poison")
@bp.queue_trigger(arg_name="message", queue_name="alerts-poison", connection="AzureWebJobsStorage")
def on_alerts_poison(message: func.QueueMessage) -> None:
    """Keep an alert that could not be delivered."""
    from shared import bootstrap

    alerts_poison(poison_message("alerts-poison", message), bootstrap.alerting)


@bp.function_name("rejected")
@bp.queue_trigger(arg_name="message", queue_name="rejected", connection="AzureWebJobsStorage")
def on_rejected(message: func.QueueMessage) -> None:
    """Count, keep and tell an event that was malformed or out of scope."""
    from shared import bootstrap

    rejected_event(poison_message("rejected", message), bootstrap.alerting)


def poison_message(queue: str, message: func.QueueMessage) -> PoisonMessage:
    """Return a message as a record; bytes that are no UTF-8 are replaced, never a reason to fail."""
    inserted = message.insertion_time
    return PoisonMessage(
        queue,
        message.id or "",
        message.get_body().decode(errors="replace"),
        message.dequeue_count or 1,
        (inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC)) if inserted else None,
    )
