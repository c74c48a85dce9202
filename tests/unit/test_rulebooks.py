"""The rulebook in any order of good and broken texts: today's if both can be used, else the last good pair, marked."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.domain.model import Mode, Unreadable
from shared.domain.policy import Policy
from shared.domain.rulebook import Rulebook
from shared.errors import ConfigError, InputError
from shared.ports import Put, Written
from shared.rulebooks import Rulebooks, last_used
from tests.builders import NOW, cluster, cluster_id
from tests.texts import MemoryText

AUDIT, ENFORCE = "version: 1\nmode: audit\n", "version: 1\nmode: enforce\n"
NOBODY = "version: 1\nexemptions: []\n"
LEGACY = """version: 1
exemptions:
  - { name: legacy, match: { pools: [legacy] }, category: waiver, reason: no driver, owner: ana@example.com,
      approver: bob@example.com, ticket: RISK-17, created: 2026-11-01, expires: 2027-03-01 }
"""
BROKEN, AWAY = "version: 1\nmode: enforc\n", Unreadable("Unreachable", "the storage said 503", timedelta(seconds=30))


class Desk:
    """Both files, and the app's table."""

    def __init__(self, policy: str | Unreadable = ENFORCE, exemptions: str | Unreadable = LEGACY) -> None:
        self.policy, self.exemptions = MemoryText(policy), MemoryText(exemptions, "exemptions.yaml")
        self.table = MemoryTable(ManualClock(NOW))
        self.rulebooks = self.process()

    def process(self) -> Rulebooks:
        """A process that has just begun."""
        return Rulebooks(self.policy, self.exemptions, self.table)

    def book(self) -> Rulebook:
        """What holds."""
        found = self.rulebooks.load()
        assert isinstance(found, Rulebook)
        return found


def names(rules: Rulebook) -> tuple[Mode, list[str]]:
    """What tells two rulebooks apart here."""
    return rules.policy.defaults.mode, [each.name for each in rules.exemptions.entries]


GOOD_POLICIES = {AUDIT: Mode.AUDIT, ENFORCE: Mode.ENFORCE}
GOOD_EXEMPTIONS: dict[str, list[str]] = {NOBODY: [], LEGACY: ["legacy"]}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([AUDIT, ENFORCE, BROKEN, AWAY]),
            st.sampled_from([NOBODY, LEGACY, BROKEN, AWAY]),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_in_any_order_it_is_todays_pair_or_the_last_good_one_marked(
    states: list[tuple[str | Unreadable, str | Unreadable, bool]],
) -> None:
    desk, good = Desk(), None
    for policy, exemptions, restarted in states:
        desk.policy.text, desk.exemptions.text = policy, exemptions
        if restarted:
            desk.rulebooks = desk.process()
        usable = policy in GOOD_POLICIES and exemptions in GOOD_EXEMPTIONS
        if usable:
            good = GOOD_POLICIES[str(policy)], GOOD_EXEMPTIONS[str(exemptions)]

        found = desk.rulebooks.load()

        if good is None:
            assert isinstance(found, Unreadable)
        else:
            assert isinstance(found, Rulebook)
            assert names(found) == good
            assert bool(found.trouble) is not usable


@pytest.mark.parametrize(
    ("policy", "exemptions", "said"),
    [
        (BROKEN, LEGACY, "`enforc` is not one of"),
        (ENFORCE, BROKEN, "exemptions.yaml"),
        (AWAY, LEGACY, "the storage said 503"),
        (ENFORCE, AWAY, "the storage said 503"),
    ],
)
def test_the_trouble_says_what_is_wrong_and_that_nothing_is_changed(
    policy: str | Unreadable, exemptions: str | Unreadable, said: str
) -> None:
    desk = Desk()
    desk.book()
    desk.policy.text, desk.exemptions.text = policy, exemptions

    trouble = desk.book().trouble

    assert said in trouble
    assert "nothing is changed until it is mended" in trouble


def test_where_both_are_broken_the_trouble_says_what_is_wrong_with_both() -> None:
    found = Desk(BROKEN, "version: 1\nexemptions: [{}]\n").rulebooks.load()

    assert isinstance(found, Unreadable)
    assert found.message.startswith("policy.yaml and exemptions.yaml: policy.yaml: line 2, column 7: `mode`: `enforc`")
    assert "; exemptions.yaml: line 2, column 14: an exemption has no `match`" in found.message


def test_exemptions_that_overlap_by_the_rules_of_a_broken_policy_are_not_said_to() -> None:
    twice = LEGACY + LEGACY.partition("exemptions:\n")[2].replace("name: legacy", "name: again")

    alone, beside = Desk(ENFORCE, twice).rulebooks.load(), Desk(BROKEN, twice).rulebooks.load()

    assert isinstance(alone, Unreadable)
    assert isinstance(beside, Unreadable)
    assert ("overlaps" in alone.message, "overlaps" in beside.message) == (True, False)


