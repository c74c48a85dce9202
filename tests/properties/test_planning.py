"""What holds whatever the fleet, the policy, the budget and the time: the product's promises."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.budget import Canary, Place
from shared.domain.census import DONE
from shared.domain.evaluate import evaluate
from shared.domain.legible import illegible
from shared.domain.maintenance import NoMaintenanceConfiguration, opening_by_cluster
from shared.domain.model import ComplianceState, Mode
from shared.domain.places import taken
from shared.domain.plan import plan
from shared.domain.planned import Action, Plan
from shared.domain.policy import Policy, Ring
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Risk, Skip
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.support import minor_version, os_sku_named
from shared.domain.timing import is_new
from shared.domain.waits import wanted
from shared.domain.windows import WEEK, Open, Window, opening
from tests.properties.strategies import cases, eager, exemptions, half_way, situations, without

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def planned(situation: Situation) -> tuple[Plan, Action | None]:
    """Plan, and take the action by itself."""
    found = plan(situation)
    return found, found.action


@given(situations())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
def test_an_action_is_one_that_every_rule_allows(situation: Situation) -> None:
    """Exempt, excluded, audit-only or not-matching pools never get one; nor does anything in trouble."""
    _, action = planned(situation)
    if action is None:
        return
    policy = situation.rules.policy
    pool = next(one for one in situation.cluster.pools if one.name == action.pool)
    rule = policy.rule_for(situation.cluster, pool)
    verdict = next(one for one in situation.posture.pools if one.pool == action.pool)
    assert situation.posture.in_scope
    assert policy.covers(situation.cluster)
    assert rule.settings.mode in (Mode.ENFORCE, Mode.APPROVE)
    assert rule.settings.fips is not Fips.ANY
    assert verdict.state is ComplianceState.NON_COMPLIANT or verdict.state is ComplianceState.INCONSISTENT
    assert ComplianceState.EXEMPT not in {finding.state for finding in verdict.findings}
    assert not situation.rules.trouble
    assert action.etag
    assert action.etag == pool.etag
    if rule.settings.mode is Mode.APPROVE:
        assert action.approvals
        assert all(situation.budget.approvals[key].until > situation.now for key in action.approvals)
    if policy.require_approved_policy:
        assert situation.budget.approvals[policy.hash].until > situation.now
    known = situation.memory.pool(pool.name).workloads
    if action.changes.get("enableFIPS") is True and rule.settings.workloads.smb is Risk.DEFER:
        assert known or situation.assuming
    if known and action.changes.get("enableFIPS") is True and rule.settings.workloads.smb is Risk.DEFER:
        assert not known.smb.count
        assert not known.unreadable


@given(half_way())
@settings(max_examples=cases(200), suppress_health_check=_CALM, deadline=None)
def test_what_is_gone_on_with_half_way_is_what_no_exemption_spares(situation: Situation) -> None:
    """Such a pool shows no finding that an exemption excuses: the exemption itself holds it back, and nothing else."""
    (pool,), terms = situation.cluster.pools, situation.rules.policy.exemptions
    spared = [
        one
        for one in situation.rules.exemptions.entries
        if one.match.fits(situation.cluster, pool)
        and one.created <= situation.now < one.ends(terms)
        and (not one.covers or "FipsDisabled" in one.covers)
    ]

    found = plan(situation)

    assert [one.reason for one in found.deferrals] == (["Exempt"] if spared else [])
    assert (found.action is None) == bool(spared)


@given(situations() | eager())
@settings(max_examples=cases(800), suppress_health_check=_CALM, deadline=None)
def test_no_plan_exceeds_any_cap(situation: Situation) -> None:
    _, action = planned(situation)
    if action is None:
        return
    budget, policy = situation.budget, situation.rules.policy
    limits, counts = policy.disruption, situation.budget.counts
    subscription = situation.cluster.id.subscription
    assert not budget.paused
    assert not budget.broken
    assert len(budget.places) < limits.concurrent.of(counts.pools if counts else None)
    if limits.per_subscription:
        mine = sum(place.subscription == subscription for place in budget.places.values())
        assert mine < limits.per_subscription.of(counts.subscriptions[subscription] if counts else None)
    if limits.nodes is not None:
        assert action.nodes is not None
        assert sum(place.nodes for place in budget.places.values()) + action.nodes <= limits.nodes
    assert not budget.last_begun or situation.now - budget.last_begun >= limits.spacing
    step = next(one for one in due(situation) if one.pool.name == action.pool)
    ring = policy.ring_for(situation.cluster, step.pool)
    assert action.ring == (ring.name if ring else "")
    if ring and ring.concurrent:
        mine = sum(_may_be_in(policy, ring, place) for place in budget.places.values())
        assert mine < ring.concurrent.of(counts.rings[ring.name].pools if counts else None)
    before = policy.before(ring) if ring and not action.skip_soak else None
    while before:
        assert counts
        count = counts.rings[before.name]
        assert count.unproven == 0
        assert count.clean_since
        assert situation.now - count.clean_since >= before.soak
        before = policy.before(before)
    if ring and ring.canary:
        assert all(canary.proven or not _may_be_in(policy, ring, canary) for canary in budget.canaries.values())
        tried = any(canary.stage == policy.stage(ring) for canary in budget.canaries.values())
        assert tried or not any(_may_be_in(policy, ring, place) for place in budget.places.values())


def _may_be_in(policy: Policy, ring: Ring, one: Place | Canary) -> bool:
    """Whether a pool is told to be in a ring, or nothing is told and its name leaves it open."""
    named = not ring.match.pools or any(fnmatchcase(one.pool, glob) for glob in ring.match.pools)
    return one.stage == policy.stage(ring) or (not one.stage and named)


@given(situations() | eager())
@settings(max_examples=cases(800), suppress_health_check=_CALM, deadline=None)
def test_nothing_begins_in_a_ring_while_the_posture_has_a_pool_of_an_earlier_one_that_is_not_done(
    situation: Situation,
) -> None:
    _, action = planned(situation)
    policy = situation.rules.policy
    ring = next((one for one in policy.rings if action and one.name == action.ring), None)
    before = policy.before(ring) if ring and action and not action.skip_soak else None
    while before:
        assert all(pool.state in DONE for pool in situation.posture.pools if pool.ring == before.name)
        before = policy.before(before)


@given(situations() | eager())
@settings(max_examples=cases(300), suppress_health_check=_CALM, deadline=None)
def test_what_is_planned_can_be_reserved_and_no_more(situation: Situation) -> None:
    """The reservation asks the budget the same question as the planner: of the same budget, with the same answer."""
    _, action = planned(situation)
    for step in due(situation):
        place = wanted(situation, step)
        stage = situation.rules.policy.stage(place.ring)
        at = Place("new", place.pool, place.subscription, place.nodes or 1, situation.now, stage=stage)
        got = taken(situation.budget, situation.rules, place, at, (), situation.now)
        if action and action.pool == step.pool.name:
            assert got
            assert len(got.places) == len(situation.budget.places) + 1
            again = taken(got, situation.rules, place, at, (), situation.now)
            assert again == got
            other = taken(got, situation.rules, place, replace(at, intent="other"), (), situation.now)
            assert other is None


@given(situations() | eager())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
def test_nothing_begins_outside_its_window(situation: Situation) -> None:
    """Of the policy and of the cluster; the times lie around the changes of the clocks, and a day that was none."""
    _, action = planned(situation)
    if action is None:
        return
    step = next(one for one in due(situation) if one.pool.name == action.pool)
    asked, now = step.subject.settings, situation.now
    skips = Skip.WINDOW in asked.new_pools.skip and is_new(step.subject)
    windows = () if skips else asked.windows
    found = opening(windows, asked.blackouts, now)
    assert isinstance(found, Open)
    assert not windows or any(_lies_in(window, now) for window in windows)
    assert not any(each.first <= now.astimezone(ZoneInfo(each.zone)).date() <= each.last for each in asked.blackouts)
    ends = [found.until]
    if asked.cluster_maintenance:
        own = opening_by_cluster(situation.maintenance, now, any_time=skips)
        assert isinstance(own, Open) or (isinstance(own, NoMaintenanceConfiguration) and (windows or skips))
        ends += [own.until] if isinstance(own, Open) else []
    assert action.before == min((end for end in ends if end), default=None)


def _lies_in(window: Window, now: datetime) -> bool:
    """Say whether a time lies in a window by the calendar alone; a start that the clocks jump over may be either."""
    local = now.astimezone(ZoneInfo(window.zone)).date()
    days = (local - timedelta(days=back) for back in range(-1, window.length.days + 3))
    starts = (
        datetime.combine(day, window.start, ZoneInfo(window.zone)).replace(fold=fold).astimezone(UTC)
        for day in days
        if not window.days or WEEK[day.weekday()] in window.days
        for fold in (0, 1)
    )
    return any(start <= now < start + window.length for start in starts)


@given(situations() | eager())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
def test_nothing_is_done_to_what_can_not_be_read_or_contradicts_itself(situation: Situation) -> None:
    """A version, a machine size, an OS that is not the SKU's: whatever the policy asks."""
    _, action = planned(situation)
    if action is None:
        return
    pool = next(one for one in situation.cluster.pools if one.name == action.pool)
    sku = os_sku_named(pool.os_sku)
    assert not illegible(situation.cluster, pool)
    assert minor_version(pool.kubernetes_version)
    assert sku
    assert sku.os_type == pool.os_type
    assert isinstance(pool.body.get("vmSize"), str)
    assert pool.vm_size


