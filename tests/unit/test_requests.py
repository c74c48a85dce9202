"""The queue message: a cluster and a cause; one that can't be read goes to the poison queue, at once."""

import json
from typing import Any

import pytest
from hypothesis import given

from shared.domain.requests import ReconcileRequest
from shared.errors import TerminalError
from tests.builders import cluster_id
from tests.unit.strategies import any_text, json_values

GOOD = {"v": 1, "cluster": cluster_id().arm_id, "cause": "cli"}


def test_a_message_holds_the_version_the_cluster_and_the_cause() -> None:
    text = ReconcileRequest(cluster_id(), "event 7: write").to_json()

    assert json.loads(text) == {"v": 1, "cluster": cluster_id().arm_id, "cause": "event 7: write"}


@given(any_text)
def test_a_request_survives_the_queue(cause: str) -> None:
    request = ReconcileRequest(cluster_id(), cause)

    text = request.to_json()

    assert text.isascii(), "whatever the cause holds, a queue takes it"
    assert ReconcileRequest.from_json(text) == request


def test_a_long_cause_is_cut_so_that_the_message_always_fits() -> None:
    assert len(ReconcileRequest(cluster_id(), "ä" * 100_000).to_json()) < 4_000


def test_a_cause_may_be_missing_and_an_unknown_field_is_ignored() -> None:
    text = json.dumps({"v": 1, "cluster": cluster_id().arm_id, "newer": True})

    assert ReconcileRequest.from_json(text) == ReconcileRequest(cluster_id(), "")


@pytest.mark.parametrize(
    "message",
    [
        {**GOOD, "v": 2},
        {**GOOD, "v": "1"},
        {**GOOD, "cluster": "aks"},
        {**GOOD, "cluster": None},
        {"v": 1},
        [],
        None,
        "x",
    ],
)
def test_what_no_repetition_can_make_readable_is_terminal(message: object) -> None:
    with pytest.raises(TerminalError, match="not a reconcile request"):
        ReconcileRequest.from_json(json.dumps(message))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5_000, "\ufffd"], ids=range(5))
def test_what_is_no_json_is_terminal(text: str) -> None:
    with pytest.raises(TerminalError) as caught:
        ReconcileRequest.from_json(text)

    assert len(str(caught.value)) < 1_000


@given(json_values)
def test_nothing_else_is_ever_raised(cluster: Any) -> None:
    with pytest.raises(TerminalError):
        ReconcileRequest.from_json(json.dumps({"v": 1, "cluster": cluster}))
