"""One suite on both kinds of storage: Azurite through the real SDKs, and memory, which must behave the same."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import HttpRequest, RequestsTransport
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from local.clock import SystemClock
from local.memory import MemoryAlerts, MemoryEvidence, MemoryTable
from shared.adapters.blobs import BlobEvidence
from shared.adapters.queues import AlertQueue, WakeUpQueue
from shared.adapters.storage import RETRY
from shared.adapters.tables import AzureTable
from shared.alerting import failing_since, read_alert
from shared.budget import approve, change, read_budget
from shared.chain import Chain
from shared.domain.alert import Alert
from shared.domain.budget import Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.ids import ClusterId
from shared.domain.places import taken
from shared.domain.policy import Policy
from shared.domain.records import Head, RecordKind, make_record
from shared.domain.refusals import Wanted
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.errors import EvidenceError, TerminalError
from shared.ports import Alerts, Evidence, Put, Table
from shared.storage_settings import Storage
from tests.builders import blob_evidence

CLUSTER = ClusterId("10000000-0000-4000-8000-000000000001", "rg-a", "aks-a")
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def storage(azurite: Azurite) -> Storage:
    return Storage(azurite.connection_string, {})


@pytest.fixture(params=["azurite", "memory"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return MemoryTable(SystemClock())
    storage: Storage = request.getfixturevalue("storage")
    return AzureTable(storage, None, f"t{secrets.token_hex(8)}")


@pytest.fixture(params=["azurite", "memory"])
def evidence(request: pytest.FixtureRequest) -> Evidence:
    if request.param == "memory":
        return MemoryEvidence()
    return blob_evidence(request.getfixturevalue("storage"), f"c{secrets.token_hex(8)}")


def lose(table: Table, partition: str, key: str) -> None:
    """Somebody removes a row."""
    if isinstance(table, MemoryTable):
        del table._rows[partition, key]
    elif isinstance(table, AzureTable):
        table._client().delete_entity(partition, key)


def put(key: str = "row", etag: str | None = None, **doc: object) -> Put:
    return Put(key, etag, {"state": "unknown", "pools": 3, "gone": False, "due": NOW}, doc)


def test_a_row_that_was_never_written_is_none(table: Table) -> None:
    assert table.read("p", "row") is None


def test_a_row_comes_back_as_it_was_written(table: Table) -> None:
    written = table.write("p", put(text="naïve ✓", nested={"a": [1, None, True]}))
    row = table.read("p", "row")
    assert written is not None
    assert row is not None
    assert row.etag == written.etag
    assert row.doc == {"text": "naïve ✓", "nested": {"a": [1, None, True]}}
    assert dict(row.columns) == {"state": "unknown", "pools": 3, "gone": False, "due": NOW}
    assert abs(row.at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_row_that_exists_is_not_created_again(table: Table) -> None:
    assert table.write("p", put(n=1)) is not None
    assert table.write("p", put(n=2)) is None
    row = table.read("p", "row")
    assert row is not None
    assert row.doc == {"n": 1}


def test_a_write_on_a_stale_etag_is_refused(table: Table) -> None:
    first = table.write("p", put(n=1))
    assert first is not None
    second = table.write("p", put(etag=first.etag, n=2))
    assert second is not None
    assert table.write("p", put(etag=first.etag, n=3)) is None
    assert table.write("p", put(etag=second.etag, n=4)) is not None


def test_a_write_on_a_row_that_is_gone_is_refused(table: Table) -> None:
    first = table.write("p", put(n=1))
    assert first is not None
    lose(table, "p", "row")
    assert table.write("p", put(etag=first.etag, n=2)) is None


def test_a_replaced_row_keeps_nothing_of_the_old_one(table: Table) -> None:
    first = table.write("p", Put("row", None, {"due": NOW}, {"big": secrets.token_hex(100_000)}))
    assert first is not None
    assert table.write("p", Put("row", first.etag, {"state": "x"}, {})) is not None
    row = table.read("p", "row")
    assert row is not None
    assert (dict(row.columns), dict(row.doc)) == ({"state": "x"}, {})


def test_a_document_of_many_chunks_comes_back_whole(table: Table) -> None:
    noise = secrets.token_hex(300_000)  # packs to about 300 kB, five chunks
    assert table.write("p", Put("row", None, {}, {"noise": noise})) is not None
    row = table.read("p", "row")
    assert row is not None
    assert row.doc["noise"] == noise


def test_rows_are_listed_by_partition_with_the_columns_asked_for(table: Table) -> None:
    for partition, key in (("p", "a"), ("p", "b"), ("q", "c")):
        assert table.write(partition, put(key, n=1)) is not None
    assert [(row.key, dict(row.columns), dict(row.doc)) for row in table.rows(("pools",), "p")] == [
        ("a", {"pools": 3}, {}),
        ("b", {"pools": 3}, {}),
    ]
    assert {(row.partition, row.key) for row in table.rows(())} == {("p", "a"), ("p", "b"), ("q", "c")}


def test_a_partition_with_a_quote_in_its_name_is_no_query(table: Table) -> None:
    assert table.write("p", put()) is not None
    assert list(table.rows((), "p' or PartitionKey ne '")) == []


def test_a_table_that_is_not_there_has_no_rows(table: Table) -> None:
    assert list(table.rows(("pools",))) == []


def test_more_rows_than_a_page_are_all_listed(storage: Storage) -> None:
    table = AzureTable(storage, None, f"t{secrets.token_hex(8)}")
    table._create_table()
    for start in range(0, 1100, 100):
        rows = ({"PartitionKey": "p", "RowKey": f"{number:05}", "n": number} for number in range(start, start + 100))
        table._client().submit_transaction([("create", row) for row in rows])
    assert [row.columns["n"] for row in table.rows(("n",), "p")] == list(range(1100))


def test_what_does_not_fit_into_a_row_is_a_clear_error(storage: Storage) -> None:
    table = AzureTable(storage, None, "limits")
    with pytest.raises(TerminalError, match="a row holds"):
        table.write("p", Put("row", None, {}, {"noise": secrets.token_hex(1_000_000)}))
    with pytest.raises(TerminalError, match="column state has"):
        table.write("p", Put("row", None, {"state": "x" * 40_000}, {}))


def test_of_two_writers_one_wins(table: Table) -> None:
    first = table.write("p", put(n=0))
    assert first is not None
    wins = race(lambda: table.write("p", put(etag=first.etag, n=1)) is not None)
    assert wins == 1


def test_a_record_is_created_once_and_read_back(evidence: Evidence) -> None:
    record = make_record(CLUSTER, Head(), "id-1", RecordKind.OBSERVATION, NOW, {"cause": "näh"})
    assert evidence.read(CLUSTER, 1) is None
    assert evidence.create(CLUSTER, record)
    other = make_record(CLUSTER, Head(), "id-2", RecordKind.OBSERVATION, NOW, {"cause": "second"})
    assert not evidence.create(CLUSTER, other)
    found = evidence.read(CLUSTER, 1)
    assert found is not None
    assert (found.id, found.bytes, found.head) == ("id-1", record.bytes, record.head)


def test_of_many_writers_of_one_number_one_wins(evidence: Evidence) -> None:
    wins = race(
        lambda: evidence.create(CLUSTER, make_record(CLUSTER, Head(), secrets.token_hex(4), RecordKind.PROOF, NOW, {}))
    )
    assert wins == 1


def test_chains_of_different_clusters_do_not_meet(evidence: Evidence) -> None:
    other = ClusterId(CLUSTER.subscription, "rg-a.b", "aks-a")
    assert evidence.create(CLUSTER, make_record(CLUSTER, Head(), "a", RecordKind.PROOF, NOW, {}))
    assert evidence.read(other, 1) is None
    same = ClusterId(CLUSTER.subscription.upper(), "RG-A", "AKS-a")
    found = evidence.read(same, 1)
    assert found is not None
    assert found.id == "a"


def test_requests_and_alerts_reach_their_queues_in_the_hosts_encoding(storage: Storage) -> None:
    from azure.storage.queue import QueueClient, TextBase64DecodePolicy

    request = ReconcileRequest(CLUSTER, "test")
    before = datetime.now(UTC) - timedelta(minutes=1)
    queued = WakeUpQueue(storage, None).send(request)
    AlertQueue(storage, None).send(Alert("k", CLUSTER.arm_id, "np", "info", "R", "title", "täxt", NOW))
    assert before < queued.at < datetime.now(UTC) + timedelta(minutes=1)
    for name, expected in (("reconcile", request.to_json()), ("alerts", '"title": "title"')):
        with QueueClient.from_connection_string(
            storage.connection_string, name, message_decode_policy=TextBase64DecodePolicy()
        ) as queue:
            texts = [message.content for message in queue.receive_messages()]
            assert any(expected in text for text in texts)
            queue.delete_queue()


def test_an_alert_comes_back_with_its_owner_and_its_channels(storage: Storage) -> None:
    from azure.storage.queue import QueueClient, TextBase64DecodePolicy

    alert = Alert("k", CLUSTER.arm_id, "np", "info", "R", "title", "text", NOW, "team@example.com", ("teams", "mail"))
    AlertQueue(storage, None).send(alert)
    with QueueClient.from_connection_string(
        storage.connection_string, "alerts", message_decode_policy=TextBase64DecodePolicy()
    ) as queue:
        (message,) = queue.receive_messages()
        assert read_alert(message.content) == alert
        queue.delete_queue()


def test_a_delayed_request_stays_hidden(storage: Storage) -> None:
    from azure.storage.queue import QueueClient

    WakeUpQueue(storage, None).send(ReconcileRequest(CLUSTER, "later"), timedelta(hours=2, milliseconds=1))
    with QueueClient.from_connection_string(storage.connection_string, "reconcile") as queue:
        assert list(queue.receive_messages()) == []
        assert queue.get_queue_properties().approximate_message_count == 1
        queue.delete_queue()


class AlertsFace:
    """One way to the queue `alerts`, and what a reader finds in it now."""

    def __init__(self, queue: AlertQueue | MemoryAlerts, storage: Storage | None) -> None:
        self.queue: Alerts = queue
        self._memory = queue if isinstance(queue, MemoryAlerts) else None
        self._storage = storage

    def now(self) -> list[Alert]:
        """The alerts that are to be told now."""
        from azure.storage.queue import QueueClient, TextBase64DecodePolicy

        if self._memory:
            later = [alert for alert, _, _ in self._memory.waiting]
            return [alert for alert in self._memory.sent if alert not in later]
        assert self._storage
        with QueueClient.from_connection_string(
            self._storage.connection_string, "alerts", message_decode_policy=TextBase64DecodePolicy()
        ) as queue:
            assert queue.get_queue_properties().approximate_message_count == 2
            found = [read_alert(message.content) for message in queue.receive_messages()]
            queue.delete_queue()
            return found


@pytest.fixture(params=["azurite", "memory"])
def alerts(request: pytest.FixtureRequest) -> AlertsFace:
    if request.param == "memory":
        return AlertsFace(MemoryAlerts(), None)
    storage: Storage = request.getfixturevalue("storage")
    return AlertsFace(AlertQueue(storage, None), storage)


def test_an_alert_that_waits_stays_hidden_and_another_does_not(alerts: AlertsFace) -> None:
    first, second = (Alert(key, CLUSTER.arm_id, "np", "info", "R", "title", "täxt", NOW) for key in "ab")
    alerts.queue.send(first, timedelta(hours=1), NOW)
    alerts.queue.send(second)
    assert alerts.now() == [second]


def test_an_alert_that_is_tried_again_says_since_when_it_failed(storage: Storage) -> None:
    from azure.storage.queue import QueueClient, TextBase64DecodePolicy

    alert = Alert("k", CLUSTER.arm_id, "np", "info", "R", "title", "text", NOW)
    AlertQueue(storage, None).send(alert, failing=NOW)
    with QueueClient.from_connection_string(
        storage.connection_string, "alerts", message_decode_policy=TextBase64DecodePolicy()
    ) as queue:
        (message,) = queue.receive_messages()
        assert failing_since(message.content) == NOW
        queue.delete_queue()


# The budget's row


def test_of_many_who_change_the_budget_at_once_none_undoes_what_another_did(table: Table) -> None:
    approval = Approval("ana", NOW, NOW + timedelta(days=1), "enable fips")
    names = [f"f{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: approve(table, name, approval), names))
    assert sorted(read_budget(table).approvals) == names


def test_of_many_who_want_the_last_place_one_has_it(table: Table) -> None:
    policy = Policy()

    def take(number: int) -> bool:
        cluster = ClusterId(CLUSTER.subscription, "rg-a", f"aks-{number}")
        wanted = Wanted(cluster.key, "np", cluster.subscription, None, 3)
        place = Place(f"i{number}", "np", cluster.subscription, 3, NOW)
        return change(table, lambda budget: taken(budget, Rulebook(policy), wanted, place, (), NOW)) is not None

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(take, range(6))) == policy.disruption.concurrent.of(None) == 1
    budget = read_budget(table)
    assert len(budget.places) == 1
    row = table.read("budget", "budget")
    assert row is not None
    assert (row.columns["active"], row.columns["paused"], row.columns["broken"]) == (1, False, False)


def test_the_whole_budget_comes_back_as_it_was_written(table: Table) -> None:
    approval = Approval("ana", NOW, NOW + timedelta(days=1), "enable fips")
    counts = Counts(NOW, 7, {"s": 7}, {"test": RingCount(7, 1), "prod": RingCount(0, 0, NOW)}, "p1", 2)
    full = Budget(
        places={CLUSTER.key: Place("i1", "np", CLUSTER.subscription, 3, NOW, {"f1": approval}, stage="test")},
        paused=True,
        paused_by="ana: an incident",
        last_begun=NOW,
        ended=(Ended("i0", NOW, failed=True),),
        broken="3 of the last 3 remediations failed.",
        counts=counts,
        canaries={"test": Canary(CLUSTER.key, "np", proven=True)},
        approvals={"f2": approval},
    )
    assert change(table, lambda _: full) == full
    assert read_budget(table) == full


class LosesAnswers(RequestsTransport):  # type: ignore[misc]  # azure-core exports it lazily, so mypy sees Any
    """Delivers requests, and turns the answers of the first few that change something into a gateway's 503."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def send(self, request: Any, **options: Any) -> Any:
        answer = super().send(request, **options)
        if request.method in ("POST", "PUT", "MERGE") and self.left:
            self.left -= 1
            answer.status_code = 503
        return answer


