"""Kubernetes' JSON of what matters before a reimage: a healthy pod of a Deployment, and what a test changes of it."""

from typing import Any

OF_DEPLOYMENT = {"kind": "ReplicaSet", "name": "ledger-5d9f7c", "controller": True}
OF_DAEMON_SET = {"kind": "DaemonSet", "name": "agent", "controller": True}
OF_JOB = {"kind": "Job", "name": "nightly-29", "controller": True}


def volume(name: str, **source: Any) -> dict[str, Any]:
    """A persistent volume."""
    return {"metadata": {"name": name}, "spec": source}


def azure_files(**attributes: str) -> dict[str, Any]:
    """A volume source of the Azure Files driver."""
    return {"driver": "file.csi.azure.com", "volumeAttributes": attributes}


def claim(name: str, namespace: str = "pay", **spec: Any) -> dict[str, Any]:
    """A persistent volume claim."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def storage_class(name: str, provisioner: str, *, default: bool = False, **parameters: str) -> dict[str, Any]:
    """A storage class."""
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"metadata": {"name": name, "annotations": notes}, "provisioner": provisioner, "parameters": parameters}


def budget(name: str, selector: Any, *, allowed: int = 0, namespace: str = "pay", **spec: Any) -> dict[str, Any]:
    """A pod disruption budget."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, **spec},
        "status": {"disruptionsAllowed": allowed},
    }


def pod(name: str = "ledger-5d9f7c-x2x", node: str = "aks-apps-0", **changes: Any) -> dict[str, Any]:
    """A pod of a Deployment that runs and harms nothing; `changes` are of its spec, but for some names."""
    metadata = {
        "name": name,
        "namespace": changes.pop("namespace", "pay"),
        "labels": {"app": "ledger", "pod-template-hash": "5d9f7c", **changes.pop("labels", {})},
        "annotations": changes.pop("annotations", {}),
        "ownerReferences": changes.pop("owners", [OF_DEPLOYMENT]),
    }
    if changes.pop("deleting", False):
        metadata["deletionTimestamp"] = "2026-11-23T09:30:00Z"
    phase = changes.pop("phase", "Running" if node else "Pending")
    spec = {"nodeName": node, **changes} if node else changes
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def template(kind: str, name: str = "ledger", replicas: int = 0, **pod_spec: Any) -> dict[str, Any]:
    """A controller that makes such pods, as an item of a list: it does not say its kind."""
    made: dict[str, Any] = {"template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec}}
    if kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        made["replicas"] = replicas
    spec = {"jobTemplate": {"spec": made}} if kind == "CronJob" else made
    return {"metadata": {"name": name, "namespace": "pay"}, "spec": spec, "status": {}}


def with_volume(**source: Any) -> list[dict[str, Any]]:
    """The volumes of a pod that has one."""
    return [{"name": "data", **source}]


def with_claim(name: str) -> list[dict[str, Any]]:
    """The volumes of a pod that mounts a claim."""
    return with_volume(persistentVolumeClaim={"claimName": name})


def requiring(*terms: tuple[str, str, list[str]]) -> dict[str, Any]:
    """A required node affinity, of one expression a term."""
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
                    for key, operator, values in terms
                ]
            }
        }
    }


def kube_node(name: str, pool: str, **labels: str) -> dict[str, Any]:
    """A node of a pool."""
    return {"metadata": {"name": name, "labels": {"kubernetes.azure.com/agentpool": pool, **labels}}}


def daemon_set(name: str, *images: str) -> dict[str, Any]:
    """A DaemonSet of kube-system."""
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
