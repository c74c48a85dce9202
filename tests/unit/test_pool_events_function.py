"""The function `pool_events`: an event queues a look, or is kept with the reason why it does not."""

import json
from typing import Any

import azure.functions as func
import pytest

from functions import pool_events as module
from shared.domain.requests import ReconcileRequest
from tests.builders import DATA, OTHER_SUBSCRIPTION

EVENT = json.dumps(json.loads((DATA / "events" / "constructed.cloudevents.agentpool_write.json").read_text()))
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


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


def receive(event: str) -> tuple[list[str], list[str]]:
    """Deliver an event; returns the requests and the rejections that came of it."""
    requests, rejected = Out(), Out()
    run: Any = module.pool_events
    run.build().get_user_function()(event, requests, rejected)
    return requests.values, rejected.values


@pytest.mark.parametrize("setting", ["", SUBSCRIPTION, f" {SUBSCRIPTION.upper()} ,{OTHER_SUBSCRIPTION}"])
def test_an_event_of_a_watched_subscription_queues_a_look(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", setting)

    (request,), rejected = receive(EVENT)

    assert ReconcileRequest.from_json(request).cluster.subscription == SUBSCRIPTION
    assert rejected == []


def test_an_event_of_another_subscription_is_kept_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

    requests, (rejection,) = receive(EVENT)

    assert requests == []
    assert json.loads(rejection)["reason"] == "OutOfScope"
    assert json.loads(rejection)["event"] == EVENT


@pytest.mark.parametrize("setting", [SUBSCRIPTION[:-1], f"{OTHER_SUBSCRIPTION};{SUBSCRIPTION}", "payments"])
def test_with_a_typo_in_the_setting_no_event_is_out_of_scope(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look that it queues fails, and that is told."""
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", setting)

    assert [len(out) for out in receive(EVENT)] == [1, 0]
