"""The policy's reference says all of the language and nothing else: every example is read, every key is there."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, is_dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml

from shared.domain.exemptions import Exemption, Exemptions
from shared.domain.language import Key, keys
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.policy import Policy
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.policy_warnings import policy_warnings
from shared.domain.reasons import REASONS
from shared.domain.scalars import duration_text
from shared.domain.settings import Settings
from shared.errors import ConfigError
from tests.unit.test_exemptions import GOOD
from tests.unit.test_schema import EXEMPTIONS, POLICY, edited

REFERENCE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
FAULTY = re.findall(r"```yaml faulty\n(.*?)```\n\ngives?\n\n```text\n(.*?)```", REFERENCE, re.DOTALL)
ROWS: dict[str, tuple[str, str]] = {
    key: (default.strip(), example)
    for key, default, example in re.findall(r"(?m)^\| `([\w.\[\]]+)` \|.*\| ([^|]*) \| `([^`]*)` \|$", REFERENCE)
}
"""By key: its default as it is told, and its example."""


def _is_exemptions(document: Any) -> bool:
    return isinstance(document.get("exemptions"), list)


def test_the_reference_has_examples_and_faults() -> None:
    assert len(EXAMPLES) > 10
    assert len(FAULTY) == REFERENCE.count("```yaml faulty") == 2


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_read_and_its_schema_takes_it(text: str) -> None:
    document = edited(text)
    schema = EXEMPTIONS if _is_exemptions(document) else POLICY

    assert (read_exemptions(text) if _is_exemptions(document) else read_policy(text)).hash
    assert list(schema.iter_errors(document)) == []


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_a_policy_contradicts_itself_only_where_that_is_its_point(text: str) -> None:
    if _is_exemptions(edited(text)):
        return

    warnings = policy_warnings(read_policy(text))

    assert len(warnings) == ("concurrent: 0" in text)


@pytest.mark.parametrize(("text", "shown"), FAULTY)
def test_the_faults_that_are_shown_are_those_that_are_reported(text: str, shown: str) -> None:
    read = read_exemptions if _is_exemptions(edited(text)) else read_policy

    with pytest.raises(ConfigError) as raised:
        read(text)

    assert raised.value.faults == tuple(shown.splitlines())


def _rows(kind: Any, prefix: str) -> Iterator[tuple[str, Key]]:
    """The rows that a record needs: its keys, and those of the records in it that have no table of their own."""
    for key in keys(kind):
        name = prefix + key.name
        inner = get_args(key.kind)[0] if get_origin(key.kind) is tuple else key.kind
        if key.notes.get("flat"):
            yield from _rows(key.kind, prefix) if prefix == "" else ()
        elif key.written and inner in (Match, ClusterMatch, Limit, VersionRange):
            yield name, key
        elif key.written and is_dataclass(inner):
            yield from _rows(inner, f"{name}[]." if inner is not key.kind else f"{name}.")
        elif key.written:
            yield name, key


NEEDED = {
    **dict(_rows(Policy, "")),
    **dict(_rows(Exemptions, "")),
    **dict(_rows(Match, "match.")),
    **dict(_rows(Limit, "limit.")),
}
LISTS = {"windows", "blackouts", "rules", "rings"}


def test_every_key_of_the_types_has_a_row_and_no_row_is_of_another_key() -> None:
    assert set(ROWS) == {*NEEDED, *LISTS, "version", "rules[].mode"}


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_default_is_told_as_the_type_has_it(name: str) -> None:
    told, default = ROWS[name][0], NEEDED[name].default
    if default is MISSING:
        assert told == "required"
    elif (shown := _shown(NEEDED[name])) is None:
        assert told
        assert not told.startswith("`")
        assert told != "required"
    else:
        assert told == f"`{shown}`"


def _shown(key: Key) -> str | None:
    """How a default is written; None if it is nothing."""
    match key.default:
        case timedelta():
            return duration_text(key.default)
        case bool():
            return str(key.default).lower()
        case int():
            return f"{key.default}%" if key.notes.get("percent") else str(key.default)
        case Limit():
            return str(key.default.count)
        case StrEnum() | str():
            return str(key.default) or None
        case _:
            return None


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_example_of_a_row_is_read_where_it_belongs(name: str) -> None:
    text = yaml.safe_dump(_around(name, yaml.safe_load(ROWS[name][1])), sort_keys=False)

    if name.startswith("exemptions[]"):
        assert read_exemptions(text) != read_exemptions("version: 1")
    else:
        assert read_policy(text)


def test_the_example_of_a_time_is_quoted() -> None:
    assert ROWS["windows[].start"][1] == '"22:00"'


AROUND: dict[str, dict[str, Any]] = {
    "windows": {"start": "22:00", "length": "1h"},
    "blackouts": {"first": "2026-01-01", "last": "2027-12-31", "reason": "x"},
    "rules": {"name": "x", "mode": "audit"},
    "rings": {"name": "last"},
    "exemptions": {**GOOD, "expires": "2027-12-31"},
}


def _around(name: str, value: Any) -> dict[str, Any]:
    """The smallest document in which a value stands under a key."""
    first, _, rest = name.partition(".")
    if first == "match":
        return {"version": 1, "rules": [{**AROUND["rules"], "match": {rest: value}}]}
    if first == "limit":
        return {"version": 1, "disruption": {"concurrent": {rest: value}}}
    if first.endswith("[]"):
        listed = first.removesuffix("[]")
        before = [{"name": "test"}] if name == "rings[].after" else []
        return {"version": 1, listed: [*before, {**AROUND[listed], rest: value}]}
    for part in reversed(name.split(".")):
        value = {part: value}
    return {"version": 1, **value}


def test_every_word_of_a_closed_set_is_told() -> None:
    for kind in {key.kind for name, key in NEEDED.items() if isinstance(key.kind, type)}:
        if issubclass(kind, StrEnum):
            assert [word for word in kind if f"`{word}`" not in REFERENCE] == []


def test_the_reasons_that_exemptions_may_cover_are_listed() -> None:
    (listed,) = re.findall(r"(?s)The reasons that `covers` may name.*?:\n\n(.*?)\n\n", REFERENCE)

    assert tuple(re.findall(r"`(\w+)`", listed)) == REASONS


def test_the_whole_example_holds_every_key() -> None:
    written = set(re.findall(r"\b(\w+):", EXAMPLES[1]))
    rows = {name.split(".")[-1] for name in ROWS if not name.startswith("exemptions[]")}

    assert written >= rows - {"mode"} | {key.name for key in keys(Settings)}


def test_the_example_of_an_exemption_holds_every_key() -> None:
    text = next(text for text in EXAMPLES if _is_exemptions(edited(text)))

    assert set(edited(text)["exemptions"][0]) == {key.name for key in keys(Exemption) if key.written}
