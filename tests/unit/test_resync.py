"""The look at the whole fleet: it only queues looks; absence, lag and nonsense in Resource Graph decide nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryQueue, MemoryTable
from shared import postures
from shared.budget import change, read_budget
from shared.domain.budget import Approval, Budget, Counts, Place, RingCount
from shared.domain.codec import fingerprint
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.looks import OVERDUE
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, Gone, Unreadable
from shared.domain.policy import Ring, Scope
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.records import Head
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips
from shared.policy_warnings import kept_warnings
from shared.ports import FleetHint, Put
from shared.postures import StoredPosture, commit, control_digest, read_posture
from shared.resync import Resynced, ResyncPorts, resync
from shared.rollout import HORIZON
from tests.builders import (
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    OUT_OF_SCOPE,
    SUBSCRIPTION,
    arm_cluster,
    book,
    cluster,
    cluster_id,
    disabled,
    exemption,
    memory,
    profile,
    proof,
)

UNREADABLE = Unreadable("Unintelligible", "Resource Graph's row can't be read", None)


@dataclass
class Fleet:
    """What ARM and Resource Graph say, in pages of one."""

    hints: list[FleetHint] = field(default_factory=list)
    covered: tuple[str, ...] = (SUBSCRIPTION,)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    configured: tuple[str, ...] = ()
    closed: dict[str, Unreadable] = field(default_factory=dict)

    def subscriptions(self) -> tuple[str, ...]:
        """The subscriptions that ARM lists."""
        return self.covered

    def watches(self, subscription: str) -> bool:
        """As FIPSWARDEN_SUBSCRIPTIONS says."""
        return not self.configured or subscription in self.configured

    def unreadable(self, subscription: str) -> Unreadable | None:
        """What ARM says to a list of the clusters."""
        return self.closed.get(subscription)

    def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
        """The rows of Resource Graph, ordered by subscription and id, as its query asks."""
        self.asked.append(tuple(subscriptions))
        yield from sorted(self.hints, key=lambda hint: hint.cluster.key if hint.cluster else "")


@dataclass
class Policies:
    """A rulebook, or why there is none."""

    rules: Rulebook | Unreadable = ENFORCING

    def load(self) -> Rulebook | Unreadable:
        """The rulebook as it is now."""
        return self.rules


class Bench:
    """A fleet, its stored postures, and what a resync of them queues."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.fleet, self.policies = Fleet(), Policies()
        self.postures, self.rollout = MemoryTable(self.clock), MemoryTable(self.clock)
        self.queue, self.alerts = MemoryQueue(self.clock), MemoryAlerts()

    def hint(self, read: ClusterRead, one: ClusterId | None = None) -> None:
        """Resource Graph shows a cluster."""
        found = one or (read.id if isinstance(read, Cluster) else cluster_id())
        self.fleet.hints.append(FleetHint(read, found))

    def looked(
        self,
        read: ClusterRead,
        one: ClusterId | None = None,
        *,
        proven: bool = True,
        disagreeing: tuple[str, ...] = (),
        due: timedelta | None = None,
    ) -> None:
        """A look has committed a posture of what it read."""
        found = one or (read.id if isinstance(read, Cluster) else cluster_id())
        remembered = memory(apps=proof(disagreeing=disagreeing)) if proven else Memory()
        rules = self.policies.rules
        assert isinstance(rules, Rulebook)
        stored = StoredPosture(
            Head(1),
            evaluate(read, remembered, rules, None, NOW),
            rules=rules.hash,
            control=control_digest(read, rules, NOW),
            due=NOW + due if due is not None else None,
        )
        commit(self.postures, found, stored)

    def place(self, one: ClusterId, age: timedelta) -> None:
        """A remediation has held its place for some time."""
        made = Place("i", "apps", one.subscription, 3, NOW - age)
        change(self.rollout, lambda budget: replace(budget, places={**budget.places, one.key: made}))

    @property
    def counts(self) -> Counts:
        """What the last resync told the budget, without the fingerprints of the rings."""
        found = read_budget(self.rollout).counts
        assert found is not None
        return replace(found, rings={name: replace(ring, stage="") for name, ring in found.rings.items()})

    def run(self) -> Resynced:
        """Resync."""
        return resync(
            ResyncPorts(self.clock, self.fleet, self.policies, self.postures, self.rollout, self.queue, self.alerts)
        )

    @property
    def queued(self) -> list[tuple[str, str, timedelta]]:
        """Cluster, cause and delay of each message."""
        return [(str(one.request.cluster), one.request.cause, one.visible - NOW) for one in self.queue.messages]


