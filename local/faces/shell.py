"""The shell of run command, as far as commands for kubectl need one: read and interpreted, nothing is ever executed.

It knows sequences (`;`, `&&`, `||`, lines), `for NAME in WORDS; do ...; done`, variables, quotes, file patterns, and
beside kubectl only what is in `_BUILTINS`. Pipes, redirections and substitutions are refused as syntax errors.
"""

import fnmatch
import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from local.faces.kubectl import Kubectl, Printed
from local.world.commands import TIME_LIMIT, Outcome

_PIECE = re.compile(
    r"""(?P<space>[ \t]+|\\\n)|(?P<operator>&&|\|\||;|\n)"""
    r"""|'(?P<single>[^']*)'|"(?P<double>(?:\\.|[^"\\`])*)"|\\(?P<escaped>.)|(?P<bare>[^\s;&|<>()`'"\\]+)"""
)
_VARIABLE = re.compile(r"\\([\"\\$`])|\$(?:{(\w+)}|(\w+))")


@dataclass(frozen=True)
class Word:
    """A word before expansion: pieces with how each was quoted (`single`, `double`, `escaped`, `bare`)."""

    pieces: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "".join(text for _, text in self.pieces)


@dataclass(frozen=True)
class Loop:
    """A `for` loop."""

    name: str
    words: tuple[Word, ...]
    body: "Script"


Step = tuple[Word, ...] | Loop
Script = tuple[tuple[str, Step], ...]
"""Steps, each with the operator before it: `;` always runs it, `&&` after a success, `||` after a failure."""


def run(text: str, kubectl: Kubectl) -> Outcome:
    """Interpret a command and return what came out of it, but stop when its time is over."""
    try:
        tokens = list(_tokens(text))
        script, rest = _script(tokens)
        if rest:
            raise ValueError(f'"{rest[0]}" unexpected')
    except ValueError as error:
        return Outcome(2, f"sh: syntax error: {error}\n")
    shell = _Shell(kubectl)
    code = shell.run(script)
    return Outcome(code, "".join(shell.printed), shell.took)


def _tokens(text: str) -> Iterator[Word | str]:
    pieces: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if not found or "$(" in found[0]:
            raise ValueError(f"the local Azure's shell does not know {text[at : at + 10]!r}")
        at, kind = found.end(), str(found.lastgroup)
        if kind not in {"space", "operator"}:
            pieces.append((kind, found[kind]))
            continue
        if pieces:
            yield Word(tuple(pieces))
            pieces = []
        if kind == "operator":
            yield found[kind].replace("\n", ";")
    if pieces:
        yield Word(tuple(pieces))


def _script(tokens: Sequence[Word | str]) -> tuple[Script, Sequence[Word | str]]:
    """Return the steps up to the end or a `done`, and what is left."""
    steps: list[tuple[str, Step]] = []
    operator = ";"
    while tokens:
        if isinstance(tokens[0], str):
            operator, tokens = tokens[0], tokens[1:]
        elif str(tokens[0]) == "done":
            break
        elif str(tokens[0]) == "for":
            loop, tokens = _loop(tokens)
            steps.append((operator, loop))
        else:
            words, tokens = _words(tokens)
            steps.append((operator, words))
    return tuple(steps), tokens


def _loop(tokens: Sequence[Word | str]) -> tuple[Loop, Sequence[Word | str]]:
    head, rest = _words(tokens)
    if len(head) < 3 or str(head[2]) != "in" or [str(token) for token in rest[:2]] != [";", "do"]:
        raise ValueError('"for" is written: for NAME in WORDS; do ...; done')
    body, rest = _script(rest[2:])
    if not rest:
        raise ValueError('end of file unexpected (expecting "done")')
    return Loop(str(head[1]), head[3:], body), rest[1:]


def _words(tokens: Sequence[Word | str]) -> tuple[tuple[Word, ...], Sequence[Word | str]]:
    count = next((at for at, token in enumerate(tokens) if isinstance(token, str)), len(tokens))
    return tuple(token for token in tokens[:count] if isinstance(token, Word)), tokens[count:]


class _Shell:
    """A running script: variables, what was printed, and how much time it took."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self.variables: dict[str, str] = {}
        self.printed: list[str] = []
        self.slept = timedelta(0)
        self.exited = False

    @property
    def took(self) -> timedelta:
        """The time that passed, by sleeping and by waiting for the API server."""
        return self.slept + self.kubectl.waited

    def run(self, script: Script) -> int:
        """Run steps and return the last exit code."""
        code = 0
        for operator, step in script:
            if self.exited or self.took > TIME_LIMIT:
                break
            if operator == ";" or (operator == "&&") == (code == 0):
                code = self._loop(step) if isinstance(step, Loop) else self._simple(step)
        return code

    def _loop(self, loop: Loop) -> int:
        code = 0
        for word in loop.words:
            for value in self._expand(word):
                self.variables[loop.name] = value
                code = self.run(loop.body)
        return code

    def _simple(self, words: Sequence[Word]) -> int:
        name, *arguments = [value for word in words for value in self._expand(word)]
        if name == "kubectl":
            said = self.kubectl.run(arguments)
        elif name in _BUILTINS:
            said = _BUILTINS[name](self, arguments)
        else:
            said = Printed(127, f"sh: {name}: not found\n")
        self.printed.append(said.text)
        return said.code

    def _expand(self, word: Word) -> list[str]:
        pattern, plain, wild = "", "", False
        for kind, text in word.pieces:
            value = text if kind in {"single", "escaped"} else _substitute(text, self.variables)
            plain += value
            pattern += value if kind == "bare" else glob.escape(value)
            wild = wild or (kind == "bare" and glob.has_magic(value))
        matching = [name for name in sorted(self.kubectl.files) if _matches(name, pattern)] if wild else []
        return matching or [plain]


def _substitute(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: found[1] or variables.get(found[2] or found[3], ""), text)


def _matches(name: str, pattern: str) -> bool:
    """Tell that a file pattern means a file: `*` means neither a folder's slash nor a hidden file."""
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(
        fnmatch.fnmatchcase(part, wanted) and (not part.startswith(".") or wanted.startswith("."))
        for part, wanted in zip(parts, patterns, strict=True)
    )


def _exit(shell: _Shell, arguments: list[str]) -> Printed:
    code = arguments[0] if arguments else "0"
    if not code.isdigit():
        return Printed(2, f"sh: exit: Illegal number: {code}\n")
    shell.exited = True
    return Printed(int(code), "")


def _sleep(shell: _Shell, arguments: list[str]) -> Printed:
    duration = " ".join(arguments).removesuffix("s")
    if not duration.isdigit():
        return Printed(1, f"sleep: invalid time interval '{duration}'\n")
    shell.slept += timedelta(seconds=int(duration))
    return Printed(0, "")


def _cat(shell: _Shell, arguments: list[str]) -> Printed:
    missing = [name for name in arguments if name not in shell.kubectl.files]
    if missing:
        return Printed(1, f"cat: {missing[0]}: No such file or directory\n")
    return Printed(0, "".join(shell.kubectl.files[name] for name in arguments))


_BUILTINS: Mapping[str, Callable[[_Shell, list[str]], Printed]] = {
    "cat": _cat,
    "echo": lambda _, arguments: Printed(0, " ".join(arguments) + "\n"),
    "exit": _exit,
    "false": lambda _, __: Printed(1, ""),
    "sleep": _sleep,
    "true": lambda _, __: Printed(0, ""),
}
