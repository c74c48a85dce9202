"""The disruption budget: whatever happens in whatever order, never more is disrupted than was allowed."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.budget import approve, change, pause, read_budget, release, reset_breaker, resume, stale_places
from shared.domain import budget_news
from shared.domain.budget import COUNTS_LAST, Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.budget_news import counting, learnt, seen
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.limits import Limit
from shared.domain.matching import Match
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ComplianceState, Mode, Unreadable
from shared.domain.places import agreed, released, taken
from shared.domain.policy import UNTOLD, Breaker, Disruption, Ring
from shared.domain.policy_approval import demand_as_used, unapproved
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.refusals import Wanted, refusal
from shared.domain.rulebook import Rulebook
from shared.errors import LeaseLostError
from shared.ports import Put, Written
from tests.builders import (
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    book,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    profile,
    proof,
)

CLUSTERS = [
    cluster_id(f"aks-{number}", subscription=(SUBSCRIPTION, OTHER_SUBSCRIPTION)[number % 2]) for number in range(6)
]
ONE, TWO, THREE = (cluster.key for cluster in CLUSTERS[:3])
IN_LAB = cluster_id("lab-1").key
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST, SECOND = Ring("first", canary=False, soak=timedelta(days=2)), Ring("second")
LAB, REST = Ring("lab", Match(clusters=("lab-*",)), concurrent=Limit(1)), Ring("rest", concurrent=Limit(1))
WORD = Approval("ana", NOW - HOUR, NOW + HOUR, "enable fips on apps")


def rules(concurrent: Limit = Limit(5), rings: tuple[Ring, ...] = (), **disruption: Any) -> Rulebook:  # noqa: B008 (frozen)
    """A policy of which only the limits matter."""
    return book(disruption=Disruption(concurrent, **disruption), rings=rings)


def wanted(cluster: str = ONE, ring: Ring | None = None, **changes: Any) -> Wanted:
    """A place for the pool `apps` of three nodes."""
    return replace(Wanted(cluster, "apps", cluster.partition("|")[0], ring, 3), **changes)


def place(wish: Wanted, intent: str = "i1", at: datetime = NOW, by: Rulebook | None = None) -> Place:
    """The place that was wanted; by rules whose only ring is its own, if none are given."""
    by = by or rules(rings=(wish.ring,) if wish.ring else ())
    return Place(intent, wish.pool, wish.subscription, wish.nodes or 0, at, stage=by.policy.stage(wish.ring))


def holding(*wishes: Wanted, by: Rulebook | None = None, **changes: Any) -> Budget:
    """A budget in which these have their places, begun long ago."""
    return Budget({one.cluster: place(one, f"i-{one.cluster}", NOW - DAY, by) for one in wishes}, **changes)


def counts(rings: dict[str, RingCount] | None = None, **changes: Any) -> Counts:
    """A fleet of a hundred pools, counted now."""
    return replace(Counts(NOW, 100, {SUBSCRIPTION: 20}, rings or {}, "p1", exemptions="e1"), **changes)


def counted(budget: Budget, found: Counts, now: datetime | None = None, **watches: Any) -> Budget:
    """The budget with counts that took no time."""
    return budget_news.counted(budget, found, now or found.at, **watches)


@dataclass(frozen=True)
class Row:
    """A budget in which a wish is refused."""

    reason: str
    after: timedelta | None
    budget: Budget
    rules: Rulebook = field(default_factory=rules)
    wish: Wanted = field(default_factory=wanted)


STAGE = rules(rings=(Ring("one"),)).policy.stage(Ring("one"))
"""What the ring `one` is about where it is the only one."""
ALMOST = counts({"first": RingCount(10, 0, NOW - DAY)})
ROWS = {
    "a person paused": Row("Paused", HOUR, Budget(paused=True)),
    "the breaker is open": Row("BreakerOpen", HOUR, Budget(broken="3 of the last 3 remediations failed.")),
    "a pause is told first": Row("Paused", HOUR, Budget(paused=True, broken="3 failed.")),
    "a budget of nothing": Row("BudgetExhausted", None, Budget(), rules(Limit(0))),
    "the fleet's count": Row("BudgetExhausted", None, holding(wanted(TWO), wanted(THREE)), rules(Limit(2))),
    "the fleet's share": Row(
        "BudgetExhausted", None, holding(wanted(TWO), counts=counts(pools=199)), rules(Limit(percent=1))
    ),
    "a share of a fleet that nobody counted": Row(
        "BudgetExhausted", None, holding(wanted(TWO)), rules(Limit(percent=50))
    ),
    "a remediation that runs in the ring before": Row(
        "RingClosed",
        None,
        holding(wanted(TWO, ring=FIRST), counts=counts({"first": RingCount(10, 0, NOW - 30 * DAY)})),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "no share at all": Row("BudgetExhausted", None, Budget(counts=counts()), rules(Limit(percent=0))),
    "the smaller of count and share": Row(
        "BudgetExhausted", None, holding(wanted(TWO), counts=counts()), rules(Limit(count=7, percent=1))
    ),
    "the subscription's count": Row("BudgetExhausted", None, holding(wanted(THREE)), rules(per_subscription=Limit(1))),
    "the subscription's share": Row(
        "BudgetExhausted", None, holding(wanted(THREE), counts=counts()), rules(per_subscription=Limit(percent=5))
    ),
    "the ring's count": Row(
        "BudgetExhausted",
        None,
        holding(wanted(TWO, ring=Ring("one"))),
        rules(rings=(Ring("one", concurrent=Limit(1)),)),
        wanted(ring=Ring("one", concurrent=Limit(1))),
    ),
    "the ring's share": Row(
        "BudgetExhausted",
        None,
        holding(wanted(TWO, ring=Ring("one")), counts=counts({"one": RingCount(19)})),
        rules(rings=(Ring("one", concurrent=Limit(percent=10)),)),
        wanted(ring=Ring("one", concurrent=Limit(percent=10))),
    ),
    "what runs where the rings were others, and may be in it": Row(
        "BudgetExhausted",
        None,
        holding(wanted(IN_LAB, ring=REST), by=rules(rings=(FIRST, LAB, REST))),
        rules(rings=(LAB, REST)),
        wanted(ring=LAB),
    ),
    "what runs in no ring where there was none": Row(
        "BudgetExhausted", None, holding(wanted(IN_LAB)), rules(rings=(LAB, REST)), wanted(ring=LAB)
    ),
    "what runs in the ring by its name of yesterday": Row(
        "BudgetExhausted",
        None,
        holding(wanted(TWO, ring=replace(REST, name="all"))),
        rules(rings=(REST,)),
        wanted(ring=REST),
    ),
    "what runs and may be in the ring before": Row(
        "RingClosed",
        None,
        holding(wanted(TWO, ring=LAB), counts=counts({"first": RingCount(10, 0, NOW - 30 * DAY)})),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "what runs in a ring of which nothing is proven": Row(
        "CanaryUnproven",
        None,
        holding(wanted(TWO, ring=Ring("one"))),
        rules(rings=(Ring("one"),)),
        wanted(ring=Ring("one")),
    ),
    "too many nodes with those that run": Row("TooManyNodes", None, holding(wanted(TWO)), rules(nodes=5)),
    "more nodes than are ever allowed": Row("TooManyNodes", None, Budget(), rules(nodes=2)),
    "too soon after the last": Row("Spacing", MINUTE, Budget(last_begun=NOW - 9 * MINUTE), rules(spacing=10 * MINUTE)),
    "the ring before was never counted": Row(
        "RingClosed", None, Budget(), rules(rings=(FIRST, SECOND)), wanted(ring=SECOND)
    ),
    "the ring before was counted long ago": Row(
        "RingClosed",
        None,
        Budget(counts=counts({"first": RingCount(1, 0, NOW - 9 * DAY)}, at=NOW - COUNTS_LAST - MINUTE)),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "the ring before was counted by a clock that was ahead": Row(
        "RingClosed",
        None,
        Budget(counts=counts({"first": RingCount(1, 0, NOW - 9 * DAY)}, at=NOW + DAY)),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "a share of what was counted by a clock that was ahead": Row(
        "BudgetExhausted", None, holding(wanted(TWO), counts=counts(at=NOW + DAY)), rules(Limit(percent=50))
    ),
    "the ring before was counted by another policy": Row(
        "RingClosed",
        None,
        Budget(counts=counts({"first": RingCount(1, 0, NOW - 9 * DAY)}, policy="p0")),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "the ring before has an unproven pool": Row(
        "RingClosed",
        None,
        Budget(counts=counts({"first": RingCount(10, 1)})),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "the ring before was not among the counts": Row(
        "RingClosed", None, Budget(counts=counts()), rules(rings=(FIRST, SECOND)), wanted(ring=SECOND)
    ),
    "the ring before soaks": Row(
        "RingSoaking", DAY, Budget(counts=ALMOST), rules(rings=(FIRST, SECOND)), wanted(ring=SECOND)
    ),
    "the canary goes first": Row(
        "CanaryUnproven",
        None,
        Budget(canaries={"one": Canary(TWO, "apps", stage=STAGE)}),
        rules(rings=(Ring("one"),)),
        wanted(ring=Ring("one")),
    ),
    "another pool of the canary's cluster": Row(
        "CanaryUnproven",
        None,
        Budget(canaries={"one": Canary(ONE, "batch", stage=STAGE)}),
        rules(rings=(Ring("one"),)),
        wanted(ring=Ring("one")),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_refusal_says_why_and_when_to_ask_again(row: Row) -> None:
    found = refusal(row.budget, row.rules, row.wish, NOW)

    assert found is not None
    assert (found.reason, found.after) == (row.reason, row.after)
    assert found.message
    assert taken(row.budget, row.rules, row.wish, place(row.wish), (), NOW) is None


ALLOWED = {
    "nothing is limited": (Budget(), rules(), wanted()),
    "the last place of the fleet": (holding(wanted(TWO)), rules(Limit(2)), wanted()),
    "a share is one at least": (Budget(counts=counts(pools=3)), rules(Limit(percent=1)), wanted()),
    "a share of an unknown fleet is one": (Budget(), rules(Limit(percent=50)), wanted()),
    "a share is rounded down": (holding(wanted(TWO), counts=counts(pools=200)), rules(Limit(percent=1)), wanted()),
    "another subscription is full": (holding(wanted(TWO)), rules(per_subscription=Limit(1)), wanted()),
    "the ring's limit counts its own alone": (
        holding(wanted(TWO, ring=REST), wanted(THREE), by=rules(rings=(LAB, REST))),
        rules(rings=(LAB, REST)),
        wanted(ring=LAB),
    ),
    "just so many nodes": (holding(wanted(TWO)), rules(nodes=6), wanted()),
    "its own place does not count against it": (holding(wanted(ONE)), rules(Limit(1), nodes=3), wanted()),
    "the last was begun by a clock that was ahead": (Budget(last_begun=NOW + 30 * DAY), rules(), wanted()),
    "the spacing is over": (Budget(last_begun=NOW - 10 * MINUTE), rules(spacing=10 * MINUTE), wanted()),
    "the first ring waits for none": (Budget(), rules(rings=(FIRST, SECOND)), wanted(ring=FIRST)),
    "the ring before has soaked": (
        Budget(counts=counts({"first": RingCount(10, 0, NOW - 2 * DAY)}, at=NOW - COUNTS_LAST)),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND),
    ),
    "a ring that is after another than the one above": (
        Budget(counts=counts({"first": RingCount(10, 0, NOW - 2 * DAY), "second": RingCount(5, 5)})),
        rules(rings=(FIRST, SECOND, Ring("third", after="first"))),
        wanted(ring=Ring("third", after="first")),
    ),
    "a new pool may enter a closed ring": (
        Budget(),
        rules(rings=(FIRST, SECOND)),
        wanted(ring=SECOND, skip_soak=True),
    ),
    "a pool in no ring waits for none": (Budget(), rules(rings=(FIRST, SECOND)), wanted()),
    "the canary itself": (
        Budget(canaries={"one": Canary(ONE, "apps", stage=STAGE)}),
        rules(rings=(Ring("one"),)),
        wanted(ring=Ring("one")),
    ),
    "the canary is proven": (
        Budget(canaries={"one": Canary(TWO, "apps", proven=True, stage=STAGE)}),
        rules(rings=(Ring("one"),)),
        wanted(ring=Ring("one")),
    ),
    "the canary of another ring": (
        Budget(canaries={"two": Canary(TWO, "apps", stage=rules(rings=(LAB, REST)).policy.stage(REST))}),
        rules(rings=(LAB, REST)),
        wanted(ring=LAB),
    ),
    "a ring that wants no canary any more": (
        Budget(canaries={"one": Canary(TWO, "apps", stage=STAGE)}),
        rules(rings=(Ring("one", canary=False),)),
        wanted(ring=Ring("one", canary=False)),
    ),
}


@pytest.mark.parametrize(("budget", "rules", "wish"), ALLOWED.values(), ids=ALLOWED.keys())
def test_a_place_is_there_where_nothing_is_against_it(budget: Budget, rules: Rulebook, wish: Wanted) -> None:
    assert refusal(budget, rules, wish, NOW) is None


@given(st.integers(0, 300) | st.none(), st.integers(0, 12), st.integers(0, 100))
def test_a_limit_with_two_parts_is_the_smaller_and_a_share_is_never_rounded_up_beyond_one(
    total: int | None, count: int, percent: int
) -> None:
    both = Limit(count, percent).of(total)

    assert both == min(Limit(count).of(total), Limit(percent=percent).of(total))
    assert both <= max(1, (total or 0) * percent / 100)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ((), "0 remediations run in the fleet; the policy allows 0."),
        ((TWO,), "1 remediation runs in the fleet; the policy allows 1."),
        ((TWO, THREE), "2 remediations run in the fleet; the policy allows 2."),
    ],
)
def test_one_remediation_runs_and_two_run(others: tuple[str, ...], said: str) -> None:
    found = refusal(holding(*map(wanted, others)), rules(Limit(len(others))), wanted(), NOW)

    assert found
    assert found.message == said


def test_a_limit_needs_a_bound() -> None:
    with pytest.raises(ValueError, match="needs `count`, `percent` or both"):
        Limit()


def test_a_new_pool_does_not_overtake_the_canary() -> None:
    made = rules(rings=(FIRST, SECOND))
    budget = Budget(canaries={"second": Canary(TWO, "apps", stage=made.policy.stage(SECOND))})

    found = refusal(budget, made, wanted(ring=SECOND, skip_soak=True), NOW)

    assert found is not None
    assert found.reason == "CanaryUnproven"


class TestTaking:
    """What a place changes."""

    def test_it_is_kept_by_cluster_with_its_time(self) -> None:
        budget = taken(Budget(), rules(), wanted(), place(wanted()), (), NOW)

        assert budget == Budget({ONE: place(wanted())}, last_begun=NOW)

    def test_the_same_intent_counts_once(self) -> None:
        budget = taken(Budget(), rules(), wanted(), place(wanted()), (), NOW)

        assert budget is not None
        assert taken(budget, rules(Limit(0)), wanted(), place(wanted()), (), NOW) == budget

    def test_the_same_intent_uses_up_what_it_has_not_yet_and_no_word_that_nobody_gave(self) -> None:
        word, other = (Approval(name, NOW, NOW + HOUR, "replace it") for name in ("ana", "bob"))
        held = {ONE: replace(place(wanted()), approvals={"first": word})}
        budget = Budget(held, approvals={"second": other})

        again = taken(budget, rules(Limit(0)), wanted(), place(wanted()), ("first", "second"), NOW)

        assert again == Budget({ONE: replace(place(wanted()), approvals={"first": word, "second": other})})
        assert taken(budget, rules(), wanted(), place(wanted()), ("third",), NOW) is None
        assert taken(budget, rules(), wanted(), place(wanted()), ("second",), NOW + HOUR) is None

    def test_another_intent_of_the_same_cluster_gets_no_second_place(self) -> None:
        budget = holding(wanted())

        assert taken(budget, rules(), wanted(pool="batch"), place(wanted(pool="batch"), "i2"), (), NOW) is None

    def test_the_first_of_a_ring_becomes_its_canary(self) -> None:
        one = Ring("one")

        budget = taken(Budget(), rules(rings=(one,)), wanted(ring=one), place(wanted(ring=one)), (), NOW)

        assert budget is not None
        assert budget.canaries == {f"{ONE}|apps": Canary(ONE, "apps", stage=STAGE)}
        assert taken(budget, rules(rings=(one,)), wanted(TWO, ring=one), place(wanted(TWO, ring=one)), (), NOW) is None

    def test_a_canary_on_which_nothing_was_begun_is_none_any_more(self) -> None:
        one = Ring("one")
        budget = taken(Budget(), rules(rings=(one,)), wanted(ring=one), place(wanted(ring=one)), (), NOW)

        assert budget is not None
        assert released(budget, ONE, begun=False, unsent=True).canaries == {}
        assert released(budget, ONE, begun=False).canaries == budget.canaries, "an answer was lost"
        assert released(budget, ONE, begun=True).canaries == budget.canaries

    @pytest.mark.parametrize("proven", [True, False])
    def test_one_that_was_begun_before_stays_though_nothing_is_begun_the_next_time(self, *, proven: bool) -> None:
        one, canaries = Ring("one"), {f"{ONE}|apps": Canary(ONE, "apps", proven=proven, stage=STAGE)}
        budget = taken(
            Budget(canaries=canaries), rules(rings=(one,)), wanted(ring=one), place(wanted(ring=one)), (), NOW
        )

        assert budget is not None
        assert released(budget, ONE, begun=False, unsent=True).canaries == canaries

    @pytest.mark.parametrize("stage", [STAGE, ""], ids=["edited", "of the version before"])
    def test_a_canary_that_is_not_proven_holds_its_ring_whatever_is_edited_meanwhile(self, stage: str) -> None:
        one = Ring("one", Match(tags={"wave": "2"}))
        before = Budget(canaries={"one": Canary(THREE, "apps", stage=stage)})

        assert taken(before, rules(rings=(one,)), wanted(ring=one), place(wanted(ring=one)), (), NOW) is None

    @pytest.mark.parametrize(
        ("match", "held"),
        [
            (Match(clusters=("AKS-2",)), True),
            (Match(resource_groups=("rg-*",), pools=("app?",), tags={"wave": "2"}), True),
            (Match(clusters=("dev-*",)), False),
            (Match(resource_groups=("dev-*",)), False),
            (Match(pools=("batch",)), False),
            (Match(subscriptions=(OTHER_SUBSCRIPTION,)), False),
        ],
    )
    def test_one_of_a_stage_of_before_holds_the_rings_that_its_names_may_be_in(
        self, match: Match, *, held: bool
    ) -> None:
        ring = Ring("edited", match)
        made = rules(rings=(ring, Ring("rest", canary=False)))
        before = Budget(canaries={"one": Canary(THREE, "apps", stage=STAGE)})

        found = refusal(before, made, wanted(ring=ring), NOW)

        assert ("scope.exclude" in found.message if found else False) == held

    def test_of_a_group_in_other_letters_no_key_keeps_in_which_case_they_were(self) -> None:
        group = "x\N{GREEK CAPITAL LETTER SIGMA}"
        ring = Ring("edited", Match(resource_groups=(f"{group}*",)))
        canary = Canary(cluster_id("aks-2", group=f"{group}1").key, "apps", stage=STAGE)

        assert refusal(Budget(canaries={"one": canary}), rules(rings=(ring,)), wanted(ring=ring), NOW)

    def test_of_several_that_came_together_in_a_ring_none_is_begun_before_the_first_is_proven(self) -> None:
        one = Ring("one")
        came = {
            key: Canary(key, "apps", proven=proven, stage=STAGE)
            for key, proven in ((ONE, True), (TWO, False), (THREE, False))
        }
        first, second = sorted((TWO, THREE))

        assert refusal(Budget(canaries=came), rules(rings=(one,)), wanted(first, ring=one), NOW) is None
        assert refusal(Budget(canaries=came), rules(rings=(one,)), wanted(second, ring=one), NOW)

    def test_a_new_pool_that_enters_a_closed_ring_is_no_canary_and_goes_alone(self) -> None:
        one, made = Ring("one"), rules(rings=(Ring("one"),))
        wish = wanted(ring=one, skip_soak=True)

        budget = taken(Budget(), made, wish, place(wish), (), NOW)

        assert budget
        assert budget.canaries == {}
        closed = refusal(budget, made, wanted(TWO, ring=one), NOW)
        assert closed
        assert (closed.reason, "of which nothing is proven" in closed.message) == ("CanaryUnproven", True)

    def test_a_proof_from_when_the_ring_was_about_other_pools_opens_nothing(self) -> None:
        one = Ring("one", Match(tags={"wave": "2"}))
        made = rules(rings=(one,))
        before = Budget(canaries={"one": Canary(THREE, "apps", proven=True, stage=STAGE)})

        budget = taken(before, made, wanted(ring=one), place(wanted(ring=one)), (), NOW)

        assert budget is not None
        assert budget.canaries[f"{ONE}|apps"] == Canary(ONE, "apps", stage=made.policy.stage(one))
        closed = refusal(budget, made, wanted(TWO, ring=one), NOW)
        assert closed
        assert closed.reason == "CanaryUnproven"

    def test_a_pool_without_nodes_is_no_canary(self) -> None:
        one = Ring("one")

        budget = taken(
            Budget(), rules(rings=(one,)), replace(wanted(ring=one), nodes=0), place(wanted(ring=one)), (), NOW
        )

        assert budget is not None
        assert budget.canaries == {}

    @pytest.mark.parametrize("ring", [None, Ring("one", canary=False)])
    def test_without_a_ring_that_wants_one_there_is_no_canary(self, ring: Ring | None) -> None:
        budget = taken(Budget(), rules(rings=(ring,) if ring else ()), wanted(ring=ring), place(wanted()), (), NOW)

        assert budget is not None
        assert budget.canaries == {}

    def test_a_later_pool_leaves_the_canary_as_it_is(self) -> None:
        one, proven = Ring("one"), {"one": Canary(TWO, "apps", proven=True, stage=STAGE)}

        budget = taken(Budget(canaries=proven), rules(rings=(one,)), wanted(ring=one), place(wanted(ring=one)), (), NOW)

        assert budget is not None
        assert budget.canaries == proven


class TestApprovals:
    """A person's word is used up by what it was given for, and by nothing else."""

    AGREED = Budget(approvals={"word": WORD, "other": WORD})

    def take(self, budget: Budget, *needs: str, now: datetime = NOW) -> Budget | None:
        return taken(budget, rules(), wanted(), place(wanted()), needs, now)

    def test_it_is_used_up_and_kept_in_the_place(self) -> None:
        budget = self.take(self.AGREED, "word")

        assert budget is not None
        assert budget.approvals == {"other": WORD}
        assert budget.places[ONE].approvals == {"word": WORD}

    @pytest.mark.parametrize(
        "budget", [Budget(), Budget(approvals={"other": WORD}), Budget(approvals={"word": replace(WORD, until=NOW)})]
    )
    def test_without_one_that_holds_there_is_no_place(self, budget: Budget) -> None:
        assert self.take(budget, "word") is None
        assert not agreed(budget, "word", NOW)

    def test_all_that_are_needed_must_be_there(self) -> None:
        assert self.take(self.AGREED, "word", "third") is None

    def test_it_is_given_back_if_nothing_was_begun_and_not_otherwise(self) -> None:
        budget = self.take(self.AGREED, "word")

        assert budget is not None
        assert released(budget, ONE, begun=False).approvals == self.AGREED.approvals
        assert released(budget, ONE, begun=True).approvals == {"other": WORD}

    def test_what_has_no_place_gives_nothing_back(self) -> None:
        assert released(self.AGREED, ONE, begun=False) == self.AGREED


