"""`fipswarden evidence`: what was seen and done, and whether its records hold together."""

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli import evidence_export, evidence_verify, protection
from cli.exits import MEANING, NON_COMPLIANT, OK, UNKNOWN, cut_short
from cli.naming import CLUSTER, named_cluster
from cli.show import plain_text, print_aligned
from shared.domain.records import in_words
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.ids import ClusterId
    from shared.domain.records import Record
    from shared.ports import Evidence


def add(commands: Any) -> None:
    """Add the command, with its own commands, to the parser."""
    words = "what was seen and done: show it, verify it, export it, see what keeps it from being changed"
    evidence = commands.add_parser("evidence", help=words, description=words)
    below = evidence.add_subparsers(required=True, metavar="command")
    _add_show(below)
    evidence_verify.add(below)
    evidence_export.add(below)
    protection.add(below)


def _add_show(commands: Any) -> None:
    words = "the evidence records of a cluster; 1 if one is missing, unreadable or changed, 2 if there are none"
    show = commands.add_parser("show", help=words, description=words, epilog=MEANING)
    show.add_argument("cluster", help=CLUSTER)
    show.add_argument("seq", nargs="?", type=int, help="number of one record, to see it whole")
    show.set_defaults(run=_show)


def _show(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    cluster = named_cluster(chosen.cluster)
    evidence = bootstrap.evidence()
    return _list(evidence, cluster) if chosen.seq is None else _one(evidence, cluster, chosen.seq)


def _one(evidence: "Evidence", cluster: "ClusterId", seq: int) -> int:
    from shared.history import read_entry

    entry = read_entry(evidence, cluster, seq)
    if entry.record is None and not entry.fault:
        raise InputError(f"there is no record {seq} of {cluster}: `fipswarden evidence show` lists them")
    with cut_short():
        if entry.record is not None:
            print(json.dumps(entry.record.payload, indent=2))
    return _told((entry.fault,))


def _list(evidence: "Evidence", cluster: "ClusterId") -> int:
    from shared import bootstrap
    from shared.history import history
    from shared.postures import read_posture

    known = read_posture(bootstrap.table("posture"), cluster).head
    entries = tuple(history(evidence, cluster, known))
    if not entries:
        print(f"there is no evidence of {cluster}: it has not been looked at")
        return UNKNOWN
    with cut_short():
        print_aligned(
            ("seq", "at (UTC)", "kind", "node pool", "what"), [_row(one.record) for one in entries if one.record]
        )
    return _told(entry.fault for entry in entries)


def _told(said: Iterable[str]) -> int:
    faults = [fault for fault in said if fault]
    for fault in faults:
        print(plain_text(fault), file=sys.stderr)
    return NON_COMPLIANT if faults else OK


def _row(record: "Record") -> tuple[str, ...]:
    said = record.payload
    return (str(record.seq), str(said.get("at", ""))[:19], record.kind.value, str(said.get("pool", "")), in_words(said))
