"""Nodes of no agent pool: those of node auto-provisioning, and those of managed system pools.

Labels, and the group and version of the classes: Azure/karpenter-provider-azure, pkg/apis/v1beta1 (labels.go,
aksnodeclass.go). What labels the nodes of a managed system pool carry is not documented: here they have
`kubernetes.azure.com/mode=system` and no label of a pool.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from local.world import rollout, rules
from local.world.kube import nodes
from local.world.model import Cluster, Node, Pool

_NO_POOL: dict[str, str | None] = {"agentpool": None, "kubernetes.azure.com/agentpool": None}


def add_node_class(cluster: Cluster, name: str = "default", **spec: Any) -> None:
    """Add an AKSNodeClass; `spec` is on the wire, such as `fipsMode="FIPS"`, `imageFamily="AzureLinux"`."""
    kube = cluster.kube
    metadata = {"name": name, "uid": kube.uid(), "creationTimestamp": kube.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    metadata["resourceVersion"] = str(kube.next_version())
    kube.of("aksnodeclasses")["", name] = {
        "apiVersion": "karpenter.azure.com/v1beta1",
        "kind": "AKSNodeClass",
        "metadata": metadata,
        "spec": {"imageFamily": "Ubuntu", "osDiskSizeGB": 128} | spec,
    }


def add_provisioned_node(
    cluster: Cluster,
    *,
    node_pool: str = "default",
    node_class: str = "default",
    joins: timedelta = timedelta(0),
    **asked: Any,
) -> Node:
    """Add a node as node auto-provisioning makes them, at once or later; `asked` is as for a pool (`osSKU`)."""
    labels: dict[str, str | None] = {
        "karpenter.sh/nodepool": node_pool,
        "karpenter.sh/capacity-type": "on-demand",
        "karpenter.azure.com/aksnodeclass": node_class,
    }
    return _add(cluster, f"aks-{node_pool}-", labels, joins, asked)


def add_managed_system_node(cluster: Cluster, *, joins: timedelta = timedelta(0), **asked: Any) -> Node:
    """Add a node of a managed system pool, which ARM doesn't list (facts, section 0)."""
    return _add(cluster, "aks-system-", {}, joins, {"mode": "System", "osSKU": "AzureLinux"} | asked)


def add_virtual_node(cluster: Cluster) -> Node:
    """Add the virtual node of Azure Container Instances: labels and taint as AKSDOC virtual-nodes-cli.md selects it.

    Its pods run on no machine of the cluster; here they see a kernel without FIPS. ARM shows the add-on that made it.
    """
    cluster.properties["addonProfiles"] = (cluster.properties.get("addonProfiles") or {}) | {
        "aciConnectorLinux": {"enabled": True}
    }
    taint = ["virtual-kubelet.io/provider=azure:NoSchedule"]
    node = _add(cluster, "virtual-node-aci-linux", {}, timedelta(0), {"nodeTaints": taint})
    node.name = "virtual-node-aci-linux"
    pool, _ = cluster.kube.outside[-1]
    azures: dict[str, str | None] = {
        name: None for name in nodes.labels(cluster, pool, node) if not name.startswith("kubernetes.io/")
    }
    node.labels |= azures | {"kubernetes.io/role": "agent", "type": "virtual-kubelet"}
    return node


def _add(cluster: Cluster, prefix: str, labels: dict[str, str | None], joins: timedelta, asked: dict[str, Any]) -> Node:
    properties = rules.normalise(asked, cluster.version, None)
    pool = Pool("", properties, "", str(properties["orchestratorVersion"]), "Succeeded", "", nodes=[])
    pool.image = pool.target_image()
    uid = cluster.kube.uid()
    pool.generation = int(uid[:8], 16)
    node = rollout.make_node(cluster, pool, f"{prefix}{uid[:5]}", cluster.kube.now + joins)
    node.labels = _NO_POOL | labels | {"topology.kubernetes.io/zone": f"{cluster.location}-1"}
    place = partial(cluster.kube.outside.append, (pool, node))
    if joins:
        cluster.kube.agenda.at(cluster.kube.now + joins, place)
    else:
        place()
    return node


def hold_back(cluster: Cluster, pool: Pool, name: str, until: timedelta) -> None:
    """Take a node of a pool away, to join again after a while as the machine that it is."""
    present = rollout.nodes(cluster, pool)
    node = next(one for one in present if one.name == name)
    present.remove(node)
    cluster.kube.agenda.at(cluster.kube.now + until, partial(_rejoin, cluster, pool, node))


def _rejoin(cluster: Cluster, pool: Pool, node: Node) -> None:
    node.created = cluster.kube.now
    rollout.nodes(cluster, pool).append(node)
