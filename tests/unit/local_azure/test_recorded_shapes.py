"""What the local Azure answers has the members that Azure's captured and documented answers have."""

import json
from pathlib import Path
from typing import Any

from local.faces import Response
from tests.unit.local_azure.asking import OPERATION, PROD, Azure, operator
from tests.unit.local_azure.test_run_command import LAB, add_lab

ARM = Path(__file__).parents[2] / "data" / "arm"


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the answers of a recording, in order."""
    found: dict[str, Any] = json.loads((ARM / f"{name}.json").read_text())
    return [exchange["response"] for exchange in found["exchanges"]]


def shape(value: Any) -> Any:
    """Reduce a body to its members and their types."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


def links(response: Response) -> set[str]:
    """Return which of the headers that lead on an answer has."""
    return {name.lower() for name, _ in response.headers} & {"location", "azure-asyncoperation"}


def test_run_command_answers_as_recorded(azure: Azure) -> None:
    add_lab(azure.world)
    owner = operator(azure)
    begun = owner.ask("POST", f"{LAB}/runCommand", {"command": "kubectl get nodes", "context": ""})
    path = begun.header("Location").removeprefix("https://localhost")
    running = owner.get(path)
    azure.pass_time()
    for ours, theirs in zip((begun, running, owner.get(path)), recorded("recorded.runCommand"), strict=True):
        assert (ours.status, links(ours)) == (theirs["status"], set(theirs["headers"]) & {"location"})
        assert shape(json.loads(ours.body) if ours.body else None) == shape(theirs["body"])


def test_an_abort_answers_as_recorded(azure: Azure) -> None:
    azure.put_pool("apps", enableFIPS=False)
    azure.pass_time(OPERATION / 2)
    begun = azure.ask("POST", f"{PROD}/agentPools/apps/abort")
    azure.pass_time()
    followed = [
        azure.get(begun.header(name).removeprefix("https://localhost")) for name in ("Azure-AsyncOperation", "Location")
    ]
    abort, operation, result, _ = recorded("recorded.agentPool_abort")
    assert (begun.status, links(begun)) == (abort["status"], set(abort["headers"]))
    assert shape(followed[0].json()) == shape(operation["body"])
    assert followed[0].json()["status"] == operation["body"]["status"]
    assert followed[1].status == result["status"]


def test_machines_are_shown_as_documented(azure: Azure) -> None:
    documented = json.loads((ARM / "MachineList.2026-01-01.json").read_text())["responses"]["200"]["body"]["value"]
    ours = operator(azure).get(f"{PROD}/agentPools/apps/machines").json()["value"]
    assert shape(ours) == shape(documented)
