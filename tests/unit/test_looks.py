"""Whether looks came: a cluster that nobody looks at any more is as unknown in a report as it is in the app."""

import gzip
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.clock import ManualClock
from local.memory import MemorySnapshots, MemoryTable
from shared.domain.assessed import Source
from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked
from shared.domain.looks import HEARTBEAT, OVERDUE, Looks
from shared.domain.model import ComplianceState
from shared.domain.pack import Scope
from shared.domain.records import MANIFESTS
from shared.domain.standing import Reason, standings
from shared.reporting import assess
from shared.reports.formats import FORMATS
from shared.reports.ocsf import ocsf_report
from shared.snapshots import take_snapshot
from tests.builders import NOW, cluster_id
from tests.postures import GONE, GOOD, OUT, looked
from tests.recorded import DAY, MEDIA, OFF, ON, PAY, PROVEN, Recorded, observation, read_of, verdict
from tests.stored import said, signed, signing_key

S = ComplianceState
HOUR = timedelta(hours=1)


def fleet() -> Recorded:
    """Two clusters whose pools need no proof, seen ten days ago; manifests have come since."""
    made = Recorded()
    made.at = NOW - 10 * DAY
    made.texts()
    for whose in (PAY, MEDIA):
        made.see(whose, observation(read_of(whose, "apps", "jobs"), [verdict("apps", ON), verdict("jobs", OFF)]))
    for day in range(-9, 0):
        anchored(made, NOW + day * DAY)
    return made


def anchored(made: Recorded, at: datetime, **due: datetime | None) -> None:
    """A day's manifest; by its snapshot the clusters' looks are due as given."""
    made.at = at
    paths = {"pay": PAY.path, "media": MEDIA.path}
    made.anchor(at, due={paths[name]: when for name, when in due.items()}, unreadSubscriptions=0, unseen=0)


def assessed(made: Recorded, now: datetime = NOW + HOUR, **asked: Any) -> Assessment:
    return assess(made, Asked(now, heads=made.heads, **asked))


def states(found: Assessment) -> dict[str, list[str]]:
    return {one.cluster.name: [pool.state.value for pool in one.pools] for one in found.clusters}


def events(found: Assessment, reason: str) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, ocsf_report(found)) if one["status_code"] == reason]


@pytest.mark.parametrize(("late", "state"), [(OVERDUE, "compliant"), (OVERDUE + 2 * HOUR, "unknown")])
def test_a_cluster_whose_looks_alone_stop_is_unknown_and_the_others_stay(late: timedelta, state: str) -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - late + HOUR)
    found = assessed(made)

    assert states(found) == {"aks-pay": ["compliant", "non_compliant"], "aks-media": [state, "non_compliant"]}
    assert found.faults == ()


def test_a_snapshot_as_the_app_writes_it_says_which_looks_did_not_come() -> None:
    table, files = MemoryTable(ManualClock(NOW)), MemorySnapshots()
    looked(table, GOOD, "aks-late", due=NOW - OVERDUE - HOUR)
    looked(table, GOOD, "aks-new", due=None)
    looked(table, GOOD, "aks-pay")
    looked(table, OUT, "aks-out", due=NOW - 9 * DAY)
    looked(table, GONE, "aks-gone", due=NOW - 9 * DAY)
    manifest, seen = Source("evidence/_manifests/0000000001.json", "h", NOW), Looks(NOW + HOUR)
    seen.manifest(manifest)
    written = files.read(take_snapshot(table, files, NOW).name)
    assert written is not None
    seen.snapshot(manifest, written)
    heard = Source("evidence/r", "h", NOW - 2 * HOUR)

    names = [f"aks-{name}" for name in ("late", "new", "pay", "out", "gone")]
    assert all(seen.knows(cluster_id(name).path) for name in names)
    assert {name: [one.why.reason for one in seen.absences(cluster_id(name).path, heard, None)] for name in names} == {
        "aks-late": ["LooksOverdue"],
        "aks-new": ["LooksOverdue"],
        "aks-pay": [],
        "aks-out": [],
        "aks-gone": [],
    }


