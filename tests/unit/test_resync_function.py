"""The function `resync`: what is known of the fleet is kept each time, and a manifest that is missing is written."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import shared.resync
from functions import resync as module
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryEvidence, MemorySnapshots, MemoryTable
from shared import bootstrap
from shared.anchor import AnchorPorts, anchor
from shared.resync import Resynced
from tests.builders import NOW


class Kept:
    """What a resync leaves besides its looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = ManualClock(NOW)
        self.files, self.alerts = MemorySnapshots(), MemoryAlerts()
        self.ports = AnchorPorts(
            MemoryTable(clock), MemoryTable(clock), MemoryEvidence(), self.files, None, lambda _: True
        )
        monkeypatch.setattr(bootstrap, "anchor_ports", lambda: self.ports)
        monkeypatch.setattr(bootstrap, "alert_queue", lambda: self.alerts)
        monkeypatch.setattr(bootstrap, "resync_ports", lambda: None)
        monkeypatch.setattr(shared.resync, "resync", lambda _: Resynced(2, 0, 0, unreadable=1))

    def run(self) -> None:
        """Let the timer fire."""
        function: Any = module.resync
        function.build().get_user_function()(SimpleNamespace(past_due=False))

    @property
    def names(self) -> list[str]:
        """What files there are, without their times."""
        return sorted(name.partition("/")[0] for name in self.files.files)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(monkeypatch)


def test_each_resync_keeps_a_snapshot_and_tells_nobody(kept: Kept) -> None:
    kept.run()

    assert kept.names == ["fleet"]
    assert kept.alerts.sent == []


def test_a_manifest_that_the_daily_timer_did_not_write_is_written_and_told(kept: Kept) -> None:
    before = datetime.now(UTC) - timedelta(hours=30)
    anchor(kept.ports, before, 0)

    kept.run()

    (alert,) = kept.alerts.sent
    assert alert.reason == "ManifestLate"
    assert alert.anchor is not None
    assert alert.anchor.seq == 2
    assert kept.names == ["daily", "daily", "fleet", "fleet"]
