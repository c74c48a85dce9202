"""Several clusters under the real looks and the real resync, in memory and on a clock that only the test moves."""

from datetime import timedelta
from typing import Any

from local.ports import WorldFleet
from local.seed import PAYMENTS
from local.world.model import Pool
from shared.budget import read_budget
from shared.domain.budget import Budget
from shared.domain.ids import ClusterId
from shared.domain.planned import Deferral
from shared.domain.records import Record, RecordKind
from shared.postures import StoredPosture, read_posture
from shared.resync import Resynced, ResyncPorts, resync
from tests.protocol.lab import CLUSTER, Lab

QUARTER = timedelta(minutes=15)


class Fleet(Lab):
    """A laboratory of more than one cluster; the first is `CLUSTER` with its pool `np1`."""

    def add(self, name: str, tags: dict[str, str] | None = None, **more: Any) -> ClusterId:
        """Add a cluster with a pool `np1` without FIPS."""
        with self.world.entered():
            made = self.world.add_cluster(
                PAYMENTS, CLUSTER.resource_group, name, tags=tags, entra=True, azure_rbac=True
            )
        found = ClusterId(PAYMENTS, CLUSTER.resource_group, made.name)
        self.add_pool(found, "np1", **more)
        return found

    def add_pool(self, cluster: ClusterId, name: str, **more: Any) -> Pool:
        """Add a pool without FIPS, as if its creation had just ended."""
        asked: dict[str, Any] = {"mode": "User", "osSKU": "AzureLinux", "vmSize": "Standard_D4ds_v5", "count": 2}
        with self.world.entered():
            return self.world.add_pool(
                self.world.cluster_by_id(cluster.arm_id), name, **{**asked, "enableFIPS": False, **more}
            )

    def look(self, *clusters: ClusterId, lasting: timedelta = timedelta()) -> None:
        """Something happened to some clusters (without any, to the first), and so much time passes."""
        for cluster in clusters or (CLUSTER,):
            self.event(cluster)
        self.passes(lasting)

    def passes(self, lasting: timedelta) -> None:
        """Let time pass, and do what falls due in it."""
        end = self.clock.now() + lasting
        while True:
            self.until_quiet(patience=min(QUARTER, end - self.clock.now()))
            left = end - self.clock.now()
            if left <= timedelta():
                return
            self.clock.advance(min(QUARTER, left))

    def days(self, number: float) -> None:
        """Let days pass with their hourly resyncs."""
        for _ in range(round(number * 24)):
            self.count()
            self.passes(timedelta(hours=1))

    def count(self) -> Resynced:
        """Run the resync once."""
        ports = ResyncPorts(
            self.clock, WorldFleet(self.world), self.policies, self.postures, self.rollout, self.queue, self.alerts
        )
        return resync(ports)

    def puts(self, cluster: ClusterId | None = None, pool: str = "") -> list[int]:
        """HTTP statuses of the PUTs, of one cluster or pool or of all."""
        part = f"{cluster.arm_id.lower() if cluster else ''}"
        return [
            one.status
            for one in self.world.requests
            if one.method == "PUT"
            and part in one.path.lower()
            and one.path.lower().endswith(f"/{pool}" if pool else "")
        ]

    def stored(self, cluster: ClusterId = CLUSTER) -> StoredPosture:
        """What the last commit left."""
        return read_posture(self.postures, cluster)

    def verdict(self, cluster: ClusterId = CLUSTER, pool: str = "np1") -> str:
        """A pool's verdict, as `state: reason`; empty if there is none."""
        posture = self.stored(cluster).posture
        found = [one for one in posture.pools if one.pool == pool] if posture else []
        return f"{found[0].state}: {found[0].decisive.reason}" if found else ""

    def waits(self, cluster: ClusterId = CLUSTER, pool: str = "np1") -> str:
        """Why a pool is not remediated, as the last commit planned it; empty if nothing is due."""
        return next((one.reason for one in self.stored(cluster).deferrals if one.pool == pool), "")

    def deferral(self, cluster: ClusterId = CLUSTER, pool: str = "np1") -> Deferral:
        """The whole of it; fails if there is none."""
        return next(one for one in self.stored(cluster).deferrals if one.pool == pool)

    def records(self, kind: RecordKind, cluster: ClusterId = CLUSTER) -> list[Record]:
        """The evidence of one kind."""
        return [record for record in self.evidence.chain(cluster) if record.kind is kind]

    def outcomes(self, cluster: ClusterId = CLUSTER) -> list[str]:
        """The outcomes in the evidence."""
        return [str(record.payload["outcome"]) for record in self.records(RecordKind.OUTCOME, cluster)]

    def told(self, reason: str) -> int:
        """How often people were told of something."""
        return len({alert.key for alert in self.alerts.sent if alert.reason == reason})

    @property
    def budget(self) -> Budget:
        """The disruption budget."""
        return read_budget(self.rollout)
