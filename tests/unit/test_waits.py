"""Why a step that is due is not taken: each reason of the product once, when it ends, and what is never skipped."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.barriers import barred
from shared.domain.budget import Approval, Budget, Canary, Counts, Place, RingCount
from shared.domain.limits import Limit
from shared.domain.maintenance import DEFAULT, MaintenanceConfiguration
from shared.domain.matching import Match, VersionRange
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Mode, Unreadable
from shared.domain.openings import Closure
from shared.domain.plan import plan
from shared.domain.planned import Deferral, Notice, Plan
from shared.domain.policy import Disruption, Ring
from shared.domain.risks import RISKS
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, NewPools, OsSku, Risk, Skip, Strategy, WorkloadSettings
from shared.domain.settings import Notice as NoticeSettings
from shared.domain.situation import Situation
from shared.domain.steps import due, step_fingerprint
from shared.domain.waits import all_waits
from shared.domain.windows import Blackout, Weekday, Window
from shared.domain.workloads import unread
from tests.builders import (
    ENFORCING,
    IMAGE,
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
    situation,
    workloads,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFF, ON = cluster(disabled()), cluster(profile())
OPEN = Window((), time(9), 2 * HOUR)
CLOSED = Window((Weekday.SUNDAY,), time(9), 2 * HOUR)
SLOW = 4 * POLL
IDLE = 20 * POLL
HISTORICAL = {"osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2004gen2fipscontainerd-202611.03.0"}
"""FIPS is on, by Ubuntu 20.04, whose certificates are historical."""


def filled(**changes: Any) -> Budget:
    """A budget in which another cluster has a place."""
    return Budget({f"{SUBSCRIPTION}|g|other": Place("i0", "p", SUBSCRIPTION, 3, NOW - DAY)}, **changes)


def limited(**disruption: Any) -> Rulebook:
    """A rulebook of which only the limits matter."""
    return book(disruption=Disruption(**{"concurrent": Limit(5), **disruption}))


def approved(rules: Rulebook) -> Rulebook:
    """A rulebook whose policy has to be approved."""
    return replace(rules, policy=replace(rules.policy, require_approved_policy=True))


def ringed(*rings: Ring) -> Rulebook:
    """A rulebook with rings, and places enough."""
    return book(rings=rings, disruption=Disruption(Limit(5)))


@dataclass(frozen=True)
class Row:
    """A situation in which the due step of the pool `apps` waits."""

    after: timedelta | None
    """When it is worth another look; None: only somebody's change will help."""
    read: Cluster = OFF
    rules: Rulebook = ENFORCING
    pool: PoolMemory = field(default_factory=PoolMemory)
    changes: dict[str, Any] = field(default_factory=dict)
    """Of the situation."""

    def situation(self) -> Situation:
        """The situation."""
        if self.pool.blocked_on == "*":
            return replace(self, pool=replace(self.pool, blocked_on=self.read.pools[0].configuration)).situation()
        return situation(self.read, **{"rules": self.rules, "memory": memory(apps=self.pool), **self.changes})

    def deferral(self) -> Deferral:
        """Why the pool is not remediated."""
        planned = plan(self.situation())
        assert planned.action is None
        return next(item for item in planned.deferrals if item.pool == "apps")


_UNREAD: tuple[dict[str, Any], ...] = (
    {"orchestratorVersion": "?", "currentOrchestratorVersion": "?"},
    {"vmSize": None},
    {"mode": "Sys"},
    {"powerState": 7},
    {"powerState": {"code": "Asleep"}},
    {"powerState": "Stopped"},
    {"powerState": False},
    {"securityProfile": "TrustedLaunch"},
    {"securityProfile": []},
    {"workloadRuntime": 3},
    {"tags": ["fips-objection"]},
    {"count": "5"},
    {"nodeImageVersion": 7},
    {"securityProfile": {"enableVTPM": "yes"}},
    {"tags": {"env": "prod", "ENV": "test"}},
    {"currentOrchestratorVersion": "9999.1"},
)
_ODD: tuple[dict[str, Any], ...] = ({"enableFIPS": "true"}, {"osSKU": "Haiku"}, {"osSKU": "Windows2022"})
ENABLING = step_fingerprint(due(situation(OFF))[0])
"""What an owner is told of whose pool is to be switched on."""


def told(at: datetime) -> PoolMemory:
    """A pool whose owner was told."""
    return PoolMemory(noticed=at, noticed_of=ENABLING)


