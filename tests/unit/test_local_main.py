"""`make local`: what an ended local Azure left must not stand in the way of the next one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.rules import load
from local import main
from local.main import forget, forget_dead
from local.stack import StackError
from shared.domain.policy import ExemptionRules
from shared.domain.policy_reader import read_exemptions


def test_the_logins_to_a_world_that_is_gone_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "azure" / "commands").mkdir(parents=True)
    for name in ("env.sh", "kubeconfig", "azure/clouds.config", "app.log"):
        (tmp_path / name).write_text("old")

    forget(tmp_path)
    forget(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["app.log"]


@pytest.mark.parametrize(
    ("owner", "kept"),
    [("# of process {own}", True), ("# of process {dead}", False), ("export AZURE_CONFIG_DIR=x", False)],
    ids=["alive", "killed", "of an older version"],
)
def test_the_script_of_a_local_azure_that_was_killed_is_removed_at_the_next_start(
    owner: str, kept: bool, tmp_path: Path
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "env.sh").write_text(owner.format(own=os.getpid(), dead=dead.pid) + "\nexport A=b\n")

    forget_dead(tmp_path)

    assert (tmp_path / "env.sh").exists() is kept


def test_policy_and_exemptions_are_files_that_may_be_edited_while_it_runs() -> None:
    policy, exemptions = main.RULES["FIPSWARDEN_POLICY"], main.RULES["FIPSWARDEN_EXEMPTIONS"]

    assert load(policy, exemptions).exemptions.entries == ()
    assert {"FIPSWARDEN_POLICY": f"file:{policy}", "FIPSWARDEN_EXEMPTIONS": f"file:{exemptions}"} == main.SETTINGS
    example = exemptions.read_text().splitlines()
    written = [line.removeprefix("#") for line in example if line.startswith("#  ")]
    found = read_exemptions("\n".join(["version: 1", "exemptions:", *written]), "example", ExemptionRules())
    assert [entry.name for entry in found.entries] == ["legacy"]


def test_taken_ports_are_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    class Taken:
        def __init__(self, *_: object) -> None:
            raise StackError("Azurite did not start: 127.0.0.1:10000 is taken")

    monkeypatch.setattr(main, "LocalStack", Taken)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    assert main.main(["--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "127.0.0.1:10000 is taken" in said
    assert "another `make local` runs. End it with Ctrl-C" in said
