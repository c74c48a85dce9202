"""When a look comes back: what is said of it, in the log too, is what was queued."""

import json
import logging
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import reconcile as module
from local.clock import ManualClock
from local.memory import MemoryQueue, MemoryTable
from shared import bootstrap, reconciler
from shared.domain.memory import Memory
from shared.domain.model import ComplianceState
from shared.domain.requests import ReconcileRequest
from shared.reconciler import Looked
from shared.rollout import HORIZON, PACE, Hold, Timing, claim
from tests.builders import NOW, cluster_id

REQUEST = ReconcileRequest(cluster_id(), "test")


@pytest.mark.parametrize(
    ("wanted", "queued"),
    [
        (None, None),
        (timedelta(days=2), None),
        (HORIZON + timedelta(seconds=1), None),
        (HORIZON, HORIZON),
        (timedelta(minutes=3), timedelta(minutes=3)),
        (timedelta(), PACE),
    ],
)
def test_what_a_look_queues_is_what_it_says(wanted: timedelta | None, queued: timedelta | None) -> None:
    clock = ManualClock(NOW)
    table, queue = MemoryTable(clock), MemoryQueue(clock)
    hold = claim(table, queue, REQUEST, NOW, clock, Timing())
    assert isinstance(hold, Hold)

    assert hold.settle(queue, Memory(), wanted) == queued

    assert [message.visible - NOW for message in queue.messages] == ([] if queued is None else [queued])


@pytest.mark.parametrize(("queued", "said"), [(None, "resync"), (timedelta(seconds=30), "0:00:30")])
def test_the_log_says_when_the_next_look_comes(
    queued: timedelta | None, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked = Looked(ComplianceState.COMPLIANT, "", (), queued)
    monkeypatch.setattr(bootstrap, "reconciler_ports", lambda: None)
    monkeypatch.setattr(reconciler, "reconcile", lambda *_: looked)
    run: Any = module.reconcile

    with caplog.at_level(logging.INFO):
        run.build().get_user_function()(func.QueueMessage(body=REQUEST.to_json().encode()), None)

    (line,) = [text for text in caplog.messages if text.startswith("looked ")]
    assert json.loads(line.removeprefix("looked "))["requeueAfter"] == said
