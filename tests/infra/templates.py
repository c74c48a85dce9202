"""What the tests of the templates share: the parsed Bicep, and ways to walk it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = tuple(sorted(INFRA.rglob("*.bicep")))


@dataclass(frozen=True)
class Resource:
    """One resource of a template, without its loop and condition."""

    file: Path
    name: str
    type: str
    existing: bool
    config: Mapping[str, Any]
    conditional: bool

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its `properties`."""
        found = self.config.get("properties", {})
        return found if isinstance(found, dict) else {}


@cache
def parsed(file: Path) -> Mapping[str, Any]:
    """Parse a template; raises what pycep raises."""
    document: Mapping[str, Any] = BicepParser().parse(text=file.read_text())
    return document


def part(file: Path, kind: str) -> Mapping[str, Any]:
    """Return the template's parameters, variables, resources, modules or outputs."""
    found: Mapping[str, Any] = parsed(file).get(kind, {})
    return found


def config_of(declaration: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the body of a resource or module, and whether it has a condition."""
    config: Mapping[str, Any] = declaration["config"]
    conditional = False
    while "config" in config:
        conditional = conditional or bool(config.get("condition"))
        config = config["config"]
    return config, conditional


def resources(kind: str = "") -> Iterator[Resource]:
    """Yield every resource that the templates declare, of one type or all."""
    for file in FILES:
        for name, declaration in part(file, "resources").items():
            if not kind or declaration["type"] == kind:
                config, conditional = config_of(declaration)
                yield Resource(file, name, declaration["type"], declaration["existing"], config, conditional)


def strings(node: Any) -> Iterator[str]:
    """Yield every string within a parsed expression, keys included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from strings(item)


def accessed(node: Any) -> Iterator[tuple[str, ...]]:
    """Yield the dotted paths within a parsed expression: `a.outputs.b` as ('a', 'outputs', 'b')."""
    if isinstance(node, Mapping):
        operator = node.get("operator")
        if isinstance(operator, Mapping) and operator.get("type") == "property_accessor":
            yield tuple(_path(node))
        for value in node.values():
            yield from accessed(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from accessed(item)


def _path(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping) and "operator" in node:
        yield from _path(node["operator"]["operands"]["operand_1"])
        yield from _path(node["operator"]["operands"]["operand_2"])


def json_file(path: str) -> Any:
    """Read a JSON file of the repository."""
    return json.loads((ROOT / path).read_text())
