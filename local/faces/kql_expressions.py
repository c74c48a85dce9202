"""Expressions of the query language in kql.py: read from tokens, compiled to functions of a row."""

import re
from collections.abc import Callable, Mapping, Sequence
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


_TOKEN = re.compile(
    r"""\s*(?:(?P<comment>//[^\n]*)|(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<word>[A-Za-z_$][\w]*(?:-(?:expand|away)\b)?)|(?P<sign>=~|!~|==|!=|<=|>=|[|=,.()\[\]<>~!]))"""
)


def tokens(query: str) -> list[str]:
    """Return the words and signs of a query, without its comments; raise InvalidQuery."""
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


def text(value: Any) -> str:
    """Return what `tostring` makes of a value."""
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
    return {"true": True, "1": True, "false": False, "0": False}.get(text(value).lower())


def _to_int(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) or re.fullmatch(r"-?\d+", text(value)) else None


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    # name: (number of arguments, -1 for any; function)
    "tolower": (1, lambda value: text(value).lower()),
    "toupper": (1, lambda value: text(value).upper()),
    "tostring": (1, text),
    "tobool": (1, _to_bool),
    "toint": (1, _to_int),
    "strcat": (-1, lambda *values: "".join(map(text, values))),
    "coalesce": (-1, lambda *values: next((v for v in values if v is not None), None)),
    "array_length": (1, lambda value: len(value) if isinstance(value, list) else None),
    "isempty": (1, lambda value: text(value) == ""),
    "isnotempty": (1, lambda value: text(value) != ""),
    "isnull": (1, lambda value: value is None),
    "isnotnull": (1, lambda value: value is not None),
    "not": (1, lambda value: not value),
}


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    return bool(left == right) if type(left) is type(right) else text(left) == text(right)


def compare(left: Any, right: Any) -> int:
    """Order two values: numbers as numbers, the rest as text."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return (left > right) - (left < right)
    return (text(left) > text(right)) - (text(left) < text(right))


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "=~": lambda left, right: text(left).lower() == text(right).lower(),
    "!~": lambda left, right: text(left).lower() != text(right).lower(),
    "<": lambda left, right: compare(left, right) < 0,
    "<=": lambda left, right: compare(left, right) <= 0,
    ">": lambda left, right: compare(left, right) > 0,
    ">=": lambda left, right: compare(left, right) >= 0,
    "contains": lambda left, right: text(right).lower() in text(left).lower(),
    "startswith": lambda left, right: text(left).lower().startswith(text(right).lower()),
    "has": lambda left, right: (
        re.search(rf"(?<!\w){re.escape(text(right))}(?!\w)", text(left), re.IGNORECASE) is not None
    ),
}


class ExpressionParser:
    """A recursive descent over tokens that compiles as it goes. `columns` are those that a path may begin with."""

    def __init__(self, found: list[str]) -> None:
        self._tokens, self._at = found, 0
        self.columns: tuple[str, ...] = ()

    def peek(self) -> str:
        """Return the next token, empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        """Return the next token and go on."""
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
        """Take this word; raise InvalidQuery for another."""
        if not self.accept(wanted):
            raise InvalidQuery(self.peek())

    def ahead(self) -> str:
        """Return the token after the next."""
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ""

    def since(self, start: int) -> str:
        """Return the text from a position on, as it names a column that has no name of its own."""
        return "".join(self._tokens[start : self._at]).replace(".", "_")

    @property
    def position(self) -> int:
        """Where in the tokens the parser is."""
        return self._at

    def end(self) -> None:
        """Raise InvalidQuery if something is left."""
        if self.peek():
            raise InvalidQuery(self.peek())

    def word(self) -> str:
        """Take a name; raise InvalidQuery for anything else."""
        token = self.take()
        if not re.fullmatch(r"[A-Za-z_$][\w-]*", token):
            raise InvalidQuery(token)
        return token

    # expressions, by rising precedence

    def expression(self) -> Expression:
        """Read an expression; raise InvalidQuery."""
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
        compares = _COMPARISONS.get(self.peek().lower())
        if compares is None:
            return left
        self.take()
        return _compared(compares, left, self._primary())

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
            return constant(re.sub(r"\\(.)", r"\1", token[1:-1]))
        if re.fullmatch(r"\d+(\.\d+)?", token):
            return constant(float(token) if "." in token else int(token))
        if token.lower() in {"true", "false"}:
            return constant(token.lower() == "true")
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
        if name not in self.columns:
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


def cell(name: str) -> Expression:
    """Return the expression that reads a column."""
    return lambda row: row[name]


def constant(value: Any) -> Expression:
    """Return the expression that is always this value."""
    return lambda _: value


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True or right(row) is True


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True and right(row) is True


def _compared(compares: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    return lambda row: compares(left(row), right(row))


def _member(left: Expression, values: list[Expression], *, ignore_case: bool) -> Expression:
    same = _COMPARISONS["=~" if ignore_case else "=="]
    return lambda row: any(same(left(row), value(row)) for value in values)