@pytest.fixture
def bench() -> Bench:
    return Bench()


NO_DELAY = timedelta()


def another(name: str = "aks-other", subscription: str = SUBSCRIPTION) -> Cluster:
    """A cluster of another name."""
    return replace(cluster(), id=cluster_id(name, subscription=subscription))


def test_a_cluster_that_is_as_it_was_is_left_alone(bench: Bench) -> None:
    bench.hint(cluster())
    bench.looked(cluster())

    assert bench.run() == Resynced(1, 1, 0)
    assert bench.queued == []


def test_a_cluster_that_nobody_has_looked_at_is_queued(bench: Bench) -> None:
    bench.hint(cluster())

    assert bench.run() == Resynced(1, 1, 1)
    assert bench.queued == [("rg-pay/aks-pay", "resync: never looked at", NO_DELAY)]


@pytest.mark.parametrize(
    "now",
    [
        cluster(disabled()),
        cluster(profile("apps"), profile("new")),
        cluster(profile(provisioningState="Upgrading")),
        cluster(profile(nodeImageVersion="AKSAzureLinux-V3gen2fips-202612.01.0")),
        cluster(agentPoolProfiles=[]),
    ],
)
def test_drift_is_queued(bench: Bench, now: Cluster) -> None:
    bench.looked(cluster())
    bench.hint(now)

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: drift", NO_DELAY)]


def test_an_unreadable_hint_queues_a_look_and_nothing_more(bench: Bench) -> None:
    bench.looked(cluster())
    bench.hint(UNREADABLE)
    before = list(bench.postures.rows(("state",)))

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: drift", NO_DELAY)]
    assert list(bench.postures.rows(("state",))) == before


def test_an_unreadable_hint_of_a_new_cluster_is_queued_too(bench: Bench) -> None:
    bench.hint(UNREADABLE)

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: never looked at", NO_DELAY)]


def test_what_is_unknown_is_looked_at_every_time(bench: Bench) -> None:
    bench.hint(cluster())
    bench.looked(cluster(), proven=False)

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: unknown", NO_DELAY)]


def test_what_is_inconsistent_is_looked_at_every_time_since_only_the_nodes_can_tell(bench: Bench) -> None:
    bench.hint(cluster())
    bench.looked(cluster(), disagreeing=("node-1",))

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: inconsistent", NO_DELAY)]


@pytest.mark.parametrize(
    ("due", "delay"),
    [
        (timedelta(minutes=-5), NO_DELAY),
        (timedelta(minutes=20), timedelta(minutes=20)),
        (HORIZON, HORIZON),
        (HORIZON + timedelta(seconds=1), None),
        (None, None),
    ],
)
def test_what_falls_due_before_the_next_resync_is_queued_for_its_time(
    bench: Bench, due: timedelta | None, delay: timedelta | None
) -> None:
    bench.hint(cluster())
    bench.looked(cluster(), due=due)

    bench.run()

    assert bench.queued == ([] if delay is None else [("rg-pay/aks-pay", "resync: due", delay)])


class TestAbsence:
    """Resource Graph lags and pages: what it does not show may well exist."""

    def test_it_queues_a_look_and_removes_nothing(self, bench: Bench) -> None:
        bench.looked(cluster())

        assert bench.run() == Resynced(1, 0, 1)
        assert bench.queued == [("rg-pay/aks-pay", "resync: not in Resource Graph", NO_DELAY)]
        assert len(list(bench.postures.rows(()))) == 1

    def test_of_one_of_two_it_queues_that_one(self, bench: Bench) -> None:
        bench.looked(cluster())
        bench.looked(another())
        bench.hint(cluster())

        bench.run()

        assert bench.queued == [("rg-pay/aks-other", "resync: not in Resource Graph", NO_DELAY)]

    def test_of_a_whole_subscription_that_is_no_longer_listed_it_queues_all(self, bench: Bench) -> None:
        bench.looked(another(subscription=OTHER_SUBSCRIPTION))

        bench.run()

        assert [cause for _, cause, _ in bench.queued] == ["resync: not in Resource Graph"]

    def test_of_what_is_known_to_be_gone_it_queues_nothing(self, bench: Bench) -> None:
        bench.looked(Gone())

        bench.run()

        assert bench.queued == []

    def test_what_was_gone_and_is_there_again_is_looked_at(self, bench: Bench) -> None:
        bench.looked(Gone())
        bench.hint(cluster())

        bench.run()

        assert bench.queued == [("rg-pay/aks-pay", "resync: drift", NO_DELAY)]


