"""One suite on both faces of the local Azure: the real SDKs over HTTPS, and the world behind the product's ports.

So the fast face, on which thousands of schedules run, can't drift from the faithful one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.clock import ManualClock
from local.memory import MemoryEvidence
from local.ports import WorldClusters, WorldFleet, WorldKubernetes
from local.server import LocalAzure
from local.world import World, maintenance, rollout
from local.world.access import APP
from local.world.faults import DRAIN_FAILURE, Answer, Drop, FailOperation, Fault, LostAnswer
from local.world.kube import builders as kube
from local.world.kube import outside
from shared.adapters.aks import AksClusters
from shared.adapters.arm import Arm
from shared.adapters.graph import GraphFleet
from shared.adapters.kubernetes import AksKubernetes
from shared.chain import Chain
from shared.domain import draining
from shared.domain.api_server import ENTRA_ONLY, Answered, Way, read_all
from shared.domain.clouds import Cloud
from shared.domain.draining import CORDON
from shared.domain.ids import ClusterId
from shared.domain.maintenance import opening_by_cluster
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Gone, Pool, ProofLevel, Unreadable
from shared.domain.observe import NODES
from shared.domain.observe_left import read_left, read_place
from shared.domain.observe_workloads import PODS
from shared.domain.openings import Closed, Open
from shared.domain.operation import Accepted, OperationRead, OperationStatus, Refused, Unanswered
from shared.domain.planned import Action, ActionKind, Method
from shared.domain.proven import NodesRead
from shared.domain.records import Head
from shared.domain.steps import put_body
from shared.domain.twins import made_for, twin_body
from shared.domain.workloads import Leaving, Names
from shared.nodes import list_nodes
from shared.ports import Clusters, Fleet, Kubernetes, KubernetesApi
from shared.proving import Proving
from shared.workloads import Asked, Surveyed, read_workloads
from tests.protocol.lab import ruled

CLUSTER = ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod")


@dataclass(frozen=True)
class Face:
    """One way to the world."""

    world: World
    clusters: Clusters
    kubernetes: Kubernetes
    fleet: Fleet


@pytest.fixture(params=["https", "ports"])
def face(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    world = seed.empty_world(ManualClock(seed.EPOCH))
    with world.entered():
        cluster = seed.payments_prod(world)
        world.add_pool(
            cluster,
            "batch",
            count=2,
            mode="User",
            osSKU="AzureLinux",
            enableFIPS=False,
            vmSize="Standard_D8ds_v5",
            nodeTaints=["dedicated=batch:NoSchedule"],
        )
    if request.param == "ports":
        yield Face(world, WorldClusters(world), WorldKubernetes(world), WorldFleet(world))
        return
    from azure.identity import ManagedIdentityCredential

    with LocalAzure(world) as azure:
        for name, value in azure.environment().items():
            monkeypatch.setitem(os.environ, name, value)
        with ManagedIdentityCredential() as credential:
            arm = Arm(Cloud("custom", azure.arm_endpoint, ""), credential)
            clock = world.clock
            assert isinstance(clock, ManualClock)
            kubernetes = AksKubernetes(arm, credential, lambda seconds: clock.advance(timedelta(seconds=seconds)))
            yield Face(world, AksClusters(arm), kubernetes, GraphFleet(arm, credential, ()))
            arm.close()


def nodes(face: Face, name: str = CLUSTER.name) -> NodesRead:
    read = face.clusters.read(ClusterId(seed.PAYMENTS, "rg-payments", name))
    assert isinstance(read, Cluster)
    with face.kubernetes.open(read, ENTRA_ONLY) as api:
        return list_nodes(api)


def read(face: Face, name: str = CLUSTER.name) -> Cluster:
    found = face.clusters.read(replace(CLUSTER, name=name))
    assert isinstance(found, Cluster)
    return found


def pool(face: Face, name: str = "batch") -> Pool:
    return next(pool for pool in read(face).pools if pool.name == name)


def enable(of: Pool, **other: str) -> Action:
    changes = {"enableFIPS": True}
    return Action(ActionKind.ENABLE_FIPS, of.name, other.get("etag", of.etag or ""), changes, put_body(of, changes))


def wait_for_end(face: Face, url: str) -> OperationRead:
    clock = face.world.clock
    assert isinstance(clock, ManualClock)
    for _ in range(20):
        found = face.clusters.operation(CLUSTER, url)
        assert isinstance(found, OperationRead)
        if found.status is not OperationStatus.IN_PROGRESS:
            return found
        clock.advance(timedelta(seconds=1))
    raise AssertionError("the operation does not end")


def test_one_read_has_every_pool_with_its_etag(face: Face) -> None:
    found = read(face)
    assert [(pool.name, pool.enable_fips, pool.count) for pool in found.pools] == [
        ("system", True, 3),
        ("apps", True, 3),
        ("batch", False, 2),
    ]
    assert all(pool.etag for pool in found.pools)
    assert found.entra
    assert found.tags == {"env": "prod"}


def test_a_cluster_that_does_not_exist_is_gone(face: Face) -> None:
    assert face.clusters.read(ClusterId(seed.PAYMENTS, "rg-payments", "nobody")) == Gone()
    assert face.clusters.read(ClusterId(seed.PAYMENTS, "rg-nobody", "nobody")) == Gone()


def test_a_cluster_that_may_not_be_read_is_unreadable_for_good(face: Face) -> None:
    face.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    found = face.clusters.read(CLUSTER)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("Forbidden", None)


@pytest.mark.parametrize(
    ("effect", "reason", "seconds"),
    [
        (Answer(429, "Throttled", "slow down", retry_after=17), "Throttled", 17),
        (Answer(503, "ServiceUnavailable", "later"), "ServerError", 30),
        (Answer(500, "InternalServerError", "oops", gateway=True), "ServerError", 30),
    ],
)
def test_a_read_that_fails_for_now_says_when_to_come_back(
    face: Face, effect: Answer, reason: str, seconds: int
) -> None:
    face.world.faults.add(Fault(effect, method="GET", kind="managedClusters", times=1))
    found = face.clusters.read(CLUSTER)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == (reason, timedelta(seconds=seconds))
    assert isinstance(face.clusters.read(CLUSTER), Cluster)


def test_an_update_is_accepted_followed_and_proven(face: Face) -> None:
    before = pool(face)
    answer = face.clusters.begin(CLUSTER, enable(before), "intent-1")
    assert isinstance(answer, Accepted)
    assert answer.url
    assert answer.correlation_id
    at_once = pool(face)
    assert (at_once.enable_fips, at_once.provisioning_state) == (True, "Upgrading")
    assert "fips" in at_once.node_image.lower(), "the answer already shows the target"
    assert wait_for_end(face, answer.url).status is OperationStatus.SUCCEEDED
    after = pool(face)
    assert after.provisioning_state == "Succeeded"
    assert after.body["nodeTaints"] == ["dedicated=batch:NoSchedule"]
    listed = nodes(face)
    assert not isinstance(listed, Unreadable)
    mine = [node for node in listed if node.pool == "batch"]
    assert [(node.fips_label, node.image_label) for node in mine] == [("true", after.node_image)] * 2
    sent = [one for one in face.world.requests if one.method == "PUT"]
    assert [(one.client_request_id, one.if_match.strip('"'), one.status) for one in sent] == [
        ("intent-1", before.etag, 200)
    ]


def test_an_update_on_a_stale_etag_is_refused_and_worth_another_look(face: Face) -> None:
    answer = face.clusters.begin(CLUSTER, enable(pool(face), etag="stale"), "intent-1")
    assert isinstance(answer, Refused)
    assert answer.reason == "Changed"
    assert answer.retry_after is not None


def test_an_update_while_another_runs_is_refused_and_waited_out(face: Face) -> None:
    first = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(first, Accepted)
    second = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-2")
    assert isinstance(second, Refused)
    assert second.reason == "ClusterBusy"
    assert second.retry_after is not None


def test_an_update_that_is_throttled_says_when_to_come_back(face: Face) -> None:
    face.world.faults.add(Fault(Answer(429, "Throttled", "slow down", retry_after=36), method="PUT", times=1))
    answer = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after) == ("Throttled", timedelta(seconds=36))
    assert len([one for one in face.world.requests if one.method == "PUT"]) == 1, "nothing is sent twice"


def test_an_update_that_aks_forbids_is_refused_for_good(face: Face) -> None:
    effect = Answer(400, "PropertyChangeNotAllowed", "Changing property 'x' is not allowed.")
    face.world.faults.add(Fault(effect, method="PUT", times=1))
    answer = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after) == ("PropertyChangeNotAllowed", None)
    assert "Changing property 'x'" in answer.message


def test_an_update_that_the_role_does_not_allow_is_refused_and_tried_again_in_an_hour(face: Face) -> None:
    scope = f"/subscriptions/{seed.PAYMENTS}"
    found = pool(face)
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, seed.READER, scope)
    answer = face.clusters.begin(CLUSTER, enable(found), "intent-1")
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after) == ("Forbidden", timedelta(hours=1))


@pytest.mark.parametrize(
    "effect", [LostAnswer(), Drop(), Answer(504, "GatewayTimeout", "the gateway gave up", gateway=True)]
)
def test_an_update_without_an_answer_is_neither_done_nor_undone(face: Face, effect: LostAnswer | Drop | Answer) -> None:
    face.world.faults.add(Fault(effect, method="PUT", times=1))
    answer = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(answer, Unanswered)
    assert pool(face).enable_fips is isinstance(effect, LostAnswer)
    assert len([one for one in face.world.requests if one.method == "PUT"]) <= 1, "nothing is sent twice"


def test_an_operation_that_fails_says_why(face: Face) -> None:
    face.world.faults.add(Fault(FailOperation("PodDrainFailure", DRAIN_FAILURE), method="PUT", times=1))
    answer = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(answer, Accepted)
    ended = wait_for_end(face, answer.url)
    assert (ended.status, ended.code) == (OperationStatus.FAILED, "PodDrainFailure")
    assert "Pod Disruption Budget" in ended.message
    assert pool(face).provisioning_state == "Failed"


def test_an_abort_stops_what_runs_and_leaves_the_pool_canceled(face: Face) -> None:
    begun = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(begun, Accepted)
    answer = face.clusters.abort(CLUSTER, "batch", "request-1")
    assert isinstance(answer, Accepted)
    assert answer.correlation_id
    assert pool(face).provisioning_state == "Canceling"
    assert wait_for_end(face, answer.url).status is OperationStatus.SUCCEEDED
    ended = wait_for_end(face, begun.url)
    assert (ended.status, bool(ended.message)) == (OperationStatus.CANCELED, True)
    assert pool(face).provisioning_state == "Canceled"
    sent = [one for one in face.world.requests if one.method == "POST" and one.path.endswith("/abort")]
    assert [(one.client_request_id, one.status) for one in sent] == [("request-1", 202)]


def test_an_abort_of_nothing_is_refused(face: Face) -> None:
    answer = face.clusters.abort(CLUSTER, "batch", "request-1")
    assert isinstance(answer, Refused)
    assert answer.message


def test_an_abort_that_ends_too_late_is_refused_and_worth_another_look(face: Face) -> None:
    # 409 where the operation ends first: azure-mgmt-containerservice 41.8, begin_abort_latest_operation.
    face.world.faults.add(Fault(Answer(409, "OperationNotAllowed", "It has ended."), method="POST", times=1))
    answer = face.clusters.abort(CLUSTER, "batch", "request-1")
    assert isinstance(answer, Refused)
    assert answer.retry_after is not None


def test_an_abort_that_the_role_does_not_allow_is_refused_for_an_hour(face: Face) -> None:
    begun = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(begun, Accepted)
    scope = f"/subscriptions/{seed.PAYMENTS}"
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, seed.READER, scope)
    answer = face.clusters.abort(CLUSTER, "batch", "request-1")
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.retry_after) == ("Forbidden", timedelta(hours=1))


@pytest.mark.parametrize("effect", [LostAnswer(), Answer(503, "Unavailable", "no")])
def test_an_abort_without_an_answer_is_neither_done_nor_undone(face: Face, effect: LostAnswer | Answer) -> None:
    begun = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(begun, Accepted)
    face.world.faults.add(Fault(effect, method="POST", kind="agentPools", times=1))
    assert isinstance(face.clusters.abort(CLUSTER, "batch", "request-1"), Unanswered)
    assert (pool(face).provisioning_state == "Canceling") is isinstance(effect, LostAnswer)


def test_an_operation_that_arm_no_longer_knows_is_unreadable(face: Face) -> None:
    answer = face.clusters.begin(CLUSTER, enable(pool(face)), "intent-1")
    assert isinstance(answer, Accepted)
    face.world.faults.add(Fault(Answer(404, "NotFound", "no such operation"), kind="operations", times=1))
    assert isinstance(face.clusters.operation(CLUSTER, answer.url), Unreadable)


NODE_OS = "aksManagedNodeOSUpgradeSchedule"


def configure(face: Face, name: str = NODE_OS, **window: object) -> None:
    """Let the cluster have a maintenance configuration, at 10:00 UTC every Monday unless it says otherwise."""
    given = {"schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Monday"}}, "startTime": "10:00", **window}
    with face.world.entered():
        cluster = face.world.cluster_by_id(CLUSTER.arm_id)
        maintenance.put(
            cluster, name, {"properties": {"maintenanceWindow": {"durationHours": 4, **given}}}, face.world.now
        )


def test_a_cluster_without_maintenance_configurations_has_none(face: Face) -> None:
    assert face.clusters.maintenance(CLUSTER) == ()


def test_maintenance_configurations_are_read_and_are_windows(face: Face) -> None:
    configure(face)
    configure(face, "default", startTime="20:00")
    found = face.clusters.maintenance(CLUSTER)
    assert not isinstance(found, Unreadable)
    assert [(one.name, one.fault) for one in found] == [(NODE_OS, ""), ("default", "")]
    assert opening_by_cluster(found, seed.EPOCH) == Closed(
        seed.EPOCH.replace(hour=10), "OutsideWindow", f"{NODE_OS}: No maintenance window is open."
    )
    assert opening_by_cluster(found, seed.EPOCH.replace(hour=11)) == Open(seed.EPOCH.replace(hour=14))


def test_every_page_of_maintenance_configurations_is_read(face: Face) -> None:
    face.world.page_size = 1
    names = ["aksManagedAutoUpgradeSchedule", "default", NODE_OS]
    for name in names:
        configure(face, name)
    found = face.clusters.maintenance(CLUSTER)
    assert not isinstance(found, Unreadable)
    assert [one.name for one in found] == names


def test_a_maintenance_configuration_that_cannot_be_understood_keeps_the_others(face: Face) -> None:
    configure(face, durationHours="four")
    configure(face, "default")
    found = face.clusters.maintenance(CLUSTER)
    assert not isinstance(found, Unreadable)
    assert [(one.name, "durationHours is 'four'" in one.fault) for one in found] == [
        (NODE_OS, True),
        ("default", False),
    ]


def test_a_list_that_is_none_of_maintenance_configurations_is_unreadable(face: Face) -> None:
    configure(face, name="")
    found = face.clusters.maintenance(CLUSTER)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("Unintelligible", None)
    assert "has no name" in found.message


def test_maintenance_configurations_that_may_not_be_read_are_unreadable_for_good(face: Face) -> None:
    scope = f"/subscriptions/{seed.PAYMENTS}"
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, seed.REMEDIATOR, scope)
    found = face.clusters.maintenance(CLUSTER)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("Forbidden", None)


def test_maintenance_configurations_of_a_cluster_that_is_gone_are_unreadable(face: Face) -> None:
    found = face.clusters.maintenance(ClusterId(seed.PAYMENTS, "rg-payments", "nobody"))
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("NotFound", None)


@pytest.mark.parametrize(
    ("effect", "reason", "seconds"),
    [
        (Answer(429, "Throttled", "slow down", retry_after=17), "Throttled", 17),
        (Answer(503, "ServiceUnavailable", "later", gateway=True), "ServerError", 30),
        (Drop(), "Unreachable", 30),
    ],
)
def test_maintenance_configurations_that_cannot_be_read_for_now_say_when_to_come_back(
    face: Face, effect: Answer | Drop, reason: str, seconds: int
) -> None:
    face.world.page_size = 1
    configure(face, "default")
    configure(face)
    second_page = Fault(effect, method="GET", kind="maintenanceConfigurations", after=1)
    face.world.faults.add(second_page)
    found = face.clusters.maintenance(CLUSTER)
    assert isinstance(found, Unreadable), "half of a list is none"
    assert (found.reason, found.retry_after) == (reason, timedelta(seconds=seconds))
    again = face.clusters.maintenance(CLUSTER)
    assert not isinstance(again, Unreadable)
    assert len(again) == 2


def test_nodes_of_a_cluster_that_may_not_be_listed_are_unreadable(face: Face) -> None:
    scope = f"/subscriptions/{seed.PAYMENTS}"
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, seed.READER, scope)
    found = nodes(face)
    assert isinstance(found, Unreadable)
    assert found.reason == "KubernetesForbidden"


def test_nodes_of_a_cluster_without_entra_are_unreadable(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-local")
        face.world.add_pool(cluster, "system", count=1, mode="System", osSKU="AzureLinux", enableFIPS=True)
    found = nodes(face, "aks-local")
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("NoEntra", None)


def test_more_nodes_than_a_page_are_all_read(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-big", entra=True, azure_rbac=True)
        face.world.add_pool(cluster, "system", count=1100, mode="System", osSKU="AzureLinux", enableFIPS=True)
    found = nodes(face, "aks-big")
    assert not isinstance(found, Unreadable)
    assert len(found) == len({node.name for node in found}) == 1100


def test_the_fleet_is_the_same_as_the_clusters_one_by_one(face: Face) -> None:
    assert face.fleet.subscriptions() == (seed.PAYMENTS,)
    (hint,) = face.fleet.clusters([seed.PAYMENTS])
    assert isinstance(hint.read, Cluster)
    found = read(face)
    assert hint.cluster == CLUSTER
    assert [(one.name, one.enable_fips, one.node_image) for one in hint.read.pools] == [
        (one.name, one.enable_fips, one.node_image) for one in found.pools
    ]
    assert (hint.read.tags, hint.read.entra, hint.read.stopped) == (found.tags, found.entra, found.stopped)


def test_a_fleet_of_more_than_one_page_is_read_whole(face: Face) -> None:
    seed.synthetic_fleet(face.world, clusters=1200, pools=1)
    keys = [hint.cluster.key for hint in face.fleet.clusters(face.fleet.subscriptions()) if hint.cluster]
    assert len(keys) == len(set(keys)) >= 1200


def test_a_subscription_that_may_be_read_is_not_unreadable(face: Face) -> None:
    assert face.fleet.unreadable(seed.PAYMENTS) is None
    assert face.fleet.watches(seed.PAYMENTS)


def test_a_subscription_that_may_not_be_read_is_unreadable_for_good(face: Face) -> None:
    face.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    found = face.fleet.unreadable(seed.PAYMENTS)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("Forbidden", None)


@pytest.mark.parametrize("effect", [Answer(429, "Throttled", "slow down", retry_after=17), Drop()])
def test_a_subscription_that_cannot_be_listed_for_now_is_unreadable_for_now(face: Face, effect: Answer | Drop) -> None:
    face.world.faults.add(Fault(effect, method="GET", kind="managedClusters", times=1))
    found = face.fleet.unreadable(seed.PAYMENTS)
    assert isinstance(found, Unreadable)
    assert found.retry_after
    assert face.fleet.unreadable(seed.PAYMENTS) is None


def test_what_the_app_may_not_read_is_missing_from_the_fleet(face: Face) -> None:
    with face.world.entered():
        face.world.add_subscription(seed.PLATFORM, "Platform")
        face.world.add_group(seed.PLATFORM, "rg-hidden")
        face.world.add_cluster(seed.PLATFORM, "rg-hidden", "aks-hidden")
    found = {hint.cluster for hint in face.fleet.clusters([seed.PAYMENTS, seed.PLATFORM])}
    assert found == {CLUSTER}


def surveyed(face: Face, *pools: str) -> Surveyed:
    return read_workloads(face.kubernetes, read(face), ENTRA_ONLY, Asked(pools), seed.EPOCH)


def test_what_a_reimage_would_harm_is_read_pool_by_pool(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.cluster_by_id(CLUSTER.arm_id)
        kube.add_volume(cluster, "v-share", kube.azure_file(), claim="share")
        mounted = [{"name": "data", "persistentVolumeClaim": {"claimName": "share"}}]
        kube.add_workload(cluster, "ledger", kind="StatefulSet", nodeSelector={"agentpool": "apps"}, volumes=mounted)
        kube.add_pod(cluster, "debug", nodeSelector={"agentpool": "apps"}, volumes=[{"name": "s", "emptyDir": {}}])
        kube.add_budget(cluster, "never", max_unavailable=0)
    found = surveyed(face, "apps", "batch")
    assert found.agent == ""
    apps, batch = found.pools["apps"], found.pools["batch"]
    assert str(apps.smb) == "default/StatefulSet/ledger"
    assert str(apps.unmanaged_pods) == str(apps.local_data) == "default/Pod/debug"
    assert str(apps.tied) == "default/Pod/debug, default/StatefulSet/ledger"
    assert str(apps.budgets) == str(batch.budgets) == "default/PodDisruptionBudget/never"
    assert (batch.smb, batch.unmanaged_pods, batch.unreadable) == (Names(), Names(), "")


def test_what_makes_pods_for_a_pool_that_is_to_go_is_read_though_it_has_none(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.cluster_by_id(CLUSTER.arm_id)
        for kind in ("CronJob", "Deployment", "StatefulSet", "DaemonSet", "Job"):
            kube.add_workload(cluster, kind.lower(), kind=kind, replicas=0, nodeSelector={"agentpool": "batch"})
    found = read_workloads(face.kubernetes, read(face), ENTRA_ONLY, Asked(("batch",), {"batch": Leaving()}), seed.EPOCH)
    kinds = sorted(name.split("/")[1] for name in found.pools["batch"].tied.first)
    assert kinds == ["CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"]


def test_the_nodes_of_a_small_pool_are_asked_one_by_one(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.cluster_by_id(CLUSTER.arm_id)
        face.world.add_pool(
            cluster, "many", count=60, mode="User", osSKU="AzureLinux", enableFIPS=True, vmSize="Standard_D8ds_v5"
        )
        for pool_name in ("batch", "many"):
            kube.add_pod(
                cluster, pool_name, nodeSelector={"agentpool": pool_name}, tolerations=[{"operator": "Exists"}]
            )
        kube.add_pod(cluster, "waiting", nodeSelector={"agentpool": "batch", "disk": "tape"})
    found = surveyed(face, "batch").pools["batch"]
    assert (str(found.unmanaged_pods), str(found.tied)) == (
        "default/Pod/batch",
        "default/Pod/batch, default/Pod/waiting",
    )
    asked = [one.path for one in face.world.requests if one.path.endswith("/api/v1/pods")]
    assert len(asked) == 3, "two nodes, and what has none"


def test_workloads_that_may_not_be_read_leave_every_pool_unread(face: Face) -> None:
    scope = f"/subscriptions/{seed.PAYMENTS}"
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, seed.READER, scope)
    face.world.access.assign(APP, seed.NODE_READER, scope)
    found = surveyed(face, "apps", "batch")
    assert {one.unreadable.partition(":")[0] for one in found.pools.values()} == {"KubernetesForbidden"}
    assert found.agent is None


def test_a_cluster_without_entra_is_entered_by_its_certificate_if_that_is_allowed(face: Face) -> None:
    with face.world.entered():
        cluster = face.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-local")
        face.world.add_pool(cluster, "system", count=2, mode="System", osSKU="AzureLinux", enableFIPS=True)
    ways = ENTRA_ONLY | {Way.CERTIFICATE}
    with face.kubernetes.open(read(face, "aks-local"), ways) as api:
        assert not isinstance(api, Unreadable)
        assert api.way is Way.CERTIFICATE
        found = list_nodes(api)
    assert not isinstance(found, Unreadable)
    assert len(found) == 2
    with face.kubernetes.open(read(face), ways) as api:
        assert not isinstance(api, Unreadable)
        assert api.way is Way.ENTRA, "where Entra is, no certificate is needed"


class Kept:
    """A lease that nobody takes away."""

    def __init__(self) -> None:
        self.saved: list[Memory] = []

    def check(self) -> None:
        """Go on."""

    def save(self, memory: Memory) -> None:
        """Keep it."""
        self.saved.append(memory)


@pytest.mark.parametrize(("level", "lie"), [("kernel", False), ("kernel", True), ("host", False)])
def test_nodes_are_proven_by_pods(face: Face, level: str, *, lie: bool) -> None:
    assert prove(face, f"level: {level}, image: busybox", lie=lie) is Way.ENTRA


def windows(face: Face, **how: Any) -> str:
    """A cluster with a Windows pool whose registry is as it should be, and a Linux pool, which commands need."""
    with face.world.entered():
        cluster = face.world.add_cluster(
            seed.PAYMENTS, "rg-payments", "aks-windows", entra=True, azure_rbac=True, **how
        )
        pool = face.world.add_pool(cluster, "win", count=3, osType="Windows", osSKU="Windows2022", enableFIPS=False)
        for node in rollout.nodes(cluster, pool):
            node.kernel_fips = 1
        face.world.add_pool(cluster, "system", count=1, mode="System", osSKU="AzureLinux", enableFIPS=True)
    return "aks-windows"


@pytest.mark.parametrize("lie", [True, False])
@pytest.mark.parametrize("private", [True, False])
def test_the_registry_of_windows_nodes_is_read(face: Face, *, private: bool, lie: bool) -> None:
    how = "level: node, windows_image: nanoserver, run_command: true"
    way = prove(face, how, name=windows(face, private=private), lie=lie)
    assert way is (Way.RUN_COMMAND if private else Way.ENTRA)


@pytest.mark.parametrize("lie", [True, False])
def test_nodes_outside_every_pool_are_asked(face: Face, *, lie: bool) -> None:
    with face.world.entered():
        inside = face.world.cluster_by_id(CLUSTER.arm_id)
        node = outside.add_provisioned_node(inside, osSKU="AzureLinux", enableFIPS=True)
    node.kernel_fips = 0 if lie else 1
    memory, evidence = rounds(face, "level: kernel, image: busybox")
    assert memory.strays
    assert (memory.strays.names, memory.strays.denying) == ((node.name,), int(lie))
    assert any("strays" in one.payload for one in evidence.chain(CLUSTER))


def test_some_speak_for_all_where_the_policy_allows_it(face: Face) -> None:
    with face.world.entered():
        inside = face.world.cluster_by_id(CLUSTER.arm_id)
        face.world.add_pool(inside, "large", count=30, osSKU="AzureLinux", enableFIPS=True)
    memory, _ = rounds(face, "level: kernel, image: busybox, sampling: true")
    proof = memory.pool("large").proof
    assert proof
    assert (proof.nodes, proof.sampled, proof.flawed) == (30, 10, False)


@pytest.mark.parametrize("ready", [True, False])
def test_nodes_of_a_pool_that_arm_calls_empty_are_seen(face: Face, *, ready: bool) -> None:
    inside = face.world.cluster_by_id(CLUSTER.arm_id)
    emptied = inside.pools["batch"]
    for node in rollout.nodes(inside, emptied):
        node.ready = ready
    emptied.properties.update({"count": 0, "enableFIPS": True})
    memory, _ = rounds(face, "level: node")
    assert memory.pool("batch").shown == 2


def test_a_node_that_is_not_ready_is_missing(face: Face) -> None:
    inside = face.world.cluster_by_id(CLUSTER.arm_id)
    first = read(face).pools[0].name
    rollout.nodes(inside, inside.pools[first])[0].ready = False
    memory, _ = rounds(face, "level: kernel, image: busybox")
    proof = memory.pool(first).proof
    assert proof
    assert (proof.missing, proof.disagreeing) == (1, ())


NARROW: list[dict[str, Any]] = [{"private": True}, {"authorized_ranges": ["203.0.113.0/24"]}]


def narrow(face: Face, **how: Any) -> str:
    with face.world.entered():
        cluster = face.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-narrow", entra=True, azure_rbac=True, **how)
        face.world.add_pool(cluster, "system", count=3, mode="System", osSKU="AzureLinux", enableFIPS=True)
    return "aks-narrow"


@pytest.mark.parametrize("how", NARROW)
@pytest.mark.parametrize("lie", [True, False])
def test_nodes_behind_a_narrow_network_are_proven_by_run_command(face: Face, how: dict[str, Any], *, lie: bool) -> None:
    way = prove(face, "level: kernel, image: busybox, run_command: true", name=narrow(face, **how), lie=lie)
    assert way is Way.RUN_COMMAND


@pytest.mark.parametrize("how", NARROW)
@pytest.mark.parametrize(("allowed", "disabled"), [(False, False), (True, True)])
def test_without_run_command_they_are_unknown_with_what_would_help(
    face: Face, how: dict[str, Any], *, allowed: bool, disabled: bool
) -> None:
    name = narrow(face, **how)
    with face.world.entered():
        inside = face.world.cluster_by_id(replace(CLUSTER, name=name).arm_id)
        inside.properties["apiServerAccessProfile"]["disableRunCommand"] = disabled
    ways = ENTRA_ONLY | ({Way.RUN_COMMAND} if allowed else set())
    with face.kubernetes.open(read(face, name), ways) as api:
        assert isinstance(api, Unreadable)
    assert (api.reason, api.retry_after) == ("Unreachable", None)
    cure = (
        "network (AKS run command is no way: the cluster has it switched off)."
        if disabled
        else "not to replace a pool."
    )
    assert "give it a way through the network" in api.message
    assert ("(proof.run_command) is a way to prove nodes" in api.message) != disabled
    assert api.message.endswith(cure)


def test_run_command_says_what_the_api_server_refuses(face: Face) -> None:
    name = narrow(face, private=True)
    face.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    for role in (seed.READER, seed.RUN_COMMAND):
        face.world.access.assign(APP, role, f"/subscriptions/{seed.PAYMENTS}")
    with face.kubernetes.open(read(face, name), frozenset(Way)) as api:
        assert not isinstance(api, Unreadable)
        refused = list_nodes(api)
        missing = api.get("/api/v1/namespaces/gone")
    assert isinstance(refused, Unreadable)
    assert refused.reason == "KubernetesForbidden"
    assert isinstance(missing, Answered)
    assert missing.status == 403


def test_without_its_role_run_command_is_refused(face: Face) -> None:
    name = narrow(face, private=True)
    face.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    face.world.access.assign(APP, seed.READER, f"/subscriptions/{seed.PAYMENTS}")
    with face.kubernetes.open(read(face, name), frozenset(Way)) as api:
        found = list_nodes(api)
    assert isinstance(found, Unreadable)
    assert found.reason == "Forbidden"


def prove(face: Face, proving: str, name: str = CLUSTER.name, *, lie: bool) -> Way:
    """Prove the first pool, of which one node may lie, and return the way."""
    cluster = read(face, name)
    inside = face.world.cluster_by_id(cluster.id.arm_id)
    pool = cluster.pools[0].name
    liar = rollout.nodes(inside, inside.pools[pool])[0]
    liar.kernel_fips = 0 if lie else 1
    memory, evidence = rounds(face, proving, name)
    proof = memory.pool(pool).proof
    assert proof
    assert proof.level.reaches(ProofLevel.KERNEL)
    assert proof.disagreeing == ((liar.name,) if lie else ())
    assert proof.nodes == cluster.pools[0].count
    assert memory.probing is None
    with face.world.entered():
        assert not [name for name in inside.kube.namespaces if name.startswith("fipswarden")]
    (record,) = [one for one in evidence.chain(CLUSTER) if one.payload.get("pool") == pool]
    return Way(record.payload["way"])


def rounds(face: Face, proving: str, name: str = CLUSTER.name) -> tuple[Memory, MemoryEvidence]:
    """Let some looks prove a cluster; return what they remember, and the evidence."""
    rules = ruled(f"mode: audit\nproof: {{{proving}}}\n")
    clock = face.world.clock
    assert isinstance(clock, ManualClock)
    cluster, memory, kept, evidence = read(face, name), Memory(), Kept(), MemoryEvidence()
    # By commands a search and the deletion are steps of their own.
    for _ in range(5):
        chain = Chain(evidence, CLUSTER, Head())
        chain.catch_up()
        memory = Proving(face.kubernetes, chain, clock.now(), kept).prove(cluster, memory, rules)
        clock.advance(timedelta(seconds=40))
    return memory, evidence


# Replacing a pool

ID = "0123456789abcdef0123456789abcdef"


def twin(of: Pool, name: str = "batchf") -> Action:
    """The creation of a pool's twin."""
    changes = {"enableFIPS": True, "osSKU": "AzureLinux3"}
    body = twin_body(of, changes, ID)
    return Action(ActionKind.REPLACE, of.name, of.etag or "", changes, body, method=Method.CREATE, target=name)


