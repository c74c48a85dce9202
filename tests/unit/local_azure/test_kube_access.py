"""Who may do what on an API server, with Azure RBAC and without."""

import pytest

from local import seed
from local.world.access import APP, Role
from local.world.kube import builders, outside
from local.world.kube.state import Rule
from tests.unit.local_azure.asking import PROD, Azure
from tests.unit.local_azure.kube import PODS, Kube, kube_of

NODE = "/api/v1/nodes/nobody"


@pytest.fixture
def app(azure: Azure) -> Kube:
    azure.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    return kube_of(azure, APP)


def allow(kube: Kube, *actions: str, scope: str = PROD) -> None:
    named = tuple(f"Microsoft.ContainerService/managedClusters/{action}" for action in actions)
    kube.azure.world.access.assign(APP, Role("given", (), data_actions=named), scope)


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        ("pods/read", "GET", "/api/v1/pods"),
        ("pods/read", "GET", f"{PODS}/nobody"),
        ("pods/write", "POST", PODS),
        ("pods/write", "POST", f"{PODS}/nobody/eviction"),
        ("pods/delete", "DELETE", f"{PODS}/nobody"),
        ("pods/delete", "DELETE", PODS),
        ("namespaces/read", "GET", "/api/v1/namespaces"),
        ("namespaces/write", "POST", "/api/v1/namespaces"),
        ("namespaces/delete", "DELETE", "/api/v1/namespaces/nobody"),
        ("nodes/read", "GET", NODE),
        ("nodes/write", "PATCH", NODE),
        ("persistentvolumes/read", "GET", "/api/v1/persistentvolumes"),
        ("persistentvolumeclaims/read", "GET", "/api/v1/persistentvolumeclaims"),
        ("policy/poddisruptionbudgets/read", "GET", "/apis/policy/v1/poddisruptionbudgets"),
        ("storage.k8s.io/storageclasses/read", "GET", "/apis/storage.k8s.io/v1/storageclasses"),
        ("apps/daemonsets/read", "GET", "/apis/apps/v1/daemonsets"),
        ("*/read", "GET", "/apis/karpenter.azure.com/v1beta1/aksnodeclasses"),
    ],
)
def test_azure_rbac_asks_for_the_data_action(app: Kube, action: str, method: str, path: str) -> None:
    refused = app.ask(method, path)
    assert (refused.status, refused.json()["reason"]) == (403, "Forbidden")
    allow(app, action)
    assert app.ask(method, path).status != 403


def test_an_action_may_be_given_in_one_namespace(app: Kube) -> None:
    allow(app, "pods/read", scope=f"{PROD}/namespaces/default")
    assert app.ask("GET", PODS).status == 200
    assert app.ask("GET", "/api/v1/pods").status == 403


def test_an_action_named_like_a_custom_resource_gives_nothing(app: Kube) -> None:
    allow(app, "karpenter.azure.com/aksnodeclasses/read")
    assert app.ask("GET", "/apis/karpenter.azure.com/v1beta1/aksnodeclasses").status == 403


def test_logs_have_no_action_unless_the_cluster_asks_as_guard_does(app: Kube) -> None:
    allow(app, "pods/read", "pods/write")
    builders.add_pod(app.cluster, "a")
    app.wait()
    assert app.ask("GET", f"{PODS}/a/log").status == 403
    app.cluster.kube.pods_read_covers_logs = True
    assert app.ask("GET", f"{PODS}/a/log").status == 200


def test_the_refusal_names_the_verb_the_resource_and_the_namespace(app: Kube) -> None:
    message = app.ask("POST", f"{PODS}/a/eviction").json()["message"]
    assert f'User "{APP.object_id}" cannot create resource "pods/eviction" in API group ""' in message
    assert message.endswith('in the namespace "default"')
    assert app.ask("GET", "/api/v1/pods?watch=1").json()["message"].endswith("at the cluster scope")


def bound(azure: Azure, *rules: Rule) -> Kube:
    cluster = azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-bound", entra=True)
    azure.world.add_pool(cluster, "system", count=1, mode="System")
    cluster.kube.bindings[APP.object_id] = rules
    return Kube(azure, cluster, APP)


def test_a_cluster_of_its_own_asks_its_bindings(azure: Azure) -> None:
    kube = bound(azure, Rule(("get", "list"), ("pods", "pods/log")))
    assert kube.ask("GET", "/api/v1/pods").status == 200
    assert kube.ask("GET", f"{PODS}/nobody/log").status == 404
    assert kube.ask("DELETE", f"{PODS}/nobody").status == 403
    assert kube.ask("GET", "/api/v1/nodes").status == 403


def test_a_binding_may_give_everything(azure: Azure) -> None:
    kube = bound(azure, Rule(("*",), ("*",)))
    assert kube.create("a").status == 201


def test_readers_read_nodes_and_nothing_else(azure: Azure) -> None:
    kube = bound(azure)
    kube.cluster.readers = frozenset({APP.object_id})
    assert kube.ask("GET", "/api/v1/nodes").status == 200
    assert kube.ask("PATCH", NODE).status == 403
    assert kube.ask("GET", "/api/v1/pods").status == 403


def test_node_classes_are_found_where_karpenter_has_them(kube: Kube) -> None:
    outside.add_node_class(kube.cluster, fipsMode="FIPS")
    (found,) = kube.get("/apis/karpenter.azure.com/v1beta1/aksnodeclasses")["items"]
    assert (found["kind"], found["spec"]["fipsMode"]) == ("AKSNodeClass", "FIPS")
    assert kube.ask("GET", "/apis/karpenter.azure.com/v1beta1/aksnodeclasses/nobody").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/pods",
        "/apis/apps/v1/pods",
        "/api/v1/pods/a/b/c",
        "/api/v1/namespaces/x/nodes",
        "/nothing",
        f"{PODS}/a/exec",
    ],
)
def test_what_no_api_server_has_is_not_found(kube: Kube, path: str) -> None:
    assert kube.ask("GET", path).status == 404
