"""What of a node pool or its cluster can't be read: none of it may turn into compliance, and nothing is begun on it.

Missing is told from wrong where Azure says what missing means: then it is read so, with the source beside it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.domain.model import Cluster, Pool
from shared.domain.operation import AT_REST, UNDER_WAY
from shared.domain.support import minor_version

MODES = ("system", "user", "gateway")
"""AgentPoolMode of API 2026-08-01."""
TYPES = ("virtualmachinescalesets", "availabilityset", "virtualmachines")
"""AgentPoolType of API 2026-08-01. Of a pool of another type, or of none, nobody knows what its other fields mean."""
SANDBOXED = ("katamshvvmisolation", "katavmisolation")
"""Those of WorkloadRuntime that are Pod Sandboxing: of API 2026-08-01, and of previews (KnownWorkloadRuntime)."""
_RUNTIMES = ("ocicontainer", "wasmwasi", *SANDBOXED)
_POWER = ("running", "stopped")


def illegible(cluster: Cluster, pool: Pool) -> tuple[str, ...]:
    """Name what can't be read of a pool and of its cluster, each with what stands there."""
    return (*cluster.illegible, *_of(pool))


def illegible_of_cluster(body: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what can't be read of a cluster's own fields; `body` holds it, with its `properties`."""
    return (
        *_state(properties.get("provisioningState")),
        *_power(properties, "the cluster's"),
        *_wrong(properties, "the cluster's", enableFIPS=bool, addonProfiles=dict),
        *_tags(body.get("tags"), "the cluster's"),
        *_location(body.get("location")),
    )


def _state(value: Any) -> Iterator[str]:
    """Name a provisioning state that is no known word: nobody knows then what AKS is doing to the cluster."""
    if not isinstance(value, str) or value not in (*AT_REST, *UNDER_WAY):
        yield f"the cluster's provisioning state {_shown(value or None)}"


def _unread_tags(cluster: Cluster) -> str:
    return next((one for one in cluster.illegible if one.startswith("the cluster's tags ")), "")


OF_CLUSTER: Mapping[str, Callable[[Cluster], str]] = {
    "locations": lambda cluster: next(_location(cluster.location), ""),
    "tags": _unread_tags,
}
"""By the part of a match that asks for it: what of a cluster can't be read; empty if it can."""
OF_POOL: Mapping[str, Callable[[Pool], str]] = {
    "kubernetes": lambda pool: next(_version(pool), ""),
    "os_types": lambda pool: "" if pool.os_type in ("Linux", "Windows") else _named(pool, "its OS type", "osType"),
    "os_skus": lambda pool: "" if pool.os_sku else _named(pool, "its OS SKU", "osSKU"),
    "pool_modes": lambda pool: next(_mode(pool), ""),
    "pool_tags": lambda pool: next(_tags(pool.body.get("tags"), "its"), ""),
}
"""By the part of a match that asks for it: what of a node pool can't be read; empty if it can."""


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
    yield from _version(pool)
    yield from _mode(pool)
    if str(pool.body.get("type")).lower() not in TYPES:
        yield _named(pool, "its type", "type")
    if not vm_sizes(pool):
        yield "its VM size"
    if not pool.node_image:
        yield _named(pool, "its node image", "nodeImageVersion")
    # Recorded pools without a runtime of their own leave it out, or have null.
    runtime = pool.body.get("workloadRuntime")
    if runtime is not None and str(runtime).lower() not in _RUNTIMES:
        yield f"its workloadRuntime {_shown(runtime)}"
    yield from _tags(pool.body.get("tags"), "its")
    yield from _wrong(pool.body, "its", securityProfile=dict)
    yield from _wrong(_at(pool.body, "securityProfile"), "its", enableVTPM=bool, enableSecureBoot=bool)
    yield from _count(pool)
    yield from _power(pool.body, "its")


def _version(pool: Pool) -> Iterator[str]:
    minor = minor_version(pool.kubernetes_version)
    # There is no Kubernetes but 1: of another one nothing is known.
    if minor is None or minor[0] != 1:
        yield f"its Kubernetes version {pool.kubernetes_version!r}"


def _mode(pool: Pool) -> Iterator[str]:
    if pool.mode.lower() not in MODES:
        yield _named(pool, "its mode", "mode")


def _count(pool: Pool) -> Iterator[str]:
    """Name what should say how many nodes there are, and says no such number; that it says nothing is told apart."""
    given = [("count", pool.body.get("count"))]
    sizes = pool.body.get("virtualMachineNodesStatus")
    if isinstance(sizes, list):
        given += [("virtualMachineNodesStatus", one.get("count") if isinstance(one, dict) else one) for one in sizes]
    elif sizes is not None:
        yield f"its virtualMachineNodesStatus {_shown(sizes)}"
    for name, value in given:
        if value is not None and (type(value) is not int or value < 0):
            yield f"its {name} {_shown(value)}"


def _location(value: Any) -> Iterator[str]:
    # "The geo-location where the resource lives. Required." (TrackedResource, API 2026-08-01)
    if not isinstance(value, str) or not value.strip():
        yield f"the cluster's location {_shown(value or None)}"


def _tags(value: Any, whose: str) -> Iterator[str]:
    """Name tags that can't be read; one whose value is null is there without a value."""
    if not isinstance(value, dict | None):
        yield f"{whose} tags {_shown(value)}"
    elif wrong := {name: text for name, text in (value or {}).items() if not isinstance(text, str | None)}:
        yield f"{whose} tags {_shown(wrong)}"
    elif twice := _said_twice(value or {}):
        # "Tag names are case-insensitive for operations" (Azure, tag-resources): ARM itself has each once.
        yield f"{whose} tags {_shown(twice)}"


def _said_twice(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags whose names differ in case alone, and whose values differ."""
    named: dict[str, dict[str, Any]] = {}
    for name, text in tags.items():
        named.setdefault(str(name).lower(), {})[name] = text
    return {name: text for each in named.values() if len({*each.values()}) > 1 for name, text in each.items()}


def _wrong(values: Mapping[str, Any], whose: str, **kinds: type) -> Iterator[str]:
    """Name the fields that are given and of another kind."""
    for name, kind in kinds.items():
        if not isinstance(values.get(name), kind | None):
            yield f"{whose} {name} {_shown(values[name])}"


def _power(properties: Mapping[str, Any], whose: str) -> Iterator[str]:
    # "When an Agent Pool is first created it is initially Running" (API 2026-08-01): without a state, it runs.
    power = properties.get("powerState")
    code = "running" if power is None else power.get("code", "running") if isinstance(power, dict) else power
    if not (isinstance(power, dict | None) and isinstance(code, str) and code.lower() in _POWER):
        yield f"{whose} power state {_shown(code)}"


def _named(pool: Pool, what: str, field: str) -> str:
    return f"{what} {_shown(pool.body.get(field))}"


def _shown(value: Any) -> str:
    return "(missing)" if value is None else repr(value)[:60]


def _at(value: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