class TestBreaker:
    """Stops everything when remediations keep failing, until a person resets it."""

    BREAKER = Breaker(failures=50, within=DAY, least=3)

    def after(self, *ends: bool, apart: timedelta = MINUTE) -> Budget:
        budget = Budget()
        for number, failed in enumerate(ends):
            budget = learnt(budget, Ended(f"i{number}", NOW + number * apart, failed), self.BREAKER)
        return budget

    @pytest.mark.parametrize(
        ("ends", "broken"),
        [
            ((), False),
            ((True,), False),
            ((True, True), False),
            ((True, True, True), True),
            ((True, True, False), True),
            ((True, False, False), False),
            ((False, False, True, True), True),
            ((False, False, False, True, True), False),
        ],
    )
    def test_it_opens_at_the_share_of_failures_once_enough_have_ended(
        self, ends: tuple[bool, ...], broken: bool
    ) -> None:
        assert bool(self.after(*ends).broken) is broken

    def test_what_is_longer_ago_counts_no_more(self) -> None:
        assert not self.after(True, True, True, apart=timedelta(hours=13)).broken
        assert self.after(True, True, True, apart=timedelta(hours=12)).broken

    def test_one_that_is_tightened_is_heard_at_once_and_stays_open(self) -> None:
        before = self.after(True, True)
        tight = rules(breaker=Breaker(failures=50, within=DAY, least=2))
        posture = Posture(NOW + HOUR, ComplianceState.COMPLIANT, ())

        found = refusal(before, tight, wanted(), NOW + HOUR)
        kept = seen(before, tight.policy, "c", posture)

        assert refusal(before, rules(), wanted(), NOW + HOUR) is None
        assert found is not None
        assert found.reason == "BreakerOpen"
        assert kept.broken == "2 of the last 2 remediations failed: everything is stopped."
        assert refusal(kept, rules(), wanted(), NOW + 9 * DAY) is not None

    @pytest.mark.parametrize("hours", [0, 6, 16, 18, 20, 23, 47, 90])
    def test_time_alone_never_opens_it(self, hours: int) -> None:
        ends = tuple(
            Ended(f"i{number}", NOW + number * 2 * HOUR, failed)
            for number, failed in enumerate([False, False, False, False, True, True, True])
        )
        now, budget = NOW + (12 + hours) * HOUR, Budget(ended=ends)
        posture = Posture(now, ComplianceState.COMPLIANT, ())

        assert refusal(budget, rules(breaker=self.BREAKER), wanted(), now) is None
        assert seen(budget, rules(breaker=self.BREAKER).policy, "c", posture) == budget

    def test_an_end_by_a_clock_that_is_ahead_hides_none(self) -> None:
        budget = self.after(True, True)
        budget = learnt(budget, Ended("ahead", NOW + 30 * DAY, failed=True), self.BREAKER)

        found = refusal(budget, rules(breaker=self.BREAKER), wanted(), NOW + HOUR)

        assert found is not None
        assert found.reason == "BreakerOpen"

    def test_it_says_how_many_failed_and_how_to_go_on(self) -> None:
        budget = self.after(True, False, True)
        found = refusal(budget, rules(), wanted(), NOW)

        assert found is not None
        assert "2 of the last 3 remediations failed" in found.message
        assert "fipswarden breaker reset" in found.message

    def test_once_open_no_success_closes_it(self) -> None:
        budget = self.after(True, True, True, *[False] * 20)

        assert budget.broken == self.after(True, True, True).broken

    def test_an_end_that_is_told_twice_counts_once(self) -> None:
        once = learnt(Budget(), Ended("i1", NOW, failed=True), self.BREAKER)

        assert learnt(once, Ended("i1", NOW + HOUR, failed=True), self.BREAKER) == once

    def test_it_remembers_how_long_and_how_many_nodes_from_the_place(self) -> None:
        budget = Budget({ONE: place(wanted(), "i1", NOW - HOUR)})

        found = learnt(budget, Ended("i1", NOW, failed=False), self.BREAKER).ended

        assert found == (Ended("i1", NOW, failed=False, began=NOW - HOUR, nodes=3),)

    def test_the_document_keeps_its_size(self) -> None:
        budget = self.after(*[False] * 250)

        assert len(budget.ended) == 200
        assert budget.ended[-1].intent == "i249"


