"""What a node's kubelet does with a pod: takes it, pulls its image, runs it to its end, keeps its deadline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from local.world.kube import nodes, processes, scheduling
from local.world.kube.nodes import Place
from local.world.kube.state import Container, Pod
from local.world.model import Cluster

KILLED = 137
_DEADLINE = "Pod was active on the node longer than the specified deadline"
_AFFINITY = "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"


def later(cluster: Cluster, pod: Pod, after: timedelta, step: Callable[[], None]) -> None:
    """Do something with a pod later, if it and its machine are still there; on a NotReady node it waits."""
    kube = cluster.kube

    def due() -> None:
        if kube.pods.get(pod.key) is not pod or (pod.ended and pod.deleting is None):
            return
        place = nodes.find(cluster, pod.node)
        if place is None or place[1].uid != pod.node_uid:
            kube.settled = None  # its machine is gone: the garbage collector's
        elif not place[1].ready:
            kube.unplaced[pod.key] = pod
            pod.resume.append(step)
        else:
            step()

    kube.agenda.at(kube.now + after, due)


def take(cluster: Cluster, pod: Pod) -> None:
    """The kubelet takes a pod: from now on its deadline counts."""
    kube = cluster.kube
    place = _place(cluster, pod)
    pod.started, pod.version = kube.now, kube.next_version()
    if not scheduling.matches_node(cluster, place, pod.spec):
        _end(cluster, pod, "Failed", "NodeAffinity", _AFFINITY)
        return
    if deadline := pod.spec.get("activeDeadlineSeconds"):
        later(cluster, pod, timedelta(seconds=int(deadline)), partial(_exceed, cluster, pod))
    problem = next((why for one in pod.containers if (why := _pull(cluster, place, one))), None)
    if problem is None:
        later(cluster, pod, kube.moment, partial(_run, cluster, pod))


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
        later(cluster, pod, timedelta(seconds=seconds), partial(_advance, cluster, pod, container))


def _conclude(cluster: Cluster, pod: Pod, container: Container) -> None:
    policy = pod.spec.get("restartPolicy", "Always")
    if policy == "Always" or (policy == "OnFailure" and container.exit_code):
        container.waiting = "CrashLoopBackOff"
        container.waiting_message = "back-off restarting failed container"
        # "10s, 20s, 40s, ..., capped at 300 seconds" (Kubernetes, "Pod lifecycle"); that is never reset here.
        back_off = timedelta(seconds=min(10 * 2 ** min(container.restarts, 5), 300))
        later(cluster, pod, back_off, partial(_start_again, cluster, pod, container))
    elif all(one.finished and not one.waiting for one in pod.containers):
        failed = any(one.exit_code for one in pod.containers)
        _end(cluster, pod, "Failed" if failed else "Succeeded")


def _start_again(cluster: Cluster, pod: Pod, container: Container) -> None:
    container.before = replace(container, before=None)
    container.finished, container.exit_code, container.reason, container.message = None, None, "", ""
    container.restarts, container.log = container.restarts + 1, []
    container.waiting, container.started, pod.version = None, cluster.kube.now, cluster.kube.next_version()
    container.process = processes.start(pod, container, _place(cluster, pod))
    _advance(cluster, pod, container)


def _exceed(cluster: Cluster, pod: Pod) -> None:
    _end(cluster, pod, "Failed", "DeadlineExceeded", _DEADLINE)


def _end(cluster: Cluster, pod: Pod, phase: str, reason: str = "", message: str = "") -> None:
    pod.phase, pod.reason, pod.message = phase, reason, message
    pod.version = cluster.kube.next_version()
    for container in pod.containers:
        if container.started and not container.finished:
            processes.finish(container, KILLED)
            container.finished = cluster.kube.now
