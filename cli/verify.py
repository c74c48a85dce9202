"""`fipswarden verify`: asks the nodes of a cluster anew, and shows what each of them says.

The command asks; a look of the app does it and records it. Progress goes to standard error, the result to standard
output.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.asking import queue, who
from cli.exits import cut_short, of_states, returns
from cli.naming import CLUSTER, add_output
from cli.requesting import seen
from cli.show import plain_text, print_aligned
from shared.domain.ids import ClusterId
from shared.errors import TransientError

if TYPE_CHECKING:
    from shared.domain.people import Request
    from shared.domain.posture import PoolPosture, Posture
    from shared.domain.proven import Probing
    from shared.domain.records import Record

_EVERY = 2.0
"""Seconds between two glances at how far it is."""
_MINUTES = 15
_MEANING = returns("something is non_compliant or inconsistent", "something is unknown, or no fresh proof was taken")
_MOST_MINUTES = 24 * 60
"""A request holds for a day."""
pause: Callable[[float], None] = time.sleep
"""Waits; tests let the app work in the meantime."""
Progress = Callable[[str, int, int], None]
"""Shows a state, how many nodes have answered, and of how many."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "ask the nodes of a cluster, or of one node pool, anew, and show what each of them says"
    verify = commands.add_parser("verify", help=words, description=words, epilog=_MEANING)
    verify.add_argument("cluster", help=CLUSTER)
    verify.add_argument("pool", nargs="?", default="", help="name of a node pool; default: all, and nodes outside them")
    verify.add_argument("--minutes", type=_minutes, default=_MINUTES, help=f"how long to wait; default: {_MINUTES}")
    add_output(verify)
    verify.set_defaults(run=_verify)


def _minutes(text: str) -> int:
    try:
        minutes = int(text)
    except ValueError:
        minutes = 0
    if not 0 < minutes <= _MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 1 to {_MOST_MINUTES}")
    return minutes


