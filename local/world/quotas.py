"""Room for nodes: vCPU quotas of a subscription, and the addresses of a subnet. Without limits there is always room.

    world.quotas.limit_cores(subscription, "westeurope", "standardDDSv5Family", 64)
    world.quotas.limit_subnet(subnet_id, "10.10.0.0/24")
    world.quotas.early = False  # let the operation find out, instead of the PUT

AKS compares a PUT with both before it takes it, surge nodes included (texts: `_no_cores`, `_no_addresses`); what is
used up after that fails the operation (failures.quota_exceeded, failures.subnet_is_full).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING

from local.world import failures, rollout
from local.world.errors import ArmError
from local.world.faults import FailOperation
from local.world.model import Cluster, Json, Pool

if TYPE_CHECKING:
    from local.world.world import World

_SIZE = re.compile(r"standard_([a-z]+)(\d+)(?:-\d+)?([a-z]*)_?(\w*)", re.IGNORECASE)
_RESERVED = 5
"""Addresses that Azure keeps of every subnet: 251 are left of a /24 (captured: Azure/AKS#3653)."""


@dataclass
class Quotas:
    """The limits that somebody set."""

    early: bool = True
    """Refuse at the PUT, as AKS does where it can; otherwise the operation fails."""
    cores: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """By subscription, location and family, in lower case."""
    subnets: dict[str, str] = field(default_factory=dict)
    """Address prefix by lower-case ARM id."""

    def limit_cores(self, subscription: str, location: str, family: str, limit: int) -> None:
        """Set a vCPU quota."""
        self.cores[(subscription.lower(), location.lower(), family.lower())] = limit

    def limit_subnet(self, subnet: str, prefix: str) -> None:
        """Let a subnet have no more addresses than its prefix, such as `10.10.0.0/24`."""
        self.subnets[subnet.lower()] = prefix


def cores_of(size: str) -> int:
    """Return the vCPUs of a VM size, which its name tells: 8 for `Standard_D8ds_v5`."""
    found = _SIZE.match(size)
    return int(found[2]) if found else 1


def family_of(size: str) -> str:
    """Return the quota's name for a VM size: `standardDDSv5Family` for `Standard_D8ds_v5`.

    Sizes of other patterns (`NC8as_T4_v3`) have names of their own in Azure, which this doesn't know.
    """
    found = _SIZE.match(size)
    return f"standard{found[1].upper()}{found[3].upper()}{found[4]}Family" if found else size


def check(world: World, cluster: Cluster, pool: Pool | None, asked: Json, *, rolls: bool) -> FailOperation | None:
    """Raise ArmError (400) if there is no room for what a PUT asks, or return how its operation fails.

    `pool` is None for a new one; `rolls` says that nodes are replaced, which takes surge nodes.
    """
    now = _present(pool) if pool else 0
    peak = max(int(asked["count"]), now) + (rollout.surge_of(asked, now) if rolls else 0)
    if peak == now:
        return None
    return _check_cores(world, cluster, asked, peak - now) or _check_subnet(world, cluster, pool, asked, peak, now)


def _check_cores(world: World, cluster: Cluster, asked: Json, more: int) -> FailOperation | None:
    size = str(asked["vmSize"])
    family = family_of(size)
    limit = world.quotas.cores.get((cluster.subscription.lower(), cluster.location.lower(), family.lower()))
    if limit is None:
        return None
    used = sum(
        cores_of(str(pool.properties["vmSize"])) * _present(pool)
        for other, pool in _pools(world)
        if (other.subscription, other.location) == (cluster.subscription, cluster.location)
        and family_of(str(pool.properties["vmSize"])) == family
    )
    requested = cores_of(size) * more
    if requested <= limit - used:
        return None
    if world.quotas.early:
        raise _no_cores(requested, limit - used, family, cluster.location)
    return failures.quota_exceeded(limit, used, requested)


def _check_subnet(
    world: World, cluster: Cluster, pool: Pool | None, asked: Json, peak: int, now: int
) -> FailOperation | None:
    subnet = str(asked.get("vnetSubnetID") or "")
    prefix = world.quotas.subnets.get(subnet.lower())
    if prefix is None:
        return None
    available = ip_network(prefix).num_addresses - _RESERVED
    name = subnet.rpartition("/")[2]
    others = [
        (other, neighbour)
        for other, neighbour in _pools(world)
        if str(neighbour.properties.get("vnetSubnetID") or "").lower() == subnet.lower() and neighbour is not pool
    ]
    each = _addresses(cluster, asked)
    if world.quotas.early:
        planned = sum(_most(other.properties) * _addresses(of, other.properties) for of, other in others)
        planned += max(_most(asked), peak) * each
        if planned > available:
            raise _no_addresses(planned, available, prefix, name)
        return None
    used = sum(_present(other) * _addresses(of, other.properties) for of, other in others) + now * each
    full = (peak - now) * each > available - used
    return failures.subnet_is_full(name, prefix, (peak - now) * each) if full else None


def _pools(world: World) -> Iterator[tuple[Cluster, Pool]]:
    for cluster in world.all_clusters():
        for pool in cluster.pools.values():
            yield cluster, pool


def _present(pool: Pool) -> int:
    """Return how many nodes a pool has, without making those that nobody looked at yet."""
    return int(pool.properties["count"]) if pool.nodes is None else len(pool.nodes)


def _most(asked: Json) -> int:
    """Return how many nodes a pool may come to have: with autoscaler the most that it may (captured text)."""
    return int(asked.get("maxCount") or asked["count"]) if asked.get("enableAutoScaling") else int(asked["count"])


def _addresses(cluster: Cluster, asked: Json) -> int:
    """Return how many addresses of its subnet a node takes: also its pods', but for an overlay network."""
    overlay = cluster.properties["networkProfile"].get("networkPluginMode") == "overlay"
    return 1 if overlay else int(asked["maxPods"]) + 1


def _no_cores(requested: int, remaining: int, family: str, location: str) -> ArmError:
    """AKS's refusal, as seen: notes on a pool's PUT (find_string id 52823377495), 1ChristianAlex/motordesk#14."""
    return ArmError(
        400,
        "ErrCode_InsufficientVCPUQuota",
        f"Insufficient vcpu quota requested {requested}, remaining {remaining} for family {family} for region "
        f"{location}. If you want to increase the quota, please follow this instruction: "
        "https://learn.microsoft.com/en-us/azure/quotas/view-quotas. Surge nodes would also consume vcpu quota, please "
        "consider use smaller maxSurge or use maxUnavailable to proceed upgrade without surge nodes, details: "
        "aka.ms/aks/maxUnavailable.",
    )


def _no_addresses(planned: int, available: int, prefix: str, name: str) -> ArmError:
    """AKS's refusal, as seen: Azure/AKS-Construction#701 and Azure/AKS#3653."""
    return ArmError(
        400,
        "InsufficientSubnetSize",
        f"Pre-allocated IPs {planned} exceeds IPs available {available} in Subnet Cidr {prefix}, Subnet Name {name}. "
        "If Autoscaler is enabled, the max-count from each nodepool is counted towards this total (which means that "
        "pre-allocated IPs count represents a theoretical max value, not the actual number of IPs requested). "
        "http://aka.ms/aks/insufficientsubnetsize",
    )
