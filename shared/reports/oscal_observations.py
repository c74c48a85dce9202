"""What was observed: of each pool the control plane's word (examined) and the nodes' (tested), of modules their lists.

The two are never one observation, so that an assessor sees which of them a finding rests on.
"""

from collections.abc import Iterator

from shared.domain.assessed import PoolAssessed, Source
from shared.domain.assessment import Assessment
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import plain
from shared.domain.verdicts import Aspect, Judgement, ModulesSeen
from shared.reports import words
from shared.reports.oscal_parts import ORIGIN, Json, cluster_uuid, evidence, line, pool_uuid, prop, prose, uuid
from shared.reports.oscal_subjects import release_uuid, seen_modules

_EXAMINED = ["EXAMINE"]
_TESTED = ["TEST", "TEST-AUTOMATED"]
"""OSCAL's own word, and the one that older documents and tools know for it (methods may have others)."""


def implementation_uuid(pool: PoolAssessed) -> str:
    """Return the id of what the control plane said of a pool."""
    source = pool.read or pool.source
    return uuid("implementation", source.hash, pool.name)


def effectiveness_uuid(pool: PoolAssessed) -> str:
    """Return the id of what the nodes of a pool said."""
    source = pool.proof.source if pool.proof else pool.source
    return uuid("effectiveness", source.hash, pool.name)


def modules_uuid(modules: ModulesSeen) -> str:
    """Return the id of what is known of a release's modules."""
    return uuid("modules", release_uuid(modules))


def cluster_observation(cluster: ClusterAssessed, finding: Judgement) -> str:
    """Return the id of what was seen of a whole cluster."""
    return uuid("cluster-finding", cluster.cluster.path, finding.check, finding.reason, cluster.head.hash)


def observations(found: Assessment) -> Iterator[Json]:
    """Yield every observation of clusters that have a state."""
    first: dict[str, tuple[ModulesSeen, Source]] = {}
    for cluster in found.judged:
        if cluster.observed:
            yield from (_of_cluster(cluster, cluster.observed, finding) for finding in cluster.findings)
            source = cluster.read or cluster.observed
            yield from (_of_cluster(cluster, source, finding) for finding in cluster.was)
        for pool in cluster.pools:
            yield _implementation(cluster, pool)
            yield _effectiveness(cluster, pool)
            if pool.modules and pool.read:
                first.setdefault(release_uuid(pool.modules), (pool.modules, pool.read))
    yield from (_modules(*first[key]) for key in seen_modules(found) if key in first)


def _observed(key: str, title: str, said: str, methods: list[str], subject: Json, source: Source) -> Json:
    return {
        "uuid": key,
        "title": line(title),
        "description": prose(said),
        "methods": methods,
        "types": ["control-objective"],
        "origins": ORIGIN,
        "subjects": [subject],
        "relevant-evidence": evidence(source),
        "collected": plain(source.at),
    }


def _subject(cluster: ClusterAssessed, pool: PoolAssessed) -> Json:
    return {
        "subject-uuid": pool_uuid(cluster.cluster, pool.name),
        "type": "inventory-item",
        "title": line(f"{cluster.cluster}/{pool.name}"),
    }


def _implementation(cluster: ClusterAssessed, pool: PoolAssessed) -> Json:
    said, source = pool.implementation, pool.read or pool.source
    told = f"The control plane says that FIPS is {words.switch(pool)}." if said else "The pool could not be read."
    made = _observed(
        implementation_uuid(pool),
        f"Implementation: {cluster.cluster}/{pool.name}",
        f"{told} {_findings(pool, Aspect.IMPLEMENTATION)}",
        _EXAMINED,
        _subject(cluster, pool),
        source,
    )
    known = {"enable-fips": words.switch(pool), "state": pool.aspect_state(Aspect.IMPLEMENTATION).value}
    if said:
        known |= {
            "os-sku": said.os_sku,
            "node-image": said.node_image,
            "kubernetes-version": said.kubernetes_version,
            "provisioning-state": said.provisioning_state,
            "etag": said.etag,
        }
    return {**made, "props": [prop(name, value) for name, value in known.items() if value]}


def _effectiveness(cluster: ClusterAssessed, pool: PoolAssessed) -> Json:
    proof = pool.proof
    made = _observed(
        effectiveness_uuid(pool),
        f"Effectiveness: {cluster.cluster}/{pool.name}",
        f"The nodes: {words.nodes_said(proof)}. {_findings(pool, Aspect.EFFECTIVENESS)}",
        _TESTED if proof and proof.tested else _EXAMINED,
        _subject(cluster, pool),
        proof.source if proof else pool.source,
    )
    known = {"state": pool.aspect_state(Aspect.EFFECTIVENESS).value}
    if proof is None:
        return {**made, "props": [prop(name, value) for name, value in known.items()]}
    known |= {
        "level": proof.level.value,
        "method": proof.method,
        "way": proof.way,
        "nodes": str(proof.proof.nodes),
        "disagreeing": str(len(proof.proof.disagreeing)),
        "missing": str(proof.proof.missing),
        "sampled": str(proof.proof.sampled),
    }
    ends = {"expires": plain(proof.expires)} if proof.expires else {}
    props = [prop(name, value) for name, value in known.items() if value]
    return {**made, "props": props, "collected": plain(proof.proof.at), **ends}


def _findings(pool: PoolAssessed, aspect: Aspect) -> str:
    return " ".join(
        f"{one.state}, {one.reason}: {one.message}" for one in pool.verdict.findings if one.aspect is aspect
    )


def _modules(modules: ModulesSeen, source: Source) -> Json:
    said = "; ".join(f"{one.number} {one.module}: {one.standing}" for one in modules.certificates)
    subject = {"subject-uuid": release_uuid(modules), "type": "component"}
    made = _observed(
        modules_uuid(modules),
        f"Modules: {modules.release or 'unknown release'}",
        f"Certificates by the list of {modules.edition}: {said or 'none is known'}. Whether FIPS is on is not meant.",
        _EXAMINED,
        subject,
        source,
    )
    return {**made, "props": [prop("standing", modules.standing), prop("edition", modules.edition.isoformat())]}


def _of_cluster(cluster: ClusterAssessed, source: Source, finding: Judgement) -> Json:
    subject = {"subject-uuid": cluster_uuid(cluster.cluster), "type": "inventory-item"}
    made = _observed(
        cluster_observation(cluster, finding),
        f"{finding.reason}: {cluster.cluster}",
        f"{finding.state}: {finding.message}",
        _EXAMINED,
        subject,
        source,
    )
    return {**made, "types": ["finding"], "props": [prop("state", finding.state)]}