class TestScope:
    """What the policy excludes costs nothing, until it no longer does."""

    OUT = book(exclude=(ClusterMatch(tags={"env": "prod"}),))

    def test_an_excluded_cluster_gets_no_look_and_no_row(self, bench: Bench) -> None:
        bench.policies.rules = self.OUT
        bench.hint(cluster())

        bench.run()

        assert bench.queued == []
        assert list(bench.postures.rows(())) == []

    def test_a_cluster_that_becomes_excluded_is_looked_at_once_more(self, bench: Bench) -> None:
        bench.looked(cluster())
        bench.policies.rules = self.OUT
        bench.hint(cluster())
        bench.run()
        assert bench.queued == [("rg-pay/aks-pay", "resync: drift", NO_DELAY)]

    def test_and_then_left_alone(self, bench: Bench) -> None:
        bench.policies.rules = self.OUT
        bench.looked(cluster())
        bench.hint(cluster())

        bench.run()

        assert bench.queued == []


def test_several_subscriptions_are_read_and_each_cluster_queued_once(bench: Bench) -> None:
    bench.fleet.covered = (SUBSCRIPTION, OTHER_SUBSCRIPTION, "30000000-0000-4000-8000-000000000003")
    for subscription in (OTHER_SUBSCRIPTION, SUBSCRIPTION):
        for number in range(3):
            bench.hint(another(f"aks-{number}", subscription))
    bench.looked(another("aks-1", OTHER_SUBSCRIPTION))
    bench.looked(another("aks-9", OTHER_SUBSCRIPTION))

    assert bench.run() == Resynced(3, 6, 6)

    assert bench.fleet.asked == [bench.fleet.covered]
    names = [one.request.cluster.key.replace("|rg-pay|", "/") for one in bench.queue.messages]
    assert sorted(names) == sorted(
        [f"{SUBSCRIPTION}/aks-{number}" for number in range(3)]
        + [f"{OTHER_SUBSCRIPTION}/aks-{number}" for number in (0, 2, 9)]
    )


def test_a_hint_in_another_case_is_the_same_cluster(bench: Bench) -> None:
    bench.looked(cluster())
    upper = arm_cluster()
    upper["id"] = upper["id"].upper()
    bench.hint(cluster(id=upper["id"]))

    bench.run()

    assert bench.queued == []


def test_an_old_reservation_is_looked_into(bench: Bench) -> None:
    bench.looked(cluster())
    bench.hint(cluster())
    for one, age in ((cluster_id(), 4), (cluster_id("young"), 1)):
        bench.place(one, timedelta(hours=age))

    bench.run()

    assert bench.queued == [("rg-pay/aks-pay", "resync: an old reservation", NO_DELAY)]


