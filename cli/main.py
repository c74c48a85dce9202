"""`fipswarden`: judge the fleet, read the posture and the evidence, check a policy, ask for a look, stop everything.

It never acts beside the app: what changes something goes through the queue or the budget's row, and a look does it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from cli import asking, check, evidence, explain, forecast, history, policy, posture, reporting, requesting, verify
from cli.deployment import complete
from cli.exits import MEANING, USAGE, guarded
from cli.show import tolerant_output
from shared import __version__


class _Once(argparse.Action):
    """Stores the value of an option that may be given once: of two values the reader would not know which counts."""

    _given = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 (argparse gives it)
        namespace: argparse.Namespace,
        values: Any,
        option_string: Any = None,
    ) -> None:
        """Store it; raises ArgumentError for a second one."""
        if option_string and self._given:
            raise argparse.ArgumentError(self, "is given more than once: give one of them")
        self._given = True
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("action", None, _Once)
        self.register("action", "store", _Once)
        # The parser of the innermost command is the one that can say what is wrong with its arguments.
        self.set_defaults(parser=self)

    def superfluous(self, arguments: Sequence[str]) -> NoReturn:
        """End because of arguments that the command does not know."""
        saved = "--from" in self.format_usage() and not arguments[0].startswith("-")
        hint = f"; a saved fleet is given with --from {arguments[0]}" if saved else ""
        self.error(f"too many, or not known here: {' '.join(arguments)}{hint}")

    def error(self, message: str) -> NoReturn:
        """End as for any other bad input: argparse's own 2 means `unknown` here."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`cli.exits`); raises SystemExit for usage, help and version."""
    tolerant_output()
    chosen, superfluous = _parser().parse_known_args(arguments)
    if superfluous:
        chosen.parser.superfluous(superfluous)
    run: Callable[[argparse.Namespace], int] = chosen.run
    complete(os.environ)
    return guarded(lambda: run(chosen))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fipswarden", description="FIPS on AKS node pools: posture, evidence, looks.", epilog=MEANING)
    parser.add_argument("--version", action="version", version=f"fipswarden {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    groups = (check, policy, posture, history, explain, forecast, evidence, reporting, asking, requesting, verify)
    for group in groups:
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
