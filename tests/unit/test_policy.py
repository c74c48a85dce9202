"""The policy: every fault at once with its line, never half a policy, and `audit` for whoever doesn't say otherwise."""

import contextlib
from dataclasses import replace
from datetime import date, time, timedelta
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.mail import MailChannel
from shared.adapters.teams import TeamsChannel
from shared.adapters.topic import TopicChannel
from shared.domain.language import names
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.model import Mode, ProofLevel
from shared.domain.policy import Breaker, Disruption, ExemptionRules, Policy, Ring, Rule, Scope
from shared.domain.policy_reader import read_policy
from shared.domain.settings import (
    CHANNELS,
    Fips,
    Modules,
    NewPools,
    Notice,
    OsSku,
    ProofSettings,
    Risk,
    Settings,
    Skip,
    Strategy,
    WorkloadSettings,
)
from shared.domain.windows import Blackout, Weekday, Window
from shared.errors import ConfigError
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster, cluster_id, pool, rule
from tests.unit.policies import policies, policy_text
from tests.unit.strategies import json_values, yaml_ish

WHOLE = f"""\
version: 1
fips: forbidden
mode: alert
proof: {{level: kernel, max_age: 7d, joined_nodes: 30m, sampling: true, image: busybox}}
new_pools: {{within: 2h, enforce_after: 10m, skip: [window, soak]}}
os_sku: AzureLinux3
modules: required
workloads: {{smb: note, budgets: ignore, unmanaged_pods: defer, local_data: defer}}
notice: {{before: 24h, owner: team@example.com, owner_tag: boss, objection_tag: stop}}
strategy: replace
windows: [{{days: [Saturday, sun], start: "22:00", length: 6h, zone: Europe/Berlin}}]
blackouts: [{{first: 2026-12-20, last: "2027-01-05", reason: peak season, zone: Europe/Berlin}}]
cluster_maintenance: true
alerts: [teams]
scope:
  management_groups: [mg-payments]
  subscriptions: [{SUBSCRIPTION}]
  exclude:
    - resource_groups: [sandbox-*]
      tags: {{env: dev}}
rules:
  - name: windows
    match: {{pools: [win*], os_types: [Windows], kubernetes: ">=1.28 <1.35"}}
    mode: audit
  - name: production
    match: {{}}
    mode: enforce
    proof: {{max_age: 1d}}
    windows: []
rings:
  - {{name: test, match: {{tags: {{env: test}}}}, soak: 3d, canary: false, concurrent: 10%}}
  - {{name: prod, after: test, concurrent: {{count: 5, percent: 10}}}}
disruption:
  concurrent: 3
  per_subscription: 20%
  nodes: 40
  spacing: 5m
  breaker: {{failures: 40%, within: 2d, least: 4}}
exemptions: {{max_age: 90d, expiring: 14d}}
require_approved_policy: true
"""
DEFAULTS = Settings(
    fips=Fips.FORBIDDEN,
    mode=Mode.ALERT,
    proof=ProofSettings(ProofLevel.KERNEL, timedelta(days=7), timedelta(minutes=30), sampling=True, image="busybox"),
    new_pools=NewPools(timedelta(hours=2), timedelta(minutes=10), (Skip.WINDOW, Skip.SOAK)),
    os_sku=OsSku.AZURELINUX3,
    modules=Modules.REQUIRED,
    workloads=WorkloadSettings(Risk.NOTE, Risk.IGNORE, Risk.DEFER, Risk.DEFER),
    notice=Notice(timedelta(days=1), "team@example.com", "boss", "stop"),
    strategy=Strategy.REPLACE,
    windows=(Window((Weekday.SATURDAY, Weekday.SUNDAY), time(22), timedelta(hours=6), "Europe/Berlin"),),
    blackouts=(Blackout(date(2026, 12, 20), date(2027, 1, 5), "peak season", "Europe/Berlin"),),
    cluster_maintenance=True,
    alerts=("teams",),
)


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_policy(dedent(text), "policy.yaml")
    assert caught.value.subject == "policy.yaml"
    return caught.value.faults


