"""`fipswarden`: read the posture and the evidence, check a policy, ask for a look, stop everything.

It never acts beside the app: what changes something goes through the queue or the budget's row, and a look does it.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.deployment import HINT, complete
from cli.show import print_table
from shared import __version__
from shared.domain.events import watched
from shared.domain.ids import ClusterId
from shared.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from shared.domain.model import Posture
    from shared.ports import Table
    from shared.postures import PostureSummary

OK, FAULTY, USAGE, UNREACHABLE = 0, 1, 2, 3
_CLUSTER = "a cluster: group/name, as `posture` prints it, or its ARM id"
_OVERDUE = "unknown (overdue)"
_REASON_LENGTH = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1 for a fault that was found, 2 for wrong arguments or settings, 3 for no access."""
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    complete(os.environ)
    try:
        return run(chosen)
    except ConfigError as error:
        print(f"{error.subject}:", *error.faults, HINT, sep="\n  ", file=sys.stderr)
    except ValueError as error:
        print(f"fipswarden: {error}", file=sys.stderr)
    except _no_access() as error:
        print(f"fipswarden: {' '.join(str(error).split())[:500]}", file=sys.stderr)
        return UNREACHABLE
    return USAGE


def _no_access() -> tuple[type[Exception], ...]:
    # Asked only once something was raised: checking a policy imports no Azure SDK.
    from azure.core.exceptions import AzureError

    return (AzureError, OSError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fipswarden", description="FIPS on AKS node pools: posture, evidence, looks.")
    parser.add_argument("--version", action="version", version=f"fipswarden {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    policy = commands.add_parser("policy", help="work with the policy").add_subparsers(required=True, metavar="what")
    validate = policy.add_parser("validate", help="report every fault of a policy file at once")
    validate.add_argument("file", type=Path, help="the policy, YAML")
    validate.set_defaults(run=_validate)

    posture = commands.add_parser("posture", help="the verdicts: of all clusters, or of one cluster's node pools")
    posture.add_argument("cluster", nargs="?", help=_CLUSTER)
    posture.add_argument("--json", action="store_true", help="for programs")
    posture.set_defaults(run=_posture)

    evidence = commands.add_parser("evidence", help="the evidence records of a cluster")
    evidence.add_argument("cluster", help=_CLUSTER)
    evidence.add_argument("seq", nargs="?", type=int, help="number of one record, to see it whole")
    evidence.set_defaults(run=_evidence)

    look = commands.add_parser("look", help="ask the app to look at a cluster now")
    look.add_argument("cluster", help=_CLUSTER)
    look.set_defaults(run=_look)

    pause = commands.add_parser("pause", help="stop every remediation; what runs goes on to its end")
    pause.add_argument("--reason", required=True, type=_reason, help="kept with your name")
    pause.set_defaults(run=_pause)
    resume = commands.add_parser("resume", help="let remediations go on")
    resume.set_defaults(run=_resume)
    return parser


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise argparse.ArgumentTypeError("say why: whoever finds everything paused has to know")
    if len(words) > _REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"{len(words)} characters are too many: {_REASON_LENGTH} may be kept")
    return words


def _cluster(text: str) -> ClusterId:
    """Return the cluster of an ARM id, or of `group/name` as the posture table knows it; raises ValueError."""
    if text.startswith("/"):
        return ClusterId.parse(text)
    if text.count("/") != 1:
        raise ValueError(f"{text[:200]!r} is neither group/name, as `posture` prints it, nor a cluster's ARM id")
    from shared import bootstrap
    from shared.postures import summaries

    table = bootstrap.table("posture")
    found = [each.cluster for each in summaries(table) if str(each.cluster).lower() == text.lower()]
    if not found:
        raise ValueError(f"{text[:200]!r} has not been looked at: give its ARM id, or see `fipswarden posture`")
    if len(found) > 1:
        ids = ", ".join(each.arm_id for each in found)
        raise ValueError(f"{text[:200]!r} is not one cluster but {len(found)}: give the ARM id, one of {ids}")
    return found[0]


def _watches(cluster: ClusterId) -> bool:
    subscriptions = watched(os.environ.get("FIPSWARDEN_SUBSCRIPTIONS", ""))
    return not subscriptions or cluster.subscription in subscriptions


def _validate(chosen: argparse.Namespace) -> int:
    from shared.domain.policy import read_policy

    try:
        policy = read_policy(chosen.file.read_text(encoding="utf-8"), str(chosen.file))
    except OSError as error:
        raise ValueError(f"{chosen.file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{chosen.file} is not UTF-8: {error}") from error
    except ConfigError as error:
        print(f"{chosen.file}: {_count(len(error.faults), 'fault')}", *error.faults, sep="\n  ")
        return FAULTY
    print(f"{chosen.file}: valid; {_count(len(policy.rules), 'rule')}, mode {policy.mode} for everything else")
    return OK


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _posture(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    cluster = None if chosen.cluster is None else _cluster(chosen.cluster)
    table, now = bootstrap.table("posture"), bootstrap.SystemClock().now()
    return _fleet(table, now, chosen.json) if cluster is None else _one(table, cluster, now, chosen.json)


def _fleet(table: "Table", now: "datetime", as_json: bool) -> int:
    from shared import bootstrap
    from shared.budget import read_head
    from shared.postures import summaries

    clusters = [summary for summary in summaries(table) if summary.in_scope and not summary.gone]
    if as_json:
        print(json.dumps([_plain(summary, now) for summary in clusters], indent=2))
        return OK
    head = read_head(bootstrap.table("rollout"))
    if head.paused:
        print(f"paused by {head.paused_by or 'somebody'}; nothing new is begun until `fipswarden resume`")
    rows = [
        (
            str(item.cluster),
            _OVERDUE if item.overdue(now) else item.state.value,
            str(item.pools),
            str(item.seq),
            _time(item.at),
        )
        for item in clusters
    ]
    print_table(("cluster", "state", "node pools", "evidence", "as of (UTC)"), rows)
    return OK


def _plain(summary: "PostureSummary", now: "datetime") -> dict[str, Any]:
    from shared.domain.codec import plain
    from shared.domain.model import ComplianceState

    overdue = summary.overdue(now)
    state = ComplianceState.UNKNOWN if overdue else summary.state
    return {**plain(summary), "state": state.value, "overdue": overdue}


def _time(at: "datetime | None") -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else ""


def _one(table: "Table", cluster: ClusterId, now: "datetime", as_json: bool) -> int:
    from shared.domain.codec import plain
    from shared.postures import read_posture, summaries

    posture = read_posture(table, cluster).posture
    if posture is None:
        print("this cluster has not been looked at; `fipswarden look` asks for it")
        return FAULTY
    if as_json:
        print(json.dumps(plain(posture), indent=2))
        return OK
    rows = (each for each in summaries(table, cluster.subscription) if each.cluster == cluster)
    overdue = any(row.overdue(now) for row in rows)
    _print_pools(posture, overdue)
    print(f"  as of {_time(posture.at)} (UTC)")
    if overdue:
        print("  the looks that were due have not come: what was true then counts as unknown")
    return OK


def _print_pools(posture: "Posture", overdue: bool) -> None:
    cells = [
        (each.pool, _OVERDUE if overdue else each.state.value, each.decisive.reason, each.mode.value, each.rule)
        for each in posture.pools
    ]
    print_table(("node pool", "state", "reason", "mode", "rule"), cells)
    for found in posture.cluster_findings:
        print(f"  {found.message}")
    if not posture.in_scope:
        print("  the policy excludes this cluster: it has no state")
    for item in posture.pools:
        for finding in item.findings:
            print(f"  {item.pool}: {finding.message}")


def _evidence(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    cluster = _cluster(chosen.cluster)
    evidence = bootstrap.evidence()
    if chosen.seq is not None:
        record = evidence.read(cluster, chosen.seq)
        print(json.dumps(record.payload, indent=2) if record else f"there is no record {chosen.seq}")
        return OK if record else FAULTY
    rows: list[tuple[str, ...]] = []
    while record := evidence.read(cluster, len(rows) + 1):
        said = record.payload
        what = str(said.get("outcome") or said.get("action") or said.get("posture", {}).get("state") or "")
        rows.append((str(record.seq), str(said["at"])[:19], record.kind.value, str(said.get("pool", "")), what))
    if not rows:
        print(f"there is no evidence of {cluster}: it has not been looked at")
        return FAULTY
    print_table(("seq", "at (UTC)", "kind", "node pool", "what"), rows)
    return OK


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "somebody without a name"


def _look(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.domain.requests import ReconcileRequest

    cluster = _cluster(chosen.cluster)
    if not _watches(cluster):
        raise ValueError(f"{cluster} is not looked at: FIPSWARDEN_SUBSCRIPTIONS leaves out {cluster.subscription}")
    bootstrap.wake_ups().send(ReconcileRequest(cluster, f"cli: {_who()}"))
    print(f"queued: {cluster} will be looked at; `fipswarden posture {cluster.arm_id}` shows the verdicts")
    return OK


def _pause(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import pause

    pause(bootstrap.table("rollout"), f"{_who()}: {chosen.reason}", paused=True)
    print("paused: nothing new is begun until `fipswarden resume`")
    return OK


def _resume(_: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import pause
    from shared.domain.model import ComplianceState
    from shared.domain.requests import ReconcileRequest
    from shared.postures import summaries

    pause(bootstrap.table("rollout"), "", paused=False)
    # What waited would come back by itself, but only in an hour or so.
    wanting = (ComplianceState.NON_COMPLIANT, ComplianceState.INCONSISTENT)
    waiting = [
        summary.cluster
        for summary in summaries(bootstrap.table("posture"))
        if summary.in_scope and not summary.gone and summary.state in wanting and _watches(summary.cluster)
    ]
    for cluster in waiting:
        bootstrap.wake_ups().send(ReconcileRequest(cluster, f"cli: {_who()} resumed"))
    print(f"resumed; {_count(len(waiting), 'cluster')} will be looked at now")
    return OK


if __name__ == "__main__":
    sys.exit(main())
