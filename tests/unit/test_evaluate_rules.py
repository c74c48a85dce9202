"""What people decided, applied to what was found: exemptions, rules that nobody can choose, and nodes in no pool."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.evaluate import cluster_settings, evaluate, strays_due
from shared.domain.exemptions import Category, Exemption
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.memory import Memory
from shared.domain.model import WORST_FIRST, Cluster, ComplianceState, Mode, ProofLevel, Unreadable
from shared.domain.plan import plan
from shared.domain.policy import UNTOLD, Disruption, ExemptionRules, Ring, Rule
from shared.domain.policy_reader import read_exemptions
from shared.domain.posture import Finding, PoolPosture
from shared.domain.proven import Strays
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Modules, ProofSettings, Settings
from tests.builders import (
    NOW,
    OUT_OF_SCOPE,
    PLAIN_IMAGE,
    SUBSCRIPTION,
    book,
    cluster,
    cluster_id,
    disabled,
    exemption,
    judged,
    memory,
    profile,
    proof,
    rule,
    situation,
)
from tests.unit.strategies import clusters, memories

COMPLIANT, NON_COMPLIANT = ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT
UNKNOWN, INCONSISTENT, EXEMPT = ComplianceState.UNKNOWN, ComplianceState.INCONSISTENT, ComplianceState.EXEMPT
NOT_APPLICABLE = ComplianceState.NOT_APPLICABLE
OFF = cluster(disabled())
DAY = timedelta(days=1)


def verdict(*exemptions: Exemption, read: Any = OFF, remembered: Memory | None = None, **terms: Any) -> PoolPosture:
    """The verdict on the first pool, with these exemptions."""
    rules = book(exemptions=exemptions)
    rules = replace(rules, policy=replace(rules.policy, exemptions=ExemptionRules(**terms)))
    return judged(read, remembered, rules).pools[0]


def reasons(found: PoolPosture, state: ComplianceState) -> list[str]:
    """The reasons of the findings in a state."""
    return [one.reason for one in found.findings if one.state is state]


class TestExemptions:
    """An exemption replaces the state of what it covers; then the worst state wins."""

    def test_it_excuses_what_is_non_compliant_and_says_by_whom_and_until_when(self) -> None:
        found = verdict(exemption())

        assert (found.state, found.decisive.reason) == (EXEMPT, "FipsDisabled")
        until = "Exempt until 2027-01-22 09:30 UTC by `legacy` (waiver, ana@example.com)."
        assert found.decisive.message.endswith(until)

    @pytest.mark.parametrize(
        ("now", "told"),
        [
            (datetime(2026, 11, 1, tzinfo=UTC), "Exempt until 2026-12-10 by `legacy`"),
            (datetime(2026, 12, 10, 23, 59, tzinfo=UTC), "Exemption `legacy` of ana@example.com ends on 2026-12-10."),
            (datetime(2026, 12, 11, tzinfo=UTC), "of ana@example.com ended on 2026-12-10: renew or remove it."),
        ],
    )
    def test_an_end_that_is_a_date_is_told_as_it_stands_in_the_file(self, now: datetime, told: str) -> None:
        text = """version: 1
