"""What `check` prints: a table for people, CSV for spreadsheets, JSON for programs."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

from cli.show import plain_text, print_aligned
from cli.verdicts import ClusterRow, PoolRow, Verdicts
from shared.domain.codec import plain
from shared.domain.model import WORST_FIRST
from shared.domain.model import ComplianceState as State
from shared.domain.posture import Finding, PoolPosture
from shared.domain.wording import count
from shared.reports.cells import csv_lines

_HEADER = ("cluster", "node pool", "state", "reason", "message")
_COLUMNS = ("id", *_HEADER, "mode", "rule")


def print_report(verdicts: Verdicts, output: str) -> None:
    """Print the verdicts as `table`, `csv` or `json`."""
    match output:
        case "json":
            for part in _json_lines(verdicts):
                print(part)
        case "csv":
            _print_csv(verdicts)
        case _:
            _print_table(verdicts)


def _decisive(row: ClusterRow) -> Finding:
    return next(finding for finding in row.findings if finding.state is row.state)


def _told(posture: PoolPosture) -> Finding:
    """Return the finding that the table shows: that a pool can't be switched as it is says more than that it is off."""
    worst = [finding for finding in posture.findings if finding.state is posture.state is State.NON_COMPLIANT]
    return next((finding for finding in worst if finding.check == "capable"), posture.decisive)


def _cells(verdicts: Verdicts) -> Iterator[tuple[PoolRow | ClusterRow, tuple[str, ...]]]:
    """Yield pools and clusters together, the worst first, with the cells that people see."""
    rows: list[PoolRow | ClusterRow] = [*verdicts.clusters, *verdicts.pools]
    for row in sorted(rows, key=lambda one: WORST_FIRST.index(one.state)):
        match row:
            case PoolRow():
                found = _told(row.posture)
                yield row, (str(row.cluster), row.posture.pool, row.state.value, found.reason, found.message)
            case ClusterRow():
                found = _decisive(row)
                yield row, (row.name, "", row.state.value, found.reason, found.message)


def _print_table(verdicts: Verdicts) -> None:
    rows = [cells for _, cells in _cells(verdicts)]
    if rows:
        print_aligned(_HEADER, rows)
    for cluster in verdicts.excluded:
        print(f"excluded by the policy: {plain_text(str(cluster))}")
    print(_counts(verdicts))


def _counts(verdicts: Verdicts) -> str:
    judged = ", ".join(f"{number} {state}" for state, number in verdicts.summary.items() if number)
    parts = [count(len(verdicts.pools), "node pool")]
    if verdicts.clusters:
        parts.append(f"{count(len(verdicts.clusters), 'cluster')} with findings of no pool")
    if verdicts.excluded:
        parts.append(f"{count(len(verdicts.excluded), 'cluster')} excluded")
    if verdicts.gaps:
        parts.append(f"{count(len(verdicts.gaps), 'part')} of the fleet not seen")
    return f"{'; '.join(parts)}: {judged or 'nothing was judged'}"


def _print_csv(verdicts: Verdicts) -> None:
    """Print RFC 4180: CRLF, quotes where needed; a gap is a row of its own, so that no list looks whole that isn't."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(newline="")
    for line in csv_lines(_csv_rows(verdicts)):
        sys.stdout.write(line)


def _csv_rows(verdicts: Verdicts) -> Iterator[tuple[str, ...]]:
    yield _COLUMNS
    for row, cells in _cells(verdicts):
        match row:
            case PoolRow():
                yield (row.id, *cells, row.posture.mode.value, row.posture.rule)
            case ClusterRow():
                yield (row.cluster.arm_id if row.cluster else "", *cells, "", "")
    for gap in verdicts.gaps:
        yield ("", gap.source, "", "unknown", gap.reason, gap.message, "", "")
    for cluster in verdicts.excluded:
        message = "The policy excludes this cluster: it has no state."
        yield (cluster.arm_id, str(cluster), "", "", "Excluded", message, "", "")


def _json_lines(verdicts: Verdicts) -> Iterator[str]:
    """Yield one JSON object, a line for each pool: 100,000 of them are neither built nor indented as a whole."""
    yield f'{{"at": {json.dumps(plain(verdicts.at))}, "pools": ['
    last = len(verdicts.pools) - 1
    for number, row in enumerate(verdicts.pools):
        yield json.dumps(_pool(row)) + ("," if number < last else "")
    rest = {
        "clusters": [_cluster(row) for row in verdicts.clusters],
        "excluded": [{"id": cluster.arm_id, "cluster": str(cluster)} for cluster in verdicts.excluded],
        "coverage": plain(verdicts.gaps),
        "notes": list(verdicts.notes),
        "summary": dict(verdicts.summary),
    }
    yield "], " + json.dumps(rest)[1:]


def _pool(row: PoolRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "cluster": row.cluster.arm_id,
        "pool": row.posture.pool,
        "state": row.state.value,
        "mode": row.posture.mode.value,
        "rule": row.posture.rule,
        "findings": [_finding(finding) for finding in row.posture.findings],
    }


def _cluster(row: ClusterRow) -> dict[str, Any]:
    return {
        "id": row.cluster.arm_id if row.cluster else None,
        "where": row.where,
        "state": row.state.value,
        "findings": [_finding(finding) for finding in row.findings],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {"reason": finding.reason, "state": finding.state.value, "message": finding.message}
