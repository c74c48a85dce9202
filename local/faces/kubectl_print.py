"""How kubectl prints objects: columns from the server's table, JSON with four spaces, names."""

import json
from collections.abc import Iterator, Sequence

from local.faces.http import Json

_GAP = 3
"""Spaces between columns."""


def named(item: Json) -> str:
    """Return an object's name."""
    return str(item["metadata"]["name"])


def lines(answers: Sequence[Json]) -> Iterator[Json]:
    """Go through the objects of answers, which are objects or lists of them."""
    for found in answers:
        yield from found.get("items", [found])


def pretty(answers: Sequence[Json], *, one: bool) -> str:
    """Return JSON as kubectl writes it: an object that was named, or a list."""
    shown: Json = answers[0]
    if not one:
        items = [{"apiVersion": "v1", **item} for item in lines(answers)]
        shown = {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}
    return json.dumps(shown, indent=4, sort_keys=True) + "\n"


def table(answers: Sequence[Json], *, wide: bool, namespaces: bool) -> str:
    """Return the columns that the server made, empty if there are no rows; name and nothing else where it made none."""
    if any(found.get("kind") != "Table" for found in answers):
        rows = [[named(item)] for item in lines(answers)]
        return _columns([["NAME"], *rows]) if rows else ""
    columns = answers[0]["columnDefinitions"]
    picked = [at for at, column in enumerate(columns) if wide or not column.get("priority")]
    head = ["NAMESPACE"] * namespaces + [str(columns[at]["name"]).upper() for at in picked]
    rows = []
    for found in answers:
        for row in found["rows"]:
            space = [str(row["object"]["metadata"].get("namespace", ""))] * namespaces
            rows.append(space + [str(row["cells"][at]) for at in picked])
    return _columns([head, *rows]) if rows else ""


def _columns(rows: list[list[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) + _GAP for at in range(len(rows[0]))]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )
