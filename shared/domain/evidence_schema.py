"""The JSON Schema of evidence records, made from the types of their bodies.

Required is what has no default: a field that a later version adds is missing in records from before. What is not named
may be there, too, since records may be younger than the schema.
"""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.bodies import BODIES, Origin
from shared.domain.codec import camel
from shared.domain.ids import ClusterId
from shared.domain.records import FLEET, MANIFESTS, SCHEMA, RecordKind
from shared.domain.schema import DIALECT, Schema, told

ID = f"urn:{SCHEMA.replace('.', ':').replace('/', ':')}"
"""The schema's name; its last part is the version of the records."""
_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"
_SHA256 = "^[0-9a-f]{64}$"
_CLUSTER = "^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.ContainerService/managedClusters/[^/]+$"
_LEAVES: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "pattern": _MOMENT},
    date: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    timedelta: {"type": "number", "description": "Seconds."},
    ClusterId: {"type": "string", "pattern": _CLUSTER},
    Any: {},
}
_COMMON: Schema = {
    "schema": {"const": SCHEMA, "description": "The format and its version."},
    "seq": {"type": "integer", "minimum": 1, "description": "1, 2, 3 ... without gaps in one chain."},
    "id": {"type": "string", "minLength": 1, "description": "Unique in its chain."},
    "kind": {"enum": [kind.value for kind in RecordKind], "description": "What the record is proof of."},
    "at": {"type": "string", "pattern": _MOMENT, "description": "What the writer's clock said; the order is `seq`'s."},
    "previous": {
        "type": "string",
        "pattern": _SHA256,
        "description": "SHA-256 of the bytes of the record before; of the first, 64 zeros.",
    },
    "cluster": {"type": "string", "pattern": _CLUSTER, "description": "ARM id of the cluster whose chain it is in."},
    "chain": {"enum": [FLEET, MANIFESTS], "description": "The chain it is in, if that is no cluster's."},
}


def evidence_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a record of any kind."""
    defs: dict[str, Schema] = {}
    origin = _properties(Origin, defs)
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "fipswarden evidence record",
        "type": "object",
        "properties": _COMMON | origin,
        "required": [*list(_COMMON)[:6], *origin],
        "oneOf": [{"required": ["cluster"]}, {"required": ["chain"]}],
        "allOf": [_of_kind(kind, defs) for kind in RecordKind],
        "$defs": dict(sorted(defs.items())),
    }


def _of_kind(kind: RecordKind, defs: dict[str, Schema]) -> Schema:
    bodies = [_reference(body, defs) for body in BODIES[kind]]
    return {
        "if": {"properties": {"kind": {"const": kind.value}}},
        "then": bodies[0] if len(bodies) == 1 else {"oneOf": bodies},
    }


def _reference(kind: Any, defs: dict[str, Schema]) -> Schema:
    name = kind.__name__
    if name not in defs:
        # Before its fields: none may refer to itself for ever.
        defs[name] = {}
        defs[name] = {
            "type": "object",
            "description": " ".join((inspect.getdoc(kind) or "").split()),
            "properties": _properties(kind, defs),
            "required": [camel(field.name) for field in fields(kind) if _is_required(field)],
        }
    return {"$ref": f"#/$defs/{name}"}


def _properties(kind: Any, defs: dict[str, Schema]) -> dict[str, Schema]:
    hints, lines = typing.get_type_hints(kind), told(kind)
    made = {field.name: _value(hints[field.name], defs) for field in fields(kind)}
    return {
        camel(name): found | ({"description": lines[name]} if name in lines else {}) for name, found in made.items()
    }


def _is_required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(kind: Any, defs: dict[str, Schema]) -> Schema:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if one is type(None) else _value(one, defs) for one in inner]}
    if origin is tuple:
        return {"type": "array", "items": _value(inner[0], defs)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _value(inner[1], defs)}
    if kind in _LEAVES:
        return dict(_LEAVES[kind])
    if is_dataclass(kind):
        return _reference(kind, defs)
    words: type[StrEnum] = kind
    return {"enum": [one.value for one in words]}