def verdict(pool: str, state: ComplianceState, mode: Mode = Mode.ENFORCE) -> PoolPosture:
    """A verdict of one finding."""
    return PoolPosture(pool, state, (Finding("flag", state, "R", "m"),), mode, "default", 0, "one", NOW)


def asleep(reason: str) -> PoolPosture:
    """A pool that the control plane alone calls compliant."""
    finding = Finding("proof", ComplianceState.COMPLIANT, reason, "nobody was asked")
    return replace(verdict("apps", ComplianceState.COMPLIANT), findings=(finding,))


def undecided() -> PoolPosture:
    """A pool of which nobody knows which rule holds: nothing is done to it."""
    finding = Finding("rule", ComplianceState.UNKNOWN, "FieldUnreadable", "m")
    return replace(verdict("apps", ComplianceState.UNKNOWN, Mode.ALERT), findings=(finding,))


class TestCanaries:
    """The canary opens its ring when it is proven, and never holds it for a reason that will not pass."""

    POLICY = rules(rings=(Ring("one"), Ring("two"))).policy
    AT_FIRST = Canary(ONE, "apps", stage=STAGE)
    BEFORE = Budget(canaries={"one": AT_FIRST, "two": Canary(TWO, "apps", stage=POLICY.stage(Ring("two")))})

    def after(self, *verdicts: PoolPosture, cluster: str = ONE, budget: Budget = BEFORE) -> Canary | None:
        posture = Posture(NOW, ComplianceState.UNKNOWN, verdicts)
        return seen(budget, self.POLICY, cluster, posture).canaries.get("one")

    def test_it_is_proven_when_its_verdict_is_compliant(self) -> None:
        assert self.after(verdict("apps", ComplianceState.COMPLIANT)) == replace(self.AT_FIRST, proven=True)

    @pytest.mark.parametrize(
        "state", [ComplianceState.UNKNOWN, ComplianceState.NON_COMPLIANT, ComplianceState.INCONSISTENT]
    )
    def test_until_then_it_stays(self, state: ComplianceState) -> None:
        assert self.after(verdict("apps", state), verdict("batch", ComplianceState.COMPLIANT)) == self.AT_FIRST

    def test_proven_once_it_stays_so(self) -> None:
        proven = Budget(canaries={"one": replace(self.AT_FIRST, proven=True)})

        assert self.after(verdict("apps", ComplianceState.UNKNOWN), budget=proven) == replace(
            self.AT_FIRST, proven=True
        )

    @pytest.mark.parametrize(
        "verdicts",
        [
            (),
            (verdict("batch", ComplianceState.COMPLIANT),),
            (verdict("apps", ComplianceState.EXEMPT),),
            (verdict("apps", ComplianceState.NOT_APPLICABLE),),
            (verdict("apps", ComplianceState.NON_COMPLIANT, Mode.ALERT),),
            (replace(verdict("apps", ComplianceState.NON_COMPLIANT), ring=""),),
            (asleep("NoNodes"),),
            (asleep("Stopped"),),
        ],
    )
    def test_gone_excused_or_not_acted_on_it_is_none(self, verdicts: tuple[PoolPosture, ...]) -> None:
        assert self.after(*verdicts) is None

    @pytest.mark.parametrize("proven", [False, True])
    @pytest.mark.parametrize(
        "unknown",
        [
            replace(verdict("apps", ComplianceState.UNKNOWN), ring=UNTOLD),
            undecided(),
            replace(undecided(), ring=UNTOLD),
        ],
    )
    def test_while_its_rule_or_its_ring_is_not_known_it_stays(self, unknown: PoolPosture, *, proven: bool) -> None:
        before = Budget(canaries={"one": replace(self.AT_FIRST, proven=proven)})

        assert self.after(unknown, budget=before) == replace(self.AT_FIRST, proven=proven)

    @pytest.mark.parametrize(
        "none",
        [
            replace(verdict("apps", ComplianceState.NON_COMPLIANT, Mode.ALERT), ring=UNTOLD),
            replace(verdict("apps", ComplianceState.EXEMPT), ring=UNTOLD),
            replace(undecided(), ring=""),
        ],
    )
    def test_but_not_where_what_is_known_makes_it_none(self, none: PoolPosture) -> None:
        assert self.after(none) is None

    def test_it_moves_with_its_pool_into_another_ring_and_its_proof_does_not(self) -> None:
        off, well = (
            replace(verdict("apps", state), ring="two")
            for state in (ComplianceState.NON_COMPLIANT, ComplianceState.COMPLIANT)
        )
        two = self.POLICY.stage(Ring("two"))

        assert self.after(off) == Canary(ONE, "apps", stage=two)
        assert self.after(well) == Canary(ONE, "apps", proven=True, stage=two)
        assert self.after(well, budget=Budget(canaries={"one": replace(self.AT_FIRST, proven=True)})) is None

    @pytest.mark.parametrize(("ring", "stage"), [("two", "two"), ("", ""), (UNTOLD, None)])
    def test_what_is_under_way_is_told_to_be_in_the_ring_that_its_pool_is_in_by_now(
        self, ring: str, stage: str | None
    ) -> None:
        before = holding(wanted(ONE, ring=LAB), wanted(TWO, ring=LAB))
        posture = Posture(NOW, ComplianceState.UNKNOWN, (replace(verdict("apps", ComplianceState.UNKNOWN), ring=ring),))

        found = seen(before, self.POLICY, ONE, posture).places

        was = before.places[ONE].stage
        assert found[ONE].stage == (was if stage is None else self.POLICY.stage_called(stage))
        assert found[TWO] == before.places[TWO]

    def test_while_its_cluster_shows_no_pool_it_stays(self) -> None:
        posture = judged(cluster(agentPoolProfiles=[]))

        assert seen(self.BEFORE, self.POLICY, ONE, posture).canaries == self.BEFORE.canaries

    def test_a_look_at_another_cluster_says_nothing_of_it(self) -> None:
        found = seen(self.BEFORE, self.POLICY, THREE, Posture(NOW, ComplianceState.COMPLIANT, ()))

        assert found is self.BEFORE


