"""How long node pools were at fault: from the look that found it to the one that found it mended."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.model import ComplianceState, Unreadable
from shared.domain.posture import Posture
from shared.domain.remediated import KEPT, Mended, followed
from tests.builders import ENFORCING, NOW, cluster, disabled, judged, memory, proof

HOUR = timedelta(hours=1)
GOOD, BAD, UNPROVEN = judged(cluster(), memory(apps=proof())), judged(cluster(disabled())), judged(cluster())


def at(posture: Posture, after: timedelta) -> Posture:
    """The same verdicts, at another time."""
    return replace(posture, at=NOW + after)


def after(*postures: Posture) -> tuple[dict[str, datetime], tuple[Mended, ...]]:
    """What is known after some looks."""
    failing: dict[str, datetime] = {}
    mended: tuple[Mended, ...] = ()
    for posture in postures:
        failing, mended = followed(failing, mended, posture)
    return failing, mended


def test_a_pool_that_was_at_fault_and_is_compliant_was_mended() -> None:
    assert after(BAD, at(BAD, HOUR), at(GOOD, 2 * HOUR)) == ({}, (Mended("apps", NOW + 2 * HOUR, 7200.0),))


def test_what_is_not_proven_is_not_mended_yet() -> None:
    failing, mended = after(BAD, at(UNPROVEN, HOUR))

    assert UNPROVEN.pools[0].state is ComplianceState.UNKNOWN
    assert (failing, mended) == ({"apps": NOW}, ())
    assert after(BAD, at(UNPROVEN, HOUR), at(GOOD, 2 * HOUR))[1][0].seconds == 7200.0


def test_a_pool_that_was_never_at_fault_was_not_mended() -> None:
    assert after(UNPROVEN, at(GOOD, HOUR)) == ({}, ())


def test_a_pool_that_is_gone_or_excused_was_not_mended() -> None:
    excused = replace(BAD, pools=(replace(BAD.pools[0], state=ComplianceState.EXEMPT),))

    for posture in (replace(BAD, pools=()), excused):
        assert after(BAD, at(posture, HOUR), at(GOOD, 2 * HOUR)) == ({}, ())


def test_a_cluster_that_cannot_be_read_says_nothing_of_its_pools() -> None:
    unread = evaluate(Unreadable("Forbidden", "no", None), Memory(), ENFORCING, None, NOW)

    assert after(BAD, at(unread, HOUR), at(GOOD, 2 * HOUR))[1] == (Mended("apps", NOW + 2 * HOUR, 7200.0),)


def test_what_was_mended_is_forgotten_after_some_days_and_not_before() -> None:
    once = after(BAD, at(GOOD, HOUR))[1]

    assert followed({}, once, at(GOOD, KEPT))[1] == once
    assert followed({}, once, at(GOOD, KEPT + HOUR))[1] == ()


def test_a_clock_that_jumps_back_makes_nothing_take_less_than_no_time() -> None:
    assert after(BAD, at(GOOD, -HOUR))[1] == (Mended("apps", NOW - HOUR, 0.0),)
