"""How fast the app writes to one subscription: slower than Azure allows, and not at all where Azure says wait.

ARM lets a principal write 200 times at once and then 10 times a second in a subscription and region ("Throttling
Resource Manager requests"). A PUT a second leaves the rest to others. The pace of one pool is in `lessons`.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.budget import Budget
from shared.domain.operation import Refused
from shared.domain.refusals import Refusal

WRITE_PACE = timedelta(seconds=1)
_AGAIN = timedelta(minutes=1)
"""How soon to come back: many clusters may wait for the same subscription, and each reads its own first."""


def paced(budget: Budget, subscription: str, now: datetime) -> Refusal | None:
    """Say why nothing may be sent to a subscription now, or None if it may."""
    until = budget.not_before.get(subscription)
    if until is None or until <= now:
        return None
    message = f"Nothing is sent to subscription {subscription} before {until:%H:%M:%S} UTC: Azure would throttle it."
    return Refusal("SubscriptionPaced", message, max(until - now, _AGAIN))


def held(budget: Budget, subscription: str, until: datetime, now: datetime) -> Budget:
    """Return the budget in which nothing is sent to a subscription before a time; times that have passed go."""
    known = {name: at for name, at in budget.not_before.items() if at > now}
    return replace(budget, not_before={**known, subscription: max(until, known.get(subscription, until))})


def of_subscription(result: Refused) -> bool:
    """Say whether a 429 is about the whole subscription (ARM) and not about one pool (AKS)."""
    return result.reason == "Throttled" and "subscription" in result.message.lower()