class TestCoverage:
    """What can't be read is told, never merely missing."""

    NO = Unreadable("Forbidden", "The app may not read it.", None)

    def test_a_subscription_that_arm_will_not_list_is_counted_and_told_once_a_day(self, bench: Bench) -> None:
        bench.fleet.covered = (SUBSCRIPTION, OTHER_SUBSCRIPTION)
        bench.fleet.closed = {OTHER_SUBSCRIPTION: self.NO}

        assert bench.run() == Resynced(2, 0, 0, unreadable=1)
        bench.run()
        bench.clock.advance(timedelta(days=1))
        bench.run()

        told = bench.alerts.sent
        assert [alert.key for alert in told] == [
            f"coverage:{fingerprint([OTHER_SUBSCRIPTION])}:2026-11-{day}" for day in ("23", "23", "24")
        ]
        assert (told[0].reason, told[0].severity) == ("CoverageUnknown", "warning")
        assert told[0].title == "1 subscription can't be read: what is there is not known"
        for said in (f"{OTHER_SUBSCRIPTION}: The app may not read it.", "count as unknown", "`fipswarden reader`"):
            assert said in told[0].text

    def test_hundreds_that_can_t_be_read_are_one_alert_that_names_ten(self, bench: Bench) -> None:
        names = [f"30000000-0000-4000-8000-{number:012}" for number in range(300)]
        soon = Unreadable("Throttled", "Slow down.", timedelta(seconds=9))
        bench.fleet.covered = tuple(names)
        bench.fleet.closed = {name: self.NO if number >= 295 else soon for number, name in enumerate(names)}

        bench.run()

        (alert,) = bench.alerts.sent
        assert alert.title == "300 subscriptions can't be read: what is there is not known"
        assert [name for name in names if name in alert.text] == [*names[:5], *names[295:]], "what lasts comes first"
        assert " And 290 more. " in alert.text

    def test_one_that_passes_by_itself_makes_no_second_alert_of_the_day(self, bench: Bench) -> None:
        bench.fleet.covered = (SUBSCRIPTION, OTHER_SUBSCRIPTION)
        bench.fleet.closed = {OTHER_SUBSCRIPTION: self.NO}
        bench.run()
        bench.fleet.closed |= {SUBSCRIPTION: Unreadable("Throttled", "Slow down.", timedelta(seconds=9))}
        bench.run()

        first, second = bench.alerts.sent
        assert first.key == second.key

    def test_its_known_clusters_are_looked_at(self, bench: Bench) -> None:
        bench.looked(cluster())
        bench.fleet.closed = {SUBSCRIPTION: self.NO}

        assert bench.run() == Resynced(1, 0, 1, unreadable=1)
        assert bench.queued == [("rg-pay/aks-pay", "resync: not in Resource Graph", NO_DELAY)]

    def test_what_passes_by_itself_asks_for_no_role(self, bench: Bench) -> None:
        bench.fleet.closed = {SUBSCRIPTION: Unreadable("Throttled", "Slow down.", timedelta(seconds=9))}

        bench.run()

        assert "role" not in bench.alerts.sent[0].text


class TestWatched:
    """FIPSWARDEN_SUBSCRIPTIONS bounds what is looked at, whatever earlier settings left."""

    def test_a_known_cluster_of_a_subscription_that_was_taken_out_is_left_alone(self, bench: Bench) -> None:
        bench.looked(another(subscription=OTHER_SUBSCRIPTION))
        bench.fleet.configured = (SUBSCRIPTION,)

        assert bench.run() == Resynced(1, 0, 0)
        assert bench.queued == []

    def test_but_its_place_in_the_budget_is_looked_into(self, bench: Bench) -> None:
        """A subscription that is not looked after any more must not keep one."""
        one = cluster_id(subscription=OTHER_SUBSCRIPTION)
        bench.place(one, timedelta(hours=4))
        bench.fleet.configured = (SUBSCRIPTION,)

        bench.run()

        assert [(message.request.cluster, message.request.cause) for message in bench.queue.messages] == [
            (one, "resync: an old reservation")
        ]


FIRST, SECOND = Ring("first", Match(clusters=("aks-a*",))), Ring("second", Match(clusters=("aks-b*",)))
RINGED = book(rings=(FIRST, SECOND))


