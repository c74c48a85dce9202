"""`fipswarden look`, `pause`, `resume`, `breaker reset`, `approve`, `revoke`: what people ask; a look does it.

Who stops or allows something is kept, and everybody is told.
"""

import argparse
import getpass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.exits import DONE, GROUP, OK
from cli.naming import CLUSTER, is_watched, named_cluster, ours
from cli.show import plain_text
from shared.domain.ids import ClusterId, pool_name
from shared.domain.wording import count
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.planned import Deferral

_REASON_LENGTH = 500
_HOLDS = "7"
"""Days that an approval holds if nobody says otherwise."""
LONGEST = 90
"""Days that any approval may hold."""


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    words = (
        "ask the app to look at a cluster now: it reads and judges it anew, and begins what is due and held by nothing"
    )
    look = commands.add_parser("look", help="ask the app to look at a cluster now", description=words, epilog=DONE)
    look.add_argument("cluster", help=CLUSTER)
    look.set_defaults(run=_look)
    words = "stop every remediation of the fleet; what runs goes on to its end, and everybody is told"
    pause = commands.add_parser("pause", help=words, description=words, epilog=DONE)
    pause.add_argument("--reason", required=True, type=_reason, help="kept with who you are")
    pause.set_defaults(run=_pause)
    words = "let remediations go on after a pause; what waited is looked at now, and everybody is told"
    resume = commands.add_parser("resume", help=words, description=words, epilog=DONE)
    resume.set_defaults(run=_resume)
    words = "the breaker that stops everything when too many remediations fail"
    breaker = commands.add_parser("breaker", help=words, description=words, epilog=GROUP)
    words = "let remediations go on after too many failed; what failed until now counts no more, and everybody is told"
    resets = breaker.add_subparsers(required=True)
    reset = resets.add_parser("reset", help=words, description=words, epilog=DONE)
    reset.add_argument("--reason", required=True, type=_reason, help="what was wrong, told with who you are")
    reset.set_defaults(run=_reset)
    words = "agree to exactly what waits for a person's approval on a node pool (mode `approve`), as `explain` shows it"
    approve = commands.add_parser("approve", help=words, description=words, epilog=DONE)
    approve.add_argument("cluster", help=CLUSTER)
    approve.add_argument("pool", help="name of the node pool")
    approve.add_argument("--days", default=_HOLDS, help=f"how long it holds, 1 to {LONGEST}; default: {_HOLDS}")
    approve.set_defaults(run=_approve)
    words = "take back what was approved on a node pool and has not been used; everybody is told"
    revoke = commands.add_parser("revoke", help=words, description=words, epilog=DONE)
    revoke.add_argument("cluster", help=CLUSTER)
    revoke.add_argument("pool", help="name of the node pool")
    revoke.set_defaults(run=_revoke)


def _reason(text: str) -> str:
    words = plain_text(" ".join(text.split()))
    if not words:
        raise argparse.ArgumentTypeError("say why: whoever finds everything paused has to know")
    if len(words) > _REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"{len(words)} characters are too many: {_REASON_LENGTH} may be kept")
    return words


def who() -> str:
    """Return the object id of whoever runs the command, for the record; raises InputError if there is none."""
    from shared import bootstrap

    return bootstrap.caller()


def in_person() -> str:
    """Return the same with the name that the computer has for him, for people; it must get into no record."""
    try:
        return f"{getpass.getuser()} ({who()})"
    except (KeyError, OSError):
        # A container's user may have no name.
        return who()


def tell(reason: str, title: str, text: str) -> None:
    """Queue an alert about what a person did to the whole fleet."""
    from shared import bootstrap
    from shared.domain.alert import Alert

    now = bootstrap.SystemClock().now()
    key = f"person:{reason}:{now.isoformat()}"
    bootstrap.alert_queue().send(Alert(key, "", "", "info", reason, title, text, now))


def _look(chosen: argparse.Namespace) -> int:
    cluster = ours(named_cluster(chosen.cluster))
    queue(cluster, f"cli: {who()}")
    print(f"queued: {cluster} will be looked at; `fipswarden posture {plain_text(chosen.cluster)}` shows the verdicts")
    if not _known(cluster):
        print("nothing is known of it yet; if it does not exist, there will be no verdict")
        return OK
    print("nodes are asked again only where their last word no longer counts: the verdict says when that was")
    return OK


def _known(cluster: ClusterId) -> bool:
    from shared import bootstrap
    from shared.postures import read_posture

    return read_posture(bootstrap.table("posture"), cluster).posture is not None


def queue(cluster: ClusterId, cause: str) -> None:
    """Ask for a look."""
    from shared import bootstrap
    from shared.domain.requests import ReconcileRequest

    bootstrap.wake_ups().send(ReconcileRequest(cluster, cause))