def test_a_ring_name_that_is_there_twice_hides_no_other_fault_of_rings() -> None:
    found = faults(
        """\
        version: 1
        rings:
        - {name: a, after: c}
        - {name: b, after: a}
        - {name: c, after: b}
        - {name: a, after: d}
        """
    )

    assert [fault.partition(": ")[2][:46] for fault in found] == [
        "rings wait for each other in a circle, a → c →",
        "the ring name `a` is taken (line 3): names mus",
        "ring `a` comes after `d`, which is no ring: gi",
    ]


def test_the_smallest_policy_judges_everything_and_changes_nothing() -> None:
    policy = read_policy("version: 1")

    assert policy == Policy()
    assert policy.defaults.mode is Mode.AUDIT
    assert policy.rule_for(cluster(), pool()).settings.mode is Mode.AUDIT
    assert policy.covers(cluster())
    assert policy.defaults.proof == ProofSettings(ProofLevel.NODE, timedelta(days=3))
    assert policy.disruption.concurrent == Limit(1)


def test_a_whole_policy_is_read() -> None:
    policy = read_policy(WHOLE)

    assert policy.defaults == DEFAULTS
    assert policy.scope == Scope(
        ("mg-payments",), (SUBSCRIPTION,), (ClusterMatch(resource_groups=("sandbox-*",), tags={"env": "dev"}),)
    )
    assert [(each.name, each.match, each.line) for each in policy.rules] == [
        ("windows", Match(pools=("win*",), os_types=("Windows",), kubernetes=VersionRange(">=1.28 <1.35")), 22),
        ("production", Match(), 25),
    ]
    assert policy.rings == (
        Ring("test", Match(tags={"env": "test"}), "", timedelta(days=3), canary=False, concurrent=Limit(percent=10)),
        Ring("prod", after="test", concurrent=Limit(5, 10)),
    )
    assert policy.disruption == Disruption(
        Limit(3), Limit(percent=20), 40, timedelta(minutes=5), Breaker(40, timedelta(days=2), 4)
    )
    assert policy.exemptions == ExemptionRules(timedelta(days=90), timedelta(days=14))
    assert policy.require_approved_policy


def test_what_a_rule_leaves_out_is_as_at_the_top_key_by_key() -> None:
    audit, enforce = (each.settings for each in read_policy(WHOLE).rules)

    assert audit.mode is Mode.AUDIT
    assert audit.windows == DEFAULTS.windows
    assert enforce.mode is Mode.ENFORCE
    assert enforce.proof == replace(DEFAULTS.proof, max_age=timedelta(days=1))
    assert enforce.windows == ()
    assert (enforce.notice, enforce.new_pools, enforce.fips) == (DEFAULTS.notice, DEFAULTS.new_pools, Fips.FORBIDDEN)


def test_a_limit_is_not_mixed_with_the_default_one() -> None:
    assert read_policy("version: 1\ndisruption: {concurrent: {percent: 10}}").disruption.concurrent == Limit(percent=10)


def test_every_part_knows_its_line() -> None:
    policy = read_policy(WHOLE)

    assert [excluded.line for excluded in policy.scope.exclude] == [19]
    assert [(each.line, each.match.line) for each in policy.rules] == [(22, 23), (25, 26)]
    assert [ring.line for ring in policy.rings] == [31, 32]


def test_a_policy_is_named_by_the_hash_of_its_text() -> None:
    one, other = read_policy("version: 1"), read_policy("version: 1 # same")

    assert len(one.hash) == 64
    assert one.hash != other.hash
    assert one == other


