"""What Windows containers say: `cmd.exe /c` with `reg.exe query`, over the host's registry or the container's own.

Only a HostProcess container sees the host's (AKSDOC use-windows-hpc.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from local.world.kube.shell import Exit, Running, Streams
from local.world.model import Node

KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
VALUE = "Enabled"
_SHORT = {"HKLM": "HKEY_LOCAL_MACHINE"}
_NOT_FOUND = "ERROR: The system was unable to find the specified registry key or value.\r\n"


@dataclass(frozen=True)
class Windows:
    """A Windows container; `registry` is None where it has its own, in which the policy is absent."""

    registry: Node | None

    def start(self, command: Sequence[str], streams: Streams) -> Running:
        """Run a container's command."""
        yield from ()
        program = _program(command[0])
        if program != "cmd":
            return self._run(command, streams)
        line = list(command[1:])
        while line and line[0].lower() in {"/d", "/s", "/q"}:
            line.pop(0)
        if not line or line[0].lower() != "/c":
            streams.err("cmd: only /c is known here\r\n")
            return 1
        try:
            return self._line(" ".join(line[1:]), streams)
        except Exit as end:
            return end.status

    def _line(self, text: str, streams: Streams) -> int:
        level, operator = 0, ""
        for piece in re.split(r"(&&|\|\||(?<!>)&)", text.strip()):
            if piece in {"&&", "||", "&"}:
                operator = piece
            elif not (operator == "&&" and level) and not (operator == "||" and not level):
                level = self._pipeline(piece, level, streams)
        return level

    def _pipeline(self, text: str, level: int, streams: Streams) -> int:
        stdin = ""
        *feeding, last = text.split("|")
        for piece in feeding:
            written: list[str] = []
            level = self._command(piece, level, Streams(written.append, streams.err, stdin))
            stdin = "".join(written)
        return self._command(last, level, Streams(streams.out, streams.err, stdin))

    def _command(self, text: str, level: int, streams: Streams) -> int:
        out, err = streams.out, streams.err
        for descriptor, target in re.findall(r"([12]?)>\s*(nul|&1)\b", text, re.IGNORECASE):
            sink = streams.out if target == "&1" else _nowhere
            out, err = (out, sink) if descriptor == "2" else (sink, err)
        words = _split(re.sub(r"[12]?>\s*(nul|&1)\b", "", text, flags=re.IGNORECASE))
        if not words:
            return level
        match [word.lower() for word in words]:
            case ["exit"] | ["exit", "/b"]:
                raise Exit(level)
            case ["exit", number] | ["exit", "/b", number]:
                raise Exit(int(number))
            case ["if", "errorlevel", number, *_]:
                return self._command(" ".join(words[3:]), level, streams) if level >= int(number) else level
            case ["if", "not", "errorlevel", number, *_]:
                return self._command(" ".join(words[4:]), level, streams) if level < int(number) else level
        return self._run(words, Streams(out, err, streams.stdin))

    def _run(self, words: Sequence[str], streams: Streams) -> int:
        match _program(words[0]):
            case "echo":
                streams.out(" ".join(words[1:]) + "\r\n")
                return 0
            case "reg":
                return self._query(words[1:], streams)
            case "find" | "findstr":
                wanted = words[-1].strip('"')
                found = [line for line in streams.stdin.splitlines(keepends=True) if wanted in line]
                streams.out("".join(found))
                return 0 if found else 1
            case _:
                streams.err(
                    f"'{words[0]}' is not recognized as an internal or external command,\r\n"
                    "operable program or batch file.\r\n"
                )
                return 1

    def _query(self, words: Sequence[str], streams: Streams) -> int:
        match [word.lower() for word in words]:
            case ["query", key, "/v", value] if (_full(key), value) == (KEY.lower(), VALUE.lower()):
                node = self.registry
                if node is None or not node.fips_file:
                    streams.err(_NOT_FOUND)
                    return 1
                streams.out(f"\r\n{KEY}\r\n    {VALUE}    REG_DWORD    {node.kernel_fips:#x}\r\n\r\n")
                return 0
            case ["query", _, "/v", _]:
                streams.err(_NOT_FOUND)
                return 1
            case _:
                streams.err('ERROR: Invalid syntax.\r\nType "REG QUERY /?" for usage.\r\n')
                return 1


def _nowhere(_: str) -> None:
    """Take what is written to nul."""


def _program(word: str) -> str:
    return re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe")


def _split(text: str) -> list[str]:
    return [plain or quoted for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]


def _full(key: str) -> str:
    root, sign, rest = key.partition("\\")
    return f"{_SHORT.get(root.upper(), root)}{sign}{rest}".lower()


def is_program(path: str) -> bool:
    """Tell that a container can be started with this program."""
    return _program(path) in {"cmd", "reg", "find", "findstr"}
