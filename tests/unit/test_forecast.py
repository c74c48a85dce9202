"""The forecast: the policy played forward over a fleet, by the product's own judgement, plan and budget."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.afterwards import switched
from shared.domain.budget import Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.fates import Fate, PoolFate
from shared.domain.forecast import Forecast, forecast
from shared.domain.lanes import Candidate, Lane
from shared.domain.limits import Limit
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.matching import Match
from shared.domain.memory import Memory, PoolMemory, Replacement
from shared.domain.model import Cluster, Mode, Pool, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.openings import Open
from shared.domain.operation import Operation
from shared.domain.pace import ASSUMED, Pace, pace_of
from shared.domain.plan import plan
from shared.domain.planned import ActionKind
from shared.domain.policy import UNTOLD, Breaker, Disruption, Ring, Rule
from shared.domain.proven import Strays
from shared.domain.rehearsal import Rehearsal
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, NewPools, Notice, Settings, Skip, Strategy
from shared.domain.stage import Actor, Known, Remediation, Start
from shared.domain.steps import approval_fingerprint, due
from shared.domain.support import FipsSupport, matrix, release_of
from shared.domain.windows import Blackout, Weekday, Window, opening
from shared.domain.wording import count
from tests.builders import (
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    arm_cluster,
    book,
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

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PACE = Pace(timedelta(minutes=10), "given")
"""Three nodes, as the builders' pools have, take half an hour."""
DEV, PROD = Ring("dev", Match(tags={"env": "dev"})), Ring("prod", Match())
MANY = Disruption(concurrent=Limit(count=100))


def known(*profiles: dict[str, Any], name: str = "aks-pay", sub: str = SUBSCRIPTION, **changes: Any) -> Known:
    """One cluster of a fleet."""
    extra = {key: changes.pop(key) for key in ("memory", "maintenance", "proven") if key in changes}
    body = arm_cluster(*profiles, **changes)
    return Known(read_cluster({**body, "id": cluster_id(name, subscription=sub).arm_id}), **extra)


def bad(count: int, **changes: Any) -> tuple[Known, ...]:
    """So many clusters, each with one pool that could have FIPS and doesn't."""
    return tuple(known(disabled(), name=f"aks-{number}", **changes) for number in range(count))


def start(*fleet: Known, rules: Rulebook = ENFORCING, days: float = 30, **changes: Any) -> Start:
    """All that a forecast is made from."""
    made = Start(fleet, rules, Budget(), PACE, NOW, NOW + timedelta(days=days))
    return replace(made, **changes)


def foretold(*fleet: Known, **changes: Any) -> Forecast:
    """A forecast."""
    return forecast(start(*fleet, **changes))


def only(found: Forecast) -> PoolFate:
    """The one pool that is not done."""
    (one,) = [pool for pool in found.pools if pool.fate is not Fate.DONE]
    return one