FAULTS: list[tuple[str, str]] = [
    ("", "line 1, column 1: `version: 1` must stand in the policy"),
    ("[]", "line 1, column 1: the policy is a mapping"),
    ("version", "line 1, column 1: the policy is a mapping"),
    ("mode: audit", "line 1, column 1: `version: 1` must stand"),
    ("version: 2", "line 1, column 10: `version: 1` must stand"),
    ("version: true", "line 1, column 10: `version: 1` must stand"),
    ("version: '1'", "line 1, column 10: `version: 1` must stand"),
    ("version: 1.0", "line 1, column 10: `version: 1` must stand"),
    ("version: 1\nmood: audit", "line 2, column 1: unknown key `mood` in the policy: did you mean `mode`?"),
    ("version: 1\nline: 3", "line 2, column 1: unknown key `line` in the policy"),
    ("version: 1\nhash: x", "line 2, column 1: unknown key `hash` in the policy"),
    ("version: 1\ndefaults: {}", "line 2, column 1: unknown key `defaults` in the policy"),
    ("version: 1\nmode: observe", "line 2, column 7: `mode`: `observe` is not one of audit, alert, approve, enforce"),
    ("version: 1\nmode: enforced", "enforce: did you mean `enforce`?"),
    ("version: 1\nmode: Enforce", "line 2, column 7: `mode`: `Enforce` is not one of"),
    ("version: 1\nmode: off", "line 2, column 7: `mode`: `off` is not one of"),
    ("version: 1\nmode:", "line 2, column 6: `mode`: an empty value is not one of"),
    ("version: 1\nmode: [enforce]", "line 2, column 7: `mode`: a list is not one of"),
    ("version: 1\nfips: true", "`fips`: `true` is not one of required, forbidden, any"),
    ("version: 1\nos_sku: azurelinux3", "is not one of keep, Ubuntu2204, AzureLinux3: did you mean `AzureLinux3`?"),
    ("version: 1\nscope: all", "line 2, column 8: `scope` must be a mapping of management_groups, subscriptions"),
    ("version: 1\nscope:", "line 2, column 7: `scope` must be a mapping"),
    ("version: 1\nscope: {subscription: []}", "line 2, column 9: unknown key `subscription` in `scope`: did you mean"),
    ("version: 1\nscope: {subscriptions: []}", "line 2, column 24: `subscriptions` is empty and nothing would be in s"),
    ("version: 1\nscope: {subscriptions: '*'}", '`subscriptions` must be a list: write `["*"]`'),
    ("version: 1\nscope: {subscriptions: [Payments]}", "`Payments` is not a subscription id: write its GUID"),
    (f"version: 1\nscope: {{subscriptions: ['*', {SUBSCRIPTION}]}}", "line 2, column 25: `*` already means all"),
    ("version: 1\nscope: {management_groups: [a b]}", "`a b` is not the id of a management group"),
    ("version: 1\nscope: {exclude: [{}]}", "an exclusion that names nothing would exclude the whole fleet"),
    ("version: 1\nscope: {exclude: [{tags: {}}]}", "`tags` is empty and would match everything"),
    ("version: 1\nscope: {exclude: [{clusters: []}]}", "`clusters` is empty and would match nothing"),
    ("version: 1\nscope: {exclude: [{pools: [a]}]}", "unknown key `pools` in an exclusion"),
    ("version: 1\nscope: {exclude: [aks]}", "line 2, column 19: an exclusion must be a mapping"),
    ("version: 1\nscope: {exclude: {clusters: [a]}}", "`exclude` must be a list"),
    ("version: 1\nrules:", "line 2, column 7: `rules` must be a list: fill it or leave it out"),
    ("version: 1\nrules:\n  name: a\n  mode: audit", "`rules` must be a list: begin each of its entries with `- `"),
    (
        "version: 1\nrules: [{name: a, mode: audit, match: {tags: {env: [prod, stage]}}}]",
        "`env`: a list is not a text: write one glob; another value needs an entry with a match of its own",
    ),
    ("version: 1\nrules: [x]", "line 2, column 9: a rule must be a mapping of name, match, fips, mode"),
    ("version: 1\nrules: [{mode: audit}]", "line 2, column 9: a rule has no `name`: it is needed"),
    ("version: 1\nrules: [{name: 7, mode: audit}]", "`name`: `7` is not a text (quote it)"),
    ("version: 1\nrules: [{name: '', mode: audit}]", "`name`: an empty text says nothing"),
    ("version: 1\nrules: [{name: a}]", "line 2, column 9: rule `a` has no `mode`: say audit, alert, approve or enfor"),
    ("version: 1\nrules: [{name: a, mode: enforced}]", "`enforced` is not one of audit, alert, approve, enforce"),
    ("version: 1\nrules: [{name: default, mode: audit}]", "the rule name `default` is the product's own"),
    (
        "version: 1\nrules:\n- {name: a, mode: audit}\n- {name: a, mode: audit}",
        "line 4, column 10: the rule name `a` is taken (line 3): names must be unique",
    ),
    ("version: 1\nrules: [{name: a, mode: audit, match:}]", "`match` must be a mapping"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {cluster: [a]}}]", "did you mean `clusters`?"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {pools: apps}}]", '`pools` must be a list: write `["apps"]`'),
    ("version: 1\nrules: [{name: a, mode: audit, match: {pools: []}}]", "`pools` is empty and would match nothing"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {pools: [1]}}]", "`pools`: `1` is not a text (quote it)"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {pools: ['']}}]", "`pools`: an empty text says nothing"),
    (f"version: 1\nrules: [{{name: a, mode: audit, match: {{pools: [{'x' * 257}]}}}}]", "is 257 characters long: 256"),
    ("version: 1\nrules: [{name: a, mode: enforce, match: {tags: {}}}]", "`tags` is empty and would match everyth"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {tags: [env]}}]", "`tags` must be a mapping of names to texts"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {tags: {env: 1}}}]", "`env`: `1` is not a text (quote it)"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: 1.30}}]", "`1.30` is no range of versions: write"),
    ("version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: '1.x'}}]", "`1.x` is no range of Kubernetes ver"),
    (
        "version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: '>=1.35 <1.30'}}]",
        "`kubernetes`: `>=1.35 <1.30` holds no version: one of its bounds shuts out the others",
    ),
    ("version: 1\nrules: [{name: a, mode: audit, match: {kubernetes: '>1.30 <1.31'}}]", "holds no version"),
    ("version: 1\nrings: [{name: a, after: a}]", "line 2, column 26: ring `a` comes after itself"),
    ("version: 1\nrings: [{name: a, after: bb}, {name: b}]", "comes after `bb`, which is no ring: did you mean `b`?"),
    (
        "version: 1\nrings:\n- {name: a, after: c}\n- {name: b, after: a}\n- {name: c, after: b}",
        "line 3, column 20: rings wait for each other in a circle, a → c → b → a",
    ),
    (
        "version: 1\nrings: [{name: a, after: c}, {name: b}, {name: c}]",
        "circle, a → c → b → a: give one of them another `after` (without it, a ring comes after the one above)",
    ),
    ("version: 1\nrings: [{name: a}, {name: a}]", "the ring name `a` is taken (line 2)"),
    ("version: 1\nrings: [{name: a, soak: 3}]", "`soak`: `3` is not a duration"),
    ("version: 1\nrings: [{name: a, canary: 1}]", "`canary`: `1` is neither true nor false"),
    ("version: 1\nrings: [{name: a, concurrent: {}}]", "a limit needs `count`, `percent` or both"),
    ("version: 1\nrings: [{name: a, concurrent: {percent: 101}}]", "`101` is too much: `100` is the most"),
    ("version: 1\nrings: [{name: a, concurrent: 101%}]", "`101%` is not a share: write it from 0% to 100%"),
    ("version: 1\nproof: {level: nodes}", "`nodes` is not one of control-plane, node, kernel, host: did you mean `no"),
    ("version: 1\nproof: {max_age: 3}", "`3` is not a duration: write a number and s, m, h or d, like `3d`"),
    (
        "version: 1\ndisruption: {breaker: {least: 201}}",
        "`least`: `201` is too much: `200` is the most",
    ),
    ("version: 1\nproof: {max_age: 0d}", "`0d` is too little: `1h` is the least"),
    ("version: 1\nproof: {max_age: 59m}", "line 2, column 18: `max_age`: `59m` is too little: `1h` is the least"),
    ("version: 1\nproof: {max_age: -1d}", "`-1d` is not a duration"),
    ("version: 1\nproof: {max_age: 1.5d}", "`1.5d` is not a duration"),
    ("version: 1\nproof: {max_age: 3w}", "`3w` is not a duration"),
    ("version: 1\nproof: {max_age: 99999999999d}", "`99999999999d` is not a duration"),
    ("version: 1\nproof: {max_age: ٣d}", "`٣d` is not a duration"),
    ("version: 1\nproof: {max_age: {d: 3}}", "a mapping is not a duration"),
    ("version: 1\nnew_pools: {skip: [windows]}", "`windows` is not one of window, soak: did you mean `window`?"),
    ("version: 1\nnotice: {owner: team}", "`team` is not a mail address: write it like `team@example.com`"),
    ("version: 1\nnotice: {objection_tag: ''}", "`objection_tag`: an empty text says nothing"),
    ("version: 1\nalerts: []", "`alerts` is empty and would tell nobody: leave it out for all channels"),
    ("version: 1\nalerts: [temas]", "`alerts`: `temas` is not one of teams, mail, topic: did you mean `teams`?"),
    ("version: 1\nalerts: [teams, Mail]", "line 2, column 17: `alerts`: `Mail` is not one of teams, mail, topic: did"),
    ("version: 1\nalerts: [ops]", "`ops` is not one of teams, mail, topic"),
    ("version: 1\nalerts: teams", '`alerts` must be a list: write `["teams"]`'),
    ("version: 1\nwindows: [{start: '22:00'}]", "a window has no `length`"),
    ("version: 1\nwindows: [{start: 22:00, length: 1h}]", '`22:00` is the number 1320 in YAML: quote it, "22:00"'),
    ("version: 1\nwindows: [{start: '24:00', length: 1h}]", "`24:00` is not a time of day"),
    (
        "version: 1\nwindows: [{start: '6:00', length: 1h}]",
        '`6:00` is not a time of day: hours have two digits, "06:00"',
    ),
    ("version: 1\nwindows: [{start: 6:00, length: 1h}]", '`6:00` is the number 360 in YAML: quote it, "06:00"'),
    ("version: 1\nwindows: [{start: '6:0', length: 1h}]", "`6:0` is not a time of day: write hours and minutes"),
    ("version: 1\nblackouts: [{first: 2026-13-20, last: 2026-12-20, reason: x}]", "`2026-13-20` is in no calendar: co"),
    ("version: 1\nblackouts: [{first: !x 2026-12-20, last: 2026-12-20, reason: x}]", "the tag `!x` can't be used here"),
    (
        "version: 1\nrules: [{name: a, mode: audit, match: {os_types: [linus]}}]",
        "`os_types`: `linus` is not one of Linux, Windows: did you mean `Linux`?",
    ),
    (
        "version: 1\nrules: [{name: a, mode: audit, match: {pool_modes: [sys]}}]",
        "`pool_modes`: `sys` is not one of System, User, Gateway: did you mean `System`?",
    ),
    ("version: 1\nmode: !foo audit", "the tag `!foo` can't be used here: leave it out"),
    ("version: !!python/object/apply:os.system ['id']", "the tag `!!python/object/apply:os.system` can't be used"),
    ("version: 1\nrules: !foo [{name: a, mode: audit}]", "the tag `!foo` can't be used here"),
    ("version: 1\n!foo mode: audit", "the tag `!foo` can't be used here"),
    ("version: 1\nwindows: [{start: '22:00', length: 0s}]", "`length`: `0s` is too little: `1m` is the least"),
    ("version: 1\nwindows: [{start: '22:00', length: 169h}]", "`length`: `169h` is too much: `7d` is the most"),
    ("version: 1\nwindows: [{start: '22:00', length: 1h, days: []}]", "`days` is empty and would never begin"),
    ("version: 1\nwindows: [{start: '22:00', length: 1h, days: [Sonday]}]", "did you mean `Sunday`?"),
    ("version: 1\nwindows: [{start: '22:00', length: 1h, days: [satur]}]", "`satur` is not one of Monday, Tuesday"),
    ("version: 1\nwindows: [{start: '22:00', length: 1h, zone: Europe/Berln}]", "did you mean 'Europe/Berlin'?"),
    ("version: 1\nblackouts: [{first: 2026-12-20, last: 2026-12-19, reason: x}]", "line 2, column 13: a blackout from"),
    ("version: 1\nblackouts: [{first: 2026-12-20, last: 2026-12-20}]", "a blackout has no `reason`"),
    ("version: 1\nblackouts: [{first: '2026-02-30', last: 2026-12-20, reason: x}]", "`2026-02-30` is in no calendar"),
    ("version: 1\nblackouts: [{first: 2026-12-20T10:00:00Z, last: 2026-12-20, reason: x}]", "is not a date: write it"),
    ("version: 1\nblackouts: [{first: 1999-12-31, last: 2026-12-31, reason: x}]", "is not between the years"),
    ("version: 1\ncluster_maintenance: 'yes'", "`yes` is neither true nor false"),
    ("version: 1\nrequire_approved_policy: 1", "`1` is neither true nor false"),
    ("version: 1\ndisruption: {concurrent: -1}", "`-1` is not a count"),
    ("version: 1\ndisruption: {concurrent: true}", "`true` is not a count"),
    ("version: 1\ndisruption: {concurrent: '2'}", "`2` is not a share: write a count without quotes"),
    ("version: 1\ndisruption: {concurrent: 1.0}", "`1.0` is not a count: write a whole number"),
    ("version: 1\ndisruption: {nodes: -1}", "`nodes`: `-1` is too little: `0` is the least"),
    ("version: 1\ndisruption: {nodes: 1_0}", "`nodes`: `1_0` is the number 10 in YAML: write digits alone"),
    ("version: 1\ndisruption: {nodes: 0x10}", "`0x10` is the number 16 in YAML"),
    ("version: 1\ndisruption: {concurrent: 010}", "line 2, column 26: `concurrent`: `010` is the number 8 in YAML"),
    ("version: 1\ndisruption: {concurrent: 1:30}", "`1:30` is the number 90 in YAML"),
    ("version: 1\ndisruption: {concurrent: {percent: 010}}", "`percent`: `010` is the number 8 in YAML"),
    ("version: 1\ndisruption: {concurrent: {count: +5}}", "`count`: `+5` is the number 5 in YAML"),
    ("version: 1\ndisruption: {breaker: {least: 0b11}}", "`least`: `0b11` is the number 3 in YAML"),
    ("version: 1\ndisruption: {concurrent: 010%}", "`010%` is not a share"),
    ("version: 1\ndisruption: {nodes: true}", "`nodes`: `true` is not a count"),
    ("version: 1\ndisruption: {max: 1}", "unknown key `max` in `disruption`: allowed are concurrent, per_subscription"),
    ("version: 1\ndisruption: {breaker: {failures: 50}}", "`50` is not a share: write it from 0% to 100%, like `50%`"),
    ("version: 1\ndisruption: {breaker: {failures: 0%}}", "`0%` is too little: `1%` is the least"),
    ("version: 1\ndisruption: {breaker: {least: 0}}", "`least`: `0` is too little: `1` is the least"),
    ("version: 1\nexemptions: {max_age: 23h}", "`max_age`: `23h` is too little: `1d` is the least"),
    ('version: 1\nalerts: ["\\ud800"]', "holds control characters or half of a character"),
    ("version: 1\nmode: [", "this is not valid YAML"),
    ("version: 1\nmode: audit\nmode: enforce", "line 3, column 1: key `mode` is given twice"),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS, ids=[text[11:60].replace("\n", " ") for text, _ in FAULTS])
