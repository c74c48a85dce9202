"""`fipswarden policy`: work with the policy; and reading one that a command was given."""

import argparse
from pathlib import Path
from typing import Any

from cli.exits import OK, USAGE
from cli.naming import count
from shared.domain.exemptions import NO_EXEMPTIONS
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.policy_warnings import policy_warnings
from shared.domain.rulebook import Rulebook
from shared.errors import ConfigError, InputError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    policy = commands.add_parser("policy", help="work with the policy").add_subparsers(required=True, metavar="what")
    validate = policy.add_parser("validate", help="report every fault of a policy file at once; 64 if there is one")
    validate.add_argument("file", type=Path, help="the policy, YAML")
    validate.add_argument("--exemptions", type=Path, help="the exemptions that go with it, YAML")
    validate.set_defaults(run=_validate)


def load(policy: Path, exemptions: Path | None = None) -> Rulebook:
    """Read the files that people write; raises InputError if one can't be read, ConfigError with its faults."""
    read = read_policy(_text(policy), str(policy))
    excused = read_exemptions(_text(exemptions), str(exemptions), read.exemptions) if exemptions else NO_EXEMPTIONS
    return Rulebook(read, excused)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error}") from error


def _validate(chosen: argparse.Namespace) -> int:
    try:
        rules = load(chosen.file, chosen.exemptions)
    except ConfigError as error:
        print(f"{error.subject}: {count(len(error.faults), 'fault')}", *error.faults, sep="\n  ")
        return USAGE
    policy = rules.policy
    print(f"{chosen.file}: valid; {count(len(policy.rules), 'rule')}, mode {policy.defaults.mode} for everything else")
    if chosen.exemptions:
        print(f"{chosen.exemptions}: valid; {count(len(rules.exemptions.entries), 'exemption')}")
    for warning in policy_warnings(policy):
        print(f"  warning: {warning}")
    return OK
