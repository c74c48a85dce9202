"""`fipswarden policy`: work with the policy: its faults; what it would change and a person's word for it lie beside."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import difference, policy_word
from cli.exits import DONE, GROUP, OK, USAGE
from cli.naming import a_file
from cli.rules import load, source
from cli.show import plain_text
from shared.domain.policy import ExemptionRules
from shared.domain.policy_reader import read_exemptions
from shared.domain.policy_warnings import exemption_warnings, rulebook_warnings
from shared.domain.scalars import duration_text
from shared.domain.wording import count
from shared.errors import ConfigError, InputError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "work with the policy: its faults, what another one would change, a person's word for it"
    parser = commands.add_parser("policy", help=words, description=words, epilog=GROUP)
    policy = parser.add_subparsers(required=True)
    words = "report every fault of a policy file at once; 64 if there is one"
    validate = policy.add_parser("validate", help=words, description=words, epilog=DONE)
    validate.add_argument("file", type=a_file, nargs="?", help="the policy, YAML")
    validate.add_argument("--exemptions", type=a_file, help="the exemptions, YAML: with a policy or alone")
    validate.set_defaults(run=_validate)
    difference.add(policy)
    policy_word.add(policy)


def _validate(chosen: argparse.Namespace) -> int:
    if chosen.file is None and chosen.exemptions is None:
        raise InputError("give the policy, or --exemptions and a file, or both")
    try:
        return _valid(chosen) if chosen.file else _exemptions_valid(chosen.exemptions)
    except ConfigError as error:
        print(f"{error.subject}: {count(len(error.faults), 'fault')}", *map(plain_text, error.faults), sep="\n  ")
        return USAGE


def _exemptions_valid(path: Path) -> int:
    """Validate an exemptions file without its policy: what that says of all exemptions is as if it said nothing."""
    text, terms = source(path), ExemptionRules()
    exemptions = read_exemptions(text.text, text.name, terms)
    print(f"{path}: valid; {count(len(exemptions.entries), 'exemption')}")
    print(f"  by itself, each for {duration_text(terms.max_age)} at most: a policy can say otherwise")
    for warning in exemption_warnings(exemptions, terms, datetime.now(UTC)):
        print(f"  warning: {warning}")
    return OK


def _valid(chosen: argparse.Namespace) -> int:
    rules = load(chosen.file, chosen.exemptions)
    policy = rules.policy
    print(f"{chosen.file}: valid; {count(len(policy.rules), 'rule')}, mode {policy.defaults.mode} for everything else")
    print(f"  sha256 {policy.hash}")
    if chosen.exemptions:
        print(f"{chosen.exemptions}: valid; {count(len(rules.exemptions.entries), 'exemption')}")
    for warning in rulebook_warnings(rules, datetime.now(UTC)):
        print(f"  warning: {warning}")
    return OK
