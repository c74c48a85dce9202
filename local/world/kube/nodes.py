"""Which nodes a cluster has, in its pools and outside of them, and what they are: labels, taints, operating system."""

from collections.abc import Iterator

from local.world import images, rollout
from local.world.model import Cluster, Json, Node, Pool

Place = tuple[Pool, Node]

OS = {
    # the label os-sku-effective: (osImage, kernel, kernel of the FIPS image); the versions are examples
    "Ubuntu2004": ("Ubuntu 20.04.6 LTS", "5.15.0-1089-azure", "5.4.0-1166-azure-fips"),
    "Ubuntu2204": ("Ubuntu 22.04.5 LTS", "5.15.0-1102-azure", "5.15.0-1102-azure-fips"),
    "Ubuntu2404": ("Ubuntu 24.04.3 LTS", "6.8.0-1044-azure", "6.8.0-1044-azure"),
    "AzureLinux2": ("CBL-Mariner/Linux", "5.15.186.1-1.cm2", "5.15.186.1-1.cm2"),
    "AzureLinux3": ("Microsoft Azure Linux 3.0", "6.6.150.1-1.azl3", "6.6.150.1-1.azl3"),
    "Flatcar": ("Flatcar Container Linux by Kinvolk", "6.6.100", "6.6.100"),
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


def taints(pool: Pool, node: Node) -> list[Json]:
    """Return a node's taints: the pool's, and those that the node controller puts on."""
    found: list[Json] = []
    for taint in pool.properties.get("nodeTaints") or ():
        pair, _, effect = str(taint).partition(":")
        key, _, value = pair.partition("=")
        found.append({"key": key, "value": value, "effect": effect})
    if node.unschedulable:
        found.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if not node.ready:
        found.append({"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"})
    return found


def _each(cluster: Cluster) -> Iterator[Place]:
    for pool in cluster.pools.values():
        for node in rollout.nodes(cluster, pool):
            yield pool, node
    if cluster.power_state == "Running":
        yield from cluster.kube.outside


def places(cluster: Cluster) -> list[Place]:
    """Return all nodes with their pools; those outside every pool come with one that isn't the cluster's."""
    return list(_each(cluster))


def by_name(cluster: Cluster) -> dict[str, Place]:
    """Return all nodes by name."""
    return {node.name: (pool, node) for pool, node in _each(cluster)}


def find(cluster: Cluster, name: str) -> Place | None:
    """Return a node by name."""
    return next(((pool, node) for pool, node in _each(cluster) if node.name == name), None)


def operating_system(pool: Pool, node: Node) -> tuple[str, str, str]:
    """Return the OS SKU with its release, `osImage` and the version of the kernel that runs."""
    fips = images.is_fips_image(node.image)
    sku = images.effective_sku(pool.properties["osSKU"], node.version, fips=fips or node.fips_label)
    image, kernel, fips_kernel = OS.get(sku, OS["Flatcar"])
    return sku, image, fips_kernel if fips else kernel
