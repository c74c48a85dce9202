"""What runs on a pool before it is reimaged: found, named, waited for or noted, and read anew before it acts."""

from datetime import timedelta
from typing import Any

import pytest
import yaml

from local import seed
from local.world.access import APP
from local.world.faults import Answer, Fault
from local.world.kube import builders as kube
from local.world.kube import pods
from local.world.kube.state import Rule
from local.world.model import Cluster
from shared.domain import workloads
from shared.domain.posture import Finding
from shared.domain.records import RecordKind
from tests.infra.templates import INFRA
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.conftest import CLUSTER as STACKED
from tests.scenario.conftest import Start
from tests.scenario.fleet import Fleet
from tests.waiting import eventually

PROVEN = "compliant: NodesProven"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHARE: dict[str, Any] = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "share"}}]}
SATURDAY = 'mode: enforce\nwindows: [{days: [Saturday], start: "02:00", length: 3h}]\n'
"""The world begins on a Monday."""


def fleet(text: str = "mode: enforce\n") -> Fleet:
    made = Fleet()
    made.policies.rules = ruled(text)
    return made


def of(lab: Fleet) -> Cluster:
    return lab.world.cluster_by_id(CLUSTER.arm_id)


def mounts_smb(cluster: Cluster, source: Any = None) -> None:
    """A workload of the pool mounts an SMB share."""
    kube.add_volume(cluster, "v-share", source or kube.azure_file(), claim="share")
    kube.add_workload(cluster, "ledger", kind="StatefulSet", **SHARE)


def moves_off(cluster: Cluster) -> None:
    """It mounts an NFS share instead."""
    cluster.kube.of("persistentvolumes").clear()
    cluster.kube.of("persistentvolumeclaims").clear()
    kube.add_volume(cluster, "v-nfs", kube.azure_file(protocol="nfs"), claim="share")


def notes(lab: Fleet) -> dict[str, Finding]:
    """The findings of the pool by reason."""
    posture = lab.stored().posture
    assert posture
    return {finding.reason: finding for finding in posture.pools[0].findings}


def listed(lab: Fleet, what: str = "/pods") -> int:
    """How often the app listed something."""
    return sum(one.kind == "kubernetes" and one.path.endswith(what) for one in lab.world.requests)


@pytest.mark.parametrize("source", [kube.azure_file(), kube.smb_share(), kube.in_tree_azure_file()])
def test_a_pool_with_smb_volumes_waits_until_they_are_gone(source: Any) -> None:
    lab = fleet()
    with lab.world.entered():
        mounts_smb(of(lab), source)
    lab.look(lasting=2 * HOUR)

    assert lab.puts() == []
    assert lab.waits() == "SmbVolumes"
    assert "default/StatefulSet/ledger" in lab.deferral().message
    assert "default/StatefulSet/ledger" in notes(lab)["SmbVolumes"].message

    with lab.world.entered():
        moves_off(of(lab))
    lab.passes(2 * HOUR)

    assert lab.verdict() == PROVEN
    assert "SmbVolumes" not in notes(lab)


def test_an_smb_volume_in_a_pod_itself_counts() -> None:
    lab = fleet()
    with lab.world.entered():
        inline = {"csi": {"driver": "file.csi.azure.com", "volumeAttributes": {"shareName": "data"}}}
        kube.add_pod(of(lab), "loader", volumes=[{"name": "data", **inline}])
    lab.look(lasting=HOUR)

    assert lab.waits() == "SmbVolumes"
    assert "default/Pod/loader" in lab.deferral().message


def test_smb_volumes_on_another_pool_hold_nothing_back() -> None:
    lab = fleet()
    with lab.world.entered():
        lab.world.add_pool(
            of(lab), "files", mode="User", osSKU="AzureLinux", enableFIPS=True, vmSize="Standard_D4ds_v5", count=1
        )
        kube.add_volume(of(lab), "v-share", kube.azure_file(), claim="share")
        kube.add_workload(of(lab), "ledger", nodeSelector={"agentpool": "files"}, **SHARE)
    lab.look(lasting=HOUR)

    assert lab.verdict() == PROVEN


