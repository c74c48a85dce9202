"""A cluster whose pool can't have FIPS in place and is to be replaced, on a clock that only the test moves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from local.world import rollout
from local.world.kube import builders as kube
from local.world.kube.pods import look_again
from local.world.kube.state import Kube
from local.world.model import Cluster, Node, Pool
from shared.budget import approve
from shared.domain.budget import Approval
from shared.domain.codec import plain
from shared.domain.memory import PoolMemory, Replacement
from shared.domain.records import RecordKind
from shared.ports import Put
from shared.rollout import RolloutRow, read_memory
from tests.protocol.lab import CLUSTER, INVISIBLE, Tap, ruled
from tests.scenario.fleet import Fleet

REPLACES = "mode: enforce\nstrategy: replace\n"
PROVEN = "compliant: NodesProven"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SETTINGS: dict[str, Any] = {
    "osSKU": "Flatcar",
    "availabilityZones": ["1", "2"],
    "nodeLabels": {"team": "ledger"},
    "nodeTaints": ["dedicated=ledger:PreferNoSchedule"],
    "maxPods": 60,
    "enableAutoScaling": True,
    "minCount": 1,
    "maxCount": 5,
    "kubeletConfig": {"cpuManagerPolicy": "static"},
    "linuxOSConfig": {"sysctls": {"vmMaxMapCount": 262144}},
    "messageOfTheDay": "aGVsbG8=",
    "vnetSubnetID": "/subscriptions/x/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
    "upgradeSettings": {"maxSurge": "33%", "drainTimeoutInMinutes": 60},
    "tags": {"owner": "ana@example.com"},
}
"""What people have set on the old pool, besides an OS SKU that can't have FIPS."""
NAMED = {"agentpool": "old"}
"""The node selector of pods that can't follow."""


