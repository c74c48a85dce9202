"""Which changes people are told about: one alert per change, none for what merely goes on or passes by itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.alert import Alert
from shared.domain.alerts import LASTS, SEVERITIES, Before, alert_id, changes, news, owed, running
from shared.domain.announced import begun
from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, ComplianceState, Gone, Mode, ProofLevel, Unreadable
from shared.domain.operation import OutcomeState
from shared.domain.planned import ActionKind, Deferral, Notice, Plan
from shared.domain.posture import Posture
from shared.domain.proven import Strays
from shared.domain.refusals import breaker_open
from shared.domain.settings import ProofSettings
from tests.builders import (
    ENFORCING,
    NOW,
    book,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    operation,
    profile,
    proof,
)

UNREADABLE = Unreadable("Forbidden", "Assign the app's role on this subscription.", None)
GOOD = judged(cluster(), memory(apps=proof()))
BAD = judged(cluster(disabled()))
UNPROVEN = judged(cluster())
AGREELESS = judged(cluster(), memory(apps=proof(disagreeing=("n1",))))
UNREAD = evaluate(UNREADABLE, Memory(), ENFORCING, BAD, NOW)
GONE = evaluate(Gone(), Memory(), ENFORCING, BAD, NOW)


def told(old: Posture | None, new: Posture) -> list[tuple[str, str, str]]:
    return [(alert.pool, alert.severity, alert.reason) for alert in changes(cluster_id(), old, new, 7)]


def with_mode(read: Cluster, mode: Mode) -> Posture:
    return judged(read, rules=book(mode))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, GOOD, []),
        (None, BAD, [("apps", "warning", "FipsDisabled")]),
        (None, AGREELESS, [("apps", "critical", "NodesDisagree")]),
        (None, UNPROVEN, []),
        (GOOD, BAD, [("apps", "warning", "FipsDisabled")]),
        (GOOD, AGREELESS, [("apps", "critical", "NodesDisagree")]),
        (GOOD, UNPROVEN, []),
        (GOOD, GOOD, []),
        (BAD, BAD, []),
        (BAD, AGREELESS, [("apps", "critical", "NodesDisagree")]),
        (BAD, UNPROVEN, []),
        (BAD, GOOD, [("apps", "good", "NodesProven")]),
        (AGREELESS, GOOD, [("apps", "good", "NodesProven")]),
    ],
)
def test_a_change_is_told_and_what_goes_on_is_not(
    old: Posture | None, new: Posture, expected: list[tuple[str, str, str]]
) -> None:
    assert told(old, new) == expected


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"provisioningState": "Failed"}, "ProvisioningFailed"),
        ({"osSKU": "Haiku"}, "OsSkuUnknown"),
        ({"enableFIPS": None}, "FlagUnreadable"),
    ],
)
def test_what_does_not_pass_by_itself_is_told_although_it_is_only_unknown(
    properties: dict[str, Any], reason: str
) -> None:
    assert told(GOOD, judged(cluster(profile(**properties)))) == [("apps", "warning", reason)]


def test_an_operation_that_runs_is_not_told() -> None:
    assert told(BAD, judged(cluster(profile(provisioningState="Upgrading")))) == []


def test_a_second_reason_beside_one_that_was_told_is_told() -> None:
    other = judged(cluster(disabled(osSKU="Ubuntu2404")))

    assert [alert.text for alert in changes(cluster_id(), BAD, other, 7)] == [
        (
            "enableFIPS is false: the pool runs a non-FIPS image. "
            "Ubuntu 24.04 has no FIPS image. Set the OS SKU to Ubuntu2204, which can be done in place."
        )
    ]


def agreeless(*names: str) -> Posture:
    return judged(cluster(), memory(apps=proof(disagreeing=names)))


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        (("n1",), ("n1", "n2"), "n2"),
        (("n1", "n2"), ("n2",), ""),
        (("n1",), ("n2",), "n2"),
        (
            ("n1",),
            tuple(f"n{number:02}" for number in range(12)),
            "n00, n01, n02, n03, n04, n05, n06, n07, n08, n09 and",
        ),
    ],
)
def test_each_further_node_that_lies_is_told_with_its_name(
    before: tuple[str, ...], now: tuple[str, ...], new: str
) -> None:
    found = changes(cluster_id(), agreeless(*before), agreeless(*now), 7)

    assert [alert.severity for alert in found] == (["critical"] if new else [])
    assert all(f"New among them: {new}" in alert.text for alert in found)


def test_who_lies_is_told_anew_to_those_who_were_told_of_nobody() -> None:
    """A verdict of a version that kept no names tells nothing of who is new."""
    old = agreeless("n1")
    (pool,) = old.pools
    nameless = replace(pool, findings=tuple(replace(found, nodes=()) for found in pool.findings))

    assert told(replace(old, pools=(nameless,)), agreeless("n1", "n2")) == []
    assert told(None, agreeless("n1", "n2")) == [("apps", "critical", "NodesDisagree")]


def test_the_end_of_an_exemption_is_told_although_the_reason_stays_the_same() -> None:
    (pool,) = BAD.pools
    excused = [replace(found, state=ComplianceState.EXEMPT) for found in pool.findings]
    exempt = replace(BAD, pools=(replace(pool, state=ComplianceState.EXEMPT, findings=tuple(excused)),))

    assert told(None, exempt) == []
    assert told(exempt, BAD) == [("apps", "warning", "FipsDisabled")]


def at(read: Cluster, now: datetime, before: Posture | None = None, remembered: Memory | None = None) -> Posture:
    """The posture of a cluster at a time."""
    return evaluate(read, remembered or Memory(), ENFORCING, before, now)


class TestWhatLasts:
    """What the next look usually clears is told once it has lasted, and its end only if it was."""

    BUSY = cluster(profile(provisioningState="Upgrading"))
    PROVEN = memory(apps=proof())

    def test_a_passing_reason_is_told_once_it_has_lasted_an_hour_and_never_again(self) -> None:
        times = [NOW, NOW + LASTS - timedelta(seconds=1), NOW + LASTS, NOW + 2 * LASTS]
        before, said = GOOD, []
        for now in times:
            after = at(self.BUSY, now, before)
            said.append(told(before, after))
            before = after

        assert said == [[], [], [("apps", "warning", "OperationInProgress")], []]

    def test_what_passed_in_time_ends_without_good_news(self) -> None:
        busy = at(self.BUSY, NOW, GOOD)

        assert told(busy, at(cluster(), NOW + timedelta(minutes=50), busy, self.PROVEN)) == []

    def test_what_was_told_ends_with_good_news(self) -> None:
        busy = at(self.BUSY, NOW, GOOD)
        again = at(self.BUSY, NOW + LASTS, busy)

        assert told(again, at(cluster(), NOW + 2 * LASTS, again, self.PROVEN)) == [("apps", "good", "NodesProven")]

    def test_reasons_that_alternate_are_told_once_the_state_has_lasted(self) -> None:
        before, said = GOOD, list[tuple[int, str, str, str]]()
        for minutes in range(0, 160, 20):
            read = self.BUSY if minutes % 40 else cluster()
            after = at(read, NOW + timedelta(minutes=minutes), before)
            said.extend((minutes, *one) for one in told(before, after))
            before = after

        assert said == [(60, "apps", "warning", "OperationInProgress")]
        assert told(before, at(cluster(), NOW + 3 * LASTS, before, self.PROVEN)) == [("apps", "good", "NodesProven")]

    def test_a_row_that_does_not_know_when_the_state_began_goes_by_its_reason(self) -> None:
        busy = at(self.BUSY, NOW, GOOD)
        kept = replace(busy, pools=(replace(busy.pools[0], state_since=None),))

        assert told(kept, at(cluster(), NOW + LASTS, kept)) == [("apps", "warning", "ProofMissing")]

    def test_the_hours_in_which_the_cluster_could_not_be_read_are_not_the_pools(self) -> None:
        unread = evaluate(UNREADABLE, Memory(), ENFORCING, GOOD, NOW)
        first = at(cluster(), NOW + 5 * LASTS, unread)
        second = at(cluster(), NOW + 6 * LASTS, first)

        assert told(unread, first) == [("", "good", "ClusterReadable")]
        assert told(first, second) == [("apps", "warning", "ProofMissing")]

    def test_what_lasted_while_nobody_was_to_be_told_is_told_when_a_policy_says_so(self) -> None:
        first = evaluate(self.BUSY, Memory(), book(Mode.AUDIT), None, NOW)
        hours = evaluate(self.BUSY, Memory(), book(Mode.AUDIT), first, NOW + 3 * LASTS)

        assert told(hours, at(self.BUSY, NOW + 4 * LASTS, hours)) == [("apps", "warning", "OperationInProgress")]

    def test_what_is_bad_beside_it_is_told_at_once(self) -> None:
        assert told(at(self.BUSY, NOW, GOOD), BAD) == [("apps", "warning", "FipsDisabled")]

    def test_a_first_look_at_what_passes_is_silent(self) -> None:
        assert told(None, at(self.BUSY, NOW)) == []


@pytest.mark.parametrize(
    ("changes", "reason"), [({"count": 0}, "NoNodes"), ({"powerState": {"code": "Stopped"}}, "Stopped")]
)
def test_the_control_planes_word_alone_is_no_good_news(changes: dict[str, Any], reason: str) -> None:
    assert told(BAD, judged(cluster(profile(**changes)))) == [("apps", "info", reason)]


class TestNodePoolsThatAreGone:
    """What people know to be bad and is there no more needs nobody."""

    TWO = judged(cluster(profile("apps"), disabled("batch")), memory(apps=proof()))

    def test_a_bad_pool_that_is_gone_is_told_once(self) -> None:
        assert told(self.TWO, GOOD) == [("batch", "info", "PoolGone")]
        assert told(GOOD, GOOD) == []

    def test_a_good_one_leaves_in_silence(self) -> None:
        two = judged(cluster(profile("apps"), profile("batch")), memory(apps=proof(), batch=proof()))

        assert told(two, GOOD) == []

    def test_and_so_does_one_of_which_nobody_was_told(self) -> None:
        audited = judged(cluster(profile("apps"), disabled("batch")), rules=book(Mode.AUDIT))

        assert told(audited, judged(cluster(), rules=book(Mode.AUDIT))) == []


class TestNodesOutsidePools:
    """Findings of the cluster itself are told like those of a pool, by the cluster's name alone."""

    PROVEN = memory(apps=proof())
    STRAY = judged(cluster(), replace(PROVEN, strays=Strays(NOW, 2, 1, ("n1",))))

    def test_that_they_are_being_asked_is_told_only_once_it_lasts(self) -> None:
        """They come and go by themselves: each time all of them are asked anew."""
        deep = book(proof=ProofSettings(ProofLevel.KERNEL))
        remembered = replace(self.PROVEN, strays=Strays(NOW, 2, 0, ("n1",)))
        old, told_of = None, []
        for minutes in (0, 59, 60, 61):
            new = evaluate(cluster(), remembered, deep, old, NOW + timedelta(minutes=minutes))
            told_of.append(told(old, new))
            old = new

        assert [("", "warning", "ProofLevelMissing") in each for each in told_of] == [False, False, True, False]

    def test_they_are_told_once(self) -> None:
        assert told(GOOD, self.STRAY) == [("", "warning", "NodesOutsidePools")]
        assert told(self.STRAY, self.STRAY) == []

    def test_the_alert_does_not_say_that_the_cluster_cannot_be_read(self) -> None:
        (alert,) = changes(cluster_id(), GOOD, self.STRAY, 7)

        assert alert.title == "rg-pay/aks-pay: non-compliant"
        assert "n1" in alert.text
        assert "unknown" not in alert.text

    def test_nobody_is_told_where_no_rule_tells_anybody(self) -> None:
        remembered = replace(self.PROVEN, strays=Strays(NOW, 2, 1, ("n1",)))

        assert told(None, judged(cluster(), remembered, book(Mode.AUDIT))) == []

    def outside(self, *names: str, **more: Any) -> Posture:
        found = replace(Strays(NOW, 3, len(names), names, denying=len(names)), **more)
        return judged(cluster(), replace(self.PROVEN, strays=found))

    @pytest.mark.parametrize(
        ("more", "severity", "reason"),
        [({}, "critical", "NodesDisagree"), ({"denying": 0}, "warning", "NodesOutsidePools")],
    )
    def test_each_further_one_is_told_and_their_end_is_good_news(
        self, more: dict[str, Any], severity: str, reason: str
    ) -> None:
        one, two = self.outside("n1", **more), self.outside("n1", "n2", **more)
        (further,) = changes(cluster_id(), one, two, 8)
        (ended,) = changes(cluster_id(), two, self.outside(), 9)
        (gone,) = changes(cluster_id(), two, GOOD, 9)

        assert (further.severity, further.reason) == (severity, reason)
        assert further.text.endswith("New among them: n2.")
        assert (ended.pool, ended.severity, ended.reason) == ("", "good", "NodesOutsidePoolsProven")
        assert (gone.severity, gone.reason) == ("good", "NodesOutsidePoolsGone")
        assert told(two, one) == []

    def test_their_end_is_told_though_a_proof_comes_between(self) -> None:
        deep = book(proof=ProofSettings(ProofLevel.KERNEL))
        remembered = memory(apps=proof(level=ProofLevel.KERNEL))

        def now(strays: Strays, old: Posture | None) -> Posture:
            return evaluate(cluster(), replace(remembered, strays=strays), deep, old, NOW)

        bad = now(Strays(NOW, 2, 1, ("n1",)), None)
        asking = now(Strays(NOW, 2, 0, ("n1",)), bad)
        well = now(Strays(NOW, 2, 0, ("n1",), level=ProofLevel.KERNEL), asking)
        owing = owed(Before(bad), asking, remembered)
        still = owed(Before(asking, owed=owing), asking, remembered)
        plan = Plan(None, (), None)

        assert owing == still == ("",)
        assert news(cluster_id(), Before(bad), asking, plan, remembered, 7) == ()
        found = news(cluster_id(), Before(asking, owed=owing), well, plan, remembered, 8)
        assert [(alert.severity, alert.reason) for alert in found] == [("good", "NodesOutsidePoolsProven")]
        assert owed(Before(asking, owed=owing), well, remembered) == ()
        assert news(cluster_id(), Before(asking), well, plan, remembered, 8) == (), "nobody was told of anything bad"

    def test_the_end_of_their_exemption_is_told(self) -> None:
        excused = replace(self.STRAY.cluster_findings[0], state=ComplianceState.EXEMPT)
        exempt = replace(self.STRAY, cluster_findings=(excused,))

        assert told(self.STRAY, exempt) == [("", "info", "NodesOutsidePools")]
        assert told(exempt, self.STRAY) == [("", "warning", "NodesOutsidePools")]

    def test_of_a_cluster_that_is_gone_their_end_is_no_good_news(self) -> None:
        assert told(self.STRAY, GONE) == [("", "info", "NodesOutsidePoolsGone")]

    def test_of_a_cluster_that_left_the_scope_nothing_is_said(self) -> None:
        assert told(self.STRAY, replace(GONE, in_scope=False, cluster_findings=())) == []

    def test_those_that_are_well_are_no_news(self) -> None:
        well = judged(cluster(), replace(self.PROVEN, strays=Strays(NOW, 2, 0, ("n1",))))

        assert told(GOOD, well) == []


