"""What people ask of the app for one cluster, which a look does under the lease; and what they decide for the fleet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOLDS = timedelta(days=1)
"""How long a request waits for a look that can serve it; then it is dropped: nobody expects it any more."""


class RequestKind(StrEnum):
    """The things that can be asked."""

    ABORT = "abort"
    """Stop our operation that runs on a pool."""
    UNBLOCK = "unblock"
    """Forget why a pool is left alone; where AKS left it in Failed or Canceled, send it one PUT."""
    VERIFY = "verify"
    """Take a fresh proof of a pool, or of the whole cluster, however good the last one is."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    id: str
    """Unique: its evidence records carry it, and `x-ms-client-request-id` of what is sent for it."""
    kind: RequestKind
    by: str
    """Who asked: the object id in Entra, as his own token has it."""
    at: datetime
    """When, by the clock of whoever asked."""
    pool: str = ""
    """Name of a node pool, lower case; empty for the whole cluster."""


class DecisionKind(StrEnum):
    """What persons decide for the fleet."""

    APPROVE = "approve"
    """Agree to one action on one pool."""
    APPROVE_POLICY = "approve_policy"
    """Agree to one text of the policy."""
    REVOKE = "revoke"
    """Take an approval back."""
    PAUSE = "pause"
    """Stop every remediation."""
    RESUME = "resume"
    RESET_BREAKER = "reset_breaker"
    """Go on after too many remediations have failed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision; kept beside what it changed until it is recorded."""

    id: str
    """Unique: its record's id is made from it."""
    decision: DecisionKind
    by: str
    """Who decided: the object id in Entra, as his own token has it."""
    decided: datetime
    """When, by the clock of whoever decided."""
    what: str
    """What was decided, in words, with the reason where one was given."""
    fingerprint: str = ""
    """Of what is approved or revoked: an action and its pool, or the hash of a policy."""
    until: datetime | None = None
    """How long an approval holds."""
