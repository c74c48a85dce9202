"""YAML with its positions, so that every fault of a policy can name its line and column.

No text makes it raise: what is no YAML, nested without end or not meant for people becomes a fault.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

MOST_BYTES = 1024 * 1024
"""So long a text that people write may be."""
TOO_LONG = f"more than {MOST_BYTES // 1024} kB; it must be smaller"
_TAG = "tag:yaml.org,2002:"
"""What `!!` stands for."""
_SHOWN = 100
"""Characters of a value or key that a fault shows: a text of a megabyte is no help to anybody."""
_ADVISED = 100
"""So many faults come with a search for what was meant: it is slow, and more of them mean another kind of file."""
_CLOSE, _SURE = 0.6, 0.7
"""How like a word has to be (difflib's ratio) to be offered, and to be offered alone."""


@dataclass(frozen=True, slots=True)
class Located:
    """A YAML value with the place where it stands."""

    value: Any
    """A scalar, a list of Located, or a dict of plain keys to Located."""
    line: int
    column: int
    key: "Located | None" = field(default=None, compare=False, repr=False)
    """The key of a mapping that it stands under; None for the document itself and for items of a list."""
    raw: str = field(default="", compare=False, repr=False)
    """A scalar as it is written, before YAML made a number, a truth value or a time of it."""
    failed: bool = field(default=False, compare=False)
    """A fault tells of it already: whatever else is found wrong with it would only follow from that."""


class Faults:
    """Collects what is wrong with a document, so that all of it is reported at once."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, str]] = []
        self._untold = 0

    @property
    def count(self) -> int:
        """How many were noted, those among them that only follow from another one."""
        return len(self._found) + self._untold

    def add(self, at: Located, text: str) -> None:
        """Note a fault at a place; where one tells of the place already, this one is not told."""
        if at.failed:
            self._untold += 1
        else:
            self._found.append((at.line, at.column, text))

    def unknown_keys(self, node: Located, allowed: tuple[str, ...], where: str) -> None:
        """Note every key that is not allowed, at the key, with the one that was probably meant."""
        for key, value in mapping(node).items():
            if key not in allowed:
                self.add(value.key or value, f"unknown key {quoted(key)} in {where}: {self.advice(key, allowed)}")

    def advice(self, written: str, allowed: Sequence[str]) -> str:
        """Say which of the allowed words was meant; where that is a guess, or not to be told, also which there are."""
        if sure := self.meant(written, allowed, _SURE):
            return sure
        return f"{self.meant(written, allowed)} allowed are {', '.join(allowed)}".strip()

    def meant(self, written: str, allowed: Iterable[str], close: float = _CLOSE) -> str:
        """Say which of some words was probably meant; empty if none is so `close`, where 1 is the same word."""
        if self.count >= _ADVISED:
            return ""
        words = {word.lower(): word for word in allowed}
        found = get_close_matches(written[:_SHOWN].lower(), words, n=1, cutoff=close)
        return f"did you mean `{words[found[0]]}`?" if found else ""

    def lines(self) -> tuple[str, ...]:
        """Return the faults in the order of the document, as `line L, column C: text`."""
        return tuple(f"line {line}, column {column}: {text}" for line, column, text in sorted(self._found))


def quoted(text: str) -> str:
    """Return how a fault shows a text: in one line and not at any length."""
    short = text[:_SHOWN] + "…" * (len(text) > _SHOWN)
    return "`" + "".join(each if each.isprintable() else " " for each in short) + "`"


def shown(node: Located) -> str:
    """Return how a fault names a value: a scalar as it is written, anything else by its kind."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return "an empty value" if node.value is None else quoted(node.raw or str(node.value))


def mapping(node: Located) -> Mapping[str, Located]:
    """Return the mapping that a node holds; an empty one if it holds something else."""
    return node.value if isinstance(node.value, dict) else {}


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A document of aliases within aliases would grow without end: policies have no use for them.
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # its stubs leave it out
            raise yaml.composer.ComposerError(None, None, "aliases (`*name`) are not supported: write it out", mark)
        return super().compose_node(parent, index)


def parse(text: str, faults: Faults) -> Located:
    """Parse one YAML document; a syntax error or a key given twice becomes a fault, never an exception."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        return Located({}, 1, 1) if root is None else _locate(root, faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Located(None, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)
        problem = error.problem or error.context or ""
        what = "a tab stands here: indent with spaces" if "'\\t'" in problem else problem
    except yaml.reader.ReaderError as error:
        lines = (text[: error.position] + ".").splitlines()
        at = Located(None, len(lines), len(lines[-1]))
        what = f"the character U+{error.character:04X} is not allowed: remove it"
    except RecursionError:
        at, what = Located(None, 1, 1), "it is nested too deeply"
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets through what `chr` and `int` raise.
        at, what = Located(None, 1, 1), " ".join(str(error).split())
    faults.add(at, f"this is not valid YAML: {what}")
    return replace(at, failed=True)


def _locate(node: yaml.Node, faults: Faults, key: Located | None = None) -> Located:
    at = Located(None, node.start_mark.line + 1, node.start_mark.column + 1, key)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, at, faults)
    if node.tag not in (_TAG + "map", _TAG + "seq"):
        return _mistagged(node, at, faults)
    if isinstance(node, yaml.MappingNode):
        return replace(at, value=_pairs(node, faults))
    return replace(at, value=[_locate(item, faults) for item in node.value])


def _pairs(node: yaml.MappingNode, faults: Faults) -> dict[str, Located]:
    found: dict[str, Located] = {}
    for key_node, value_node in node.value:
        at = Located(None, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        value = _locate(value_node, faults, at)
        if not isinstance(key_node, yaml.ScalarNode):
            faults.add(at, "a key must be a text, not a list or a mapping")
            continue
        if _scalar(key_node, at, faults).failed:
            continue
        if key_node.value in found:
            faults.add(at, f"key {quoted(key_node.value)} is given twice")
        found[key_node.value] = value
    return found


def _scalar(node: yaml.ScalarNode, at: Located, faults: Faults) -> Located:
    try:
        value = SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        # A tag on a text that doesn't fit it (`!!bool x`, `!!timestamp x`) fails in many ways.
        plain = Resolver().resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]  # as above
        if node.style is not None or plain != node.tag:
            return _mistagged(node, at, faults)
        # Without a tag it only looks like a date or a number: whoever wants one says what is wrong with it.
        value = node.value
    return replace(at, value=value, raw=node.value)


def _mistagged(node: yaml.Node, at: Located, faults: Faults) -> Located:
    faults.add(at, f"the tag {quoted(node.tag.replace(_TAG, '!!'))} can't be used here: leave it out")
    return replace(at, failed=True)
