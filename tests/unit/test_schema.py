"""The JSON Schema in docs/ is that of the types, takes all that the reader takes, and refuses what a schema can."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from shared.domain.exemptions import Exemptions
from shared.domain.language import keys, names
from shared.domain.policy import Policy, Rule
from shared.domain.policy_reader import read_policy
from shared.domain.schema import exemptions_schema, policy_schema, printed
from shared.errors import ConfigError
from tests.unit.policies import exemptions, exemptions_text, policies, policy_text
from tests.unit.test_exemptions import FAULTS as EXEMPTION_FAULTS
from tests.unit.test_exemptions import document
from tests.unit.test_policy import FAULTS, WHOLE

DOCS = Path(__file__).parents[2] / "docs"
POLICY = Draft202012Validator(policy_schema())
EXEMPTIONS = Draft202012Validator(exemptions_schema())

ONLY_THE_READER = (
    "is taken",
    "the product's own",
    "already means all",
    "comes after itself",
    "which is no ring",
    "circle",
    "is too much: `7d`",
    "is too little: `1h`",
    "is too little: `1d`",
    "is too little: `1%`",
    "did you mean 'Europe/Berlin'",
    "a blackout from",
    "is in no calendar",
    "is not between the years",
    "is the number",  # for editors `22:00` is a text: YAML 1.2 has fewer kinds of numbers
    "holds no version",
    "half of a character",
    "not valid YAML",
    "given twice",
    "the tag `",
    "is not one of Linux, Windows",
    "is not one of System, User, Gateway",
    "ends before it begins",
    "is the exemption's owner",
)
"""Faults that no schema can see."""


class _Editor(yaml.SafeLoader):
    """Reads YAML as editors do: dates are texts."""


_Editor.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith("timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def edited(text: str) -> Any:
    """A document as an editor's schema sees it."""
    return yaml.load(text, Loader=_Editor)  # noqa: S506 (a SafeLoader)


@pytest.mark.parametrize(
    ("name", "made"), [("policy.schema.json", policy_schema), ("exemptions.schema.json", exemptions_schema)]
)
def test_the_published_schema_is_that_of_the_types(name: str, made: Any) -> None:
    path = DOCS / name
    again = f"from shared.domain.schema import *; print(printed({made.__name__}()), end='')"

    assert path.read_text(encoding="utf-8") == printed(made()), f'the types have changed: python -c "{again}" > {path}'


@pytest.mark.parametrize("schema", [policy_schema(), exemptions_schema()])
def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    faults = Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema)

    assert [fault.message for fault in faults] == []


def test_it_has_every_key_and_tells_what_it_is_for() -> None:
    schema = policy_schema()

    assert set(schema["properties"]) == {"version", *names(Policy)}
    assert set(schema["$defs"]["Rule"]["properties"]) == set(names(Rule))
    assert schema["properties"]["mode"]["description"] == "How far the product may go."
    assert schema["properties"]["mode"]["default"] == "audit"
    assert "default" not in schema["$defs"]["Rule"]["properties"]["mode"]
    assert schema["$defs"]["Rule"]["required"] == ["name", "mode"]
    assert schema["$defs"]["ProofSettings"]["properties"]["max_age"]["default"] == "3d"
    assert schema["$defs"]["Match"]["properties"]["clusters"]["description"] == "Names of clusters."
    required = {key.name for key in keys(Exemptions) if key.required}
    assert set(exemptions_schema()["required"]) == {"version", *required}


def test_a_whole_policy_is_taken() -> None:
    assert list(POLICY.iter_errors(edited(WHOLE))) == []


@given(policies)
def test_whatever_policy_is_read_is_taken(policy: Policy) -> None:
    text = policy_text(policy)

    assert read_policy(text)
    assert list(POLICY.iter_errors(edited(text))) == []


@given(exemptions)
def test_whatever_exemptions_are_read_are_taken(made: Exemptions) -> None:
    assert list(EXEMPTIONS.iter_errors(edited(exemptions_text(made)))) == []


def _only_the_reader(text: str, fault: str) -> bool:
    # In JSON 1.0 is 1.
    return text.endswith((": 1.0", ": 1.0}")) or any(each in fault for each in ONLY_THE_READER)


@pytest.mark.parametrize(
    "text", [text for text, fault in FAULTS if not _only_the_reader(text, fault)], ids=lambda text: text[11:60]
)
def test_what_the_reader_refuses_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_policy(text)

    assert not POLICY.is_valid(edited(text))


@pytest.mark.parametrize(
    "change", [change for change, fault in EXEMPTION_FAULTS if not _only_the_reader("", fault)], ids=str
)
def test_what_the_reader_refuses_of_exemptions_is_refused(change: dict[str, Any]) -> None:
    assert not EXEMPTIONS.is_valid(edited(document(change)))
