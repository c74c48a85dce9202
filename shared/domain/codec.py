"""Frozen records to JSON values and back: rows, messages and evidence all go through here.

Names of fields become camelCase, times ISO 8601 in UTC, days ISO 8601, durations seconds, enums their values. Reading
is strict: a missing field takes its default or fails, a value of another type fails, and an unknown field is ignored,
so that rows written by a newer version can be read by an older one during a deployment.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from shared.domain.ids import ClusterId

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Turn a record, and what is in it, into JSON values."""
    match value:
        case StrEnum():
            return value.value
        # most of what there is, so that it comes early
        case str() | int() | float() | None:
            return value
        case date() | timedelta():
            return _time(value)
        case ClusterId():
            return value.arm_id
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {camel(field.name): plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def _time(value: date | timedelta) -> str | int | float:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat()


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys, no spaces and UTF-8: the same bytes for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # Half of a surrogate pair (hostile JSON may hold one) is escaped, as JSON allows: no content may fail here.
    return text.encode(errors="backslashreplace")


def text_hash(text: str) -> str:
    """Return the SHA-256 by which a text of the policy or of the exemptions is called."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def fingerprint(value: Any) -> str:
    """Return a short hash by which two findings or plans are the same or not."""
    return hashlib.sha256(canonical({"value": plain(value)})).hexdigest()[:16]


def typed(kind: type[T], value: Any) -> T:
    """Rebuild a record of a type from JSON values; raises ValueError that says which field is wrong."""
    found: T = _typed(kind, value, kind.__name__)
    return found


def _typed(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        return _typed(next(arg for arg in typing.get_args(kind) if arg is not type(None)), value, where)
    if origin is tuple:
        inner = typing.get_args(kind)[0]
        return tuple(_typed(inner, item, f"{where}[{at}]") for at, item in enumerate(_is(list, value, where)))
    if origin is not None and issubclass(origin, Mapping):
        inner = typing.get_args(kind)[1]
        return {key: _typed(inner, item, f"{where}.{key}") for key, item in _is(dict, value, where).items()}
    if kind is Any:
        return value
    if kind is timedelta:
        return _seconds(value, where)
    return _typed_class(kind, value, where)


def _seconds(value: Any, where: str) -> timedelta:
    try:
        return timedelta(seconds=_is(float, float(value) if isinstance(value, int) else value, where))
    except OverflowError as error:
        raise ValueError(f"{where}: {error}") from error


def _typed_class(kind: Any, value: Any, where: str) -> Any:
    if kind in (ClusterId, date, datetime) or issubclass(kind, StrEnum):
        return _leaf(kind, _is(str, value, where), where)
    if dataclasses.is_dataclass(kind):
        return _record(kind, _is(dict, value, where), where)
    return _is(kind, value, where)


def _leaf(kind: Any, text: str, where: str) -> Any:
    try:
        if kind is ClusterId:
            return ClusterId.parse(text)
        found = kind.fromisoformat(text) if kind in (date, datetime) else kind(text)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError(f"{where}: {text!r} has no time zone")
    return found


def _record(kind: Any, given: Mapping[str, Any], where: str) -> Any:
    make: Any = kind
    known = {name: (hint, camel(name)) for name, hint in _fields(kind)}
    try:
        return make(
            **{name: _typed(hint, given[key], f"{where}.{name}") for name, (hint, key) in known.items() if key in given}
        )
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _is(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where}: expected {kind.__name__}, found {type(value).__name__}")
    return value


@cache
def camel(name: str) -> str:
    """Return the name of a field as JSON has it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
