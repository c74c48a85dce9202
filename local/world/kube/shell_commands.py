"""The commands that the small shell knows, each over the files of its container."""

import re
from collections.abc import Callable, Sequence

from local.world.kube.files import providers
from local.world.kube.shell import Exit, Running, Shell, Streams
from local.world.kube.shell_test import bracket, test

_FOREVER = 10 * 365 * 86400.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}

Command = Callable[[Shell, Sequence[str], Streams], int]


def execute(shell: Shell, words: Sequence[str], streams: Streams) -> Running:
    """Run a command by its words; an unknown one is 127, as a shell has it."""
    name, arguments = words[0].rpartition("/")[2], words[1:]
    match name:
        case "exit":
            raise Exit(int(arguments[0]) & 255 if arguments and arguments[0].isdecimal() else shell.status)
        case "sleep":
            return (yield from _sleep(arguments, streams))
        case "sh" | "ash" | "dash" | "bash":
            return (yield from _sh(shell, arguments, streams))
        case "chroot":
            return (yield from _chroot(shell, arguments, streams))
    known = _COMMANDS | (_HOST_COMMANDS if shell.files.is_host else {})
    if name not in known:
        streams.err(f"sh: {words[0]}: not found\n")
        return 127
    return known[name](shell, arguments, streams)


def is_program(files_are_host: bool, path: str) -> bool:
    """Tell that a container can be started with this program."""
    name = path.rpartition("/")[2]
    builtin = {"set", "export", "read", ":"}
    programs = {"sh", "ash", "dash", "bash", "sleep", "chroot", *_COMMANDS} - builtin
    return name in programs or (files_are_host and name in _HOST_COMMANDS)


def _sleep(arguments: Sequence[str], streams: Streams) -> Running:
    seconds = 0.0
    for argument in arguments or ("",):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", argument)
        if argument in {"infinity", "inf"}:
            seconds = _FOREVER
        elif match is None:
            streams.err(f"sleep: invalid number '{argument}'\n")
            return 1
        else:
            seconds += float(match[1]) * _UNITS[match[2] or "s"]
    yield seconds
    return 0


def _sh(shell: Shell, arguments: Sequence[str], streams: Streams) -> Running:
    options = arguments[0] if arguments else ""
    if re.fullmatch(r"-[eux]*c", options) is None or len(arguments) < 2:
        streams.err("sh: only -c SCRIPT is known here\n")
        return 2
    inner = Shell(shell.files, dict(shell.variables), errexit="e" in options, nounset="u" in options)
    return (yield from inner.script(arguments[1], streams))


def _chroot(shell: Shell, arguments: Sequence[str], streams: Streams) -> Running:
    if len(arguments) < 2:
        streams.err("chroot: a folder and a command are needed here\n")
        return 1
    folder, *command = arguments
    if not shell.files.may_chroot:
        streams.err(f"chroot: can't change root directory to '{folder}': Operation not permitted\n")
        return 1
    files = shell.files.chroot(folder)
    if files is None:
        if not shell.files.is_folder(folder):
            streams.err(f"chroot: can't change root directory to '{folder}': No such file or directory\n")
            return 1
        streams.err(f"chroot: can't execute '{command[0]}': No such file or directory\n")
        return 127
    inner = Shell(files, dict(shell.variables))
    if not is_program(True, command[0]):
        streams.err(f"chroot: can't execute '{command[0]}': No such file or directory\n")
        return 127
    return (yield from execute(inner, command, streams))


