"""The tree of a script of the shell, as `shell_syntax.py` makes it and `shell.py` runs it."""

from dataclasses import dataclass

Part = "str | Variable | Substitution"


class ShellSyntaxError(Exception):
    """A script that isn't understood."""


@dataclass(frozen=True)
class Text:
    """Characters; quoted ones are not split."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Variable:
    """`$name` or `${name:-default}`."""

    name: str
    quoted: bool
    default: str | None = None


@dataclass(frozen=True)
class Substitution:
    """`$(script)`."""

    script: "Script"
    quoted: bool


Word = tuple[Text | Variable | Substitution, ...]


@dataclass(frozen=True)
class Redirection:
    """`2> file`, `>> file`, `< file`, `2>&1`: descriptor, operator, target."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """A command with its assignments and redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True)
class If:
    """`if … then … elif … else … fi`."""

    branches: tuple[tuple["Script", "Script"], ...]
    otherwise: "Script | None"
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True)
class Group:
    """`{ …; }` or `( … )`."""

    script: "Script"
    subshell: bool
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands that feed each other."""

    commands: tuple[Simple | If | Group, ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """Pipelines joined by `&&` and `||`; the first has an empty operator."""

    parts: tuple[tuple[str, Pipeline], ...]


Script = tuple[AndOr, ...]
