"""The part of Resource Graph's query language that a fleet's list needs. What isn't here is refused, never ignored.

Operators: where, extend, project, project-away, order by, mv-expand, summarize count() [by ...], count, take.
Expressions: paths, strings, numbers, booleans, == =~ != !~ < <= > >= in in~ contains has startswith, and or not,
and the functions in `_FUNCTIONS`. Rows are evaluated lazily: a page of 1,000 doesn't render 20,000 clusters.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import islice
from typing import Any

Row = Mapping[str, Any]
Expression = Callable[[Row], Any]


class InvalidQuery(Exception):  # noqa: N818 (the word of the answer)
    """A query that Resource Graph, or this part of it, doesn't understand. `token` is where."""

    def __init__(self, token: str) -> None:
        super().__init__(f"Query is invalid at '{token}'.")
        self.token = token


class LazyRow(dict[str, Any]):
    """A row made from another, whose cells are computed on first use."""

    __slots__ = ("_cells", "_source")

    def __init__(self, source: Row, cells: Mapping[str, Expression]) -> None:
        self._source, self._cells = source, cells

    def __missing__(self, column: str) -> Any:
        self[column] = value = self._cells[column](self._source)
        return value


@dataclass(frozen=True)
class Table:
    """Rows with the columns they have; a column that isn't there is an error, as in Resource Graph."""

    columns: tuple[str, ...]
    rows: Iterable[Row]


def run(query: str, tables: Mapping[str, Table]) -> Table:
    """Evaluate a query; raise InvalidQuery."""
    tokens = _tokens(query)
    parser = _Parser(tokens)
    table = tables.get(parser.word().lower())
    if table is None:
        raise InvalidQuery(query.split("|", maxsplit=1)[0].strip())
    while parser.accept("|"):
        table = parser.operator(table)
    parser.end()
    return table


_TOKEN = re.compile(
    r"""\s*(?:(?P<comment>//[^\n]*)|(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<word>[A-Za-z_$][\w]*(?:-(?:expand|away)\b)?)|(?P<sign>=~|!~|==|!=|<=|>=|[|=,.()\[\]<>~!]))"""
)


def _tokens(query: str) -> list[str]:
    found, position = [], 0
    query = query.rstrip()
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise InvalidQuery(query[position : position + 20].strip())
        position = match.end()
        if match["comment"] is None:
            found.append(match[0].strip())
    return found


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return str(value)


def _to_bool(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(_text(value).lower())


def _to_int(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) or re.fullmatch(r"-?\d+", _text(value)) else None


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    # name: (number of arguments, -1 for any; function)
    "tolower": (1, lambda value: _text(value).lower()),
    "toupper": (1, lambda value: _text(value).upper()),
    "tostring": (1, _text),
    "tobool": (1, _to_bool),
    "toint": (1, _to_int),
    "strcat": (-1, lambda *values: "".join(map(_text, values))),
    "coalesce": (-1, lambda *values: next((v for v in values if v is not None), None)),
    "array_length": (1, lambda value: len(value) if isinstance(value, list) else None),
    "isempty": (1, lambda value: _text(value) == ""),
    "isnotempty": (1, lambda value: _text(value) != ""),
    "isnull": (1, lambda value: value is None),
    "isnotnull": (1, lambda value: value is not None),
    "not": (1, lambda value: not value),
}


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    return bool(left == right) if type(left) is type(right) else _text(left) == _text(right)


def _compare(left: Any, right: Any) -> int:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return (left > right) - (left < right)
    return (_text(left) > _text(right)) - (_text(left) < _text(right))


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "=~": lambda left, right: _text(left).lower() == _text(right).lower(),
    "!~": lambda left, right: _text(left).lower() != _text(right).lower(),
    "<": lambda left, right: _compare(left, right) < 0,
    "<=": lambda left, right: _compare(left, right) <= 0,
    ">": lambda left, right: _compare(left, right) > 0,
    ">=": lambda left, right: _compare(left, right) >= 0,
    "contains": lambda left, right: _text(right).lower() in _text(left).lower(),
    "startswith": lambda left, right: _text(left).lower().startswith(_text(right).lower()),
    "has": lambda left, right: (
        re.search(rf"(?<!\w){re.escape(_text(right))}(?!\w)", _text(left), re.IGNORECASE) is not None
    ),
}