class TestCounts:
    """What the resync counted."""

    def test_a_ring_is_clean_since_the_first_count_that_found_it_so(self) -> None:
        first = counted(Budget(), counts({"one": RingCount(5, 0)}))
        second = counted(first, counts({"one": RingCount(6, 0)}, at=NOW + HOUR))
        third = counted(second, counts({"one": RingCount(6, 1)}, at=NOW + 2 * HOUR))
        fourth = counted(third, counts({"one": RingCount(6, 0)}, at=NOW + 3 * HOUR))

        since = [one.counts.rings["one"].clean_since for one in (first, second, third, fourth) if one.counts]
        assert since == [NOW, NOW, None, NOW + 3 * HOUR]

    def test_what_is_not_judged_closes_a_ring_and_leaves_its_soak_alone(self) -> None:
        """A comment in the policy, or one subscription that can't be read, must not begin a soak of days anew."""
        first = counted(Budget(), counts({"one": RingCount(5, 0)}))
        second = counted(first, counts({"one": RingCount(5, 3, unjudged=3)}, at=NOW + HOUR))
        never = counted(Budget(), counts({"one": RingCount(5, 3, unjudged=3)}))

        assert second.counts
        assert second.counts.rings["one"].clean_since == NOW
        assert refusal(second, rules(rings=(Ring("one"), SECOND)), wanted(ring=SECOND), NOW + HOUR)
        assert never.counts
        assert never.counts.rings["one"].clean_since is None

    def test_a_ring_that_is_about_other_pools_now_soaks_anew(self) -> None:
        first = counted(Budget(), counts({"one": RingCount(5, 0, stage="a")}))
        same = counted(first, counts({"one": RingCount(5, 0, stage="a")}, at=NOW + HOUR))
        other = counted(first, counts({"one": RingCount(45, 0, stage="b")}, at=NOW + HOUR))

        assert [one.counts.rings["one"].clean_since for one in (same, other) if one.counts] == [NOW, NOW + HOUR]

    def test_what_a_ring_is_about_is_its_match_and_what_the_rings_above_take(self) -> None:
        test, rest = Ring("test", Match(tags={"env": "test"}), line=3), Ring("rest")
        same = replace(test, soak=DAY, match=replace(test.match, line=9), line=8)
        other = replace(test, match=Match(tags={"env": "dev"}))

        def stages(ring: Ring) -> list[str]:
            made = rules(rings=(ring, rest)).policy
            return [made.stage(one) for one in made.rings]

        assert stages(same) == stages(test), "neither its place in the file nor how long it soaks"
        assert all(one != two for one, two in zip(stages(other), stages(test), strict=True))
        assert stages(replace(test, name="lab")) == stages(test), "nor what it is called"

    @pytest.mark.parametrize(
        ("count", "says"),
        [
            (RingCount(10, 1), "1 of its 10 pools is not proven."),
            (RingCount(10, 3), "3 of its 10 pools are not proven."),
            (RingCount(2, 1, unseen=1), "0 of its 2 pools are not proven. 1 cluster or subscription that nobody could"),
            (RingCount(0, 2, unseen=2), "0 of its 0 pools are not proven. 2 clusters or subscriptions that nobody"),
            (
                RingCount(4, 1, unseen=1, untold=1),
                "0 of its 4 pools are not proven. 1 pool whose ring can't be told is not proven either: `fipswarden ex",
            ),
            (
                RingCount(4, 5, unseen=4, untold=3),
                "`fipswarden explain` says why of each. 1 cluster or subscription that nobody could judge may hold",
            ),
        ],
    )
    def test_what_nobody_saw_is_not_told_as_a_pool(self, count: RingCount, says: str) -> None:
        made = rules(rings=(Ring("one"), SECOND))

        found = refusal(Budget(counts=counts({"one": count})), made, wanted(ring=SECOND), NOW)

        assert found is not None
        assert says in found.message

    @pytest.mark.parametrize(
        ("changes", "allowed"),
        [({}, 10), ({"at": NOW - COUNTS_LAST}, 10), ({"at": NOW - COUNTS_LAST - MINUTE}, 1)],
    )
    def test_a_share_of_a_count_that_is_old_is_one(self, changes: dict[str, Any], allowed: int) -> None:
        made = rules(Limit(percent=10))
        others = [wanted(f"{SUBSCRIPTION}|rg|c{number}") for number in range(allowed - 1)]

        last = refusal(holding(*others, counts=counts(**changes)), made, wanted(TWO), NOW)
        over = refusal(holding(*others, wanted(THREE), counts=counts(**changes)), made, wanted(TWO), NOW)

        assert last is None
        assert over is not None
        assert f"the policy allows {allowed}." in over.message

    @pytest.mark.parametrize("disruption", [{"concurrent": Limit(percent=50)}, {"per_subscription": Limit(percent=50)}])
    def test_a_share_of_a_scope_that_another_policy_had_is_one(self, disruption: dict[str, Any]) -> None:
        made = rules(**{"concurrent": Limit(9), **disruption})
        same_subscription = wanted(f"{SUBSCRIPTION}|rg|other")
        one = holding(same_subscription, counts=counts())
        other = holding(same_subscription, counts=counts(policy="p0"))

        assert refusal(one, made, wanted(ONE), NOW) is None
        assert refusal(other, made, wanted(ONE), NOW) is not None

    def test_a_share_of_a_ring_that_another_policy_counted_is_one(self) -> None:
        ring = Ring("one", concurrent=Limit(percent=50), canary=False)
        made = rules(Limit(9), rings=(ring,))
        one = holding(wanted(THREE, ring=ring), counts=counts({"one": RingCount(10)}))
        other = replace(one, counts=counts({"one": RingCount(10)}, policy="p0"))

        assert refusal(one, made, wanted(TWO, ring=ring), NOW) is None
        assert refusal(other, made, wanted(TWO, ring=ring), NOW) is not None

    def test_a_canary_that_nobody_looks_after_leaves_its_ring(self) -> None:
        budget = Budget(canaries={"two": Canary(TWO, "apps")})

        assert counted(budget, counts({"two": RingCount(5, 1)}), watches=lambda one: one == SUBSCRIPTION).canaries == {}
        assert counted(budget, counts({"two": RingCount(5, 1)}), watches=lambda one: one == OTHER_SUBSCRIPTION).canaries

    def test_a_ring_in_which_nothing_is_left_to_do_has_no_canary(self) -> None:
        proven = {name: Canary(ONE, "apps", proven=True, stage=name) for name in ("one", "two", "three")}

        found = counted(
            Budget(canaries=proven), counts({"1": RingCount(5, stage="one"), "2": RingCount(5, 1, stage="two")})
        )

        assert set(found.canaries) == {"two", "three"}

    def test_places_and_approvals_are_left_alone(self) -> None:
        budget = replace(holding(wanted()), approvals={"word": WORD}, paused=True)

        assert replace(counted(budget, counts()), counts=None) == budget