class TestCounts:
    """What the budget is told of the fleet: shares and rings hang on it."""

    @pytest.fixture(autouse=True)
    def rings(self, bench: Bench) -> None:
        """A policy with two rings."""
        bench.policies.rules = RINGED

    def both(self, bench: Bench, read: Cluster, **looked: Any) -> None:
        """A cluster that was looked at and is as it was."""
        bench.looked(read, due=timedelta(days=1), **looked)
        bench.hint(read)

    def test_pools_are_counted_by_subscription_and_by_ring(self, bench: Bench) -> None:
        bench.fleet.covered = (SUBSCRIPTION, OTHER_SUBSCRIPTION)
        self.both(bench, replace(cluster(profile("apps"), disabled("batch")), id=cluster_id("aks-a1")))
        self.both(bench, another("aks-b1", OTHER_SUBSCRIPTION))
        self.both(bench, another("aks-c1", OTHER_SUBSCRIPTION), proven=False)

        bench.run()

        assert bench.counts == Counts(
            NOW,
            4,
            {SUBSCRIPTION: 2, OTHER_SUBSCRIPTION: 2},
            {"first": RingCount(2, 1), "second": RingCount(1, 0, NOW)},
            "p1",
            exemptions="e1",
        )

    def test_a_ring_without_pools_is_done(self, bench: Bench) -> None:
        bench.run()

        assert bench.counts.rings == {"first": RingCount(0, 0, NOW), "second": RingCount(0, 0, NOW)}

    def test_a_cluster_that_nobody_has_looked_at_is_unproven_in_its_ring(self, bench: Bench) -> None:
        bench.hint(replace(cluster(profile("apps"), profile("batch")), id=cluster_id("aks-a1")))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(2, 2, unjudged=2)
        assert bench.counts.rings["second"].unproven == 0
        assert (bench.counts.blind, bench.counts.gaps) == (1, (cluster_id("aks-a1").arm_id,))

    def test_what_passes_by_itself_closes_its_ring_for_now(self, bench: Bench) -> None:
        self.both(bench, another("aks-a1"))
        self.both(bench, replace(cluster(profile(provisioningState="Upgrading")), id=cluster_id("aks-a2")))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(2, 1, unjudged=1)

    def test_the_count_keeps_when_the_first_exemption_ends_that_a_ring_rests_on(self, bench: Bench) -> None:
        excusing = [
            replace(exemption(name=name, expires=NOW + timedelta(days=days)), match=Match(clusters=(name,)))
            for name, days in (("aks-a1", 3), ("aks-a2", 2))
        ]
        bench.policies.rules = book(rings=RINGED.policy.rings, exemptions=tuple(excusing))
        for name in ("aks-a1", "aks-a2"):
            self.both(bench, replace(cluster(disabled()), id=cluster_id(name)))

        bench.run()

        ends = NOW + timedelta(days=2)
        assert bench.counts.rings["first"] == RingCount(2, 0, NOW, exempt_until=ends)

    def test_a_row_of_a_version_that_said_less_of_rings_is_taken_for_no_judgement_and_looked_at(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says of no exemption when it ends."""
        excused = exemption(match=Match(clusters=("aks-a1",)))
        bench.policies.rules = book(rings=RINGED.policy.rings, exemptions=(excused,))
        with monkeypatch.context() as before:
            before.setattr(postures, "_PARTS", 2)
            self.both(bench, replace(cluster(disabled()), id=cluster_id("aks-a1")))
        row = bench.postures.read(SUBSCRIPTION, cluster_id("aks-a1").key)
        assert row is not None
        old = Put(row.key, row.etag, {**row.columns, "rings": '{"first": [1, 0]}'}, row.doc)
        bench.postures.write(SUBSCRIPTION, old)

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1, unjudged=1)
        assert bench.queued == [(str(cluster_id("aks-a1")), "resync: drift", NO_DELAY)]

    def test_of_many_that_nobody_could_judge_some_are_named(self, bench: Bench) -> None:
        bench.fleet.closed = {SUBSCRIPTION: Unreadable("Forbidden", "no", None)}
        for number in range(12):
            bench.hint(another(f"aks-a{number}"))

        bench.run()

        assert (bench.counts.blind, len(bench.counts.gaps)) == (13, 10)
        assert bench.counts.gaps[:2] == (f"subscription {SUBSCRIPTION}", cluster_id("aks-a0").arm_id)

    def test_one_that_cannot_even_be_read_may_be_in_any(self, bench: Bench) -> None:
        bench.hint(UNREADABLE, cluster_id("aks-a1"))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]
        assert bench.counts.blind == 1

    def test_one_that_a_look_could_not_read_either_counts_in_the_ring_where_resource_graph_shows_it(
        self, bench: Bench
    ) -> None:
        bench.looked(UNREADABLE, cluster_id("aks-a1"), due=timedelta(days=1))
        bench.hint(another("aks-a1"))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1, unjudged=1)
        assert bench.counts.rings["second"].unproven == 0

    def test_the_rings_of_one_that_cannot_be_read_any_more_are_those_of_today(self, bench: Bench) -> None:
        """Its row keeps the pools of the last reading, in the rings of the policy of then."""
        bench.policies.rules = book(rings=(Ring("old"),))
        bench.looked(another("aks-a1"), due=timedelta(days=1))
        bench.policies.rules = RINGED
        stored = read_posture(bench.postures, cluster_id("aks-a1"))
        unread = evaluate(UNREADABLE, Memory(), RINGED, stored.posture, NOW)
        commit(bench.postures, cluster_id("aks-a1"), replace(stored, posture=unread, rules=RINGED.hash))
        bench.hint(another("aks-a1"))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1, unjudged=1)

    def test_one_that_cannot_be_read_and_shows_no_pool_may_have_any(self, bench: Bench) -> None:
        bench.looked(UNREADABLE, cluster_id("aks-a1"), due=timedelta(days=1))
        bench.hint(replace(another("aks-a1"), pools=()))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]

    def test_shares_are_of_what_is_in_scope_today(self, bench: Bench) -> None:
        bench.looked(another("aks-a1"), due=timedelta(days=1))
        bench.policies.rules = book(rings=RINGED.policy.rings, exclude=(ClusterMatch(clusters=("aks-a1",)),))
        bench.policies.rules = replace(bench.policies.rules, exemptions=replace(RINGED.exemptions, hash="e2"))
        bench.hint(another("aks-a1"))

        bench.run()

        assert (bench.counts.pools, bench.counts.subscriptions) == (0, {})

    def test_a_pool_whose_ring_cannot_be_told_keeps_every_ring_closed(self, bench: Bench) -> None:
        asking = Ring("old", Match(kubernetes=VersionRange("<1.31")))
        bench.policies.rules = book(rings=(asking, Ring("rest")))
        self.both(bench, cluster(disabled(currentOrchestratorVersion="x")))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]
        assert [(ring.unseen, ring.untold) for ring in bench.counts.rings.values()] == [(1, 1), (1, 1)]

    @pytest.mark.parametrize("by", ["nothing is asked of it", "an exemption"])
    def test_but_not_where_nothing_is_left_to_do_for_it(self, bench: Bench, by: str) -> None:
        asking = Ring("old", Match(kubernetes=VersionRange("<1.31")))
        excused = exemption(covers=("FieldUnreadable", "FipsDisabled"))
        made: dict[str, Any] = {"exemptions": (excused,)} if by == "an exemption" else {"fips": Fips.ANY}
        bench.policies.rules = book(rings=(asking, Ring("rest")), **made)
        self.both(bench, cluster(disabled(currentOrchestratorVersion="x")))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [0, 0]
        assert bench.counts.pools == 1

    def test_a_cluster_of_which_nobody_knows_whether_it_is_excluded_counts(self, bench: Bench) -> None:
        rings = RINGED.policy.rings
        bench.policies.rules = book(rings=rings, exclude=(ClusterMatch(locations=("usgov*",)),))
        self.both(bench, replace(cluster(location=None), id=cluster_id("aks-a1")))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1)
        assert bench.counts.pools == 1

    def test_a_text_approved_without_a_demand_ends_it_once_it_is_in_use(self, bench: Bench) -> None:
        word = Approval("ana", NOW, NOW + timedelta(days=9), "the policy")
        change(bench.rollout, lambda _: Budget(guarded=True, approvals={RINGED.policy.hash: word}))

        bench.run()

        assert not read_budget(bench.rollout).guarded

    @pytest.mark.parametrize("shown", [True, False])
    def test_one_that_nobody_could_ever_read_may_be_in_any_ring_also_after_a_look(
        self, bench: Bench, shown: bool
    ) -> None:
        bench.looked(UNREADABLE, cluster_id("aks-a1"), due=timedelta(days=1))
        if shown:
            bench.hint(UNREADABLE, cluster_id("aks-a1"))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]
        assert [ring.unseen for ring in bench.counts.rings.values()] == [1, 1]

    def test_a_row_that_names_no_cluster_is_counted_and_keeps_every_ring_closed(self, bench: Bench) -> None:
        self.both(bench, another("aks-a1"))
        bench.fleet.hints.append(FleetHint(UNREADABLE, None))

        assert bench.run() == Resynced(1, 1, 0, unaddressed=1)
        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]
        assert bench.counts.blind == 1

    def test_so_does_a_subscription_that_cannot_be_read(self, bench: Bench) -> None:
        bench.fleet.closed = {SUBSCRIPTION: Unreadable("Forbidden", "no", None)}

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]
        assert bench.counts.blind == 1

    def by_other_rules(self, bench: Bench, rules: Rulebook = ENFORCING) -> None:
        """A cluster whose posture another rulebook made, when its ring had another name or none."""
        bench.policies.rules = rules
        bench.looked(another("aks-a1"), due=timedelta(days=1))
        bench.policies.rules = RINGED

    @pytest.mark.parametrize("before", [book(rings=(Ring("old"),)), ENFORCING, OUT_OF_SCOPE])
    def test_what_was_judged_by_other_rules_is_unproven_in_its_ring_of_today(
        self, bench: Bench, before: Rulebook
    ) -> None:
        """A ring that is new or renamed must not look done."""
        self.by_other_rules(bench, replace(before, exemptions=replace(before.exemptions, hash="e0")))
        bench.hint(another("aks-a1"))

        bench.run()

        assert bench.counts.rings == {"first": RingCount(1, 1, unjudged=1), "second": RingCount(0, 0, NOW)}
        assert bench.counts.blind == 0

    @pytest.mark.parametrize("read", [UNREADABLE, None])
    def test_where_nobody_shows_what_it_is_it_may_be_in_any_ring(self, bench: Bench, read: Unreadable | None) -> None:
        self.by_other_rules(bench, OUT_OF_SCOPE)
        bench.policies.rules = replace(RINGED, exemptions=replace(RINGED.exemptions, hash="e2"))
        if read:
            bench.hint(read, cluster_id("aks-a1"))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [1, 1]

    def test_what_todays_rules_leave_out_counts_in_no_ring(self, bench: Bench) -> None:
        self.by_other_rules(bench)
        bench.policies.rules = book(rings=RINGED.policy.rings, exclude=(ClusterMatch(clusters=("aks-a1",)),))
        bench.policies.rules = replace(bench.policies.rules, exemptions=replace(RINGED.exemptions, hash="e2"))
        bench.hint(another("aks-a1"))

        bench.run()

        assert [ring.unproven for ring in bench.counts.rings.values()] == [0, 0]

    def test_a_cluster_that_was_gone_and_is_there_again_is_unproven(self, bench: Bench) -> None:
        bench.looked(Gone(), cluster_id("aks-a1"))
        bench.hint(another("aks-a1"))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1, unjudged=1)

    def test_verdicts_that_nobody_renews_are_no_proof(self, bench: Bench) -> None:
        self.both(bench, another("aks-a1"))
        bench.clock.advance(timedelta(days=1) + OVERDUE + timedelta(seconds=1))

        bench.run()

        assert bench.counts.rings["first"] == RingCount(1, 1, unjudged=1)

    def test_neither_what_is_gone_nor_what_is_excluded_counts(self, bench: Bench) -> None:
        bench.policies.rules = book(rings=RINGED.policy.rings, exclude=(ClusterMatch(clusters=("aks-a1",)),))
        self.both(bench, another("aks-a1"))
        bench.looked(Gone(), cluster_id("aks-a2"))

        bench.run()

        assert (bench.counts.pools, bench.counts.rings["first"]) == (0, RingCount(0, 0, NOW))
        assert bench.counts.subscriptions == {}

    def test_the_rest_of_the_budget_stays(self, bench: Bench) -> None:
        bench.place(cluster_id(), timedelta(hours=1))
        change(bench.rollout, lambda budget: replace(budget, paused=True, paused_by="ana"))

        bench.run()

        budget = read_budget(bench.rollout)
        assert replace(budget, counts=None) == Budget(budget.places, paused=True, paused_by="ana", counting=NOW)
        assert list(budget.places) == [cluster_id().key]


class TestManagementGroups:
    """A subscription that a management group brings into scope and nobody looks at is told."""

    def scope(self, bench: Bench, *subscriptions: str) -> None:
        rules = book()
        scope = Scope(management_groups=("mg-prod",), subscriptions=subscriptions)
        bench.policies.rules = replace(rules, policy=replace(rules.policy, scope=scope))

    def test_it_counts_as_not_readable(self, bench: Bench) -> None:
        self.scope(bench, SUBSCRIPTION, OTHER_SUBSCRIPTION)

        assert bench.run().unreadable == 1

        (alert,) = bench.alerts.sent
        assert (alert.reason, alert.severity) == ("CoverageUnknown", "warning")
        assert OTHER_SUBSCRIPTION in alert.text
        assert bench.counts.blind == 1

    def test_what_is_looked_at_is_not_told(self, bench: Bench) -> None:
        self.scope(bench, SUBSCRIPTION)

        assert bench.run().unreadable == 0
        assert bench.alerts.sent == []


def test_by_the_last_good_rules_the_fleet_is_looked_at_all_the_same_and_the_trouble_is_told(bench: Bench) -> None:
    bench.hint(cluster())
    bench.policies.rules = replace(ENFORCING, trouble="line 3: `enforc` is not one of audit, alert.")

    assert bench.run() == Resynced(1, 1, 1)

    (alert,) = bench.alerts.sent
    assert (alert.reason, alert.severity) == ("PolicyInvalid", "critical")
    assert "line 3" in alert.text
    assert "nothing is remediated" in alert.text
    counts = read_budget(bench.rollout).counts
    assert counts is not None
    assert counts.trouble == bench.policies.rules.trouble, "commands that explain what the app does read it there"


def test_without_a_policy_nothing_is_queued_and_it_is_told_once_a_day(bench: Bench) -> None:
    bench.hint(cluster())
    bench.looked(another())
    bench.policies.rules = Unreadable("PolicyInvalid", "line 3, column 1: `enforc` is not one of", None)

    assert bench.run() == Resynced(0, 0, 0)
    bench.run()
    bench.clock.advance(timedelta(days=1))
    bench.run()

    assert bench.queued == []
    assert [alert.severity for alert in bench.alerts.sent] == ["critical"] * 3
    assert len({alert.key for alert in bench.alerts.sent}) == 2
    assert "`enforc`" in bench.alerts.sent[0].text
    assert "nothing is remediated" in bench.alerts.sent[0].text


def test_what_the_fleets_source_raises_is_the_hosts_to_see(bench: Bench) -> None:
    class Broken(Fleet):
        def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
            yield from super().clusters(subscriptions)
            raise OSError("page 2: 503")

    bench.fleet = Broken()
    bench.hint(cluster())
    bench.looked(another())

    with pytest.raises(OSError, match="page 2"):
        bench.run()

    assert "not in Resource Graph" not in str(bench.queued), "a page that is missing is no absence"


class TestWarnings:
    """What is probably not meant is told once, and only of a fleet that was seen whole."""

    RULES = Rulebook(
        read_policy("version: 1\nrings:\n- {name: test, match: {pools: [gone]}}\n- {name: rest}\n"),
        read_exemptions(
            "version: 1\nexemptions: [{name: old, match: {pools: [apps]}, category: waiver, reason: x, owner: ana, "
            "approver: bob, ticket: T, created: 2026-01-01, expires: 2026-02-01}]"
        ),
    )

    def bench(self) -> Bench:
        made = Bench()
        made.policies.rules = self.RULES
        made.hint(cluster())
        return made

    def test_a_ring_without_pools_a_glob_and_an_exemption_that_is_over_are_told_together_and_kept(self) -> None:
        bench = self.bench()

        bench.run()

        (alert,) = bench.alerts.sent
        assert (alert.reason, alert.severity) == ("PolicyWarning", "warning")
        ring, glob, over = alert.text.split("; line ")
        assert ring.startswith("line 3: RING `test` HAS NO NODE POOL in scope")
        assert glob == "3: `gone` in `pools` of ring `test` matches nothing in the fleet"
        assert over.startswith("2: exemption `old` ended on 2026-02-01")
        assert len(kept_warnings(bench.rollout, self.RULES)) == 3

    def test_they_are_told_once_and_what_is_new_by_itself(self) -> None:
        bench = self.bench()
        bench.run()
        bench.run()
        bench.policies.rules = replace(self.RULES, warnings=("an empty group",))
        bench.run()

        assert [alert.text.count("line ") for alert in bench.alerts.sent] == [3, 0]
        assert bench.alerts.sent[-1].text == "an empty group"

    def test_once_they_are_mended_they_are_gone(self) -> None:
        bench = self.bench()
        bench.run()
        bench.policies.rules = ENFORCING
        bench.run()

        assert kept_warnings(bench.rollout, ENFORCING) == kept_warnings(bench.rollout, self.RULES) == ()
        assert len(bench.alerts.sent) == 1

    @pytest.mark.parametrize("blind", ["row", "subscription", "address", "trouble"])
    def test_while_a_part_of_the_fleet_or_todays_texts_can_t_be_read_nothing_is_told(self, blind: str) -> None:
        bench = self.bench()
        match blind:
            case "row":
                bench.hint(UNREADABLE, cluster_id("aks-x"))
            case "subscription":
                bench.fleet.closed = {SUBSCRIPTION: UNREADABLE}
            case "address":
                bench.fleet.hints.append(FleetHint(UNREADABLE, None))
            case _:
                bench.policies.rules = replace(self.RULES, trouble="policy.yaml can't be read.")

        bench.run()

        assert "PolicyWarning" not in [alert.reason for alert in bench.alerts.sent]
        assert kept_warnings(bench.rollout, self.RULES) == ()
