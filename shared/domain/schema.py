"""The JSON Schema of the policy and of the exemptions, made from the same types as their reader, for editors.

It can't say everything: names that must differ, rings, overlaps, time zones and the bounds of durations are the
reader's alone. It never refuses what the reader takes.
"""

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any, get_args, get_origin

from shared.domain import scalars
from shared.domain.exemptions import Exemptions
from shared.domain.language import Key, keys
from shared.domain.limits import Limit
from shared.domain.matching import VersionRange
from shared.domain.policy import Policy
from shared.domain.windows import Weekday

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VERSION: Schema = {"const": 1, "description": "The version of the language."}


def policy_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a policy."""
    return _document(Policy, "fipswarden policy")


def exemptions_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of an exemptions file."""
    return _document(Exemptions, "fipswarden exemptions")


def printed(schema: Schema) -> str:
    """Return a schema as the files in docs/ hold it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _document(kind: type, title: str) -> Schema:
    defs: dict[str, Schema] = {}
    body = _record(kind, defs)
    body["properties"] = {"version": _VERSION, **body["properties"]}
    body["required"] = ["version", *body.get("required", [])]
    return {"$schema": DIALECT, "title": title, **body, "$defs": dict(sorted(defs.items()))}


def _record(kind: type, defs: dict[str, Schema]) -> Schema:
    properties, required = _properties(kind, defs)
    made: Schema = {
        "type": "object",
        "description": inspect.getdoc(kind),
        "properties": properties,
        "additionalProperties": False,
    }
    return made | ({"required": required} if required else {})


def _properties(kind: type, defs: dict[str, Schema]) -> tuple[dict[str, Schema], list[str]]:
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for key in keys(kind):
        if key.notes.get("flat"):
            inner, _ = _properties(key.kind, defs)
            # In a rule, what is left out is as at the top, and not as the type has it.
            as_above = "missing" in key.notes
            properties |= {name: _without_default(each) if as_above else each for name, each in inner.items()}
            required += key.notes.get("missing", ())
        elif key.written:
            properties[key.name] = _described(kind, key, defs)
            required += [key.name] if key.required else []
    return properties, required


def _described(kind: type, key: Key, defs: dict[str, Schema]) -> Schema:
    found = _value(key.kind, key.notes, defs)
    line = told(kind).get(key.attribute)
    shown = _default(key)
    return found | ({"description": line} if line else {}) | ({} if shown is None else {"default": shown})


def _without_default(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "default"}


def _default(key: Key) -> Any:
    """The default as it would be written, where it is one word."""
    value = key.default
    if isinstance(value, timedelta):
        return scalars.duration_text(value)
    if key.notes.get("percent"):
        return f"{value}%"
    return str(value) if isinstance(value, StrEnum) else value if isinstance(value, bool | int) else None


def _value(kind: Any, notes: Mapping[str, Any], defs: dict[str, Schema]) -> Schema:
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0], notes, defs)
    if get_origin(kind) is Mapping:
        texts = {"type": "object", "additionalProperties": _text(notes)}
        return texts | ({"minProperties": 1} if "empty" in notes else {})
    if kind is Limit:
        return _defined(kind, defs, _limit)
    if is_dataclass(kind) and kind is not VersionRange:
        return _defined(kind, defs, _record) | ({"minProperties": 1} if "nameless" in notes else {})
    if issubclass(kind, StrEnum):
        return _defined(kind, defs, _words)
    return _scalar(kind, notes)


def _list(kind: Any, notes: Mapping[str, Any], defs: dict[str, Schema]) -> Schema:
    items = _value(kind, notes, defs)
    return {"type": "array", "items": items} | ({"minItems": 1} if "empty" in notes else {})


def _defined(kind: Any, defs: dict[str, Schema], make: Any) -> Schema:
    if kind.__name__ not in defs:
        defs[kind.__name__] = make(kind, defs)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _words(kind: type[StrEnum], _: dict[str, Schema]) -> Schema:
    words: Schema = {"enum": [str(each) for each in kind]}
    if kind is not Weekday:
        return words | {"description": inspect.getdoc(kind)}
    return {"anyOf": [words, {"type": "string", "pattern": f"^({'|'.join(_any_case(day) for day in Weekday)})$"}]}


def _any_case(day: str) -> str:
    letters = [f"[{each.upper()}{each.lower()}]" for each in day]
    return f"{''.join(letters[:3])}({''.join(letters[3:])})?"


def _limit(kind: type, defs: dict[str, Schema]) -> Schema:
    share = {"type": "string", "pattern": f"^{scalars.PERCENT}$"}
    short = [{"type": "integer", "minimum": 0}, share, _record(kind, defs) | {"minProperties": 1}]
    return {"description": inspect.getdoc(kind), "anyOf": short}


_PATTERNS = {
    time: scalars.TIME,
    date: scalars.DATE,
    datetime: f"({scalars.DATE}|{scalars.MOMENT})",
    VersionRange: r"\s*(>=|<=|>|<|=)?[0-9]{1,4}\.[0-9]{1,4}(\s+(>=|<=|>|<|=)?[0-9]{1,4}\.[0-9]{1,4})*\s*",
}


def _scalar(kind: type, notes: Mapping[str, Any]) -> Schema:
    if kind is bool:
        return {"type": "boolean"}
    if kind is str:
        return _text(notes)
    if notes.get("percent"):
        return {"type": "string", "pattern": f"^{scalars.PERCENT}$"}
    if kind is int:
        bounds = {"least": "minimum", "most": "maximum"}
        return {"type": "integer"} | {bounds[name]: notes[name] for name in bounds if name in notes}
    if kind is timedelta:
        longer = "(?!0+[smhd]$)" if notes.get("least") else ""
        return {"type": "string", "pattern": f"^{longer}{scalars.DURATION}$"}
    return {"type": "string", "pattern": f"^{_PATTERNS[kind]}$"}


def _text(notes: Mapping[str, Any]) -> Schema:
    made: Schema = {"type": "string"}
    if "words" in notes:
        return made | {"enum": list(notes["words"])}
    if "pattern" in notes:
        made["pattern"] = f"^({notes['pattern']}{'|' if notes.get('blank') else ''})$"
    elif not notes.get("blank"):
        made["pattern"] = r"\S"
    return made | ({"maxLength": notes["longest"]} if "longest" in notes else {})


@cache
def told(kind: type) -> Mapping[str, str]:
    """Return the line under each field of a record: Python keeps it in the source alone."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if is_dataclass(each):
            body = ast.parse(inspect.getsource(each)).body[0]
            found |= _lines(body.body) if isinstance(body, ast.ClassDef) else {}
    return found


def _lines(body: list[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, after in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(field.target)] = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
    return found
