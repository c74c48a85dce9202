"""The findings as OCSF events for a SIEM: Compliance Finding, one event a line, as each finding came and went.

Create, Update and Close are told of a finding whose id stays the same, so that a SIEM holds one finding and not one for
each look. Schema: OCSF 1.5.0, class 2003 (https://schema.ocsf.io/1.5.0/classes/compliance_finding), the version that
py-ocsf-models 0.10.0 knows; the tests hold every event against its models.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared import __version__
from shared.domain.assessed import READABLE, Source
from shared.domain.assessment import Assessment, Gap, finding_key
from shared.domain.changes import Activity, Change
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import plain
from shared.domain.controls import Basis, controls
from shared.domain.model import ComplianceState as State
from shared.domain.standing import partial
from shared.domain.stated import SHORT_LIMITS
from shared.domain.verdicts import Aspect, Judgement
from shared.reports import words

VERSION = "1.5.0"
_CATEGORY, _CLASS = 2, 2003
_ACTIVITY = {Activity.CREATE: (1, "Create"), Activity.UPDATE: (2, "Update"), Activity.CLOSE: (3, "Close")}
_NEW, _IN_PROGRESS, _SUPPRESSED, _RESOLVED = (1, "New"), (2, "In Progress"), (3, "Suppressed"), (4, "Resolved")
_SEVERITY = {
    State.INCONSISTENT: (5, "Critical"),
    State.NON_COMPLIANT: (4, "High"),
    State.UNKNOWN: (3, "Medium"),
    State.EXEMPT: (1, "Informational"),
}
_STATUS = {
    State.INCONSISTENT: (3, "Fail"),
    State.NON_COMPLIANT: (3, "Fail"),
    State.UNKNOWN: (0, "Unknown"),
    State.EXEMPT: (2, "Warning"),
}
_BASES = {"modules": Basis.VALIDATED, "evidence": Basis.MONITORING, READABLE: Basis.MONITORING}
_PASS = (1, "Pass")
_GONE = (99, "Other")
_LIMITS = " ".join(SHORT_LIMITS)


def ocsf_report(found: Assessment) -> Iterator[str]:
    """Yield the events of the period, cluster by cluster in the order of their records."""
    limits = f"{partial(found)} {_LIMITS}".lstrip()
    for cluster in found.clusters:
        for change in cluster.changes:
            yield f"{json.dumps(_event(cluster, change, limits), sort_keys=True)}\n"
    for gap in found.gaps():
        yield f"{json.dumps(_unknown(found, gap, limits), sort_keys=True)}\n"


def _event(cluster: ClusterAssessed, change: Change, limits: str) -> dict[str, Any]:
    judgement, source = change.judgement, change.source
    key = finding_key(cluster.cluster, change.pool, judgement.check)
    desc = f"{judgement.message} {change.why}".strip()
    # Time alone may make another one of what the same record opened, and more than once.
    uid = _id(source.hash, f"{key}/{judgement.reason}/{plain(source.at)}", change.activity)
    return {
        **_base(change.activity, None if _over(change) else judgement.state, source.at, uid),
        "message": desc,
        "status_code": judgement.reason,
        **_named("status", _status(change)),
        "compliance": _compliance(change),
        "evidences": [_evidence(source)],
        "finding_info": _info(key, change, desc, change.pool or "the cluster"),
        "remediation": {"desc": judgement.message},
        "resources": [_resource(cluster, change.pool)],
        "unmapped": {
            "aspect": judgement.aspect.value,
            "state": judgement.state.value,
            "limits": f"{limits} {words.behind(cluster)}".rstrip(),
            "head": plain(cluster.head),
        },
    }


def _base(activity: Activity, state: State | None, at: datetime, uid: str) -> dict[str, Any]:
    number, name = _ACTIVITY[activity]
    return {
        "activity_id": number,
        "activity_name": name,
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Compliance Finding",
        "type_uid": _CLASS * 100 + number,
        "type_name": f"Compliance Finding: {name}",
        "time": _millis(at),
        "timezone_offset": 0,
        **_named("severity", _SEVERITY[state] if state else (1, "Informational")),
        "metadata": {
            "uid": uid,
            "version": VERSION,
            "original_time": plain(at),
            "product": {"name": "fipswarden", "vendor_name": "fipswarden", "version": __version__},
        },
    }


def _named(name: str, value: tuple[int, str]) -> dict[str, Any]:
    return {f"{name}_id": value[0], name: value[1]}


def _status(change: Change) -> tuple[int, str]:
    if _over(change):
        return _RESOLVED
    if change.judgement.state is State.EXEMPT:
        return _SUPPRESSED
    return _IN_PROGRESS if change.remediating else _NEW


def _over(change: Change) -> bool:
    return change.over or change.activity is Activity.CLOSE


def _compliance(change: Change) -> dict[str, Any]:
    judgement, standard = change.judgement, controls().standard
    met = _STATUS[judgement.state]
    if _over(change):
        # What is gone, or out of scope, passes nothing.
        met = _PASS if change.mended else _GONE
    basis = _BASES.get(judgement.check, Basis.ENABLED)
    control = next(one for one in controls().assessed if one.basis is basis)
    return {
        "control": control.name,
        "desc": control.here,
        "requirements": sorted({one.name for one in controls().assessed if one.basis is basis}),
        "standards": [standard],
        **_named("status", met),
        "checks": [
            {
                "name": judgement.check,
                "uid": f"{judgement.check}.{judgement.reason}",
                "desc": judgement.message,
                "standards": [standard],
                **_named("status", met),
            }
        ],
    }


def _info(key: str, change: Change, desc: str, where: str) -> dict[str, Any]:
    judgement, opened, at = change.judgement, change.opened, change.source
    # No record opens what is not known: what it is makes it the same finding in each report.
    since = f"{opened.hash}:{plain(opened.at)}" if opened.hash else ""
    return {
        "uid": str(uuid5(NAMESPACE_URL, f"urn:fipswarden:finding:{key}:{since}")),
        "title": f"{judgement.reason} on {where}",
        "desc": desc,
        "types": [f"FIPS {'effectiveness' if judgement.aspect is Aspect.EFFECTIVENESS else 'implementation'}"],
        "created_time": _millis(opened.at),
        "first_seen_time": _millis(judgement.since or opened.at),
        "last_seen_time": _millis(at.at),
        "modified_time": _millis(at.at),
        "data_sources": [opened.name] if opened.name == at.name else [opened.name, at.name],
    }


def _evidence(source: Source) -> dict[str, Any]:
    return {"name": source.name, "data": {"sha256": source.hash}}


def _resource(cluster: ClusterAssessed, pool: str) -> dict[str, Any]:
    arm_id = cluster.cluster.arm_id
    kind = "Microsoft.ContainerService/managedClusters"
    found = {
        "uid": f"{arm_id}/agentPools/{pool}" if pool else arm_id,
        "name": f"{cluster.cluster}/{pool}" if pool else str(cluster.cluster),
        "type": f"{kind}/agentPools" if pool else kind,
    }
    return {**found, "region": cluster.location} if cluster.location else found


def _unknown(found: Assessment, gap: Gap, limits: str) -> dict[str, Any]:
    """Return the event of a fault in the evidence itself, or of what it leaves out: how that is, is not known."""
    cluster, fault = gap.cluster, gap.why
    reason = "EvidenceFault" if gap.is_fault else "NotKnown"
    judgement = Judgement("evidence", Aspect.IMPLEMENTATION, State.UNKNOWN, reason, fault, None)
    source = Source(fault.partition(" ")[0], "", found.as_of)
    change = Change(Activity.CREATE, "", judgement, source, source)
    key = f"{cluster.cluster.path if cluster else ''}//evidence/{fault}"
    event = {
        **_base(Activity.CREATE, State.UNKNOWN, found.as_of, _id("", key, Activity.CREATE)),
        "message": fault,
        "status_code": judgement.reason,
        **_named("status", _NEW),
        "compliance": _compliance(change),
        "finding_info": _info(key, change, fault, "the cluster" if cluster else "the fleet"),
        "unmapped": {
            "state": State.UNKNOWN.value,
            "limits": f"{limits} {words.behind(cluster) if cluster else ''}".rstrip(),
        },
    }
    return {**event, "resources": [_resource(cluster, "")]} if cluster else event


def _id(digest: str, key: str, activity: Activity) -> str:
    """Return the id of an event: a report that is made again repeats events, and never as new ones."""
    return str(uuid5(NAMESPACE_URL, f"urn:fipswarden:event:{digest}:{key}:{activity}"))


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
