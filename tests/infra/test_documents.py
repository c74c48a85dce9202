"""What the documents show is what the product does."""

import re

import pytest
import yaml

from shared.domain.model import Mode
from shared.domain.policy import read_policy
from shared.errors import ConfigError
from tests.infra.templates import ROOT

DOCUMENTS = tuple(sorted((*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")))
POLICY = (ROOT / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", POLICY, re.DOTALL)
FAULTY = re.findall(r"```yaml faulty\n(.*?)```\n\ngives\n\n```text\n(.*?)```", POLICY, re.DOTALL)


def test_the_first_policy_is_valid_and_changes_nothing() -> None:
    policy = read_policy((ROOT / "policy.yaml").read_text())
    assert policy.mode is Mode.AUDIT
    assert not policy.rules
    assert policy.concurrent == 1


def test_the_commented_parts_of_the_first_policy_are_valid_too() -> None:
    text = (ROOT / "policy.yaml").read_text()
    uncommented = re.sub(r"(?m)^# (?=scope:|rules:|  )", "", text)
    policy = read_policy(uncommented)
    assert [rule.name for rule in policy.rules] == ["windows stays as it is", "production"]
    assert policy.exclude


def test_the_policy_reference_has_examples() -> None:
    assert len(EXAMPLES) >= 4
    assert FAULTY


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_the_policy_reference_is_a_policy(text: str) -> None:
    assert read_policy(text).hash


@pytest.mark.parametrize(("text", "shown"), FAULTY)
def test_the_faults_of_the_policy_reference_are_those_that_are_reported(text: str, shown: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_policy(text)
    assert raised.value.faults == tuple(shown.splitlines())


def test_the_policy_reference_names_every_mode_and_key() -> None:
    for mode in Mode:
        assert f"`{mode}`" in POLICY
    # the example under "All of it" holds every key of the language: without them a fault would name the rest
    keys = set(re.findall(r"\b(\w+):", EXAMPLES[0]))
    source = (ROOT / "shared" / "domain" / "policy.py").read_text()
    known = {
        key for group in re.findall(r"unknown_keys\(\w+, \(([^)]*)\)", source) for key in re.findall(r'"(\w+)"', group)
    }
    match = re.search(r"_MATCH_KEYS = \(([^)]*)\)", source)
    assert match
    assert known | set(re.findall(r'"(\w+)"', match[1])) <= keys


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


def test_the_workflow_runs_the_demo_and_the_session_of_the_azure_cli() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["local-azure"]["strategy"]["matrix"]["target"] == ["demo", "test-az"]
    assert jobs["local-azure"]["steps"][-1]["run"] == "make ${{ matrix.target }}"
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text())
    assert {"demo", "test-az"} <= set(targets)


def test_ci_runs_check_then_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]
    assert "set -euo pipefail" in lines
