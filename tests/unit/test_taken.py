"""From labels and answers to a proof: nobody who has not said yes counts as having said it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answers import Answer
from shared.domain.model import ProofLevel
from shared.domain.probes import Method
from shared.domain.proven import Node
from shared.domain.settings import ProofSettings
from shared.domain.taken import (
    Asked,
    contradicted,
    deepen,
    deepen_strays,
    doubt_left,
    nodes_of,
    not_proven,
    take_proof,
    take_strays,
)
from tests.builders import NOW, node, nodes, pool

BEGAN = NOW - timedelta(minutes=1)
SETTINGS = ProofSettings(ProofLevel.KERNEL, image="busybox")


def said(one: Node, *, fips: bool | None = True, why: str = "") -> Answer:
    return Answer(one.name, one.uid, one.boot, Method.KERNEL, fips, why=why)


def asked(*of: Node, **settings: Any) -> Asked:
    return Asked("apps", replace(SETTINGS, **settings), ProofLevel.KERNEL, of)


@given(
    st.lists(st.sampled_from([True, True, True, False, None, "nobody"]), min_size=1, max_size=6),
    st.sampled_from([0, 3, 6]),
    st.booleans(),
)
def test_a_proof_without_a_flaw_needs_a_yes_of_every_node(words: list[Any], count: int, ready: bool) -> None:
    first, *others = nodes(len(words))
    machines = (replace(first, ready=ready), *others)
    answers = {one.name: said(one, fips=word) for one, word in zip(machines, words, strict=True) if word != "nobody"}
    labels = take_proof(pool(count=count), machines, NOW)

    found = deepen(labels, asked(*machines), answers, "0a", BEGAN)

    assert found.level is ProofLevel.KERNEL
    if not (found.disagreeing or found.missing):
        assert ready
        assert all(word is True for word in words)
        assert found.nodes == len(words) >= count
    assert {*found.disagreeing} == {
        one.name for one, word in zip(machines, words, strict=True) if word is False and one.ready
    }


def test_those_that_did_not_answer_are_told_with_their_reasons_three_at_most() -> None:
    machines = nodes(5)
    answers = {one.name: said(one, fips=None, why="ImagePullBackOff") for one in machines[:4]}

    found = deepen(take_proof(pool(count=5), machines, NOW), asked(*machines), answers, "0a", BEGAN)

    assert (found.nodes, found.missing) == (0, 5)
    assert found.silent.count("ImagePullBackOff") == 3
    assert found.silent.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("joined", "covers", "missing"),
    [
        (BEGAN, timedelta(hours=1), 0),
        (BEGAN, timedelta(), 1),
        (BEGAN, timedelta(seconds=60), 1),
        (BEGAN - timedelta(seconds=1), timedelta(hours=1), 1),
        (None, timedelta(hours=1), 1),
    ],
)
def test_a_node_that_joined_meanwhile_is_covered_as_long_as_the_policy_says(
    joined: Any, covers: timedelta, missing: int
) -> None:
    old, new = node("old"), node("new", joined=joined)

    found = deepen(
        take_proof(pool(count=2), (old, new), NOW),
        asked(old, new, joined_nodes=covers),
        {"old": said(old)},
        "0a",
        BEGAN,
    )

    assert found.missing == missing


def test_nobody_is_covered_by_a_proof_that_nobody_gave() -> None:
    new = node("new", joined=BEGAN)

    found = deepen(take_proof(pool(count=1), (new,), NOW), asked(new, joined_nodes=timedelta(days=1)), {}, "0a", BEGAN)

    assert found.missing == 1


class TestSample:
    """Who speaks for all is drawn by chance, and the same in every look."""

    @pytest.mark.parametrize(("count", "size"), [(1, 1), (10, 10), (11, 10), (100, 10), (101, 11), (1000, 100)])
    def test_it_is_a_tenth_and_ten_at_least(self, count: int, size: int) -> None:
        group = asked(*nodes(count), sampling=True)

        assert len(group.sample("0a")) == size
        assert group.sample("0a") == group.sample("0a")

    def test_another_proof_draws_others(self) -> None:
        group = asked(*nodes(1000), sampling=True)

        assert group.sample("0a") != group.sample("0b")

    def test_only_ready_nodes_are_drawn(self) -> None:
        group = asked(*nodes(30, ready=False), node("only"), sampling=True)

        assert group.sample("0a") == (node("only"),)

    def test_without_leave_all_are_asked(self) -> None:
        assert len(asked(*nodes(1000)).sample("0a")) == 1000


class TestTurns:
    """Where the way in can't ask all nodes, those in doubt are asked first, and none of them is taken for proven."""

    machines = nodes(125)
    names = tuple(sorted(one.name for one in machines))

    def doubting(self, *doubts: str) -> Asked:
        return replace(asked(*self.machines, sampling=True), doubted=True, doubts=doubts)

    def test_so_many_are_asked_as_can_be_and_those_in_doubt_come_first(self) -> None:
        doubts = self.names[:60]
        assert len(self.doubting(*doubts).narrowed(100).sample("0a")) >= 60
        drawn = self.doubting(*doubts).narrowed(50).sample("0a")
        assert (len(drawn), {one.name for one in drawn} <= {*doubts}) == (50, True)

    def test_a_sample_is_never_smaller_than_the_policy_has_it(self) -> None:
        assert len(self.doubting(*self.names[:60]).narrowed(5).sample("0a")) == 13

    def test_where_nobody_knows_who_is_in_doubt_everybody_is(self) -> None:
        assert self.doubting().narrowed(50).doubts == self.names
        group = replace(self.doubting(), doubted=False)
        assert group.narrowed(50) == group

    def test_those_whose_turn_has_not_come_are_unproven_and_stay_in_doubt(self) -> None:
        group = self.doubting(*self.names).narrowed(100)
        answers = {one.name: said(one) for one in group.sample("0a")}
        heard = take_proof(pool(count=125), self.machines, NOW), group, answers, "0a", BEGAN
        found, left = deepen(*heard), doubt_left(*heard)

        assert (found.nodes, found.missing) == (100, 25)
        assert "its turn comes in a later proof" in found.silent
        assert {*left["doubts"]} == {*self.names} - {*answers}
        strays = deepen_strays(take_strays(self.machines, NOW), group, answers, "0a")
        assert (strays.missing, strays.doubts) == (25, left["doubts"])

    def test_when_they_have_said_yes_nobody_is_in_doubt(self) -> None:
        group = self.doubting(*self.names[:25]).narrowed(100)
        answers = {one.name: said(one) for one in group.sample("0b")}
        heard = take_proof(pool(count=125), self.machines, NOW), group, answers, "0b", BEGAN

        assert doubt_left(*heard) == {"doubted": False, "doubts": ()}
        assert not deepen(*heard).flawed

    def test_without_turns_nobody_is_passed_over(self) -> None:
        assert self.doubting(*self.names).passed_over("0a") == ()


