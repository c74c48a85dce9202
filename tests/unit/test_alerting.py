"""People are told once through each channel, whatever fails; messages that nobody could use are never dropped."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from functions.poison import poison_message
from local.clock import ManualClock
from local.memory import MemoryTable
from shared import poison
from shared.alerting import FLEET, Alerting, Delivery, DeliveryError, alert_json, deliver, read_alert
from shared.domain.alert import Alert
from shared.domain.alerts import alert_id
from shared.domain.manifests import Anchor
from shared.errors import TerminalError, TransientError
from shared.poison import PoisonMessage, alerts_poison, reconcile_poison, rejected_event, unreadable_alert
from shared.ports import Put, Row, Written

NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
CLUSTER = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-pay/providers/Microsoft.ContainerService/managedClusters/aks-pay"
)
KEY = f"{SUBSCRIPTION}|rg-pay|aks-pay"


def alert(**changes: Any) -> Alert:
    made: dict[str, Any] = {
        "key": f"{KEY}:7:npsys:FipsDisabled",
        "cluster": CLUSTER,
        "pool": "npsys",
        "severity": "warning",
        "reason": "FipsDisabled",
        "title": "rg-pay/aks-pay/npsys: non-compliant",
        "text": "FIPS is off.",
        "at": NOW,
    }
    return Alert(**(made | changes))


class Sink:
    """A channel that keeps what it gets, and fails as often as it is told to."""

    def __init__(self, name: str, failures: int = 0) -> None:
        self.name, self.failures = name, failures
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        """Keep an alert, or fail."""
        if self.failures:
            self.failures -= 1
            raise TransientError(f"{self.name} is down", timedelta(seconds=9))
        self.got.append(alert)


class BrokenTable:
    """A table whose storage can't be reached."""

    def read(self, partition: str, key: str) -> Row | None:  # noqa: ARG002 - the port names them
        raise OSError("no storage")

    def write(self, partition: str, put: Put) -> Written | None:  # noqa: ARG002 - the port names them
        raise OSError("no storage")

    def rows(self, columns: Sequence[str], partition: str | None = None) -> Iterator[Row]:  # noqa: ARG002 - the port names them
        raise OSError("no storage")


class RacingTable(MemoryTable):
    """A table in which somebody else records another channel right before our first write."""

    def __init__(self, other: str) -> None:
        super().__init__(ManualClock(NOW))
        self._other: str | None = other

    def write(self, partition: str, put: Put) -> Written | None:
        if self._other:
            told, self._other = {"alert": "k", "told": {self._other: "2026-11-23T09:30:00Z"}}, None
            super().write(partition, Put(put.key, None, {}, told))
        return super().write(partition, put)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def memory(clock: ManualClock) -> MemoryTable:
    return MemoryTable(clock)


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    poison._told_here.clear()


def test_every_channel_is_told_and_the_memory_says_so(memory: MemoryTable) -> None:
    teams, mail = Sink("teams"), Sink("mail")

    assert deliver(alert(), (teams, mail), memory, NOW, message="m1") == Delivery(sent=("teams", "mail"))

    assert teams.got == mail.got == [alert()]
    row = memory.read(KEY, alert_id(alert().key))
    assert row is not None
    assert row.columns == {"at": NOW, "channels": "mail,teams", "reason": "FipsDisabled"}
    assert row.doc["alert"] == alert().key


def test_a_second_message_with_the_same_key_tells_nobody(memory: MemoryTable) -> None:
    teams = Sink("teams")
    deliver(alert(), (teams,), memory, NOW, message="m1")

    assert deliver(alert(text="again"), (teams,), memory, NOW, message="m2") == Delivery(already=("teams",))

    assert len(teams.got) == 1


def test_while_teams_is_down_mail_is_still_sent_and_the_next_try_is_for_teams_alone(memory: MemoryTable) -> None:
    teams, mail = Sink("teams", failures=1), Sink("mail")

    with pytest.raises(
        DeliveryError, match=r"not reached 1 channel.*teams \(TransientError: teams is down\)"
    ) as caught:
        deliver(alert(), (teams, mail), memory, NOW, message="m1")
    assert caught.value.delivery == Delivery(sent=("mail",))
    assert set(caught.value.failed) == {"teams"}

    assert deliver(alert(), (teams, mail), memory, NOW, message="m1") == Delivery(sent=("teams",), already=("mail",))
    assert (len(teams.got), len(mail.got)) == (1, 1)


