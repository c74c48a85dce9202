"""`fipswarden`: judge the fleet, read the posture and the evidence, check a policy, ask for a look, stop everything.

It never acts beside the app: what changes something goes through the queue or the budget's row, and a look does it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from cli import asking, check, evidence, explain, forecast, history, policy, posture, reporting, requesting, verify
from cli.deployment import complete
from cli.exits import MEANING, USAGE, guarded
from cli.show import tolerant_output
from shared import __version__


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End as for any other bad input: argparse's own 2 means `unknown` here."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`cli.exits`); raises SystemExit for usage, help and version."""
    tolerant_output()
    chosen = _parser().parse_args(arguments)
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
