"""When an old pool may be deleted, over many seeds: never beside pods that don't run, and soon beside usual churn."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from shared.domain.draining import Drained, Left
from shared.domain.following import drained
from shared.domain.running import SHARE, STEADY, mark, read_running
from shared.domain.workloads import Place
from tests.builders import NOW, pool

OLD, TWIN = pool("old", count=1), pool("oldf", count=1)
NODES = (Place("o1", "old", {"fipswarden/cordoned-for": "0" * 32}, cordoned=True), Place("n1", "oldf", {}))
SIZES = (1, 3, 12, 50, 200, 1000)
SECOND, MINUTE, DAY, MONTH = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1), timedelta(days=30)
LONG = NOW - 2 * DAY
"""Since when the others run."""
BACK_OFF = 300 * SECOND


def item(made: datetime, since: datetime, *, ready: bool, **container: Any) -> dict[str, Any]:
    """A pod as Kubernetes shows it."""
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": since.isoformat()}
    return {
        "metadata": {"creationTimestamp": made.isoformat()},
        "status": {"conditions": [condition], "containerStatuses": [{"name": "main", **container}]},
    }


def ended(began: datetime, finished: datetime) -> dict[str, Any]:
    """How a container ended."""
    return {"terminated": {"exitCode": 1, "startedAt": began.isoformat(), "finishedAt": finished.isoformat()}}


def never_ran(made: datetime) -> dict[str, Any]:
    """A pod whose image can't be pulled."""
    return item(made, made, ready=False, state={"waiting": {"reason": "ImagePullBackOff"}})


def running(since: datetime = LONG) -> dict[str, Any]:
    """A pod that runs."""
    return item(since, since, ready=True, state={"running": {"startedAt": since.isoformat()}})


def crashing(now: datetime, lives: timedelta, phase: timedelta) -> dict[str, Any]:
    """A pod that has crashed all the time, ready until it does, at some moment between two crashes."""
    at = phase % (lives + BACK_OFF)
    if at < BACK_OFF:
        died = now - at
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
        return item(LONG, died, ready=False, restartCount=9, state=state, lastState=ended(died - lives, died))
    began = now - (at - BACK_OFF)
    state, died = {"running": {"startedAt": began.isoformat()}}, began - BACK_OFF
    return item(LONG, began, ready=True, restartCount=9, state=state, lastState=ended(died - lives, died))


def restarted(now: datetime, ago: timedelta) -> dict[str, Any]:
    """A pod that ran for long, ended, and takes half a minute until it is ready again."""
    began, up = now - ago, ago >= MINUTE / 2
    state = {"running": {"startedAt": began.isoformat()}}
    since = began + MINUTE / 2 if up else began
    return item(LONG, since, ready=up, restartCount=1, state=state, lastState=ended(LONG, began))


