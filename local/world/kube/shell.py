"""Runs what shell_syntax.py parsed, over the files of a container. It never starts a process or touches a real file.

Running is a generator: it yields the seconds that a command sleeps, for the world's clock, and returns an exit code.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from local.world.kube.files import NULL, Files
from local.world.kube.shell_syntax import parse
from local.world.kube.shell_tree import (
    AndOr,
    Group,
    If,
    Pipeline,
    Redirection,
    Script,
    ShellSyntaxError,
    Simple,
    Substitution,
    Text,
    Variable,
    Word,
)

Running = Generator[float, None, int]
Write = Callable[[str], None]


class Exit(Exception):  # noqa: N818 (what the shell calls it)
    """The script ends here."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Streams:
    """Where a command reads and writes."""

    out: Write
    err: Write
    stdin: str = ""


@dataclass
class Shell:
    """One shell: its variables and options."""

    files: Files
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0
    errexit: bool = False
    nounset: bool = False
    substituted: int = 0
    """The exit code of the last `$(…)` of the command at hand."""

    def script(self, text: str, streams: Streams) -> Running:
        """Run a script to its end; return its exit code. What isn't understood is 2, as a shell has it."""
        try:
            script = parse(text)
        except ShellSyntaxError as error:
            streams.err(f"sh: syntax error: {error}\n")
            return 2
        try:
            return (yield from self.run(script, streams))
        except Exit as end:
            return end.status

    def run(self, script: Script, streams: Streams, *, tested: bool = False) -> Running:
        """Run one command after another; raise Exit."""
        self.status = 0 if not script else self.status
        for and_or in script:
            yield from self._and_or(and_or, streams, tested)
        return self.status

    def _and_or(self, and_or: AndOr, streams: Streams, tested: bool) -> Running:
        last = len(and_or.parts) - 1
        for index, (operator, pipeline) in enumerate(and_or.parts):
            if (operator == "&&" and self.status) or (operator == "||" and not self.status):
                continue
            within = tested or index < last or pipeline.negated
            self.status = yield from self._pipeline(pipeline, streams, within)
            if self.status and self.errexit and not within:
                raise Exit(self.status)
        return self.status

    def _pipeline(self, pipeline: Pipeline, streams: Streams, tested: bool) -> Running:
        status, stdin = 0, streams.stdin
        for number, command in enumerate(pipeline.commands, start=1):
            if number == len(pipeline.commands):
                of_last = replace(streams, stdin=stdin)
                if number == 1:
                    status = yield from self.command(command, of_last, tested)
                else:
                    status = yield from self._apart(command, of_last, tested)
            else:
                written: list[str] = []
                yield from self._apart(command, replace(streams, out=written.append, stdin=stdin), tested)
                stdin = "".join(written)
        return int(not status) if pipeline.negated else status

    def _apart(self, command: Simple | If | Group, streams: Streams, tested: bool) -> Running:
        """Run a command in a subshell: what it sets, and that it exits, stays there."""
        inner = replace(self, variables=dict(self.variables))
        try:
            return (yield from inner.command(command, streams, tested))
        except Exit as end:
            return end.status

    def command(self, command: Simple | If | Group, streams: Streams, tested: bool) -> Running:
        """Run one command; raise Exit."""
        redirected = yield from self._redirected(command.redirections, streams)
        if redirected is None:
            return 1
        match command:
            case Simple():
                return (yield from self._simple(command, redirected))
            case If():
                return (yield from self._if(command, redirected, tested))
            case Group(subshell=True):
                inner = Group(command.script, False, ())
                return (yield from self._apart(inner, redirected, tested))
            case Group():
                return (yield from self.run(command.script, redirected, tested=tested))
            case _:
                assert_never(command)

    def _if(self, command: If, streams: Streams, tested: bool) -> Running:
        for condition, then in command.branches:
            if not (yield from self.run(condition, streams, tested=True)):
                return (yield from self.run(then, streams, tested=tested))
        self.status = 0
        if command.otherwise is None:
            return 0
        return (yield from self.run(command.otherwise, streams, tested=tested))

    def _simple(self, command: Simple, streams: Streams) -> Running:
        from local.world.kube.shell_commands import execute

        self.substituted = 0
        words = yield from self._words(command.words, streams)
        values: dict[str, str] = {}
        for name, word in command.assignments:
            values[name] = " ".join((yield from self._expand(word, streams, split=False)))
        if not words:
            self.variables |= values
            return self.substituted
        kept = dict(self.variables)
        self.variables |= values
        try:
            return (yield from execute(self, words, streams))
        finally:
            for name in values:
                self.variables.pop(name, None)
                if name in kept:
                    self.variables[name] = kept[name]

    # words

    def _words(self, words: Sequence[Word], streams: Streams) -> Generator[float, None, list[str]]:
        found: list[str] = []
        for word in words:
            found += yield from self._expand(word, streams, split=True)
        return found

    def _expand(self, word: Word, streams: Streams, *, split: bool) -> Generator[float, None, list[str]]:
        fields: list[str] = []
        current: str | None = None
        for part in word:
            text, whole = yield from self._part(part, streams)
            if whole or not split:
                current = (current or "") + text
                continue
            pieces = text.split()
            if text[:1].isspace() and current is not None:
                fields.append(current)
                current = None
            for index, piece in enumerate(pieces):
                if index:
                    fields.append(current or "")
                    current = None
                current = (current or "") + piece
            if pieces and text[-1:].isspace():
                fields.append(current or "")
                current = None
        if current is not None or not split:
            fields.append(current or "")
        return fields

    def _part(self, part: Text | Variable | Substitution, streams: Streams) -> Generator[float, None, tuple[str, bool]]:
        match part:
            case Text():
                return part.text, True
            case Variable():
                return self._value(part, streams), part.quoted
            case Substitution():
                written: list[str] = []
                inner = replace(self, variables=dict(self.variables))
                try:
                    self.substituted = yield from inner.run(part.script, replace(streams, out=written.append))
                except Exit as end:
                    self.substituted = end.status
                return "".join(written).rstrip("\n"), part.quoted
            case _:
                assert_never(part)

    def _value(self, variable: Variable, streams: Streams) -> str:
        if variable.name == "?":
            return str(self.status)
        value = self.variables.get(variable.name)
        if variable.default is not None:
            return value or variable.default
        if value is None and self.nounset:
            streams.err(f"sh: {variable.name}: parameter not set\n")
            raise Exit(2)
        return value or ""

    # redirections

    def _redirected(
        self, redirections: tuple[Redirection, ...], streams: Streams
    ) -> Generator[float, None, Streams | None]:
        for redirection in redirections:
            target = " ".join((yield from self._expand(redirection.target, streams, split=False)))
            match redirection.operator, redirection.descriptor:
                case "<", _:
                    text = self.files.read(target)
                    if text is None:
                        streams.err(f"sh: can't open {target}: no such file\n")
                        return None
                    streams = replace(streams, stdin=text)
                case ">&", 1 if target == "2":
                    streams = replace(streams, out=streams.err)
                case ">&", 2 if target == "1":
                    streams = replace(streams, err=streams.out)
                case ">" | ">>", 1 | 2 as descriptor:
                    if not self.files.write(target, "", append=redirection.operator == ">>"):
                        streams.err(f"sh: can't create {target}: Read-only file system\n")
                        return None
                    write = self._to_file(target)
                    streams = replace(streams, out=write) if descriptor == 1 else replace(streams, err=write)
                case _:
                    streams.err(f"sh: {target}: bad file descriptor\n")
                    return None
        return streams

    def _to_file(self, path: str) -> Write:
        if path == NULL:
            return lambda _: None

        def write(text: str) -> None:
            self.files.write(path, text, append=True)

        return write


def environment(container: Mapping[str, object]) -> dict[str, str]:
    """Return the variables that a container's spec gives as values."""
    entries = container.get("env")
    return {
        str(entry["name"]): str(entry.get("value") or "")
        for entry in (entries if isinstance(entries, list) else ())
        if "valueFrom" not in entry
    }
