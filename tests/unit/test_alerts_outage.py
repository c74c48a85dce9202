"""An alert outlives an outage of a day: it waits in its queue, later each time, and is told once where it was not."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import pytest

from functions.alerts import tell
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryTable
from shared.alerting import Alerting, Delivery, DeliveryError, alert_json, come_back, deliver, failing_since
from shared.domain.alert import Alert
from shared.errors import ConfigError, TerminalError, TransientError
from shared.poison import PoisonMessage
from shared.ports import Channel, Put, Written

NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)
ALERT = Alert("k", "", "", "warning", "R", "title", "text", NOW)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MAX_DEQUEUE = 5
"""host.json"""


def failed(*errors: Exception, held: bool = False) -> DeliveryError:
    return DeliveryError(ALERT, Delivery(), dict(zip(("teams", "mail"), errors, strict=False)), held=held)


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (-HOUR, MINUTE),
        (timedelta(), MINUTE),
        (2 * MINUTE, MINUTE),
        (10 * MINUTE, 5 * MINUTE),
        (2 * HOUR, HOUR),
        (24 * HOUR - SECOND, HOUR),
        (24 * HOUR, None),
        (100 * HOUR, None),
    ],
)
def test_an_alert_waits_half_as_long_as_it_failed_within_bounds_for_a_day(
    age: timedelta, wait: timedelta | None
) -> None:
    assert come_back(NOW, NOW + age, failed(TransientError("down"))) == wait


def test_what_a_channel_asked_for_is_the_least_wait() -> None:
    asked = failed(TransientError("429", 17 * MINUTE), TransientError("429", MINUTE))

    assert come_back(NOW, NOW, asked) == 17 * MINUTE
    assert come_back(NOW, NOW + 2 * HOUR, asked) == HOUR
    assert come_back(NOW, NOW, failed(TerminalError("no"))) == MINUTE


@pytest.mark.parametrize("error", [failed(TransientError("down"), held=True), OSError("no storage")])
def test_an_alert_that_may_still_be_held_waits_for_the_hold(error: Exception) -> None:
    assert come_back(NOW, NOW, error) == 10 * MINUTE


class Sink:
    """A channel that is down until a time, and keeps what it gets."""

    def __init__(self, name: str, clock: ManualClock, down: timedelta = timedelta()) -> None:
        self.name, self._clock, self._up_at = name, clock, NOW + down
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        """Keep an alert, or fail."""
        if self._clock.now() < self._up_at:
            raise TransientError(f"{self.name} is down")
        self.got.append(alert)


class Host:
    """The queue `alerts` as the Functions host empties it: five tries half a minute apart, then the poison queue."""

    def __init__(self, clock: ManualClock, alerting: Alerting) -> None:
        self._clock, self._alerting, self._ids = clock, alerting, count(1)
        self.queued: list[datetime] = []
        """When each message becomes visible."""
        self.texts: list[str] = []
        self.poison: list[str] = []

    def send(self, alert: Alert, delay: timedelta = timedelta(), failing: datetime | None = None) -> None:
        """Queue a message."""
        self.queued.append(self._clock.now() + delay)
        self.texts.append(alert_json(alert, failing))

    def run(self, text: str = "") -> None:
        """Take messages until there is none, from an alert, or a text that somebody left in the queue."""
        self.send(ALERT)
        self.texts[0] = text or self.texts[0]
        taken = 0
        while taken < len(self.queued):
            self._clock.advance(max(timedelta(), self.queued[taken] - self._clock.now()))
            taken += 1
            self._take(f"m{next(self._ids)}", self.texts[taken - 1])

    def _take(self, name: str, text: str) -> None:
        for dequeued in range(1, MAX_DEQUEUE + 1):
            message = PoisonMessage("alerts", name, text, dequeued, self._clock.now())
            try:
                tell(message, ALERT, self._alerting, self)
            except Exception:  # noqa: BLE001 - the host's rule: whatever is raised brings the message again
                self._clock.advance(30 * SECOND)
            else:
                return
        self.poison.append(name)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def desk(clock: ManualClock, channels: Sequence[Channel], memory: MemoryTable | None = None) -> Alerting:
    return Alerting(tuple(channels), memory or MemoryTable(clock), MemoryTable(clock), clock)


@pytest.mark.parametrize("down", [2 * MINUTE, 5 * MINUTE, HOUR, 5 * HOUR, 23 * HOUR])
@pytest.mark.parametrize("first", [True, False])
def test_after_an_outage_each_channel_has_the_alert_once(clock: ManualClock, down: timedelta, first: bool) -> None:
    teams, mail = Sink("teams", clock, down), Sink("mail", clock)
    host = Host(clock, desk(clock, (teams, mail) if first else (mail, teams)))

    host.run()

    assert (teams.got, mail.got, host.poison) == ([ALERT], [ALERT], [])
    assert clock.now() <= NOW + down + HOUR + 2 * MINUTE, "it does not wait long once the channel is up"
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(host.queued))


def test_after_a_day_the_alert_is_poison(clock: ManualClock) -> None:
    teams = Sink("teams", clock, 30 * HOUR)
    host = Host(clock, desk(clock, [teams]))

    host.run()

    assert (teams.got, len(host.poison)) == ([], 1)
    assert 24 * HOUR <= clock.now() - NOW < 26 * HOUR
    assert len(host.queued) < 50, "an outage is no load"


def test_an_alert_that_lay_in_the_queue_for_days_is_tried_for_a_day_like_any_other(clock: ManualClock) -> None:
    """The app was down, or the queue full: that says nothing of the channel."""
    clock.advance(72 * HOUR)
    teams = Sink("teams", clock, 77 * HOUR)
    host = Host(clock, desk(clock, [teams]))

    host.run()

    assert (teams.got, host.poison) == ([ALERT], [])


def test_a_message_of_a_version_that_did_not_tell_since_when_is_tried_for_a_day_too(clock: ManualClock) -> None:
    clock.advance(72 * HOUR)
    old = {name: value for name, value in json.loads(alert_json(ALERT)).items() if name != "failing"}
    teams = Sink("teams", clock, 77 * HOUR)
    host = Host(clock, desk(clock, [teams]))

    host.run(json.dumps(old))

    assert (teams.got, host.poison) == ([ALERT], [])


def test_since_when_an_alert_failed_stays_with_it_from_message_to_message(clock: ManualClock) -> None:
    host = Host(clock, desk(clock, [Sink("teams", clock, 5 * HOUR)]))

    host.run()

    assert len(host.texts) > 3
    assert len({failing_since(text) for text in host.texts[1:]}) == 1
    assert failing_since(host.texts[0]) is None


class Stuck(MemoryTable):
    """A table that takes no write while storage is away: from the second write on, for five minutes."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._now, self._writes = clock.now, 0

    def write(self, partition: str, put: Put) -> Written | None:
        self._writes += 1
        if self._writes > 1 and self._now() < NOW + 5 * MINUTE:
            raise OSError("no storage")
        return super().write(partition, put)