def test_a_budget_that_allows_no_eviction_is_waited_for() -> None:
    lab = fleet()
    with lab.world.entered():
        kube.add_workload(of(lab), "db", kind="StatefulSet", replicas=2)
        kube.add_budget(of(lab), "db", min_available=2)
    lab.clock.advance(timedelta(minutes=1))  # the pods run by then
    lab.look(lasting=2 * HOUR)

    assert lab.puts() == []
    assert lab.waits() == "PdbBlocked"
    assert "default/PodDisruptionBudget/db" in lab.deferral().message

    with lab.world.entered():
        of(lab).kube.of("poddisruptionbudgets").clear()
        kube.add_budget(of(lab), "db", min_available=1)
    lab.passes(2 * HOUR)

    assert lab.verdict() == PROVEN


def test_a_budget_with_no_pod_on_the_pool_counts_if_it_never_allows_anything() -> None:
    lab = fleet()
    with lab.world.entered():
        kube.add_budget(of(lab), "never", max_unavailable=0)
    lab.look(lasting=HOUR)

    assert lab.waits() == "PdbBlocked"


def test_pods_that_nobody_brings_back_and_local_data_are_noted_and_hold_nothing_back() -> None:
    lab = fleet(SATURDAY)
    with lab.world.entered():
        kube.add_pod(of(lab), "debug", volumes=[{"name": "scratch", "emptyDir": {}}])
    lab.look(lasting=HOUR)

    assert lab.waits() == "OutsideWindow"
    assert "default/Pod/debug" in notes(lab)["UnmanagedPods"].message
    assert "default/Pod/debug" in notes(lab)["LocalData"].message

    lab.days(6)

    assert lab.verdict() == PROVEN
    assert not {"UnmanagedPods", "LocalData"} & notes(lab).keys(), "what was noted is forgotten with the step"


@pytest.mark.parametrize(
    ("key", "reason"), [("unmanaged_pods", "UnmanagedPods"), ("local_data", "LocalData"), ("smb", "SmbVolumes")]
)
def test_the_policy_says_what_is_waited_for(key: str, reason: str) -> None:
    lab = fleet(f"mode: enforce\nworkloads: {{smb: note, {key}: defer}}\n".replace("smb: note, smb:", "smb:"))
    with lab.world.entered():
        mounts_smb(of(lab))
        kube.add_pod(of(lab), "debug", volumes=[{"name": "scratch", "emptyDir": {}}])
    lab.look(lasting=HOUR)

    assert lab.puts() == []
    assert lab.waits() == reason


def test_what_may_not_be_read_is_no_leave_to_go_on() -> None:
    lab = fleet()
    scope = f"/subscriptions/{seed.PAYMENTS}"
    lab.world.access.revoke(APP, scope)
    for role in (seed.READER, seed.REMEDIATOR, seed.NODE_READER):
        lab.world.access.assign(APP, role, scope)
    lab.look(lasting=3 * HOUR)

    assert lab.puts() == []
    assert lab.waits() == "WorkloadsUnreadable"
    assert "KubernetesForbidden" in lab.deferral().message
    assert lab.told("WorkloadsUnreadable") == 0, "the verdict is what it was"

    lab.world.access.assign(APP, seed.WORKLOAD_READER, scope)
    lab.passes(2 * HOUR)

    assert lab.verdict() == PROVEN


def test_half_of_a_list_is_none() -> None:
    lab = fleet()
    lab.world.faults.add(Fault(Answer(503, "ServiceUnavailable", "later"), method="GET", kind="kubernetes", after=4))
    lab.look()

    assert lab.puts() == []
    assert lab.waits() == "WorkloadsUnreadable"

    lab.passes(HOUR)

    assert lab.verdict() == PROVEN


