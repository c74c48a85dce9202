"""Resource locks: what stands at a scope or below may not be deleted, or not be changed at all.

    world.locks.add(cluster.id, Level.CAN_NOT_DELETE)

Text: Azure/azure-sdk-for-java#2560, 409 from ARM itself. A ReadOnly lock also stops actions that change nothing but
are POST requests, such as the listing of a cluster's credentials (azure-docs, lock-resources.md).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from local.world.errors import ArmError


class Level(StrEnum):
    """What a lock keeps from happening."""

    CAN_NOT_DELETE = "CanNotDelete"
    READ_ONLY = "ReadOnly"


@dataclass
class Locks:
    """The locks by the scope at which they are: the ARM id of a subscription, a group, a resource."""

    at: dict[str, Level] = field(default_factory=dict)

    def add(self, scope: str, level: Level) -> None:
        """Lock a scope and what is below."""
        self.at[scope] = level

    def remove(self, scope: str) -> None:
        """Unlock a scope; do nothing if it has no lock."""
        self.at.pop(scope, None)

    def check(self, method: str, scope: str) -> None:
        """Raise ArmError (409) if a lock forbids a request at a scope."""
        if method in {"GET", "HEAD"}:
            return
        deletes = method == "DELETE"
        hit = [
            locked
            for locked, level in self.at.items()
            if (deletes or level == Level.READ_ONLY) and f"{scope}/".lower().startswith(f"{locked}/".lower())
        ]
        if hit:
            verb = "delete" if deletes else "write"
            scopes = ",".join(f"'{locked}'" for locked in hit)
            text = (
                f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: {scopes}. "
                "Please remove the lock and try again."
            )
            raise ArmError(409, "ScopeLocked", text, gateway=True)
