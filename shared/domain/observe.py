"""ARM's and Kubernetes' JSON as records: strict about what is judged, indifferent to everything else.

A field of another type than expected reads as missing, and missing is judged unknown; only what has no id at all
is refused.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from shared.domain.ids import ClusterId, pool_name
from shared.domain.legible import illegible_of_cluster
from shared.domain.model import Cluster, Pool
from shared.domain.proven import Node

NODES = "/api/v1/nodes"
"""Path of a cluster's nodes."""
_POOL_LABELS = ("kubernetes.azure.com/agentpool", "agentpool")
_FIPS_LABEL = "kubernetes.azure.com/fips_enabled"
_IMAGE_LABEL = "kubernetes.azure.com/node-image-version"
_SKU_LABEL = "kubernetes.azure.com/os-sku"
_VIRTUAL = ("type", "virtual-kubelet")
"""The label of AKS's virtual nodes (AKSDOC virtual-nodes-cli.md)."""


def read_cluster(body: Mapping[str, Any]) -> Cluster:
    """Read a managed cluster as ARM's GET (or Resource Graph's row) has it; raises ValueError without an id.

    Shape: Microsoft.ContainerService managedClusters, API 2026-08-01.
    """
    properties = _dict(body.get("properties"))
    return Cluster(
        id=ClusterId.parse(str(body.get("id"))),
        location=_str(body.get("location")),
        tags=_tags(body.get("tags")),
        provisioning_state=_str(properties.get("provisioningState")),
        stopped=_stopped(properties),
        entra=isinstance(properties.get("aadProfile"), dict),
        created=_time(_dict(body.get("systemData")).get("createdAt")),
        fips=_bool(properties.get("enableFIPS")),
        unlisted=_unlisted(properties),
        pools=tuple(_pool(profile) for profile in _list(properties.get("agentPoolProfiles"))),
        illegible=illegible_of_cluster(body, properties),
        narrow=_narrow(_dict(properties.get("apiServerAccessProfile"))),
        run_command=_dict(properties.get("apiServerAccessProfile")).get("disableRunCommand") is not True,
        hosted=_hosted(properties),
        listed=isinstance(properties.get("agentPoolProfiles"), list),
    )


def _narrow(access: Mapping[str, Any]) -> str:
    if access.get("enablePrivateCluster") is True:
        return "a private API server"
    return "authorised IP ranges" if _list(access.get("authorizedIPRanges")) else ""


def _unlisted(properties: Mapping[str, Any]) -> str:
    # ARM's list of pools leaves both out (AKS, "node auto-provisioning" and "managed system node pools"). Whatever is
    # neither missing nor a clear no counts as a yes: "If not specified, the default is Manual" (API 2026-08-01).
    mode = _setting(properties, "nodeProvisioningProfile", "mode")
    manual = mode is None or (isinstance(mode, str) and mode.lower() == "manual")
    hosted = _setting(properties, "hostedSystemProfile", "enabled")
    makers = {
        "node auto-provisioning": not manual,
        "managed system node pools": hosted is not None and hosted is not False,
        "virtual nodes": _has_virtual_nodes(properties),
    }
    return " and ".join(name for name, makes in makers.items() if makes)


def _hosted(properties: Mapping[str, Any]) -> bool:
    """Say whether a list without pools may be true: nobody says whether ARM then has an empty list or leaves it out."""
    none_or_some = isinstance(properties.get("agentPoolProfiles"), list | None)
    return none_or_some and _dict(properties.get("hostedSystemProfile")).get("enabled") is True


def _has_virtual_nodes(properties: Mapping[str, Any]) -> bool:
    """Say whether the add-on is on that makes the node of Azure Container Instances.

    Its name is `aciConnectorLinux` (AKS, Bicep and `az aks enable-addons -a virtual-node`); names of add-ons were
    written in other cases too.
    """
    addons = _dict(properties.get("addonProfiles"))
    found = next((addon for name, addon in addons.items() if name.lower() == "aciconnectorlinux"), None)
    enabled = found.get("enabled") if isinstance(found, dict) else found
    return enabled is not None and enabled is not False