def test_where_the_policy_ignores_all_no_pod_is_read() -> None:
    lab = fleet(
        "mode: enforce\nworkloads: {smb: ignore, budgets: ignore, unmanaged_pods: ignore, local_data: ignore}\n"
    )
    with lab.world.entered():
        mounts_smb(of(lab))
    lab.look(lasting=HOUR)

    assert lab.verdict() == PROVEN
    assert listed(lab) == 0


def uses_an_old_agent(cluster: Cluster, version: str = "3.1.8") -> None:
    """The monitoring add-on is there, with an agent that FIPS nodes can't use."""
    image = f"mcr.microsoft.com/azuremonitor/containerinsights/ciprod:{version}"
    kube.add_workload(
        cluster,
        "ama-logs",
        namespace="kube-system",
        kind="DaemonSet",
        containers=[{"name": "ama-logs", "image": image}],
    )


@pytest.mark.parametrize("text", ["mode: audit\n", "mode: alert\n", "mode: enforce\n"])
@pytest.mark.parametrize("on", [False, True])
def test_smb_volumes_and_an_old_agent_are_told_in_every_mode_and_with_fips_on(text: str, *, on: bool) -> None:
    lab = fleet(text)
    with lab.world.entered():
        pool = of(lab).pools["np1"]
        pool.properties["enableFIPS"] = on
        mounts_smb(of(lab))
        uses_an_old_agent(of(lab))
        kube.add_pod(of(lab), "debug", volumes=[{"name": "scratch", "emptyDir": {}}])
    lab.look(lasting=MINUTE)

    assert "default/StatefulSet/ledger" in notes(lab)["SmbVolumes"].message
    assert "3.1.8" in notes(lab)["MonitoringAgentOld"].message
    acts = text == "mode: enforce\n" and not on
    assert ("UnmanagedPods" in notes(lab)) is acts, "told only of a pool that is about to be reimaged"


@pytest.mark.parametrize("text", ["mode: audit\n", "mode: alert\n"])
def test_where_nothing_would_be_done_pods_are_read_once_a_day(text: str) -> None:
    lab = fleet(text)
    for _ in range(12):
        lab.look(lasting=2 * HOUR)
    assert lab.waits() == "ModeDoesNotAct"
    assert listed(lab) == 1

    lab.days(3)

    assert listed(lab) == 5


def test_at_level_control_plane_no_cluster_is_entered_for_what_is_only_told() -> None:
    lab = fleet("mode: audit\nproof: {level: control-plane}\n")
    lab.look(lasting=HOUR)

    assert listed(lab) == 0


def test_what_was_read_for_the_record_is_nothing_that_a_step_relies_on() -> None:
    lab = fleet("mode: audit\n")
    with lab.world.entered():
        kube.add_workload(of(lab), "db", kind="StatefulSet", replicas=2)
        kube.add_budget(of(lab), "db", min_available=2)
    lab.clock.advance(MINUTE)
    lab.look(lasting=MINUTE)
    lab.policies.rules = ruled("mode: enforce\n")
    lab.look(lasting=MINUTE)

    assert lab.puts() == []
    assert lab.waits() == "PdbBlocked"


def test_what_may_not_be_read_changes_no_verdict_and_the_agent_s_version_is_forgotten() -> None:
    lab = fleet("mode: audit\n")
    with lab.world.entered():
        uses_an_old_agent(of(lab))
    lab.look(lasting=HOUR)
    before = lab.verdict()
    scope = f"/subscriptions/{seed.PAYMENTS}"
    lab.world.access.revoke(APP, scope)
    for role in (seed.READER, seed.NODE_READER):
        lab.world.access.assign(APP, role, scope)
    lab.days(2)
    assert "MonitoringAgentOld" in notes(lab)
    lab.days(3)

    assert "MonitoringAgentOld" not in notes(lab)
    assert "KubernetesForbidden" in notes(lab)["WorkloadsUnreadable"].message
    assert lab.verdict() == before
    assert lab.told("WorkloadsUnreadable") == 0


