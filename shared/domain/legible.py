"""What of a node pool or its cluster can't be read: none of it may turn into compliance, and nothing is begun on it.

Missing is told from wrong where Azure says what missing means: then it is read so, with the source beside it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.model import Cluster, Pool
from shared.domain.support import minor_version

MODES = ("system", "user", "gateway")
"""AgentPoolMode of API 2026-08-01."""
_POWER = ("running", "stopped")


def illegible(cluster: Cluster, pool: Pool) -> tuple[str, ...]:
    """Name what can't be read of a pool and of its cluster, each with what stands there."""
    return (*cluster.illegible, *_of(pool))


def illegible_of_cluster(body: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what can't be read of a cluster's own fields; `body` holds it, with its `properties`."""
    return (
        *_power(properties, "the cluster's"),
        *_wrong(properties, "the cluster's", enableFIPS=bool),
        *_wrong(body, "the cluster's", tags=dict, location=str),
    )


def tags_illegible(cluster: Cluster) -> bool:
    """Say whether a cluster's tags can't be read: whoever asks for some gets no answer."""
    return any(one.startswith("the cluster's tags ") for one in cluster.illegible)


def vm_sizes(pool: Pool) -> tuple[str, ...]:
    """Return the sizes of a pool's machines: one, or several for a pool of single machines; none: not known."""
    if pool.vm_size:
        return (pool.vm_size,)
    # A pool of type VirtualMachines has no vmSize of its own (API 2026-08-01, VirtualMachinesProfile, ScaleProfile).
    scale = _at(pool.body, "virtualMachinesProfile", "scale")
    listed = [*_list(scale.get("manual")), *_list(scale.get("autoscale"))]
    sizes = tuple(str(one["size"]) for one in listed if isinstance(one, dict) and isinstance(one.get("size"), str))
    return sizes if len(sizes) == len(listed) else ()


def _of(pool: Pool) -> Iterator[str]:
    if minor_version(pool.kubernetes_version) is None:
        yield f"its Kubernetes version {pool.kubernetes_version!r}"
    if pool.mode.lower() not in MODES:
        yield f"its mode {pool.mode!r}"
    if not vm_sizes(pool):
        yield "its VM size"
    kinds = {"securityProfile": dict, "workloadRuntime": str, "tags": dict, "nodeImageVersion": str, "count": int}
    yield from _wrong(pool.body, "its", **kinds)
    yield from _power(pool.body, "its")


def _wrong(values: Mapping[str, Any], whose: str, **kinds: type) -> Iterator[str]:
    """Name the fields that are given and of another kind; a truth value is no number."""
    for name, kind in kinds.items():
        value = values.get(name)
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if value is not None and not right:
            yield f"{whose} {name} {_shown(value)}"


def _power(properties: Mapping[str, Any], whose: str) -> Iterator[str]:
    # "When an Agent Pool is first created it is initially Running" (API 2026-08-01): without a state, it runs.
    power = properties.get("powerState")
    code = "running" if power is None else power.get("code", "running") if isinstance(power, dict) else power
    if not (isinstance(power, dict | None) and isinstance(code, str) and code.lower() in _POWER):
        yield f"{whose} power state {_shown(code)}"


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _at(value: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
