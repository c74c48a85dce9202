"""The evidence account behind shared.archive.Archive. It lists blobs, which no look ever does."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shared.adapters.storage import Container
from shared.archive import leads_out
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

CONTAINERS = ("evidence", "snapshots")


class BlobArchive:
    """shared.archive.Archive on containers of the evidence account."""

    at_once = 8

    def __init__(
        self, storage: Storage, credential: "TokenCredential | None", containers: Sequence[str] = CONTAINERS
    ) -> None:
        self._containers = {name: Container(storage, credential, name) for name in sorted(containers)}

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names, sorted: the service lists the blobs of a container in alphabetical order, 5,000 a page.

        https://learn.microsoft.com/rest/api/storageservices/list-blobs
        """
        for container, reached in self._containers.items():
            whole = f"{container}/"
            if whole.startswith(prefix) or prefix.startswith(whole):
                found = reached.client().list_blob_names(name_starts_with=prefix[len(whole) :] or None)
                yield from (f"{whole}{name}" for name in found)

    def data(self, name: str) -> bytes:
        """Download a blob; raises FileNotFoundError if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        container, _, blob = name.partition("/")
        if container not in self._containers or leads_out(name):
            raise FileNotFoundError(name)
        try:
            return self._containers[container].client().download_blob(blob).readall()
        except ResourceNotFoundError as error:
            raise FileNotFoundError(name) from error
