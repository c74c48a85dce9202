"""Kubernetes' JSON of volumes, claims, budgets and pods, reduced to what matters before a reimage.

Strict about names, indifferent to everything else. Volumes: `file.csi.azure.com` is SMB unless its `protocol` is nfs,
or its `fsType` (azurefile-csi-driver, docs/driver-parameters.md and controllerserver.go); in-tree `azureFile` and
`smb.csi.k8s.io` always are; of Azure NetApp Files' driver, those that `nasType` calls so (azure-docs, AKS,
"azure-netapp-files-smb.md"), which its volumes need not repeat: their class tells; and flexVolumes of drivers such as
`fstab/cifs` and `microsoft.com/smb` (Azure/kubernetes-volume-drivers, flexvolume/smb). Local data is what the cluster
autoscaler calls so: `hostPath`, and `emptyDir` that is not in memory (kubernetes/autoscaler, utils/drain); of volumes,
`local` and `hostPath`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain.demands import NO_DEMAND, read_demand
from shared.domain.draining import Left
from shared.domain.observe import read_node
from shared.domain.probes import NAMESPACES
from shared.domain.running import read_running
from shared.domain.taints import read_taints, read_tolerations
from shared.domain.workloads import Place, PodUse

VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
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

_AZURE_FILES = ("file.csi.azure.com", "kubernetes.io/azure-file")
_SMB = "smb.csi.k8s.io"
_TRIDENT = "csi.trident.netapp.io"
_NAS_TYPES = ("nastype", "trident.netapp.io/nastype")
_FLEX = ("cifs", "smb", "smb3")
"""What a flexVolume's driver is called after its vendor, or its file system, where it mounts SMB."""
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_CLASS = "volume.beta.kubernetes.io/storage-class"
"""The annotation that comes before `storageClassName` (Kubernetes, component-helpers, storage/volume/helpers.go)."""
_MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a static pod, which its kubelet brings back."""
_AGENTS = ("ama-logs", "omsagent")
"""DaemonSets of the monitoring add-on on Linux nodes (microsoft/Docker-Provider, kubernetes/*.yaml)."""
_OWN = "kube-system"
"""AKS's own namespace: its pods keep no data of anybody's in their scratch space."""


class Kind(StrEnum):
    """What matters of a volume."""

    SMB = "smb"
    LOCAL = "local"


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


def read_place(item: Mapping[str, Any]) -> Place:
    """Read a node; raises ValueError without a name."""
    node = read_node(item)
    labels, spec = _dict(_dict(item.get("metadata")).get("labels")), _dict(item.get("spec"))
    return Place(
        name=node.name,
        pool=node.pool,
        labels={str(key): str(value) for key, value in labels.items()},
        cordoned=spec.get("unschedulable") is True,
        ready=node.ready,
        taints=read_taints(spec),
    )


def read_volume(item: Mapping[str, Any], classes: Mapping[str, Kind | None]) -> tuple[str, Kind | None]:
    """Read a persistent volume; its kind is None if it doesn't matter."""
    spec = _dict(item.get("spec"))
    of_class = classes.get(_class(item)) if _dict(spec.get("csi")).get("driver") == _TRIDENT and _class(item) else None
    return _name(item), _kind(spec) or of_class


def read_class(item: Mapping[str, Any]) -> tuple[tuple[str, ...], Kind | None]:
    """Read a storage class, by its names: the default one has the empty name as well; its kind is None if no matter."""
    # The driver reads its parameters' names without case.
    given = {str(key).lower(): value for key, value in _dict(item.get("parameters")).items()}
    kind = Kind.SMB if _mounts_smb(item.get("provisioner"), given) else None
    default = any(_notes(item).get(name) == "true" for name in _DEFAULT_CLASS)
    return ((_name(item), "") if default else (_name(item),)), kind


def known_classes(found: Iterable[tuple[tuple[str, ...], Kind | None]]) -> Mapping[str, Kind | None]:
    """Return what the volumes of each class are, by its names; of two that share one, what matters counts."""
    ordered = sorted(found, key=lambda one: one[1] is not None)
    return {name: kind for names, kind in ordered for name in names}


def read_claim(
    item: Mapping[str, Any], volumes: Mapping[str, Kind | None], classes: Mapping[str, Kind | None]
) -> tuple[tuple[str, str], Kind] | None:
    """Read a claim by the volume it is bound to, or else by the class that would make one; None if neither matters.

    Raises ValueError where nothing tells: it is bound to a volume that came after the volumes were listed, and its
    class is none that is there. A volume that somebody made by hand may name any class (Kubernetes, "persistent
    volumes").
    """
    bound = str(_dict(item.get("spec")).get("volumeName") or "")
    kind = volumes[bound] if bound in volumes else _of_class(item, classes)
    lost = _dict(item.get("status")).get("phase") == "Lost"
    told = _class(item) != "" and _class(item) in classes
    if bound and bound not in volumes and not (kind or lost or told):
        raise ValueError(f"claim {_namespace(item)}/{_name(item)} is bound to {bound}, which is not in the list")
    return ((_namespace(item), _name(item)), kind) if kind else None


def read_budget(item: Mapping[str, Any]) -> Budget | None:
    """Read a pod disruption budget; None if it allows an eviction."""
    spec, status = _dict(item.get("spec")), _dict(item.get("status"))
    never = str(spec.get("maxUnavailable")) in ("0", "0%")
    if status.get("disruptionsAllowed") and not never:
        return None
    selector = spec.get("selector")
    name = f"{_namespace(item)}/PodDisruptionBudget/{_name(item)}"
    return Budget(_namespace(item), name, selector if isinstance(selector, dict) else None, never)


def read_agent(item: Mapping[str, Any]) -> str | None:
    """Read the version of the monitoring agent from its DaemonSet; None if it is another one."""
    if _name(item) not in _AGENTS:
        return None
    for container in _pod_parts(_dict(_dict(item.get("spec")).get("template")), "containers"):
        image = str(container.get("image")).split("@")[0]
        if "/containerinsights/" in image:
            return image.rpartition(":")[2]
    return None


def read_pod(item: Mapping[str, Any], around: Surroundings) -> PodUse | None:
    """Read a pod; None if it has nothing that matters before a reimage."""
    spec, status = _dict(item.get("spec")), _dict(item.get("status"))
    owner, ended = _owner(item), status.get("phase") in ("Succeeded", "Failed")
    of_kubelet = _MIRROR in _notes(item)
    # A drain leaves the pods of DaemonSets alone, and a static pod has no other place.
    stays = of_kubelet or owner.get("kind") == "DaemonSet"
    kinds = {kind for volume in _pod_parts(item, "volumes") if (kind := _of_pod(item, volume, around))}
    node = str(spec.get("nodeName") or "")
    found = PodUse(
        workload=_workload(item, owner),
        node=node,
        # One run of a Job has ended, and the next one of its CronJob would mount the volume again.
        smb=Kind.SMB in kinds and (not ended or owner.get("kind") == "Job"),
        local_data=Kind.LOCAL in kinds and not (ended or stays or _namespace(item) == _OWN),
        unmanaged=not (owner or ended or stays),
        budgets=() if stays else _budgets(item, around),
        # Its controller has each pod of a DaemonSet name its node: what it asks itself its template tells.
        demand=NO_DEMAND if ended or stays else read_demand(spec),
    )
    if not (found.smb or found.local_data or found.unmanaged or found.budgets) and found.demand.portable:
        return None
    # Our own pods, which ask nodes, are gone before anything is begun.
    if _namespace(item) in NAMESPACES:
        return None
    # One that has no node yet has nothing there that could be lost.
    return found if node else PodUse(found.workload, "", smb=found.smb, demand=found.demand)


def read_template(item: Mapping[str, Any], kind: str, around: Surroundings) -> PodUse | None:
    """Read a controller of a kind as a pod that it may make at any time; None if nothing of it matters.

    It may have no pod now: a CronJob between its runs, whatever is scaled to zero. What others control is their
    controller's, a Job that has ended makes no more, and AKS sees to the DaemonSets of its own.
    """
    spec, status = _dict(item.get("spec")), _dict(item.get("status"))
    if _owner(item) or (kind == "Job" and status.get("completionTime")) or _of_aks(item, kind):
        return None
    # batch/v1: a CronJob's template is one of a Job, which has the pod's.
    within = _dict(_dict(spec.get("jobTemplate")).get("spec")) if kind == "CronJob" else spec
    template = _dict(within.get("template"))
    pod = {"metadata": {"namespace": _namespace(item), "name": _name(item)}, "spec": _dict(template.get("spec"))}
    # Of pods that are there the pods themselves tell, and where they are.
    unseen = kind == "CronJob" or spec.get("replicas") == 0
    mounts = [_of_pod(pod, volume, around) for volume in _pod_parts(pod, "volumes")]
    claims = [_of_class(claim, around.classes) for claim in _dicts(spec.get("volumeClaimTemplates"))]
    smb = unseen and Kind.SMB in (*mounts, *claims)
    demand = read_demand(_dict(template.get("spec")), of_template=True)
    if demand.portable and not smb:
        return None
    return PodUse(f"{_namespace(item)}/{kind}/{_name(item)}", "", smb=smb, demand=demand)


def _of_aks(item: Mapping[str, Any], kind: str) -> bool:
    return _namespace(item) in NAMESPACES or (kind == "DaemonSet" and _namespace(item) == _OWN)


def read_left(item: Mapping[str, Any]) -> Left | None:
    """Read a pod that keeps a node from being empty, or has none; None if it stays with its node, or has ended.

    Those of DaemonSets and static ones stay. One with `schedulingGates` is not to get a node yet.
    """
    metadata, spec = _dict(item.get("metadata")), _dict(item.get("spec"))
    owner, ended = _owner(item), _dict(item.get("status")).get("phase") in ("Succeeded", "Failed")
    if ended or owner.get("kind") == "DaemonSet" or _MIRROR in _dict(metadata.get("annotations")):
        return None
    if spec.get("schedulingGates") and not spec.get("nodeName"):
        return None
    return Left(
        namespace=_namespace(item),
        name=_name(item),
        uid=str(metadata.get("uid") or ""),
        node=str(spec.get("nodeName") or ""),
        workload=_workload(item, owner),
        going=bool(metadata.get("deletionTimestamp")),
        demand=read_demand(spec),
        tolerations=read_tolerations(spec),
        run=read_running(item),
    )


def _kind(source: Mapping[str, Any]) -> Kind | None:
    """Tell a volume by its source, in a persistent volume's spec or in a pod's."""
    csi = _dict(source.get("csi"))
    given = {str(key).lower(): value for key, value in _dict(csi.get("volumeAttributes")).items()}
    if "azureFile" in source or _mounts_smb(csi.get("driver"), {"fstype": csi.get("fsType"), **given}):
        return Kind.SMB
    flex = _dict(source.get("flexVolume"))
    if str(flex.get("driver")).rpartition("/")[2].lower() in _FLEX or str(flex.get("fsType")).lower() in _FLEX:
        return Kind.SMB
    if "local" in source or "hostPath" in source:
        return Kind.LOCAL
    scratch = source.get("emptyDir")
    return Kind.LOCAL if isinstance(scratch, dict) and scratch.get("medium") != "Memory" else None


def _mounts_smb(driver: Any, given: Mapping[str, Any]) -> bool:
    if driver in _AZURE_FILES:
        return "nfs" not in (str(given.get(name)).lower() for name in ("protocol", "fstype"))
    if driver == _TRIDENT:
        return "smb" in (str(given.get(name)).lower() for name in _NAS_TYPES)
    return bool(driver == _SMB)


def _class(item: Mapping[str, Any]) -> str:
    """Return the name of a volume's or a claim's class; empty if it gives none."""
    return str(_notes(item).get(_CLASS) or _dict(item.get("spec")).get("storageClassName") or "")


def _of_class(claim: Mapping[str, Any], classes: Mapping[str, Kind | None]) -> Kind | None:
    # No name is the default class, the empty name is none at all (Kubernetes, "persistent volumes").
    given = (_notes(claim).get(_CLASS), _dict(claim.get("spec")).get("storageClassName"))
    return None if given[0] is None and given[1] == "" else classes.get(_class(claim))


def _of_pod(item: Mapping[str, Any], volume: Mapping[str, Any], around: Surroundings) -> Kind | None:
    namespace = _namespace(item)
    if "persistentVolumeClaim" in volume:
        return around.claims.get((namespace, str(_dict(volume["persistentVolumeClaim"]).get("claimName"))))
    if "ephemeral" in volume:
        # Its claim has the name of pod and volume (Kubernetes, "ephemeral volumes").
        template = _dict(_dict(volume["ephemeral"]).get("volumeClaimTemplate"))
        made = around.claims.get((namespace, f"{_name(item)}-{volume.get('name')}"))
        return made or _of_class(template, around.classes)
    return _kind(volume)


def _budgets(item: Mapping[str, Any], around: Surroundings) -> tuple[str, ...]:
    """Return the budgets that would refuse an eviction: only of a pod that runs is a budget asked."""
    metadata = _dict(item.get("metadata"))
    if _dict(item.get("status")).get("phase") != "Running" or metadata.get("deletionTimestamp"):
        return ()
    labels, namespace = _dict(metadata.get("labels")), _namespace(item)
    return tuple(
        each.name for each in around.budgets if each.namespace == namespace and _selects(each.selector, labels)
    )


def _selects(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """Say whether a label selector selects; none at all selects nothing, an empty one everything (policy/v1)."""
    if selector is None:
        return False
    plain = _dict(selector.get("matchLabels"))
    if any(labels.get(key) != value for key, value in plain.items()):
        return False
    return all(_meets(each, labels) for each in _dicts(selector.get("matchExpressions")))


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


def _owner(item: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = _dicts(_dict(item.get("metadata")).get("ownerReferences"))
    return next((owner for owner in owners if owner.get("controller") is True), {})


def _workload(item: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    """Name a pod by its controller; a ReplicaSet of a Deployment has its name and a hash that the pod's label tells."""
    namespace, kind, name = _namespace(item), str(owner.get("kind")), str(owner.get("name"))
    if not owner:
        return f"{namespace}/Pod/{_name(item)}"
    made = _dict(_dict(item.get("metadata")).get("labels")).get("pod-template-hash")
    if kind == "ReplicaSet" and made and name.endswith(f"-{made}"):
        kind, name = "Deployment", name.removesuffix(f"-{made}")
    return f"{namespace}/{kind}/{name}"


def _pod_parts(pod: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    yield from _dicts(_dict(pod.get("spec")).get(name))


def _name(item: Mapping[str, Any]) -> str:
    name = _dict(item.get("metadata")).get("name")
    if not isinstance(name, str):
        raise ValueError("one of the list has no name")  # noqa: TRY004 (bad input)
    return name


def _notes(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return _dict(_dict(item.get("metadata")).get("annotations"))


def _namespace(item: Mapping[str, Any]) -> str:
    return str(_dict(item.get("metadata")).get("namespace") or "")


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