class TestNews:
    """All that one look has to tell."""

    NOTHING = Plan(None, (), None)
    ACCEPTED = operation(outcome=OutcomeState.ACCEPTED)
    NOTICE = Notice("apps", "team@example.com", NOW + timedelta(days=2), "fips-objection")

    def told(
        self,
        old: Posture | None,
        new: Posture,
        plan: Plan = NOTHING,
        remembered: Memory = Memory(),  # noqa: B008 (frozen)
        begun_before: str = "",
        broken: str = "",
    ) -> list[tuple[str, str]]:
        found = news(cluster_id(), Before(old, begun_before), new, plan, remembered, 7, broken)
        return [(alert.pool, alert.reason) for alert in found]

    def test_that_a_pool_is_bad_and_is_being_remediated_is_one_thing(self) -> None:
        assert self.told(None, BAD, remembered=Memory(self.ACCEPTED)) == [("apps", "RemediationBegun")]

    def test_what_is_bad_in_another_pool_is_another(self) -> None:
        two = judged(cluster(disabled("apps"), disabled("batch")))

        assert self.told(None, two, remembered=Memory(self.ACCEPTED)) == [
            ("batch", "FipsDisabled"),
            ("apps", "RemediationBegun"),
        ]

    def test_a_beginning_is_told_once(self) -> None:
        assert self.told(BAD, BAD, remembered=Memory(self.ACCEPTED), begun_before="intent-1") == []

    @pytest.mark.parametrize(
        "outcome", [None, OutcomeState.REFUSED, OutcomeState.NOT_BEGUN, OutcomeState.UNKNOWN, OutcomeState.SUCCEEDED]
    )
    def test_what_aks_has_not_accepted_has_not_begun(self, outcome: OutcomeState | None) -> None:
        assert self.told(BAD, BAD, remembered=Memory(operation(outcome=outcome))) == []
        assert running(Memory(operation(outcome=outcome))) is None

    def test_the_end_of_a_remediation_is_good_news_though_nobody_committed_that_it_was_bad(self) -> None:
        remembered = memory(apps=PoolMemory(proof(), ended=NOW + timedelta(minutes=1)))
        after = at(cluster(), NOW + timedelta(minutes=2), None, remembered)

        assert self.told(GOOD, after, remembered=remembered) == [("apps", "NodesProven")]
        assert self.told(None, after, remembered=remembered) == [("apps", "NodesProven")]
        assert self.told(after, after, remembered=remembered) == []

    def test_it_is_told_when_the_proof_took_several_looks_and_only_once(self) -> None:
        remembered = memory(apps=PoolMemory(ended=NOW + timedelta(minutes=1)))
        asking = at(cluster(), NOW + timedelta(minutes=2), None, remembered)
        waiting = owed(Before(BAD), asking, remembered)
        proven = memory(apps=PoolMemory(proof(), ended=NOW + timedelta(minutes=1)))
        well = at(cluster(), NOW + timedelta(minutes=3), asking, proven)

        assert waiting == ("apps",)
        assert owed(Before(asking, owed=waiting), asking, remembered) == ("apps",), "as long as it takes"
        found = news(cluster_id(), Before(asking, owed=waiting), well, self.NOTHING, proven, 8)
        assert [(alert.severity, alert.reason) for alert in found] == [("good", "NodesProven")]
        assert owed(Before(asking, owed=waiting), well, proven) == ()
        assert news(cluster_id(), Before(well), well, self.NOTHING, proven, 9) == ()

    def test_an_owner_is_told_before_a_reimage(self) -> None:
        planned = Plan(None, (), None, (self.NOTICE,))

        (alert,) = news(cluster_id(), Before(BAD), BAD, planned, Memory(), 7)

        assert (alert.pool, alert.severity, alert.reason) == ("apps", "info", "RemediationAnnounced")
        assert alert.owner == "team@example.com"
        for said in ("2026-11-25 09:30 UTC", "`fips-objection`", "node pool apps"):
            assert said in alert.text

    def test_the_announcement_takes_the_place_of_the_finding(self) -> None:
        assert self.told(None, BAD, Plan(None, (), None, (self.NOTICE,))) == [("apps", "RemediationAnnounced")]

    def test_no_announcement_takes_the_place_of_a_contradiction(self) -> None:
        planned = Plan(None, (), None, (self.NOTICE,))

        assert self.told(BAD, AGREELESS, planned) == [("apps", "NodesDisagree"), ("apps", "RemediationAnnounced")]

    def test_nor_of_good_news(self) -> None:
        accepted = Memory(self.ACCEPTED)

        assert self.told(BAD, GOOD, remembered=accepted) == [("apps", "NodesProven"), ("apps", "RemediationBegun")]

    def test_nor_of_what_no_step_mends(self) -> None:
        stuck = judged(cluster(disabled(osSKU="Ubuntu2404")))

        assert self.told(BAD, stuck, remembered=Memory(self.ACCEPTED)) == [
            ("apps", "FipsDisabled"),
            ("apps", "RemediationBegun"),
        ]

    def test_the_rules_channels_are_told_what_is_announced_and_begun_at_the_time_of_the_look(self) -> None:
        routed = judged(cluster(disabled()), rules=book(alerts=("ops",)))
        planned = Plan(None, (), None, (self.NOTICE,))

        found = news(cluster_id(), Before(routed), routed, planned, Memory(self.ACCEPTED), 7)

        assert [(alert.reason, alert.channels, alert.at) for alert in found] == [
            ("RemediationAnnounced", ("ops",), NOW),
            ("RemediationBegun", ("ops",), NOW),
        ]

    def test_a_later_remediation_is_announced_anew(self) -> None:
        keys = {
            alert.key
            for until in (self.NOTICE.until, self.NOTICE.until + timedelta(days=9))
            for alert in news(
                cluster_id(), Before(BAD), BAD, Plan(None, (), None, (replace(self.NOTICE, until=until),)), Memory(), 7
            )
        }

        assert len(keys) == 2


