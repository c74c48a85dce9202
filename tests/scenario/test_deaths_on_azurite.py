"""A worker that dies between any two steps of a look, on Azurite: the next ones finish the job, once.

tests/protocol does the same, and more, in memory; here every row, record and message is real.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from local import seed
from local.azurite import Azurite
from local.memory import MemoryAlerts
from local.ports import WorldClusters, WorldKubernetes
from local.world.access import APP
from shared.adapters.queues import TextQueue, WakeUpQueue
from shared.adapters.tables import AzureTable
from shared.budget import read_budget
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.records import GENESIS, Record, RecordKind
from shared.domain.requests import ReconcileRequest
from shared.look import Ports
from shared.ports import Queued
from shared.postures import read_posture
from shared.reconciler import reconcile
from shared.rollout import Timing
from shared.storage_settings import Storage
from tests.builders import blob_evidence
from tests.protocol.lab import FixedRules, Tap, Tapped, WorkerDied, ruled

CLUSTER = ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod")
CALLS = 130
"""More than a whole remediation makes; a death after the last one changes nothing."""


class FastClock:
    """The machine's clock and what a test adds to it: Azurite's times are real, waiting is not."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now().timestamp()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._ahead += by


class NoDelay:
    """The queue `reconcile`, but what is sent to be seen later is seen at once."""

    def __init__(self, queue: WakeUpQueue) -> None:
        self._queue = queue

    def send(self, request: ReconcileRequest, delay: timedelta = timedelta()) -> Queued:  # noqa: ARG002 (the port's)
        """Queue a request."""
        return self._queue.send(request)


@dataclass
class Plant:
    """One cluster with a pool to be switched on, and real storage of its own."""

    storage: Storage

    def __post_init__(self) -> None:
        name = secrets.token_hex(6)
        self.clock = FastClock()
        self.world = seed.empty_world(self.clock, operation_time=timedelta(minutes=2), limits=())
        with self.world.entered():
            cluster = self.world.add_cluster(
                CLUSTER.subscription, CLUSTER.resource_group, CLUSTER.name, entra=True, azure_rbac=True
            )
            self.world.add_pool(
                cluster, "np1", mode="User", osSKU="AzureLinux", enableFIPS=False, vmSize="Standard_D4ds_v5", count=2
            )
        self.rollout = AzureTable(self.storage, None, f"r{name}")
        self.postures = AzureTable(self.storage, None, f"p{name}")
        self.evidence = blob_evidence(self.storage, f"e{name}")
        self.wake_ups = WakeUpQueue(self.storage, None)
        self.wake_ups._queue = TextQueue(self.storage, None, f"q{name}")
        self.alerts = MemoryAlerts()
        self.queue = QueueClient.from_connection_string(
            self.storage.connection_string,
            f"q{name}",
            message_encode_policy=TextBase64EncodePolicy(),
            message_decode_policy=TextBase64DecodePolicy(),
        )
        self.policies = FixedRules(ruled())

    def ports(self, tap: Tap) -> Ports:
        """Return one worker's ports."""
        tapped: dict[str, Any] = {
            name: Tapped(name, port, tap)
            for name, port in {
                "clusters": WorldClusters(self.world),
                "kubernetes": WorldKubernetes(self.world),
                "policies": self.policies,
                "rollout": self.rollout,
                "postures": self.postures,
                "evidence": self.evidence,
                "wake_ups": NoDelay(self.wake_ups),
                "alerts": self.alerts,
            }.items()
        }
        return Ports(clock=self.clock, timing=Timing(), **tapped)

    def run(self, tap: Tap) -> None:
        """Work until the queue is empty, as the host does: a dead worker's message comes back."""
        for _ in range(60):
            message = self.queue.receive_message(visibility_timeout=1)
            if message is None:
                if not self.queue.get_queue_properties().approximate_message_count:
                    return
                continue
            # Long enough that neither a dead worker's lease nor the pace of looks holds anything up.
            self.clock.advance(timedelta(minutes=6))
            assert message.inserted_on is not None
            try:
                reconcile(self.ports(tap), ReconcileRequest.from_json(message.content), message.inserted_on)
            except WorkerDied:
                self.queue.update_message(message, visibility_timeout=0)
                tap = Tap()
            else:
                self.queue.delete_message(message)
        raise AssertionError("the queue does not get empty")


@pytest.fixture
def plant(azurite: Azurite) -> Iterator[Callable[[], Plant]]:
    made: list[Plant] = []

    def make() -> Plant:
        made.append(Plant(Storage(azurite.connection_string, {})))
        return made[-1]

    yield make
    for one in made:
        one.queue.close()


@pytest.mark.no_cover  # a run for every call: other tests cover what they do, and watching them takes twice as long
@pytest.mark.parametrize("first", range(0, CALLS, 26))
def test_a_worker_may_die_after_any_step(plant: Callable[[], Plant], first: int) -> None:
    for death in range(first, first + 26):
        run = plant()
        left = [death]

        def dies(_: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise WorkerDied

        run.wake_ups.send(ReconcileRequest(CLUSTER, "event"))
        run.run(Tap(after=dies))
        check(run, death)
        if death == CALLS - 1:
            assert left[0] >= 0, "CALLS is too small: nobody knows what a death after the last call does"


def check(run: Plant, death: int) -> None:
    """The job is done, once, and everything says so."""
    posture = read_posture(run.postures, CLUSTER).posture
    assert posture is not None, death
    assert posture.state is ComplianceState.COMPLIANT, death
    puts = [one.status for one in run.world.requests if one.method == "PUT" and one.principal == APP.name]
    assert puts == [200], death
    records: list[Record] = []
    previous = GENESIS
    while record := run.evidence.read(CLUSTER, len(records) + 1):
        assert record.payload["previous"] == previous, death
        records.append(record)
        previous = record.head.hash
    intents = [record.id for record in records if record.kind is RecordKind.INTENT]
    outcomes = [
        (record.payload["intent"], record.payload["outcome"]) for record in records if record.kind is RecordKind.OUTCOME
    ]
    for intent in intents[:-1]:
        assert [said for of, said in outcomes if of == intent] == ["not_begun"], death
    assert [said for of, said in outcomes if of == intents[-1]] == ["accepted", "succeeded"], death
    budget = read_budget(run.rollout)
    assert not budget.places, death
    assert [one.failed for one in budget.ended] == [False], death
    told = {alert.reason for alert in run.alerts.sent if alert.severity == "good"}
    assert told == {"NodesProven"}, death
