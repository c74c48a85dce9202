"""The shell's `test` and `[`."""

import re
from collections.abc import Callable, Sequence

from local.world.kube.files import Files
from local.world.kube.shell import Shell, Streams


def test(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    """Return 0 or 1 for what holds or not, 2 for what can't be told."""
    found = _holds(shell, list(arguments), streams)
    return 2 if found is None else int(not found)


def bracket(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    """Do the same with a bracket at the end."""
    if not arguments or arguments[-1] != "]":
        streams.err("sh: missing ]\n")
        return 2
    return test(shell, arguments[:-1], streams)


_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
}


_UNARY: dict[str, Callable[[Files, str], bool]] = {
    "!": lambda _, text: not text,
    "-n": lambda _, text: bool(text),
    "-z": lambda _, text: not text,
    "-f": lambda files, path: files.read(path) is not None,
    "-r": lambda files, path: files.read(path) is not None,
    "-s": lambda files, path: bool(files.read(path)),
    "-d": Files.is_folder,
    "-e": lambda files, path: files.read(path) is not None or files.is_folder(path),
}


def _holds(shell: Shell, arguments: list[str], streams: Streams) -> bool | None:
    """Tell what `test` finds; None, with a message, for what it can't tell."""
    match arguments:
        case [] | [_]:
            return bool(arguments and arguments[0])
        case [operator, operand] if operator in _UNARY:
            return _UNARY[operator](shell.files, operand)
        case [left, "=" | "==" | "!=" as sign, right]:
            return (left == right) == (sign != "!=")
        case [left, sign, right] if sign in _NUMBERS:
            return _compared(left, sign, right, streams)
        case ["!", *rest]:
            inner = _holds(shell, rest, streams)
            return None if inner is None else not inner
        case _:
            streams.err(f"sh: {' '.join(arguments)}: unknown operand\n")
            return None


def _compared(left: str, sign: str, right: str, streams: Streams) -> bool | None:
    for value in (left, right):
        if not re.fullmatch(r"\s*-?\d+\s*", value):
            streams.err(f"sh: {value}: bad number\n")
            return None
    return _NUMBERS[sign](int(left), int(right))
