"""Operations that are aborted, that hang, that fail; and what they leave behind."""

import pytest

from local.world import failures, operations, rollout
from local.world.faults import CancelOperation, FailOperation, Fault, HangOperation
from tests.unit.local_azure.asking import OPERATION, PROD, Azure, operator


def images(azure: Azure, name: str = "apps") -> set[bool]:
    """Tell which kinds of image the nodes of a pool have: with FIPS, without."""
    cluster = azure.world.cluster_by_id(PROD)
    return {"fips" in node.image for node in rollout.nodes(cluster, cluster.pools[name])}


def test_the_answer_to_an_abort_shows_the_pool_as_it_was_and_the_operation_is_canceling(azure: Azure) -> None:
    running = azure.put_pool("apps", enableFIPS=False)
    azure.pass_time(OPERATION / 2)
    aborted = azure.ask("POST", f"{PROD}/agentPools/apps/abort")
    assert aborted.status == 202
    assert aborted.json()["properties"]["provisioningState"] == "Upgrading"
    assert azure.operation(running)["status"] == "Canceling"
    azure.pass_time()
    assert azure.operation(running)["status"] == "Canceled"
    assert azure.pool("apps")["provisioningState"] == "Canceled"
    assert images(azure) == {True, False}


def test_an_abort_is_not_aborted_and_comes_too_late_after_the_end(azure: Azure) -> None:
    azure.put_pool("apps", enableFIPS=False)
    assert azure.ask("POST", f"{PROD}/agentPools/apps/abort").status == 202
    for _ in range(2):
        late = azure.ask("POST", f"{PROD}/agentPools/apps/abort")
        assert (late.status, late.json()["code"]) == (409, "OperationNotAllowed")
        azure.pass_time()


def test_an_abort_of_another_pool_or_of_the_cluster_is_not_meant(azure: Azure) -> None:
    azure.put_pool("apps", enableFIPS=False)
    assert azure.ask("POST", f"{PROD}/agentPools/system/abort").status == 409
    assert operator(azure).ask("POST", f"{PROD}/abort").status == 409


def test_what_a_cluster_does_is_aborted_and_it_stops_where_it_is(azure: Azure) -> None:
    owner = operator(azure)
    stopping = owner.ask("POST", f"{PROD}/stop")
    aborted = owner.ask("POST", f"{PROD}/abort")
    assert aborted.status == 202
    assert aborted.json()["properties"]["provisioningState"] == "Stopping"
    assert azure.get(PROD).json()["properties"]["provisioningState"] == "Canceling"
    azure.pass_time()
    assert azure.operation(stopping)["status"] == "Canceled"
    assert azure.operation(aborted)["status"] == "Succeeded"
    shown = azure.get(PROD).json()["properties"]
    assert (shown["provisioningState"], shown["powerState"]["code"]) == ("Canceled", "Running")
    assert owner.ask("POST", f"{PROD}/abort").status == 409


def test_no_role_of_the_app_allows_the_abort_of_a_cluster(azure: Azure) -> None:
    assert azure.ask("POST", f"{PROD}/abort").status == 403


def test_an_operation_that_hangs_never_ends_until_it_is_aborted(azure: Azure) -> None:
    azure.world.faults.add(Fault(HangOperation(), method="PUT"))
    hanging = azure.put_pool("apps", enableFIPS=False)
    azure.pass_time(100 * OPERATION)
    assert azure.operation(hanging)["status"] == "InProgress"
    assert azure.pool("apps")["provisioningState"] == "Upgrading"
    assert images(azure) == {True, False}
    azure.ask("POST", f"{PROD}/agentPools/apps/abort")
    azure.pass_time()
    assert azure.operation(hanging)["status"] == "Canceled"
    operations.release(azure.world.operations[azure.operation(hanging)["name"]])
    assert azure.pool("apps")["provisioningState"] == "Canceled"


def test_an_operation_that_hangs_can_be_released(azure: Azure) -> None:
    azure.world.faults.add(Fault(HangOperation(after=0), method="PUT"))
    hanging = azure.put_pool("apps", enableFIPS=False)
    azure.pass_time(100 * OPERATION)
    assert images(azure) == {True}
    with azure.world.entered():
        operations.release(azure.world.operations[azure.operation(hanging)["name"]])
    assert azure.operation(hanging)["status"] == "Succeeded"
    assert azure.pool("apps")["provisioningState"] == "Succeeded"
    assert images(azure) == {False}


FAILURES = {name: value for name, value in vars(failures).items() if isinstance(value, FailOperation | CancelOperation)}


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_every_failure_of_aks_arrives_with_its_code_and_text(azure: Azure, name: str) -> None:
    failure = FAILURES[name]
    azure.world.faults.add(Fault(failure, method="PUT"))
    running = azure.put_pool("apps", enableFIPS=False)
    azure.pass_time()
    error = {"code": failure.code, "message": failure.message}
    shown = azure.operation(running)
    assert shown["error"] == error
    pool = azure.pool("apps")
    assert pool["provisioningState"] == shown["status"] in {"Failed", "Canceled"}
    assert pool["status"]["provisioningError"] == error
    assert images(azure) == ({True} if failure.after == 0 else {True, False})


def test_the_failures_name_what_is_in_the_way(azure: Azure) -> None:
    drain = failures.drain_failure("aks-apps-1-vmss000002", "shop/cart-0", "shop/cart")
    assert all(name in drain.message for name in ("aks-apps-1-vmss000002", "shop/cart-0", "blocked by pdb shop/cart "))
    full = failures.subnet_is_full("nodes", "10.1.0.0/24", 31)
    assert all(name in full.message for name in ("nodes", "10.1.0.0/24", "31 IP addresses"))
    assert "policyAssignments/no-gpu" in failures.disallowed_by_policy("aks-x-vmss", "no-gpu").message
    assert (
        "/subscriptions/s/resourceGroups/g" in failures.scope_locked("/a", "/subscriptions/s/resourceGroups/g").message
    )
    assert "MC_g_c_l" in failures.node_group_locked("MC_g_c_l", "s").message
