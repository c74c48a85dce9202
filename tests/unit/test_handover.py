"""Why a replacement can't begin, or has to wait on its way: every reason that the sources have."""

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain import handover
from shared.domain.budget import Budget
from shared.domain.draining import Drained, Left
from shared.domain.explain import explain
from shared.domain.handover import stage_of
from shared.domain.model import (
    ActionKind,
    Cluster,
    Memory,
    Method,
    Mode,
    OutcomeState,
    PoolMemory,
    Proof,
    Replacement,
    Stage,
    Unreadable,
)
from shared.domain.plan import plan
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Strategy
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.workloads import Names, unread
from tests.builders import (
    NOW,
    POLL,
    SUBSCRIPTION,
    book,
    cluster,
    cluster_id,
    disabled,
    memory,
    operation,
    profile,
    proof,
    rule,
    situation,
    workloads,
)

HOUR = timedelta(hours=1)
SLOW, IDLE = 4 * POLL, 20 * POLL
ID = "0123456789abcdef0123456789abcdef"
REPLACING = book(strategy=Strategy.REPLACE)
UNDER_WAY = Replacement(ID, "old", "oldf", NOW - HOUR, NOW - HOUR / 2)
OLD = disabled("old", osSKU="Flatcar")
TWIN = profile("oldf", osSKU="AzureLinux3", tags={"fipswarden-replaces": f"old:{ID}"})


def twin(**changes: Any) -> dict[str, Any]:
    """The twin, but for something."""
    return {**TWIN, **changes}


def left(**changes: Any) -> Left:
    """A pod that is still there."""
    return replace(
        Left("pay", "web-0", "u1", "n1", "pay/StatefulSet/web", going=False, pools=(), selector={}), **changes
    )


ALONE = cluster(OLD)
BUSY = Drained(left=(left(),))


@dataclass(frozen=True)
class Row:
    """A situation in which a replacement waits; under way, if `drained` or `replacement` says so."""

    after: timedelta | None
    read: Cluster = ALONE
    rules: Rulebook = REPLACING
    pools: dict[str, PoolMemory | Proof] | None = None
    replacement: Replacement | None = None
    drained: Drained | Unreadable | None = None
    budget: Budget = field(default_factory=Budget)
    pool: str = "old"

    def situation(self) -> Situation:
        """The situation."""
        known = {"oldf": proof(), **(self.pools or {})}
        made = replace(memory(**known), replacement=self.replacement)
        return situation(self.read, rules=self.rules, memory=made, drained=self.drained, budget=self.budget)


