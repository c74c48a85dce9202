"""Kubernetes' JSON of volumes, their classes and their claims, reduced to what matters before a reimage.

`file.csi.azure.com` is SMB unless its `protocol` is nfs, or its `fsType` (azurefile-csi-driver,
docs/driver-parameters.md and controllerserver.go); in-tree `azureFile` and `smb.csi.k8s.io` always are; of Azure
NetApp Files' driver, those that `nasType` calls so (azure-docs, AKS, "azure-netapp-files-smb.md"), which its volumes
need not repeat: their class tells; and flexVolumes of drivers such as `fstab/cifs` and `microsoft.com/smb`
(Azure/kubernetes-volume-drivers, flexvolume/smb). Local data is what the cluster autoscaler calls so: `hostPath`, and
`emptyDir` that is not in memory (kubernetes/autoscaler, utils/drain); of volumes, `local` and `hostPath`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from shared.domain.kube_json import as_dict, name_of, namespace_of, notes_of

VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_AZURE_FILES = ("file.csi.azure.com", "kubernetes.io/azure-file")
_SMB = "smb.csi.k8s.io"
_TRIDENT = "csi.trident.netapp.io"
_NAS_TYPES = ("nastype", "trident.netapp.io/nastype")
_FLEX = ("cifs", "smb", "smb3")
"""What a flexVolume's driver is called after its vendor, or its file system, where it mounts SMB."""
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_CLASS = "volume.beta.kubernetes.io/storage-class"
"""The annotation that comes before `storageClassName` (Kubernetes, component-helpers, storage/volume/helpers.go)."""


class Kind(StrEnum):
    """What matters of a volume."""

    SMB = "smb"
    LOCAL = "local"


def read_volume(item: Mapping[str, Any], classes: Mapping[str, Kind | None]) -> tuple[str, Kind | None]:
    """Read a persistent volume; its kind is None if it doesn't matter."""
    spec = as_dict(item.get("spec"))
    of_class = (
        classes.get(_class(item)) if as_dict(spec.get("csi")).get("driver") == _TRIDENT and _class(item) else None
    )
    return name_of(item), kind_of(spec) or of_class


def read_class(item: Mapping[str, Any]) -> tuple[tuple[str, ...], Kind | None]:
    """Read a storage class, by its names: the default one has the empty name as well; its kind is None if no matter."""
    # The driver reads its parameters' names without case.
    given = {str(key).lower(): value for key, value in as_dict(item.get("parameters")).items()}
    kind = Kind.SMB if _mounts_smb(item.get("provisioner"), given) else None
    default = any(notes_of(item).get(name) == "true" for name in _DEFAULT_CLASS)
    return ((name_of(item), "") if default else (name_of(item),)), kind


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
    bound = str(as_dict(item.get("spec")).get("volumeName") or "")
    kind = volumes[bound] if bound in volumes else kind_of_class(item, classes)
    lost = as_dict(item.get("status")).get("phase") == "Lost"
    told = _class(item) != "" and _class(item) in classes
    if bound and bound not in volumes and not (kind or lost or told):
        raise ValueError(f"claim {namespace_of(item)}/{name_of(item)} is bound to {bound}, which is not in the list")
    return ((namespace_of(item), name_of(item)), kind) if kind else None


def kind_of(source: Mapping[str, Any]) -> Kind | None:
    """Tell a volume by its source, in a persistent volume's spec or in a pod's."""
    csi = as_dict(source.get("csi"))
    given = {str(key).lower(): value for key, value in as_dict(csi.get("volumeAttributes")).items()}
    if "azureFile" in source or _mounts_smb(csi.get("driver"), {"fstype": csi.get("fsType"), **given}):
        return Kind.SMB
    flex = as_dict(source.get("flexVolume"))
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
    return str(notes_of(item).get(_CLASS) or as_dict(item.get("spec")).get("storageClassName") or "")


def kind_of_class(claim: Mapping[str, Any], classes: Mapping[str, Kind | None]) -> Kind | None:
    """Tell the volume that a claim would get by its class."""
    # No name is the default class, the empty name is none at all (Kubernetes, "persistent volumes").
    given = (notes_of(claim).get(_CLASS), as_dict(claim.get("spec")).get("storageClassName"))
    return None if given[0] is None and given[1] == "" else classes.get(_class(claim))
