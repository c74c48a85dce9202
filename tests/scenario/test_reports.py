"""Reports of what the real looks recorded: the main job, as assessors, SIEMs and auditors see it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from trestle.oscal.assessment_results import Model

from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked
from shared.domain.ids import ClusterId
from shared.domain.people import RequestKind
from shared.domain.records import Head
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.formats import FORMATS
from tests.protocol.lab import CLUSTER, Tap, WorkerDied
from tests.scenario.fleet import Fleet
from tests.scenario.proving import Nodes
from tests.scenario.replacing import HOUR, Replacing
from tests.stored import MemoryArchive


def assessed(fleet: Fleet | Replacing) -> Assessment:
    files = {record_name(path, seq): data for (path, seq), data in fleet.evidence.blobs.items()}
    last = dict(sorted(fleet.evidence.blobs))
    heads = {path: Head(seq, hashlib.sha256(fleet.evidence.blobs[path, seq]).hexdigest()) for path, seq in last.items()}
    return assess(MemoryArchive(files), Asked(fleet.clock.now(), heads=heads))


@cache
def remediated() -> Assessment:
    """Two clusters whose pools were switched on and proven, and one that was deleted."""
    fleet = Fleet()
    two, gone = fleet.add("aks-two"), fleet.add("aks-gone")
    fleet.look(CLUSTER, two, gone, lasting=timedelta(hours=1))
    with fleet.world.entered():
        fleet.world.remove_cluster(fleet.world.cluster_by_id(gone.arm_id))
    fleet.look(gone, lasting=timedelta(hours=1))
    return assessed(fleet)


def events() -> Iterator[dict[str, Any]]:
    """What is told of clusters and pools."""
    for line in "".join(FORMATS["ocsf"](remediated())).splitlines():
        event = json.loads(line)
        if "resources" in event:
            yield event


def test_the_evidence_of_real_looks_is_whole_and_says_what_is_true() -> None:
    found = remediated()

    # These looks are given their rules, of which no text is recorded, and nobody writes manifests.
    rules, fleet = (why for _, why in found.unread())
    assert rules.startswith("no record holds the policy")
    assert fleet.startswith("which clusters and subscriptions there are is not known")
    assert [(pool.name, pool.state.value) for _, pool in found.pools()] == [("np1", "compliant")] * 2
    assert [one.gone for one in found.clusters if not one.judged] == [True]
    assert all(pool.proof and pool.on for _, pool in found.pools())


def test_trestle_accepts_the_assessment_of_real_looks() -> None:
    made = json.loads("".join(FORMATS["oscal"](remediated())))

    (result,) = Model.model_validate(made).assessment_results.results
    assert result.findings
    assert result.assessment_log is not None
    assert len(result.assessment_log.entries) == 3


def test_a_siem_sees_a_pool_found_and_mended() -> None:
    seen = [
        (one["activity_name"], one["status_code"])
        for one in events()
        if ComplianceFinding.model_validate(one) and one["resources"][0]["name"] == f"{CLUSTER}/np1"
    ]

    assert seen[0] == ("Create", "FipsDisabled")
    assert ("Close", "FipsDisabled") in seen
    assert sum(name == "Create" for name, _ in seen) == sum(name == "Close" for name, _ in seen)


def test_what_is_deleted_is_closed() -> None:
    gone = ClusterId(CLUSTER.subscription, CLUSTER.resource_group, "aks-gone")
    last = [one for one in events() if one["resources"][0]["name"].startswith(str(gone))]

    assert all(one["activity_name"] != "Create" or one["finding_info"]["uid"] for one in last)
    opened = {one["finding_info"]["uid"] for one in last if one["activity_name"] == "Create"}
    closed = {one["finding_info"]["uid"] for one in last if one["activity_name"] == "Close"}
    assert opened == closed != set()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_report_of_real_looks_can_be_written(name: str) -> None:
    assert "".join(FORMATS[name](remediated()))


def test_a_real_replacement_is_told_in_every_format() -> None:
    lab = Replacing.made()
    lab.look(lasting=HOUR)
    lab.assert_replaced()
    found = assessed(lab)

    for name, writer in FORMATS.items():
        text = "".join(writer(found))
        assert "cordoned" in text, name
        assert "evicted" in text, name
        assert "replaced" in text, name
        assert "oldf" in text, name
        assert "The node pool does not exist any more" not in text, name


def test_nodes_that_said_no_to_a_look_that_died_are_told_and_the_next_look_judges_them() -> None:
    lab = Nodes()
    pool = lab.pool_of()
    lab.prove()
    lab.nodes(pool)[1].kernel_fips = 0
    lab.ask(RequestKind.VERIFY, "apps")

    def dies(_: str) -> None:
        if lab.evidence.chain(CLUSTER)[-1].payload.get("proof", {}).get("disagreeing"):
            raise WorkerDied

    while not lab.evidence.chain(CLUSTER)[-1].payload.get("proof", {}).get("disagreeing"):
        lab.clock.advance(timedelta(seconds=30))
        if message := lab.queue.take(timedelta(minutes=5)):
            lab.work(message, Tap(after=dies))

    assert lab.verdict(pool="apps") == "compliant: NodesProven"
    ((_, before),) = assessed(lab).pools()
    assert (before.state.value, before.decisive.reason) == ("inconsistent", "NodesDisagree")
    assert "nobody has judged since" in before.decisive.message

    lab.prove()
    ((_, after),) = assessed(lab).pools()
    assert (after.state.value, after.decisive.reason) == ("inconsistent", "NodesDisagree")
    assert "nobody has judged since" not in after.decisive.message
