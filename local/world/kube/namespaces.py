"""Namespaces: made, and unmade with everything in them."""

from functools import partial

from local.world.kube import pods, refusals
from local.world.kube.state import SYSTEM_NAMESPACES, Json, Namespace
from local.world.model import Cluster


def create(cluster: Cluster, body: Json) -> Namespace:
    """Create a namespace; raise Refusal."""
    kube, metadata = cluster.kube, body.get("metadata") or {}
    name = str(metadata.get("name") or "") or f"{metadata.get('generateName', '')}{kube.uid()[:5]}"
    if name in kube.namespaces:
        raise refusals.exists("namespaces", name)
    made = Namespace(
        name, kube.uid(), kube.now, dict(metadata.get("labels") or {}), dict(metadata.get("annotations") or {})
    )
    made.version = kube.next_version()
    kube.namespaces[name] = made
    return made


def find(cluster: Cluster, name: str) -> Namespace:
    """Return a namespace; raise Refusal (404)."""
    found = cluster.kube.namespaces.get(name)
    if found is None:
        raise refusals.not_found("namespaces", name)
    return found


def delete(cluster: Cluster, name: str) -> Namespace:
    """Begin to delete a namespace; raise Refusal."""
    if name in SYSTEM_NAMESPACES:
        raise refusals.forbidden("namespaces", name, "this namespace may not be deleted")
    found, kube = find(cluster, name), cluster.kube
    if found.deleting is None:
        found.deleting, found.version = kube.now, kube.next_version()
        for key in [key for key in kube.workloads if key[0] == name]:
            del kube.workloads[key]
        for pod in list(kube.in_namespace(name)):
            pods.delete(cluster, pod)
        kube.agenda.at(kube.now + 2 * kube.moment, partial(_finish, cluster, found))
    return found


def _finish(cluster: Cluster, namespace: Namespace) -> None:
    """Let the namespace go once it is empty; pods on a NotReady node keep it."""
    kube = cluster.kube
    if any(kube.in_namespace(namespace.name)):
        kube.agenda.at(kube.now + 2 * kube.moment, partial(_finish, cluster, namespace))
        return
    for stored in kube.objects.values():
        for key in [key for key in stored if key[0] == namespace.name]:
            del stored[key]
    kube.namespaces.pop(namespace.name, None)
    kube.gone.append((kube.next_version(), "namespaces", {"name": namespace.name, "uid": namespace.uid}))
