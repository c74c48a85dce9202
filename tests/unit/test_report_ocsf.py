"""The OCSF events: py-ocsf-models accepts each, no field is unknown to it, and a SIEM can follow a finding."""

import json
from datetime import timedelta
from typing import Any

import pytest
from py_ocsf_models import OCSF_VERSION
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

from shared.domain.fleet_assessment import Asked
from shared.domain.operation import OutcomeState
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.ocsf import VERSION, ocsf_report
from tests.builders import NOW
from tests.recorded import EXCUSED, MEDIA, OLD, PAY, Recorded, observation, read_of, recorded, verdict


def events(archive: Recorded, **asked: Any) -> list[dict[str, Any]]:
    found = assess(archive, Asked(max(NOW, archive.at) + timedelta(hours=1), heads=archive.heads, **asked))
    return [json.loads(line) for line in "".join(ocsf_report(found)).splitlines()]


def damaged() -> Recorded:
    made = recorded()
    made.files[record_name(PAY.path, 3)] = b"no record"
    made.files["evidence/stray"] = b""
    return made


def stopped() -> Recorded:
    """Looks at one cluster stopped and came again; the app did, too; proofs and exemptions ended meanwhile."""
    made = recorded()
    for days, late in ((1, 2), (2, 0), (60, 0)):
        made.at = NOW + timedelta(days=days)
        made.anchor(made.at, due={PAY.path: made.at - timedelta(days=late)}, unreadSubscriptions=0, unseen=0)
    made.prove(PAY, "apps", made.at)
    return made


def of(made: list[dict[str, Any]], pool: str, cluster: object = PAY) -> list[dict[str, Any]]:
    return [one for one in made if one["resources"][0]["name"] == f"{cluster}/{pool}"]


MISSING = ".compliance.status"
"""What the schema has, and not the models (ocsf/ocsf-schema, objects/compliance.json: the caption of `status_id`)."""


def unknown(given: Any, known: Any, where: str = "") -> list[str]:
    """What of an event its model does not know, or knows otherwise."""
    if isinstance(given, dict) and isinstance(known, dict):
        return [
            found
            for name, value in given.items()
            if f"{where}.{name}" != MISSING
            for found in (
                unknown(value, known[name], f"{where}.{name}") if name in known else [f"{where}.{name} is not known"]
            )
        ]
    if isinstance(given, list) and isinstance(known, list):
        return [found for one, other in zip(given, known, strict=True) for found in unknown(one, other, where)]
    return [] if given == known else [f"{where}: {given!r} is {known!r}"]


@pytest.mark.parametrize("archive", [recorded(), damaged(), stopped()], ids=["usual", "damaged", "stopped"])
def test_the_models_accept_every_event_and_know_every_field(archive: Recorded) -> None:
    made = events(archive)

    assert made
    for event in made:
        model = ComplianceFinding.model_validate(event)
        assert unknown(event, json.loads(model.model_dump_json(exclude_none=True))) == []


def test_the_models_refuse_what_is_no_event() -> None:
    (event, *_) = events(recorded())

    with pytest.raises(ValueError, match="type_uid"):
        ComplianceFinding.model_validate({**event, "type_uid": 1})


def test_the_version_is_that_of_the_models() -> None:
    assert VERSION == OCSF_VERSION
    assert {one["metadata"]["version"] for one in events(recorded())} == {VERSION}


def test_the_type_is_made_of_class_and_activity() -> None:
    for event in events(recorded()):
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert (event["category_uid"], event["class_uid"]) == (2, 2003)


def test_a_finding_is_created_and_closed_under_one_id() -> None:
    made = of(events(recorded()), "apps")

    assert [(one["activity_name"], one["status"], one["compliance"]["status_id"]) for one in made] == [
        ("Create", "New", 3),
        *[("Update", "In Progress", 3)] * 2,
        ("Update", "New", 3),
        ("Close", "Resolved", 1),
    ]
    assert len({one["finding_info"]["uid"] for one in made}) == 1
    assert len({one["metadata"]["uid"] for one in made}) == 5
    assert made[-1]["finding_info"]["first_seen_time"] == made[0]["finding_info"]["first_seen_time"]


def test_what_the_app_did_on_a_pool_is_told_of_its_finding_also_when_that_is_closed() -> None:
    made = recorded()
    (*_, closed) = of(events(made), "apps")
    made.at = NOW
    made.attempt(PAY, "apps", OutcomeState.FAILED)
    (*_, begun, failed) = of(events(made), "apps")

    for event in (begun, failed):
        assert (event["activity_name"], event["status"], event["severity"]) == ("Update", "Resolved", "Informational")
        assert event["compliance"]["status_id"] == closed["compliance"]["status_id"]
        assert event["finding_info"]["uid"] == closed["finding_info"]["uid"]
    assert "The app begins: enable FIPS." in begun["message"]
    assert "enable FIPS: failed: said." in failed["message"]


def test_what_is_gone_passes_nothing() -> None:
    (_, closed) = of(events(recorded()), "apps", OLD)

    assert (closed["activity_name"], closed["compliance"]["status_id"]) == ("Close", 99)
    assert "does not exist any more" in closed["message"]


def test_an_exemption_is_suppressed_and_warned_of() -> None:
    (event,) = of(events(recorded()), "legacy")

    assert (event["status"], event["compliance"]["status_id"], event["severity"]) == (
        "Suppressed",
        2,
        "Informational",
    )


