"""A list of pools that lacks some, or all, is not believed at once: nothing that hangs on them is given up for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.ports import WorldClusters
from local.world import operations
from local.world.faults import DRAIN_FAILURE, Answer, FailOperation, Fault, LostAnswer
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead
from shared.domain.people import RequestKind
from shared.domain.posture import Posture
from shared.domain.records import RecordKind
from shared.rollout import read_memory
from tests.protocol.lab import CLUSTER, Tap, ruled
from tests.scenario.fleet import Fleet
from tests.scenario.replacing import PROVEN, Replacing, half_way, proving, writes

SOON, MINUTE, HOUR = timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)
BUSY = Answer(409, "OperationNotAllowed", "Operation is not allowed: Another operation (Updating) is in progress")
ONE_AT_A_TIME = "mode: enforce\ndisruption: {concurrent: 1}\n"


class OddLists(WorldClusters):
    """ARM, which does not list some pools of the first cluster."""

    lacks: tuple[str, ...] = ()
    hosted: bool = False
    listed: bool = True

    def read(self, cluster: ClusterId) -> ClusterRead:
        """GET the cluster."""
        read = super().read(cluster)
        if cluster.key != CLUSTER.key or not isinstance(read, Cluster):
            return read
        pools = tuple(pool for pool in read.pools if pool.name not in self.lacks)
        return replace(read, pools=pools, hosted=self.hosted, listed=self.listed)


def lacking(lab: Fleet, *names: str, hosted: bool = False, listed: bool = True) -> None:
    """Let ARM's lists lack some pools from now on; without names, they lack none."""
    odd = OddLists(lab.world)
    odd.lacks, odd.hosted, odd.listed = names, hosted, listed
    lab.clusters = odd


def lacking_once(lab: Fleet, *names: str) -> None:
    """Let a list lack some pools; then they are listed again."""
    looks, before = reads(lab), lab.stored()
    lacking(lab, *names)
    lab.look(lasting=timedelta(seconds=5))
    assert reads(lab) > looks
    lacking(lab)
    assert lab.stored() == before, "it says nothing new"


def reads(lab: Fleet) -> int:
    """How often the first cluster was read."""
    return sum(one.method == "GET" and one.path.lower() == CLUSTER.arm_id.lower() for one in lab.world.requests)


def memory(lab: Fleet) -> Memory:
    return read_memory(lab.rollout, CLUSTER)


def posture(lab: Fleet) -> Posture:
    found = lab.stored().posture
    assert found is not None
    return found


def fleet(*, beside: bool) -> Fleet:
    """A cluster with one pool that is to be switched on, and perhaps one beside it with which all is well."""
    lab = Fleet()
    if beside:
        lab.add_pool(CLUSTER, "np2", enableFIPS=True)
    return lab


def begun(lasting: timedelta = 2 * MINUTE, *, beside: bool = True) -> Fleet:
    """A remediation that runs, where only one may."""
    lab = fleet(beside=beside)
    lab.world.operation_time = lasting
    lab.policies.rules = ruled(ONE_AT_A_TIME)
    lab.look(lasting=SOON)
    assert lab.outcomes() == ["accepted"]
    return lab


def blocked(*, beside: bool = True) -> Fleet:
    """A pool that is left alone after a failure."""
    lab = fleet(beside=beside)
    effect = FailOperation("PodDrainFailure", DRAIN_FAILURE)
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=1))
    lab.look(lasting=HOUR)
    assert lab.waits() == "Blocked"
    return lab


# Our own operation


@pytest.mark.parametrize("beside", [True, False])
def test_one_list_without_the_pool_ends_no_operation_and_gives_no_place_back(*, beside: bool) -> None:
    lab = begun(beside=beside)
    other = lab.add("aks-other")
    lacking_once(lab, "np1")
    lab.look(other, lasting=SOON)
    assert lab.outcomes() == ["accepted"]
    assert list(lab.budget.places) == [CLUSTER.key]
    assert lab.puts(other) == []
    assert lab.waits(other) == "BudgetExhausted"
    lab.passes(HOUR)
    assert lab.outcomes() == lab.outcomes(other) == ["accepted", "succeeded"]
    assert (lab.verdict(), lab.verdict(other), lab.budget.places) == (PROVEN, PROVEN, {})


