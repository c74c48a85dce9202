"""The evidence account behind shared.ports.Evidence: blobs that are created and read, never overwritten."""

from typing import TYPE_CHECKING

from shared.adapters.storage import Container, was_taken
from shared.domain.records import ChainId, Record, path_of, read_record
from shared.errors import EvidenceError
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class BlobEvidence:
    """shared.ports.Evidence on the evidence account."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", container: str = "evidence") -> None:
        self._container = Container(storage, credential, container)

    def create(self, chain: ChainId, record: Record) -> bool:
        """Create a record under its number and read it back; False if that number is taken."""
        from azure.core.exceptions import HttpResponseError
        from azure.storage.blob import ContentSettings

        blob = self._container.client().get_blob_client(_path(chain, record.seq))
        try:
            # overwrite=False sends If-None-Match: *
            blob.upload_blob(
                record.bytes, overwrite=False, content_settings=ContentSettings(content_type="application/json")
            )
        except HttpResponseError as error:
            if not was_taken(error):
                raise
            return False
        if blob.download_blob().readall() != record.bytes:
            # Nothing is built on what storage does not give back as it was given.
            raise EvidenceError(f"evidence {_path(chain, record.seq)} reads back as something else than was written")
        return True

    def read(self, chain: ChainId, seq: int) -> Record | None:
        """Return the record of a number, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return read_record(self._container.client().download_blob(_path(chain, seq)).readall())
        except ResourceNotFoundError:
            return None


def _path(chain: ChainId, seq: int) -> str:
    return f"{path_of(chain)}/{seq:010}.json"
