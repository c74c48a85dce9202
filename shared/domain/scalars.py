"""The values of the policy language that are written as one word: each from YAML to its type.

Every function takes the value with its place and the metadata of its field (`language`), and raises ValueError with
what is wrong and what to do.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from shared.domain.limits import Limit
from shared.domain.matching import VersionRange
from shared.domain.windows import Weekday
from shared.domain.yaml_source import Located, quoted, shown

Notes = Mapping[str, Any]
V = TypeVar("V", int, timedelta)
D = TypeVar("D", bound=date)

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
DURATION = "[0-9]{1,6}[smhd]"
COUNT = "-?(0|[1-9][0-9]*)"
PERCENT = "(100|[1-9]?[0-9])%"
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
MOMENT = DATE + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_YEARS = range(2000, 3000)
"""Nobody means another one, and a century further on Python's calendar ends."""


def duration_text(value: timedelta) -> str:
    """Return how a duration is written, in the greatest unit that fits."""
    unit = next(unit for unit, length in _UNITS.items() if not value % length) if value else "s"
    return f"{value // _UNITS[unit]}{unit}"


def truth(node: Located, _: Notes) -> bool:
    """Read `true` or `false`."""
    if not isinstance(node.value, bool):
        raise ValueError(f"{shown(node)} is neither true nor false")  # noqa: TRY004 (a fault like the others)
    return node.value


def number(node: Located, notes: Notes) -> int:
    """Read a whole number, or a share like `50%` where the field is one."""
    if notes.get("percent"):
        return _within(_share(node), notes, node, lambda bound: f"{bound}%")
    if type(node.value) is not int:
        raise ValueError(f"{shown(node)} is not a count: write a whole number")
    return _within(_plain(node), notes, node, str)


def _plain(node: Located) -> int:
    # YAML 1.1 also has octal, hexadecimal, binary and sexagesimal numbers: nobody means those.
    if not re.fullmatch(COUNT, node.raw):
        raise ValueError(f"{shown(node)} is the number {node.value} in YAML: write digits alone, without a leading 0")
    return int(node.raw)


def _share(node: Located) -> int:
    if not isinstance(node.value, str) or not re.fullmatch(PERCENT, node.value):
        raise ValueError(f"{shown(node)} is not a share: write it from 0% to 100%, like `50%`")
    return int(node.value.removesuffix("%"))


def limit(node: Located, _: Notes) -> Limit:
    """Read a limit that is a count or a share, without a mapping."""
    if isinstance(node.value, str):
        if re.fullmatch(COUNT, node.value):
            raise ValueError(f"{shown(node)} is not a share: write a count without quotes, or a share like `10%`")
        return Limit(percent=_share(node))
    if type(node.value) is not int or node.value < 0:
        raise ValueError(f"{shown(node)} is not a count: write a whole number, 0 to hold everything back, or `10%`")
    return Limit(count=_plain(node))


def text(node: Located, notes: Notes) -> str:
    """Read a text; a number or truth value has to be quoted to be one.

    Raises LookupError if it is none of the words that are allowed.
    """
    value = node.value
    if not isinstance(value, str):
        hint = "" if value is None or isinstance(value, list | dict) else " (quote it)"
        if isinstance(value, list):
            hint = f": {notes.get('many', 'write one, without brackets')}"
        raise ValueError(f"{shown(node)} is not a text{hint}")  # noqa: TRY004 (a fault like the others)
    if not value and notes.get("blank"):
        return value
    if not value.strip():
        raise ValueError("an empty text says nothing: fill it or leave it out")
    _refuse_odd(value, notes.get("longest", 2000))
    if value not in notes.get("words", (value,)):
        raise LookupError
    if "fits" in notes and not any(fnmatchcase(word.lower(), value.lower()) for word in notes["fits"]):
        raise LookupError
    if "pattern" in notes and not re.fullmatch(notes["pattern"], value):
        raise ValueError(f"{quoted(value)} {notes['says']}")
    if "check" in notes and (fault := notes["check"](value)):
        raise ValueError(fault)
    return value


def _refuse_odd(value: str, longest: int) -> None:
    if len(value) > longest:
        raise ValueError(f"{quoted(value)} is {len(value)} characters long: {longest} are allowed")
    if any(0xD800 <= ord(each) < 0xE000 or (each < " " and each not in "\n\t") for each in value):
        # YAML's escapes can write them, UTF-8 can't, and the evidence is UTF-8.
        raise ValueError(f"{quoted(value)} holds control characters or half of a character")


