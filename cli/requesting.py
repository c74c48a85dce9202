"""`fipswarden abort`, `unblock`: what people ask a look to do to a node pool; the command itself changes nothing there.

A request is kept in a row of the cluster's own and a look is queued, which does it under its lease and records who
asked. `ask` is for every command of that kind.
"""

import argparse
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cli.asking import in_person, queue, tell, who
from cli.exits import DONE, OK
from cli.naming import CLUSTER, named_cluster, ours
from shared.domain.ids import ClusterId, pool_name
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.people import RequestKind
    from shared.postures import StoredPosture


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    words = "stop our own operation on a node pool, or give its replacement up; a look does it, and everybody is told"
    abort = commands.add_parser("abort", help=words, description=words, epilog=DONE)
    words = "let a node pool be tried again that is left alone after a failure; a look does it"
    unblock = commands.add_parser("unblock", help=words, description=words, epilog=DONE)
    for command, run in ((abort, _abort), (unblock, _unblock)):
        command.add_argument("cluster", help=CLUSTER)
        command.add_argument("pool", help="name of the node pool")
        command.set_defaults(run=run)
    words = "ask though nothing is remembered of it: a look finds a replacement by the tag of its twin"
    abort.add_argument("--forgotten", action="store_true", help=words)


def ask(kind: "RequestKind", cluster: ClusterId, pool: str = "") -> None:
    """Keep a request and queue the look that serves it; says how to see what became of it."""
    from shared import bootstrap
    from shared.domain.people import Request
    from shared.requested import ask as keep

    now = bootstrap.SystemClock().now()
    keep(bootstrap.table("rollout"), cluster, Request(secrets.token_hex(16), kind, who(), now, pool))
    queue(cluster, f"cli: {who()} asked for {kind}")
    print(f"queued: a look at {cluster} does it, as soon as no other one is at work")
    print(f"`fipswarden evidence show {cluster}` shows what became of it, `fipswarden posture` the verdicts")


def _abort(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.domain.operation import OutcomeState
    from shared.domain.people import RequestKind
    from shared.domain.planned import Method
    from shared.rollout import read_memory

    cluster, pool = seen(chosen.cluster, chosen.pool)
    memory = read_memory(bootstrap.table("rollout"), cluster)
    operation, replacement = memory.operation, memory.replacement
    at: datetime | None
    if replacement and pool in (replacement.pool, replacement.twin):
        # One that AKS has not taken, or not yet, is held back.
        taken = operation is not None and operation.outcome is OutcomeState.ACCEPTED
        if operation and operation.method is Method.DELETE and taken:
            raise InputError(f"{operation.pool} is empty and is being deleted: that is not stopped half-way")
        what, at = f"the replacement of {replacement.pool} by {replacement.twin}", replacement.began
        # Whichever was named: a twin that is not made is no pool that could be left alone.
        pool = replacement.pool
        after = "both pools stay, and nodes that were cordoned are uncordoned; the old one is left alone"
    elif operation and operation.pool == pool:
        what, at = operation.kind.value.replace("_", " "), operation.at
        after = "some nodes may have the new image by then; the pool is left alone afterwards"
    elif chosen.forgotten and operation is None and replacement is None:
        what, at = "a replacement that the app does not remember", None
        after = "if there is a twin, both pools stay, and nodes that were cordoned for it are uncordoned"
    else:
        where = f"; one runs on {operation.pool}" if operation else ""
        raise InputError(
            f"no operation of ours runs on {cluster}/{pool}{where}: what others began is theirs to stop "
            "(`az aks nodepool operation-abort`)"
        )
    ask(RequestKind.ABORT, cluster, pool)
    text = f"{in_person()} asked to abort {what}{f', begun {at:%Y-%m-%d %H:%M} UTC' if at else ''}."
    tell("AbortRequested", f"{cluster}/{pool}: abort requested", text)
    print(f"{after}, until `fipswarden unblock`")
    return OK


def _unblock(chosen: argparse.Namespace) -> int:
    from shared.domain.people import RequestKind

    cluster, pool = seen(chosen.cluster, chosen.pool)
    ask(RequestKind.UNBLOCK, cluster, pool)
    tell(
        "UnblockRequested",
        f"{cluster}/{pool}: unblock requested",
        f"Asked by {in_person()}: it may be tried once more.",
    )
    print("what the policy asks for holds as before: mode, windows, rings, budget, approvals")
    return OK


def seen(cluster: str, pool: str) -> tuple[ClusterId, str]:
    """Return the cluster and pool that were named (`pool` may be empty); raises InputError for what no look has seen.

    Nobody would ever serve a request for a cluster that does not exist.
    """
    found = ours(named_cluster(cluster))
    try:
        name = pool_name(pool) if pool else ""
    except ValueError as error:
        raise InputError(str(error)) from error
    posture = _stored(found).posture
    if posture is None:
        raise InputError(f"no look has seen {found}: `fipswarden look` asks for one, `fipswarden posture` shows it")
    if name and name not in {pool.pool for pool in posture.pools}:
        raise InputError(f"no look has seen a node pool {name} of {found}: see `fipswarden posture`")
    return found, name


def _stored(cluster: ClusterId) -> "StoredPosture":
    from shared import bootstrap
    from shared.postures import read_posture

    return read_posture(bootstrap.table("posture"), cluster)
