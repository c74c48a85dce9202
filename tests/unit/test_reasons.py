"""The reasons that an exemption may cover are all that findings can have, and no others: the sources are read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.arm_errors import TABLE
from shared.domain.capability import KNOWN_OS_SKUS
from shared.domain.reasons import REASONS

SHARED = Path(__file__).parents[2] / "shared"
JUDGES = (
    *(
        "domain/checks",
        "domain/images",
        "domain/proofs",
        "domain/strays",
        "domain/capability",
        "domain/risks",
        "domain/evaluate",
    ),
    "domain/saved",
)
RULES = "domain/subject"
"""Puts its reason together elsewhere than where the finding is made."""
READERS = ("adapters/aks", "adapters/kubernetes", "domain/api_server", "domain/missing", "observing", "proving")
REASON_AT = {"Finding": 2, "_Objection": 0, "Unreadable": 0}
"""By what is made: which of its arguments is the reason."""
HUMPS = re.compile(r"([A-Z][a-z0-9]+){2,}")


def _nodes(name: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((SHARED / f"{name}.py").read_text(encoding="utf-8")))


def _arguments(name: str) -> Iterator[ast.expr]:
    """What stands as a reason in a module: texts, and expressions whose texts stand elsewhere."""
    for node in _nodes(name):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REASON_AT:
            named = [each.value for each in node.keywords if each.arg == "reason"]
            yield named[0] if named else node.args[REASON_AT[node.func.id]]


def _written(name: str) -> set[str]:
    return {str(each.value) for each in _arguments(name) if isinstance(each, ast.Constant)}


def _texts(name: str) -> set[str]:
    return {node.value for node in _nodes(name) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("name", [*JUDGES, *READERS])
def test_every_reason_that_is_written_where_a_finding_is_made_is_known(name: str) -> None:
    found = _written(name)

    assert found
    assert found <= {*REASONS}


@pytest.mark.parametrize("name", [*JUDGES, RULES])
def test_a_word_in_camel_case_that_stands_by_itself_is_a_reason_or_known_to_be_none(name: str) -> None:
    found = {text for text in _texts(name) if HUMPS.fullmatch(text) and text.lower() not in KNOWN_OS_SKUS}

    assert found <= {*REASONS}


def test_a_reason_that_is_put_together_begins_like_one_that_is_known() -> None:
    made = [each for name in JUDGES for each in _arguments(name) if isinstance(each, ast.JoinedStr)]

    assert made
    for each in made:
        (head, *_) = each.values
        assert isinstance(head, ast.Constant)
        assert [reason for reason in REASONS if reason.startswith(str(head.value))]


def test_no_reason_is_known_that_nobody_gives() -> None:
    given = set().union(*map(_texts, (*JUDGES, RULES, *READERS, "domain/arm_errors")), (row.reason for row in TABLE))

    assert {*REASONS} - given == {"ProvisioningCanceled", "ProvisioningFailed"}
