"""How pods come, find a node, and go; and what brings them back. What happens on the node is in kubelet.py."""

from __future__ import annotations

from functools import partial

from local.world.kube import admission, budgets, kubelet, nodes, refusals, scheduling
from local.world.kube.nodes import Place
from local.world.kube.state import Container, Json, Pod, Workload
from local.world.model import Cluster, Node

_OF_DAEMONS: tuple[Json, ...] = (
    # what the DaemonSet controller lets its pods tolerate (kubernetes pkg/controller/daemon/util)
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)


def create(cluster: Cluster, namespace: str, body: Json, workload: Workload | None = None) -> Pod:
    """Create a pod; raise Refusal."""
    kube = cluster.kube
    metadata = body.get("metadata") or {}
    uid = kube.uid()
    name = str(metadata.get("name") or "") or f"{metadata.get('generateName', '')}{uid[:8]}"
    spec: Json = dict(body.get("spec") or {})
    admission.check(kube, namespace, name, spec)
    pod = Pod(
        namespace=namespace,
        name=name,
        uid=uid,
        created=kube.now,
        spec=spec,
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(metadata.get("annotations") or {}),
        owners=list(metadata.get("ownerReferences") or ()),
        containers=[Container(one) for one in spec["containers"]],
        version=kube.next_version(),
        workload=(workload.namespace, workload.name) if workload else None,
    )
    kube.pods[pod.key] = kube.unplaced[pod.key] = pod
    place = None
    if spec.get("nodeName"):
        place = nodes.find(cluster, str(spec["nodeName"]))
        _bind(cluster, pod, str(spec["nodeName"]), place)
        if place is None:
            kube.agenda.at(kube.now + kube.moment, partial(look_again, cluster))  # the garbage collector's
    elif place := scheduling.choose(cluster, pod):
        _bind(cluster, pod, place[1].name, place)
    _hand_over(cluster, pod, place)
    return pod


def _bind(cluster: Cluster, pod: Pod, name: str, place: Place | None) -> None:
    pod.node, pod.node_uid = name, place[1].uid if place else ""
    pod.version = cluster.kube.next_version()
    cluster.kube.load[name] = cluster.kube.load.get(name, 0) + 1


def settle(cluster: Cluster) -> None:
    """Do what controllers would have done since: collect orphans, keep DaemonSets everywhere, place what waits."""
    kube, seen = cluster.kube, _machines(cluster)
    if kube.settled != seen:
        kube.settled = seen
        _collect_and_spread(cluster)
    place_waiting(cluster)


def look_again(cluster: Cluster) -> None:
    """Settle although no node came or went."""
    cluster.kube.settled = None
    settle(cluster)


def _machines(cluster: Cluster) -> tuple[object, ...]:
    """Return what changes whenever a node comes or goes, without a look at each."""
    pools = [(pool.name, pool.generation, len(pool.nodes or ())) for pool in cluster.pools.values()]
    return (cluster.power_state, len(cluster.kube.outside), *pools)


def _collect_and_spread(cluster: Cluster) -> None:
    kube, known = cluster.kube, nodes.by_name(cluster)
    old = kube.now - kube.moment
    gone = [pod for pod in kube.pods.values() if pod.node and not _is_there(pod, known)]
    orphans = [pod for pod in gone if pod.created <= old]
    if len(orphans) < len(gone):
        kube.settled = None  # the collector leaves the others alone for a moment
    for pod in orphans:
        _orphaned(cluster, pod, {one.node for one in orphans})
    for workload in [one for one in kube.workloads.values() if one.kind == "DaemonSet"]:
        _spread(cluster, workload, known)


def _is_there(pod: Pod, known: dict[str, Place]) -> bool:
    place = known.get(pod.node)
    return place is not None and place[1].uid == pod.node_uid


def _orphaned(cluster: Cluster, pod: Pod, gone: set[str]) -> None:
    """Remove a pod whose machine is gone, as the pod garbage collector does."""
    if budgets.protected(cluster, pod, gone):
        cluster.kube.killed_protected += 1
    vanish(cluster, pod)


def _spread(cluster: Cluster, workload: Workload, known: dict[str, Place]) -> None:
    key = (workload.namespace, workload.name)
    have = {pod.node for pod in cluster.kube.pods.values() if pod.workload == key}
    for name, place in known.items():
        tolerant = workload.spec | {"tolerations": [*(workload.spec.get("tolerations") or ()), *_OF_DAEMONS]}
        if name in have or not scheduling.tolerates(tolerant, nodes.taints(*place)):
            continue
        if scheduling.matches_node(cluster, place, tolerant):
            _from(cluster, workload, tolerant | {"nodeName": name})


