"""Management groups of the local Azure: a tree below the tenant's root group, whose leaves are subscriptions.

Whatever was placed nowhere is in the root group, as in Azure (governance, "management groups overview").
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from local.world.errors import ArmError

PROVIDER = "Microsoft.Management/managementGroups"


def group_id(group: str) -> str:
    """Return a management group's ARM id."""
    return f"/providers/{PROVIDER}/{group}"


@dataclass
class Entity:
    """What stands below a management group: another one or a subscription."""

    id: str
    """ARM id."""
    type: str
    name: str
    display_name: str
    parent: str
    """ARM id of the management group above it."""


@dataclass
class ManagementGroups:
    """The tree. Ids compare without case, and are shown as they were first written."""

    root: str
    """Id of the root group: the tenant's."""
    groups: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Group and parent by lower-case id; the root has no entry."""
    placed: dict[str, str] = field(default_factory=dict)
    """Id of the group of a subscription, by the subscription's lower-case id."""

    def add(self, group: str, parent: str = "") -> None:
        """Add a management group below another one, or below the root."""
        self.groups[group.lower()] = (group, self._known(parent or self.root))

    def place(self, subscription: str, group: str) -> None:
        """Move a subscription into a management group."""
        self.placed[subscription.lower()] = self._known(group)

    def parent_of(self, scope: str) -> str:
        """Return the lower-case ARM id of the group above a scope; empty for the root and what is no such scope."""
        kind, _, name = scope.lower().rpartition("/")
        if kind == "/subscriptions":
            return group_id(self.placed.get(name, self.root)).lower()
        if kind == f"/providers/{PROVIDER}".lower() and name in self.groups:
            return group_id(self.groups[name][1]).lower()
        return ""

    def below(self, group: str, subscriptions: dict[str, str]) -> Iterator[Entity]:
        """Yield what is below a group at any depth; `subscriptions` are names by id. Raise ArmError (404)."""
        at = self._known(group)
        for name, parent in self.groups.values():
            if parent == at:
                yield Entity(group_id(name), PROVIDER, name, name, group_id(at))
                yield from self.below(name, subscriptions)
        for one, title in subscriptions.items():
            if self.placed.get(one.lower(), self.root) == at:
                yield Entity(f"/subscriptions/{one}", f"{PROVIDER}/subscriptions", one, title, group_id(at))

    def _known(self, group: str) -> str:
        if group.lower() == self.root.lower():
            return self.root
        if group.lower() not in self.groups:
            raise ArmError(404, "NotFound", f"'{group_id(group)}' not found", gateway=True)
        return self.groups[group.lower()][0]
