"""What the documents show is what the product does."""

import re

import pytest
import yaml

from shared.domain.limits import Limit
from shared.domain.model import Mode
from shared.domain.policy_reader import read_policy
from shared.domain.policy_warnings import policy_warnings
from tests.infra.templates import ROOT

DOCUMENTS = tuple(sorted((*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")))


def test_the_first_policy_is_valid_and_changes_nothing() -> None:
    policy = read_policy((ROOT / "policy.yaml").read_text())
    assert policy.defaults.mode is Mode.AUDIT
    assert not policy.rules
    assert policy.disruption.concurrent == Limit(1)


def test_the_commented_parts_of_the_first_policy_are_valid_too_and_contradict_nothing() -> None:
    text = (ROOT / "policy.yaml").read_text()
    uncommented = re.sub(r"(?m)^# (?=scope:|windows:|rules:|rings:|  )", "", text)
    policy = read_policy(uncommented)
    assert [rule.name for rule in policy.rules] == ["windows stays as it is", "production"]
    assert [ring.name for ring in policy.rings] == ["test", "everything else"]
    assert policy.scope.exclude
    assert policy.defaults.windows
    assert policy_warnings(policy) == ()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(path: object) -> None:
    document = ROOT / str(path)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text()):
        linked = (document.parent / target) if target else document
        assert linked.is_file(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.+)$", linked.read_text())
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_workflow_runs_on_every_python_that_may_be_deployed_and_pins_its_actions() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action) for action in used)


def test_the_workflow_runs_the_session_of_the_azure_cli_which_no_test_does() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["local-azure"]["steps"][-1]["run"] == "make test-az"
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text())
    assert {"demo", "test-az"} <= set(targets)


def test_ci_runs_check_then_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]
    assert "set -euo pipefail" in lines
