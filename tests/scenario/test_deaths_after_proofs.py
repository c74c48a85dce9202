"""A worker that dies right after it has recorded what nodes said: the next look goes on from there, and says so."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from local.world.faults import Drop, Fault
from local.world.kube import outside
from shared.domain.controls import Basis
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.domain.standing import standings
from shared.reports.formats import FORMATS
from shared.reports.oscal_risks import risks
from shared.reports.poam import items
from shared.rollout import read_memory
from tests.protocol.lab import CLUSTER, Tap, WorkerDied
from tests.scenario.proving import Nodes
from tests.scenario.test_reports import assessed

HOURS = timedelta(hours=2)


def bad(record: Mapping[str, Any]) -> bool:
    """Say whether a record is of nodes that did not all say yes, by labels or by pods."""
    said = record.get("proof") or record.get("strays") or {}
    return any(said.get(one) for one in ("disagreeing", "missing", "disabled"))


def proven(level: str) -> Nodes:
    """A cluster that is as it should be."""
    lab = Nodes()
    lab.ask_for(level)
    lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
    lab.pool_of()
    lab.prove()
    assert str(lab.verdict(pool="apps")) == "compliant: NodesProven"
    return lab


def pool_lies(lab: Nodes) -> None:
    (pool,) = lab.cluster.pools.values()
    for node in lab.nodes(pool)[1:]:
        node.kernel_fips, node.fips_label = 0, False


def pool_is_well(lab: Nodes) -> None:
    (pool,) = lab.cluster.pools.values()
    for node in lab.nodes(pool)[1:]:
        node.kernel_fips, node.fips_label = 1, True


def plain_nodes_come(lab: Nodes) -> None:
    with lab.world.entered():
        outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=False)


def liar_comes(lab: Nodes) -> None:
    with lab.world.entered():
        outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True).kernel_fips = 0


def they_go(lab: Nodes) -> None:
    with lab.world.entered():
        lab.kube.outside.clear()


def everything_is_bad(lab: Nodes) -> None:
    plain_nodes_come(lab)
    pool_lies(lab)


def everything_is_well(lab: Nodes) -> None:
    they_go(lab)
    pool_is_well(lab)


def nothing(_: Nodes) -> None: ...


def shut(lab: Nodes) -> None:
    """Nobody gets into the API server any more."""
    lab.world.faults.add(Fault(Drop(), kind="kubernetes", times=None))


def unread(lab: Nodes) -> None:
    """ARM answers nothing any more."""
    lab.world.faults.add(Fault(Drop(), kind="managedClusters", times=None))


def deleted(lab: Nodes) -> None:
    with lab.world.entered():
        lab.world.remove_cluster(lab.cluster)


def row_lost(lab: Nodes) -> None:
    """The rollout row is gone, and nobody gets in."""
    del lab.rollout._rows[CLUSTER.key, CLUSTER.key]
    shut(lab)


def dies(lab: Nodes, *, of: Callable[[Mapping[str, Any]], bool], deaths: int = 1) -> None:
    """Ask for a proof, and let so many workers die right after the first record of such a kind."""
    lab.ask(RequestKind.VERIFY, "")
    died = 0

    def after(call: str) -> None:
        nonlocal died
        if call == "evidence.create" and of(lab.evidence.chain(CLUSTER)[-1].payload):
            died += 1
            raise WorkerDied

    for _ in range(40):
        if died < deaths:
            lab.clock.advance(timedelta(seconds=30))
            if message := lab.queue.take(timedelta(minutes=5)):
                lab.work(message, Tap(after=after))
    assert died == deaths


def assert_told(lab: Nodes) -> None:
    """Assert that the report of the chain says what the app's own posture says."""
    (cluster,), posture = assessed(lab).clusters, lab.stored().posture
    assert posture
    assert cluster.gone == any(one.reason == "ClusterGone" for one in posture.cluster_findings)
    if cluster.gone:
        return
    assert cluster.state is posture.state
    pools = {pool.name: (pool.state, pool.decisive.reason) for pool in cluster.pools}
    assert pools == {pool.pool: (pool.state, pool.decisive.reason) for pool in posture.pools}
    assert {one.reason for one in cluster.findings} == {one.reason for one in posture.cluster_findings}


def assert_at_rest(lab: Nodes) -> None:
    """Assert that further looks write no observation."""
    written = len(lab.records(RecordKind.OBSERVATION))
    for _ in range(3):
        lab.look(lasting=timedelta(minutes=1))
    assert len(lab.records(RecordKind.OBSERVATION)) == written


