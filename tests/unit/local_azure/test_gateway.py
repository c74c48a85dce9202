"""ARM's gateway: who calls, may he, is it too often, what goes wrong on purpose."""

from datetime import timedelta

import pytest

from local import faces, seed
from local.faces import Response
from local.world.access import APP, OPERATOR
from local.world.faults import Answer, Delay, Drop, Fault, LostAnswer
from tests.unit.local_azure.asking import ARM, CLUSTERS, GROUP, PROD, Azure, empty_azure, operator


def error(response: Response) -> tuple[int, str]:
    return response.status, response.json()["error"]["code"]


def with_authorization(azure: Azure, value: str | None) -> Response:
    headers = {} if value is None else {"Authorization": value}
    return faces.handle(azure.world, faces.request("GET", f"{PROD}?api-version=2026-08-01", headers=headers))


def test_without_a_token_the_answer_is_401_with_a_challenge(azure: Azure) -> None:
    answered = with_authorization(azure, None)
    assert error(answered) == (401, "AuthenticationFailed")
    assert answered.header("WWW-Authenticate").startswith('Bearer authorization_uri="https://localhost/')


@pytest.mark.parametrize(
    ("audience", "lifetime", "code"),
    [
        ("https://vault.azure.net", 3600, "InvalidAuthenticationTokenAudience"),
        (ARM, -10, "ExpiredAuthenticationToken"),
    ],
)
def test_a_token_for_another_audience_or_time_is_refused(azure: Azure, audience: str, lifetime: int, code: str) -> None:
    token, _ = azure.world.access.token(APP, audience, lifetime)
    assert error(with_authorization(azure, f"Bearer {token}")) == (401, code)


def test_a_forged_token_is_refused(azure: Azure) -> None:
    token, _ = azure.world.access.token(APP, ARM)
    head, claims, _ = token.split(".")
    assert error(with_authorization(azure, f"Bearer {head}.{claims}.AAAA")) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    "audience", ["https://management.azure.com/", "https://management.core.windows.net", "https://localhost"]
)
def test_every_audience_of_arm_is_accepted(azure: Azure, audience: str) -> None:
    token, _ = azure.world.access.token(APP, audience)
    assert with_authorization(azure, f"Bearer {token}").status == 200


def test_paths_are_compared_without_regard_to_case(azure: Azure) -> None:
    assert azure.get(PROD.upper().replace("/SUBSCRIPTIONS", "/subscriptions")).json()["name"] == "aks-payments-prod"
    assert azure.get(PROD.lower()).status == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?api-version=", "MissingApiVersionParameter"),
        ("?api-version=2031-01-01", "InvalidApiVersionParameter"),
        ("?api-version=newest", "InvalidApiVersionParameter"),
    ],
)
def test_a_good_api_version_is_needed(azure: Azure, query: str, code: str) -> None:
    assert error(azure.get(f"{PROD}{query}")) == (400, code)


def test_what_is_not_there_is_told_apart(azure: Azure) -> None:
    stranger = PROD.replace(seed.PAYMENTS, "00000000-dead-4000-8000-000000000000")
    assert error(azure.get(stranger)) == (404, "SubscriptionNotFound")
    assert error(azure.get(PROD.replace("rg-payments", "rg-other"))) == (404, "ResourceGroupNotFound")
    missing = azure.get(f"{CLUSTERS}/aks-missing")
    assert error(missing) == (404, "ResourceNotFound")
    assert missing.header("x-ms-failure-cause") == "gateway"
    assert error(azure.get("/providers/Microsoft.Nothing/things")) == (404, "InvalidResourceType")
    assert error(azure.ask("PATCH", PROD)) == (405, "HttpMethodNotSupported")


def test_a_body_that_is_no_object_is_refused(azure: Azure) -> None:
    assert error(azure.ask("PUT", f"{PROD}/agentPools/apps", b"[]")) == (400, "InvalidRequestContent")
    assert error(azure.ask("PUT", f"{PROD}/agentPools/apps", b"{")) == (400, "InvalidRequestContent")


