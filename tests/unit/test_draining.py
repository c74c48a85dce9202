"""What is left on a pool's nodes, who can't follow, and what is evicted together."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.draining import (
    CORDON,
    EVICTED_AT_ONCE,
    NODES_TRIED,
    Host,
    Left,
    batches,
    cordon,
    drained,
    eviction,
    uncordon,
)
from shared.domain.observe_workloads import read_host, read_left
from tests.unit.kubernetes_objects import OF_DAEMON_SET, OF_JOB, pod

OLD = Host("o1", "old", {"agentpool": "old", "disk": "ssd"}, cordoned=True)
NEW = Host("n1", "oldf", {"agentpool": "oldf", "zone": "1"}, cordoned=False)


def left(name: str = "web-0", node: str = "o1", **changes: Any) -> Left:
    made = Left("pay", name, f"uid-{name}", node, f"pay/StatefulSet/{name}", going=False, pools=(), selector={})
    return replace(made, **changes)


def test_a_pool_is_empty_when_no_node_takes_pods_and_none_is_left() -> None:
    assert drained("old", [OLD, NEW], []).empty
    assert drained("old", [NEW], []).empty
    assert not drained("old", [replace(OLD, cordoned=False), NEW], []).empty
    assert not drained("old", [OLD, NEW], [left(going=True)]).empty


def test_pods_of_other_pools_are_nobodys_business() -> None:
    found = drained("old", [OLD, NEW], [left("a", "n1"), left("b"), left("c", "")])
    assert [one.name for one in found.left] == ["b"]


def test_only_pods_that_nobody_has_told_to_go_are_evicted() -> None:
    found = drained("old", [OLD, NEW], [left("a", going=True), left("b")])
    assert [one.name for one in found.to_evict] == ["b"]


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({}, False),
        ({"pools": ("old",)}, True),
        ({"pools": ("old", "oldf")}, False),
        ({"selector": {"disk": "ssd"}}, True),
        ({"selector": {"zone": "1"}}, False),
        ({"node": "", "pools": ("old",)}, True),
        ({"node": "", "selector": {"disk": "ssd"}}, True),
        ({"node": "", "selector": {"disk": "tape"}}, False),
        ({"node": "n1", "pools": ("old",)}, False),
        ({"going": True, "pools": ("old",)}, False),
    ],
)
def test_who_can_not_follow_is_named(changes: dict[str, Any], *, bound: bool) -> None:
    found = drained("old", [OLD, NEW], [left(**changes)])
    assert found.bound.count == bound
    assert found.bound.first == (("pay/StatefulSet/web-0",) if bound else ())


def test_the_pods_of_one_node_go_together_and_not_too_many() -> None:
    pods = [left(f"p{number:03}", node) for node in ("o1", "o2", "o3", "o4", "o5") for number in range(40)]
    found = list(batches(pods))
    assert [{one.node for one in batch} for batch in found] == [{"o1"}, {"o2"}, {"o3"}, {"o4"}]
    assert (len(found), {len(batch) for batch in found}) == (NODES_TRIED, {EVICTED_AT_ONCE})
    assert list(batches([])) == []


def test_a_cordon_says_for_whom_and_is_taken_back_whole() -> None:
    path, patch = cordon("o1", "abc")
    assert (path, patch) == (
        "/api/v1/nodes/o1",
        {"metadata": {"labels": {CORDON: "abc"}}, "spec": {"unschedulable": True}},
    )
    assert uncordon("o1") == (path, {"metadata": {"labels": {CORDON: None}}, "spec": {"unschedulable": None}})


def test_an_eviction_means_one_pod_of_the_name_alone() -> None:
    path, body = eviction(left())
    assert path == "/api/v1/namespaces/pay/pods/web-0/eviction"
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-web-0"}}
    assert (body["apiVersion"], body["kind"]) == ("policy/v1", "Eviction")


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({}, True),
        ({"owners": []}, True),
        ({"owners": [OF_JOB]}, True),
        ({"owners": [OF_JOB], "phase": "Succeeded"}, False),
        ({"phase": "Failed"}, False),
        ({"owners": [OF_DAEMON_SET]}, False),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, False),
        ({"deleting": True}, True),
        ({"node": ""}, True),
    ],
)
def test_what_keeps_a_node_from_being_empty(changes: dict[str, Any], *, stays: bool) -> None:
    found = read_left(pod(**changes))
    assert (found is not None) is stays
    if found:
        assert found.going is ("deleting" in changes)


def test_what_a_pod_asks_of_its_node_is_read() -> None:
    found = read_left(pod(nodeSelector={"agentpool": "Old", "disk": "ssd"}))
    assert found
    assert (found.pools, found.selector) == (("old",), {"agentpool": "Old", "disk": "ssd"})
    assert (found.namespace, found.name, found.node) == ("pay", "ledger-5d9f7c-x2x", "aks-apps-0")


@pytest.mark.parametrize(("spec", "cordoned"), [({"unschedulable": True}, True), ({}, False), (None, False)])
def test_a_node_says_whether_it_takes_pods_and_for_whom_it_was_cordoned(spec: Any, *, cordoned: bool) -> None:
    labels = {"agentpool": "old", CORDON: "abc"}
    found = read_host({"metadata": {"name": "o1", "labels": labels}, "spec": spec})
    assert (found.name, found.pool, found.cordoned, found.cordoned_for) == ("o1", "old", cordoned, "abc")
