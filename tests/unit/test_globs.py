"""Two globs meet if some text fits both: found without trying texts, and never missed."""

from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.globs import meet


def _fitting(text: str) -> st.SearchStrategy[str]:
    """Globs that nearly always fit a text."""
    parts = [st.sampled_from([each, each, "?", "*", "**", f"[{each}]", "[!c]", "[!-~]", f"*{each}"]) for each in text]
    return st.tuples(*parts).map("".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*", "anything"),
        ("", ""),
        ("", "*"),
        ("aks-*", "*-prod"),
        ("AKS-*", "aks-pay"),
        ("a?c", "abc"),
        ("[ab]x", "[bc]x"),
        ("[!a]", "[!b]"),
        ("[a-f]", "[e-z]"),
        ("[!a-z]", "5"),
        ("[]]", "]"),
        ("[", "?"),
        ("a[", "a["),
        ("*a*b*", "*b*a*"),
    ],
)
def test_globs_with_a_text_in_common_meet_both_ways(one: str, other: str) -> None:
    assert meet(one, other)
    assert meet(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "b"),
        ("", "?"),
        ("aks-*", "eks-*"),
        ("*-dev", "*-prod"),
        ("a?", "a"),
        ("[ab]", "[cd]"),
        ("[!a]", "a"),
        ("[", "x"),
        ("a*b", "a*c"),
        ("??", "?"),
    ],
)
def test_globs_without_one_do_not(one: str, other: str) -> None:
    assert not meet(one, other)
    assert not meet(other, one)


@given(st.text("ab-![]", max_size=5).flatmap(lambda text: st.tuples(st.just(text), _fitting(text), _fitting(text))))
def test_a_text_that_fits_both_is_never_missed(made: tuple[str, str, str]) -> None:
    text, one, other = made
    assume(fnmatchcase(text, one) and fnmatchcase(text, other))

    assert meet(one, other)


@given(st.text("ab*?", max_size=4), st.text("ab*?", max_size=4))
def test_globs_that_meet_have_a_text_in_common(one: str, other: str) -> None:
    texts = ("".join(letters) for size in range(8) for letters in product("ab", repeat=size))

    assert meet(one, other) is any(fnmatchcase(text, one) and fnmatchcase(text, other) for text in texts)


def test_long_globs_of_stars_take_no_time() -> None:
    assert meet("*a" * 120 + "*", "*b" * 120)
    assert not meet("*a" * 120 + "x", "*b" * 120 + "y")
