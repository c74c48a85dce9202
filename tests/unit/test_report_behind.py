"""What rests on records behind the last manifest is marked in every report, and loses the mark with the next one."""

import csv
import io
import json
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from trestle.oscal.assessment_results import Model

from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked
from shared.domain.model import ComplianceState as S
from shared.domain.operation import OutcomeState
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.formats import FORMATS
from shared.reports.words import BEHIND, limits, summary
from tests.builders import NOW, cluster_id
from tests.recorded import (
    LAB,
    LYING,
    MEDIA,
    OFF,
    OLD,
    ON,
    PAY,
    PROVEN,
    Recorded,
    judgement,
    observation,
    read_of,
    verdict,
)
from tests.unit.test_report_html import Page

HOUR = timedelta(hours=1)
STRAYS = judgement("strays", S.INCONSISTENT, "NodesDisagree", "3 of 3 nodes outside every node pool don't show it.")


def vouched() -> Recorded:
    """Two clusters that lie, up to a manifest; two more that are judged."""
    made = Recorded()
    made.at = NOW - 3 * HOUR
    made.texts()
    for whose in (PAY, MEDIA):
        made.prove(whose, "apps", NOW - 3 * HOUR)
        made.see(whose, observation(read_of(whose, "apps"), [verdict("apps", ON, LYING)], STRAYS))
    made.see(LAB, observation(read_of(LAB, "apps"), [verdict("apps", OFF)]))
    made.see(OLD, observation(read_of(OLD, "apps"), [verdict("apps", OFF)]))
    made.anchor(NOW - 2 * HOUR, unreadSubscriptions=0, unseen=0)
    return made


def behind() -> Recorded:
    """The same; behind the manifest one is called well, but for nodes outside its pools, one excluded, one gone."""
    made = vouched()
    made.prove(MEDIA, "apps", NOW - HOUR)
    made.see(MEDIA, observation(read_of(MEDIA, "apps"), [verdict("apps", ON, PROVEN)], STRAYS))
    made.see(LAB, observation(read_of(LAB, "apps"), [], in_scope=False))
    made.see(OLD, observation(None, [], judgement("exists", S.NOT_APPLICABLE, "ClusterGone")))
    return made


def anchored() -> Recorded:
    """The same, after the next manifest."""
    made = behind()
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return made


def found(made: Recorded) -> Assessment:
    return assess(made, Asked(NOW + HOUR, heads=made.heads))


def text(made: Recorded, form: str) -> str:
    return "".join(FORMATS[form](found(made)))


def rows(made: Recorded, form: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(made, form), newline="")))


def properties(made: Recorded) -> dict[str, list[str]]:
    """Descriptions of what has the mark in an OSCAL document, by what it is."""
    document = json.loads(text(made, "oscal"))
    assert Model.model_validate(document)
    (result,) = document["assessment-results"]["results"]

    def has(one: dict[str, Any]) -> bool:
        return any((prop["name"], prop["value"]) == ("manifest", BEHIND) for prop in one.get("props", ()))

    items = [one["description"] for one in result["local-definitions"]["inventory-items"] if has(one)]
    seen = [one["title"] for one in result["observations"] if any(map(has, one["relevant-evidence"]))]
    return {"items": items, "observations": seen}


def test_the_table_marks_the_rows_that_rest_on_such_records_and_no_other() -> None:
    marked = {(row["row"], row["cluster"]): row["manifest"] for row in rows(behind(), "csv") if row["cluster"]}

    assert {key for key, mark in marked.items() if mark == BEHIND} == {
        ("pool", MEDIA.arm_id),
        ("cluster", MEDIA.arm_id),
        ("excluded", LAB.arm_id),
        ("gone", OLD.arm_id),
    }
    assert marked["pool", PAY.arm_id] == marked["cluster", PAY.arm_id] == ""


def test_the_plan_marks_its_items_and_the_clusters_that_have_left_it() -> None:
    comments = {row["Asset Identifier"]: row["Comments"] for row in rows(behind(), "poam") if row["POA&M ID"]}
    notes = [row["Comments"] for row in rows(behind(), "poam") if row["Comments"].startswith("no state: ")]

    assert comments == {MEDIA.arm_id: BEHIND, PAY.arm_id: "", f"{PAY.arm_id}/agentPools/apps": ""}
    assert notes == [
        f"no state: {LAB.arm_id} excluded by the policy. Record {record_name(LAB.path, 2)}. {BEHIND}",
        f"no state: {OLD.arm_id} does not exist any more. Record {record_name(OLD.path, 2)}. {BEHIND}",
    ]