def test_an_alert_that_could_not_be_let_go_is_delivered_by_a_later_message(clock: ManualClock) -> None:
    teams = Sink("teams", clock, 3 * MINUTE)
    host = Host(clock, desk(clock, [teams], Stuck(clock)))

    host.run()

    assert (teams.got, host.poison) == ([ALERT], [])


def test_a_delivery_that_could_not_let_go_says_so(clock: ManualClock) -> None:
    teams, memory = Sink("teams", clock, HOUR), Stuck(clock)

    with pytest.raises(DeliveryError) as caught:
        deliver(ALERT, [teams], memory, NOW, message="m1")

    assert caught.value.held
    assert deliver(ALERT, [teams], memory, NOW + 9 * MINUTE, message="m2").elsewhere


def test_while_every_channels_settings_are_at_fault_the_alert_waits(clock: ManualClock) -> None:
    alerting = Alerting((), MemoryTable(clock), MemoryTable(clock), clock, ("TEAMS_WEBHOOK_URL: x",))
    queue, text = MemoryAlerts(), alert_json(ALERT)

    tell(PoisonMessage("alerts", "m1", text, 4, NOW), ALERT, alerting, queue)
    with pytest.raises(ConfigError, match="TEAMS_WEBHOOK_URL"):
        tell(PoisonMessage("alerts", "m1", text, 3, NOW), ALERT, alerting, queue)

    assert queue.waiting == [(ALERT, 10 * MINUTE, NOW)]


def test_without_any_channel_an_alert_is_acknowledged_and_logged(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(clock, desk(clock, []))

    host.run()

    assert (len(host.queued), host.poison) == (1, [])
    assert "no channel is set up" in caplog.text