class TestTime:
    """When things are done."""

    def test_a_fleet_where_nothing_is_left_to_do_is_done_now(self) -> None:
        found = foretold(known(profile()))

        assert (found.fleet.pools, found.fleet.done_now, found.fleet.finished) == (1, 1, NOW)
        assert (found.remediations, found.days) == ((), ())

    def test_a_pool_is_done_when_all_of_its_nodes_have_been_reimaged(self) -> None:
        found = foretold(known(disabled(count=6)))

        (made,) = found.remediations
        assert (made.kind, made.nodes, made.began) == (ActionKind.ENABLE_FIPS, 6, NOW)
        assert found.fleet.finished == made.ends == NOW + HOUR
        assert (found.fleet.done_now, found.fleet.done, found.fleet.nodes) == (0, 1, 6)

    def test_one_comes_after_the_other_where_one_is_allowed_the_smallest_first(self) -> None:
        found = foretold(
            known(disabled(count=9), name="aks-a"),
            known(disabled(count=3), name="aks-b"),
            known(disabled(count=3, mode="System"), name="aks-c"),
        )

        assert [made.cluster.name for made in found.remediations] == ["aks-b", "aks-c", "aks-a"]
        assert [made.began - NOW for made in found.remediations] == [HOUR * 0, HOUR / 2, HOUR]

    def test_pools_of_one_cluster_are_never_remediated_at_once(self) -> None:
        found = foretold(known(disabled("one"), disabled("two")), rules=book(disruption=MANY))

        assert [made.began - NOW for made in found.remediations] == [HOUR * 0, HOUR / 2]

    def test_it_waits_for_the_window_and_begins_on_its_first_moment(self) -> None:
        rules = book(windows=(Window((Weekday.SATURDAY,), time(22), timedelta(hours=1)),))

        found = foretold(*bad(3), rules=rules)

        saturday = datetime(2026, 11, 28, 22, tzinfo=UTC)
        assert [made.began - saturday for made in found.remediations] == [HOUR * 0, HOUR / 2, 7 * DAY]

    def test_a_blackout_holds_everything_back(self) -> None:
        rules = book(blackouts=(Blackout(date(2026, 11, 20), date(2026, 11, 24), "sale"),))

        assert foretold(*bad(1), rules=rules).remediations[0].began == datetime(2026, 11, 25, tzinfo=UTC)

    def test_the_clusters_own_window_counts_where_the_policy_asks_for_it(self) -> None:
        window = Window((), time(12), HOUR)
        own = (MaintenanceConfiguration("default", (window,)),)

        found = foretold(*bad(1, maintenance=own), rules=book(cluster_maintenance=True))

        assert found.remediations[0].began == NOW.replace(hour=12, minute=0, second=0)

    def test_spacing_keeps_beginnings_apart(self) -> None:
        rules = book(disruption=replace(MANY, spacing=2 * HOUR))

        assert [made.began - NOW for made in foretold(*bad(3), rules=rules).remediations] == [
            0 * HOUR,
            2 * HOUR,
            4 * HOUR,
        ]

    def test_owners_are_told_first_and_all_of_them_at_once(self) -> None:
        rules = book(notice=Notice(before=2 * DAY), disruption=MANY)

        assert {made.began - NOW for made in foretold(*bad(3), rules=rules).remediations} == {2 * DAY}

    def test_a_new_pool_waits_as_long_as_the_policy_says_and_then_skips_the_window(self) -> None:
        rules = book(
            windows=(Window((), time(3), HOUR),),
            new_pools=NewPools(within=6 * HOUR, enforce_after=2 * HOUR, skip=(Skip.WINDOW,)),
        )
        young = known(disabled(), memory=memory(apps=PoolMemory(first_seen=NOW - HOUR, absent=NOW - HOUR)))

        assert foretold(young, rules=rules).remediations[0].began == NOW + HOUR

    def test_a_later_retry_is_awaited(self) -> None:
        waiting = PoolMemory(not_before=NOW + HOUR, waiting="Throttled: too many requests")

        assert foretold(known(disabled(), memory=memory(apps=waiting))).remediations[0].began == NOW + HOUR

    def test_what_others_do_to_a_cluster_is_awaited(self) -> None:
        found = foretold(known(disabled(provisioningState="Upgrading")))

        assert found.remediations[0].began == NOW + HOUR / 2

    def test_our_own_operation_is_awaited_and_keeps_its_place(self) -> None:
        running = known(disabled(provisioningState="Updating"), memory=memory(operation()), name="aks-a")
        place = Place("intent-1", "apps", SUBSCRIPTION, 3, NOW - timedelta(minutes=2))

        found = foretold(running, *bad(1), budget=Budget({running.cluster.id.key: place}))

        (made,) = found.remediations
        assert made.began == NOW + timedelta(minutes=28)
        assert {pool.done for pool in found.pools} == {made.began, made.ends}

    def test_an_operation_without_a_place_ends_too(self) -> None:
        found = foretold(known(disabled(), memory=memory(operation())))

        assert found.remediations == ()
        assert found.fleet.finished == NOW + timedelta(minutes=8)

    def test_a_replacement_that_is_under_way_ends_and_keeps_its_place(self) -> None:
        under_way = Memory(replacement=Replacement("0" * 32, "apps", "appsf", NOW, NOW))
        running = known(disabled(osSKU="Flatcar"), profile("appsf"), memory=under_way, name="aks-a")
        place = Place("0" * 32, "apps", SUBSCRIPTION, 3, NOW)

        found = foretold(running, *bad(1), budget=Budget({running.cluster.id.key: place}))

        (made,) = found.remediations
        assert made.began == NOW + HOUR / 2
        assert found.fleet.finished == made.ends

    def test_a_pool_that_is_to_be_replaced_is_counted_like_any_other(self) -> None:
        rules = book(strategy=Strategy.REPLACE)
        found = foretold(known(disabled(osSKU="Flatcar")), rules=rules)

        (made,) = found.remediations
        assert made.kind is ActionKind.REPLACE
        assert found.fleet.finished == made.ends

    def test_a_cluster_whose_place_nothing_explains_waits_until_it_is_given_back(self) -> None:
        (one,) = bad(1)
        place = Place("intent-1", "apps", SUBSCRIPTION, 3, NOW)

        found = foretold(one, budget=Budget({one.cluster.id.key: place}))

        assert found.remediations[0].began == NOW + HOUR / 2

    def test_a_place_whose_operation_is_overdue_comes_free_soon(self) -> None:
        old = Place("intent-1", "apps", SUBSCRIPTION, 3, NOW - DAY)

        found = foretold(*bad(1), budget=Budget({cluster_id("aks-gone").key: old}))

        assert found.remediations[0].began == NOW + PACE.per_node

    def test_an_exemption_that_ends_leaves_a_pool_to_be_done(self) -> None:
        ends = NOW + 3 * DAY

        found = foretold(*bad(1), rules=book(exemptions=(exemption(expires=ends),)))

        assert found.remediations[0].began == ends
        assert (found.fleet.done_now, found.fleet.done) == (0, 1)

    def test_an_exemption_that_begins_later_excuses_from_then_on(self) -> None:
        begins = NOW + 3 * DAY

        found = foretold(
            known(disabled()), rules=book(Mode.AUDIT, exemptions=(exemption(created=begins, expires=NOW + 90 * DAY),))
        )

        assert found.fleet.finished == begins


