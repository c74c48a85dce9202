"""What followed to the twin has to run there, and for a while, before nothing is left that could take it back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.world.kube import builders as kube
from local.world.kube import pods
from local.world.kube.state import Pod, Workload
from local.world.model import Cluster
from shared.budget import pause, resume
from shared.domain.people import RequestKind
from shared.domain.running import STEADY
from tests.protocol.lab import Tap, WorkerDied
from tests.scenario.replacing import (
    DAY,
    HOUR,
    MINUTE,
    PROVEN,
    Replacing,
    evictions,
    half_way,
    proving,
    stuck_told,
    writes,
)

BUSYBOX = "busybox:1.36"
HERE = '[ "$(cat /proc/sys/crypto/fips_enabled 2>/dev/null)" = 1 ]'
"""Whether the node's kernel has FIPS on."""


def runs(script: str, policy: str = "Always") -> dict[str, Any]:
    """The spec of pods that run a script."""
    return {
        "containers": [{"name": "main", "image": BUSYBOX, "command": ["sh", "-c", script]}],
        "restartPolicy": policy,
    }


LATE = runs(f"sleep 120; if {HERE}; then exit 1; fi; sleep 999999")
"""An application that ends two minutes after its start where there is FIPS: at its first call over TLS, say."""
JOB = runs(f"if {HERE}; then exit 1; fi; sleep 999999", "Never")
"""A Job that fails where there is FIPS."""


def with_pods(name: str, spec: Mapping[str, Any], kind: str = "ReplicaSet", replicas: int = 3) -> Replacing:
    """A pool with one workload."""
    lab = Replacing.made(pods=False)
    with lab.world.entered():
        kube.add_workload(lab.cluster, name, kind=kind, replicas=replicas, **spec)
    return lab


def on(lab: Replacing, pool: str) -> list[Pod]:
    """The pods of a pool."""
    names = {node.name for node in lab.nodes(pool)}
    return [pod for pod in lab.kube.pods.values() if pod.node in names]


def test_an_application_that_fails_minutes_after_its_start_keeps_the_old_pool() -> None:
    lab = with_pods("web", LATE)
    lab.look(lasting=4 * HOUR)
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
    assert "default/ReplicaSet/web" in lab.deferral(pool="old").message
    assert stuck_told(lab) == 1


def test_the_old_pool_is_deleted_when_a_pod_of_each_workload_has_run_for_a_while() -> None:
    lab = with_pods("web", {})
    lab.event()
    followed: dict[str, Any] = {}
    waited = set[str]()
    while not any(method == "DELETE" for method, _ in writes(lab)):
        followed, before = {pod.name: pod.started for pod in on(lab, "oldf")} if "oldf" in lab.pools else {}, followed
        lab.step(Tap())
        waited.add(lab.waits(pool="old"))
    assert len(followed) == 3
    assert "PodsSettling" in waited
    assert "PodsNotRunning" not in waited
    assert all(lab.clock.now() - started >= STEADY for started in before.values())
    lab.passes(HOUR)
    lab.assert_replaced()


