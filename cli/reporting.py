"""`fipswarden report`: what the evidence says of the fleet, in the form that somebody asks for it."""

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.counter import counter
from cli.evidence_verify import add_scope, folder_path, stored
from cli.exits import MEANING, NON_COMPLIANT, UNKNOWN, cut_short, of_states
from cli.naming import a_file
from cli.show import plain_text
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.assessment import Assessment

FORMATS = ("html", "csv", "json", "oscal", "ocsf", "poam")
"""Those of shared.reports.formats, which is loaded when one is written."""
_MOST = 20
_NOTHING = "there is no evidence to report on"
_DESCRIPTION = (
    "Reads the evidence, online or from a pack, and writes what it says: html (to read and print), csv (a row for each "
    "node pool), json, oscal (assessment results), ocsf (compliance findings, one event a line), poam (open findings "
    "as CSV). It says nothing that no record says. 1 also if a record is missing or was changed."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "what the evidence says: for auditors, spreadsheets, SIEMs"
    report = commands.add_parser("report", help=words, description=_DESCRIPTION, epilog=MEANING)
    report.add_argument("--format", choices=FORMATS, default="html", help="default: html")
    report.add_argument("--to", type=a_file, metavar="FILE", help="default: standard output")
    report.add_argument("--offline", type=folder_path, metavar="DIR", help="a pack of `evidence export`")
    add_scope(report, "changes and remediations since the beginning of that day (UTC); default: all")
    report.set_defaults(run=_report)


def _report(chosen: argparse.Namespace) -> int:
    from shared.reports.formats import FORMATS as WRITERS

    found = _assessed(chosen)
    if chosen.to and not (found.clusters or found.fleet or found.manifest or found.faults):
        # Of a wrong path, say: a file would stand there as a report.
        print(f"{_NOTHING}: {chosen.to} was not written", file=sys.stderr)
        return UNKNOWN
    pieces = WRITERS[chosen.format](found)
    if chosen.to:
        _write(chosen.to, pieces)
        print(f"{chosen.to}: {_summary(found)}")
    else:
        with cut_short():
            _print(pieces)
    return _verdict(found)


def _assessed(chosen: argparse.Namespace) -> "Assessment":
    from shared import bootstrap
    from shared.domain.fleet_assessment import Asked
    from shared.reporting import assess, pack_faults

    since = datetime.combine(chosen.since, time(), UTC) if chosen.since else None
    with stored(chosen) as (folder, meant), counter("files", 2 * (folder.files or 0) if folder else None) as count:
        faults = tuple(map(str, folder.faults)) if folder else ()
        if folder and folder.sums:
            faults += pack_faults(folder.archive, folder.sums, meant.held, count)
        archive = folder.archive if folder else bootstrap.archive()
        return assess(archive, Asked(meant.now, since, meant.scope, meant.heads, faults), count)


def _print(pieces: Iterable[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a report is made of is said by its format: CSV has its own ends of lines, and all of them are UTF-8.
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    for piece in pieces:
        sys.stdout.write(piece)


def _write(file: Path, pieces: Iterable[str]) -> None:
    """Write a file whole or not at all: one that is there stays until the new one is; raises InputError for none."""
    if file.is_dir() or not file.parent.is_dir():
        raise InputError(f"{file} can't be written: name a file in a folder that is there")
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", newline="", dir=file.parent, prefix=f".{file.name}.",
        delete=False,
    ) as made:  # fmt: skip
        try:
            made.writelines(pieces)
            made.close()
            Path(made.name).chmod(0o666 & ~_umask())
            Path(made.name).replace(file)
        except BaseException:
            Path(made.name).unlink()
            raise


def _umask() -> int:
    # It can only be read by being set.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _summary(found: "Assessment") -> str:
    from shared.reports import words

    return plain_text(f"as of {words.minute(found.as_of)}, {words.summary(found)}")


def _verdict(found: "Assessment") -> int:
    """Return the exit code, and name on standard error what is not whole."""
    faults = [*found.faults, *(fault for one in found.clusters for fault in one.faults)]
    for fault in faults[:_MOST]:
        print(plain_text(fault), file=sys.stderr)
    if len(faults) > _MOST:
        print(f"... and {len(faults) - _MOST:,} more: `fipswarden evidence verify` names them", file=sys.stderr)
    if faults:
        return NON_COMPLIANT
    if not found.clusters:
        print(_NOTHING, file=sys.stderr)
        return UNKNOWN
    worst = of_states([*found.states(), *found.was(), *found.beside(), *(one.state for one in found.judged)])
    return worst or (UNKNOWN if any(found.unread()) else worst)
