"""Reads the nodes and pods of a drain: what takes pods, and what keeps a node from being empty."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.demands import NO_DEMAND, read_demand
from shared.domain.draining import Left
from shared.domain.kube_json import MIRROR, as_dict, name_of, namespace_of, owner_of, workload_of
from shared.domain.observe import read_node
from shared.domain.observe_workloads import TEMPLATES
from shared.domain.running import Running, read_running
from shared.domain.taints import read_taints, read_tolerations
from shared.domain.workloads import Place

COUNTING = tuple((kind, path) for kind, path in TEMPLATES if kind in ("Deployment", "StatefulSet", "ReplicaSet"))
"""Kinds of controllers that say how many pods they are to have, and have, and where they are listed."""
_MANY = 1000
"""So many pods that a controller has not made are told apart: it may be asked for any number."""


def read_place(item: Mapping[str, Any]) -> Place:
    """Read a node; raises ValueError without a name."""
    node = read_node(item)
    labels, spec = as_dict(as_dict(item.get("metadata")).get("labels")), as_dict(item.get("spec"))
    return Place(
        name=node.name,
        pool=node.pool,
        labels={str(key): str(value) for key, value in labels.items()},
        cordoned=spec.get("unschedulable") is True,
        ready=node.ready,
        taints=read_taints(spec),
    )


def node_of(item: Mapping[str, Any]) -> str:
    """Return a pod's node, also one that a DaemonSet's pod still waits for; empty if it has none.

    The scheduler gives such a pod the only node that its affinity names (Kubernetes, "DaemonSet", "How Daemon Pods are
    scheduled": the controller adds `spec.affinity.nodeAffinity` to match the target host).
    """
    spec = as_dict(item.get("spec"))
    if spec.get("nodeName") or owner_of(item).get("kind") != "DaemonSet":
        return str(spec.get("nodeName") or "")
    return read_demand(spec).node


def read_left(item: Mapping[str, Any]) -> Left | None:
    """Read a pod of an old pool, or one that has no node; None if it is static, has ended, or is a Job's that waits."""
    found = _read(item)
    return None if found is None or found.run.end else found


def read_followed(item: Mapping[str, Any], since: datetime) -> Left | None:
    """Read a pod on the twin, also one that has ended there; None if it is static, or failed long before."""
    found = _read(item)
    if found is None or (found.run.end and (found.run.made or since) < since):
        return None
    return found


def read_lacking(item: Mapping[str, Any], kind: str) -> tuple[Left, ...]:
    """Read the pods that a controller of a kind is to have, and has not made.

    `spec.replicas` is 1 by default; `status.replicas` counts the pods that are there and have not ended, and of
    StatefulSets those too that are being deleted (Kubernetes, pkg/controller: replicaset calculateStatus, deployment
    GetActualReplicaCountForReplicaSets, statefulset computeReplicaStatus). Scaled down, or deleted, it lacks none.
    What a Deployment's ReplicaSet lacks is the Deployment's, with the name of the ReplicaSet.
    """
    if as_dict(item.get("metadata")).get("deletionTimestamp"):
        return ()
    wanted, there = as_dict(item.get("spec")).get("replicas"), as_dict(item.get("status")).get("replicas")
    lacks = (wanted if isinstance(wanted, int) else 1) - (there if isinstance(there, int) else 0)
    name = name_of(item)
    workload = workload_of(item, {"kind": kind, "name": name})
    part = "" if workload.endswith(f"/{kind}/{name}") else name
    one = Left(namespace_of(item), part, "", "", workload, going=False, run=Running(ready=False), lacking=True)
    return (one,) * min(lacks, _MANY)


def _read(item: Mapping[str, Any]) -> Left | None:
    metadata, spec = as_dict(item.get("metadata")), as_dict(item.get("spec"))
    owner = owner_of(item)
    stays = owner.get("kind") == "DaemonSet"
    if MIRROR in as_dict(metadata.get("annotations")):
        return None
    gated, run = bool(spec.get("schedulingGates")) and not spec.get("nodeName"), read_running(item)
    if gated and (stays or not run.lasts):
        return None
    return Left(
        namespace=namespace_of(item),
        name=name_of(item),
        uid=str(metadata.get("uid") or ""),
        node=node_of(item),
        workload=workload_of(item, owner),
        going=bool(metadata.get("deletionTimestamp")),
        # There are some on each node, and nobody looks for another one for them.
        demand=NO_DEMAND if stays else read_demand(spec),
        tolerations=() if stays else read_tolerations(spec),
        # It is there, and to no avail as long as nobody opens its gates: as if it was not.
        run=Running(ready=False) if gated else run,
        stays=stays,
        lacking=gated,
    )
