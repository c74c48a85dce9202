"""What runs on the host's loop: the web server, the pollers, the timers, and their end."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from azure.functions.meta import Datum

from local.host import event_grid
from local.host.config import HostConfig, HostError
from local.host.event_grid import EventGridWebhook
from local.host.http import add_routes, unmatched_is_not_found
from local.host.index import AppFunction
from local.host.invoke import Invoker, Outcome
from local.host.keys import Keys
from local.host.outputs import Queues
from local.host.queue_trigger import QueueTrigger
from local.host.timer import TimerTrigger
from local.loop import cancel_other_tasks

MAX_BODY = 100 * 1024 * 1024
DRAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Options:
    """What a caller may choose about a host."""

    port: int
    """Port of 127.0.0.1; 0 for a free one."""
    timers: bool
    """Whether schedules run."""
    invisibility: timedelta
    """How long a message is hidden while its handler runs; renewed at half time."""


class Runtime:
    """One start of the host; every method runs on its loop."""

    def __init__(
        self,
        functions: Mapping[str, AppFunction],
        config: HostConfig,
        settings: Mapping[str, str],
        keys: Keys,
        options: Options,
    ) -> None:
        self._functions, self._config, self._keys, self._options = functions, config, keys, options
        self._queues = Queues(settings, base64_encoded=config.queues.base64)
        threads = settings.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._invoker = Invoker(self._queues.deliver, config.function_timeout, int(threads) if threads else None)
        self._queues.sent = self._invoker.ended = self._wake
        self._queue_triggers: list[QueueTrigger] = []
        self._timers: dict[str, TimerTrigger] = {}
        self._schedules: list[asyncio.Task[None]] = []
        self._asked: set[asyncio.Task[Outcome]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Starts every trigger; returns the port."""
        for function in self._functions.values():
            self._listen(function)
        return await self._serve()

    async def invoke(self, name: str, value: str) -> Outcome:
        """Runs a function now; `value` is the message or the event; HostError for unknown and HTTP functions."""
        function = self._functions.get(name)
        match function.kind if function else "":
            case "timerTrigger":
                return await self._timers[name].fire()
            case "queueTrigger" if function:
                return await self._invoker.invoke(function, Datum(value, "string"))
            case "eventGridTrigger" if function:
                return await self._invoker.invoke(function, Datum(value, "json"))
        raise HostError(f"there is no function {name!r} that can be invoked by name")

    async def idle(self) -> bool:
        """Whether nothing runs, no retry is pending and no trigger's queue shows a message."""
        started = self._invoker.started
        quiet = [await trigger.idle() for trigger in self._queue_triggers]
        return all(quiet) and not self._invoker.running and started == self._invoker.started

    async def drain(self) -> None:
        """Takes nothing new and lets what runs come to its end, for some seconds."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
        for task in self._schedules:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*(trigger.drain() for trigger in self._queue_triggers))
                await self._invoker.quiet.wait()

    async def close(self) -> None:
        """Abandons what still runs and closes every connection."""
        await cancel_other_tasks()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._queues.close()
        self._invoker.close()

    def _listen(self, function: AppFunction) -> None:
        match function.kind:
            case "queueTrigger":
                trigger = QueueTrigger(
                    function, self._queues, self._config.queues, self._invoker, self._options.invisibility
                )
                self._queue_triggers.append(trigger)
                trigger.start()
            case "timerTrigger":
                self._timers[function.name] = timer = TimerTrigger(function, self._invoker)
                if self._options.timers:
                    self._schedules.append(asyncio.create_task(timer.run()))
            case "httpTrigger" | "eventGridTrigger":
                pass
            case kind:
                raise HostError(f"function {function.name}: {kind} is not a trigger that this host knows")

    async def _serve(self) -> int:
        app = web.Application(middlewares=[unmatched_is_not_found], client_max_size=MAX_BODY)
        events = {name: item for name, item in self._functions.items() if item.kind == "eventGridTrigger"}
        webhook = EventGridWebhook(events, self._keys, self._invoker)
        app.router.add_route("POST", event_grid.PATH, webhook.handle)
        app.router.add_route("OPTIONS", event_grid.PATH, webhook.handle)
        app.router.add_post("/admin/functions/{name}", self._admin)
        for function in self._functions.values():
            if function.kind == "httpTrigger":
                add_routes(app.router, function, self._config.route_prefix, self._keys, self._invoker)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._options.port).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _admin(self, request: web.Request) -> web.Response:
        if not self._keys.allow(request, "admin"):
            return web.Response(status=401)
        name = request.match_info["name"]
        if name not in self._functions:
            return web.Response(status=404)
        try:
            value = (await request.json())["input"]
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400)
        task = asyncio.create_task(self.invoke(name, value if isinstance(value, str) else json.dumps(value)))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return web.Response(status=202)

    def _wake(self) -> None:
        for trigger in self._queue_triggers:
            trigger.wake()