class Replacing(Fleet):
    """The laboratory with a pool `old` that has settings of all kinds, and pods on it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.world.entered():
            del self.cluster.pools["np1"]
        self.policies.rules = ruled(REPLACES)

    @classmethod
    def made(cls, *, pods: bool = True, seed: int = 0, **settings: Any) -> "Replacing":
        """Return one with its pool and its pods: a Deployment with a budget, a StatefulSet, a DaemonSet."""
        lab = cls(seed=seed)
        lab.add_pool(CLUSTER, "old", **{**SETTINGS, **settings})
        if pods:
            lab.fill()
        return lab

    @classmethod
    def small(cls, seed: int = 0) -> "Replacing":
        """Return one that has little to do: three pods, of which a budget lets one go at a time, and no autoscaler."""
        lab = cls.made(pods=False, seed=seed, enableAutoScaling=False, minCount=None, maxCount=None)
        with lab.world.entered():
            kube.add_workload(lab.cluster, "web", replicas=2)
            kube.add_budget(lab.cluster, "web", min_available=1)
            kube.add_workload(lab.cluster, "db", kind="StatefulSet", replicas=1)
        return lab

    def fill(self, **spec: Any) -> None:
        """Put pods on the pool."""
        with self.world.entered():
            kube.add_workload(self.cluster, "web", replicas=4, **spec)
            kube.add_budget(self.cluster, "web", min_available=3)
            kube.add_workload(self.cluster, "db", kind="StatefulSet", replicas=2, **spec)
            kube.add_workload(self.cluster, "agent", kind="DaemonSet", replicas=0, **spec)

    @property
    def cluster(self) -> Cluster:
        """The cluster in the world."""
        return self.world.cluster_by_id(CLUSTER.arm_id)

    @property
    def kube(self) -> Kube:
        """What its API server keeps."""
        return self.cluster.kube

    @property
    def pools(self) -> dict[str, Pool]:
        """Its pools by name."""
        return self.cluster.pools

    def nodes(self, pool: str = "old") -> list[Node]:
        """A pool's nodes, to change them."""
        return rollout.nodes(self.cluster, self.pools[pool])

    @property
    def replacement(self) -> Replacement | None:
        """What is remembered of it."""
        return read_memory(self.rollout, CLUSTER).replacement

    def remembered(self, pool: str = "old") -> PoolMemory:
        """What is remembered of a pool."""
        return read_memory(self.rollout, CLUSTER).pool(pool)

    def scale(self, pool: str, count: int) -> None:
        """Somebody scales a pool."""
        with self.world.entered():
            self.pools[pool].properties["count"] = count
            rollout.resize(self.cluster, self.pools[pool], self.clock.now())
            look_again(self.cluster)

    def says_yes(self, until: timedelta = DAY) -> None:
        """Somebody agrees to what waits for a person."""
        wanted, now = self.deferral(pool="old").approval, self.clock.now()
        assert wanted
        approve(self.rollout, wanted, Approval("bob", now, now + until, "replace old"))

    def lose_row(self) -> None:
        """Somebody empties the rollout row: all that it said is lost."""
        row = self.rollout.read(CLUSTER.key, CLUSTER.key)
        assert row
        self.rollout.write(CLUSTER.key, Put(CLUSTER.key, row.etag, {}, plain(RolloutRow())))

    def parts(self) -> list[str]:
        """The stages that records tell of."""
        return [str(record.payload["stage"]) for record in self.records(RecordKind.REPLACEMENT)]

    def until(self, so: Callable[[], bool], patience: timedelta = HOUR) -> None:
        """Let looks happen one by one until something is so."""
        end = self.clock.now() + patience
        while not so():
            visible = self.queue.next_visible()
            assert visible, "nobody looks any more"
            assert visible <= end, "it does not come to that"
            self.step(Tap())

    def step(self, tap: Tap) -> None:
        """Let the next look happen, when it is due."""
        visible = self.queue.next_visible()
        assert visible
        self.clock.advance(max(visible - self.clock.now(), timedelta()))
        message = self.queue.take(INVISIBLE)
        assert message
        self.work(message, tap)

    def assert_replaced(self, twin: str = "oldf", by: str = "AzureLinux3") -> None:
        """Assert that one pool is left, proven, with every pod, and that nothing of the way there is."""
        assert list(self.pools) == [twin]
        assert (self.pools[twin].properties["osSKU"], self.pools[twin].provisioning_state) == (by, "Succeeded")
        assert self.verdict(pool=twin) == PROVEN
        self.assert_kept()
        assert (self.replacement, self.budget.places) == (None, {})

    def assert_kept(self) -> None:
        """Assert that no pod was lost, and none taken that a budget protects; all run."""
        with self.world.entered():
            assert (self.kube.lost, self.kube.killed_protected) == (0, 0)
        assert {pod.phase for pod in self.kube.pods.values()} <= {"Running"}

    def assert_untouched(self, pool: str = "old") -> None:
        """Assert that a pool is as it was, and takes pods."""
        assert self.pools[pool].provisioning_state == "Succeeded"
        assert not [node.name for node in self.nodes(pool) if node.unschedulable]
        self.assert_kept()


def proving(lab: Replacing) -> bool:
    """Whether the twin is made, and not more."""
    return "oldf" in lab.pools and lab.outcomes() == ["accepted", "succeeded"]


def draining(lab: Replacing) -> bool:
    """Whether a pod was evicted."""
    return any(record.payload.get("evicted") for record in lab.records(RecordKind.REPLACEMENT))


def half_way(rules: str = REPLACES, *, agreed: bool = False) -> Replacing:
    """A replacement that has evicted some pods, and has some left; `agreed`: a person has said yes to it."""
    lab = Replacing.made()
    lab.policies.rules = ruled(rules)
    lab.event()
    if agreed:
        lab.passes(MINUTE)
        lab.says_yes()
        lab.event()
    lab.until(lambda: draining(lab))
    assert [pod.name for pod in lab.kube.pods.values() if pod.node in {node.name for node in lab.nodes()}]
    return lab


def evictions(lab: Replacing) -> int:
    """How many pods were to be evicted."""
    return sum(one.path.endswith("/eviction") for one in lab.world.requests)


def stuck_told(lab: Replacing) -> int:
    """How often people were told that a replacement does not go on."""
    return len({alert.key for alert in lab.alerts.sent if "It has not gone on for" in alert.text})


def writes(lab: Replacing) -> list[tuple[str, int]]:
    """What was sent to pools: method and status."""
    return [
        (one.method, one.status)
        for one in lab.world.requests
        if one.method in ("PUT", "DELETE") and "/agentpools/" in one.path.lower()
    ]
