"""The queues `reconcile` and `alerts` behind their ports, in the encoding that host.json names."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.storage import RETRY, utc
from shared.alerting import alert_json
from shared.domain.alert import Alert
from shared.domain.requests import ReconcileRequest
from shared.ports import Queued
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.queue import QueueClient

_MAX_DELAY = timedelta(days=7)


class TextQueue:
    """One queue of texts; it is made when it is missing."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None", name: str) -> None:
        self._storage, self._credential, self._name = storage, credential, name
        self._made: QueueClient | None = None

    def _client(self) -> "QueueClient":
        from azure.storage.queue import QueueClient, TextBase64EncodePolicy

        if self._made is None:
            # host.json says messageEncoding base64
            options: dict[str, Any] = {"message_encode_policy": TextBase64EncodePolicy(), **RETRY}
            if self._storage.connection_string:
                made = QueueClient.from_connection_string(self._storage.connection_string, self._name, **options)
            else:
                made = QueueClient(self._storage.uris["queue"], self._name, credential=self._credential, **options)
            self._made = made
        return self._made

    def put(self, text: str, delay: timedelta = timedelta()) -> Queued:
        """Send one message; it never expires."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        hidden = min(delay, _MAX_DELAY).total_seconds()
        # Seconds are whole; rounding up never wakes anybody too early.
        arguments: dict[str, Any] = {"visibility_timeout": int(-(-hidden // 1)), "time_to_live": -1}
        try:
            sent = self._client().send_message(text, **arguments)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                self._client().create_queue()
            sent = self._client().send_message(text, **arguments)
        return Queued(utc(sent.inserted_on) if sent.inserted_on else datetime.now(UTC))


class WakeUpQueue:
    """shared.ports.WakeUps on the queue `reconcile`."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None") -> None:
        self._queue = TextQueue(storage, credential, "reconcile")

    def send(self, request: ReconcileRequest, delay: timedelta = timedelta()) -> Queued:
        """Queue a request."""
        return self._queue.put(request.to_json(), delay)


class AlertQueue:
    """shared.ports.Alerts on the queue `alerts`."""

    def __init__(self, storage: Storage, credential: "TokenCredential | None") -> None:
        self._queue = TextQueue(storage, credential, "alerts")

    def send(self, alert: Alert, delay: timedelta = timedelta(), failing: datetime | None = None) -> None:
        """Queue an alert, to be told after a delay."""
        self._queue.put(alert_json(alert, failing), delay)
