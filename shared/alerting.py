"""Telling people: each alert once through each channel, whatever the other channels do.

Delivered and recorded are two steps: who dies in between tells again. So an alert may repeat, and is never lost.
Of two messages with the same alert at the same time one delivers and the other is let go: the first stays in the
queue until it is done, and if its worker dies, it comes back and goes on by itself.
A channel that stays away is tried for a day: the alert goes back into the queue as a new message, later each time.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.alert import Alert
from shared.domain.alerts import SEVERITIES, alert_id
from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.errors import FipswardenError, TerminalError, TransientError
from shared.ports import Channel, Clock, Put, Scalar, Table

FLEET = "_fleet"
"""Partition of the alerts that concern no cluster."""
_RACES = 8
_HOLD = timedelta(minutes=10)
"""functionTimeout: longer than this no worker can be at a delivery."""
_SOONEST, _LATEST, _GIVEN_UP = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)
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
    faults: tuple[str, ...] = ()
    """Why channels are missing that somebody meant to set up."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which channels have an alert."""

    sent: tuple[str, ...] = ()
    """Now."""
    already: tuple[str, ...] = ()
    """From before."""
    elsewhere: bool = False
    """Another message with the same alert is being delivered: nothing was done for this one."""


class DeliveryError(FipswardenError):
    """Some channels could not be told; the message comes back for them alone."""

    def __init__(
        self, alert: Alert, delivery: Delivery, failed: Mapping[str, Exception], *, held: bool = False
    ) -> None:
        self.delivery = delivery
        """What went well."""
        self.failed = failed
        """Error by channel."""
        self.held = held
        """Whether the alert could not be let go: for 10 minutes no other message would be let to deliver it."""
        reasons = "; ".join(f"{name} ({type(error).__name__}: {error})" for name, error in failed.items())
        super().__init__(f"alert {alert.key} has not reached {len(failed)} channel(s): {reasons}")


def come_back(failing: datetime, now: datetime, error: Exception) -> timedelta | None:
    """Return how long an alert that could not be delivered waits as a new message; None once that went on for a day.

    That is half of the time since it first failed, from a minute to an hour, and never less than a channel asked
    for, nor than the failed delivery may still be holding the alert: a new message that came sooner would be let go
    as one too many. The alert's own age says nothing: it may have lain in the queue while the app was down.
    """
    since = now - failing
    if since >= _GIVEN_UP:
        return None
    return max(_SOONEST, min(since / 2, _LATEST), _held(error), _asked(error))


def _held(error: Exception) -> timedelta:
    released = isinstance(error, DeliveryError) and not error.held
    return timedelta() if released else _HOLD


def _asked(error: Exception) -> timedelta:
    failed = error.failed.values() if isinstance(error, DeliveryError) else ()
    waits = (one.retry_after for one in failed if isinstance(one, TransientError))
    return max((wait for wait in waits if wait), default=timedelta())


@dataclass(frozen=True, slots=True)
class _Tried:
    """What a queue message says besides its alert."""

    failing: datetime | None = None
    """Since when the alert could not be delivered; None: it was not tried before this message."""


def alert_json(alert: Alert, failing: datetime | None = None) -> str:
    """Return the text of the queue message, of at most 40 kB: a longer text is cut, with a note."""
    limit = len(alert.text)
    short = replace(alert, title=alert.title[:500])
    while len(found := json.dumps({"v": 1, **plain(short), **plain(_Tried(failing))})) > _MAX_JSON and limit:
        limit //= 2
        short = replace(short, text=f"{alert.text[:limit]}… (cut: the text has {len(alert.text)} characters)")
    return found


def read_alert(text: str) -> Alert:
    """Read a queue message; raises TerminalError for one that no repetition can make readable."""
    return _read_message(text)[0]


def failing_since(text: str) -> datetime | None:
    """Return since when the alert of a queue message could not be delivered; None if it was not tried before.

    A message of an older version does not tell, and counts as not tried. Raises as `read_alert` does.
    """
    return _read_message(text)[1].failing


def _read_message(text: str) -> tuple[Alert, _Tried]:
    try:
        message = json.loads(text)
        if not isinstance(message, dict) or message.get("v") != 1:
            raise ValueError("it is not an object with v = 1")
        return _checked(typed(Alert, message)), typed(_Tried, message)
    except (ValueError, RecursionError) as error:
        raise TerminalError(f"not an alert: {error}: {text[:300]}") from error


def _checked(alert: Alert) -> Alert:
    if not alert.key:
        raise ValueError("Alert.key: empty")
    if alert.severity not in SEVERITIES:
        raise ValueError(f"Alert.severity: {alert.severity[:50]!r} is not one of {', '.join(SEVERITIES)}")
    if alert.cluster:
        ClusterId.parse(alert.cluster)
    return alert


