"""Kubernetes' JSON of budgets, pods and what makes pods, reduced to what matters before a reimage.

Strict about names, indifferent to everything else; of volumes `observe_volumes` tells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.demands import NO_DEMAND, read_demand
from shared.domain.kube_json import MIRROR, as_dict, as_dicts, name_of, namespace_of, notes_of, owner_of, workload_of
from shared.domain.observe_volumes import Kind, kind_of, kind_of_class
from shared.domain.probes import NAMESPACES
from shared.domain.workloads import PodUse

BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
PODS = "/api/v1/pods"
AGENTS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
TEMPLATES = (
    ("Deployment", "/apis/apps/v1/deployments"),
    ("StatefulSet", "/apis/apps/v1/statefulsets"),
    ("DaemonSet", "/apis/apps/v1/daemonsets"),
    ("ReplicaSet", "/apis/apps/v1/replicasets"),
    ("CronJob", "/apis/batch/v1/cronjobs"),
    ("Job", "/apis/batch/v1/jobs"),
)
"""Kubernetes' own controllers that make pods, and where they are listed; items of a list don't say their kind."""

_AGENTS = ("ama-logs", "omsagent")
"""DaemonSets of the monitoring add-on on Linux nodes (microsoft/Docker-Provider, kubernetes/*.yaml)."""
_OWN = "kube-system"
"""AKS's own namespace: its pods keep no data of anybody's in their scratch space."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A pod disruption budget that allows no eviction now."""

    namespace: str
    name: str
    """As `namespace/PodDisruptionBudget/name`."""
    selector: Mapping[str, Any] | None
    never: bool
    """Its `maxUnavailable` is 0: AKS then refuses a PUT, whatever the budget selects (error UnsatisfiablePDB)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod's claims and labels mean."""

    claims: Mapping[tuple[str, str], Kind] = field(default_factory=dict)
    """By namespace and name: those that matter."""
    classes: Mapping[str, Kind | None] = field(default_factory=dict)
    """By name: what their volumes would be, None where that doesn't matter; the default one has no name as well."""
    budgets: Sequence[Budget] = ()


def read_budget(item: Mapping[str, Any]) -> Budget | None:
    """Read a pod disruption budget; None if it allows an eviction."""
    spec, status = as_dict(item.get("spec")), as_dict(item.get("status"))
    never = str(spec.get("maxUnavailable")) in ("0", "0%")
    if status.get("disruptionsAllowed") and not never:
        return None
    selector = spec.get("selector")
    name = f"{namespace_of(item)}/PodDisruptionBudget/{name_of(item)}"
    return Budget(namespace_of(item), name, selector if isinstance(selector, dict) else None, never)


def read_agent(item: Mapping[str, Any]) -> str | None:
    """Read the version of the monitoring agent from its DaemonSet; None if it is another one."""
    if name_of(item) not in _AGENTS:
        return None
    for container in _pod_parts(as_dict(as_dict(item.get("spec")).get("template")), "containers"):
        image = str(container.get("image")).split("@")[0]
        if "/containerinsights/" in image:
            return image.rpartition(":")[2]
    return None


def read_pod(item: Mapping[str, Any], around: Surroundings) -> PodUse | None:
    """Read a pod; None if it has nothing that matters before a reimage."""
    spec, status = as_dict(item.get("spec")), as_dict(item.get("status"))
    owner, ended = owner_of(item), status.get("phase") in ("Succeeded", "Failed")
    of_kubelet = MIRROR in notes_of(item)
    # A drain leaves the pods of DaemonSets alone, and a static pod has no other place.
    stays = of_kubelet or owner.get("kind") == "DaemonSet"
    kinds = {kind for volume in _pod_parts(item, "volumes") if (kind := _of_pod(item, volume, around))}
    node = str(spec.get("nodeName") or "")
    found = PodUse(
        workload=workload_of(item, owner),
        node=node,
        # One run of a Job has ended, and the next one of its CronJob would mount the volume again.
        smb=Kind.SMB in kinds and (not ended or owner.get("kind") == "Job"),
        local_data=Kind.LOCAL in kinds and not (ended or stays or namespace_of(item) == _OWN),
        unmanaged=not (owner or ended or stays),
        budgets=() if stays else _budgets(item, around),
        # Its controller has each pod of a DaemonSet name its node: what it asks itself its template tells.
        demand=NO_DEMAND if ended or stays else read_demand(spec),
    )
    if not (found.smb or found.local_data or found.unmanaged or found.budgets) and found.demand.portable:
        return None
    # Our own pods, which ask nodes, are gone before anything is begun.
    if namespace_of(item) in NAMESPACES:
        return None
    # One that has no node yet has nothing there that could be lost.
    return found if node else PodUse(found.workload, "", smb=found.smb, demand=found.demand)


def read_template(item: Mapping[str, Any], kind: str, around: Surroundings) -> PodUse | None:
    """Read a controller of a kind as a pod that it may make at any time; None if nothing of it matters.

    It may have no pod now: a CronJob between its runs, whatever is scaled to zero. What others control is their
    controller's, a Job that has ended makes no more, and AKS sees to the DaemonSets of its own.
    """
    spec, status = as_dict(item.get("spec")), as_dict(item.get("status"))
    if owner_of(item) or (kind == "Job" and status.get("completionTime")) or _of_aks(item, kind):
        return None
    # batch/v1: a CronJob's template is one of a Job, which has the pod's.
    within = as_dict(as_dict(spec.get("jobTemplate")).get("spec")) if kind == "CronJob" else spec
    template = as_dict(within.get("template"))
    pod = {"metadata": {"namespace": namespace_of(item), "name": name_of(item)}, "spec": as_dict(template.get("spec"))}
    # Of pods that are there the pods themselves tell, and where they are. A Job is parked by `suspend` (batch/v1).
    unseen = kind == "CronJob" or spec.get("replicas") == 0 or (kind == "Job" and spec.get("suspend") is True)
    mounts = [_of_pod(pod, volume, around) for volume in _pod_parts(pod, "volumes")]
    claims = [kind_of_class(claim, around.classes) for claim in as_dicts(spec.get("volumeClaimTemplates"))]
    smb = unseen and Kind.SMB in (*mounts, *claims)
    demand = read_demand(as_dict(template.get("spec")), of_template=True)
    if demand.portable and not smb:
        return None
    return PodUse(f"{namespace_of(item)}/{kind}/{name_of(item)}", "", smb=smb, demand=demand)


def _of_aks(item: Mapping[str, Any], kind: str) -> bool:
    return namespace_of(item) in NAMESPACES or (kind == "DaemonSet" and namespace_of(item) == _OWN)


def _of_pod(item: Mapping[str, Any], volume: Mapping[str, Any], around: Surroundings) -> Kind | None:
    namespace = namespace_of(item)
    if "persistentVolumeClaim" in volume:
        return around.claims.get((namespace, str(as_dict(volume["persistentVolumeClaim"]).get("claimName"))))
    if "ephemeral" in volume:
        # Its claim has the name of pod and volume (Kubernetes, "ephemeral volumes").
        template = as_dict(as_dict(volume["ephemeral"]).get("volumeClaimTemplate"))
        made = around.claims.get((namespace, f"{name_of(item)}-{volume.get('name')}"))
        return made or kind_of_class(template, around.classes)
    return kind_of(volume)


def _budgets(item: Mapping[str, Any], around: Surroundings) -> tuple[str, ...]:
    """Return the budgets that would refuse an eviction: only of a pod that runs is a budget asked."""
    metadata = as_dict(item.get("metadata"))
    if as_dict(item.get("status")).get("phase") != "Running" or metadata.get("deletionTimestamp"):
        return ()
    labels, namespace = as_dict(metadata.get("labels")), namespace_of(item)
    return tuple(
        each.name for each in around.budgets if each.namespace == namespace and _selects(each.selector, labels)
    )


def _selects(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """Say whether a label selector selects; none at all selects nothing, an empty one everything (policy/v1)."""
    if selector is None:
        return False
    plain = as_dict(selector.get("matchLabels"))
    if any(labels.get(key) != value for key, value in plain.items()):
        return False
    return all(_meets(each, labels) for each in as_dicts(selector.get("matchExpressions")))


def _meets(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, given = str(expression.get("key")), expression.get("values")
    values = given if isinstance(given, list) else []
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return True  # not known here: it may select, and that is the safe side


def _pod_parts(pod: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    yield from as_dicts(as_dict(pod.get("spec")).get(name))
