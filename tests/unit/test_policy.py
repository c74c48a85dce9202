"""The policy: every fault at once with its line, never half a policy, and `audit` for whoever doesn't say otherwise."""

import contextlib
from datetime import timedelta
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.model import Mode, ProofLevel
from shared.domain.policy import Match, Policy, Rule, read_policy
from shared.errors import ConfigError
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster, cluster_id, rule
from tests.unit.strategies import json_values, yaml_ish

WHOLE = f"""\
version: 1
mode: alert
scope:
  subscriptions: [{SUBSCRIPTION}]
  exclude:
    - resource_groups: [sandbox-*]
      tags: {{env: dev}}
rules:
  - name: windows
    match: {{pools: [win*]}}
    mode: audit
  - name: production
    match:
      clusters: [aks-*]
      tags: {{env: prod}}
    mode: enforce
proof: {{level: control-plane, max_age: 7d}}
disruption: {{concurrent: 3}}
"""


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_policy(dedent(text), "policy.yaml")
    assert caught.value.subject == "policy.yaml"
    return caught.value.faults


def test_the_smallest_policy_judges_everything_and_changes_nothing() -> None:
    policy = read_policy("version: 1")

    assert policy == Policy()
    assert policy.mode is Mode.AUDIT
    assert policy.rule_for(cluster(), "apps").mode is Mode.AUDIT
    assert policy.covers(cluster_id(), {})
    assert (policy.proof_level, policy.proof_max_age) == (ProofLevel.NODE, timedelta(days=3))
    assert policy.concurrent == 1


def test_a_whole_policy_is_read() -> None:
    policy = read_policy(WHOLE)

    assert policy == Policy(
        mode=Mode.ALERT,
        scope=(SUBSCRIPTION,),
        exclude=(Match(resource_groups=("sandbox-*",), tags=(("env", "dev"),)),),
        rules=(
            Rule("windows", Match(pools=("win*",)), Mode.AUDIT, 9),
            Rule("production", Match(clusters=("aks-*",), tags=(("env", "prod"),)), Mode.ENFORCE, 12),
        ),
        proof_level=ProofLevel.CONTROL_PLANE,
        proof_max_age=timedelta(days=7),
        concurrent=3,
    )


