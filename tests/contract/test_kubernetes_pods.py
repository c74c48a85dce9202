"""The unmodified Kubernetes client on the local Azure: namespaces, pods, logs, evictions, cordons, watches."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.clock import ManualClock
from local.faces import kubeconfig
from local.server import LocalAzure
from local.world.access import OPERATOR
from local.world.kube import builders
from local.world.model import Cluster

NAMESPACE = "probe"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Client:
    """Kubernetes' own client as the cluster's owner, and the world behind it."""

    api: Any
    clock: ManualClock
    cluster: Cluster

    @property
    def core(self) -> Any:
        """Return the core group."""
        from kubernetes import client

        return client.CoreV1Api(self.api)

    @property
    def policy(self) -> Any:
        """Return the policy group."""
        from kubernetes import client

        return client.PolicyV1Api(self.api)

    def nodes(self) -> list[str]:
        """Return the names of the nodes."""
        return [node.metadata.name for node in self.core.list_node().items]

    def probe(self, node: str, script: str) -> str:
        """Create a pod on a node; return its name."""
        body = {
            "metadata": {"generateName": "probe-", "labels": {"app": "probe"}},
            "spec": {
                "nodeName": node,
                "restartPolicy": "Never",
                "activeDeadlineSeconds": 120,
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "probe", "image": "busybox", "command": ["sh", "-c", script]}],
            },
        }
        made: Any = self.core.create_namespaced_pod(NAMESPACE, body)
        return str(made.metadata.name)


@pytest.fixture
def client() -> Iterator[Client]:
    from kubernetes import client as kubernetes

    clock = ManualClock(seed.EPOCH)
    world = seed.empty_world(clock)
    cluster = seed.payments_prod(world)
    with LocalAzure(world) as azure:
        configuration = kubernetes.Configuration(host=azure.arm_endpoint + kubeconfig.path(cluster))
        configuration.ssl_ca_cert = str(azure.ca_file)
        token, _ = world.access.token(OPERATOR, kubeconfig.KUBERNETES_AUDIENCE)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        with kubernetes.ApiClient(configuration) as api:
            found = Client(api, clock, cluster)
            found.core.create_namespace({"metadata": {"name": NAMESPACE}})
            yield found


def test_a_probe_runs_answers_and_is_removed(client: Client) -> None:
    script = (
        "printf '%s' \"$(cat /proc/sys/crypto/fips_enabled)\" > /dev/termination-log; cat /proc/sys/crypto/fips_enabled"
    )
    name = client.probe(client.nodes()[0], script)
    client.clock.advance(MINUTE)
    pod = client.core.read_namespaced_pod(name, NAMESPACE)
    ended = pod.status.container_statuses[0].state.terminated
    assert (pod.status.phase, ended.exit_code, ended.message) == ("Succeeded", 0, "1")
    assert ended.started_at >= pod.status.start_time
    assert "@sha256:" in pod.status.container_statuses[0].image_id
    assert client.core.read_namespaced_pod_log(name, NAMESPACE) == "1\n"
    client.core.delete_namespaced_pod(name, NAMESPACE)
    assert client.core.list_namespaced_pod(NAMESPACE).items == []


def test_pods_are_listed_in_pieces_by_labels_and_deleted_together(client: Client) -> None:
    for node in client.nodes():
        client.probe(node, "true")
    client.clock.advance(MINUTE)
    page = client.core.list_namespaced_pod(NAMESPACE, limit=4, label_selector="app=probe")
    rest = client.core.list_namespaced_pod(NAMESPACE, limit=4, _continue=page.metadata._continue)
    assert (len(page.items), len(rest.items)) == (4, 2)
    assert {pod.status.phase for pod in client.core.list_pod_for_all_namespaces().items} == {"Succeeded"}
    client.core.delete_collection_namespaced_pod(NAMESPACE, label_selector="app=probe")
    assert client.core.list_namespaced_pod(NAMESPACE).items == []


def test_refusals_arrive_with_their_code_and_words(client: Client) -> None:
    from kubernetes.client.exceptions import ApiException

    with pytest.raises(ApiException) as taken:
        client.core.create_namespace({"metadata": {"name": NAMESPACE}})
    with pytest.raises(ApiException) as missing:
        client.core.read_namespaced_pod("nobody", NAMESPACE)
    client.core.delete_namespace(NAMESPACE)
    with pytest.raises(ApiException) as ending:
        client.probe(client.nodes()[0], "true")
    assert (taken.value.status, missing.value.status, ending.value.status) == (409, 404, 403)
    client.clock.advance(MINUTE)
    assert NAMESPACE not in [one.metadata.name for one in client.core.list_namespace().items]


def test_nodes_are_cordoned_and_pods_evicted_through_their_budget(client: Client) -> None:
    from kubernetes.client.exceptions import ApiException

    builders.add_workload(client.cluster, "web", namespace=NAMESPACE, replicas=2)
    builders.add_budget(client.cluster, "web", namespace=NAMESPACE, max_unavailable=1)
    client.clock.advance(MINUTE)
    first, second = client.core.list_namespaced_pod(NAMESPACE).items
    assert client.core.patch_node(first.spec.node_name, {"spec": {"unschedulable": True}}).spec.unschedulable
    client.core.create_namespaced_pod_eviction(first.metadata.name, NAMESPACE, eviction(first))
    with pytest.raises(ApiException) as refused:
        client.core.create_namespaced_pod_eviction(second.metadata.name, NAMESPACE, eviction(second))
    assert (refused.value.status, "DisruptionBudget" in str(refused.value.body)) == (429, True)
    (budget,) = client.policy.list_pod_disruption_budget_for_all_namespaces().items
    assert (budget.status.disruptions_allowed, budget.status.expected_pods) == (0, 2)
    client.clock.advance(MINUTE)
    after = client.core.list_namespaced_pod(NAMESPACE).items
    assert first.spec.node_name not in {pod.spec.node_name for pod in after}
    assert {pod.status.phase for pod in after} == {"Running"}


def eviction(pod: Any) -> dict[str, Any]:
    metadata = {"name": pod.metadata.name, "namespace": pod.metadata.namespace}
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}


def test_volumes_and_classes_are_models_of_the_client(client: Client) -> None:
    from kubernetes import client as kubernetes

    builders.add_default_storage_classes(client.cluster)
    builders.add_volume(client.cluster, "files", builders.azure_file(), claim="files", namespace=NAMESPACE)
    (volume,) = client.core.list_persistent_volume().items
    assert (volume.spec.csi.driver, volume.spec.claim_ref.name) == ("file.csi.azure.com", "files")
    (claim,) = client.core.list_persistent_volume_claim_for_all_namespaces().items
    assert claim.spec.volume_name == "files"
    classes: Any = kubernetes.StorageV1Api(client.api).list_storage_class()
    assert "azurefile-csi" in [one.metadata.name for one in classes.items]


def watched(client: Client, since: str, **options: Any) -> Iterator[Any]:
    """Watch the namespace's pods."""
    from kubernetes import watch

    stream: Any = watch.Watch
    yield from stream().stream(client.core.list_namespaced_pod, NAMESPACE, resource_version=since, **options)


def test_a_watch_tells_of_a_pod(client: Client) -> None:
    since = client.core.list_namespaced_pod(NAMESPACE).metadata.resource_version
    name = client.probe(client.nodes()[0], "sleep infinity")
    event = next(watched(client, since, timeout_seconds=5))
    assert event["object"].metadata.name == name


def test_a_watch_that_nothing_happens_to_ends(client: Client) -> None:
    since = client.core.list_namespaced_pod(NAMESPACE).metadata.resource_version
    assert list(watched(client, since, timeout_seconds=1)) == []