def test_while_a_step_waits_for_its_window_pods_are_read_once_a_day() -> None:
    lab = fleet(SATURDAY)
    for _ in range(12):
        lab.look(lasting=2 * HOUR)

    assert lab.waits() == "OutsideWindow"
    assert listed(lab) == 1


def test_what_came_since_is_found_before_anything_begins() -> None:
    lab = fleet(SATURDAY)
    lab.look(lasting=HOUR)
    assert "SmbVolumes" not in notes(lab)
    lab.days(4)
    with lab.world.entered():
        mounts_smb(of(lab))
    lab.days(1.5)

    assert lab.puts() == []
    assert lab.waits() == "SmbVolumes"


def test_an_old_monitoring_agent_is_told() -> None:
    lab = fleet(SATURDAY)
    with lab.world.entered():
        uses_an_old_agent(of(lab))
    lab.look(lasting=HOUR)

    assert "3.1.8" in notes(lab)["MonitoringAgentOld"].message


def test_what_was_found_stands_in_the_evidence() -> None:
    lab = fleet()
    with lab.world.entered():
        mounts_smb(of(lab))
    lab.look()

    (seen,) = lab.records(RecordKind.OBSERVATION)
    assert "default/StatefulSet/ledger" in str(seen.payload["posture"])
    assert [one["reason"] for one in seen.payload["plan"]["deferrals"]] == ["SmbVolumes"]


def test_on_a_cluster_without_azure_rbac_the_manifest_is_enough() -> None:
    lab = fleet()
    with lab.world.entered():
        of(lab).properties["aadProfile"]["enableAzureRBAC"] = False
        of(lab).kube.bindings[APP.object_id] = tuple(
            Rule(tuple(rule["verbs"]), tuple(rule["resources"]))
            for each in yaml.safe_load_all((INFRA / "kubernetes" / "workload-reader.yaml").read_text())
            for rule in each.get("rules", ())
        )
        mounts_smb(of(lab))
    lab.look(lasting=HOUR)
    assert lab.waits() == "SmbVolumes"

    with lab.world.entered():
        moves_off(of(lab))
    lab.passes(2 * HOUR)
    assert lab.verdict() == PROVEN


def test_a_pod_that_waits_for_a_volume_that_its_class_would_make_counts() -> None:
    lab = fleet()
    with lab.world.entered():
        kube.add_default_storage_classes(of(lab))
        kube.add_volume(of(lab), "unused", kube.azure_disk(), claim="share")
        claim = of(lab).kube.of("persistentvolumeclaims")["default", "share"]
        claim["spec"] = {"storageClassName": "azurefile-csi"}
        kube.add_pod(of(lab), "new", **SHARE)
        pods.settle(of(lab))
    lab.look(lasting=HOUR)

    assert lab.waits() == "SmbVolumes"


def test_the_deployed_app_waits_for_smb_volumes_too(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads, "HOLDS", timedelta(seconds=1))
    job = start()
    with job.world.entered():
        cluster = job.world.cluster_by_id(STACKED.arm_id)
        kube.add_volume(cluster, "v-share", kube.azure_file(), claim="share")
    job.add_pool(event=False)
    with job.world.entered():
        kube.add_workload(cluster, "ledger", nodeSelector={"agentpool": "batch"}, **SHARE)
    job.publish("batch")

    def reasons() -> set[str]:
        posture = job.posture()
        found = [pool for pool in posture.pools if pool.pool == "batch"] if posture else []
        return {finding.reason for pool in found for finding in pool.findings}

    eventually(lambda: "SmbVolumes" in reasons(), "the workload is named", reasons)
    assert job.puts() == []

    with job.world.entered():
        moves_off(cluster)
    job.becomes(PROVEN)
