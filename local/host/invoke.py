"""Invokes handlers: converts with the worker's own converters, counts what runs, logs one line each."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from azure.functions.meta import Datum
from azure_functions_runtime.bindings.context import get_context
from azure_functions_runtime.bindings.meta import get_binding, get_datum
from azure_functions_runtime.bindings.out import Out
from azure_functions_runtime.utils.executor import run_sync_func

from local.host.index import AppFunction
from local.logs import CLUSTER

log = logging.getLogger("local.host")

Deliver = Callable[[AppFunction, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended."""

    error: str = ""
    """What went wrong; empty for a success."""
    raised: BaseException | None = None
    """What the handler raised, if it did."""
    died: bool = False
    """Whether the handler ended by something that is no Exception: so tests let a worker die."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What the handler put into its output bindings, `$return` among them, as the worker's Datum."""

    @property
    def succeeded(self) -> bool:
        """Whether the handler returned and its outputs were delivered."""
        return not self.error


class Invoker:
    """Runs handlers: asynchronous ones on the loop, the others in a pool of threads, as the worker does.

    A synchronous handler can't be stopped: after its timeout, or when the host is killed, its thread goes on
    to its end, but what it returns goes nowhere.
    """

    def __init__(self, deliver: Deliver, limit: timedelta | None, threads: int | None = None) -> None:
        self._deliver = deliver
        self._limit = limit.total_seconds() if limit else None
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self.running = 0
        self.started = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.ended: Callable[[], None] = lambda: None
        """Called after each invocation: its handler may have sent messages by itself."""

    async def invoke(
        self, function: AppFunction, trigger: Datum, metadata: Mapping[str, Datum] | None = None
    ) -> Outcome:
        """Invokes `function` with its trigger's value; every failure is an Outcome, none is raised."""
        invocation_id, begun = str(uuid.uuid4()), time.monotonic()
        self.running += 1
        self.started += 1
        self.quiet.clear()
        try:
            outcome = await self._attempt(function, invocation_id, trigger, metadata or {})
        finally:
            self.running -= 1
            if not self.running:
                self.quiet.set()
        fields = {
            "function": function.name,
            "about": about(trigger),
            "invocation": invocation_id,
            "outcome": outcome.error or "succeeded",
            "ms": round((time.monotonic() - begun) * 1000),
        }
        log.log(logging.INFO if outcome.succeeded else logging.ERROR, "invoked", extra=fields, exc_info=outcome.raised)
        self.ended()
        return outcome

    def close(self) -> None:
        """Takes no more handlers; those that run go on to their end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _attempt(
        self, function: AppFunction, invocation_id: str, trigger: Datum, metadata: Mapping[str, Datum]
    ) -> Outcome:
        limit = asyncio.timeout(self._limit)
        try:
            async with limit:
                outputs = await self._call(function, invocation_id, trigger, metadata)
            await self._deliver(function, outputs)
        except Exception as error:  # noqa: BLE001 - it becomes the outcome, which is logged
            if limit.expired():
                return Outcome(error=f"Timeout: function {function.name} exceeded {self._limit} s")
            return Outcome(error=f"{type(error).__name__}: {error}", raised=error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a dead worker is no reason for the host to die
            return Outcome(error=f"died of {error!r}", raised=error, died=True)
        return Outcome(outputs=outputs)

    async def _call(
        self, function: AppFunction, invocation_id: str, trigger: Datum, metadata: Mapping[str, Datum]
    ) -> Mapping[str, Any]:
        loaded, name = function.loaded, function.trigger["name"]
        arguments = {name: _converter(loaded.input_types[name]).decode(trigger, trigger_metadata=metadata)}
        arguments |= {output: Out() for output in loaded.output_types}
        context = get_context(_request(invocation_id), loaded.name, loaded.directory)
        if loaded.requires_context:
            arguments["context"] = context
        if loaded.is_async:
            returned = await loaded.func(**arguments)
        else:
            returned = await asyncio.get_running_loop().run_in_executor(
                self._pool, run_sync_func, invocation_id, context, loaded.func, arguments
            )
        return _outputs(loaded, arguments, returned)


def about(trigger: Datum) -> str:
    """The cluster, and perhaps the node pool, that a message or an event is about, for the log; empty if none is."""
    found = CLUSTER.search(trigger.value) if isinstance(trigger.value, str) else None
    return "/".join(part for part in found.groups() if part) if found else ""


def _outputs(loaded: Any, arguments: Mapping[str, Any], returned: Any) -> Mapping[str, Any]:
    if returned is not None and not loaded.has_return:
        raise RuntimeError(f"function {loaded.name!r} without a $return binding returned a value")
    values = {
        name: get_datum(kind.binding_name, arguments[name].get(), kind.pytype)
        for name, kind in loaded.output_types.items()
        if arguments[name].get() is not None
    }
    kind = loaded.return_type
    if kind is not None and (returned is not None or kind.binding_name == "http"):
        values["$return"] = get_datum(kind.binding_name, returned, kind.pytype)
    return values


def _converter(kind: Any) -> Any:
    return get_binding(kind.binding_name, kind.deferred_bindings_enabled)


def _request(invocation_id: str) -> Any:
    return SimpleNamespace(
        invocation_id=invocation_id,
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