def test_the_error_names_every_channel_that_failed(memory: MemoryTable) -> None:
    with pytest.raises(DeliveryError, match=r"teams.*mail"):
        deliver(alert(), (Sink("teams", 1), Sink("mail", 1), Sink("topic")), memory, NOW, message="m1")


def test_a_lost_race_for_the_memory_keeps_what_the_other_recorded() -> None:
    memory = RacingTable("mail")

    deliver(alert(), (Sink("teams"),), memory, NOW, message="m1")

    assert told(memory) == {"teams", "mail"}


def test_two_messages_at_the_same_time_tell_people_once(memory: MemoryTable) -> None:
    seen: list[Delivery] = []

    class During(Sink):
        """A channel while whose sending a second message with the same alert arrives."""

        def send(self, alert: Alert) -> None:
            """Let the other message be taken, then keep the alert."""
            seen.append(deliver(alert, (self,), memory, NOW, message="m2"))
            super().send(alert)

    teams = During("teams")

    assert deliver(alert(), (teams,), memory, NOW, message="m1").sent == ("teams",)

    assert seen == [Delivery(elsewhere=True)]
    assert len(teams.got) == 1


class Deadly(Sink):
    """A channel at which the worker dies."""

    def send(self, alert: Alert) -> None:  # noqa: ARG002 - the port names it
        """End the worker: no handler of errors runs."""
        raise SystemExit


def test_the_message_of_a_worker_that_died_goes_on_by_itself_and_no_other_does(memory: MemoryTable) -> None:
    teams, mail = Sink("teams"), Sink("mail")
    with pytest.raises(SystemExit):
        deliver(alert(), (teams, Deadly("mail")), memory, NOW, message="m1")

    assert deliver(alert(), (teams, mail), memory, NOW, message="m2") == Delivery(already=("teams",), elsewhere=True)
    assert deliver(alert(), (teams, mail), memory, NOW, message="m1") == Delivery(("mail",), ("teams",))
    assert (len(teams.got), len(mail.got)) == (1, 1)


def test_a_worker_that_died_without_a_message_is_outlived(memory: MemoryTable) -> None:
    with pytest.raises(SystemExit):
        deliver(alert(), (Deadly("teams"),), memory, NOW, message="m1")

    later = NOW + timedelta(minutes=11)
    assert deliver(alert(), (Sink("teams"),), memory, later, message="m2").sent == ("teams",)


def test_a_delivery_that_failed_leaves_the_alert_to_any_message(memory: MemoryTable) -> None:
    for channels in ((Sink("teams", 1), Sink("mail")), (Sink("mail"), Sink("teams", 1))):
        one = alert(key=f"k{channels[0].name}")
        with pytest.raises(DeliveryError):
            deliver(one, channels, memory, NOW, message="m1")

        assert deliver(one, channels, memory, NOW, message="m2") == Delivery(("teams",), ("mail",))


def test_who_was_thought_dead_keeps_what_his_successor_recorded(memory: MemoryTable) -> None:
    mail, topic = Sink("mail"), Sink("topic")

    class Slow(Sink):
        """A channel that takes longer than any worker lives."""

        def send(self, alert: Alert) -> None:
            """Let another message overtake this one."""
            deliver(alert, (mail,), memory, NOW + timedelta(minutes=11), message="m2")
            super().send(alert)

    assert deliver(alert(), (Slow("teams"), topic), memory, NOW, message="m1").sent == ("teams", "topic")

    assert told(memory) == {"teams", "mail", "topic"}


