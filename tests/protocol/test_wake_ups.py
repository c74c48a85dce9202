"""No wake-up is lost, whoever dies or sleeps: checked in every state of the model of wake_ups.py."""

from dataclasses import fields, replace

import pytest

from tests.protocol.explore import DRAINS, Counterexample, Holds, explore
from tests.protocol.wake_ups import LOST, Rules, Size, WakeUps, broken, initial, quiet

pytestmark = pytest.mark.no_cover  # a model: no code of ours runs here, and watching it takes half as long again

SIZES = {
    "two workers, a crash and a look that is too slow": Size(),
    "two crashes": Size(crashes=2, slow=0),
    "a look that wants another one": Size(events=1, requeues=1, slow=0),
    "a look that wants another one, and exact stamps": Size(events=1, requeues=1, coarse=False),
    "a message that is given to two workers": Size(events=1, repeats=1),
    "coming back at once when somebody was turned away": Size(coarse=False, hasty=True),
    "three workers, three events": Size(3, 3, crashes=0, slow=0, coarse=False),
    "three workers, a crash": Size(3, 2, slow=0, coarse=False),
}

LEFT_OUT = {
    "strict": LOST,
    "copy_when_busy": LOST,
    "never_rely_on_a_worker": LOST,
    "answered_is_beginning": LOST,
    "send_before_settle": LOST,
    "keep_message_of_lost_look": LOST,
    "send_before_remember": LOST,
    "expires": DRAINS,
}
"""Which property a rule is there for."""


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_no_wake_up_is_lost_and_every_message_drains(size: Size) -> None:
    found = explore(initial(size), WakeUps(size, Rules()).steps, broken, quiet)
    assert isinstance(found, Holds), str(found)


@pytest.mark.parametrize(("rule", "lost"), LEFT_OUT.items(), ids=LEFT_OUT.keys())
def test_the_model_finds_what_goes_wrong_without_a_rule(rule: str, lost: str) -> None:
    size = Size(requeues=int(rule == "send_before_settle"))
    found = explore(initial(size), WakeUps(size, replace(Rules(), **{rule: False})).steps, broken, quiet)
    assert isinstance(found, Counterexample), "the rule makes no difference"
    assert found.broken == lost, str(found)


def test_every_rule_of_the_model_is_tested() -> None:
    assert {field.name for field in fields(Rules)} == set(LEFT_OUT)
