"""Why a replacement can't begin, or has to wait on its way: every reason that the sources have."""

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain import handover
from shared.domain.budget import Approval, Budget, Ended, Place
from shared.domain.draining import Drained, Left
from shared.domain.explain import explain
from shared.domain.giving_up import hopeless
from shared.domain.handover import stage_of
from shared.domain.memory import Memory, PoolMemory, Replacement, Stage
from shared.domain.model import Cluster, Mode, ProofLevel, Unreadable
from shared.domain.operation import OutcomeState
from shared.domain.plan import plan
from shared.domain.planned import ActionKind, Method
from shared.domain.policy import Disruption
from shared.domain.proven import Proof
from shared.domain.rulebook import Rulebook
from shared.domain.running import mark
from shared.domain.settings import Fips, Modules, Notice, OsSku, ProofSettings, Risk, Strategy, WorkloadSettings
from shared.domain.situation import Situation
from shared.domain.steps import due
from shared.domain.workloads import unread
from tests.builders import (
    NOW,
    POLL,
    SUBSCRIPTION,
    book,
    cluster,
    cluster_id,
    disabled,
    exemption,
    memory,
    operation,
    profile,
    proof,
    rule,
    situation,
    workloads,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SLOW, IDLE = 4 * POLL, 20 * POLL
ID = "0123456789abcdef0123456789abcdef"
REPLACING = book(strategy=Strategy.REPLACE)
OLD = disabled("old", osSKU="Flatcar")
CONFIGURATION = cluster(OLD).pools[0].configuration
UNDER_WAY = Replacement(ID, "old", "oldf", NOW - HOUR, NOW - HOUR / 2, configuration=CONFIGURATION)
TWIN = profile("oldf", osSKU="AzureLinux3", tags={"fipswarden-replaces": f"old:{ID}"})


def twin(**changes: Any) -> dict[str, Any]:
    """The twin, but for something."""
    return {**TWIN, **changes}


def left(**changes: Any) -> Left:
    """A pod that is still there."""
    return replace(Left("pay", "web-0", "u1", "n1", "pay/StatefulSet/web", going=False), **changes)


ALONE = cluster(OLD)
PLACE = Place(ID, "old", SUBSCRIPTION, 3, NOW)
APPROVING = book(Mode.APPROVE, strategy=Strategy.REPLACE)
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
    place: Place | None = PLACE
    """The cluster's place, where a replacement is under way."""
    pool: str = "old"

    def situation(self) -> Situation:
        """The situation."""
        known = {"oldf": proof(), **(self.pools or {})}
        made = replace(memory(**known), replacement=self.replacement)
        held = {self.read.id.key: self.place} if self.replacement and self.place else {}
        budget = replace(self.budget, places=held)
        return situation(self.read, rules=self.rules, memory=made, drained=self.drained, budget=budget)


BOTH = cluster(OLD, TWIN)
TIED_WORKLOADS = PoolMemory(workloads=workloads(tied=("pay/Deployment/pinned",)))
UNREAD = PoolMemory(workloads=unread(NOW, "Unreachable: no.", passing=True))
SMB = PoolMemory(workloads=workloads(smb=("pay/Deployment/share",)))
PAST = replace(UNDER_WAY, waiting="PdbBlocked: no.", not_before=NOW + 3 * POLL)
RESTING = replace(UNDER_WAY, least=1, evicted=(mark(left().workload),), rests=NOW + DAY)
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
    "TwinNotProvable": [
        Row(None, rules=book(strategy=Strategy.REPLACE, modules=Modules.REQUIRED)),
        Row(None, rules=book(strategy=Strategy.REPLACE, modules=Modules.REQUIRED, os_sku=OsSku.UBUNTU2204)),
        Row(None, rules=book(Mode.APPROVE, strategy=Strategy.REPLACE, modules=Modules.REQUIRED)),
    ],
    "TooManyNodes": [
        Row(IDLE, BOTH, book(strategy=Strategy.REPLACE, disruption=Disruption(nodes=2)), replacement=UNDER_WAY,
            drained=BUSY, place=replace(PLACE, nodes=2)),
        Row(IDLE, cluster({**OLD, "count": None}, TWIN), book(strategy=Strategy.REPLACE, disruption=Disruption(
            nodes=2)), replacement=UNDER_WAY, drained=Drained(), place=replace(PLACE, nodes=2)),
    ],
    "ReplacedBefore": [Row(None, BOTH, pools={"oldf": PoolMemory(replaced=ID)})],
    "TwinUnfinished": [
        Row(None, cluster(OLD, twin(provisioningState="Failed"))),
        Row(None, cluster(OLD, twin(provisioningState="Canceled")), replacement=UNDER_WAY, drained=Drained()),
    ],
    "TwinDiffers": [
        Row(None, cluster(OLD, twin(maxPods=30))),
        Row(None, cluster(OLD, twin(mode="System"))),
        Row(None, cluster(OLD, twin(nodeLabels={"a": "b"})), replacement=UNDER_WAY, drained=Drained()),
        Row(None, BOTH, book(strategy=Strategy.REPLACE, os_sku=OsSku.UBUNTU2204)),
        Row(None, cluster(OLD, twin(osSKU="Ubuntu2204")), replacement=UNDER_WAY, drained=Drained()),
    ],
    "TwinNotReady": [
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=replace(BUSY, unfit="n1 is cordoned")),
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(open=("o1",), unfit="n1 is cordoned")),
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(unfit="n1 is cordoned")),
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=Drained(unproven="n1 was exchanged")),
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(open=("o1",), unproven="n1")),
    ],
    "PodsPending": [
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=replace(BUSY, pending=("pay/Deployment/web",))),
        Row(SLOW, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(pending=("pay/Deployment/web",))),
    ],
    "PodsMissing": [
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=replace(BUSY, missing=("web",), failing=("web",))),
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(missing=("web",), failing=("web",))),
    ],
    "PodsNotRunning": [
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=replace(BUSY, failing=("web",), starting=("web",))),
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(starting=("web",))),
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(starting=("web",))),
    ],
    "PodsSettling": [
        Row(IDLE, BOTH, replacement=UNDER_WAY, drained=Drained(untried=("web",))),
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(untried=("web",))),
        Row(9 * POLL, BOTH, replacement=UNDER_WAY, drained=Drained(settles=9 * POLL, starting=("web",))),
        Row(POLL, BOTH, replacement=UNDER_WAY, drained=Drained(settles=POLL / 30)),
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(open=("o1",), unsettled=("web",))),
        Row(SLOW, BOTH, replacement=replace(UNDER_WAY, furthest=Stage.DRAINING, moved=NOW - 9 * POLL),
            drained=Drained(open=("o1",), unsettled=("web",))),
    ],
    "TiedToPool": [
        Row(HOUR, pools={"old": TIED_WORKLOADS}),
        Row(HOUR, BOTH, replacement=UNDER_WAY, drained=Drained(), pools={"old": TIED_WORKLOADS}),
    ],
    "WorkloadsUnreadable": [
        Row(timedelta(minutes=15), pools={"old": UNREAD}),
        Row(timedelta(minutes=15), BOTH, replacement=UNDER_WAY, drained=Drained(), pools={"old": UNREAD}),
    ],
    "SmbVolumes": [
        Row(HOUR, BOTH, replacement=UNDER_WAY, drained=Drained(), pools={"old": SMB}),
    ],
    "UnmanagedPods": [
        Row(HOUR, BOTH, book(strategy=Strategy.REPLACE, workloads=WorkloadSettings(unmanaged_pods=Risk.DEFER)),
            replacement=UNDER_WAY, drained=BUSY, pools={"old": PoolMemory(workloads=workloads(unmanaged_pods=("x",)))}),
    ],
    "PoolChanged": [
        Row(POLL, cluster({**OLD, "tags": {"a": "b"}}, TWIN), replacement=UNDER_WAY, drained=Drained()),
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, configuration=""), drained=Drained()),
    ],
    "ModeDoesNotAct": [
        Row(None, BOTH, book(Mode.AUDIT, strategy=Strategy.REPLACE), replacement=UNDER_WAY),
    ],
    "ApprovalMissing": [Row(HOUR, BOTH, APPROVING, replacement=UNDER_WAY, drained=Drained())],
    "PlaceTaken": [Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(), place=replace(PLACE, intent="f" * 32))],
    "Spacing": [
        Row(HOUR / 2, BOTH, book(strategy=Strategy.REPLACE, disruption=Disruption(spacing=HOUR)),
            replacement=UNDER_WAY, drained=Drained(), place=None, budget=Budget(last_begun=NOW - HOUR / 2)),
    ],
    "TwinNotOurs": [
        Row(IDLE, cluster(OLD, twin(tags={})), replacement=UNDER_WAY, drained=Drained()),
        Row(IDLE, cluster(OLD, twin(tags={"fipswarden-replaces": f"old:{'f' * 32}"})), replacement=UNDER_WAY),
    ],
    "TwinStopped": [
        Row(None, cluster(OLD, twin(powerState={"code": "Stopped"})), replacement=UNDER_WAY, drained=Drained()),
    ],
    "GatewayPool": [Row(None, cluster({**OLD, "mode": "Gateway"}))],
    "NodesUnseen": [
        Row(SLOW, BOTH, replacement=UNDER_WAY, drained=Drained(unseen=1)),
        Row(SLOW, cluster({**OLD, "count": None}, TWIN), replacement=UNDER_WAY, drained=Drained(unseen=1)),
    ],
    "ReplacementInProgress": [
        Row(SLOW, cluster(OLD, TWIN, disabled("other")), replacement=PAST, pool="other"),
        Row(SLOW, BOTH, replacement=replace(UNDER_WAY, ends="Aborted: ana.")),
    ],
    "Paused": [Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(paused=True))],
    "BreakerOpen": [
        Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(broken="3 of 4 failed.")),
        Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(ended=(Ended("i", NOW, failed=True),) * 3)),
    ],
    "SubscriptionPaced": [
        Row(HOUR, BOTH, replacement=UNDER_WAY, budget=Budget(not_before={SUBSCRIPTION: NOW + HOUR})),
    ],
    "TwinGone": [Row(POLL, replacement=UNDER_WAY)],
    "TwinNotProven": [Row(SLOW, BOTH, replacement=UNDER_WAY, pools={"oldf": proof(disagreeing=("n7",))})],
    "TwinEmpty": [
        Row(IDLE, cluster(OLD, twin(count=0)), replacement=UNDER_WAY, drained=BUSY),
        Row(IDLE, cluster(OLD, twin(count=0, minCount=0)), replacement=UNDER_WAY, drained=Drained()),
    ],
    "PodsLeaving": [
        Row(POLL, BOTH, replacement=replace(UNDER_WAY, moved=NOW), drained=Drained(left=(left(going=True),))),
        Row(IDLE, BOTH, replacement=replace(UNDER_WAY, moved=NOW - DAY), drained=Drained(left=(left(going=True),))),
    ],
    "PodsReturn": [
        Row(3 * POLL, BOTH, replacement=replace(PAST, waiting="PodsReturn: web.")),
        Row(2 * POLL, BOTH, replacement=replace(RESTING, rests=NOW + 2 * POLL), drained=BUSY),
        Row(IDLE, BOTH, replacement=RESTING, drained=BUSY),
    ],
    "NodesUncordoned": [Row(3 * POLL, BOTH, replacement=replace(PAST, waiting="NodesUncordoned: n1."))],
    "NodesJoined": [Row(3 * POLL, BOTH, replacement=replace(PAST, waiting="NodesJoined: n1."))],
    "PdbBlocked": [Row(3 * POLL, BOTH, replacement=PAST)],
    "Unreachable": [
        Row(POLL, drained=Unreadable("Unreachable", "too slow", POLL)),
        Row(IDLE, drained=Unreadable("Unreachable", "never", None)),
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
    written = "".join((domain / name).read_text(encoding="utf-8") for name in ("handover.py", "resting.py", "twins.py"))

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
        (BOTH, {"replacement": RESTING, "drained": replace(BUSY, open=("n1",))}, Method.DRAIN, ""),
        (BOTH, {"replacement": replace(RESTING, least=2), "drained": BUSY}, Method.DRAIN, ""),
        (BOTH, {"replacement": replace(RESTING, evicted=()), "drained": BUSY}, Method.DRAIN, ""),
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


def test_what_has_just_been_made_keeps_the_first_cordon_for_some_minutes_alone() -> None:
    waited = replace(UNDER_WAY, furthest=Stage.DRAINING, moved=NOW - 10 * POLL)
    seen = Drained(open=("o1",), unsettled=("web",))
    action = plan(Row(None, BOTH, replacement=waited, drained=seen).situation()).action
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
    made = Row(None, cluster(OLD, twin(maxPods=30)), replacement=UNDER_WAY).situation()
    assert plan(made).requeue_after == IDLE
    asleep = replace(made, cluster=replace(made.cluster, stopped=True))
    assert plan(asleep).requeue_after is None, "but to one that nobody can go on with until it is started"


def test_what_a_replacement_was_begun_with_is_agreed_to_and_nothing_else() -> None:
    """Its place keeps the approvals that it was taken with; whoever asks for them later asks for what is there now."""
    word = Approval("bob", NOW, NOW + HOUR, "replace old")
    row = Row(None, BOTH, APPROVING, replacement=UNDER_WAY, drained=Drained())
    (missing,) = plan(row.situation()).deferrals
    assert missing.reason == "ApprovalMissing"

    held = plan(replace(row, place=replace(PLACE, approvals={"any": word})).situation()).action
    assert held
    assert (held.method, held.approvals) == (Method.DELETE, ())
    opened = plan(replace(row, budget=Budget(approvals={missing.approval: word})).situation()).action
    assert opened
    assert (opened.method, opened.approvals) == (Method.DELETE, (missing.approval,))


def test_a_step_of_another_kind_on_the_pool_itself_waits_for_its_own_replacement() -> None:
    made = Row(None, cluster(disabled("old"), TWIN), replacement=UNDER_WAY).situation()
    (found,) = plan(made).deferrals
    assert found.reason == "ReplacementInProgress"
    assert found.message == "Its own replacement by oldf goes on, or is given up, first."


def test_budgets_are_asked_by_each_eviction_and_not_before_all_of_them() -> None:
    """Between two evictions a budget allows none for a moment, which is no reason to read everything anew."""
    known = PoolMemory(workloads=workloads(budgets=("pay/PodDisruptionBudget/web",)))
    begins = plan(Row(None, pools={"old": known}).situation())
    assert [one.reason for one in begins.deferrals] == ["PdbBlocked"]
    assert plan(Row(None, BOTH, replacement=UNDER_WAY, drained=BUSY, pools={"old": known}).situation()).action


EXEMPTING = book(strategy=Strategy.REPLACE, exemptions=(exemption(),))
OBJECTING = book(strategy=Strategy.REPLACE, notice=Notice(objection_tag="fips-object"))


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("", Row(None, BOTH)),
        ("", Row(None, cluster(OLD, twin(provisioningState="Failed")))),
        ("", Row(None, BOTH, budget=Budget(paused=True))),
        ("", Row(None, cluster({**OLD, "enableFIPS": None}, TWIN))),
        ("", Row(None, BOTH, replace(book(Mode.AUDIT), trouble="The policy can't be read."))),
        ("TwinGone", Row(None)),
        ("TwinGone", Row(None, budget=Budget(paused=True))),
        ("PoolChanged", Row(None, cluster({**OLD, "maxPods": 50}, TWIN))),
        ("ModeDoesNotAct", Row(None, BOTH, book(Mode.ALERT, strategy=Strategy.REPLACE))),
        ("Exempt", Row(None, BOTH, EXEMPTING)),
        ("OwnerObjects", Row(None, cluster({**OLD, "tags": {"fips-object": "no"}}, TWIN), OBJECTING)),
        ("NotAsked", Row(None, BOTH, book())),
        ("NotAsked", Row(None, cluster(disabled("old"), TWIN))),
        ("NotAsked", Row(None, cluster({**OLD, "enableFIPS": True}, TWIN))),
        ("NotAsked", Row(None, BOTH, book(strategy=Strategy.REPLACE, fips=Fips.ANY))),
        ("OutOfScope", Row(None, BOTH, REPLACING.of_nothing())),
    ],
)
def test_what_people_have_decided_or_changed_ends_a_replacement(reason: str, row: Row) -> None:
    made = replace(row, replacement=UNDER_WAY, drained=Drained()).situation()
    assert hopeless(made).partition(": ")[0] == reason
    if reason:
        assert plan(made).action is None
        assert plan(made).requeue_after == POLL
    running = replace(made.memory, operation=operation("old", kind=ActionKind.REPLACE, method=Method.CREATE))
    assert hopeless(replace(made, memory=running)) == "", "what AKS was asked to do comes to its end first"


def test_the_nodes_of_a_twin_are_asked_as_deep_as_those_of_its_pool_would_be() -> None:
    defaults = REPLACING.policy.defaults
    deep = replace(defaults, proof=ProofSettings(ProofLevel.KERNEL, image="busybox"))
    both = (
        replace(rule("old", Mode.ENFORCE, pools=("old",)), settings=deep),
        replace(rule("twins", Mode.ENFORCE, pools=("oldf",)), settings=defaults),
    )
    row = Row(None, BOTH, book(rules=both), replacement=UNDER_WAY, drained=Drained())

    (found,) = plan(row.situation()).deferrals
    assert found.reason == "TwinNotProven"
    assert "ProofLevelMissing" in str(row.situation().posture.pools[1].findings)
    assert plan(replace(row, pools={"oldf": proof(level=ProofLevel.KERNEL)}).situation()).action


def test_memory_of_a_version_without_replacements_is_read() -> None:
    from shared.domain.codec import plain, typed

    old = plain(Memory())
    del old["replacement"]
    assert typed(Memory, old) == Memory()
    assert typed(Memory, plain(Memory(replacement=UNDER_WAY))).replacement == UNDER_WAY