def test_a_write_whose_answer_was_lost_counts_as_ours(storage: Storage) -> None:
    name = f"t{secrets.token_hex(8)}"
    table = AzureTable(storage, None, name)
    first = table.write("p", put(n=0))
    assert first is not None
    transport = LosesAnswers(1)
    table._made = TableClient.from_connection_string(
        storage.connection_string, name, transport=transport, retry_total=2, retry_backoff_factor=0.01
    )
    created = table.write("p", put("created", n=1))
    transport.left = 1
    replaced = table.write("p", put(etag=first.etag, n=1))
    assert created is not None
    assert replaced is not None
    assert transport.left == 0
    for key in ("row", "created"):
        row = table.read("p", key)
        assert row is not None
        assert row.doc == {"n": 1}


def test_a_record_whose_answer_was_lost_is_recognised_and_the_chain_goes_on(storage: Storage) -> None:
    evidence = blob_evidence(storage, f"c{secrets.token_hex(8)}")
    evidence._container._made = ContainerClient.from_connection_string(
        storage.connection_string,
        evidence._container.name,
        transport=LosesAnswers(1),
        retry_total=2,
        initial_backoff=0,
    )
    chain = Chain(evidence, CLUSTER, Head())
    first = chain.append(RecordKind.OBSERVATION, NOW, {})
    second = chain.append(RecordKind.OBSERVATION, NOW, {})
    assert [first.seq, second.seq] == [1, 2]
    assert second.payload["previous"] == first.head.hash
    assert evidence.read(CLUSTER, 3) is None