@pytest.mark.parametrize(("kind", "replicas"), [("ReplicaSet", 6), ("StatefulSet", 3)])
def test_pods_that_their_controller_can_not_make_keep_the_old_pool_until_they_are_not_wanted(
    kind: str, replicas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admission webhook ran on the old pool itself, or a quota is full: they are nowhere."""
    lab, key = with_pods("web", {}, kind=kind, replicas=replicas), ("default", "web")
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    with monkeypatch.context() as patched:
        patched.setattr(pods, "replenish", lambda *_: None)
        lab.look(lasting=DAY)
        assert (lab.waits(pool="old"), writes(lab)) == ("PodsMissing", [("PUT", 201)])
        assert f"default/{kind}/web" in lab.deferral(pool="old").message
        assert stuck_told(lab) == 1
        with lab.world.entered():
            there = [pod for pod in lab.kube.pods.values() if pod.workload == key]
            lab.kube.workloads[key] = replace(lab.kube.workloads[key], replicas=0)
            for pod in there:
                pods.delete(lab.cluster, pod, grace=0)
        assert 0 < len(there) < replicas, "evictions wait as well"
        lab.passes(HOUR)
    assert list(lab.pools) == ["oldf"]


def test_a_stateful_set_that_waits_for_one_that_never_ran_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes its pods in their order, and the one before it was ill before."""
    lab = with_pods("db", {}, kind="StatefulSet")
    real = pods.replenish
    with lab.world.entered():
        lab.kube.unpullable.add("acme/web:2")
        key = ("default", "db")
        lab.kube.workloads[key] = replace(lab.kube.workloads[key], spec=dict(GONE))
        pods.delete(lab.cluster, lab.kube.pods["default", "db-1"], grace=0)
    lab.passes(HOUR)
    ill = lab.kube.pods["default", "db-1"]

    def in_order(cluster: Cluster, workload: Workload) -> None:
        if ("default", "db-1") not in lab.kube.pods or workload.name != "db":
            real(cluster, workload)

    assert ill.phase == "Pending"
    monkeypatch.setattr(pods, "replenish", in_order)
    lab.look(lasting=DAY)
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsMissing", [("PUT", 201)])
    assert "default/StatefulSet/db" in lab.deferral(pool="old").message


GONE = {"containers": [{"name": "main", "image": "acme/web:2"}]}
"""An image that can't be pulled any more."""


def crashes(after: int) -> dict[str, Any]:
    """An application that crashes a while after each start."""
    return runs(f"sleep {after}; exit 1")


@pytest.mark.parametrize(
    ("kind", "replicas", "spec"),
    [
        ("StatefulSet", 3, GONE),
        ("ReplicaSet", 16, GONE),
        ("ReplicaSet", 24, GONE),
        ("StatefulSet", 3, crashes(20)),
        ("StatefulSet", 3, crashes(200)),
        ("ReplicaSet", 24, crashes(120)),
    ],
)
def test_the_pod_that_left_last_keeps_the_old_pool_if_it_does_not_run_there(
    kind: str, replicas: int, spec: Mapping[str, Any]
) -> None:
    """Though all the others of its workload do, and though it is ready for moments."""
    lab, key = with_pods("web", {}, kind=kind, replicas=replicas), ("default", "web")
    lab.kube.unpullable.add("acme/web:2")
    with lab.world.entered():
        kube.add_budget(lab.cluster, "web", min_available=replicas - 1)
    lab.event()
    lab.until(lambda: len(on(lab, "old")) == 1)
    with lab.world.entered():
        lab.kube.workloads[key] = replace(lab.kube.workloads[key], spec=dict(spec))
    lab.until(lambda: not on(lab, "old"))
    lab.passes(DAY)
    assert len(on(lab, "oldf")) == replicas
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
    assert f"default/{kind}/web" in lab.deferral(pool="old").message
    assert stuck_told(lab) == 1


def test_whoever_dies_after_the_last_eviction_leaves_when_the_pool_was_not_empty() -> None:
    lab = with_pods("web", {}, replicas=1)

    def dies(call: str) -> None:
        if call == "kubernetes.api.send" and evictions(lab):
            raise WorkerDied

    lab.event()
    while not evictions(lab):
        lab.step(Tap(after=dies))
    assert lab.replacement
    assert lab.replacement.vacant is None
    lab.passes(HOUR)
    lab.assert_replaced()


def move(lab: Replacing, some: Iterable[Pod]) -> None:
    """Somebody deletes some pods, which are made anew elsewhere."""
    with lab.world.entered():
        for pod in some:
            pods.delete(lab.cluster, pod, grace=0)


@pytest.mark.parametrize("replicas", [12, 40])
def test_nothing_is_deleted_minutes_after_the_last_pod_left_however_late_a_look_sees_that(replicas: int) -> None:
    """A budget lets no pod go, so that looks come ten minutes apart, and somebody moves the pods just before one."""
    lab = with_pods("web", {}, replicas=replicas)
    with lab.world.entered():
        kube.add_budget(lab.cluster, "web", min_available=replicas)
    lab.event()
    lab.passes(4 * HOUR)
    assert lab.waits(pool="old") == "PdbBlocked"
    move(lab, on(lab, "old")[1:])
    lab.passes(HOUR)
    visible = lab.queue.next_visible()
    assert visible
    lab.clock.advance(visible - lab.clock.now() - MINUTE)
    move(lab, on(lab, "old"))
    seen = lab.clock.now() + MINUTE
    lab.until(lambda: "old" not in lab.pools or writes(lab)[-1][0] == "DELETE")
    assert lab.clock.now() - seen >= STEADY
    lab.passes(HOUR)
    lab.assert_replaced()


def test_a_pause_is_no_rest_since_nobody_looks_while_it_lasts() -> None:
    lab = with_pods("web", {}, replicas=1)
    lab.event()
    lab.until(lambda: lab.replacement is not None and lab.replacement.vacant is not None)
    pause(lab.rollout, "ana", "it fails there", lab.clock.now())
    lab.passes(HOUR)
    assert lab.waits(pool="old") == "Paused"
    resume(lab.rollout, "ana", lab.clock.now())
    resumed = lab.clock.now()
    lab.event()
    lab.until(lambda: writes(lab)[-1][0] == "DELETE")
    assert lab.clock.now() - resumed >= STEADY
    lab.passes(HOUR)
    lab.assert_replaced()


def rescaled(lab: Replacing) -> None:
    """An autoscaler takes the youngest pod away and makes another one."""
    key = ("default", "web")
    with lab.world.entered():
        if len(lab.kube.pods) > 3:
            pods.delete(lab.cluster, max(lab.kube.pods.values(), key=lambda pod: pod.created), grace=0)
        lab.kube.workloads[key] = replace(lab.kube.workloads[key], replicas=4)
        pods.replenish(lab.cluster, lab.kube.workloads[key])


def test_pods_that_come_and_go_all_the_time_do_not_keep_it_where_one_has_run_for_a_while() -> None:
    lab = with_pods("web", {})

    lab.event()
    lab.until(lambda: evictions(lab) >= 3)
    end = lab.clock.now() + HOUR
    while "old" in lab.pools and lab.clock.now() < end:
        visible = lab.queue.next_visible()
        assert visible
        lab.clock.advance(max(visible - lab.clock.now() - MINUTE, timedelta()))
        rescaled(lab)
        lab.step(Tap())
    assert list(lab.pools) == ["oldf"]


def test_a_job_that_fails_on_the_twin_keeps_the_old_pool_until_somebody_deletes_it() -> None:
    lab = with_pods("batch", JOB, kind="Job")
    lab.look(lasting=4 * HOUR)
    assert {pod.phase for pod in on(lab, "oldf")} == {"Failed"}
    assert (lab.waits(pool="old"), writes(lab)) == ("PodsNotRunning", [("PUT", 201)])
    assert "default/Job/batch" in lab.deferral(pool="old").message
    assert "delete those that have failed" in lab.deferral(pool="old").message
    with lab.world.entered():
        del lab.kube.workloads["default", "batch"]
        for pod in on(lab, "oldf"):
            pods.delete(lab.cluster, pod, grace=0)
    lab.passes(HOUR)
    lab.assert_replaced()


def retried(lab: Replacing) -> None:
    """The Job's controller makes a pod for each that failed, and this time all goes well."""
    key = ("default", "batch")
    lab.kube.workloads[key] = replace(lab.kube.workloads[key], replicas=6, spec=runs("sleep 999999", "Never"))
    pods.replenish(lab.cluster, lab.kube.workloads[key])


def succeeded(lab: Replacing) -> None:
    """The same, and they have done their work."""
    retried(lab)
    key = ("default", "batch")
    lab.kube.workloads[key] = replace(lab.kube.workloads[key], spec=runs("exit 0", "Never"))
    for pod in [one for one in on(lab, "oldf") if one.phase == "Pending"]:
        pods.delete(lab.cluster, pod, grace=0)


@pytest.mark.parametrize("happens", [retried, succeeded])
def test_a_job_whose_later_pods_run_or_succeed_does_not(happens: Callable[[Replacing], None]) -> None:
    lab = with_pods("batch", JOB, kind="Job")
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "PodsNotRunning"
    with lab.world.entered():
        happens(lab)
    lab.passes(HOUR)
    assert sorted({pod.phase for pod in on(lab, "oldf")}) == [
        "Failed",
        "Running" if happens is retried else "Succeeded",
    ]
    assert list(lab.pools) == ["oldf"]


def test_what_a_kubelet_has_put_out_and_its_controller_made_good_does_not() -> None:
    """It stays as an object in phase Failed for as long as nobody deletes it."""
    lab, key = half_way(), ("default", "web")
    lab.until(lambda: any(pod.workload == key for pod in on(lab, "oldf")))
    with lab.world.entered():
        out = next(pod for pod in on(lab, "oldf") if pod.workload == key)
        out.phase, out.reason = "Failed", "Evicted"
        lab.kube.workloads[key] = replace(lab.kube.workloads[key], replicas=5)
        pods.replenish(lab.cluster, lab.kube.workloads[key])
    lab.passes(HOUR)
    assert out in on(lab, "oldf")
    assert list(lab.pools) == ["oldf"]


def test_what_failed_on_the_twin_before_it_was_gone_on_with_does_not() -> None:
    lab = with_pods("batch", JOB, kind="Job")
    lab.event()
    lab.until(lambda: proving(lab) and lab.verdict(pool="oldf") == PROVEN)
    lab.look(lasting=HOUR)
    assert lab.waits(pool="old") == "PodsNotRunning"
    lab.ask(RequestKind.ABORT, "old")
    lab.passes(HOUR)
    lab.ask(RequestKind.UNBLOCK, "old")
    lab.passes(DAY)
    assert {pod.phase for pod in on(lab, "oldf")} == {"Failed"}
    assert list(lab.pools) == ["oldf"]


def test_a_daemon_set_that_does_not_run_on_the_twin_keeps_everything_where_it_is() -> None:
    """Its pods are there before anything is moved: nothing is evicted to find out."""
    lab = Replacing.made()
    agent = [{"name": "main", "image": "acme/agent:1"}]
    with lab.world.entered():
        kube.add_workload(lab.cluster, "security", kind="DaemonSet", replicas=0, containers=agent)
    lab.clock.advance(2 * MINUTE)
    with lab.world.entered():
        pods.look_again(lab.cluster)
        lab.kube.unpullable.add("acme/agent:1")
    lab.look(lasting=4 * HOUR)
    assert (lab.waits(pool="old"), writes(lab), evictions(lab)) == ("PodsNotRunning", [("PUT", 201)], 0)
    assert "default/DaemonSet/security" in lab.deferral(pool="old").message
    assert not [node.name for node in lab.nodes() if node.unschedulable]
    assert stuck_told(lab) == 1
    with lab.world.entered():
        lab.kube.unpullable.clear()
        for pod in [one for one in on(lab, "oldf") if one.phase == "Pending"]:
            pods.delete(lab.cluster, pod, grace=0)
    lab.passes(2 * HOUR)
    lab.assert_replaced()
