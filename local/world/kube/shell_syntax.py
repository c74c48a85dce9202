"""The shell's grammar, as much of POSIX as probes use: text in, a tree out. What it doesn't know is an error."""

import re
from collections.abc import Iterator

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

_RESERVED = frozenset({"then", "elif", "else", "fi", "}", "do", "done", "esac"})
_UNKNOWN = frozenset({"for", "while", "until", "case", "function", "select"})
_DEEPEST = 30
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_END_OF_WORD = " \t\n;&|<>()"


def parse(text: str) -> Script:
    """Parse a script; raise ShellSyntaxError."""
    parser = _Parser(text)
    script = parser.script()
    if parser.at < len(text):
        raise ShellSyntaxError(f'unexpected "{text[parser.at]}"')
    return script


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    # characters

    def _starts(self, *what: str) -> str:
        return next((each for each in what if self.text.startswith(each, self.at)), "")

    def _take(self, *what: str) -> str:
        found = self._starts(*what)
        self.at += len(found)
        return found

    def _blank(self, also: str = "") -> None:
        while self.at < len(self.text):
            if self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] in " \t" + also:
                self.at += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _reserved(self) -> str:
        match = re.compile(r"[a-z]+(?=[\s;&|()]|$)|[{}!](?=\s|$|;|\))").match(self.text, self.at)
        return match[0] if match else ""

    def _expect(self, word: str) -> None:
        self._blank(also="\n;")
        if self._reserved() != word:
            raise ShellSyntaxError(f'unexpected end of file (expecting "{word}")')
        self.at += len(word)

    # the grammar

    def script(self) -> Script:
        found: list[AndOr] = []
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ShellSyntaxError("nested too deeply")
        while True:
            self._blank(also="\n")
            if self.at >= len(self.text) or self._starts(")") or self._reserved() in _RESERVED:
                self.depth -= 1
                return tuple(found)
            found.append(self._and_or())
            self._blank()
            if self._starts("&") and not self._starts("&&"):
                raise ShellSyntaxError("background commands are not known here")
            if not self._take(";", "\n") and self.at < len(self.text) and not self._starts(")"):
                raise ShellSyntaxError(f'unexpected "{self.text[self.at]}"')

    def _and_or(self) -> AndOr:
        parts = [("", self._pipeline())]
        while True:
            self._blank()
            operator = self._take("&&", "||")
            if not operator:
                return AndOr(tuple(parts))
            self._blank(also="\n")
            parts.append((operator, self._pipeline()))

    def _pipeline(self) -> Pipeline:
        negated = self._reserved() == "!"
        if negated:
            self.at += 1
            self._blank()
        commands = [self._command()]
        while True:
            self._blank()
            if self._starts("||") or not self._take("|"):
                return Pipeline(tuple(commands), negated)
            self._blank(also="\n")
            commands.append(self._command())

    def _command(self) -> Simple | If | Group:
        self._blank()
        word = self._reserved()
        if word in _UNKNOWN:
            raise ShellSyntaxError(f'"{word}" is not known here')
        if word == "if":
            return self._if()
        if word == "{":
            self.at += 1
            script = self.script()
            self._expect("}")
            return Group(script, False, tuple(self._redirections()))
        if self._take("("):
            script = self.script()
            if not self._take(")"):
                raise ShellSyntaxError('unexpected end of file (expecting ")")')
            return Group(script, True, tuple(self._redirections()))
        return self._simple()

    def _if(self) -> If:
        branches: list[tuple[Script, Script]] = []
        otherwise: Script | None = None
        self._expect("if")
        while True:
            condition = self.script()
            self._expect("then")
            branches.append((condition, self.script()))
            self._blank(also="\n;")
            if self._reserved() == "elif":
                self.at += 4
                continue
            if self._reserved() == "else":
                self.at += 4
                otherwise = self.script()
            self._expect("fi")
            return If(tuple(branches), otherwise, tuple(self._redirections()))

    def _simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        start = self.at
        while True:
            self._blank()
            if redirection := self._redirection():
                redirections.append(redirection)
                continue
            if self.at >= len(self.text) or self.text[self.at] in "\n;&|)":
                break
            if self._starts("("):
                raise ShellSyntaxError('unexpected "("')
            name = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=").match(self.text, self.at)
            if name and not words:
                self.at = name.end()
                assignments.append((name[1], self._word(empty=True)))
            else:
                words.append(self._word())
        if self.at == start:
            what = self.text[self.at] if self.at < len(self.text) else "end of file"
            raise ShellSyntaxError(f'unexpected "{what}"')
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    def _redirections(self) -> Iterator[Redirection]:
        while True:
            self._blank()
            found = self._redirection()
            if found is None:
                return
            yield found

    def _redirection(self) -> Redirection | None:
        match = re.compile(r"(\d?)(>>|>&|>|<)").match(self.text, self.at)
        if match is None:
            return None
        if self.text.startswith("<<", match.start(2)):
            raise ShellSyntaxError("here documents are not known here")
        self.at = match.end()
        self._blank()
        descriptor = int(match[1] or (0 if match[2] == "<" else 1))
        return Redirection(descriptor, match[2], self._word())

    # words

    def _word(self, *, empty: bool = False) -> Word:
        parts: list[Text | Variable | Substitution] = []
        while self.at < len(self.text) and self.text[self.at] not in _END_OF_WORD:
            character = self.text[self.at]
            if character == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise ShellSyntaxError("unterminated quoted string")
                parts.append(Text(self.text[self.at + 1 : end], quoted=True))
                self.at = end + 1
            elif character == '"':
                self.at += 1
                parts += self._quoted()
            elif character == "\\":
                parts.append(Text(self.text[self.at + 1 : self.at + 2], quoted=True))
                self.at += 2
            elif character == "$":
                parts.append(self._dollar(quoted=False))
            elif character == "`":
                raise ShellSyntaxError("backquotes are not known here")
            else:
                parts.append(Text(character))
                self.at += 1
        if not parts and not empty:
            raise ShellSyntaxError("a word is missing")
        return tuple(parts)

    def _quoted(self) -> list[Text | Variable | Substitution]:
        parts: list[Text | Variable | Substitution] = [Text("", quoted=True)]
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return parts
            if character == "$":
                parts.append(self._dollar(quoted=True))
                continue
            if character == "`":
                raise ShellSyntaxError("backquotes are not known here")
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in {'"', "\\", "$", "`", "\n"}:
                self.at += 1
                character = self.text[self.at].replace("\n", "")
            parts.append(Text(character, quoted=True))
            self.at += 1
        raise ShellSyntaxError("unterminated quoted string")

    def _dollar(self, *, quoted: bool) -> Text | Variable | Substitution:
        self.at += 1
        if self._starts("(("):
            raise ShellSyntaxError("arithmetic is not known here")
        if self._take("("):
            script = self.script()
            if not self._take(")"):
                raise ShellSyntaxError('unexpected end of file (expecting ")")')
            return Substitution(script, quoted)
        if self._take("{"):
            match = re.compile(r"([A-Za-z_]\w*|\?)(?::-([^}$`'\"]*))?\}").match(self.text, self.at)
            if match is None:
                raise ShellSyntaxError("bad substitution")
            self.at = match.end()
            return Variable(match[1], quoted, match[2])
        if self._take("?"):
            return Variable("?", quoted)
        name = _NAME.match(self.text, self.at)
        if name is None:
            return Text("$", quoted=True)
        self.at = name.end()
        return Variable(name[0], quoted)
