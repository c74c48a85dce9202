"""The daily word: how many clusters are in which state, once a day, and never good while anything is not known."""

from datetime import timedelta

import pytest

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.digest import daily_digest
from shared.domain.evaluate import evaluate
from shared.domain.model import Gone, Memory, Posture, Unreadable
from shared.domain.policy import Match, Policy
from shared.postures import StoredPosture, commit
from tests.builders import ENFORCING, NOW, cluster, cluster_id, disabled, judged, memory, proof

GOOD = judged(cluster(), memory(apps=proof()))
BAD = judged(cluster(disabled()))
SPLIT = judged(cluster(), memory(apps=proof(disagreeing=("n1",))))
UNPROVEN = judged(cluster())
GONE = evaluate(Gone(), Memory(), ENFORCING, None, NOW)
UNREAD = evaluate(Unreadable("Forbidden", "no", None), Memory(), ENFORCING, None, NOW)
OUT = judged(cluster(), rules=OUT_OF_SCOPE)


@pytest.mark.parametrize(
    ("postures", "severity", "text"),
    [
        ([], "info", "0 clusters in scope: none has been looked at yet."),
        ([GOOD, GOOD], "good", "2 clusters in scope: 2 compliant."),
        ([GOOD, BAD], "warning", "2 clusters in scope: 1 non-compliant, 1 compliant."),
        ([GOOD, UNPROVEN], "warning", "2 clusters in scope: 1 unknown, 1 compliant."),
        ([GOOD, UNREAD], "warning", "2 clusters in scope: 1 unknown, 1 compliant."),
        ([SPLIT, BAD], "warning", "2 clusters in scope: 1 inconsistent, 1 non-compliant."),
        ([GOOD, GONE, OUT], "good", "1 clusters in scope: 1 compliant."),
        ([None], "warning", "1 clusters in scope: 1 unknown."),
    ],
)
def test_it_counts_the_clusters_in_scope_by_state(postures: list[Posture | None], severity: str, text: str) -> None:
    table = MemoryTable(ManualClock(NOW))
    for number, posture in enumerate(postures):
        commit(table, cluster_id(f"aks-{number}"), StoredPosture(posture=posture, due=NOW + timedelta(hours=1)))

    alert = daily_digest(table, {}, NOW)

    assert (alert.severity, alert.text) == (severity, text)
    assert (alert.cluster, alert.pool, alert.reason) == ("", "", "DailyDigest")


def test_sent_twice_on_a_day_it_is_one_alert() -> None:
    table = MemoryTable(ManualClock(NOW))

    keys = [daily_digest(table, {}, NOW + timedelta(hours=hours)).key for hours in (0, 5, 24)]

    assert keys[0] == keys[1] != keys[2]


class TestWhatIsNotKnown:
    """It is never good while there is something that is not known."""

    @pytest.fixture
    def table(self) -> MemoryTable:
        made = MemoryTable(ManualClock(NOW))
        commit(made, cluster_id(), StoredPosture(posture=GOOD, due=NOW))
        return made

    def test_subscriptions_that_cannot_be_read_are_counted_and_named(self, table: MemoryTable) -> None:
        no = Unreadable("Forbidden", "no", None)

        alert = daily_digest(table, {f"sub-{number}": no for number in range(7)}, NOW)

        assert alert.severity == "warning"
        assert alert.text == (
            "1 clusters in scope: 1 compliant. 7 subscriptions can't be read "
            "(sub-0, sub-1, sub-2, sub-3, sub-4 and 2 more): their clusters count as unknown."
        )

    def test_that_nobody_could_be_asked_is_said(self, table: MemoryTable) -> None:
        alert = daily_digest(table, Unreadable("CoverageUnknown", "their list can't be had (OSError).", None), NOW)

        assert alert.severity == "warning"
        assert alert.text.endswith("can be read is not known: their list can't be had (OSError).")

    def test_a_verdict_that_nobody_renews_is_unknown(self, table: MemoryTable) -> None:
        alert = daily_digest(table, {}, NOW + timedelta(days=1))

        assert alert.severity == "warning"
        assert alert.text == (
            "1 clusters in scope: 1 unknown. 1 of them count as unknown because the looks that were due have not come."
        )
