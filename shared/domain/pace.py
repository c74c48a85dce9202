"""How long a reimage takes: by what the app has seen, or by an assumption that says so."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Literal

from shared.domain.budget import Budget

ASSUMED = timedelta(minutes=12, seconds=20)
"""A change of the OS SKU reimaged a pool of one node in that time (azure-cli, recording of
`test_aks_update_agentpool_os_sku`, 2024-08-09)."""
_ENOUGH = 3
"""From so many remediations on their median says more than the assumption."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a remediation takes for each node that it reimages."""

    per_node: timedelta
    source: Literal["history", "assumed", "given"]
    seen: int = 0
    """How many remediations it is the median of."""

    def of(self, nodes: int) -> timedelta:
        """Return how long a pool of so many nodes takes; one without nodes takes as long as one node."""
        return self.per_node * max(nodes, 1)

    def __str__(self) -> str:
        minutes = f"{self.per_node.total_seconds() / 60:.1f} minutes for each node"
        says = {
            "history": f"the median of the last {self.seen} remediations that succeeded",
            "given": "as given",
            "assumed": f"an assumption: fewer than {_ENOUGH} remediations have succeeded so far",
        }
        return f"{minutes}, {says[self.source]}"


def pace_of(budget: Budget) -> Pace:
    """Return the median of what the app's last remediations took, or the assumption if there are too few."""
    took = [
        (one.at - one.began) / one.nodes
        for one in budget.ended
        if not one.failed and one.nodes > 0 and one.began is not None and one.at > one.began
    ]
    if len(took) < _ENOUGH:
        return Pace(ASSUMED, "assumed")
    return Pace(timedelta(seconds=median(each.total_seconds() for each in took)), "history", len(took))