SOAKING = Counts(NOW, 9, rings={"lab": RingCount(9, 0, NOW - DAY)}, policy="p1", exemptions="e1")
CANARIES = {"one": Canary(f"{SUBSCRIPTION}|g|c", "p", stage=ringed(Ring("one")).policy.stage(Ring("one")))}
SHARED = Ring("one", concurrent=Limit(1))
ROWS: dict[str, list[Row]] = {
    "ModeDoesNotAct": [Row(None, rules=book(Mode.AUDIT)), Row(None, rules=book(Mode.ALERT))],
    "Exempt": [
        Row(60 * DAY, rules=book(exemptions=(exemption(),))),
        Row(60 * DAY, rules=book(exemptions=(exemption(covers=("FipsDisabled",)),))),
        # Half-way, no finding is there that an exemption excuses: it holds all the same.
        *(
            Row(
                60 * DAY,
                cluster(profile(provisioningState=state, nodeImageVersion=IMAGE)),
                rules=book(exemptions=(exemption(covers=covers),)),
                pool=PoolMemory(resume="ana"),
            )
            for state in ("Failed", "Canceled")
            for covers in ((), ("FipsDisabled",))
        ),
        # The last of those that hold now decides; one that comes later does not hold yet.
        Row(
            90 * DAY,
            rules=book(
                exemptions=(
                    exemption(),
                    exemption(name="longer", expires=NOW + 90 * DAY),
                    exemption(name="later", created=NOW + DAY, expires=NOW + 95 * DAY),
                )
            ),
        ),
    ],
    "ReleaseUnknown": [
        Row(None, cluster(disabled(osSKU="Ubuntu2204", currentOrchestratorVersion="1.99.0"))),
        Row(None, cluster(disabled(osSKU="AzureLinux3", currentOrchestratorVersion="1.99.0"))),
        # Open-ended rows of the data end with the newest version that it was made for.
        Row(None, cluster(disabled(osSKU="AzureLinux", currentOrchestratorVersion="1.37.0"))),
        Row(None, cluster(disabled(osSKU="Ubuntu", currentOrchestratorVersion="1.37.0"))),
    ],
    "FieldUnreadable": [Row(None, cluster(disabled(**changes))) for changes in _UNREAD]
    + [
        *(Row(None, cluster(disabled(), provisioningState=odd)) for odd in (None, "", "Thinking", "succeeded", 7)),
        Row(None, cluster(disabled(), powerState={"code": "Asleep"})),
        Row(None, replace(OFF, illegible=("the cluster's tags []",))),
        # Unblocked and half-way, but nobody knows what kind of pool it is.
        *(
            Row(None, cluster(disabled(provisioningState="Failed", **odd)), pool=PoolMemory(resume="ana"))
            for odd in _ODD
        ),
        Row(
            None,
            cluster(profile(nodeImageVersion=IMAGE), enableFIPS="true"),
            rules=book(fips=Fips.FORBIDDEN),
        ),
    ],
    "RulesUnreadable": [Row(HOUR, rules=book(trouble="line 3: mend it."))],
    "OwnerObjects": [
        Row(HOUR, cluster(disabled(tags={"FIPS-Objection": "not in November"}))),
        Row(HOUR, cluster(disabled(), tags={"fips-objection": ""})),
        Row(HOUR, cluster(disabled(tags={"hands-off": "1"})), book(notice=NoticeSettings(objection_tag="hands-off"))),
    ],
    "OsSkuIncapable": [
        Row(None, cluster(disabled(osSKU="Ubuntu2404"))),
        Row(None, cluster(disabled(osSKU="Ubuntu2404")), book(strategy=Strategy.REPORT)),
    ],
    "WindowsNotUpdatable": [
        Row(None, cluster(disabled(osType="Windows", osSKU="Windows2019"))),
        Row(None, cluster(profile(osType="Windows", osSKU="Windows2019")), book(fips=Fips.FORBIDDEN)),
    ],
    "ClusterFips": [Row(None, cluster(profile(), enableFIPS=True), book(fips=Fips.FORBIDDEN))],
    "NoETag": [Row(None, cluster(disabled(eTag=...))), Row(None, cluster(disabled(eTag="")))],
    "Stopped": [
        Row(None, cluster(disabled(powerState={"code": "Stopped"}))),
        Row(None, cluster(disabled(), powerState={"code": "Stopped"})),
    ],
    "ClusterFailed": [
        Row(None, cluster(disabled(), provisioningState="Failed")),
        # A person's word about a pool says nothing of its cluster.
        Row(
            None,
            cluster(disabled(provisioningState="Failed"), provisioningState="Failed"),
            pool=PoolMemory(resume="ana"),
        ),
    ],
    "ClusterCanceled": [Row(None, cluster(disabled(), provisioningState="Canceled"))],
    "ProvisioningFailed": [Row(None, cluster(disabled(provisioningState="Failed")))],
    "ProvisioningCanceled": [Row(None, cluster(disabled(provisioningState="Canceled")))],
    "Blocked": [Row(None, pool=PoolMemory(blocked="AKS refused: no.", blocked_on="*"))],
    "SmbVolumes": [
        Row(HOUR, pool=PoolMemory(workloads=workloads(smb=("pay/Deployment/ledger",)))),
        Row(HOUR / 2, pool=PoolMemory(workloads=workloads(NOW - HOUR / 2, smb=("pay/Deployment/ledger",)))),
    ],
    "PdbBlocked": [Row(HOUR, pool=PoolMemory(workloads=workloads(budgets=("pay/PodDisruptionBudget/db",))))],
    "UnmanagedPods": [
        Row(
            HOUR,
            rules=book(workloads=WorkloadSettings(unmanaged_pods=Risk.DEFER)),
            pool=PoolMemory(workloads=workloads(unmanaged_pods=("pay/Pod/debug",))),
        )
    ],
    "LocalData": [
        Row(
            HOUR,
            rules=book(workloads=WorkloadSettings(local_data=Risk.DEFER)),
            pool=PoolMemory(workloads=workloads(local_data=("pay/StatefulSet/db",))),
        )
    ],
    "WorkloadsUnreadable": [
        Row(HOUR, pool=PoolMemory(workloads=unread(NOW, "KubernetesForbidden: no.", passing=False))),
        Row(HOUR / 4, pool=PoolMemory(workloads=unread(NOW, "Unreachable: no.", passing=True))),
        # Where something is begun, what nobody has read is not taken for harmless.
        Row(POLL, changes={"assuming": False}),
    ],
    "Throttled": [
        Row(7 * POLL, pool=PoolMemory(not_before=NOW + 7 * POLL, waiting="Throttled: AKS refused: slow down"))
    ],
    "Contested": [Row(DAY, pool=PoolMemory(not_before=NOW + DAY, waiting="Contested: somebody switches it back"))],
    "OperationInProgress": [Row(POLL, changes={"memory": memory(operation("batch"))})],
    "ClusterBusy": [
        Row(SLOW, cluster(disabled(), provisioningState="Updating")),
        Row(SLOW, cluster(disabled(provisioningState="Scaling"))),
        Row(SLOW, cluster(disabled(), profile("batch", provisioningState="Deleting"))),
        Row(SLOW, cluster(disabled(), profile("batch", provisioningState=...))),
    ],
    "PoolsMissing": [Row(SLOW, changes={"memory": Memory(missed={"batch": NOW})})],
    "NewPool": [
        Row(
            timedelta(minutes=20),
            rules=book(new_pools=NewPools(enforce_after=HOUR / 2)),
            pool=PoolMemory(first_seen=NOW - HOUR / 6),
        )
    ],
    "OutsideWindow": [Row(timedelta(days=5, hours=23, minutes=29, seconds=56), rules=book(windows=(CLOSED,)))],
    "Blackout": [
        Row(
            timedelta(hours=14, minutes=29, seconds=56),
            rules=book(windows=(Window((), time(0), DAY),), blackouts=(Blackout(NOW.date(), NOW.date(), "freeze"),)),
        ),
        Row(
            timedelta(days=38, hours=14, minutes=29, seconds=56),
            rules=book(blackouts=(Blackout(date(2026, 11, 1), date(2026, 12, 31), "freeze"),)),
        ),
    ],
    "NoMaintenanceConfiguration": [
        Row(HOUR, rules=book(cluster_maintenance=True)),
        Row(
            HOUR,
            rules=book(cluster_maintenance=True),
            changes={"maintenance": (MaintenanceConfiguration("aksManagedAutoUpgradeSchedule", (OPEN,)),)},
        ),
    ],
    "MaintenanceUnreadable": [
        Row(
            HOUR,
            rules=book(cluster_maintenance=True, windows=(OPEN,)),
            changes={"maintenance": Unreadable("Forbidden", "no role", None)},
        )
    ],
    "Paused": [Row(HOUR, changes={"budget": Budget(paused=True)})],
    "BreakerOpen": [Row(HOUR, changes={"budget": Budget(broken="3 of the last 3 remediations failed.")})],
    "BudgetExhausted": [
        Row(IDLE, changes={"budget": filled()}),
        Row(IDLE, rules=limited(concurrent=Limit(0))),
        Row(IDLE, rules=limited(per_subscription=Limit(1)), changes={"budget": filled()}),
        Row(
            IDLE,
            rules=ringed(SHARED),
            changes={"budget": Budget({f"{SUBSCRIPTION}|g|c": Place("i", "p", "s", 1, NOW - DAY, stage="one")})},
        ),
    ],
    "TooManyNodes": [
        Row(IDLE, rules=limited(nodes=2)),
        Row(IDLE, cluster(disabled(count=...)), rules=limited(nodes=200)),
        Row(IDLE, rules=limited(nodes=5), changes={"budget": filled()}),
    ],
    "Spacing": [Row(HOUR / 4, rules=limited(spacing=HOUR), changes={"budget": Budget(last_begun=NOW - HOUR * 3 / 4)})],
    "SubscriptionPaced": [
        Row(HOUR, changes={"budget": Budget(not_before={SUBSCRIPTION: NOW + HOUR})}),
        Row(2 * POLL, changes={"budget": Budget(not_before={SUBSCRIPTION: NOW + timedelta(seconds=1)})}),
    ],
    "RingClosed": [
        Row(IDLE, rules=ringed(Ring("lab", Match(clusters=("lab-*",))), Ring("rest"))),
        # The ring in between is done, and the one before that is not.
        Row(
            IDLE,
            rules=ringed(
                Ring("lab", Match(clusters=("lab-*",))), Ring("mid", Match(clusters=("mid-*",))), Ring("rest")
            ),
            changes={
                "budget": Budget(
                    counts=replace(SOAKING, rings={"lab": RingCount(9, 1), "mid": RingCount(0, 0, NOW - DAY)})
                )
            },
        ),
    ],
    "RingSoaking": [
        Row(
            DAY,
            rules=ringed(Ring("lab", Match(clusters=("lab-*",)), soak=2 * DAY), Ring("rest")),
            changes={"budget": Budget(counts=SOAKING)},
        )
    ],
    "CanaryUnproven": [Row(IDLE, rules=ringed(Ring("one")), changes={"budget": Budget(canaries=CANARIES)})],
    "PolicyNotApproved": [
        Row(HOUR, rules=approved(ENFORCING)),
        Row(
            HOUR,
            rules=approved(ENFORCING),
            changes={"budget": Budget(approvals={"p1": Approval("ana", NOW - DAY, NOW, "policy")})},
        ),
        # The last policy that was approved demanded it: this one can't take the demand back by itself.
        Row(HOUR, changes={"budget": Budget(guarded=True)}),
    ],
    "VersionUnreadable": [
        Row(
            None,
            cluster(disabled(orchestratorVersion="?", currentOrchestratorVersion="?")),
            rules=ringed(Ring("new", Match(kubernetes=VersionRange(">=1.30")))),
        ),
        Row(
            None,
            cluster(disabled(orchestratorVersion="?", currentOrchestratorVersion="?")),
            rules=book(exemptions=(exemption(match=Match(kubernetes=VersionRange(">=1.30"))),)),
        ),
    ],
    "ApprovalMissing": [Row(HOUR, rules=book(Mode.APPROVE))],
    "NoticeGiven": [
        Row(2 * DAY, rules=book(notice=NoticeSettings(before=2 * DAY))),
        # Nobody remembers what was said so long ago.
        Row(
            2 * DAY,
            rules=book(notice=NoticeSettings(before=2 * DAY)),
            pool=told(NOW - 33 * DAY),
        ),
    ],
    "NoticeRunning": [
        Row(
            DAY,
            rules=book(notice=NoticeSettings(before=2 * DAY)),
            pool=PoolMemory(noticed=NOW - DAY, noticed_of=ENABLING),
        )
    ],
}