def _setting(properties: Mapping[str, Any], profile: str, name: str) -> Any:
    """Return a setting of a profile, None if it is not given; of a profile that is no object, the profile itself."""
    found = properties.get(profile)
    return found.get(name) if isinstance(found, dict) else found


def _pool(profile: Any) -> Pool:
    if not isinstance(profile, dict):
        raise ValueError(f"an agent pool profile is a {type(profile).__name__}, not an object")  # noqa: TRY004 (bad input)
    return Pool(
        name=pool_name(_str(profile.get("name"))),
        etag=_str(profile.get("eTag")) or None,
        enable_fips=_bool(profile.get("enableFIPS")),
        os_type=_str(profile.get("osType")),
        os_sku=_str(profile.get("osSKU")),
        node_image=_str(profile.get("nodeImageVersion")),
        provisioning_state=_str(profile.get("provisioningState")),
        stopped=_stopped(profile),
        count=_count(profile),
        kubernetes_version=_version(profile),
        vm_size=_str(profile.get("vmSize")),
        mode=_str(profile.get("mode")),
        tags=_tags(profile.get("tags")),
        body=profile,
    )


def _version(profile: Mapping[str, Any]) -> str:
    """Read the version that the pool has; the one that was asked for counts where ARM says nothing else."""
    current = profile.get("currentOrchestratorVersion")
    return _str(profile.get("orchestratorVersion") if current in (None, "") else current)


def _count(profile: Mapping[str, Any]) -> int | None:
    """How many nodes a pool should have, None if it is not known.

    A pool of single machines says so per VM size (`virtualMachineNodesStatus`). Its `count` has a default of 1 in
    the API's description, which says nothing of such pools: it is not believed.
    """
    if _str(profile.get("type")).lower() == "virtualmachines":
        counts = [_dict(size).get("count") for size in _list(profile.get("virtualMachineNodesStatus"))] or [None]
    else:
        counts = [profile.get("count")]
    known = [count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count >= 0]
    return sum(known) if len(known) == len(counts) else None


def read_node(item: Mapping[str, Any]) -> Node:
    """Read one item of a Kubernetes node list; raises ValueError without a name."""
    metadata = _dict(item.get("metadata"))
    labels = _dict(metadata.get("labels"))
    name = metadata.get("name")
    if not isinstance(name, str):
        raise ValueError("a node of the list has no name")  # noqa: TRY004 (bad input)
    pool = next((str(labels[label]) for label in _POOL_LABELS if label in labels), "")
    fips = labels.get(_FIPS_LABEL)
    status = _dict(item.get("status"))
    info = _dict(status.get("nodeInfo"))
    return Node(
        name=name,
        uid=_str(metadata.get("uid")),
        pool=pool.lower(),
        fips_label=fips if isinstance(fips, str) else None,
        image_label=_str(labels.get(_IMAGE_LABEL)),
        ready=any(_is_ready(condition) for condition in _list(status.get("conditions"))),
        boot=_str(info.get("bootID")),
        os=_str(info.get("operatingSystem")).lower(),
        os_sku=_str(labels.get(_SKU_LABEL)),
        joined=_time(metadata.get("creationTimestamp")),
        virtual=labels.get(_VIRTUAL[0]) == _VIRTUAL[1],
    )


def _is_ready(condition: Any) -> bool:
    return isinstance(condition, dict) and (condition.get("type"), condition.get("status")) == ("Ready", "True")


def _stopped(properties: Mapping[str, Any]) -> bool:
    return _str(_dict(properties.get("powerState")).get("code")).lower() == "stopped"


def _tags(value: Any) -> Mapping[str, str]:
    # A tag without a value is there all the same: an objection, for one, needs none.
    return {str(name): "" if text is None else str(text) for name, text in _dict(value).items()}


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> datetime | None:
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(_str(value))
        return found.astimezone(UTC) if found.tzinfo else None
    return None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