HEADER = b'{"schema":"fipswarden.snapshot/1"}\n'
WHOLE = gzip.compress(HEADER + b"{}\n", mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}"),
        gzip.compress(b"[]"),
        gzip.compress(HEADER + b"[]\n"),
        WHOLE,
        WHOLE[:-9],
        WHOLE[:12] + b"\xff\xff" + WHOLE[14:],
    ],
    ids=["empty", "no gzip", "no header", "a list", "no row", "no fields", "cut off", "changed"],
)
def test_what_is_no_snapshot_is_told(data: bytes) -> None:
    made = fleet()
    made.at = NOW
    name = made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    there = f"snapshots/fleet/{NOW:%Y/%m/%d/%H%M%SZ}.jsonl.gz"
    payload = said(made.files[name])
    payload["snapshot"]["sha256"] = hashlib.sha256(data).hexdigest()
    made.files[there] = data
    made.put(MANIFESTS, payload["seq"], signed(payload, signing_key()))
    found = assessed(made)

    assert [fault.startswith(f"{there} can't be read: ") for fault in found.faults] == [True]


def test_every_format_says_that_looks_did_not_come() -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - DAY)
    found = assessed(made)

    for name, writer in FORMATS.items():
        text = "".join(writer(found))
        assert "LooksOverdue" in text, name
        assert "The look that was due at" in text, name
    assert {one.control.statement: one.reason for one in standings(found)}["ca-7_smt.c"] is Reason.OTHER


def test_a_row_that_does_not_say_when_a_look_was_due_is_overdue_as_it_is_in_the_app() -> None:
    made = fleet()
    anchored(made, NOW, media=None)

    assert states(assessed(made))["aks-media"][0] == "unknown"


def test_a_record_that_came_since_is_a_look() -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - DAY)
    made.prove(MEDIA, "apps", NOW)
    found = assessed(made)

    assert states(found)["aks-media"][0] == "compliant"
    told = events(found, "LooksOverdue")
    assert [one["activity_name"] for one in told] == ["Create", "Close"]
    assert len({one["finding_info"]["uid"] for one in told}) == 1
    assert (told[1]["status"], told[1]["compliance"]["status_id"]) == ("Resolved", 1)


def test_a_snapshot_that_shows_looks_again_closes_what_the_one_before_opened() -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - DAY)
    opened = events(assessed(made), "LooksOverdue")
    anchored(made, NOW + DAY)
    found = assessed(made, NOW + DAY + HOUR)
    told = events(found, "LooksOverdue")

    assert states(found)["aks-media"][0] == "compliant"
    assert [one["activity_name"] for one in told] == ["Create", "Close"]
    # What both reports tell, they tell under the same id.
    assert [one["metadata"]["uid"] for one in opened] == [told[0]["metadata"]["uid"]]
    assert [
        one["activity_name"] for one in events(assessed(made, NOW + DAY + HOUR, since=NOW + HOUR), "LooksOverdue")
    ] == ["Close"]


def test_looks_that_stop_twice_are_two_findings() -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - DAY)
    anchored(made, NOW + DAY)
    anchored(made, NOW + 2 * DAY, media=NOW + DAY)
    told = events(assessed(made, NOW + 2 * DAY + HOUR), "LooksOverdue")

    assert [one["activity_name"] for one in told] == ["Create", "Close", "Create"]
    assert len({one["finding_info"]["uid"] for one in told}) == 2


def test_an_app_that_stood_still_is_an_event_that_its_next_manifest_closes() -> None:
    made = fleet()
    before = [one for one in events(assessed(made, NOW + DAY), "NotRenewed") if one["activity_name"] == "Create"]
    anchored(made, NOW + 2 * DAY)
    told = events(assessed(made, NOW + 2 * DAY + HOUR), "NotRenewed")

    assert len(before) == 2
    assert sorted(one["activity_name"] for one in told) == ["Close", "Close", "Create", "Create"]
    assert {one["metadata"]["uid"] for one in before} < {one["metadata"]["uid"] for one in told}
    assert {one["finding_info"]["uid"] for one in before} == {one["finding_info"]["uid"] for one in told}