def _pause(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import pause

    mine = f"{who()}: {chosen.reason}"
    budget = pause(bootstrap.table("rollout"), who(), chosen.reason, bootstrap.SystemClock().now())
    if budget.paused_by != mine:
        print(f"it was paused already, by {plain_text(budget.paused_by)}; `fipswarden resume` ends that")
        return OK
    tell(
        "Paused",
        "Every remediation is paused",
        f"Paused by {in_person()}: {chosen.reason}. What runs goes on to its end.",
    )
    print("paused: nothing new is begun until `fipswarden resume`")
    return OK


def _resume(_: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import read_budget, resume

    table = bootstrap.table("rollout")
    before = read_budget(table)
    if not before.paused:
        print("it was not paused")
        return OK
    resume(table, who(), bootstrap.SystemClock().now())
    tell("Resumed", "Remediations go on", f"Resumed by {in_person()}; paused by {before.paused_by}.")
    print(f"resumed (it was paused by {plain_text(before.paused_by)}); {look_at_waiting()} will be looked at now")
    return OK


def _reset(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import read_budget, reset_breaker

    table = bootstrap.table("rollout")
    before = read_budget(table)
    if not before.broken:
        print("the breaker is closed: nothing was stopped by it")
        return OK
    reset_breaker(table, who(), chosen.reason, bootstrap.SystemClock().now())
    tell(
        "BreakerReset",
        "Remediations go on",
        f"The breaker was reset by {in_person()}: {chosen.reason}. {before.broken}",
    )
    print(f"reset; {look_at_waiting()} will be looked at now")
    return OK


def look_at_waiting() -> str:
    """Queue looks at what waited: it would come back by itself, but only in an hour or so."""
    from shared import bootstrap
    from shared.domain.model import ComplianceState
    from shared.postures import summaries

    wanting = (ComplianceState.NON_COMPLIANT, ComplianceState.INCONSISTENT)
    waiting = [
        summary.cluster
        for summary in summaries(bootstrap.table("posture"))
        if summary.in_scope and not summary.gone and summary.state in wanting and is_watched(summary.cluster)
    ]
    for cluster in waiting:
        queue(cluster, f"cli: {who()} let remediations go on")
    return count(len(waiting), "cluster")


def _approve(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import approve
    from shared.domain.budget import Approval
    from shared.domain.consent import FOR_A_PERSON

    cluster, now = ours(named_cluster(chosen.cluster)), bootstrap.SystemClock().now()
    until = approved_until(now, chosen.days)
    waiting = _waiting(cluster, chosen.pool)
    step = waiting.message.removesuffix(FOR_A_PERSON)
    what = f"{cluster}/{waiting.pool}: {step}"
    approve(bootstrap.table("rollout"), waiting.approval, Approval(who(), now, until, what, _of(cluster, waiting.pool)))
    queue(cluster, f"cli: {who()} approved")
    tell("Approved", f"{cluster}/{waiting.pool}: approved", f"Approved by {in_person()} until {until:%Y-%m-%d}: {what}")
    print(f"approved until {until:%Y-%m-%d %H:%M} UTC, for exactly this: {plain_text(step)}")
    return OK


def _of(cluster: ClusterId, pool: str) -> str:
    return f"{cluster.key}|{pool}"


def _revoke(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import read_budget, revoke

    cluster, pool = ours(named_cluster(chosen.cluster)), _pool(chosen.pool)
    of, table = _of(cluster, pool), bootstrap.table("rollout")
    taken = revoke(table, of, who(), bootstrap.SystemClock().now())
    if not taken:
        place = read_budget(table).places.get(cluster.key)
        if place and any(one.of == of for one in place.approvals.values()):
            used = f"the approval of {cluster}/{pool} is used: what it allowed is being done"
            raise InputError(f"{used}; `fipswarden abort` stops it, `fipswarden pause` everything that is not begun")
        raise InputError(f"nothing on {cluster}/{pool} is approved and not used: see `fipswarden explain`")
    queue(cluster, f"cli: {who()} revoked an approval")
    for one in taken:
        text = f"{in_person()} took back what {one.by} had approved: {one.what}"
        tell("Revoked", f"{cluster}/{pool}: an approval was taken back", text)
        print(plain_text(f"taken back, and has to be approved anew: {one.what}"))
    return OK


def _pool(text: str) -> str:
    try:
        return pool_name(text)
    except ValueError as error:
        raise InputError(str(error)) from error


def approved_until(now: datetime, days: str) -> datetime:
    """Return the end of an approval; raises InputError for one that would hold too long or not at all."""
    number = int(days) if days.isdecimal() and len(days) < 9 else 0
    if not 1 <= number <= LONGEST:
        raise InputError(f"--days {days[:40]!r}: an approval holds 1 to {LONGEST} days")
    return now + timedelta(days=number)


def _waiting(cluster: ClusterId, pool: str) -> "Deferral":
    from shared import bootstrap
    from shared.postures import read_posture

    name = _pool(pool)
    stored = read_posture(bootstrap.table("posture"), cluster)
    deferrals = stored.deferrals
    known = sorted(each.pool for each in stored.posture.pools) if stored.posture else []
    if known and name not in known:
        raise InputError(f"the app knows no node pool {name} of {cluster}; it has: {', '.join(known)}")
    found = next((one for one in deferrals if (one.pool, one.reason) == (name, "ApprovalMissing")), None)
    if found is None:
        said = next((f": {one.reason}, {one.message}" for one in deferrals if one.pool == name), "")
        raise InputError(f"nothing on {cluster}/{name} waits for an approval{said}; see `fipswarden posture`")
    return found
