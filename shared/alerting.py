"""Telling people: each alert once through each channel, whatever the other channels do.

Delivered and recorded are two steps: who dies in between tells again. So an alert may repeat, and is never lost.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.alerts import SEVERITIES, alert_id
from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.domain.model import Alert
from shared.errors import FipswardenError, TerminalError
from shared.ports import Channel, Clock, Put, Row, Scalar, Table

FLEET = "_fleet"
"""Partition of the alerts that concern no cluster."""
_RACES = 8
_MAX_JSON = 40_000
"""Bytes of a queued alert: a message holds 64 KiB in base64, which makes 48 KiB of it."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """What the functions need to tell people."""

    channels: tuple[Channel, ...]
    memory: Table
    """Table `alerts`: who has been told what."""
    poison: Table
    """Table `poison`: messages that nobody could use, for people."""
    clock: Clock


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which channels have an alert."""

    sent: tuple[str, ...] = ()
    """Now."""
    already: tuple[str, ...] = ()
    """From before."""


class DeliveryError(FipswardenError):
    """Some channels could not be told; the message comes back for them alone."""

    def __init__(self, alert: Alert, delivery: Delivery, failed: Mapping[str, Exception]) -> None:
        self.delivery = delivery
        """What went well."""
        self.failed = failed
        """Error by channel."""
        reasons = "; ".join(f"{name} ({type(error).__name__}: {error})" for name, error in failed.items())
        super().__init__(f"alert {alert.key} has not reached {len(failed)} channel(s): {reasons}")


def alert_json(alert: Alert) -> str:
    """Return the text of the queue message, of at most 40 kB: a longer text is cut, with a note."""
    limit = len(alert.text)
    short = replace(alert, title=alert.title[:500])
    while len(found := json.dumps({"v": 1, **plain(short)})) > _MAX_JSON and limit:
        limit //= 2
        short = replace(short, text=f"{alert.text[:limit]}… (cut: the text has {len(alert.text)} characters)")
    return found


def read_alert(text: str) -> Alert:
    """Read a queue message; raises TerminalError for one that no repetition can make readable."""
    try:
        message = json.loads(text)
        if not isinstance(message, dict) or message.get("v") != 1:
            raise ValueError("it is not an object with v = 1")
        return _checked(typed(Alert, message))
    except (ValueError, RecursionError) as error:
        raise TerminalError(f"not an alert: {error}: {text[:300]}") from error


def _checked(alert: Alert) -> Alert:
    if not alert.key:
        raise ValueError("Alert.key: empty")
    if alert.severity not in SEVERITIES:
        raise ValueError(f"Alert.severity: {alert.severity[:50]!r} is not one of {', '.join(SEVERITIES)}")
    if alert.at.tzinfo is None:
        raise ValueError("Alert.at: without a time zone")
    if alert.cluster:
        ClusterId.parse(alert.cluster)
    return alert


def deliver(alert: Alert, channels: Sequence[Channel], memory: Table, now: datetime) -> Delivery:
    """Tell every channel that has not been told; raises one DeliveryError at the end if any could not be.

    Each is recorded as soon as it has the alert, so that the next try takes only those that failed.
    """
    told = _told(memory.read(_partition(alert), alert_id(alert.key)))
    sent: list[str] = []
    failed: dict[str, Exception] = {}
    for channel in channels:
        if channel.name in told:
            continue
        try:
            channel.send(alert)
            _record(memory, alert, channel.name, now)
        except Exception as error:  # noqa: BLE001 - whatever one channel does, the others are told
            failed[channel.name] = error
        else:
            sent.append(channel.name)
    delivery = Delivery(tuple(sent), tuple(channel.name for channel in channels if channel.name in told))
    if failed:
        raise DeliveryError(alert, delivery, failed) from ExceptionGroup("channels", list(failed.values()))
    return delivery


def _partition(alert: Alert) -> str:
    return ClusterId.parse(alert.cluster).key if alert.cluster else FLEET


def _told(row: Row | None) -> dict[str, str]:
    found = row.doc.get("told") if row else None
    return dict(found) if isinstance(found, Mapping) else {}


def _record(memory: Table, alert: Alert, channel: str, now: datetime) -> None:
    partition, key = _partition(alert), alert_id(alert.key)
    for _ in range(_RACES):
        row = memory.read(partition, key)
        told = {**_told(row), channel: plain(now)}
        columns: dict[str, Scalar] = {"at": now, "channels": ",".join(sorted(told)), "reason": alert.reason[:200]}
        put = Put(key, row.etag if row else None, columns, {"alert": alert.key, "told": told})
        if memory.write(partition, put):
            return
    raise OSError("delivered, but the alert memory's row kept changing: the alert will repeat")
