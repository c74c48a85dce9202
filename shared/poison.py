"""Messages that nobody could use: first logged, then kept in the table `poison`, then told.

Each step does without the later ones, and the log without everything: what made a message poison may be the table,
a channel or a setting. A queue whose name ends in `-poison` has no poison queue of its own, and the host's messages
never expire, so that a reader which kept failing would read for ever: after a few tries a message is let go.
"""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from shared.alerting import Alerting, DeliveryError, deliver
from shared.domain.alert import Alert
from shared.domain.alerts import alert_id
from shared.domain.requests import ReconcileRequest
from shared.errors import TerminalError, TransientError
from shared.logs import logger
from shared.ports import Channel, Put, Scalar, Table

log = logger("poison")
_LOGGED = 8_000
"""Characters of a message in the log: Application Insights cuts a trace at 32 kB, a property at 8 kB."""
_TRIES = 5
"""host.json's maxDequeueCount, which does not hold for a poison queue."""
_RACES = 5
_OUT_OF_SCOPE = "OutOfScope"
"""The one reason of a rejected event for which nothing is wrong with the event."""

_told_here: set[str] = set()
"""Keys that were told while the alert memory could not be read: at most one an hour and reason."""


@dataclass(frozen=True, slots=True)
class PoisonMessage:
    """A message that nobody could use."""

    queue: str
    """Where it lies; the partition of its row."""
    id: str
    """Of the queue service; may be empty."""
    text: str
    """The whole message, at most 64 KiB."""
    dequeued: int
    """How often it has been taken from this queue, this time included."""
    inserted: datetime | None

    @property
    def key(self) -> str:
        """Key of its row: the same in every try."""
        return self.id if re.fullmatch(r"[A-Za-z0-9-]{1,100}", self.id) else alert_id(self.text)


Maker = Callable[[], Alerting]
"""Makes what telling needs; may fail, for example on a bad setting."""


def reconcile_poison(message: PoisonMessage, alerting: Maker) -> None:
    """Keep a request whose looks have all failed, or that can't be read, and tell: once an hour and kind.

    Told through the channels themselves: past the queue `alerts`, which may be what failed.
    """
    try:
        request = ReconcileRequest.from_json(message.text)
    except TerminalError as error:
        said = str(error)[:1_000]
        _log(message, said)
        _settle(
            message,
            alerting,
            "UnreadableRequest",
            lambda desk: _tell(desk, message, _unread_request(message, said, desk.clock.now())),
        )
        return
    _log(message, "a look failed for good")
    _settle(
        message,
        alerting,
        "LookFailed",
        lambda desk: _tell(desk, message, _failed_look(message, request, desk.clock.now())),
    )


def alerts_poison(message: PoisonMessage, alerting: Maker) -> None:
    """Keep an alert that could not be delivered; telling that through the same channels would lead nowhere."""
    _log(message, "an alert could not be delivered")
    _settle(message, alerting, "AlertNotDelivered", lambda _desk: True)


def unreadable_alert(message: PoisonMessage, alerting: Maker, error: Exception) -> None:
    """Keep an alert that can't be read, and tell: once an hour, past the queue, where it would be met again."""
    said = str(error)[:1_000]
    _log(message, said)
    _settle(
        message, alerting, "Unreadable", lambda desk: _tell(desk, message, _unread(message, said, desk.clock.now()))
    )


def rejected_event(message: PoisonMessage, alerting: Maker) -> None:
    """Count a rejected event by day and reason; keep and tell (once a day and reason) one that is malformed.

    An event out of scope is sound and only counted, with a sample: a wide Event Grid subscription sends many.
    """
    reason, detail = _rejection(message.text)
    _log(message, f"event rejected: {reason}", logging.WARNING)

    def count_and_tell(desk: Alerting) -> bool:
        now = desk.clock.now()
        _count(desk.poison, f"{now:%Y-%m-%d}-{reason}", message, now)
        return reason == _OUT_OF_SCOPE or _tell(desk, message, _malformed(message, reason, detail, now))

    _settle(message, alerting, reason, count_and_tell, keep=reason != _OUT_OF_SCOPE)


def _log(message: PoisonMessage, what: str, level: int = logging.ERROR) -> None:
    line = {
        "queue": message.queue,
        "id": message.id,
        "dequeued": message.dequeued,
        "inserted": str(message.inserted or ""),
        "what": what,
        "characters": len(message.text),
        "message": message.text[:_LOGGED],
    }
    log.log(level, "poison message", extra=line)


def _settle(
    message: PoisonMessage, make: Maker, reason: str, tell: Callable[[Alerting], bool], *, keep: bool = True
) -> None:
    """Keep and tell, each whatever becomes of the other; what failed is tried again, a few times."""
    done = True
    try:
        desk = make()
        if keep:
            done = _attempt("kept", lambda: _keep(desk, message, reason))
        done = _attempt("told", lambda: tell(desk)) and done
    except Exception:
        log.exception("poison message neither kept nor told")
        done = False
    if done:
        return
    if message.dequeued < _TRIES:
        raise TransientError(f"a message of {message.queue} could not be kept or told: it comes back")
    # Only the log has all of it.
    log.error("poison message let go", extra={"queue": message.queue, "id": message.id, "tries": _TRIES})


