"""What holds whatever the fleet, the policy, the budget and the time: the product's promises."""

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.budget import Place, taken
from shared.domain.evaluate import evaluate
from shared.domain.model import Action, ComplianceState, Mode, Plan
from shared.domain.plan import plan
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Skip
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.waits import is_new, wanted
from shared.domain.windows import Closed, opening
from tests.properties.strategies import cases, exemptions, situations, without

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
    assert not situation.memory.pool(pool.name).smb or action.changes.get("enableFIPS") is not True


@given(situations())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
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
    before = policy.before(ring) if ring else None
    if ring and before and not action.skip_soak:
        assert counts
        count = counts.rings[before.name]
        assert count.unproven == 0
        assert count.clean_since
        assert situation.now - count.clean_since >= before.soak
    if ring and ring.canary and ring.name in budget.canaries:
        assert budget.canaries[ring.name].proven


@given(situations())
@settings(max_examples=cases(300), suppress_health_check=_CALM, deadline=None)
def test_what_is_planned_can_be_reserved_and_no_more(situation: Situation) -> None:
    """The reservation asks the budget the same question as the planner: of the same budget, with the same answer."""
    _, action = planned(situation)
    for step in due(situation):
        place = wanted(situation, step)
        ring = place.ring.name if place.ring else ""
        at = Place("new", place.pool, place.subscription, ring, place.nodes or 1, situation.now)
        got = taken(situation.budget, situation.rules.policy, place, at, (), situation.now)
        if action and action.pool == step.pool.name:
            assert got
            assert len(got.places) == len(situation.budget.places) + 1
            again = taken(got, situation.rules.policy, place, at, (), situation.now)
            assert again == got
            other = taken(got, situation.rules.policy, place, replace(at, intent="other"), (), situation.now)
            assert other is None


@given(situations())
@settings(max_examples=cases(400), suppress_health_check=_CALM, deadline=None)
def test_nothing_begins_outside_its_window(situation: Situation) -> None:
    """The times lie around the changes of the clocks in Europe, America and Australia."""
    _, action = planned(situation)
    if action is None:
        return
    step = next(one for one in due(situation) if one.pool.name == action.pool)
    asked = step.subject.settings
    skips = Skip.WINDOW in asked.new_pools.skip and is_new(step.subject)
    found = opening(() if skips else asked.windows, asked.blackouts, situation.now)
    assert not isinstance(found, Closed)
    assert action.before == found.until


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
        assert pool.body["enableFIPS"] is (asked.fips is Fips.REQUIRED)
        assert pool.body["provisioningState"] == "Succeeded"
        assert situation.memory.operation is None or situation.memory.operation.pool != pool.name


@given(situations())
@settings(max_examples=cases(200), suppress_health_check=_CALM, deadline=None)
def test_what_fips_is_demanded_of_is_never_not_applicable(situation: Situation) -> None:
    for pool, verdict in zip(situation.cluster.pools, situation.posture.pools, strict=False):
        asked = situation.rules.policy.rule_for(situation.cluster, pool).settings
        assert (verdict.state is ComplianceState.NOT_APPLICABLE) == (asked.fips is Fips.ANY)


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
