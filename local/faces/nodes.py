"""Nodes as the Kubernetes API shows them: the object, the row that kubectl prints, and what can be changed."""

from datetime import datetime

from local.faces.http import Json, Response
from local.faces.kube_answers import Ask, Resource, age, merge_patch, stamp
from local.faces.kube_answers import show as show_one
from local.world.kube.nodes import Place, find, labels, operating_system, places, taints
from local.world.kube.pods import place_waiting
from local.world.kube.refusals import not_found
from local.world.model import Cluster, Node, Pool


def show(cluster: Cluster, pool: Pool, node: Node) -> Json:
    """Return a node object."""
    named = labels(cluster, pool, node)
    _, image, kernel = operating_system(pool, node)
    spec: Json = {"providerID": f"azure:///subscriptions/{cluster.subscription}/{node.name}"}
    if tainted := taints(pool, node):
        spec["taints"] = tainted
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
                "kernelVersion": kernel,
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


def _row(node: Json, now: datetime) -> list[str]:
    info = node["status"]["nodeInfo"]
    ready = next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready") == "True"
    status = ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")
    return [
        node["metadata"]["name"],
        status,
        "<none>",
        age(node["metadata"]["creationTimestamp"], now),
        info["kubeletVersion"],
        node["status"]["addresses"][0]["address"],
        "<none>",
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]


# what is asked of them


def _items(ask: Ask) -> list[Json]:
    return [show(ask.cluster, pool, node) for pool, node in places(ask.cluster)]


def _one(ask: Ask) -> Json:
    return show(ask.cluster, *_find(ask))


def _find(ask: Ask) -> Place:
    found = find(ask.cluster, ask.name)
    if found is None:
        raise not_found("nodes", ask.name)
    return found


def _patch(ask: Ask) -> Response:
    """Cordon, uncordon, put on labels."""
    _, node = _find(ask)
    body = merge_patch(ask, "Node", {"spec": {"unschedulable"}, "metadata": {"labels"}})
    spec, metadata = body.get("spec") or {}, body.get("metadata") or {}
    if "unschedulable" in spec:
        node.unschedulable = bool(spec["unschedulable"])
    node.labels |= metadata.get("labels") or {}
    place_waiting(ask.cluster)
    return show_one(ask, NODES, _one(ask))


NODES = Resource(
    group="",
    version="v1",
    plural="nodes",
    kind="Node",
    namespaced=False,
    items=_items,
    columns=_COLUMNS,
    row=_row,
    short=("no",),
    one=_one,
    fields={"spec.unschedulable": lambda node: str(node["spec"].get("unschedulable", False)).lower()},
    handlers={("patch", ""): _patch},
    versioned=False,
)
