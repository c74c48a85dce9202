"""What can be seen of the fleet while the demo runs: the world's pools, and the app's verdicts on them."""

from collections.abc import Iterator

from local.demo_show import Seen
from local.stack import LocalStack
from local.world import rollout
from local.world.access import APP
from local.world.model import Cluster, Node, Pool
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.posture import Posture


def has_fips(node: Node, pool: Pool) -> bool:
    """Say whether a node shows FIPS: by its label, or on Windows, where none tells, by its registry."""
    return bool(node.kernel_fips) if pool.windows else node.fips_label


class Sights:
    """The fleet, as a person with all rights sees it."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack

    def cluster(self, cluster: ClusterId) -> Cluster:
        """Return a cluster of the world."""
        return self.stack.world.cluster_by_id(cluster.arm_id)

    def posture(self, cluster: ClusterId) -> Posture | None:
        """Return what the app has stored of a cluster."""
        from shared import bootstrap
        from shared.postures import read_posture

        return read_posture(bootstrap.table("posture"), cluster).posture

    def verdict(self, cluster: ClusterId, pool: str) -> str | None:
        """Return the app's verdict on a pool."""
        posture = self.posture(cluster)
        found = [one for one in posture.pools if one.pool == pool] if posture else []
        return f"{found[0].state.value}: {found[0].decisive.reason}" if found else None

    def is_compliant(self, cluster: ClusterId, pool: str) -> bool:
        """Say whether the app calls a pool compliant."""
        return (self.verdict(cluster, pool) or "").startswith(f"{ComplianceState.COMPLIANT}:")

    def pools(self, cluster: ClusterId) -> list[Seen]:
        """Return what there is to see of a cluster's pools."""
        with self.stack.world.entered():
            real = self.cluster(cluster)
            facts = [
                (name, pool, [has_fips(node, pool) for node in rollout.nodes(real, pool)])
                for name, pool in real.pools.items()
            ]
        return [
            Seen(
                f"{cluster.name}/{name}",
                f"{pool.provisioning_state}, FIPS {'on' if pool.properties.get('enableFIPS') else 'off'}",
                f"{sum(nodes)} of {len(nodes)}",
                self.verdict(cluster, name) or "not looked at",
            )
            for name, pool, nodes in facts
        ]

    def fleet(self) -> list[Seen]:
        """Return that of every cluster that the app knows."""
        return [seen for cluster in self._ids() for seen in self.pools(cluster)]

    def all_known(self) -> bool:
        """Say whether the app knows every cluster that it may read."""
        with self.stack.world.entered():
            readable = [each.id for each in self.stack.world.all_clusters() if self._readable(each.id)]
        known = {cluster.key for cluster in self._ids()}
        return all(ClusterId.parse(arm_id).key in known for arm_id in readable)

    def _ids(self) -> Iterator[ClusterId]:
        from shared import bootstrap
        from shared.postures import summaries

        yield from (each.cluster for each in summaries(bootstrap.table("posture")) if not each.gone)

    def _readable(self, arm_id: str) -> bool:
        action = "Microsoft.ContainerService/managedClusters/read"
        return self.stack.world.access.may(APP, action, arm_id)
