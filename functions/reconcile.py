"""Queue `reconcile` → one look at one cluster."""

from datetime import UTC, datetime

import azure.functions as func

from shared.domain.requests import ReconcileRequest
from shared.errors import TerminalError
from shared.logs import logger
from shared.rollout import LetGo

bp = func.Blueprint()
log = logger("reconcile")


@bp.function_name("reconcile")
@bp.queue_trigger(arg_name="message", queue_name="reconcile", connection="AzureWebJobsStorage")
@bp.queue_output(arg_name="poison", queue_name="reconcile-poison", connection="AzureWebJobsStorage")
def reconcile(message: func.QueueMessage, poison: func.Out[str]) -> None:
    """Look at the cluster that the message names; whatever is raised brings the message again."""
    from shared import bootstrap
    from shared.reconciler import reconcile as look

    text = message.get_body().decode(errors="replace")
    try:
        request = ReconcileRequest.from_json(text)
    except TerminalError as error:
        log.error("not a reconcile request", extra={"detail": str(error)})  # noqa: TRY400 (it is the input's fault)
        poison.set(text)
        return
    inserted = message.insertion_time or datetime.now(UTC)
    result = look(bootstrap.reconciler_ports(), request, _utc(inserted))
    fields: dict[str, object] = {"cluster": request.cluster.arm_id, "cause": request.cause}
    if isinstance(result, LetGo):
        log.info("message let go", extra={**fields, "because": result.value})
        return
    fields |= {"state": result.state, "action": result.action, "requeueAfter": str(result.requeue_after or "resync")}
    fields |= {"answers": list(result.answers)} if result.answers else {}
    log.info("looked", extra={**fields, "deferrals": [f"{item.pool}: {item.reason}" for item in result.deferrals]})


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
