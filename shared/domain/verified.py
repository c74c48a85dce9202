"""How far the fresh proofs are that somebody asked for: taken, still to be taken, or not to be had, and why.

Pure. Only what was begun after a look saw the request is fresh; a proof that could not be taken is none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.evaluate import cluster_settings, to_prove
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ProofLevel
from shared.domain.proofs import NODES_UNREADABLE
from shared.domain.proven import Proof, Strays
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Settings
from shared.domain.strays import strays_need_pods
from shared.domain.taken import OUTSIDE

PATIENCE = timedelta(minutes=15)
"""How long a proof that fails for a cause which may pass is tried again for one request."""
_OUTSIDE = "the nodes outside every pool"


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the proofs are which one request asks for."""

    taken: tuple[str, ...]
    """Of what a fresh one was taken, in words."""
    failed: tuple[str, ...]
    """Of what none could be taken, as `pool: why`."""
    open: frozenset[str]
    """Pools of which one is still to be taken; `OUTSIDE` for the nodes outside every pool."""


class _Stage(StrEnum):
    TAKEN = "taken"
    FAILED = "failed"
    OPEN = "open"


def verified(cluster: Cluster, memory: Memory, rules: Rulebook, pool: str, since: datetime, now: datetime) -> Verified:
    """Say how far a request is that a look saw at `since`; `pool` is empty where it asks for the whole cluster."""
    patient = now - since < PATIENCE
    # While pods ask, they are waited for.
    running = memory.probing is not None and not memory.probing.over
    found = [
        (one, *_of_pool(proof, since, patient=patient or running))
        for one, proof in _pools(cluster, memory, rules, pool, now)
    ]
    if not pool and _asks_outside(cluster, rules):
        # Where the nodes of a pool can't be read, those outside can't either.
        hopeless = any(stage is _Stage.FAILED for _, stage, _ in found) or not patient
        stage = _of_strays(memory.strays, cluster_settings(rules.policy, cluster), since)
        stage = _Stage.FAILED if stage is _Stage.OPEN and hopeless and not running else stage
        if stage is not _Stage.TAKEN or (memory.strays and (memory.strays.nodes or memory.strays.virtual)):
            barred = memory.strays.unreadable if memory.strays else ""
            found.append((OUTSIDE, stage, barred or "they could not be listed."))
    return Verified(
        tuple(name or _OUTSIDE for name, stage, _ in found if stage is _Stage.TAKEN),
        tuple(f"{name or _OUTSIDE}: {why}" for name, stage, why in found if stage is _Stage.FAILED),
        frozenset(name for name, stage, _ in found if stage is _Stage.OPEN),
    )


def _pools(
    cluster: Cluster, memory: Memory, rules: Rulebook, pool: str, now: datetime
) -> Iterator[tuple[str, Proof | None]]:
    wanted = [one.name for one in cluster.pools if pool in ("", one.name)]
    for subject in to_prove(cluster, memory, rules, now, wanted=wanted):
        if subject.pool.name in wanted:
            yield subject.pool.name, subject.memory.proof


def _of_pool(proof: Proof | None, since: datetime, *, patient: bool) -> tuple[_Stage, str]:
    if proof is None or (proof.began or proof.at) < since:
        return (_Stage.OPEN, "") if patient else (_Stage.FAILED, "its nodes can't be read: 15 minutes have passed.")
    if not proof.unreadable:
        return (_Stage.TAKEN, "") if proof.nodes else (_Stage.FAILED, f"no node answered. {proof.silent}".strip())
    passes = proof.unreadable.startswith(f"{NODES_UNREADABLE}:")
    return _Stage.OPEN if passes and patient else _Stage.FAILED, proof.unreadable


def _asks_outside(cluster: Cluster, rules: Rulebook) -> bool:
    settings = cluster_settings(rules.policy, cluster)
    asks = settings.proof.level is not ProofLevel.CONTROL_PLANE or bool(cluster.unlisted)
    return rules.policy.covers(cluster) and settings.fips is Fips.REQUIRED and asks and not cluster.stopped


def _of_strays(strays: Strays | None, settings: Settings, since: datetime) -> _Stage:
    if strays and strays.unreadable:
        return _Stage.FAILED
    if strays is None or (strays.began or strays.at) < since:
        return _Stage.OPEN
    deep = strays.level.reaches(settings.proof.level) or not strays_need_pods(strays, settings)
    return _Stage.TAKEN if deep else _Stage.OPEN