def test_a_mended_file_holds_at_once() -> None:
    desk = Desk()
    for text in (ENFORCE, BROKEN, AUDIT):
        desk.policy.text = text
        found = desk.book()

    assert (names(found), found.trouble) == ((Mode.AUDIT, ["legacy"]), "")


def test_without_an_exemptions_file_nobody_is_exempt() -> None:
    table = MemoryTable(ManualClock(NOW))

    found = Rulebooks(MemoryText(ENFORCE), None, table).load()

    assert isinstance(found, Rulebook)
    assert found.exemptions.entries == ()
    assert names(last_used(table)) == (Mode.ENFORCE, [])


class TestReadingAgain:
    """Looks load the rulebook again and again: the same texts are parsed once."""

    def test_texts_that_have_not_changed_are_not_parsed_anew(self) -> None:
        desk = Desk()

        assert desk.book().exemptions is desk.book().exemptions

    def test_nor_are_the_last_good_ones_while_today_s_are_broken(self) -> None:
        desk = Desk()
        good = desk.book().exemptions
        desk.policy.text = BROKEN

        assert [desk.book().exemptions is good for _ in range(3)] == [True] * 3

    def test_exemptions_are_read_anew_by_the_rules_of_another_policy(self) -> None:
        desk = Desk()
        before = desk.book()
        desk.policy.text = AUDIT

        assert desk.book().exemptions is not before.exemptions

    def test_what_a_scope_holds_is_asked_at_every_load_all_the_same(self) -> None:
        answers = iter([Policy(hash="first"), Policy(hash="second")])
        books = Rulebooks(MemoryText(ENFORCE), None, MemoryTable(ManualClock(NOW)), lambda _: next(answers))

        found = [books.load() for _ in range(2)]

        assert [isinstance(each, Rulebook) and each.policy.hash for each in found] == ["first", "second"]


def test_the_hash_is_that_of_both_texts() -> None:
    pairs = [(ENFORCE, LEGACY), (ENFORCE, NOBODY), (AUDIT, LEGACY), (ENFORCE + "# a comment\n", LEGACY)]

    assert len({Desk(*pair).book().hash for pair in pairs}) == 4
    assert Desk().book().hash == Desk().book().hash


def test_who_loses_the_race_to_keep_a_pair_goes_on() -> None:
    class Raced(MemoryTable):
        """Somebody else writes first."""

        def write(self, partition: str, put: Put) -> Written | None:  # noqa: ARG002 (the port's)
            """Lose."""
            return None

    found = Rulebooks(MemoryText(ENFORCE), None, Raced(ManualClock(NOW))).load()

    assert isinstance(found, Rulebook)
    assert not found.trouble


class TestResolving:
    """A scope that names what has to be asked for is resolved at every load, or not used at all."""

    def test_what_it_resolves_to_holds(self) -> None:
        scoped = Rulebooks(
            MemoryText(ENFORCE),
            None,
            MemoryTable(ManualClock(NOW)),
            lambda _: Policy(hash="resolved"),
            lambda _: ("odd",),
        ).load()

        assert isinstance(scoped, Rulebook)
        assert (scoped.policy.hash, scoped.warnings) == ("resolved", ("odd",))

    def test_what_cannot_be_resolved_is_not_used(self) -> None:
        table = MemoryTable(ManualClock(NOW))

        assert Rulebooks(MemoryText(ENFORCE), None, table, lambda _: AWAY).load() == AWAY
        assert table.read("rulebook", "rulebook") is None, "and not kept as good"


class TestLastUsed:
    """What a command tells of the app is what the app used last."""

    def test_it_is_the_pair_of_the_last_good_load(self) -> None:
        desk = Desk()
        desk.book()
        desk.policy.text = BROKEN
        desk.book()

        assert names(last_used(desk.table)) == (Mode.ENFORCE, ["legacy"])

    def test_before_the_first_it_says_what_to_do(self) -> None:
        with pytest.raises(InputError, match="wait for its first look"):
            last_used(MemoryTable(ManualClock(NOW)))

    def test_what_this_version_cannot_read_is_told_with_its_faults(self) -> None:
        desk = Desk(policy=AWAY)
        desk.table.write("rulebook", Put("rulebook", None, {}, {"policy": BROKEN, "exemptions": ""}))

        with pytest.raises(ConfigError, match="enforc"):
            last_used(desk.table)
        assert desk.rulebooks.load() == AWAY, "and is no last good one"


def test_a_rulebook_of_nothing_covers_no_cluster_and_keeps_its_name() -> None:
    rules = Desk().book()

    nothing = rules.of_nothing()

    assert rules.policy.covers(cluster())
    assert not nothing.policy.covers(cluster(id=cluster_id("other").arm_id))
    assert nothing.hash == rules.hash