@given(situations() | eager())
@settings(max_examples=cases(600), suppress_health_check=_CALM, deadline=None)
def test_while_nobody_knows_which_rule_holds_a_pool_is_unknown_and_left_alone(situation: Situation) -> None:
    """A rule, a ring or an exemption asks for a Kubernetes version that can't be read."""
    _, action = planned(situation)
    rules = situation.rules
    for pool, verdict in zip(situation.cluster.pools, situation.posture.pools, strict=False):
        decided = not rules.policy.rule_for(situation.cluster, pool).match.undecided(situation.cluster, pool)
        assert decided or verdict.state is ComplianceState.UNKNOWN
        if not decided or rules.undecided(situation.cluster, pool):
            assert action is None or action.pool != pool.name


@given(situations(), st.randoms(use_true_random=False))
@settings(max_examples=cases(200), suppress_health_check=_CALM, deadline=None)
def test_the_order_of_the_input_makes_no_difference(situation: Situation, chance: random.Random) -> None:
    pools = list(situation.cluster.pools)
    chance.shuffle(pools)
    cluster = replace(situation.cluster, pools=tuple(pools))
    posture = evaluate(cluster, situation.memory, situation.rules, None, situation.now)

    shuffled = plan(replace(situation, cluster=cluster, posture=posture))

    assert shuffled == plan(situation)
    assert plan(situation) == plan(situation)


