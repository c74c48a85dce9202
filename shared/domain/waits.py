"""Why a step that is due is not taken: every limit of the policy, in one order, each with a reason and an end."""

from collections.abc import Iterator

from shared.domain.barriers import forbidden, impossible
from shared.domain.budget_news import seen
from shared.domain.consent import not_agreed, unnoticed
from shared.domain.handover import (
    busy_replacing,
    changed,
    not_its_own,
    stopped,
    tied,
    too_slow,
    under_way,
    undrained,
    unproven_twin,
)
from shared.domain.model import Cluster
from shared.domain.operation import AT_REST
from shared.domain.refusals import Refusal, Wanted, refusals, too_many_nodes
from shared.domain.risks import risked
from shared.domain.settings import Skip
from shared.domain.situation import Situation
from shared.domain.steps import Step
from shared.domain.throttle import paced
from shared.domain.timing import closed, skips, too_new
from shared.domain.wait import Wait


def waits(situation: Situation, step: Step) -> Wait | None:
    """Say why a step has to wait: the first reason that holds."""
    return next(all_waits(situation, step), None)


def all_waits(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield every reason that a step has to wait for, in the order in which they are asked.

    These are all the conditions of a disruptive step. A replacement that is under way is asked the second list before
    each of its parts, in the look that takes it: a cordon, an eviction, the deletion.
    """
    begins = (forbidden, impossible, _not_yet, harmful, not_agreed, _no_place, unnoticed, closed, too_slow)
    goes_on = (
        *(forbidden, changed, impossible, _not_yet, stopped, _no_place, not_agreed),
        *(unproven_twin, closed, harmful, undrained),
    )
    for reasons in goes_on if under_way(situation, step) else begins:
        yield from reasons(situation, step)


def _not_yet(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what passes by itself."""
    remembered = step.subject.memory
    if wait := busy_replacing(situation, step):
        yield wait
    if remembered.not_before and remembered.not_before > situation.now:
        code, _, message = remembered.waiting.partition(": ")
        yield Wait(code, message, remembered.not_before - situation.now)
    if operation := situation.memory.operation:
        yield Wait("OperationInProgress", f"Our operation on {operation.pool} has not ended.", situation.poll)
    elif busy := _busy(situation.cluster):
        yield Wait("ClusterBusy", f"AKS runs another operation: {busy}.", situation.slow_poll)
    if missed := situation.memory.missed:
        message = f"ARM does not list {', '.join(sorted(missed))} any more: asked again before that is believed."
        yield Wait("PoolsMissing", message, situation.slow_poll)
    if left := too_new(step):
        yield Wait("NewPool", "The pool was created a moment ago: the policy waits.", left, dated=True)


def _busy(cluster: Cluster) -> str:
    """Name what AKS is doing to the cluster, or nothing."""
    if cluster.provisioning_state not in AT_REST:
        return f"the cluster is {cluster.provisioning_state or 'in an unknown state'}"
    for pool in sorted(cluster.pools, key=lambda one: one.name):
        if pool.provisioning_state not in AT_REST:
            return f"{pool.name} is {pool.provisioning_state or 'in an unknown state'}"
    return ""


def harmful(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what on the pool would not bear it, as it was read last: `shared.workloads` reads it before a step."""
    known = step.subject.memory.workloads
    left = known.until - situation.now if known else situation.poll
    evicting = under_way(situation, step)
    found = risked(step.subject, step.kind, assuming=situation.assuming, evicting=evicting)
    for reason, message in (*found, *tied(step)):
        yield Wait(reason, message, max(left, situation.poll))


def _no_place(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield why the budget has no place; a replacement that is under way has one, unless that was taken from it.

    A pool that grew meanwhile has to fit anew: no more nodes are disrupted than the policy allows.
    """
    place = wanted(situation, step)
    if under_way(situation, step) and (mine := situation.budget.places.get(situation.cluster.id.key)):
        grown = place.nodes is None or place.nodes > mine.nodes
        if taken := not_its_own(situation, mine):
            yield taken
        if grown and (found := too_many_nodes(situation.budget, situation.rules.policy, place)):
            yield _refused(found, situation)
        return
    # A later ring must not open while the very posture that is planned from has a pool of an earlier one not done.
    budget = seen(situation.budget, situation.rules.policy, situation.cluster.id.key, situation.posture)
    for refused in refusals(budget, situation.rules, place, situation.now):
        yield _refused(refused, situation)
    if too_soon := paced(situation.budget, place.subscription, situation.now):
        yield _refused(too_soon, situation)


def _refused(found: Refusal, situation: Situation) -> Wait:
    return Wait(found.reason, found.message, found.after or situation.idle_poll, dated=found.dated)


def wanted(situation: Situation, step: Step) -> Wanted:
    """Return the place in the budget that a step needs."""
    ring = situation.rules.policy.ring_for(situation.cluster, step.pool)
    cluster = situation.cluster.id
    skip = skips(step.subject, Skip.SOAK)
    return Wanted(cluster.key, step.pool.name, cluster.subscription, ring, step.pool.count, skip)
