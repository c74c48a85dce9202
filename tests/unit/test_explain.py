"""Why a node pool is judged and treated as it is: what is told is what a look would do."""

from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.asked import asked, ring_asked
from shared.domain.budget import Budget
from shared.domain.exemptions import Exemption
from shared.domain.explain import REMEDIES, Explanation, explain
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import ComplianceState as State
from shared.domain.model import Mode, ProofLevel
from shared.domain.plan import plan
from shared.domain.planned import ActionKind
from shared.domain.policy import Disruption, Ring
from shared.domain.settings import (
    Fips,
    Modules,
    NewPools,
    Notice,
    OsSku,
    ProofSettings,
    Settings,
    Skip,
    Strategy,
)
from shared.domain.situation import Situation
from shared.domain.windows import Blackout, Weekday, Window
from tests.builders import (
    NOW,
    OUT_OF_SCOPE,
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
)
from tests.unit.strategies import clusters, memories, rulebooks

OFF = cluster(disabled())
LATER = PoolMemory(not_before=NOW + timedelta(hours=2), waiting="Quota: too few.")
NIGHT = Window((Weekday.SATURDAY, Weekday.SUNDAY), time(22), timedelta(hours=4), "Europe/Berlin")


def explained(it: Situation, number: int = 0) -> Explanation:
    """What is said of one of the cluster's pools."""
    return explain(it, it.cluster.pools[number])


class TestVerdict:
    """The rule, the ring and the findings."""

    def test_the_rule_comes_with_its_line_and_what_it_asks(self) -> None:
        rules = book(Mode.AUDIT, rules=(rule("prod", Mode.ENFORCE, pools=("a*",)),), rings=(Ring("early"),))

        found = explained(situation(OFF, rules=rules))

        assert found.verdict
        assert (found.verdict.rule, found.verdict.line, found.verdict.mode) == ("prod", 1, Mode.ENFORCE)
        assert found.asks[:2] == ("FIPS required", "mode enforce")
        assert (found.verdict.ring, found.ring) == ("early", ("opens first", "its first pool is a canary"))
        assert ("FipsDisabled", State.NON_COMPLIANT) in [(one.reason, one.state) for one in found.verdict.findings]

    def test_where_nothing_is_wrong_nothing_is_due(self) -> None:
        found = explained(situation(cluster(profile()), memory=memory(apps=proof())))

        assert found.verdict
        assert (found.verdict.state, found.step, found.waits, found.begins) == (State.COMPLIANT, None, (), False)

    def test_out_of_scope_it_says_which_exclusion_takes_it_out(self) -> None:
        excluded = (ClusterMatch(clusters=("x",), line=3), ClusterMatch(clusters=("aks-*",), line=7))

        found = explained(situation(OFF, rules=book(exclude=excluded)))

        assert (found.verdict, found.step, found.begins) == (None, None, False)
        assert found.outside == "the policy excludes its cluster (line 7)"

    def test_or_that_its_subscription_is_not_in_scope(self) -> None:
        rules = book()
        scope = replace(rules.policy.scope, subscriptions=("20000000-0000-4000-8000-000000000002",))
        elsewhere = replace(rules, policy=replace(rules.policy, scope=scope))

        assert explained(situation(OFF, rules=elsewhere)).outside == "its subscription is not in the policy's `scope`"
        assert explained(situation(OFF, rules=OUT_OF_SCOPE)).outside == "the policy excludes its cluster (line 0)"


