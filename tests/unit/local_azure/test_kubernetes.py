"""The Kubernetes API of every cluster: who may, and what nodes look like."""

import base64
import json
from typing import Any

import pytest

from local import faces, seed
from local.faces import Response, kubeconfig
from local.world import rollout
from local.world.access import APP
from local.world.faults import Answer, Drop, Fault
from tests.unit.local_azure.asking import OPERATION, PROD, Azure, operator

HERE = f"/k8s/{seed.PAYMENTS}/rg-payments/aks-payments-prod"
NODES = "/api/v1/nodes"


def ask(azure: Azure, path: str, at: str = HERE, accept: str = "application/json", **more: Any) -> Response:
    token, _ = azure.world.access.token(azure.who, kubeconfig.KUBERNETES_AUDIENCE)
    headers = {"Authorization": f"Bearer {token}", "Accept": accept} | more
    return faces.handle(azure.world, faces.request("GET", f"{at}{path}", headers=headers))


def names(answered: Response) -> list[str]:
    return [str(item["metadata"]["name"]) for item in answered.json()["items"]]


def test_nodes_have_the_names_and_labels_that_aks_gives(azure: Azure) -> None:
    node = ask(azure, f"{NODES}?labelSelector=agentpool=apps").json()["items"][0]
    cluster = azure.world.cluster_by_id(PROD)
    assert node["metadata"]["name"] == f"aks-apps-{rollout.digits(cluster)}-vmss000000"
    labels = node["metadata"]["labels"]
    assert labels["kubernetes.azure.com/fips_enabled"] == "true"
    assert labels["kubernetes.azure.com/agentpool"] == "apps"
    assert labels["kubernetes.azure.com/mode"] == "user"
    assert labels["kubernetes.azure.com/node-image-version"] == azure.pool("apps")["nodeImageVersion"]
    assert (labels["kubernetes.azure.com/os-sku"], labels["kubernetes.azure.com/os-sku-effective"]) == (
        "AzureLinux",
        "AzureLinux3",
    )
    assert labels["topology.kubernetes.io/zone"] == "westeurope-1"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.4"


def test_only_fips_nodes_have_the_label(azure: Azure) -> None:
    azure.world.add_pool(azure.world.cluster_by_id(PROD), "off", count=2)
    found = names(ask(azure, f"{NODES}?labelSelector=kubernetes.azure.com/fips_enabled=true"))
    assert len(found) == 6
    assert not any("off" in name for name in found)


def test_a_reimaged_node_has_a_new_uid_and_boot(azure: Azure) -> None:
    def identities() -> dict[str, tuple[str, str]]:
        items = ask(azure, f"{NODES}?labelSelector=agentpool=apps").json()["items"]
        return {n["metadata"]["name"]: (n["metadata"]["uid"], n["status"]["nodeInfo"]["bootID"]) for n in items}

    before = identities()
    azure.put_pool("apps", enableFIPS=False)
    azure.pass_time()
    after = identities()
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)


def test_a_cordoned_node_shows_it(azure: Azure) -> None:
    rollout.nodes(azure.world.cluster_by_id(PROD), azure.world.cluster_by_id(PROD).pools["apps"])[
        0
    ].unschedulable = True
    (name,) = names(ask(azure, f"{NODES}?fieldSelector=spec.unschedulable=true"))
    table = ask(azure, f"{NODES}/{name}", accept="application/json;as=Table;v=v1;g=meta.k8s.io").json()
    assert table["rows"][0]["cells"][:3] == [name, "Ready,SchedulingDisabled", "<none>"]


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("", 6),
        ("agentpool=apps", 3),
        ("agentpool==apps,kubernetes.io/os=linux", 3),
        ("agentpool!=apps", 3),
        ("agentpool in (apps, system)", 6),
        ("agentpool notin (apps)", 3),
        ("!kubernetes.azure.com/fips_enabled", 0),
        ("kubernetes.azure.com/fips_enabled", 6),
    ],
)
def test_label_selectors_pick_nodes(azure: Azure, selector: str, count: int) -> None:
    assert len(names(ask(azure, f"{NODES}?labelSelector={selector}"))) == count


@pytest.mark.parametrize("query", ["labelSelector=a=b=c", "fieldSelector=status.phase=x", "limit=x", "continue=!"])
def test_a_bad_query_is_refused(azure: Azure, query: str) -> None:
    assert ask(azure, f"{NODES}?{query}").status == 400


def test_lists_come_in_pieces(azure: Azure) -> None:
    found: list[str] = []
    path = f"{NODES}?limit=4"
    while True:
        page = ask(azure, path)
        found += names(page)
        metadata = page.json()["metadata"]
        if "continue" not in metadata:
            break
        assert metadata["remainingItemCount"] == 2
        path = f"{NODES}?limit=4&continue={metadata['continue']}"
    assert found == names(ask(azure, NODES))


