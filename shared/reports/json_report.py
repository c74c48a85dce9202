"""The assessment as one JSON object, a line for each cluster: whatever the other reports say, for programs."""

import json
from collections.abc import Iterator
from typing import Any

from shared import __version__
from shared.domain.assessment import Assessment
from shared.domain.codec import plain
from shared.domain.model import ComplianceState
from shared.domain.standing import standings
from shared.reports import words

SCHEMA = "fipswarden.report/1"


def json_report(found: Assessment) -> Iterator[str]:
    """Yield the report in pieces: a large fleet's is never built as a whole."""
    yield json.dumps(_head(found))[:-1] + ', "clusters": ['
    for number, cluster in enumerate(found.clusters):
        yield f"{',' if number else ''}\n{json.dumps(plain(cluster))}"
    yield "\n]}\n"


def _head(found: Assessment) -> dict[str, Any]:
    states, beside = found.states(), found.beside()
    return {
        "schema": SCHEMA,
        "app": __version__,
        "asOf": plain(found.as_of),
        "since": plain(found.since),
        "scope": plain(found.scope),
        "limits": list(words.limits(found)),
        "summary": {state.value: states[state] for state in ComplianceState},
        "beside": {state.value: beside[state] for state in ComplianceState},
        "text": words.summary(found),
        "controls": [
            {
                "control": plain(one.control),
                "satisfied": one.satisfied,
                "reason": one.reason.value,
                "summary": one.summary,
            }
            for one in standings(found)
        ],
        "unread": [{"what": what, "why": why} for what, why in found.unread()],
        "policies": [{"hash": digest, "source": plain(source)} for digest, source in found.policies],
        "manifest": plain(found.manifest),
        "coverage": plain(found.coverage),
        "heads": [{"chain": path, "seq": seq, "sha256": digest} for path, seq, digest in words.origins(found)],
    }
