"""Whether an immutability policy keeps a container's blobs long enough, and nobody can lift it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAST_DAYS = 550
"""18 months have at most so many: evidence is kept for that long at least."""
LOCKED = "Locked"
"""ARM's word for a policy that can only be lengthened (Microsoft.Storage, `ImmutabilityPolicyState`)."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What ARM says of a container's policy."""

    days: int
    """0: there is none."""
    state: str
    """`Locked` or `Unlocked`."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What is not as it should be, as sentences; none: it is protected."""
        if not self.days:
            return ("there is no immutability policy: whoever manages the account may change and delete",)
        found = []
        if self.state != LOCKED:
            found.append("the policy is not locked: whoever manages the account may lift it")
        if self.days < LEAST_DAYS:
            found.append(f"{self.days} days are less than 18 months ({LEAST_DAYS} days)")
        return tuple(found)


def read_protection(body: Mapping[str, Any]) -> Protection:
    """Read ARM's answer to GET immutabilityPolicies/default; raises ValueError for another thing."""
    match body:
        case {"properties": {"immutabilityPeriodSinceCreationInDays": int(days), "state": str(state)}} if days >= 0:
            return Protection(days, state)
    raise ValueError("ARM's answer is no immutability policy")
