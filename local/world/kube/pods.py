"""The life of a pod on the world's clock: scheduled, taken by a kubelet, run, ended, gone; and what brings it back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from local.world.kube import admission, budgets, nodes, processes, refusals, scheduling
from local.world.kube.nodes import Place
from local.world.kube.state import Container, Json, Pod, Workload
from local.world.model import Cluster, Node

KILLED = 137
_DEADLINE = "Pod was active on the node longer than the specified deadline"
_AFFINITY = "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"


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
        _collect_and_spread(cluster)
        kube.settled = seen
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
    bound = [pod for pod in kube.pods.values() if pod.node and pod.created <= old]
    orphans = [pod for pod in bound if not _is_there(pod, known)]
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
        if name not in have and scheduling.matches_node(cluster, place, workload.spec):
            spec = workload.spec | {"nodeName": name, "tolerations": [{"operator": "Exists"}]}
            _from(cluster, workload, spec)


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
        _later(cluster, pod, kube.moment, pod.resume or partial(_take, cluster, pod))
        pod.resume = None


def _later(cluster: Cluster, pod: Pod, after: timedelta, step: Callable[[], None]) -> None:
    """Do something with a pod later, if it and its machine are still there; on a NotReady node it waits."""
    kube = cluster.kube

    def due() -> None:
        if kube.pods.get(pod.key) is not pod or (pod.ended and pod.deleting is None):
            return
        place = nodes.find(cluster, pod.node)
        if place is None or place[1].uid != pod.node_uid:
            look_again(cluster)
        elif not place[1].ready:
            kube.unplaced[pod.key], pod.resume = pod, step
        else:
            step()

    kube.agenda.at(kube.now + after, due)


def _take(cluster: Cluster, pod: Pod) -> None:
    """The kubelet takes a pod: from now on its deadline counts."""
    kube = cluster.kube
    place = _place(cluster, pod)
    pod.started, pod.version = kube.now, kube.next_version()
    if not scheduling.matches_node(cluster, place, pod.spec):
        _end(cluster, pod, "Failed", "NodeAffinity", _AFFINITY)
        return
    if deadline := pod.spec.get("activeDeadlineSeconds"):
        _later(cluster, pod, timedelta(seconds=int(deadline)), partial(_exceed, cluster, pod))
    problem = next((why for one in pod.containers if (why := _pull(cluster, place, one))), None)
    if problem is None:
        _later(cluster, pod, kube.moment, partial(_run, cluster, pod))


def _place(cluster: Cluster, pod: Pod) -> Place:
    place = nodes.find(cluster, pod.node)
    if place is None:
        raise ValueError(f"{pod.name} runs on no node")
    return place


def _pull(cluster: Cluster, place: Place, container: Container) -> str | None:
    image = str(container.spec["image"])
    why = None
    if image in cluster.kube.unpullable:
        why = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
    elif processes.is_windows_image(image) != place[0].windows:
        why = f'failed to pull and unpack image "{image}": no match for platform in manifest: not found'
    if why:
        container.waiting, container.waiting_message = "ImagePullBackOff", f'Back-off pulling image "{image}": {why}'
    else:
        container.image_id = image_id(image)
    return why


def image_id(image: str) -> str:
    """Return an image with the digest that a node finds; it stands for the name."""
    name, _, digest = image.partition("@")
    repository = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
    if "/" not in repository:
        repository = f"docker.io/library/{repository}"
    return f"{repository}@{digest or 'sha256:' + hashlib.sha256(name.encode()).hexdigest()}"


def _run(cluster: Cluster, pod: Pod) -> None:
    place = _place(cluster, pod)
    pod.phase, pod.version = "Running", cluster.kube.next_version()
    for container in pod.containers:
        container.waiting, container.started = None, cluster.kube.now
        container.process = processes.start(pod, container, place)
    for container in pod.containers:
        _advance(cluster, pod, container)


def _advance(cluster: Cluster, pod: Pod, container: Container) -> None:
    if container.process is None:
        return
    try:
        seconds = next(container.process)
    except StopIteration as end:
        processes.finish(container, int(end.value))
        container.finished, pod.version = cluster.kube.now, cluster.kube.next_version()
        _conclude(cluster, pod, container)
    else:
        _later(cluster, pod, timedelta(seconds=seconds), partial(_advance, cluster, pod, container))


def _conclude(cluster: Cluster, pod: Pod, container: Container) -> None:
    policy = pod.spec.get("restartPolicy", "Always")
    if policy == "Always" or (policy == "OnFailure" and container.exit_code):
        container.waiting = "CrashLoopBackOff"  # it isn't started again here: it would end the same way
        container.waiting_message = "back-off restarting failed container"
    elif all(one.finished and not one.waiting for one in pod.containers):
        failed = any(one.exit_code for one in pod.containers)
        _end(cluster, pod, "Failed" if failed else "Succeeded")


def _exceed(cluster: Cluster, pod: Pod) -> None:
    _end(cluster, pod, "Failed", "DeadlineExceeded", _DEADLINE)


def _end(cluster: Cluster, pod: Pod, phase: str, reason: str = "", message: str = "") -> None:
    pod.phase, pod.reason, pod.message = phase, reason, message
    pod.version = cluster.kube.next_version()
    for container in pod.containers:
        if container.started and not container.finished:
            processes.finish(container, KILLED)
            container.finished = cluster.kube.now


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
        kube.unplaced[pod.key], pod.resume = pod, partial(_terminated, cluster, pod)
        return
    vanish(cluster, pod, deleted=True)


def vanish(cluster: Cluster, pod: Pod, *, deleted: bool = False) -> None:
    """Take a pod away at once. Its controller makes another; a pod without one is lost, unless it was deleted."""
    kube = cluster.kube
    del kube.pods[pod.key]
    kube.unplaced.pop(pod.key, None)
    if pod.node:
        kube.load[pod.node] -= 1
    metadata = {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
    kube.gone.append((kube.next_version(), "pods", metadata))
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