def test_a_clock_that_was_wrong_opens_and_closes_nothing_twice() -> None:
    made = fleet()
    for at in (NOW + 900 * DAY, NOW - 9 * DAY, NOW - 8 * DAY):
        made.at = at
        made.prove(MEDIA, "apps", at)
    told = [json.loads(line) for line in ocsf_report(assessed(made, NOW + 2 * DAY))]

    ids = [one["metadata"]["uid"] for one in told]
    assert len(ids) == len(set(ids))
    # What is known of the other cluster is no more than that its evidence says that it is from times to come.
    (silent,) = [one for one in told if one["status_code"] == "NotRenewed"]
    assert (silent["activity_name"], silent["resources"][0]["name"]) == ("Create", str(PAY))
    assert [one["resources"][0]["name"] for one in told if one["status_code"] == "EvidenceFault"] == [str(MEDIA)]


def test_while_the_app_stands_still_a_cluster_that_was_overdue_before_stays_one_finding() -> None:
    made = fleet()
    anchored(made, NOW, media=NOW - DAY)
    anchored(made, NOW + 3 * DAY, media=NOW - DAY)
    found = assessed(made, NOW + 3 * DAY + HOUR)

    assert [one["activity_name"] for one in events(found, "LooksOverdue")] == ["Create"]
    assert {one["resources"][0]["name"] for one in events(found, "NotRenewed")} == {str(PAY)}


def test_where_no_snapshot_has_a_cluster_it_is_said_that_nothing_shows_its_looks() -> None:
    made = fleet()
    anchored(made, NOW)
    for name in [name for name in made.files if name.startswith("snapshots/fleet/")]:
        del made.files[name]
    found = assessed(made, scope=Scope(MEDIA.path))

    assert found.faults == ()
    assert [why.split(" came is")[0] for _, why in found.unread()] == [
        f"whether the look that was due at {NOW - 10 * DAY + HEARTBEAT:%Y-%m-%d} 09:34 UTC"
    ]


@pytest.mark.parametrize(("data", "said"), [(None, "is missing"), (b"", "is changed")])
def test_a_snapshot_that_the_last_manifest_names_and_that_is_not_there_is_a_fault(
    data: bytes | None, said: str
) -> None:
    made = fleet()
    anchored(made, NOW)
    name = f"snapshots/fleet/{NOW:%Y/%m/%d/%H%M%SZ}.jsonl.gz"
    if data is None:
        del made.files[name]
    else:
        made.files[name] = b"no snapshot"
    (fault,) = assessed(made).faults

    assert fault.startswith(f"{name} {said}")


def test_a_proof_that_ended_is_an_event_that_the_next_proof_closes() -> None:
    made = Recorded()
    made.at = NOW - DAY
    made.texts()
    made.prove(PAY, "apps", NOW - DAY)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    anchored(made, NOW + 3 * DAY)
    before = events(assessed(made, NOW + 3 * DAY), "ProofExpired")
    made.at = NOW + 4 * DAY
    made.prove(PAY, "apps", NOW + 4 * DAY)
    told = events(assessed(made, NOW + 4 * DAY + HOUR), "ProofExpired")

    assert [one["activity_name"] for one in told] == ["Create", "Close"]
    assert len({one["finding_info"]["uid"] for one in told}) == 1
    assert [one["metadata"]["uid"] for one in before] == [told[0]["metadata"]["uid"]]
    assert told[1]["evidences"][0]["name"].endswith("0000000003.json")
    assert told[0]["time"] == round((NOW + 2 * DAY + HOUR).timestamp() * 1000)
