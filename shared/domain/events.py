"""Reads what Event Grid delivers: a hint to look at a cluster, in the Event Grid schema or as a CloudEvent 1.0.

Pure, and without any SDK, since it is all that a cold start of the event path loads. An event is never a fact:
only its cluster's id is used, and only after it was validated.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.ids import ClusterId

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRITES = ("Microsoft.Resources.ResourceWriteSuccess", "Microsoft.Resources.ResourceDeleteSuccess")
_ROLLING = (
    "Microsoft.ContainerService.NodePoolRollingStarted",
    "Microsoft.ContainerService.NodePoolRollingSucceeded",
    "Microsoft.ContainerService.NodePoolRollingFailed",
)
_OPERATIONS = frozenset(
    f"microsoft.containerservice/managedclusters{kind}/{verb}"
    for kind in ("", "/agentpools")
    for verb in ("write", "delete")
)


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this cluster."""

    cluster: ClusterId
    cause: str
    """For the record only: `event <id>: <what happened>`."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A sound event that does not concern us."""

    kind: str
    """Its type and operation."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that can't be used, or that concerns what this app must not touch; kept with the reason."""

    reason: str
    """CamelCase code."""
    message: str


def watched(setting: str) -> frozenset[str]:
    """Read FIPSWARDEN_SUBSCRIPTIONS: GUIDs separated by commas, in lower case; empty means all."""
    return frozenset(part.strip().lower() for part in setting.split(",") if part.strip())


def not_subscriptions(found: Iterable[str]) -> tuple[str, ...]:
    """Return what of that setting is no subscription id; while there is any, nothing can be said to be out of scope."""
    return tuple(sorted(each for each in found if not _GUID.fullmatch(each)))


def read_event(raw: str, subscriptions: frozenset[str]) -> Hint | Ignored | Rejected:
    """Decide what one event means.

    `subscriptions` are the GUIDs (lower case) that the app looks after; empty means all that it can read.
    """
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return Rejected("NotJson", f"the event is not JSON: {error}")
    if not isinstance(event, dict):
        return Rejected("NotAnObject", f"the event is a JSON {type(event).__name__}, not an object")
    kind = event.get("type") if "specversion" in event else event.get("eventType")
    if not isinstance(kind, str):
        return Rejected("NoType", "the event has neither `eventType` nor, as a CloudEvent, `type`")
    if kind in _ROLLING:
        return _hint(event, event.get("source") or event.get("topic"), kind, subscriptions)
    data = event.get("data")
    if kind not in _WRITES:
        return Ignored(kind[:200])
    if not isinstance(data, dict):
        return Rejected("NoData", f"the event of type {kind} has no `data` object")
    operation = str(data.get("operationName", ""))
    if operation.lower() not in _OPERATIONS:
        return Ignored(f"{kind} {operation[:200]}")
    return _hint(event, data.get("resourceUri") or event.get("subject"), operation, subscriptions)


def _hint(event: Mapping[str, Any], resource: object, what: str, subscriptions: frozenset[str]) -> Hint | Rejected:
    try:
        cluster = ClusterId.parse(str(resource))
    except ValueError as error:
        return Rejected("NotACluster", f"the event of {what} names no cluster: {error}")
    if subscriptions and cluster.subscription not in subscriptions:
        return Rejected(
            "OutOfScope",
            f"subscription {cluster.subscription} is not among those of the setting FIPSWARDEN_SUBSCRIPTIONS",
        )
    return Hint(cluster, f"event {str(event.get('id', '?'))[:100]}: {what.rsplit('.', 1)[-1]}")
