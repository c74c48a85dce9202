"""Where the policy and the exemptions lie: a file in the package, or a versioned blob in the app's storage."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters.storage import RETRY
from shared.domain.model import Unreadable
from shared.domain.yaml_source import MOST_BYTES, TOO_LONG
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_RETRY = timedelta(minutes=2)


class TextFile:
    """A file that is deployed with the app."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    def read(self) -> str | Unreadable:
        """Read the file."""
        try:
            with self._path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            return _text(content, self._path.name)
        except (OSError, UnicodeDecodeError) as error:
            return Unreadable("PolicyUnreadable", f"{self._path}: {error}", None)


class TextBlob:
    """A blob that people change without a deployment."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", location: str) -> None:
        self._storage, self._credential = storage, credential
        self._container, _, self._name = location.partition("/")

    @property
    def name(self) -> str:
        """The blob's name."""
        return self._name

    def read(self) -> str | Unreadable:
        """Read the blob's current version."""
        from azure.core.exceptions import AzureError
        from azure.storage.blob import BlobClient

        try:
            if self._storage.connection_string:
                blob = BlobClient.from_connection_string(
                    self._storage.connection_string, self._container, self._name, **RETRY
                )
            else:
                blob = BlobClient(
                    self._storage.uris["blob"], self._container, self._name, credential=self._credential, **RETRY
                )
            with blob:
                content = blob.download_blob(length=MOST_BYTES + 1, offset=0).readall()
            return _text(content, self._name)
        except (AzureError, UnicodeDecodeError) as error:
            return Unreadable("PolicyUnreadable", f"{self._container}/{self._name}: {error}", _RETRY)


def _text(content: bytes, name: str) -> str | Unreadable:
    """Return a text of which at most one byte more than may be was fetched: a part of it would be another policy."""
    if len(content) > MOST_BYTES:
        return Unreadable("PolicyInvalid", f"{name}: {TOO_LONG}. Nothing of it is used.", None)
    return content.decode()
