"""Reads host.json and app settings, with the Functions host's own defaults."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)")
REFERENCE = re.compile(r"%([^%]+)%")


class HostError(Exception):
    """The app, host.json or a setting is not something that the Functions host would start with."""


@dataclass(frozen=True)
class QueueOptions:
    """`extensions.queues` of host.json; the defaults are those of QueuesOptions in the storage extension."""

    batch_size: int = 16
    """Messages taken at once, 1 to 32."""
    new_batch_threshold: int = 8
    """A new batch is fetched when no more than this many messages are running."""
    max_dequeue_count: int = 5
    """Attempts before a message moves to the poison queue."""
    visibility_timeout: timedelta = timedelta(0)
    """How long a failed message stays invisible."""
    max_polling_interval: timedelta = timedelta(minutes=1)
    """The longest pause between two looks at an empty queue."""
    base64: bool = True
    """Whether messages are base64 text (`messageEncoding`: `base64` or `none`)."""


@dataclass(frozen=True)
class HostConfig:
    """What host.json says."""

    route_prefix: str = "api"
    """First segments of every HTTP route; may be empty."""
    function_timeout: timedelta | None = timedelta(minutes=30)
    """An invocation that takes longer has failed; None for no limit."""
    queues: QueueOptions = QueueOptions()
    """Options of every queue trigger."""

    @classmethod
    def load(cls, path: Path) -> "HostConfig":
        """Reads host.json at `path`; raises HostError when it is missing or not what the host accepts."""
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise HostError(f"cannot read {path}: {error}") from error
        if document.get("version") != "2.0":
            raise HostError(f"{path}: version must be 2.0")
        extensions = document.get("extensions", {})
        limit = document.get("functionTimeout")
        return cls(
            route_prefix=extensions.get("http", {}).get("routePrefix", cls.route_prefix).strip("/"),
            function_timeout=cls.function_timeout if limit is None else _function_timeout(limit),
            queues=_queue_options(extensions.get("queues", {})),
        )


def time_span(text: str) -> timedelta:
    """Parses .NET's `[d.]hh:mm:ss[.fff]`; raises HostError for anything else."""
    match = TIME_SPAN.fullmatch(text)
    if match is None:
        raise HostError(f"{text!r} is not a time span: write hh:mm:ss")
    return timedelta(**{unit: float(value) for unit, value in match.groupdict().items() if value})


def expand(value: Any, settings: Mapping[str, str]) -> Any:
    """Replaces each `%NAME%` in a binding's value by the app setting NAME; raises HostError without one."""

    def setting(match: re.Match[str]) -> str:
        try:
            return settings[match[1]]
        except KeyError as error:
            raise HostError(f"'%{match[1]}%' does not resolve to a value") from error

    return REFERENCE.sub(setting, value) if isinstance(value, str) else value


def _function_timeout(text: str) -> timedelta | None:
    return None if text == "-1" else time_span(text)


def _queue_options(section: Mapping[str, Any]) -> QueueOptions:
    batch_size = section.get("batchSize", QueueOptions.batch_size)
    if not 1 <= batch_size <= 32:
        raise HostError("batchSize must be 1 to 32")
    encoding = section.get("messageEncoding", "base64").lower()
    if encoding not in ("base64", "none"):
        raise HostError(f"messageEncoding {encoding!r} is neither base64 nor none")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=section.get("newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1)),
        max_dequeue_count=section.get("maxDequeueCount", QueueOptions.max_dequeue_count),
        visibility_timeout=time_span(section.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=time_span(section.get("maxPollingInterval", "00:01:00")),
        base64=encoding == "base64",
    )
