"""What ARM's and AKS's refusals mean: one table, from status and code to a reason and whether to come back.

Both shapes of errors are read: AKS's own `{"code", "message", "subcode"}` and ARM's `{"error": {"code", "message"}}`.
Sources per row: AKS troubleshooting articles ("OperationNotAllowed", "PodDrainFailure", "UnsatisfiablePDB"),
"Use eTags", "Quotas and limits" (429 Throttled), ARM "Common deployment errors"; real bodies are in tests/data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_MAX_RETRY_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ArmError:
    """One refusal, classified."""

    status: int
    """HTTP status."""
    code: str
    """ARM's code, as it came."""
    reason: str
    """Our CamelCase code."""
    message: str
    """ARM's code and text, and what to do."""
    retry_after: timedelta | None
    """When trying again may help; None: not until somebody changes something."""

    @property
    def retry_write_after(self) -> timedelta | None:
        """When a refused write may be tried again; None: not before the pool's configuration changes."""
        lasting = max(self.retry_after or _LASTING_RETRY, _LASTING_RETRY)
        return lasting if self.reason in LASTING else self.retry_after


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    codes: tuple[str, ...]
    """Lower case; empty: any."""
    text: str
    """Lower case; must be part of the message; empty: any."""
    reason: str
    advice: str
    retry: timedelta | None


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)

TABLE: tuple[_Row, ...] = (
    _Row(400, ("propertychangenotallowed",), "", "PropertyChangeNotAllowed", "AKS can't change this in place.", None),
    _Row(400, ("unsatisfiablepdb",), "", "PdbBlocks", "Change the pod disruption budget that it names.", None),
    _Row(400, ("quotaexceeded", "insufficientvcpuquota"), "", "QuotaExceeded", "Have the quota raised.", None),
    _Row(400, ("subnetisfull", "insufficientsubnetsize"), "", "SubnetFull", "Make room in the subnet.", None),
    _Row(401, (), "", "Unauthenticated", "The token was not taken: check the app's identity.", _MINUTE),
    _Row(403, ("requestdisallowedbypolicy",), "", "PolicyDenied", "An Azure Policy denies this.", None),
    _Row(403, (), "", "Forbidden", "Assign the app's role on this subscription.", None),
    _Row(404, ("resourcenotfound", "resourcegroupnotfound"), "", "NotFound", "It does not exist.", None),
    _Row(404, ("subscriptionnotfound",), "", "SubscriptionNotFound", "Check the app's access to it.", None),
    _Row(404, (), "", "NotFound", "It does not exist, or the app may not see it.", None),
    _Row(408, (), "", "Timeout", "", 30 * _SECOND),
    _Row(409, ("scopelocked",), "", "Locked", "A resource lock stands in the way: remove it.", None),
    _Row(409, ("operationnotallowed",), "stopped", "Stopped", "Start the cluster or the pool.", None),
    # Compute calls a quota OperationNotAllowed, too ("... exceeding approved ... quota"; ARM, "resource quota errors").
    _Row(409, (), "quota", "QuotaExceeded", "Have the quota raised.", None),
    _Row(409, (), "", "ClusterBusy", "Another operation runs; it is waited out.", _MINUTE),
    _Row(412, (), "", "Changed", "Somebody changed the pool since it was read.", _SECOND),
    _Row(429, (), "", "Throttled", "", _MINUTE),
    _Row(500, (), "", "ServerError", "", 30 * _SECOND),
    _Row(502, (), "", "ServerError", "", 30 * _SECOND),
    _Row(503, (), "", "ServerError", "", 30 * _SECOND),
    _Row(504, (), "", "ServerError", "", 30 * _SECOND),
)
"""The first row that fits decides; what fits none is terminal with ARM's own code as the reason."""

LASTING = frozenset(
    {"Forbidden", "Locked", "PolicyDenied", "QuotaExceeded", "SubnetFull", "PdbBlocks", "Stopped"}
    | {"Unauthenticated", "SubscriptionNotFound"}
)
"""Refusals that a person has to lift elsewhere than in the pool: a write is tried again, but not soon."""
_LASTING_RETRY = timedelta(hours=1)

UNDECIDED = frozenset({408, 500, 502, 503, 504})
"""Statuses that don't tell whether a write took effect: a gateway may have given up before AKS did."""


def classify(status: int, headers: Mapping[str, str], body: Any, now: datetime) -> ArmError:
    """Classify one answer; `body` is its JSON, or None if it was none."""
    code, text = _code_and_text(body)
    said = f"{code or f'HTTP {status}'}: {text}" if text else code or f"HTTP {status}"
    for row in TABLE:
        fits = row.status == status and (not row.codes or code.lower() in row.codes)
        if fits and row.text in text.lower():
            message = f"{said} {row.advice}".strip()
            # Where ARM says when to come back, that counts, but only where coming back helps.
            retry = (retry_after(headers, now) or row.retry) if row.retry else None
            return ArmError(status, code, row.reason, message, retry)
    return ArmError(status, code, code or f"Http{status}", said, None)


def _code_and_text(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    return str(inner.get("code") or ""), str(inner.get("message") or "")[:2000]


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
