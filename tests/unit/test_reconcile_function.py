"""The function `reconcile`: what is not the app's to look after is let go, whoever asked for it."""

import logging
import os
from datetime import timedelta
from typing import Any, cast

import azure.functions as func
import pytest

from functions import reconcile as module
from local.clock import ManualClock
from local.memory import MemoryQueue, MemoryTable
from shared import bootstrap, reconciler
from shared.config import read_settings
from shared.domain.budget import Budget, Place
from shared.domain.codec import plain
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.planned import Deferral
from shared.domain.requests import ReconcileRequest
from shared.errors import ConfigError
from shared.look import Ports
from shared.ports import Put
from shared.reconciler import Looked
from shared.rollout import Lease, LetGo, RolloutRow, Timing
from tests.builders import NOW, OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster_id

BUSY = cluster_id("aks-busy")


class Out(func.Out[str]):
    """An output binding."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def set(self, val: str) -> None:
        """Keep what is put out."""
        self.values.append(val)

    def get(self) -> str:
        """Return the last value."""
        return self.values[-1]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[ReconcileRequest]:
    """The looks that the function asks for."""
    asked: list[ReconcileRequest] = []

    def look(_: Any, request: ReconcileRequest, __: Any) -> Looked:
        asked.append(request)
        waiting = Deferral("batch", "OneOperationPerCluster", "apps comes first.")
        return Looked(ComplianceState.NON_COMPLIANT, "apps: accepted", (waiting,), timedelta(seconds=30))

    monkeypatch.setattr(bootstrap, "reconciler_ports", lambda: None)
    monkeypatch.setattr(bootstrap, "settings", lambda: read_settings(os.environ))
    monkeypatch.setattr(reconciler, "reconcile", look)
    for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
        monkeypatch.setenv(name, "UseDevelopmentStorage=true")
    return asked


def receive(text: str) -> Out:
    """Deliver a message to the function."""
    out = Out()
    run: Any = module.reconcile
    run.build().get_user_function()(func.QueueMessage(body=text.encode()), out)
    return out


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> MemoryQueue:
    """The queue of an app that may touch nothing but its own tables: whoever reads a cluster fails."""
    clock = ManualClock(NOW)
    made, rollout, nobody = MemoryQueue(clock), MemoryTable(clock), cast("Any", None)
    ports = Ports(
        clock, nobody, nobody, nobody, rollout, MemoryTable(clock), nobody, made, nobody, Timing(), bootstrap.watches
    )
    row = RolloutRow(Lease("another worker", NOW + timedelta(minutes=1)))
    rollout.write(BUSY.key, Put(BUSY.key, None, {}, plain(row)))
    rollout.write("budget", Put("budget", None, {}, plain(Budget({BUSY.key: Place("i", "apps", "s", 3, NOW)}))))
    monkeypatch.setattr(bootstrap, "reconciler_ports", lambda: ports)
    bootstrap.settings.cache_clear()
    for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
        monkeypatch.setenv(name, "UseDevelopmentStorage=true")
    return made


def logged(caplog: pytest.LogCaptureFixture, request: ReconcileRequest) -> str:
    """What is said of a request that is let go."""
    with caplog.at_level(logging.INFO):
        assert receive(request.to_json()).values == []
    (line,) = [record for record in caplog.records if record.getMessage().startswith("message let go ")]
    return line.getMessage()


@pytest.mark.usefixtures("queue")
def test_a_cluster_of_another_subscription_is_not_looked_at_and_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

    fields = logged(caplog, ReconcileRequest(cluster_id(), "cli: ana"))

    assert LetGo.NOT_OURS.value in fields
    assert cluster_id().arm_id in fields
    assert "cli: ana" in fields


@pytest.mark.parametrize(
    ("cluster", "setting"),
    [
        (cluster_id(), ""),
        (cluster_id(), SUBSCRIPTION.upper()),
        (cluster_id(), f"{OTHER_SUBSCRIPTION}, {SUBSCRIPTION}"),
        (BUSY, OTHER_SUBSCRIPTION),
    ],
)
def test_one_of_ours_is_claimed_and_so_is_one_that_still_holds_a_place(
    cluster: ClusterId,
    setting: str,
    queue: MemoryQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the setting says now, what was begun is followed to its end."""
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", setting)
    rollout = bootstrap.reconciler_ports().rollout
    if cluster != BUSY:
        rollout.write(
            cluster.key, Put(cluster.key, None, {}, plain(RolloutRow(Lease("x", NOW + timedelta(minutes=1)))))
        )

    assert LetGo.COPIED.value in logged(caplog, ReconcileRequest(cluster, "test"))

    assert [message.request.cluster for message in queue.messages] == [cluster]


def test_a_look_is_logged_with_what_it_did(looks: list[ReconcileRequest], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        receive(ReconcileRequest(cluster_id(), "test").to_json())

    assert [request.cluster for request in looks] == [cluster_id()]
    (line,) = [record for record in caplog.records if record.getMessage().startswith("looked ")]
    for said in ("non_compliant", "apps: accepted", "batch: OneOperationPerCluster", "0:00:30"):
        assert said in line.getMessage()


def test_with_a_typo_in_the_setting_a_request_comes_back_and_says_so(
    looks: list[ReconcileRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not be let go: then nothing would be looked at, without a word."""
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", f"{SUBSCRIPTION[:-1]}")
    monkeypatch.setattr(bootstrap, "reconciler_ports", bootstrap.settings)

    with pytest.raises(ConfigError, match="FIPSWARDEN_SUBSCRIPTIONS"):
        receive(ReconcileRequest(cluster_id(), "test").to_json())

    assert looks == []


def test_what_is_no_request_goes_to_the_poison_queue(looks: list[ReconcileRequest]) -> None:
    assert receive("no request").values == ["no request"]
    assert looks == []
