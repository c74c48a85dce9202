"""How nodes come, go and are reimaged, one surge at a time: lists of steps that an operation spreads over its time.

The order is AKS's own (facts, section 1): a surge node comes, a node is cordoned and drained, goes, comes back on
the new image; at the end the surge nodes go.
"""

import hashlib
import math
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial

from local.world import images
from local.world.model import Cluster, Json, Node, Pool

Step = Callable[[datetime], None]
_NAMES = uuid.UUID("5f1b5a11-0000-4000-8000-000000000000")


def digits(cluster: Cluster) -> str:
    """Return the eight digits that all node names of a cluster share."""
    number = int.from_bytes(hashlib.sha256(cluster.id.lower().encode()).digest()[:8])
    return f"{10_000_000 + number % 90_000_000}"


def node_name(cluster: Cluster, pool: Pool, index: int) -> str:
    """Return a node's name; the number at the end of a scale set's instance is in base 36."""
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    number = "".join(alphabet[index // 36**power % 36] for power in range(5, -1, -1))
    return f"aks{pool.name}{number}" if pool.windows else f"aks-{pool.name}-{digits(cluster)}-vmss{number}"


def make_node(cluster: Cluster, pool: Pool, name: str, now: datetime, *, surge: bool = False) -> Node:
    """Return a node that has just come up on the pool's image: a new machine, a new boot."""
    pool.generation += 1
    identity = f"{cluster.id.lower()}/{pool.name}/{pool.generation}"
    fips_image = images.is_fips_image(pool.image)
    windows_fips = pool.windows and (pool.fips or pool.properties["osSKU"] in {"Windows2022", "Windows2025"})
    return Node(
        name=name,
        uid=str(uuid.uuid5(_NAMES, f"uid/{identity}")),
        boot_id=str(uuid.uuid5(_NAMES, f"boot/{identity}")),
        created=now,
        image=pool.image,
        version=pool.version,
        fips_label=pool.fips if pool.windows else fips_image,
        kernel_fips=int(windows_fips or fips_image),
        surge=surge,
    )


def nodes(cluster: Cluster, pool: Pool) -> list[Node]:
    """Return the pool's nodes, making them on first use. A stopped cluster or pool has none."""
    if pool.nodes is None:
        pool.nodes = [
            make_node(cluster, pool, node_name(cluster, pool, index), cluster.created)
            for index in range(int(pool.properties["count"]))
        ]
    return pool.nodes


def resize(cluster: Cluster, pool: Pool, now: datetime) -> None:
    """Bring the number of nodes in line with `count`, and let surge nodes go."""
    from local.world.kube import drain  # it asks for nodes here

    present, wanted = nodes(cluster, pool), int(pool.properties["count"])
    kept = [node for node in present if not node.surge][:wanted]
    staying = {node.name for node in kept}
    leaving = [node for node in present if node.name not in staying]
    for node in leaving:
        node.unschedulable = True
    for node in leaving:
        drain.empty_as_far_as_possible(cluster, node)
    present[:] = kept
    while len(present) < wanted:
        present.append(make_node(cluster, pool, _free_name(cluster, pool), now))


def differs(cluster: Cluster, pool: Pool) -> bool:
    """Tell that a node is not on the pool's image or version, as after a failed reimage."""
    return any((node.image, node.version) != (pool.image, pool.version) or node.surge for node in nodes(cluster, pool))


def creation(cluster: Cluster, pool: Pool) -> list[Step]:
    """Steps in which the nodes of a new pool come one after another."""
    pool.nodes = []
    return [partial(_join, cluster, pool) for _ in range(int(pool.properties["count"]))]


def reimage(cluster: Cluster, pool: Pool) -> list[Step]:
    """Steps in which every node that isn't on the pool's image is replaced."""
    stale = [n for n in nodes(cluster, pool) if not n.surge and n.image != pool.image] or [
        n for n in nodes(cluster, pool) if not n.surge
    ]
    if not stale:
        return []
    surge = surge_of(pool.properties, len(nodes(cluster, pool)))
    at_once = surge or _share(pool.properties, "maxUnavailable", len(stale))
    steps: list[Step] = [partial(_join, cluster, pool, surge=True) for _ in range(surge)]
    for first in range(0, len(stale), at_once):
        for node in stale[first : first + at_once]:
            steps += [partial(_cordon, node), partial(_leave, cluster, pool, node)]
        for node in stale[first : first + at_once]:
            steps.append(partial(_come_back, cluster, pool, node.name))
    return steps


def surge_of(asked: Json, count: int) -> int:
    """Return how many nodes are added while those of a pool are replaced: none with `maxUnavailable` instead."""
    settings = asked["upgradeSettings"]
    none = str(settings.get("maxSurge")) in {"0", "0%"} and str(settings.get("maxUnavailable")) not in {"0", "0%"}
    return 0 if none or not count else _share(asked, "maxSurge", count)


def _share(asked: Json, name: str, count: int) -> int:
    """Return a number of nodes that is asked for as such or in per cent, at least one of them."""
    value = str(asked["upgradeSettings"].get(name) or "1")
    number = math.ceil(count * int(value[:-1]) / 100) if value.endswith("%") else int(value)
    return max(1, min(number, count))


def _free_name(cluster: Cluster, pool: Pool) -> str:
    taken = {node.name for node in nodes(cluster, pool)}
    index = 0
    while (name := node_name(cluster, pool, index)) in taken:
        index += 1
    return name


def _join(cluster: Cluster, pool: Pool, now: datetime, *, surge: bool = False) -> None:
    present = nodes(cluster, pool)
    present.append(make_node(cluster, pool, _free_name(cluster, pool), now, surge=surge))


def _cordon(node: Node, _: datetime) -> None:
    node.unschedulable = True


def _leave(cluster: Cluster, pool: Pool, node: Node, _: datetime) -> None:
    from local.world.kube import drain  # it asks for nodes here

    drain.drain(cluster, node)
    present = nodes(cluster, pool)
    present[:] = [other for other in present if other.name != node.name]


def _come_back(cluster: Cluster, pool: Pool, name: str, now: datetime) -> None:
    present = nodes(cluster, pool)
    present.append(make_node(cluster, pool, name, now))
    present.sort(key=lambda node: node.name)
