"""What the demo shows: pools as they change, evidence records, the card that Teams got."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text


class DemoError(RuntimeError):
    """The outcome is not what it has to be; the message says what is wrong."""


@dataclass(frozen=True)
class Seen:
    """What can be seen of one pool from outside at one moment."""

    pool: str
    aks: str
    """ARM's provisioning state and flag."""
    nodes: str
    """How many nodes carry the FIPS label."""
    verdict: str
    """The app's."""


def card_lines(element: Any) -> list[str]:
    """The text of an Adaptive Card: a line per block, the columns of a set side by side."""
    if isinstance(element, list):
        return [line for item in element for line in card_lines(item)]
    if not isinstance(element, dict):
        return []
    if element.get("type") == "ColumnSet":
        columns = [" ".join(card_lines(column)) for column in element.get("columns", ())]
        return ["   ".join(text.ljust(14) for text in columns).rstrip()]
    if element.get("type") == "RichTextBlock":
        return ["".join(str(run.get("text", "")) for run in element.get("inlines", ()))]
    own = [str(element["text"])] if isinstance(element.get("text"), str) else []
    return own + [line for key in ("body", "items", "facts", "actions") for line in card_lines(element.get(key))]


def coloured(verdict: str) -> Text:
    """Colour a verdict (`state: reason`) by its state."""
    colours = {"compliant": "green", "non_compliant": "red", "inconsistent": "bold red", "unknown": "yellow"}
    return Text(verdict, style=colours.get(verdict.partition(":")[0], ""))


@contextmanager
def display(console: Console) -> Iterator[Callable[[list[Seen]], None]]:
    """Give a function that shows pools: a table that is drawn anew on a terminal, lines that changed elsewhere."""
    if not console.is_terminal:
        known: dict[str, Seen] = {}

        def log(pools: list[Seen]) -> None:
            for seen in pools:
                if known.get(seen.pool) != seen:
                    known[seen.pool] = seen
                    console.print(f"         {seen.pool:32} {seen.aks:22} nodes {seen.nodes:8} {seen.verdict}")

        yield log
        return
    with Live(console=console, refresh_per_second=8) as live:

        def draw(pools: list[Seen]) -> None:
            table = Table("node pool", "AKS", "nodes with FIPS", "verdict")
            for seen in pools:
                table.add_row(seen.pool, seen.aks, seen.nodes, coloured(seen.verdict))
            live.update(table)

        yield draw