CASES = [(reason, row) for reason, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("reason", "row"), CASES, ids=[reason for reason, _ in CASES])
def test_a_step_that_waits_says_why_and_until_when(reason: str, row: Row) -> None:
    deferral = row.deferral()

    assert deferral.reason == reason
    assert deferral.until == (NOW + row.after if row.after is not None else None)
    assert len(deferral.message) > 10
    if row.after is not None:
        requeue = plan(row.situation()).requeue_after
        assert requeue is not None
        assert requeue <= row.after


def test_every_reason_in_the_sources_has_its_row() -> None:
    domain = Path(plan.__code__.co_filename).parent
    written = "".join(
        (domain / name).read_text(encoding="utf-8")
        for name in ("barriers.py", "consent.py", "waits.py", "refusals.py", "throttle.py", "openings.py")
    )

    reasons = set(re.findall(r'(?:Wait|Refusal)\(\s*"([A-Z]\w+)"', written))
    reasons |= {risk.reason for risk in RISKS}
    reasons |= set(re.findall(r'(?m)^[A-Z_]+ = "([A-Z]\w+)"', written))

    assert len(reasons) > 20
    assert sorted(reasons - set(ROWS)) == []


@pytest.mark.parametrize("row", [row for _, row in CASES], ids=[reason for reason, _ in CASES])
def test_all_reasons_of_a_step_begin_with_the_one_that_is_told(row: Row) -> None:
    made = row.situation()
    (step,) = [step for step in due(made) if step.pool.name == "apps"]

    found = [wait.message for wait in all_waits(made, step)]

    assert found[0] == row.deferral().message
    assert len(found) == len(set(found))


