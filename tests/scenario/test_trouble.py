"""What passes is not believed at once, what is broken disrupts nothing, and what is not ours any more is let go of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from local.seed import PAYMENTS
from local.world import operations
from local.world.faults import Answer, Fault
from shared.domain.api_server import Answered, Way
from shared.domain.model import Cluster, ComplianceState, Mode, Unreadable
from shared.domain.posture import Posture
from shared.domain.proven import Node
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.ports import Kubernetes, KubernetesApi
from shared.rulebooks import Rulebooks
from tests.builders import node, node_json
from tests.protocol.lab import CLUSTER, FixedRules, ruled
from tests.scenario.fleet import Fleet
from tests.texts import MemoryText

PROVEN = "compliant: NodesProven"
HOUR, DAY, SOON = timedelta(hours=1), timedelta(days=1), timedelta(seconds=10)
NOT_FOUND = Answer(404, "ResourceNotFound", "The Resource 'aks-payments' was not found.", gateway=True)


def missing(lab: Fleet, times: int | None) -> None:
    """Let ARM say that the cluster does not exist."""
    lab.world.faults.add(Fault(NOT_FOUND, method="GET", kind="managedClusters", times=times))


def posture(lab: Fleet) -> Posture:
    found = lab.stored().posture
    assert found is not None
    return found


# A 404


def test_a_404_that_passes_in_the_middle_of_our_operation_keeps_the_place_and_writes_no_false_outcome() -> None:
    lab = Fleet()
    lab.look(lasting=SOON)
    assert lab.outcomes() == ["accepted"]
    missing(lab, times=1)
    lab.look(lasting=timedelta(seconds=40))
    assert len(lab.world.faults) == 0, "the 404 was given"
    assert lab.outcomes() == ["accepted"]
    assert list(lab.budget.places) == [CLUSTER.key]
    assert posture(lab).cluster_findings == ()
    lab.passes(HOUR)
    lab.assert_sound()
    assert lab.outcomes() == ["accepted", "succeeded"]


def test_a_404_that_passes_costs_a_cluster_at_rest_nothing() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    records = len(lab.evidence.chain(CLUSTER))
    missing(lab, times=1)
    lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN
    assert len(lab.evidence.chain(CLUSTER)) == records, "nothing new was seen"
    assert lab.told("ClusterGone") == 0


def test_two_404s_of_different_hours_are_two_that_passed() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    for _ in range(3):
        missing(lab, times=1)
        lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN


@pytest.mark.parametrize("canceled", [True, False])
def test_a_cluster_that_stays_gone_gives_its_place_back_and_has_its_outcome(*, canceled: bool) -> None:
    lab = Fleet()
    lab.world.operation_time = DAY
    lab.look(lasting=SOON)
    assert lab.budget.places
    with lab.world.entered():
        made = lab.world.cluster_by_id(CLUSTER.arm_id)
        if canceled:
            operations.preempt(lab.world, made)
        lab.world.remove_cluster(made)
    lab.look(lasting=HOUR)
    assert lab.outcomes() == ["accepted", "canceled"]
    gone = "The pool does not exist any more, though AKS says that the operation goes on."
    said = "AKSOperationPreemptedByDelete" if canceled else gone
    assert lab.records(RecordKind.OUTCOME)[-1].payload["message"].startswith(said)
    assert lab.budget.places == {}
    assert posture(lab).cluster_findings[0].reason == "ClusterGone"
    lab.assert_chain()


# A policy or exemptions that can't be used


class Files(FixedRules):
    """shared.ports.Policies on two files and the app's own table, as they are deployed."""

    def __init__(self, lab: Fleet, policy: str) -> None:
        self.policy, self.exemptions = MemoryText(policy), MemoryText("version: 1\n", "exemptions.yaml")
        self._books = Rulebooks(self.policy, self.exemptions, lab.rollout)

    def load(self) -> Rulebook | Unreadable:
        """Load what holds now."""
        return self._books.load()


