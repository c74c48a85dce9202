"""The posture row: what a look commits is what lists and the resync read; a race for it is lost by the second."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.domain.evaluate import evaluate
from shared.domain.model import ClusterRead, ComplianceState, Gone, Memory, Mode, Plan, Posture, Unreadable
from shared.domain.plan import plan
from shared.domain.policy import Match, Policy
from shared.domain.records import Head
from shared.errors import LeaseLostError
from shared.postures import (
    OVERDUE,
    PostureSummary,
    StoredPosture,
    commit,
    control_digest,
    digest,
    read_posture,
    summaries,
)
from tests.builders import (
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    PLAIN_IMAGE,
    alert,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    profile,
    proof,
    situation,
)

BAD = judged(cluster(disabled()))


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable(ManualClock(NOW))


def stored(posture: Posture | None = BAD, **changes: object) -> StoredPosture:
    made = StoredPosture(Head(7, "h" * 64), posture, (), "d", "c", NOW + timedelta(hours=1))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_cluster_that_was_never_looked_at_has_an_empty_row(table: MemoryTable) -> None:
    assert read_posture(table, cluster_id()) == StoredPosture()


def test_what_is_committed_reads_back(table: MemoryTable) -> None:
    written = commit(table, cluster_id(), stored(pending=(alert(),)))

    assert read_posture(table, cluster_id()) == written
    assert written.etag
    assert read_posture(table, cluster_id("other")) == StoredPosture()


def test_the_second_of_two_commits_on_one_read_has_lost(table: MemoryTable) -> None:
    first = read_posture(table, cluster_id())
    commit(table, cluster_id(), stored())

    with pytest.raises(LeaseLostError, match="rg-pay/aks-pay"):
        commit(table, cluster_id(), stored(etag=first.etag))

    newer = read_posture(table, cluster_id())
    commit(table, cluster_id(), replace(newer, head=Head(8, "i" * 64)))
    assert read_posture(table, cluster_id()).head.seq == 8


@pytest.mark.parametrize(
    ("posture", "expected"),
    [
        (BAD, (ComplianceState.NON_COMPLIANT, True, False, 1)),
        (evaluate(Gone(), Memory(), ENFORCING, None, NOW), (ComplianceState.NOT_APPLICABLE, True, True, 0)),
        (
            judged(cluster(), rules=OUT_OF_SCOPE),
            (ComplianceState.NOT_APPLICABLE, False, False, 0),
        ),
        (None, (ComplianceState.UNKNOWN, True, False, 0)),
    ],
)
def test_a_summary_says_state_scope_and_whether_the_cluster_is_gone(
    table: MemoryTable, posture: Posture | None, expected: tuple[ComplianceState, bool, bool, int]
) -> None:
    commit(table, cluster_id(), stored(posture))

    (found,) = summaries(table)

    assert found == PostureSummary(cluster_id(), *expected, 7, "c", NOW + timedelta(hours=1), found.at)
    assert found.at in (NOW, None)


def test_a_summary_without_a_due_time_has_none(table: MemoryTable) -> None:
    commit(table, cluster_id(), stored(due=None))

    assert next(summaries(table)).due is None


def test_summaries_are_those_of_a_subscription_or_all(table: MemoryTable) -> None:
    other = cluster_id(subscription=OTHER_SUBSCRIPTION)
    for one in (cluster_id(), other):
        commit(table, one, stored())

    assert [item.cluster for item in summaries(table, OTHER_SUBSCRIPTION)] == [other]
    assert len(list(summaries(table))) == 2


class TestControlDigest:
    """What resync compares Resource Graph's hint with."""

    @pytest.mark.parametrize(
        "read",
        [
            cluster(disabled()),
            cluster(profile(provisioningState="Upgrading")),
            cluster(profile(nodeImageVersion=PLAIN_IMAGE)),
            cluster(profile(nodeImageVersion="AKSAzureLinux-V3gen2fips-202612.01.0")),
            cluster(profile("apps"), profile("batch")),
            cluster(profile("other")),
            cluster(profile(count=4)),
            cluster(agentPoolProfiles=[]),
            cluster(powerState={"code": "Stopped"}),
            Gone(),
            Unreadable("Forbidden", "no", None),
        ],
    )
    def test_what_the_control_plane_says_otherwise_is_a_difference(self, read: ClusterRead) -> None:
        assert control_digest(read, ENFORCING, NOW) != control_digest(cluster(), ENFORCING, NOW)

    def test_another_policy_is_a_difference(self) -> None:
        assert control_digest(cluster(), book(Mode.ALERT), NOW) != control_digest(cluster(), ENFORCING, NOW)
        excluded = OUT_OF_SCOPE
        assert control_digest(cluster(), excluded, NOW) != control_digest(cluster(), ENFORCING, NOW)

    @pytest.mark.parametrize("read", [cluster(profile(eTag="other")), cluster(tags={"x": "y"})])
    def test_what_nobody_judges_is_none(self, read: ClusterRead) -> None:
        assert control_digest(read, ENFORCING, NOW) == control_digest(cluster(), ENFORCING, NOW)

    def test_neither_is_time(self) -> None:
        later = NOW + timedelta(days=30)
        assert control_digest(cluster(), ENFORCING, later) == control_digest(cluster(), ENFORCING, NOW)


class TestDigest:
    """When there is anything new to record."""

    NOTHING = Plan(None, (), None)

    def test_the_same_verdicts_and_plan_at_another_time_are_nothing_new(self) -> None:
        later = evaluate(cluster(disabled()), Memory(), ENFORCING, None, NOW + timedelta(hours=1))

        assert digest(later, self.NOTHING) == digest(BAD, self.NOTHING)

    def test_another_verdict_is(self) -> None:
        assert digest(judged(cluster()), self.NOTHING) != digest(BAD, self.NOTHING)
        proven = judged(cluster(), memory(apps=proof()))
        assert digest(proven, self.NOTHING) != digest(judged(cluster()), self.NOTHING)

    def test_a_decision_to_do_nothing_is_one_too(self) -> None:
        doing = plan(situation(cluster(disabled())))
        waiting = plan(situation(cluster(disabled()), rules=book(Mode.AUDIT)))

        assert len({digest(BAD, one) for one in (doing, waiting, self.NOTHING)}) == 3


@pytest.mark.parametrize(
    ("due", "later", "overdue"),
    [
        (timedelta(hours=1), timedelta(hours=2), False),
        (timedelta(hours=1), OVERDUE + timedelta(hours=1), False),
        (timedelta(hours=1), OVERDUE + timedelta(hours=1, seconds=1), True),
        (None, timedelta(), True),
    ],
)
def test_verdicts_that_nobody_renews_are_overdue(
    table: MemoryTable, due: timedelta | None, later: timedelta, *, overdue: bool
) -> None:
    commit(table, cluster_id(), stored(due=NOW + due if due is not None else None))

    assert next(summaries(table)).overdue(NOW + later) is overdue
