"""Which pods run, which are too new to tell, and which workloads are worse off than before."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.draining import Left
from shared.domain.following import drained
from shared.domain.running import (
    RUNS,
    STEADY,
    WATCHED,
    End,
    Running,
    Tried,
    at_begin,
    mark,
    read_running,
    watched,
    worse,
)
from shared.domain.workloads import Place
from tests.builders import NOW, pool

SECOND = timedelta(seconds=1)
ILL = Running(ready=False)
HOUR = timedelta(hours=1)
JUST = Running(since=NOW - STEADY + SECOND)
LATER = Running(since=NOW - HOUR, made=NOW - HOUR)
NEW = Running(ready=False, made=NOW - STEADY + SECOND)
PAUSED = Running(ready=False, since=NOW - STEADY + SECOND, made=NOW - HOUR)
"""It has run, and is not ready for a moment."""
OLD, TWIN = pool("old", count=1), pool("oldf", count=1)
NODES = (Place("o1", "old", {}), Place("n1", "oldf", {}))
CORDONED = (replace(NODES[0], labels={"fipswarden/cordoned-for": "0" * 32}, cordoned=True), NODES[1])


@dataclass(frozen=True)
class Pod:
    """A pod of a workload."""

    workload: str
    run: Running = RUNS

    @property
    def unit(self) -> str:
        """One of many alike."""
        return self.workload


LAST = ("2026-11-23T09:00:01Z", "2026-11-23T09:10:00Z")
"""A run of a container that was a second too short."""


def status(
    ready: str = "True", restarts: int = 0, since: str = "2026-11-23T09:29:00Z", **container: Any
) -> dict[str, Any]:
    """A pod as Kubernetes shows it, made ten minutes ago."""
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    containers = [{"name": "a", "restartCount": 0}, {"name": "b", "restartCount": restarts, **container}]
    return {
        "metadata": {"creationTimestamp": "2026-11-23T09:20:04Z"},
        "status": {"conditions": ["?", {"type": "Initialized"}, condition], "containerStatuses": containers},
    }


def run(began: str = LAST[0], ended: str = LAST[1], code: int = 1) -> dict[str, Any]:
    """A run of a container that has ended."""
    return {"terminated": {"exitCode": code, "startedAt": began, "finishedAt": ended}}


def to_end(**container: Any) -> dict[str, Any]:
    """A pod of a Job."""
    return {**status(**container), "spec": {"restartPolicy": "OnFailure"}}


def with_sidecar(**container: Any) -> dict[str, Any]:
    """A pod with an init container that may go on."""
    found = status()
    found["status"]["initContainerStatuses"] = [{"name": "side", **container}]
    return found


@pytest.mark.parametrize(
    ("item", "well"),
    [
        (status(), True),
        (status("False"), False),
        (status("Unknown"), False),
        (status(restarts=3), False),
        (status(restarts=3, since="2026-11-23T09:20:04Z"), True),
        (status(restarts=3, since="2026-11-23T09:20:05Z"), False),
        (status(restarts=3, since="yesterday"), True),
        (status(restarts=3, lastState=run()), False),
        (status(restarts=3, lastState=run("2026-11-23T09:00:00Z")), True),
        (status(restarts=3, lastState={"terminated": {"exitCode": 137}}), False),
        (status(lastState=run()), False),
        (status(lastState=run(), state={"running": {"startedAt": "2026-11-23T09:20:05Z"}}), False),
        (status(lastState=run(), state={"running": {"startedAt": "2026-11-23T09:20:04Z"}}), True),
        (status(lastState=run(), state={"running": {}}), False),
        (status(lastState=run(), state={"waiting": {"reason": "CrashLoopBackOff"}}), False),
        (status(state=run()), False),
        (status(state=run(code=0)), False),
        (status(state=run("2026-11-23T09:00:00Z", code=0)), True),
        (to_end(state=run()), False),
        (to_end(state=run(code=0)), True),
        (to_end(state=run(code=0), lastState=run()), True),
        (with_sidecar(lastState=run()), False),
        (with_sidecar(state=run(code=0), restartCount=1), True),
        ({}, False),
        ({"status": {"conditions": None}}, False),
    ],
)
def test_a_pod_runs_when_it_is_ready_and_not_between_two_crashes(item: dict[str, Any], *, well: bool) -> None:
    assert read_running(item).is_well(NOW) is well


@pytest.mark.parametrize(
    ("item", "steady"),
    [
        (status(since="2026-11-23T09:25:04Z"), True),
        (status(since="2026-11-23T09:25:05Z"), False),
        (status("False"), False),
        (status(since="yesterday"), True),
        (status(since="2026-11-23T09:30:03Z") | {"spec": {"restartPolicy": "Always"}}, False),
        (status(since="2026-11-23T09:30:03Z") | {"spec": {"restartPolicy": "Never"}}, True),
        (status(since="2026-11-23T09:30:03Z", restarts=1) | {"spec": {"restartPolicy": "OnFailure"}}, False),
    ],
)
def test_a_pod_is_steady_when_it_has_run_for_a_while_or_is_to_come_to_an_end(
    item: dict[str, Any], *, steady: bool
) -> None:
    assert read_running(item).is_steady(NOW, STEADY) is steady


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ({"phase": "Running"}, End.NONE),
        ({}, End.NONE),
        ({"phase": "Succeeded"}, End.DONE),
        ({"phase": "Failed"}, End.FAILED),
        ({"phase": "Failed", "reason": "Evicted"}, End.REFUSED),
    ],
)
def test_a_pod_says_how_it_ended(state: dict[str, Any], end: End) -> None:
    assert read_running({"status": state}).end is end


def test_a_pod_is_new_for_some_minutes() -> None:
    assert not read_running(status()).is_new(NOW)
    assert NEW.is_new(NOW)
    assert not NEW.is_new(NOW + SECOND)
    assert not read_running({"metadata": {"creationTimestamp": "2026-11-23T09:30:00"}}).is_new(NOW)


def test_those_that_did_not_run_for_a_while_are_counted_off_and_not_those_that_are_starting() -> None:
    ran = at_begin([Pod("a"), Pod("a", ILL), Pod("b", PAUSED), Pod("c", NEW)], (), NOW)

    assert sorted(ran.values()) == [0, 0, 1]
    assert worse([Pod("a", ILL)], ran) == ()
    assert worse([Pod("a", ILL), Pod("a", ILL), Pod("b", ILL), Pod("c", ILL), Pod("d", ILL)], ran) == tuple("abcd")
    assert [name for name in "abcd" if watched(Pod(name), ran)] == ["a", "b", "c"]


def test_where_nobody_knows_how_it_was_nothing_is_counted_off_and_every_workload_is_watched() -> None:
    assert worse([Pod("a", ILL)], None) == ("a",)
    assert watched(Pod("a"), None)


def test_what_is_on_the_twin_already_is_watched_and_nothing_of_it_is_counted_off() -> None:
    ran = at_begin([Pod("a", ILL)], [Pod("a", ILL), Pod("followed", ILL)], NOW)

    assert worse([Pod("a", ILL), Pod("followed", ILL)], ran) == ("followed",)
    assert watched(Pod("followed"), ran)


def ill_since(made: datetime) -> Running:
    return Running(ready=False, made=made)


GIVEN_UP = Tried({mark("a"): 2}, NOW - HOUR)
BEFORE, SINCE = ill_since(NOW - HOUR), ill_since(NOW - HOUR + SECOND)


@pytest.mark.parametrize(
    ("old", "on_twin", "counted"),
    [
        ([], [BEFORE], 1),
        ([], [BEFORE, BEFORE], 2),
        ([], [BEFORE, BEFORE, BEFORE], 2),
        ([], [SINCE], 0),
        ([], [BEFORE, SINCE], 1),
        ([], [ILL], 0),
        ([], [replace(BEFORE, ready=True, since=NOW)], 0),
        ([BEFORE], [BEFORE], 2),
        ([SINCE], [BEFORE, BEFORE], 2),
        ([BEFORE, BEFORE, BEFORE], [BEFORE], 3),
    ],
)
def test_of_what_did_not_run_before_an_earlier_try_those_are_counted_off_that_have_been_there_since(
    old: list[Running], on_twin: list[Running], counted: int
) -> None:
    ran = at_begin([Pod("a", run) for run in old], [Pod("a", run) for run in on_twin], NOW, GIVEN_UP)
    assert ran == {mark("a"): counted}


def test_but_none_of_what_ran_before_that_try() -> None:
    assert at_begin([], [Pod("b", BEFORE)], NOW, GIVEN_UP) == {mark("b"): 0}


def test_of_many_workloads_those_are_remembered_that_do_not_run() -> None:
    ran = at_begin([*(Pod(f"w{number}") for number in range(WATCHED)), Pod("ill", ILL)], (), NOW)
    assert (len(ran), worse([Pod("ill", ILL)], ran)) == (WATCHED, ())


def ended(end: End = End.FAILED, made: datetime = NOW - 2 * HOUR) -> Running:
    return Running(ready=False, made=made, end=end)


def left(workload: str, node: str, run: Running = ILL, **changes: Any) -> Left:
    made = Left("pay", f"{workload}-0", "u", node, workload, going=False, run=run)
    return replace(made, **changes)


class TestOnTheTwin:
    """Pods of workloads that ran on the old pool, when emptying began."""

    ran = at_begin([Pod("web"), Pod("db", ILL)], (), NOW)

    @pytest.mark.parametrize(
        ("pod", "failing", "starting"),
        [
            (left("web", "n1"), ("web",), ("web",)),
            (left("web", "n1", NEW), (), ("web",)),
            (left("web", "n1", RUNS), (), ()),
            (left("web", "n1", going=True), (), ()),
            (left("web", "elsewhere"), (), ()),
            (left("db", "n1"), (), ()),
            (left("others", "n1"), (), ()),
        ],
    )
    def test_one_that_does_not_run_is_told_if_it_ran_before(
        self, pod: Left, failing: tuple[str, ...], starting: tuple[str, ...]
    ) -> None:
        found = drained(OLD, TWIN, CORDONED, [pod], NOW, self.ran)
        assert (found.failing, found.starting, found.empty) == (failing, starting, not starting)
        assert found.ran == self.ran

    @pytest.mark.parametrize(
        ("runs", "waits"),
        [
            ([RUNS] * 19 + [NEW], ()),
            ([RUNS] * 18 + [NEW], ("web",)),
            ([RUNS] * 18 + [ended(End.DONE)] + [NEW], ("web",)),
            ([RUNS] * 19 + [PAUSED], ()),
            ([RUNS] * 18 + [NEW, PAUSED], ("web",)),
            ([RUNS] * 38 + [NEW, PAUSED], ()),
            ([JUST] * 19 + [NEW], ("web",)),
            ([RUNS] * 19 + [ILL], ("web",)),
            ([RUNS] * 19 + [ended(made=NOW)], ("web",)),
            ([RUNS] * 19 + [replace(PAUSED, crashing=True)], ("web",)),
            ([RUNS] * 19 + [replace(JUST, crashing=True)], ("web",)),
            ([RUNS] * 19 + [replace(PAUSED, crashing=True, again=NOW - timedelta(days=2))], ()),
            ([RUNS] * 18 + [replace(PAUSED, crashing=True, again=NOW - timedelta(days=2))], ("web",)),
            ([RUNS] * 19 + [replace(PAUSED, crashing=True, again=NOW - timedelta(minutes=9))], ("web",)),
        ],
    )
    def test_one_of_twenty_may_be_starting_or_have_stopped_for_a_moment(
        self, runs: list[Running], waits: tuple[str, ...]
    ) -> None:
        """In a large pool some pod always is."""
        found = drained(OLD, TWIN, CORDONED, [left("web", "n1", run) for run in runs], NOW, self.ran)
        assert (found.starting, found.untried, found.empty) == (waits, waits, not waits)

    @pytest.mark.parametrize(
        ("runs", "untried"),
        [
            ([JUST], ("web",)),
            ([JUST, JUST], ("web",)),
            ([JUST, RUNS], ()),
            ([JUST, replace(RUNS, since=NOW - STEADY)], ()),
            ([replace(JUST, lasts=False)], ()),
        ],
    )
    def test_before_the_deletion_one_pod_of_each_workload_has_to_have_run_for_a_while(
        self, runs: list[Running], untried: tuple[str, ...]
    ) -> None:
        pods = [left("web", "n1", run) for run in runs] + [left("others", "n1", JUST)]
        found = drained(OLD, TWIN, CORDONED, pods, NOW, self.ran)
        assert (found.failing, found.starting, found.untried, found.empty) == ((), (), untried, not untried)

    @pytest.mark.parametrize(
        ("runs", "failing", "starting"),
        [
            ([ended()], ("web",), ("web",)),
            ([ended(made=NOW)], (), ("web",)),
            ([ended(End.DONE)], (), ()),
            ([ended(End.REFUSED)], (), ()),
            ([ended(End.REFUSED, made=NOW)], (), ("web",)),
            ([ended(), LATER], (), ()),
            ([ended(), replace(LATER, ready=False)], ("web",), ("web",)),
            ([ended(), ended(End.DONE, made=NOW - HOUR)], (), ()),
            ([LATER, ended(made=NOW - STEADY)], ("web",), ("web",)),
            ([LATER, ended(End.REFUSED, made=NOW)], (), ("web",)),
            ([ended(), replace(RUNS, made=None)], ("web",), ("web",)),
            ([ended(), replace(LATER, since=NOW - SECOND)], ("web",), ("web",)),
            ([ended(), replace(LATER, since=NOW - SECOND, lasts=False)], ("web",), ("web",)),
        ],
    )
    def test_one_that_failed_counts_until_one_that_was_made_later_makes_it_good(
        self, runs: list[Running], failing: tuple[str, ...], starting: tuple[str, ...]
    ) -> None:
        """And one that its kubelet did not take, or put out, for a few minutes alone: its controller makes others."""
        pods = [left("web", "n1", run) for run in runs] + [left("others", "n1", ended())]
        found = drained(OLD, TWIN, CORDONED, pods, NOW, self.ran)
        assert (found.failing, found.starting) == (failing, starting)

    def test_one_that_waits_for_a_node_and_one_that_does_not_run_count_together(self) -> None:
        pods = [left("db", ""), left("db", "n1")]
        found = drained(OLD, TWIN, CORDONED, pods, NOW, self.ran)
        assert (found.pending, found.failing) == ((), ("db",))

    def test_of_a_lost_row_every_workload_is_watched(self) -> None:
        found = drained(OLD, TWIN, CORDONED, [left("others", "n1")], NOW)
        assert (found.ran, found.failing) == (None, ("others",))


class TestDaemonSets:
    """Their pods are on both pools at once, and never leave their nodes."""

    OURS = left("agent", "o1", RUNS, stays=True)
    THEIRS = left("agent", "n1", stays=True)

    @pytest.mark.parametrize(
        ("pods", "failing", "starting"),
        [
            ([OURS, THEIRS], ("agent",), ("agent",)),
            ([OURS, replace(THEIRS, run=RUNS)], (), ()),
            ([OURS, replace(THEIRS, run=NEW)], ("agent",), ("agent",)),
            ([OURS, replace(OURS, run=ILL), THEIRS], (), ()),
            ([replace(OURS, run=ILL), THEIRS, THEIRS], (), ()),
            ([OURS], (), ()),
            ([THEIRS], (), ()),
            ([OURS, replace(THEIRS, node="")], (), ()),
        ],
    )
    def test_before_anything_is_moved_what_of_them_ran_on_the_old_pool_has_to_run_on_the_twin(
        self, pods: list[Left], failing: tuple[str, ...], starting: tuple[str, ...]
    ) -> None:
        found = drained(OLD, TWIN, NODES, pods, NOW)
        assert (found.failing, found.starting, found.pending, found.left) == (failing, starting, (), ())

    def test_afterwards_they_may_start_on_nodes_that_join_until_the_deletion(self) -> None:
        ran = drained(OLD, TWIN, NODES, [self.OURS], NOW).ran
        found = drained(OLD, TWIN, CORDONED, [self.OURS, replace(self.THEIRS, run=NEW)], NOW, ran)
        assert (found.failing, found.starting, found.empty) == ((), ("agent",), False)
        found = drained(OLD, TWIN, CORDONED, [self.OURS, self.THEIRS], NOW, ran)
        assert (found.failing, found.to_evict) == (("agent",), ())

    def test_they_keep_no_pool_from_being_empty(self) -> None:
        assert drained(OLD, TWIN, CORDONED, [self.OURS, replace(self.THEIRS, run=RUNS)], NOW, {}).empty


def test_what_ran_there_for_a_moment_is_watched_from_the_first_cordon_on_and_what_failed_is_not() -> None:
    pods = [left("young", "n1", JUST), left("job", "n1", ended())]
    ran = drained(OLD, TWIN, NODES, pods, NOW).ran
    assert ran
    assert [name for name in ("young", "job") if watched(Pod(name), ran)] == ["young"]


def test_a_pod_of_a_stateful_set_is_known_by_itself() -> None:
    """Which of them did not run before is remembered, and another one is not taken for it."""
    db = "pay/StatefulSet/db"
    pods = [left(db, "o1", RUNS, name="db-0"), left(db, "o1", name="db-1")]
    ran = drained(OLD, TWIN, NODES, pods, NOW).ran
    assert ran == {mark(db): 0, mark(f"{db}/db-1"): 1}
    moved = [replace(pod, node="n1") for pod in pods]
    assert drained(OLD, TWIN, CORDONED, moved, NOW, ran).empty
    swapped = [replace(pod, run=ILL if pod.run.ready else RUNS) for pod in moved]
    assert drained(OLD, TWIN, CORDONED, swapped, NOW, ran).failing == (f"{db}/db-0",)
    tried = Tried({name: count for name, count in ran.items() if count}, NOW)
    made = [replace(pod, run=replace(pod.run, made=NOW - HOUR)) for pod in moved]
    assert drained(OLD, TWIN, NODES, made, NOW, before=tried).ran == ran
    back = [*made, left(db, "o1", RUNS, name="db-1")]
    assert drained(OLD, TWIN, NODES, back, NOW, before=tried).failing == (f"{db}/db-1",)


def test_how_it_was_is_told_until_the_first_node_is_cordoned() -> None:
    pods = [left("web", "o1", RUNS), left("db", "o1"), left("stuck", ""), left("new", "", NEW)]
    found = drained(OLD, TWIN, NODES, pods, NOW)
    assert sorted((found.ran or {}).values()) == [0, 0, 1, 1]
    assert found.pending == ("new",), "one that has waited before can't be helped by a node"
    assert drained(OLD, TWIN, CORDONED, pods, NOW).pending == ("new", "stuck")


@pytest.mark.parametrize(
    ("on_old", "failing"), [([], ()), ([ILL], ()), ([RUNS], ("a",)), ([replace(RUNS, crashing=True)], ("a",))]
)
def test_what_runs_on_the_old_pool_by_now_is_not_counted_off_for_an_earlier_try(
    on_old: list[Running], failing: tuple[str, ...]
) -> None:
    pods = [left("a", "n1", BEFORE), *(left("a", "o1", run) for run in on_old)]
    assert drained(OLD, TWIN, NODES, pods, NOW, before=GIVEN_UP).failing == failing


@pytest.mark.parametrize(
    ("runs", "unsettled"),
    [
        ([NEW], ("web",)),
        ([NEW, ILL], ("web",)),
        ([NEW, RUNS], ()),
        ([ILL], ()),
        ([replace(NEW, ready=True, since=NOW)], ()),
    ],
)
def test_of_what_has_just_been_made_on_the_old_pool_nobody_knows_how_it_runs_there(
    runs: list[Running], unsettled: tuple[str, ...]
) -> None:
    pods = [left("web", "o1", run) for run in runs]
    assert drained(OLD, TWIN, NODES, pods, NOW).unsettled == unsettled
    assert drained(OLD, TWIN, CORDONED, pods, NOW).unsettled == ()
    away = [*(replace(pod, going=True) for pod in pods), *(replace(pod, node="n1") for pod in pods)]
    assert drained(OLD, TWIN, NODES, away, NOW).unsettled == ()
    assert drained(OLD, TWIN, NODES, [replace(pod, stays=True) for pod in pods], NOW).unsettled == ()


def test_pods_on_both_pools_and_on_their_way_are_counted_once() -> None:
    pods = [left("a", "o1"), left("a", "n1"), left("a", ""), left("a", "o1", going=True), left("a", "elsewhere")]
    more = [left("agent", "o1", stays=True), left("job", "n1", ended())]
    assert drained(OLD, TWIN, CORDONED, [*pods, *more], NOW).around == 3