class TestWhatWaitsForAPerson:
    """That a word is wanted, or the breaker's reset, is told when it begins, and once."""

    MISSING = Deferral("apps", "ApprovalMissing", "enable fips on apps waits.", None, "f00d")
    OPEN = Deferral("apps", "BreakerOpen", "3 of the last 3 remediations failed.")

    def told(
        self,
        before: tuple[Deferral, ...],
        after: tuple[Deferral, ...],
        *,
        cluster_name: str = "aks-pay",
        now: datetime = NOW,
    ) -> tuple[Alert, ...]:
        bad = replace(judged(cluster(disabled()), rules=book(alerts=("ops",))), at=now)
        return news(cluster_id(cluster_name), Before(bad, "", before), bad, Plan(None, after, None), Memory(), 7)

    def test_an_approval_that_is_wanted_names_the_command_and_follows_the_rules_channels(self) -> None:
        (alert,) = self.told((), (self.MISSING,))

        assert (alert.pool, alert.severity, alert.reason) == ("apps", "info", "ApprovalMissing")
        assert (alert.cluster, alert.channels, alert.at) == (cluster_id().arm_id, ("ops",), NOW)
        assert "`fipswarden approve rg-pay/aks-pay apps`" in alert.text

    def test_one_that_goes_on_to_be_wanted_is_not_told_again(self) -> None:
        assert self.told((self.MISSING,), (self.MISSING,)) == ()

    def test_the_approval_of_another_plan_or_pool_is_another(self) -> None:
        others = (replace(self.MISSING, approval="beef"), replace(self.MISSING, pool="batch"))

        found = self.told((self.MISSING,), others)

        assert [alert.pool for alert in found] == ["apps", "batch"]
        assert len({alert.key for alert in (*found, *self.told((), (self.MISSING,)))}) == 3

    def test_the_breaker_is_told_once_by_all_clusters_and_pools_together_and_to_all_channels(self) -> None:
        pools = (self.OPEN, replace(self.OPEN, pool="batch"))
        (one,), (other,) = (self.told((), pools, cluster_name=name) for name in ("aks-pay", "aks-other"))

        assert one == other
        assert (one.cluster, one.pool, one.channels) == ("", "", ())
        assert (one.severity, one.reason, one.text) == ("critical", "BreakerOpen", self.OPEN.message)

    def test_a_breaker_that_stays_open_is_not_told_again(self) -> None:
        assert self.told((self.OPEN,), (self.OPEN, replace(self.OPEN, pool="batch"))) == ()

    def test_one_that_opens_again_another_day_with_the_same_words_is_told_anew(self) -> None:
        (one,), (other,) = (self.told((), (self.OPEN,), now=now) for now in (NOW, NOW + timedelta(days=9)))

        assert one.key != other.key

    def test_the_look_that_opened_it_tells_it_though_nothing_of_its_own_waits_for_it(self) -> None:
        ended = memory(apps=PoolMemory(ended=NOW + timedelta(minutes=1)))
        broken = "3 of the last 3 remediations failed."

        (one,) = news(cluster_id(), Before(BAD), BAD, Plan(None, (), None), ended, 7, broken)
        (met,) = self.told((), (Deferral("apps", "BreakerOpen", breaker_open(broken)),))

        assert one == met, "whoever tells it, it is one alert"
        assert news(cluster_id(), Before(BAD), BAD, Plan(None, (), None), Memory(), 7, broken) == ()

    UNAPPROVED = Deferral("apps", "PolicyNotApproved", "The policy has changed and is not approved.", None, "f00d")

    def test_a_policy_that_waits_for_an_approval_is_told_once_for_the_fleet_with_its_hash(self) -> None:
        pools = (self.UNAPPROVED, replace(self.UNAPPROVED, pool="batch"))
        (one,), (other,) = (self.told((), pools, cluster_name=name) for name in ("aks-pay", "aks-other"))

        assert one == other
        assert (one.cluster, one.pool, one.channels, one.severity) == ("", "", (), "warning")
        assert "f00d" in one.text
        assert "`fipswarden policy approve`" in one.text
        assert self.told(pools, pools) == ()

    def test_the_next_policy_that_waits_is_told_anew(self) -> None:
        (one,) = self.told((self.UNAPPROVED,), (replace(self.UNAPPROVED, approval="beef"),))

        assert "beef" in one.text

    def test_other_reasons_to_wait_are_told_to_nobody(self) -> None:
        assert self.told((), (Deferral("apps", "OutsideWindow", "The window opens on Sunday."),)) == ()


