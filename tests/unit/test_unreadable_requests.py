"""Messages of the queue `reconcile` that nobody can read: people are told what is wrong with them, and what to do."""

import json
import logging

import pytest

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.alerting import Alerting
from shared.domain.alert import Alert
from shared.domain.requests import ReconcileRequest
from shared.errors import TerminalError
from shared.poison import PoisonMessage, reconcile_poison
from tests.builders import NOW

CASES = {
    "plain": "it is not JSON (Expecting value: line 1 column 1 (char 0))",
    "[]": "it is not an object with `v` 1",
    '{"v": 1}': "it names no `cluster`",
    '{"v": 1, "cluster": "aks"}': "`cluster`: 'aks' is not the ARM id of an AKS cluster",
}


class Sink:
    """A channel that keeps what it gets."""

    name = "teams"

    def __init__(self) -> None:
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.got.append(alert)


@pytest.mark.parametrize(("text", "why"), CASES.items())
def test_what_is_no_request_is_said_with_why_and_what_to_write(text: str, why: str) -> None:
    with pytest.raises(TerminalError) as caught:
        ReconcileRequest.from_json(text)

    said = str(caught.value)
    assert said.startswith(f"A message of the queue `reconcile` is not a reconcile request: {why}. Write ")
    assert said.endswith(f"`fipswarden look` do it. It reads: {text}")


def test_the_card_the_log_and_the_row_of_an_unreadable_request_speak_of_no_look(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock, sink = ManualClock(NOW), Sink()
    desk = Alerting((sink,), MemoryTable(clock), MemoryTable(clock), clock, ())

    reconcile_poison(PoisonMessage("reconcile-poison", "id-1", '{"v": 1}', 1, NOW), lambda: desk)

    row = desk.poison.read("reconcile-poison", "id-1")
    assert row is not None
    assert row.columns["reason"] == "UnreadableRequest"
    logged = next(json.loads(line.removeprefix("poison message ")) for line in caplog.messages)
    assert logged["what"].startswith("A message of the queue `reconcile` is not a reconcile request: it names no")
    assert [one.reason for one in sink.got] == ["UnreadableRequest"]
    assert "it names no `cluster`. Write " in sink.got[0].text
