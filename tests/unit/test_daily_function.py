"""The function `daily`: the digest comes every day, and says so when nobody could be asked what can be read."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from functions import daily as module
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryEvidence, MemorySnapshots, MemoryTable
from shared import bootstrap
from shared.anchor import AnchorPorts
from shared.budget import change
from shared.domain.alert import Alert
from shared.domain.budget import Counts
from shared.domain.model import Unreadable
from shared.postures import StoredPosture, commit
from tests.builders import (
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    proof,
)


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
    alerts, clock = MemoryAlerts(), ManualClock(NOW)
    tables = {name: MemoryTable(clock) for name in ("posture", "rollout")}
    monkeypatch.setattr(bootstrap, "table", tables.__getitem__)
    monkeypatch.setattr(bootstrap, "alert_queue", lambda: alerts)
    evidence, files = MemoryEvidence(), MemorySnapshots()

    def ports() -> AnchorPorts:
        return AnchorPorts(tables["posture"], tables["rollout"], evidence, files, None, bootstrap.watches)

    monkeypatch.setattr(bootstrap, "anchor_ports", ports)
    return alerts


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, told: MemoryAlerts) -> MemoryAlerts:
    """Two clusters, one of which is not the app's to look after; a resync has just counted them."""
    table, now = bootstrap.table("posture"), datetime.now(UTC)
    for subscription, read in ((SUBSCRIPTION, cluster()), (OTHER_SUBSCRIPTION, cluster(disabled()))):
        posture = judged(read, memory(apps=proof()))
        commit(table, cluster_id(subscription=subscription), StoredPosture(posture=posture, due=now))
    change(bootstrap.table("rollout"), lambda budget: replace(budget, counts=Counts(now, 2)))
    monkeypatch.setattr(bootstrap, "watches", lambda subscription: subscription == SUBSCRIPTION)
    return told


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


def test_it_counts_what_is_the_apps_to_look_after(monkeypatch: pytest.MonkeyPatch, fleet: MemoryAlerts) -> None:
    monkeypatch.setattr(Fleet, "unreadable", lambda *_: None)

    alert = run(monkeypatch, fleet, away=False)

    said = alert.text.splitlines()
    assert (alert.severity, said[0]) == ("good", "1 cluster in scope: 1 compliant.")
    assert said[1] == "Node pools with nothing to be done: today 1 of 1."
    assert said[2].startswith("Manifest 1 of ")
    assert alert.anchor is not None


def test_without_a_resync_it_says_that_nobody_has_counted(monkeypatch: pytest.MonkeyPatch, told: MemoryAlerts) -> None:
    assert "There has been no resync" in run(monkeypatch, told, away=False).text


def test_it_comes_though_the_evidence_cannot_be_anchored(monkeypatch: pytest.MonkeyPatch, fleet: MemoryAlerts) -> None:
    def away() -> AnchorPorts:
        raise OSError("secret://vault")

    monkeypatch.setattr(Fleet, "unreadable", lambda *_: None)
    monkeypatch.setattr(bootstrap, "anchor_ports", away)
    monkeypatch.setattr(bootstrap, "resync_ports", lambda: SimpleNamespace(fleet=Fleet(away=False)))
    function: Any = module.daily
    function.build().get_user_function()(SimpleNamespace(past_due=False))

    (alert,) = fleet.sent
    assert alert.severity == "warning"
    assert "The day's evidence manifest was not written: OSError; the log has more." in alert.text
    assert "secret" not in alert.text
