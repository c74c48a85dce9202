"""Loads the app and invokes one function with Microsoft's Python worker library, as its process would.

Usage: worker_driver.py APP_DIR FUNCTION ARGUMENT KIND < DATA; prints the functions, and the answer, as JSON.
The worker speaks protobuf with the host; here its messages are plain objects with the same fields.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker


class Message:
    """A protobuf message: the fields it was made with, and `WhichOneof`."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 (protobuf's name)
        """Return the field that is set; of a parameter's binding, that it has data."""
        return "data" if "data" in self.__dict__ else next(iter(self.__dict__))

    def CopyFrom(self, other: "Message") -> None:  # noqa: N802 (protobuf's name)
        """Take over another message's fields."""
        self.__dict__.update(other.__dict__)


class Kind(type):
    """A type of message; its constants are their own names."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


_NUMBERS = {"out": 1, "inout": 2, "undefined": None}
"""Directions and types of bindings, which the worker compares with those of azure-functions."""


class Protos:
    """The module of message types."""

    def __getattr__(self, name: str) -> Any:
        return Kind(name, (Message,), _NUMBERS if name == "BindingInfo" else {})


def request(**parts: Any) -> Any:
    """Wrap a message as the worker's proxy does."""
    return SimpleNamespace(request=SimpleNamespace(**parts), properties={"host": "127.0.0.1", "protos": Protos()})


async def main(app_dir: str, function: str, argument: str, kind: str) -> dict[str, Any]:
    """Go through the worker's requests: init, metadata, invocation."""
    init = Message(capabilities={}, function_app_directory=app_dir)
    started = await worker.worker_init_request(request(worker_init_request=init))
    if started.result.status != "Success":
        return {"failed": started.result.exception.message}
    listed = await worker.functions_metadata_request(request())
    functions = {
        one.name: [json.loads(binding) for binding in one.raw_bindings] for one in listed.function_metadata_results
    }
    ids = {one.name: one.function_id for one in listed.function_metadata_results}
    data = Message(name=argument, data=Message(**{kind: sys.stdin.read()}))
    invocation = Message(
        invocation_id="1",
        function_id=ids[function],
        input_data=[data],
        trigger_metadata={},
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    answer = await worker.invocation_request(request(invocation_request=invocation))
    failed = answer.result.status != "Success"
    outputs = {one.name: one.data.__dict__ for one in getattr(answer, "output_data", ())}
    return {
        "functions": functions,
        "failed": answer.result.exception.message if failed else "",
        "outputs": outputs,
    }


print(json.dumps(asyncio.run(main(*sys.argv[1:])), default=str))  # noqa: T201 (its answer)
