"""Azure Table Storage behind shared.ports.Table: compare-and-swap, documents packed into binary columns.

Whatever a retry of the SDK might have repeated is recognised: each row carries the id of its last write.
"""

import json
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.storage import RETRY, utc
from shared.errors import TerminalError
from shared.ports import Put, Row, Scalar, Written
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableClient

_CHUNK = 60 * 1024
"""A binary property holds 64 KiB."""
_MAX_DOC = 15 * _CHUNK
"""An entity holds 1 MiB; Azurite does not enforce it, so we do."""
_MAX_STRING = 32 * 1024
"""A string property holds 32 Ki characters."""
_WRITE_ID = "writeId"


class AzureTable:
    """shared.ports.Table on Azure Table Storage."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", name: str) -> None:
        self._storage, self._credential, self._name = storage, credential, name
        self._made: TableClient | None = None

    def _client(self) -> "TableClient":
        from azure.data.tables import TableClient

        if self._made is None:
            if self._storage.connection_string:
                made = TableClient.from_connection_string(self._storage.connection_string, self._name, **RETRY)
            else:
                made = TableClient(self._storage.uris["table"], self._name, credential=self._credential, **RETRY)
            self._made = made
        return self._made

    def read(self, partition: str, key: str) -> Row | None:
        """Return a row, or None (also when the table itself is not there yet)."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return _row(self._client().get_entity(partition, key))
        except ResourceNotFoundError:
            return None

    def write(self, partition: str, put: Put) -> Written | None:
        """Write one row if it is as `put` expects."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
        from azure.data.tables import UpdateMode

        entity = _entity(partition, put)
        try:
            if put.etag is None:
                answer = self._create(entity)
            else:
                answer = self._client().update_entity(
                    entity, mode=UpdateMode.REPLACE, etag=put.etag, match_condition=MatchConditions.IfNotModified
                )
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return self._ours(partition, put.key, entity[_WRITE_ID])
        return Written(answer["etag"], utc(answer["date"]))

    def _create(self, entity: Mapping[str, Any]) -> Mapping[str, Any]:
        from azure.core.exceptions import ResourceNotFoundError

        client = self._client()
        try:
            return client.create_entity(entity)
        except ResourceNotFoundError:
            self._create_table()
            return client.create_entity(entity)

    def _create_table(self) -> None:
        from azure.core.exceptions import ResourceExistsError

        with suppress(ResourceExistsError):
            self._client().create_table()

    def _ours(self, partition: str, key: str, write_id: str) -> Written | None:
        """A write may be refused because its first try, whose answer was lost, has already been done."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            entity = self._client().get_entity(partition, key)
        except ResourceNotFoundError:
            return None
        if entity.get(_WRITE_ID) != write_id:
            return None
        row = _row(entity)
        return Written(row.etag, row.at)

    def rows(self, columns: Sequence[str], partition: str | None = None) -> Iterator[Row]:
        """Yield rows with some of their columns; the documents stay where they are."""
        from azure.core.exceptions import ResourceNotFoundError

        select = ["PartitionKey", "RowKey", "Timestamp", *columns]
        try:
            if partition is None:
                found = self._client().list_entities(select=select)
            else:
                where = "PartitionKey eq @partition"
                found = self._client().query_entities(where, parameters={"partition": partition}, select=select)
            yield from map(_row, found)
        except ResourceNotFoundError:
            return


def _entity(partition: str, put: Put) -> dict[str, Any]:
    packed = zlib.compress(json.dumps(put.doc, separators=(",", ":")).encode()) if put.doc else b""
    if len(packed) > _MAX_DOC:
        raise TerminalError(f"row {put.key}: {len(packed)} bytes packed, a row holds {_MAX_DOC}")
    for name, value in put.columns.items():
        if isinstance(value, str) and len(value) > _MAX_STRING:
            raise TerminalError(f"row {put.key}: column {name} has {len(value)} characters, {_MAX_STRING} fit")
    chunks = {f"doc{at // _CHUNK:02}": packed[at : at + _CHUNK] for at in range(0, len(packed), _CHUNK)}
    keys = {"PartitionKey": partition, "RowKey": put.key, _WRITE_ID: secrets.token_hex(8)}
    return {**put.columns, **chunks, **keys}


def _row(entity: Any) -> Row:
    names = sorted(name for name in entity if name.startswith("doc") and name[3:].isdecimal())
    packed = b"".join(entity[name] for name in names)
    doc: Mapping[str, Any] = json.loads(zlib.decompress(packed)) if packed else {}
    hidden = {"PartitionKey", "RowKey", _WRITE_ID, *names}
    columns = {name: _scalar(value) for name, value in entity.items() if name not in hidden}
    metadata = entity.metadata
    return Row(entity["PartitionKey"], entity["RowKey"], columns, doc, metadata["etag"], utc(metadata["timestamp"]))


def _scalar(value: Any) -> Scalar:
    return utc(value) if isinstance(value, datetime) else value
