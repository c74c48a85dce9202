"""Reads the nodes and pods of a drain: what takes pods, and what keeps a node from being empty."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.demands import read_demand
from shared.domain.draining import Left
from shared.domain.kube_json import MIRROR, as_dict, name_of, namespace_of, owner_of, workload_of
from shared.domain.observe import read_node
from shared.domain.running import read_running
from shared.domain.taints import read_taints, read_tolerations
from shared.domain.workloads import Place


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


def read_left(item: Mapping[str, Any]) -> Left | None:
    """Read a pod that keeps a node from being empty, or has none; None if it stays with its node, or has ended.

    Those of DaemonSets and static ones stay. One with `schedulingGates` is not to get a node yet.
    """
    found = _read(item)
    return None if found is None or found.run.end else found


def read_followed(item: Mapping[str, Any], since: datetime) -> Left | None:
    """Read a pod on the twin, also one that has ended there; None if it stays with its node, or failed long before."""
    found = _read(item)
    if found is None or (found.run.end and (found.run.made or since) < since):
        return None
    return found


def _read(item: Mapping[str, Any]) -> Left | None:
    metadata, spec = as_dict(item.get("metadata")), as_dict(item.get("spec"))
    owner = owner_of(item)
    if owner.get("kind") == "DaemonSet" or MIRROR in as_dict(metadata.get("annotations")):
        return None
    if spec.get("schedulingGates") and not spec.get("nodeName"):
        return None
    return Left(
        namespace=namespace_of(item),
        name=name_of(item),
        uid=str(metadata.get("uid") or ""),
        node=str(spec.get("nodeName") or ""),
        workload=workload_of(item, owner),
        going=bool(metadata.get("deletionTimestamp")),
        demand=read_demand(spec),
        tolerations=read_tolerations(spec),
        run=read_running(item),
    )
