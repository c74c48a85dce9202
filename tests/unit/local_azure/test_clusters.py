"""Managed clusters over ARM, and the events that operations end with."""

import json
from typing import Any

import pytest

from local import seed
from local.events import ResourceEvent
from local.world.access import APP, OPERATOR
from tests.builders import DATA
from tests.unit.local_azure.asking import CLUSTERS, OPERATION, PROD, Azure, operator

NEW = f"{CLUSTERS}/aks-new"
BODY: dict[str, Any] = {
    "location": "eastus",
    "tags": {"env": "dev"},
    "properties": {
        "kubernetesVersion": "1.35",
        "dnsPrefix": "new",
        "agentPoolProfiles": [{"name": "nodepool1", "count": 2, "vmSize": "", "mode": "System", "enableFIPS": True}],
    },
}


def listen(azure: Azure) -> list[ResourceEvent]:
    heard: list[ResourceEvent] = []
    azure.world.subscribe(heard.append)
    return heard


def test_a_cluster_is_created_with_its_pools(azure: Azure) -> None:
    owner = operator(azure)
    answered = owner.ask("PUT", NEW, BODY)
    assert answered.status == 201
    assert "eTag" not in answered.json()
    assert answered.json()["properties"]["agentPoolProfiles"][0]["provisioningState"] == "Creating"
    azure.pass_time()
    shown = azure.get(NEW).json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["currentKubernetesVersion"] == "1.35.1"
    (pool,) = shown["properties"]["agentPoolProfiles"]
    assert (pool["provisioningState"], pool["enableFIPS"]) == ("Succeeded", True)
    assert pool["nodeImageVersion"].startswith("AKSUbuntu-2204gen2fipscontainerd-")


def test_a_cluster_needs_a_pool_and_good_pools(azure: Azure) -> None:
    owner = operator(azure)
    assert owner.ask("PUT", NEW, {"location": "eastus", "properties": {}}).status == 400
    noble = {"name": "np", "osSKU": "Ubuntu2404", "enableFIPS": True}
    assert owner.ask("PUT", NEW, {"properties": {"agentPoolProfiles": [noble]}}).status == 400
    assert azure.get(NEW).status == 404


def test_a_pool_cannot_be_added_by_a_cluster_put(azure: Azure) -> None:
    body = operator(azure).get(PROD).json()
    body["properties"]["agentPoolProfiles"].append({"name": "extra"})
    answered = operator(azure).ask("PUT", PROD, body)
    assert (answered.status, answered.json()["code"]) == (400, "BadRequest")
    assert answered.json()["message"].startswith("A new agent pool was introduced.")


def test_a_cluster_put_can_switch_fips_of_its_pools(azure: Azure) -> None:
    body = operator(azure).get(PROD).json()
    for profile in body["properties"]["agentPoolProfiles"]:
        profile["enableFIPS"] = False
    assert operator(azure).ask("PUT", PROD, body).json()["properties"]["provisioningState"] == "Upgrading"
    azure.pass_time()
    assert {node.kernel_fips for node in azure.world.nodes(azure.world.cluster_by_id(PROD))} == {0}


def test_a_cluster_is_not_upgraded_here_and_says_so(azure: Azure) -> None:
    body = operator(azure).get(PROD).json()
    body["properties"]["kubernetesVersion"] = "1.35"
    assert operator(azure).ask("PUT", PROD, body).status == 400


def test_a_deleted_cluster_preempts_what_runs_and_is_gone(azure: Azure) -> None:
    running = azure.put_pool("apps", enableFIPS=False)
    assert operator(azure).ask("DELETE", PROD).status == 202
    assert azure.operation(running)["error"]["code"] == "AKSOperationPreemptedByDelete"
    azure.pass_time()
    assert azure.get(PROD).json()["error"]["code"] == "ResourceNotFound"
    assert operator(azure).ask("DELETE", PROD).status == 204


def test_maintenance_configurations_are_shown(azure: Azure) -> None:
    window = {"maintenanceWindow": {"durationHours": 4, "startTime": "01:00"}}
    azure.world.cluster_by_id(PROD).maintenance["aksManagedNodeOSUpgradeSchedule"] = window
    (shown,) = azure.get(f"{PROD}/maintenanceConfigurations").json()["value"]
    assert shown["properties"] == window
    assert azure.get(f"{PROD}/maintenanceConfigurations/{shown['name'].lower()}").json() == shown
    assert azure.get(f"{PROD}/maintenanceConfigurations/default").status == 404


