"""What is valid and probably not meant: told with its line, and never told of what is fine."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.domain.exemptions import Exemptions
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.model import Cluster, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.policy import ExemptionRules, Policy
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.policy_warnings import exemption_warnings, policy_warnings, rulebook_warnings
from shared.domain.rulebook import Rulebook
from tests.builders import NOW, arm_cluster, cluster, cluster_id, profile

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


def glob_warnings(policy: Policy, exemptions: Exemptions, fleet: Sequence[Cluster | Unreadable]) -> tuple[str, ...]:
    """What is nowhere in a fleet."""
    seen = FleetSeen(policy)
    for read in fleet:
        seen.note(read)
    return fleet_warnings(Rulebook(policy, exemptions), seen)


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
        (
            RULE + "  match: {kubernetes: '>=1.30 <1.35', pools: [a]}\n"
            "- {name: b, mode: audit, match: {kubernetes: '1.31', pools: [A], tags: {env: x}}}",
            "line 6: rule `b` is never reached: rule `first` (line 3)",
        ),
        (
            RULE + "  match: {clusters: ['aks-*', x], tags: {Env: 'p*'}}\n"
            "- {name: b, mode: audit, match: {clusters: [aks-p, 'aks-q*'], tags: {ENV: prod}}}",
            "line 6: rule `b` is never reached",
        ),
        (
            RULE + "  match: {os_types: [Windows], os_skus: [Ubuntu, Ubuntu2204]}",
            "line 5: no OS SKU has an OS type of rule `first`: `os_types` and `os_skus` contradict each other",
        ),
        (
            RULE + "  match: {pool_tags: {env: x, ENV: y}}",
            "line 5: `env` stands more than once in `pool_tags` of rule `first`: names compare without case",
        ),
        (
            "version: 1\nscope: {management_groups: [mg], subscriptions: ['*']}",
            "`management_groups` of `scope` says nothing beside `subscriptions: ['*']`",
        ),
        (
            "version: 1\nrules:\n- {name: win, mode: enforce, strategy: replace, match: {os_types: [Windows]}}",
            "line 3: rule `win`: `strategy: replace` of Windows pools needs `proof.windows_image`",
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
        (
            "version: 1\nnew_pools: {within: 31d, skip: [window]}",
            "`new_pools` skips window for 31 days: by then a pool has workloads like any other",
        ),
        ("version: 1\nnotice: {before: 1d, owner_tag: ''}", "`notice` is to be given, and neither `owner` nor"),
        ("version: 1\nfips: forbidden\nmodules: required", "`modules: required` asks for validated modules"),
        (
            "version: 1\nmode: enforce\nrings:\n- {name: a, concurrent: 0}",
            "line 4: `concurrent` of ring `a` is 0: none of its node pools is ever remediated",
        ),
        (
            "version: 1\nblackouts: [{first: 2020-01-01, last: 2099-12-31, reason: x}]",
            "the blackout from 2020-01-01 to 2099-12-31 lasts more than a year",
        ),
        (
            "version: 1\nscope:\n  exclude:\n  - {clusters: ['*']}",
            "line 4: an exclusion takes the whole fleet: nothing is judged",
        ),
        ("version: 1\nscope:\n  exclude:\n  - {subscriptions: [prod]}", "line 4: `prod` in `subscriptions` of an exc"),
        (
            "version: 1\nrings:\n- {name: a, match: {clusters: ['x[']}}",
            "line 3: `x[` in `clusters` of ring `a` has a `[`",
        ),
        (
            RULE + "  match: {os_skus: [Ubunto]}",
            "line 5: `Ubunto` in `os_skus` of rule `first` is no OS SKU that this version knows: did you mean `Ubuntu",
        ),
        (RULE + "  match: {os_skus: ['Free*']}", "line 5: `Free*` in `os_skus` of rule `first` is no OS SKU"),
        (
            RULE + "  match: {subscriptions: [prod]}",
            "line 5: `prod` in `subscriptions` of rule `first` fits no subscription id: those are GUIDs",
        ),
        (RULE + "  match: {subscriptions: ['prod-*']}", "line 5: `prod-*` in `subscriptions` of rule `first` fits no"),
        (
            RULE + "  match: {locations: [Germany West Central]}",
            "line 5: `Germany West Central` in `locations` of rule `first` fits no Azure region: their names have no",
        ),
        (RULE + "  match: {pools: ['[a-']}", "line 5: `[a-` in `pools` of rule `first` has a `[` without its `]`"),
        (
            RULE + "  match: {kubernetes: '>=1.300'}",
            "line 5: `>=1.300` in `kubernetes` of rule `first` holds no version from 1.0 to 1.99",
        ),
        (
            "version: 1\nmode: enforce\nrings:\n- {name: a, match: {pools: [x]}}\n- {name: b, match: {pools: [z]}}",
            "line 5: every ring has a `match`, and node pools that fit none of them (a tag that is missing is ",
        ),
        (
            "version: 1\nrings: [{name: a, match: {pools: [x]}}]\nrules: [{name: r, mode: approve}]",
            "line 2: every ring has a `match`",
        ),
        (RULE + "  match: {clusters: [rg/aks]}", "line 5: `rg/aks` in `clusters` of rule `first` fits no name"),
        (RULE + "  match: {pools: [' np']}", "line 5: ` np` in `pools` of rule `first` fits no name: none has a blank"),
        (RULE + "  match: {pools: ['np[1,2],x']}", "line 5: `np[1,2],x` in `pools` of rule `first` fits no name"),
        (
            RULE + "  match: {pools: ['^np.*$']}",
            "line 5: `^np.*$` in `pools` of rule `first` fits no name: `^` is in none",
        ),
        (
            RULE + "  match: {clusters: ['aks|web']}",
            "line 5: `aks|web` in `clusters` of rule `first` fits no name: `|`",
        ),
        (
            RULE + "  match: {resource_groups: ['rg-.+']}",
            "line 5: `rg-.+` in `resource_groups` of rule `first` fits no",
        ),
        (
            RULE + "  match: {pools: [gpu_pool]}",
            "line 5: `gpu_pool` in `pools` of rule `first` fits no name: `_` is in",
        ),
        (
            RULE + "  match: {pools: [applications1]}",
            "line 5: `applications1` in `pools` of rule `first` fits no name: none has more than 12 characters",
        ),
        (RULE + "  match: {pools: ['a,b']}", "line 5: `a,b` in `pools` of rule `first` fits no name: none has a blank"),
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
        "version: 1\nmode: enforce\nrings: [{name: a, match: {pools: [x]}}, {name: b, match: {pools: ['*']}}]",
        "version: 1\nmode: enforce\nrings: [{name: a, match: {pools: [x]}}]\nrules: [{name: r, mode: alert}]",
        "version: 1\nrings: [{name: a, match: {pools: [x]}}]\nrules: [{name: r, mode: enforce, match: {pools: [x]}}]",
        "version: 1\nmode: enforce\ndisruption: {concurrent: 1, per_subscription: 1%, nodes: 1}",
        "version: 1\nnew_pools: {skip: [soak]}\nrings: [{name: a}]",
        "version: 1\nnotice: {before: 1d}",
        "version: 1\nnotice: {before: 1d, owner: a@example.com, owner_tag: ''}",
        "version: 1\nrules: [{name: a, mode: audit, match: {pools: [x]}}, {name: b, mode: audit, match: {pools: [y]}}]",
        "version: 1\nrules: [{name: a, mode: audit, match: {tags: {x: '*'}}}, {name: b, mode: audit}]",
        "version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: '<1.30'}}, {name: b, mode: audit}]",
        "version: 1\nmode: enforce\nrings: [{name: a, match: {pools: [x]}, concurrent: 1}, {name: b, concurrent: 1%}]",
        "version: 1\nrings: [{name: a, concurrent: 0}]",
        "version: 1\nblackouts: [{first: 2026-01-01, last: 2026-12-31, reason: x}]",
        "version: 1\nscope: {exclude: [{clusters: ['*'], tags: {env: lab}}]}",
        RULE + "  match: {subscriptions: ['1*', '????????-*', 10000000-0000-4000-8000-00000000000A]}",
        RULE + "  match: {os_skus: ['ubuntu*', AzureLinux3, '*'], locations: [usgov*], pools: ['[]a]*']}",
        RULE + "  match: {kubernetes: '1.30'}",
        RULE + "  match: {pools: ['[ab-]*[!_]1234567890', 'np?'], clusters: [a-B_c], resource_groups: [Größe-_.(1)]}",
        RULE + "  match: {tags: {env: 'prod,stage'}}",
        RULE + "  match: {os_types: ['*', Windows], os_skus: [Ubuntu]}",
        "version: 1\nscope: {management_groups: [mg], subscriptions: [10000000-0000-4000-8000-000000000001]}",
        *(
            f"{RULE}  match: {{{wide}}}\n- {{name: b, mode: audit, match: {{{narrow}}}}}"
            for wide, narrow in (
                ("kubernetes: '>=1.30 <1.35'", "kubernetes: '>=1.30'"),
                ("kubernetes: '1.31'", "pools: [a]"),
                ("pools: ['a*b']", "pools: ['a*']"),
                ("pools: ['a*']", "pools: [a, b]"),
                ("tags: {env: x}", "tags: {team: x}"),
                ("pools: [a]", "clusters: [a]"),
            )
        ),
        *(
            f"version: 1\nrules: [{{name: w, mode: {mode}, strategy: replace, {more} match: {{os_types: [{kind}]}}}}]"
            for mode, more, kind in (
                ("audit", "", "Windows"),
                ("enforce", "proof: {windows_image: nanoserver},", "Windows"),
                ("enforce", "", "Linux"),
                ("enforce", "fips: forbidden,", "Windows"),
            )
        ),
    ],
)
def test_what_is_fine_is_not_told(text: str) -> None:
    assert policy_warnings(read_policy(text)) == ()


def test_a_fault_of_the_top_is_told_once_and_not_for_every_rule() -> None:
    found = policy_warnings(read_policy(RULE + "new_pools: {skip: [soak]}"))

    assert found == ("`new_pools` skips the soak, and there are no `rings` to wait for",)


def test_of_two_rules_that_hide_a_third_the_first_is_named_whatever_the_order_of_tags() -> None:
    text = (
        "version: 1\nrules:\n- {name: a, mode: audit, match: {tags: {x: '1', y: '2'}}}\n"
        "- {name: b, mode: audit}\n- {name: c, mode: audit, match: {tags: {y: '2', x: '1'}}}\n"
    )

    assert policy_warnings(read_policy(text)) == (
        "line 5: rule `c` is never reached: rule `a` (line 3) takes all its node pools: change their order",
    )


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        (
            {"created: 2026-01-01": "created: 2020-01-01", "2026-02-01": "2021-03-31"},
            "`legacy` ended on 2020-12-30 (rat",
        ),
        ({}, "line 3: exemption `legacy` ended on 2026-02-01: renew or remove it"),
        (
            {"2026-02-01": "2032-02-01"},
            "line 3: exemption `legacy` ends on 2026-12-31 (rather than 2032-02-01: the policy's `exemptions.max_age` ",
        ),
        (
            {"2026-02-01": "2026-12-01", "clusters: [aks-legacy], pools: [apps]": "pools: ['*']"},
            "line 3: exemption `legacy` excuses the whole fleet: name clusters or node pools",
        ),
        (
            {"2026-02-01": "2026-12-01\n  covers: [NodesOutsidePools]"},
            "line 3: exemption `legacy` excuses nothing: its `covers` are findings of clusters, and its match asks for",
        ),
        ({"2026-02-01": "2026-12-01", "aks-legacy": "'aks-['"}, "line 4: `aks-[` in `clusters` of exemption `legacy`"),
    ],
)
def test_an_exemption_that_is_over_cut_short_or_for_everything_is_told(changes: dict[str, str], warning: str) -> None:
    text = EXEMPTIONS
    for old, new in changes.items():
        text = text.replace(old, new)

    (told,) = exemption_warnings(read_exemptions(text), ExemptionRules(), NOW)

    assert warning in told


def test_an_exemption_that_holds_is_not_told() -> None:
    text = EXEMPTIONS.replace("2026-02-01", "2026-12-01")

    assert exemption_warnings(read_exemptions(text), ExemptionRules(), NOW) == ()


def test_a_rulebook_tells_what_it_says_itself_what_its_policy_says_and_what_its_exemptions_say() -> None:
    policy = read_policy("version: 1\nexemptions: {max_age: 30d}")

    found = rulebook_warnings(Rulebook(policy, read_exemptions(EXEMPTIONS), warnings=("an empty group",)), NOW)

    assert [each.split("`")[0] for each in found] == ["an empty group", "", "line 3: exemption "]


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


@pytest.mark.parametrize(
    ("parts", "lost"),
    [
        ({"locations": ["usgov*"]}, cluster(location=None)),
        ({"tags": {"tier": "gold"}}, cluster(tags={"tier": 7})),
        ({"pool_tags": {"tier": "gold"}}, cluster(profile(tags={"tier": 7}))),
        ({"os_types": ["Windows"]}, cluster(profile(osType=None))),
        ({"os_skus": ["Ubuntu*"]}, cluster(profile(osSKU=None))),
        ({"pool_modes": ["system"]}, cluster(profile(mode=7))),
    ],
)
def test_what_cannot_be_read_may_be_what_a_glob_names(parts: dict[str, Any], lost: Cluster) -> None:
    ((part, _),) = parts.items()
    policy = read_policy(match(pools=["batch"], **parts))

    (elsewhere,) = glob_warnings(policy, Exemptions(), [cluster(), lost])

    assert "`batch` in `pools`" in elsewhere
    assert len(glob_warnings(policy, Exemptions(), [cluster()])) == 2, f"`{part}` is told where all can be read"


def test_rings_exclusions_and_exemptions_are_looked_at_too() -> None:
    policy = read_policy(
        "version: 1\nscope:\n  exclude:\n  - clusters: [gone]\nrings:\n- name: test\n  match: {clusters: [lab]}\n"
    )

    assert glob_warnings(policy, read_exemptions(EXEMPTIONS), [cluster()]) == (
        "line 4: `gone` in `clusters` of an exclusion matches nothing in the fleet",
        "line 7: `lab` in `clusters` of ring `test` matches nothing in the fleet",
        "line 4: `aks-legacy` in `clusters` of exemption `legacy` matches nothing in the fleet",
    )


RINGS = """version: 1
rings:
- name: test
  match: {pools: [apps], tags: {env: test}}
