"""What the tests of management groups share: a tree that is asked, and policies that name groups."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.domain.model import Unreadable
from shared.domain.policy import Policy, Scope
from shared.domain.scope import resolved

THIRD = "30000000-0000-4000-8000-000000000003"
CLOSED = Unreadable("ManagementGroupUnreadable", "Management group corp can't be read: Forbidden.", None)
SLOW = replace(CLOSED, retry_after=timedelta(seconds=17))
NO_GROUP = replace(CLOSED, message="Management group other can't be read: NotFound.")


@dataclass
class Tree:
    """What management groups hold, and how often that was asked."""

    groups: dict[str, tuple[str, ...] | Unreadable] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, group: str) -> tuple[str, ...] | Unreadable:
        """Say what a group holds."""
        self.asked.append(group)
        return self.groups.get(group, NO_GROUP)


def scoped(*groups: str, subscriptions: tuple[str, ...] = (), **scope: Any) -> Policy:
    return Policy(scope=Scope(groups, subscriptions, **scope), hash="p1")


def resolve(policy: Policy, tree: Tree) -> Policy:
    found = resolved(policy, tree)
    assert isinstance(found, Policy)
    return found