@pytest.mark.parametrize("name", ["put_without_start_date", "put_default_one_hour"])
def test_a_maintenance_configuration_is_written_as_it_was_recorded(azure: Azure, name: str) -> None:
    recorded = json.loads((DATA / "arm" / "recorded.maintenanceConfigurations.json").read_text())["exchanges"][name]
    put_on_that_day = azure.clock.now().date().isoformat()
    expected = json.loads(json.dumps(recorded["response"]["body"]).replace("2023-07-25", put_on_that_day))
    path = f"{PROD}/maintenanceConfigurations/{expected['name']}"
    answered = operator(azure).ask("PUT", path, recorded["request"]["body"])
    assert answered.status == recorded["response"]["status"] == 200
    assert answered.json() == expected | {"id": path}
    assert azure.get(path).json() == answered.json()


def test_a_maintenance_configuration_is_replaced_and_taken_away(azure: Azure) -> None:
    owner, path = operator(azure), f"{PROD}/maintenanceConfigurations"
    for hours in (4, 8):
        owner.ask("PUT", f"{path}/default", {"properties": {"maintenanceWindow": {"durationHours": hours}}})
    owner.ask("PUT", f"{path}/DEFAULT", {"properties": {"maintenanceWindow": {"durationHours": 12}, "x": None}})
    (shown,) = azure.get(path).json()["value"]
    started = azure.clock.now().date().isoformat()
    assert shown["properties"] == {"maintenanceWindow": {"durationHours": 12, "startDate": started}}
    assert azure.ask("DELETE", f"{path}/default").status == 403, "the app may only look"
    assert [owner.ask("DELETE", f"{path}/Default").status for _ in range(2)] == [200, 204]
    assert azure.get(path).json() == {"value": []}


def test_a_write_is_told_when_the_operation_ends(azure: Azure) -> None:
    heard = listen(azure)
    azure.put_pool("apps", nodeLabels={"a": "b"})
    assert heard == []
    azure.pass_time(OPERATION / 4)
    (event,) = heard
    subject = PROD.replace("/resourceGroups/", "/resourcegroups/") + "/agentPools/apps"
    assert (event.event_type, event.subject) == ("Microsoft.Resources.ResourceWriteSuccess", subject)
    assert event.operation_name == "Microsoft.ContainerService/managedClusters/agentPools/write"
    assert (event.subscription_id, event.principal_id) == (seed.PAYMENTS, APP.object_id)
    assert event.time == azure.clock.now()
    assert event.data["resourceUri"] == subject
    assert event.data["status"] == "Succeeded"


def test_a_reimage_is_told_at_its_start_and_its_end(azure: Azure) -> None:
    heard = listen(azure)
    operator(azure).put_pool("apps", enableFIPS=False)
    azure.pass_time()
    assert [event.event_type.rpartition(".")[2] for event in heard] == [
        "NodePoolRollingStarted",
        "NodePoolRollingSucceeded",
        "ResourceWriteSuccess",
    ]
    assert (heard[0].subject, heard[0].topic, dict(heard[0].data)) == (
        "aks-payments-prod",
        PROD,
        {"nodePoolName": "apps"},
    )
    assert heard[2].principal_id == OPERATOR.object_id


def test_a_deletion_is_told_too(azure: Azure) -> None:
    heard = listen(azure)
    operator(azure).ask("DELETE", f"{PROD}/agentPools/apps")
    azure.pass_time()
    assert [event.event_type for event in heard] == ["Microsoft.Resources.ResourceDeleteSuccess"]


def test_events_keep_the_time_at_which_things_happened_however_late_somebody_looks(azure: Azure) -> None:
    heard = listen(azure)
    azure.put_pool("apps", enableFIPS=False)
    began = azure.clock.now()
    azure.pass_time(OPERATION * 10)
    assert [event.time - began for event in heard] == [OPERATION * 0, OPERATION, OPERATION]


def test_a_subscriber_may_ask_the_world_when_it_is_told(azure: Azure) -> None:
    states: list[str] = []
    azure.world.subscribe(lambda _: states.append(azure.pool("apps")["provisioningState"]))
    azure.put_pool("apps", nodeLabels={"a": "b"})
    azure.pass_time()
    assert states == ["Succeeded"]


def test_two_worlds_with_one_history_are_equal() -> None:
    one, other = (seed.example_world(), seed.example_world())
    ids = [[(c.id, c.etag, [p.etag for p in c.pools.values()]) for c in w.all_clusters()] for w in (one, other)]
    assert ids[0] == ids[1]
