"""What nodes said that the last verdict does not know: a look has died, or failed, between the two records.

Nobody has judged since, and the newest word counts where it is the worse one: nothing here makes a verdict better.
"""

from dataclasses import replace
from datetime import datetime

from shared.domain.evaluate import cluster_findings
from shared.domain.judged import judgement
from shared.domain.memory import Memory
from shared.domain.model import WORST_FIRST, Cluster
from shared.domain.model import ComplianceState as State
from shared.domain.policy import Policy
from shared.domain.proven import Proof, Strays
from shared.domain.rulebook import Rulebook
from shared.domain.verdicts import Judgement

UNJUDGED = "ProofNotJudged"
PROOF, STRAYS = "proof", "strays"
"""The checks that go by what nodes said: those of a pool, and those outside every pool."""
_NAMED = 10
"""So many nodes are named in a message."""
_KNOWN = ("NodesDisagree", "ProofSettling")
"""Reasons of verdicts that know already that nodes disagree: their excuse, or the little while, holds."""


def belied(found: Judgement, proof: Proof, at: datetime) -> Judgement:
    """Return a pool's finding as it has to be called after a proof that was recorded at a time and not judged."""
    if found.check != PROOF or not proof.flawed:
        return found
    asked = f"{proof.at:%Y-%m-%d %H:%M} UTC, and nobody has judged since"
    if proof.disagreeing and found.reason not in _KNOWN:
        names = ", ".join(proof.disagreeing[:_NAMED]) + (" ..." if len(proof.disagreeing) > _NAMED else "")
        message = (
            f"{len(proof.disagreeing)} of {proof.nodes} nodes did not show FIPS at level {proof.level} when they were "
            f"last asked, {asked}: {names}."
        )
        return replace(found, state=State.INCONSISTENT, reason="NodesDisagree", message=message, since=at)
    if found.state is State.COMPLIANT:
        message = f"Not every node said yes when they were last asked, {asked}."
        return replace(found, state=State.UNKNOWN, reason=UNJUDGED, message=message, since=at)
    return found


def with_outside(
    found: tuple[Judgement, ...], cluster: Cluster, said: Strays, rules: Rulebook | None, at: datetime
) -> tuple[Judgement, ...]:
    """Return a cluster's findings after nodes outside every pool were recorded at a time and not judged.

    Without the policy's text its language's defaults count.
    """
    judged = cluster_findings(cluster, Memory(strays=said), rules or Rulebook(Policy()), at)
    after = next((judgement(one) for one in judged if one.check == STRAYS), None)
    before = outside(found)
    if after is None or not _worse(after.state, before.state if before else State.COMPLIANT):
        return found
    message = f"{after.message} Nobody has judged since that was recorded, {at:%Y-%m-%d %H:%M} UTC."
    return (*(one for one in found if one is not before), replace(after, message=message, since=at))


def outside(found: tuple[Judgement, ...]) -> Judgement | None:
    """Return what a cluster's findings say of nodes outside every pool."""
    return next((one for one in found if one.check == STRAYS), None)


def _worse(one: State, other: State) -> bool:
    return WORST_FIRST.index(one) < WORST_FIRST.index(other)
