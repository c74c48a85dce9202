"""Event Grid: system topics that push the local Azure's events to webhooks, at least once, in either schema.

Facts: MicrosoftDocs/azure-docs articles/event-grid (delivery-and-retry, end-point-validation-*, event-schema*).
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from local.clock import Clock
from local.event_schema import Filters, Schema, Subscription, render, timestamp
from local.events import ResourceEvent
from local.loop import LoopThread
from local.part import Part

log = logging.getLogger("local.eventgrid")

RETRY_DELAYS = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
TIME_TO_LIVE = timedelta(hours=24)
MAX_ATTEMPTS = 30
ANSWER_SECONDS = 30.0
NOT_RETRIED = (400, 401, 403, 413)
ORIGIN = "eventgrid.azure.net"


class SubscriptionError(RuntimeError):
    """An endpoint did not prove, by its answer to the handshake, that it wants the events."""


@dataclass(frozen=True)
class Faults:
    """What may go wrong on the way, without being an error of Event Grid: tests choose."""

    duplicates: int = 0
    """How many more times each event is delivered."""
    drop_every: int = 0
    """Every n-th event is lost; 1 loses all, 0 none."""
    reorder: int = 0
    """Holds back this many events and delivers them last first; 0 keeps the order."""
    delay: float = 0.0
    """Seconds before the first attempt, not scaled."""


class Reason(StrEnum):
    """Why an event was given up; the words are ours."""

    NOT_RETRIED = "NotRetried"
    MAX_ATTEMPTS = "MaxAttempts"
    TIME_TO_LIVE = "TimeToLive"


@dataclass(frozen=True)
class DeadLetter:
    """An event that Event Grid gave up on."""

    event: Mapping[str, Any]
    """As it was rendered for the subscription."""
    reason: Reason
    """Why it gave up."""
    attempts: int
    """How often it was tried."""
    last_status: int
    """The last answer; 0 when there was none."""
    at: datetime
    """When it was given up."""


@dataclass
class _Delivery:
    subscription: Subscription
    event: ResourceEvent
    attempts: int = 0
    waited: timedelta = field(default_factory=timedelta)
    status: int = 0


class EventGrid(Part):
    """Delivers published events to its subscriptions, one event a request, on a thread of its own.

    `clock` dates handshakes and dead letters; `retry_scale` shortens the waits between attempts (1.0 is
    Azure's schedule, and the 24 hours that an event lives are reckoned in unscaled time).
    """

    def __init__(self, clock: Clock, retry_scale: float = 0.01) -> None:
        self._clock, self._scale = clock, retry_scale
        self._loop = LoopThread("event-grid")
        self._session: aiohttp.ClientSession | None = None
        self._subscriptions: list[Subscription] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._held: list[ResourceEvent] = []
        self._published = 0
        self.faults = Faults()
        self.dead_letters: list[DeadLetter] = []

    def start(self) -> None:
        """Starts delivering."""
        self._loop.start()
        self._session = self._loop.run(_open_session())

    def stop(self) -> None:
        """Stops delivering; what is under way is lost. Calling it again does nothing."""
        session, self._session = self._session, None
        if session is not None:
            self._loop.run(session.close())
        self._loop.stop()

    def subscribe(self, url: str, schema: Schema | str, filters: Filters | None = None) -> Subscription:
        """Performs the schema's handshake with `url`, then delivers; SubscriptionError if it is not answered."""
        subscription = Subscription(f"local-{len(self._subscriptions)}", url, Schema(schema), filters or Filters())
        self._loop.run(self._shake_hands(subscription))
        self._subscriptions.append(subscription)
        return subscription

    def publish(self, event: ResourceEvent) -> None:
        """Queues an event for every subscription that takes it; never waits for a delivery.

        Events that come after the end are lost.
        """
        if self._session is not None:
            self._loop.run(self._accept(event))

    def idle(self, timeout: float = 30.0) -> None:
        """Waits until each event was delivered or given up; TimeoutError after `timeout` seconds."""
        self._loop.run(self._settle(), timeout)

    async def _accept(self, event: ResourceEvent) -> None:
        self._published += 1
        if self.faults.drop_every and self._published % self.faults.drop_every == 0:
            return
        self._held.append(event)
        if len(self._held) < self.faults.reorder:
            return
        events, self._held = self._held, []
        for one in reversed(events) if self.faults.reorder else events:
            for subscription in self._subscriptions:
                if subscription.filters.match(one):
                    for _ in range(1 + self.faults.duplicates):
                        task = asyncio.create_task(self._deliver(_Delivery(subscription, one)))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)

    async def _settle(self) -> None:
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _deliver(self, delivery: _Delivery) -> None:
        await asyncio.sleep(self.faults.delay)
        while not await self._attempt(delivery):
            if delivery.status in NOT_RETRIED:
                return self._give_up(delivery, Reason.NOT_RETRIED)
            if delivery.attempts >= MAX_ATTEMPTS:
                return self._give_up(delivery, Reason.MAX_ATTEMPTS)
            wait = RETRY_DELAYS[min(delivery.attempts, len(RETRY_DELAYS)) - 1]
            delivery.waited += timedelta(seconds=wait)
            if delivery.waited > TIME_TO_LIVE:
                return self._give_up(delivery, Reason.TIME_TO_LIVE)
            await asyncio.sleep(wait * self._scale)
        return None

    async def _attempt(self, delivery: _Delivery) -> bool:
        subscription, event = delivery.subscription, delivery.event
        headers = subscription.headers("Notification") | {"aeg-delivery-count": str(delivery.attempts)}
        delivery.attempts += 1
        delivery.status = 0
        body: Any = render(event, subscription.schema)
        if subscription.schema is Schema.EVENT_GRID:
            body = [body]
            headers |= {"aeg-data-version": body[0]["dataVersion"], "aeg-metadata-version": "1"}
        try:
            async with self._http.post(subscription.url, json=body, headers=headers) as answer:
                delivery.status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            log.info("event was not answered", extra={"event": event.id, "attempt": delivery.attempts})
        return 200 <= delivery.status <= 204

    def _give_up(self, delivery: _Delivery, reason: Reason) -> None:
        event = render(delivery.event, delivery.subscription.schema)
        log.warning("event was dead-lettered", extra={"event": delivery.event.id, "reason": str(reason)})
        self.dead_letters.append(DeadLetter(event, reason, delivery.attempts, delivery.status, self._clock.now()))

    async def _shake_hands(self, subscription: Subscription) -> None:
        try:
            if subscription.schema is Schema.EVENT_GRID:
                await self._validate(subscription)
            else:
                await self._ask_for_permission(subscription)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SubscriptionError(f"{_bare(subscription.url)}: the handshake failed: {error}") from error

    async def _validate(self, subscription: Subscription) -> None:
        code = str(uuid.uuid4())
        event = {
            "id": str(uuid.uuid4()),
            "topic": "",
            "subject": "",
            "data": {"validationCode": code, "validationUrl": ""},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": timestamp(self._clock.now()),
            "metadataVersion": "1",
            "dataVersion": "1",
        }
        headers = subscription.headers("SubscriptionValidation")
        async with self._http.post(subscription.url, json=[event], headers=headers) as answer:
            said = await answer.json(content_type=None) if answer.status == 200 else {}
            # any other status, 202 among them, is no answer
            if not isinstance(said, dict) or said.get("validationResponse") != code:
                raise ValueError(f"status {answer.status}, no validationResponse with the code")

    async def _ask_for_permission(self, subscription: Subscription) -> None:
        headers = {"WebHook-Request-Origin": ORIGIN}
        async with self._http.options(subscription.url, headers=headers) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
            if answer.status != 200 or allowed.lower() not in ("*", ORIGIN):
                raise ValueError(f"status {answer.status}, WebHook-Allowed-Origin {allowed!r}")

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Event Grid is not running")
        return self._session


def _bare(url: str) -> str:
    """The address without its query, which holds a key."""
    return urlsplit(url)._replace(query="").geturl()


async def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
