"""Risks: one for each node pool, and each cluster beside its pools, that is not as the policy asks, or not known to be.

One that an exemption covers is a deviation that was approved, with its end as the deadline; it is never left out.
"""

from collections.abc import Iterator

from shared.domain.assessed import OPEN, PoolAssessed
from shared.domain.assessment import Assessment
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import plain
from shared.domain.controls import Basis
from shared.domain.model import ComplianceState as State
from shared.domain.verdicts import Judgement
from shared.domain.wording import called
from shared.reports import words
from shared.reports.oscal_observations import (
    cluster_observation,
    effectiveness_uuid,
    implementation_uuid,
    modules_uuid,
)
from shared.reports.oscal_parts import ORIGIN, Json, line, prop, prose, uuid

_STATUS = {
    State.INCONSISTENT: "open",
    State.NON_COMPLIANT: "open",
    State.UNKNOWN: "investigating",
    State.EXEMPT: "deviation-approved",
}
_STATEMENT = (
    "Workloads on these nodes may protect data with cryptography that is not approved, and nobody may claim otherwise."
)


def risks(found: Assessment) -> Iterator[Json]:
    """Yield the open risks."""
    for cluster in found.judged:
        yield from (_of_cluster(cluster, finding) for finding in cluster.findings if finding.state in OPEN)
        yield from (_of_pool(cluster, pool) for pool in cluster.pools if pool.state in OPEN)


def _pool_risk(cluster: ClusterAssessed, pool: PoolAssessed) -> str:
    return uuid("risk", cluster.cluster.path, pool.name, plain(pool.since))


def _cluster_risk(cluster: ClusterAssessed, finding: Judgement) -> str:
    since = plain(finding.since) if finding.since else ""
    return uuid("risk", cluster.cluster.path, "", finding.check, since)


def concerns(found: Assessment, basis: Basis) -> tuple[list[str], list[str]]:
    """Return the ids of the observations and of the risks that bear on a control."""
    seen: dict[str, None] = {}
    open_risks: dict[str, None] = {}
    for cluster in found.judged:
        for pool in cluster.pools:
            seen |= dict.fromkeys(_bearing(pool, basis))
            if pool.state in OPEN and basis is not Basis.VALIDATED:
                open_risks[_pool_risk(cluster, pool)] = None
        if basis is Basis.VALIDATED or not cluster.observed:
            continue
        for finding in cluster.findings:
            seen[cluster_observation(cluster, finding)] = None
            if finding.state in OPEN:
                open_risks[_cluster_risk(cluster, finding)] = None
    return list(seen), list(open_risks)


def _bearing(pool: PoolAssessed, basis: Basis) -> tuple[str, ...]:
    match basis:
        case Basis.VALIDATED:
            return (modules_uuid(pool.modules),) if pool.modules and pool.read else ()
        case Basis.SETTINGS:
            return (implementation_uuid(pool),)
        case _:
            return implementation_uuid(pool), effectiveness_uuid(pool)


def _of_pool(cluster: ClusterAssessed, pool: PoolAssessed) -> Json:
    status = _STATUS[pool.state]
    if any(one.pool == pool.name and not one.ended for one in cluster.attempts):
        status = "remediating"
    said = " ".join(f"{one.reason}: {one.message}" for one in pool.verdict.findings if one.state in OPEN)
    deadline = {"deadline": plain(pool.due.at)} if pool.due.at and pool.state is State.EXEMPT else {}
    return {
        "uuid": _pool_risk(cluster, pool),
        "title": line(f"{cluster.cluster}/{pool.name} is {called(pool.state)}: {pool.decisive.reason}"),
        "description": prose(said),
        "statement": _STATEMENT,
        "props": [
            prop("state", pool.state),
            prop("since", words.minute(pool.since)),
            prop("owner", pool.owner or words.NOBODY),
            prop("due", words.until(pool.due)),
        ],
        "status": status,
        "origins": ORIGIN,
        **_excuse(_pool_risk(cluster, pool), pool),
        **deadline,
        "remediations": [_remedy(_pool_risk(cluster, pool), pool)],
        "related-observations": [
            {"observation-uuid": implementation_uuid(pool)},
            {"observation-uuid": effectiveness_uuid(pool)},
        ],
    }


def _excuse(risk: str, pool: PoolAssessed) -> Json:
    one = pool.exemption
    if one is None or pool.state is not State.EXEMPT:
        return {}
    told = f"Exemption {one.name} ({one.category}, {one.ticket}), agreed to by {one.approver}: {one.reason}"
    return {"mitigating-factors": [{"uuid": uuid("mitigation", risk, one.name), "description": prose(told)}]}


def _remedy(risk: str, pool: PoolAssessed) -> Json:
    acts = pool.verdict.mode.acts
    return {
        "uuid": uuid("remedy", risk),
        "lifecycle": "planned" if acts and pool.state is not State.EXEMPT else "recommendation",
        "title": "Bring the node pool to compliance",
        "description": prose(f"{pool.decisive.message} When: {words.until(pool.due)}."),
    }


def _of_cluster(cluster: ClusterAssessed, finding: Judgement) -> Json:
    key = _cluster_risk(cluster, finding)
    return {
        "uuid": key,
        "title": line(f"{cluster.cluster} is {called(finding.state)}: {finding.reason}"),
        "description": prose(finding.message),
        "statement": _STATEMENT,
        "props": [prop("state", finding.state), prop("since", words.minute(finding.since))],
        "status": _STATUS[finding.state],
        "origins": ORIGIN,
        "related-observations": [{"observation-uuid": cluster_observation(cluster, finding)}],
    }
