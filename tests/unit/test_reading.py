"""Records are read by their types: what a type says of its fields is what the reader asks of a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, get_args

import pytest

from shared.domain import language
from shared.domain.exemptions import Exemptions
from shared.domain.language import called, keys, names
from shared.domain.policy import Policy
from shared.domain.reading import Reader
from shared.domain.scalars import duration_text
from shared.domain.yaml_source import Faults, parse


class Colour(StrEnum):
    """A closed set."""

    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Inner:
    """A record within a record."""

    size: int = field(default=1, metadata={"least": 0, "most": 9})
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Item:
    """An item of a list; raises ValueError for an unlucky number."""

    number: int
    line: int = field(default=0, metadata={"place": True})

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("13 brings no luck")


@dataclass(frozen=True)
class Flat:
    """A record whose keys stand in the one around it."""

    wait: timedelta = timedelta(hours=1)
    must: str = ""


@dataclass(frozen=True)
class Outer:
    """A bit of everything."""

    title: str = field(metadata={"key": "name", "longest": 5})
    inner: Inner = field(default=Inner())
    items: tuple[Item, ...] = field(default=(), metadata={"empty": "and useless"})
    words: Mapping[str, str] = field(default_factory=dict)
    share: int | None = field(default=None, metadata={"percent": True})
    flat: Flat = field(default=Flat(), metadata={"flat": True, "missing": {"must": ": it must"}})
    mark: str = field(default="own", metadata={"unread": True})


def read(text: str, base: Outer | None = None) -> tuple[Outer | None, tuple[str, ...]]:
    faults = Faults()
    found = Reader(faults).record(Outer, parse(text, faults), "an outer", base)
    return found, faults.lines()


def test_a_record_is_read_with_all_that_is_in_it() -> None:
    found, faults = read("""
name: abc
inner: {size: 3, colour: green}
items: [{number: 1}, {number: 2}]
words: {a: b}
share: 40%
wait: 30s
must: x
""")

    assert faults == ()
    assert found == Outer(
        "abc", Inner(3, Colour.GREEN), (Item(1, 4), Item(2, 4)), {"a": "b"}, 40, Flat(timedelta(seconds=30), "x")
    )


def test_what_is_left_out_is_as_the_type_has_it() -> None:
    assert read("{name: abc, must: x}") == (Outer("abc", flat=Flat(must="x")), ())


def test_what_is_left_out_is_as_in_the_base_key_by_key_within_records_too() -> None:
    base = Outer("base", Inner(5, Colour.GREEN), (Item(7),), flat=Flat(timedelta(days=1), "y"))

    found, faults = read("{name: abc, inner: {size: 3}, must: x}", base)

    assert faults == ()
    assert found == Outer("abc", Inner(3, Colour.GREEN), (Item(7),), flat=Flat(timedelta(days=1), "x"))


def test_a_record_that_is_at_fault_is_not_made() -> None:
    assert read("{name: abc, must: x, inner: {size: 10}}")[0] is None
    base = Outer("base")
    assert read("{name: abc, must: x, inner: {size: 10}}", base)[0] is base


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "line 1, column 1: an outer must be a mapping of name, inner, items, words, share, wait, must"),
        ("{must: x}", "line 1, column 1: an outer has no `name`: it is needed"),
        ("{name: abc}", "line 1, column 1: outer `abc` has no `must`: it must"),
        ("{name: abc, must: x, title: y}", "line 1, column 22: unknown key `title` in an outer"),
        ("{name: abc, must: x, mark: y}", "line 1, column 22: unknown key `mark` in an outer"),
        ("{name: abc, must: x, flat: {}}", "line 1, column 22: unknown key `flat` in an outer"),
        ("{name: abcdef, must: x}", "line 1, column 8: `name`: `abcdef` is 6 characters long: 5 are allowed"),
        ("{name: abc, must: x, inner: 3}", "line 1, column 29: `inner` must be a mapping of size, colour"),
        ("{name: abc, must: x, inner: {size: -1}}", "line 1, column 36: `size`: `-1` is too little: `0` is the least"),
        ("{name: abc, must: x, inner: {size: 10}}", "line 1, column 36: `size`: `10` is too much: `9` is the most"),
        ("{name: abc, must: x, inner: {size: true}}", "line 1, column 36: `size`: `true` is not a count"),
        ("{name: abc, must: x, inner: {colour: gren}}", "line 1, column 38: `colour`: `gren` is not one of red, green"),
        ("{name: abc, must: x, items: []}", "line 1, column 29: `items` is empty and useless"),
        (
            "{name: abc, must: x, items: {}}",
            "line 1, column 29: `items` must be a list: begin each of its entries with `- `",
        ),
        ("{name: abc, must: x, items:}", "line 1, column 28: `items` must be a list: fill it or leave it out"),
        ("{name: abc, must: x, items: 7}", 'line 1, column 29: `items` must be a list: write `["7"]`'),
        ("{name: abc, must: x, items: [3]}", "line 1, column 30: an item must be a mapping of number"),
        ("{name: abc, must: x, items: [{}]}", "line 1, column 30: an item has no `number`"),
        ("{name: abc, must: x, items: [{number: 13}]}", "line 1, column 30: 13 brings no luck"),
        ("{name: abc, must: x, words: [a]}", "line 1, column 29: `words` must be a mapping of names to texts"),
        ("{name: abc, must: x, words: {a: 1}}", "line 1, column 33: `a`: `1` is not a text (quote it)"),
        (
            "{name: abc, must: x, words: {a: [b, c]}}",
            "line 1, column 33: `a`: a list is not a text: write one, without brackets",
        ),
        ("{name: abc, must: x, share: 40}", "line 1, column 29: `share`: `40` is not a share"),
        ("{name: abc, must: x, share:}", "line 1, column 28: `share`: an empty value is not a share"),
        ("{name: abc, must: x, wait: soon}", "line 1, column 28: `wait`: `soon` is not a duration"),
        ("{name: abc, must: {a: b}}", "line 1, column 19: `must`: a mapping is not a text"),
    ],
)
def test_each_fault_is_told_once_and_at_its_place(text: str, fault: str) -> None:
    _, faults = read(text)

    assert len(faults) == 1, faults
    assert faults[0].startswith(fault)


def test_a_faulty_item_does_not_hide_the_next_ones_fault() -> None:
    _, faults = read("{name: abc, must: x, items: [{number: a}, {number: 13}, {number: 1}]}")

    assert len(faults) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=36), "36h"),
        (timedelta(days=3), "3d"),
    ],
)
def test_a_duration_is_shown_as_somebody_would_write_it(value: timedelta, text: str) -> None:
    assert duration_text(value) == text


def test_a_record_is_called_by_its_type() -> None:
    assert (called(Item), called(Colour)) == ("an item", "a colour")


def _records(kind: Any) -> Iterator[type]:
    """All records that a language is made of."""
    yield kind
    for key in keys(kind):
        for inner in (key.kind, *get_args(key.kind)):
            if is_dataclass(inner):
                yield from _records(inner)


@pytest.mark.parametrize("kind", [Policy, Exemptions])
def test_metadata_says_nothing_that_nobody_reads(kind: type) -> None:
    known = {
        name.strip(" `")
        for line in (language.__doc__ or "").splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].split(",")
    }
    assert {"least", "most", "nameless"} <= known
    for record in _records(kind):
        for each in fields(record):
            assert set(each.metadata) <= known, (record, each.name)


def test_no_key_of_a_record_means_two_things() -> None:
    for kind in {*_records(Policy), *_records(Exemptions)}:
        assert len(set(names(kind))) == len(names(kind)), kind
