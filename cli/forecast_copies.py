"""One cluster from several reads of it: which is fresher can't be known, so the worse of each pool is taken."""

from collections.abc import Sequence
from dataclasses import replace

from shared.domain.census import DONE
from shared.domain.model import WORST_FIRST, Cluster, Pool
from shared.domain.posture import Finding, PoolPosture, Posture

_Badness = tuple[int, int, str]
"""The lesser, the worse; the text makes it the same in whatever order the reads come."""


def merged(judged: Sequence[tuple[Cluster, Posture]]) -> Cluster:
    """Return one cluster from reads of it, in none of which a pool stands twice, each with its own verdict."""
    pools: dict[str, tuple[_Badness, Pool]] = {}
    for cluster, posture in judged:
        verdicts = {verdict.pool: verdict for verdict in posture.pools}
        for pool in cluster.pools:
            made = _badness(pool, verdicts.get(pool.name)), pool
            pools[pool.name] = min(pools.get(pool.name, made), made, key=lambda it: it[0])
    worst, _ = min(judged, key=lambda it: _cluster_badness(*it))
    return replace(worst, pools=tuple(pool for _, (_, pool) in sorted(pools.items())))


def _badness(pool: Pool, verdict: PoolPosture | None) -> _Badness:
    place = WORST_FIRST.index(verdict.state) if verdict else len(WORST_FIRST)
    return place, -_wrong(verdict.findings if verdict else ()), f"{pool}{pool.body}"


def _cluster_badness(cluster: Cluster, posture: Posture) -> _Badness:
    """Order what a cluster is beside its pools: where something is wrong with that, it must not be lost."""
    return -_wrong(posture.cluster_findings), WORST_FIRST.index(posture.state), f"{replace(cluster, pools=())}"


def _wrong(findings: Sequence[Finding]) -> int:
    return sum(found.state not in DONE for found in findings)
