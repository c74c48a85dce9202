"""The OSCAL document: compliance-trestle accepts it, its references hold, and it says what the records say."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from trestle.core.validator_factory import validator_factory
from trestle.oscal.assessment_results import Model

from shared.domain.assessment import Assessment
from shared.domain.codec import canonical
from shared.domain.fleet_assessment import Asked
from shared.domain.model import ComplianceState as S
from shared.domain.model import Unreadable
from shared.domain.pack import Scope
from shared.domain.records import MANIFESTS
from shared.domain.stated import REPORT_LIMITS
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.oscal import oscal_report
from tests.builders import NOW
from tests.recorded import (
    EXCUSED,
    MEDIA,
    OFF,
    ON,
    PAY,
    UNREAD,
    Recorded,
    judgement,
    observation,
    read_of,
    recorded,
    since_a_manifest,
    verdict,
)
from tests.stored import said


def found(archive: Recorded | None = None) -> Assessment:
    made = archive or recorded()
    return assess(made, Asked(NOW + timedelta(hours=1), heads=made.heads))


def document(assessment: Assessment) -> dict[str, Any]:
    made: dict[str, Any] = json.loads("".join(oscal_report(assessment)))["assessment-results"]
    return made


@cache
def usual() -> dict[str, Any]:
    return document(found())


@cache
def result() -> dict[str, Any]:
    (one,) = usual()["results"]
    made: dict[str, Any] = one
    return made


def accepted(made: dict[str, Any]) -> bool:
    """Validate as `trestle validate` does: by the model, then by all that is registered."""
    model = Model.model_validate({"assessment-results": made}).assessment_results
    return all(one.model_is_valid(model, quiet=True) for one in validator_factory.get_all())


def everything(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name in some JSON with its value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item
            yield from everything(item)
    elif isinstance(value, list):
        for item in value:
            yield from everything(item)


def damaged() -> Assessment:
    made = recorded()
    made.files[record_name(PAY.path, 3)] = b"no record"
    return found(made)


def unread() -> Assessment:
    """A cluster of which much was wrong when it could be read last."""
    made = Recorded()
    made.texts()
    strays = judgement("strays", S.EXEMPT, "NodesDisagree")
    strays = replace(strays, exemption="legacy", exempt_until=NOW + timedelta(days=9))
    pools = [verdict("apps", OFF), verdict("legacy", EXCUSED), verdict("jobs", ON)]
    made.see(PAY, observation(read_of(PAY, "apps", "legacy", "jobs"), pools, strays))
    lost = Unreadable("Unreachable", "ARM did not answer.", None)
    made.see(PAY, observation(lost, [verdict(one.pool, UNREAD, read=False) for one in pools], UNREAD))
    return found(made)


@pytest.mark.parametrize(
    "assessment",
    [
        found(),
        found(Recorded()),
        damaged(),
        replace(found(), since=NOW - timedelta(days=1)),
        replace(found(), manifest=None, fleet=None),
        assess(since_a_manifest(), Asked(NOW + timedelta(hours=1), scope=Scope(after=1))),
        assess(since_a_manifest(), Asked(NOW + timedelta(hours=1), scope=Scope(PAY.path, 1))),
        unread(),
    ],
    ids=["usual", "empty", "damaged", "a period", "unanchored", "a part", "a part of one cluster", "unread"],
)
def test_trestle_accepts_it(assessment: Assessment) -> None:
    assert accepted(document(assessment))


def test_trestle_refuses_what_is_no_assessment() -> None:
    made = json.loads(json.dumps(usual()))
    made["results"][0]["observations"][0]["methods"] = []

    with pytest.raises(ValueError, match="methods"):
        accepted(made)


@pytest.mark.parametrize("made", [usual(), document(unread())], ids=["usual", "unread"])
def test_every_reference_is_to_something_that_is_there_and_no_id_is_used_twice(made: dict[str, Any]) -> None:
    ids = [value for name, value in everything(made) if name == "uuid"]
    used = {value for name, value in everything(made) if name.endswith("-uuid")}
    used |= {value[1:] for name, value in everything(made) if name == "href" and value.startswith("#")}

    assert len(ids) == len(set(ids))
    assert used - set(ids) == set()
    assert used


def test_the_same_records_give_the_same_document_and_others_another() -> None:
    other = recorded()
    other.files[record_name(MEDIA.path, 2)] = canonical(
        said(other.files[record_name(MEDIA.path, 2)]) | {"cause": "resync"}
    )

    assert document(found()) == usual()
    assert document(found(other))["uuid"] != usual()["uuid"]


def test_implementation_is_examined_effectiveness_is_tested_and_neither_is_the_other() -> None:
    seen = {one["title"]: one for one in result()["observations"]}
    said_, asked = seen[f"Implementation: {PAY}/batch"], seen[f"Effectiveness: {PAY}/batch"]

    assert said_["methods"] == ["EXAMINE"]
    assert asked["methods"] == ["TEST", "TEST-AUTOMATED"]
    assert "compliant" in said_["description"]
    assert "NodesDisagree" in asked["description"]
    assert asked["collected"] == "2026-11-22T09:30:04.000000Z"
    assert asked["expires"] == "2026-11-25T09:30:04.000000Z"
    assert said_["subjects"] == asked["subjects"]


def test_an_observation_names_its_record_and_the_records_hash() -> None:
    made = recorded()
    seen = {one["title"]: one for one in result()["observations"]}
    (evidence,) = seen[f"Effectiveness: {PAY}/apps"]["relevant-evidence"]

    assert evidence["href"] == record_name(PAY.path, 5)
    assert evidence["href"] in made.files
    assert evidence["props"][0]["value"] in evidence["description"]


def test_each_pool_that_is_not_as_it_should_be_is_a_risk_with_owner_and_deadline() -> None:
    risks = {one["title"].split()[0]: one for one in result()["risks"]}

    assert {name: one["status"] for name, one in risks.items()} == {
        f"{PAY}/batch": "open",
        f"{PAY}/jobs": "open",
        f"{PAY}/legacy": "deviation-approved",
        f"{MEDIA}/encoder": "investigating",
        str(MEDIA): "investigating",
    }
    assert risks[f"{PAY}/legacy"]["deadline"] == "2026-12-25T00:00:00.000000Z"
    assert "RISK-17" in risks[f"{PAY}/legacy"]["mitigating-factors"][0]["description"]


def test_a_control_is_satisfied_only_by_what_is_known_to_be_well() -> None:
    met = {one["title"]: one["target"]["status"] for one in result()["findings"]}

    assert {one["state"] for one in met.values()} == {"not-satisfied"}
    assert met["CA-7 Continuous Monitoring: monitoring"]["reason"] == "other"
    assert met["SC-13 Cryptographic Protection: enabled"]["reason"] == "fail"


def test_fips_that_is_on_and_modules_that_are_validated_are_two_findings_and_two_kinds_of_component() -> None:
    bases = [one["props"][0]["value"] for one in result()["findings"] if one["target"]["target-id"] == "sc-13_smt.b"]
    kinds = {one["type"] for one in result()["local-definitions"]["components"]}
    certificates = [one for one in result()["local-definitions"]["components"] if one["type"] == "validation"]

    assert bases == ["enabled", "validated"]
    assert kinds == {"service", "software", "validation"}
    assert {one["status"]["state"] for one in certificates} == {"disposition", "other"}


def test_what_is_not_assessed_is_said_and_is_no_reviewed_control() -> None:
    (selection,) = result()["reviewed-controls"]["control-selections"]
    reviewed = {one["control-id"] for one in selection["include-controls"]}

    assert reviewed == {"sc-13", "ia-7", "cm-6", "ca-7"}
    assert "SC-8 is helped and not assessed" in result()["remarks"]
    for limit in REPORT_LIMITS:
        assert limit in usual()["metadata"]["remarks"]


def test_what_could_not_be_read_is_said() -> None:
    assert f"{MEDIA}: Unreachable: ARM did not answer." in result()["remarks"]
    (broken,) = document(damaged())["results"]
    assert "is not JSON: it was changed or cut short" in broken["remarks"]


def test_a_remediation_is_in_the_log_with_arms_correlation_id() -> None:
    (entry,) = result()["assessment-log"]["entries"]

    assert entry["title"] == f"{PAY}/apps: enable FIPS"
    assert {"arm-correlation-id"} <= {one["name"] for one in entry["props"]}


def test_nothing_from_outside_is_markup() -> None:
    made = recorded()
    name = record_name(PAY.path, 7)
    text = said(made.files[name])
    text["posture"]["pools"][0]["findings"][0]["message"] = "<b>[x](javascript:1)</b> {{ insert: param, a }}\x00\u202e"
    del made.files[record_name(MANIFESTS, 1)], made.heads[MANIFESTS]
    made.put(PAY.path, 7, text)
    (one,) = [
        each
        for each in document(found(made))["results"][0]["observations"]
        if each["title"] == f"Implementation: {PAY}/apps"
    ]

    assert r"\<b\>\[x\](javascript:1)\</b\> \{\{ insert: param, a \}\}" in one["description"]
