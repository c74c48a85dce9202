"""What seeds and tests put into a cluster: workloads, budgets, volumes. At once, and as the API would show it."""

from collections.abc import Mapping
from typing import Any

from local.world.kube import namespaces, pods
from local.world.kube.state import Json, Pod, Workload
from local.world.model import Cluster

_IMAGE = "mcr.microsoft.com/oss/nginx/nginx:1.27"
DISK = "disk.csi.azure.com"


def add_workload(
    cluster: Cluster,
    name: str,
    *,
    namespace: str = "default",
    kind: str = "ReplicaSet",
    replicas: int = 1,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> Workload:
    """Add a controller with its pods; `spec` is the pods'. They run for ever, on Linux nodes, unless it says else."""
    kube = cluster.kube
    _ensure(cluster, namespace)
    made = Workload(
        namespace=namespace,
        name=name,
        kind=kind,
        replicas=replicas,
        labels=dict(labels or {"app": name}),
        spec={
            "containers": [{"name": "main", "image": _IMAGE}],
            "nodeSelector": {"kubernetes.io/os": "linux"},
        }
        | spec,
        uid=kube.uid(),
        created=kube.now,
    )
    kube.workloads[namespace, name] = made
    pods.replenish(cluster, made)
    pods.look_again(cluster)
    return made


def add_pod(
    cluster: Cluster, name: str, *, namespace: str = "default", labels: Mapping[str, str] | None = None, **spec: Any
) -> Pod:
    """Add a pod that nobody brings back."""
    _ensure(cluster, namespace)
    wanted = {"containers": [{"name": "main", "image": _IMAGE}], "nodeSelector": {"kubernetes.io/os": "linux"}} | spec
    return pods.create(cluster, namespace, {"metadata": {"name": name, "labels": dict(labels or {})}, "spec": wanted})


def add_budget(
    cluster: Cluster,
    name: str,
    *,
    namespace: str = "default",
    labels: Mapping[str, str] | None = None,
    min_available: int | str | None = None,
    max_unavailable: int | str | None = None,
) -> None:
    """Add a PodDisruptionBudget over the pods with these labels (`app=<name>`)."""
    _ensure(cluster, namespace)
    spec: Json = {"selector": {"matchLabels": dict(labels or {"app": name})}}
    if min_available is not None:
        spec["minAvailable"] = min_available
    if max_unavailable is not None:
        spec["maxUnavailable"] = max_unavailable
    _store(cluster, "poddisruptionbudgets", "policy/v1", "PodDisruptionBudget", name, namespace, spec=spec)


def add_storage_class(cluster: Cluster, name: str, provisioner: str, **parameters: str) -> None:
    """Add a StorageClass."""
    more: Json = {"provisioner": provisioner, "parameters": parameters, "reclaimPolicy": "Delete"}
    more |= {"volumeBindingMode": "Immediate", "allowVolumeExpansion": True}
    _store(cluster, "storageclasses", "storage.k8s.io/v1", "StorageClass", name, "", **more)


def add_default_storage_classes(cluster: Cluster) -> None:
    """Add some of the classes that every AKS cluster has (AKSDOC concepts-storage.md)."""
    add_storage_class(cluster, "default", DISK, skuname="StandardSSD_LRS")
    add_storage_class(cluster, "azurefile-csi", "file.csi.azure.com", skuName="Standard_LRS")
    add_storage_class(cluster, "azurefile-csi-premium", "file.csi.azure.com", skuName="Premium_LRS")


def add_volume(
    cluster: Cluster,
    name: str,
    source: Json,
    *,
    claim: str = "",
    namespace: str = "default",
    storage_class: str = "",
) -> None:
    """Add a PersistentVolume with its source as it is on the wire, and with `claim` the claim that it is bound to."""
    shape: Json = {"accessModes": ["ReadWriteMany"], "storageClassName": storage_class, "volumeMode": "Filesystem"}
    spec = shape | {"capacity": {"storage": "100Gi"}, "persistentVolumeReclaimPolicy": "Retain"} | source
    if claim:
        _ensure(cluster, namespace)
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim, "namespace": namespace}
        spec["claimRef"] = reference
        wanted = shape | {"volumeName": name, "resources": {"requests": {"storage": "100Gi"}}}
        bound = {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "100Gi"}}
        _store(
            cluster,
            "persistentvolumeclaims",
            "v1",
            "PersistentVolumeClaim",
            claim,
            namespace,
            spec=wanted,
            status=bound,
        )
    phase = {"phase": "Bound" if claim else "Available"}
    _store(cluster, "persistentvolumes", "v1", "PersistentVolume", name, "", spec=spec, status=phase)


def azure_file(share: str = "data", *, protocol: str = "smb") -> Json:
    """Return the source of an Azure Files volume of the CSI driver; SMB is what the driver does unless told."""
    attributes = {"shareName": share, "storageAccount": "stdata"}
    attributes |= {"protocol": protocol} if protocol != "smb" else {}
    return {
        "csi": {"driver": "file.csi.azure.com", "volumeHandle": f"rg#stdata#{share}#", "volumeAttributes": attributes}
    }


def smb_share(share: str = "data") -> Json:
    """Return the source of a volume of the generic SMB driver."""
    source = {"source": f"//files.example.com/{share}"}
    return {"csi": {"driver": "smb.csi.k8s.io", "volumeHandle": share, "volumeAttributes": source}}


def in_tree_azure_file(share: str = "data") -> Json:
    """Return the source of an in-tree azureFile volume."""
    return {"azureFile": {"secretName": "files", "secretNamespace": "default", "shareName": share, "readOnly": False}}


def azure_disk(name: str = "disk") -> Json:
    """Return the source of an Azure disk."""
    return {"csi": {"driver": DISK, "volumeHandle": f"/subscriptions/x/providers/Microsoft.Compute/disks/{name}"}}


def _ensure(cluster: Cluster, namespace: str) -> None:
    if namespace not in cluster.kube.namespaces:
        namespaces.create(cluster, {"metadata": {"name": namespace}})


def _store(cluster: Cluster, plural: str, api: str, kind: str, name: str, namespace: str, **members: Any) -> None:
    kube = cluster.kube
    metadata = {
        "name": name,
        "uid": kube.uid(),
        "resourceVersion": str(kube.next_version()),
        "creationTimestamp": kube.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    } | ({"namespace": namespace} if namespace else {})
    kube.of(plural)[namespace, name] = {"apiVersion": api, "kind": kind, "metadata": metadata, **members}
