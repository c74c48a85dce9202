"""Findings that open, change and close from one observation to the next."""

from dataclasses import replace

import pytest

from shared.domain.assessed import Source
from shared.domain.bodies import Observation
from shared.domain.changes import Activity, OpenFindings
from shared.domain.model import ComplianceState, Unreadable
from tests.builders import NOW
from tests.recorded import DAY, EXCUSED, LYING, OFF, ON, PAY, PROVEN, UNREAD, judgement, observation, read_of, verdict

WELL = observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)])
BAD = observation(read_of(PAY, "apps"), [verdict("apps", OFF)])
LOST = observation(Unreadable("Unreachable", "", None), [verdict("apps", UNREAD, read=False)], UNREAD)


def told(*seen: Observation) -> list[str]:
    """What each observation changed, one after the other."""
    state = OpenFindings()
    return [
        f"{number} {change.activity} {change.pool}:{change.judgement.check} {change.judgement.reason}"
        for number, one in enumerate(seen, 1)
        for change in state.next(one, Source(f"r{number}", "h", NOW))
    ]


def test_what_is_well_opens_nothing() -> None:
    assert told(WELL, WELL) == []


def test_a_finding_is_opened_once_and_closed_when_it_is_mended() -> None:
    assert told(BAD, BAD, WELL, WELL) == ["1 create apps:flag FipsDisabled", "3 close apps:flag FipsDisabled"]


def test_another_state_or_reason_is_an_update_of_the_same_finding() -> None:
    excused = observation(read_of(PAY, "apps"), [verdict("apps", EXCUSED)])

    assert told(BAD, excused, excused) == ["1 create apps:flag FipsDisabled", "2 update apps:flag FipsDisabled"]


def test_an_exemption_that_is_renewed_or_another_is_an_update() -> None:
    seen = [
        observation(read_of(PAY, "apps"), [verdict("apps", replace(EXCUSED, exemption=name, exempt_until=NOW + days))])
        for name, days in (("legacy", DAY), ("legacy", 2 * DAY), ("other", 2 * DAY), ("other", 2 * DAY))
    ]

    assert [one.split()[:2] for one in told(*seen)] == [["1", "create"], ["2", "update"], ["3", "update"]]


def test_a_cluster_that_can_not_be_read_closes_nothing_and_is_told_once() -> None:
    assert told(BAD, LOST, LOST, WELL) == [
        "1 create apps:flag FipsDisabled",
        "2 create :readable Unreachable",
        "4 close apps:flag FipsDisabled",
        "4 close :readable Unreachable",
    ]


@pytest.mark.parametrize(
    ("last", "why", "mended"),
    [
        (observation(None, []), "The cluster does not exist any more.", False),
        (observation(read_of(PAY), [], in_scope=False), "The policy excludes the cluster.", False),
        (observation(read_of(PAY), []), "The node pool does not exist any more.", False),
        (WELL, "Now compliant, FipsEnabled: FipsEnabled was seen.", True),
        (observation(read_of(PAY), [verdict("apps", PROVEN)]), "The check has nothing to object to any more.", True),
        (
            observation(read_of(PAY), [verdict("apps", judgement("flag", ComplianceState.NOT_APPLICABLE, "NotAsked"))]),
            "Now not applicable, NotAsked: NotAsked was seen.",
            False,
        ),
    ],
)
def test_why_a_finding_is_closed_is_said(last: Observation, why: str, mended: bool) -> None:
    state = OpenFindings()
    state.next(BAD, Source("r1", "h", NOW))
    (change,) = state.next(last, Source("r2", "h", NOW))

    assert (change.activity, change.why, change.mended) == (Activity.CLOSE, why, mended)
    assert change.opened.name == "r1"


def test_of_two_findings_of_one_check_the_worse_one_counts() -> None:
    mild = replace(LYING, state=ComplianceState.UNKNOWN, reason="ProofSettling")

    assert told(observation(read_of(PAY), [verdict("apps", mild, LYING)])) == ["1 create apps:proof NodesDisagree"]
