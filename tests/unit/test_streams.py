"""Where standard input and output are closed, full or not meant: a verdict stays one, and bad usage says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from cli.main import main
from shared import bootstrap
from tests.builders import DATA

FLEET = str(DATA / "saved" / "az_2.91.0.aks_list.json")
PROGRAM = f"{sys.executable} -m cli.main"
POLICY = "version: 1\nmode: audit\n"

Capture = pytest.CaptureFixture[str]


def shell(command: str) -> "subprocess.CompletedProcess[str]":
    """Run a line as a person would type it."""
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy's file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_changes_no_verdict(closed: str, policy: str) -> None:
    done = shell(f"{PROGRAM} check --from {FLEET} {closed}")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert shell(f"{PROGRAM} policy validate {policy} {closed}").returncode == 0


def test_a_closed_input_is_bad_input() -> None:
    done = shell(f"{PROGRAM} check --from - <&-")

    assert (done.returncode, done.stderr) == (
        64,
        "fipswarden: standard input (-) is closed: nothing can be read from it\n",
    )


def test_a_full_output_is_said_to_be_the_output() -> None:
    done = shell(f"{PROGRAM} check --from {FLEET} >/dev/full")

    assert done.returncode == 69
    assert done.stderr == "fipswarden: standard output can't be written: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "--from", ""], "argument --from: the name of the file is empty"),
        (["check", "--from", "x", "--policy", ""], "argument --policy: the name of the file is empty"),
        (["check", "--from", "x", "--policy", "-"], "argument --policy: - is standard input for --from alone"),
        (["check", "--from", "x", "--policy", "y", "--exemptions", "-"], "argument --exemptions: - is standard input"),
        (["policy", "validate", "-"], "argument file: - is standard input for --from alone"),
        (["policy", "approve", "-"], "argument NEW: - is standard input for --from alone"),
        (["policy", "diff", "-"], "argument NEW: - is standard input for --from alone"),
        (["policy", "diff", "x", "--old", "-"], "argument --old: - is standard input for --from alone"),
        (["forecast", "--until", "2099-01-01", "--svg", "-"], "argument --svg: - is standard input for --from alone"),
        (["explain", "a/b", "c", "--policy", "-"], "argument --policy: - is standard input for --from alone"),
    ],
)
def test_a_dash_is_standard_input_where_a_fleet_is_read_and_nowhere_else(
    arguments: list[str], says: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 64
    assert says in capsys.readouterr().err


def test_who_is_not_signed_in_is_told_how_to_and_how_to_do_without(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def nobody() -> None:
        raise ClientAuthenticationError("Azure CLI not found on path")

    monkeypatch.setattr(bootstrap, "standalone_fleet", nobody)

    assert main(["check"]) == 69
    err = capsys.readouterr().err
    assert err.startswith("fipswarden: Azure CLI not found on path; sign in with `az login`")
    assert "--from fleet.json" in err


@pytest.mark.parametrize(
    ("setting", "value", "said", "named"),
    [
        (
            "AzureWebJobsStorage__tableServiceUri",
            "https://stapp.table.core.windows.net",
            "'stapp.table.core.windows.net'",
            True,
        ),
        ("AzureWebJobsStorage", "AccountName=stapp;AccountKey=a", "host='stapp.table.core.windows.net'", True),
        ("AzureWebJobsStorage", "BlobEndpoint=http://127.0.0.1:1/x", "host='127.0.0.1', port=1", True),
        ("EVIDENCE_STORAGE__blobServiceUri", "https://stev.blob.core.windows.net", "stev.blob.core.windows.net", True),
        ("EVIDENCE_STORAGE__blobServiceUri", "https://stev.blob.core.windows.net", "management.azure.com", False),
        ("AzureWebJobsStorage", "AccountName=st;AccountKey=a", "host='best.example.com'", False),
    ],
)
def test_storage_that_cannot_be_reached_is_named_by_its_setting(
    setting: str, value: str, said: str, named: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def table(_: str) -> None:
        raise ServiceRequestError(said)

    for name in [name for name in os.environ if name.startswith(("AzureWebJobs", "EVIDENCE_STORAGE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(setting, value)
    monkeypatch.setattr(bootstrap, "table", table)

    assert main(["posture"]) == 69
    assert (f"by the setting {setting}:" in capsys.readouterr().err) is named
