"""What a pod asks of its node, and whether another pool's node has it."""

from typing import Any

import pytest
from hypothesis import given

from shared.domain.demands import AsTwin, Requirement, as_twin, read_demand, tied
from tests.unit.strategies import json_values

OLD = AsTwin(
    {
        "kubernetes.io/os": "linux",
        "agentpool": "old",
        "kubernetes.azure.com/agentpool": "old",
        "kubernetes.io/hostname": "o1",
        "kubernetes.azure.com/os-sku": "Flatcar",
        "kubernetes.azure.com/node-image-version": "AKSFlatcar-1",
        "team": "ledger",
        "slots": "8",
        "disk": "ssd",
        "node-role.kubernetes.io/db": "",
        "topology.disk.csi.azure.com/zone": "westeurope-1",
    },
    "o1",
)
CARRIED = {"team": "ledger", "slots": "8"}
"""What the pool gives its nodes; `disk` somebody has put on them by kubectl."""
WEB = AsTwin({"kubernetes.io/os": "linux", "agentpool": "web", "kubernetes.io/hostname": "w1"}, "w1")


def requiring(*expressions: tuple[str, str, list[str]], fields: bool = False) -> dict[str, Any]:
    """The spec of a pod with a required node affinity of one term."""
    asked = [{"key": key, "operator": operator, "values": values} for key, operator, values in expressions]
    term = {"matchFields" if fields else "matchExpressions": asked}
    required = {"nodeSelectorTerms": [term]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


ROWS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"nodeSelector": {"kubernetes.io/os": "linux"}}, False),
    ({"nodeSelector": {"team": "ledger"}}, False),
    ({"nodeSelector": {"team": "nobody"}}, False),
    ({"nodeSelector": {"disk": "ssd"}}, True),
    ({"nodeSelector": {"node-role.kubernetes.io/db": ""}}, True),
    ({"nodeSelector": {"topology.disk.csi.azure.com/zone": "westeurope-1"}}, False),
    ({"nodeSelector": {"agentpool": "old"}}, True),
    ({"nodeSelector": {"kubernetes.azure.com/agentpool": "old", "team": "ledger"}}, True),
    ({"nodeSelector": {"kubernetes.io/hostname": "o1"}}, True),
    ({"nodeSelector": {"kubernetes.azure.com/os-sku": "Flatcar"}}, True),
    (requiring(("kubernetes.azure.com/node-image-version", "In", ["AKSFlatcar-1"])), True),
    (requiring(("agentpool", "In", ["old"])), True),
    (requiring(("agentpool", "In", ["old", "web"])), False),
    (requiring(("agentpool", "NotIn", ["web"])), False),
    (requiring(("agentpool", "Exists", [])), False),
    (requiring(("team", "Exists", []), ("kubernetes.io/hostname", "In", ["o1", "o2"])), True),
    (requiring(("team", "DoesNotExist", [])), False),
    (requiring(("slots", "Gt", ["4"])), False),
    (requiring(("slots", "Lt", ["4"])), False),
    (requiring(("metadata.name", "In", ["o1"]), fields=True), True),
    (requiring(("metadata.name", "NotIn", ["w1"]), fields=True), False),
    (requiring(("team", "Resembles", ["ledger"])), False),
]


@pytest.mark.parametrize(("spec", "stays"), ROWS)
def test_a_pod_is_tied_to_a_pool_by_what_no_other_node_will_have(spec: dict[str, Any], *, stays: bool) -> None:
    assert tied(read_demand(spec), "old", [OLD], [WEB, as_twin(OLD, CARRIED)]) is stays


@pytest.mark.parametrize("spec", [one for one, stays in ROWS if stays])
def test_where_a_node_elsewhere_has_it_nothing_is_tied(spec: dict[str, Any]) -> None:
    assert not tied(read_demand(spec), "old", [OLD], [OLD])


def test_who_names_a_pool_without_nodes_is_tied_to_it_all_the_same() -> None:
    assert tied(read_demand({"nodeSelector": {"agentpool": "old"}}), "old", [], [WEB])
    assert not tied(read_demand({"nodeSelector": {"disk": "ssd"}}), "old", [], [WEB])


def test_a_template_may_name_its_node_and_a_pod_has_been_given_one() -> None:
    spec = {"nodeName": "o1"}
    assert tied(read_demand(spec, of_template=True), "old", [OLD], [WEB, as_twin(OLD, CARRIED)])
    assert read_demand(spec).portable


@pytest.mark.parametrize("required", [{}, {"nodeSelectorTerms": []}, {"nodeSelectorTerms": [{}]}])
def test_an_affinity_that_asks_for_nothing_is_met_by_no_node(required: dict[str, Any]) -> None:
    spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
    assert not read_demand(spec).met_by(OLD)


@pytest.mark.parametrize(("operator", "value"), [("Gt", "many"), ("Lt", ""), ("Gt", "8"), ("Lt", "8")])
def test_a_comparison_that_does_not_hold_or_makes_no_sense_is_not_met(operator: str, value: str) -> None:
    assert not Requirement("slots", operator, (value,)).holds(OLD.labels)


@given(json_values)
def test_whatever_stands_in_a_spec_is_read(value: Any) -> None:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": value}
    for spec in ({"nodeSelector": value}, {"affinity": value}, {"affinity": {"nodeAffinity": required}}):
        assert read_demand(spec) == read_demand(spec)
