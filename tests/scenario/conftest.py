"""The whole product on the local Azure and Azurite, started anew for every test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local import seed
from local.azurite import Azurite
from local.event_schema import Schema
from local.memory import MemoryEvidence
from local.stack import ROOT, LocalStack, Options
from local.world import World
from local.world import rollout as world_rollout
from local.world.access import APP
from local.world.model import Pool
from shared import observing, rollout
from shared.domain.budget import Budget
from shared.domain.ids import ClusterId
from shared.domain.posture import Posture
from shared.domain.records import GENESIS, ChainId, Record, RecordKind
from shared.rollout import Timing
from tests.evidence import assert_sound
from tests.waiting import eventually

CLUSTER = ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod")
SECOND = timedelta(seconds=1)


@dataclass
class Job:
    """The stack, and what a test asks of it."""

    stack: LocalStack
    told: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        """The local Azure's state."""
        return self.stack.world

    def add_pool(self, name: str = "batch", *, event: bool = True, **more: Any) -> Pool:
        """Add a pool without FIPS at once, as if its creation had just ended; with its event, or without."""
        asked: dict[str, Any] = {"count": 2, "mode": "User", "osSKU": "AzureLinux", "vmSize": "Standard_D8ds_v5"}
        with self.world.entered():
            pool = self.world.add_pool(
                self.world.cluster_by_id(CLUSTER.arm_id), name, **{**asked, "enableFIPS": False, **more}
            )
        if event:
            self.publish(name)
        return pool

    def publish(self, pool: str) -> None:
        """Deliver the event of a pool's creation."""
        from local.events import WRITE_SUCCESS, ResourceEvent

        resource = f"{CLUSTER.arm_id}/agentPools/{pool}".replace("resourceGroups", "resourcegroups")
        kind = "Microsoft.ContainerService/managedClusters/agentPools/write"
        self.stack.event_grid.publish(
            ResourceEvent(
                id=self.world.guid(),
                event_type=WRITE_SUCCESS,
                topic=f"/subscriptions/{CLUSTER.subscription}",
                subject=resource,
                operation_name=kind,
                time=self.world.clock.now(),
                subscription_id=CLUSTER.subscription,
                tenant_id=self.world.access.tenant,
                principal_id="someone",
                correlation_id=self.world.guid(),
                data={
                    "resourceUri": resource,
                    "operationName": kind,
                    "status": "Succeeded",
                    "subscriptionId": CLUSTER.subscription,
                },
            )
        )

    def posture(self) -> Posture | None:
        """The cluster's stored posture."""
        from shared import bootstrap
        from shared.postures import read_posture

        return read_posture(bootstrap.table("posture"), CLUSTER).posture

    def state(self, pool: str = "batch") -> str:
        """A pool's verdict, as `state: reason`; empty if there is none."""
        posture = self.posture()
        found = [one for one in posture.pools if one.pool == pool] if posture else []
        return f"{found[0].state}: {found[0].decisive.reason}" if found else ""

    def becomes(self, state: str, pool: str = "batch") -> None:
        """Wait until a pool has a verdict."""
        eventually(lambda: self.state(pool) == state, f"{pool} becomes {state}", lambda: self.state(pool))

    def puts(self, pool: str = "batch") -> list[int]:
        """HTTP statuses of the app's PUTs on a pool, in order; 0 for a connection that was reset."""
        return [
            one.status
            for one in self.world.requests
            if one.method == "PUT" and one.principal == APP.name and one.path.endswith(f"/{pool}")
        ]

    def looks(self) -> int:
        """How often the app has read the cluster."""
        return len(
            [
                one
                for one in self.world.requests
                if one.method == "GET" and one.path.lower() == CLUSTER.arm_id.lower() and one.principal == APP.name
            ]
        )

    def records(self) -> list[Record]:
        """The cluster's evidence as it is now, perhaps in the middle of a look; without a gap or a fork."""
        from shared import bootstrap

        records: list[Record] = []
        while record := bootstrap.evidence().read(CLUSTER, len(records) + 1):
            assert record.payload["previous"] == (records[-1].head.hash if records else GENESIS)
            assert_sound(record)
            records.append(record)
        return records

    def chain(self) -> list[Record]:
        """The cluster's evidence when all is quiet: every intent has exactly one answer, and at most one end."""
        records = self.records()
        for intent in (record for record in records if record.kind is RecordKind.INTENT):
            answers = [
                record.payload["outcome"]
                for record in records
                if record.kind is RecordKind.OUTCOME and record.payload["intent"] == intent.id
            ]
            assert answers[:1] in (["accepted"], ["refused"], ["not_begun"], ["unknown"]), answers
            assert answers[1:] in ([], ["succeeded"], ["failed"], ["canceled"]), answers
        return records

    def outcomes(self) -> list[str]:
        """Outcomes in the cluster's evidence."""
        return [str(one.payload["outcome"]) for one in self.records() if one.kind is RecordKind.OUTCOME]

    def queued(self) -> int:
        """How many messages the queue `reconcile` holds, hidden ones included."""
        from azure.storage.queue import QueueClient

        with QueueClient.from_connection_string(self.stack.azurite.connection_string, "reconcile") as queue:
            return int(queue.get_queue_properties().approximate_message_count or 0)

    def rests(self) -> None:
        """Wait until no event is on its way, no message is left and nothing runs."""
        self.stack.event_grid.idle(60)
        eventually(lambda: self.queued() == 0, "the queue is empty", self.queued)
        self.stack.host.idle(60)

    def request(self, cause: str) -> None:
        """Queue a reconcile request, as the CLI does."""
        from shared import bootstrap
        from shared.domain.requests import ReconcileRequest

        bootstrap.wake_ups().send(ReconcileRequest(CLUSTER, cause))

    def nodes_with_fips(self, pool: str = "batch") -> tuple[int, int]:
        """How many of a pool's nodes carry the label, and how many there are."""
        with self.world.entered():
            cluster = self.world.cluster_by_id(CLUSTER.arm_id)
            nodes = world_rollout.nodes(cluster, cluster.pools[pool])
            return sum(node.fips_label for node in nodes), len(nodes)

    def budget(self) -> Budget:
        """The disruption budget as it is now."""
        from shared import bootstrap
        from shared.budget import read_budget

        return read_budget(bootstrap.table("rollout"))


