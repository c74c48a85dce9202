"""The types as a language: which keys a record has in a file, and what may stand there.

The reader and the JSON Schema are made from the same keys, so that neither knows one that the other doesn't. A field's
metadata may say:

| name | meaning |
|---|---|
| `least`, `most` | bounds of a number or duration, both allowed |
| `longest` | characters that a text may have |
| `pattern`, `says` | what a text must match as a whole, and what is told of one that doesn't |
| `words` | the only texts that are allowed; `says` tells where they are listed, otherwise a fault lists them |
| `fits` | the words of which a glob must fit one |
| `check` | a function from a value to what is wrong with it, or None |
| `blank` | a text may be empty |
| `percent` | the number is written like `50%` |
| `many` | what is told where a list stands in the place of a text |
| `empty` | a list or mapping may not be empty, with what it would do |
| `nameless` | a match may not be empty, with what is told then |
| `item` | how faults call an item of the list; otherwise by its type |
| `end_of_day` | a date means its end, not its beginning |
| `key` | the key in the file, where it isn't the field's name |
| `optional` | the value where the key is left out, though the type has no default |
| `missing` | why the key is needed; of a flat record: by key, and those keys are needed |
| `flat` | the record's keys stand in the mapping of the record around it |
| `place` | not a key: the line on which the record stands |
| `unread` | not a key: set by code |
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record in a file, or one field that no key stands for."""

    name: str
    """As it stands in the file."""
    attribute: str
    """The field's name."""
    kind: Any = field(hash=False)
    """The field's type, without `None`."""
    default: Any = field(hash=False)
    """What holds where the key is left out; MISSING if it has to stand there."""
    notes: Mapping[str, Any] = field(hash=False, repr=False)
    """The field's metadata."""

    @property
    def written(self) -> bool:
        """Say whether it is a key of its own in the file."""
        return not any(self.notes.get(name) for name in ("flat", "place", "unread"))

    def inherited(self, base: object) -> Any:
        """Return what holds where the key is left out: the base's value, or else the type's; None if there is none."""
        found = self.default if base is None else getattr(base, self.attribute)
        return None if found is MISSING else found

    @property
    def required(self) -> bool:
        """Say whether it must stand in the file."""
        return self.written and self.default is MISSING


def keys(kind: type) -> tuple[Key, ...]:
    """Return the keys of a record's type, in the order of its fields."""
    return _keys(kind)


@cache
def _keys(kind: Any) -> tuple[Key, ...]:
    hints = get_type_hints(kind)
    return tuple(
        Key(each.metadata.get("key", each.name), each.name, _plain(hints[each.name]), _default(each), each.metadata)
        for each in fields(kind)
    )


def names(kind: type) -> tuple[str, ...]:
    """Return all keys that may stand in the mapping of a record, those of flat records among them."""
    found: list[str] = []
    for key in keys(kind):
        if key.written:
            found.append(key.name)
        elif key.notes.get("flat"):
            found += names(key.kind)
    return tuple(found)


def called(kind: type) -> str:
    """Return how a fault calls a record of a type."""
    name = kind.__name__.lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _plain(kind: Any) -> Any:
    if isinstance(kind, UnionType):
        return next(part for part in get_args(kind) if part is not NoneType)
    return kind


def _default(each: Any) -> Any:
    if each.default is not MISSING:
        return each.default
    if each.default_factory is not MISSING:
        return each.default_factory()
    return each.metadata.get("optional", MISSING)