class TestModes:
    """`audit` records and tells nobody."""

    def test_nobody_is_told_in_audit(self) -> None:
        assert told(None, with_mode(cluster(disabled()), Mode.AUDIT)) == []

    def test_turning_alerts_on_tells_what_was_wrong_before(self) -> None:
        before, after = (with_mode(cluster(disabled()), mode) for mode in (Mode.AUDIT, Mode.ALERT))

        assert told(before, after) == [("apps", "warning", "FipsDisabled")]

    def test_turning_on_enforcement_after_alerts_tells_nothing_again(self) -> None:
        before, after = (with_mode(cluster(disabled()), mode) for mode in (Mode.ALERT, Mode.ENFORCE))

        assert told(before, after) == []


class TestClusters:
    """What concerns a cluster as a whole is told once, and not once more per pool."""

    def test_a_cluster_that_becomes_unreadable_is_told_once(self) -> None:
        again = evaluate(UNREADABLE, Memory(), ENFORCING, UNREAD, NOW)

        assert told(BAD, UNREAD) == [("", "warning", "Forbidden")]
        assert told(None, UNREAD) == [("", "warning", "Forbidden")]
        assert told(UNREAD, again) == []

    def test_a_cluster_that_can_be_read_again_tells_what_is_wrong_in_it(self) -> None:
        assert told(UNREAD, BAD) == [("", "good", "ClusterReadable"), ("apps", "warning", "FipsDisabled")]
        assert told(UNREAD, GOOD) == [("", "good", "ClusterReadable")]

    def test_a_cluster_that_is_gone_ends_what_people_were_told_of_its_pools(self) -> None:
        assert told(BAD, GONE) == [("apps", "info", "PoolGone")]
        assert told(GOOD, GONE) == []
        assert told(GONE, GONE) == []

    def test_its_return_is_no_news_but_what_is_wrong_in_it(self) -> None:
        assert told(GONE, GOOD) == []
        assert told(GONE, BAD) == [("apps", "warning", "FipsDisabled")]
        assert told(GONE, UNREAD) == [("", "warning", "Forbidden")]

    def test_a_cluster_without_node_pools_is_told(self) -> None:
        assert told(GOOD, judged(cluster(agentPoolProfiles=[]))) == [("", "warning", "NoNodePools")]

    def test_what_leaves_the_scope_is_silent(self) -> None:
        out = Posture(NOW, GONE.state, (), (), in_scope=False)

        assert told(BAD, out) == []
        assert told(GOOD, out) == []


