"""The function `reconcile`: what is not the app's to look after is let go, whoever asked for it."""

import logging
import os
from typing import Any

import azure.functions as func
import pytest

from functions import reconcile as module
from shared import bootstrap, reconciler
from shared.config import read_settings
from shared.domain.requests import ReconcileRequest
from shared.errors import ConfigError
from shared.rollout import LetGo
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster_id


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

    def look(_: Any, request: ReconcileRequest, __: Any) -> LetGo:
        asked.append(request)
        return next(iter(LetGo))

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


@pytest.mark.parametrize("setting", ["", SUBSCRIPTION.upper(), f"{OTHER_SUBSCRIPTION}, {SUBSCRIPTION}"])
def test_a_cluster_of_a_watched_subscription_is_looked_at(
    setting: str, looks: list[ReconcileRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", setting)

    receive(ReconcileRequest(cluster_id(), "test").to_json())

    assert [request.cluster for request in looks] == [cluster_id()]


def test_a_cluster_of_another_subscription_is_not_looked_at_and_that_is_logged(
    looks: list[ReconcileRequest], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

    with caplog.at_level(logging.INFO):
        out = receive(ReconcileRequest(cluster_id(), "cli: ana").to_json())

    assert (looks, out.values) == ([], [])
    (line,) = [record for record in caplog.records if record.getMessage().startswith("request out of scope")]
    fields = str(line.__dict__)
    assert cluster_id().arm_id in fields
    assert "cli: ana" in fields


def test_with_a_typo_in_the_setting_a_request_comes_back_and_says_so(
    looks: list[ReconcileRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not be let go: then nothing would be looked at, without a word."""
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", f"{SUBSCRIPTION[:-1]}")

    with pytest.raises(ConfigError, match="FIPSWARDEN_SUBSCRIPTIONS"):
        receive(ReconcileRequest(cluster_id(), "test").to_json())

    assert looks == []


def test_what_is_no_request_goes_to_the_poison_queue(looks: list[ReconcileRequest]) -> None:
    assert receive("no request").values == ["no request"]
    assert looks == []