def test_what_the_roles_do_not_hold_is_refused_in_arms_words(azure: Azure) -> None:
    answered = azure.ask("DELETE", PROD)
    assert error(answered) == (403, "AuthorizationFailed")
    assert answered.json()["error"]["message"] == (
        f"The client '{APP.client_id}' with object id '{APP.object_id}' does not have authorization to perform action "
        f"'Microsoft.ContainerService/managedClusters/delete' over scope '{PROD}' or the "
        "scope is invalid. If access was recently granted, please refresh your credentials."
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", PROD),
        ("DELETE", PROD),
        ("POST", f"{PROD}/stop"),
        ("POST", f"{PROD}/listClusterAdminCredential"),
        ("PUT", GROUP),
    ],
)
def test_the_app_may_not_do_what_only_people_do(azure: Azure, method: str, path: str) -> None:
    assert azure.ask(method, path).status == 403


def test_a_role_at_a_group_reaches_no_other_group(azure: Azure) -> None:
    world = azure.world
    world.access.revoke(APP, f"/subscriptions/{seed.PAYMENTS}")
    assert azure.get(PROD).status == 403
    seed.grant(world, GROUP)
    world.add_group(seed.PAYMENTS, "rg-payments-2")
    world.add_cluster(seed.PAYMENTS, "rg-payments-2", "aks-other")
    assert azure.get(PROD).status == 200
    assert (
        azure.get(PROD.replace("rg-payments", "rg-payments-2").replace("aks-payments-prod", "aks-other")).status == 403
    )
    assert (
        azure.get(f"/subscriptions/{seed.PAYMENTS}/providers/Microsoft.ContainerService/managedClusters").status == 403
    )


def test_request_ids_come_back(azure: Azure) -> None:
    headers = {
        "x-ms-client-request-id": "intent-7",
        "x-ms-return-client-request-id": "true",
        "x-ms-correlation-request-id": "abc",
    }
    answered = azure.ask("GET", PROD, headers=headers)
    assert answered.header("x-ms-client-request-id") == "intent-7"
    assert answered.header("x-ms-correlation-request-id") == "abc"
    assert answered.header("x-ms-request-id")
    with pytest.raises(KeyError):
        azure.get(PROD).header("x-ms-client-request-id")


def test_every_request_is_in_the_log(azure: Azure) -> None:
    azure.put_pool("apps", {"If-Match": "x", "x-ms-client-request-id": "intent-7"})
    entry = azure.world.requests[-1]
    assert (entry.method, entry.kind, entry.status, entry.principal) == ("PUT", "agentPools", 412, "id-fipswarden")
    assert (entry.if_match, entry.client_request_id, entry.time) == ("x", "intent-7", azure.clock.now())


def test_the_put_of_a_pool_is_throttled_per_pool(azure: Azure) -> None:
    answers = [azure.ask("PUT", f"{PROD}/agentPools/apps", {}, {"If-Match": "x"}).status for _ in range(21)]
    assert answers == [412] * 20 + [429]
    last = azure.ask("PUT", f"{PROD}/agentPools/apps", {}, {"If-Match": "x"})
    assert (last.json()["code"], last.header("Retry-After")) == ("Throttled", "60")
    assert azure.ask("PUT", f"{PROD}/agentPools/system", {}, {"If-Match": "x"}).status == 412
    azure.pass_time(timedelta(seconds=60))
    assert azure.ask("PUT", f"{PROD}/agentPools/apps", {}, {"If-Match": "x"}).status == 412
    assert azure.ask("PUT", f"{PROD}/agentPools/apps", {}, {"If-Match": "x"}).status == 429


def test_the_quota_that_is_left_is_in_the_headers(azure: Azure) -> None:
    first = int(azure.get(PROD).header("x-ms-ratelimit-remaining-subscription-reads"))
    assert int(azure.get(PROD).header("x-ms-ratelimit-remaining-subscription-reads")) == first - 1


def test_a_world_without_limits_never_says_429() -> None:
    azure = empty_azure(limits=())
    assert {azure.get(PROD).status for _ in range(400)} == {200}


def test_an_injected_error_is_answered_as_often_as_asked_and_nothing_is_done(azure: Azure) -> None:
    azure.world.faults.add(Fault(Answer(503, "ServerBusy", "later", retry_after=7), kind="agentPools", times=2))
    answers = [azure.ask("PUT", f"{PROD}/agentPools/np1", {"properties": {}}) for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 201]
    assert (answers[0].json()["code"], answers[0].header("Retry-After")) == ("ServerBusy", "7")