class TestRings:
    """One stage after the other."""

    def test_a_ring_opens_when_the_one_before_is_done_and_has_soaked(self) -> None:
        dev = replace(DEV, soak=DAY)
        fleet = (known(disabled(), name="aks-d", tags={"env": "dev"}), known(disabled(), name="aks-p"))

        found = foretold(*fleet, rules=book(rings=(dev, PROD)))

        first, second = found.remediations
        assert (first.ring, second.ring) == ("dev", "prod")
        # The resync counts once an hour: the soak begins with the first that finds the ring done.
        assert second.began == NOW + HOUR + DAY
        assert [ring.finished for ring in found.rings] == [first.ends, second.ends]

    def test_the_first_of_a_ring_is_proven_before_the_second_begins(self) -> None:
        fleet = bad(3)

        found = foretold(*fleet, rules=book(rings=(PROD,), disruption=MANY))

        assert [made.began - NOW for made in found.remediations] == [0 * HOUR, HOUR / 2, HOUR / 2]

    def test_a_canary_that_was_chosen_before_goes_first(self) -> None:
        chosen = Canary(cluster_id("aks-2").key, "apps", stage=book(rings=(PROD,)).policy.stage(PROD))

        found = foretold(*bad(3), rules=book(rings=(PROD,), disruption=MANY), budget=Budget(canaries={"prod": chosen}))

        assert found.remediations[0].cluster.name == "aks-2"

    def test_a_ring_behind_one_that_is_never_done_never_opens_and_says_why(self) -> None:
        stuck = known(disabled(provisioningState="Failed"), name="aks-d", tags={"env": "dev"})

        found = foretold(stuck, *bad(2), rules=book(rings=(DEV, PROD)))

        assert [ring.never for ring in found.rings] == [1, 2]
        assert found.remediations == ()
        by_reason = {blocker.reason: blocker.pools for blocker in found.blockers}
        assert by_reason == {"ProvisioningFailed": 1, "RingClosed": 2}

    def test_where_no_approval_can_help_it_is_told_as_never_with_both_reasons(self) -> None:
        stuck = known(disabled(provisioningState="Failed"), name="aks-d", tags={"env": "dev"})
        waiting = known(disabled(), name="aks-d", tags={"env": "dev"})

        helpless = foretold(stuck, *bad(1), rules=book(Mode.APPROVE, rings=(DEV, PROD)))
        helped = foretold(waiting, *bad(1), rules=book(Mode.APPROVE, rings=(DEV, PROD)))

        one = next(pool for pool in helpless.pools if pool.ring == "prod")
        assert (one.fate, one.reason) == (Fate.NEVER, "RingClosed")
        assert one.message.startswith("Ring dev comes first, and 1 in it is not done by itself. Besides: ")
        assert one.message.endswith("`fipswarden approve`.")
        assert {pool.fate for pool in helped.pools} == {Fate.PERSON}

    @pytest.mark.parametrize(
        ("mode", "skip", "fate"),
        [
            (Mode.APPROVE, (Skip.SOAK,), Fate.PERSON),
            (Mode.APPROVE, (), Fate.NEVER),
            (Mode.ENFORCE, (Skip.SOAK,), Fate.DONE),
        ],
    )
    def test_a_new_pool_that_skips_the_soak_waits_for_its_person_alone(
        self, mode: Mode, skip: tuple[Skip, ...], fate: Fate
    ) -> None:
        stuck = known(disabled(provisioningState="Failed"), name="aks-d", tags={"env": "dev"})
        young = known(disabled(), memory=memory(apps=PoolMemory(first_seen=NOW - HOUR, absent=NOW - HOUR)))

        found = foretold(stuck, young, rules=book(mode, rings=(DEV, PROD), new_pools=NewPools(within=DAY, skip=skip)))

        assert next(pool for pool in found.pools if pool.ring == "prod").fate is fate

    def test_one_that_would_come_after_it_is_new_any_more_never_does(self) -> None:
        stuck = known(disabled(provisioningState="Failed"), name="aks-d", tags={"env": "dev"})
        young = known(disabled(), memory=memory(apps=PoolMemory(first_seen=NOW - HOUR, absent=NOW - HOUR)))
        rules = book(
            rings=(DEV, PROD),
            windows=(Window((Weekday.SUNDAY,), time(3), HOUR),),
            new_pools=NewPools(within=DAY, skip=(Skip.SOAK,)),
        )

        found = next(pool for pool in foretold(stuck, young, rules=rules).pools if pool.ring == "prod")

        assert (found.fate, found.reason) == (Fate.NEVER, "RingClosed")

    @pytest.mark.parametrize("between", [(), (known(profile(), name="aks-t", tags={"env": "test"}),)])
    def test_nothing_comes_two_rings_behind_what_never_comes_even_if_time_goes_on(
        self, between: tuple[Known, ...]
    ) -> None:
        stuck = known(disabled(provisioningState="Failed"), name="aks-d", tags={"env": "dev"})
        ends = exemption(match=Match(clusters=("aks-d",)), covers=("Nothing",), expires=NOW + 60 * DAY)
        rings = (DEV, Ring("test", Match(tags={"env": "test"})), PROD)

        found = foretold(stuck, *between, *bad(1), rules=book(rings=rings, exemptions=(ends,)))

        waiting = next(pool for pool in found.pools if pool.ring == "prod")
        assert (waiting.fate, waiting.reason) == (Fate.NEVER, "RingClosed")
        assert waiting.message.startswith("Ring dev comes first")

    @pytest.mark.parametrize("soak", [timedelta(), 60 * DAY])
    @pytest.mark.parametrize("counts", [None, Counts(NOW, 2, policy="another text")])
    def test_what_keeps_a_ring_closed_is_told_as_it_would_be_counted_then(
        self, soak: timedelta, counts: Counts | None
    ) -> None:
        quiet = rule("quiet", Mode.AUDIT if not soak else Mode.ENFORCE, tags={"env": "dev"})
        rules = book(rings=(replace(DEV, soak=soak), PROD), rules=(quiet,))
        fleet = (known(disabled(), name="aks-d", tags={"env": "dev"}), known(disabled(), name="aks-p"))

        found = foretold(*fleet, rules=rules, budget=Budget(counts=counts))

        (blocker,) = [each for each in found.blockers if each.reason.startswith("Ring")]
        assert blocker.message.startswith(
            "Ring dev soaks until" if soak else "Ring dev comes first, and 1 of its 1 pool"
        )

    def test_a_ring_whose_canary_is_never_proven_goes_no_further(self) -> None:
        canary = Canary(cluster_id("aks-x").key, "apps", stage=book(rings=(PROD,)).policy.stage(PROD))
        broken = known(disabled(provisioningState="Failed"), name="aks-x")

        found = foretold(broken, *bad(1), rules=book(rings=(PROD,)), budget=Budget(canaries={"prod": canary}))

        assert {pool.reason for pool in found.pools} == {"ProvisioningFailed", "CanaryUnproven"}
        assert found.fleet.never == 2

    def test_a_canary_that_is_never_proven_is_in_the_way_even_if_time_goes_on(self) -> None:
        canary = Canary(cluster_id("aks-x").key, "apps", stage=book(rings=(PROD,)).policy.stage(PROD))
        broken = known(disabled(provisioningState="Failed"), name="aks-x")
        ends = exemption(match=Match(clusters=("aks-x",)), covers=("Nothing",), expires=NOW + 60 * DAY)

        found = foretold(
            broken, *bad(1), rules=book(rings=(PROD,), exemptions=(ends,)), budget=Budget(canaries={"prod": canary})
        )

        assert {pool.fate for pool in found.pools} == {Fate.NEVER}
        assert "is never proven" in next(pool.message for pool in found.pools if pool.reason == "CanaryUnproven")

    def test_what_nobody_can_read_keeps_every_later_ring_closed(self) -> None:
        fleet = (known(profile(), name="aks-d", tags={"env": "dev"}), known(disabled(), name="aks-p"))

        found = foretold(*fleet, rules=book(rings=(DEV, PROD)), blind=1, unread=1)

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "RingClosed")
        assert found.fleet.finished is None
        assert any("1 part of the fleet can't be read" in line for line in found.assumptions)

    def test_so_does_a_cluster_that_shows_no_node_pool(self) -> None:
        fleet = (known(profile(), name="aks-d", tags={"env": "dev"}), known(disabled(), name="aks-p"))

        found = foretold(*fleet, known(agentPoolProfiles=[]), rules=book(rings=(DEV, PROD)))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "RingClosed")
        assert "0 of its 1 pools are not proven. 1 cluster or subscription" in only(found).message
        assert any("1 part of the fleet can't be read" in line for line in found.assumptions)

    def test_but_not_one_whose_nodes_outside_every_pool_are_proven(self) -> None:
        asked = replace(memory(), strays=Strays(NOW, 2, 0, ("n1", "n2")))
        auto = known(agentPoolProfiles=[], hostedSystemProfile={"enabled": True}, memory=asked)

        found = foretold(auto, known(disabled(), name="aks-p"), rules=book(rings=(DEV, PROD)))

        assert found.fleet.finished

    @pytest.mark.parametrize(("blind", "hidden", "parts"), [(2, 0, 3), (0, 1, 1), (1, 2, 2), (0, 5, 5)])
    def test_what_the_app_could_not_judge_either_is_counted_once(self, blind: int, hidden: int, parts: int) -> None:
        fleet = (known(disabled(), name="aks-p"), known(agentPoolProfiles=[]))

        found = foretold(*fleet, rules=book(rings=(DEV, PROD)), blind=blind, hidden=hidden)

        assert any(line.startswith(f"{count(parts, 'part')} of the fleet can't be read") for line in found.assumptions)

    @pytest.mark.parametrize("mended", [False, True])
    def test_a_pool_whose_ring_can_not_be_told_keeps_every_later_ring_closed_and_has_a_row(
        self, *, mended: bool
    ) -> None:
        lost = known(disabled("lost", tags={"stage": "dev" if mended else 7}), name="aks-x")
        rings = (Ring("dev", Match(pool_tags={"stage": "dev"})), PROD)

        found = foretold(lost, known(disabled(), name="aks-p"), rules=book(rings=rings))

        if mended:
            assert [(ring.ring, ring.pools) for ring in found.rings] == [("dev", 1), ("prod", 1)]
            assert found.fleet.finished
            return
        assert [(ring.ring, ring.pools, ring.never) for ring in found.rings] == [
            ("dev", 0, 0),
            ("prod", 1, 1),
            (UNTOLD, 1, 1),
        ]
        reasons = {pool.pool: (pool.fate, pool.reason, pool.ring) for pool in found.pools}
        assert reasons == {"apps": (Fate.NEVER, "RingClosed", "prod"), "lost": (Fate.NEVER, "FieldUnreadable", UNTOLD)}

    def test_one_that_is_never_done_is_named_as_what_comes_first_even_if_time_goes_on(self) -> None:
        """Where something is still to happen, what waits behind such a pool comes never, and not later."""
        lost = known(disabled("lost", tags={"stage": 7}), name="aks-x")
        ends = exemption(match=Match(clusters=("aks-x",)), covers=("Nothing",), expires=NOW + 60 * DAY)
        rings = (Ring("dev", Match(pool_tags={"stage": "dev"})), PROD)

        found = foretold(lost, *bad(1), rules=book(rings=rings, exemptions=(ends,)))

        waiting = next(pool for pool in found.pools if pool.ring == "prod")
        assert (waiting.fate, waiting.reason) == (Fate.NEVER, "RingClosed")
        assert waiting.message == "Ring dev comes first, and 1 in it or perhaps in it is not done by itself."

    def test_where_nothing_is_left_to_do_for_it_no_ring_is_closed(self) -> None:
        lost = known(disabled("lost", tags={"stage": 7}), name="aks-x")
        quiet = Rule("quiet", Match(clusters=("aks-x",)), Settings(Fips.ANY, Mode.AUDIT))
        rings = (Ring("dev", Match(pool_tags={"stage": "dev"})), PROD)

        found = foretold(lost, *bad(1), rules=book(rings=rings, rules=(quiet,)))

        assert found.fleet.finished
        assert [(ring.ring, ring.done_now) for ring in found.rings] == [("dev", 0), ("prod", 0), (UNTOLD, 1)]

    def test_nor_does_the_soak_begin_anew_once_nothing_is(self) -> None:
        """As in the resync: what nobody judged closes a ring for a while, and leaves its soak alone."""
        lost = known(disabled("lost", tags={"stage": 7}), name="aks-x")
        excused = exemption(match=Match(clusters=("aks-x",)), covers=("FieldUnreadable", "FipsDisabled"))
        excused = replace(excused, created=NOW + HOUR / 2)
        dev = Ring("dev", Match(pool_tags={"stage": "dev"}), soak=5 * DAY)
        rules = book(rings=(dev, PROD), exemptions=(excused,))
        clean = RingCount(0, 0, NOW - 4 * DAY, stage=rules.policy.stage(dev))

        found = foretold(lost, *bad(1), rules=rules, budget=Budget(counts=Counts(NOW, 2, rings={"dev": clean})))

        assert [made.began for made in found.remediations] == [NOW + DAY]

    def test_pools_in_no_ring_stand_at_the_end(self) -> None:
        found = foretold(*bad(1), rules=book(rings=(DEV,)))

        assert [(ring.ring, ring.pools) for ring in found.rings] == [("dev", 0), ("", 1)]


