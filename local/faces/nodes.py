"""Nodes as the Kubernetes API shows them: the object, the row that kubectl prints, and what selectors pick."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.faces.http import Json
from local.world import images
from local.world.model import Cluster, Node, Pool

_OS = {
    # the label os-sku-effective: (osImage, kernel, kernel of the FIPS image); the versions are examples
    "Ubuntu2004": ("Ubuntu 20.04.6 LTS", "5.15.0-1089-azure", "5.4.0-1166-azure-fips"),
    "Ubuntu2204": ("Ubuntu 22.04.5 LTS", "5.15.0-1102-azure", "5.15.0-1102-azure-fips"),
    "Ubuntu2404": ("Ubuntu 24.04.3 LTS", "6.8.0-1044-azure", "6.8.0-1044-azure"),
    "AzureLinux2": ("CBL-Mariner/Linux", "5.15.186.1-1.cm2", "5.15.186.1-1.cm2"),
    "AzureLinux3": ("Microsoft Azure Linux 3.0", "6.6.150.1-1.azl3", "6.6.150.1-1.azl3"),
    "Windows2019": ("Windows Server 2019 Datacenter", "10.0.17763.8880", "10.0.17763.8880"),
    "Windows2022": ("Windows Server 2022 Datacenter", "10.0.20348.4773", "10.0.20348.4773"),
    "Windows2025": ("Windows Server 2025 Datacenter", "10.0.26100.33158", "10.0.26100.33158"),
}


def labels(cluster: Cluster, pool: Pool, node: Node) -> dict[str, str]:
    """Return a node's labels: AKS's own, the pool's `nodeLabels`, and what was put on or taken off by hand."""
    arch = "arm64" if images.is_arm64(pool.properties["vmSize"]) else "amd64"
    system = "windows" if pool.windows else "linux"
    fips = images.is_fips_image(node.image) or node.fips_label
    found: dict[str, str | None] = {
        "agentpool": pool.name,
        "kubernetes.azure.com/agentpool": pool.name,
        "kubernetes.azure.com/cluster": cluster.node_group,
        "kubernetes.azure.com/mode": str(pool.properties["mode"]).lower(),
        "kubernetes.azure.com/node-image-version": node.image,
        "kubernetes.azure.com/nodepool-type": pool.properties["type"],
        "kubernetes.azure.com/os-sku": pool.properties["osSKU"],
        "kubernetes.azure.com/os-sku-effective": images.effective_sku(
            pool.properties["osSKU"], node.version, fips=fips
        ),
        "kubernetes.azure.com/os-sku-requested": pool.properties["osSKU"],
        "kubernetes.azure.com/role": "agent",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": system,
        "node.kubernetes.io/instance-type": pool.properties["vmSize"],
        "topology.kubernetes.io/region": cluster.location,
        "topology.kubernetes.io/zone": _zone(cluster, pool, node),
    }
    if node.fips_label:
        found["kubernetes.azure.com/fips_enabled"] = "true"
    if pool.properties.get("scaleSetPriority") == "Spot":
        found["kubernetes.azure.com/scalesetpriority"] = "spot"
    found |= pool.properties.get("nodeLabels") or {}
    return {name: value for name, value in (found | node.labels).items() if value is not None}


def _zone(cluster: Cluster, pool: Pool, node: Node) -> str:
    zones = pool.properties.get("availabilityZones")
    number = int(node.name[-6:], 36)
    return f"{cluster.location}-{zones[number % len(zones)]}" if zones else str(number)


def _taints(pool: Pool, node: Node) -> list[Json]:
    found: list[Json] = []
    for taint in pool.properties.get("nodeTaints") or ():
        pair, _, effect = str(taint).partition(":")
        key, _, value = pair.partition("=")
        found.append({"key": key, "value": value, "effect": effect})
    if node.unschedulable:
        found.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    return found