def test_several_reasons_at_once_are_all_there() -> None:
    dev, test, mine = (Ring(name, Match(pools=(name,))) for name in ("dev", "test", "apps"))
    limits = Disruption(Limit(1), spacing=HOUR)
    asked: dict[str, Any] = {
        "rings": (dev, test, mine),
        "windows": (CLOSED,),
        "notice": NoticeSettings(DAY, objection_tag="no"),
    }
    objecting = disabled(eTag=..., tags={"no": ""})
    rules = approved(book(Mode.APPROVE, trouble="line 3", exemptions=(exemption(),), disruption=limits, **asked))
    budget = filled(
        paused=True,
        broken="2 of 4 failed.",
        last_begun=NOW,
        canaries={"apps": Canary(f"{SUBSCRIPTION}|g|other", "apps")},
    )
    read = cluster(objecting, provisioningState="Updating", powerState={"code": "Stopped"})
    blocked = memory(apps=PoolMemory(blocked="It failed.", blocked_on=read.pools[0].configuration))
    made = situation(read, rules=rules, memory=blocked, budget=budget)
    (step,) = due(made)

    assert [wait.reason for wait in all_waits(made, step)] == [
        *("Exempt", "RulesUnreadable", "OwnerObjects"),
        *("NoETag", "Stopped", "Blocked"),
        "ClusterBusy",
        *("PolicyNotApproved", "ApprovalMissing"),
        *("Paused", "BreakerOpen", "BudgetExhausted", "Spacing", "RingClosed", "RingClosed", "CanaryUnproven"),
        *("NoticeGiven", "OutsideWindow"),
    ]


