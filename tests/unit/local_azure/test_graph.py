"""Resource Graph: the subset of its language, its paging, its lag, what it doesn't show."""

from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.faces import kql
from local.world.access import APP
from tests.unit.local_azure.asking import GROUP, PROD, Azure, empty_azure

FLEET = "resources | where type =~ 'Microsoft.ContainerService/managedClusters'"


def ask(azure: Azure, query: str, **body: Any) -> dict[str, Any]:
    answered = azure.ask("POST", "/providers/Microsoft.ResourceGraph/resources", {"query": query} | body)
    assert answered.status == 200, answered.body
    return answered.json()


def rows(azure: Azure, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(azure, query)["data"]
    return found


def test_a_row_has_the_cluster_with_its_pools_and_without_etags(azure: Azure) -> None:
    (row,) = rows(azure, FLEET)
    assert row["id"] == PROD
    assert row["type"] == "microsoft.containerservice/managedclusters"
    assert [(p["name"], p["enableFIPS"]) for p in row["properties"]["agentPoolProfiles"]] == [
        ("system", True),
        ("apps", True),
    ]
    assert "eTag" not in row["properties"]["agentPoolProfiles"][0]


def test_columns_are_projected_and_extended(azure: Azure) -> None:
    query = f"{FLEET} | extend key = tolower(id) | project key, name, k8s = properties.currentKubernetesVersion"
    assert rows(azure, query) == [{"key": PROD.lower(), "name": "aks-payments-prod", "k8s": "1.34.4"}]
    assert rows(azure, "resources | project properties.powerState.code") == [{"properties_powerState_code": "Running"}]


def test_pools_become_rows(azure: Azure) -> None:
    azure.world.add_pool(azure.world.cluster_by_id(PROD), "off")
    query = (
        f"{FLEET} | mv-expand pool = properties.agentPoolProfiles | where tobool(pool.enableFIPS) == false"
        " | project id, pool = tostring(pool.name), os = strcat(pool.osType, '/', pool.osSKU)"
    )
    assert rows(azure, query) == [{"id": PROD, "pool": "off", "os": "Linux/Ubuntu"}]


def test_rows_are_counted(azure: Azure) -> None:
    pools = f"{FLEET} | mv-expand pool = properties.agentPoolProfiles"
    assert rows(azure, f"{pools} | summarize count()") == [{"count_": 2}]
    assert rows(azure, f"{pools} | summarize pools = count() by mode = tostring(pool.mode) | order by mode asc") == [
        {"mode": "System", "pools": 1},
        {"mode": "User", "pools": 1},
    ]
    assert rows(azure, f"{FLEET} | where name == 'nobody' | summarize count()") == [{"count_": 0}]
    assert rows(azure, "resources | count") == [{"Count": 1}]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("name == 'AKS-PAYMENTS-PROD'", 0),
        ("name =~ 'AKS-PAYMENTS-PROD'", 1),
        ("name != 'x' and location == 'westeurope'", 1),
        ("name == 'x' or tags.env == 'prod'", 1),
        ("not(tags['env'] == 'prod')", 0),
        ("subscriptionId in ('a', '10000000-0000-4000-8000-000000000001')", 1),
        ("resourceGroup in~ ('RG-PAYMENTS')", 1),
        ("resourceGroup in ('RG-PAYMENTS')", 0),
        ("name contains 'PAY' and name startswith 'aks' and name has 'prod'", 1),
        ("array_length(properties.agentPoolProfiles) >= 2", 1),
        ("isempty(properties.nothing) and isnotnull(properties.agentPoolProfiles[0].name)", 1),
        ("properties.agentPoolProfiles[7].name == 'x'", 0),
        ("(name !~ 'aks-payments-prod') // a comment", 0),
    ],
)
def test_conditions_mean_what_they_say(azure: Azure, condition: str, wanted: int) -> None:
    assert len(rows(azure, f"resources | where {condition}")) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "",
        "machines",
        "resources | join kind=inner (resources) on id",
        "resources | where nothing == 1",
        "resources | where name ==",
        "resources | where name matches regex 'x'",
        "resources | project name name",
        "resources | extend tolower(name)",
        "resources | where parse_json(name) == 1",
        "resources | where tolower(name, id) == 'x'",
        "resources | project name | where id == 'x'",
        "resources | summarize sum(x)",
        "resources | take many",
        "resources | where name == 'open",
        "resources; resources",
    ],
)
def test_what_is_not_understood_is_refused_and_never_ignored(azure: Azure, query: str) -> None:
    answered = azure.ask("POST", "/providers/Microsoft.ResourceGraph/resources", {"query": query})
    assert answered.status == 400
    error = answered.json()["error"]
    assert (error["code"], error["details"][0]["code"]) == ("BadRequest", "InvalidQuery")


def test_options_that_are_not_known_are_refused(azure: Azure) -> None:
    body = {"query": "resources", "options": {"resultFormat": "table"}}
    assert azure.ask("POST", "/providers/Microsoft.ResourceGraph/resources", body).status == 400