class CreatesOnly(RequestsTransport):  # type: ignore[misc]  # azure-core exports it lazily, so mypy sees Any
    """Answers a write on an existing blob as Azure does to a role that may create and not overwrite."""

    def send(self, request: Any, **options: Any) -> Any:
        answer = super().send(request, **options)
        if answer.status_code == 409:
            answer.status_code = 403
            answer.headers["x-ms-error-code"] = "UnauthorizedBlobOverwrite"
        return answer


def test_a_role_that_may_not_overwrite_finds_numbers_taken_too(storage: Storage) -> None:
    evidence = blob_evidence(storage, f"c{secrets.token_hex(8)}")
    evidence._container._made = ContainerClient.from_connection_string(
        storage.connection_string, evidence._container.name, transport=CreatesOnly()
    )
    first = make_record(CLUSTER, Head(), "first", RecordKind.OBSERVATION, NOW, {})
    assert evidence.create(CLUSTER, first)
    assert not evidence.create(CLUSTER, first)
    second = Chain(evidence, CLUSTER, Head()).append(RecordKind.OBSERVATION, NOW, {})
    assert (second.seq, second.payload["previous"]) == (2, first.head.hash)


class LosesHalf(RequestsTransport):  # type: ignore[misc]  # azure-core exports it lazily, so mypy sees Any
    """Says that a blob was stored whole, and has stored the first half."""

    def __init__(self, container: ContainerClient) -> None:
        super().__init__()
        self._container = container

    def send(self, request: Any, **options: Any) -> Any:
        answer = super().send(request, **options)
        if request.method == "PUT" and answer.status_code == 201:
            blob = self._container.get_blob_client(request.url.partition(f"/{self._container.container_name}/")[2])
            blob.upload_blob(b'{"schema":"fipswarden.evidence/1","seq":1,', overwrite=True)
        return answer