class TestWhatIsNotDone:
    """What comes later, waits for a person, or never comes."""

    def test_what_would_begin_after_the_end_comes_later(self) -> None:
        found = foretold(*bad(2), days=0.01, rules=book(windows=(Window((), time(3), HOUR),)))

        assert (found.fleet.later, found.fleet.finished) == (2, None)
        assert {pool.reason for pool in found.pools} == {"OutsideWindow"}

    def test_what_runs_at_the_end_comes_later(self) -> None:
        found = foretold(*bad(1), days=0.01)

        assert (only(found).fate, only(found).reason) == (Fate.LATER, "OperationInProgress")

    def test_nobodys_approval_is_assumed(self) -> None:
        found = foretold(*bad(1), rules=book(Mode.APPROVE))

        assert (only(found).fate, only(found).reason) == (Fate.PERSON, "ApprovalMissing")

    @pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.ENFORCE, Mode.AUDIT])
    def test_where_approvals_are_assumed_what_acts_is_done_and_that_is_said(self, mode: Mode) -> None:
        rules = book(mode, rules=(rule("asked", Mode.APPROVE, clusters=("aks-0",)),))
        demanding = replace(rules, policy=replace(rules.policy, require_approved_policy=True))

        found = foretold(*bad(2), rules=demanding, budget=Budget(guarded=True), approved=True)

        assert [pool.fate for pool in found.pools] == [Fate.DONE, Fate.DONE if mode.acts else Fate.NEVER]
        assert "What waits for an approval has it at once: each step, and the policy's text." in found.assumptions
        assert not any(line.startswith("Nobody approves") for line in found.assumptions)

    def test_an_approval_that_is_there_is_used(self) -> None:
        (one,) = bad(1)
        rules = book(Mode.APPROVE)
        (step,) = due(situation(one.cluster, rules=rules))
        given_ = Approval("ana", NOW, NOW + DAY, "this")

        found = foretold(one, rules=rules, budget=Budget(approvals={approval_fingerprint(one.cluster, step): given_}))

        assert found.fleet.finished == NOW + HOUR / 2

    @pytest.mark.parametrize(
        ("budget", "reason"), [(Budget(paused=True), "Paused"), (Budget(broken="3 failed."), "BreakerOpen")]
    )
    def test_nobody_is_assumed_to_resume_or_to_reset(self, budget: Budget, reason: str) -> None:
        found = foretold(*bad(2), budget=budget)

        assert found.remediations == ()
        assert {(pool.fate, pool.reason) for pool in found.pools} == {(Fate.PERSON, reason)}

    def test_a_breaker_that_opens_on_the_way_stops_the_rest(self) -> None:
        failed = tuple(Ended(f"old-{number}", NOW - HOUR, failed=True) for number in range(2))
        rules = book(disruption=Disruption(breaker=Breaker(failures=50, least=3)))

        found = foretold(*bad(3), rules=rules, budget=Budget(ended=failed))

        assert len(found.remediations) == 1
        assert (found.fleet.done, found.fleet.person) == (1, 2)

    def test_a_policy_that_must_be_approved_waits_for_that(self) -> None:
        strict = replace(ENFORCING, policy=replace(ENFORCING.policy, require_approved_policy=True))

        assert only(foretold(*bad(1), rules=strict)).reason == "PolicyNotApproved"

    def test_what_azure_refuses_until_a_person_acts_waits_for_that_person(self) -> None:
        refused = PoolMemory(refused="A lock holds the cluster.", not_before=NOW + HOUR, waiting="Locked: a lock")

        found = foretold(known(disabled(), memory=memory(apps=refused)))

        assert (only(found).fate, only(found).message) == (Fate.PERSON, "A lock holds the cluster.")

    @pytest.mark.parametrize(
        ("properties", "reason"),
        [
            ({"vmSize": "Standard_DC8ads_v5"}, "ConfidentialVmIncapable"),
            ({"provisioningState": "Failed"}, "ProvisioningFailed"),
            ({"powerState": {"code": "Stopped"}}, "Stopped"),
            ({"eTag": ...}, "NoETag"),
        ],
    )
    def test_what_the_product_can_not_do_never_comes(self, properties: dict[str, Any], reason: str) -> None:
        found = foretold(known(disabled(**properties)))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, reason)
        (blocker,) = found.blockers
        assert (blocker.pools, blocker.nodes, blocker.examples) == (1, 3, ("rg-pay/aks-pay/apps",))

    def test_a_rule_that_does_not_act_does_never(self) -> None:
        assert only(foretold(*bad(1), rules=book(Mode.ALERT))).reason == "ModeDoesNotAct"

    def test_what_no_budget_lets_in_never_comes(self) -> None:
        found = foretold(*bad(1), rules=book(disruption=Disruption(nodes=2)))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "TooManyNodes")

    def test_windows_that_never_open_never_let_anything_begin(self) -> None:
        rules = book(blackouts=(Blackout(date(2026, 1, 1), date(2036, 1, 1), "freeze"),))

        found = foretold(*bad(1), rules=rules)

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "NeverOpen")

    def test_they_hold_no_pool_back_that_is_new_and_skips_them(self) -> None:
        rules = book(
            windows=(Window((), time(3), HOUR),),
            blackouts=(Blackout(date(2026, 11, 24), date(2036, 1, 1), "freeze"),),
            new_pools=NewPools(within=DAY, skip=(Skip.WINDOW,)),
        )
        young = known(disabled(), memory=memory(apps=PoolMemory(first_seen=NOW - HOUR, absent=NOW - HOUR)))

        assert [one.began for one in foretold(young, rules=rules).remediations] == [NOW]

    def test_maintenance_windows_that_can_not_be_read_never_open(self) -> None:
        away = Unreadable("Unreachable", "No answer.", HOUR)

        found = foretold(*bad(1, maintenance=away), rules=book(cluster_maintenance=True))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "MaintenanceUnreadable")

    def test_a_cluster_without_windows_of_its_own_never_opens_where_only_they_count(self) -> None:
        found = foretold(*bad(1), rules=book(cluster_maintenance=True))

        assert only(found).reason == "NoMaintenanceConfiguration"

    def test_nodes_that_disagree_are_not_assumed_to_mend_themselves(self) -> None:
        found = foretold(known(profile(), memory=memory(apps=proof(disagreeing=("n1",)))))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "NodesDisagree")

    def test_nodes_that_nobody_asked_are_assumed_to_agree_and_that_is_said(self) -> None:
        found = foretold(known(profile()))

        assert found.fleet.done_now == 1
        assert any("The nodes of 1 FIPS-enabled pool that" in line for line in found.assumptions)

    def test_what_the_app_has_proven_is_no_assumption(self) -> None:
        assert not any("FIPS-enabled pool" in line for line in foretold(known(profile(), proven=True)).assumptions)

    def test_clusters_that_can_not_be_read_are_told_of_and_the_fleet_is_never_finished(self) -> None:
        found = foretold(known(profile()), unread=2)

        assert (found.fleet.finished, found.unread) == (None, 2)
        assert "2 clusters can't be read: their pools are in no number." in found.assumptions

    @pytest.mark.parametrize("reads", ["no pools", "nodes outside"])
    def test_what_concerns_a_cluster_and_no_pool_is_never_done(self, reads: str) -> None:
        bare = known(profile(), nodeProvisioningProfile={"mode": "Auto"})
        if reads == "no pools":
            bare = replace(bare, cluster=replace(bare.cluster, pools=(), unlisted=""))

        found = foretold(bare)

        assert (found.fleet.finished, found.unread) == (None, 1)
        (blocker,) = found.blockers
        assert (blocker.fate, blocker.examples) == (Fate.NEVER, ("rg-pay/aks-pay",))
        assert blocker.reason == ("NoNodePools" if reads == "no pools" else "NodesOutsidePoolsUnread")

    def test_nodes_outside_pools_that_the_app_has_proven_are_done(self) -> None:
        auto: dict[str, Any] = {"nodeProvisioningProfile": {"mode": "Auto"}}
        asked = replace(memory(), strays=Strays(NOW, 2, 0, ("n1", "n2")))

        assert foretold(known(profile(), proven=True, **auto)).fleet.finished == NOW
        assert foretold(known(profile(), memory=asked, **auto)).fleet.finished == NOW

    def test_what_is_out_of_scope_is_in_no_number(self) -> None:
        found = foretold(*bad(2), rules=book(exclude=(Match(clusters=("aks-1",)),)))

        assert found.fleet.pools == 1

    def test_a_pool_whose_size_nobody_knows_is_reimaged_and_never_proven(self) -> None:
        found = foretold(known(disabled(count=...)))

        assert (only(found).fate, only(found).reason) == (Fate.NEVER, "CountUnreadable")
        assert len(found.remediations) == 1


