"""The exit codes of every command, and how a command ends that could not do its work.

64, 69 and 70 are those of sysexits.h (EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE); 130 and 141 are 128 plus the signal.
"""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from cli.deployment import HINT, storage_setting
from cli.show import plain_text
from shared.domain.model import ComplianceState
from shared.errors import ConfigError, InputError, TransientError

OK, NON_COMPLIANT, UNKNOWN = 0, 1, 2
USAGE, UNAVAILABLE, CRASH, INTERRUPTED, PIPE = 64, 69, 70, 130, 141
_REST = "64 bad input or usage, 69 could not run (sign-in, network, storage), 70 a crash, 130 interrupted"


def returns(one: str = "", two: str = "") -> str:
    """Return what --help says of a command's exit codes; `one` and `two` say when it is 1, and 2: empty if never."""
    codes = [f"{code} {when}" for code, when in ((NON_COMPLIANT, one), (UNKNOWN, two)) if when]
    return f"exit codes: {'; else '.join([*codes, '0'])}. {_REST}"


MEANING = returns("something is non_compliant or inconsistent", "something is unknown")
"""For --help of what judges."""
DONE = returns()
"""For --help of what judges nothing."""
GROUP = "`--help` behind each of them says more"
"""For --help of what only has commands below it."""
DEBUG = "FIPSWARDEN_DEBUG"
"""Environment variable: with any value, a crash shows its traceback."""
OFFLINE = "Without signing in: `az aks list -o json > fleet.json` by somebody who can, then --from fleet.json"
"""How to do without a sign-in."""
_LENGTH = 500


def of_states(states: Iterable[ComplianceState]) -> int:
    """Return the exit code for what was judged: the worst decides, and nothing at all is 0."""
    found = set(states)
    if found & {ComplianceState.NON_COMPLIANT, ComplianceState.INCONSISTENT}:
        return NON_COMPLIANT
    return UNKNOWN if ComplianceState.UNKNOWN in found else OK


def guarded(run: Callable[[], int]) -> int:
    """Run a command; whatever it raises becomes one line on standard error and an exit code."""
    # What the SDK logs before it raises would be told twice.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except InputError as error:
        _say(str(error))
        return USAGE
    except ConfigError as error:
        hint = (HINT,) if error.subject == "settings" else ()
        print(f"{plain_text(error.subject)}:", *map(plain_text, error.faults), *hint, sep="\n  ", file=sys.stderr)
        return USAGE
    except Exception as error:  # noqa: BLE001 (the last one to hear of it)
        return _failed(error)
    return code


@contextmanager
def cut_short() -> Iterator[None]:
    """Let a reader go away in the middle of a report (`| head`): the verdict's exit code still counts."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()


def _failed(error: Exception) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and not error.filename:
        _drop_output()
        _say(f"standard output can't be written: {error.strerror}")
        return UNAVAILABLE
    if isinstance(error, (OSError, TransientError, *_sdk_errors("AzureError"))):
        _say(f"{str(error)[:_LENGTH]}{_hint(error)}")
        return UNAVAILABLE
    _say(f"crashed, {type(error).__name__}: {str(error)[:_LENGTH]}; {DEBUG}=1 shows where: please report it")
    return CRASH


def _hint(error: Exception) -> str:
    """Say what could not be reached, and what to do."""
    if isinstance(error, _sdk_errors("ClientAuthenticationError")):
        return f"; sign in with `az login` (Azure CLI). {OFFLINE}"
    if setting := storage_setting(str(error), os.environ):
        return f"; that is storage of the app, by the setting {setting}: is it right, and can it be reached from here?"
    return ""


def _sdk_errors(name: str) -> tuple[type[Exception], ...]:
    # An SDK that nobody has imported has raised nothing: what needs no Azure must not load it to fail.
    core = sys.modules.get("azure.core.exceptions")
    return (getattr(core, name),) if core else ()


def _say(text: str) -> None:
    print(f"fipswarden: {plain_text(' '.join(text.split()))}", file=sys.stderr)


def _drop_output() -> None:
    # Python flushes standard output once more when it ends, and would complain there.
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except OSError:
        # A test's own standard output has no number.
        return
