"""What ARM's and AKS's errors mean: one table, for refused requests and for operations that ended badly.

Both shapes are read: AKS's own `{"code", "message", "subcode"}` and ARM's `{"error": {"code", "message"}}`, with what
is nested in them. Sources per row: AKS troubleshooting articles (MicrosoftDocs/SupportArticles-docs,
support/azure/azure-kubernetes/error-codes and create-upgrade-delete), "Use eTags", "Quotas and limits" (429 Throttled),
ARM "Common deployment errors"; real bodies are in tests/data/arm.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from shared.domain.culprits import culprit

_MAX_RETRY_AFTER = timedelta(hours=1)
_LONGEST_TEXT = 2000
_DEEPEST = 4
_NAMES = re.compile(r"/subscriptions/[^\s\"',;\\]+|(?<!code=)(?<!code: )'[\w.-]+'")
"""What people have named: ids, and names in quotes unless a code stands there; in lower case."""


@dataclass(frozen=True, slots=True)
class ArmError:
    """One error, classified."""

    status: int
    """HTTP status; 0 for the end of an operation."""
    code: str
    """ARM's code, as it came."""
    reason: str
    """Our CamelCase code."""
    message: str
    """ARM's code and text, what it names, and what to do."""
    retry_after: timedelta | None
    """When trying again may help; None: not until somebody changes something."""

    @property
    def retry_write_after(self) -> timedelta | None:
        """When a refused write may be tried again; None: not before the pool's configuration changes."""
        lasting = max(self.retry_after or _LASTING_RETRY, _LASTING_RETRY)
        return lasting if self.reason in LASTING else self.retry_after


@dataclass(frozen=True, slots=True)
class _Row:
    statuses: tuple[int, ...]
    """HTTP statuses; ENDED for what operations end with."""
    words: tuple[str, ...]
    """Lower case; one of them must be part of the codes and texts of the error, names aside; empty: any error."""
    reason: str
    advice: str
    retry: timedelta | None


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ENDED = 0
"""Stands for the HTTP status where an operation ended badly: what it was begun with had been accepted."""
_REFUSED = (400, 403, 409)
_BOTH = (*_REFUSED, ENDED)
ABORTED = "Aborted"
"""The reason of an operation that a person had the app stop."""
CANCELED = "Canceled"
"""The reason of an operation that somebody else stopped."""
PREEMPTED = "Preempted"
"""The reason of an operation that a later one replaced."""
FAILED = "RemediationFailed"
"""The reason of an operation that failed with an error that no row knows."""

TABLE: tuple[_Row, ...] = (
    # "This operation has been preempted by another operation with ID xxxx" (aksoperationpreempted-error); "The
    # operation was overriden and canceled by a later operation" (Azure/AKS#1913).
    _Row((ENDED,), ("preempted", "by a later operation"), PREEMPTED, "It is tried again.", 5 * _MINUTE),
    _Row((400,), ("propertychangenotallowed",), "PropertyChangeNotAllowed", "AKS can't change this in place.", None),
    _Row(
        _BOTH,
        ("unsatisfiablepdb", "disruption budget", "blocked by pdb"),
        "PdbBlocked",
        "Let the budget allow one disruption, or run more replicas (`kubectl get pdb -A`).",
        None,
    ),
    _Row(
        (ENDED,),
        ("poddrainfailure", "drain node", "drain of"),
        "DrainFailed",
        "See what keeps its pods (`kubectl get events`), or give the pool a longer drain timeout.",
        None,
    ),
    # Compute calls a quota OperationNotAllowed, too ("... exceeding approved ... quota"; ARM, "resource quota errors").
    _Row(_BOTH, ("quota",), "QuotaExceeded", "Have the quota raised, or upgrade by `maxUnavailable`.", None),
    _Row(
        _BOTH,
        ("subnetisfull", "insufficientsubnetsize", "enough capacity for", "exceeds ips available"),
        "SubnetFull",
        "Make room in the subnet, or upgrade by `maxUnavailable`.",
        None,
    ),
    _Row(
        _BOTH,
        ("allocationfailed", "overconstrained", "allocation failed", "skunotavailable", "akscapacity"),
        "AllocationFailed",
        "Try again later, upgrade by `maxUnavailable`, or use another VM size or zone.",
        None,
    ),
    _Row(
        _BOTH,
        ("requestdisallowedbypolicy", "disallowed by policy"),
        "PolicyDenied",
        "An Azure Policy denies this: exempt the cluster from it, or change it.",
        None,
    ),
    _Row(_BOTH, ("scopelocked", "are locked"), "Locked", "A resource lock stands in the way: remove it.", None),
    _Row((401,), (), "Unauthenticated", "The token was not taken: check the app's identity.", _MINUTE),
    _Row((403,), (), "Forbidden", "Assign the app's role on this subscription.", None),
    _Row((404,), ("subscriptionnotfound",), "SubscriptionNotFound", "Check the app's access to it.", None),
    _Row((404,), (), "NotFound", "It does not exist, or the app may not see it.", None),
    _Row((408,), (), "Timeout", "", 30 * _SECOND),
    _Row((409,), ("stopped",), "Stopped", "Start the cluster or the pool.", None),
    _Row((409,), (), "ClusterBusy", "Another operation runs; it is waited out.", _MINUTE),
    _Row((412,), (), "Changed", "Somebody changed the pool since it was read.", _SECOND),
    _Row((429,), (), "Throttled", "", _MINUTE),
    # Compute's limits, met by AKS itself: "HighCostGetVMScaleSet30Min ... TooManyRequests" (429 Too Many Requests
    # errors, create-upgrade-delete).
    _Row(
        (ENDED,),
        ("toomanyrequests", "too many requests have been received", "throttled"),
        "Throttled",
        "Azure throttles the subscription's requests: spread what calls it.",
        None,
    ),
    _Row((500, 502, 503, 504), (), "ServerError", "", 30 * _SECOND),
)
"""The first row that fits decides; a refusal that fits none is terminal with ARM's own code as the reason."""