class TestStep:
    """The step that is due, and what it waits for."""

    def test_what_nothing_holds_is_begun_at_the_next_look(self) -> None:
        found = explained(situation(OFF))

        assert found.begins
        assert found.waits == ()
        assert found.step
        assert (found.step.kind, found.step.changes, found.step.nodes) == (
            ActionKind.ENABLE_FIPS,
            {"enableFIPS": True},
            3,
        )

    def test_it_says_before_when_where_a_window_closes(self) -> None:
        window = Window((), time(9), timedelta(hours=2))

        found = explained(situation(OFF, rules=book(windows=(window,))))

        assert found.begins
        assert found.before == NOW.replace(hour=11, minute=0, second=0)

    def test_every_kind_of_reason_is_told_with_its_time(self) -> None:
        rules = book(Mode.AUDIT, windows=(NIGHT,), notice=Notice(before=timedelta(days=2)))
        it = situation(OFF, rules=rules, budget=Budget(paused=True), memory=memory(operation("other")))

        found = explained(it)

        assert {wait.reason: wait.until for wait in found.waits} == {
            "ModeDoesNotAct": None,
            "OperationInProgress": NOW + timedelta(seconds=30),
            "OutsideWindow": NOW.replace(day=28, hour=21, minute=0, second=0),
            "Paused": NOW + timedelta(hours=1),
            "NoticeGiven": NOW + timedelta(days=2),
        }
        assert {wait.reason: wait.ends for wait in found.waits}["Paused"] == "`fipswarden resume`"
        assert not found.begins

    def test_a_pool_that_comes_after_another_one_of_its_cluster_waits_for_that(self) -> None:
        it = situation(cluster(disabled("apps", count=1), disabled("batch", count=5)))

        assert explained(it, 0).begins
        (wait,) = explained(it, 1).waits
        assert (wait.reason, wait.ends) == ("OneOperationPerCluster", "the other operation ends")
        assert explained(it, 1).before is None

    def test_an_exemption_is_named_with_its_line_and_its_end(self) -> None:
        excused = exemption("legacy", line=12)
        others = (
            exemption("for another reason", covers=("ClusterFipsContradicted",)),
            exemption("over", created=NOW - timedelta(days=9), expires=NOW - timedelta(days=1)),
            exemption("elsewhere", match=Match(pools=("x",))),
        )

        (wait,) = explained(situation(OFF, rules=book(exemptions=(excused, *others)))).waits

        assert wait.reason == "Exempt"
        assert wait.message.startswith("The exemptions file excuses the pool by `legacy` until 2027-01-22 09:30 UTC: ")
        assert wait.ends == "exemption `legacy` (line 12) ends at 2027-01-22 09:30 UTC, or is taken out"

    def test_one_that_covers_the_very_reason_is_named_too(self) -> None:
        covering: Exemption = exemption("narrow", covers=("FipsDisabled",), line=4)

        (wait,) = explained(situation(OFF, rules=book(exemptions=(covering,)))).waits

        assert wait.ends.startswith("exemption `narrow` (line 4)")

    @pytest.mark.parametrize(
        ("it", "reason", "ends"),
        [
            (situation(cluster(disabled(eTag=None))), "NoETag", "this doesn't pass by itself"),
            (situation(OFF, memory=memory(apps=LATER)), "Quota", "time, or a change"),
            (situation(OFF, rules=book(disruption=Disruption(Limit(0)))), "BudgetExhausted", "`disruption`"),
        ],
    )
    def test_what_would_end_it_is_always_said(self, it: Situation, reason: str, ends: str) -> None:
        (wait,) = explained(it).waits

        assert wait.reason == reason
        assert ends in wait.ends

    def test_every_remedy_is_for_a_reason_that_there_is(self) -> None:
        folder = Path(__file__).parents[2] / "shared"
        sources = [path for path in folder.rglob("*.py") if path.name != "explain.py"]
        text = "".join(path.read_text(encoding="utf-8") for path in sources)

        assert [reason for reason in REMEDIES if f'"{reason}' not in text] == []

    @given(st.data())
    def test_it_is_what_a_look_would_do(self, data: st.DataObject) -> None:
        read, rules = data.draw(clusters), data.draw(rulebooks)
        windows = data.draw(st.sampled_from([(), (NIGHT,), (Window((), time(9), timedelta(hours=2)),)]))
        policy = replace(rules.policy, defaults=replace(rules.policy.defaults, windows=windows))
        it = situation(read, memory=data.draw(memories(read)), rules=replace(rules, policy=policy))

        planned = plan(it)

        deferred = {deferral.pool: deferral for deferral in planned.deferrals}
        for pool in read.pools:
            found = explain(it, pool)
            assert found.begins == (planned.action is not None and planned.action.pool == pool.name)
            assert bool(found.waits) == (pool.name in deferred)
            if found.waits:
                first = deferred[pool.name]
                assert (found.waits[0].reason, found.waits[0].message) == (first.reason, first.message)
                assert found.waits[0].until == first.until


