"""Postures as looks leave them in the table, one for each thing that a cluster can be."""

from datetime import timedelta
from typing import Any

from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.model import Gone, Unreadable
from shared.domain.posture import Posture
from shared.domain.records import Head
from shared.ports import Table
from shared.postures import StoredPosture, commit
from tests.builders import (
    ENFORCING,
    NOW,
    OUT_OF_SCOPE,
    SUBSCRIPTION,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    proof,
)

GOOD = judged(cluster(), memory(apps=proof()))
BAD = judged(cluster(disabled()))
SPLIT = judged(cluster(), memory(apps=proof(disagreeing=("n1",))))
UNPROVEN = judged(cluster())
GONE = evaluate(Gone(), Memory(), ENFORCING, None, NOW)
UNREAD = evaluate(Unreadable("Forbidden", "no", None), Memory(), ENFORCING, None, NOW)
OUT = judged(cluster(), rules=OUT_OF_SCOPE)


def looked(
    table: Table, posture: Posture | None, name: str = "aks-pay", subscription: str = SUBSCRIPTION, **more: Any
) -> None:
    """A look has committed a posture; the next one is due in an hour."""
    stored = StoredPosture(**{"head": Head(), "posture": posture, "due": NOW + timedelta(hours=1), **more})
    commit(table, cluster_id(name, subscription=subscription), stored)