def test_a_policy_is_named_by_the_hash_of_its_text() -> None:
    one, other = read_policy("version: 1"), read_policy("version: 1 # same")

    assert len(one.hash) == 64
    assert one.hash != other.hash
    assert one == other


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: `version: 1` must stand in the policy"),
        ("[]", "line 1, column 1: a policy is a mapping"),
        ("version", "line 1, column 1: a policy is a mapping"),
        ("mode: audit", "line 1, column 1: `version: 1` must stand"),
        ("version: 2", "line 1, column 10: `version: 1` must stand"),
        ("version: true", "line 1, column 10: `version: 1` must stand"),
        ("version: '1'", "line 1, column 10: `version: 1` must stand"),
        ("version: 1\nmodus: audit", "line 2, column 8: unknown key `modus` in the policy: did you mean `mode`?"),
        ("version: 1\nmode: observe", "line 2, column 7: `observe` is not one of audit, alert, enforce"),
        ("version: 1\nmode: Enforce", "line 2, column 7: `Enforce` is not one of"),
        ("version: 1\nmode: off", "line 2, column 7: `False` is not one of"),
        ("version: 1\nmode:", "line 2, column 6: `None` is not one of"),
        ("version: 1\nmode: [enforce]", "line 2, column 7: a list is not one of"),
        ("version: 1\nscope: all", "line 2, column 8: `scope` must be a mapping"),
        ("version: 1\nscope:", "line 2, column 7: `scope` must be a mapping"),
        ("version: 1\nscope: {subscription: []}", "did you mean `subscriptions`?"),
        ("version: 1\nscope: {subscriptions: []}", "line 2, column 24: `subscriptions` is empty"),
        ("version: 1\nscope: {subscriptions: '*'}", "line 2, column 24: `subscriptions` must be a list"),
        ("version: 1\nscope: {subscriptions: [Payments]}", "`Payments` is not a subscription id"),
        ("version: 1\nscope: {exclude: [{}]}", "an exclusion that names nothing would exclude the whole fleet"),
        ("version: 1\nscope: {exclude: [{tags: {}}]}", "`tags` is empty and would match everything"),
        ("version: 1\nscope: {exclude: [{clusters: []}]}", "`clusters` is empty and would match nothing"),
        ("version: 1\nscope: {exclude: [{pools: [a]}]}", "unknown key `pools` in an exclusion"),
        ("version: 1\nscope: {exclude: [aks]}", "line 2, column 19: an exclusion must be a mapping"),
        ("version: 1\nscope: {exclude: {clusters: [a]}}", "`exclude` must be a list"),
        ("version: 1\nrules:", "line 2, column 7: `rules` must be a list"),
        ("version: 1\nrules: [x]", "line 2, column 9: a rule is a mapping with `name`, `match` and `mode`"),
        ("version: 1\nrules: [{mode: audit}]", "line 2, column 9: a rule's `name` must be a text"),
        ("version: 1\nrules: [{name: 7, mode: audit}]", "a rule's `name` must be a text (quote it"),
        ("version: 1\nrules: [{name: '', mode: audit}]", "a rule's `name` must be a text"),
        ("version: 1\nrules: [{name: a}]", "rule `a` has no `mode`: say audit, alert or enforce"),
        ("version: 1\nrules: [{name: a, mode: enforced}]", "`enforced` is not one of audit, alert, enforce"),
        ("version: 1\nrules: [{name: default, mode: audit}]", "the rule name `default` is taken"),
        (
            "version: 1\nrules:\n- {name: a, mode: audit}\n- {name: a, mode: audit}",
            "line 4, column 3: the rule name `a` is taken: names must be unique",
        ),
        ("version: 1\nrules: [{name: a, mode: audit, match:}]", "`match` must be a mapping"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {cluster: [a]}}]", "did you mean `clusters`?"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {pools: apps}}]", "`pools` must be a list"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {pools: []}}]", "`pools` is empty and would match nothing"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {pools: [1]}}]", "`pools` must be a text (quote it"),
        ("version: 1\nrules: [{name: a, mode: enforce, match: {tags: {}}}]", "`tags` is empty and would match everyth"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {tags: [env]}}]", "`tags` must be a mapping of tag names"),
        ("version: 1\nrules: [{name: a, mode: audit, match: {tags: {env: 1}}}]", "tag `env` must be a text"),
        ("version: 1\nproof: {level: nodes}", "`nodes` is not one of control-plane, node"),
        ("version: 1\nproof: {max_age: 3}", "`3` is not a duration: write a number and s, m, h or d, like `3d`"),
        ("version: 1\nproof: {max_age: 0d}", "`0d` is not a duration"),
        ("version: 1\nproof: {max_age: -1d}", "`-1d` is not a duration"),
        ("version: 1\nproof: {max_age: 1.5d}", "`1.5d` is not a duration"),
        ("version: 1\nproof: {max_age: 3w}", "`3w` is not a duration"),
        ("version: 1\nproof: {max_age: 99999999999d}", "`99999999999d` is not a duration"),
        ("version: 1\nproof: {max_age: {d: 3}}", "a mapping is not a duration"),
        ("version: 1\ndisruption: {concurrent: -1}", "`-1` is not a count"),
        ("version: 1\ndisruption: {concurrent: true}", "`True` is not a count"),
        ("version: 1\ndisruption: {concurrent: '2'}", "`2` is not a count: write a whole number"),
        ("version: 1\ndisruption: {concurrent: 1.0}", "`1.0` is not a count"),
        ("version: 1\ndisruption: {max: 1}", "unknown key `max` in `disruption`: allowed are concurrent"),
        ("version: 1\nmode: [", "this is not valid YAML"),
        ("version: 1\nmode: audit\nmode: enforce", "line 3, column 1: key `mode` is given twice"),
    ],
    ids=lambda value: value[:60].replace("\n", " ") if value.startswith("version") else None,
)
def test_each_fault_is_told_with_its_place_and_alone(text: str, fault: str) -> None:
    found = faults(text)

    assert len(found) == 1, found
    assert fault in found[0]
    assert found[0].startswith("line ")


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    found = faults(
        """\
        mode: enforc
        scope:
          exclude:
            - {}
        rules:
          - name: prod
            match: {tag: {env: prod}}
            mode: enforce
        proof:
          max_age: soon
        """
    )

    assert [line.split(":")[0] for line in found] == [
        "line 1, column 1",
        "line 1, column 7",
        "line 4, column 7",
        "line 7, column 18",
        "line 10, column 12",
    ]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("7200s", timedelta(hours=2)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations_have_a_unit(unit: str, expected: timedelta) -> None:
    assert read_policy(f"version: 1\nproof: {{max_age: {unit}}}").proof_max_age == expected


def test_a_budget_of_nothing_holds_everything_back() -> None:
    assert read_policy("version: 1\ndisruption: {concurrent: 0}").concurrent == 0


class TestMatching:
    """Which rule is a pool's, and what is out of scope."""

    def test_the_first_rule_that_matches_wins(self) -> None:
        policy = Policy(
            mode=Mode.ALERT,
            rules=(rule("one", Mode.AUDIT, pools=("ap*",)), rule("two", Mode.ENFORCE, pools=("apps",))),
        )

        assert policy.rule_for(cluster(), "apps").name == "one"

    def test_what_no_rule_matches_gets_the_policys_mode(self) -> None:
        policy = Policy(mode=Mode.ALERT, rules=(rule("one", Mode.ENFORCE, pools=("batch",)),))

        found = policy.rule_for(cluster(), "apps")

        assert (found.name, found.mode) == ("default", Mode.ALERT)

    @pytest.mark.parametrize(
        ("match", "expected"),
        [
            ({}, True),
            ({"subscriptions": (SUBSCRIPTION.upper(),)}, True),
            ({"subscriptions": (OTHER_SUBSCRIPTION,)}, False),
            ({"resource_groups": ("RG-*",)}, True),
            ({"resource_groups": ("rg",)}, False),
            ({"clusters": ("x", "aks-p?y")}, True),
            ({"clusters": ("pay",)}, False),
            ({"pools": ("APPS",)}, True),
            ({"pools": ("app",)}, False),
            ({"tags": (("ENV", "PROD"),)}, True),
            ({"tags": (("env", "p*"),)}, True),
            ({"tags": (("env", "dev"),)}, False),
            ({"tags": (("team", "*"),)}, False),
            ({"tags": (("env", "prod"), ("team", "*"))}, False),
            ({"clusters": ("aks-pay",), "pools": ("batch",)}, False),
        ],
    )
    def test_every_given_part_must_fit_and_case_makes_no_difference(
        self, match: dict[str, Any], *, expected: bool
    ) -> None:
        assert Match(**match).fits(cluster(), "apps") is expected

    @pytest.mark.parametrize("glob", ["[", "[!", "[]", "a[b", "**", "(", "\\"])
    def test_a_glob_that_is_odd_matches_or_does_not_and_never_fails(self, glob: str) -> None:
        assert Match(clusters=(glob,)).fits(cluster(), "apps") is (glob == "**")

    def test_a_cluster_is_covered_unless_its_subscription_or_an_exclusion_says_otherwise(self) -> None:
        excluding = Policy(exclude=(Match(clusters=("aks-pay",)), Match(resource_groups=("x",))))

        assert Policy(scope=(SUBSCRIPTION.upper(),)).covers(cluster_id(), {})
        assert not Policy(scope=(OTHER_SUBSCRIPTION,)).covers(cluster_id(), {})
        assert not excluding.covers(cluster_id(), {})
        assert excluding.covers(cluster_id("aks-other"), {})

    def test_a_rules_match_does_not_narrow_the_scope(self) -> None:
        assert read_policy(WHOLE).covers(cluster_id("other"), {"env": "prod"})
        assert not read_policy(WHOLE).covers(cluster_id(group="Sandbox-1"), {"Env": "DEV"})
        assert read_policy(WHOLE).covers(cluster_id(group="sandbox-1"), {})


WORDS = ["version", "mode", "scope", "subscriptions", "exclude", "rules", "name", "match", "tags", "proof", "level"]
policy_like = st.recursive(
    json_values | st.sampled_from(["audit", "enforce", "*", SUBSCRIPTION, "3d"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WORDS, "max_age", "disruption", "concurrent", "pools"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(yaml_ish | st.text(max_size=80) | policy_like.map(yaml.safe_dump))
def test_no_text_raises_anything_but_faults(text: str) -> None:
    for whole in (text, "version: 1\n" + text, "version: 1\nrules: " + text, "version: 1\nscope:\n  exclude: " + text):
        with contextlib.suppress(ConfigError):
            assert isinstance(read_policy(whole), Policy)


@given(st.dictionaries(st.sampled_from(["version", "mode", "scope", "rules", "proof", "disruption"]), policy_like))
def test_enforce_stands_only_where_somebody_wrote_it(document: dict[str, Any]) -> None:
    text = yaml.safe_dump({**document, "version": 1})
    try:
        policy = read_policy(text)
    except ConfigError:
        return

    if "enforce" not in text:
        assert policy.mode is not Mode.ENFORCE
        assert all(one.mode is not Mode.ENFORCE for one in policy.rules)


@pytest.mark.parametrize("short", ["1s", "59m"])
def test_nodes_are_not_asked_for_ever(short: str) -> None:
    with pytest.raises(ConfigError, match=r"line 2, column 18: .*too short"):
        read_policy(f"version: 1\nproof: {{max_age: {short}}}")