class TestAlerts:
    """What an alert holds."""

    def test_it_names_cluster_pool_state_and_what_to_do(self) -> None:
        (alert,) = changes(cluster_id(), None, BAD, 7)

        assert alert == Alert(
            f"{cluster_id().key}:7:apps:FipsDisabled",
            cluster_id().arm_id,
            "apps",
            "warning",
            "FipsDisabled",
            "rg-pay/aks-pay/apps: non-compliant",
            "enableFIPS is false: the pool runs a non-FIPS image.",
            NOW,
        )

    def test_the_same_change_of_another_commit_is_another_alert(self) -> None:
        one, other = (changes(cluster_id(), None, BAD, seq)[0] for seq in (7, 8))

        assert alert_id(one.key) != alert_id(other.key)
        assert alert_id(one.key) == alert_id(replace(one, text="x").key)

    def test_every_pool_has_an_alert_of_its_own(self) -> None:
        new = judged(cluster(disabled("apps"), disabled("batch")))

        assert len({alert.key for alert in changes(cluster_id(), None, new, 7)}) == 2

    @pytest.mark.parametrize("kind", ActionKind)
    def test_a_remediation_that_has_begun_is_for_information_and_the_same_whoever_tells_it(
        self, kind: ActionKind
    ) -> None:
        alert = begun(cluster_id(), operation(kind=kind), NOW)

        assert (alert.severity, alert.reason, alert.pool) == ("info", "RemediationBegun", "apps")
        assert alert.key == f"{cluster_id().key}:intent-1:RemediationBegun"
        assert "AKS reimages its nodes" in alert.text

    def test_the_rules_channels_are_told(self) -> None:
        (alert,) = changes(cluster_id(), None, judged(cluster(disabled()), rules=book(alerts=("ops",))), 7)

        assert alert.channels == ("ops",)

    def test_every_severity_is_a_known_one(self) -> None:
        found = {
            alert.severity
            for old in (None, GOOD, BAD, UNREAD, GONE)
            for new in (GOOD, BAD, AGREELESS, UNREAD, GONE)
            for alert in changes(cluster_id(), old, new, 1)
        }
        assert found <= set(SEVERITIES)

    @pytest.mark.parametrize("key", ["", "ä", "\ud800", "a/b?c"])
    def test_its_id_fits_any_header_or_table_key(self, key: str) -> None:
        assert len(alert_id(key)) == 64
        assert alert_id(key).isalnum()