def place_waiting(cluster: Cluster) -> None:
    """Schedule the pods that wait for a node, and let kubelets take what is theirs."""
    kube = cluster.kube
    if not kube.unplaced:
        return
    known = nodes.by_name(cluster)
    for pod in list(kube.unplaced.values()):
        if not pod.node and (place := scheduling.choose(cluster, pod)):
            _bind(cluster, pod, place[1].name, place)
        _hand_over(cluster, pod, known.get(pod.node))


def _hand_over(cluster: Cluster, pod: Pod, place: Place | None) -> None:
    """Let the kubelet of a pod's node take it, if it is ready."""
    kube = cluster.kube
    if place and place[1].ready:
        del kube.unplaced[pod.key]
        steps, pod.resume = pod.resume or [partial(kubelet.take, cluster, pod)], []
        for step in steps:
            kubelet.later(cluster, pod, kube.moment, step)


# going


def delete(cluster: Cluster, pod: Pod, *, grace: int | None = None) -> None:
    """Delete a pod as somebody asked: its kubelet ends it first, unless `grace` is 0 or nothing of it runs."""
    kube = cluster.kube
    if grace == 0 or not pod.node or pod.ended:
        vanish(cluster, pod, deleted=True)
    elif pod.deleting is None:
        pod.deleting, pod.version = kube.now, kube.next_version()
        kube.agenda.at(kube.now + kube.moment, partial(_terminated, cluster, pod))


def _terminated(cluster: Cluster, pod: Pod) -> None:
    kube = cluster.kube
    if kube.pods.get(pod.key) is not pod:
        return
    place = nodes.find(cluster, pod.node)
    if place and place[1].uid == pod.node_uid and not place[1].ready:  # nobody says that it ended
        kube.unplaced[pod.key] = pod
        pod.resume.append(partial(_terminated, cluster, pod))
        return
    vanish(cluster, pod, deleted=True)


def vanish(cluster: Cluster, pod: Pod, *, deleted: bool = False) -> None:
    """Take a pod away at once. Its controller makes another; a pod without one is lost, unless it was deleted."""
    kube = cluster.kube
    del kube.pods[pod.key]
    kube.unplaced.pop(pod.key, None)
    if pod.node:
        kube.load[pod.node] -= 1
    kube.went("pods", {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid})
    workload = kube.workloads.get(pod.workload) if pod.workload else None
    if workload:
        kube.settled = None if workload.kind == "DaemonSet" else kube.settled  # it will be missed on its node
        replenish(cluster, workload)
    elif not deleted and not pod.ended:
        kube.lost += 1


def evict(cluster: Cluster, pod: Pod) -> None:
    """Evict a pod as the eviction subresource does; raise Refusal (429) if a budget forbids it."""
    budget = budgets.blocking(cluster, pod)
    if budget is not None:
        raise budgets.refusal(cluster, budget)
    if not pod.workload and not pod.ended and pod.deleting is None:
        cluster.kube.lost += 1
    delete(cluster, pod)


# controllers


def replenish(cluster: Cluster, workload: Workload) -> None:
    """Bring a workload to its number of pods; a DaemonSet's come with the nodes."""
    key = (workload.namespace, workload.name)
    namespace = cluster.kube.namespaces.get(workload.namespace)
    if workload.kind == "DaemonSet" or namespace is None or namespace.deleting:
        return
    present = sum(1 for pod in cluster.kube.pods.values() if pod.workload == key)
    for _ in range(workload.replicas - present):
        _from(cluster, workload, workload.spec)


def _from(cluster: Cluster, workload: Workload, spec: Json) -> Pod:
    owner = {
        "apiVersion": "apps/v1",
        "kind": workload.kind,
        "name": workload.name,
        "uid": workload.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: Json = {"labels": workload.labels, "ownerReferences": [owner]}
    if workload.kind == "StatefulSet":
        names = (f"{workload.name}-{index}" for index in range(workload.replicas))
        metadata["name"] = next(name for name in names if (workload.namespace, name) not in cluster.kube.pods)
    else:
        metadata["generateName"] = f"{workload.name}-"
    return create(cluster, workload.namespace, {"metadata": metadata, "spec": spec}, workload)


def find(cluster: Cluster, namespace: str, name: str) -> Pod:
    """Return a pod; raise Refusal (404)."""
    pod = cluster.kube.pods.get((namespace, name))
    if pod is None:
        raise refusals.not_found("pods", name)
    return pod


def on(cluster: Cluster, node: Node) -> list[Pod]:
    """Return the pods of a node."""
    return [pod for pod in cluster.kube.pods.values() if pod.node == node.name and pod.node_uid == node.uid]