class BusyTable(MemoryTable):
    """A table in which somebody else writes the budget's row before each of our next writes."""

    def __init__(self, races: int) -> None:
        super().__init__(ManualClock(NOW))
        self.races = races

    def write(self, partition: str, put: Put) -> Written | None:
        if self.races:
            self.races -= 1
            row = self.read(partition, put.key)
            super().write(partition, Put(put.key, row.etag if row else None, {}, row.doc if row else {}))
        return super().write(partition, put)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable(ManualClock(NOW))


def reserve(table: MemoryTable, cluster: ClusterId, intent: str = "i1", limit: int = 5, at: datetime = NOW) -> bool:
    """Take a place as the remediation does."""
    wish = wanted(cluster.key)
    found = change(table, lambda now: taken(now, rules(Limit(limit)), wish, place(wish, intent, at), (), at))
    return found is not None and found.places[cluster.key].intent == intent


class TestRow:
    """The budget's row is changed by compare-and-swap alone."""

    ONE, TWO = CLUSTERS[:2]

    def test_it_is_empty_at_first(self, table: MemoryTable) -> None:
        assert read_budget(table) == Budget()

    def test_a_place_is_taken_and_given_back(self, table: MemoryTable) -> None:
        assert reserve(table, self.ONE)
        assert list(read_budget(table).places) == [self.ONE.key]

        release(table, self.ONE, lambda _: True, begun=True)
        assert read_budget(table).places == {}

    def test_the_last_place_is_taken_once(self, table: MemoryTable) -> None:
        assert reserve(table, self.ONE, limit=1)
        assert not reserve(table, self.TWO, "i2", limit=1)

    def test_giving_back_twice_is_giving_back_once(self, table: MemoryTable) -> None:
        reserve(table, self.ONE)
        reserve(table, self.TWO, "i2")

        for _ in range(2):
            release(table, self.ONE, lambda _: True, begun=True)

        assert list(read_budget(table).places) == [self.TWO.key]

    def test_who_lost_the_lease_gives_nothing_back(self, table: MemoryTable) -> None:
        def lost(_: Place) -> bool:
            raise LeaseLostError("lost")

        reserve(table, self.ONE)

        with pytest.raises(LeaseLostError):
            release(table, self.ONE, lost, begun=True)
        release(table, self.TWO, lost, begun=True)

        assert list(read_budget(table).places) == [self.ONE.key]

    def test_a_place_that_may_not_be_given_back_stays(self, table: MemoryTable) -> None:
        reserve(table, self.ONE)

        release(table, self.ONE, lambda found: found.intent == "another", begun=True)

        assert list(read_budget(table).places) == [self.ONE.key]

    def test_a_lost_race_is_tried_again_on_what_the_winner_wrote(self) -> None:
        table = BusyTable(3)

        assert reserve(table, self.ONE)
        table.races = 3
        release(table, self.ONE, lambda _: True, begun=True)

        assert read_budget(table) == Budget(last_begun=NOW)

    def test_a_row_of_before_that_says_not_in_which_ring_a_place_is_is_read(self) -> None:
        table = MemoryTable(ManualClock(NOW))
        assert reserve(table, self.ONE)
        row = table.read("budget", "budget")
        assert row
        for one in row.doc["places"].values():
            one["ring"] = one.pop("stage")
        assert table.write("budget", Put("budget", row.etag, {}, row.doc))

        assert [one.stage for one in read_budget(table).places.values()] == [""]

    def test_who_loses_every_race_changes_nothing(self) -> None:
        table = BusyTable(100)

        with pytest.raises(OSError, match="try again"):
            reserve(table, self.ONE)
        with pytest.raises(OSError, match="try again"):
            pause(table, "ana", "stop", NOW)

        assert read_budget(table) == Budget()

    def test_what_changes_nothing_is_not_written(self, table: MemoryTable) -> None:
        reserve(table, self.ONE)
        before = table.read("budget", "budget")

        assert change(table, lambda budget: budget) == read_budget(table)
        assert change(table, lambda _: None) is None
        assert table.read("budget", "budget") == before

    def test_its_columns_show_what_lists_need(self, table: MemoryTable) -> None:
        reserve(table, self.ONE)
        pause(table, "ana", "stop", NOW)

        row = table.read("budget", "budget")

        assert row is not None
        assert row.columns == {"active": 1, "paused": True, "broken": False}

    def test_old_places_are_found(self, table: MemoryTable) -> None:
        reserve(table, self.ONE, at=NOW - 4 * HOUR)
        reserve(table, self.TWO, "i2")

        assert list(stale_places(table, NOW - 3 * HOUR)) == [self.ONE]
        assert list(stale_places(table, NOW - 4 * HOUR)) == []