DOWN = Unreadable("PolicyUnreadable", "the storage is down", timedelta(minutes=2))
BROKEN: dict[str, tuple[str, str | Unreadable]] = {
    "a policy with a fault": ("policy", "version: 1\nmode: enforcing\n"),
    "a policy that can't be read": ("policy", DOWN),
    "exemptions with a fault": ("exemptions", "version: 1\nexemptions: [{name: legacy}]\n"),
    "exemptions that can't be read": ("exemptions", DOWN),
}


@pytest.mark.parametrize(("which", "text"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_judged_by_the_last_good_one_and_acts_on_nothing(which: str, text: str | Unreadable) -> None:
    lab = Fleet()
    files = lab.policies = Files(lab, "version: 1\nmode: enforce\n")
    lab.look(lasting=HOUR)
    good: MemoryText = getattr(files, which)
    before, good.text = good.text, text
    late = lab.add("aks-late")
    lab.look(CLUSTER, late, lasting=3 * HOUR)
    assert lab.verdict() == PROVEN, "it is judged"
    assert lab.verdict(late) == "non_compliant: FipsDisabled"
    assert (lab.puts(late), lab.waits(late)) == ([], "RulesUnreadable")
    assert "last good" in lab.deferral(late).message
    lab.count()
    lab.count()
    assert lab.told("PolicyInvalid") == 1, "people are told, once a day"
    good.text = before
    lab.passes(2 * HOUR)
    assert lab.verdict(late) == PROVEN, "once it is mended it goes on by itself"


def test_a_policy_that_never_was_a_good_one_judges_nothing() -> None:
    lab = Fleet()
    files = lab.policies = Files(lab, "version: 1\nmode: enforcing\n")
    lab.look(lasting=HOUR)
    assert lab.stored().posture is None
    assert lab.evidence.chain(CLUSTER) == ()
    assert lab.puts() == []
    files.policy.text = "version: 1\nmode: enforce\n"
    lab.passes(HOUR)
    assert lab.verdict() == PROVEN


def test_our_operation_is_followed_to_its_end_while_the_policy_is_broken() -> None:
    lab = Fleet()
    files = lab.policies = Files(lab, "version: 1\nmode: enforce\n")
    lab.look(lasting=SOON)
    files.policy.text = "rules: ["
    lab.passes(HOUR)
    lab.assert_sound()


# Nodes of no pool


class WithStrays:
    """The Kubernetes APIs of the world, whose clusters have some nodes more that no pool has."""

    def __init__(self, kubernetes: Kubernetes, *strays: Node) -> None:
        self._kubernetes, self.strays = kubernetes, strays

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        """Enter a cluster's API."""
        with self._kubernetes.open(cluster, ways) as api:
            yield api if isinstance(api, Unreadable) else StraysApi(api, self.strays)


@dataclass(frozen=True)
class StraysApi:
    """An API server that lists some nodes more."""

    api: KubernetesApi
    strays: tuple[Node, ...]
    way: Way = Way.ENTRA

    def get(self, path: str) -> Answered | Unreadable:
        """GET a path."""
        found = self.api.get(path)
        if isinstance(found, Unreadable) or not found.ok:
            return found
        items = [*found.body["items"], *map(node_json, self.strays)]
        return Answered(found.status, {**found.body, "items": items})

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Pass on what is sent."""
        return self.api.send(method, requests)


def provisioned(lab: Fleet, *strays: Node) -> WithStrays:
    """Let the cluster make nodes by itself, outside every pool."""
    with lab.world.entered():
        cluster = lab.world.cluster_by_id(CLUSTER.arm_id)
        cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto", "defaultNodePools": "Auto"}
    made = WithStrays(lab.kubernetes, *strays)
    lab.kubernetes = made  # type: ignore[assignment]  # the port, as the look sees it
    return made


def test_a_node_of_no_pool_without_fips_makes_the_cluster_non_compliant_until_it_is_gone() -> None:
    lab = Fleet()
    nodes = provisioned(lab, node("aks-nap-1", pool="", fips_label=None), node("aks-nap-2", pool=""))
    lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN, "the pool is as it should be"
    assert posture(lab).state is ComplianceState.NON_COMPLIANT
    (finding,) = posture(lab).cluster_findings
    assert "aks-nap-1" in finding.message
    assert "aks-nap-2" not in finding.message
    assert lab.told(finding.reason) == 1
    proofs = [record.payload for record in lab.records(RecordKind.PROOF) if "strays" in record.payload]
    assert [one["strays"]["disabled"] for one in proofs] == [1]
    nodes.strays = (node("aks-nap-2", pool=""),)
    lab.days(1)
    assert posture(lab).state is ComplianceState.COMPLIANT


def test_nodes_of_no_pool_that_cannot_be_read_are_unknown_and_never_compliant() -> None:
    lab = Fleet()
    provisioned(lab)
    lab.world.faults.add(Fault(Answer(503, "Unavailable", "no"), kind="kubernetes", times=None))
    lab.look(lasting=HOUR)
    states = {finding.state for finding in posture(lab).cluster_findings}
    assert states == {ComplianceState.UNKNOWN}
    assert posture(lab).state is not ComplianceState.COMPLIANT


# A subscription that is taken out


def test_a_subscription_taken_out_in_the_middle_of_an_operation_gives_its_place_back() -> None:
    lab = Fleet()
    lab.add_pool(CLUSTER, "np2")
    lab.look(lasting=SOON)
    assert list(lab.budget.places) == [CLUSTER.key]
    lab.watched = False
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "succeeded"]
    assert lab.budget.places == {}
    assert lab.puts() == [200], "nothing new is begun there"
    assert posture(lab).in_scope is False
    reads = len(lab.world.requests)
    lab.look(lasting=DAY)
    assert len(lab.world.requests) == reads, "it is not even looked at"


def test_a_place_whose_row_was_lost_is_given_back_where_nobody_looks_any_more() -> None:
    lab = Fleet()
    lab.look(lasting=SOON)
    lab.rollout._rows.pop((CLUSTER.key, CLUSTER.key))
    lab.watched = False
    lab.passes(4 * HOUR)
    lab.count()
    lab.passes(HOUR)
    assert lab.budget.places == {}


def test_a_pool_that_was_taken_out_of_scope_by_the_policy_is_let_go_of_in_the_same_way() -> None:
    lab = Fleet()
    lab.look(lasting=SOON)
    lab.policies.rules = ruled(f'mode: enforce\nscope: {{exclude: [{{subscriptions: ["{PAYMENTS}"]}}]}}\n')
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "succeeded"]
    assert (lab.budget.places, posture(lab).in_scope) == ({}, False)


# What lasts


def test_what_passes_within_the_hour_is_told_to_nobody_neither_the_bad_nor_the_good() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    lab.alerts.sent.clear()
    with lab.world.entered():
        lab.pool.etag = lab.world.guid()
        lab.pool.provisioning_state = "Updating"
    lab.look(lasting=timedelta(minutes=20))
    assert lab.verdict() == "unknown: OperationInProgress"
    with lab.world.entered():
        lab.pool.provisioning_state = "Succeeded"
    lab.passes(HOUR)
    assert lab.verdict() == PROVEN
    assert lab.alerts.sent == []


def test_what_lasts_longer_than_an_hour_is_told_once_and_then_its_end() -> None:
    lab = Fleet()
    lab.look(lasting=HOUR)
    lab.alerts.sent.clear()
    with lab.world.entered():
        lab.pool.provisioning_state = "Updating"
    lab.look(lasting=5 * HOUR)
    assert [(alert.severity, alert.reason) for alert in lab.alerts.sent] == [("warning", "OperationInProgress")]
    with lab.world.entered():
        lab.pool.provisioning_state = "Succeeded"
    lab.passes(HOUR)
    assert [alert.severity for alert in lab.alerts.sent] == ["warning", "good"]


# What nobody is to be told


def test_in_audit_nobody_is_told_and_in_alert_everything_that_lasts_is() -> None:
    for mode in (Mode.AUDIT, Mode.ALERT):
        lab = Fleet()
        lab.policies.rules = ruled(f"mode: {mode}\n")
        lab.look(lasting=HOUR)
        assert lab.verdict() == "non_compliant: FipsDisabled"
        assert lab.told("FipsDisabled") == (mode is Mode.ALERT)
        assert lab.waits() == "ModeDoesNotAct"
