"""Whether a text of the policy has to be approved, and has not been."""

from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Budget, agreed
from shared.domain.policy import Policy


def unapproved(policy: Policy, budget: Budget, now: datetime) -> bool:
    """Say whether nothing is done by a policy until a person agrees to its text.

    It demands that itself, or the text did that was approved last.
    """
    return (policy.require_approved_policy or budget.guarded) and not agreed(budget, policy.hash, now)


def demand_ended(policy: Policy, budget: Budget, now: datetime) -> Budget:
    """Return the budget once the text in use was approved without demanding that: from then on nobody demands it.

    Not before it is in use: the approval of one text sets no other one free.
    """
    over = budget.guarded and not policy.require_approved_policy and agreed(budget, policy.hash, now)
    return replace(budget, guarded=False) if over else budget
