"""Proof through AKS run command, where every step takes seconds: nobody is forgotten, and no look dies of it."""

from datetime import timedelta

import pytest

from local.world import rollout
from local.world.faults import Answer, Fault
from local.world.kube import outside
from local.world.model import Pool
from shared.domain.model import ComplianceState
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.requested import open_requests
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.proving import IMAGE, Nodes

MANY = 125
"""More nodes than pods can ask by commands."""


def private(**proof: bool) -> Nodes:
    """Nodes that are reached by commands alone."""
    lab = Nodes()
    lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    lab.ask_for("kernel", run_command=True, **proof)
    return lab


def slow(lab: Nodes, seconds: float) -> None:
    """Let every command take so long: it has ended at the first question after that."""
    lab.kubernetes._sleep = lambda _: lab.clock.advance(timedelta(seconds=seconds))  # type: ignore[method-assign,assignment] # the world's commands end at once


def commands(lab: Nodes) -> int:
    return sum(one.kind == "runCommand" for one in lab.world.requests)


def liars(lab: Nodes, pool: Pool) -> list[str]:
    """Let every second node lie, so that every sample has one, and return their names."""
    lying = lab.nodes(pool)[::2]
    for node in lying:
        node.kernel_fips = 0
    return [node.name for node in lying]


def test_a_sample_of_a_large_pool_is_proven_at_once() -> None:
    lab = private(sampling=True)
    lab.pool_of(count=MANY)

    lab.prove()

    assert lab.finding().reason == "NodesProven"
    assert lab.proofs()[0]["proof"]["sampled"] == 13
    lab.assert_nothing_left()


def test_nodes_that_said_no_are_asked_again_with_every_new_sample_until_they_say_yes() -> None:
    lab = private(sampling=True)
    pool = lab.pool_of(count=MANY)
    lying = liars(lab, pool)
    lab.prove()
    caught = {*lab.proofs()[-1]["proof"]["disagreeing"]}
    assert caught
    for node in lab.nodes(pool):
        if node.name not in caught:
            node.kernel_fips = 1
    for _ in range(4):
        lab.prove(timedelta(minutes=15))
        assert lab.finding().state is ComplianceState.INCONSISTENT
        assert {*lab.proofs()[-1]["proof"]["disagreeing"]} == caught

    for node in lab.nodes(pool):
        node.kernel_fips = 1
    lab.prove(timedelta(hours=1))  # ever more seldom, while the same say no

    assert lying
    assert lab.finding().reason == "NodesProven"


def test_more_nodes_in_doubt_than_can_be_asked_at_once_are_asked_by_turns() -> None:
    """All said no while the pool was small enough to ask all of them; it grew."""
    lab = private(sampling=True)
    pool = lab.pool_of(count=118)
    for node in lab.nodes(pool):
        node.kernel_fips = 0
    for _ in range(2):
        lab.prove(timedelta(hours=3))
    assert len(lab.proofs()[-1]["proof"]["disagreeing"]) == 118
    with lab.world.entered():
        pool.properties["count"] = MANY
        rollout.resize(lab.cluster, pool, lab.clock.now())
    *mended, liar = lab.nodes(pool)[:118]
    for node in mended:
        node.kernel_fips = 1
    lab.prove(timedelta(hours=6))

    assert lab.finding().nodes == (liar.name,)
    liar.kernel_fips = 1
    lab.prove(timedelta(hours=6))
    assert lab.finding().reason == "NodesProven"
    lab.assert_nothing_left()


def test_another_node_that_is_missing_does_not_keep_a_pool_in_doubt_for_ever() -> None:
    lab = private(sampling=True)
    pool = lab.pool_of(count=MANY)
    liars(lab, pool)
    lab.prove()
    caught = {*lab.proofs()[-1]["proof"]["disagreeing"]}
    for node in lab.nodes(pool):
        node.kernel_fips = 1
    other = next(node for node in lab.nodes(pool) if node.name not in caught)
    other.ready = False
    for _ in range(2):
        lab.prove(timedelta(hours=1))
    assert lab.finding().reason == "NodesMissing"
    other.ready = True
    for _ in range(2):
        lab.prove(timedelta(hours=1))

    assert lab.finding().reason == "NodesProven"


def test_who_is_in_doubt_is_remembered_while_nobody_can_be_asked() -> None:
    lab = private(sampling=True)
    pool = lab.pool_of(count=MANY)
    liars(lab, pool)
    lab.prove()
    for level in ("node", "kernel"):
        # With labels alone all of them look well.
        lab.ask_for(level, run_command=True, sampling=True)
        lab.prove(timedelta(minutes=15))

    assert lab.finding().state is ComplianceState.INCONSISTENT