@given(situations())
@settings(max_examples=cases(200), suppress_health_check=_CALM, deadline=None)
def test_judging_twice_changes_nothing(situation: Situation) -> None:
    once = situation.posture

    again = evaluate(situation.cluster, situation.memory, situation.rules, once, situation.now)

    assert again == once


@given(situations(), exemptions)
@settings(max_examples=cases(300), suppress_health_check=_CALM, deadline=None)
def test_more_exemptions_never_produce_more_actions(situation: Situation, extra: object) -> None:
    more = without(situation.rules, extra)  # type: ignore[arg-type]
    before = [step.pool.name for step in due(situation) if _acts(situation, step.pool.name, situation.rules)]
    after = [step.pool.name for step in due(situation) if _acts(situation, step.pool.name, more)]

    assert set(after) <= set(before)


def _acts(situation: Situation, pool: str, rules: Rulebook) -> bool:
    """Say whether a pool would be acted on if it were the only one that is due."""
    posture = evaluate(situation.cluster, situation.memory, rules, None, situation.now)
    alone = replace(posture, pools=tuple(one for one in posture.pools if one.pool == pool))
    return plan(replace(situation, rules=rules, posture=alone)).action is not None


@given(situations())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
def test_unknown_never_counts_as_compliant(situation: Situation) -> None:
    for pool, verdict in zip(situation.cluster.pools, situation.posture.pools, strict=False):
        asked = situation.rules.policy.rule_for(situation.cluster, pool).settings
        if verdict.state is not ComplianceState.COMPLIANT:
            continue
        assert ComplianceState.UNKNOWN not in {finding.state for finding in verdict.findings}
        assert not illegible(situation.cluster, pool)
        assert pool.body["enableFIPS"] is (asked.fips is Fips.REQUIRED)
        assert pool.body["provisioningState"] == "Succeeded"
        assert situation.memory.operation is None or situation.memory.operation.pool != pool.name


@given(situations())
@settings(max_examples=cases(200), suppress_health_check=_CALM, deadline=None)
def test_what_fips_is_demanded_of_is_never_not_applicable(situation: Situation) -> None:
    for pool, verdict in zip(situation.cluster.pools, situation.posture.pools, strict=False):
        rule = situation.rules.policy.rule_for(situation.cluster, pool)
        nothing = rule.settings.fips is Fips.ANY and not rule.match.undecided(situation.cluster, pool)
        assert (verdict.state is ComplianceState.NOT_APPLICABLE) == nothing


@given(situations())
@settings(max_examples=cases(300), suppress_health_check=_CALM, deadline=None)
def test_every_step_is_taken_or_deferred_with_a_reason_and_an_end_ahead(situation: Situation) -> None:
    found, action = planned(situation)

    if not situation.posture.in_scope:
        assert (found.action, found.deferrals) == (None, ())
        return
    answered = sorted([*(item.pool for item in found.deferrals), *([action.pool] if action else [])])
    assert answered == sorted(step.pool.name for step in due(situation))
    assert all(item.reason and item.message for item in found.deferrals)
    assert all(item.until is None or item.until > situation.now for item in found.deferrals)
