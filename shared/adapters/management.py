"""What management groups hold, from ARM: one call for each group, page by page, remembered for an hour.

ARM, "Management Groups - Get Descendants" (2020-05-01): GET .../managementGroups/{groupId}/descendants lists all
entities below a group; nextLink leads on. The action is Microsoft.Management/managementGroups/descendants/read
(Azure resource provider operations, Microsoft.Management), at the group or above it. Which error a group gives
that does not exist is not documented: 403 and 404 are both taken for "check the id and the role".
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from shared.adapters.arm import Arm, classified
from shared.domain.arm_errors import ArmError
from shared.domain.model import Unreadable
from shared.domain.scope import REASON, SubscriptionsOf, read_descendants

_API = "2020-05-01"
_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Any subscription's client will do: the URL names none."""
_TRANSPORT_RETRY = timedelta(seconds=30)
_HOUR = 3600.0
"""Seconds for which a group's subscriptions are remembered."""
_MINUTE = 60.0
"""Seconds for which a failure is remembered, unless ARM says how long: every look asks."""
_REMEDY = (
    "Check its id (not its display name) and the role `fipswarden scope reader` on it, or name subscriptions in the "
    "policy's scope instead."
)


def descendants_url(group: str) -> str:
    """Return the path of a group's descendants, with its query."""
    return f"/providers/Microsoft.Management/managementGroups/{group}/descendants?api-version={_API}"


def not_known(group: str, why: str, retry_after: timedelta | None) -> Unreadable:
    """Return that nobody knows what a group holds; `why` must not differ from time to time, or it is told each time."""
    remedy = _REMEDY if retry_after is None else "It is asked again."
    return Unreadable(REASON, f"Management group {group} can't be read: {why}. {remedy}", retry_after)


def refused(group: str, error: ArmError) -> Unreadable:
    """Return that ARM would not say what a group holds."""
    said = f"{error.reason} ({error.code})" if error.code not in ("", error.reason) else error.reason
    return not_known(group, said, error.retry_after)


class ManagementGroups:
    """shared.domain.scope.SubscriptionsOf on Azure, without memory."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    def __call__(self, group: str) -> tuple[str, ...] | Unreadable:
        """Ask for all pages; half of a group is none."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            return self._pages(descendants_url(group))
        except HttpResponseError as error:
            return refused(group, classified(error))
        except AzureError:
            return not_known(group, "ARM could not be reached", _TRANSPORT_RETRY)
        except ValueError as error:
            return not_known(group, str(error), None)

    def _pages(self, url: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        asked: set[str] = set()
        while url:
            if url in asked:
                raise ValueError("its pages go in a circle")
            asked.add(url)
            page: Any = self._arm.get_json(_NO_SUBSCRIPTION, url)
            below, url = read_descendants(page)
            found |= dict.fromkeys(below)
        return tuple(found)


class Remembered:
    """shared.domain.scope.SubscriptionsOf that asks another one at most once an hour; never longer than that old."""

    def __init__(self, ask: SubscriptionsOf, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._monotonic = ask, monotonic
        self._known: dict[str, tuple[float, tuple[str, ...] | Unreadable]] = {}

    def __call__(self, group: str) -> tuple[str, ...] | Unreadable:
        """Return what is remembered, or ask; a failure is remembered for a minute, or as long as ARM says."""
        known = self._known.get(group.lower())
        if known and self._monotonic() < known[0]:
            return known[1]
        found = self._ask(group)
        self._known[group.lower()] = (self._monotonic() + _lasts(found), found)
        return found


def _lasts(found: tuple[str, ...] | Unreadable) -> float:
    if not isinstance(found, Unreadable):
        return _HOUR
    return found.retry_after.total_seconds() if found.retry_after else _MINUTE