@pytest.mark.parametrize(("nodes", "seconds"), [(3, 20), (60, 20), (100, 10)])
def test_slow_commands_take_more_looks_and_no_look_dies_of_them(nodes: int, seconds: float) -> None:
    lab = private()
    slow(lab, seconds)
    lab.pool_of(count=nodes)

    lab.prove(timedelta(hours=1))

    assert not lab.errors
    assert lab.finding().reason == "NodesProven"
    lab.assert_nothing_left()


@pytest.mark.parametrize(("nodes", "seconds"), [(3, 60), (100, 30)])
def test_commands_that_are_too_slow_for_a_proof_leave_the_pool_unknown_with_the_reason(
    nodes: int, seconds: float
) -> None:
    lab = private()
    slow(lab, seconds)
    lab.pool_of(count=nodes)

    lab.prove(timedelta(hours=2))

    assert not lab.errors
    assert lab.finding().state is ComplianceState.UNKNOWN
    assert "too slowly" in lab.finding().message


def test_a_verification_says_what_keeps_it_from_nodes_outside_every_pool() -> None:
    lab = private()
    lab.pool_of()
    with lab.world.entered():
        outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
    lab.policies.rules = ruled(
        f'mode: alert\nproof: {{ level: kernel, image: "{IMAGE}" }}\n'
        "rules: [ { name: apps, mode: alert, match: { pools: [apps] }, proof: { run_command: true } } ]\n"
    )
    lab.prove()
    lab.ask(RequestKind.VERIFY, "")
    lab.passes(timedelta(minutes=10))

    answer = lab.records(RecordKind.REQUEST)[-1].payload
    assert answer["outcome"] == "failed"
    assert "outside every pool: WayNotAllowed" in answer["message"]


class TestInVain:
    """What can't be had now, or ever."""

    def test_a_passing_error_does_not_end_a_proof_that_holds(self) -> None:
        lab = Nodes()
        lab.ask_for("kernel", max_age="6h")
        lab.pool_of()
        lab.prove()
        lab.clock.advance(timedelta(hours=5, minutes=46))
        lab.world.faults.add(Fault(Answer(503, "X", "no"), method="GET", resource="/api/v1/nodes", times=3))

        lab.event()
        lab.passes(timedelta(seconds=10))
        assert lab.finding().reason == "NodesProven"
        assert len(lab.proofs()) == 1
        lab.passes(timedelta(minutes=10))

        assert lab.finding().reason == "NodesProven"
        assert len(lab.proofs()) == 2, "it is renewed once that can be done"

    def test_pods_that_can_not_be_deleted_do_not_pile_up(self) -> None:
        lab = Nodes()
        pool = lab.pool_of(count=5)
        lab.nodes(pool)[0].kernel_fips = 0
        lab.world.faults.add(Fault(Answer(403, "Forbidden", "no"), method="DELETE", times=None))

        lab.prove(timedelta(days=1))

        assert lab.finding().state is ComplianceState.INCONSISTENT
        assert len([*lab.left()]) <= 1 + 5 * 5

    def test_nodes_are_asked_ever_more_seldom_while_the_same_one_is_missing(self) -> None:
        lab = Nodes()
        pool = lab.pool_of(count=5)
        lab.nodes(pool)[0].ready = False
        lab.prove(timedelta(hours=6))
        hours_6 = lab.asked_by("POST", "/pods")
        assert lab.finding().reason == "NodesMissing"
        lab.prove(timedelta(hours=12))

        assert lab.asked_by("POST", "/pods") - hours_6 <= 12 * 4
        assert len(lab.proofs()) == 1, "the same is recorded once"
        lab.nodes(pool)[0].ready = True
        lab.prove(timedelta(minutes=45))
        assert lab.finding().reason == "NodesProven"

    def test_a_proof_that_nobody_gave_is_no_verification(self) -> None:
        lab = Nodes()
        lab.pool_of()
        lab.kube.unpullable.add(IMAGE)
        lab.ask(RequestKind.VERIFY, "apps")
        lab.passes(timedelta(minutes=15))

        answer = lab.records(RecordKind.REQUEST)[-1].payload
        assert answer["outcome"] == "failed"
        assert "no node answered" in answer["message"]
        assert "ImagePullBackOff" in answer["message"]

    def test_a_request_for_a_cluster_that_never_was_is_dropped_and_leaves_no_evidence(self) -> None:
        lab = Nodes()
        with lab.world.entered():
            lab.world.remove_cluster(lab.cluster)
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=1))

        assert not open_requests(lab.rollout, CLUSTER)
        assert not lab.evidence.chain(CLUSTER)