def test_nodes_that_disagree_are_critical_and_a_matter_of_effectiveness() -> None:
    (event,) = of(events(recorded()), "batch")

    assert event["severity"] == "Critical"
    assert event["finding_info"]["types"] == ["FIPS effectiveness"]
    assert event["evidences"][0]["name"] == record_name(PAY.path, 7)


def test_what_can_not_be_read_is_an_event_of_unknown_compliance() -> None:
    (event,) = [one for one in events(recorded()) if one["resources"][0]["name"] == str(MEDIA)]

    assert (event["compliance"]["status_id"], event["status_code"]) == (0, "Unreachable")


def test_a_fault_in_the_evidence_is_an_event() -> None:
    made = [one for one in events(damaged()) if one["status_code"] == "EvidenceFault"]

    assert {one["message"].split()[0] for one in made} == {record_name(PAY.path, 3), "evidence/"}
    assert {(one["compliance"]["status_id"], one["compliance"]["control"]) for one in made} == {(0, "CA-7")}


def test_what_no_record_says_is_an_event_and_never_an_empty_report() -> None:
    made = Recorded()
    made.texts()
    made.anchor(NOW, unreadSubscriptions=3, unseen=2)
    nothing, event = events(made)

    assert nothing["message"] == "there is no record of any cluster: this report is of nothing"
    assert (event["status_code"], event["compliance"]["status_id"]) == ("NotKnown", 0)
    assert event["finding_info"]["title"] == "NotKnown on the fleet"
    assert event["compliance"]["control"] == "CA-7"
    assert "3 subscriptions not read; 2 clusters" in event["message"]
    assert unknown(event, json.loads(ComplianceFinding.model_validate(event).model_dump_json(exclude_none=True))) == []


def test_what_has_ended_since_the_last_record_is_an_event() -> None:
    archive = recorded()
    found = assess(archive, Asked(NOW + timedelta(days=60), heads=archive.heads))
    made = [json.loads(line) for line in "".join(ocsf_report(found)).splitlines()]

    ended = {(one["resources"][0]["name"], one["status_code"], one["status"]) for one in made if "resources" in one}
    assert (f"{PAY}/apps", "ProofExpired", "New") in ended
    assert (f"{PAY}/legacy", "ExemptionEnded", "New") in ended


def test_a_report_that_is_made_again_repeats_the_same_events() -> None:
    assert events(recorded()) == events(recorded())


def test_only_changes_of_the_period_are_told() -> None:
    lately = events(recorded(), since=NOW - timedelta(days=2))

    assert [(one["activity_name"], one["message"][:12]) for one in of(lately, "apps")] == [("Close", "enableFIPS i")]
    assert {one["time"] for one in lately} < {one["time"] for one in events(recorded())}


def test_each_event_says_what_is_not_assessed() -> None:
    for event in events(recorded()):
        assert "container images is not assessed" in event["unmapped"]["limits"]


@pytest.mark.parametrize(("days", "pool", "reason"), [(4, "apps", "ProofExpired"), (40, "legacy", "ExemptionEnded")])
def test_what_time_alone_has_made_unknown_is_an_event(days: int, pool: str, reason: str) -> None:
    made = recorded()
    made.at = NOW + timedelta(days=days)
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assess(made, Asked(made.at, heads=made.heads))
    told = of([json.loads(line) for line in ocsf_report(found)], pool)

    assert (told[-1]["status_code"], told[-1]["compliance"]["status_id"]) == (reason, 0)


def test_what_one_record_opened_and_time_changed_since_is_two_events() -> None:
    made = Recorded()
    made.texts()
    made.see(PAY, observation(read_of(PAY, "legacy"), [verdict("legacy", EXCUSED)]))
    made.at = NOW + timedelta(days=40)
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assess(made, Asked(made.at, heads=made.heads))
    told = of([json.loads(line) for line in ocsf_report(found)], "legacy")

    assert [one["status"] for one in told] == ["Suppressed", "New"]
    assert len({one["metadata"]["uid"] for one in told}) == 2


def test_each_event_of_a_finding_names_the_head_of_its_chain() -> None:
    made = recorded()
    told = of(events(made), "apps")

    assert {one["unmapped"]["head"]["hash"] for one in told} == {made.heads[PAY.path].hash}


def test_what_is_not_known_is_one_finding_in_each_report_however_late() -> None:
    made = recorded()
    made.anchor(NOW, unreadSubscriptions=2, unseen=0)
    times = (NOW + timedelta(hours=hours) for hours in (1, 2))
    reports = ("".join(ocsf_report(assess(made, Asked(at, heads=made.heads)))) for at in times)
    late = [json.loads(line) for text in reports for line in text.splitlines()]
    found = [one for one in late if one["status_code"] == "NotKnown"]

    assert len(found) == 2
    assert len({one["finding_info"]["uid"] for one in found}) == len({one["metadata"]["uid"] for one in found}) == 1


def test_every_status_of_a_compliance_has_its_name() -> None:
    made = events(recorded()) + events(stopped())

    named = {(one["compliance"]["status_id"], one["compliance"]["status"]) for one in made}
    assert named >= {(99, "Other"), (1, "Pass"), (3, "Fail")}
    assert len({number for number, _ in named}) == len(named)
