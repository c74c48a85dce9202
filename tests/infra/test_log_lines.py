"""Every log line can be found: a constant text, its fields beside it, and a place in the list of docs/operations.md."""

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.logs import logger
from tests.infra.templates import ROOT

SOURCES = tuple(sorted(path for folder in ("functions", "shared", "cli") for path in (ROOT / folder).rglob("*.py")))
LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
PURPOSE = "The texts, by what writes them:"


def lines() -> Iterator[tuple[Path, ast.Call]]:
    """Every call that writes a line of the log."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)) if level in LEVELS:
                    yield path, node


def text(call: ast.Call) -> object:
    """The text of a line, None if it is not a constant."""
    level = isinstance(call.func, ast.Attribute) and call.func.attr == "log"
    match call.args[1:] if level else call.args:
        case [ast.Constant(value=found)]:
            return found
        case _:
            return None


LINES = tuple(lines())


@pytest.mark.parametrize(("path", "call"), LINES, ids=[f"{path.stem}-{call.lineno}" for path, call in LINES])
def test_a_log_line_is_a_constant_text_with_its_fields_beside_it(path: Path, call: ast.Call) -> None:
    found = text(call)
    assert isinstance(found, str), path
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z: ]+", found)
    assert {keyword.arg for keyword in call.keywords} <= {"extra"}


def test_loggers_are_made_in_one_place() -> None:
    """Python's own would put the fields where the Functions host does not look."""
    texts = {path: path.read_text() for path in SOURCES}
    assert [path.name for path, source in texts.items() if re.search(r"getLogger\(.*fipswarden", source)] == ["logs.py"]
    assert {path for path, source in texts.items() if "log = logger(" in source} == {path for path, _ in LINES}


def test_the_list_of_the_docs_is_that_of_the_sources() -> None:
    after = (ROOT / "docs" / "operations.md").read_text().partition(PURPOSE)[2]
    listed = re.findall(r"`([^`]+)`", after.partition("\n- ")[0])
    assert len(listed) == len(set(listed))
    assert set(listed) == {text(call) for _, call in LINES}


def test_fields_stand_behind_the_text_as_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logger("test").info("looked", extra={"cluster": "a%s", "state": "näh"})
        logger("test").info("looked")
    assert caplog.messages == ['looked {"cluster": "a%s", "state": "näh"}', "looked"]