def _cat(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    status = 0
    for path in arguments or ("-",):
        text = streams.stdin if path == "-" else shell.files.read(path)
        if text is None:
            why = "read error: Is a directory" if shell.files.is_folder(path) else "No such file or directory"
            streams.err(f"cat: {why}\n" if "read" in why else f"cat: can't open '{path}': {why}\n")
            status = 1
        else:
            streams.out(text)
    return status


def _echo(_: Shell, arguments: Sequence[str], streams: Streams) -> int:
    newline = not (arguments and arguments[0] == "-n")
    streams.out(" ".join(arguments if newline else arguments[1:]) + ("\n" if newline else ""))
    return 0


def _printf(_: Shell, arguments: Sequence[str], streams: Streams) -> int:
    if not arguments:
        streams.err("printf: usage: printf FORMAT [ARG]...\n")
        return 1
    left = list(arguments[1:])
    status = 0

    def one(match: re.Match[str]) -> str:
        nonlocal status
        if match[1]:
            return _ESCAPES.get(match[1], match[0])
        if match[2] == "%":
            return "%"
        value = left.pop(0) if left else ""
        if match[2] == "d" and not re.fullmatch(r"-?\d*", value):
            streams.err(f"printf: invalid number '{value}'\n")
            status = 1
            return "0"
        return str(int(value or 0)) if match[2] == "d" else value

    while True:  # the format is used again until there are no arguments left
        before = len(left)
        streams.out(re.sub(r"\\(.)|%([sd%])", one, arguments[0]))
        if not left or len(left) == before:
            return status


def _head(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    joined = " ".join(arguments)
    match = re.fullmatch(r"(?:-(n|c) ?(\d+)|-(\d+))? ?(\S*)", joined)
    if match is None:
        streams.err(f"head: unrecognized option: {joined}\n")
        return 1
    count = int(match[2] or match[3] or 10)
    text = shell.files.read(match[4]) if match[4] else streams.stdin
    if text is None:
        streams.err(f"head: {match[4]}: No such file or directory\n")
        return 1
    streams.out(text[:count] if match[1] == "c" else "".join(text.splitlines(keepends=True)[:count]))
    return 0


def _grep(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    options = "".join(a[1:] for a in arguments if a.startswith("-"))
    rest = [a for a in arguments if not a.startswith("-")]
    if set(options) - set("qEiFsovc") or not rest:
        streams.err(f"grep: unrecognized option: {options}\n")
        return 2
    try:
        pattern = re.compile(_expression(rest[0], options), re.IGNORECASE if "i" in options else 0)
    except re.error as error:
        streams.err(f"grep: bad regex '{rest[0]}': {error}\n")
        return 2
    status, lines = 1, list[str]()
    for path in rest[1:] or ("-",):
        text = streams.stdin if path == "-" else shell.files.read(path)
        if text is None:
            if "s" not in options:
                streams.err(f"grep: {path}: No such file or directory\n")
            return 2
        lines += text.splitlines()
    found = [line for line in lines if (pattern.search(line) is None) == ("v" in options)]
    status = 0 if found else 1
    if "c" in options:
        streams.out(f"{len(found)}\n")
    elif "q" not in options:
        shown = [m[0] for line in found for m in pattern.finditer(line) if m[0]] if "o" in options else found
        streams.out("".join(f"{line}\n" for line in shown))
    return status


def _expression(pattern: str, options: str) -> str:
    """Return a pattern in Python's words: POSIX classes are spelt out, and a basic one has no bare + ? | ( )."""
    if "F" in options:
        return re.escape(pattern)
    spelt = {"space": r"\s", "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9", "blank": r" \t"}
    text = re.sub(r"\[:(\w+):\]", lambda found: spelt.get(found[1], found[0]), pattern)
    return text if "E" in options else re.sub(r"(?<!\\)[+?|(){}]", r"\\\g<0>", text)


def _ls(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    status = 0
    for path in [a for a in arguments if not a.startswith("-")] or ("/",):
        if shell.files.read(path) is not None:
            streams.out(f"{path}\n")
        elif shell.files.is_folder(path):
            streams.out("".join(f"{name}\n" for name in shell.files.children(path)))
        else:
            streams.err(f"ls: {path}: No such file or directory\n")
            status = 1
    return status


def _ln(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    """Make a link; nothing is read through it: it only stands there."""
    if len(arguments) != 3 or arguments[0] != "-s":
        streams.err("ln: only -s TARGET LINK is known here\n")
        return 1
    if not shell.files.write(arguments[2], f"-> {arguments[1]}"):
        streams.err(f"ln: {arguments[2]}: Read-only file system\n")
        return 1
    return 0


def _mkdir(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    """Make folders: here they are there as soon as something is in them."""
    for path in [each for each in arguments if each != "-p"]:
        if not shell.files.can_write(path):
            streams.err(f"mkdir: can't create directory '{path}': Read-only file system\n")
            return 1
    return 0


def _uname(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    if list(arguments) not in (["-r"], []):
        streams.err("uname: only -r is known here\n")
        return 1
    streams.out(f"{shell.files.machine.kernel if arguments else 'Linux'}\n")
    return 0


def _set(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    for argument in arguments:
        if re.fullmatch(r"[-+][eu]+", argument) is None:
            streams.err(f"sh: set: illegal option {argument}\n")
            raise Exit(2)
        on = argument[0] == "-"
        shell.errexit = on if "e" in argument else shell.errexit
        shell.nounset = on if "u" in argument else shell.nounset
    return 0


def _export(shell: Shell, arguments: Sequence[str], _: Streams) -> int:
    shell.variables |= {name: value for name, sign, value in (a.partition("=") for a in arguments) if sign}
    return 0


def _read(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    names = [name for name in arguments if not name.startswith("-")]
    line, newline, _ = streams.stdin.partition("\n")
    values = line.split(maxsplit=max(0, len(names) - 1))
    shell.variables |= {name: values[at] if at < len(values) else "" for at, name in enumerate(names)}
    return 0 if newline else 1


def _openssl(shell: Shell, arguments: Sequence[str], streams: Streams) -> int:
    machine = shell.files.machine
    shown = providers(machine.pool, machine.node)
    if list(arguments) == ["version"]:
        # Ubuntu 20.04 has 1.1.1f (facts, section 6); the others say the version of their own default provider
        found = re.search(r"version: (\S+)", shown or "version: 1.1.1f")
        streams.out(f"OpenSSL {found[1] if found else ''}\n")
        return 0
    if list(arguments) != ["list", "-providers"]:
        streams.err("openssl: only version and list -providers are known here\n")
        return 1
    if shown is None:  # OpenSSL 1.1
        streams.err("list: Option unknown option -providers\nlist: Use -help for summary.\n")
        return 1
    streams.out(shown)
    return 0


_COMMANDS: dict[str, Command] = {
    "cat": _cat,
    "echo": _echo,
    "printf": _printf,
    "head": _head,
    "grep": _grep,
    "ls": _ls,
    "ln": _ln,
    "mkdir": _mkdir,
    "uname": _uname,
    "test": test,
    "[": bracket,
    "true": lambda *_: 0,
    "false": lambda *_: 1,
    ":": lambda *_: 0,
    "set": _set,
    "export": _export,
    "read": _read,
}
_HOST_COMMANDS: dict[str, Command] = {"openssl": _openssl}
