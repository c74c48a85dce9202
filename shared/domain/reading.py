"""Reads records from YAML by their types: the types are the language, and no key is known here.

A record whose parts are at fault is not made: what it would be takes its place, and the caller must look at the faults
before it uses anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin

from shared.domain.language import Key, called, keys, names
from shared.domain.scalars import SCALARS, SHORT, choice
from shared.domain.yaml_source import Faults, Located, mapping, quoted, shown

T = TypeVar("T")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one document, and collects its faults."""

    faults: Faults

    def record(self, kind: type[T], node: Located, what: str, base: T | None = None) -> T | None:
        """Read a record from a mapping; what is left out is as in `base`, or else as the type has it.

        Returns `base` for what is at fault.
        """
        if not isinstance(node.value, dict):
            self.faults.add(node, f"{what} must be a mapping of {', '.join(names(kind))}")
            return base
        before = self.faults.count
        self.faults.unknown_keys(node, names(kind), what)
        found = self.fill(kind, node, what, base)
        return found if self.faults.count == before else base

    def fill(
        self, kind: type[T], node: Located, what: str, base: T | None = None, known: Mapping[str, Any] = _NOTHING
    ) -> T | None:
        """Read those keys of a mapping that are a record's, all but the fields that are known already."""
        before, values = self.faults.count, dict(known)
        for key in keys(kind):
            if key.attribute in values:
                continue
            inherited = key.inherited(base)
            if key.notes.get("flat"):
                self._demand(key, node, what)
                values[key.attribute] = self.fill(key.kind, node, what, inherited)
            elif key.notes.get("place"):
                values[key.attribute] = node.line
            elif key.written and key.name in node.value:
                values[key.attribute] = self.value(key, node.value[key.name], inherited)
            elif key.required:
                self._missing(key, node, what, key.notes.get("missing"))
            elif "optional" in key.notes:
                values[key.attribute] = key.default
        return base if self.faults.count > before else self._made(kind, node, base, values)

    def _made(self, kind: type[T], node: Located, base: Any, values: dict[str, Any]) -> T | None:
        try:
            made: T = kind(**values) if base is None else replace(base, **values)
        except ValueError as error:
            self.faults.add(node, str(error))
            return None
        return made

    def _demand(self, key: Key, node: Located, what: str) -> None:
        for each in keys(key.kind):
            reason = key.notes.get("missing", _NOTHING).get(each.name)
            if reason and each.name not in node.value:
                self._missing(each, node, what, reason)

    def _missing(self, key: Key, node: Located, what: str, reason: str | None) -> None:
        name = mapping(node).get("name")
        if name is not None and isinstance(name.value, str):
            what = f"{what.rsplit(maxsplit=1)[-1]} {quoted(name.value)}"
        self.faults.add(node, f"{what} has no `{key.name}`{reason or ': it is needed'}")

    def value(self, key: Key, node: Located, inherited: Any = None) -> Any:
        """Read what stands under a key."""
        kind, what = key.kind, f"`{key.name}`"
        if get_origin(kind) is tuple:
            return tuple(item for _, item in self.items(key, node))
        if get_origin(kind) is Mapping:
            return self._texts(key, node)
        if kind in SHORT:
            # Its parts belong together: none comes from elsewhere.
            return self.record(kind, node, what) if isinstance(node.value, dict) else self._scalar(kind, node, what, {})
        if _is_record(kind):
            return self._named(key, node, what, inherited, kind)
        return self._scalar(kind, node, what, key.notes)

    def items(self, key: Key, node: Located, base: Any = None) -> list[tuple[Located, Any]]:
        """Read a list, each item with its place; those at fault are left out."""
        if not isinstance(node.value, list):
            self.faults.add(node, f"`{key.name}` must be a list: {_as_list(node)}")
            return []
        if not node.value and "empty" in key.notes:
            self.faults.add(node, f"`{key.name}` is empty {key.notes['empty']}")
        kind: Any = get_args(key.kind)[0]
        found = []
        for item in node.value:
            before = self.faults.count
            if _is_record(kind):
                read = self._named(key, item, key.notes.get("item", called(kind)), base, kind)
            else:
                read = self._scalar(kind, item, f"`{key.name}`", key.notes)
            if self.faults.count == before:
                found.append((item, read))
        return found

    def _named(self, key: Key, node: Located, what: str, base: Any, kind: type[T]) -> T | None:
        if node.value == {} and "nameless" in key.notes:
            self.faults.add(node, key.notes["nameless"])
        return self.record(kind, node, what, base)

    def _texts(self, key: Key, node: Located) -> Mapping[str, str]:
        if not isinstance(node.value, dict):
            self.faults.add(node, f"`{key.name}` must be a mapping of names to texts")
            return {}
        if not node.value and "empty" in key.notes:
            self.faults.add(node, f"`{key.name}` is empty {key.notes['empty']}")
        return {name: self._scalar(str, item, f"`{name}`", key.notes) for name, item in node.value.items()}

    def _scalar(self, kind: Any, node: Located, what: str, notes: Mapping[str, Any]) -> Any:
        try:
            if isinstance(kind, type) and issubclass(kind, StrEnum):
                return choice(kind, node)
            return (SHORT.get(kind) or SCALARS[kind])(node, notes)
        except ValueError as error:
            self.faults.add(node, f"{what}: {error}")
        except LookupError:
            words = notes.get("words") or notes.get("fits") or tuple(kind)
            meant = self.faults.meant(node.raw, words)
            says = notes.get("says") or f"is not one of {', '.join(words)}"
            self.faults.add(node, f"{what}: {shown(node)} {says}{meant and f': {meant}'}")
        return None


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind) and kind not in SCALARS


def _as_list(node: Located) -> str:
    match node.value:
        case None:
            return "fill it or leave it out"
        case dict():
            return "begin each of its entries with `- `"
        case _:
            return f'write `["{shown(node).strip("`")}"]`'