def _attempt(what: str, step: Callable[[], bool]) -> bool:
    try:
        return step()
    except Exception:
        log.exception("poison message: a step failed", extra={"step": what})
        return False


def _keep(desk: Alerting, message: PoisonMessage, reason: str) -> bool:
    columns: dict[str, Scalar] = {"at": desk.clock.now(), "reason": reason, "dequeued": message.dequeued}
    if message.inserted:
        columns["inserted"] = message.inserted
    # A lost race is an earlier try of the same message.
    desk.poison.write(message.queue, Put(message.key, None, columns, {"text": message.text}))
    return True


def _count(table: Table, key: str, message: PoisonMessage, now: datetime) -> None:
    partition = f"{message.queue}-days"
    for _ in range(_RACES):
        row = table.read(partition, key)
        counted = row.columns.get("count") if row else 0
        count = counted + 1 if isinstance(counted, int) else 1
        put = Put(key, row.etag if row else None, {"at": now, "count": count}, {"sample": message.text})
        if table.write(partition, put):
            return
    log.warning("rejected event not counted", extra={"row": key})


def _tell(desk: Alerting, message: PoisonMessage, alert: Alert) -> bool:
    """Tell through the channels that work; True if anybody has the alert, or nobody is to have any."""
    try:
        deliver(alert, desk.channels, desk.memory, desk.clock.now(), message=message.key)
    except DeliveryError as error:
        log.exception("poison alert not told everywhere", extra={"key": alert.key})
        return bool(error.delivery.sent or error.delivery.already)
    except Exception:
        log.exception("poison alert told without the alert memory", extra={"key": alert.key})
        return _tell_without_memory(desk, alert)
    return True


def _tell_without_memory(desk: Alerting, alert: Alert) -> bool:
    if alert.key in _told_here:
        return True
    told = [_attempt(f"told through {channel.name}", partial(_sent, channel, alert)) for channel in desk.channels]
    if any(told):
        _told_here.add(alert.key)
    return any(told) or not told


def _sent(channel: Channel, alert: Alert) -> bool:
    channel.send(alert)
    return True


def _failed_look(message: PoisonMessage, request: ReconcileRequest, now: datetime) -> Alert:
    text = (
        f"Looks at {request.cluster.arm_id} (cause: {request.cause}) failed each time they were tried, and this "
        "request was given up: until a look succeeds, what fipswarden says of this cluster is old. "
        "Others may have failed too: this is told once an hour. Find the exception in the app's log (function "
        "`reconcile`), remove what causes it, and queue the cluster again, or leave that to the next resync. "
        f"{_kept(message)}"
    )
    title = f"fipswarden: looks are failing, last at {request.cluster}"
    return Alert(f"poison:{now:%Y-%m-%dT%H}:look", "", "", "critical", "LookFailed", title, text, now)


def _unread_request(message: PoisonMessage, said: str, now: datetime) -> Alert:
    text = f"{said} Somebody or something else wrote it; no look of the app's own is lost by it. {_kept(message)}"
    title, reason = "fipswarden: a reconcile request can't be read", "UnreadableRequest"
    return Alert(f"poison:{now:%Y-%m-%dT%H}:unreadable", "", "", "warning", reason, title, text, now)


def _kept(message: PoisonMessage) -> str:
    return f"Every message is in the table `poison`, partition `{message.queue}` (this one: row `{message.key}`)."


def _unread(message: PoisonMessage, said: str, now: datetime) -> Alert:
    text = (
        f"{said} Somebody or something else wrote it, or a version of the app that this one does not know. What it "
        f"said was told to nobody. Every such message is in the table `poison`, partition `{message.queue}` (this one: "
        f"row `{message.key}`)."
    )
    title = "fipswarden: an alert can't be read"
    return Alert(f"poison:{now:%Y-%m-%dT%H}:alert", "", "", "warning", "UnreadableAlert", title, text, now)


def _malformed(message: PoisonMessage, reason: str, detail: str, now: datetime) -> Alert:
    text = (
        f"{detail} Check the Event Grid subscription and who else may post to the app. No cluster is lost by this: the "
        f"resync finds what events miss. This is told once a day for each reason; the events of the day are in the "
        f"table `poison`, partition `{message.queue}` (this one: row `{message.key}`)."
    )
    title = f"fipswarden: malformed events ({reason})"
    return Alert(f"rejected:{now:%Y-%m-%d}:{reason}", "", "", "warning", "EventRejected", title, text, now)


def _rejection(text: str) -> tuple[str, str]:
    """Return reason and detail of a message of the queue `rejected`: `{"v": 1, "reason", "message", "event"}`."""
    try:
        found = json.loads(text)
        reason, detail = str(found["reason"]), str(found["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "UnreadableRejection", "A message of the queue `rejected` can't be read."
    known = re.fullmatch(r"[A-Za-z0-9]{1,50}", reason)
    return (reason if known else "UnknownReason"), f"{detail[:1_000].rstrip('.')}."
