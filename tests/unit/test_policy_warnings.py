"""What is valid and probably not meant: told with its line, and never told of what is fine."""

from typing import Any

import pytest

from shared.domain.exemptions import Exemptions
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.policy_warnings import glob_warnings, policy_warnings
from tests.builders import cluster, profile

RULE = "version: 1\nrules:\n- name: first\n  mode: audit\n"
EXEMPTIONS = """\
version: 1
exemptions:
- name: legacy
  match: {clusters: [aks-legacy], pools: [apps]}
  category: waiver
  reason: old
  owner: ana
  approver: bob
  ticket: T1
  created: 2026-01-01
  expires: 2026-02-01
"""


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            RULE + "- name: second\n  mode: enforce\n  match: {pools: [a]}",
            "line 5: rule `second` is never reached: rule `first` (line 3) takes all its node pools: change their or",
        ),
        (
            RULE + "  match: {pools: [x]}\n- {name: b, mode: audit, match: {pools: [x]}}",
            "line 6: rule `b` is never reached: rule `first` (line 3)",
        ),
        (
            "version: 1\nrules:\n- {name: a, mode: audit, match: {pools: ['*', x]}}\n- {name: b, mode: audit}",
            "line 4: rule `b` is never reached",
        ),
        ("version: 1\nrings:\n- {name: a}\n- {name: b, match: {pools: [x]}}", "line 4: ring `b` is never reached"),
        ("version: 1\nmode: enforce\ndisruption: {concurrent: 0}", "`concurrent` of `disruption` is 0"),
        ("version: 1\nmode: approve\ndisruption: {per_subscription: 0%}", "`per_subscription` of `disruption`"),
        (
            "version: 1\nrules: [{name: a, mode: enforce}]\ndisruption: {nodes: 0}",
            "`nodes` of `disruption` is 0: nothing is ever remediated",
        ),
        ("version: 1\nnew_pools: {skip: [soak]}", "`new_pools` skips the soak, and there are no `rings`"),
        (
            RULE + "  new_pools: {skip: [soak]}",
            "line 3: rule `first`: `new_pools` skips the soak, and there are no `rings` to wait for",
        ),
        ("version: 1\nnew_pools: {within: 1h, enforce_after: 2h}", "`enforce_after` is longer than `within`"),
        ("version: 1\nnotice: {before: 1d, owner_tag: ''}", "`notice` is to be given, and neither `owner` nor"),
        ("version: 1\nfips: forbidden\nmodules: required", "`modules: required` asks for validated modules"),
        ("version: 1\nexemptions: {max_age: 30d}", "`expiring` of `exemptions` is no shorter than `max_age`"),
    ],
)
def test_a_contradiction_is_told_alone_and_with_its_line(text: str, warning: str) -> None:
    found = policy_warnings(read_policy(text))

    assert len(found) == 1, found
    assert found[0].startswith(warning)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "version: 1\nmodules: required\nos_sku: keep",
        "version: 1\nmode: audit\ndisruption: {concurrent: 0}",
        "version: 1\nmode: enforce\ndisruption: {concurrent: 1, per_subscription: 1%, nodes: 1}",
        "version: 1\nnew_pools: {skip: [soak]}\nrings: [{name: a}]",
        "version: 1\nnotice: {before: 1d}",
        "version: 1\nnotice: {before: 1d, owner: a@example.com, owner_tag: ''}",
        "version: 1\nrules: [{name: a, mode: audit, match: {pools: [x]}}, {name: b, mode: audit, match: {pools: [y]}}]",
        "version: 1\nrules: [{name: a, mode: audit, match: {tags: {x: '*'}}}, {name: b, mode: audit}]",
        "version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: '<1.30'}}, {name: b, mode: audit}]",
    ],
)
def test_what_is_fine_is_not_told(text: str) -> None:
    assert policy_warnings(read_policy(text)) == ()


def test_a_fault_of_the_top_is_told_once_and_not_for_every_rule() -> None:
    found = policy_warnings(read_policy(RULE + "new_pools: {skip: [soak]}"))

    assert found == ("`new_pools` skips the soak, and there are no `rings` to wait for",)


def match(**parts: Any) -> str:
    return f"version: 1\nrules:\n- name: one\n  mode: audit\n  match: {parts}\n"


@pytest.mark.parametrize(
    "parts",
    [
        {"subscriptions": ["9*"]},
        {"resource_groups": ["rg"]},
        {"clusters": ["aks-?"]},
        {"locations": ["usgov*"]},
        {"pools": ["[!a]*"]},
        {"os_types": ["Windows"]},
        {"os_skus": ["Ubuntu*"]},
        {"pool_modes": ["system"]},
    ],
)
def test_a_glob_that_matches_nothing_in_the_fleet_is_told(parts: dict[str, list[str]]) -> None:
    ((part, (glob,)),) = parts.items()
    fitting = {part: ["*"]}

    assert glob_warnings(read_policy(match(**parts)), Exemptions(), [cluster()]) == (
        f"line 5: `{glob}` in `{part}` of rule `one` matches nothing in the fleet",
    )
    assert glob_warnings(read_policy(match(**fitting)), Exemptions(), [cluster()]) == ()


def test_each_glob_of_a_list_is_looked_at_by_itself_and_without_case() -> None:
    found = glob_warnings(read_policy(match(pools=["APPS", "a?ps", "batch"])), Exemptions(), [cluster()])

    assert found == ("line 5: `batch` in `pools` of rule `one` matches nothing in the fleet",)


def test_tags_are_looked_at_with_their_names() -> None:
    fleet = [cluster(profile(tags={"tier": "gold"}))]
    policy = read_policy(match(tags={"ENV": "PROD", "tier": "*"}, pool_tags={"Tier": "g*", "env": "*"}))

    assert glob_warnings(policy, Exemptions(), fleet) == (
        "line 5: `env: *` in `pool_tags` of rule `one` matches nothing in the fleet",
        "line 5: `tier: *` in `tags` of rule `one` matches nothing in the fleet",
    )


def test_rings_exclusions_and_exemptions_are_looked_at_too() -> None:
    policy = read_policy(
        "version: 1\nscope:\n  exclude:\n  - clusters: [gone]\nrings:\n- name: test\n  match: {clusters: [lab]}\n"
    )

    assert glob_warnings(policy, read_exemptions(EXEMPTIONS), [cluster()]) == (
        "line 4: `gone` in `clusters` of an exclusion matches nothing in the fleet",
        "line 7: `lab` in `clusters` of ring `test` matches nothing in the fleet",
        "line 4: `aks-legacy` in `clusters` of exemption `legacy` matches nothing in the fleet",
    )


def test_in_an_empty_fleet_every_glob_matches_nothing() -> None:
    assert len(glob_warnings(read_policy(match(pools=["*"], clusters=["*"])), Exemptions(), [])) == 2
