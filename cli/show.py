"""Tables for a terminal, plain columns where there is none; what comes from outside never steers a terminal."""

import io
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_COLOURS = {
    "inconsistent": "bold red",
    "non_compliant": "red",
    "unknown": "yellow",
    "exempt": "cyan",
    "compliant": "green",
}
_LEAST_WIDTH = 8
"""No column is cut below this many characters."""


def plain_text(text: str) -> str:
    """Replace what is no printable character (control and bidirectional ones, halves of surrogate pairs) by `?`."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


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


def print_aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns; on a terminal they are cut so that each fits on one line."""
    cells = [[plain_text(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    if sys.stdout.isatty():
        widths = _fitting(widths, shutil.get_terminal_size().columns - 2 * (len(widths) - 1))
    for row in cells:
        print("  ".join(_cut(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Take from the widest column until all fit, or none is wider than the least."""
    found = list(widths)
    while sum(found) > room and max(found) > _LEAST_WIDTH:
        widest = found.index(max(found))
        others = sorted(found)[-2] if len(found) > 1 else 0
        found[widest] = max(found[widest] - (sum(found) - room), min(others, found[widest] - 1), _LEAST_WIDTH)
    return found


def _cut(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; in colour where a terminal and `rich` are there, tab-separated in a pipe."""
    cells = [[plain_text(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (header, *cells):
            print("\t".join(row))
        return
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        print_aligned(header, cells)
        return
    table = Table(*header)
    for row in cells:
        # Text, not markup: names come from outside.
        table.add_row(*(Text(cell, style=_COLOURS.get(cell.partition(" (")[0], "")) for cell in row))
    Console().print(table)