@dataclass(frozen=True, slots=True)
class _Memory:
    """The document of an alert's row."""

    alert: str
    """Its key, for people."""
    told: Mapping[str, datetime] = field(default_factory=dict)
    """When each channel took it."""
    holder: str = ""
    """The message that is being delivered; empty if none is."""
    until: datetime | None = None
    """When the holder must be dead."""

    def with_told(self, told: Mapping[str, datetime]) -> "_Memory":
        return replace(self, told={**self.told, **told})

    def released(self) -> "_Memory":
        return replace(self, holder="", until=None)


def deliver(alert: Alert, channels: Sequence[Channel], memory: Table, now: datetime, *, message: str) -> Delivery:
    """Tell every channel that has not been told; raises one DeliveryError at the end if any could not be.

    Each is recorded as soon as it has the alert, so that the next try takes only those that failed. `message` is
    the id of the queue message: the same in every try, and another one for a second message with this alert.
    """
    # A rule may name channels; where none of them is set up (any more), everybody is told rather than nobody.
    chosen = [channel for channel in channels if channel.name in alert.channels] or channels
    # An owner is told by mail whatever the rule names: there is no other way to reach him.
    channels = [one for one in channels if one in chosen or (alert.owner and one.name == "mail")]
    hold = _hold(memory, alert, channels, message, now)
    if isinstance(hold, Delivery):
        return hold
    row, due = hold, _due(channels, hold.memory)
    already = tuple(channel.name for channel in channels if channel not in due)
    sent: list[str] = []
    failed: dict[str, Exception] = {}
    for channel in due:
        try:
            channel.send(alert)
            row = row.record({channel.name: now}, last=channel is due[-1])
        except Exception as error:  # noqa: BLE001 - whatever one channel does, the others are told
            failed[channel.name] = error
        else:
            sent.append(channel.name)
    if failed:
        held = due[-1].name in failed and not _let_go(row)
        delivery = Delivery(tuple(sent), already)
        raise DeliveryError(alert, delivery, failed, held=held) from ExceptionGroup("channels", list(failed.values()))
    return Delivery(tuple(sent), already)


def _due(channels: Sequence[Channel], memory: _Memory) -> list[Channel]:
    return [channel for channel in channels if channel.name not in memory.told]


@dataclass(frozen=True, slots=True)
class _Hold:
    """The right to deliver an alert, as the row said when it was last written."""

    table: Table
    alert: Alert
    message: str
    """The holder."""
    memory: _Memory
    etag: str

    def record(self, told: Mapping[str, datetime], *, last: bool) -> "_Hold":
        """Record channels; with the last one, let the alert go."""
        wanted, etag = self.memory.with_told(told), self.etag
        for _ in range(_RACES):
            kept = wanted.released() if last and wanted.holder == self.message else wanted
            written = self.table.write(_partition(self.alert), _put(self.alert, kept, etag))
            if written:
                return replace(self, memory=kept, etag=written.etag)
            # We were thought dead, or somebody removed the row: what both know is true.
            row = _read(self.table, self.alert)
            if row is None:
                break
            wanted, etag = row[0].with_told(wanted.told), row[1]
        raise OSError("delivered, but the alert memory's row kept changing: the alert may repeat")


def _hold(memory: Table, alert: Alert, channels: Sequence[Channel], message: str, now: datetime) -> "_Hold | Delivery":
    for _ in range(_RACES):
        row = _read(memory, alert)
        found, etag = row or (_Memory(alert.key), None)
        already = tuple(channel.name for channel in channels if channel.name in found.told)
        if not _due(channels, found):
            return Delivery(already=already)
        if found.until and found.until > now and found.holder != message:
            return Delivery(already=already, elsewhere=True)
        mine = replace(found, holder=message, until=now + _HOLD)
        written = memory.write(_partition(alert), _put(alert, mine, etag))
        if written:
            return _Hold(memory, alert, message, mine, written.etag)
    raise OSError("the alert memory's row kept changing: try again")


def _let_go(hold: _Hold) -> bool:
    # If this fails too, the message that comes back is the holder, and every other waits for its time.
    with suppress(Exception):
        hold.record({}, last=True)
        return True
    return False


def _read(memory: Table, alert: Alert) -> tuple[_Memory, str] | None:
    row = memory.read(_partition(alert), alert_id(alert.key))
    return (typed(_Memory, row.doc), row.etag) if row else None


def _put(alert: Alert, memory: _Memory, etag: str | None) -> Put:
    at = max(memory.told.values(), default=alert.at)
    columns: dict[str, Scalar] = {"at": at, "channels": ",".join(sorted(memory.told)), "reason": alert.reason[:200]}
    return Put(alert_id(alert.key), etag, columns, plain(memory))


def _partition(alert: Alert) -> str:
    return ClusterId.parse(alert.cluster).key if alert.cluster else FLEET