def test_a_pool_that_is_long_not_listed_while_aks_works_on_it_makes_the_cluster_unknown_and_ends_nothing() -> None:
    lab = begun(5 * HOUR)
    lacking(lab, "np1")
    lab.look(lasting=HOUR)
    assert lab.verdict() == "unknown: PoolsMissing"
    (found,) = posture(lab).cluster_findings
    assert found.message.startswith("ARM does not list np1 any more, and says that its operation on np1 goes on")
    assert (lab.outcomes(), list(lab.budget.places)) == (["accepted"], [CLUSTER.key])
    lacking(lab)
    lab.passes(6 * HOUR)
    assert lab.outcomes() == ["accepted", "succeeded"]
    assert (lab.verdict(), lab.budget.places) == (PROVEN, {})


def test_a_pool_that_is_not_listed_for_hours_is_gone_though_aks_says_that_its_operation_goes_on_for_ever() -> None:
    lab = begun(90 * HOUR)
    lacking(lab, "np1")
    lab.look(lasting=HOUR)
    lab.ask(RequestKind.ABORT)
    lab.passes(HOUR - MINUTE)
    assert (lab.outcomes(), lab.verdict(pool="np2")) == (["accepted"], "unknown: PoolsMissing")
    assert lab.records(RecordKind.REQUEST) == []
    looked = reads(lab)
    assert looked < 30, "ever less often"
    lab.passes(HOUR / 2)
    assert lab.outcomes() == ["accepted", "canceled"]
    assert "though AKS says that the operation goes on" in lab.records(RecordKind.OUTCOME)[-1].payload["message"]
    assert (lab.verdict(), lab.verdict(pool="np2"), lab.budget.places) == ("", PROVEN, {})
    assert [one.payload["outcome"] for one in lab.records(RecordKind.REQUEST)] == ["not_begun"]


def test_but_not_before_it_is_long_not_listed_however_long_that_operation_has_run() -> None:
    lab = begun(90 * HOUR)
    lab.look(lasting=5 * HOUR)
    assert lab.verdict() == "unknown: OperationStuck"
    lacking(lab, "np1")
    lab.look(lasting=HOUR)
    assert (lab.outcomes(), list(lab.budget.places)) == (["accepted"], [CLUSTER.key])
    lacking(lab)
    lab.passes(HOUR)
    assert (lab.outcomes(), lab.verdict()) == (["accepted"], "unknown: OperationStuck")


def test_what_is_asked_of_a_cluster_that_can_not_be_read_is_answered_after_a_day() -> None:
    lab = blocked(beside=False)
    lab.ask(RequestKind.UNBLOCK)
    lacking(lab, "np1")
    lab.look(lasting=2 * HOUR)
    assert lab.records(RecordKind.REQUEST) == []
    lab.passes(24 * HOUR)
    (found,) = lab.records(RecordKind.REQUEST)
    assert (found.payload["outcome"], "ask again" in found.payload["message"]) == ("not_begun", True)
    lacking(lab)
    lab.passes(HOUR)
    assert lab.waits() == "Blocked", "it is not served after all"


def test_what_somebody_asks_meanwhile_is_done_once_the_pool_is_listed_again() -> None:
    lab = begun()
    lab.ask(RequestKind.ABORT)
    lacking_once(lab, "np1")
    assert lab.records(RecordKind.REQUEST) == []
    lab.passes(HOUR)
    assert lab.outcomes() == ["accepted", "canceled"]
    assert [one.payload["outcome"] for one in lab.records(RecordKind.REQUEST)][-1] == "accepted"


def test_a_pool_that_was_deleted_while_it_was_changed_has_the_end_that_aks_says() -> None:
    lab = begun()
    with lab.world.entered():
        operations.preempt(lab.world, lab.world.cluster_by_id(CLUSTER.arm_id))
    lacking(lab, "np1")
    lab.look(lasting=HOUR)
    assert lab.outcomes() == ["accepted", "canceled"]
    assert "AKSOperationPreemptedByDelete" in lab.records(RecordKind.OUTCOME)[-1].payload["message"]
    assert (lab.verdict(), lab.budget.places) == ("", {})