BADLY = {"inconsistent", "non_compliant", "unknown"}


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize(
    ("happens", "level"),
    [
        (pool_lies, "node"),
        (pool_lies, "kernel"),
        (plain_nodes_come, "node"),
        (liar_comes, "kernel"),
        (everything_is_bad, "kernel"),
    ],
)
@pytest.mark.parametrize("then", [nothing, everything_is_well, shut, unread, deleted, row_lost])
def test_the_chain_ends_with_what_the_app_knows_of_nodes(
    deaths: int, happens: Callable[[Nodes], None], level: str, then: Callable[[Nodes], None]
) -> None:
    lab = proven(level)
    happens(lab)
    dies(lab, of=bad, deaths=deaths)
    (found,) = assessed(lab).clusters
    assert found.state.value in BADLY

    then(lab)
    lab.look(lasting=HOURS)
    assert_told(lab)
    posture = lab.stored().posture
    assert posture
    good = then in (everything_is_well, deleted)
    assert (posture.state.value in BADLY) != good
    assert_at_rest(lab)


@pytest.mark.parametrize(
    ("first", "then"), [(everything_is_bad, everything_is_well), (everything_is_well, everything_is_bad)]
)
def test_an_observation_of_a_look_that_died_is_not_the_last_one(
    first: Callable[[Nodes], None], then: Callable[[Nodes], None]
) -> None:
    """What the posture row says is so again, and the chain says that it was otherwise."""
    lab = proven("node")
    then(lab)
    lab.look(lasting=HOURS)
    first(lab)
    dies(lab, of=lambda record: record["kind"] == "observation")
    then(lab)
    lab.look(lasting=HOURS)

    assert_told(lab)
    posture = lab.stored().posture
    assert posture
    assert (posture.state.value in BADLY) == (then is everything_is_bad)
    assert_at_rest(lab)


@pytest.mark.parametrize(("happens", "reason"), [(pool_lies, "NodesDisagree"), (plain_nodes_come, "NodesOutsidePools")])
def test_what_nodes_said_between_two_looks_that_could_not_read_their_cluster_is_in_every_report(
    happens: Callable[[Nodes], None], reason: str
) -> None:
    lab = proven("kernel")
    unread(lab)
    lab.look(lasting=HOURS)
    lab.world.faults.clear()
    happens(lab)
    dies(lab, of=bad)

    unread(lab)
    for lasting in (timedelta(), HOURS):
        lab.look(lasting=lasting)
        found = assessed(lab)
        (cluster,) = found.clusters
        assert cluster.state.value == "unknown"
        assert [form for form, writer in FORMATS.items() if reason not in "".join(writer(found))] == []
        enabled = next(one for one in standings(found) if one.control.basis is Basis.ENABLED)
        assert enabled.reason.value == "fail"


def test_a_pool_that_was_deleted_after_such_a_death_is_gone_for_good() -> None:
    lab = proven("kernel")
    lab.pool_of("jobs")
    lab.prove()
    dies(lab, of=lambda record: record.get("pool") == "jobs" and record["kind"] == "proof")
    with lab.world.entered():
        del lab.cluster.pools["jobs"]

    def shown() -> list[str]:
        posture = lab.stored().posture
        return [pool.pool for pool in posture.pools] if posture else []

    for _ in range(8):
        if "jobs" in shown():
            lab.look(lasting=timedelta(minutes=1))
    assert shown() == ["apps"]
    assert [*read_memory(lab.rollout, CLUSTER).pools] == ["apps"]


@pytest.mark.parametrize(("happens", "reason"), [(pool_lies, "NodesDisagree"), (plain_nodes_come, "NodesOutsidePools")])
def test_what_a_look_that_died_has_recorded_has_the_same_ids_and_dates_once_it_is_judged(
    happens: Callable[[Nodes], None], reason: str
) -> None:
    lab = proven("kernel")
    happens(lab)
    # Judged on another day.
    lab.clock.advance(timedelta(hours=15, minutes=30))
    dies(lab, of=bad)
    made = [assessed(lab)]
    for hours in (1, 1, 12):
        lab.clock.advance(timedelta(hours=hours))
        lab.look(lasting=timedelta(minutes=30))
        made.append(assessed(lab))

    assert_told(lab)
    items_ = [[item for item in items(one) if item.finding.judgement.reason == reason] for one in made]
    assert len({(item.id, item.finding.judgement.since) for each in items_ for item in each}) == 1
    assert [len(each) for each in items_] == [1] * len(made)
    assert len({tuple(one["uuid"] for one in risks(each)) for each in made}) == 1
