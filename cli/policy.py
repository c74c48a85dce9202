"""`fipswarden policy`: work with the policy; and reading one that a command was given."""

import argparse
from pathlib import Path
from typing import Any

from cli.exits import OK, USAGE
from cli.naming import count
from cli.show import plain_text
from shared.domain.policy import Policy, read_policy
from shared.errors import ConfigError, InputError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    policy = commands.add_parser("policy", help="work with the policy").add_subparsers(required=True, metavar="what")
    validate = policy.add_parser("validate", help="report every fault of a policy file at once; 64 if there is one")
    validate.add_argument("file", type=Path, help="the policy, YAML")
    validate.set_defaults(run=_validate)


def load(path: Path) -> Policy:
    """Read a policy file; raises InputError if it can't be read, ConfigError with its faults."""
    try:
        return read_policy(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error}") from error


def _validate(chosen: argparse.Namespace) -> int:
    try:
        policy = load(chosen.file)
    except ConfigError as error:
        print(f"{chosen.file}: {count(len(error.faults), 'fault')}", *map(plain_text, error.faults), sep="\n  ")
        return USAGE
    print(f"{chosen.file}: valid; {count(len(policy.rules), 'rule')}, mode {policy.mode} for everything else")
    return OK