BOTH = cluster(OLD, TWIN)
PAST = replace(UNDER_WAY, waiting="PdbBlocked: no.", not_before=NOW + 3 * POLL)
ROWS: dict[str, list[Row]] = {
    "NoTwin": [
        Row(None, cluster(disabled("old", vmSize="Standard_DC4as_v5"))),
        Row(None, cluster(disabled("old", osSKU="Ubuntu2404", workloadRuntime="KataVmIsolation"))),
        Row(None, cluster(disabled("old", osType="Windows", osSKU="Windows2019", orchestratorVersion="1.22.1"
                                   , currentOrchestratorVersion="1.22.1"))),
    ],
    "TwinFromSnapshot": [Row(None, cluster({**OLD, "creationData": {"sourceResourceId": "/snapshots/one"}}))],
    "NoTwinName": [Row(None, cluster(OLD, *(profile(f"oldf{'' if n == 1 else n}") for n in range(1, 100))))],
    "TwinNotAsked": [
        Row(None, rules=book(Mode.AUDIT, rules=(replace(rule("old", Mode.ENFORCE, pools=("old",)),
            settings=replace(REPLACING.policy.defaults)),), fips="any")),
    ],
    "TwinUnprovable": [Row(None, cluster(disabled("old", osType="Windows", osSKU="Windows2019")))],
    "ReplacedBefore": [Row(None, BOTH, pools={"oldf": PoolMemory(replaced=ID)})],
    "TwinUnfinished": [Row(None, cluster(OLD, twin(provisioningState="Failed")))],
    "TwinDiffers": [Row(None, cluster(OLD, twin(maxPods=30))), Row(None, cluster(OLD, twin(mode="System")))],
    "TiedToPool": [
        Row(HOUR, pools={"old": PoolMemory(workloads=workloads(tied=("pay/Deployment/pinned",)))}),
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(bound=Names(("pay/Deployment/pinned",), 1))),
    ],
    "WorkloadsUnreadable": [
        Row(timedelta(minutes=15), pools={"old": PoolMemory(workloads=unread(NOW, "Unreachable: no.", passing=True))}),
    ],
    "ReplacementInProgress": [
        Row(SLOW, cluster(OLD, TWIN, disabled("other")), replacement=PAST, pool="other"),
        Row(SLOW, BOTH, replacement=replace(UNDER_WAY, ends="Aborted: ana.")),
    ],
    "Paused": [Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(paused=True))],
    "BreakerOpen": [Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(broken="3 of 4 failed."))],
    "SubscriptionPaced": [
        Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(not_before={SUBSCRIPTION: NOW + HOUR})),
    ],
    "TwinGone": [Row(POLL, replacement=UNDER_WAY)],
    "TwinNotProven": [Row(SLOW, BOTH, replacement=UNDER_WAY, pools={"oldf": proof(disagreeing=("n7",))})],
    "TwinNotSystem": [Row(None, cluster({**OLD, "mode": "System"}, TWIN), replacement=UNDER_WAY)],
    "TwinEmpty": [Row(IDLE, cluster(OLD, twin(count=0)), replacement=UNDER_WAY, drained=BUSY)],
    "PodsLeaving": [Row(POLL, BOTH, replacement=UNDER_WAY, drained=Drained(left=(left(going=True),)))],
    "PodsReturn": [Row(3 * POLL, BOTH, replacement=replace(PAST, waiting="PodsReturn: web."))],
    "PdbBlocked": [Row(3 * POLL, BOTH, replacement=PAST)],
    "Unreachable": [
        Row(POLL, BOTH, replacement=UNDER_WAY, drained=Unreadable("Unreachable", "no answer", POLL)),
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=Unreadable("Unreachable", "never", None)),
    ],
}  # fmt: skip
CASES = [(reason, row) for reason, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("reason", "row"), CASES, ids=[reason for reason, _ in CASES])
def test_a_replacement_that_waits_says_why_and_until_when(reason: str, row: Row) -> None:
    planned = plan(row.situation())
    (found,) = [one for one in planned.deferrals if one.pool == row.pool]

    assert found.reason == reason
    assert found.until == (None if row.after is None else NOW + row.after)
    assert found.message
    assert planned.action is None


def test_every_reason_in_the_sources_has_its_row() -> None:
    domain = Path(handover.__file__).parent
    written = "".join((domain / name).read_text(encoding="utf-8") for name in ("handover.py", "twins.py"))

    reasons = set(re.findall(r'(?:Wait|NoTwin)\(\s*"([A-Z]\w+)"', written))
    reasons |= set(re.findall(r'(?m)^[A-Z_]+ = "([A-Z]\w+)"', written))

    assert len(reasons) > 12
    assert sorted(reasons - set(ROWS)) == []


@pytest.mark.parametrize(
    ("read", "more", "method", "target"),
    [
        (cluster(OLD), {}, Method.CREATE, "oldf"),
        (cluster(OLD, profile("oldf")), {}, Method.CREATE, "oldf2"),
        (BOTH, {}, Method.ADOPT, "oldf"),
        (BOTH, {"replacement": UNDER_WAY, "drained": BUSY}, Method.DRAIN, ""),
        (BOTH, {"replacement": UNDER_WAY, "drained": Drained(open=("n1",))}, Method.DRAIN, ""),
        (BOTH, {"replacement": UNDER_WAY, "drained": Drained()}, Method.DELETE, ""),
    ],
)
def test_the_next_part_follows_from_what_is_there(
    read: Cluster, more: dict[str, Any], method: Method, target: str
) -> None:
    action = plan(Row(None, read, **more).situation()).action

    assert action
    assert (action.kind, action.pool, action.method, action.target) == (ActionKind.REPLACE, "old", method, target)
    assert action.etag == "etag-old"