def test_the_page_marks_pools_findings_and_clusters_without_a_state() -> None:
    marked = [row for row in Page(text(behind(), "html")).rows if any(cell.endswith(BEHIND) for cell in row)]
    finding, pool, excluded, gone = marked

    assert finding[3] == str(MEDIA)
    assert (pool[0], pool[1], pool[-1]) == (f"{MEDIA}/apps", "compliantNodesProven", f"4{BEHIND}")
    assert excluded == [str(LAB), f"excluded by the policy{BEHIND}"]
    assert gone == [str(OLD), f"does not exist any more{BEHIND}"]


def test_oscal_marks_the_evidence_and_what_it_is_about() -> None:
    marked = properties(behind())

    assert marked["items"] == [
        f"AKS cluster {LAB}",
        f"AKS cluster {MEDIA}",
        f"Node pool {MEDIA}/apps",
        f"AKS cluster {OLD}",
    ]
    assert marked["observations"][:3] == [
        f"NodesDisagree: {MEDIA}",
        f"Implementation: {MEDIA}/apps",
        f"Effectiveness: {MEDIA}/apps",
    ]
    assert not any(str(PAY) in title for title in marked["observations"])


def test_json_marks_each_record() -> None:
    clusters = {one["cluster"]: one for one in json.loads(text(behind(), "json"))["clusters"]}
    (lied,), (called_well,) = (clusters[whose.arm_id]["pools"] for whose in (PAY, MEDIA))

    assert [lied[name]["behind"] for name in ("source", "read")] == [False, False]
    assert [called_well[name]["behind"] for name in ("source", "read")] == [True, True]
    assert called_well["proof"]["source"]["behind"]
    assert clusters[LAB.arm_id]["observed"]["behind"]
    assert '"behind": true' not in text(anchored(), "json"), "a manifest vouches for itself"


def test_a_siem_is_told_in_each_event_of_such_a_cluster() -> None:
    told: dict[str, set[str]] = {}
    for line in text(behind(), "ocsf").splitlines():
        event = json.loads(line)
        told.setdefault(event["resources"][0]["name"].split("/apps")[0], set()).add(event["unmapped"]["limits"])

    vouches = {name: "No manifest vouches yet" in "".join(limits_) for name, limits_ in told.items()}
    assert vouches == {str(MEDIA): True, str(LAB): True, str(OLD): True, str(PAY): False}
    assert all(one.endswith("No manifest vouches yet for 2 records of the cluster.") for one in told[str(MEDIA)])


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_next_manifest_takes_every_mark_away(form: str) -> None:
    assert "No manifest vouches" in text(behind(), form)
    assert "No manifest vouches" not in text(anchored(), form)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_records_before_the_manifest_are_not_marked_however_many_there_are(form: str) -> None:
    assert "No manifest vouches" not in text(vouched(), form)


def test_a_newer_proof_alone_marks_its_pool() -> None:
    made = vouched()
    made.prove(MEDIA, "apps", NOW - HOUR)

    assert {(row["row"], row["cluster"]) for row in rows(made, "csv") if row["manifest"]} == {("pool", MEDIA.arm_id)}


@pytest.mark.parametrize("form", ["csv", "poam", "html", "oscal"])
def test_a_remediation_whose_end_no_manifest_vouches_for_is_marked(form: str) -> None:
    made = vouched()
    made.attempt(PAY, "apps", OutcomeState.SUCCEEDED)

    assert f"succeeded: said. {BEHIND}" in unescape(text(made, form)).replace("<br>", " ")
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    assert BEHIND not in unescape(text(made, form))


def test_the_limit_names_the_clusters_and_no_more_than_ten() -> None:
    made = behind()
    (told,) = [one for one in limits(found(made)) if "vouches" in one]
    assert f"No manifest vouches yet for 4 records of 3 clusters behind it: {LAB}, {MEDIA}, {OLD}. " in told

    for number in range(10, 22):
        whose = cluster_id(f"aks-{number}", "rg-more")
        made.see(whose, observation(read_of(whose, "apps"), [verdict("apps", OFF)]))
    (told,) = [one for one in limits(found(made)) if "vouches" in one]
    assert "16 records of 15 clusters behind it: " in told
    assert told.count("rg-more/aks-16") == 2, "named among those behind, and among those that no manifest names"
    assert "rg-more/aks-20" not in told
    assert told.count(" ...") == 2


def test_the_summary_counts_clusters_without_a_state() -> None:
    assert "1 cluster is excluded by the policy. 1 cluster does not exist any more." in summary(found(behind()))
    assert "excluded" not in summary(found(vouched()))

    made = behind()
    made.see(PAY, observation(read_of(PAY, "apps"), [], in_scope=False))
    assert "2 clusters are excluded by the policy. 1 cluster does" in summary(found(made))


@pytest.mark.parametrize("form", ["html", "csv", "oscal", "json"])
def test_every_summary_says_how_many_clusters_have_no_state(form: str) -> None:
    assert "1 cluster is excluded by the policy. 1 cluster does not exist any more." in text(anchored(), form)