def test_a_record_that_reads_back_as_something_else_is_said_and_nothing_follows_it(storage: Storage) -> None:
    name = f"c{secrets.token_hex(8)}"
    sound = blob_evidence(storage, name)
    evidence = BlobEvidence(storage, None, name)
    evidence._container._made = ContainerClient.from_connection_string(
        storage.connection_string, name, transport=LosesHalf(sound._container.client())
    )
    with pytest.raises(EvidenceError, match=r"/0000000001\.json reads back as something else"):
        Chain(evidence, CLUSTER, Head()).append(RecordKind.INTENT, NOW, {})

    chain = Chain(sound, CLUSTER, Head())
    with pytest.raises(EvidenceError, match=r"/1 is half-written or no record"):
        chain.append(RecordKind.INTENT, NOW, {})
    assert chain.head == Head()


class Busy(RequestsTransport):  # type: ignore[misc]  # azure-core exports it lazily, so mypy sees Any
    """Answers the first requests as storage does that is throttled or away, and does nothing for them."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.left = list(statuses)

    def send(self, request: Any, **options: Any) -> Any:
        if not self.left:
            return super().send(request, **options)
        answer = super().send(HttpRequest("HEAD", request.url), **options)
        answer.status_code = self.left.pop(0)
        return answer


def test_evidence_that_is_throttled_or_away_is_asked_for_again_and_else_the_look_ends(
    storage: Storage,
) -> None:
    """Blob storage throttles by 503 (Blob service error codes): its SDK asks again; a 429 it hands on."""
    name = f"c{secrets.token_hex(8)}"
    evidence = blob_evidence(storage, name)
    transport = Busy(503, 500)
    evidence._container._made = ContainerClient.from_connection_string(
        storage.connection_string, name, transport=transport, **{**RETRY, "initial_backoff": 0, "increment_base": 0}
    )
    chain = Chain(evidence, CLUSTER, Head())

    chain.append(RecordKind.INTENT, NOW, {})
    transport.left = [503, 503]
    assert [one.seq for one in Chain(evidence, CLUSTER, Head()).catch_up()] == [1]

    for lasting in ([503] * (RETRY["retry_total"] + 1), [429]):
        transport.left = lasting
        with pytest.raises(HttpResponseError):
            chain.append(RecordKind.INTENT, NOW, {})
        assert (chain.head.seq, transport.left) == (1, [])
    assert chain.append(RecordKind.INTENT, NOW, {}).seq == 2


def test_rows_that_are_throttled_or_away_for_a_moment_are_asked_for_again(storage: Storage) -> None:
    name = f"t{secrets.token_hex(8)}"
    table = AzureTable(storage, None, name)
    assert table.write("p", put(n=1))
    table._made = TableClient.from_connection_string(
        storage.connection_string, name, transport=Busy(429, 503), **{**RETRY, "retry_backoff_factor": 0}
    )

    row = table.read("p", "row")

    assert row
    assert row.doc == {"n": 1}


def test_two_writers_of_one_chain_neither_fork_it_nor_lose_a_record(evidence: Evidence) -> None:
    chains = [Chain(evidence, CLUSTER, Head()) for _ in range(4)]
    barrier = threading.Barrier(4)

    def write(chain: Chain, name: str) -> None:
        barrier.wait()
        for number in range(10):
            chain.append(RecordKind.OBSERVATION, NOW, {"n": number}, f"{name}-{number}")

    threads = [threading.Thread(target=write, args=(chain, str(at))) for at, chain in enumerate(chains)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = Chain(evidence, CLUSTER, Head()).catch_up()
    assert [record.seq for record in records] == list(range(1, 41))
    assert {record.id for record in records} == {f"{at}-{number}" for at in range(4) for number in range(10)}
    for before, after in pairwise(records):
        assert after.payload["previous"] == before.head.hash


def race(attempt: Callable[[], bool], workers: int = 8) -> int:
    """Run an attempt on many threads at once and count the successes."""
    barrier, wins = threading.Barrier(workers), []

    def run() -> None:
        barrier.wait()
        wins.append(attempt())

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(wins)
