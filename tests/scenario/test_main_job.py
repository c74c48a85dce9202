"""The main job, end to end, through the app's own bindings, Azurite and the SDKs; tests assert the world."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from local.event_schema import Schema
from local.eventgrid import Faults
from local.host.config import QueueOptions
from local.sinks import Failure
from local.world.faults import DRAIN_FAILURE, Answer, FailOperation, Fault, LostAnswer
from shared.adapters.aks import AksClusters
from shared.domain.records import RecordKind
from shared.rollout import PACE
from tests.scenario.conftest import CLUSTER, Job, Start
from tests.waiting import eventually

PROVEN = "compliant: NodesProven"


@pytest.mark.parametrize("schema", list(Schema))
def test_a_pool_created_without_fips_is_remediated_proven_recorded_and_told(start: Start, schema: Schema) -> None:
    job = start(schema)
    before = job.add_pool(nodeTaints=["dedicated=batch:NoSchedule"], nodeLabels={"team": "batch"})
    body = dict(before.properties)
    job.becomes(PROVEN)
    assert job.puts() == [200]
    assert job.nodes_with_fips() == (2, 2)
    assert job.outcomes() == ["accepted", "succeeded"]
    intent = next(one for one in job.chain() if one.kind is RecordKind.INTENT)
    put = next(one for one in job.world.requests if one.method == "PUT")
    assert put.client_request_id == intent.id == intent.payload["clientRequestId"]
    assert put.if_match.strip('"') == intent.payload["ifMatch"]
    with job.world.entered():
        after = job.world.cluster_by_id(CLUSTER.arm_id).pools["batch"].properties
    assert {key: value for key, value in after.items() if key != "enableFIPS"} == {
        key: value for key, value in body.items() if key != "enableFIPS"
    }
    eventually(lambda: tells(job.stack.teams.cards, "batch: compliant"), "Teams is told")
    eventually(lambda: tells(job.stack.mail.messages, "batch: compliant"), "the mailbox is told")
    eventually(lambda: tells(job.stack.topic.received, "batch: compliant"), "the topic is told")
    assert not job.budget().places


def test_a_lost_event_is_caught_by_the_resync(job: Job) -> None:
    job.request("first look")
    job.becomes(PROVEN, "apps")
    job.add_pool(event=False)
    job.stack.host.invoke("resync")
    job.becomes(PROVEN)
    assert job.puts() == [200]
    job.rests()
    looks = job.looks()
    job.stack.host.invoke("resync")
    job.stack.host.idle(30)
    assert job.looks() == looks, "a fleet at rest costs no look"


def test_an_event_delivered_ten_times_one_after_the_other_causes_one_put(job: Job) -> None:
    job.stack.event_grid.faults = Faults(duplicates=9)
    job.add_pool()
    job.becomes(PROVEN)
    for _ in range(10):
        job.publish("batch")
    job.stack.event_grid.idle(60)
    job.stack.host.idle(60)
    assert job.puts() == [200]
    assert job.outcomes() == ["accepted", "succeeded"]


def test_ten_events_at_once_cause_one_put(job: Job) -> None:
    job.add_pool(event=False)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: job.publish("batch"), range(10)))
    job.becomes(PROVEN)
    job.stack.host.idle(60)
    assert job.puts() == [200]
    assert job.outcomes() == ["accepted", "succeeded"]


def test_reordered_and_late_events_do_no_harm(job: Job) -> None:
    job.stack.event_grid.faults = Faults(reorder=3)
    job.add_pool(event=False)
    for name in ("gone", "batch", "system"):
        job.publish(name)
    job.becomes(PROVEN)
    job.publish("batch")
    job.publish("gone")
    job.publish("batch")
    job.stack.event_grid.idle(60)
    job.stack.host.idle(60)
    assert job.puts() == [200]


def test_a_thousand_requests_at_once_cost_a_handful_of_looks_and_leave_an_empty_queue(start: Start) -> None:
    job = start(pace=PACE)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: job.request(f"request {number}"), range(1000)))
    eventually(lambda: job.queued() == 0, "the queue is empty", job.queued)
    job.stack.host.idle(60)
    assert job.queued() == 0
    # One look for the first, one for what came during it, and some for what came within the clocks' margin.
    assert 1 <= job.looks() <= 12


def test_a_worker_that_dies_between_put_and_outcome_leaves_one_put_and_a_whole_chain(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = AksClusters.begin
    died: list[bool] = []

    def dies_once(self: AksClusters, *arguments: Any) -> Any:
        answer = begin(self, *arguments)
        if not died:
            died.append(True)
            raise SystemExit("the worker is gone")
        return answer

    monkeypatch.setattr(AksClusters, "begin", dies_once)
    job.add_pool()
    job.becomes(PROVEN)
    job.stack.host.idle(60)
    assert died
    assert job.puts() == [200]
    assert job.outcomes() == ["accepted", "succeeded"]
    assert not job.budget().places
    eventually(lambda: job.queued() == 0, "the queue is empty", job.queued)


def test_a_host_that_is_replaced_in_the_middle_goes_on(job: Job) -> None:
    job.add_pool()
    eventually(lambda: job.puts() == [200], "the PUT is sent")
    job.stack.replace_host()
    job.becomes(PROVEN)
    assert job.puts() == [200]
    assert job.outcomes() == ["accepted", "succeeded"]


@pytest.mark.parametrize(
    ("fault", "puts"),
    [
        (Answer(409, "OperationNotAllowed", "Another operation (Updating) is in progress", retry_after=1), [409, 200]),
        (Answer(412, "PreConditionFailed", "the eTag does not match"), [412, 200]),
        (Answer(429, "Throttled", "slow down", retry_after=1), [429, 200]),
    ],
)
def test_a_refusal_that_passes_is_waited_out(job: Job, fault: Answer, puts: list[int]) -> None:
    job.world.faults.add(Fault(fault, method="PUT", kind="agentPools", times=1))
    job.add_pool()
    job.becomes(PROVEN)
    assert job.puts() == puts
    assert job.outcomes() == ["refused", "accepted", "succeeded"]
    assert not job.budget().places


def test_a_put_whose_answer_is_lost_is_found_in_the_world(job: Job) -> None:
    job.world.faults.add(Fault(LostAnswer(), method="PUT", kind="agentPools", times=1))
    job.add_pool()
    job.becomes(PROVEN)
    assert len(job.puts()) == 1
    assert job.outcomes() == ["accepted", "succeeded"]


def test_an_operation_that_fails_is_told_and_not_tried_again_until_the_configuration_changes(job: Job) -> None:
    job.world.faults.add(
        Fault(FailOperation("PodDrainFailure", DRAIN_FAILURE), method="PUT", kind="agentPools", times=1)
    )
    pool = job.add_pool()
    eventually(lambda: "failed" in job.outcomes(), "the operation has failed")
    eventually(lambda: tells(job.stack.teams.cards, "PodDrainFailure"), "people are told why")
    job.request("again")
    job.stack.host.idle(60)
    assert job.puts() == [200]
    assert job.state().startswith(("non_compliant", "unknown", "inconsistent"))
    assert not job.budget().places
    with job.world.entered():
        # Somebody mends the pool: AKS has rolled it back, and its budgets allow evictions now.
        pool.provisioning_state = "Succeeded"
        pool.properties["enableFIPS"] = False
        pool.properties["nodeLabels"] = {"mended": "yes"}
        pool.image = pool.target_image()
    job.request("mended")
    job.becomes(PROVEN)
    assert job.puts() == [200, 200]


def test_a_cluster_that_is_deleted_leaves_a_tombstone_and_its_evidence(job: Job) -> None:
    job.request("first look")
    job.becomes(PROVEN, "apps")
    with job.world.entered():
        job.world.remove_cluster(job.world.cluster_by_id(CLUSTER.arm_id))
    job.stack.host.invoke("resync")
    eventually(lambda: bool((found := job.posture()) and found.cluster_findings), "the tombstone is written")
    posture = job.posture()
    assert posture is not None
    assert posture.cluster_findings[0].reason == "ClusterGone"
    assert [one.kind for one in job.chain()][-1] is RecordKind.OBSERVATION
    job.rests()
    looks = job.looks()
    job.stack.host.invoke("resync")
    job.stack.host.idle(30)
    assert job.looks() == looks


def test_audit_judges_and_records_and_neither_acts_nor_tells(start: Start) -> None:
    job = start(FIPSWARDEN_POLICY="file:policy.yaml")
    job.add_pool()
    job.becomes("non_compliant: FipsDisabled")
    job.stack.host.idle(30)
    assert job.puts() == []
    assert RecordKind.OBSERVATION in [one.kind for one in job.chain()]
    assert job.stack.teams.cards == []


def test_an_unreadable_policy_disrupts_nothing_and_is_told(start: Start) -> None:
    job = start(FIPSWARDEN_POLICY="file:nowhere.yaml")
    job.add_pool()
    job.stack.host.invoke("resync")
    eventually(lambda: tells(job.stack.teams.cards, "policy"), "people are told")
    job.stack.host.idle(30)
    assert job.puts() == []
    assert job.posture() is None


def test_a_pause_holds_everything_back_until_it_is_lifted(job: Job) -> None:
    from shared import bootstrap
    from shared.budget import pause, resume

    pause(bootstrap.table("rollout"), "test", "an incident", bootstrap.SystemClock().now())
    job.add_pool()
    job.becomes("non_compliant: FipsDisabled")
    job.stack.host.idle(30)
    assert job.puts() == []
    resume(bootstrap.table("rollout"), "ana", bootstrap.SystemClock().now())
    job.request("resumed")
    job.becomes(PROVEN)
    assert job.puts() == [200]


def test_a_channel_that_is_down_blocks_neither_enforcement_nor_the_other_channels(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    # host.json's half a minute, each time a card is refused
    monkeypatch.setattr(QueueOptions, "visibility_timeout", property(lambda _: timedelta(seconds=2)))
    job.stack.teams.fail(3, Failure(500))
    job.add_pool()
    job.becomes(PROVEN)
    eventually(lambda: tells(job.stack.mail.messages, "batch: compliant"), "the mailbox is told")
    eventually(lambda: tells(job.stack.teams.cards, "batch: compliant"), "Teams is told once it is back")
    subjects = [str(one["Subject"]) for one in job.stack.mail.messages]
    assert len(subjects) == len(set(subjects)), "no channel is told twice because another one failed"


def test_an_event_that_nobody_can_use_is_acknowledged_and_kept_with_its_reason(job: Job) -> None:
    import urllib.request

    url = job.stack.host.event_grid_url("pool_events")
    event = {
        "id": "1",
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "subject": "x",
        "data": "not an object",
    }
    asked = urllib.request.Request(
        url,
        json.dumps([event]).encode(),
        {"Content-Type": "application/json", "aeg-event-type": "Notification"},
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status in (200, 202)
    eventually(lambda: any("NoData" in row for row in poison(job)), "the event is kept", lambda: poison(job))


def test_a_request_that_nobody_can_read_is_kept_and_told(job: Job) -> None:
    from shared.adapters.queues import TextQueue
    from shared.storage_settings import Storage

    TextQueue(Storage(job.stack.azurite.connection_string, {}), None, "reconcile").put(
        "no request " + secrets.token_hex(4)
    )
    eventually(lambda: any("no request" in row for row in poison(job)), "the message is kept", lambda: poison(job))
    eventually(lambda: tells(job.stack.teams.cards, "a reconcile request can't be read"), "Teams is told")
    assert job.looks() == 0


def test_health_tells_faults_of_settings_and_policy(start: Start) -> None:
    import urllib.error
    import urllib.request

    job = start(FIPSWARDEN_POLICY="file:nowhere.yaml")
    url = f"{job.stack.host.url}/api/health?code={job.stack.host.host_key}"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert refused.value.code == 503
    assert "nowhere.yaml" in refused.value.read().decode()
    refused.value.close()


def tells(told: list[Any], text: str) -> bool:
    """Say whether one of some cards, mails or events holds a text."""
    return any(text in str(one) for one in told)


def poison(job: Job) -> list[str]:
    """The rows of the table `poison`, as text."""
    from azure.data.tables import TableClient

    with TableClient.from_connection_string(job.stack.azurite.connection_string, "poison") as table:
        try:
            from shared import bootstrap

            found = bootstrap.table("poison")
            return [
                json.dumps(dict(row.doc)) + str(dict(row.columns))
                for key in [(one["PartitionKey"], one["RowKey"]) for one in table.list_entities()]
                if (row := found.read(*key))
            ]
        except Exception as error:  # noqa: BLE001 (the table is made by the first row)
            return [] if "TableNotFound" in str(error) else [str(error)]


def test_once_a_day_people_are_told_how_the_fleet_is(job: Job) -> None:
    job.request("first look")
    job.becomes(PROVEN, "apps")
    job.stack.host.invoke("daily")
    job.stack.host.invoke("daily")
    eventually(lambda: tells(job.stack.teams.cards, "1 cluster in scope: 1 compliant"), "the digest is told")
    job.stack.host.idle(30)
    assert len([one for one in job.stack.teams.cards if tells([one], "in scope")]) == 1, "once"
