"""The exemptions file: each has an owner, somebody else's word and an end, and no two excuse the same thing."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.exemptions import Category, Exemption, Exemptions
from shared.domain.language import names
from shared.domain.matching import Match, VersionRange
from shared.domain.meeting import pairs_that_may_meet
from shared.domain.policy import ExemptionRules
from shared.domain.policy_checks import can_share
from shared.domain.policy_reader import read_exemptions
from shared.errors import ConfigError
from tests.builders import cluster, cluster_id, pool, profile
from tests.unit.policies import exemptions, exemptions_text, matches
from tests.unit.strategies import json_values, yaml_ish

GOOD: dict[str, Any] = {
    "name": "legacy",
    "match": {"clusters": ["aks-legacy"]},
    "category": "waiver",
    "reason": "the vendor's driver does not load",
    "owner": "ana",
    "approver": "bob",
    "ticket": "RISK-17",
    "created": "2026-01-01",
    "expires": "2026-03-31",
}


FLEET = [
    cluster(profile("ab", tags={"a": "b"}), profile("ba"), id=cluster_id(name).arm_id) for name in ("a", "ab", "b-a")
]


def document(*entries: dict[str, Any]) -> str:
    """An exemptions file; each entry is the good one with changes, and `...` leaves a key out."""
    made = [{key: value for key, value in {**GOOD, **entry}.items() if value is not ...} for entry in entries]
    # Through JSON, since YAML would write what is the same object twice as an alias.
    return yaml.safe_dump({"version": 1, "exemptions": json.loads(json.dumps(made))}, sort_keys=False)


def faults(text: str, rules: ExemptionRules | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_exemptions(text, "exemptions.yaml", rules or ExemptionRules())
    assert caught.value.subject == "exemptions.yaml"
    return caught.value.faults


def test_an_exemption_is_read() -> None:
    (found,) = read_exemptions(document({"covers": ["FipsDisabled"]})).entries

    assert found == Exemption(
        "legacy",
        Match(clusters=("aks-legacy",)),
        Category.WAIVER,
        "the vendor's driver does not load",
        "ana",
        "bob",
        "RISK-17",
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
        ("FipsDisabled",),
    )
    assert (found.line, found.match.line) == (3, 5)


@pytest.mark.parametrize("text", ["version: 1", "version: 1\nexemptions: []"])
def test_a_file_may_hold_none(text: str) -> None:
    assert read_exemptions(text) == Exemptions()
    assert len(read_exemptions(text).hash) == 64


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-31", datetime(2026, 4, 1, tzinfo=UTC)),
        ("'2026-03-31'", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-03-31T10:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC)),
        ("'2026-03-31t10:00z'", datetime(2026, 3, 31, 10, tzinfo=UTC)),
        ("2026-03-31 10:00:00+02:00", datetime(2026, 3, 31, 8, tzinfo=UTC)),
    ],
)
def test_an_exemption_ends_with_a_day_or_at_a_time(written: str, moment: datetime) -> None:
    text = document({"expires": "HERE"}).replace("HERE", written)

    assert read_exemptions(text).entries[0].expires == moment


def test_two_people_of_one_name_have_addresses_of_their_own() -> None:
    people = {"owner": "Ana <ana@example.com>", "approver": "Ana <ana@example.org>"}

    assert len(read_exemptions(document(people)).entries) == 1


FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"expires": ...},
        "exemption `legacy` has no `expires`: an exemption without an end would be a rule; give the day",
    ),
    ({"expires": None}, "`expires`: an empty value is not a date"),
    ({"expires": "2025-12-31"}, "exemption `legacy` ends before it begins: `expires` comes after `created`"),
    ({"expires": "2026-03-31T10:00:00"}, "is not a date or a time with its zone"),
    ({"expires": "2026-02-30"}, "`2026-02-30` is in no calendar"),
    ({"expires": "2026-12-20T10:00:00+25:00"}, "is not a date or a time with its zone: write it like `2026-12-20`"),
    ({"expires": "9999-12-31"}, "is not between the years 2000 and 2999"),
    ({"expires": "next year"}, "`next year` is not a date or a time with its zone: write it like `2026-12-20`"),
    ({"created": ...}, "exemption `legacy` has no `created`: it is needed"),
    ({"name": ...}, "an exemption has no `name`: it is needed"),
    ({"owner": ...}, "exemption `legacy` has no `owner`"),
    ({"approver": " ANA "}, "` ANA ` is the exemption's owner: somebody else has to approve it"),
    (
        {"owner": "ana@example.com", "approver": "Ana <Ana@Example.com>"},
        "`Ana <Ana@Example.com>` is the exemption's owner: somebody else has to approve it",
    ),
    ({"owner": "Ana (ana@example.com)", "approver": "mailto:ana@example.com"}, "is the exemption's owner"),
    ({"owner": "ana@example.com, bob@example.com", "approver": "bob@example.com"}, "is the exemption's owner"),
    ({"ticket": 17}, "`ticket`: `17` is not a text (quote it)"),
    ({"reason": " "}, "`reason`: an empty text says nothing"),
    ({"category": "waver"}, "`waver` is not one of waiver, mitigated: did you mean `waiver`?"),
    ({"match": ...}, "exemption `legacy` has no `match`"),
    ({"match": {}}, "an exemption that names nothing would excuse the whole fleet"),
    ({"match": {"cluster": ["a"]}}, "unknown key `cluster` in `match`: did you mean `clusters`?"),
    ({"covers": []}, "`covers` is empty and would excuse nothing"),
    (
        {"covers": ["fips-disabled"]},
        "`fips-disabled` is not the reason of a finding (docs/policy.md lists them): did you mean `FipsDisabled`?",
    ),
    ({"covers": ["FipsDisabled", "FipsDisbaled"]}, "`covers`: `FipsDisbaled` is not the reason of a finding"),
    ({"covers": ["FipsDisbaled"]}, "did you mean `FipsDisabled`?"),
    ({"covers": ["Waiver"]}, "`Waiver` is not the reason of a finding (docs/policy.md lists them)"),
    ({"expiry": "2026-12-31"}, "unknown key `expiry` in an exemption: did you mean `expires`?"),
    ({"line": 3}, "unknown key `line` in an exemption"),
]


@pytest.mark.parametrize(("change", "fault"), FAULTS, ids=[str(change) for change, _ in FAULTS])
def test_each_fault_is_told_with_its_place_and_alone(change: dict[str, Any], fault: str) -> None:
    found = faults(document(change))

    assert len(found) == 1, found
    assert fault in found[0]
    assert found[0].startswith("line ")


def test_a_time_without_a_zone_is_refused() -> None:
    text = document({"expires": "HERE"}).replace("HERE", "2026-03-31 10:00:00")

    assert "has no time zone: add `Z` for UTC, or write the date alone" in faults(text)[0]


@pytest.mark.parametrize("text", ["", "[]", "version: 2", "version: 1\nexemption: []", "version: 1\nexemptions: {}"])
def test_a_file_of_another_kind_is_one_fault(text: str) -> None:
    assert len(faults(text)) == 1


def test_names_must_differ() -> None:
    found = faults(document({}, {"match": {"clusters": ["other"]}}))

    assert found == ("line 14, column 9: the exemption name `legacy` is taken (line 3): names must be unique",)


class TestOverlaps:
    """Two exemptions that can excuse one finding of one pool at one time."""

    def overlap(self, one: dict[str, Any], other: dict[str, Any], rules: ExemptionRules | None = None) -> bool:
        text = document({"name": "one", **one}, {"name": "other", **other})
        try:
            read_exemptions(text, "exemptions", rules or ExemptionRules())
        except ConfigError as error:
            (fault,) = error.faults
            assert "exemption `other` overlaps `one` (line 3): both can excuse one pool" in fault
            return True
        return False

    def test_are_told_with_both_names_and_lines(self) -> None:
        (found,) = faults(document({"name": "one"}, {"name": "other"}))

        assert found.startswith("line 14, column 3: exemption `other` overlaps `one` (line 3)")

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ({"clusters": ["aks-*"]}, {"clusters": ["*-prod"]}, True),
            ({"clusters": ["aks-*"]}, {"clusters": ["eks-*"]}, False),
            ({"clusters": ["aks-*"]}, {"pools": ["apps"]}, True),
            ({"clusters": ["aks-*"], "pools": ["apps"]}, {"clusters": ["aks-1"], "pools": ["batch"]}, False),
            ({"clusters": ["a", "b"]}, {"clusters": ["c", "B"]}, True),
            ({"tags": {"env": "dev"}}, {"tags": {"ENV": "prod"}}, False),
            ({"tags": {"env": "dev"}}, {"tags": {"team": "a"}}, True),
            ({"pool_tags": {"env": "d*"}}, {"pool_tags": {"env": "*v"}}, True),
            ({"pool_tags": {"env": "dev"}}, {"tags": {"env": "prod"}}, True),
            ({"kubernetes": "<1.30"}, {"kubernetes": ">=1.30"}, False),
            ({"kubernetes": "<=1.30"}, {"kubernetes": ">=1.30"}, True),
            ({"kubernetes": ">1.30"}, {"kubernetes": "<1.32"}, True),
            ({"kubernetes": ">1.30"}, {"kubernetes": "<1.31"}, False),
            ({"kubernetes": "<1.30"}, {"pools": ["a"]}, True),
        ],
    )
    def test_need_a_pool_that_both_can_be_about(
        self, one: dict[str, Any], other: dict[str, Any], *, expected: bool
    ) -> None:
        assert self.overlap({"match": one}, {"match": other}) is expected
        assert self.overlap({"match": other}, {"match": one}) is expected

    def test_need_a_time_that_both_hold_in(self) -> None:
        assert self.overlap({"expires": "2026-02-01"}, {"created": "2026-02-01"})
        assert not self.overlap({"expires": "2026-01-31"}, {"created": "2026-02-01"})

    def test_end_when_the_policy_ends_an_exemption(self) -> None:
        month = ExemptionRules(max_age=timedelta(days=31))

        assert not self.overlap({"expires": "2026-06-30"}, {"created": "2026-02-01", "expires": "2026-02-20"}, month)
        assert self.overlap({"expires": "2026-06-30"}, {"created": "2026-01-31", "expires": "2026-02-20"}, month)

    def test_need_a_reason_that_both_cover(self) -> None:
        assert self.overlap({"covers": ["FipsDisabled", "NoNodes"]}, {"covers": ["NoNodes", "ImageUnknown"]})
        assert self.overlap({"covers": ["FipsDisabled"]}, {})
        assert not self.overlap({"covers": ["FipsDisabled"]}, {"covers": ["NoNodes"]})

    @given(matches, matches)
    def test_no_pool_is_ever_matched_by_two_that_were_said_to_be_apart(self, one: Match, other: Match) -> None:
        if any(one.fits(made, each) and other.fits(made, each) for made in FLEET for each in made.pools):
            assert can_share(one, other)

    def test_of_versions_are_found_at_the_edges(self) -> None:
        assert can_share(Match(kubernetes=VersionRange(">1.9999")), Match(kubernetes=VersionRange("<=2.0")))
        assert not can_share(Match(kubernetes=VersionRange("<0.1")), Match(kubernetes=VersionRange(">0.0")))


def test_an_exemption_matches_pools_as_a_rule_does() -> None:
    read = read_exemptions(document({"match": {"pools": ["app*"], "os_types": ["linux"]}}))

    assert [each.name for each in read.matching(cluster(), pool())] == ["legacy"]
    assert read.matching(cluster(), pool("batch")) == ()


@given(exemptions)
def test_exemptions_that_are_written_down_read_back_as_they_were_unless_they_overlap(made: Exemptions) -> None:
    try:
        read = read_exemptions(exemptions_text(made))
    except ConfigError as error:
        found = error.faults
    else:
        assert read == made
        return
    assert all("overlaps" in fault for fault in found)


@given(
    yaml_ish
    | st.text(max_size=80)
    | st.lists(st.dictionaries(st.sampled_from(names(Exemption)), json_values | st.just("2026-01-01"))).map(
        yaml.safe_dump
    )
)
def test_no_text_raises_anything_but_faults(text: str) -> None:
    for whole in (text, "version: 1\n" + text, "version: 1\nexemptions: " + text, "version: 1\nexemptions:\n" + text):
        with contextlib.suppress(ConfigError):
            assert isinstance(read_exemptions(whole), Exemptions)


@pytest.mark.parametrize("part", ["clusters", "subscriptions", "resource_groups", "pools"])
def test_of_many_exemptions_only_those_that_may_name_the_same_are_compared(part: str) -> None:
    def about(*globs: str) -> Match:
        parts: dict[str, Any] = {part: globs}
        return Match(**parts)

    named = [about(f"aks-{number}", f"AKS-{number + 1}") for number in range(2000)]

    assert len(list(pairs_that_may_meet(named))) == 1999
    assert len(list(pairs_that_may_meet([*named, about("aks-*")]))) == 3999


@pytest.mark.parametrize(
    ("made", "met"),
    [
        ([Match(tags={"app": f"a{number}", "env": "p*"}) for number in range(100)], 0),
        ([Match(pool_tags={"App" if number % 2 else "app": f"a{number}-*"}) for number in range(100)], 0),
        ([Match(clusters=(f"aks-{number}-*",)) for number in range(100)], 0),
        ([Match(clusters=(f"aks-{number}?", f"x{number}[ab]")) for number in range(10)], 0),
        ([Match(clusters=("aks-1", "aks-1*", "aks-*", "*-1"))] * 2, 1),
        ([Match(clusters=(f"*-{number}",)) for number in range(2000)], 0),
        ([Match(tags={"app": f"?{number}-x"}, pools=("*",)) for number in range(10, 99)], 0),
        ([Match(clusters=("*-1",)), Match(clusters=("a-1",)), Match(clusters=("A*1",)), Match(clusters=("b-2",))], 3),
        ([Match(tags={"app": "a"}), Match(tags={"env": "p"}), Match(pools=("x",))], 3),
    ],
)
def test_globs_and_tags_that_begin_or_end_differently_are_not_compared(made: list[Match], met: int) -> None:
    assert len(list(pairs_that_may_meet(made))) == met


def test_of_overlaps_without_end_a_hundred_are_told() -> None:
    text = document(*({"name": f"e{number}"} for number in range(50)))

    with pytest.raises(ConfigError) as error:
        read_exemptions(text)

    assert len(error.value.faults) == 101
    assert sum("100 exemptions overlap others: the rest is compared once" in one for one in error.value.faults) == 1


@given(st.lists(matches, max_size=6))
def test_no_two_that_can_share_a_pool_are_left_out_of_the_comparison(made: list[Match]) -> None:
    found = list(pairs_that_may_meet(made))

    assert len(found) == len(set(found))
    assert {pair for pair in combinations(range(len(made)), 2) if can_share(made[pair[0]], made[pair[1]])} <= {*found}


def test_many_exemptions_are_read() -> None:
    entries = [{"name": f"e{number}", "match": {"clusters": [f"aks-{number}"]}} for number in range(400)]

    assert len(read_exemptions(document(*entries)).entries) == 400


def test_an_entry_that_has_a_fault_is_checked_for_the_others_all_the_same() -> None:
    found = faults(document({"covers": [], "expires": "2025-12-31", "approver": "ana"}))

    said = ("`covers` is empty", "ends before it begins", "is the exemption's owner: somebody else has to approve it")
    assert [sum(part in one for one in found) for part in said] == [1, 1, 1]
    assert len(found) == 3


@pytest.mark.parametrize("fault", [{"ticket": ""}, {"category": "Waiver"}, {"owner": 7}, {"approver": "ana"}])
def test_an_entry_that_has_a_fault_elsewhere_overlaps_others_all_the_same(fault: dict[str, Any]) -> None:
    found = faults(document({}, {"name": "again", **fault}))

    assert len(found) == 2
    assert sum("exemption `again` overlaps `legacy` (line 3)" in one for one in found) == 1


@pytest.mark.parametrize("fault", [{"covers": []}, {"match": {}}, {"match": {"pool": ["a"]}}, {"created": "soon"}])
def test_of_an_entry_of_which_it_is_not_known_what_it_excuses_no_overlap_is_claimed(fault: dict[str, Any]) -> None:
    found = faults(document({}, {"name": "again", **fault}))

    assert not any("overlaps" in one for one in found)
    assert len(found) == 1
