"""`fipswarden evidence protection`: whether Azure keeps anybody from changing the evidence, asked of ARM."""

import argparse
import os
import re
from typing import TYPE_CHECKING, Any

from cli.exits import NON_COMPLIANT, OK, UNKNOWN, cut_short, returns
from cli.show import print_aligned
from shared.domain.model import Unreadable
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.protection import Protection

CONTAINERS = ("evidence", "snapshots")
_ID = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}"
    r"/providers/Microsoft\.Storage/storageAccounts/[a-z0-9]{3,24}",
    re.IGNORECASE,
)


def add(commands: Any) -> None:
    """Add the command to the parser of `evidence`."""
    words = (
        "whether locked immutability policies keep evidence and snapshots for 18 months; 1 if one is missing, "
        "unlocked or shorter, 2 if ARM can't say"
    )
    meaning = returns("a policy is missing, unlocked or shorter", "ARM can't say")
    protection = commands.add_parser("protection", help=words, description=words, epilog=meaning)
    protection.add_argument("--account", help="ARM id of the evidence account; default: by what azd knows")
    protection.set_defaults(run=_protection)


def _protection(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    ask = bootstrap.standalone_protection(_account(chosen.account))
    found = {name: ask(name) for name in CONTAINERS}
    with cut_short():
        print_aligned(("container", "days", "policy", "message"), [_row(name, each) for name, each in found.items()])
    if any(not isinstance(each, Unreadable) and each.faults for each in found.values()):
        return NON_COMPLIANT
    return UNKNOWN if any(isinstance(each, Unreadable) for each in found.values()) else OK


def _row(name: str, found: "Protection | Unreadable") -> tuple[str, ...]:
    if isinstance(found, Unreadable):
        return name, "?", "unknown", f"{found.reason}: {found.message}"
    said = "; ".join(found.faults) or "nobody can change or delete a blob before its time"
    return name, str(found.days or ""), found.state.lower() or "none", said


def _account(given: str | None) -> str:
    if given is None:
        parts = [os.environ.get(name, "") for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP")]
        name = os.environ.get("FIPSWARDEN_EVIDENCE_ACCOUNT", "")
        if not all((*parts, name)):
            raise InputError(
                "which account? Give --account with its ARM id, or AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and "
                "FIPSWARDEN_EVIDENCE_ACCOUNT, as `azd env get-values` prints them"
            )
        group = f"/subscriptions/{parts[0]}/resourceGroups/{parts[1]}"
        given = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    if not _ID.fullmatch(given):
        raise InputError(f"{given[:300]!r} is not the ARM id of a storage account")
    return given