@pytest.mark.parametrize(
    ("reason", "for_good"),
    [("ModeDoesNotAct", True), ("NoETag", True), ("OsSkuIncapable", True), ("OutsideWindow", False), ("Paused", False)],
)
def test_what_waiting_will_not_cure_bars_a_step(reason: str, *, for_good: bool) -> None:
    made = ROWS[reason][0].situation()
    (step,) = due(made)

    assert (barred(made, step) is not None) is for_good


class TestNewPools:
    """Nothing runs yet on a pool that was created a moment ago: it need not wait for window and soak."""

    YOUNG = PoolMemory(first_seen=NOW - HOUR / 2, absent=NOW - HOUR / 2)
    SKIPPING = NewPools(within=HOUR, skip=(Skip.WINDOW, Skip.SOAK))

    def planned(self, pool: PoolMemory, read: Cluster = OFF, **settings: Any) -> Plan:
        rules = book(new_pools=settings.pop("new_pools", self.SKIPPING), **settings)
        return plan(situation(read, rules=rules, memory=memory(apps=pool)))

    def test_it_is_remediated_outside_the_window(self) -> None:
        action = self.planned(self.YOUNG, windows=(CLOSED,)).action

        assert action is not None
        assert action.before is None, "and no window closes on it"

    def test_a_blackout_holds_for_it_like_for_any(self) -> None:
        blackout = Blackout(NOW.date(), NOW.date(), "freeze")

        planned = self.planned(self.YOUNG, windows=(CLOSED,), blackouts=(blackout,))

        assert [item.reason for item in planned.deferrals] == ["Blackout"]

    @pytest.mark.parametrize(
        ("maintenance", "reason"),
        [
            ((), ""),
            ((MaintenanceConfiguration(DEFAULT, (CLOSED,)),), ""),
            ((MaintenanceConfiguration(DEFAULT, (CLOSED,), (Closure(NOW - HOUR, NOW + HOUR, "x"),)),), "Blackout"),
            ((MaintenanceConfiguration(DEFAULT, fault="it is odd"),), "MaintenanceUnreadable"),
            (Unreadable("Forbidden", "no role", None), "MaintenanceUnreadable"),
        ],
        ids=["none", "outside its window", "not allowed", "not understood", "unread"],
    )
    def test_so_does_that_of_its_cluster(
        self, maintenance: tuple[MaintenanceConfiguration, ...] | Unreadable, reason: str
    ) -> None:
        """Windows of the cluster it need not wait for; what can't be read may be a blackout."""
        rules = book(new_pools=self.SKIPPING, cluster_maintenance=True)

        planned = plan(situation(OFF, rules=rules, memory=memory(apps=self.YOUNG), maintenance=maintenance))

        assert [item.reason for item in planned.deferrals] == ([reason] if reason else [])

    def test_it_begins_no_later_than_the_blackout_of_its_cluster(self) -> None:
        rules = book(new_pools=self.SKIPPING, cluster_maintenance=True)
        ahead = (MaintenanceConfiguration(DEFAULT, (CLOSED,), (Closure(NOW + HOUR, NOW + DAY, "x"),)),)

        action = plan(situation(OFF, rules=rules, memory=memory(apps=self.YOUNG), maintenance=ahead)).action

        assert action
        assert action.before == NOW + HOUR

    def test_it_enters_a_ring_that_is_closed(self) -> None:
        rings = (Ring("lab", Match(clusters=("lab-*",))), Ring("rest"))

        action = self.planned(self.YOUNG, rings=rings).action

        assert action is not None
        assert (action.ring, action.skip_soak) == ("rest", True)
        assert self.planned(PoolMemory(), rings=rings).deferrals[0].reason == "RingClosed"

    @pytest.mark.parametrize(
        "pool",
        [
            PoolMemory(),
            PoolMemory(first_seen=NOW),
            PoolMemory(first_seen=NOW, absent=NOW - HOUR),
            PoolMemory(first_seen=NOW - DAY, absent=NOW + HOUR),
        ],
        ids=["not known", "who knows", "long ago", "by a clock that was ahead"],
    )
    def test_an_older_one_waits_like_any(self, pool: PoolMemory) -> None:
        assert self.planned(pool, windows=(CLOSED,)).deferrals[0].reason == "OutsideWindow"

    @pytest.mark.parametrize("skip", [(), (Skip.SOAK,)])
    def test_what_the_policy_does_not_skip_holds(self, skip: tuple[Skip, ...]) -> None:
        new = NewPools(within=HOUR, skip=skip)

        assert self.planned(self.YOUNG, new_pools=new, windows=(CLOSED,)).deferrals[0].reason == "OutsideWindow"

    def test_every_pool_of_a_new_cluster_is_new(self) -> None:
        created = replace(OFF, created=NOW - HOUR / 2)

        assert self.planned(PoolMemory(), created, windows=(CLOSED,)).action is not None
        assert self.planned(PoolMemory(), replace(OFF, created=NOW - DAY), windows=(CLOSED,)).action is None

    def test_a_new_pool_of_an_old_cluster_is_new(self) -> None:
        old = replace(OFF, created=NOW - 400 * DAY)

        assert self.planned(self.YOUNG, old, windows=(CLOSED,)).action is not None

    def test_it_waits_as_long_as_the_policy_says_and_no_longer(self) -> None:
        new = NewPools(within=HOUR, enforce_after=HOUR / 2)

        assert (
            self.planned(PoolMemory(first_seen=NOW - HOUR / 2, absent=NOW - HOUR / 2), new_pools=new).action is not None
        )
        assert self.planned(PoolMemory(), new_pools=new).action is not None, "one that may be old is none"
        ahead = PoolMemory(first_seen=NOW + DAY, absent=NOW + DAY)
        assert self.planned(ahead, new_pools=new).action is not None, "seen by a clock that was ahead"

    @pytest.mark.parametrize(
        ("rules", "budget", "reason"),
        [
            (book(Mode.APPROVE, new_pools=SKIPPING), Budget(), "ApprovalMissing"),
            (book(new_pools=SKIPPING, exemptions=(exemption(),)), Budget(), "Exempt"),
            (book(new_pools=SKIPPING), filled(), "BudgetExhausted"),
            (book(new_pools=SKIPPING), Budget(paused=True), "Paused"),
            (
                book(new_pools=SKIPPING, rings=(Ring("one"),)),
                Budget(canaries=CANARIES),
                "CanaryUnproven",
            ),
        ],
    )
    def test_budget_exemption_and_approval_hold_all_the_same(
        self, rules: Rulebook, budget: Budget, reason: str
    ) -> None:
        made = situation(OFF, rules=rules, budget=budget, memory=memory(apps=self.YOUNG))

        assert [item.reason for item in plan(made).deferrals] == [reason]


