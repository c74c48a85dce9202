"""Pods as the Kubernetes API shows them, and what can be asked of them: create, delete, logs, evictions."""

from datetime import datetime
from typing import Any

from local.faces.http import Json, Response, answer
from local.faces.kube_answers import Ask, Resource, age, done, merge_patch, selected, show, stamp
from local.world.kube import budgets, nodes, pods, processes
from local.world.kube.refusals import Refusal, bad_request, invalid
from local.world.kube.state import Container, Pod

_DEFAULTS: Json = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
_OF_CONTAINER: Json = {
    "terminationMessagePath": processes.LOG_PATH,
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
}


def render(pod: Pod, up: set[str]) -> Json:
    """Return a pod object; `up` are the names of the nodes that are ready."""
    metadata: Json = {
        "name": pod.name,
        "namespace": pod.namespace,
        "uid": pod.uid,
        "resourceVersion": str(pod.version),
        "creationTimestamp": stamp(pod.created),
        "labels": pod.labels,
        "annotations": pod.annotations,
    }
    if pod.owners:
        metadata["ownerReferences"] = pod.owners
    if pod.deleting:
        metadata |= {"deletionTimestamp": stamp(pod.deleting), "deletionGracePeriodSeconds": 30}
    spec = _DEFAULTS | pod.spec | {"containers": [_OF_CONTAINER | one.spec for one in pod.containers]}
    if pod.node:
        spec["nodeName"] = pod.node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": _status(pod, up)}


def _status(pod: Pod, up: set[str]) -> Json:
    ready = budgets.is_ready(pod, up)
    found: Json = {"phase": pod.phase, "qosClass": "BestEffort", "conditions": _conditions(pod, ready=ready)}
    if pod.reason:
        found |= {"reason": pod.reason, "message": pod.message}
    if pod.started:
        found["startTime"] = stamp(pod.started)
        found["hostIP"] = "10.224.0.4"
        found["podIP"] = f"10.244.{int(pod.uid[:2], 16)}.{int(pod.uid[2:4], 16)}"
        found["containerStatuses"] = [_container(one, ready=ready) for one in pod.containers]
    return found


def _conditions(pod: Pod, *, ready: bool) -> list[Json]:
    scheduled: Json = {"type": "PodScheduled", "status": "True" if pod.node else "False"}
    if not pod.node:
        scheduled |= {"reason": "Unschedulable", "message": "no node matches the pod"}
    state: Json = {"status": "True" if ready else "False", "lastTransitionTime": stamp(_changed(pod))}
    return [scheduled, {"type": "Ready"} | state, {"type": "ContainersReady"} | state]


def _changed(pod: Pod) -> datetime:
    """Return since when a pod is as ready as it is: since its last container started or ended."""
    return max([pod.created, *(at for one in pod.containers for at in (one.started, one.finished) if at)])


def _container(container: Container, *, ready: bool) -> Json:
    ended = _ended(container)
    state: Json = {}
    last: Json = {"terminated": _ended(container.before)} if container.before else {}
    if container.waiting:
        state["waiting"] = {"reason": container.waiting, "message": container.waiting_message}
        last = {"terminated": ended} if ended else last
    elif ended:
        state["terminated"] = ended
    elif container.started:
        state["running"] = {"startedAt": stamp(container.started)}
    return {
        "name": container.spec["name"],
        "image": container.spec["image"],
        "imageID": container.image_id,
        "containerID": f"containerd://{container.image_id[-64:]}" if container.started else "",
        "ready": ready,
        "started": "running" in state,
        "restartCount": container.restarts,
        "state": state,
        "lastState": last,
    }


def _ended(container: Container) -> Json:
    if container.finished is None or container.started is None:
        return {}
    return {
        "exitCode": container.exit_code,
        "reason": container.reason,
        "startedAt": stamp(container.started),
        "finishedAt": stamp(container.finished),
    } | ({"message": container.message} if container.message else {})


# what kubectl prints

_COLUMNS = (
    ("Name", 0),
    ("Ready", 0),
    ("Status", 0),
    ("Restarts", 0),
    ("Age", 0),
    ("IP", 1),
    ("Node", 1),
    ("Nominated Node", 1),
    ("Readiness Gates", 1),
)


def _row(pod: Json, now: datetime) -> list[Any]:
    status, metadata = pod["status"], pod["metadata"]
    containers = status.get("containerStatuses") or ()
    ready = sum(1 for one in containers if one["ready"])
    return [
        metadata["name"],
        f"{ready}/{len(pod['spec']['containers'])}",
        _word(pod),
        sum(one["restartCount"] for one in containers),
        age(metadata["creationTimestamp"], now),
        status.get("podIP", "<none>"),
        pod["spec"].get("nodeName", "<none>"),
        "<none>",
        "<none>",
    ]


def _word(pod: Json) -> str:
    """Return what kubectl calls the pod's status (pkg/printers/internalversion, printPod)."""
    status = pod["status"]
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    word: str = status.get("reason") or status["phase"]
    for container in status.get("containerStatuses") or ():
        for state in ("waiting", "terminated"):
            if state in container["state"]:
                word = status.get("reason") or container["state"][state]["reason"]
    return word


