"""`fipswarden evidence`: what was seen and done, and whether its records hold together."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cli import evidence_export, evidence_verify, protection
from cli.exits import GROUP, NON_COMPLIANT, OK, UNKNOWN, cut_short, returns
from cli.naming import CLUSTER, at_least_one, named_cluster, well_named
from cli.show import plain_text, print_aligned
from shared.domain.records import FLEET, MANIFESTS, in_words, path_of
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.archive import Archive
    from shared.domain.ids import ClusterId
    from shared.domain.records import Head


def add(commands: Any) -> None:
    """Add the command, with its own commands, to the parser."""
    words = "what was seen and done: show it, verify it, export it, see what keeps it from being changed"
    evidence = commands.add_parser("evidence", help=words, description=words, epilog=GROUP)
    below = evidence.add_subparsers(required=True)
    _add_show(below)
    evidence_verify.add(below)
    evidence_export.add(below)
    protection.add(below)


def _add_show(commands: Any) -> None:
    words = "the records of a chain; 1 if one is missing, unreadable or changed, 2 if there are none"
    meaning = returns("a record is missing, unreadable or changed", "there is none")
    show = commands.add_parser("show", help=words, description=words, epilog=meaning)
    show.add_argument("chain", help=f"{CLUSTER}; or {' or '.join(_OTHERS)}, for those of no cluster")
    show.add_argument("seq", nargs="?", type=at_least_one, help="number of one record, to see it whole")
    show.set_defaults(run=_show)


_OTHERS = {"fleet": FLEET, "manifests": MANIFESTS}
"""The chains that are no cluster's, by what they are called here; their own names do as well."""


def _show(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.heads import kept_head
    from shared.postures import read_posture

    other = _OTHERS.get(chosen.chain.removeprefix("_"))
    if not other:
        well_named(chosen.chain)
    # Of the settings that are missing it names all, where a table would name its own.
    archive = bootstrap.archive()
    if other:
        named: ClusterId | str = other
    else:
        named = named_cluster(chosen.chain)
    if chosen.seq is not None:
        return _one(archive, named, chosen.seq)
    if isinstance(named, str):
        known = kept_head(bootstrap.table("rollout"), named)
    else:
        known = read_posture(bootstrap.table("posture"), named).head
    return _list(archive, named, known)


def _one(archive: "Archive", named: "ClusterId | str", seq: int) -> int:
    from shared.domain.verification import body_of, envelope_fault, parse, record_name

    path = path_of(named)
    name = record_name(path, seq)
    try:
        data = archive.data(name)
    except FileNotFoundError as error:
        raise InputError(f"there is no record {seq} of {named}: `fipswarden evidence show` lists them") from error
    said = parse(data)
    if isinstance(said, str):
        return _told([f"{name} {said}"])
    with cut_short():
        print(json.dumps(said, indent=2))
    found = envelope_fault(said, path, seq) or body_of(said)
    return _told([f"{name} {found}"] if isinstance(found, str) else [])


def _list(archive: "Archive", named: "ClusterId | str", known: "Head") -> int:
    from shared import bootstrap
    from shared.history import history

    entries = tuple(history(archive, path_of(named), known, bootstrap.SystemClock().now()))
    if not entries:
        print(f"there is no evidence of {named}: {_none_yet(named)}")
        return UNKNOWN
    with cut_short():
        print_aligned(("seq", "at (UTC)", "kind", "node pool", "what"), [_row(one.said) for one in entries if one.said])
    return _told(str(fault) for entry in entries for fault in entry.faults)


def _none_yet(named: "ClusterId | str") -> str:
    return "nothing has been recorded there" if isinstance(named, str) else "it has not been looked at"


def _told(faults: Iterable[str]) -> int:
    code = OK
    for fault in faults:
        print(plain_text(fault), file=sys.stderr)
        code = NON_COMPLIANT
    return code


def _row(said: "Mapping[str, Any]") -> tuple[str, ...]:
    return (str(said["seq"]), str(said["at"])[:19], str(said["kind"]), str(said.get("pool", "")), in_words(said))