class TestDays:
    """What is reimaged when."""

    def test_each_day_says_how_much_begins_and_how_much_runs_at_once(self) -> None:
        rules = book(disruption=replace(MANY, concurrent=Limit(count=2)), rings=(replace(PROD, canary=False),))

        found = foretold(*bad(3), rules=rules)

        (day,) = found.days
        assert (day.day, day.pools, day.nodes, day.rings) == (NOW.date(), 3, 9, {"prod": 9})
        assert (day.pools_at_once, day.nodes_at_once) == (2, 6)

    def test_a_remediation_over_midnight_runs_on_both_days_and_begins_on_one(self) -> None:
        found = foretold(known(disabled(count=150)))

        assert [(day.pools, day.nodes, day.nodes_at_once) for day in found.days] == [(1, 150, 150), (0, 0, 150)]

    def test_the_times_at_which_windows_are_open_are_told_by_ring(self) -> None:
        rules = book(windows=(Window((), time(22), 4 * HOUR), Window((), time(23), 4 * HOUR)))

        found = foretold(*bad(1), rules=rules, days=2)

        first = datetime(2026, 11, 23, 22, tzinfo=UTC)
        assert found.rings[0].open == ((first, first + 5 * HOUR), (first + DAY, first + DAY + 5 * HOUR))

    def test_windows_of_several_rules_are_told_together(self) -> None:
        evening = Window((), time(20), 3 * HOUR)
        other = rule("other", Mode.ENFORCE, clusters=("aks-1",))
        other = replace(other, settings=replace(other.settings, windows=(evening,)))
        rules = book(rules=(other,), windows=(Window((), time(22), 4 * HOUR),))

        found = foretold(*bad(2), rules=rules, days=1)

        first = datetime(2026, 11, 23, 20, tzinfo=UTC)
        assert found.rings[0].open == ((first, first + 6 * HOUR),)

    def test_where_no_window_restricts_it_is_open_the_whole_time(self) -> None:
        assert foretold(*bad(1)).rings[0].open == ((NOW, NOW + 30 * DAY),)
        assert foretold(known(profile())).rings[0].open == (), "nothing is to be done"
        assert foretold(*bad(1), rules=book(cluster_maintenance=True)).rings[0].open == ()