# what is asked of them


def _items(ask: Ask) -> list[Json]:
    up = budgets.ready_nodes(ask.cluster)
    kube = ask.cluster.kube
    found = kube.in_namespace(ask.namespace) if ask.namespace else kube.pods.values()
    return [render(pod, up) for pod in found]


def _one(ask: Ask) -> Json:
    pod = pods.find(ask.cluster, ask.namespace, ask.name)
    place = nodes.find(ask.cluster, pod.node)
    return render(pod, {pod.node} if place and place[1].ready else set())


def _create(ask: Ask) -> Response:
    body = ask.body()
    if body.get("kind", "Pod") != "Pod":
        raise bad_request(f'the object provided is a "{body["kind"]}", not a Pod')
    pod = pods.create(ask.cluster, ask.namespace, body)
    return show(ask, PODS, render(pod, set()), 201)


def _patch(ask: Ask) -> Response:
    """Change labels and annotations; a spec may only say what it says already."""
    pod = pods.find(ask.cluster, ask.namespace, ask.name)
    said = ask.body().get("spec") or {}
    if any(pod.spec.get(name) != value for name, value in said.items()):
        raise invalid("Pod", pod.name, "spec", "Forbidden: pod updates may not change fields other than labels here")
    body = merge_patch(ask, "Pod", {"metadata": {"labels", "annotations"}, "spec": set(said)})
    for name, current in (("labels", pod.labels), ("annotations", pod.annotations)):
        wanted = (body.get("metadata") or {}).get(name) or {}
        current |= {key: value for key, value in wanted.items() if value is not None}
        for key in [key for key, value in wanted.items() if value is None]:
            current.pop(key, None)
    pod.version = ask.cluster.kube.next_version()
    return show(ask, PODS, _one(ask))


def _delete(ask: Ask) -> Response:
    pod = pods.find(ask.cluster, ask.namespace, ask.name)
    options = ask.body()
    _check_uid(pod, options)
    pods.delete(ask.cluster, pod, grace=_grace(ask, options))
    return show(ask, PODS, render(pod, set()))


def _check_uid(pod: Pod, options: Json) -> None:
    """Raise Refusal if another pod of the name is meant."""
    wanted = (options.get("preconditions") or {}).get("uid")
    if wanted not in {None, pod.uid}:
        message = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {pod.uid}"
        raise Refusal(409, "Conflict", message, name=pod.name, kind="pods")


def _grace(ask: Ask, options: Json) -> int | None:
    grace: int | None = options.get("gracePeriodSeconds", ask.number("graceperiodseconds"))
    return grace


def _delete_all(ask: Ask) -> Response:
    found = selected(ask, PODS)
    for one in found:
        pod = ask.cluster.kube.pods[one["metadata"]["namespace"], one["metadata"]["name"]]
        pods.delete(ask.cluster, pod, grace=_grace(ask, ask.body()))
    return answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found})


def _log(ask: Ask) -> Response:
    pod = pods.find(ask.cluster, ask.namespace, ask.name)
    name = ask.request.query.get("container")
    found = [one for one in pod.containers if name in {None, one.spec["name"]}]
    if name is None and len(found) > 1:
        names = " ".join(str(one.spec["name"]) for one in found)
        raise bad_request(f"a container name must be specified for pod {pod.name}, choose one of: [{names}]")
    if not found:
        raise bad_request(f"container {name} is not valid for pod {pod.name}")
    container = found[0]
    if container.started is None:
        why = "is waiting to start: " + (container.waiting or "ContainerCreating")
        raise bad_request(f'container "{container.spec["name"]}" in pod "{pod.name}" {why}')
    lines = "".join(container.log).splitlines(keepends=True)
    tail = ask.number("taillines")
    shown = lines if tail is None else lines[max(0, len(lines) - tail) :]
    text = "".join(shown).encode()
    return Response(200, (("Content-Type", "text/plain"),), text[: ask.number("limitbytes")])


def _evict(ask: Ask) -> Response:
    pod = pods.find(ask.cluster, ask.namespace, ask.name)
    _check_uid(pod, ask.body().get("deleteOptions") or {})
    pods.evict(ask.cluster, pod)
    return done(201)


PODS = Resource(
    group="",
    version="v1",
    plural="pods",
    kind="Pod",
    namespaced=True,
    items=_items,
    columns=_COLUMNS,
    row=_row,
    short=("po",),
    one=_one,
    fields={
        "spec.nodeName": lambda pod: pod["spec"].get("nodeName", ""),
        "spec.restartPolicy": lambda pod: pod["spec"]["restartPolicy"],
        "status.phase": lambda pod: pod["status"]["phase"],
    },
    handlers={
        ("create", ""): _create,
        ("patch", ""): _patch,
        ("delete", ""): _delete,
        ("deletecollection", ""): _delete_all,
        ("get", "log"): _log,
        ("create", "eviction"): _evict,
    },
)