def _verify(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.domain.model import ComplianceState
    from shared.domain.operation import OutcomeState
    from shared.domain.people import Request, RequestKind
    from shared.requested import ask

    cluster, pool = seen(chosen.cluster, chosen.pool)
    before = _stored(cluster).head.seq
    clock = bootstrap.SystemClock()
    request = Request(secrets.token_hex(16), RequestKind.VERIFY, who(), clock.now(), pool)
    ask(bootstrap.table("rollout"), cluster, request)
    queue(cluster, f"cli: {who()} asked for verify")
    with _progress() as show:
        _follow(cluster, request, clock.now, timedelta(minutes=chosen.minutes), show)
    outcome, answer, proofs = _recorded(cluster, request, before)
    posture = _stored(cluster).posture
    judged = [one for one in posture.pools if pool in ("", one.pool)] if posture else []
    with cut_short():
        if chosen.output == "json":
            _print_json(cluster, outcome, answer, proofs, judged, posture)
        else:
            _print(cluster, answer, proofs, judged, posture)
    outside = [found.state for found in posture.cluster_findings] if posture and not pool else []
    states = [one.state for one in judged] + outside
    # Verdicts may lean on a proof of before, and what was asked may be gone by now: neither is a pass.
    passes = outcome == OutcomeState.SUCCEEDED and proofs and states
    return of_states(states if passes else [*states, ComplianceState.UNKNOWN])


def _stored(cluster: ClusterId) -> Any:
    from shared import bootstrap
    from shared.postures import read_posture

    return read_posture(bootstrap.table("posture"), cluster)


def _follow(
    cluster: ClusterId, request: "Request", now: Callable[[], datetime], patience: timedelta, show: Progress
) -> None:
    """Wait until a look has answered the request; raises TransientError if none does in time."""
    from shared import bootstrap
    from shared.requested import open_requests
    from shared.rollout import read_memory

    table, end = bootstrap.table("rollout"), now() + patience
    while request.id in {one.id for one in open_requests(table, cluster)}:
        if now() > end:
            raise TransientError(
                f"no look has answered within {patience}: it goes on without this command, and "
                f"`fipswarden evidence show {cluster}` will show it"
            )
        show(*_state(read_memory(table, cluster).probing))
        pause(_EVERY)


def _state(probing: "Probing | None") -> tuple[str, int, int]:
    if probing is None:
        return "waiting for a look", 0, 0
    return ("removing the pods" if probing.over else "asking the nodes"), probing.answered, probing.asked


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress as a bar on a terminal where `rich` is there, else a line at each change."""
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        yield _lines()
        return
    if not sys.stderr.isatty():
        yield _lines()
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(state: str, answered: int, asked: int) -> None:
            bar.update(task, description=f"{state} {answered}/{asked}", completed=answered, total=asked or None)

        yield show


def _lines() -> Progress:
    last: list[str] = []

    def show(state: str, answered: int, asked: int) -> None:
        line = f"{state}: {answered} of {asked} nodes have answered" if asked else state
        if last[-1:] != [line]:
            print(line, file=sys.stderr)
        last[:] = [line]

    return show


def _recorded(cluster: ClusterId, request: "Request", before: int) -> tuple[str, str, list[Mapping[str, Any]]]:
    """Return what became of the request, that in words, and the last proof of each pool since it was asked for."""
    outcome, answer, proofs = "", "", {}
    for record in _since(cluster, before):
        said = record.payload
        if said.get("request") == request.id and said.get("stage") == "answered":
            outcome, answer = str(said.get("outcome", "")), str(said.get("message", ""))
        name = str(said.get("pool", ""))
        if record.kind.value == "proof" and request.pool in ("", name):
            proofs[name] = said
    return outcome, answer, [proofs[name] for name in sorted(proofs)]


def _since(cluster: ClusterId, before: int) -> Iterator["Record"]:
    from shared import bootstrap

    evidence, seq = bootstrap.evidence(), before + 1
    while record := evidence.read(cluster, seq):
        yield record
        seq += 1


def _print(
    cluster: ClusterId,
    answer: str,
    proofs: list[Mapping[str, Any]],
    judged: Iterable["PoolPosture"],
    posture: "Posture | None",
) -> None:
    rows = [(str(proof.get("pool") or "(none)"), *row) for proof in proofs for row in _rows(proof)]
    if rows:
        print_aligned(("node pool", "node", "value", "boot", "asked by", "said"), rows, loose="said")
    print(plain_text(answer))
    for one in judged:
        print(plain_text(f"{cluster}/{one.pool}: {one.state}, {one.decisive.reason}. {one.decisive.message}"))
    for found in posture.cluster_findings if posture else ():
        print(plain_text(f"{cluster}: {found.state}, {found.reason}. {found.message}"))


def _rows(proof: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    deep = proof.get("level") != "node"
    denying = (proof.get("proof") or {}).get("disagreeing", ())
    for node in proof.get("nodes", ()):
        answer = node.get("answer") or {}
        method = str(answer.get("method", "")).partition(":")[0] if deep else "labels"
        value = str(answer.get("value", "")) if deep else str(node.get("fipsLabel") or "no label")
        said = _said(node, answer, deep=deep)
        if said == "yes" and node.get("name") in denying:
            said = f"NO: it has the image {node.get('imageLabel')!r}, the pool {proof.get('nodeImageVersion')!r}"
        yield node.get("name", ""), value, str(node.get("boot", ""))[:8], method, said


def _said(node: Mapping[str, Any], answer: Mapping[str, Any], *, deep: bool) -> str:
    why = f": {answer.get('why')}" if answer.get("why") else ""
    if not node.get("ready"):
        return "not ready"
    if not deep:
        return "yes" if node.get("fipsLabel") == "true" else "no"
    if not answer:
        return "not asked"
    verdict = "no answer" if answer.get("fips") is None else "yes" if answer["fips"] is True else "NO"
    return f"{verdict}{why}"


def _print_json(
    cluster: ClusterId,
    outcome: str,
    answer: str,
    proofs: list[Mapping[str, Any]],
    judged: Iterable["PoolPosture"],
    posture: "Posture | None",
) -> None:
    from shared.domain.codec import plain

    found = {
        "cluster": cluster.arm_id,
        "outcome": outcome,
        "answer": answer,
        "proofs": proofs,
        "pools": plain([*judged]),
        "clusterFindings": plain([*posture.cluster_findings]) if posture else [],
    }
    print(json.dumps(found, indent=2))