class TestAsked:
    """A rule in words."""

    def test_the_least_is_what_is_required_how_far_it_goes_and_the_proof(self) -> None:
        assert asked(Settings()) == ("FIPS required", "mode audit", "proof at level node, at most 3d old")

    def test_all_of_it(self) -> None:
        blackout = Blackout(date(2026, 12, 20), date(2027, 1, 3), "year's end", "Europe/Berlin")
        settings = Settings(
            mode=Mode.ENFORCE,
            proof=ProofSettings(
                ProofLevel.KERNEL,
                timedelta(hours=36),
                sampling=True,
                windows_image="nanoserver",
                client_certificates=True,
                run_command=True,
            ),
            new_pools=NewPools(skip=(Skip.WINDOW,)),
            os_sku=OsSku.UBUNTU2204,
            modules=Modules.REQUIRED,
            notice=Notice(timedelta(days=2)),
            strategy=Strategy.REPLACE,
            windows=(NIGHT, Window((), time(1, 30), timedelta(minutes=90))),
            blackouts=(blackout,),
            cluster_maintenance=True,
        )

        assert asked(settings) == (
            "FIPS required",
            "mode enforce",
            "proof at level kernel, at most 36h old, of large pools by a sample",
            "Windows nodes asked by HostProcess pods",
            "clusters without Entra entered by their client certificate",
            "AKS run command where the API server can't be reached",
            "validated modules",
            "the OS SKU may become Ubuntu2204",
            "replaced where it can't be switched in place",
            "the owner is told 2d before",
            "only Saturday, Sunday 22:00 for 4h (Europe/Berlin) or every day 01:30 for 90m (UTC)",
            "not from 2026-12-20 to 2027-01-03 (year's end, Europe/Berlin)",
            "only in the cluster's own maintenance windows",
            "a new pool (for 1d) does not wait for windows",
        )

    def test_what_holds_for_new_pools_and_new_nodes_and_who_is_told(self) -> None:
        settings = Settings(
            proof=ProofSettings(joined_nodes=timedelta(hours=2)),
            new_pools=NewPools(timedelta(hours=4), timedelta(minutes=5), (Skip.SOAK, Skip.WINDOW)),
            alerts=("teams", "mail"),
        )

        assert asked(settings)[3:] == (
            "nodes that joined since are covered by it for 2h",
            "a new pool (for 4h) waits 5m and does not wait for windows nor for the ring before",
            "told by teams and mail alone",
        )

    def test_a_ring_says_that_a_new_pool_skips_it(self) -> None:
        rings = (Ring("test", Match(pools=("a",))), Ring("prod", canary=False))
        policy = book(rings=rings, new_pools=NewPools(skip=(Skip.SOAK,))).policy
        read = cluster(disabled("a"), disabled("b"))

        assert [ring_asked(policy, read, pool)[-1] for pool in read.pools] == [
            "its first pool is a canary",
            "a new pool does not wait for that",
        ]

    def test_what_is_forbidden_needs_no_proof_and_nothing_is_nothing(self) -> None:
        assert asked(Settings(fips=Fips.FORBIDDEN)) == ("FIPS forbidden", "mode audit")
        assert asked(Settings(fips=Fips.ANY, mode=Mode.ENFORCE)) == ("nothing is asked (fips: any)",)

    def test_a_ring_says_what_comes_before_it(self) -> None:
        test, prod = Ring("test", soak=timedelta(days=7)), Ring("prod", canary=False)
        last = Ring("last", after="prod")
        rings = tuple(
            replace(ring, match=Match(pools=(name,)))
            for ring, name in zip((test, prod, last), ("a", "b", "c"), strict=True)
        )
        read = cluster(disabled("a"), disabled("b"), disabled("c"), disabled("d"))

        assert [ring_asked(book(rings=rings).policy, read, pool) for pool in read.pools] == [
            ("opens first", "its first pool is a canary"),
            ("opens when `test` is done and has been for 7d",),
            ("opens when `prod` is done", "its first pool is a canary"),
            (),
        ]


def test_the_cluster_and_the_time_are_named() -> None:
    found = explained(situation(OFF, memory=Memory()))

    assert (found.cluster, found.pool, found.at) == (cluster_id(subscription=SUBSCRIPTION), "apps", NOW)