LASTING = frozenset(
    {"Forbidden", "Locked", "PolicyDenied", "QuotaExceeded", "SubnetFull", "PdbBlocked", "AllocationFailed", "Stopped"}
    | {"Unauthenticated", "SubscriptionNotFound"}
)
"""Refusals that a person has to lift elsewhere than in the pool: a write is tried again, but not soon."""
_LASTING_RETRY = timedelta(hours=1)

UNDECIDED = frozenset({408, 500, 502, 503, 504})
"""Statuses that don't tell whether a write took effect: a gateway may have given up before AKS did."""


def classify(status: int, headers: Mapping[str, str], body: Any, now: datetime) -> ArmError:
    """Classify one answer; `body` is its JSON, or None if it was none."""
    code, text = code_and_text(body)
    said = f"{code or f'HTTP {status}'}: {text}" if text else code or f"HTTP {status}"
    if row := _row(status, said):
        # Where ARM says when to come back, that counts, but only where coming back helps.
        retry = (retry_after(headers, now) or row.retry) if row.retry else None
        return ArmError(status, code, row.reason, _told(row, said), retry)
    return ArmError(status, code, code or f"Http{status}", said, None)


def classify_end(code: str, text: str, *, canceled: bool) -> ArmError:
    """Classify the end of an operation that did not succeed; `canceled` says that it was not even left to fail."""
    said = f"{code}: {text}" if code else text
    if row := _row(ENDED, said):
        return ArmError(ENDED, code, row.reason, _told(row, said), row.retry)
    return ArmError(ENDED, code, CANCELED if canceled else FAILED, said, None)


def _row(status: int, said: str) -> _Row | None:
    # A resource group may be called "quota".
    lower = _NAMES.sub(" ", said.lower())
    fitting = (row for row in TABLE if status in row.statuses)
    return next((row for row in fitting if not row.words or any(word in lower for word in row.words)), None)


def _told(row: _Row, said: str) -> str:
    return " ".join(part for part in (said, culprit(row.reason, said), row.advice) if part)


def code_and_text(body: Any) -> tuple[str, str]:
    """Read an error in either shape: its code, and its text with the codes and texts that are nested in it."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    text = str(inner.get("message") or "")
    for more in _nested(inner, _DEEPEST):
        text += "" if more in text or len(text) > _LONGEST_TEXT else f" {more}"
    return str(inner.get("code") or ""), text.strip()[:_LONGEST_TEXT]


def _nested(error: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield what an error holds besides its own code and text (ARM, "common API details": details, additionalInfo)."""
    yield from _policies(error.get("additionalInfo"))
    details = error.get("details")
    within = [*(details if isinstance(details, list) else [details]), error.get("innererror"), error.get("innerError")]
    for each in within if depth else ():
        if isinstance(each, dict):
            found = (str(each.get("code") or ""), str(each.get("message") or ""))
            yield ": ".join(part for part in found if part)
            yield from _nested(each, depth - 1)


def _policies(additional: Any) -> Iterator[str]:
    """Yield the assignments that denied a request (ARM, "RequestDisallowedByPolicy": PolicyViolation)."""
    for each in additional if isinstance(additional, list) else ():
        info = each.get("info") if isinstance(each, dict) else None
        if isinstance(info, dict):
            names = ("policyAssignmentDisplayName", "policyAssignmentName", "policyDefinitionDisplayName")
            found = next((str(info[name]) for name in names if info.get(name)), "")
            yield f"Policy assignment: {found};" if found else ""


def arm_ids(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return an answer's `x-ms-correlation-request-id` and `x-ms-request-id`; empty where ARM gave none.

    Azure's support finds a request by them (azure-resource-manager-rpc, common-api-details.md, "Common API Response
    Details"); nothing hangs on either. `headers` have any case.
    """
    found = {name.lower(): value for name, value in headers.items()}
    return found.get("x-ms-correlation-request-id", ""), found.get("x-ms-request-id", "")


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read Retry-After, in seconds or as a date; at most an hour, None if there is none."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isdecimal():
        return min(timedelta(seconds=int(value)), _MAX_RETRY_AFTER) if len(value) < 10 else _MAX_RETRY_AFTER
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), _MAX_RETRY_AFTER)
