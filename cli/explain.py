"""`fipswarden explain`: why a node pool is judged and treated as it is; asks ARM now, and changes nothing."""

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.exits import MEANING, UNKNOWN, cut_short, of_states
from cli.fleet import AWAY, read_patiently
from cli.naming import CLUSTER, a_file, add_output, named_cluster, ours
from cli.rules import load, trouble_of
from cli.scope import with_scope
from cli.show import plain_text
from shared.domain.ids import ClusterId, pool_name
from shared.domain.model import Cluster, Gone, Pool, Unreadable
from shared.domain.policy import UNTOLD
from shared.domain.rulebook import Rulebook
from shared.domain.wording import count
from shared.errors import InputError, TransientError

if TYPE_CHECKING:
    from shared.domain.explain import Explanation, StepDue, Waiting
    from shared.domain.posture import Posture
    from shared.domain.situation import Situation
    from shared.ports import Clusters

_DESCRIPTION = (
    "Shows the rule that applies to a node pool, every finding, the step that is due and all that it waits for. The "
    "cluster is read from ARM now, what the app remembers of it (the nodes' proof, blocks, notices) from the app's "
    "storage. By default the policy and the exemptions are those that the app used last."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    explain = commands.add_parser(
        "explain",
        help="why a node pool is judged so, and what its remediation waits for",
        description=_DESCRIPTION,
        epilog=MEANING,
    )
    explain.add_argument("cluster", help=f"{CLUSTER}; or a node pool as all commands print it, group/cluster/pool")
    explain.add_argument("pool", nargs="?", help="name of the node pool, where CLUSTER is a cluster")
    explain.add_argument("--policy", type=a_file, help="explain by this policy rather than by what the app used last")
    explain.add_argument("--exemptions", type=a_file, help="the exemptions that go with the policy")
    add_output(explain)
    explain.set_defaults(run=_explain)


def _explain(chosen: argparse.Namespace) -> int:
    from shared import bootstrap

    asked, pool = (chosen.cluster, chosen.pool) if chosen.pool is not None else _apart(chosen.cluster)
    cluster = ours(named_cluster(asked))
    name = "" if pool is None else _pool_name(pool)
    rules, source = _rules(chosen.policy, chosen.exemptions)
    _, clusters = bootstrap.standalone_fleet()
    read = _read(clusters, cluster)
    if not name:
        raise InputError(_no_pool(asked, read))
    if isinstance(read, Unreadable) and rules.policy.may_cover(cluster):
        print(plain_text(f"{cluster} can't be read, so {name} is unknown: {read.reason}: {read.message}"))
        return UNKNOWN
    if isinstance(read, Unreadable):
        explained, unseen = _excluded(cluster, name, rules), ""
    else:
        explained, unseen = _explained(read, name, rules, clusters)
    with cut_short():
        if chosen.output == "json":
            print(json.dumps(_plain(explained, unseen, rules, source), indent=2))
        else:
            _print(explained, unseen, rules, source)
    return of_states([explained.verdict.state] if explained.verdict else ())


def _excluded(cluster: ClusterId, name: str, rules: Rulebook) -> "Explanation":
    """Explain a pool of a cluster whose name says that it is out of scope, whatever else is known of it."""
    from shared import bootstrap
    from shared.domain.explain import Explanation, outside

    return Explanation(cluster, name, bootstrap.SystemClock().now(), outside(rules.policy, cluster))


def _explained(read: Cluster, name: str, rules: Rulebook, clusters: "Clusters") -> "tuple[Explanation, str]":
    """Explain a pool, and say why the app itself knows nothing of its cluster, if so."""
    from shared import bootstrap
    from shared.domain.explain import explain
    from shared.postures import read_posture

    before = read_posture(bootstrap.table("posture"), read.id).posture
    return explain(_situation(read, rules, clusters, before), _pool(read, name)), _unseen(before)


def _apart(text: str) -> tuple[str, str | None]:
    """Return the cluster and the node pool of `group/cluster/pool`, or of the pool's ARM id; raises InputError.

    None for the pool: it is a cluster alone.
    """
    slashes = 8 if text.startswith("/") else 1
    if text.count("/") == slashes:
        return text, None
    cluster, _, pool = text.rpartition("/")
    cluster = re.sub("/agentpools$", "", cluster, flags=re.IGNORECASE) if text.startswith("/") else cluster
    if cluster.count("/") != slashes:
        raise InputError(_no_pool(text))
    return cluster, pool


def _no_pool(text: str, read: Cluster | Unreadable | None = None) -> str:
    """Say that a text names no node pool, and which the cluster has that it names."""
    has = f"; it has: {_names(read)}" if isinstance(read, Cluster) else ""
    return f"{text[:200]!r} names no node pool: give its name behind the cluster, or group/cluster/pool{has}"


def _names(read: Cluster) -> str:
    return ", ".join(sorted(pool.name for pool in read.pools)) or "none"


def _pool_name(text: str) -> str:
    try:
        return pool_name(text)
    except ValueError as error:
        raise InputError(str(error)) from error


def _rules(policy: Path | None, exemptions: Path | None) -> tuple[Rulebook, str]:
    """Return by what is explained, and what people call that."""
    from shared import bootstrap
    from shared.budget import read_budget
    from shared.rulebooks import last_used, used_at

    if exemptions and not policy:
        raise InputError("--exemptions go with a policy: give --policy as well")
    if policy:
        return with_scope(load(policy, exemptions), signed_in=True), str(policy)
    rollout = bootstrap.table("rollout")
    rules = replace(last_used(rollout), trouble=trouble_of(read_budget(rollout), used_at(rollout)))
    return with_scope(rules, signed_in=True), "as the app used it last"


def _read(clusters: "Clusters", cluster: ClusterId) -> Cluster | Unreadable:
    read = read_patiently(clusters, cluster)
    if isinstance(read, Gone):
        raise InputError(f"ARM says that {cluster} does not exist")
    if isinstance(read, Unreadable) and read.reason in AWAY:
        raise TransientError(read.message)
    return read


def _pool(read: Cluster, name: str) -> Pool:
    for pool in read.pools:
        if pool.name == name:
            return pool
    raise InputError(f"{read.id} has no node pool {name}; it has: {_names(read)}")


def _unseen(before: "Posture | None") -> str:
    """Say why the app itself knows nothing of a cluster: it begins nothing there; empty if it does."""
    from shared.domain.evaluate import unreadable

    if before is None:
        return "the app has never looked at this cluster, and begins nothing before it has: `fipswarden look` asks it"
    if why := unreadable(before):
        return f"the app could not read this cluster when it last looked, and begins nothing so ({why.reason})"
    return ""


def _situation(read: Cluster, rules: Rulebook, clusters: "Clusters", before: "Posture | None") -> "Situation":
    """Bring together what a look would plan from: its memory, the budget, and the cluster's windows if they count."""
    from shared import bootstrap
    from shared.budget import read_budget
    from shared.domain.evaluate import evaluate
    from shared.domain.situation import Situation
    from shared.domain.steps import due
    from shared.rollout import Timing, read_memory

    rollout, now = bootstrap.table("rollout"), bootstrap.SystemClock().now()
    memory = read_memory(rollout, read.id)
    posture = evaluate(read, memory, rules, before, now)
    found = Situation(read, posture, memory, rules, read_budget(rollout), (), now, Timing().poll, assuming=True)
    # Also where the mode does not act: what else the step would wait for is part of the answer.
    if any(step.subject.settings.cluster_maintenance for step in due(found)):
        return replace(found, maintenance=clusters.maintenance(read.id))
    return found


def _plain(explained: "Explanation", unseen: str, rules: Rulebook, source: str) -> dict[str, Any]:
    from shared.domain.codec import plain

    policy = {"source": source, "hash": rules.policy.hash, "exemptions": rules.exemptions.hash}
    found: dict[str, Any] = plain(explained)
    return {**found, "begins": explained.begins and not unseen, "unseen": unseen, "policy": policy}


def _print(explained: "Explanation", unseen: str, rules: Rulebook, source: str) -> None:
    for line in _lines(explained, rules, source):
        print(plain_text(line))
    if explained.verdict is None:
        return
    print("\nfindings")
    for found in explained.verdict.findings:
        print(plain_text(f"  {found.state.value:<15} {found.reason}: {found.message}"))
    print()
    for line in _step_lines(explained, unseen):
        print(plain_text(line))


def _lines(explained: "Explanation", rules: Rulebook, source: str) -> Iterator[str]:
    verdict, name = explained.verdict, f"{explained.cluster}/{explained.pool}"
    policy = f"  policy    {source}, sha256 {rules.policy.hash}"
    if verdict is None:
        yield f"{name}: out of scope, so it has no state: {explained.outside}"
        yield policy
        return
    yield f"{name}: {verdict.state.value} ({verdict.decisive.reason}) since {verdict.since:%Y-%m-%d %H:%M} UTC"
    where = f"line {verdict.line}" if verdict.line else "the top of the policy"
    yield f"  rule      {verdict.rule}, {where}: {'; '.join(explained.asks)}"
    ring = "not known" if verdict.ring == UNTOLD else verdict.ring
    yield f"  ring      {ring}: {'; '.join(explained.ring)}" if ring else "  ring      none"
    yield policy


def _step_lines(explained: "Explanation", unseen: str) -> Iterator[str]:
    if explained.step is None:
        yield "nothing is due: there is nothing wrong with it that the product can change"
        return
    yield f"due: {_step(explained.step)}"
    if unseen:
        yield unseen
    if explained.begins and unseen:
        return
    if explained.begins:
        ends = f", before the window closes at {explained.before:%Y-%m-%d %H:%M} UTC" if explained.before else ""
        yield f"it is begun at the next look{ends}; `fipswarden look` asks for one"
        return
    yield f"it waits for {count(len(explained.waits), 'thing')}"
    for wait in explained.waits:
        yield from _wait_lines(wait)


def _wait_lines(wait: "Waiting") -> Iterator[str]:
    until = f", looked at again at {wait.until:%Y-%m-%d %H:%M} UTC" if wait.until else ""
    yield f"  {wait.reason}{until}"
    yield f"    {wait.message}"
    yield f"    ends with: {wait.ends}"


def _step(step: "StepDue") -> str:
    changes = ", ".join(f"{name} = {json.dumps(value)}" for name, value in sorted(step.changes.items()))
    nodes = "an unknown number of nodes" if step.nodes is None else count(step.nodes, "node")
    does = "whose twin takes the place of" if step.kind.value == "replace" else "which reimages"
    return f"{step.kind.value.replace('_', ' ')}{f' ({changes})' if changes else ''}, {does} {nodes}"