def test_nothing_is_deleted_that_nobody_has_seen_empty() -> None:
    action = plan(Row(None, BOTH, replacement=UNDER_WAY).situation()).action
    assert action
    assert action.method is Method.DRAIN


@pytest.mark.parametrize(
    ("more", "stage"),
    [
        ({}, Stage.DRAINING),
        ({"pools": {"oldf": proof(missing=1)}}, Stage.PROVING),
        ({"replacement": replace(UNDER_WAY, ends="Aborted: ana.")}, Stage.ENDING),
    ],
)
def test_the_stage_is_told_from_the_cluster(more: dict[str, Any], stage: Stage) -> None:
    made = Row(None, BOTH, **{"replacement": UNDER_WAY, **more}).situation()
    (step,) = [step for step in due(made) if step.pool.name == "old"]
    assert stage_of(made, step) is stage


@pytest.mark.parametrize(("method", "stage"), [(Method.CREATE, Stage.CREATING), (Method.DELETE, Stage.DELETING)])
def test_the_stage_of_an_operation_is_what_it_does(method: Method, stage: Stage) -> None:
    made = Row(None, BOTH, replacement=UNDER_WAY).situation()
    running = operation("old", kind=ActionKind.REPLACE, method=method, outcome=OutcomeState.ACCEPTED)
    made = replace(made, memory=replace(made.memory, operation=running))
    (step,) = [step for step in due(made) if step.pool.name == "old"]
    assert stage_of(made, step) is stage


def test_explain_shows_the_stage_and_what_it_waits_for() -> None:
    waiting = replace(UNDER_WAY, stage=Stage.PROVING, waiting="TwinNotProven: oldf is unknown.")
    made = Row(None, BOTH, replacement=waiting, pools={"oldf": proof(missing=1)}).situation()
    told = explain(made, made.cluster.pools[0])

    assert told.verdict
    (note,) = [found for found in told.verdict.findings if found.check == "replacing"]
    assert note.reason == "BeingReplaced"
    assert "by oldf since 2026-11-23 08:30 UTC: proving the twin. It waits: oldf is unknown." in note.message
    assert [wait.reason for wait in told.waits] == ["TwinNotProven"]


def test_a_replacement_that_does_not_go_on_is_told_with_how_to_give_it_up() -> None:
    stuck = replace(UNDER_WAY, stage=Stage.DRAINING, moved=NOW - 3 * HOUR, waiting="PdbBlocked: web can't go.")
    made = Row(None, BOTH, replacement=stuck).situation()
    (note,) = [found for found in made.posture.pools[0].findings if found.check == "replacing"]

    assert note.reason == "ReplacementStuck"
    assert "web can't go" in note.message
    assert f"fipswarden abort {cluster_id()} old" in note.message


def test_people_agree_to_the_whole_twin() -> None:
    asking = book(Mode.APPROVE, strategy=Strategy.REPLACE)

    def wanted(**changes: Any) -> str:
        return plan(Row(None, cluster({**OLD, **changes}), asking).situation()).deferrals[0].approval

    same = wanted()
    assert same == wanted(eTag="another")
    for changes in ({"maxPods": 60}, {"nodeTaints": ["a=b:NoSchedule"]}, {"osSKU": "Ubuntu2404"}, {"tags": {"a": "b"}}):
        assert wanted(**changes) != same


def test_a_look_comes_back_to_a_replacement_whatever_holds_it() -> None:
    made = Row(None, cluster({**OLD, "mode": "System"}, TWIN), replacement=UNDER_WAY).situation()
    assert plan(made).requeue_after == IDLE


def test_memory_of_a_version_without_replacements_is_read() -> None:
    from shared.domain.codec import plain, typed

    old = plain(Memory())
    del old["replacement"]
    assert typed(Memory, old) == Memory()
    assert typed(Memory, plain(Memory(replacement=UNDER_WAY))).replacement == UNDER_WAY
