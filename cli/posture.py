"""`fipswarden posture`: the verdicts that the app has stored, of the fleet or of one cluster."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cli.exits import MEANING, UNKNOWN, cut_short, of_states
from cli.naming import CLUSTER, add_output, is_watched, named_cluster, not_watched
from cli.show import plain_text, print_aligned
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState

if TYPE_CHECKING:
    from shared.domain.budget import Budget, Counts
    from shared.domain.planned import Deferral
    from shared.domain.posture import Posture
    from shared.ports import Table
    from shared.postures import PostureSummary

_OVERDUE = "unknown (overdue)"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "the verdicts: of all clusters, or of one cluster's node pools"
    posture = commands.add_parser("posture", help=words, description=words, epilog=MEANING)
    posture.add_argument("cluster", nargs="?", help=CLUSTER)
    add_output(posture)
    posture.set_defaults(run=_posture)


def _posture(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    cluster = None if chosen.cluster is None else named_cluster(chosen.cluster)
    table, now = bootstrap.table("posture"), bootstrap.SystemClock().now()
    as_json = chosen.output == "json"
    return _fleet(table, now, as_json) if cluster is None else _one(table, cluster, now, as_json)


def _fleet(table: "Table", now: datetime, as_json: bool) -> int:
    from shared import bootstrap
    from shared.budget import read_budget
    from shared.digest import unseen
    from shared.postures import summaries

    clusters = [summary for summary in summaries(table) if summary.in_scope and not summary.gone]
    budget = read_budget(bootstrap.table("rollout"))
    missing = unseen(budget.counts, now)
    with cut_short():
        if as_json:
            print(json.dumps(_fleet_plain(clusters, budget.counts, missing, now), indent=2))
        else:
            _print_stops(budget)
            _print_fleet(clusters, now)
            if missing:
                counted = f"the resync of {_time(budget.counts.at)} UTC: " if budget.counts else ""
                print(f"{counted}{missing} The next resync counts anew; `fipswarden check --fresh` reads the fleet now")
    states = [_state(summary, now) for summary in clusters]
    return of_states([*states, ComplianceState.UNKNOWN] if missing else states)


def _fleet_plain(
    clusters: "list[PostureSummary]", counts: "Counts | None", missing: str, now: datetime
) -> dict[str, Any]:
    from shared.domain.codec import plain

    resync = {"at": plain(counts.at), "blind": counts.blind, "gaps": list(counts.gaps)} if counts else None
    return {"clusters": [_plain(summary, now) for summary in clusters], "resync": resync, "unseen": missing}


def _print_fleet(clusters: "list[PostureSummary]", now: datetime) -> None:
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
    print_aligned(("cluster", "state", "node pools", "evidence", "as of (UTC)"), rows)


def _print_stops(budget: "Budget") -> None:
    if budget.paused:
        by = plain_text(budget.paused_by or "somebody")
        print(f"paused by {by}; nothing new is begun until `fipswarden resume`")
    if budget.broken:
        print(f"{plain_text(budget.broken)} It goes on after `fipswarden breaker reset`.")


def _state(summary: "PostureSummary", now: datetime) -> ComplianceState:
    """What nobody has renewed in time is unknown, whatever it was."""
    return ComplianceState.UNKNOWN if summary.overdue(now) else summary.state


def _plain(summary: "PostureSummary", now: datetime) -> dict[str, Any]:
    from shared.domain.codec import plain

    return {**plain(summary), "state": _state(summary, now).value, "overdue": summary.overdue(now)}


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else ""


def _one(table: "Table", cluster: ClusterId, now: datetime, as_json: bool) -> int:
    from shared.domain.codec import plain
    from shared.postures import read_posture, summaries

    stored = read_posture(table, cluster)
    posture = stored.posture
    if posture is None:
        return _nothing(cluster, as_json)
    rows = (each for each in summaries(table, cluster.subscription) if each.cluster == cluster)
    overdue = any(row.overdue(now) for row in rows)
    with cut_short():
        if as_json:
            shown = _as_unknown(posture) if overdue else posture
            print(json.dumps({**plain(shown), "overdue": overdue, "deferrals": plain(stored.deferrals)}, indent=2))
        else:
            _print_pools(posture, overdue)
            _print_deferrals(stored.deferrals)
    if not posture.in_scope:
        return of_states(())
    return UNKNOWN if overdue else of_states((posture.state,))


def _nothing(cluster: ClusterId, as_json: bool) -> int:
    if is_watched(cluster):
        said = (
            f"nothing is known of {cluster}: it does not exist, the policy leaves it out, or no look has come yet; "
            "`fipswarden check --fresh` reads the fleet from ARM"
        )
    else:
        said = not_watched(cluster)
    print(json.dumps({"cluster": cluster.arm_id, "state": "unknown", "message": said}, indent=2) if as_json else said)
    return UNKNOWN


def _as_unknown(posture: "Posture") -> "Posture":
    """What nobody has renewed in time is unknown, for programs as for people."""
    unknown = ComplianceState.UNKNOWN
    pools = tuple(replace(pool, state=unknown) for pool in posture.pools)
    return replace(posture, state=unknown, pools=pools)


def _print_pools(posture: "Posture", overdue: bool) -> None:
    cells = [
        (each.pool, _OVERDUE if overdue else each.state.value, each.decisive.reason, each.mode.value, each.rule)
        for each in posture.pools
    ]
    print(f"as of {_time(posture.at)} UTC")
    if overdue:
        print("the looks that were due have not come: what was true then counts as unknown")
    if not posture.in_scope:
        print("the policy excludes this cluster: it has no state")
    if cells:
        print_aligned(("node pool", "state", "reason", "mode", "rule"), cells)
    said = [
        *(("the cluster", one.message) for one in posture.cluster_findings),
        *((item.pool, one.message) for item in posture.pools for one in item.findings),
    ]
    _print_block("findings", said)


def _print_deferrals(deferrals: "Iterable[Deferral]") -> None:
    said = []
    for item in deferrals:
        until = f" Until {_time(item.until)} UTC." if item.until else ""
        said.append((f"{item.pool or 'the cluster'} ({item.reason})", f"{item.message}{until}"))
    _print_block("not remediated", said)


def _print_block(title: str, lines: "Iterable[tuple[str, str]]") -> None:
    shown = [plain_text(f"  {what}: {text}") for what, text in lines]
    if shown:
        print(f"\n{title}", *shown, sep="\n")
