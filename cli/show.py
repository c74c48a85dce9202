"""Tables for a terminal, and plain columns where there is none."""

import sys
from collections.abc import Sequence

_COLOURS = {
    "inconsistent": "bold red",
    "non_compliant": "red",
    "unknown": "yellow",
    "exempt": "cyan",
    "compliant": "green",
}


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; in colour where a terminal and `rich` are there, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        for row in (header, *rows):
            print("\t".join(row))
        return
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]
        for row in (header, *rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    table = Table(*header)
    for row in rows:
        # Text, not markup: names come from outside.
        table.add_row(*(Text(cell, style=_COLOURS.get(cell.partition(" (")[0], "")) for cell in row))
    Console().print(table)
