"""docs/cli.md: the commands, the exit codes and the JSON are those of the command."""

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.main import _parser
from cli.report import print_report
from cli.verdicts import Judge
from shared.domain.pages import gaps
from shared.domain.policy_reader import read_policy
from shared.domain.rulebook import Rulebook
from shared.domain.saved import read_saved
from tests.builders import NOW, arm_cluster, cluster_id, disabled

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?m)^ {4}(?:.*\| )?fipswarden ([a-z][^|>\n]*)", TEXT)


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (found,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found.choices)


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that does something, however deep it stands."""
    if not any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
        yield parser
        return
    for below in commands(parser).values():
        yield from leaves(below)


@pytest.mark.parametrize("parser", tuple(leaves(_parser())), ids=lambda parser: parser.prog)
def test_the_help_of_every_command_says_what_it_does_and_returns(parser: argparse.ArgumentParser) -> None:
    assert len(parser.description or "") > 30
    assert (parser.epilog or "").startswith("exit codes: ")


def test_the_help_of_what_judges_nothing_speaks_of_no_verdict() -> None:
    silent = {parser.prog for parser in leaves(_parser()) if "; else 0" not in (parser.epilog or "")}

    asking = ("look", "pause", "resume", "breaker reset", "approve", "revoke", "abort", "unblock")
    assert silent == {f"fipswarden {name}" for name in (*asking, "policy approve", "policy revoke", "policy validate")}


@pytest.mark.parametrize("group", ["policy", "breaker", "evidence"])
def test_what_has_commands_below_it_names_them_where_none_is_given(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args([group])

    said = capsys.readouterr().err.splitlines()[-1]
    assert all(name in said for name in commands(commands(_parser())[group]))


@pytest.mark.parametrize("parser", tuple(leaves(_parser())), ids=lambda parser: parser.prog)
def test_json_is_asked_for_in_one_way_and_the_other(parser: argparse.ArgumentParser) -> None:
    options = {option for action in parser._actions for option in action.option_strings}

    assert ("--json" in options) == ("--output" in options)


@pytest.mark.parametrize("text", [TEXT, README], ids=["docs/cli.md", "README"])
def test_every_command_is_there(text: str) -> None:
    assert sorted(name for name in commands(_parser()) if f"fipswarden {name}" not in text) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_typed(example: str) -> None:
    assert _parser().parse_args(shlex.split(example)).run


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


def test_the_exit_codes_are_those_of_the_command() -> None:
    section = TEXT.partition("## Exit codes")[2].partition("\n## ")[0]
    table = {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", section)}

    assert table == {exits.OK, exits.NON_COMPLIANT, exits.UNKNOWN, exits.USAGE, exits.UNAVAILABLE, exits.CRASH}
    assert str(exits.INTERRUPTED) in section
    assert str(exits.PIPE) in section
    assert exits.DEBUG in section


def test_the_json_has_the_fields_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    rules = Rulebook(read_policy("version: 1\nscope: { exclude: [{ clusters: [lab-1] }] }\n"))
    judge = Judge(rules, NOW)
    lab = {**arm_cluster(), "id": cluster_id("lab-1").arm_id}
    saved = read_saved(json.dumps({"value": [arm_cluster(disabled()), None, lab], "nextLink": "x"}).encode(), "f.json")
    judge.gaps.extend(gaps([saved.page]))
    judge.judge(saved.entries())

    print_report(judge.verdicts(), "json")

    assert fields(json.loads(capsys.readouterr().out)) == fields(shown)


def fields(value: Any) -> Any:
    """The names in some JSON, of a list those of its first item."""
    match value:
        case dict():
            return {name: fields(item) for name, item in value.items()}
        case [first, *_]:
            return [fields(first)]
        case _:
            return None
