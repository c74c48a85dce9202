"""Whether a saved list is the whole list: an answer that goes on elsewhere hides clusters, and says so."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the fleet that nobody has seen: what is in it counts as unknown."""

    source: str
    """A file or a subscription."""
    reason: str
    """CamelCase code."""
    message: str
    """What is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one file says of the list that it belongs to."""

    source: str
    """Name of the file."""
    goes_on: bool = False
    """It says that a page follows, or that rows were cut off."""
    total: int | None = None
    """How many rows the whole list has; None if that is not said, or rows were cut off for good."""
    ids: frozenset[str] = frozenset()
    """What the rows call themselves, lower case."""
    remedy: str = ""
    """How to get the rest, or what is wrong."""

    @property
    def whole(self) -> bool:
        """Nothing is missing as far as the file itself can tell."""
        return not self.goes_on and (self.total is None or self.total <= len(self.ids))


def arm_page(answer: Mapping[str, Any], source: str) -> Page:
    """Read ARM's list: one that goes on has `nextLink`, and none says how many there are (ARM, "paging")."""
    return Page(source, bool(answer.get("nextLink")), remedy="ask for the page that `nextLink` names")


def graph_page(answer: Mapping[str, Any], rows: Sequence[Any], source: str) -> Page:
    """Read a Resource Graph answer.

    `az graph query` prints `skip_token` and `total_records`, the REST API `$skipToken`, `totalRecords` and
    `resultTruncated` (azure.mgmt.resourcegraph.models.QueryResponse). The CLI asks for 100 rows unless told otherwise.
    """
    more = any(answer.get(name) for name in ("skip_token", "$skipToken"))
    cut = str(answer.get("resultTruncated", "false")).lower() != "false"
    totals = [answer[name] for name in ("total_records", "totalRecords") if answer.get(name) is not None]
    if wrong := _wrong(totals, answer.get("count"), rows):
        return Page(source, goes_on=True, remedy=wrong)
    total = totals[0] if totals else None
    ids = frozenset(str(row["id"]).lower() for row in rows if isinstance(row, dict) and "id" in row)
    known = None if cut else total
    # A row without an id counts for none: the file then lacks a row.
    return Page(source, more or cut, known, ids, "ask for all rows (`--first 1000`), and give every page")


def _wrong(totals: Sequence[Any], number: Any, rows: Sequence[Any]) -> str:
    """Say why what an answer says of its rows can't be believed: `count` is how many it has, no more are there."""
    if not all(type(total) is int for total in (*totals, *([] if number is None else [number]))):
        return "how many rows there are should be a number"
    if any(total < len(rows) or total != totals[0] for total in totals) or number not in (None, len(rows)):
        return f"it has {len(rows)} rows, and says another number: ask for it anew"
    return ""


def gaps(pages: Iterable[Page]) -> tuple[Gap, ...]:
    """Return what is missing from files that are one fleet: the pages of one answer complete each other.

    They do if they say the same total, have as many rows together, and just one of them is the last.
    """
    lists: defaultdict[int | None, list[Page]] = defaultdict(list)
    for page in pages:
        lists[page.total].append(page)
    open_pages = [page for total, some in lists.items() if not _complete(total, some) for page in some]
    return tuple(
        Gap(page.source, "ListIncomplete", f"It is not the whole list, by what it says of itself: {page.remedy}.")
        for page in open_pages
        if not page.whole
    )


def _complete(total: int | None, pages: Sequence[Page]) -> bool:
    last = [page for page in pages if not page.goes_on]
    return total is not None and len(last) == 1 and len(frozenset[str]().union(*(page.ids for page in pages))) == total
