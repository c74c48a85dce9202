"""YAML with its positions, so that every fault of a policy can name its line and column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Located:
    """A YAML value with the place where it stands."""

    value: Any
    """A scalar, a list of Located, or a dict of plain keys to Located."""
    line: int
    column: int


class Faults:
    """Collects what is wrong with a document, so that all of it is reported at once."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, str]] = []

    def add(self, at: Located, text: str) -> None:
        """Note a fault at a place."""
        self._found.append((at.line, at.column, text))

    def unknown_keys(self, node: Located, allowed: tuple[str, ...], where: str) -> None:
        """Note every key that is not allowed, with the one that was probably meant."""
        for key, value in mapping(node).items():
            if key not in allowed:
                close = get_close_matches(key, allowed, n=1)
                hint = f"did you mean `{close[0]}`?" if close else f"allowed are {', '.join(allowed)}"
                self.add(value, f"unknown key `{key}` in {where}: {hint}")

    def lines(self) -> tuple[str, ...]:
        """Return the faults in the order of the document, as `line L, column C: text`."""
        return tuple(f"line {line}, column {column}: {text}" for line, column, text in sorted(self._found))


def shown(node: Located) -> str:
    """Return how a fault names a value: a scalar as it reads, anything else by its kind."""
    if isinstance(node.value, dict):
        return "a mapping"
    return "a list" if isinstance(node.value, list) else f"`{node.value}`"


def mapping(node: Located) -> Mapping[str, Located]:
    """Return the mapping that a node holds; an empty one if it holds something else."""
    return node.value if isinstance(node.value, dict) else {}


def parse(text: str, faults: Faults) -> Located:
    """Parse one YAML document; a syntax error or a key given twice becomes a fault, never an exception."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Located(None, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)
        faults.add(at, f"this is not valid YAML: {error.problem or error.context}")
        return at
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # PyYAML lets through what `chr` and `int` raise, and what nesting without end does.
        at = Located(None, 1, 1)
        faults.add(at, f"this is not valid YAML: {' '.join(str(error).split())}")
        return at
    if root is None:
        return Located({}, 1, 1)
    # A document of aliases within aliases would grow without end: policies have no use for them.
    if any(isinstance(event, yaml.AliasEvent) for event in _events(text)):
        faults.add(Located(None, 1, 1), "aliases (`*name`) are not supported: write the value out")
        return Located({}, 1, 1)
    return _locate(root, faults)


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=yaml.SafeLoader)


def _locate(node: yaml.Node, faults: Faults) -> Located:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            value = _locate(value_node, faults)
            if key in found:
                faults.add(Located(None, key_node.start_mark.line + 1, 1), f"key `{key}` is given twice")
            found[key] = value
        return Located(found, line, column)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item, faults) for item in node.value], line, column)
    try:
        scalar = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        # An explicit tag on a text that doesn't fit it (`!!bool x`, `!!timestamp x`) fails in many ways.
        scalar = None
        faults.add(Located(None, line, column), f"`{node.value}` can't be read as {node.tag.rpartition(':')[2]}")
    return Located(scalar, line, column)
