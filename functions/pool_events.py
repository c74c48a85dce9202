"""Event Grid → queue `reconcile`. An event is a hint to look; this path loads no Azure SDK, so it starts cold fast."""

import json
import os

import azure.functions as func

from shared.domain.events import Hint, Ignored, Rejected, not_subscriptions, read_event, watched
from shared.domain.requests import ReconcileRequest
from shared.logs import logger

bp = func.Blueprint()
log = logger("pool_events")


@bp.function_name("pool_events")
@bp.event_grid_trigger(arg_name="event")
@bp.queue_output(arg_name="request", queue_name="reconcile", connection="AzureWebJobsStorage")
@bp.queue_output(arg_name="rejected", queue_name="rejected", connection="AzureWebJobsStorage")
def pool_events(event: str, request: func.Out[str], rejected: func.Out[str]) -> None:
    """Turn one event into a reconcile request; what can't be used is acknowledged and kept with the reason.

    Annotated `str`: the worker's EventGridEvent fails on a CloudEvent and on bad input before we could keep it.
    """
    ours = watched(os.environ.get("FIPSWARDEN_SUBSCRIPTIONS", ""))
    if not_subscriptions(ours):
        # With a typo in the setting every event would be out of scope. The looks say what is wrong with it.
        ours = frozenset()
    match read_event(event, ours):
        case Hint(cluster, cause):
            request.set(ReconcileRequest(cluster, cause).to_json())
            log.info("event queued a look", extra={"cluster": cluster.arm_id, "cause": cause})
        case Ignored(kind):
            log.info("event ignored", extra={"kind": kind})
        case Rejected(reason, message):
            # A queue message holds 48 kB, and JSON writes a character in up to 12 bytes.
            rejected.set(json.dumps({"v": 1, "reason": reason, "message": message[:500], "event": event[:3_000]}))
            log.warning("event rejected", extra={"reason": reason, "detail": message})
