"""YAML with positions: every value knows its place, and no text fails in any way but as a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.yaml_source import Faults, Located, mapping, parse, shown
from tests.unit.strategies import yaml_ish


def read(text: str) -> tuple[Located, tuple[str, ...]]:
    faults = Faults()
    return parse(text, faults), faults.lines()


def test_every_value_knows_its_line_and_column() -> None:
    root, faults = read("a: 1\nb:\n  - x\n  - {c: true}\n")

    assert faults == ()
    assert mapping(root)["a"] == Located(1, 1, 4)
    items = mapping(root)["b"].value
    assert items[0] == Located("x", 3, 5)
    assert mapping(items[1])["c"] == Located(True, 4, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [("a: 3", 3), ("a: '3'", "3"), ("a: true", True), ("a: no", False), ("a:", None), ("a: 3d", "3d"), ("a: 1.5", 1.5)],
)
def test_scalars_have_the_types_of_yaml(text: str, value: object) -> None:
    assert mapping(read(text)[0])["a"].value == value


@pytest.mark.parametrize("text", ["", "# nothing", "---", "\ufeff"])
def test_an_empty_document_is_an_empty_mapping(text: str) -> None:
    root, faults = read(text)

    assert (root.value or {}, faults) == ({}, ())


def test_a_document_from_windows_begins_with_a_mark_and_has_other_line_ends() -> None:
    root, faults = read("\ufeffa: 1\r\nb: 2\r\n")

    assert faults == ()
    assert mapping(root)["b"] == Located(2, 2, 4)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [1", "line 1, column 6: this is not valid YAML"),
        ("a: 1\n\tb: 2", "line 2, column 1: this is not valid YAML"),
        ("a: 1\n---\nb: 2", "line 2, column 1: this is not valid YAML: a second document begins here: leave out `---`"),
        ("\x00", "line 1, column 1: this is not valid YAML"),
        ("[" * 3_000, "line 1, column 1: this is not valid YAML"),
        ('"\\UFFFFFFFF"', "line 1, column 1: this is not valid YAML"),
        ("%YAML 1." + "9" * 5_000 + "\n---", "line 1, column 1: this is not valid YAML"),
        ("a: 1\na: 2", "line 2, column 1: key `a` is given twice"),
        ("a: &x 1\nb: *x", "line 2, column 4: this is not valid YAML: aliases (`*name`) are not supported"),
        ("a: &x [*x]", "line 1, column 8: this is not valid YAML: aliases"),
        ("a: *x", "line 1, column 4: this is not valid YAML: aliases"),
        ("a: *", "line 1, column 5: this is not valid YAML"),
        ("? [a]\n: b", "line 1, column 3: a key must be a text, not a list or a mapping"),
        ("a: !!bool x", "line 1, column 4: the tag `!!bool` can't be used here: leave it out"),
        ("a: !!int ''", "line 1, column 4: the tag `!!int` can't be used here"),
        ("a: !!float x", "line 1, column 4: the tag `!!float` can't be used here"),
        ("a: !!timestamp x", "line 1, column 4: the tag `!!timestamp` can't be used here"),
        ("a: !!python/object:os.system x", "line 1, column 4: the tag `!!python/object:os.system` can't be"),
        ("a: !!python/object/apply:os.system ['id']", "line 1, column 4: the tag `!!python/object/apply:os.system`"),
        ("a: !!set {x}", "line 1, column 4: the tag `!!set` can't be used here"),
        ("a: !foo x", "line 1, column 4: the tag `!foo` can't be used here: leave it out"),
        ("!foo a: x", "line 1, column 1: the tag `!foo` can't be used here"),
        ("a: !!binary ä", "line 1, column 4: the tag `!!binary` can't be used here"),
        (
            "a: 1\nb: 'x\x07y'",
            "line 2, column 6: this is not valid YAML: the character U+0007 is not allowed: remove it",
        ),
        ("a: 1\r\nb: \x1b", "line 2, column 4: this is not valid YAML: the character U+001B"),
        ("a: 1\n\tb: 2", "line 2, column 1: this is not valid YAML: a tab stands here: indent with spaces"),
    ],
    ids=range(26),
)
def test_each_fault_names_its_place(text: str, fault: str) -> None:
    faults = read(text)[1]

    assert len(faults) == 1
    assert faults[0].startswith(fault)
    assert "\n" not in faults[0]


@pytest.mark.parametrize("text", ["=", "2026-99-99", "2026-12-20T10:00:00+25:00", "1" * 5_000])
def test_what_only_looks_like_a_date_or_a_number_is_a_text(text: str) -> None:
    root, faults = read(f"a: {text}")

    assert (mapping(root)["a"].value, faults) == (text, ())


def test_of_what_failed_already_nothing_more_is_told_and_it_counts() -> None:
    faults = Faults()
    failed = mapping(parse("a: !foo x", faults))["a"]
    faults.add(failed, "it is not a date either")

    assert (len(faults.lines()), faults.count) == (1, 2)


def test_aliases_within_aliases_do_not_grow() -> None:
    levels = "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )

    root, faults = read("a: &a [x]\n" + levels)

    assert root.value is None
    assert len(faults) == 1


def test_faults_come_in_the_order_of_the_document() -> None:
    faults = Faults()
    faults.add(Located(None, 10, 1), "third")
    faults.add(Located(None, 2, 9), "second")
    faults.add(Located(None, 2, 1), "first")

    assert [line.rsplit(": ", 1)[1] for line in faults.lines()] == ["first", "second", "third"]


def test_an_unknown_key_gets_the_one_that_was_probably_meant_or_all_that_are_allowed() -> None:
    faults = Faults()
    faults.unknown_keys(read("rulez: 1\nzzz: 2\nmode: 3")[0], ("rules", "mode"), "the policy")

    assert faults.lines() == (
        "line 1, column 1: unknown key `rulez` in the policy: did you mean `rules`?",
        "line 2, column 1: unknown key `zzz` in the policy: allowed are rules, mode",
    )


def test_a_guess_at_an_unknown_key_comes_with_all_that_are_allowed() -> None:
    faults = Faults()
    faults.unknown_keys(read("wait: 5m")[0], ("enforce_after", "within", "skip"), "`new_pools`")

    (line,) = faults.lines()
    assert line.endswith("`new_pools`: did you mean `within`? allowed are enforce_after, within, skip")


def test_a_key_has_a_place_of_its_own() -> None:
    root, _ = read("a:\n  long key: [x]\n")
    inner = mapping(mapping(root)["a"])["long key"]

    assert inner.key == Located(None, 2, 3)
    assert (inner.line, inner.column) == (2, 13)
    assert inner.value[0].key is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", "`x`"),
        ("3", "`3`"),
        ("off", "`off`"),
        ("22:00", "`22:00`"),
        ("'quoted'", "`quoted`"),
        ("", "an empty value"),
        ("~", "an empty value"),
        ("{}", "a mapping"),
        ("[]", "a list"),
        ('"two\\nlines"', "`two lines`"),
        ("x" * 101, f"`{'x' * 100}…`"),
    ],
)
def test_a_fault_shows_a_scalar_as_it_is_written_and_anything_else_by_its_kind(text: str, expected: str) -> None:
    assert shown(mapping(read(f"a: {text}")[0])["a"]) == expected


def test_a_thousand_unknown_keys_are_told_without_searching_for_what_was_meant() -> None:
    faults = Faults()
    faults.unknown_keys(read("".join(f"rulez{number}: 1\n" for number in range(1000)))[0], ("rules",), "the policy")

    assert faults.count == 1000
    assert "did you mean" in faults.lines()[0]
    assert "allowed are rules" in faults.lines()[999]


@given(yaml_ish | st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    root, faults = read(text)

    assert isinstance(root, Located)
    assert all(fault.startswith("line ") for fault in faults)