def test_kubectl_gets_a_table(azure: Azure) -> None:
    table = ask(azure, NODES, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json").json()
    assert table["kind"] == "Table"
    shown = [column["name"] for column in table["columnDefinitions"] if column["priority"] == 0]
    assert shown == ["Name", "Status", "Roles", "Age", "Version"]
    assert len(table["rows"]) == 6


def test_the_age_of_nodes_grows(azure: Azure) -> None:
    def age() -> str:
        table = ask(azure, NODES, accept="application/json;as=Table;v=v1;g=meta.k8s.io").json()
        return str(table["rows"][0]["cells"][3])

    ages = [age()]
    for _ in range(3):
        azure.pass_time(OPERATION * 20)
        ages.append(age())
    assert ages == ["0s", "4h", "8h", "12h"]


def test_a_node_that_is_not_there_is_a_kubernetes_404(azure: Azure) -> None:
    body = ask(azure, f"{NODES}/nobody").json()
    assert (body["kind"], body["code"], body["reason"]) == ("Status", 404, "NotFound")
    assert ask(azure, "/api/v1/services").status == 404


@pytest.mark.parametrize("path", ["/version", "/api", "/apis", "/api/v1", "/healthz"])
def test_what_clients_ask_first_is_answered(azure: Azure, path: str) -> None:
    assert ask(azure, path).status == 200


def test_namespaces_are_found_by_name(azure: Azure) -> None:
    owner = operator(azure)
    assert names(ask(owner, "/api/v1/namespaces"))[-1] == "kube-system"
    assert ask(owner, "/api/v1/namespaces/kube-system").json()["status"]["phase"] == "Active"
    assert ask(owner, "/api/v1/namespaces/nobody").status == 404
    assert ask(azure, "/apis/karpenter.azure.com/v1beta1/aksnodeclasses").status == 403


def test_a_token_for_arm_is_no_token_for_a_cluster(azure: Azure) -> None:
    token, _ = azure.world.access.token(APP, "https://management.azure.com")
    body = ask(azure, NODES, Authorization=f"Bearer {token}").json()
    assert (body["kind"], body["code"], body["reason"]) == ("Status", 401, "Unauthorized")


def test_without_the_data_action_nodes_are_forbidden(azure: Azure) -> None:
    azure.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    body = ask(azure, NODES).json()
    assert (body["code"], body["reason"]) == (403, "Forbidden")
    assert f'User "{APP.object_id}" cannot list resource "nodes"' in body["message"]
    assert ask(azure, "/version").status == 200


def test_a_cluster_without_azure_rbac_asks_its_own_bindings(azure: Azure) -> None:
    cluster = azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-bound", entra=True)
    at = kubeconfig.path(cluster)
    assert ask(azure, NODES, at).status == 403
    assert ask(operator(azure), NODES, at).status == 200
    cluster.readers = frozenset({APP.object_id})
    assert ask(azure, NODES, at).status == 200


def credential(azure: Azure, cluster: str) -> dict[str, Any]:
    answered = azure.ask("POST", f"{cluster}/listClusterUserCredential").json()
    config = json.loads(base64.b64decode(answered["kubeconfigs"][0]["value"]))
    found: dict[str, Any] = config["users"][0]["user"]
    return found


def test_an_entra_cluster_hands_out_a_plugin(azure: Azure) -> None:
    plugin = credential(azure, PROD)["exec"]
    assert plugin["command"] == "kubelogin"
    assert kubeconfig.KUBERNETES_AUDIENCE in plugin["args"]


def test_a_cluster_with_local_accounts_takes_what_its_kubeconfig_holds_and_nothing_else(azure: Azure) -> None:
    cluster = azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-local")
    at = kubeconfig.path(cluster)
    held = credential(azure, cluster.id)
    assert ask(azure, NODES, at).status == 401
    assert ask(azure, NODES, at, Authorization=f"Bearer {held['token']}").status == 200
    assert base64.b64decode(held["client-certificate-data"]).startswith(b"-----BEGIN CERTIFICATE")
    shown = faces.request("GET", f"{at}{NODES}", client_certificate=kubeconfig.common_name(cluster))
    assert faces.handle(azure.world, shown).status == 200
    other = faces.request("GET", f"{at}{NODES}", client_certificate="masterclient-other")
    assert faces.handle(azure.world, other).status == 401


def test_disabled_local_accounts_have_no_administrator(azure: Azure) -> None:
    azure.world.cluster_by_id(PROD).properties["disableLocalAccounts"] = True
    assert operator(azure).ask("POST", f"{PROD}/listClusterAdminCredential").status == 400


def test_a_stopped_or_missing_cluster_has_no_api_server(azure: Azure) -> None:
    assert ask(azure, NODES, f"/k8s/{seed.PAYMENTS}/rg-payments/aks-missing").drop
    azure.world.cluster_by_id(PROD).power_state = "Stopped"
    assert ask(azure, NODES).drop


def test_a_label_can_be_lost_and_a_kernel_can_disagree(azure: Azure) -> None:
    cluster = azure.world.cluster_by_id(PROD)
    odd = rollout.nodes(cluster, cluster.pools["apps"])[1]
    odd.labels["kubernetes.azure.com/fips_enabled"] = None
    odd.kernel_fips = 0
    found = names(ask(azure, f"{NODES}?labelSelector=!kubernetes.azure.com/fips_enabled"))
    assert found == [odd.name]


def test_faults_reach_clusters_too(azure: Azure) -> None:
    azure.world.faults.add(Fault(Answer(500, "InternalError", "etcd"), kind="kubernetes"))
    azure.world.faults.add(Fault(Drop(), kind="kubernetes"))
    assert ask(azure, NODES).json()["message"] == "etcd"
    assert ask(azure, NODES).drop
    assert ask(azure, NODES).status == 200
    assert [entry.status for entry in azure.world.requests][-3:] == [500, 0, 200]
