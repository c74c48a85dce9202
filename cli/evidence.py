"""`fipswarden evidence`: what was seen and done."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from cli.exits import OK, UNKNOWN, cut_short
from cli.naming import CLUSTER, named_cluster
from cli.show import print_table
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.ids import ClusterId
    from shared.ports import Evidence


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "the evidence records of a cluster; 2 if there are none"
    evidence = commands.add_parser("evidence", help=words, description=words)
    evidence.add_argument("cluster", help=CLUSTER)
    evidence.add_argument("seq", nargs="?", type=int, help="number of one record, to see it whole")
    evidence.set_defaults(run=_evidence)


def _evidence(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    cluster = named_cluster(chosen.cluster)
    evidence = bootstrap.evidence()
    if chosen.seq is None:
        return _list(evidence, cluster)
    record = evidence.read(cluster, chosen.seq)
    if record is None:
        raise InputError(f"there is no record {chosen.seq} of {cluster}: `fipswarden evidence` lists them")
    with cut_short():
        print(json.dumps(record.payload, indent=2))
    return OK


def _list(evidence: "Evidence", cluster: "ClusterId") -> int:
    rows: list[tuple[str, ...]] = []
    while record := evidence.read(cluster, len(rows) + 1):
        said = record.payload
        what = str(said.get("outcome") or said.get("action") or said.get("posture", {}).get("state") or "")
        rows.append((str(record.seq), str(said["at"])[:19], record.kind.value, str(said.get("pool", "")), what))
    if not rows:
        print(f"there is no evidence of {cluster}: it has not been looked at")
        return UNKNOWN
    with cut_short():
        print_table(("seq", "at (UTC)", "kind", "node pool", "what"), rows)
    return OK
