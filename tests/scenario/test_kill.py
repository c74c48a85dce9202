"""The app as a process of its own that is killed (SIGKILL) while AKS answers its PUT: AKS has it, nobody was told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from azure.storage.blob import BlobServiceClient

from local import seed
from local.azurite import Azurite
from local.events import ROLLING_STARTED, ResourceEvent
from local.server import LocalAzure
from local.stack import ROOT
from local.world.access import APP
from shared.adapters.blobs import BlobEvidence
from shared.adapters.queues import WakeUpQueue
from shared.adapters.tables import AzureTable
from shared.domain.ids import ClusterId
from shared.domain.records import GENESIS, Record, RecordKind
from shared.domain.requests import ReconcileRequest
from shared.postures import read_posture
from shared.storage_settings import Storage
from tests.waiting import eventually

CLUSTER = ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod")

HOST = """
from datetime import timedelta
from local.host.__main__ import main
from shared.rollout import Timing
Timing.lease = property(lambda timing: timing.look_deadline + timedelta(seconds=1))
raise SystemExit(main())
"""
"""`python -m local.host`, but the dead one's lease is waited out without a minute's margin for clocks that differ."""


@contextmanager
def running(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the app in a process of its own; at the end there is none."""
    command = [sys.executable, "-c", HOST, "--app", str(ROOT), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_a_killed_app_is_recovered_by_the_next_one_with_one_put_and_a_whole_chain() -> None:
    world = seed.empty_world(operation_time=timedelta(seconds=1))
    with world.entered():
        cluster = seed.payments_prod(world)
        world.add_pool(cluster, "batch", count=2, osSKU="AzureLinux", enableFIPS=False, vmSize="Standard_D8ds_v5")
    with Azurite() as azurite, LocalAzure(world) as azure, ExitStack() as processes:
        with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
            blobs.create_container("evidence")
        env = {
            **os.environ,
            **azure.environment(),
            "FIPSWARDEN_CLOUD": azure.arm_endpoint,
            "FIPSWARDEN_POLICY": f"file:{ROOT / 'local' / 'policy.yaml'}",
            "AzureWebJobsStorage": azurite.connection_string,
            "EVIDENCE_STORAGE": azurite.connection_string,
            "RESYNC_SCHEDULE": "0 0 0 1 1 *",
            "DAILY_SCHEDULE": "0 0 0 1 1 *",
            "OPERATION_POLL_SECONDS": "1",
            "LOOK_DEADLINE_SECONDS": "5",
        }
        storage = Storage(azurite.connection_string, {})
        queue, postures, evidence = (
            WakeUpQueue(storage, None),
            AzureTable(storage, None, "posture"),
            BlobEvidence(storage, None),
        )
        first = processes.enter_context(running(env))
        killed: list[int] = []

        def kill(event: ResourceEvent) -> None:
            # The world has begun the operation, and answers the PUT only when this returns.
            if event.event_type == ROLLING_STARTED and not killed:
                first.send_signal(signal.SIGKILL)
                killed.append(first.wait())

        world.subscribe(kill)
        queue.send(ReconcileRequest(CLUSTER, "event"))
        eventually(lambda: bool(killed), "the app is killed in the middle of its PUT")
        assert killed == [-signal.SIGKILL]
        assert read_posture(postures, CLUSTER).posture is None, "nothing was committed"

        processes.enter_context(running(env))
        # What the resync would do; the dead app's own message is hidden for ten minutes.
        queue.send(ReconcileRequest(CLUSTER, "resync"))
        eventually(lambda: state(postures) == "compliant: NodesProven", "it is proven", lambda: state(postures))
        puts = [one.status for one in world.requests if one.method == "PUT" and one.principal == APP.name]
        assert puts == [200]
        assert outcomes(evidence) == ["accepted", "succeeded"]


def state(postures: AzureTable) -> str:
    """The verdict on the pool."""
    posture = read_posture(postures, CLUSTER).posture
    found = [pool for pool in posture.pools if pool.pool == "batch"] if posture else []
    return f"{found[0].state}: {found[0].decisive.reason}" if found else "none"


def outcomes(evidence: BlobEvidence) -> list[str]:
    """The outcomes in the evidence, whose chain must be whole, with one intent."""
    records: list[Record] = []
    while record := evidence.read(CLUSTER, len(records) + 1):
        assert record.payload["previous"] == (records[-1].head.hash if records else GENESIS)
        records.append(record)
    assert [record.kind for record in records].count(RecordKind.INTENT) == 1
    return [str(record.payload["outcome"]) for record in records if record.kind is RecordKind.OUTCOME]
