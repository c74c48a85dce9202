"""The assessment as OSCAL assessment results, for the tools of assessors.

Written by hand, since the models of compliance-trestle would load pydantic into a command line; the tests validate what
comes out with them. Model: https://pages.nist.gov/OSCAL-Reference/models/v1.2.1/assessment-results/. Every id is made
from hashes of records: the same records give the same document.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from shared import __version__
from shared.domain.assessment import Assessment
from shared.domain.attempts import Attempt
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import plain
from shared.domain.controls import controls
from shared.domain.records import Head
from shared.domain.standing import ControlStanding, standings
from shared.reports import words
from shared.reports.oscal_observations import observations
from shared.reports.oscal_parts import (
    ORIGIN,
    TOOL,
    VERSION,
    Json,
    head_uuid,
    line,
    prop,
    prose,
    resource,
    uuid,
)
from shared.reports.oscal_risks import concerns, risks
from shared.reports.oscal_subjects import components, inventory

_PLAN = "plan"
_CONTROLS = "controls"


def oscal_report(found: Assessment) -> Iterator[str]:
    """Yield the document in pieces: what there is one of for each pool is never held as a whole."""
    heads = "".join(digest for _, _, digest in words.origins(found))
    scope = f"{found.scope.cluster}/{found.scope.after}"
    key = (heads, plain(found.as_of), str(plain(found.since)), scope)
    yield f'{{"assessment-results": {_open(_document(found, key))}, "results": [{_open(_result(found, key))}'
    yield f', "local-definitions": {_open({"assessment-assets": _assets()})}'
    yield from _listed("components", components(found))
    yield from _listed("inventory-items", inventory(found))
    yield "}"
    yield from _listed("observations", observations(found))
    yield from _listed("risks", risks(found))
    yield from _listed("findings", (_finding(found, one, key) for one in standings(found)))
    yield '}], "back-matter": {'
    yield f"{''.join(_listed('resources', _resources(found)))[2:]}}}}}}}\n"


def _open(value: Json) -> str:
    """Return an object to which more fields can be added."""
    return json.dumps(value, ensure_ascii=False)[:-1]


def _listed(name: str, items: Iterable[Json]) -> Iterator[str]:
    """Yield a field with a list, item by item; nothing if there is none: OSCAL knows no empty lists."""
    begun = False
    for item in items:
        yield f"{',' if begun else f', {json.dumps(name)}: ['}\n{json.dumps(item, ensure_ascii=False)}"
        begun = True
    if begun:
        yield "]"


def _document(found: Assessment, key: tuple[str, ...]) -> Json:
    return {
        "uuid": uuid("document", *key),
        "metadata": {
            "title": line(f"FIPS on AKS node pools{f' of {cluster}' if (cluster := found.scope.cluster) else ''}"),
            "last-modified": plain(found.as_of),
            "version": f"{found.as_of:%Y-%m-%dT%H:%M:%SZ}",
            "oscal-version": VERSION,
            "remarks": prose(" ".join(words.limits(found))),
        },
        "import-ap": {
            "href": f"#{uuid(_PLAN)}",
            "remarks": "There is no assessment plan apart from the policy: it says what is assessed, and how.",
        },
    }


def _result(found: Assessment, key: tuple[str, ...]) -> Json:
    entries = list(_log(found))
    return {
        "uuid": uuid("result", *key),
        "title": line(f"Node pools as of {words.minute(found.as_of)}"),
        "description": prose(f"{words.summary(found)} Changes {words.period(found)}."),
        "start": plain(found.since or _begin(found)),
        "end": plain(found.as_of),
        "props": [prop("app-version", __version__)],
        **_some("links", _heads(found)),
        "reviewed-controls": _reviewed(),
        **({"assessment-log": {"entries": entries}} if entries else {}),
        "remarks": prose(" ".join(_unread(found))),
    }


def _heads(found: Assessment) -> Iterator[Json]:
    for path, _, digest in words.origins(found):
        if digest:
            yield {"href": f"#{head_uuid(path, digest)}", "rel": "reference", "text": line(f"Evidence chain {path}")}


def _some(name: str, values: Iterable[Any]) -> Json:
    """Return a field only where there is something in it."""
    found = list(values)
    return {name: found} if found else {}


def _begin(found: Assessment) -> datetime:
    times = [pool.read.at for _, pool in found.pools() if pool.read]
    times += [one.observed.at for one in found.clusters if one.observed]
    return min([*times, found.as_of])


def _unread(found: Assessment) -> Iterator[str]:
    told = [f"{what}: {why.rstrip('.')}" for what, why in found.unread()]
    yield f"Not read: {'; '.join(told)}." if told else "Everything that the records name could be read."
    supports = [one for one in controls().controls if one not in controls().assessed]
    yield from (f"{one.name} is helped and not assessed: {one.here}" for one in supports)


def _assets() -> Json:
    return {
        "components": [
            {
                "uuid": TOOL,
                "type": "software",
                "title": "fipswarden",
                "description": f"fipswarden {__version__}: reads the control plane and asks the nodes.",
                "status": {"state": "operational"},
            }
        ],
        "assessment-platforms": [
            {"uuid": uuid("platform"), "title": "fipswarden", "uses-components": [{"component-uuid": TOOL}]}
        ],
    }


def _reviewed() -> Json:
    by_id: dict[str, set[str]] = {}
    for control in controls().assessed:
        by_id.setdefault(control.id, set()).add(control.statement)
    return {
        "description": prose(f"{controls().standard}, as far as node pools have to do with it."),
        "links": [{"href": f"#{uuid(_CONTROLS)}", "rel": "reference"}],
        "control-selections": [
            {
                "include-controls": [
                    {"control-id": one, "statement-ids": sorted(statements)} for one, statements in by_id.items()
                ]
            }
        ],
    }


def _finding(found: Assessment, one: ControlStanding, key: tuple[str, ...]) -> Json:
    control = one.control
    seen, open_risks = concerns(found, control.basis)
    return {
        "uuid": uuid("finding", *key, control.statement, control.basis),
        "title": line(f"{control.name} {control.title}: {control.basis}"),
        "description": prose(f"{control.here} {one.summary}"),
        "props": [prop("basis", control.basis)],
        "origins": ORIGIN,
        "target": {
            "type": "statement-id",
            "target-id": control.statement,
            "status": {
                "state": "satisfied" if one.satisfied else "not-satisfied",
                "reason": one.reason.value,
                "remarks": "As far as node pools go, by our reading of the control; an assessor decides.",
            },
        },
        **_some("related-observations", ({"observation-uuid": each} for each in seen)),
        **_some("related-risks", ({"risk-uuid": each} for each in open_risks)),
    }


def _log(found: Assessment) -> Iterator[Json]:
    for cluster in found.clusters:
        yield from (_entry(cluster, attempt) for attempt in cluster.attempts)


def _entry(cluster: ClusterAssessed, attempt: Attempt) -> Json:
    return {
        "uuid": uuid("attempt", attempt.source.hash),
        "title": line(f"{cluster.cluster}/{attempt.pool}: {attempt.what}"),
        "description": prose(f"By rule {attempt.rule}, mode {attempt.mode}. {' '.join(words.became(attempt))}"),
        "start": plain(attempt.source.at),
        "end": plain(attempt.latest.at),
        "props": [
            prop("record", attempt.source.name),
            prop("record-sha256", attempt.source.hash),
            *(prop("arm-correlation-id", one) for one in words.correlations(attempt)),
        ],
    }


def _resources(found: Assessment) -> Iterator[Json]:
    yield {
        "uuid": uuid(_PLAN),
        "title": "The policy",
        "description": prose(
            "What is assessed and how is what the policy says. Texts by which clusters were judged last: "
            + (", ".join(sorted({one.policy for one in found.clusters if one.policy})) or "none is known")
        ),
        **_some("rlinks", ({"href": source.name, "hashes": _hashes(source.hash)} for _, source in found.policies)),
    }
    yield {
        "uuid": uuid(_CONTROLS),
        "title": line(controls().standard),
        "description": prose(controls().source),
        "citation": {"text": "NIST Special Publication 800-53 Revision 5, https://doi.org/10.6028/NIST.SP.800-53r5"},
    }
    for path, seq, digest in words.origins(found):
        if digest:
            yield resource(path, Head(seq, digest))


def _hashes(digest: str) -> list[Json]:
    return [{"algorithm": "SHA-256", "value": digest}]
