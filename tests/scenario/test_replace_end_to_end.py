"""Replacements through the app's own bindings, Azurite and the SDKs; test_replace.py does more, in memory."""

from pathlib import Path
from typing import Any

import pytest

from local.world.kube import builders as kube
from local.world.kube import pods
from local.world.kube.state import Kube
from shared.domain.records import RecordKind
from tests.scenario.conftest import CLUSTER, Job, Start
from tests.scenario.proving import IMAGE, WINDOWS_IMAGE
from tests.waiting import eventually

RULES = f"""version: 1
mode: enforce
strategy: replace
proof: {{ level: kernel, image: "{IMAGE}", windows_image: "{WINDOWS_IMAGE}" }}
"""
SIZES = [{"size": "Standard_D4ds_v5", "count": 1}, {"size": "Standard_D8ds_v5", "count": 1}]
MACHINES: dict[str, Any] = {"type": "VirtualMachines", "virtualMachinesProfile": {"scale": {"manual": SIZES}}}


@pytest.fixture
def replacing(start: Start, tmp_path: Path) -> Job:
    """The stack with a policy that asks for kernels, and for replacements."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(RULES, encoding="utf-8")
    return start(FIPSWARDEN_POLICY=f"file:{policy}")


def kube_of(job: Job) -> Kube:
    """What the cluster's API server keeps."""
    return job.world.cluster_by_id(CLUSTER.arm_id).kube


def phases(job: Job) -> set[str]:
    """How its pods are."""
    with job.world.entered():
        pods.settle(job.world.cluster_by_id(CLUSTER.arm_id))
        return {pod.phase for pod in kube_of(job).pods.values()}


def sent(job: Job) -> list[tuple[str, str, int]]:
    """What was sent to pools: method, pool and status."""
    return [
        (one.method, one.path.rpartition("/")[2], one.status)
        for one in job.world.requests
        if one.method in ("PUT", "DELETE") and "/agentpools/" in one.path.lower()
    ]


@pytest.mark.parametrize(
    ("name", "twin", "properties", "system"),
    [
        ("win19", "win19f", {"osType": "Windows", "osSKU": "Windows2019"}, "windows"),
        ("flat", "flatf", {"osSKU": "Flatcar", "vmSize": None, **MACHINES}, "linux"),
    ],
)
def test_a_pool_is_replaced_proven_and_deleted(
    replacing: Job, name: str, twin: str, properties: dict[str, Any], system: str
) -> None:
    job = replacing
    pool = job.add_pool(name, event=False, nodeLabels={"team": "erp"}, **properties)
    before = dict(pool.properties)
    with job.world.entered():
        cluster = job.world.cluster_by_id(CLUSTER.arm_id)
        selector = {"kubernetes.io/os": system, "team": "erp"}
        containers = [{"name": "main", "image": WINDOWS_IMAGE if system == "windows" else IMAGE}]
        kube.add_workload(cluster, "billing", replicas=3, nodeSelector=selector, containers=containers)
        kube.add_budget(cluster, "billing", max_unavailable=1)
    job.publish(name)
    eventually(lambda: name not in cluster.pools, f"{name} is deleted", lambda: (job.outcomes(), job.state(twin)))
    job.becomes("compliant: NodesProven", twin)
    eventually(lambda: job.outcomes() == ["accepted", "succeeded"] * 2, "both operations end", job.outcomes)
    job.stack.host.idle(60)
    assert sent(job) == [("PUT", twin, 201), ("DELETE", name, 202)]
    with job.world.entered():
        made = cluster.pools[twin].properties
        running = kube_of(job)
        assert (running.lost, running.killed_protected) == (0, 0)
    eventually(lambda: phases(job) == {"Running"}, "every pod runs", lambda: phases(job))
    varies = {"osSKU", "enableFIPS", "tags", "upgradeStrategy"}
    assert {key: value for key, value in made.items() if key not in varies} == {
        key: value for key, value in before.items() if key not in varies
    }
    proofs = [one.payload for one in job.chain() if one.kind is RecordKind.PROOF and one.payload["pool"] == twin]
    assert {proof["level"] for proof in proofs} == {"kernel"}
    assert not job.budget().places
