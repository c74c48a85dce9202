"""When a replacement is given up: nobody wants it any more, or what it was about is not there as it was.

Pure. Giving up is always safe: what we cordoned takes pods again, and both pools stay.
"""

from shared.domain.checks import TWIN_GONE
from shared.domain.handover import POOL_CHANGED, under_way
from shared.domain.model import ComplianceState
from shared.domain.posture import PoolPosture
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.waits import all_waits

_ENDS_IT = frozenset({"ModeDoesNotAct", "Exempt", "OwnerObjects", POOL_CHANGED, TWIN_GONE})
"""Reasons for which it does not wait: what people have decided since it began, or changed."""


def step_under_way(situation: Situation) -> Step | None:
    """Return the replacement that is under way, as the step that it is; None if nobody asks for it any more."""
    return next((step for step in due(situation) if under_way(situation, step)), None)


def hopeless(situation: Situation) -> str:
    """Say why a replacement is to be given up now, as `Reason: message`; empty if it goes on, or waits.

    What can't be read for now is no reason, and what AKS was asked to do comes to its end first.
    """
    replacement = situation.memory.replacement
    if replacement is None or replacement.ends or situation.memory.operation or situation.rules.trouble:
        return ""
    if not situation.posture.in_scope:
        return f"OutOfScope: The cluster has left the policy's scope while {replacement.pool} was being replaced."
    verdict = next((one for one in situation.posture.pools if one.pool == replacement.pool), None)
    if verdict is None or _undecided(verdict):
        return ""
    step = step_under_way(situation)
    if step is None:
        return f"NotAsked: The policy and {replacement.pool}, as they are now, ask for no replacement any more."
    found = next((wait for wait in all_waits(situation, step) if wait.reason in _ENDS_IT), None)
    return f"{found.reason}: {found.message}" if found else ""


def _undecided(verdict: PoolPosture) -> bool:
    """Say whether it can't be told now what is asked of a pool."""
    return any(found.check in ("rule", "flag") and found.state is ComplianceState.UNKNOWN for found in verdict.findings)
