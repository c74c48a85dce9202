"""What was assessed, as OSCAL has it: clusters and node pools, the releases that they run, certificates of modules.

A certificate is a component of its own (type `validation`), so that `FIPS is on`, a property of a pool, and `the
module is validated` can't be taken for one another.
"""

from collections.abc import Iterator

from shared.domain.assessed import PoolAssessed, Source
from shared.domain.assessment import Assessment
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.modules import Standing
from shared.domain.verdicts import CertificateSeen, ModulesSeen
from shared.reports import words
from shared.reports.oscal_parts import Json, cluster_uuid, line, pool_uuid, prop, prose, uuid

_STATE = {Standing.ACTIVE: "operational", Standing.HISTORICAL: "disposition", Standing.UNKNOWN: "other"}


def release_uuid(modules: ModulesSeen) -> str:
    """Return the id of a release, as it was judged by one edition of the certificates on one standing."""
    told = "".join(f"{one.number}{one.standing}" for one in modules.certificates)
    return uuid("release", modules.release, modules.edition.isoformat(), told)


def _certificate_uuid(modules: ModulesSeen, one: CertificateSeen) -> str:
    return uuid("certificate", one.number, modules.edition.isoformat(), one.standing)


def seen_modules(found: Assessment) -> dict[str, ModulesSeen]:
    """Return the releases that pools run, by their ids."""
    return {release_uuid(pool.modules): pool.modules for _, pool in found.pools() if pool.modules}


def components(found: Assessment) -> Iterator[Json]:
    """Yield the service, the releases and the certificates."""
    yield {
        "uuid": uuid("service"),
        "type": "service",
        "title": "Azure Kubernetes Service",
        "description": "The managed control plane, whose word on node pools is examined; it is not assessed itself.",
        "status": {"state": "operational"},
    }
    certificates: dict[str, Json] = {}
    for key, modules in seen_modules(found).items():
        ids = {_certificate_uuid(modules, one): one for one in modules.certificates}
        certificates |= {one: _validation(one, modules, found_one) for one, found_one in ids.items()}
        links = [{"rel": "validation", "href": f"#{one}"} for one in ids]
        yield {
            "uuid": key,
            "type": "software",
            "title": line(f"{modules.release or 'Unknown release'}, node image of AKS"),
            "description": prose(f"Its cryptographic modules: {words.certified(modules)}."),
            "props": [prop("modules-standing", modules.standing), prop("edition", modules.edition.isoformat())],
            **({"links": links} if links else {}),
            "status": {"state": "operational"},
        }
    yield from certificates.values()


def _validation(key: str, modules: ModulesSeen, one: CertificateSeen) -> Json:
    sunset = one.sunset.isoformat() if one.sunset else "not known"
    return {
        "uuid": key,
        "type": "validation",
        "title": line(f"CMVP certificate {one.number}: {one.module}"),
        "description": prose(
            f"FIPS {one.standard}, {one.status} by the list of {modules.edition}, sunset {sunset}, renewal "
            f"{one.renewal}: {one.standing} on the day of the report. Source: {one.source}."
        ),
        "props": [
            prop("certificate", one.number),
            prop("standard", f"FIPS {one.standard}"),
            prop("status-as-listed", one.status),
            prop("sunset", sunset),
            prop("standing", one.standing),
            prop("edition", modules.edition.isoformat()),
        ],
        "status": {"state": _STATE[one.standing]},
    }


def inventory(found: Assessment) -> Iterator[Json]:
    """Yield clusters and node pools; those that have no state are here too, and say why."""
    for cluster in found.clusters:
        yield _cluster(cluster)
        if cluster.judged:
            yield from (_pool(cluster, pool) for pool in cluster.pools)


def _cluster(one: ClusterAssessed) -> Json:
    state = one.state.value if one.judged else ("gone" if one.gone else "excluded")
    return {
        "uuid": cluster_uuid(one.cluster),
        "description": prose(f"AKS cluster {one.cluster}"),
        "props": [
            _asset(one.cluster.arm_id),
            prop("state", state),
            prop("evidence-records", str(one.head.seq)),
            *_behind(one.observed),
        ],
    }


def _behind(one: PoolAssessed | Source | None) -> list[Json]:
    """Return the mark of what rests on a record that no manifest vouches for yet."""
    return [prop("manifest", words.BEHIND)] if one and one.behind else []


def _pool(cluster: ClusterAssessed, pool: PoolAssessed) -> Json:
    said, verdict = pool.implementation, pool.verdict
    known = {"os-sku": said.os_sku, "node-image": said.node_image} if said else {}
    uses = [{"component-uuid": release_uuid(pool.modules)}] if pool.modules else []
    return {
        "uuid": pool_uuid(cluster.cluster, pool.name),
        "description": prose(f"Node pool {cluster.cluster}/{pool.name}"),
        "props": [
            _asset(f"{cluster.cluster.arm_id}/agentPools/{pool.name}"),
            prop("state", pool.state),
            prop("fips-switch", words.switch(pool)),
            prop("mode", verdict.mode),
            prop("rule", verdict.rule),
            *(prop(name, value) for name, value in known.items() if value),
            *_behind(pool),
        ],
        **({"implemented-components": uses} if uses else {}),
    }


def _asset(arm_id: str) -> Json:
    """Return the property by which OSCAL itself names an asset (inventory-item, `asset-id`)."""
    return {"name": "asset-id", "value": arm_id}