class TestWindows:
    """A reimage begins while everything is open, and before the first of it closes."""

    OWN = MaintenanceConfiguration("aksManagedNodeOSUpgradeSchedule", (Window((), time(8), 2 * HOUR),))

    @pytest.mark.parametrize(
        ("settings", "before"),
        [
            ({}, None),
            ({"windows": (OPEN,)}, NOW.replace(hour=11, minute=0, second=0)),
            ({"windows": (OPEN,), "cluster_maintenance": True}, NOW.replace(hour=10, minute=0, second=0)),
            ({"cluster_maintenance": True}, NOW.replace(hour=10, minute=0, second=0)),
            (
                {
                    "windows": (Window((), time(0), DAY),),
                    "blackouts": (Blackout(date(2026, 11, 24), date(2026, 11, 24), "x"),),
                },
                datetime(2026, 11, 24, tzinfo=UTC),
            ),
        ],
    )
    def test_the_action_says_when_the_first_closes(self, settings: dict[str, Any], before: datetime | None) -> None:
        action = plan(situation(OFF, rules=book(**settings), maintenance=(self.OWN,))).action

        assert action is not None
        assert action.before == before

    def test_the_clusters_own_window_must_be_open_as_well(self) -> None:
        own = replace(self.OWN, windows=(CLOSED,))

        planned = plan(situation(OFF, rules=book(windows=(OPEN,), cluster_maintenance=True), maintenance=(own,)))

        assert [item.reason for item in planned.deferrals] == ["OutsideWindow"]

    def test_without_one_of_its_own_the_policys_is_enough(self) -> None:
        planned = plan(situation(OFF, rules=book(windows=(OPEN,), cluster_maintenance=True)))

        assert planned.action is not None


