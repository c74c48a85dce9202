"""Reads the dated data files beside this module, strictly: what is known of Azure and of NIST's lists is data.

Never skips a row that it can't read: a file that doesn't fit its types is an error, as half a table would lie.
"""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeVar

from shared.domain.codec import plain, typed

T = TypeVar("T")


class DataFileError(ValueError):
    """A data file of the product can't be used; its text says which file and which field."""


def load(kind: type[T], name: str) -> T:
    """Read a file of `shared/domain/data` as one record of a type; raises DataFileError."""
    return parse(kind, text(name), name)


def text(name: str) -> str:
    """Return a file of `shared/domain/data`; raises DataFileError."""
    try:
        return resources.files("shared.domain").joinpath("data", name).read_text(encoding="utf-8")
    except OSError as error:
        raise DataFileError(f"{name}: can't be read ({error}): install the product again") from error


def parse(kind: type[T], written: str, name: str) -> T:
    """Turn a file's text into one record of a type; raises DataFileError with the place of the fault."""
    try:
        given = json.loads(written)
        record = typed(kind, given)
        _refuse_unknown(given, plain(record), kind.__name__)
    except ValueError as error:
        raise DataFileError(f"{name}: {error}: mend the file, or install the product again") from error
    return record


def _refuse_unknown(given: Any, used: Any, where: str) -> None:
    """Raise ValueError for a key that no field reads: a date under a mistyped name would be silently not known."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            if key not in used:
                raise ValueError(f"{where}: unknown key {key!r}")
            _refuse_unknown(value, used[key], f"{where}.{key}")
    elif isinstance(given, list):
        for at, value in enumerate(given):
            _refuse_unknown(value, used[at], f"{where}[{at}]")
