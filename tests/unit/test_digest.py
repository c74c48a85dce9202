"""The daily word: how many clusters are in which state, once a day, and never good while anything is not known."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.digest import daily_digest
from shared.domain.alert import Alert
from shared.domain.budget import COUNTS_LAST, Counts
from shared.domain.model import Unreadable
from shared.domain.posture import Posture
from tests.builders import (
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
)
from tests.postures import BAD, GONE, GOOD, OUT, SPLIT, UNPROVEN, UNREAD, looked


def told(
    table: MemoryTable,
    unreadable: Mapping[str, Unreadable] | Unreadable = MappingProxyType({}),
    now: datetime = NOW,
    watches: Callable[[str], bool] = lambda _: True,
    **counted: Any,
) -> Alert:
    """The digest after a resync a moment ago that counted what is given."""
    return daily_digest(table, unreadable, Counts(now, 0, **counted), watches, now)


@pytest.mark.parametrize(
    ("postures", "severity", "text"),
    [
        ([], "info", "0 clusters in scope: none has been looked at yet."),
        ([GOOD, GOOD], "good", "2 clusters in scope: 2 compliant."),
        ([GOOD, BAD], "warning", "2 clusters in scope: 1 non-compliant, 1 compliant."),
        ([GOOD, UNPROVEN], "warning", "2 clusters in scope: 1 unknown, 1 compliant."),
        ([GOOD, UNREAD], "warning", "2 clusters in scope: 1 unknown, 1 compliant."),
        ([SPLIT, BAD], "warning", "2 clusters in scope: 1 inconsistent, 1 non-compliant."),
        ([GOOD, GONE, OUT], "good", "1 cluster in scope: 1 compliant."),
        ([None], "warning", "1 cluster in scope: 1 unknown."),
    ],
)
def test_it_counts_the_clusters_in_scope_by_state(postures: list[Posture | None], severity: str, text: str) -> None:
    table = MemoryTable(ManualClock(NOW))
    for number, posture in enumerate(postures):
        looked(table, posture, f"aks-{number}")

    alert = told(table)

    assert (alert.severity, alert.text) == (severity, text)
    assert (alert.cluster, alert.pool, alert.reason) == ("", "", "DailyDigest")


def test_sent_twice_on_a_day_it_is_one_alert() -> None:
    table = MemoryTable(ManualClock(NOW))

    keys = [told(table, now=NOW + timedelta(hours=hours)).key for hours in (0, 5, 24)]

    assert keys[0] == keys[1] != keys[2]


class TestWhatIsNotKnown:
    """It is never good while there is something that is not known."""

    @pytest.fixture
    def table(self) -> MemoryTable:
        made = MemoryTable(ManualClock(NOW))
        looked(made, GOOD, due=NOW)
        return made

    def test_subscriptions_that_cannot_be_read_are_counted_and_named(self, table: MemoryTable) -> None:
        no = Unreadable("Forbidden", "no", None)

        alert = told(table, {f"sub-{number}": no for number in range(7)})

        assert alert.severity == "warning"
        assert alert.text == (
            "1 cluster in scope: 1 compliant. 7 subscriptions can't be read "
            "(sub-0, sub-1, sub-2, sub-3, sub-4 and 2 more): their clusters count as unknown."
        )

    def test_that_nobody_could_be_asked_is_said(self, table: MemoryTable) -> None:
        alert = told(table, Unreadable("CoverageUnknown", "their list can't be had (OSError).", None))

        assert alert.severity == "warning"
        assert alert.text.endswith("can be read is not known: their list can't be had (OSError).")

    def test_a_verdict_that_nobody_renews_is_unknown(self, table: MemoryTable) -> None:
        alert = told(table, now=NOW + timedelta(days=1))

        assert alert.severity == "warning"
        assert alert.text == (
            "1 cluster in scope: 1 unknown. 1 of them counts as unknown because the looks that were due have not come."
        )

    def test_what_the_resync_saw_and_nobody_judged_is_counted(self, table: MemoryTable) -> None:
        alert = told(table, blind=3)

        assert alert.severity == "warning"
        assert alert.text.endswith(" 3 clusters or subscriptions could not be judged at all: they count as unknown.")

    @pytest.mark.parametrize(
        ("counts", "when"),
        [
            (None, "There has been no resync:"),
            (Counts(NOW + timedelta(hours=1), 1), "There has been no resync:"),
            (
                Counts(NOW - COUNTS_LAST - timedelta(minutes=1), 1),
                "There has been no resync since 2026-11-23 06:29 UTC:",
            ),
        ],
    )
    def test_without_a_resync_nobody_knows_whether_there_are_more(
        self, table: MemoryTable, counts: Counts | None, when: str
    ) -> None:
        alert = daily_digest(table, {}, counts, lambda _: True, NOW)

        assert alert.severity == "warning"
        assert alert.text == f"1 cluster in scope: 1 compliant. {when} whether there are more clusters is not known."

    def test_a_resync_of_a_while_ago_is_believed(self, table: MemoryTable) -> None:
        assert daily_digest(table, {}, Counts(NOW - COUNTS_LAST, 1), lambda _: True, NOW).severity == "good"


def test_what_is_not_the_apps_to_look_after_is_not_counted() -> None:
    table = MemoryTable(ManualClock(NOW))
    for subscription, posture in ((SUBSCRIPTION, GOOD), (OTHER_SUBSCRIPTION, BAD)):
        looked(table, posture, subscription=subscription, due=NOW)

    alert = told(table, watches=lambda subscription: subscription == SUBSCRIPTION)

    assert (alert.severity, alert.text) == ("good", "1 cluster in scope: 1 compliant.")
