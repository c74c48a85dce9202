"""The deployment's hooks, run against an `az` that only writes down what it was asked."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infra.templates import INFRA, ROOT, part

HOOK = INFRA / "hooks" / "postdeploy.sh"
VALUES = {
    "AZURE_ENV_NAME": "trial",
    "AZURE_LOCATION": "usgovvirginia",
    "AZURE_SUBSCRIPTION_ID": "11111111-1111-1111-1111-111111111111",
    "FIPSWARDEN_WATCHED": "11111111-1111-1111-1111-111111111111,22222222-2222-2222-2222-222222222222",
    "FIPSWARDEN_FUNCTION_APP_ID": "/subscriptions/1/resourceGroups/rg trial/providers/Microsoft.Web/sites/func",
    "FIPSWARDEN_EVENTS_RESOURCE_GROUP": "rg-trial-events",
    "FIPSWARDEN_SYSTEM_TOPIC": "evgst",
    "FIPSWARDEN_EVENTS_IDENTITY_ID": "/identity",
    "FIPSWARDEN_DEAD_LETTER_ACCOUNT_ID": "/account",
    "FIPSWARDEN_DEAD_LETTER_CONTAINER": "event-dead-letters",
}


def run(folder: Path, values: Mapping[str, str], status: int = 0) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the hook as azd does; returns what became of it and the arguments that `az` got."""
    said = folder / "said"
    az = folder / "az"
    az.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}"\nexit {status}\n')
    az.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **values}
    done = subprocess.run([HOOK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done, said.read_text().splitlines() if said.exists() else []


def test_the_hook_deploys_events_bicep_with_every_parameter(tmp_path: Path) -> None:
    done, said = run(tmp_path, VALUES)
    assert done.returncode == 0, done.stderr
    assert said[:3] == ["deployment", "sub", "create"]
    assert (ROOT / said[said.index("--template-file") + 1]) == INFRA / "events.bicep"
    given = dict(argument.split("=", 1) for argument in said if re.match(r"[a-z]\w+=", argument))
    assert set(given) == set(part(INFRA / "events.bicep", "parameters"))
    assert given["watched"] == VALUES["FIPSWARDEN_WATCHED"]
    assert given["functionAppId"] == VALUES["FIPSWARDEN_FUNCTION_APP_ID"]
    assert given["deadLetters"] == "true"


def test_the_hook_asks_azure_nothing_when_events_are_off(tmp_path: Path) -> None:
    done, said = run(tmp_path, {"FIPSWARDEN_EVENTS": "false"})
    assert done.returncode == 0
    assert "resync" in done.stdout
    assert not said


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_hook_names_the_value_that_is_missing_and_asks_azure_nothing(tmp_path: Path, name: str) -> None:
    done, said = run(tmp_path, {key: value for key, value in VALUES.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr
    assert not said


def test_the_hook_fails_when_azure_refuses(tmp_path: Path) -> None:
    done, _ = run(tmp_path, VALUES, status=3)
    assert done.returncode == 3
    assert "in place" not in done.stdout