class TestNotices:
    """The owner is told first, once, and may object."""

    RULES = book(notice=NoticeSettings(before=2 * DAY, owner="fleet@example.com", objection_tag="no-fips"))

    def planned(self, read: Cluster = OFF, pool: PoolMemory = PoolMemory(), rules: Rulebook = RULES) -> Plan:  # noqa: B008 (frozen)
        return plan(situation(read, rules=rules, memory=memory(apps=pool)))

    @pytest.mark.parametrize(
        ("read", "owner"),
        [
            (OFF, "fleet@example.com"),
            (
                cluster(disabled(tags={"Owner": "apps@example.com"}), tags={"owner": "aks@example.com"}),
                "apps@example.com",
            ),
            (cluster(disabled(), tags={"OWNER": "aks@example.com"}), "aks@example.com"),
            (cluster(disabled(tags={"owner": ""})), "fleet@example.com"),
            (cluster(disabled(tags={"owner": None})), "fleet@example.com"),
            # What is no address reaches nobody: the policy's own one does.
            (cluster(disabled(tags={"owner": "Platform Team"})), "fleet@example.com"),
        ],
    )
    def test_it_goes_to_the_owner_in_the_tag_of_the_pool_or_the_cluster_or_in_the_policy(
        self, read: Cluster, owner: str
    ) -> None:
        assert self.planned(read).notices == (Notice("apps", owner, NOW + 2 * DAY, "no-fips", ENABLING),)

    def test_it_is_given_once_and_then_it_runs(self) -> None:
        running = self.planned(pool=PoolMemory(noticed=NOW - DAY, noticed_of=ENABLING))

        assert (running.notices, [item.reason for item in running.deferrals]) == ((), ["NoticeRunning"])

    def test_one_that_was_given_by_a_clock_that_was_ahead_is_given_again(self) -> None:
        ahead = self.planned(pool=PoolMemory(noticed=NOW + 30 * DAY, noticed_of=ENABLING))

        assert (len(ahead.notices), [item.reason for item in ahead.deferrals]) == (1, ["NoticeGiven"])

    @pytest.mark.parametrize(
        ("settings", "until"),
        [
            ({"windows": (CLOSED,)}, datetime(2026, 11, 29, 9, tzinfo=UTC)),
            ({"windows": (Window((), time(9), 2 * HOUR),)}, NOW + 2 * DAY),
            (
                {"blackouts": (Blackout(date(2026, 11, 24), date(2026, 11, 27), "freeze"),)},
                datetime(2026, 11, 28, tzinfo=UTC),
            ),
            ({"cluster_maintenance": True}, NOW + 2 * DAY),
        ],
    )
    def test_outside_the_window_it_is_given_too_and_names_the_one_in_which_the_reimage_comes(
        self, settings: dict[str, Any], until: datetime
    ) -> None:
        rules = book(notice=NoticeSettings(before=2 * DAY), **settings)

        (notice,) = self.planned(rules=rules).notices

        assert notice.until == until

    def test_when_it_has_run_the_pool_waits_for_the_window(self) -> None:
        rules = book(notice=NoticeSettings(before=2 * DAY), windows=(CLOSED,))

        planned = self.planned(pool=PoolMemory(noticed=NOW - 2 * DAY, noticed_of=ENABLING), rules=rules)

        assert [item.reason for item in planned.deferrals] == ["OutsideWindow"]

    def test_the_notice_of_another_step_is_none_of_this_one(self) -> None:
        rules = book(notice=NoticeSettings(before=2 * DAY), os_sku=OsSku.UBUNTU2204)
        stuck = cluster(disabled(osSKU="Ubuntu2404", nodeImageVersion="AKSUbuntu-2404gen2containerd-1"))

        planned = self.planned(stuck, PoolMemory(noticed=NOW - 2 * DAY, noticed_of=ENABLING), rules=rules)

        assert (planned.action, [item.reason for item in planned.deferrals]) == (None, ["NoticeGiven"])
        assert len(planned.notices) == 1

    def test_an_objection_needs_no_value(self) -> None:
        planned = self.planned(cluster(disabled(tags={"no-fips": None})))

        assert [item.reason for item in planned.deferrals] == ["OwnerObjects"]

    def test_when_it_has_run_the_pool_is_remediated(self) -> None:
        assert self.planned(pool=PoolMemory(noticed=NOW - 2 * DAY, noticed_of=ENABLING)).action is not None

    def test_without_it_nobody_is_told(self) -> None:
        assert self.planned(rules=ENFORCING).notices == ()

    def test_an_objection_holds_the_pool_whatever_was_told(self) -> None:
        objecting = cluster(disabled(tags={"no-fips": "after the audit"}))

        planned = self.planned(objecting, PoolMemory(noticed=NOW - 9 * DAY, noticed_of=ENABLING))

        assert [item.reason for item in planned.deferrals] == ["OwnerObjects"]
        assert planned.action is None

    def test_nobody_is_told_of_what_cannot_begin_anyway(self) -> None:
        rules = replace(self.RULES, trouble="line 3")

        assert self.planned(rules=rules).notices == ()
        assert self.planned(cluster(disabled(osSKU="Flatcar"))).notices == ()

    def test_owners_of_several_pools_are_told_at_once(self) -> None:
        planned = self.planned(cluster(disabled("apps"), disabled("batch")))

        assert [notice.pool for notice in planned.notices] == ["apps", "batch"]

    def test_an_approval_is_asked_for_first(self) -> None:
        rules = book(Mode.APPROVE, notice=NoticeSettings(before=DAY))

        planned = self.planned(rules=rules)

        assert (planned.notices, planned.deferrals[0].reason) == ((), "ApprovalMissing")