class _Parser:
    """A recursive descent over tokens that compiles as it goes."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0
        self._columns: tuple[str, ...] = ()

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def accept(self, *wanted: str) -> bool:
        """Take the next tokens if they are these words, in any case."""
        if [token.lower() for token in self._tokens[self._at : self._at + len(wanted)]] == list(wanted):
            self._at += len(wanted)
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.accept(wanted):
            raise InvalidQuery(self.peek())

    def end(self) -> None:
        if self.peek():
            raise InvalidQuery(self.peek())

    def word(self) -> str:
        token = self.take()
        if not re.fullmatch(r"[A-Za-z_$][\w-]*", token):
            raise InvalidQuery(token)
        return token

    # operators

    def operator(self, table: Table) -> Table:
        self._columns = table.columns
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
        kept = {column: _column(column) for column in table.columns if column not in gone}
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
            start = self._at
            if self._at + 1 < len(self._tokens) and self._tokens[self._at + 1] == "=":
                name = self.word()
                self.expect("=")
                found[name] = self.expression()
            elif required:
                raise InvalidQuery(self.peek())
            else:
                expression = self.expression()
                found["".join(self._tokens[start : self._at]).replace(".", "_")] = expression
            if not self.accept(","):
                return found

    def _extended(self, table: Table) -> Table:
        added = self.named(required=True)
        cells = {column: _column(column) for column in table.columns} | added
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

        def compare(left: Row, right: Row) -> int:
            for key, direction in keys:
                if order := _compare(key(left), key(right)):
                    return order * direction
            return 0

        return Table(table.columns, sorted(table.rows, key=cmp_to_key(compare)))

    def _expanded(self, table: Table) -> Table:
        ((name, values),) = self.named(required=False).items()
        columns = tuple(dict.fromkeys((*table.columns, name)))
        kept = {column: _column(column) for column in table.columns}

        def rows() -> Iterator[Row]:
            for row in table.rows:
                items = values(row)
                for item in items if isinstance(items, list) and items else [items or None]:
                    yield LazyRow(row, kept | {name: _constant(item)})

        return Table(columns, rows())

    def _summarized(self, table: Table) -> Table:
        name = "count_"
        if self._tokens[self._at + 1 : self._at + 2] == ["="]:
            name = self.word()
            self.expect("=")
        for token in ("count", "(", ")"):
            self.expect(token)
        by = self.named(required=False) if self.accept("by") else {}
        counts: dict[tuple[str, ...], tuple[dict[str, Any], int]] = {}
        for row in table.rows:
            group = {column: expression(row) for column, expression in by.items()}
            identity = tuple(_text(value) for value in group.values())
            counts[identity] = (group, counts.get(identity, (group, 0))[1] + 1)
        if not by and not counts:
            counts[()] = ({}, 0)
        return Table((*by, name), [{**group, name: number} for group, number in counts.values()])

    # expressions, by rising precedence

    def expression(self) -> Expression:
        left = self._conjunction()
        while self.accept("or"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._comparison()
        while self.accept("and"):
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._primary()
        if self.accept("in", "~"):
            return _member(left, self._list(), ignore_case=True)
        if self.accept("in"):
            return _member(left, self._list(), ignore_case=False)
        compare = _COMPARISONS.get(self.peek().lower())
        if compare is None:
            return left
        self.take()
        return _compared(compare, left, self._primary())

    def _list(self) -> list[Expression]:
        self.expect("(")
        return self._arguments()

    def _arguments(self) -> list[Expression]:
        found: list[Expression] = []
        while not self.accept(")"):
            found.append(self.expression())
            if not self.accept(",") and self.peek() != ")":
                raise InvalidQuery(self.peek())
        return found

    def _primary(self) -> Expression:
        token = self.take()
        if token == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token[:1] in {"'", '"'}:
            return _constant(re.sub(r"\\(.)", r"\1", token[1:-1]))
        if re.fullmatch(r"\d+(\.\d+)?", token):
            return _constant(float(token) if "." in token else int(token))
        if token.lower() in {"true", "false"}:
            return _constant(token.lower() == "true")
        if not re.fullmatch(r"[A-Za-z_$]\w*", token):
            raise InvalidQuery(token)
        return self._function(token) if self.peek() == "(" else self._path(token)

    def _function(self, name: str) -> Expression:
        if name.lower() not in _FUNCTIONS:
            raise InvalidQuery(name)
        count, function = _FUNCTIONS[name.lower()]
        self.expect("(")
        arguments = self._arguments()
        if count not in {-1, len(arguments)}:
            raise InvalidQuery(name)
        return lambda row: function(*(argument(row) for argument in arguments))

    def _path(self, name: str) -> Expression:
        if name not in self._columns:
            raise InvalidQuery(name)
        steps: list[str | int] = []
        while True:
            if self.accept("."):
                steps.append(self.word())
            elif self.accept("["):
                token = self.take()
                steps.append(int(token) if token.isdigit() else token[1:-1])
                self.expect("]")
            else:
                return lambda row: _walk(row[name], steps)


def _walk(value: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        match value, step:
            case dict(), str():
                value = value.get(step)
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                return None
    return value


def _column(name: str) -> Expression:
    return lambda row: row[name]


def _constant(value: Any) -> Expression:
    return lambda _: value


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True or right(row) is True


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True and right(row) is True


def _compared(compare: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    return lambda row: compare(left(row), right(row))


def _member(left: Expression, values: list[Expression], *, ignore_case: bool) -> Expression:
    compare = _COMPARISONS["=~" if ignore_case else "=="]
    return lambda row: any(compare(left(row), value(row)) for value in values)
