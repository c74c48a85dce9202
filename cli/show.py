"""Tables in aligned columns, which fit on a terminal; what comes from outside never steers one."""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.domain.wording import plain_text as plain_text  # noqa: PLC0414 (the commands find it here)

_COLOURS = {
    "inconsistent": "1;31",
    "non_compliant": "31",
    "unknown": "33",
    "exempt": "36",
    "compliant": "32",
}
"""Of states, as a terminal knows them (ECMA-48, SGR)."""
_LEAST_WIDTH = 24
"""No column is cut below this many characters."""


def tolerant_output() -> None:
    """Let a terminal that can't show a letter get its escape: a report must not end at a name.

    Where an output is closed (`>&-`), Python has none at all: what is written there goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (as long as the command runs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_aligned(header: Sequence[str], rows: Sequence[Sequence[str]], loose: str = "message") -> None:
    """Print rows in aligned columns, on a terminal with the states in colour.

    On a terminal the column of the name `loose` is cut so that each row fits on one line, and where too little would be
    left of it, it goes below, on a line of its own. What names a thing, its state and its reason are never cut.
    """
    table = [[plain_text(cell) for cell in row] for row in (header, *rows)]
    at = header.index(loose) if loose in header else None
    screen = sys.stdout.isatty()
    room = _room(table, at) if screen and at is not None else None
    if at is not None and room is not None and room < _LEAST_WIDTH:
        first, *lines = _lines([row[:at] + row[at + 1 :] for row in table], screen)
        print(first)
        for line, row in zip(lines, table[1:], strict=True):
            print(line, _cut(f"    {row[at]}", shutil.get_terminal_size().columns), sep="\n")
        return
    if at is not None and room is not None:
        table = [[*row[:at], _cut(row[at], room), *row[at + 1 :]] for row in table]
    for line in _lines(table, screen):
        print(line)


def _room(table: Sequence[Sequence[str]], at: int) -> int:
    """Return how many characters of a line are left for one column."""
    widths = _widths(table)
    return shutil.get_terminal_size().columns - 2 * (len(widths) - 1) - sum(widths) + widths[at]


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _lines(table: Sequence[Sequence[str]], screen: bool) -> Iterator[str]:
    widths = _widths(table)
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[-1] = cells[-1].rstrip()
        yield "  ".join(map(_coloured, cells) if screen else cells).rstrip()


def _coloured(cell: str) -> str:
    colour = _COLOURS.get(cell.strip().partition(" (")[0])
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return cell if plain or not colour else f"\x1b[{colour}m{cell}\x1b[0m"


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"
