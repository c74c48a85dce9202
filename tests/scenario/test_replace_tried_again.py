"""A replacement that is tried again, or has short windows: what never ran is nobody's fault, and time is counted up."""

from dataclasses import replace

import pytest

from local.world.kube import builders as kube
from local.world.kube import pods
from local.world.kube.state import Pod
from shared.domain.people import RequestKind
from tests.protocol.lab import Tap, ruled
from tests.scenario.replacing import (
    HOUR,
    PROVEN,
    REPLACES,
    Replacing,
    draining,
    proving,
    stuck_told,
    writes,
)

BROKEN = [{"name": "main", "image": "acme/broken:1"}]
"""An image that nobody can pull."""


def with_broken(kind: str = "ReplicaSet", replicas: int = 2) -> Replacing:
    """A pool with a workload that runs and one that never did."""
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=4)
        lab.kube.unpullable.add("acme/broken:1")
        kube.add_workload(lab.cluster, "broken", kind=kind, replicas=replicas, containers=BROKEN)
    return lab


def of(lab: Replacing, name: str) -> list[Pod]:
    """The pods of a workload."""
    return [pod for pod in lab.kube.pods.values() if pod.workload == ("default", name)]


def makes_anew(lab: Replacing, pool: str) -> None:
    """Somebody deletes the pods of what never ran, and its controller makes others, on a pool."""
    key = ("default", "broken")
    with lab.world.entered():
        workload = lab.kube.workloads[key]
        lab.kube.workloads[key] = replace(workload, spec={**workload.spec, "nodeName": lab.nodes(pool)[0].name})
        for pod in of(lab, "broken"):
            pods.delete(lab.cluster, pod, grace=0)
        lab.kube.workloads[key] = workload


def tries(lab: Replacing) -> None:
    """The first try, until what never ran is on the twin."""
    lab.clock.advance(HOUR)
    lab.event()
    twin = "oldf"
    lab.until(lambda: draining(lab) and {pod.node for pod in of(lab, "broken")} <= {n.name for n in lab.nodes(twin)})


def aborts(lab: Replacing) -> None:
    """Somebody stops it; both pools take pods."""
    lab.ask(RequestKind.ABORT, "old")
    lab.look(lasting=HOUR)
    assert lab.replacement is None


def lets_go_on(lab: Replacing) -> None:
    """Somebody lets it be tried again."""
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.look(lasting=2 * HOUR)


def changes_its_mode(lab: Replacing) -> None:
    """The policy does not act for a while."""
    lab.policies.rules = ruled("mode: audit\n")
    lab.look(lasting=3 * HOUR)
    assert lab.replacement is None
    lab.policies.rules = ruled(REPLACES)
    lab.look(lasting=2 * HOUR)


@pytest.mark.parametrize("how", ["an abort", "two aborts", "another mode"])
def test_what_never_ran_bars_no_replacement_that_is_tried_again(how: str) -> None:
    lab = with_broken()
    tries(lab)
    if how == "another mode":
        changes_its_mode(lab)
    else:
        aborts(lab)
        if how == "two aborts":
            lab.ask(RequestKind.UNBLOCK, "old")
            lab.until(lambda: lab.replacement is not None and lab.replacement.ran is not None)
            aborts(lab)
        lets_go_on(lab)
    assert list(lab.pools) == ["oldf"]
    assert {pod.phase for pod in of(lab, "broken")} == {"Pending"}
    assert {pod.phase for pod in of(lab, "web")} == {"Running"}
    assert stuck_told(lab) == 0


def test_what_was_made_since_may_have_run_where_it_came_from_and_has_to_run_on_the_twin() -> None:
    lab = with_broken()
    tries(lab)
    aborts(lab)
    makes_anew(lab, "oldf")
    lets_go_on(lab)
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
    assert "default/ReplicaSet/broken" in lab.deferral(pool="old").message
    assert "scale to 0" in lab.deferral(pool="old").message


def test_what_runs_and_fails_on_the_twin_bars_it_in_every_try() -> None:
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, "web", replicas=4, containers=BROKEN)
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    with lab.world.entered():
        lab.kube.unpullable.add("acme/broken:1")
    lab.look(lasting=2 * HOUR)
    for _ in range(2):
        assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
        aborts(lab)
        lets_go_on(lab)


# Pods that have just been made


def proven(lab: Replacing) -> bool:
    """Whether the nodes of the twin have carried the label: the look that finds that proves it, and drains."""
    return "oldf" in lab.pools and bool(lab.nodes("oldf")) and all(node.fips_label for node in lab.nodes("oldf"))


def renewed(times: int) -> tuple[Replacing, set[str]]:
    """A pool whose broken pod is made anew so many times before the first cordon, and what was waited for in hours."""
    lab, reasons = with_broken(replicas=1), set[str]()
    made: list[str] = []
    lab.clock.advance(HOUR)

    def before(call: str) -> None:
        cordoned = any(node.unschedulable for node in lab.nodes()) if "old" in lab.pools else True
        if call == "clusters.read" and proven(lab) and not cordoned and len(made) < times:
            made.append(call)
            makes_anew(lab, "old")

    lab.event()
    end = lab.clock.now() + 3 * HOUR
    while "old" in lab.pools and lab.clock.now() < end:
        lab.step(Tap(before))
        reasons.add(lab.waits(pool="old"))
    assert made
    return lab, reasons


def test_what_never_ran_and_was_made_anew_a_moment_before_the_first_cordon_bars_nothing() -> None:
    lab, reasons = renewed(1)
    assert list(lab.pools) == ["oldf"]
    assert "PodsSettling" in reasons
    assert "PodsNotRunning" not in reasons


def test_what_is_made_anew_all_the_time_keeps_the_first_cordon_for_some_minutes_alone() -> None:
    lab, reasons = renewed(100)
    assert all(node.unschedulable for node in lab.nodes())
    assert "PodsSettling" in reasons
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])


# Windows that are shorter than people's patience


NIGHTLY = f'{REPLACES}windows: [{{start: "02:00", length: 1h}}]\n'


def test_what_does_not_go_on_in_windows_of_an_hour_is_told_once() -> None:
    lab = Replacing.made()
    lab.policies.rules = ruled(NIGHTLY)
    lab.event()
    lab.days(18 / 24)
    lab.until(lambda: draining(lab))
    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
        kube.add_budget(lab.cluster, "web", min_available=4)
    lab.days(0.5)
    assert (stuck_told(lab), lab.waits(pool="old")) == (0, "OutsideWindow")
    lab.days(4)
    assert (stuck_told(lab), lab.waits(pool="old")) == (1, "OutsideWindow")
    with lab.world.entered():
        lab.kube.of("poddisruptionbudgets").clear()
    lab.days(2)
    lab.assert_replaced()


def test_what_waits_for_its_window_alone_is_told_to_nobody() -> None:
    lab = Replacing.made(pods=False)
    lab.policies.rules = ruled(f'{REPLACES}windows: [{{days: [Monday], start: "09:00", length: 1h}}]\n')
    lab.world.operation_time = HOUR
    lab.event()
    lab.days(6)
    assert (stuck_told(lab), lab.waits(pool="old")) == (0, "OutsideWindow")
    assert proven(lab)
    lab.days(2)
    assert (stuck_told(lab), list(lab.pools)) == (0, ["oldf"])