class TestPace:
    """How long a node takes."""

    def test_it_is_the_median_of_what_succeeded(self) -> None:
        ends = tuple(
            Ended(f"i{minutes}", NOW, failed=failed, began=NOW - timedelta(minutes=minutes), nodes=2)
            for minutes, failed in ((10, False), (20, False), (90, False), (1, True))
        )

        assert pace_of(Budget(ended=ends)) == Pace(timedelta(minutes=10), "history", 3)

    def test_too_few_remediations_leave_the_assumption(self) -> None:
        ends = (Ended("i1", NOW, failed=False, began=NOW - HOUR, nodes=1), Ended("i2", NOW, failed=False))

        assert pace_of(Budget(ended=ends)) == Pace(ASSUMED, "assumed")

    def test_a_pool_without_nodes_takes_as_long_as_one_node(self) -> None:
        assert PACE.of(0) == PACE.of(1) == PACE.per_node

    @pytest.mark.parametrize(
        ("pace", "says"),
        [
            (PACE, "10.0 minutes for each node, as given"),
            (Pace(ASSUMED, "assumed"), "12.3 minutes for each node, an assumption"),
            (Pace(HOUR, "history", 7), "60.0 minutes for each node, the median of the last 7"),
        ],
    )
    def test_it_says_where_it_comes_from(self, pace: Pace, says: str) -> None:
        assert str(pace).startswith(says)


