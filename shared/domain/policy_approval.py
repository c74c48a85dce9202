"""Whether a text of the policy has to be approved, and has not been."""

from datetime import datetime

from shared.domain.budget import Budget, agreed
from shared.domain.policy import Policy


def unapproved(policy: Policy, budget: Budget, now: datetime) -> bool:
    """Say whether nothing is done by a policy until a person agrees to its text.

    It demands that itself, or the text did that was approved last.
    """
    return (policy.require_approved_policy or budget.guarded) and not agreed(budget, policy.hash, now)