- name: production
"""


def test_a_ring_without_a_node_pool_in_front_of_another_is_told_loudly() -> None:
    tested = arm_cluster(tags={"env": "test"})
    elsewhere = read_cluster(arm_cluster(profile("batch"), id=cluster_id("aks-b").arm_id, tags={"env": "test"}))

    policy = read_policy(RINGS)
    (told,) = glob_warnings(policy, Exemptions(), [cluster(tags={"env": "prod"}), elsewhere])

    assert told.startswith(
        "line 3: RING `test` HAS NO NODE POOL in scope: nothing is tried there before ring `production`"
    )
    assert glob_warnings(policy, Exemptions(), [read_cluster(tested)]) == ()


def test_a_ring_whose_node_pools_are_all_out_of_scope_has_none_and_the_last_one_holds_back_nobody() -> None:
    policy = read_policy(RINGS + "scope: {exclude: [{tags: {env: test}}]}")
    fleet = [read_cluster(arm_cluster(tags={"env": "test"}))]

    assert [told[:30] for told in glob_warnings(policy, Exemptions(), fleet)] == [
        "line 3: RING `test` HAS NO NODE"[:30]
    ]


ACTING = """version: 1
mode: enforce
rules:
- {name: r, mode: alert, match: {clusters: [aks-quiet]}}
rings:
- name: test
  match: {tags: {env: test}}
