"""What is left on a pool's nodes, who can't follow, and what is evicted together."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.draining import (
    CORDON,
    EVICTED_AT_ONCE,
    NODES_TRIED,
    Left,
    batches,
    cordon,
    cordoned_for,
    drained,
    eviction,
    uncordon,
)
from shared.domain.observe_workloads import read_left, read_place
from shared.domain.workloads import Place
from tests.builders import pool
from tests.unit.kubernetes_objects import OF_DAEMON_SET, OF_JOB, pod

OLD = Place("o1", "old", {"agentpool": "old"}, cordoned=True)
NEW = Place("n1", "oldf", {"agentpool": "oldf"})
ONE = pool("old", count=1)


def left(name: str = "web-0", node: str = "o1", **changes: Any) -> Left:
    made = Left("pay", name, f"uid-{name}", node, f"pay/StatefulSet/{name}", going=False)
    return replace(made, **changes)


def test_a_pool_is_empty_when_no_node_takes_pods_and_none_is_left() -> None:
    assert drained(ONE, [OLD, NEW], []).empty
    assert drained(pool("old", count=0), [NEW], []).empty
    assert not drained(ONE, [replace(OLD, cordoned=False), NEW], []).empty
    assert not drained(ONE, [OLD, NEW], [left(going=True)]).empty


@pytest.mark.parametrize(("count", "unseen"), [(1, 0), (0, 0), (2, 1), (3, 2), (None, 1)])
def test_a_pool_is_not_empty_while_fewer_nodes_are_seen_than_it_has(count: int | None, unseen: int) -> None:
    """A node whose label somebody took off has pods that nobody sees."""
    found = drained(replace(ONE, count=count), [OLD, NEW], [])
    assert (found.unseen, found.empty) == (unseen, not unseen)


def test_pods_of_other_pools_are_nobodys_business() -> None:
    found = drained(ONE, [OLD, NEW], [left("a", "n1"), left("b"), left("c", "")])
    assert [one.name for one in found.left] == ["b"]


def test_only_pods_that_nobody_has_told_to_go_are_evicted() -> None:
    found = drained(ONE, [OLD, NEW], [left("a", going=True), left("b")])
    assert [one.name for one in found.to_evict] == ["b"]


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


@pytest.mark.parametrize(("spec", "cordoned"), [({"unschedulable": True}, True), ({}, False), (None, False)])
def test_a_node_says_whether_it_takes_pods_and_for_whom_it_was_cordoned(spec: Any, *, cordoned: bool) -> None:
    labels = {"agentpool": "old", CORDON: "abc"}
    found = read_place({"metadata": {"name": "o1", "labels": labels}, "spec": spec})
    assert (found.name, found.pool, found.cordoned, cordoned_for(found)) == ("o1", "old", cordoned, "abc")
