"""Whether a text of the policy has to be approved, and has not been."""

from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Budget
from shared.domain.places import agreed
from shared.domain.policy import Policy


def unapproved(policy: Policy, budget: Budget, now: datetime) -> bool:
    """Say whether nothing is done by a policy until a person agrees to its text.

    It demands that itself, or the text did that was approved last.
    """
    return (policy.require_approved_policy or budget.guarded) and not agreed(budget, policy.hash, now)


def demand_as_used(policy: Policy, budget: Budget, now: datetime) -> Budget:
    """Return the budget as the text in use, if it is approved, leaves the demand for approvals.

    One that demands them makes it; one that doesn't ends it, if it was approved after the last text that did. Not
    before it is in use: the approval of one text sets no other one free.
    """
    word = budget.approvals.get(policy.hash)
    if word is None or not agreed(budget, policy.hash, now):
        return budget
    if policy.require_approved_policy:
        return budget if budget.guarded else replace(budget, guarded=True, guarded_at=word.at)
    later = budget.guarded_at is None or word.at > budget.guarded_at
    return replace(budget, guarded=False, guarded_at=None) if budget.guarded and later else budget
