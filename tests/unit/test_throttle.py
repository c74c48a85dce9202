"""The pace of one subscription: a PUT a second, and none where ARM said wait."""

from datetime import timedelta

import pytest

from shared.domain.budget import Budget
from shared.domain.operation import Refused
from shared.domain.throttle import held, of_subscription, paced
from tests.builders import NOW

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def test_a_subscription_that_is_held_waits_and_others_do_not() -> None:
    budget = held(Budget(), "s1", NOW + HOUR, NOW)

    found = paced(budget, "s1", NOW)
    assert found
    assert (found.reason, found.after) == ("SubscriptionPaced", HOUR)
    assert paced(budget, "s2", NOW) is None
    assert paced(budget, "s1", NOW + HOUR) is None


def test_who_waits_for_a_second_comes_back_in_a_minute_so_that_not_all_come_at_once() -> None:
    found = paced(held(Budget(), "s1", NOW + SECOND, NOW), "s1", NOW)
    assert found
    assert found.after == timedelta(minutes=1)


def test_a_shorter_wait_never_ends_a_longer_one_and_what_has_passed_is_forgotten() -> None:
    budget = held(held(Budget(), "s1", NOW + HOUR, NOW), "s1", NOW + SECOND, NOW)
    assert budget.not_before == {"s1": NOW + HOUR}
    assert held(budget, "s2", NOW + 3 * HOUR, NOW + 2 * HOUR).not_before == {"s2": NOW + 3 * HOUR}


@pytest.mark.parametrize(
    ("reason", "message", "whole"),
    [
        ("Throttled", "SubscriptionRequestsThrottled: Number of write requests for subscription 's' exceeded", True),
        ("Throttled", "Throttled: The PutAgentPoolHandler.PUT request limit has been exceeded for SubID='s'", False),
        ("Forbidden", "AuthorizationFailed: over scope '/subscriptions/s'", False),
    ],
)
def test_arm_throttles_a_subscription_and_aks_a_pool(reason: str, message: str, whole: bool) -> None:
    assert of_subscription(Refused(reason, message, HOUR)) is whole