def deletion(of: Pool, etag: str = "") -> Action:
    return Action(ActionKind.REPLACE, of.name, etag or of.etag or "", {}, {}, method=Method.DELETE)


def test_a_twin_is_made_once_and_found_by_its_tag(face: Face) -> None:
    answer = face.clusters.begin(CLUSTER, twin(pool(face)), ID)
    assert isinstance(answer, Accepted)
    assert wait_for_end(face, answer.url).status is OperationStatus.SUCCEEDED
    made = pool(face, "batchf")
    assert (made.enable_fips, made.os_sku, made_for(made)) == (True, "AzureLinux3", ("batch", ID))
    assert made.body["nodeTaints"] == ["dedicated=batch:NoSchedule"]

    again = face.clusters.begin(CLUSTER, twin(pool(face)), ID)
    assert isinstance(again, Refused)
    assert again.reason == "Changed"
    assert pool(face).enable_fips is False, "its pool is as it was"


def test_a_pool_is_deleted_only_as_it_was_read(face: Face) -> None:
    stale = face.clusters.begin(CLUSTER, deletion(pool(face), "stale"), "intent-1")
    assert isinstance(stale, Refused)
    assert stale.reason == "Changed"

    answer = face.clusters.begin(CLUSTER, deletion(pool(face)), "intent-2")
    assert isinstance(answer, Accepted)
    assert pool(face).provisioning_state == "Deleting"
    assert wait_for_end(face, answer.url).status is OperationStatus.SUCCEEDED
    assert "batch" not in [one.name for one in read(face).pools]
    sent = [one for one in face.world.requests if one.method == "DELETE"]
    assert [(one.client_request_id, one.status) for one in sent] == [("intent-1", 412), ("intent-2", 202)]


