"""AKS run command as a way into a cluster: its ends, its limits, and what was never answered."""

import base64
import io
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.run_command import EVERY, PATIENCE, CommandApi, zipped
from shared.domain.api_server import Answered
from shared.domain.by_command import ASKING, OUTPUT, TOGETHER
from shared.domain.model import Unreadable

RUNNING = {"properties": {"provisioningState": "Running"}}
GOOD = {"properties": {"provisioningState": "succeeded", "exitCode": 0, "logs": "{}"}}


class Aks:
    """Takes commands, and gives the same results each time."""

    def __init__(self, *results: Any, url: str | Unreadable = "https://arm/result") -> None:
        self.results, self.url, self.slept, self.posted = results, url, 0.0, []

    results: tuple[Any, ...]
    posted: list[Mapping[str, str]]

    def post(self, body: Mapping[str, str]) -> str | Unreadable:
        self.posted.append(body)
        return self.url

    def fetch(self, _: str) -> Any:
        return self.results[min(int(self.slept / EVERY.total_seconds()) - 1, len(self.results) - 1)]

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    @property
    def api(self) -> CommandApi:
        return CommandApi(self.post, self.fetch, self.sleep)


def test_a_command_is_waited_for_until_it_has_ended() -> None:
    aks = Aks(RUNNING, {}, GOOD)

    assert aks.api.get("/version") == Answered(200, {})
    assert aks.slept == 3 * EVERY.total_seconds()
    assert aks.posted[0]["context"] == ""


@pytest.mark.parametrize(
    ("aks", "passes"),
    [
        (Aks(RUNNING), True),
        (Aks({"properties": {"provisioningState": "Failed", "reason": "no room"}}), True),
        (Aks({"properties": {"provisioningState": "Succeeded", "exitCode": 0}}), True),
        (Aks({"properties": {"provisioningState": "Succeeded", "logs": "{}"}}), True),
        (Aks(Unreadable("Throttled", "wait", timedelta(seconds=3))), True),
        (Aks(url=Unreadable("Forbidden", "no role", None)), False),
    ],
)
def test_a_command_without_a_result_is_no_answer(aks: Aks, *, passes: bool) -> None:
    found = aks.api.get("/version")

    assert isinstance(found, Unreadable)
    assert (found.retry_after is not None) is passes
    assert aks.slept <= PATIENCE.total_seconds()
    assert aks.api.send("POST", [("/a", {}), ("/b", {})]) == (found, found)


def test_many_bodies_go_with_several_commands() -> None:
    logs = "{}\nfipswarden-next\n" * TOGETHER
    aks = Aks({"properties": {"provisioningState": "Succeeded", "exitCode": 0, "logs": logs}})

    answers = aks.api.send("POST", [(f"/{number}", {}) for number in range(TOGETHER + 5)])

    assert answers == (Answered(200, {}),) * (TOGETHER + 5)
    assert [one["command"].count("kubectl") for one in aks.posted] == [TOGETHER, 5]


def test_what_no_command_can_send_is_unreadable_and_not_sent() -> None:
    aks = Aks(GOOD)

    (found,) = aks.api.send("PATCH", [("/a", {})])

    assert isinstance(found, Unreadable)
    assert aks.posted == []


def test_a_cluster_that_is_too_large_for_it_is_unreadable_before_the_look_is_over() -> None:
    api = Aks(GOOD).api
    for _ in range(ASKING):
        assert isinstance(api.get("/api/v1/nodes?limit=500"), Answered)

    found = api.get("/api/v1/nodes?limit=500")

    assert isinstance(found, Unreadable)
    assert found.retry_after is None
    assert "too large" in found.message


def test_a_page_that_was_cut_is_asked_for_anew_with_half_as_many_items_and_so_are_those_after_it() -> None:
    cut = {"properties": {"provisioningState": "Succeeded", "exitCode": 0, "logs": "x" * OUTPUT}}
    aks = Aks(cut, GOOD)

    assert aks.api.get("/api/v1/nodes?limit=500") == Answered(200, {})
    assert ["limit=20" in one["command"] for one in aks.posted] == [True, False]

    aks = Aks(cut, GOOD)
    api = aks.api
    api.get("/api/v1/nodes?limit=500")
    api.get("/api/v1/nodes?limit=500&continue=a")
    api.get("/api/v1/pods?limit=500")
    assert ["limit=10" in one["command"] for one in aks.posted] == [False, True, True, False]


@pytest.mark.parametrize("query", ["", "?limit=500", "?limit=500&continue=a"])
def test_an_output_that_stays_cut_is_unreadable(query: str) -> None:
    cut = {"properties": {"provisioningState": "Succeeded", "exitCode": 0, "logs": "x" * OUTPUT}}
    aks = Aks(cut)

    found = aks.api.get(f"/api/v1/nodes{query}")

    assert isinstance(found, Unreadable)
    assert "was cut" in found.message
    assert len(aks.posted) == (3 if query == "?limit=500" else 1)


def test_files_are_a_zip_file_in_base64() -> None:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(zipped({"0.json": "{}"})))) as archive:
        assert archive.namelist() == ["0.json"]
        assert archive.read("0.json") == b"{}"
