"""Names of Azure resources, parsed and validated before they reach a URL, a query or a key.

ARM compares ids without case (Event Grid sends `resourcegroups`, ARM answers `resourceGroups`), so these
types do too; the case that was read is kept for people.
"""

import re
from dataclasses import dataclass, field

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_GROUP = re.compile(r"[-\w.()]{0,89}[-\w()]")
_CLUSTER = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
_POOL = re.compile(r"[a-z][a-z0-9]{0,11}", re.IGNORECASE | re.ASCII)
_TYPE = ("providers", "microsoft.containerservice", "managedclusters")


@dataclass(frozen=True, slots=True)
class ClusterId:
    """An AKS cluster's ARM id: the unit of queue messages, leases, posture rows and evidence chains."""

    subscription: str = field(compare=False)
    """Subscription GUID, lower case."""
    resource_group: str = field(compare=False)
    """Resource group, as read."""
    name: str = field(compare=False)
    """Cluster, as read."""
    key: str = field(init=False)
    """`subscription|group|cluster`, lower case: unique, and allowed as a table key."""

    def __post_init__(self) -> None:
        for value, pattern, what in (
            (self.subscription, _GUID, "subscription"),
            (self.resource_group, _GROUP, "resource group"),
            (self.name, _CLUSTER, "cluster"),
        ):
            # KELVIN SIGN and its like become ASCII letters in lower case: two names would share one key.
            if not pattern.fullmatch(value) or not (
                value.isascii() or all(one.isascii() or not one.lower().isascii() for one in value)
            ):
                raise ValueError(f"{value[:100]!r} is not the name of a {what}")
        object.__setattr__(self, "subscription", self.subscription.lower())
        object.__setattr__(self, "key", _lower(f"{self.subscription}|{self.resource_group}|{self.name}"))

    @classmethod
    def parse(cls, arm_id: str) -> "ClusterId":
        """Read the cluster out of its own ARM id or that of anything below it; raises ValueError."""
        parts = arm_id.split("/")
        head = [part.lower() for part in parts[:8]]
        if len(parts) < 9 or (parts[0], head[1], head[3]) != ("", "subscriptions", "resourcegroups"):
            raise ValueError(f"{arm_id[:200]!r} is not the ARM id of an AKS cluster")
        if tuple(head[5:8]) != _TYPE:
            raise ValueError(f"{arm_id[:200]!r} is not of type Microsoft.ContainerService/managedClusters")
        return cls(parts[2], parts[4], parts[8])

    @classmethod
    def from_key(cls, key: str) -> "ClusterId":
        """Rebuild an id from `key`; raises ValueError."""
        parts = key.split("|")
        if len(parts) != 3:
            raise ValueError(f"{key[:200]!r} is not the key of a cluster")
        return cls(*parts)

    @property
    def arm_id(self) -> str:
        """The ARM id in ARM's own spelling of the type."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.ContainerService/managedClusters/{self.name}"
        )

    @property
    def path(self) -> str:
        """`subscription/group/cluster`, lower case: where the cluster's evidence lies."""
        return self.key.replace("|", "/")

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}"


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # `İ`.lower() is two characters, of which the second may stand in no name: such a letter stays as it is.
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def pool_name(value: str) -> str:
    """Return the name of a node pool in lower case; raises ValueError for anything else."""
    if not _POOL.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is not the name of a node pool")
    return value.lower()
