"""The container `snapshots` behind shared.ports.Snapshots: files that are created and read, never overwritten."""

from typing import IO, TYPE_CHECKING

from shared.adapters.storage import Container, was_taken
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class BlobSnapshots:
    """shared.ports.Snapshots on the evidence account."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", container: str = "snapshots") -> None:
        self._container = Container(storage, credential, container)

    def create(self, name: str, data: IO[bytes]) -> bool:
        """Create a file, in one Put Blob; False if there is one of that name.

        The SDK sends up to 64 MiB so; beyond it sends blocks, which the role that only creates does not allow. A
        snapshot gets there with some hundred thousand clusters.
        """
        from azure.core.exceptions import HttpResponseError

        try:
            # overwrite=False sends If-None-Match: *
            self._container.client().get_blob_client(name).upload_blob(data, overwrite=False)
        except HttpResponseError as error:
            if not was_taken(error):
                raise
            return False
        return True

    def read(self, name: str) -> bytes | None:
        """Return a file, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self._container.client().download_blob(name).readall()
        except ResourceNotFoundError:
            return None