class TestPeople:
    """What people say stands in the same document."""

    def test_a_pause_stops_new_places_and_leaves_the_old_ones(self, table: MemoryTable) -> None:
        reserve(table, CLUSTERS[0])

        assert pause(table, "ana", "incident", NOW).paused_by == "ana: incident"

        assert not reserve(table, CLUSTERS[1], "i2")
        assert list(read_budget(table).places) == [CLUSTERS[0].key]
        resume(table, "ana", NOW)
        assert (read_budget(table).paused, read_budget(table).paused_by) == (False, "")
        assert reserve(table, CLUSTERS[1], "i2")

    def test_who_paused_first_stays_named(self, table: MemoryTable) -> None:
        pause(table, "ana", "stop", NOW)

        assert pause(table, "bob", "stop", NOW).paused_by == "ana: stop"
        assert read_budget(table).paused_by == "ana: stop"

    def test_the_demand_for_approvals_ends_when_a_text_approved_after_it_without_it_is_in_use(self) -> None:
        lax, other = book().policy, replace(book().policy, hash="p2")
        budget = Budget(guarded=True, approvals={lax.hash: WORD}, guarded_at=WORD.at - HOUR)

        assert unapproved(other, demand_as_used(other, budget, NOW), NOW), "the approval of one frees no other"
        ended = demand_as_used(lax, budget, NOW)
        assert not ended.guarded
        assert not unapproved(lax, replace(ended, approvals={}), NOW)

    def test_a_text_that_was_approved_before_the_demand_does_not_end_it(self) -> None:
        lax = book().policy
        budget = Budget(guarded=True, approvals={lax.hash: WORD}, guarded_at=WORD.at + MINUTE)

        assert demand_as_used(lax, budget, NOW) == budget
        assert not unapproved(lax, budget, NOW), "it is approved itself"

    def test_a_text_in_use_that_demands_approvals_makes_the_demand(self) -> None:
        strict = replace(book().policy, require_approved_policy=True)
        budget = Budget(approvals={strict.hash: WORD})

        assert demand_as_used(strict, budget, NOW) == replace(budget, guarded=True, guarded_at=WORD.at)
        assert demand_as_used(strict, Budget(), NOW) == Budget(), "not unless it is approved"

    def test_a_reset_closes_the_breaker_and_forgets_what_failed(self, table: MemoryTable) -> None:
        breaker = Breaker(least=1)
        change(table, lambda budget: learnt(budget, Ended("i1", NOW, failed=True), breaker))
        assert not reserve(table, CLUSTERS[0])

        reset_breaker(table, "ana", "mended", NOW)

        assert reserve(table, CLUSTERS[0])
        found = change(table, lambda budget: learnt(budget, Ended("i2", NOW, failed=False), breaker))
        assert found is not None
        assert not found.broken

    def test_an_approval_is_kept_until_it_ends(self, table: MemoryTable) -> None:
        approve(table, "word", WORD)
        later = replace(WORD, at=WORD.until, until=WORD.until + HOUR)

        assert agreed(read_budget(table), "word", WORD.until - MINUTE)
        assert not agreed(read_budget(table), "word", WORD.until)
        approve(table, "other", later)

        assert read_budget(table).approvals == {"other": later}

    def test_said_again_it_holds_as_said_last(self, table: MemoryTable) -> None:
        again = replace(WORD, by="bob", at=NOW, until=NOW + DAY)
        approve(table, "word", WORD)
        approve(table, "word", again)

        assert read_budget(table).approvals == {"word": again}


