"""A reason that a step has to wait for."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.planned import Notice

REREAD = timedelta(hours=1)
"""How soon to ask again for what a person may change at any time."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a step is not taken now."""

    reason: str
    message: str
    after: timedelta | None = None
    """When to look again for it; None: only somebody's change will help."""
    approval: str = ""
    notice: Notice | None = None
    dated: bool = False
    """That time stays the same from look to look: the step is not taken before it, whatever else happens."""
