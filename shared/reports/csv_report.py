"""The assessment as a table for spreadsheets: a row for each node pool, and one for whatever must not be left out."""

from collections.abc import Iterator

from shared.domain.assessed import PoolAssessed
from shared.domain.assessment import Assessment, OpenFinding
from shared.domain.attempts import Attempt
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.verdicts import Aspect
from shared.reports import words
from shared.reports.cells import csv_lines

COLUMNS = (
    *("row", "cluster", "node pool", "state", "reason", "message", "since", "days", "mode", "rule"),
    *("FIPS switch", "implementation", "OS SKU", "node image", "read at"),
    *("effectiveness", "nodes", "proof at", "proof ends"),
    *("modules", "certificates", "exemption", "owner", "due", "record", "sha256", "manifest"),
)
"""The columns; `row` says what a row is about: pool, cluster, remediation, unread, excluded, gone, limit or head.

And `earlier`: what was open when a cluster was read last that can't be read now. `manifest` says where a row rests on a
record that no manifest vouches for yet."""


def csv_report(found: Assessment) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from csv_lines(_rows(found))


def _rows(found: Assessment) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    for cluster in found.clusters:
        if cluster.judged:
            yield from (_finding("cluster", found, OpenFinding(cluster, None, one)) for one in cluster.findings)
            yield from (_pool(found, cluster, pool) for pool in cluster.pools)
            yield from (_finding("earlier", found, one) for one in found.open_of(cluster) if one.unread)
        elif cluster.observed:
            yield _only(
                "gone" if cluster.gone else "excluded",
                cluster.cluster.arm_id,
                message=f"The cluster {words.stateless(cluster)}.",
                record=cluster.observed.name,
                sha256=cluster.observed.hash,
                manifest=words.BEHIND if cluster.observed.behind else "",
            )
    for cluster in found.clusters:
        yield from (_attempt(cluster, one) for one in cluster.attempts)
    for what, why in found.unread():
        yield _only("unread", what, state="unknown", message=why)
    for limit in (*words.limits(found), f"As of {words.minute(found.as_of)}. {words.summary(found)}"):
        yield _only("limit", message=limit)
    for path, seq, digest in words.origins(found):
        yield _only("head", path, record=str(seq), sha256=digest)


def _only(row: str, cluster: str = "", **cells: str) -> tuple[str, ...]:
    given = {"row": row, "cluster": cluster, **cells}
    return tuple(given.get(column, "") for column in COLUMNS)


def _finding(row: str, found: Assessment, one: OpenFinding) -> tuple[str, ...]:
    """Return the row of what concerns a cluster beside its pools, or was open when it was read last."""
    finding, pool, days = one.judgement, one.pool, words.age(one.judgement.since, found.as_of)
    return _only(
        row,
        one.cluster.cluster.arm_id,
        **{"node pool": pool.name if pool else ""},
        state=finding.state,
        reason=finding.reason,
        message=words.said(one),
        since=words.minute(finding.since),
        days="" if days is None else str(days),
        exemption=finding.exemption,
        owner=one.owner,
        due=words.until(one.due),
        record=one.source.name if one.source else "",
        sha256=one.source.hash if one.source else "",
        manifest=words.BEHIND if one.behind else "",
    )


def _attempt(cluster: ClusterAssessed, one: Attempt) -> tuple[str, ...]:
    cells = {
        "node pool": one.pool,
        "reason": one.what,
        "message": " ".join(words.became(one)),
        "since": words.minute(one.source.at),
        "mode": one.mode,
        "rule": one.rule,
        "record": one.source.name,
        "sha256": one.source.hash,
        "manifest": words.BEHIND if one.latest.behind else "",
    }
    return _only("remediation", cluster.cluster.arm_id, **cells)


def _pool(found: Assessment, cluster: ClusterAssessed, pool: PoolAssessed) -> tuple[str, ...]:
    said, proof, verdict = pool.implementation, pool.proof, pool.verdict
    cells = {
        "node pool": pool.name,
        "state": pool.state,
        "reason": pool.decisive.reason,
        "message": pool.decisive.message,
        "since": words.minute(pool.since),
        "days": str(words.age(pool.since, found.as_of)),
        "mode": verdict.mode,
        "rule": f"{verdict.rule}, line {verdict.line}" if verdict.line else verdict.rule,
        "FIPS switch": words.switch(pool),
        "implementation": pool.aspect_state(Aspect.IMPLEMENTATION),
        "OS SKU": said.os_sku if said else "",
        "node image": said.node_image if said else "",
        "read at": words.minute(pool.read.at) if pool.read else "",
        "effectiveness": pool.aspect_state(Aspect.EFFECTIVENESS),
        "nodes": words.nodes_said(proof),
        "proof at": words.minute(proof.proof.at) if proof else "",
        "proof ends": words.minute(proof.expires) if proof else "",
        "modules": words.validated(pool),
        "certificates": " ".join(f"{one.number} ({one.standing})" for one in pool.modules.certificates)
        if pool.modules
        else "",
        "exemption": pool.exemption.name if pool.exemption else "",
        "owner": pool.owner,
        "due": words.until(pool.due),
        "record": pool.source.name,
        "sha256": pool.source.hash,
        "manifest": words.BEHIND if pool.behind else "",
    }
    return _only("pool", cluster.cluster.arm_id, **cells)
