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
"""Options of every client: storage that stays away is the host's to wait for, not a look's. Times are seconds.

What is asked for again is the SDK's to say: of tables 429 and 5xx (azure.core's RetryPolicy), of blobs and queues 408
and 5xx, but no 429 (`is_retry` in azure.storage.blob's _shared/policies.py), and no option changes that: azure.core's
policy in its place would leave options in the request that the transport does not know. Blob storage throttles by 503
(Blob service error codes); a 429 from there ends the look, which comes back.
"""


def utc(value: datetime) -> datetime:
    """Return a service's time, aware UTC; without a zone it is UTC."""
    at = value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(at.timestamp(), UTC)


class Container:
    """A container, whose client is made when it is first needed: what needs no storage loads no SDK."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", name: str) -> None:
        self._storage, self._credential, self.name = storage, credential, name
        self._made: ContainerClient | None = None

    def client(self) -> "ContainerClient":
        """Return the client; one for all."""
        from azure.storage.blob import ContainerClient

        if self._made is None and self._storage.connection_string:
            self._made = ContainerClient.from_connection_string(self._storage.connection_string, self.name, **RETRY)
        elif self._made is None:
            self._made = ContainerClient(self._storage.uris["blob"], self.name, credential=self._credential, **RETRY)
        return self._made


def was_taken(error: "HttpResponseError") -> bool:
    """Say whether a blob was not created since there is one of its name.

    A role that may create and not overwrite is told 403 instead of 409 (Blob service error codes). Which of the two
    409s comes where an immutability policy holds the blob as well is not known: each says that there is one.
    """
    from azure.core.exceptions import ResourceExistsError

    taken = ("UnauthorizedBlobOverwrite", "BlobImmutableDueToPolicy")
    return isinstance(error, ResourceExistsError) or getattr(error, "error_code", None) in taken
