"""Operations on node pools: ours as it is remembered, and what ARM answers and says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.model import Unreadable
from shared.domain.planned import ActionKind, Method


class OutcomeState(StrEnum):
    """The result of an attempted action, then the end of its operation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_BEGUN = "not_begun"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class AbortTried:
    """What became so far of the abort of an operation that AKS did not take at once."""

    request: str
    """Id of the request for which it is sent."""
    refusals: int = 0
    """How often AKS refused it for the time being."""
    after: datetime | None = None
    """It is not sent again before this time; None: it may be."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Our own operation on a pool, kept in the rollout row before anything is begun."""

    intent: str
    """Id of the intent: evidence record, reservation and `x-ms-client-request-id` carry it."""
    kind: ActionKind
    pool: str
    etag: str
    """The pool's eTag before the PUT."""
    at: datetime
    """When it was decided."""
    changes: Mapping[str, Any] = field(hash=False)
    """What the PUT changes, by ARM's names; a pool that has these values shows the change."""
    outcome: OutcomeState | None = None
    """The last outcome that is recorded for it; None: not sent, or sent and not answered, only the world knows."""
    intent_seq: int | None = None
    """Number of the intent's evidence record, once it is written."""
    url: str = ""
    """`Azure-AsyncOperation`, opaque; empty if it was lost or never given."""
    message: str = ""
    """What the last outcome's record says."""
    stuck: datetime | None = None
    """From when on it takes too long; None in rows of versions that did not say so."""
    resumes: str = ""
    """Who let it be sent to a pool that AKS had left in Failed or Canceled; empty for any other."""
    aborted: str = ""
    """Who asked us to abort it, where AKS took that or may have; empty otherwise: then its end is nobody's wish."""
    abort: AbortTried | None = None
    """The abort that was sent last; None if none was."""
    method: Method = Method.UPDATE
    target: str = ""
    """Name of the twin that it makes; empty: it is on the pool itself."""

    @property
    def on(self) -> str:
        """The pool that it runs on."""
        return self.target or self.pool


class OperationStatus(StrEnum):
    """How far an operation of AKS is; the last three are the only ends."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


AT_REST = ("Succeeded", "Failed", "Canceled")
"""Provisioning states in which AKS does nothing to a resource; any other word means that it does (ARM, async)."""
UNDER_WAY = frozenset(
    # Seen in ARM's answers (FACTS, section 2).
    {"Creating", "Updating", "Upgrading", "UpgradingNodeImageVersion", "Scaling", "Starting", "Stopping", "Deleting"}
    | {"Canceling"}
    # Of AKS's own (azure-service-operator, managed_cluster_extensions.go, and AKS's package provisioningstate): the API
    # itself has a text there and no list (SDK, ManagedClusterProperties).
    | {"Migrating", "Maintenance", "RefreshingServicePrincipalProfile", "RefreshingAADProfile"}
    | {"RotatingClusterCertificates", "ReconcilingClusterCertificates", "ReconcilingClusterETCDCertificates"}
    | {"RotatingClusterStaticTokens"}
    | {"RotatingServiceAccountSigningKeysInternal", "RotatingServiceAccountSigningKeysExternal"}
    # ARM's own for resources that were asked for and are not made yet.
    | {"Accepted", "Provisioning"}
)
"""Provisioning states of a cluster in which AKS is doing something to it: all that are known."""


@dataclass(frozen=True, slots=True)
class OperationRead:
    """One answer to `how far is it`."""

    status: OperationStatus
    code: str = ""
    """ARM's error code, if it ended badly."""
    message: str = ""
    """ARM's error text with what is nested in it, if it ended badly."""
    correlation_id: str = field(default="", compare=False)
    request_id: str = field(default="", compare=False)


Progress = OperationRead | Unreadable | None
"""What our operation's own URL answered; None if it has none."""


def goes_on(progress: Progress) -> bool:
    """Say whether AKS itself says that an operation has not ended."""
    return isinstance(progress, OperationRead) and progress.status is OperationStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Accepted:
    """AKS took the PUT."""

    url: str
    """`Azure-AsyncOperation`; empty if AKS gave none."""
    correlation_id: str
    """`x-ms-correlation-request-id`, for support tickets and the evidence."""
    request_id: str = field(default="", compare=False)
    """`x-ms-request-id`, likewise."""


@dataclass(frozen=True, slots=True)
class Refused:
    """AKS or ARM did not take the PUT, and said so."""

    reason: str
    """CamelCase code of ours."""
    message: str
    """ARM's code and text."""
    retry_after: timedelta | None
    """When it may be tried again; None: not until something is changed."""
    correlation_id: str = field(default="", compare=False)
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The PUT was sent and no answer came: only the world knows; the next look reads it there."""

    message: str


BeginResult = Accepted | Refused | Unanswered