# What is remembered, and said


@pytest.mark.parametrize("beside", [True, False])
def test_what_is_remembered_of_a_pool_outlives_lists_without_it_of_different_hours(*, beside: bool) -> None:
    lab = blocked(beside=beside)
    before = memory(lab).pools["np1"]
    for _ in range(3):
        lacking_once(lab, "np1")
        lab.passes(HOUR)
    assert memory(lab).pools["np1"] == before
    assert (lab.waits(), memory(lab).missed) == ("Blocked", {})
    assert lab.puts() == [200]


def test_a_pool_that_was_deleted_is_gone_two_minutes_later() -> None:
    lab = blocked()
    verdict = lab.verdict()
    lacking(lab, "np1")
    lab.look(lasting=MINUTE)
    assert lab.verdict() == verdict
    assert {*memory(lab).pools} == {"np1", "np2"}
    lab.passes(timedelta(seconds=90))
    assert (lab.verdict(), lab.verdict(pool="np2")) == ("", PROVEN)
    assert {*memory(lab).pools} == {"np2"}
    assert lab.told("PoolGone") == 1
    lab.passes(HOUR)
    assert memory(lab).missed == {}


def test_pools_that_people_delete_one_after_the_other_keep_no_cluster_from_being_judged() -> None:
    lab = fleet(beside=True)
    lab.policies.rules = ruled("mode: alert\n")
    names = [f"p{number}" for number in range(20)]
    for name in names:
        lab.add_pool(CLUSTER, name, enableFIPS=True)
    lab.look(lasting=HOUR)
    assert lab.verdict(pool="p0") == PROVEN
    for number in range(len(names)):
        lacking(lab, *names[: number + 1])
        lab.look(lasting=timedelta(seconds=90))
        assert lab.verdict(pool="np2") == PROVEN
        assert lab.verdict(pool=names[number]) in ("", PROVEN)
        assert len(posture(lab).pools) <= len(names) - number + 4, "those that are surely gone are gone"
    lab.passes(timedelta(minutes=4))
    assert {one.pool for one in posture(lab).pools} == {*memory(lab).pools} == {"np1", "np2"}
    assert memory(lab).missed == {}


def test_a_list_that_lacks_a_pool_is_not_believed_because_another_one_is_gone() -> None:
    lab = blocked()
    lab.add_pool(CLUSTER, "np3")
    lab.policies.rules = ruled("mode: alert\n")
    lab.look(lasting=HOUR)
    before = (replace(memory(lab).pools["np1"], workloads=None), lab.verdict())
    lab.policies.rules = ruled("mode: enforce\n")
    lacking(lab, "np2")
    lab.look(lasting=timedelta(seconds=100))
    lacking(lab, "np1", "np2")
    lab.ask(RequestKind.UNBLOCK)
    lab.passes(MINUTE / 2)
    lab.look(lasting=MINUTE / 2)
    assert {*memory(lab).pools} == {"np1", "np3"}
    assert (replace(memory(lab).pools["np1"], workloads=None), lab.verdict()) == before
    assert lab.verdict(pool="np2") == ""
    assert lab.waits(pool="np3") == "PoolsMissing"
    assert lab.records(RecordKind.REQUEST) == []
    lacking(lab, "np2")
    lab.passes(HOUR)
    assert [one.payload["outcome"] for one in lab.records(RecordKind.REQUEST)] == ["succeeded"]
    assert lab.told("PoolGone") == 0


def test_a_cluster_of_which_no_pool_is_listed_is_unknown_and_nothing_of_it_is_forgotten() -> None:
    lab = blocked(beside=False)
    before = memory(lab).pools
    lacking(lab, "np1")
    lab.look(lasting=SOON)
    assert lab.verdict().startswith("non_compliant")
    lab.passes(HOUR)
    assert (lab.verdict(), lab.told("NoNodePools")) == ("unknown: NoNodePools", 1)
    assert memory(lab).pools == before
    lacking(lab)
    lab.passes(HOUR)
    assert (lab.waits(), lab.puts()) == ("Blocked", [200])


