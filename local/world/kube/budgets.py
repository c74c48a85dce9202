"""PodDisruptionBudgets: what they allow now, and what they forbid (kubernetes pkg/controller/disruption)."""

import math
from dataclasses import dataclass
from typing import Any

from local.world.kube import nodes, scheduling
from local.world.kube.refusals import Refusal
from local.world.kube.state import Json, Pod
from local.world.model import Cluster

_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."


@dataclass(frozen=True)
class Standing:
    """How a budget stands."""

    expected: int
    healthy: int
    desired: int
    unready: tuple[Pod, ...]

    @property
    def allowed(self) -> int:
        """How many pods may be disrupted now."""
        return max(0, self.healthy - self.desired) if self.expected else 0


def is_ready(pod: Pod, ready_nodes: set[str]) -> bool:
    """Tell that a pod runs and is ready; on a node that isn't, none is."""
    running = pod.phase == "Running" and all(
        one.started and not one.waiting and not one.finished for one in pod.containers
    )
    return running and pod.deleting is None and pod.node in ready_nodes


def ready_nodes(cluster: Cluster) -> set[str]:
    """Return the names of the nodes that are ready."""
    return {node.name for _, node in nodes.places(cluster) if node.ready}


def standing(cluster: Cluster, budget: Json, *, patient: bool = False, up: set[str] | None = None) -> Standing:
    """Count a budget's pods. Who is patient counts those as healthy that have a node and will soon run."""
    spec, namespace = budget["spec"], budget["metadata"]["namespace"]
    pods = [
        pod
        for pod in cluster.kube.in_namespace(namespace)
        if not pod.ended and scheduling.selects(spec.get("selector"), pod.labels)
    ]
    up = ready_nodes(cluster) if up is None else up
    healthy = {pod.key for pod in pods if is_ready(pod, up) or (patient and _will_run(pod, up))}
    unready = tuple(pod for pod in pods if pod.key not in healthy)
    expected = _expected(cluster, pods)
    if spec.get("maxUnavailable") is not None:
        desired = max(0, expected - _scaled(spec["maxUnavailable"], expected))
    else:
        desired = _scaled(spec.get("minAvailable", 1), expected)
    return Standing(expected, len(healthy), desired, unready)


def _will_run(pod: Pod, up: set[str]) -> bool:
    starting = all(one.waiting == "ContainerCreating" for one in pod.containers)
    return pod.phase == "Pending" and starting and pod.node in up and pod.deleting is None


def _expected(cluster: Cluster, pods: list[Pod]) -> int:
    """Count by the controllers' scale, and pods without one by themselves."""
    keys = {pod.workload for pod in pods}
    workloads = [cluster.kube.workloads[key] for key in keys if key in cluster.kube.workloads]
    scale = sum(one.replicas for one in workloads if one.kind != "DaemonSet")
    spread = {(one.namespace, one.name) for one in workloads if one.kind == "DaemonSet"}
    return scale + sum(1 for pod in pods if pod.workload is None or pod.workload in spread)


def _scaled(value: Any, of: int) -> int:
    text = str(value)
    return math.ceil(of * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def of(cluster: Cluster, pod: Pod) -> list[Json]:
    """Return the budgets that cover a pod."""
    return [
        budget
        for (namespace, _), budget in cluster.kube.of("poddisruptionbudgets").items()
        if namespace == pod.namespace and scheduling.selects(budget["spec"].get("selector"), pod.labels)
    ]


def blocking(cluster: Cluster, pod: Pod, *, patient: bool = False) -> Json | None:
    """Return the budget that forbids to evict a pod, or None; raise Refusal (500) if it has several."""
    if pod.phase != "Running" or pod.deleting is not None:
        return None  # the eviction registry asks budgets only about running pods
    covering = of(cluster, pod)
    if len(covering) > 1:
        message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise Refusal(500, "InternalError", message)
    for budget in covering:
        found = standing(cluster, budget, patient=patient)
        healthy_enough = pod in found.unready and found.healthy >= found.desired
        if not found.allowed and not healthy_enough:  # unhealthyPodEvictionPolicy IfHealthyBudget, the default
            return budget
    return None


def protected(cluster: Cluster, pod: Pod, gone: set[str]) -> bool:
    """Tell that a budget would not have let a pod go that goes with its machine; `gone` machines were ready."""
    up = ready_nodes(cluster) | gone
    return is_ready(pod, up) and any(not standing(cluster, budget, up=up).allowed for budget in of(cluster, pod))


def refusal(cluster: Cluster, budget: Json) -> Refusal:
    """Return the eviction API's 429."""
    found, name = standing(cluster, budget), budget["metadata"]["name"]
    message = f"The disruption budget {name} needs {found.desired} healthy pods and has {found.healthy} currently"
    return Refusal(429, "TooManyRequests", _VIOLATES, causes=[{"reason": "DisruptionBudget", "message": message}])


def show(cluster: Cluster, budget: Json) -> Json:
    """Return a budget with its status."""
    found = standing(cluster, budget)
    status = {
        "currentHealthy": found.healthy,
        "desiredHealthy": found.desired,
        "disruptionsAllowed": found.allowed,
        "expectedPods": found.expected,
        "observedGeneration": 1,
    }
    return budget | {"status": status}
