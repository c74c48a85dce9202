"""What people ask of the app for one cluster; a look does it, under the lease."""

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
    """Who asked."""
    at: datetime
    """When, by the clock of whoever asked."""
    pool: str = ""
    """Name of a node pool, lower case; empty for the whole cluster."""
