"""The queue trigger: takes messages in batches, as the storage extension's QueueListener and QueueProcessor do."""

import asyncio
import contextlib
import logging
import time
from datetime import datetime, timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage

from local.host.config import QueueOptions
from local.host.index import AppFunction
from local.host.invoke import Invoker
from local.host.outputs import Queues, send

log = logging.getLogger("local.host")

MINIMUM_POLLING_INTERVAL = 0.1
INVISIBILITY = timedelta(minutes=10)  # QueueListener's, not a setting of the real host
POISON = "-poison"


class QueueTrigger:
    """Polls one queue for one function; a message is invisible to others while its handler runs."""

    def __init__(
        self,
        function: AppFunction,
        queues: Queues,
        options: QueueOptions,
        invoker: Invoker,
        invisibility: timedelta,
    ) -> None:
        name, connection = function.trigger["queueName"], function.trigger["connection"]
        self.function = function
        self._queue = queues.queue(connection, name)
        # a queue whose own name ends in -poison gets none
        self._poison = None if name.endswith(POISON) else queues.queue(connection, name + POISON)
        self._queues, self._options, self._invoker = queues, options, invoker
        self._invisibility = invisibility.total_seconds()
        self._poller: asyncio.Task[None] | None = None
        self._polling = asyncio.Lock()
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retries: dict[str, float] = {}

    def wake(self) -> None:
        """Ends the pause between two polls."""
        self._woken.set()

    def start(self) -> None:
        """Starts polling; pauses grow to maxPollingInterval while the queue is empty."""
        self._poller = asyncio.create_task(self._run())

    async def idle(self) -> bool:
        """Whether nothing runs, nothing waits for its retry and no message is visible."""
        async with self._polling:
            now = time.monotonic()
            self._retries = {message: due for message, due in self._retries.items() if due > now}
            if self._tasks or self._retries:
                return False
            try:
                visible = await self._queue.peek_messages()
            except ResourceNotFoundError:
                return True
        if visible:
            self.wake()
        return not visible

    async def drain(self) -> None:
        """Takes no more messages, and waits for those that are under way."""
        async with self._polling:
            if self._poller is not None:
                self._poller.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self) -> None:
        pause = MINIMUM_POLLING_INTERVAL
        while True:
            if await self._poll():
                pause = MINIMUM_POLLING_INTERVAL
                while len(self._tasks) > self._options.new_batch_threshold:
                    await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
                pause = MINIMUM_POLLING_INTERVAL
            except TimeoutError:
                pause = min(pause * 2, self._options.max_polling_interval.total_seconds())
            self._woken.clear()

    async def _poll(self) -> bool:
        async with self._polling:
            try:
                pages = self._queue.receive_messages(
                    messages_per_page=self._options.batch_size, visibility_timeout=max(1, round(self._invisibility))
                ).by_page()
                batch = [message async for message in await anext(pages)]
            except (StopAsyncIteration, ResourceNotFoundError):
                return False
            except AzureError:
                log.warning("queue could not be read", exc_info=True, extra={"queue": self._queue.queue_name})
                return False
            for message in batch:
                task = asyncio.create_task(self._take(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return bool(batch)

    async def _take(self, message: QueueMessage) -> None:
        self._retries.pop(message.id, None)
        attempt = message.dequeue_count or 1
        if attempt > self._options.max_dequeue_count:
            await self._move_to_poison(message)
            return
        try:
            body = self._queues.decode(message.content)
        except ValueError:
            # What can't be decoded reaches no function: the host moves it unread, and from a poison queue, which has
            # no other behind it, nowhere. It comes back there after each invisibility, for ever (storage extension:
            # QueueServiceClientProvider's handler of MessageDecodingFailed, QueueProcessor.HandlePoisonMessageAsync).
            log.warning("message is not base64", extra={"queue": self._queue.queue_name, "message_id": message.id})
            await self._move_to_poison(message)
            return
        ended = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, ended))
        try:
            outcome = await self._invoker.invoke(
                self.function, Datum(body.decode(errors="replace"), "string"), metadata(message)
            )
        finally:
            ended.set()
            await renewal  # a renewal under way brings a new pop receipt, without which no delete succeeds
        if outcome.died:
            self._retries[message.id] = time.monotonic() + self._invisibility + 1
        else:
            await self._complete(message, attempt, succeeded=outcome.succeeded)

    async def _complete(self, message: QueueMessage, attempt: int, *, succeeded: bool) -> None:
        if succeeded:
            await self._delete(message)
        elif self._poison is None:
            # left invisible, as the extension does, so that it is not tried in a tight loop
            log.warning(
                "message failed and has no poison queue",
                extra={"queue": self._queue.queue_name, "message_id": message.id},
            )
        elif attempt >= self._options.max_dequeue_count:
            await self._move_to_poison(message)
        else:
            delay = round(self._options.visibility_timeout.total_seconds())
            self._retries[message.id] = time.monotonic() + delay + 1
            with _gone():
                await self._queue.update_message(message, visibility_timeout=delay)
            self.wake()

    async def _move_to_poison(self, message: QueueMessage) -> None:
        if self._poison is not None:
            log.warning(
                "message moves to the poison queue", extra={"queue": self._queue.queue_name, "message_id": message.id}
            )
            await send(self._poison, message.content)
            self._queues.sent()
            await self._delete(message)

    async def _delete(self, message: QueueMessage) -> None:
        with _gone():
            await self._queue.delete_message(message)

    async def _renew(self, message: QueueMessage, ended: asyncio.Event) -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._invisibility / 2):
                    await ended.wait()
                    return
            with _gone():
                renewed = await self._queue.update_message(
                    message, visibility_timeout=max(1, round(self._invisibility))
                )
                message.pop_receipt = renewed.pop_receipt


def _gone() -> contextlib.AbstractContextManager[None]:
    """Another one took the message over, or it or the queue was deleted: nothing is left to do."""
    return contextlib.suppress(HttpResponseError)


def metadata(message: QueueMessage) -> dict[str, Datum]:
    """What the host tells the worker about a message besides its body."""
    return {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(message.dequeue_count, "int"),
        "ExpirationTime": Datum(_utc(message.expires_on), "string"),
        "InsertionTime": Datum(_utc(message.inserted_on), "string"),
        "NextVisibleTime": Datum(_utc(message.next_visible_on), "string"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
    }


def _utc(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00") if moment else ""
