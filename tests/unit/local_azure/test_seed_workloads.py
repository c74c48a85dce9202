"""What runs on the example fleet."""

from datetime import timedelta

import pytest

from local import seed
from local.clock import ManualClock
from tests.unit.local_azure.asking import START, Azure
from tests.unit.local_azure.kube import Kube


@pytest.fixture
def fleet() -> dict[str, Kube]:
    clock = ManualClock(START)
    world = seed.example_world(clock)
    azure = Azure(world, clock)
    azure.pass_time(timedelta(minutes=1))
    return {one.name: Kube(azure, one) for one in world.all_clusters() if one.kube.pods}


def test_every_workload_of_the_example_fleet_runs(fleet: dict[str, Kube]) -> None:
    phases = {
        name: {pod["status"]["phase"] for pod in kube.get("/api/v1/pods")["items"]} for name, kube in fleet.items()
    }
    filled = ("aks-payments-prod", "aks-cards-prod", "aks-windows-prod", "aks-build-dev")
    assert phases == {key: {"Running"} for key in filled}


def test_its_budgets_allow_a_reimage(fleet: dict[str, Kube]) -> None:
    budgets = [row for kube in fleet.values() for row in kube.table("/apis/policy/v1/poddisruptionbudgets")]
    assert {row[0]: row[3] for row in budgets} == {"storefront": 1, "vault": 1, "billing": 1}


def test_the_build_cluster_has_what_is_in_the_way(fleet: dict[str, Kube]) -> None:
    kube = fleet["aks-build-dev"]
    (volume,) = kube.get("/api/v1/persistentvolumes")["items"]
    assert volume["spec"]["csi"]["driver"] == "file.csi.azure.com"
    assert kube.names("/apis/karpenter.azure.com/v1beta1/aksnodeclasses") == ["default"]
    labelled = "/api/v1/nodes?labelSelector=karpenter.sh/nodepool,kubernetes.azure.com/fips_enabled=true"
    kernels = [kube.run("cat", "/proc/sys/crypto/fips_enabled", nodeName=name)["log"] for name in kube.names(labelled)]
    assert sorted(kernels) == ["0\n", "1\n"]
