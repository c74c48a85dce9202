"""The controls: a dated, sourced list whose spelling is that of NIST's catalog, with our reading beside it."""

import re

from shared.domain.controls import Baseline, Basis, controls


def test_the_controls_that_the_issue_names_are_there() -> None:
    assert {one.name for one in controls().controls} == {"SC-13", "IA-7", "SC-12", "SC-8", "SC-28", "CM-6", "CA-7"}


def test_ids_and_statements_are_spelled_as_in_the_catalog() -> None:
    for one in controls().controls:
        assert re.fullmatch(r"[a-z]{2}-\d{1,2}", one.id)
        assert re.fullmatch(rf"{one.id}_smt(\.[a-z])?", one.statement)


def test_each_says_what_it_asks_what_it_means_here_and_the_list_says_where_from() -> None:
    for one in controls().controls:
        assert one.asks.endswith(".")
        assert one.here.endswith(".")
    assert "800-53" in controls().source


def test_each_says_where_it_stands_and_which_baselines_of_fedramp_have_it() -> None:
    for one in controls().controls:
        assert one.name in one.source
        item = one.statement.partition("_smt.")[2]
        assert (f"item {item} of" if item else "one statement") in one.source
        # All of them are in the smallest baseline, and each baseline has what the ones below it have.
        assert one.fedramp == tuple(Baseline)
    assert "fedramp-automation" in controls().baselines


def test_no_control_is_there_twice_on_one_basis() -> None:
    seen = [(one.statement, one.basis) for one in controls().controls]

    assert len(seen) == len(set(seen))


def test_what_only_helps_says_that_it_is_not_assessed() -> None:
    for one in controls().controls:
        assert ("is not assessed" in one.here) == (one.basis is Basis.SUPPORTS)
