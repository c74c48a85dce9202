"""What the clients of Azure Storage share: containers, how often they try, and times as this product has them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

RETRY: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 3,
    "retry_backoff_max": 5,  # tables: the longest wait
    "initial_backoff": 1,  # blobs and queues: the first wait (theirs is 15 seconds), and what is added to it
    "increment_base": 2,
}
"""Options of every client: storage that stays away is the host's to wait for, not a look's. Times are seconds."""


def utc(value: datetime) -> datetime:
    """Return a service's time, aware UTC; without a zone it is UTC."""
    at = value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(at.timestamp(), UTC)


def container_client(storage: Storage, credential: "TokenCredential | None", name: str) -> "ContainerClient":
    """Return the client of a container."""
    from azure.storage.blob import ContainerClient

    if storage.connection_string:
        return ContainerClient.from_connection_string(storage.connection_string, name, **RETRY)
    return ContainerClient(storage.uris["blob"], name, credential=credential, **RETRY)


def was_taken(error: "HttpResponseError") -> bool:
    """Say whether a blob was not created since there is one of its name.

    A role that may create and not overwrite is told 403 instead of 409 (Blob service error codes). Which of the two
    409s comes where an immutability policy holds the blob as well is not known: each says that there is one.
    """
    from azure.core.exceptions import ResourceExistsError

    taken = ("UnauthorizedBlobOverwrite", "BlobImmutableDueToPolicy")
    return isinstance(error, ResourceExistsError) or getattr(error, "error_code", None) in taken