exemptions: [{ name: legacy, match: { pools: [apps] }, category: waiver, reason: x, owner: ana@example.com,
  approver: bob@example.com, ticket: T, created: 2026-10-01, expires: 2026-12-10 }]"""
        rules = book(exemptions=read_exemptions(text).entries)

        posture = evaluate(cluster(disabled()), Memory(), rules, None, now)

        assert [told in found.message for found in posture.pools[0].findings].count(True) == 1

    def test_an_end_that_the_policy_brings_forward_is_told_with_the_reason(self) -> None:
        ended = verdict(exemption(created=NOW - 400 * DAY, expires=NOW + 9 * DAY))
        ending = verdict(exemption(created=NOW - 350 * DAY, expires=NOW + 90 * DAY))

        why = "the policy's `exemptions.max_age` is 365d after `created`)"
        (told,) = (found.message for found in ended.findings if found.reason == "ExemptionExpired")
        assert f"ended on 2026-10-19 09:30 UTC (rather than 2026-12-02 09:30 UTC: {why}: renew or remove it." in told
        (told,) = (found.message for found in ending.findings if found.reason == "ExemptionExpiring")
        assert told.endswith(f"ends on 2026-12-08 09:30 UTC (rather than 2027-02-21 09:30 UTC: {why}.")

    def test_a_mitigated_one_says_so(self) -> None:
        assert "(mitigated, " in verdict(exemption(category=Category.MITIGATED)).decisive.message

    def test_of_itself_it_excuses_neither_what_is_unknown_nor_what_disagrees(self) -> None:
        unproven = verdict(exemption(), read=cluster())
        split = verdict(exemption(), read=cluster(), remembered=memory(apps=proof(disagreeing=("n1",))))

        assert (unproven.state, split.state) == (UNKNOWN, INCONSISTENT)

    @pytest.mark.parametrize(
        ("covers", "state", "excused"),
        [
            ((), EXEMPT, ["FipsDisabled", "OsSkuIncapable"]),
            (("FipsDisabled", "OsSkuIncapable"), EXEMPT, ["FipsDisabled", "OsSkuIncapable"]),
            (("FipsDisabled",), NON_COMPLIANT, ["FipsDisabled"]),
            (("ImageNotFips",), NON_COMPLIANT, []),
        ],
    )
    def test_what_it_does_not_cover_still_counts(
        self, covers: tuple[str, ...], state: ComplianceState, excused: list[str]
    ) -> None:
        found = verdict(exemption(covers=covers), read=cluster(disabled(osSKU="Ubuntu2404")))

        assert (found.state, reasons(found, EXEMPT)) == (state, excused)

    def test_by_name_it_may_cover_what_is_unknown(self) -> None:
        assert verdict(exemption(covers=("ProofMissing",)), read=cluster()).state is EXEMPT

    def test_a_pool_that_needs_none_is_compliant_all_the_same(self) -> None:
        assert verdict(exemption(), read=cluster(), remembered=memory(apps=proof())).state is COMPLIANT

    def test_it_is_about_the_pools_that_it_matches(self) -> None:
        read = cluster(disabled("apps"), disabled("batch"))

        posture = judged(read, rules=book(exemptions=(exemption(match=Match(pools=("batch",))),)))

        assert [pool.state for pool in posture.pools] == [NON_COMPLIANT, EXEMPT]
        assert posture.state is NON_COMPLIANT

    @pytest.mark.parametrize(
        ("created", "expires", "state", "told"),
        [
            (NOW, NOW + 60 * DAY, EXEMPT, []),
            (NOW + timedelta(seconds=1), NOW + 60 * DAY, NON_COMPLIANT, []),
            (NOW - DAY, NOW + 30 * DAY, EXEMPT, ["ExemptionExpiring"]),
            (NOW - DAY, NOW + 30 * DAY + timedelta(seconds=1), EXEMPT, []),
            (NOW - DAY, NOW + timedelta(seconds=1), EXEMPT, ["ExemptionExpiring"]),
            (NOW - DAY, NOW, NON_COMPLIANT, ["ExemptionExpired"]),
            (NOW - 400 * DAY, NOW + 9 * DAY, NON_COMPLIANT, ["ExemptionExpired"]),
            (NOW - 350 * DAY, NOW + 90 * DAY, EXEMPT, ["ExemptionExpiring"]),
        ],
    )
    def test_it_holds_from_its_day_to_its_end_or_the_greatest_age(
        self, created: datetime, expires: datetime, state: ComplianceState, told: list[str]
    ) -> None:
        found = verdict(exemption(created=created, expires=expires))

        assert found.state is state
        assert [one.reason for one in found.findings if one.check == "exemption"] == told

    def test_how_long_before_its_end_it_is_told_is_the_policys_to_say(self) -> None:
        late = exemption(expires=NOW + 10 * DAY)

        assert "ExemptionExpiring" in reasons(verdict(late, expiring=10 * DAY), NOT_APPLICABLE)
        assert "ExemptionExpiring" not in reasons(verdict(late, expiring=9 * DAY), NOT_APPLICABLE)

    def test_that_it_has_ended_changes_no_verdict(self) -> None:
        ended = exemption(expires=NOW - DAY)

        found = verdict(ended, read=cluster(), remembered=memory(apps=proof()))

        assert (found.state, found.decisive.reason) == (COMPLIANT, "NodesProven")
        assert "ended on 2026-11-22 09:30 UTC: renew or remove it" in found.findings[-1].message

    @given(st.data())
    def test_more_of_them_never_make_anything_worse_and_nothing_compliant(self, data: st.DataObject) -> None:
        read = data.draw(clusters)
        remembered = data.draw(memories(read))
        without = judged(read, remembered, book())

        with_one = judged(read, remembered, book(exemptions=(exemption(),)))

        for before, after in zip(without.pools, with_one.pools, strict=True):
            assert WORST_FIRST.index(after.state) >= WORST_FIRST.index(before.state)
            assert (after.state is COMPLIANT) is (before.state is COMPLIANT)

    @given(st.data())
    def test_an_exempt_pool_never_gets_an_action(self, data: st.DataObject) -> None:
        read = data.draw(clusters)
        remembered = data.draw(memories(read))
        rules = book(exemptions=(exemption(),), disruption=Disruption(Limit(9)))

        planned = plan(situation(read, memory=remembered, rules=rules))

        assert planned.action is None


class TestRules:
    """Which rule holds, and what a pool's verdict keeps of it."""

    def test_a_verdict_names_rule_line_ring_and_channels(self) -> None:
        rules = book(
            rules=(Rule("web", Match(pools=("apps",)), Settings(Fips.REQUIRED, Mode.ALERT, alerts=("ops",)), 7),),
            rings=(Ring("first", Match(pools=("b*",))), Ring("second")),
        )

        found = judged(OFF, rules=rules).pools[0]

        assert (found.rule, found.line, found.ring, found.channels, found.mode) == (
            "web",
            7,
            "second",
            ("ops",),
            Mode.ALERT,
        )

    def test_where_nothing_is_asked_the_pool_is_not_applicable_and_no_exemption_is_told(self) -> None:
        found = judged(OFF, rules=book(fips=Fips.ANY, exemptions=(exemption(expires=NOW - DAY),))).pools[0]

        assert found.state is NOT_APPLICABLE
        assert [one.reason for one in found.findings] == ["NothingAsked"]

    @pytest.mark.parametrize(
        ("mode", "held"), [(Mode.AUDIT, Mode.AUDIT), (Mode.ENFORCE, Mode.ALERT), (Mode.APPROVE, Mode.ALERT)]
    )
    def test_a_rule_that_nobody_can_choose_judges_unknown_and_never_acts(self, mode: Mode, held: Mode) -> None:
        unreadable = cluster(disabled(currentOrchestratorVersion="latest"), disabled("batch"))
        rules = book(rules=(rule("new ones", mode, pools=("apps",), kubernetes=VersionRange(">=1.30")),))

        posture = judged(unreadable, rules=rules)

        assert (posture.pools[0].rule, posture.pools[0].mode) == ("new ones", held)
        assert [one.reason for one in posture.pools[0].findings] == ["VersionUnreadable"]
        planned = plan(situation(unreadable, rules=rules))
        assert planned.action is None or planned.action.pool == "batch"

    @pytest.mark.parametrize("fips", [Fips.ANY, Fips.FORBIDDEN, Fips.REQUIRED])
    def test_nor_does_it_settle_what_is_asked(self, fips: Fips) -> None:
        unreadable = cluster(disabled(currentOrchestratorVersion="latest"))
        settings = Settings(fips, Mode.AUDIT)
        rules = book(rules=(Rule("new ones", Match(kubernetes=VersionRange(">=1.30")), settings),))

        found = judged(unreadable, rules=rules).pools[0]

        assert (found.state, [one.reason for one in found.findings]) == (UNKNOWN, ["VersionUnreadable"])

    def test_an_earlier_rule_that_fits_decides_without_the_version(self) -> None:
        rules = book(
            rules=(
                rule("all apps", Mode.ENFORCE, pools=("apps",)),
                rule("new ones", Mode.AUDIT, kubernetes=VersionRange(">=1.30")),
            )
        )

        found = judged(cluster(disabled(currentOrchestratorVersion="latest")), rules=rules).pools[0]

        assert (found.rule, reasons(found, UNKNOWN)) == ("all apps", ["FieldUnreadable"])

    def test_modules_that_are_demanded_are_part_of_the_verdict(self) -> None:
        old = {"osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2004gen2fipscontainerd-1"}
        read, remembered = cluster(profile(**old)), memory(apps=proof(node_image=old["nodeImageVersion"]))

        assert judged(read, remembered).state is COMPLIANT
        found = judged(read, remembered, book(modules=Modules.REQUIRED)).pools[0]
        assert (found.state, found.decisive.reason) == (NON_COMPLIANT, "ModulesHistorical")