def test_pages_hold_a_thousand_rows_and_lead_to_the_next() -> None:
    azure = empty_azure(limits=())
    seed.synthetic_fleet(azure.world, clusters=2300, pools=1)
    query = f"{FLEET} | project id | order by id asc"
    page = ask(azure, query)
    assert (page["totalRecords"], page["count"], page["resultTruncated"]) == (2301, 1000, "false")
    found = [row["id"] for row in page["data"]]
    while token := page.get("$skipToken"):
        page = ask(azure, query, options={"$skipToken": token})
        found += [row["id"] for row in page["data"]]
    assert len(found) == 2301
    assert found == sorted(set(found))


def test_a_smaller_page_can_be_asked_for(azure: Azure) -> None:
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-z")
    page = ask(azure, f"{FLEET} | order by name desc", options={"$top": 1})
    assert [row["name"] for row in page["data"]] == ["aks-z"]
    page = ask(azure, f"{FLEET} | order by name desc", options={"$top": 1, "$skipToken": page["$skipToken"]})
    assert [row["name"] for row in page["data"]] == ["aks-payments-prod"]
    assert "$skipToken" not in page


def test_without_the_id_there_is_no_next_page(azure: Azure) -> None:
    azure.world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-z")
    page = ask(azure, "resources | project name", options={"$top": 1})
    assert page["resultTruncated"] == "true"
    assert "$skipToken" not in page


def test_what_the_caller_may_not_read_is_silently_missing(azure: Azure) -> None:
    azure.world.add_subscription(seed.RESEARCH, "Research")
    azure.world.add_group(seed.RESEARCH, "rg-vault")
    azure.world.add_cluster(seed.RESEARCH, "rg-vault", "aks-vault")
    assert [row["name"] for row in rows(azure, FLEET)] == ["aks-payments-prod"]
    both = ask(azure, FLEET, subscriptions=[seed.PAYMENTS, seed.RESEARCH])
    assert both["totalRecords"] == 1
    refused = azure.ask(
        "POST",
        "/providers/Microsoft.ResourceGraph/resources",
        {"query": FLEET, "subscriptions": [seed.RESEARCH]},
    )
    assert refused.status == 403


def test_a_role_at_one_group_shows_that_group_only(azure: Azure) -> None:
    azure.world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    azure.world.add_group(seed.PAYMENTS, "rg-other")
    azure.world.add_cluster(seed.PAYMENTS, "rg-other", "aks-other")
    seed.grant(azure.world, GROUP)
    assert [row["name"] for row in rows(azure, FLEET)] == ["aks-payments-prod"]


def test_the_index_is_behind() -> None:
    azure = empty_azure(graph_lag=timedelta(minutes=5))
    assert rows(azure, FLEET) == []
    azure.pass_time(timedelta(minutes=5))
    query = f"{FLEET} | mv-expand pool = properties.agentPoolProfiles | where pool.name == 'apps'"
    query += " | project fips = tobool(pool.enableFIPS), state = pool.provisioningState"
    azure.put_pool("apps", enableFIPS=False)
    assert rows(azure, query) == [{"fips": True, "state": "Succeeded"}]
    azure.pass_time(timedelta(minutes=5))
    assert rows(azure, query) == [{"fips": False, "state": "Upgrading"}]
    azure.pass_time(timedelta(minutes=7))
    assert rows(azure, query) == [{"fips": False, "state": "Upgrading"}]
    azure.pass_time(timedelta(minutes=5))
    assert rows(azure, query) == [{"fips": False, "state": "Succeeded"}]


def test_a_deleted_cluster_stays_in_the_index_for_a_while() -> None:
    azure = empty_azure(graph_lag=timedelta(minutes=5))
    azure.pass_time(timedelta(minutes=5))
    with azure.world.entered():
        azure.world.remove_cluster(azure.world.cluster_by_id(PROD))
    assert azure.get(PROD).status == 404
    assert len(rows(azure, FLEET)) == 1
    azure.pass_time(timedelta(minutes=5))
    assert rows(azure, FLEET) == []


def test_too_many_queries_are_throttled_and_the_quota_is_told(azure: Azure) -> None:
    path = "/providers/Microsoft.ResourceGraph/resources"
    answers = [azure.ask("POST", path, {"query": FLEET}) for _ in range(16)]
    assert [answer.status for answer in answers] == [200] * 15 + [429]
    assert answers[0].header("x-ms-user-quota-remaining") == "14"
    assert answers[0].header("x-ms-user-quota-resets-after") == "00:00:05"
    assert answers[-1].header("Retry-After") == "1"


def test_subscriptions_and_groups_are_rows_of_resourcecontainers(azure: Azure) -> None:
    query = "resourcecontainers | where type == 'microsoft.resources/subscriptions' | project subscriptionId, name"
    assert rows(azure, query) == [{"subscriptionId": seed.PAYMENTS, "name": "Payments"}]


def test_columns_can_be_taken_away() -> None:
    table = kql.run("t | project-away b | take 1", {"t": kql.Table(("a", "b"), [{"a": 1, "b": 2}, {"a": 3, "b": 4}])})
    assert [dict(row) | {c: row[c] for c in table.columns} for row in table.rows] == [{"a": 1}]