Start = Callable[..., Job]


@pytest.fixture(autouse=True)
def sound_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record that is written in memory is as the published schema says; `Job.records` sees to the others."""
    create = MemoryEvidence.create

    def checked(self: MemoryEvidence, chain: ChainId, record: Record) -> bool:
        assert_sound(record)
        return create(self, chain, record)

    monkeypatch.setattr(MemoryEvidence, "create", checked)


def emptied(azurite: Azurite) -> Azurite:
    """Take away what another test left: starting storage anew takes longer than most tests."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        for container in blobs.list_containers():
            blobs.delete_container(container.name)
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        for queue in queues.list_queues():
            queues.delete_queue(queue.name)
    with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
        for table in tables.list_tables():
            tables.delete_table(table.name)
    return azurite


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> Iterator[Start]:
    """Start the stack with one healthy cluster that the policy enforces."""
    # A dead worker's lease is waited out: a minute's margin would be a minute a test.
    monkeypatch.setattr(Timing, "lease", property(lambda self: self.look_deadline + SECOND))
    # And so would be what a cluster that is gone is given to come back.
    monkeypatch.setattr(observing, "GONE_SURE", SECOND)
    stacks: list[LocalStack] = []

    def begin(schema: Schema = Schema.EVENT_GRID, *, pace: timedelta = 2 * SECOND, **settings: str) -> Job:
        # Every look of every test waits for its turn; here is one clock, so that only its rounding counts.
        monkeypatch.setattr(rollout, "CLOCK_MARGIN", SECOND)
        monkeypatch.setattr(rollout, "PACE", pace)
        world = seed.empty_world(operation_time=SECOND)
        with world.entered():
            seed.payments_prod(world)
        chosen = {
            "FIPSWARDEN_POLICY": f"file:{ROOT / 'local' / 'policy.yaml'}",
            "OPERATION_POLL_SECONDS": "1",
            "LOOK_DEADLINE_SECONDS": "5",
            **settings,
        }
        stack = LocalStack(
            world,
            Options(settings=chosen, schema=schema, timers=False, invisibility=timedelta(seconds=2)),
            storage=emptied(azurite),
        )
        stacks.append(stack)
        stack.start()
        return Job(stack)

    yield begin
    for stack in stacks:
        stack.stop()


@pytest.fixture
def job(start: Start) -> Job:
    """The stack with the usual settings."""
    return start()
