"""The trigger host as its users see it: synchronous, with a thread of its own."""

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from local.host import event_grid
from local.host.config import HostConfig, HostError
from local.host.index import AppFunction, forget, index
from local.host.invoke import Outcome
from local.host.keys import Keys
from local.host.queue_trigger import INVISIBILITY
from local.host.runtime import Options, Runtime
from local.loop import LoopThread
from local.part import Part


class TriggerHost(Part):
    """Runs the app of `app_dir` with `settings` as its app settings, on 127.0.0.1.

    The settings stand in this process's environment until the host stops: one app at a time. `timers=False`
    leaves the schedules out, so that a timer runs only when `invoke` or the admin API says so. `invisibility`
    is how long a message stays hidden while its handler runs (10 minutes in the real host); after `kill` it
    comes back when that has passed. `keys` are those of an earlier host that this one replaces.
    """

    def __init__(
        self,
        app_dir: Path,
        settings: Mapping[str, str],
        port: int = 0,
        *,
        timers: bool = True,
        invisibility: timedelta = INVISIBILITY,
        keys: Keys | None = None,
    ) -> None:
        self._app_dir, self._settings = app_dir, dict(settings)
        self._options = Options(port, timers, invisibility)
        self._replaced: dict[str, str | None] = {}
        self._functions: dict[str, AppFunction] = {}
        self._runtime: Runtime | None = None
        self._loop = LoopThread("trigger-host")
        self.keys = keys or Keys()
        self.url = ""

    @property
    def host_key(self) -> str:
        """The key of functions of auth level `function`."""
        return self.keys.function

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that are loaded."""
        return tuple(self._functions)

    @property
    def event_grid_functions(self) -> tuple[str, ...]:
        """The names of those with an Event Grid trigger."""
        return tuple(name for name, item in self._functions.items() if item.kind == "eventGridTrigger")

    def event_grid_url(self, function: str) -> str:
        """The webhook that an event subscription for `function` delivers to, with its key."""
        return f"{self.url}{event_grid.PATH}?functionName={function}&code={self.keys.event_grid}"

    def start(self) -> None:
        """Loads the app and starts its triggers; HostError when the app can't run, OSError for a taken port."""
        self._replaced = {name: os.environ.get(name) for name in self._settings}
        os.environ.update(self._settings)
        self._loop.start()
        config = HostConfig.load(self._app_dir / "host.json")
        self._functions = {item.name: item for item in index(self._app_dir, os.environ)}
        self._runtime = Runtime(self._functions, config, os.environ, self.keys, self._options)
        self.url = f"http://127.0.0.1:{self._loop.run(self._runtime.start())}"

    def invoke(self, name: str, value: str = "") -> Outcome:
        """Runs a function now, as the admin API does, and waits for its end; HostError for HTTP functions."""
        return self._loop.run(self._running().invoke(name, value))

    def idle(self, timeout: float = 30.0) -> None:
        """Waits until nothing runs, no retry is pending and no message is visible in any trigger's queue.

        Messages that were sent with a delay are not waited for. Raises TimeoutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self._loop.run(self._running().idle()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the host was not idle within {timeout} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Takes nothing new, lets what runs come to its end, and stops; calling it again does nothing."""
        if self._runtime is not None:
            self._loop.run(self._runtime.drain())
        self.kill()

    def kill(self) -> None:
        """Abandons everything at once, as a host that died: no message is deleted or released any more."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            self._loop.run(runtime.close())
        self._loop.stop()
        forget(self._app_dir)
        for name, value in self._replaced.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._replaced = {}

    def _running(self) -> Runtime:
        if self._runtime is None:
            raise HostError("the host is not running")
        return self._runtime
