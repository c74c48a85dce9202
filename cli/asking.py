"""`fipswarden look`, `pause`, `resume`: what people ask of the app; a look does it."""

import argparse
import getpass
from typing import Any

from cli.exits import OK
from cli.naming import CLUSTER, count, is_watched, named_cluster
from shared.errors import InputError

_REASON_LENGTH = 500


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    look = commands.add_parser("look", help="ask the app to look at a cluster now")
    look.add_argument("cluster", help=CLUSTER)
    look.set_defaults(run=_look)
    pause = commands.add_parser("pause", help="stop every remediation; what runs goes on to its end")
    pause.add_argument("--reason", required=True, type=_reason, help="kept with your name")
    pause.set_defaults(run=_pause)
    resume = commands.add_parser("resume", help="let remediations go on")
    resume.set_defaults(run=_resume)


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise argparse.ArgumentTypeError("say why: whoever finds everything paused has to know")
    if len(words) > _REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"{len(words)} characters are too many: {_REASON_LENGTH} may be kept")
    return words


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "somebody without a name"


def _look(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.domain.requests import ReconcileRequest

    cluster = named_cluster(chosen.cluster)
    if not is_watched(cluster):
        raise InputError(f"{cluster} is not looked at: FIPSWARDEN_SUBSCRIPTIONS leaves out {cluster.subscription}")
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
        if summary.in_scope and not summary.gone and summary.state in wanting and is_watched(summary.cluster)
    ]
    for cluster in waiting:
        bootstrap.wake_ups().send(ReconcileRequest(cluster, f"cli: {_who()} resumed"))
    print(f"resumed; {count(len(waiting), 'cluster')} will be looked at now")
    return OK