def test_each_fault_is_told_with_its_place_and_alone(text: str, fault: str) -> None:
    found = faults(text)

    assert len(found) == 1, found
    assert fault in found[0]
    assert found[0].startswith("line ")


def test_a_glob_of_a_closed_set_fits_one_of_it_without_case() -> None:
    text = "version: 1\nrules: [{name: a, mode: audit, match: {os_types: [LIN*, '*'], pool_modes: ['[su]*', gateway]}}]"

    assert read_policy(text).rules[0].match.os_types == ("LIN*", "*")


@pytest.mark.parametrize("written", ["01", "0x1", "+1", "0b1"])
def test_the_version_is_written_as_it_is_told(written: str) -> None:
    assert "`version: 1` must stand in the policy" in faults(f"version: {written}")[0]


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
        rings:
          - {name: a, after: a, soak: 1}
        proof:
          max_age: soon
        """
    )

    assert [line.split(":")[0] for line in found] == [
        "line 1, column 1",
        "line 1, column 7",
        "line 4, column 7",
        "line 7, column 13",
        "line 10, column 22",
        "line 10, column 31",
        "line 12, column 12",
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7200s", timedelta(hours=2)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations_have_a_unit(written: str, expected: timedelta) -> None:
    assert read_policy(f"version: 1\nproof: {{max_age: {written}}}").defaults.proof.max_age == expected


def test_durations_may_be_nothing_where_nothing_is_meant() -> None:
    assert read_policy("version: 1\nnew_pools: {within: 0s}").defaults.new_pools.within == timedelta()


@pytest.mark.parametrize(
    ("written", "limit"), [("0", Limit(0)), ("0%", Limit(percent=0)), ("100%", Limit(percent=100))]
)
def test_a_limit_may_be_nothing_or_everything(written: str, limit: Limit) -> None:
    assert read_policy(f"version: 1\ndisruption: {{concurrent: {written}}}").disruption.concurrent == limit


@pytest.mark.parametrize("written", ["Saturday", "saturday", "SAT", "sat", "SatURday"])
def test_a_day_may_be_short_and_in_any_case(written: str) -> None:
    read = read_policy(f"version: 1\nwindows: [{{days: [{written}], start: '06:00', length: 1h}}]")

    assert read.defaults.windows[0].days == (Weekday.SATURDAY,)


def test_a_window_without_days_is_every_days() -> None:
    read = read_policy("version: 1\nwindows: [{start: '06:00', length: 1h}]")

    assert read.defaults.windows == (Window((), time(6), timedelta(hours=1)),)


def test_an_owner_may_be_nobody_where_the_top_names_one() -> None:
    read = read_policy(
        "version: 1\nnotice: {owner: a@example.com}\n"
        "rules: [{name: a, mode: audit, notice: {owner: '', owner_tag: ''}}]"
    )

    assert read.defaults.notice.owner == "a@example.com"
    assert (read.rules[0].settings.notice.owner, read.rules[0].settings.notice.owner_tag) == ("", "")


class TestMatching:
    """Which rule is a pool's, and what is out of scope."""

    def test_the_first_rule_that_matches_wins(self) -> None:
        policy = Policy(rules=(rule("one", Mode.AUDIT, pools=("ap*",)), rule("two", Mode.ENFORCE, pools=("apps",))))

        assert policy.rule_for(cluster(), pool()).name == "one"

    def test_what_no_rule_matches_gets_the_policys_settings(self) -> None:
        policy = Policy(Settings(mode=Mode.ALERT), rules=(rule("one", Mode.ENFORCE, pools=("batch",)),))

        found = policy.rule_for(cluster(), pool())

        assert (found.name, found.settings.mode, found.line) == ("default", Mode.ALERT, 0)

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
            ({"locations": ("West*",)}, True),
            ({"locations": ("usgov*",)}, False),
            ({"pools": ("APPS",)}, True),
            ({"pools": ("app",)}, False),
            ({"tags": {"ENV": "PROD"}}, True),
            ({"tags": {"env": "p*"}}, True),
            ({"tags": {"env": "dev"}}, False),
            ({"tags": {"team": "*"}}, False),
            ({"tags": {"env": "prod", "team": "*"}}, False),
            ({"pool_tags": {"Tier": "GOLD"}}, True),
            ({"pool_tags": {"env": "prod"}}, False),
            ({"os_types": ("linux",)}, True),
            ({"os_types": ("Windows",)}, False),
            ({"os_skus": ("AzureLinux*",)}, True),
            ({"os_skus": ("Ubuntu*",)}, False),
            ({"pool_modes": ("user",)}, True),
            ({"pool_modes": ("System",)}, False),
            ({"kubernetes": VersionRange(">=1.34 <1.35")}, True),
            ({"kubernetes": VersionRange(">1.34")}, False),
            ({"clusters": ("aks-pay",), "pools": ("batch",)}, False),
        ],
    )
    def test_every_given_part_must_fit_and_case_makes_no_difference(
        self, match: dict[str, Any], *, expected: bool
    ) -> None:
        assert Match(**match).fits(cluster(), pool(tags={"tier": "gold"})) is expected

    @pytest.mark.parametrize("glob", ["[", "[!", "[]", "a[b", "**", "(", "\\"])
    def test_a_glob_that_is_odd_matches_or_does_not_and_never_fails(self, glob: str) -> None:
        assert Match(clusters=(glob,)).fits(cluster(), pool()) is (glob == "**")

    @pytest.mark.parametrize(
        ("text", "held"),
        [("1.30", "1.30.7"), ("=1.30", "1.30.0"), ("<=1.30", "1.9"), ("<1.31 >1.29", "1.30.1"), (">=1.30", "2.0")],
    )
    def test_a_range_of_versions_counts_minors(self, text: str, held: str) -> None:
        assert VersionRange(text).holds(held)

    @pytest.mark.parametrize(
        ("text", "other"), [("1.30", "1.3"), ("<1.30", "1.30.0"), (">1.30", "1.30.9"), ("1.3", "")]
    )
    def test_what_is_outside_of_a_range_or_cant_be_read_is_not_in_it(self, text: str, other: str) -> None:
        assert not VersionRange(text).holds(other)

    def test_a_version_that_cant_be_read_never_makes_a_rule_act(self) -> None:
        policy = Policy(rules=(rule("one", Mode.ENFORCE, kubernetes=VersionRange("1.30")),))

        found = policy.rule_for(cluster(), pool(currentOrchestratorVersion="?", orchestratorVersion="?"))

        assert (found.name, found.settings.mode) == ("one", Mode.ALERT)

    def test_a_cluster_is_covered_unless_its_subscription_or_an_exclusion_says_otherwise(self) -> None:
        excluding = Scope(exclude=(ClusterMatch(clusters=("aks-pay",)), ClusterMatch(resource_groups=("x",))))

        assert Policy(scope=Scope(subscriptions=(SUBSCRIPTION.upper(),))).covers(cluster())
        assert Policy(scope=Scope(subscriptions=("*",))).covers(cluster())
        assert not Policy(scope=Scope(subscriptions=(OTHER_SUBSCRIPTION,))).covers(cluster())
        assert not Policy(scope=excluding).covers(cluster())
        assert Policy(scope=excluding).covers(cluster(id=cluster_id("aks-other").arm_id))

    def test_an_exclusion_goes_by_all_that_it_names(self) -> None:
        policy = read_policy(WHOLE)
        sandbox = cluster_id(group="Sandbox-1").arm_id

        assert policy.covers(cluster())
        assert policy.covers(cluster(id=sandbox))
        assert not policy.covers(cluster(id=sandbox, tags={"Env": "DEV"}))

    def test_a_ring_comes_after_the_one_it_names_or_else_the_one_above(self) -> None:
        policy = read_policy("version: 1\nrings: [{name: a}, {name: b}, {name: c, after: a}]")
        before = [policy.before(ring) for ring in policy.rings]

        assert [ring and ring.name for ring in before] == [None, "a", "a"]