@dataclass
class Workloads:
    """Workloads on the twin that all run, until something is said of some of their pods."""

    size: int
    count: int = 1
    kind: str = "Deployment"

    def __post_init__(self) -> None:
        self.names = [f"pay/{self.kind}/w{number}" for number in range(self.count)]
        self.ran = {mark(name): 0 for name in self.names}
        self.pods = [
            Left(
                "pay", f"{name.rpartition('/')[2]}-{number}", "u", "n1", name, going=False, run=read_running(running())
            )
            for name in self.names
            for number in range(self.size)
        ]

    def look(self, now: datetime, found: Iterable[tuple[int, dict[str, Any]]]) -> Drained:
        """Look when some pods, by their numbers, are not as they were; a number beyond all is one more of the first."""
        pods = list(self.pods)
        for number, shown in found:
            like = pods[number % len(self.pods)]
            if number < len(self.pods):
                pods[number] = replace(like, run=read_running(shown))
            else:
                pods.append(replace(like, name=f"{like.name}x", run=read_running(shown)))
        return drained(OLD, TWIN, NODES, pods, now, self.ran)

    def churn(self, now: datetime, random: Random) -> Iterable[tuple[int, dict[str, Any]]]:
        """Yield what is not as it was at any moment; a pod needs half a minute until it is ready.

        Each restarts once a month; a workload scales up by a tenth once a day, and is exchanged once a week, by a
        quarter at a time.
        """
        for number in range(len(self.pods)):
            if random.random() < 10 * MINUTE / MONTH:
                yield number, restarted(now, random.random() * 10 * MINUTE)
        for number in range(0, len(self.pods), self.size):
            if random.random() < MINUTE / 2 / DAY:
                more = range(number, number + max(self.size // 10, 1))
                yield from ((len(self.pods) + one, never_ran(now - random.random() * MINUTE / 2)) for one in more)
            if random.random() < 2 * MINUTE / (7 * DAY):
                quarters = [index * 4 // self.size for index in range(self.size)]
                for index, quarter in enumerate(quarters):
                    made = now - random.random() * MINUTE / 2
                    yield number + index, never_ran(made) if quarter == 0 else running(made - quarter * MINUTE / 2)


def moments(random: Random, count: int = 24) -> list[datetime]:
    """Times of looks within a day."""
    return [NOW + random.random() * DAY for _ in range(count)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0, 0.05, 0.5, 1])
def test_a_pool_is_never_deleted_while_pods_that_left_it_cannot_start(size: int, share: float) -> None:
    """However few of how many, and though some others come and go meanwhile."""
    web, random = Workloads(size), Random(f"{size} {share}")
    broken = [(number, never_ran(NOW - STEADY)) for number in range(max(int(size * share), 1))]
    for now in [NOW, *moments(random)]:
        churn = dict(web.churn(now, random)) | dict(broken)
        assert web.look(now, churn.items()).starting == tuple(web.names)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lives", [20, 60, 120, 200, 599])
def test_a_pool_is_never_deleted_while_one_pod_crashes_again_and_again(size: int, lives: int) -> None:
    """However many others run, and also in the moments in which it is ready."""
    web, random = Workloads(size), Random(f"{size} {lives}")
    for now in moments(random):
        pod = crashing(now, lives * SECOND, random.random() * DAY)
        assert web.look(now, [(random.randrange(size), pod)]).failing == tuple(web.names)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("age", [SECOND, STEADY, DAY])
def test_no_pod_of_a_stateful_set_stands_for_another(size: int, age: timedelta) -> None:
    """Neither for one that can't start, however new, nor for one that has run for a moment only."""
    db, last = Workloads(size, kind="StatefulSet"), size - 1
    named = (f"pay/StatefulSet/w0/w0-{last}",)
    assert db.look(NOW, [(last, never_ran(NOW - age))]).starting == named
    young = db.look(NOW, [(last, running(NOW - SECOND))])
    assert (young.starting, young.untried) == ((), named)
    assert db.look(NOW, []).empty


@pytest.mark.parametrize("size", SIZES)
def test_some_of_many_may_be_starting_or_have_stopped_for_a_moment(size: int) -> None:
    web, some = Workloads(size), size // SHARE
    for shown in (never_ran(NOW - STEADY + SECOND), restarted(NOW, SECOND)):
        assert web.look(NOW, [(number, shown) for number in range(some)]).empty
        assert web.look(NOW, [(number, shown) for number in range(some + 1)]).starting == tuple(web.names)


@pytest.mark.parametrize("size", SIZES)
def test_but_none_where_no_other_one_runs_for_a_while(size: int) -> None:
    web = Workloads(size)
    shown = [(0, never_ran(NOW - SECOND)), *((number, running(NOW - SECOND)) for number in range(1, size))]
    assert web.look(NOW, shown).starting == tuple(web.names)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("size", SIZES)
def test_a_pool_is_never_deleted_while_pods_that_left_it_are_nowhere(size: int, kind: str) -> None:
    """However few of how many, though of what is not wanted any more none is missed."""
    web = Workloads(size, kind=kind)
    nowhere = Left("pay", "", "", "", web.names[0], going=False, run=read_running({}), lacking=True)
    others = replace(nowhere, workload=f"pay/{kind}/others")
    for there in (web.pods[1:], []):
        found = drained(OLD, TWIN, NODES, [*there, others, nowhere], NOW, web.ran)
        assert (found.missing, found.failing, found.pending) == (tuple(web.names), tuple(web.names), ())
        assert not found.empty
        assert drained(OLD, TWIN, NODES, [*there, others], NOW, web.ran).empty
        before = {**web.ran, mark(web.names[0]): 1}
        assert drained(OLD, TWIN, NODES, [*there, nowhere], NOW, before).empty


@pytest.mark.parametrize(
    ("itself", "parts", "before", "held"), [(0, 2, 0, 2), (2, 2, 2, 0), (3, 2, 2, 3), (0, 2, 2, 0)]
)
def test_surge_pods_stand_for_none_that_another_replica_set_lacks(
    itself: int, parts: int, before: int, held: int
) -> None:
    web = Workloads(20)
    nowhere = Left("pay", "", "", "", web.names[0], going=False, run=read_running({}), lacking=True)
    lacks = [nowhere] * itself + [replace(nowhere, name="web-a")] * parts
    found = drained(OLD, TWIN, NODES, [*web.pods, *lacks], NOW, {mark(web.names[0]): before})
    assert (bool(found.missing), found.empty) == (bool(held), not held)


def test_a_pod_whose_gates_are_closed_is_nowhere_beside_what_its_controller_lacks() -> None:
    web = Workloads(20)
    nowhere = Left("pay", "", "", "", web.names[0], going=False, run=read_running({}), lacking=True)
    gated = replace(nowhere, name="web-a-1", uid="1")
    ran = {mark(web.names[0]): 1}
    assert drained(OLD, TWIN, NODES, [*web.pods, gated], NOW, ran).empty
    assert drained(OLD, TWIN, NODES, [*web.pods, gated, nowhere], NOW, ran).missing
    assert drained(OLD, TWIN, NODES, [*web.pods, gated, replace(gated, name="web-a-2", uid="2")], NOW, ran).missing


@pytest.mark.parametrize("others", [0, 1])
def test_what_was_nowhere_before_is_counted_off_of_what_runs_on_the_pool(others: int) -> None:
    web = Workloads(3)
    nowhere = [Left("pay", "", "", "", name, going=False, run=read_running({}), lacking=True) for name in web.names]
    away = [replace(nowhere[0], workload="pay/Deployment/others")] * others
    open_nodes = [replace(NODES[0], labels={}, cordoned=False), NODES[1]]
    here = [replace(pod, node="o1") for pod in web.pods]
    assert drained(OLD, TWIN, open_nodes, [*here, *nowhere, *away], NOW).ran == {mark(web.names[0]): 1}


def looks_until_empty(size: int, seed: int, pods: int = 6000) -> int:
    """How many looks it takes, of a pool full of workloads of one size, as many as are watched."""
    all_of_it, random = Workloads(size, min(pods // size, 1000)), Random(seed)
    for count, now in enumerate(moments(random, 36), start=1):
        if all_of_it.look(now, all_of_it.churn(now, random)).empty:
            return count
    return 99


@pytest.mark.parametrize("size", SIZES)
def test_a_large_pool_with_the_usual_churn_is_deleted_within_hours(size: int) -> None:
    """They look every ten minutes at the latest."""
    assert max(looks_until_empty(size, seed) for seed in range(4)) <= 18
