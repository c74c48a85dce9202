"""The function `daily`: the digest comes every day, and says so when nobody could be asked what can be read."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions import daily as module
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryTable
from shared import bootstrap
from shared.domain.model import Alert, Unreadable
from tests.builders import NOW, OTHER_SUBSCRIPTION, SUBSCRIPTION


class Fleet:
    """Two subscriptions, one of which may not be read; or nobody who could be asked."""

    def __init__(self, *, away: bool) -> None:
        self._away = away

    def subscriptions(self) -> tuple[str, ...]:
        """What ARM lists."""
        if self._away:
            raise OSError("secret://host")
        return (SUBSCRIPTION, OTHER_SUBSCRIPTION)

    def unreadable(self, subscription: str) -> Unreadable | None:
        """Whether ARM lists the clusters."""
        return Unreadable("Forbidden", "no", None) if subscription == OTHER_SUBSCRIPTION else None


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> MemoryAlerts:
    """The queue `alerts`."""
    alerts, table = MemoryAlerts(), MemoryTable(ManualClock(NOW))
    monkeypatch.setattr(bootstrap, "table", lambda _: table)
    monkeypatch.setattr(bootstrap, "alert_queue", lambda: alerts)
    return alerts


def run(monkeypatch: pytest.MonkeyPatch, told: MemoryAlerts, *, away: bool) -> Alert:
    """Let the timer fire."""
    monkeypatch.setattr(bootstrap, "resync_ports", lambda: SimpleNamespace(fleet=Fleet(away=away)))
    function: Any = module.daily
    function.build().get_user_function()(SimpleNamespace(past_due=False))
    (alert,) = told.sent
    return alert


def test_it_names_the_subscriptions_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, told: MemoryAlerts) -> None:
    alert = run(monkeypatch, told, away=False)

    assert alert.severity == "warning"
    assert f"1 subscription can't be read ({OTHER_SUBSCRIPTION})" in alert.text


def test_it_comes_though_the_fleet_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, told: MemoryAlerts) -> None:
    alert = run(monkeypatch, told, away=True)

    assert alert.severity == "warning"
    assert "is not known: their list can't be had (OSError)." in alert.text
    assert "secret" not in alert.text
