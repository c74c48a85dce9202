"""Risks: one for each node pool, and each cluster beside its pools, that is not as the policy asks, or not known to be.

One that an exemption covers is a deviation that was approved, with its end as the deadline; it is never left out.
"""

from collections.abc import Iterator

from shared.domain.assessed import PoolAssessed
from shared.domain.assessment import Assessment, OpenFinding
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import plain
from shared.domain.controls import Basis
from shared.domain.exemptions import Exemption
from shared.domain.model import OPEN
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
        yield from (_of_cluster(one) for one in found.open_of(cluster) if one.pool is None)
        yield from (_of_pool(cluster, pool) for pool in cluster.pools if pool.state in OPEN)


def _known(pool: PoolAssessed) -> PoolAssessed:
    """Return a pool as it is, or as it was open when its cluster was read last: its risk goes on."""
    return pool.was if pool.was and pool.was.state in OPEN else pool


def _pool_risk(cluster: ClusterAssessed, pool: PoolAssessed) -> str:
    return uuid("risk", cluster.cluster.path, pool.name, plain(_known(pool).since))


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
        for finding in (*cluster.findings, *cluster.was):
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


def _of_pool(cluster: ClusterAssessed, now: PoolAssessed) -> Json:
    pool, key = _known(now), _pool_risk(cluster, now)
    unread, is_ = pool is not now, "was" if pool is not now else "is"
    status = _STATUS[pool.state]
    if any(one.pool == pool.name and not one.ended for one in cluster.attempts):
        status = "remediating"
    found = (OpenFinding(cluster, pool, one, unread=unread) for one in pool.findings if one.state in OPEN)
    said = " ".join(f"{one.judgement.reason}: {words.said(one)}" for one in found)
    deadline = {"deadline": plain(pool.due.at)} if pool.due.at and pool.state is State.EXEMPT else {}
    return {
        "uuid": key,
        "title": line(f"{cluster.cluster}/{pool.name} {is_} {called(pool.state)}: {pool.decisive.reason}"),
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
        **_excuse(key, pool.exemption if pool.state is State.EXEMPT else None),
        **deadline,
        "remediations": [_remedy(key, pool)],
        "related-observations": [
            {"observation-uuid": implementation_uuid(now)},
            {"observation-uuid": effectiveness_uuid(now)},
        ],
    }


def _excuse(risk: str, one: Exemption | None) -> Json:
    if one is None:
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


def _of_cluster(one: OpenFinding) -> Json:
    cluster, finding = one.cluster, one.judgement
    key = _cluster_risk(cluster, finding)
    ends = finding.exempt_until if finding.state is State.EXEMPT else None
    return {
        "uuid": key,
        "title": line(f"{cluster.cluster} {'was' if one.unread else 'is'} {called(finding.state)}: {finding.reason}"),
        "description": prose(words.said(one)),
        "statement": _STATEMENT,
        "props": [
            prop("state", finding.state),
            prop("since", words.minute(finding.since)),
            prop("owner", one.owner or words.NOBODY),
            prop("due", words.until(one.due)),
        ],
        "status": _STATUS[finding.state],
        "origins": ORIGIN,
        **_excuse(key, one.exemption),
        **({"deadline": plain(ends)} if ends else {}),
        "related-observations": [{"observation-uuid": cluster_observation(cluster, finding)}],
    }
