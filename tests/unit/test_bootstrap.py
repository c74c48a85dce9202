"""A setting at fault costs what it concerns: enforcement, the poison table and the other channels go on."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import azure.functions as func
import pytest

from functions.health import health
from local.clock import ManualClock
from local.memory import MemoryEvidence, MemoryTable
from shared import bootstrap
from shared.alerting import Alerting
from shared.domain.alert import Alert
from shared.errors import ConfigError
from shared.poison import PoisonMessage, reconcile_poison
from tests.builders import cluster_id

NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)
STORAGE = "UseDevelopmentStorage=true"
SOUND = {
    "AzureWebJobsStorage": STORAGE,
    "EVIDENCE_STORAGE": STORAGE,
    "TEAMS_WEBHOOK_URL": "https://teams.example/hook",
    "SMTP_HOST": "smtp.example",
    "MAIL_FROM": "f@x.example",
    "MAIL_TO": "a@x.example",
    "ALERT_TOPIC_ENDPOINT": "https://topic.example/api/events",
}
OTHERS = (
    "FIPSWARDEN_CLOUD",
    "FIPSWARDEN_SUBSCRIPTIONS",
    "FIPSWARDEN_POLICY",
    "AZURE_CLIENT_ID",
    "IDENTITY_ENDPOINT",
    "RESYNC_SCHEDULE",
)
MADE_ONCE = [made for made in vars(bootstrap).values() if hasattr(made, "cache_clear")]


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    for made in MADE_ONCE:
        made.cache_clear()
    yield
    for made in MADE_ONCE:
        made.cache_clear()


def names() -> list[str]:
    return [channel.name for channel in bootstrap.alerting().channels]


def test_sound_settings_give_every_channel() -> None:
    assert names() == ["teams", "mail", "topic"]
    assert bootstrap.alerting().faults == ()


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("MAIL_FROM", "Fips Warden <f@x.example>", ["teams", "topic"]),
        ("SMTP_HOST", "", ["teams", "topic"]),
        ("TEAMS_WEBHOOK_URL", "teams.example/hook", ["mail", "topic"]),
        ("ALERT_TOPIC_ENDPOINT", "topic", ["teams", "mail"]),
    ],
)
def test_a_fault_of_one_channel_stops_neither_looks_nor_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str, left: list[str]
) -> None:
    monkeypatch.setenv(name, value)

    assert names() == names() == left

    assert bootstrap.alerting().faults, "what is missing is known"
    assert len(caplog.messages) == len(bootstrap.alerting().faults), "and told once"
    assert bootstrap.settings().subscriptions == ()
    bootstrap.evidence()
    assert bootstrap.reconciler_ports().timing == bootstrap.settings().timing, "looks can be made"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIPSWARDEN_SUBSCRIPTIONS", "payments"),
        ("FIPSWARDEN_CLOUD", "Public"),
        ("FIPSWARDEN_POLICY", "x"),
        ("EVIDENCE_STORAGE", "x"),
    ],
)
def test_with_any_other_setting_at_fault_a_poison_message_is_kept_and_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError):
        bootstrap.settings()
    clock, told = ManualClock(NOW), list[Alert]()
    tables = {each: MemoryTable(clock) for each in ("alerts", "poison")}

    class Teams:
        """The channel as bootstrap made it, but for the network."""

        def __init__(self, made: str) -> None:
            self.name = made

        def send(self, alert: Alert) -> None:
            """Keep an alert."""
            told.append(alert)

    def desk() -> Alerting:
        found = bootstrap.alerting()
        assert found.memory is bootstrap.table("alerts")
        assert found.poison is bootstrap.table("poison")
        return Alerting(tuple(Teams(each.name) for each in found.channels), tables["alerts"], tables["poison"], clock)

    text = json.dumps({"v": 1, "cluster": cluster_id().arm_id, "cause": "test"})
    reconcile_poison(PoisonMessage("reconcile-poison", "id-1", text, 1, NOW), desk)

    assert tables["poison"].read("reconcile-poison", "id-1") is not None
    assert len(told) == 3


def test_queues_need_the_apps_storage_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIPSWARDEN_CLOUD", "x")
    monkeypatch.setenv("EVIDENCE_STORAGE", "")

    bootstrap.wake_ups()
    bootstrap.alert_queue()

    monkeypatch.setenv("AzureWebJobsStorage", "x")
    with pytest.raises(ConfigError, match="AzureWebJobsStorage: this is not a connection string"):
        bootstrap.table("poison")


def answered() -> tuple[int, list[str]]:
    answer = health.build().get_user_function()(func.HttpRequest("GET", "/api/health", body=b""))
    return answer.status_code, json.loads(answer.get_body())["faults"]


def test_health_shows_the_faults_of_channels(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    # The last good rulebook is kept in a table.
    tables = MemoryTable(ManualClock(NOW))
    monkeypatch.setattr(bootstrap, "table", lambda _: tables)
    monkeypatch.setattr(bootstrap, "evidence", MemoryEvidence)
    sound = answered()
    monkeypatch.setenv("MAIL_FROM", "Fips Warden <f@x.example>")
    monkeypatch.setenv("ALERT_TOPIC_ENDPOINT", "x")

    status, faults = answered()

    assert sound == (200, [])
    assert status == 503
    assert [fault.split(":")[0] for fault in faults] == ["MAIL_FROM", "ALERT_TOPIC_ENDPOINT"]


def test_health_shows_that_the_rules_are_not_those_of_today(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last good ones judge, nothing is disrupted, and whoever asks is told to mend the file."""
    caplog.set_level(logging.CRITICAL)
    tables, policy = MemoryTable(ManualClock(NOW)), tmp_path / "policy.yaml"
    monkeypatch.setattr(bootstrap, "table", lambda _: tables)
    monkeypatch.setattr(bootstrap, "evidence", MemoryEvidence)
    monkeypatch.setenv("FIPSWARDEN_POLICY", f"file:{policy}")
    policy.write_text("version: 1\nmode: audit\n", encoding="utf-8")
    sound = answered()
    policy.write_text("version: 1\nmode: enforc\n", encoding="utf-8")

    status, faults = answered()

    assert sound == (200, [])
    assert status == 503
    assert len(faults) == 1
    assert "`enforc`" in faults[0]
    assert "last good policy" in faults[0]


def test_health_says_when_the_resync_comes_too_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = MemoryTable(ManualClock(NOW))
    monkeypatch.setattr(bootstrap, "table", lambda _: tables)
    monkeypatch.setattr(bootstrap, "evidence", MemoryEvidence)
    monkeypatch.setenv("RESYNC_SCHEDULE", "0 0 */2 * * *")
    sound = answered()
    monkeypatch.setenv("RESYNC_SCHEDULE", "0 0 6 * * *")

    status, faults = answered()

    assert sound == (200, [])
    assert status == 503
    assert [fault.split(":")[0] for fault in faults] == ["RESYNC_SCHEDULE"]


def test_health_tells_that_storage_is_away_rather_than_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def read(self, _: str, __: str) -> None:
            raise OSError("no route to host")

    monkeypatch.setattr(bootstrap, "table", lambda _: Away())

    status, faults = answered()

    assert status == 503
    assert faults == ["OSError: no route to host"]


def test_health_shows_the_faults_of_channels_next_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", "payments")
    monkeypatch.setenv("MAIL_TO", "x")

    assert [fault.split(":")[0] for fault in answered()[1]] == ["FIPSWARDEN_SUBSCRIPTIONS", "MAIL_TO"]
