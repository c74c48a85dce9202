"""`fipswarden check`: judges the fleet, live or as it was saved, by the same code as the app; changes nothing."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cli.exits import MEANING, cut_short
from cli.naming import count
from cli.policy import load
from cli.report import print_report
from cli.show import plain_text
from cli.verdicts import Judge
from shared.domain.model import ClusterRead, Unreadable
from shared.domain.pages import Gap, gaps
from shared.domain.policy import Policy, read_policy
from shared.domain.saved import ACCEPTED, Entry, read_saved
from shared.errors import InputError, TransientError

if TYPE_CHECKING:
    from shared.domain.ids import ClusterId
    from shared.ports import Clusters, Fleet

T = TypeVar("T")

BUILT_IN = "version: 1\nmode: audit\nproof: { level: control-plane }\n"
"""The policy without `--policy`: FIPS required of every node pool, nothing is acted on, ARM's word is enough."""
_DESCRIPTION = (
    "Judges every node pool. Without --from: live, through Resource Graph, as whom `az login` says, in the "
    "subscriptions of FIPSWARDEN_SUBSCRIPTIONS or all that can be read. Nodes are not asked: where a policy wants "
    "their proof, pools are unknown (ProofMissing); `fipswarden posture` shows what the app has proven."
)
_AWAY = frozenset({"Unreachable", "Unauthenticated"})
"""Why nothing at all could be read: no network, no sign-in."""
_PATIENCE = 5
"""How often one cluster is asked for while ARM throttles."""
_LONGEST_WAIT = 60.0
"""Seconds; who has to wait longer is told that the cluster is unknown."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check", help="judge the fleet, live or saved", description=_DESCRIPTION, epilog=MEANING
    )
    saved = f"judge what was saved, without signing in; - is standard input. Accepted are {ACCEPTED}"
    check.add_argument("--from", dest="files", nargs="+", action="extend", metavar="FILE", help=saved)
    check.add_argument(
        "--policy", type=Path, metavar="FILE", help="without it: FIPS required everywhere, control-plane proof, audit"
    )
    check.add_argument("--output", choices=("table", "json", "csv"), default="table", help="default: table")
    check.add_argument("--fresh", action="store_true", help="read every cluster from ARM: Resource Graph lags behind")
    check.set_defaults(run=_check)


def _check(chosen: argparse.Namespace) -> int:
    if chosen.files and chosen.fresh:
        raise InputError("--fresh reads from ARM and --from reads files: give one of the two")
    judge = Judge(_policy(chosen.policy), datetime.now(UTC))
    if chosen.files:
        _judge_files(chosen.files, judge)
    else:
        _judge_live(judge, fresh=chosen.fresh)
    verdicts = judge.verdicts()
    with cut_short():
        print_report(verdicts, chosen.output)
    for gap in verdicts.gaps:
        _tell(f"not seen, so unknown: {gap.source}: {gap.reason}: {gap.message}")
    for note in verdicts.notes:
        _tell(note)
    return verdicts.exit_code


def _tell(text: str) -> None:
    print(f"fipswarden: {plain_text(text)}", file=sys.stderr)


def _policy(path: Path | None) -> Policy:
    return load(path) if path else read_policy(BUILT_IN, "the built-in policy")


def _judge_files(files: list[str], judge: Judge) -> None:
    if files.count("-") > 1:
        raise InputError("standard input (-) can be read only once")
    pages = []
    for name in files:
        saved = read_saved(_content(name), "standard input" if name == "-" else name)
        pages.append(saved.page)
        if saved.others:
            judge.notes.append(f"{saved.source}: {count(saved.others, 'resource')} of other types left out")
        judge.judge(saved.entries())
    judge.gaps.extend(gaps(pages))


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}") from error


def _judge_live(judge: Judge, *, fresh: bool) -> None:
    from shared import bootstrap

    fleet, clusters = bootstrap.standalone_fleet()
    readable = _readable(fleet, judge)
    hints = list(fleet.clusters(readable)) if readable else []
    if fresh:
        ids = _counted("reading cluster", [hint.cluster for hint in hints])
        judge.judge(Entry(cluster, "ARM", read_patiently(clusters, cluster)) for cluster in ids)
    else:
        judge.judge(Entry(hint.cluster, "Resource Graph", hint.read) for hint in hints)


def _readable(fleet: "Fleet", judge: Judge) -> list[str]:
    """Return the subscriptions that ARM lets be listed; the others are gaps. Raises TransientError if ARM is away.

    ARM is asked since Resource Graph leaves out without a word what may not be read.
    """
    from shared.coverage import unreadable_subscriptions

    subscriptions = fleet.subscriptions()
    if not subscriptions:
        judge.gaps.append(Gap("ARM", "NoSubscriptions", "Whoever is signed in sees no subscription: check `az login`."))
    unreadable = unreadable_subscriptions(fleet, _counted("asking about subscription", subscriptions))
    if unreadable and all(one in unreadable and unreadable[one].reason in _AWAY for one in subscriptions):
        raise TransientError(unreadable[subscriptions[0]].message)
    judge.gaps.extend(Gap(f"subscription {one}", why.reason, why.message) for one, why in unreadable.items())
    return [one for one in subscriptions if one not in unreadable]


def read_patiently(
    clusters: "Clusters", cluster: "ClusterId", wait: Callable[[float], None] = time.sleep
) -> ClusterRead:
    """Read a cluster; where ARM throttles (60 at once, then one a second; AKS, "quotas"), wait as long as it says."""
    for _ in range(_PATIENCE):
        read = clusters.read(cluster)
        if not isinstance(read, Unreadable) or read.reason != "Throttled" or read.retry_after is None:
            return read
        if read.retry_after.total_seconds() > _LONGEST_WAIT:
            return read
        wait(read.retry_after.total_seconds())
    return clusters.read(cluster)


def _counted(what: str, items: Sequence[T]) -> Iterator[T]:
    """Yield items, and say on a terminal how far it is."""
    for number, item in enumerate(items, 1):
        _progress(f"{what} {number} of {len(items)}")
        yield item
    _progress("")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)
