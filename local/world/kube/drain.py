"""How AKS empties a node before it reimages it, and how that fails (FACTS, section 3: PodDrainFailure)."""

from local.world.kube import budgets, pods
from local.world.kube.state import Json, Pod
from local.world.model import Cluster, Node


class DrainFailed(Exception):  # noqa: N818 (what AKS calls it)
    """A budget allowed no eviction until the drain's time was over."""

    code = "PodDrainFailure"

    def __init__(self, cluster: Cluster, node: Node, pod: Pod, budget: Json) -> None:
        name = budget["metadata"]["name"]
        unready = budgets.standing(cluster, budget).unready
        listed = ", ".join(f"{one.namespace}/{one.name}" for one in unready)
        self.message = (
            f"Drain node {node.name} failed when evicting pod {pod.name} failed with Too Many Requests error. This is "
            "often caused by a restrictive Pod Disruption Budget (PDB) policy. See "
            "https://aka.ms/aks/debugdrainfailures. Original error: Cannot evict pod as it would violate the pod's "
            f"disruption budget.. PDB debug info: {pod.namespace}/{pod.name} blocked by pdb {name} with "
            f"{len(unready)} unready pods: [{listed}]."
        )
        super().__init__(self.message)


def drain(cluster: Cluster, node: Node) -> None:
    """Evict everything but the pods of DaemonSets; raise DrainFailed for the first that a budget keeps.

    An operation's time is short here, so what a budget only asks to wait for has been waited for: pods that have a
    node and are about to run count as healthy.
    """
    pods.settle(cluster)
    node.unschedulable = True
    kept: list[tuple[Pod, Json]] = []
    for pod in pods.on(cluster, node):
        if cluster.kube.pods.get(pod.key) is not pod or _is_daemon(cluster, pod):
            continue
        budget = budgets.blocking(cluster, pod, patient=True)
        if budget is None:
            pods.vanish(cluster, pod)
        else:
            kept.append((pod, budget))
    if kept:
        raise DrainFailed(cluster, node, *kept[0])


def empty_as_far_as_possible(cluster: Cluster, node: Node) -> None:
    """Drain a node that goes whatever budgets say: a surge node, or one that a smaller count leaves out."""
    try:
        drain(cluster, node)
    except DrainFailed:
        return


def _is_daemon(cluster: Cluster, pod: Pod) -> bool:
    workload = cluster.kube.workloads.get(pod.workload) if pod.workload else None
    return workload is not None and workload.kind == "DaemonSet"