def test_who_was_thought_dead_does_not_let_his_successor_go(memory: MemoryTable) -> None:
    later = NOW + timedelta(minutes=11)

    class Overtaken(Sink):
        """A channel that takes longer than any worker lives, while the next worker dies at it."""

        def send(self, alert: Alert) -> None:
            """Let another message overtake this one and die."""
            with pytest.raises(SystemExit):
                deliver(alert, (Deadly("mail"),), memory, later, message="m2")
            super().send(alert)

    deliver(alert(), (Overtaken("teams"), Sink("topic")), memory, NOW, message="m1")

    assert deliver(alert(), (Sink("mail"),), memory, later, message="m3").elsewhere
    assert deliver(alert(), (Sink("mail"),), memory, later, message="m2").sent == ("mail",)


def told(memory: MemoryTable) -> set[str]:
    """Who has the alert, as the memory says."""
    row = memory.read(KEY, alert_id(alert().key))
    assert row is not None
    return set(row.doc["told"])


def test_an_alert_of_the_fleet_is_remembered_apart(memory: MemoryTable) -> None:
    deliver(alert(key="daily:2026-11-23", cluster="", pool=""), (Sink("teams"),), memory, NOW, message="m1")

    assert memory.read(FLEET, alert_id("daily:2026-11-23")) is not None


def test_a_key_that_no_table_allows_is_no_obstacle(memory: MemoryTable) -> None:
    assert deliver(alert(key="a/b\\c#d?e\n"), (Sink("teams"),), memory, NOW, message="m1").sent == ("teams",)


def test_without_the_memory_nobody_is_told_and_the_message_comes_back() -> None:
    teams = Sink("teams")

    with pytest.raises(OSError, match="no storage"):
        deliver(alert(), (teams,), BrokenTable(), NOW, message="m1")

    assert teams.got == []


def test_an_alert_survives_the_queue() -> None:
    assert read_alert(alert_json(alert())) == alert()


@pytest.mark.parametrize("char", ["x", "ü", "\U0001f600", "\x00", "\ud800"])
def test_a_queued_alert_fits_into_a_message(char: str) -> None:
    text = alert_json(alert(text=char * 100_000, title=char * 100_000))

    assert len(text.encode()) <= 40_000
    assert read_alert(text).text.endswith("(cut: the text has 100000 characters)")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[1]", "v = 1"),
        ('{"v": 2}', "v = 1"),
        ('{"v": 1}', "lacks `key`"),
        (alert_json(alert(severity="loud")), "Alert.severity: 'loud' is not one of"),
        (alert_json(alert(key="")), "Alert.key: empty"),
        (alert_json(alert(cluster="/not/a/cluster")), "not the ARM id"),
        (alert_json(alert()).replace("Z", ""), "time zone"),
        (alert_json(alert()).replace('"npsys"', "7"), r"Alert.pool: expected str, found int"),
        (alert_json(alert(), NOW).replace("2026-11-23T09:30:04.000000Z", "soon"), "soon"),
        (alert_json(alert()).replace('"failing": null', '"failing": 7'), "failing: expected str, found int"),
        ("[" * 100_000, "not an alert"),
    ],
)
def test_what_is_no_alert_is_terminal_and_says_why(text: str, why: str) -> None:
    with pytest.raises(TerminalError, match=why):
        read_alert(text)


# Messages that nobody could use.

REQUEST = json.dumps({"v": 1, "cluster": CLUSTER, "cause": "resync: drift"})


class Desk:
    """What the poison readers work with, and a count of how often it was asked for."""

    def __init__(self, clock: ManualClock, *channels: Sink, broken: tuple[str, ...] = ()) -> None:
        self.memory, self.poison = MemoryTable(clock), MemoryTable(clock)
        self.broken, self.clock, self.channels = broken, clock, channels

    def __call__(self) -> Alerting:
        if "settings" in self.broken:
            raise OSError("settings")
        memory = BrokenTable() if "memory" in self.broken else self.memory
        kept = BrokenTable() if "poison" in self.broken else self.poison
        return Alerting(self.channels, memory, kept, self.clock)


def message(text: str, queue: str = "reconcile-poison", number: int = 1, dequeued: int = 1) -> PoisonMessage:
    return PoisonMessage(queue, f"id-{number}", text, dequeued, NOW - timedelta(minutes=5))


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    prefix = "poison message {"
    return [json.loads(text[len(prefix) - 1 :]) for text in caplog.messages if text.startswith(prefix)]


