"""Tells what passes by itself from what lasts until a person does something: a forecast assumes nobody's decisions."""

from collections.abc import Iterable
from datetime import timedelta

from shared.domain.barriers import barred
from shared.domain.maintenance import MAINTENANCE_UNREADABLE
from shared.domain.model import Cluster
from shared.domain.openings import BLACKOUT, OUTSIDE_WINDOW, Closed
from shared.domain.operation import AT_REST
from shared.domain.risks import RISKS
from shared.domain.situation import Situation
from shared.domain.steps import Step
from shared.domain.timing import openings
from shared.domain.wait import Wait

CLOSED = (OUTSIDE_WINDOW, BLACKOUT)
"""Reasons of windows that are not open now."""
BUDGET = ("BudgetExhausted", "TooManyNodes", "RingClosed", "RingSoaking", "CanaryUnproven", "Spacing")
"""Reasons of a budget that has no place now."""
PERSON = (
    *("ApprovalMissing", "PolicyNotApproved", "OwnerObjects", "Paused", "BreakerOpen", "RulesUnreadable"),
    "AzureRefuses",
)
"""Reasons that end by a person's word, with the rules and the pool as they are."""
_WORKLOADS = (*(risk.reason for risk in RISKS), "WorkloadsUnreadable")
"""Reasons that end when somebody changes what runs on the pool, or who may read it."""
_LASTING = (*PERSON, *_WORKLOADS, MAINTENANCE_UNREADABLE, "NoMaintenanceConfiguration")


def busy(cluster: Cluster) -> bool:
    """Say whether AKS is doing something to a cluster."""
    states = (cluster.provisioning_state, *(pool.provisioning_state for pool in cluster.pools))
    return any(state not in AT_REST for state in states)


def lasting(situation: Situation, step: Step, waits: Iterable[Wait]) -> Wait | None:
    """Return what keeps a step from ever being taken until somebody does something; None if it comes by itself."""
    if found := barred(situation, step) or _refused(step) or _always_closed(situation, step):
        return found
    return next((wait for wait in waits if wait.reason in _LASTING), None)


def not_yet(waits: Iterable[Wait]) -> timedelta | None:
    """Return after what time a step is worth another look that waits for neither window nor budget."""
    others = (*CLOSED, *BUDGET, "NoticeGiven")
    return max((wait.after for wait in waits if wait.after and wait.reason not in others), default=None)


def _refused(step: Step) -> Wait | None:
    refused = step.subject.memory.refused
    return Wait("AzureRefuses", refused) if refused else None


def _always_closed(situation: Situation, step: Step) -> Wait | None:
    for each in openings(situation, step):
        if isinstance(each, Closed) and each.until is None and each.reason in CLOSED:
            return Wait("NeverOpen", f"{each.message} None opens within 400 days.")
    return None
