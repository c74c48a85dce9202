"""The breaker: stops every remediation once too many have failed, until a person resets it."""

from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Budget
from shared.domain.policy import Breaker


def tripped(budget: Budget, breaker: Breaker, now: datetime) -> str:
    """Return why the breaker is open, or by what the policy has for it by now should be; empty if it is closed.

    It opens by what ends and by edits, never by the clock alone: the share of failures is that as of the last end.
    """
    if budget.broken or not budget.ended:
        return budget.broken
    last = min(max(one.at for one in budget.ended), now)
    if now - last > breaker.within:
        return ""
    recent = [one for one in budget.ended if last - one.at <= breaker.within]
    failed = sum(one.failed for one in recent)
    if len(recent) < breaker.least or failed * 100 < breaker.failures * len(recent):
        return ""
    return f"{failed} of the last {len(recent)} remediations failed: everything is stopped."


def judged(budget: Budget, breaker: Breaker, now: datetime) -> Budget:
    """Return the budget whose breaker stays open until a person resets it, if it should be open now."""
    why = tripped(budget, breaker, now)
    return budget if why == budget.broken else replace(budget, broken=why)
