"""What of a cluster's volumes, claims, budgets and pods matters before a reimage, object by object."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.demands import NO_DEMAND, Demand
from shared.domain.observe_volumes import Kind, known_classes, read_claim, read_class, read_volume
from shared.domain.observe_workloads import TEMPLATES, Surroundings, read_agent, read_budget, read_pod, read_template
from shared.domain.workloads import PodUse
from tests.unit.kubernetes_objects import (
    OF_DAEMON_SET,
    OF_JOB,
    azure_files,
    budget,
    claim,
    daemon_set,
    pod,
    requiring,
    storage_class,
    template,
    volume,
    with_claim,
    with_volume,
)
from tests.unit.strategies import json_values

SMB, LOCAL = Kind.SMB, Kind.LOCAL
LEDGER = "pay/Deployment/ledger"
NONE = Surroundings()
SHARE = Surroundings(claims={("pay", "share"): SMB, ("pay", "disk"): LOCAL}, classes={"azurefile": SMB})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"csi": azure_files(shareName="ledger")}, SMB),
        ({"csi": azure_files(protocol="smb")}, SMB),
        ({"csi": azure_files(protocol="nfs")}, None),
        ({"csi": azure_files(Protocol="NFS")}, None),
        ({"csi": {"driver": "file.csi.azure.com", "fsType": "nfs"}}, None),
        # A file system in an image on the share: the share is mounted by SMB all the same.
        ({"csi": {"driver": "file.csi.azure.com", "fsType": "ext4"}}, SMB),
        ({"csi": {"driver": "smb.csi.k8s.io"}}, SMB),
        ({"csi": {"driver": "blob.csi.azure.com", "volumeAttributes": {"protocol": "fuse2"}}}, None),
        ({"csi": {"driver": "disk.csi.azure.com"}}, None),
        ({"azureFile": {"shareName": "ledger"}}, SMB),
        ({"flexVolume": {"driver": "fstab/cifs", "fsType": "cifs"}}, SMB),
        ({"flexVolume": {"driver": "microsoft.com/smb"}}, SMB),
        ({"flexVolume": {"driver": "vendor/files", "fsType": "cifs"}}, SMB),
        ({"flexVolume": {"driver": "vendor/nfs"}}, None),
        ({"csi": {"driver": "csi.trident.netapp.io", "volumeAttributes": {"nasType": "SMB"}}}, SMB),
        ({"csi": {"driver": "csi.trident.netapp.io", "volumeAttributes": {"protocol": "file"}}}, None),
        # Trident's volumes need not say it: their class does.
        ({"csi": {"driver": "csi.trident.netapp.io"}, "storageClassName": "anf-smb"}, SMB),
        ({"csi": {"driver": "csi.trident.netapp.io"}, "storageClassName": "anf-nfs"}, None),
        ({"csi": {"driver": "disk.csi.azure.com"}, "storageClassName": "anf-smb"}, None),
        ({"azureDisk": {"diskName": "d"}}, None),
        ({"nfs": {"server": "s", "path": "/"}}, None),
        ({"local": {"path": "/mnt"}}, LOCAL),
        ({"hostPath": {"path": "/mnt"}}, LOCAL),
    ],
)
def test_a_volume_is_told_by_its_source(source: dict[str, Any], kind: Kind | None) -> None:
    assert read_volume(volume("v", **source), {"anf-smb": SMB, "": SMB}) == ("v", kind)


@pytest.mark.parametrize(
    ("made", "names", "kind"),
    [
        (storage_class("azurefile", "file.csi.azure.com", skuName="Standard_LRS"), ("azurefile",), SMB),
        (storage_class("azurefile", "kubernetes.io/azure-file"), ("azurefile",), SMB),
        (storage_class("files", "smb.csi.k8s.io", default=True), ("files", ""), SMB),
        (storage_class("files-nfs", "file.csi.azure.com", protocol="nfs"), ("files-nfs",), None),
        (storage_class("files-nfs", "file.csi.azure.com", FsType="nfs"), ("files-nfs",), None),
        (storage_class("managed-csi", "disk.csi.azure.com", default=True), ("managed-csi", ""), None),
        (storage_class("anf", "csi.trident.netapp.io", nasType="smb"), ("anf",), SMB),
        (storage_class("anf", "csi.trident.netapp.io", nasType="nfs"), ("anf",), None),
    ],
)
def test_a_storage_class_is_told_by_what_it_makes(
    made: dict[str, Any], names: tuple[str, ...], kind: Kind | None
) -> None:
    assert read_class(made) == (names, kind)


def test_the_class_of_netapp_s_driver_tells_by_its_documented_parameter() -> None:
    made = storage_class("anf", "csi.trident.netapp.io")
    made["parameters"] = {"trident.netapp.io/nasType": "smb"}

    assert read_class(made) == (("anf",), SMB)


def test_the_default_class_may_be_told_by_the_older_annotation() -> None:
    made = storage_class("files", "smb.csi.k8s.io")
    made["metadata"]["annotations"] = {"storageclass.beta.kubernetes.io/is-default-class": "true"}

    assert read_class(made) == (("files", ""), SMB)


@pytest.mark.parametrize("older", ["azurefile", "managed-csi"])
def test_a_claim_s_older_annotation_comes_before_its_class(older: str) -> None:
    made = claim("share", storageClassName="azurefile" if older == "managed-csi" else "managed-csi")
    made["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": older}
    kind = SMB if older == "azurefile" else None

    assert read_claim(made, {}, {"azurefile": SMB}) == ((("pay", "share"), kind) if kind else None)
    inline = with_volume(ephemeral={"volumeClaimTemplate": made})
    assert (read_pod(pod(volumes=inline), SHARE) is not None) is (kind is SMB)


@pytest.mark.parametrize(("name", "kind"), [("azurefile", SMB), ("managed-csi", None)])
def test_a_claim_whose_volume_came_later_than_the_list_is_what_its_class_makes(name: str, kind: Kind | None) -> None:
    found = read_claim(
        claim("share", volumeName="new", storageClassName=name), {}, {"azurefile": SMB, "managed-csi": None}
    )

    assert found == ((("pay", "share"), kind) if kind else None)


@pytest.mark.parametrize("name", ["", "manual"])
def test_a_claim_of_which_nothing_tells_what_it_is_can_not_be_read_unless_its_volume_is_lost(name: str) -> None:
    """A class that is not there makes nothing: the volume was made by hand, and may be a share."""
    made = claim("share", volumeName="new", storageClassName=name)
    classes = {"managed-csi": None, "": None}

    with pytest.raises(ValueError, match="pay/share is bound to new"):
        read_claim(made, {}, classes)
    assert read_claim({**made, "status": {"phase": "Lost"}}, {}, classes) is None


def test_of_two_default_classes_the_one_that_makes_shares_counts() -> None:
    classes = known_classes([(("files", ""), SMB), (("disks", ""), None)])

    assert classes == {"files": SMB, "disks": None, "": SMB}


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"volumeName": "v-smb"}, SMB),
        ({"volumeName": "v-local"}, LOCAL),
        ({"volumeName": "v-disk"}, None),
        # Once it is bound, its volume counts, whatever its class makes now.
        ({"volumeName": "v-disk", "storageClassName": "azurefile"}, None),
        ({"storageClassName": "azurefile"}, SMB),
        ({"storageClassName": "managed-csi"}, None),
        ({}, SMB),
        ({"storageClassName": ""}, None),
    ],
)
def test_a_claim_is_what_it_is_bound_to_or_would_get(spec: dict[str, Any], kind: Kind | None) -> None:
    volumes = {"v-smb": SMB, "v-local": LOCAL, "v-disk": None}
    found = read_claim(claim("share", **spec), volumes, {"azurefile": SMB, "": SMB})

    assert found == ((("pay", "share"), kind) if kind else None)


@pytest.mark.parametrize(
    ("made", "blocks", "never"),
    [
        (budget("b", {}, allowed=0), True, False),
        (budget("b", {}, allowed=1), False, False),
        (budget("b", {}, allowed=0, maxUnavailable=0), True, True),
        (budget("b", {}, allowed=2, maxUnavailable="0%"), True, True),
        (budget("b", {}, allowed=2, maxUnavailable="10%"), False, False),
        (budget("b", {}, allowed=2, minAvailable=0), False, False),
        ({"metadata": {"name": "b", "namespace": "pay"}, "spec": {}}, True, False),
    ],
)
def test_a_budget_blocks_while_it_allows_no_eviction(made: dict[str, Any], *, blocks: bool, never: bool) -> None:
    found = read_budget(made)

    assert (found is not None) is blocks
    assert found is None or (found.name, found.never) == ("pay/PodDisruptionBudget/b", never)


@pytest.mark.parametrize(
    ("made", "version"),
    [
        (daemon_set("ama-logs", "mcr.microsoft.com/azuremonitor/containerinsights/ciprod:3.1.17"), "3.1.17"),
        (
            daemon_set(
                "omsagent",
                "mcr.microsoft.com/aks/sidecar:9.9.9",
                "mcr.microsoft.com/azuremonitor/containerinsights/ciprod:3.1.8@sha256:0a",
            ),
            "3.1.8",
        ),
        (daemon_set("ama-logs-windows", "mcr.microsoft.com/azuremonitor/containerinsights/ciprod:win-3.1.8"), None),
        (daemon_set("kube-proxy", "mcr.microsoft.com/oss/kubernetes/kube-proxy:v1.34.2"), None),
        (daemon_set("ama-logs"), None),
    ],
)
def test_the_agent_s_version_is_the_tag_of_its_image(made: dict[str, Any], version: str | None) -> None:
    assert read_agent(made) == version


@pytest.mark.parametrize(
    ("made", "smb"),
    [
        (pod(volumes=with_claim("share")), True),
        (pod(volumes=with_claim("other")), False),
        (pod(namespace="web", volumes=with_claim("share")), False),
        (pod(volumes=with_volume(azureFile={"shareName": "s"})), True),
        (pod(volumes=with_volume(csi=azure_files())), True),
        (pod(volumes=with_volume(csi=azure_files(protocol="nfs"))), False),
        (pod(owners=[OF_DAEMON_SET], volumes=with_claim("share")), True),
        (pod(phase="Succeeded", volumes=with_claim("share")), False),
        (pod(phase="Succeeded", owners=[OF_JOB], volumes=with_claim("share")), True),
        (
            pod(volumes=with_volume(ephemeral={"volumeClaimTemplate": {"spec": {"storageClassName": "azurefile"}}})),
            True,
        ),
        (pod(volumes=with_volume(ephemeral={"volumeClaimTemplate": {"spec": {"storageClassName": "disk"}}})), False),
        (pod(volumes=with_volume(configMap={"name": "c"})), False),
    ],
)
def test_a_pod_mounts_smb_by_itself_or_by_its_claim(made: dict[str, Any], *, smb: bool) -> None:
    found = read_pod(made, SHARE)

    assert (found is not None and found.smb) is smb


def test_an_ephemeral_volume_has_the_claim_of_pod_and_volume() -> None:
    around = Surroundings(claims={("pay", "ledger-5d9f7c-x2x-data"): SMB})

    found = read_pod(pod(volumes=with_volume(ephemeral={})), around)

    assert found is not None
    assert found.smb


@pytest.mark.parametrize(
    ("made", "local"),
    [
        (pod(volumes=with_volume(emptyDir={})), True),
        (pod(volumes=with_volume(emptyDir={"medium": "Memory"})), False),
        (pod(volumes=with_volume(hostPath={"path": "/var/log"})), True),
        (pod(volumes=with_claim("disk")), True),
        (pod(owners=[OF_DAEMON_SET], volumes=with_volume(hostPath={"path": "/"})), False),
        (pod(namespace="kube-system", volumes=with_volume(emptyDir={})), False),
        (pod(phase="Failed", volumes=with_volume(emptyDir={})), False),
    ],
)
def test_local_data_is_what_the_node_s_disk_holds(made: dict[str, Any], *, local: bool) -> None:
    found = read_pod(made, SHARE)

    assert (found is not None and found.local_data) is local


@pytest.mark.parametrize(
    ("made", "unmanaged"),
    [
        (pod("debug", owners=[]), True),
        (pod("debug", owners=[{"kind": "Team", "name": "ana"}]), True),
        (pod(), False),
        (pod("debug", owners=[], phase="Succeeded"), False),
        (pod("asks-a-node", owners=[], namespace="fipswarden-proof-host"), False),
        (pod("static", owners=[], annotations={"kubernetes.io/config.mirror": "0a"}), False),
    ],
)
def test_a_pod_without_a_controller_is_told_by_its_own_name(made: dict[str, Any], *, unmanaged: bool) -> None:
    found = read_pod(made, NONE)

    assert (found is not None and found.unmanaged) is unmanaged
    assert not unmanaged or (found and found.workload) == "pay/Pod/debug"


@pytest.mark.parametrize(
    ("owners", "name"),
    [
        ([{"kind": "ReplicaSet", "name": "ledger-5d9f7c", "controller": True}], LEDGER),
        ([{"kind": "ReplicaSet", "name": "ledger", "controller": True}], "pay/ReplicaSet/ledger"),
        ([{"kind": "StatefulSet", "name": "ledger", "controller": True}], "pay/StatefulSet/ledger"),
        ([{"kind": "Team", "name": "ana"}, OF_JOB], "pay/Job/nightly-29"),
    ],
)
def test_a_pod_is_told_by_what_controls_it(owners: list[dict[str, Any]], name: str) -> None:
    found = read_pod(pod(owners=owners, volumes=with_claim("share")), SHARE)

    assert found is not None
    assert found.workload == name


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"matchLabels": {"app": "ledger"}}, True),
        ({"matchLabels": {"app": "web"}}, False),
        ({}, True),
        (None, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["ledger", "web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["ledger"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchLabels": {"app": "ledger"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Resembles", "values": ["x"]}]}, True),
    ],
)
def test_a_budget_counts_for_the_pods_that_it_selects(selector: Any, *, selects: bool) -> None:
    blocking = read_budget(budget("b", selector))
    assert blocking is not None

    found = read_pod(pod(), Surroundings(budgets=(blocking,)))

    assert (found is not None and found.budgets == ("pay/PodDisruptionBudget/b",)) is selects


@pytest.mark.parametrize(
    "made",
    [
        pod(namespace="web"),
        pod(phase="Pending"),
        pod(phase="Succeeded"),
        pod(deleting=True),
        pod(owners=[OF_DAEMON_SET]),
    ],
)
def test_no_budget_is_asked_for_a_pod_that_does_not_run_or_that_a_drain_leaves_alone(made: dict[str, Any]) -> None:
    blocking = read_budget(budget("b", {}))
    assert blocking is not None

    assert read_pod(made, Surroundings(budgets=(blocking,))) is None


@pytest.mark.parametrize(
    ("spec", "pools"),
    [
        ({"nodeSelector": {"agentpool": "Apps"}}, ("apps",)),
        ({"nodeSelector": {"kubernetes.azure.com/agentpool": "apps", "disk": "ssd"}}, ("apps",)),
        ({"nodeSelector": {"disk": "ssd"}}, ()),
        ({"affinity": requiring(("agentpool", "In", ["apps"]))}, ("apps",)),
        ({"affinity": requiring(("kubernetes.azure.com/agentpool", "In", ["web", "apps"]))}, ("apps", "web")),
        ({"affinity": requiring(("agentpool", "In", ["apps"]), ("agentpool", "In", ["web"]))}, ("apps", "web")),
        ({"affinity": requiring(("agentpool", "In", ["apps"]), ("disk", "In", ["ssd"]))}, ()),
        ({"affinity": requiring(("agentpool", "NotIn", ["apps"]))}, ()),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}}, ()),
    ],
)
def test_a_pod_names_the_pools_in_which_it_may_run(spec: dict[str, Any], pools: tuple[str, ...]) -> None:
    found = read_pod(pod(**spec), NONE)

    assert (found.demand.pools if found else ()) == pools


def test_a_pod_that_harms_nothing_leaves_nothing_behind() -> None:
    volumes, selector = with_volume(configMap={"name": "c"}), {"kubernetes.io/os": "linux"}
    assert read_pod(pod(volumes=volumes, nodeSelector=selector), SHARE) is None


def test_of_a_pod_without_a_node_is_kept_where_it_may_go_and_what_it_would_mount() -> None:
    found = read_pod(pod(node="", nodeSelector={"disk": "ssd"}, volumes=with_claim("share")), SHARE)

    assert found == PodUse(LEDGER, "", smb=True, demand=Demand((("disk", "ssd"),)))


@pytest.mark.parametrize("kind", [kind for kind, _ in TEMPLATES])
def test_what_makes_pods_is_read_as_one_of_them(kind: str) -> None:
    found = read_template(template(kind, nodeSelector={"disk": "ssd"}), kind, NONE)

    assert found == PodUse(f"pay/{kind}/ledger", "", demand=Demand((("disk", "ssd"),)))
    assert read_template(template(kind, nodeSelector={"kubernetes.io/os": "linux"}), kind, NONE) is None


@pytest.mark.parametrize(
    ("kind", "replicas", "tells"),
    [("CronJob", 0, True), ("Deployment", 0, True), ("Deployment", 2, False), ("StatefulSet", 0, True)],
)
def test_of_pods_that_are_there_the_pods_tell_what_they_mount(kind: str, replicas: int, *, tells: bool) -> None:
    found = read_template(template(kind, replicas=replicas, volumes=with_claim("share")), kind, SHARE)

    assert found == (PodUse(f"pay/{kind}/ledger", "", smb=True, demand=NO_DEMAND) if tells else None)


def test_a_stateful_set_without_pods_would_mount_what_its_claims_ask_for() -> None:
    made = template("StatefulSet")
    made["spec"]["volumeClaimTemplates"] = [{"spec": {"storageClassName": "azurefile"}}]

    found = read_template(made, "StatefulSet", SHARE)

    assert found
    assert found.smb


@pytest.mark.parametrize(("spec", "tells"), [({"suspend": True}, True), ({"suspend": False}, False), ({}, False)])
def test_a_job_that_is_parked_may_make_pods_at_any_time(spec: dict[str, Any], *, tells: bool) -> None:
    made = template("Job", volumes=with_claim("share"))
    made["spec"].update(spec)

    found = read_template(made, "Job", SHARE)

    assert bool(found and found.smb) is tells


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ReplicaSet", {"metadata": {"ownerReferences": [{"kind": "Deployment", "name": "x", "controller": True}]}}),
        ("Job", {"status": {"completionTime": "2026-11-23T08:00:00Z"}}),
        ("DaemonSet", {"metadata": {"namespace": "kube-system"}}),
        ("Deployment", {"metadata": {"namespace": "fipswarden-proof"}}),
    ],
)
def test_what_makes_no_pods_of_its_own_or_follows_the_nodes_ties_nothing(kind: str, change: dict[str, Any]) -> None:
    made = template(kind, nodeSelector={"agentpool": "apps"})
    assert read_template(made, kind, NONE)

    assert read_template({**made, **{key: {**made[key], **more} for key, more in change.items()}}, kind, NONE) is None


@given(st.sampled_from([partial(read_volume, classes={}), read_class, read_budget, read_agent]), json_values)
def test_whatever_stands_in_an_object_is_read_or_refused_with_a_reason(read: Any, value: Any) -> None:
    item = {"metadata": {"name": "x", "namespace": "y"}, "spec": value, "status": value, "parameters": value}

    assert read(item) is None or read(item)


@given(json_values, json_values)
def test_whatever_stands_in_a_pod_is_read(spec: Any, metadata: Any) -> None:
    given = {"name": "x", **metadata} if isinstance(metadata, dict) else {"name": "x"}
    item = {"metadata": {**given, "name": "x"}, "spec": spec}

    assert read_pod(item, SHARE) is None or isinstance(read_pod(item, SHARE), PodUse)


@given(json_values, json_values, st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt"]))
def test_whatever_a_budget_selects_by_is_read(key: Any, values: Any, operator: str) -> None:
    expression = {"key": key, "values": values, "operator": operator}
    made = read_budget(budget("b", {"matchExpressions": [expression]}, allowed=0))

    assert made
    found = read_pod(pod(), Surroundings(budgets=(made,)))
    assert found is None or found.budgets == ("pay/PodDisruptionBudget/b",)


@pytest.mark.parametrize("read", [partial(read_volume, classes={}), read_class, read_budget, read_agent])
def test_an_object_without_a_name_is_refused(read: Any) -> None:
    with pytest.raises(ValueError, match="no name"):
        read({"metadata": {}, "spec": {"azureFile": {}}})