class TestNodesOutsidePools:
    """Nodes in no pool have no name that a rule could match: the first rule about whole clusters holds for them."""

    LAB = Rule("lab", Match(clusters=("aks-*",)), Settings(fips=Fips.ANY))
    POOLS = Rule("pools", Match(clusters=("aks-*",), pools=("*",)), Settings(fips=Fips.FORBIDDEN))
    ELSEWHERE = Rule("elsewhere", Match(clusters=("other",)), Settings(fips=Fips.FORBIDDEN))

    @pytest.mark.parametrize(
        ("rules", "fips"),
        [
            ((), Fips.REQUIRED),
            ((LAB,), Fips.ANY),
            ((POOLS,), Fips.REQUIRED),
            ((ELSEWHERE,), Fips.REQUIRED),
            ((POOLS, ELSEWHERE, LAB), Fips.ANY),
        ],
    )
    def test_a_rule_that_asks_something_of_pools_says_nothing_of_them(
        self, rules: tuple[Rule, ...], fips: Fips
    ) -> None:
        assert cluster_settings(book(rules=rules).policy, cluster()).fips is fips

    @pytest.mark.parametrize(
        ("found", "unlisted", "rules", "due"),
        [
            (None, "", book(), False),
            (None, "node auto-provisioning", book(), True),
            (None, "node auto-provisioning", OUT_OF_SCOPE, False),
            (None, "node auto-provisioning", book(fips=Fips.ANY), False),
            (Strays(NOW, 1, 0, ("n",)), "node auto-provisioning", book(), False),
            (Strays(NOW, 1, 1, ("n",)), "", book(), True),
            (Strays(NOW - 4 * DAY, 1, 0, ("n",)), "node auto-provisioning", book(), True),
        ],
    )
    def test_they_are_asked_until_they_are_as_they_should_be(
        self, found: Strays | None, unlisted: str, rules: Rulebook, *, due: bool
    ) -> None:
        read = replace(cluster(), unlisted=unlisted)

        assert strays_due(read, replace(memory(), strays=found), rules, NOW) is due

    def test_a_cluster_of_such_nodes_alone_is_judged_by_them(self) -> None:
        read = cluster(agentPoolProfiles=[], hostedSystemProfile={"enabled": True})

        unread = judged(read)
        well = judged(read, replace(memory(), strays=Strays(NOW, 2, 0, ("n",))))

        assert [one.reason for one in unread.cluster_findings] == ["NodesOutsidePoolsUnread"]
        assert (unread.state, well.state) == (UNKNOWN, COMPLIANT)


