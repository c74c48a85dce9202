"""An old pool that does not get empty whatever is done on its nodes: that is done ever less often, and people know."""

from collections.abc import Callable

import pytest

from local.world.kube import builders as kube
from local.world.kube import pods
from local.world.kube.state import Pod
from shared.domain.records import RecordKind
from tests.protocol.lab import Tap
from tests.scenario.replacing import (
    DAY,
    HOUR,
    MINUTE,
    PROVEN,
    REPLACES,
    Replacing,
    draining,
    evictions,
    half_way,
    proving,
    stuck_told,
    writes,
)

REPLICAS = 12


def meanwhile(lab: Replacing, hours: int, happens: Callable[[Replacing], None]) -> int:
    """Let something happen before each look; return how many there were."""
    end, looks = lab.clock.now() + hours * HOUR, 0
    while lab.clock.now() < end and "old" in lab.pools:
        happens(lab)
        lab.step(Tap())
        looks += 1
    return looks


def uncordons(lab: Replacing) -> None:
    """Something uncordons the first node of the old pool, and leaves its labels."""
    with lab.world.entered():
        lab.nodes()[0].unschedulable = False


def makes_room(lab: Replacing) -> None:
    """The cluster autoscaler adds a node to the old pool where pods have none."""
    with lab.world.entered():
        pods.look_again(lab.cluster)
        waits = any(not pod.node for pod in lab.kube.pods.values())
    if waits:
        lab.scale("old", len(lab.nodes()) + 1)


def cordoned() -> Replacing:
    """A replacement that has cordoned its nodes and evicted nothing yet."""
    lab = Replacing.made()
    lab.event()
    lab.until(lambda: "oldf" in lab.pools and all(node.unschedulable for node in lab.nodes()))
    return lab


def crowded() -> Replacing:
    """A replacement whose twin, of one node, has no room for all pods of the old pool, of two."""
    lab = Replacing.made(pods=False, maxPods=10, maxCount=100)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=REPLICAS)
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    lab.scale("oldf", 1)
    return lab


# Nodes that somebody uncordons


@pytest.mark.parametrize("made", [cordoned, half_way])
def test_a_node_that_somebody_uncordons_again_and_again_is_cordoned_ever_less_often_and_told(
    made: Callable[[], Replacing],
) -> None:
    lab = made()
    first = lab.nodes()[0].name
    sent, told = evictions(lab), len(lab.records(RecordKind.REPLACEMENT))
    looks = meanwhile(lab, 6, uncordons)
    assert (evictions(lab), set(lab.pools)) == (sent, {"old", "oldf"})
    assert lab.waits(pool="old") == "NodesUncordoned"
    assert f"again: {first}. " in lab.deferral(pool="old").message
    assert looks < 100
    assert stuck_told(lab) == 1
    assert len(lab.records(RecordKind.REPLACEMENT)) - told <= 2, "an attempt that is the same is not recorded again"


def test_a_node_that_was_uncordoned_once_is_cordoned_and_the_replacement_goes_on() -> None:
    lab = half_way()
    uncordons(lab)
    lab.passes(HOUR)
    lab.assert_replaced()
    assert stuck_told(lab) == 0


# Nodes that join it


def test_pods_for_which_the_old_pool_grows_are_evicted_ever_less_often_and_that_is_told() -> None:
    lab = crowded()
    before = len(lab.nodes())
    meanwhile(lab, 12, makes_room)
    assert set(lab.pools) == {"old", "oldf"}
    assert evictions(lab) <= 3 * REPLICAS
    assert len(lab.nodes()) - before < REPLICAS
    assert lab.waits(pool="old") == "PodsReturn"
    assert "default/ReplicaSet/web" in lab.deferral(pool="old").message
    assert "room on oldf" in lab.deferral(pool="old").message
    assert stuck_told(lab) == 1

    sent = evictions(lab)
    meanwhile(lab, 3 * 24, makes_room)
    assert evictions(lab) - sent <= 4 * REPLICAS, "once a day at last"


def test_they_are_evicted_again_by_the_next_day_once_there_is_room() -> None:
    lab = crowded()
    meanwhile(lab, 12, makes_room)
    lab.scale("oldf", 3)
    lab.passes(DAY)
    lab.assert_replaced()


def test_and_at_once_when_people_have_moved_one() -> None:
    lab = crowded()
    meanwhile(lab, 12, makes_room)
    lab.scale("oldf", 3)
    with lab.world.entered():
        old = {node.name for node in lab.nodes()}
        pods.delete(lab.cluster, next(pod for pod in lab.kube.pods.values() if pod.node in old), grace=0)
    lab.passes(HOUR)
    lab.assert_replaced()


def test_nodes_that_join_are_named_until_their_pods_are_evicted() -> None:
    lab = half_way()
    names = {node.name for node in lab.nodes()}
    lab.scale("old", len(names) + 1)
    (joined,) = {node.name for node in lab.nodes()} - names
    lab.until(lambda: all(node.unschedulable for node in lab.nodes()))
    lab.look(lasting=MINUTE)
    assert lab.waits(pool="old") == "NodesJoined"
    assert f"cordoned: {joined}. " in lab.deferral(pool="old").message
    lab.passes(HOUR)
    lab.assert_replaced()
    assert stuck_told(lab) == 0


def test_a_node_that_joined_with_many_pods_once_is_emptied_like_any_other() -> None:
    lab = Replacing.made(pods=False, maxPods=250)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=10)
    lab.event()
    lab.until(lambda: draining(lab))
    lab.scale("old", len(lab.nodes()) + 1)
    with lab.world.entered():
        for node in lab.nodes("oldf"):
            node.unschedulable = True
        kube.add_workload(lab.cluster, "many", replicas=200)
        for node in lab.nodes("oldf"):
            node.unschedulable = False
    lab.passes(HOUR)
    lab.assert_replaced()
    assert stuck_told(lab) == 0


def test_what_rests_does_not_keep_what_budgets_let_go_later() -> None:
    """Pods that come back rest for long; those of other workloads are tried every few minutes."""
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "sticky", kind="CloneSet", replicas=1, nodeName=lab.nodes()[0].name)
        kube.add_workload(lab.cluster, "web", replicas=2)
        kube.add_budget(lab.cluster, "web", min_available=2)
    lab.look(lasting=12 * HOUR)
    assert {pod.name[:3] for pod in on_old(lab)} == {"sti", "web"}
    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
    lab.look(lasting=HOUR)
    assert {pod.name[:3] for pod in on_old(lab)} == {"sti"}


def on_old(lab: Replacing) -> list[Pod]:
    """The pods that are on the old pool."""
    names = {node.name for node in lab.nodes()}
    return [pod for pod in lab.kube.pods.values() if pod.node in names]


# A twin that nobody asks


def test_a_twin_whose_labels_stay_wrong_is_read_ever_less_often_and_said_to_be_asked_by_nobody() -> None:
    lab = half_way(f"{REPLACES}proof: {{level: control-plane}}\n")
    with lab.world.entered():
        for node in lab.nodes("oldf"):
            node.fips_label = False
        pods.look_again(lab.cluster)
    lab.look(lasting=HOUR)
    told = lab.deferral(pool="old")
    assert told.reason == "TwinNotReady"
    assert "asked" not in told.message
    before = len(lab.world.requests)
    lab.look(lasting=10 * HOUR)
    assert len(lab.world.requests) - before < 1000
    assert stuck_told(lab) == 1
    with lab.world.entered():
        for node in lab.nodes("oldf"):
            node.fips_label = True
    lab.passes(HOUR)
    assert writes(lab) == [("PUT", 201), ("DELETE", 202)]
