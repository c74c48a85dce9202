"""Delivers output bindings: messages to queues, after the handler returned without an exception."""

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.config import HostError
from local.host.index import AppFunction


class Queues:
    """The queues of the storage accounts that the app's connections name; creates those that are missing."""

    def __init__(self, settings: Mapping[str, str], *, base64_encoded: bool) -> None:
        self._settings = settings
        self._base64 = base64_encoded
        self._accounts: dict[str, QueueServiceClient] = {}
        self.sent: Callable[[], None] = lambda: None
        """Called after a message was sent."""

    def queue(self, connection: str, name: str) -> QueueClient:
        """A client of queue `name`; raises HostError when `connection` names no connection string."""
        connection = connection or "AzureWebJobsStorage"
        # the host looks a connection up under its prefixed name first
        text = self._settings.get(f"AzureWebJobs{connection}") or self._settings.get(connection)
        if not text:
            raise HostError(f"the app setting {connection!r} of queue {name!r} must be a connection string")
        if connection not in self._accounts:
            self._accounts[connection] = QueueServiceClient.from_connection_string(text)
        return self._accounts[connection].get_queue_client(name)

    async def deliver(self, function: AppFunction, outputs: Mapping[str, Any]) -> None:
        """Sends what `outputs` holds for the function's queue bindings."""
        for binding in function.outputs:
            if binding["type"] == "queue" and binding["name"] in outputs:
                queue = self.queue(binding["connection"], binding["queueName"])
                for message in _messages(outputs[binding["name"]]):
                    await send(queue, self.encode(message))
                self.sent()

    def encode(self, message: bytes) -> str:
        """The text that stands in the queue, by host.json's messageEncoding."""
        return base64.b64encode(message).decode() if self._base64 else message.decode()

    def decode(self, text: str) -> bytes:
        """The opposite of `encode`; raises ValueError for what is not base64."""
        return base64.b64decode(text, validate=True) if self._base64 else text.encode()

    async def close(self) -> None:
        """Closes the connections."""
        for account in self._accounts.values():
            await account.close()


async def send(queue: QueueClient, content: str) -> None:
    """Sends a message as it is, creating the queue when it is missing."""
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):  # another one was quicker
            await queue.create_queue()
        await queue.send_message(content)


def _messages(datum: Any) -> list[bytes]:
    value = json.loads(datum.value) if datum.type == "json" else datum.value
    return [_bytes(item) for item in (value if isinstance(value, list) else [value])]


def _bytes(item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    return (item if isinstance(item, str) else json.dumps(item)).encode()
