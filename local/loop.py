"""An asyncio loop on a thread of its own, so that synchronous tests can start and stop servers."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from local.part import Part

T = TypeVar("T")


class LoopThread(Part):
    """Runs coroutines on its own thread; `stop` cancels what still runs and leaves no open loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread; once only."""
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Runs `coroutine` on the loop and returns its result; raises TimeoutError after `timeout` seconds."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def stop(self) -> None:
        """Cancels every task, waits for each to end, closes the loop; calling it again does nothing."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            self.run(cancel_other_tasks())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()


async def cancel_other_tasks() -> None:
    """Cancels every task of the running loop but this one, and waits until they have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    for _ in range(3):  # connections that were closed tell their protocols in the next rounds of the loop
        await asyncio.sleep(0)