def test_a_failed_look_is_logged_kept_and_told(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    reconcile_poison(message(REQUEST), desk)

    (line,) = logged(caplog)
    assert (line["queue"], line["id"], line["message"]) == ("reconcile-poison", "id-1", REQUEST)
    row = desk.poison.read("reconcile-poison", "id-1")
    assert row is not None
    assert row.doc == {"text": REQUEST}
    assert row.columns == {
        "at": NOW,
        "reason": "LookFailed",
        "dequeued": 1,
        "inserted": NOW - timedelta(minutes=5),
    }
    (told,) = teams.got
    assert (told.severity, told.cluster) == ("critical", "")
    assert "rg-pay/aks-pay" in told.title
    for part in (CLUSTER, "resync: drift", "table `poison`", "row `id-1`"):
        assert part in told.text


def test_many_failed_looks_are_all_kept_and_told_once_an_hour(clock: ManualClock) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    for number in range(50):
        reconcile_poison(message(REQUEST, number=number), desk)
    clock.advance(timedelta(hours=1))
    reconcile_poison(message(REQUEST, number=50), desk)

    assert len(list(desk.poison.rows((), "reconcile-poison"))) == 51
    assert len(teams.got) == 2


def test_a_request_that_cannot_be_read_is_kept_and_told_too(clock: ManualClock) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    reconcile_poison(message("<xml/>"), desk)

    assert teams.got[0].reason == "UnreadableRequest"
    assert desk.poison.read("reconcile-poison", "id-1") is not None


def test_without_the_poison_table_people_are_told_once_and_the_message_is_let_go_in_the_end(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams, broken=("poison",))

    for dequeued in range(1, 5):
        with pytest.raises(TransientError, match="comes back"):
            reconcile_poison(message(REQUEST, dequeued=dequeued), desk)
    reconcile_poison(message(REQUEST, dequeued=5), desk)

    assert len(teams.got) == 1
    assert len(logged(caplog)) == 5
    assert 'poison message let go {"queue": "reconcile-poison", "id": "id-1", "tries": 5}' in caplog.messages


def test_without_the_alert_memory_people_are_told_once_and_the_message_is_kept(clock: ManualClock) -> None:
    teams, mail = Sink("teams", failures=1), Sink("mail")
    desk = Desk(clock, teams, mail, broken=("memory",))

    for number in range(3):
        reconcile_poison(message(REQUEST, number=number), desk)

    assert (len(teams.got), len(mail.got)) == (0, 1)
    assert len(list(desk.poison.rows((), "reconcile-poison"))) == 3


def test_while_no_channel_works_the_message_comes_back_and_is_kept_once(clock: ManualClock) -> None:
    teams = Sink("teams", failures=2)
    desk = Desk(clock, teams)

    for dequeued in (1, 2):
        with pytest.raises(TransientError):
            reconcile_poison(message(REQUEST, dequeued=dequeued), desk)
    reconcile_poison(message(REQUEST, dequeued=3), desk)

    assert len(teams.got) == 1
    assert len(list(desk.poison.rows((), "reconcile-poison"))) == 1


def test_without_usable_settings_the_message_is_in_the_log_and_comes_to_an_end(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(clock, broken=("settings",))

    with pytest.raises(TransientError):
        reconcile_poison(message(REQUEST), desk)
    reconcile_poison(message(REQUEST, dequeued=5), desk)

    assert [line["message"] for line in logged(caplog)] == [REQUEST, REQUEST]


def test_an_alert_that_could_not_be_delivered_is_kept_and_not_told(clock: ManualClock) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    alerts_poison(message(alert_json(alert()), "alerts-poison"), desk)

    row = desk.poison.read("alerts-poison", "id-1")
    assert row is not None
    assert read_alert(row.doc["text"]) == alert(), "it can be replayed"
    assert teams.got == []


def test_unreadable_alerts_are_kept_and_acknowledged_and_told_once_an_hour(clock: ManualClock) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    for number in range(3):
        unreadable_alert(message("\ufffd", "alerts", number), desk, TerminalError("not an alert: x"))

    rows = list(desk.poison.rows(("reason",), "alerts"))
    assert [row.columns["reason"] for row in rows] == ["Unreadable"] * 3
    (told,) = teams.got
    assert (told.severity, told.reason) == ("warning", "UnreadableAlert")
    assert "not an alert: x" in told.text
    assert "partition `alerts` (this one: row `id-0`)" in told.text


def test_an_unreadable_alert_that_no_channel_takes_comes_to_an_end(clock: ManualClock) -> None:
    desk = Desk(clock, Sink("teams", failures=9))

    for dequeued in range(1, 5):
        with pytest.raises(TransientError):
            unreadable_alert(message("x", "alerts", dequeued=dequeued), desk, TerminalError("x"))
    unreadable_alert(message("x", "alerts", dequeued=5), desk, TerminalError("x"))

    assert len(list(desk.poison.rows((), "alerts"))) == 1


def test_the_log_holds_the_beginning_of_a_large_message_and_the_table_all_of_it(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    desk, text = Desk(clock), "x" * 60_000

    alerts_poison(message(text, "alerts-poison"), desk)

    (line,) = logged(caplog)
    assert (len(line["message"]), line["characters"]) == (8_000, 60_000)
    row = desk.poison.read("alerts-poison", "id-1")
    assert row is not None
    assert row.doc["text"] == text


def rejection(reason: str, number: int = 1) -> PoisonMessage:
    text = json.dumps({"v": 1, "reason": reason, "message": "the event is bad", "event": "{}"})
    return message(text, "rejected", number)


def test_malformed_events_are_counted_kept_and_told_once_a_day_and_reason(clock: ManualClock) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    for number, reason in enumerate(("NotJson", "NotJson", "NoType")):
        rejected_event(rejection(reason, number), desk)
    clock.advance(timedelta(days=1))
    rejected_event(rejection("NotJson", 3), desk)

    assert [told.title for told in teams.got] == [
        "fipswarden: malformed events (NotJson)",
        "fipswarden: malformed events (NoType)",
        "fipswarden: malformed events (NotJson)",
    ]
    assert len(list(desk.poison.rows((), "rejected"))) == 4
    counts = {row.key: row.columns["count"] for row in desk.poison.rows(("count",), "rejected-days")}
    assert counts == {"2026-11-23-NotJson": 2, "2026-11-23-NoType": 1, "2026-11-24-NotJson": 1}


def test_events_out_of_scope_are_counted_and_nobody_is_told(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    teams = Sink("teams")
    desk = Desk(clock, teams)

    with caplog.at_level(logging.WARNING):
        for number in range(100):
            rejected_event(rejection("OutOfScope", number), desk)

    assert teams.got == []
    assert list(desk.poison.rows((), "rejected")) == []
    row = desk.poison.read("rejected-days", "2026-11-23-OutOfScope")
    assert row is not None
    assert row.columns["count"] == 100
    assert len(logged(caplog)) == 100


@pytest.mark.parametrize("text", ["", "[]", '{"reason": 1}', '{"v": 1, "reason": "a/b", "message": "x"}'])
def test_a_rejection_that_cannot_be_read_is_kept_all_the_same(clock: ManualClock, text: str) -> None:
    desk = Desk(clock)

    rejected_event(message(text, "rejected"), desk)

    assert desk.poison.read("rejected", "id-1") is not None


def test_a_message_of_the_functions_host_becomes_a_record_whatever_its_bytes() -> None:
    taken = poison_message("alerts", func.QueueMessage(id="a/b", body=b"\xff\xfe"))

    assert (taken.queue, taken.text, taken.dequeued, taken.inserted) == ("alerts", "\ufffd\ufffd", 1, None)
    assert taken.key == alert_id(taken.text), "an id that no table key may be"


def test_a_manifest_goes_with_its_alert_through_the_queue() -> None:
    carried = replace(alert(), anchor=Anchor(NOW.date(), 12, "ab" * 32, 13, "thumb"))

    assert read_alert(alert_json(carried)) == carried