def test_a_fault_can_wait_for_its_turn_and_names_its_resource(azure: Azure) -> None:
    azure.world.faults.add(Fault(Drop(), method="GET", resource="/agentPools/APPS", after=1))
    dropped = [azure.get(f"{PROD}/agentPools/{name}").drop for name in ("system", "apps", "system", "apps", "apps")]
    assert dropped == [False, False, False, True, False]


def test_a_fault_for_ever_ends_when_it_is_cleared(azure: Azure) -> None:
    azure.world.faults.add(Fault(Drop(), times=None))
    assert all(azure.get(PROD).drop for _ in range(5))
    azure.world.faults.clear()
    assert azure.get(PROD).status == 200


def test_a_lost_answer_has_had_its_effect(azure: Azure) -> None:
    azure.world.faults.add(Fault(LostAnswer(), method="PUT"))
    assert azure.put_pool("np1", vmSize="Standard_D8ds_v5").drop
    assert azure.world.requests[-1].status == 0
    assert azure.pool("np1")["provisioningState"] == "Creating"


def test_a_delayed_request_has_had_no_effect_yet(azure: Azure) -> None:
    azure.world.faults.add(Fault(Delay(timedelta(seconds=3)), method="PUT"))
    assert azure.put_pool("np1").again_after == 3
    assert azure.get(f"{PROD}/agentPools/np1").status == 404


def test_lists_are_paged_with_links_that_work(azure: Azure) -> None:
    azure.world.page_size = 2
    for number in range(3):
        azure.world.add_cluster(seed.PAYMENTS, "rg-payments", f"aks-{number}")
    for path in (CLUSTERS, f"/subscriptions/{seed.PAYMENTS}/providers/Microsoft.ContainerService/managedClusters"):
        names, url = [], path
        while url:
            page = azure.get(url).json()
            names += [item["name"] for item in page["value"]]
            url = page.get("nextLink", "").removeprefix("https://localhost")
        assert names == ["aks-payments-prod", "aks-0", "aks-1", "aks-2"]


def test_subscriptions_and_groups_are_listed_as_far_as_roles_reach(azure: Azure) -> None:
    azure.world.add_subscription("99999999-0000-4000-8000-000000000000", "Hidden")
    assert [s["displayName"] for s in azure.get("/subscriptions").json()["value"]] == ["Payments"]
    assert len(operator(azure).get("/subscriptions").json()["value"]) == 2
    assert azure.get(f"/subscriptions/{seed.PAYMENTS}/resourceGroups").status == 403
    groups = operator(azure).get(f"/subscriptions/{seed.PAYMENTS}/resourceGroups").json()["value"]
    assert [group["name"] for group in groups] == ["rg-payments"]


def test_the_root_management_group_knows_every_subscription(azure: Azure) -> None:
    azure.world.add_subscription("99999999-0000-4000-8000-000000000000", "Hidden")
    root = f"/providers/Microsoft.Management/managementGroups/{azure.world.access.tenant}"
    assert azure.get(f"{root}/descendants").status == 403
    found = operator(azure).get(f"{root}/descendants").json()["value"]
    assert [item["properties"]["displayName"] for item in found] == ["Payments", "Hidden"]


def test_a_group_can_be_created_and_looked_for(azure: Azure) -> None:
    owner = operator(azure)
    at = f"/subscriptions/{seed.PAYMENTS}/resourceGroups/rg-new"
    assert owner.ask("HEAD", at).status == 404
    assert owner.ask("PUT", at, {"location": "eastus"}).status == 201
    assert owner.ask("HEAD", at).status == 204
    assert owner.get(at).json()["location"] == "eastus"
    assert owner.ask("PUT", at, {"location": "eastus", "tags": {"a": "b"}}).json()["tags"] == {"a": "b"}


def test_the_metadata_of_the_cloud_needs_no_token(azure: Azure) -> None:
    path = "/metadata/endpoints?api-version="
    new = faces.handle(azure.world, faces.request("GET", f"{path}2022-09-01")).json()
    assert new["resourceManager"] == "https://localhost/"
    assert new["authentication"]["loginEndpoint"] == "https://localhost"
    old = faces.handle(azure.world, faces.request("GET", f"{path}2019-05-01"))
    assert old.body.startswith(b"[")


def test_the_operator_may_everything(azure: Azure) -> None:
    assert azure.world.access.may(OPERATOR, "Microsoft.Anything/at/all", "/subscriptions/x")