RINGS = (
    Ring("first", concurrent=Limit(2), soak=HOUR),
    Ring("second", canary=False, concurrent=Limit(percent=50)),
)
LIMITS = st.builds(Limit, st.integers(0, 4)) | st.builds(Limit, percent=st.integers(0, 100))


class BudgetMachine(RuleBasedStateMachine):
    """Clusters in two subscriptions and two rings, workers that die with a place, people, and a policy that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.table = MemoryTable(ManualClock(NOW))
        self.now = NOW
        self.book = rules(Limit(3), RINGS, per_subscription=Limit(2), nodes=12, spacing=MINUTE)
        self.intents = 0
        self.words = 0
        self.latched = ""
        self.ended: dict[str, tuple[datetime, bool]] = {}
        self.canary: tuple[str, str, bool] | None = None
        self.begun: list[datetime] = []

    def budget(self) -> Budget:
        return read_budget(self.table)

    def wish(self, cluster: ClusterId) -> Wanted:
        number = CLUSTERS.index(cluster)
        ring = (None, *RINGS)[number % 3]
        return Wanted(cluster.key, "apps", cluster.subscription, ring, number + 1)

    @rule(cluster=st.sampled_from(CLUSTERS), approve_first=st.booleans())
    def take(self, cluster: ClusterId, *, approve_first: bool) -> None:
        self.intents += 1
        intent, wish, before = f"i{self.intents}", self.wish(cluster), self.budget()
        needs = (f"word-{cluster.key}",)
        if approve_first:
            self.words += 1
            approve(self.table, needs[0], Approval("ana", self.now, self.now + HOUR, str(self.words)))
            before = self.budget()

        place_ = place(wish, intent, self.now, self.book)
        after = change(self.table, lambda budget: taken(budget, self.book, wish, place_, needs, self.now))

        if after is None:
            assert self.budget() == before
        else:
            self.check_allowed(wish, before, after, needs[0])
            self.begun.append(self.now)

    def check_allowed(self, wish: Wanted, before: Budget, after: Budget, word: str) -> None:
        """Say in other words what every place has to keep to."""
        disruption, held = self.book.policy.disruption, list(after.places.values())
        pools = before.counts.pools if before.counts else 0
        assert not before.paused
        assert not before.broken
        assert not self.too_many_failed()
        assert wish.cluster not in before.places
        assert len(held) <= allowed(disruption.concurrent, pools)
        assert sum(one.nodes for one in held) <= (disruption.nodes or 0)
        mine = [one for one in held if one.subscription == wish.subscription]
        assert len(mine) <= allowed(disruption.per_subscription, 6)
        if self.begun:
            assert self.now - self.begun[-1] >= disruption.spacing
        assert before.approvals[word].until > self.now
        assert word not in after.approvals
        self.check_ring(wish, before, held)

    def too_many_failed(self) -> bool:
        """Say whether by the policy as it is by now the breaker has to be open."""
        breaker = self.book.policy.disruption.breaker
        last = max((at for at, _ in self.ended.values()), default=self.now)
        lately = [failed for at, failed in self.ended.values() if last - at <= breaker.within]
        return (
            self.now - last <= breaker.within
            and len(lately) >= breaker.least
            and lately.count(True) / len(lately) >= breaker.failures / 100
        )

    def check_ring(self, wish: Wanted, before: Budget, held: list[Place]) -> None:
        if wish.ring is None:
            return
        count = before.counts.rings.get(wish.ring.name) if before.counts else None
        within = [one for one in held if one.stage == self.book.policy.stage(wish.ring)]
        assert len(within) <= allowed(wish.ring.concurrent, count.pools if count else 0)
        if wish.ring.name == "second":
            assert before.counts is not None
            first = before.counts.rings["first"]
            assert first.unproven == 0
            assert first.clean_since is not None
            assert self.now - first.clean_since >= HOUR
        elif self.canary is None:
            self.canary = (wish.cluster, wish.pool, False)
        else:
            assert self.canary[2] or self.canary[:2] == (wish.cluster, wish.pool)

    @precondition(lambda self: self.budget().places)
    @rule(data=st.data())
    def take_again_after_a_crash(self, data: st.DataObject) -> None:
        before = self.budget()
        key = data.draw(st.sampled_from(sorted(before.places)))
        wish = next(self.wish(one) for one in CLUSTERS if one.key == key)

        again = change(
            self.table,
            lambda budget: taken(
                budget, self.book, wish, before.places[key], tuple(before.places[key].approvals), self.now
            ),
        )

        assert again == before == self.budget()

    @rule(cluster=st.sampled_from(CLUSTERS), begun=st.booleans())
    def give_back(self, cluster: ClusterId, *, begun: bool) -> None:
        before = self.budget()

        release(self.table, cluster, lambda _: True, begun=begun)

        after = self.budget()
        assert cluster.key not in after.places
        used = before.places[cluster.key].approvals if cluster.key in before.places else {}
        assert after.approvals == (before.approvals if begun else {**before.approvals, **used})

    @rule(cluster=st.sampled_from(CLUSTERS), failed=st.booleans())
    def end(self, cluster: ClusterId, *, failed: bool) -> None:
        held = self.budget().places.get(cluster.key)
        if held:
            ended = Ended(held.intent, self.now, failed)
            change(self.table, lambda budget: learnt(budget, ended, self.book.policy.disruption.breaker))
            self.ended.setdefault(held.intent, (self.now, failed))
            self.latched = self.latched or self.budget().broken

    @rule(cluster=st.sampled_from(CLUSTERS), state=st.sampled_from(ComplianceState))
    def look(self, cluster: ClusterId, state: ComplianceState) -> None:
        ring = self.wish(cluster).ring
        posture = Posture(self.now, state, (replace(verdict("apps", state), ring=ring.name if ring else ""),))
        change(self.table, lambda budget: seen(budget, self.book.policy, cluster.key, posture))
        self.latched = self.latched or self.budget().broken
        assert self.latched or not self.too_many_failed()
        if self.canary and self.canary[0] == cluster.key:
            if state in (ComplianceState.EXEMPT, ComplianceState.NOT_APPLICABLE):
                self.canary = None
            elif state is ComplianceState.COMPLIANT:
                self.canary = (*self.canary[:2], True)

    @rule(unproven=st.integers(0, 1), pools=st.integers(1, 8))
    def count(self, unproven: int, pools: int) -> None:
        first, second = (self.book.policy.stage(ring) for ring in RINGS)
        rings = {"first": RingCount(pools, unproven, stage=first), "second": RingCount(pools, 1, stage=second)}
        found = Counts(self.now, 2 * pools, {SUBSCRIPTION: pools, OTHER_SUBSCRIPTION: pools}, rings, "p1")
        change(self.table, lambda budget: counted(budget, found))
        if not unproven:
            self.canary = None

    @rule()
    def pause(self) -> None:
        pause(self.table, "ana", "stop", NOW)

    @rule()
    def resume(self) -> None:
        resume(self.table, "ana", NOW)

    @rule()
    def reset(self) -> None:
        reset_breaker(self.table, "ana", "mended", NOW)
        self.latched = ""
        self.ended.clear()

    @rule(minutes=st.sampled_from([1, 20, 70]))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(
        concurrent=LIMITS,
        per_subscription=LIMITS,
        nodes=st.integers(0, 21),
        spacing=st.integers(0, 5),
        breaker=st.builds(
            Breaker,
            st.sampled_from([20, 60, 100]),
            st.sampled_from([10 * MINUTE, DAY]),
            st.sampled_from([1, 2, 4]),
        ),
    )
    def change_the_policy(
        self, concurrent: Limit, per_subscription: Limit, nodes: int, spacing: int, breaker: Breaker
    ) -> None:
        disruption = Disruption(concurrent, per_subscription, nodes, spacing * MINUTE, breaker)
        self.book = replace(self.book, policy=replace(self.book.policy, disruption=disruption))

    @invariant()
    def the_breaker_stays_open_until_somebody_resets_it(self) -> None:
        assert self.budget().broken == self.latched

    @invariant()
    def no_word_is_both_used_and_free(self) -> None:
        budget = self.budget()
        used = [word.what for one in budget.places.values() for word in one.approvals.values()]
        free = [word.what for word in budget.approvals.values()]

        assert len({*used, *free}) == len(used) + len(free)


def allowed(limit: Limit | None, pools: int) -> float:
    """The most that a limit may let through, by its words."""
    if limit is None:
        return 99
    share = 99.0 if limit.percent is None else max(1, pools * limit.percent / 100) if limit.percent else 0
    return min(share, 99 if limit.count is None else limit.count)


TestAnyOrder = BudgetMachine.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40)


class TestSoaksAnew:
    """A ring that was clean soaks anew from when a resync finds it clean again, not from when it was before."""

    LONG_CLEAN = Budget(counts=counts({"first": RingCount(10, 0, NOW - 30 * DAY)}))
    RULES = rules(rings=(FIRST, SECOND))

    def test_with_a_remediation(self) -> None:
        wish = wanted(TWO, ring=FIRST)
        held = taken(self.LONG_CLEAN, self.RULES, wish, place(wish), (), NOW)
        assert held
        after = released(held, TWO, begun=True)

        closed = refusal(after, self.RULES, wanted(ring=SECOND), NOW)
        assert closed
        assert (closed.reason, "no resync has counted it since" in closed.message) == ("RingClosed", True)
        recounted = counted(after, replace(counts({"first": RingCount(10, 0)}), at=NOW + HOUR))
        assert recounted.counts
        assert recounted.counts.rings["first"].clean_since == NOW + HOUR

    @pytest.mark.parametrize(
        ("read", "remembered"),
        [
            (cluster(disabled()), Memory()),
            (cluster(), memory(apps=proof(disagreeing=("n1",)))),
            (cluster(profile(provisioningState="Failed")), Memory()),
            (cluster(profile(osSKU="Haiku", provisioningState="Upgrading")), Memory()),
        ],
        ids=["FIPS is off", "a node says no", "AKS left it failed", "more than what passes"],
    )
    def test_with_a_pool_that_fails(self, read: Cluster, remembered: Memory) -> None:
        posture = judged(read, remembered, self.RULES)
        after = seen(self.LONG_CLEAN, self.RULES.policy, ONE, posture)
        recounted = counted(after, counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        assert posture.pools[0].state is not ComplianceState.COMPLIANT
        assert self.closed(after) == "RingClosed"
        assert recounted.counts
        assert recounted.counts.rings["first"].clean_since == NOW + HOUR

    @pytest.mark.parametrize(
        ("read", "remembered"),
        [
            (cluster(profile(provisioningState="Upgrading")), memory(apps=proof())),
            (cluster(), Memory()),
            (cluster(), memory(apps=replace(proof(), changed=True))),
            (cluster(profile(count=5)), memory(apps=proof())),
            (cluster(), memory(apps=replace(proof(), unreadable="NodesUnreadable: no answer"))),
        ],
        ids=["AKS works on it", "not asked yet", "a node joined", "a node is not there yet", "no answer for now"],
    )
    def test_but_not_with_one_where_all_that_is_wrong_passes_by_itself(self, read: Cluster, remembered: Memory) -> None:
        """The ring is closed until it is counted again, and its soak goes on."""
        posture = judged(read, remembered, self.RULES)
        after = seen(self.LONG_CLEAN, self.RULES.policy, ONE, posture)
        recounted = counted(after, counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        assert posture.pools[0].state is ComplianceState.UNKNOWN
        assert self.closed(after) == "RingClosed"
        assert self.closed(recounted, NOW + HOUR) is None
        assert recounted.counts
        assert recounted.counts.rings["first"].clean_since == NOW - 30 * DAY

    @pytest.mark.parametrize("before", [judged(cluster(), memory(apps=proof()), RULES), None], ids=["known", "never"])
    def test_nor_with_a_cluster_that_cannot_be_read(self, before: Posture | None) -> None:
        posture = evaluate(Unreadable("ServerError", "no", None), Memory(), self.RULES, before, NOW)
        after = seen(self.LONG_CLEAN, self.RULES.policy, ONE, posture)
        recounted = counted(after, counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        assert self.closed(after) == "RingClosed"
        assert recounted.counts
        assert recounted.counts.rings["first"].clean_since == NOW - 30 * DAY

    def closed(self, budget: Budget, now: datetime = NOW) -> str | None:
        """Why the next ring waits."""
        found = refusal(budget, self.RULES, wanted(ring=SECOND), now)
        return found.reason if found else None

    def test_what_is_told_anew_in_time_is_not_lost_on_a_count_that_reads_a_row_before_its_look_ends(self) -> None:
        off = judged(cluster(disabled()), rules=self.RULES)
        early = seen(counting(self.LONG_CLEAN, NOW), self.RULES.policy, ONE, off)
        late = seen(early, self.RULES.policy, TWO, replace(off, at=NOW + HOUR - MINUTE))
        recounted = counted(counting(late, NOW + HOUR), counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        assert self.closed(recounted, NOW + HOUR) == "RingClosed"

    def test_an_exemption_that_ends_closes_its_ring_until_it_is_counted_anew(self) -> None:
        held = Budget(counts=counts({"first": RingCount(10, 0, NOW - 30 * DAY, exempt_until=NOW + MINUTE)}))

        assert self.closed(held) is None
        assert self.closed(held, NOW + MINUTE) == "RingClosed"

    def test_of_two_counts_that_overlap_the_one_that_began_last_is_believed(self) -> None:
        last = counted(self.LONG_CLEAN, counts({"first": RingCount(10, 1)}, at=NOW + HOUR))

        assert counted(last, counts({"first": RingCount(10, 0)}, at=NOW + MINUTE), NOW + HOUR + MINUTE) is last

    def test_counts_and_what_was_seen_by_a_clock_that_was_ahead_are_believed_by_nobody(self) -> None:
        ahead = counted(self.LONG_CLEAN, counts({"first": RingCount(10, 0)}, at=NOW + 30 * DAY))
        told = replace(ahead, unsettled={"first": NOW + 30 * DAY})
        after = counted(told, counts({"first": RingCount(10, 0)}))

        assert self.closed(ahead) == "RingClosed"
        assert after.counts == counts({"first": RingCount(10, 0, NOW)})
        assert after.unsettled == {}

    def test_what_a_look_saw_while_it_was_counted_is_not_overwritten_by_the_count(self) -> None:
        verdict = replace(judged(cluster()).pools[0], ring="first", state=ComplianceState.NON_COMPLIANT)
        begun = counting(self.LONG_CLEAN, NOW)
        told = seen(begun, self.RULES.policy, TWO, Posture(NOW + MINUTE, ComplianceState.NON_COMPLIANT, (verdict,)))
        again = seen(told, self.RULES.policy, TWO, Posture(NOW + 2 * MINUTE, ComplianceState.NON_COMPLIANT, (verdict,)))
        stale = counted(again, counts({"first": RingCount(10, 0)}))
        fresh = counted(counting(stale, NOW + HOUR), counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        assert again == told, "one word a count is enough"
        assert stale.counts
        assert stale.counts.rings["first"].clean_since is None
        assert fresh.counts
        assert (fresh.counts.rings["first"].clean_since, fresh.unsettled) == (NOW + HOUR, {})

    def test_a_pool_whose_ring_cannot_be_told_closes_every_ring_until_the_next_count(self) -> None:
        verdict = replace(judged(cluster()).pools[0], ring=UNTOLD, state=ComplianceState.UNKNOWN)
        told = seen(
            counting(self.LONG_CLEAN, NOW),
            self.RULES.policy,
            TWO,
            Posture(NOW + MINUTE, ComplianceState.UNKNOWN, (verdict,)),
        )
        after = counted(told, counts({"first": RingCount(10, 0)}, at=NOW + HOUR))

        closed = refusal(told, self.RULES, wanted(ring=SECOND), NOW + MINUTE)
        assert closed
        assert (closed.reason, "whose ring can't be told" in closed.message) == ("RingClosed", True)
        assert refusal(after, self.RULES, wanted(ring=SECOND), NOW + HOUR) is None, "and none soaks anew for it"
