"""What another rulebook would change in a fleet: nothing that it would disrupt may be missing."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.difference import Change, Difference, DueStep, PoolDifference, difference
from shared.domain.limits import Limit
from shared.domain.matching import Match, VersionRange
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Mode
from shared.domain.model import ComplianceState as State
from shared.domain.plan import plan
from shared.domain.planned import ActionKind
from shared.domain.policy import Disruption, ExemptionRules, Ring
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Notice
from shared.domain.windows import Blackout, Window
from tests.builders import (
    NOW,
    OUT_OF_SCOPE,
    book,
    cluster,
    cluster_id,
    disabled,
    exemption,
    memory,
    profile,
    proof,
    rule,
    situation,
    workloads,
)
from tests.unit.strategies import clusters, memories, rulebooks

DAY = timedelta(days=1)
OFF = cluster(disabled())
AUDIT, ENFORCE, APPROVE = book(Mode.AUDIT), book(Mode.ENFORCE), book(Mode.APPROVE)


def compared(read: Cluster, old: Rulebook, new: Rulebook, remembered: Memory | None = None) -> Difference:
    """The difference on a fleet of one cluster."""
    return difference([(read, remembered or Memory())], old, new, NOW)


def only(found: Difference) -> PoolDifference:
    """The one row of a difference."""
    (row,) = found.rows
    return row


def with_(rules: Rulebook, **changes: object) -> Rulebook:
    """A rulebook whose policy says something else."""
    return replace(rules, policy=replace(rules.policy, **changes))  # type: ignore[arg-type]


class TestReimaged:
    """Which pools would now be reimaged."""

    def test_a_pool_whose_mode_begins_to_act_is_with_its_nodes_and_its_step(self) -> None:
        found = compared(OFF, AUDIT, ENFORCE)

        row = only(found)
        assert found.disrupts_more
        assert (row.cluster, row.pool, row.nodes) == (cluster_id(), "apps", 3)
        assert set(row.changes) == {Change.REIMAGED, Change.ASKED_OTHERWISE}
        assert row.after
        assert row.after.acting
        assert (row.after.acting.kind, row.after.acting.changes) == (ActionKind.ENABLE_FIPS, {"enableFIPS": True})
        assert row.before
        assert row.before.step
        assert row.before.step.barred == "ModeDoesNotAct"

    @pytest.mark.parametrize(
        ("old", "new", "more"),
        [
            (AUDIT, APPROVE, True),
            (APPROVE, ENFORCE, True),
            (ENFORCE, APPROVE, False),
            (ENFORCE, AUDIT, False),
            (AUDIT, book(Mode.ALERT), False),
            (OUT_OF_SCOPE, ENFORCE, True),
            (ENFORCE, OUT_OF_SCOPE, False),
            (book(exemptions=(exemption(),)), ENFORCE, True),
            (ENFORCE, book(exemptions=(exemption(),)), False),
            (book(exemptions=(exemption(expires=NOW),)), ENFORCE, False),
            (ENFORCE, book(fips=Fips.ANY), False),
            (ENFORCE, ENFORCE, False),
        ],
    )
    def test_to_act_where_nothing_was_done_or_a_person_was_asked_disrupts_more(
        self, old: Rulebook, new: Rulebook, more: bool
    ) -> None:
        found = compared(OFF, old, new)

        assert found.disrupts_more == more
        assert bool(found.of(Change.REIMAGED)) == more

    def test_another_step_than_before_disrupts_more(self) -> None:
        plain = DueStep(ActionKind.ENABLE_FIPS, {"enableFIPS": True})
        moving = DueStep(ActionKind.ENABLE_FIPS, {"enableFIPS": True, "osSKU": "Ubuntu2204"})

        assert moving.disrupts_more_than(plain)
        assert plain.disrupts_more_than(moving)
        assert not moving.disrupts_more_than(moving)
        assert compared(cluster(profile()), ENFORCE, book(fips=Fips.FORBIDDEN)).disrupts_more

    @pytest.mark.parametrize(
        "delay",
        [
            {"notice": Notice(before=timedelta(days=2))},
            {"cluster_maintenance": True},
            {"disruption": Disruption(Limit(1), spacing=timedelta(days=30))},
            {"rings": (Ring("first", Match(clusters=("x",))), Ring("second"))},
        ],
    )
    def test_what_only_delays_a_step_makes_it_no_less_one(self, delay: dict[str, object]) -> None:
        assert compared(OFF, AUDIT, book(**delay)).disrupts_more  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "disruption",
        [Disruption(Limit(0)), Disruption(per_subscription=Limit(percent=0)), Disruption(Limit(5), nodes=2)],
    )
    def test_a_budget_that_could_never_hold_it_takes_it_away(self, disruption: Disruption) -> None:
        none = book(disruption=disruption)

        assert not compared(OFF, AUDIT, none).disrupts_more
        assert compared(OFF, none, ENFORCE).disrupts_more
        assert compared(OFF, ENFORCE, none).of(Change.SPARED)

    @pytest.mark.parametrize(
        ("read", "remembered"),
        [
            (cluster(profile()), memory(apps=proof())),
            (cluster(disabled(osSKU="Flatcar")), Memory()),
            (cluster(disabled(tags={"fips-objection": "not in December"})), Memory()),
            (OFF, memory(apps=PoolMemory(workloads=workloads(smb=("pay/StatefulSet/db",))))),
            (OFF, memory(apps=PoolMemory(blocked="no", blocked_on=OFF.pools[0].configuration))),
        ],
    )
    def test_what_could_not_be_reimaged_anyway_is_not(self, read: Cluster, remembered: Memory) -> None:
        assert not compared(read, AUDIT, ENFORCE, remembered).disrupts_more

    @pytest.mark.parametrize(
        "asleep",
        [
            cluster(disabled(), powerState={"code": "Stopped"}),
            cluster(disabled(powerState={"code": "Stopped"})),
            cluster(disabled(provisioningState="Failed")),
            cluster(disabled(provisioningState="Canceled")),
            cluster(disabled(provisioningState="Upgrading")),
        ],
    )
    def test_a_pool_that_sleeps_or_has_to_be_mended_would_be_as_soon_as_it_is(self, asleep: Cluster) -> None:
        found = compared(asleep, AUDIT, ENFORCE)

        assert found.disrupts_more
        assert not compared(asleep, ENFORCE, ENFORCE).rows
        assert not compared(asleep, AUDIT, book(disruption=Disruption(Limit(0)))).disrupts_more

    def test_a_pool_whose_etag_a_list_does_not_show_is(self) -> None:
        assert compared(cluster(disabled(eTag=...)), AUDIT, ENFORCE).disrupts_more

    @given(st.data())
    def test_whatever_a_look_would_begin_is_among_them(self, data: st.DataObject) -> None:
        read, new = data.draw(clusters), data.draw(rulebooks)
        remembered = data.draw(memories(read))

        action = plan(situation(read, memory=remembered, rules=new)).action

        names = {row.pool for row in compared(read, AUDIT, new, remembered).of(Change.REIMAGED)}
        assert action is None or action.pool in names


class TestOtherChanges:
    """What else is different for a pool."""

    @pytest.mark.parametrize(
        ("old", "new", "change"),
        [
            (ENFORCE, AUDIT, Change.SPARED),
            (ENFORCE, OUT_OF_SCOPE, Change.LEFT),
            (OUT_OF_SCOPE, AUDIT, Change.ENTERED),
            (AUDIT, book(Mode.AUDIT, exemptions=(exemption(),)), Change.EXEMPTED),
            (OUT_OF_SCOPE, book(Mode.AUDIT, exemptions=(exemption(),)), Change.EXEMPTED),
            (book(Mode.AUDIT, exemptions=(exemption(),)), AUDIT, Change.UNEXEMPTED),
            (AUDIT, book(Mode.AUDIT, rules=(rule("same", Mode.AUDIT),)), Change.ASKED_OTHERWISE),
            (AUDIT, book(Mode.AUDIT, rings=(Ring("first"),)), Change.ASKED_OTHERWISE),
            (AUDIT, book(Mode.AUDIT, notice=Notice(owner="a@example.com")), Change.ASKED_OTHERWISE),
        ],
    )
    def test_each_is_named(self, old: Rulebook, new: Rulebook, change: Change) -> None:
        found = compared(OFF, old, new)

        assert change in only(found).changes
        assert change not in {one for row in compared(OFF, new, old).rows for one in row.changes} - {
            Change.ASKED_OTHERWISE
        }

    def test_the_settings_that_differ_are_named(self) -> None:
        found = compared(OFF, AUDIT, book(Mode.ALERT, notice=Notice(owner="a@example.com")))

        assert only(found).settings == ("mode", "notice")
        assert only(compared(OFF, OUT_OF_SCOPE, AUDIT)).settings == ()

    def test_the_states_of_both_are_there(self) -> None:
        row = only(compared(OFF, AUDIT, book(Mode.AUDIT, exemptions=(exemption(),))))

        assert row.before
        assert row.after
        assert (row.before.state, row.after.state) == (State.NON_COMPLIANT, State.EXEMPT)

    def test_where_nothing_is_different_there_is_no_row_and_the_pools_are_counted(self) -> None:
        found = compared(cluster(profile("apps"), disabled("batch")), ENFORCE, ENFORCE)

        assert (found.rows, found.pools, found.limits) == ((), 2, ())


class TestFleet:
    """Many clusters."""

    def test_the_order_of_the_clusters_makes_no_difference(self) -> None:
        fleet = [(cluster(disabled(), id=cluster_id(f"aks-{number}").arm_id), Memory()) for number in range(3)]

        assert difference(fleet, AUDIT, ENFORCE, NOW) == difference(fleet[::-1], AUDIT, ENFORCE, NOW)

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_a_cluster_that_comes_twice_a_pool_counts_as_it_would_be_disrupted_most(self, order: int) -> None:
        twice = [(OFF, Memory()), (cluster(profile()), Memory())][::order]

        found = difference(twice, AUDIT, ENFORCE, NOW)

        assert (found.pools, found.disrupts_more, len(found.rows)) == (1, True, 1)

    def test_which_of_two_that_are_disrupted_comes_first_makes_no_difference(self) -> None:
        twice = [(OFF, Memory()), (cluster(disabled(count=9)), Memory())]

        assert difference(twice, AUDIT, ENFORCE, NOW) == difference(twice[::-1], AUDIT, ENFORCE, NOW)

    @given(clusters, rulebooks)
    def test_a_rulebook_is_no_different_from_itself(self, read: Cluster, rules: Rulebook) -> None:
        assert compared(read, rules, rules).rows == ()

    @given(clusters, rulebooks, st.sampled_from([Mode.AUDIT, Mode.ALERT]))
    def test_a_policy_that_never_acts_disrupts_nothing_more(self, read: Cluster, old: Rulebook, mode: Mode) -> None:
        assert not compared(read, old, book(mode)).disrupts_more


class TestLimits:
    """What is different for the fleet as a whole."""

    def limits(self, old: Rulebook, new: Rulebook) -> tuple[str, ...]:
        return difference([], old, new, NOW).limits

    def test_the_budget_is_told_key_by_key(self) -> None:
        looser = Disruption(Limit(5, 10), nodes=40, spacing=timedelta(minutes=10))

        assert self.limits(ENFORCE, book(disruption=looser)) == (
            "disruption.concurrent.count: 1, then 5",
            "disruption.spacing: 0s, then 10m",
            "disruption.concurrent.percent: none, then 10",
            "disruption.nodes: none, then 40",
        )

    def test_so_is_the_approval_of_policies_and_the_age_of_exemptions(self) -> None:
        new = with_(ENFORCE, require_approved_policy=True, exemptions=ExemptionRules(timedelta(days=90)))

        assert self.limits(ENFORCE, new) == (
            "exemptions.max_age: 365d, then 90d",
            "require_approved_policy: false, then true",
        )

    def test_rings_are_told_by_name(self) -> None:
        test, prod, lab = Ring("test"), Ring("prod"), Ring("lab")
        patient = replace(prod, soak=timedelta(days=7))

        assert self.limits(book(rings=(test, prod)), book(rings=(lab, patient))) == (
            "ring `test` is gone",
            "ring `lab` is new",
            "rings.prod.soak: 0s, then 7d",
        )
        assert self.limits(book(rings=(test, prod)), book(rings=(prod, test))) == ("the rings come in another order",)

    def test_a_ring_is_told_key_by_key_with_both_values(self) -> None:
        before = Ring("prod", Match(clusters=("p-*", "q-*"), tags={"env": "prod"}), soak=DAY, concurrent=Limit(1))
        after = Ring("prod", Match(kubernetes=VersionRange(">=1.30")), "test", canary=False)

        assert self.limits(book(rings=(before,)), book(rings=(after,))) == (
            "rings.prod.match.clusters: p-*, q-*, then none",
            "rings.prod.match.tags.env: prod, then none",
            "rings.prod.soak: 1d, then 0s",
            "rings.prod.canary: true, then false",
            "rings.prod.concurrent.count: 1, then none",
            "rings.prod.match.kubernetes: none, then >=1.30",
            "rings.prod.after: none, then test",
        )

    @pytest.mark.parametrize(
        ("old", "new", "sooner"),
        [
            (ENFORCE, ENFORCE, False),
            (ENFORCE, book(disruption=Disruption(Limit(5))), True),
            (book(rings=(Ring("prod"),)), book(rings=(Ring("prod", canary=False),)), True),
            (with_(ENFORCE, require_approved_policy=True), ENFORCE, True),
            (ENFORCE, with_(ENFORCE, require_approved_policy=True), False),
            (AUDIT, book(Mode.AUDIT, disruption=Disruption(Limit(5))), False),
            (ENFORCE, book(notice=Notice(before=DAY)), True),
            (book(windows=(Window((), time(9), DAY),)), ENFORCE, True),
            (book(blackouts=(Blackout(date(2026, 12, 1), date(2026, 12, 2), "x"),)), ENFORCE, True),
            (book(Mode.AUDIT, windows=(Window((), time(9), DAY),)), AUDIT, False),
        ],
    )
    def test_what_may_let_things_begin_sooner_is_said(self, old: Rulebook, new: Rulebook, *, sooner: bool) -> None:
        assert difference([(cluster(profile()), Memory())], old, new, NOW).perhaps_sooner is sooner

    def test_what_is_on_another_line_is_the_same(self) -> None:
        assert self.limits(book(rings=(Ring("test", line=3),)), book(rings=(Ring("test", line=9),))) == ()
