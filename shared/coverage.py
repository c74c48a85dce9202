"""Which subscriptions can't be read: asked of ARM, since Resource Graph leaves out without a word what may not be read.

There may be hundreds, and any of them may be slow: a few are asked at once, and those that no time is left for are
unreadable too. Never is one taken for read that was not.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from shared.domain.model import Unreadable
from shared.domain.policy import Policy
from shared.domain.scope import outside
from shared.ports import Fleet

_AT_ONCE = 8
_BUDGET = 120.0
"""Seconds in which questions are begun; each has limits of its own (10 s to connect, 30 s to read)."""
NOT_ASKED = Unreadable("NotAsked", "ARM was too slow: there was no time left to ask.", timedelta(hours=1))
"""What is known of a subscription that nobody got round to."""
NOT_COVERED = Unreadable(
    "NotCovered",
    "It is in the policy's scope by a management group, and nobody looks at it: assign the role `fipswarden reader` "
    "there, add it to FIPSWARDEN_SUBSCRIPTIONS where that is set, or exclude it in the policy's scope.",
    None,
)
"""What is known of a subscription that is to be judged and is not among those that are looked at."""


def unreadable_subscriptions(
    fleet: Fleet, covered: Iterable[str], monotonic: Callable[[], float] = time.monotonic
) -> dict[str, Unreadable]:
    """Return which subscriptions ARM would not let the app read, and why; asks ARM once for each, about two minutes."""
    end = monotonic() + _BUDGET

    def ask(subscription: str) -> tuple[str, Unreadable | None]:
        return subscription, fleet.unreadable(subscription) if monotonic() < end else NOT_ASKED

    with ThreadPoolExecutor(_AT_ONCE, "coverage") as threads:
        return {subscription: why for subscription, why in threads.map(ask, covered) if why}


def uncovered(policy: Policy, covered: Iterable[str]) -> dict[str, Unreadable]:
    """Return which subscriptions a policy has in its scope by management groups while nobody looks at them."""
    return dict.fromkeys(outside(policy.scope, covered), NOT_COVERED)
