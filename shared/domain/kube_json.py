"""What every object of Kubernetes has: name, namespace, owner, annotations; what has another shape is nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a static pod, which its kubelet brings back."""


def owner_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return its controller; empty if it has none."""
    owners = as_dicts(as_dict(item.get("metadata")).get("ownerReferences"))
    return next((owner for owner in owners if owner.get("controller") is True), {})


def workload_of(item: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    """Name a pod by its controller; a ReplicaSet of a Deployment has its name and a hash that the pod's label tells."""
    namespace, kind, name = namespace_of(item), str(owner.get("kind")), str(owner.get("name"))
    if not owner:
        return f"{namespace}/Pod/{name_of(item)}"
    made = as_dict(as_dict(item.get("metadata")).get("labels")).get("pod-template-hash")
    if kind == "ReplicaSet" and made and name.endswith(f"-{made}"):
        kind, name = "Deployment", name.removesuffix(f"-{made}")
    return f"{namespace}/{kind}/{name}"


def name_of(item: Mapping[str, Any]) -> str:
    """Return its name; raises ValueError without one."""
    name = as_dict(item.get("metadata")).get("name")
    if not isinstance(name, str):
        raise ValueError("one of the list has no name")  # noqa: TRY004 (bad input)
    return name


def notes_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return its annotations."""
    return as_dict(as_dict(item.get("metadata")).get("annotations"))


def namespace_of(item: Mapping[str, Any]) -> str:
    """Return its namespace; empty if it has none."""
    return str(as_dict(item.get("metadata")).get("namespace") or "")


def as_dict(value: Any) -> Mapping[str, Any]:
    """Return a value that should be an object; another one is empty."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the objects of what should be a list of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
