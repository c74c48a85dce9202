"""Everything else that a cluster's API server shows: namespaces, budgets, volumes, classes, controllers."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.faces.http import Json, Response
from local.faces.kube_answers import Ask, Resource, age, merge_patch, show, stamp
from local.world.kube import budgets, namespaces
from local.world.kube.state import Namespace, Workload

# namespaces


def _namespace(found: Namespace) -> Json:
    labels = {"kubernetes.io/metadata.name": found.name} | found.labels
    metadata: Json = {
        "name": found.name,
        "uid": found.uid,
        "resourceVersion": str(found.version),
        "creationTimestamp": stamp(found.created),
        "labels": labels,
        "annotations": found.annotations,
    }
    if found.deleting:
        metadata["deletionTimestamp"] = stamp(found.deleting)
    phase = "Terminating" if found.deleting else "Active"
    spec = {"finalizers": ["kubernetes"]}
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {"phase": phase}}


def _namespaces(ask: Ask) -> list[Json]:
    return [_namespace(one) for one in ask.cluster.kube.namespaces.values()]


def _create_namespace(ask: Ask) -> Response:
    return show(ask, NAMESPACES, _namespace(namespaces.create(ask.cluster, ask.body())), 201)


def _delete_namespace(ask: Ask) -> Response:
    return show(ask, NAMESPACES, _namespace(namespaces.delete(ask.cluster, ask.name)))


def _label_namespace(ask: Ask) -> Response:
    found = namespaces.find(ask.cluster, ask.name)
    labels = merge_patch(ask, "Namespace", {"metadata": {"labels"}}).get("metadata", {}).get("labels") or {}
    merged = {**found.labels, **labels}
    found.labels = {name: value for name, value in merged.items() if value is not None}
    found.version = ask.cluster.kube.next_version()
    return show(ask, NAMESPACES, _namespace(found))


def _simple_row(*cells: Callable[[Json], Any]) -> Callable[[Json, datetime], list[Any]]:
    """Return a row of the name, these cells and the age."""

    def row(found: Json, now: datetime) -> list[Any]:
        metadata = found["metadata"]
        return [metadata["name"], *(cell(found) for cell in cells), age(metadata["creationTimestamp"], now)]

    return row


def _columns(*names: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, 0) for name in ("Name", *names, "Age"))


NAMESPACES = Resource(
    group="",
    version="v1",
    plural="namespaces",
    kind="Namespace",
    namespaced=False,
    items=_namespaces,
    columns=_columns("Status"),
    row=_simple_row(lambda found: found["status"]["phase"]),
    short=("ns",),
    one=lambda ask: _namespace(namespaces.find(ask.cluster, ask.name)),
    handlers={
        ("create", ""): _create_namespace,
        ("delete", ""): _delete_namespace,
        ("patch", ""): _label_namespace,
    },
)


# what is only stored


def _stored(plural: str) -> Callable[[Ask], list[Json]]:
    def items(ask: Ask) -> list[Json]:
        stored = ask.cluster.kube.of(plural)
        return [one for (namespace, _), one in stored.items() if ask.namespace in {"", namespace}]

    return items


def _budgets(ask: Ask) -> list[Json]:
    return [budgets.show(ask.cluster, one) for one in _stored("poddisruptionbudgets")(ask)]


def _modes(found: Json) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short[mode] for mode in found["spec"]["accessModes"])


def _claim(found: Json) -> str:
    reference = found["spec"].get("claimRef")
    return f"{reference['namespace']}/{reference['name']}" if reference else ""


BUDGETS = Resource(
    group="policy",
    version="v1",
    plural="poddisruptionbudgets",
    kind="PodDisruptionBudget",
    namespaced=True,
    items=_budgets,
    columns=_columns("Min Available", "Max Unavailable", "Allowed Disruptions"),
    row=_simple_row(
        lambda found: str(found["spec"].get("minAvailable", "N/A")),
        lambda found: str(found["spec"].get("maxUnavailable", "N/A")),
        lambda found: found["status"]["disruptionsAllowed"],
    ),
    short=("pdb",),
)
VOLUMES = Resource(
    group="",
    version="v1",
    plural="persistentvolumes",
    kind="PersistentVolume",
    namespaced=False,
    items=_stored("persistentvolumes"),
    columns=_columns("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass", "Reason"),
    row=_simple_row(
        lambda found: found["spec"]["capacity"]["storage"],
        _modes,
        lambda found: found["spec"]["persistentVolumeReclaimPolicy"],
        lambda found: found["status"]["phase"],
        _claim,
        lambda found: found["spec"]["storageClassName"],
        lambda _: "",
    ),
    short=("pv",),
)
CLAIMS = Resource(
    group="",
    version="v1",
    plural="persistentvolumeclaims",
    kind="PersistentVolumeClaim",
    namespaced=True,
    items=_stored("persistentvolumeclaims"),
    columns=_columns("Status", "Volume", "Capacity", "Access Modes", "StorageClass"),
    row=_simple_row(
        lambda found: found["status"]["phase"],
        lambda found: found["spec"]["volumeName"],
        lambda found: found["status"]["capacity"]["storage"],
        _modes,
        lambda found: found["spec"]["storageClassName"],
    ),
    short=("pvc",),
)
STORAGE_CLASSES = Resource(
    group="storage.k8s.io",
    version="v1",
    plural="storageclasses",
    kind="StorageClass",
    namespaced=False,
    items=_stored("storageclasses"),
    columns=_columns("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion"),
    row=_simple_row(
        lambda found: found["provisioner"],
        lambda found: found["reclaimPolicy"],
        lambda found: found["volumeBindingMode"],
        lambda found: str(found["allowVolumeExpansion"]).lower(),
    ),
    short=("sc",),
)
NODE_CLASSES = Resource(
    group="karpenter.azure.com",
    version="v1beta1",
    plural="aksnodeclasses",
    kind="AKSNodeClass",
    namespaced=False,
    items=_stored("aksnodeclasses"),
    columns=_columns("FIPS"),
    row=_simple_row(lambda found: found["spec"].get("fipsMode", "Disabled")),
    short=("aksnc", "aksncs"),
)


# controllers, which kubectl drain asks for


def _controllers(kind: str) -> Callable[[Ask], list[Json]]:
    def items(ask: Ask) -> list[Json]:
        found = [one for one in ask.cluster.kube.workloads.values() if one.kind == kind]
        made = Counter(pod.workload for pod in ask.cluster.kube.pods.values())
        return [
            _controller(one, made[one.namespace, one.name]) for one in found if ask.namespace in {"", one.namespace}
        ]

    return items


def _controller(workload: Workload, made: int) -> Json:
    metadata = {
        "name": workload.name,
        "namespace": workload.namespace,
        "uid": workload.uid,
        "resourceVersion": "1",
        "creationTimestamp": stamp(workload.created),
    }
    template = {"metadata": {"labels": workload.labels}, "spec": workload.spec}
    spec: Json = {"selector": {"matchLabels": workload.labels}, "template": template}
    status: Json = {}
    group = "apps"
    match workload.kind:
        case "CronJob":
            spec, group = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}, "batch"
        case "Job":
            spec, group = {"template": template}, "batch"
        case "DaemonSet":
            pass
        case _:
            spec["replicas"], status["replicas"] = workload.replicas, made
    return {"apiVersion": f"{group}/v1", "kind": workload.kind, "metadata": metadata, "spec": spec, "status": status}


CONTROLLERS = tuple(
    Resource(
        group=group,
        version="v1",
        plural=f"{kind.lower()}s",
        kind=kind,
        namespaced=True,
        items=_controllers(kind),
        columns=_columns(),
        row=_simple_row(),
        short=(short,),
    )
    for group, kind, short in (
        *(("apps", "DaemonSet", "ds"), ("apps", "ReplicaSet", "rs"), ("apps", "StatefulSet", "sts")),
        *(("apps", "Deployment", "deploy"), ("batch", "CronJob", "cj"), ("batch", "Job", "job")),
    )
)