class TestSinceOfFindings:
    """Each finding keeps since when its check has had its reason, whatever becomes of the others."""

    LATER = NOW + timedelta(hours=3)

    def since(self, found: PoolPosture) -> dict[str, datetime | None]:
        return {one.reason: one.since for one in found.findings}

    def test_what_stands_keeps_its_time_and_what_is_new_begins(self) -> None:
        before = judged(OFF)

        after = evaluate(cluster(disabled(osSKU="Ubuntu2404")), Memory(), book(), before, self.LATER)

        assert self.since(after.pools[0])["FipsDisabled"] == NOW
        assert self.since(after.pools[0])["OsSkuIncapable"] == self.LATER

    def test_an_exemption_does_not_begin_it_anew(self) -> None:
        after = evaluate(OFF, Memory(), book(exemptions=(exemption(),)), judged(OFF), self.LATER)

        assert self.since(after.pools[0])["FipsDisabled"] == NOW
        assert after.pools[0].since == self.LATER, "but the pool's state is another"

    def test_findings_of_the_cluster_keep_theirs_too(self) -> None:
        remembered = replace(memory(apps=proof()), strays=Strays(NOW, 1, 1, ("n",)))
        before = judged(cluster(), remembered)

        after = evaluate(cluster(), remembered, book(), before, self.LATER)

        assert [one.since for one in after.cluster_findings] == [NOW]


