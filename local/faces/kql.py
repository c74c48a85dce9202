"""The part of Resource Graph's query language that a fleet's list needs. What isn't here is refused, never ignored.

Operators: where, extend, project, project-away, order by, mv-expand, summarize count() [by ...], count, take.
Expressions: paths, strings, numbers, booleans, == =~ != !~ < <= > >= in in~ contains has startswith, and or not,
and the functions in `_FUNCTIONS`. Rows are evaluated lazily: a page of 1,000 doesn't render 20,000 clusters.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import islice
from typing import Any

from local.faces.kql_expressions import (
    Expression,
    ExpressionParser,
    InvalidQuery,
    LazyRow,
    Row,
    cell,
    compare,
    constant,
    text,
    tokens,
)

__all__ = ["InvalidQuery", "Row", "Table", "run"]


@dataclass(frozen=True)
class Table:
    """Rows with the columns they have; a column that isn't there is an error, as in Resource Graph."""

    columns: tuple[str, ...]
    rows: Iterable[Row]


def run(query: str, tables: Mapping[str, Table]) -> Table:
    """Evaluate a query; raise InvalidQuery."""
    parser = _Parser(tokens(query))
    table = tables.get(parser.word().lower())
    if table is None:
        raise InvalidQuery(query.split("|", maxsplit=1)[0].strip())
    while parser.accept("|"):
        table = parser.operator(table)
    parser.end()
    return table


class _Parser(ExpressionParser):
    """The operators, which turn tables into tables."""

    # operators

    def operator(self, table: Table) -> Table:
        self.columns = table.columns
        name = self.word().lower()
        compile_it = {
            "where": self._filtered,
            "extend": self._extended,
            "project": self._projected,
            "project-away": self._reduced,
            "order": self._ordered,
            "sort": self._ordered,
            "mv-expand": self._expanded,
            "summarize": self._summarized,
            "count": self._counted,
            "take": self._taken,
            "limit": self._taken,
        }.get(name)
        if compile_it is None:
            raise InvalidQuery(name)
        return compile_it(table)

    def _filtered(self, table: Table) -> Table:
        condition = self.expression()
        return Table(table.columns, (row for row in table.rows if condition(row) is True))

    def _projected(self, table: Table) -> Table:
        chosen = self.named(required=False)
        return Table(tuple(chosen), (LazyRow(row, chosen) for row in table.rows))

    def _reduced(self, table: Table) -> Table:
        gone = set(self.named(required=False))
        kept = {column: cell(column) for column in table.columns if column not in gone}
        return Table(tuple(kept), (LazyRow(row, kept) for row in table.rows))

    def _counted(self, table: Table) -> Table:
        return Table(("Count",), [{"Count": sum(1 for _ in table.rows)}])

    def _taken(self, table: Table) -> Table:
        count = self.take()
        if not count.isdigit():
            raise InvalidQuery(count)
        return Table(table.columns, list(islice(table.rows, int(count))))

    def named(self, *, required: bool) -> dict[str, Expression]:
        """Read `a = expression, b, c.d`; a path without a name gets one, as in Resource Graph."""
        found: dict[str, Expression] = {}
        while True:
            start = self.position
            if self.ahead() == "=":
                name = self.word()
                self.expect("=")
                found[name] = self.expression()
            elif required:
                raise InvalidQuery(self.peek())
            else:
                expression = self.expression()
                found[self.since(start)] = expression
            if not self.accept(","):
                return found

    def _extended(self, table: Table) -> Table:
        added = self.named(required=True)
        cells = {column: cell(column) for column in table.columns} | added
        return Table(tuple(cells), (LazyRow(row, cells) for row in table.rows))

    def _ordered(self, table: Table) -> Table:
        self.expect("by")
        keys: list[tuple[Expression, int]] = []
        while True:
            expression = self.expression()
            ascending = self.accept("asc")
            if not ascending:
                self.accept("desc")
            keys.append((expression, 1 if ascending else -1))
            if not self.accept(","):
                break

        def in_order(left: Row, right: Row) -> int:
            for key, direction in keys:
                if order := compare(key(left), key(right)):
                    return order * direction
            return 0

        return Table(table.columns, sorted(table.rows, key=cmp_to_key(in_order)))

    def _expanded(self, table: Table) -> Table:
        ((name, values),) = self.named(required=False).items()
        columns = tuple(dict.fromkeys((*table.columns, name)))
        kept = {column: cell(column) for column in table.columns}

        def rows() -> Iterator[Row]:
            for row in table.rows:
                items = values(row)
                for item in items if isinstance(items, list) and items else [items or None]:
                    yield LazyRow(row, kept | {name: constant(item)})

        return Table(columns, rows())

    def _summarized(self, table: Table) -> Table:
        name = "count_"
        if self.ahead() == "=":
            name = self.word()
            self.expect("=")
        for token in ("count", "(", ")"):
            self.expect(token)
        by = self.named(required=False) if self.accept("by") else {}
        counts: dict[tuple[str, ...], tuple[dict[str, Any], int]] = {}
        for row in table.rows:
            group = {column: expression(row) for column, expression in by.items()}
            identity = tuple(text(value) for value in group.values())
            counts[identity] = (group, counts.get(identity, (group, 0))[1] + 1)
        if not by and not counts:
            counts[()] = ({}, 0)
        return Table((*by, name), [{**group, name: number} for group, number in counts.values()])