class TestAfterwards:
    """What a pool is assumed to be once its remediation has succeeded."""

    @pytest.mark.parametrize(
        ("os_sku", "kubernetes"),
        sorted(
            {
                (sku.name, "1.34.2" if not row.since else f"{row.since}.0")
                for sku in matrix().os_skus
                for row in sku.with_fips
                if sku.os_type == "Linux"
                and not sku.retired
                and any(it.name == row.release and it.fips is FipsSupport.CAPABLE for it in matrix().releases)
            }
        ),
    )
    def test_it_runs_a_fips_image_of_the_release_that_it_gets(self, os_sku: str, kubernetes: str) -> None:
        from shared.domain.capability import release_if_switched

        before = known(disabled(osSKU=os_sku, currentOrchestratorVersion=kubernetes)).cluster

        (after,) = switched(before, operation(), 1).pools

        assert "fips" in after.node_image
        expected = release_if_switched(after)
        assert release_of(after) == expected or after.node_image.endswith("-fips")

    def test_a_pool_without_fips_runs_no_fips_image(self) -> None:
        off: Operation = operation(changes={"enableFIPS": False}, kind=ActionKind.DISABLE_FIPS)

        (after,) = switched(known(profile()).cluster, off, 1).pools

        assert after.enable_fips is False
        assert "fips" not in after.node_image


class TestThePlay:
    """What keeps a play from going wrong."""

    def test_a_plan_that_the_budget_does_not_bear_out_stops_it(self) -> None:
        play = Rehearsal(start(*bad(1)))
        play.run()
        (actor,) = play.actors.values()
        action = plan(situation(known(disabled(), name="aks-0").cluster)).action
        assert action is not None
        play._take(actor, action, NOW + DAY)

        with pytest.raises(RuntimeError, match="plan and budget disagree about rg-pay/aks-0/apps"):
            play._take(actor, action, NOW + DAY)

    def test_a_step_that_is_neither_taken_nor_deferred_is_asked_for_once(self) -> None:
        class Idle(Rehearsal):
            asked = 0

            def _try(self, lane: Lane, _actor: Actor, _head: Candidate, _at: datetime) -> None:
                self.asked += 1
                self._lanes.offer(lane)

        play = Idle(start(*bad(1)))
        play.run()

        assert play.asked == 2, "now, and at the next count of the fleet"


# Fleets and policies at random: what must hold for all of them.

