"""`fipswarden evidence export`: a folder with evidence as it is stored, which an auditor verifies without Azure."""

import argparse
import sys
from pathlib import Path
from typing import Any

from cli.counter import counter
from cli.evidence_verify import add_scope
from cli.exits import OK, UNKNOWN, returns
from cli.naming import a_file, named_cluster, well_named
from cli.show import plain_text
from shared.domain.wording import count

_DESCRIPTION = (
    "Writes the records byte for byte, the manifests with what they vouch for, the keys' public halves, the policies "
    "and exemptions in use, the algorithm of the verification and a readable index into a new folder. It judges "
    "nothing: `fipswarden evidence verify --offline DIR` does. 2 if there is no evidence."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "write a pack that an auditor verifies by himself"
    export = commands.add_parser(
        "export", help=words, description=_DESCRIPTION, epilog=returns(two="there is no evidence")
    )
    export.add_argument("folder", type=a_file, metavar="DIR", help="a folder that is not there yet")
    add_scope(export)
    export.set_defaults(run=_export)


def _export(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.heads import known_heads
    from shared.packing import Wanted, write_pack

    if chosen.cluster:
        well_named(chosen.cluster)
    # Of the settings that are missing it names all, where a table would name its own.
    archive = bootstrap.archive()
    folder: Path = chosen.folder
    cluster = named_cluster(chosen.cluster).path if chosen.cluster else ""
    heads = known_heads(bootstrap.table("posture"), bootstrap.table("rollout"))
    with counter("records") as counted:
        pack = write_pack(archive, folder, Wanted(cluster, chosen.since, heads), bootstrap.SystemClock().now(), counted)
    for name in pack.left_out:
        print(plain_text(f"left out: {name} is the name of no record"), file=sys.stderr)
    records = sum(chain.records for chain in pack.chains)
    print(f"{folder}: {count(records, 'record')} of {count(len(pack.chains), 'chain')}, and the manifests")
    print(f"verify it: fipswarden evidence verify --offline {folder}")
    return OK if records else UNKNOWN
