"""Token buckets: how many requests ARM, AKS and Resource Graph take before they answer 429.

Numbers: facts/FACTS.md section 2 (AKS, ARM) and section 5 (Resource Graph).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

READS, WRITES = ("GET", "HEAD"), ("PUT", "PATCH", "POST", "DELETE")


@dataclass(frozen=True)
class Limit:
    """One bucket per value of `per`: `burst` requests at once, `rate` a second after that."""

    name: str
    layer: str
    """`arm` for every request, `aks` or `graph` for those of that provider."""
    per: str
    """`principal`, `subscription`, `group` or `resource`."""
    burst: int
    rate: float
    routes: tuple[str, ...] = ()
    """Names of routes; empty for all of the layer that have no limit of their own."""
    methods: tuple[str, ...] = (*READS, *WRITES)


DEFAULT_LIMITS = (
    Limit("reads", "arm", "principal", 250, 25, methods=READS),
    Limit("writes", "arm", "principal", 200, 10, methods=WRITES),
    Limit("ListManagedClustersHandler.GET", "aks", "subscription", 500, 1, ("clusters.list",)),
    Limit("ListManagedClustersByResourceGroupHandler.GET", "aks", "group", 60, 1, ("clusters.list_in_group",)),
    Limit("PutAgentPoolHandler.PUT", "aks", "resource", 20, 1 / 60, ("pools.put",)),
    Limit("PutManagedClusterHandler.PUT", "aks", "resource", 20, 1 / 60, ("clusters.put",)),
    Limit("GetManagedClusterHandler.GET", "aks", "resource", 60, 1, ("clusters.get",)),
    Limit("GetOperationStatusHandler.GET", "aks", "subscription", 200, 2, ("operations.get",)),
    Limit("OtherHandlers", "aks", "subscription", 60, 1),
    Limit("Resource Graph", "graph", "principal", 15, 3),
)


class Throttles:
    """The buckets. Pass limits of one's own, or none at all for a world that never says 429."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self.limits = tuple(limits)
        self._buckets: dict[tuple[str, str], tuple[float, datetime]] = {}

    def of(self, layer: str, route: str, method: str) -> list[Limit]:
        """Return the limits that a request has to keep: ARM's, then its provider's."""
        arm = [limit for limit in self.limits if limit.layer == "arm" and method in limit.methods]
        own = [limit for limit in self.limits if limit.layer == layer]
        named = [limit for limit in own if route in limit.routes]
        return [*arm, *(named or [limit for limit in own if not limit.routes])]

    def take(self, limit: Limit, who: Mapping[str, str], now: datetime) -> tuple[int, int | None]:
        """Take one token; return those left, and the seconds to wait for one if there was none."""
        bucket = (limit.name, who[limit.per].lower())
        tokens, since = self._buckets.get(bucket, (float(limit.burst), now))
        tokens = min(float(limit.burst), tokens + (now - since).total_seconds() * limit.rate)
        if tokens < 1:
            self._buckets[bucket] = (tokens, now)
            return 0, max(1, math.ceil((1 - tokens) / limit.rate))
        self._buckets[bucket] = (tokens - 1, now)
        return int(tokens - 1), None