def stamp(when: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(cluster: Cluster, pool: Pool, node: Node) -> Json:
    """Return a node object."""
    named = labels(cluster, pool, node)
    image, kernel, fips_kernel = _OS.get(
        named["kubernetes.azure.com/os-sku-effective"], ("Flatcar Container Linux by Kinvolk", "6.6.100", "6.6.100")
    )
    spec: Json = {"providerID": f"azure:///subscriptions/{cluster.subscription}/{node.name}"}
    if taints := _taints(pool, node):
        spec["taints"] = taints
    if node.unschedulable:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "uid": node.uid,
            "resourceVersion": str(int(node.created.timestamp())),
            "creationTimestamp": stamp(node.created),
            "labels": named,
            "annotations": {},
        },
        "spec": spec,
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"10.224.0.{int(node.name[-6:], 36) % 250 + 4}"},
                {"type": "Hostname", "address": node.name},
            ],
            "conditions": _conditions(node),
            "capacity": {"cpu": "8", "memory": "32Gi", "pods": str(pool.properties["maxPods"])},
            "allocatable": {"cpu": "7820m", "memory": "28Gi", "pods": str(pool.properties["maxPods"])},
            "nodeInfo": {
                "architecture": named["kubernetes.io/arch"],
                "bootID": node.boot_id,
                "containerRuntimeVersion": "containerd://2.0.0",
                "kernelVersion": fips_kernel if images.is_fips_image(node.image) else kernel,
                "kubeProxyVersion": "",
                "kubeletVersion": f"v{node.version}",
                "machineID": node.uid.replace("-", ""),
                "operatingSystem": named["kubernetes.io/os"],
                "osImage": image,
                "systemUUID": node.uid,
            },
        },
    }


def _conditions(node: Node) -> list[Json]:
    def condition(kind: str, status: str, reason: str) -> Json:
        at = stamp(node.created)
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": reason,
            "lastHeartbeatTime": at,
            "lastTransitionTime": at,
        }

    ready = (
        condition("Ready", "True", "KubeletReady") if node.ready else condition("Ready", "Unknown", "NodeStatusUnknown")
    )
    return [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ready,
    ]


# the table that kubectl prints

_COLUMNS = (
    ("Name", 0),
    ("Status", 0),
    ("Roles", 0),
    ("Age", 0),
    ("Version", 0),
    ("Internal-IP", 1),
    ("External-IP", 1),
    ("OS-Image", 1),
    ("Kernel-Version", 1),
    ("Container-Runtime", 1),
)


def table(found: list[Json], now: datetime, metadata: Json) -> Json:
    """Return nodes as a `meta.k8s.io/v1` Table."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "name" if name == "Name" else "", "priority": priority}
            | {"description": name}
            for name, priority in _COLUMNS
        ],
        "rows": [_row(node, now) for node in found],
    }


def _row(node: Json, now: datetime) -> Json:
    info = node["status"]["nodeInfo"]
    ready = next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready") == "True"
    status = ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")
    created = datetime.fromisoformat(node["metadata"]["creationTimestamp"])
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": node["metadata"]}
    cells = [
        node["metadata"]["name"],
        status,
        "<none>",
        _age(now - created),
        info["kubeletVersion"],
        node["status"]["addresses"][0]["address"],
        "<none>",
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]
    return {"cells": cells, "object": partial}


def _age(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


# selectors

Selector = Callable[[Json], bool]


def label_selector(text: str) -> Selector:
    """Compile a label selector; raise ValueError."""
    return _all([_label_term(term.strip()) for term in re.split(r",(?![^(]*\))", text) if term.strip()])


def _label_term(term: str) -> Selector:
    def of(node: Json) -> dict[str, str]:
        found: dict[str, str] = node["metadata"]["labels"]
        return found

    if match := re.fullmatch(r"([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)", term):
        name, word, values = match[1], match[2], {value.strip() for value in match[3].split(",")}
        return lambda node: (of(node).get(name) in values) == (word == "in")
    if match := re.fullmatch(r"([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)", term):
        name, sign, value = match.groups()
        return lambda node: (of(node).get(name) == value) == (sign != "!=")
    if match := re.fullmatch(r"(!?)([\w./-]+)", term):
        absent, name = match.groups()
        return lambda node: (name in of(node)) != bool(absent)
    raise ValueError(f"unable to parse requirement: {term}")


def field_selector(text: str) -> Selector:
    """Compile a field selector of nodes; raise ValueError for fields that nodes can't be selected by."""
    fields: dict[str, Callable[[Json], Any]] = {
        "metadata.name": lambda node: node["metadata"]["name"],
        "spec.unschedulable": lambda node: str(node["spec"].get("unschedulable", False)).lower(),
    }
    terms: list[Selector] = []
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", term)
        if match is None or match[1] not in fields:
            raise ValueError(f"field label not supported: {term}")
        terms.append(_field_term(fields[match[1]], match[2], match[3]))
    return _all(terms)


def _field_term(read: Callable[[Json], Any], sign: str, value: str) -> Selector:
    return lambda node: (read(node) == value) == (sign != "!=")


def _all(terms: list[Selector]) -> Selector:
    return lambda node: all(term(node) for term in terms)
