"""The evidence account behind shared.ports.Evidence: blobs that are created and read, never overwritten."""

from typing import TYPE_CHECKING

from shared.adapters.storage import RETRY
from shared.config import Storage
from shared.domain.records import ChainId, Record, path_of, read_record

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import ContainerClient


class BlobEvidence:
    """shared.ports.Evidence on the evidence account."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", container: str = "evidence") -> None:
        self._storage, self._credential, self._container = storage, credential, container
        self._made: ContainerClient | None = None

    def _client(self) -> "ContainerClient":
        from azure.storage.blob import ContainerClient

        if self._made is None:
            if self._storage.connection_string:
                made = ContainerClient.from_connection_string(self._storage.connection_string, self._container, **RETRY)
            else:
                made = ContainerClient(
                    self._storage.uris["blob"], self._container, credential=self._credential, **RETRY
                )
            self._made = made
        return self._made

    def create(self, chain: ChainId, record: Record) -> bool:
        """Create a record under its number; False if that number is taken."""
        from azure.core.exceptions import HttpResponseError, ResourceExistsError
        from azure.storage.blob import ContentSettings

        blob = self._client().get_blob_client(_path(chain, record.seq))
        try:
            # overwrite=False sends If-None-Match: *
            blob.upload_blob(
                record.bytes, overwrite=False, content_settings=ContentSettings(content_type="application/json")
            )
        except ResourceExistsError:
            return False
        except HttpResponseError as error:
            # A role that may create and not overwrite is told 403 instead of 409 (Blob service error codes).
            if getattr(error, "error_code", None) != "UnauthorizedBlobOverwrite":
                raise
            return False
        return True

    def read(self, chain: ChainId, seq: int) -> Record | None:
        """Return the record of a number, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return read_record(self._client().download_blob(_path(chain, seq)).readall())
        except ResourceNotFoundError:
            return None


def _path(chain: ChainId, seq: int) -> str:
    return f"{path_of(chain)}/{seq:010}.json"