def test_what_labels_say_of_nodes_outside_every_pool_that_are_not_ready_proves_nothing() -> None:
    found = take_strays((*nodes(2, pool=""), node("away", pool="", ready=False)), NOW)
    assert (found.nodes, found.missing, found.flawed) == (3, 1, True)


TAKEN = take_proof(pool(), nodes(3), NOW)


@pytest.mark.parametrize(
    ("seen", "disagrees", "other"),
    [
        (nodes(3), False, False),
        ((*nodes(2), replace(nodes(3)[2], fips_label=None)), True, True),
        ((*nodes(2), replace(nodes(3)[2], image_label="AKSUbuntu-1")), True, True),
        ((*nodes(2), replace(nodes(3)[2], ready=False)), True, False),
        ((*nodes(2), replace(nodes(3)[2], uid="another")), False, True),
        ((*nodes(2), replace(nodes(3)[2], boot="another")), False, True),
        (nodes(2), False, True),
        (nodes(4), False, True),
    ],
)
def test_what_a_list_shows_of_proven_machines_is_compared_with_their_proof(
    seen: tuple[Node, ...], *, disagrees: bool, other: bool
) -> None:
    """Whether it contradicts the proof, and whether they are not the machines that gave it."""
    assert contradicted(pool(), TAKEN, seen, NOW) is disagrees
    assert bool(not_proven(pool(), TAKEN, seen, NOW)) is other


def test_a_proof_that_settled_nothing_is_asked_again_without_that() -> None:
    assert not contradicted(pool(), replace(TAKEN, missing=1), (*nodes(2), replace(nodes(3)[2], ready=False)), NOW)


def test_a_node_without_a_label_of_its_image_is_counted_and_one_whose_label_is_no_text_disagrees() -> None:
    first, second, third = nodes(3)

    found = take_proof(pool(), (first, replace(second, image_label=""), replace(third, image_label="?")), NOW)

    assert (found.imageless, found.disagreeing) == (1, (third.name,))


def test_where_nobody_asks_nodes_their_labels_are_what_there_is() -> None:
    assert not_proven(pool(), None, nodes(4), NOW) == ""
    assert "don't carry the FIPS label" in not_proven(pool(), None, nodes(40, fips_label=None), NOW)


def test_virtual_nodes_are_no_machines_of_a_pool() -> None:
    assert nodes_of((node("a"), node("aci", virtual=True)), "apps") == (node("a"),)


@pytest.mark.parametrize(
    ("fips", "ready", "expected"),
    [(True, True, (0, 0)), (False, True, (1, 0)), (None, True, (0, 1)), (True, False, (0, 1))],
)
def test_nodes_outside_every_pool_are_proven_only_by_a_yes(
    fips: bool | None,
    ready: bool,
    expected: tuple[int, int],
) -> None:
    one = node("aks-nap-1", pool="", ready=ready)
    group = Asked("", SETTINGS, ProofLevel.KERNEL, (one,))

    found = deepen_strays(take_strays((one,), NOW), group, {one.name: said(one, fips=fips, why="why")}, "0a")

    assert (found.disabled, found.missing) == expected
    assert found.denying == (fips is False)
    assert found.level is ProofLevel.KERNEL
    assert found.names == ("aks-nap-1",)


@pytest.mark.parametrize(("count", "sampled"), [(10, 0), (40, 10)])
def test_a_sample_of_nodes_outside_every_pool_is_called_one_and_names_who_was_asked(count: int, sampled: int) -> None:
    machines = nodes(count, pool="")
    group = Asked("", replace(SETTINGS, sampling=True), ProofLevel.KERNEL, machines)
    answers = {one.name: said(one) for one in group.sample("0a")}

    found = deepen_strays(take_strays(machines, NOW), group, answers, "0a")

    assert (found.sampled, found.missing) == (sampled, 0)
    assert {*found.names} <= {*answers}


def test_those_that_deny_their_label_are_named_and_not_those_that_never_had_it() -> None:
    plain, liar = node("a", pool="", fips_label=None), node("b", pool="")
    answers = {plain.name: said(plain, fips=False), liar.name: said(liar, fips=False)}
    group = Asked("", SETTINGS, ProofLevel.KERNEL, (plain, liar))

    found = deepen_strays(take_strays(group.nodes, NOW), group, answers, "0a")

    assert (found.disabled, found.denying, found.names) == (2, 1, ("b",))