"""


def test_node_pools_that_may_be_changed_and_are_in_no_ring_are_told_of_a_part_of_the_fleet_too() -> None:
    fleet = [
        read_cluster(arm_cluster(profile("apps"), profile("batch"), tags=tags, id=cluster_id(name).arm_id))
        for name, tags in (("aks-a", {"env": "test"}), ("aks-b", {}), ("aks-c", {"env": "prod"}), ("aks-quiet", {}))
    ]
    unread = Unreadable("Unintelligible", "a row", None)

    (told,) = glob_warnings(read_policy(ACTING), Exemptions(), [*fleet, fleet[1], unread])

    assert told == (
        "line 6: 4 node pools that may be changed are in no ring and wait for none (rg-pay/aks-b/apps, "
        "rg-pay/aks-b/batch, rg-pay/aks-c/apps, ...): add a last ring without `match`, or they begin before every "
        "canary"
    )
    for rest in ("- name: rest\n", "scope: {exclude: [{clusters: [aks-b, aks-c]}]}\n"):
        assert glob_warnings(read_policy(ACTING + rest), Exemptions(), fleet) == ()
    without_rings = read_policy(ACTING[: ACTING.index("rings")])
    assert glob_warnings(without_rings, Exemptions(), fleet) == ()


def test_whose_ring_cannot_be_told_is_not_told_to_be_in_none() -> None:
    fleet = [cluster(tags={"env": 7})]

    assert glob_warnings(read_policy(ACTING), Exemptions(), fleet) == ()


def test_of_a_fleet_that_was_seen_in_part_nothing_is_said() -> None:
    unread = Unreadable("Unintelligible", "a row", None)

    assert glob_warnings(read_policy(RINGS), Exemptions(), [cluster(), unread]) == ()


def test_in_an_empty_fleet_every_glob_matches_nothing() -> None:
    assert len(glob_warnings(read_policy(match(pools=["*"], clusters=["*"])), Exemptions(), [])) == 2