def test_proof_at_kernel_level_is_never_had_from_labels() -> None:
    rules = book(proof=ProofSettings(level=ProofLevel.KERNEL))

    found = judged(cluster(), memory(apps=proof()), rules).pools[0]

    assert (found.state, found.decisive.reason) == (UNKNOWN, "ProofLevelMissing")


def test_the_worst_of_several_findings_decides_in_the_order_of_the_checks() -> None:
    read = cluster(profile(nodeImageVersion=PLAIN_IMAGE), enableFIPS=True)

    found = judged(read).pools[0]

    assert found.decisive == next(one for one in found.findings if one.state is NON_COMPLIANT)
    assert isinstance(found.decisive, Finding)


@pytest.mark.parametrize(
    ("match", "covers", "state"),
    [
        (Match(clusters=("aks-*",)), ("NodesOutsidePools",), ComplianceState.EXEMPT),
        (Match(clusters=("aks-*",)), (), ComplianceState.NON_COMPLIANT),
        (Match(clusters=("other",)), ("NodesOutsidePools",), ComplianceState.NON_COMPLIANT),
        (Match(pools=("*",)), ("NodesOutsidePools",), ComplianceState.NON_COMPLIANT),
    ],
)
def test_what_concerns_no_pool_is_excused_by_name_alone(
    match: Match, covers: tuple[str, ...], state: ComplianceState
) -> None:
    remembered = replace(memory(apps=proof()), strays=Strays(NOW, 2, 1, ("n1",)))

    posture = judged(cluster(), remembered, book(exemptions=(exemption(match=match, covers=covers),)))

    assert [one.state for one in posture.cluster_findings] == [state]
    assert posture.state is state


