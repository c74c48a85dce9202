"""Makes the observation record of a look: what was seen, the verdicts with whose word they go by, and the plan."""

from dataclasses import fields
from datetime import date, timedelta

from shared.domain.bodies import Observation
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Gone, Pool, Unreadable
from shared.domain.modules import Certificate, Standing, edition, modules_of, standing
from shared.domain.planned import Plan
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.proven import Proof
from shared.domain.support import release_of
from shared.domain.verdicts import (
    Aspect,
    CertificateSeen,
    Effectiveness,
    Implementation,
    Judgement,
    ModulesSeen,
    Observed,
    Planned,
    PoolVerdict,
    Told,
    Verdict,
    worst_of,
)

_BY_NODES = frozenset({"proof", "strays"})
"""The checks that go by what the nodes say; all others go by the control plane and by what the app remembers."""


def observation(read: ClusterRead, posture: Posture, planned: Plan, memory: Memory) -> Observation:
    """Return what is recorded of a look."""
    pools = {pool.name: pool for pool in read.pools} if isinstance(read, Cluster) else {}
    verdicts = tuple(
        _pool(found, pools.get(found.pool), memory.pool(found.pool).proof, posture.at.date()) for found in posture.pools
    )
    told = tuple(Told(notice.pool, notice.until) for notice in planned.notices)
    return Observation(
        observed=_observed(read),
        posture=Verdict(
            at=posture.at,
            state=posture.state,
            pools=verdicts,
            cluster_findings=tuple(map(judgement, posture.cluster_findings)),
            in_scope=posture.in_scope,
            strays=memory.strays.record if memory.strays else 0,
        ),
        plan=Planned(planned.action, planned.deferrals, planned.requeue_after, told),
    )


def _observed(read: ClusterRead) -> Observed:
    match read:
        case Cluster():
            return Observed(cluster=read)
        case Gone():
            return Observed(gone=True)
        case Unreadable():
            return Observed(unreadable=read)


def judgement(finding: Finding) -> Judgement:
    """Return a finding with whose word it goes by."""
    aspect = Aspect.EFFECTIVENESS if finding.check in _BY_NODES else Aspect.IMPLEMENTATION
    return Judgement(
        *(finding.check, aspect, finding.state, finding.reason, finding.message, finding.since),
        *(finding.exemption, finding.exempt_until),
    )


def _pool(found: PoolPosture, pool: Pool | None, proof: Proof | None, today: date) -> PoolVerdict:
    findings = tuple(map(judgement, found.findings))
    return PoolVerdict(
        pool=found.pool,
        state=found.state,
        findings=findings,
        mode=found.mode,
        rule=found.rule,
        line=found.line,
        ring=found.ring,
        since=found.since,
        implementation=_implementation(pool, worst_of(findings, Aspect.IMPLEMENTATION)) if pool else None,
        effectiveness=_effectiveness(
            proof,
            worst_of(findings, Aspect.EFFECTIVENESS),
            None if found.proof_age is None else timedelta(seconds=found.proof_age),
        ),
        modules=modules_seen(pool, today) if pool else None,
        state_since=found.state_since,
    )


def _implementation(pool: Pool, state: ComplianceState) -> Implementation:
    return Implementation(
        state=state,
        enabled=pool.enable_fips,
        os_type=pool.os_type,
        os_sku=pool.os_sku,
        node_image=pool.node_image,
        kubernetes_version=pool.kubernetes_version,
        provisioning_state=pool.provisioning_state,
        etag=pool.etag or "",
    )


def _effectiveness(proof: Proof | None, state: ComplianceState, max_age: timedelta | None) -> Effectiveness:
    if proof is None:
        return Effectiveness(state, max_age=max_age)
    return Effectiveness(
        state=state,
        at=proof.at,
        level=proof.level,
        proof=proof.id,
        record=proof.record,
        nodes=proof.nodes,
        disagreeing=len(proof.disagreeing),
        missing=proof.missing,
        sampled=proof.sampled,
        unreadable=proof.unreadable,
        max_age=max_age,
    )


def modules_seen(pool: Pool, today: date) -> ModulesSeen:
    """Say what is known of the modules in a pool's node image, by the edition of the data file that is installed."""
    release = release_of(pool)
    if release is None:
        return ModulesSeen(edition().as_of, "", Standing.UNKNOWN)
    found = modules_of(release, today)
    seen = tuple(_certificate(each, today) for each in found.certificates)
    return ModulesSeen(found.as_of, release.name, found.standing, seen)


def _certificate(listed: Certificate, today: date) -> CertificateSeen:
    same = {each.name: getattr(listed, each.name) for each in fields(Certificate) if each.name != "release"}
    return CertificateSeen(standing=standing(listed, today), **same)