policy_like = st.recursive(
    json_values | st.sampled_from(["audit", "enforce", "*", SUBSCRIPTION, "3d", "10%", "22:00", "UTC", "1.30"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*names(Policy), *names(Rule), *names(Match), *names(Ring)]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(yaml_ish | st.text(max_size=80) | policy_like.map(yaml.safe_dump))
def test_no_text_raises_anything_but_faults(text: str) -> None:
    for whole in (text, "version: 1\n" + text, "version: 1\nrules: " + text, "version: 1\nscope:\n  exclude: " + text):
        with contextlib.suppress(ConfigError):
            assert isinstance(read_policy(whole), Policy)


@given(st.dictionaries(st.sampled_from(names(Policy)), policy_like))
def test_nothing_acts_unless_somebody_wrote_so(document: dict[str, Any]) -> None:
    text = yaml.safe_dump({**document, "version": 1})
    try:
        policy = read_policy(text)
    except ConfigError:
        return

    if "enforce" not in text and "approve" not in text:
        assert not policy.defaults.mode.acts
        assert not any(one.settings.mode.acts for one in policy.rules)


@given(policies)
def test_a_policy_that_is_written_down_reads_back_as_it_was(policy: Policy) -> None:
    assert read_policy(policy_text(policy)) == policy


@pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 5_000, "rules:\n" + "- " * 5_000, "'" * 100_001])
def test_a_text_nested_without_end_is_a_fault(text: str) -> None:
    assert faults("version: 1\n" + text)


def test_a_huge_policy_is_read_or_refused_in_seconds() -> None:
    good = "version: 1\nrules:\n" + "".join(
        f"- {{name: r{n}, mode: audit, match: {{pools: [p{n}]}}}}\n" for n in range(1500)
    )
    bad = "version: 1\n" + "".join(f"key{n}: 1\n" for n in range(5000))

    assert len(read_policy(good).rules) == 1500
    assert len(faults(bad)) == 5000


def test_the_channels_that_a_policy_may_name_are_those_that_there_are() -> None:
    assert (TeamsChannel.name, MailChannel.name, TopicChannel.name) == CHANNELS