class TestApprovals:
    """A person agrees to exactly one thing: this action on such a pool."""

    RULES = book(Mode.APPROVE)

    def fingerprint(self, read: Cluster = OFF, rules: Rulebook = RULES) -> str:
        (deferral,) = plan(situation(read, rules=rules)).deferrals
        assert deferral.reason == "ApprovalMissing"
        return deferral.approval

    def agreed(self, until: timedelta = HOUR) -> Budget:
        word = Approval("ana", NOW - HOUR, NOW + until, "enable fips on apps")
        return Budget(approvals={self.fingerprint(): word})

    def test_what_was_agreed_to_is_done_and_uses_it_up(self) -> None:
        action = plan(situation(OFF, rules=self.RULES, budget=self.agreed())).action

        assert action is not None
        assert action.approvals == (self.fingerprint(),)

    def test_one_that_has_ended_is_none(self) -> None:
        planned = plan(situation(OFF, rules=self.RULES, budget=self.agreed(timedelta())))

        assert [item.reason for item in planned.deferrals] == ["ApprovalMissing"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "batch"},
            {"osSKU": "Ubuntu2204"},
            {"currentOrchestratorVersion": "1.35.0"},
            {"nodeImageVersion": "AKSAzureLinux-V3gen2-202612.01.0"},
            {"vmSize": "Standard_D16ds_v5"},
            {"mode": "System"},
            {"count": 4},
            {"count": 1},
        ],
    )
    def test_a_change_that_matters_asks_anew(self, changes: dict[str, Any]) -> None:
        assert self.fingerprint(cluster(disabled(**changes))) != self.fingerprint()

    @pytest.mark.parametrize(
        "changes",
        [
            {"eTag": "another"},
            {"count": 2},
            {"tags": {"team": "pay"}},
            {"nodeLabels": {"a": "b"}},
            {"orchestratorVersion": "1.34.9"},
        ],
    )
    def test_one_that_does_not_leaves_it(self, changes: dict[str, Any]) -> None:
        """Two and three nodes are of one band."""
        assert self.fingerprint(cluster(disabled(**changes))) == self.fingerprint()

    def test_a_pool_of_another_cluster_is_another(self) -> None:
        assert self.fingerprint(replace(OFF, id=cluster_id("aks-other"))) != self.fingerprint()

    def test_another_target_is_another(self) -> None:
        read = cluster(disabled(osSKU="Ubuntu2404"))

        one, other = (
            self.fingerprint(read, book(Mode.APPROVE, os_sku=sku)) for sku in (OsSku.UBUNTU2204, OsSku.AZURELINUX3)
        )

        assert one != other

    def test_enforce_needs_none(self) -> None:
        action = plan(situation(OFF)).action

        assert action is not None
        assert action.approvals == ()

    def test_an_approved_policy_goes_on_to_hold(self) -> None:
        word = Approval("ana", NOW - HOUR, NOW + HOUR, "policy")

        action = plan(situation(OFF, rules=approved(ENFORCING), budget=Budget(approvals={"p1": word}))).action

        assert action is not None
        assert action.approvals == ()

    def test_the_policys_hash_is_what_a_person_approves(self) -> None:
        (deferral,) = plan(situation(OFF, rules=approved(ENFORCING))).deferrals

        assert deferral.approval == "p1"


excusing = st.builds(
    exemption,
    st.just("x"),
    match=st.builds(Match, pools=st.sampled_from([("*",), ("apps",), ("b*",)])),
    covers=st.sampled_from([(), ("FipsDisabled",), ("OsSkuIncapable", "FipsDisabled")]),
    expires=st.sampled_from([NOW - DAY, NOW + DAY]),
)


@given(st.lists(excusing, max_size=3), excusing)
def test_more_exemptions_never_make_more_actions(some: list[Any], one_more: Any) -> None:
    read = cluster(disabled("apps"), disabled("batch"))

    before, after = (set(_acted(read, book(exemptions=tuple(each)))) for each in (some, [*some, one_more]))

    assert after <= before


def _acted(read: Cluster, rules: Rulebook) -> list[str]:
    """The pools that would be acted on, one look after the other."""
    made = situation(read, rules=rules)
    return [step.pool.name for step in due(made) if next(all_waits(made, step), None) is None]


@given(st.sampled_from([Mode.ENFORCE, Mode.APPROVE]), st.booleans(), st.sampled_from(Fips))
def test_rules_that_are_not_those_of_today_change_nothing(mode: Mode, new: bool, fips: Fips) -> None:
    pools = NewPools(skip=(Skip.WINDOW, Skip.SOAK))
    rules = book(mode, new_pools=pools, fips=fips, trouble="line 3: mend it.")
    young = PoolMemory(first_seen=NOW, absent=NOW) if new else PoolMemory()
    read = cluster(disabled("apps"), profile("batch"))

    planned = plan(situation(read, rules=rules, memory=memory(apps=young, batch=proof())))

    assert planned.action is None
    assert {item.reason for item in planned.deferrals} <= {"RulesUnreadable"}
