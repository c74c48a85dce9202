"""What the local Azure tells subscribers: the facts from which Event Grid makes its two schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WRITE_SUCCESS = "Microsoft.Resources.ResourceWriteSuccess"
WRITE_FAILURE = "Microsoft.Resources.ResourceWriteFailure"
WRITE_CANCEL = "Microsoft.Resources.ResourceWriteCancel"
DELETE_SUCCESS = "Microsoft.Resources.ResourceDeleteSuccess"
ACTION_SUCCESS = "Microsoft.Resources.ResourceActionSuccess"
ROLLING_STARTED = "Microsoft.ContainerService.NodePoolRollingStarted"
ROLLING_SUCCEEDED = "Microsoft.ContainerService.NodePoolRollingSucceeded"
ROLLING_FAILED = "Microsoft.ContainerService.NodePoolRollingFailed"


@dataclass(frozen=True)
class ResourceEvent:
    """One event as a system topic has it, in neither schema yet. It never carries the resource's body."""

    id: str
    """A GUID; a redelivery keeps it."""
    event_type: str
    """One of the names above."""
    topic: str
    """The subscription's id, or the cluster's for NodePoolRolling events."""
    subject: str
    """The ARM id (with a lower-case `resourcegroups`), or the cluster's name for NodePoolRolling events."""
    operation_name: str
    """The ARM action, such as `Microsoft.ContainerService/managedClusters/agentPools/write`."""
    time: datetime
    """When the operation ended (or began, for NodePoolRollingStarted)."""
    subscription_id: str
    """Where the resource is."""
    tenant_id: str
    """The tenant of the caller."""
    principal_id: str
    """The object id of who made the call."""
    correlation_id: str
    """ARM's correlation id of the call."""
    data: Mapping[str, Any]
    """The `data` of the event, the same in both schemas."""
