"""Management groups in a policy's scope: which subscriptions they stand for. Never is a scope guessed.

Pure: who asks ARM is given as a function. What a group holds can't be known without asking, so a policy that names
groups is either resolved or not used at all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from shared.domain.matching import ClusterMatch
from shared.domain.model import Unreadable
from shared.domain.policy import Policy, Scope

SubscriptionsOf = Callable[[str], tuple[str, ...] | Unreadable]
"""From a management group's id to the subscriptions below it at any depth, lower case, or why they aren't known."""
REASON = "ManagementGroupUnreadable"
"""Why a policy that names a management group can't be used."""

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GROUP = re.compile(r"/providers/Microsoft\.Management/managementGroups/[^/]+", re.IGNORECASE)
_SUBSCRIPTION = re.compile(rf"(?:{_GROUP.pattern})?/subscriptions/({_GUID})", re.IGNORECASE)


def read_descendants(page: Any) -> tuple[tuple[str, ...], str]:
    """Read one page of ARM's `descendants`: its subscriptions, lower case, and the link to the next page, or empty.

    The list has every management group and every subscription at any depth (ARM, "Management Groups - Get
    Descendants"). Entries are told apart by `id`: for the `type` of a subscription the reference says
    `/subscriptions`, clients in the field compare with `Microsoft.Management/managementGroups/subscriptions`, whose
    own id has the group in front ("Management Group Subscriptions - Get Subscription"): both are read.
    Raises ValueError for a page with anything that is neither, since a part of a scope would be another scope.
    """
    items = page.get("value") if isinstance(page, Mapping) else None
    if not isinstance(items, list):
        raise ValueError("the answer has no list `value`")  # noqa: TRY004 (ValueError is what readers raise)
    found = [_subscription(item.get("id") if isinstance(item, Mapping) else None) for item in items]
    link = page.get("nextLink") or ""
    if not isinstance(link, str):
        raise ValueError(f"nextLink is {link!r}")  # noqa: TRY004
    return tuple(one for one in found if one), link


def _subscription(resource: Any) -> str:
    """Return the subscription that an id names, or nothing for that of a management group."""
    text = str(resource)
    if found := _SUBSCRIPTION.fullmatch(text):
        return found[1].lower()
    if _GROUP.fullmatch(text):
        return ""
    raise ValueError(f"{text[:200]!r} is neither a management group nor a subscription")


def unresolved(policy: Policy) -> Policy | Unreadable:
    """Return a policy without management groups as it is; where it names one, there is nobody to ask."""
    return resolved(policy, lambda group: Unreadable(REASON, f"Nobody can be asked what {group} holds.", None))


def resolved(policy: Policy, subscriptions_of: SubscriptionsOf) -> Policy | Unreadable:
    """Return the policy with the subscriptions of its management groups in its scope, or why one isn't known.

    The groups stay in the scope, so that one in which nothing is covers nothing, and never everything.
    """
    found = {each.lower(): None for each in policy.scope.subscriptions}
    for group in policy.scope.management_groups:
        below = subscriptions_of(group)
        if isinstance(below, Unreadable):
            return below
        found |= dict.fromkeys(below)
    if not policy.scope.management_groups:
        return policy
    return replace(policy, scope=replace(policy.scope, subscriptions=tuple(found)))


def empty_groups(policy: Policy, subscriptions_of: SubscriptionsOf) -> tuple[str, ...]:
    """Return a warning for each management group of the scope without a subscription: no fault, but rarely meant."""
    return tuple(
        f"scope: management group `{group}` has no subscription: it brings nothing into scope; check its id"
        for group in policy.scope.management_groups
        if subscriptions_of(group) == ()
    )


def outside(scope: Scope, covered: Iterable[str]) -> tuple[str, ...]:
    """Return the subscriptions of a resolved scope with management groups that nobody looks at, sorted.

    `covered` are those that are looked at. One that an exclusion leaves out as a whole is no gap.
    """
    if not scope.management_groups:
        return ()
    wanted = {each.lower() for each in scope.subscriptions} - {"*"} - {each.lower() for each in covered}
    return tuple(sorted(each for each in wanted if not any(_takes(match, each) for match in scope.exclude)))


def _takes(match: ClusterMatch, subscription: str) -> bool:
    """Say whether an exclusion is about a whole subscription."""
    whole = match == ClusterMatch(subscriptions=match.subscriptions)
    return whole and any(fnmatchcase(subscription, glob.lower()) for glob in match.subscriptions)