@pytest.mark.parametrize(
    ("listed", "verdict", "remembered"), [(True, "", set()), (False, "unknown: NoNodePools", {"np1"})]
)
def test_where_aks_keeps_the_system_pools_to_itself_only_a_list_that_is_there_says_that_pools_are_gone(
    verdict: str, remembered: set[str], *, listed: bool
) -> None:
    lab = blocked(beside=False)
    lacking(lab, "np1", hosted=True, listed=listed)
    lab.look(lasting=MINUTE)
    assert lab.verdict().startswith("non_compliant")
    lab.passes(HOUR)
    assert (lab.verdict(), {*memory(lab).pools}) == (verdict, remembered)


@pytest.mark.parametrize(
    ("scope", "reasons"), [("", ["NoNodePools"]), ("scope: {exclude: [{tags: {team: none}}]}\n", [])]
)
def test_a_cluster_that_never_had_a_pool_in_a_list_is_judged_at_once(scope: str, reasons: list[str]) -> None:
    lab = Fleet()
    lab.policies.rules = ruled(f"mode: enforce\n{scope}")
    with lab.world.entered():
        lab.world.cluster_by_id(CLUSTER.arm_id).tags["team"] = "none"
    lacking(lab, "np1")
    lab.look(lasting=SOON)
    assert [one.reason for one in posture(lab).cluster_findings] == reasons


def test_a_remediation_goes_on_through_hours_without_any_pool_in_the_list() -> None:
    lab = begun(beside=False)
    lacking(lab, "np1")
    lab.passes(5 * HOUR)
    assert (lab.outcomes(), list(lab.budget.places)) == (["accepted"], [CLUSTER.key])
    lacking(lab)
    lab.passes(HOUR)
    lab.assert_sound()


# A replacement


def making() -> Replacing:
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: lab.outcomes() == ["accepted"])
    lab.step(Tap())
    assert lab.pools["oldf"].provisioning_state == "Creating"
    return lab


def made() -> Replacing:
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: proving(lab))
    return lab


def deleting() -> Replacing:
    lab = half_way()
    lab.until(lambda: lab.outcomes() == ["accepted", "succeeded", "accepted"])
    assert lab.pools["old"].provisioning_state == "Deleting"
    return lab


STAGES = {"making": making, "made": made, "half_way": half_way, "deleting": deleting}


@pytest.mark.parametrize("pool", ["old", "oldf"])
@pytest.mark.parametrize("stage", [*STAGES])
def test_a_replacement_goes_on_though_one_list_lacks_one_of_its_pools(stage: str, pool: str) -> None:
    lab = STAGES[stage]()
    lacking_once(lab, pool)
    assert lab.replacement is not None
    assert list(lab.budget.places) == [CLUSTER.key]
    lab.passes(2 * HOUR)
    lab.assert_replaced()
    assert lab.outcomes() == ["accepted", "succeeded", "accepted", "succeeded"]
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]
    assert lab.told("ReplacementGivenUp") == 0


@pytest.mark.parametrize(("method", "pool"), [("PUT", "oldf"), ("DELETE", "old")])
def test_what_nobody_answered_is_found_out_from_two_lists(method: str, pool: str) -> None:
    lab = Replacing.made()
    lab.world.faults.add(Fault(LostAnswer(), method=method, kind="agentPools", times=1))
    lab.event()
    lab.until(lambda: not len(lab.world.faults))
    recorded = lab.outcomes()
    lacking_once(lab, pool)
    assert lab.outcomes() == recorded
    lab.passes(2 * HOUR)
    lab.assert_replaced()
    assert lab.outcomes() == ["accepted", "succeeded", "accepted", "succeeded"]


def test_a_twin_that_was_refused_is_not_waited_for() -> None:
    lab = Replacing.made()
    lab.world.faults.add(Fault(BUSY, method="PUT", kind="agentPools", times=1))
    lab.event()
    lab.until(lambda: lab.outcomes() == ["refused"])
    lab.step(Tap())
    assert (memory(lab).missed, memory(lab).operation, lab.budget.places) == ({}, None, {})