_KINDS: dict[str, dict[str, Any]] = {
    "good": profile(),
    "bad": disabled(),
    "failed": disabled(provisioningState="Failed"),
    "busy": disabled(provisioningState="Updating"),
    "stopped": disabled(powerState={"code": "Stopped"}),
    "windows": disabled(osType="Windows", osSKU="Windows2019"),
}


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Known, ...]:
    """Up to six clusters of up to three pools, most of them to be remediated."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        kinds = draw(st.lists(st.sampled_from([*["bad"] * 4, *_KINDS]), min_size=1, max_size=3))
        pools = [{**_KINDS[kind], "name": f"p{at}", "count": draw(st.integers(0, 6))} for at, kind in enumerate(kinds)]
        sub = draw(st.sampled_from([SUBSCRIPTION, OTHER_SUBSCRIPTION]))
        tags = {"env": draw(st.sampled_from(["dev", "prod"]))}
        seen = (
            memory(p0=PoolMemory(first_seen=NOW - HOUR / 2, absent=NOW - HOUR / 2)) if draw(st.booleans()) else Memory()
        )
        found.append(known(*pools, name=f"aks-{number}", sub=sub, tags=tags, memory=seen))
    return tuple(found)


@st.composite
def policies(draw: st.DrawFn) -> Rulebook:
    """A policy with limits of every kind."""
    windows = draw(st.sampled_from([(), (Window((), time(20), 4 * HOUR, "America/New_York"),)]))
    rings = draw(st.sampled_from([(), (replace(DEV, soak=5 * HOUR), PROD), (replace(DEV, canary=False), PROD)]))
    excused = draw(st.sampled_from([(), (exemption(match=Match(clusters=("aks-1",)), expires=NOW + 2 * DAY),)]))
    return book(
        draw(st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.APPROVE])),
        rules=draw(st.sampled_from([(), (rule("quiet", Mode.AUDIT, clusters=("aks-2",)),)])),
        rings=rings,
        exemptions=excused,
        windows=windows,
        notice=Notice(before=draw(st.sampled_from([timedelta(), 7 * HOUR]))),
        new_pools=NewPools(enforce_after=HOUR, skip=draw(st.sampled_from([(), (Skip.WINDOW, Skip.SOAK)]))),
        disruption=Disruption(
            concurrent=Limit(count=draw(st.integers(1, 3))),
            per_subscription=draw(st.none() | st.just(Limit(count=1))),
            nodes=draw(st.none() | st.integers(3, 12)),
            spacing=draw(st.sampled_from([timedelta(), 2 * HOUR])),
        ),
    )


def running(found: Forecast, at: datetime) -> list[Remediation]:
    return [made for made in found.remediations if made.began <= at < made.ends]


def pools(fleet: Iterable[Known]) -> dict[tuple[str, str], tuple[Cluster, Pool]]:
    return {(it.cluster.id.key, pool.name): (it.cluster, pool) for it in fleet for pool in it.cluster.pools}


@given(fleets(), policies())
def test_no_cap_is_ever_exceeded(fleet: tuple[Known, ...], rules: Rulebook) -> None:
    found, disruption = foretold(*fleet, rules=rules), rules.policy.disruption

    for made in found.remediations:
        at_once = running(found, made.began)
        assert len(at_once) <= disruption.concurrent.of(None)
        assert len({each.cluster for each in at_once}) == len(at_once)
        if disruption.per_subscription:
            assert len({each.cluster.subscription for each in at_once}) == len(at_once)
        assert disruption.nodes is None or sum(each.nodes for each in at_once) <= disruption.nodes
    begins = [made.began for made in found.remediations]
    assert all(after - before >= disruption.spacing for before, after in pairwise(begins))


@given(fleets(), policies())
def test_nothing_begins_that_the_rules_do_not_let_begin(fleet: tuple[Known, ...], rules: Rulebook) -> None:
    found, there = foretold(*fleet, rules=rules), pools(fleet)

    for made in found.remediations:
        cluster, pool = there[made.cluster.key, made.pool]
        settings = rules.policy.rule_for(cluster, pool).settings
        assert settings.mode is Mode.ENFORCE
        young = next(it.memory.pool(made.pool) for it in fleet if it.cluster == cluster).first_seen is not None
        skips = young and Skip.WINDOW in settings.new_pools.skip and made.began - NOW < settings.new_pools.within
        assert skips or isinstance(opening(settings.windows, settings.blackouts, made.began), Open)
        assert made.began - NOW >= settings.notice.before
        for entry in rules.exemptions.matching(cluster, pool):
            assert not entry.created <= made.began < entry.expires
        before = rules.policy.before(ring) if (ring := rules.policy.ring_for(cluster, pool)) else None
        if before and not young:
            # What is excused for a while keeps no ring closed, and is done for good only later.
            excused = {entry.name for entry in rules.exemptions.entries} and {"aks-1"}
            mine = [it for it in found.pools if it.ring == before.name and it.cluster.name not in excused]
            assert all(each.done and each.done + before.soak <= made.began for each in mine)


@given(fleets(), policies())
def test_every_pool_has_one_fate_and_the_sums_match(fleet: tuple[Known, ...], rules: Rulebook) -> None:
    found = foretold(*fleet, rules=rules)

    assert {(each.cluster.key, each.pool) for each in found.pools} == pools(fleet).keys()
    for part in (found.fleet, *found.rings):
        assert part.done_now <= part.done
        assert part.done + part.later + part.person + part.never == part.pools
    assert sum(ring.pools for ring in found.rings) == found.fleet.pools == len(found.pools)
    assert sum(blocker.pools for blocker in found.blockers) == found.fleet.pools - found.fleet.done
    assert sum(day.nodes for day in found.days) == sum(made.nodes for made in found.remediations)
    assert all(each.reason and each.message for each in found.pools if each.fate is not Fate.DONE)


@given(fleets(), policies(), st.floats(0, 10), st.floats(0, 10))
def test_a_longer_forecast_makes_nothing_later(
    fleet: tuple[Known, ...], rules: Rulebook, days: float, more: float
) -> None:
    short, long = (foretold(*fleet, rules=rules, days=each) for each in (days, days + more))

    assert long.remediations[: len(short.remediations)] == short.remediations
    done = {(each.cluster, each.pool): each.done for each in long.pools}
    for each in short.pools:
        # An exemption may end in between: what it excused is then to be done anew.
        excused = each.cluster.name == "aks-1" and bool(rules.exemptions.entries)
        assert each.done is None or excused or done[each.cluster, each.pool] == each.done


@given(fleets(), policies(), st.randoms())
def test_the_order_of_the_input_makes_no_difference(fleet: tuple[Known, ...], rules: Rulebook, random: Any) -> None:
    shuffled = []
    for each in random.sample(fleet, len(fleet)):
        turned = random.sample(each.cluster.pools, len(each.cluster.pools))
        shuffled.append(replace(each, cluster=replace(each.cluster, pools=tuple(turned))))

    assert foretold(*shuffled, rules=rules) == foretold(*fleet, rules=rules)
