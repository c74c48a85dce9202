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
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
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


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys, no spaces and UTF-8: the same bytes for the same content."""
    text = _CANONICAL.encode(value)
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
    read: Callable[[Any], T] = _reader(typing.cast("Any", kind))
    try:
        return read(value)
    except _MisfitError as misfit:
        raise ValueError(f"{kind.__name__}{misfit.where}: {misfit.said}") from misfit


_Reader = Callable[[Any], Any]


class _MisfitError(ValueError):
    """A value that is not of its type. Where it is, is put together on the way out: what fits pays nothing for it."""

    def __init__(self, said: str, where: str = "") -> None:
        super().__init__(said)
        self.said, self.where = said, where

    def below(self, step: str) -> "_MisfitError":
        """Return it as what holds the value sees it."""
        return _MisfitError(self.said, f"{step}{self.where}")


@cache
def _reader(kind: Any) -> _Reader:
    """Return what reads values of a type, made once: a verification reads some hundred values for each record."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(typing.get_args(kind))
    if origin is tuple:
        return _tuple(_reader(typing.get_args(kind)[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(typing.get_args(kind)[1]))
    if kind is Any:
        return _as_it_is
    if kind is timedelta:
        return _seconds
    if kind in _TEXTS:
        return _text(_TEXTS[kind])
    if issubclass(kind, StrEnum):
        return _word(kind)
    return _record(kind) if dataclasses.is_dataclass(kind) else _plain(kind)


def _as_it_is(value: Any) -> Any:
    return value


def _optional(kinds: tuple[Any, ...]) -> _Reader:
    read = _reader(next(kind for kind in kinds if kind is not type(None)))
    if type(None) not in kinds:
        return read
    return lambda value: None if value is None else read(value)


def _tuple(inner: _Reader) -> _Reader:
    def read(value: Any) -> tuple[Any, ...]:
        found: list[Any] = []
        try:
            for item in _is(list, value):
                found.append(inner(item))  # noqa: PERF401 (how far it got says which item is wrong)
        except _MisfitError as misfit:
            raise (misfit.below(f"[{len(found)}]") if isinstance(value, list) else misfit) from misfit
        return tuple(found)

    return read


def _mapping(inner: _Reader) -> _Reader:
    def read(value: Any) -> dict[str, Any]:
        found = {}
        for key, item in _is(dict, value).items():
            try:
                found[key] = inner(item)
            except _MisfitError as misfit:
                raise misfit.below(f".{key}") from misfit
        return found

    return read


def _seconds(value: Any) -> timedelta:
    try:
        return timedelta(seconds=_is(float, float(value) if isinstance(value, int) else value))
    except OverflowError as error:
        raise _MisfitError(str(error)) from error


def moment(text: str) -> datetime:
    """Return a time with its zone; raises ValueError for anything else, and for one that UTC can't hold."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    try:
        # Of the first and the last day of the calendar, another zone's hours may lie beyond its ends.
        found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is a time that UTC can't hold") from error
    return found


_TEXTS: Mapping[Any, _Reader] = {ClusterId: ClusterId.parse, date: date.fromisoformat, datetime: moment}
"""How values are read that are written as a text."""


def _text(make: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        text = value if value.__class__ is str else _is(str, value)
        try:
            return make(text)
        except ValueError as error:
            raise _MisfitError(str(error)) from error

    return read


def _word(kind: type[StrEnum]) -> _Reader:
    words, other = {word.value: word for word in kind}, _text(kind)

    def read(value: Any) -> Any:
        return words[value] if value.__class__ is str and value in words else other(value)

    return read


def _plain(kind: Any) -> _Reader:
    def read(value: Any) -> Any:
        return value if value.__class__ is kind else _is(kind, value)

    return read


def _record(kind: Any) -> _Reader:
    hints = typing.get_type_hints(kind)
    fields = tuple((field.name, camel(field.name), _reader(hints[field.name])) for field in dataclasses.fields(kind))
    needed = {
        field.name: camel(field.name)
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is dataclasses.MISSING
    }

    def read(value: Any) -> Any:
        given, name = {}, ""
        try:
            _is(dict, value)
            for name, key, inner in fields:
                if key in value:
                    given[name] = inner(value[key])
        except _MisfitError as misfit:
            raise (misfit.below(f".{name}") if name else misfit) from misfit
        try:
            return kind(**given)
        except TypeError as error:
            lacks = ", ".join(f"`{key}`" for name, key in needed.items() if name not in given)
            raise _MisfitError(f"lacks {lacks}" if lacks else str(error)) from error

    return read


def _is(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _MisfitError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


@cache
def camel(name: str) -> str:
    """Return the name of a field as JSON has it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
