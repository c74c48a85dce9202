"""Which changes people are told about: one alert per change, none for what merely goes on or passes by itself."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.alerts import SEVERITIES, alert_id, begun, changes
from shared.domain.evaluate import evaluate
from shared.domain.model import (
    Action,
    ActionKind,
    Alert,
    Cluster,
    Gone,
    Memory,
    Mode,
    Posture,
    Unreadable,
)
from shared.domain.policy import Policy
from tests.builders import ENFORCING, NOW, cluster, cluster_id, disabled, judged, memory, profile, proof

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

    def test_a_cluster_that_is_gone_is_no_alert_nor_is_its_return(self) -> None:
        assert told(BAD, GONE) == []
        assert told(GONE, GOOD) == []
        assert told(GONE, BAD) == [("apps", "warning", "FipsDisabled")]
        assert told(GONE, UNREAD) == [("", "warning", "Forbidden")]

    def test_a_cluster_without_node_pools_is_told(self) -> None:
        assert told(GOOD, judged(cluster(agentPoolProfiles=[]))) == [("", "warning", "NoNodePools")]

    def test_what_leaves_the_scope_is_silent(self) -> None:
        out = Posture(NOW, GONE.state, (), (), in_scope=False)

        assert told(BAD, out) == []


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

    def test_a_remediation_that_has_begun_is_for_information(self) -> None:
        action = Action(ActionKind.ENABLE_FIPS, "apps", "e", {})

        alert = begun(cluster_id(), action, 9, NOW)

        assert (alert.severity, alert.reason, alert.pool) == ("info", "RemediationBegun", "apps")
        assert alert.key == f"{cluster_id().key}:9:apps:RemediationBegun"

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