def choice(kind: type[StrEnum], node: Located) -> StrEnum:
    """Read one of a closed set of words; raises LookupError if it is none of them."""
    if kind is Weekday and isinstance(node.value, str):
        for day in Weekday:
            if node.value.lower() in (day.lower(), day[:3].lower()):
                return day
    if not isinstance(node.value, str) or node.value not in tuple(kind):
        raise LookupError
    return kind(node.value)


def duration(node: Located, notes: Notes) -> timedelta:
    """Read a duration like `3d`."""
    if not isinstance(node.value, str) or not re.fullmatch(DURATION, node.value):
        raise ValueError(f"{shown(node)} is not a duration: write a number and s, m, h or d, like `3d`")
    return _within(int(node.value[:-1]) * _UNITS[node.value[-1]], notes, node, duration_text)


def _within(value: V, notes: Notes, node: Located, show: Callable[[V], str]) -> V:
    if "least" in notes and value < notes["least"]:
        raise ValueError(f"{shown(node)} is too little: `{show(notes['least'])}` is the least")
    if "most" in notes and value > notes["most"]:
        raise ValueError(f"{shown(node)} is too much: `{show(notes['most'])}` is the most")
    return value


def clock(node: Located, _: Notes) -> time:
    """Read a time of day like `"22:00"`."""
    padded = f"0{node.raw}" if node.raw[1:2] == ":" else node.raw
    if type(node.value) is int and ":" in node.raw:
        raise ValueError(f'{shown(node)} is the number {node.value} in YAML: quote it, "{padded}"')
    if isinstance(node.value, str) and padded != node.raw and re.fullmatch(TIME, padded):
        raise ValueError(f'{shown(node)} is not a time of day: hours have two digits, "{padded}"')
    if not isinstance(node.value, str) or not re.fullmatch(TIME, node.value):
        raise ValueError(f'{shown(node)} is not a time of day: write hours and minutes in quotes, like "06:30"')
    return time.fromisoformat(node.value)


def day(node: Located, _: Notes) -> date:
    """Read a date like `2026-12-20`, quoted or not."""
    return _in_reach(_dated(date, node, DATE, "a date: write it like `2026-12-20`"), node)


def moment(node: Located, notes: Notes) -> datetime:
    """Read a date, or a time with its zone; a date is its first instant in UTC or, by metadata, its end."""
    if isinstance(node.value, str | date) and re.fullmatch(DATE, node.raw):
        first = datetime.combine(day(node, notes), time(), UTC)
        return first + timedelta(days=1) if notes.get("end_of_day") else first
    if isinstance(node.value, datetime) and node.value.tzinfo is None:
        raise ValueError(f"{shown(node)} has no time zone: add `Z` for UTC, or write the date alone")
    read = _dated(datetime, node, MOMENT, "a date or a time with its zone: write it like `2026-12-20`")
    return _in_reach(read, node).astimezone(UTC)


def _dated(kind: type[D], node: Located, pattern: str, what: str) -> D:
    # YAML makes dates of some texts and not of others: what is written counts.
    if not isinstance(node.value, str | date) or not re.fullmatch(pattern, node.raw):
        raise ValueError(f"{shown(node)} is not {what}")
    try:
        return kind.fromisoformat(node.raw.upper())
    except ValueError as error:
        raise ValueError(f"{shown(node)} is in no calendar: correct its month, day or time") from error


def _in_reach(value: D, node: Located) -> D:
    if value.year not in _YEARS:
        raise ValueError(f"{shown(node)} is not between the years 2000 and 2999")
    return value


def versions(node: Located, _: Notes) -> VersionRange:
    """Read a range of Kubernetes versions like `>=1.30 <1.35`."""
    if not isinstance(node.value, str):
        raise ValueError(f'{shown(node)} is no range of versions: write it in quotes, like ">=1.30 <1.35"')  # noqa: TRY004 (a fault like the others)
    found = VersionRange(node.value)
    if not any(found.holds(edge) for edge in found.edges()):
        raise ValueError(f"{shown(node)} holds no version: one of its bounds shuts out the others, so correct it")
    return found


SCALARS: Mapping[Any, Callable[[Located, Notes], Any]] = {
    bool: truth,
    int: number,
    str: text,
    timedelta: duration,
    time: clock,
    date: day,
    datetime: moment,
    VersionRange: versions,
}
"""By type: what is always one word."""
SHORT: Mapping[Any, Callable[[Located, Notes], Any]] = {Limit: limit}
"""By type: what may be one word, or else a mapping."""