@pytest.mark.parametrize(
    ("exclude", "in_scope"),
    [
        (ClusterMatch(clusters=("aks-p*",)), False),
        (ClusterMatch(subscriptions=(SUBSCRIPTION,), resource_groups=("RG-*",)), False),
        (ClusterMatch(clusters=("aks-x*",)), True),
        # Where its tags or its region decide, nobody knows.
        (ClusterMatch(clusters=("aks-p*",), tags={"env": "dev"}), True),
        (ClusterMatch(locations=("*",)), True),
    ],
)
def test_a_cluster_that_cannot_be_read_is_excluded_by_its_name_alone(exclude: ClusterMatch, *, in_scope: bool) -> None:
    unread = Unreadable("Forbidden", "no", None)

    found = evaluate(unread, Memory(), book(exclude=(exclude,)), None, NOW, cluster=cluster_id())

    assert (found.in_scope, found.state) == (in_scope, UNKNOWN if in_scope else NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("match", "changes"),
    [
        (Match(pool_modes=("System",)), {"mode": 7}),
        (Match(os_skus=("Ubuntu*",)), {"osSKU": None}),
        (Match(os_types=("Linux",)), {"osType": None}),
        (Match(pool_tags={"tier": "gold"}), {"tags": "gold"}),
        (Match(pool_tags={"tier": "gold"}), {"tags": []}),
    ],
)
def test_a_rule_that_asks_for_what_cannot_be_read_may_hold_and_is_not_passed_over(
    match: Match, changes: dict[str, Any]
) -> None:
    rules = book(fips=Fips.ANY, rules=(Rule("asking", match, Settings(Fips.REQUIRED, Mode.ENFORCE)),))

    found = judged(cluster(profile(**changes)), rules=rules).pools[0]

    assert (found.rule, found.state, [one.reason for one in found.findings]) == ("asking", UNKNOWN, ["FieldUnreadable"])


def test_tags_of_a_cluster_that_cannot_be_read_may_be_any() -> None:
    unread = replace(OFF, illegible=("the cluster's tags ['env']",), tags={})
    rules = book(fips=Fips.ANY, rules=(Rule("lab", Match(tags={"env": "lab"}), Settings(Fips.REQUIRED, Mode.ENFORCE)),))

    assert judged(unread, rules=rules).pools[0].state is UNKNOWN


def test_a_pool_whose_ring_cannot_be_told_is_in_no_named_one() -> None:
    rings = (Ring("old", Match(kubernetes=VersionRange("<1.31"))), Ring("rest"))

    found = judged(cluster(disabled(currentOrchestratorVersion="x"), disabled("batch")), rules=book(rings=rings))

    assert [pool.ring for pool in found.pools] == [UNTOLD, "rest"]


def _told(read: Cluster, rules: Rulebook) -> list[tuple[str, str]]:
    """Where the end of an exemption is told, and how."""
    posture = judged(read, memory(apps=proof()), rules)
    found = [("", one) for one in posture.cluster_findings]
    found += [(pool.pool, one) for pool in posture.pools for one in pool.findings]
    return [(where, one.reason) for where, one in found if one.check == "exemption"]


@pytest.mark.parametrize(
    ("days", "reason"),
    [(-1, "ExemptionExpired"), (29, "ExemptionExpiring"), (31, None)],
    ids=["ended", "soon", "later"],
)
@pytest.mark.parametrize(
    ("profiles", "fips", "where"),
    [
        ((), Fips.REQUIRED, ""),
        ((profile(),), Fips.ANY, ""),
        # Told once: where a pool tells it, the cluster needn't.
        ((profile(),), Fips.REQUIRED, "apps"),
    ],
    ids=["no pool", "nothing asked", "a pool"],
)
def test_the_end_of_an_exemption_of_a_cluster_is_told_whatever_its_pools(
    days: int, reason: str | None, profiles: tuple[dict[str, Any], ...], fips: Fips, where: str
) -> None:
    ends = NOW + timedelta(days=days)
    excused = exemption(match=Match(clusters=("aks-*",)), covers=("NodesOutsidePools",), expires=ends)
    read = replace(cluster(), pools=()) if not profiles else cluster(*profiles)

    found = _told(replace(read, unlisted="managed system node pools"), book(fips=fips, exemptions=(excused,)))

    assert found == ([(where, reason)] if reason else [])


def test_an_exemption_of_another_cluster_or_of_pools_is_not_told_of_the_cluster() -> None:
    ended = NOW - timedelta(days=1)
    others = [
        exemption("other", match=Match(clusters=("other",)), expires=ended),
        exemption("pools", match=Match(pools=("batch",)), expires=ended),
    ]

    assert _told(cluster(profile()), book(exemptions=tuple(others))) == []