def test_a_pool_is_not_deleted_without_the_role_for_that(face: Face) -> None:
    roles, scope = face.world.access.roles, f"/subscriptions/{seed.PAYMENTS}"
    found = pool(face)
    face.world.access.revoke(APP, scope)
    face.world.access.assign(APP, roles[seed.READER], scope)
    face.world.access.assign(APP, roles[seed.REMEDIATOR], scope)
    answer = face.clusters.begin(CLUSTER, deletion(found), "intent-1")
    assert isinstance(answer, Refused)
    assert answer.reason == "Forbidden"
    assert pool(face).provisioning_state == "Succeeded"


def test_nodes_are_cordoned_and_uncordoned_and_pods_evicted_as_budgets_allow(face: Face) -> None:
    with face.world.entered():
        there = face.world.cluster_by_id(CLUSTER.arm_id)
        tolerates: dict[str, Any] = {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"agentpool": "batch"}}
        kube.add_workload(there, "web", replicas=2, **tolerates)
        kube.add_budget(there, "web", min_available=1)
    clock = face.world.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=1))
    with face.kubernetes.open(read(face), ENTRA_ONLY) as api:
        assert not isinstance(api, Unreadable)
        hosts = [host for host in listed(api, NODES, read_place) if host.pool == "batch"]
        first = hosts[0].name
        (answer,) = api.send("PATCH", [draining.cordon(first, ID)])
        assert isinstance(answer, Answered)
        assert answer.ok
        marks = {host.name: (host.cordoned, draining.cordoned_for(host)) for host in listed(api, NODES, read_place)}
        assert marks[first] == (True, ID)
        assert sum(cordoned for cordoned, _ in marks.values()) == 1

        pods = [pod for pod in listed(api, PODS, read_left) if pod and pod.workload.endswith("/web")]
        other = replace(pods[0], uid="another")
        answers = api.send("POST", [draining.eviction(pod) for pod in (other, *pods)])
        statuses = [one.status for one in answers if isinstance(one, Answered)]
        assert statuses[0] == 409, "a pod of the same name is not meant"
        assert sorted(statuses[1:]) == [201, 429]

        api.send("PATCH", [draining.uncordon(first)])
        (host,) = [host for host in listed(api, NODES, read_place) if host.name == first]
        assert (host.cordoned, CORDON in host.labels) == (False, False)


def listed(api: KubernetesApi, path: str, reader: Any) -> tuple[Any, ...]:
    """Read a list that can be read."""
    found = read_all(api.get, path, reader, "items")
    assert not isinstance(found, Unreadable)
    return found
