"""One PUT, one answer, one place in the budget: checked in every state of the model of actions.py."""

from dataclasses import fields, replace

import pytest

from tests.protocol.actions import (
    CLOSED,
    COUNTED,
    IN_BUDGET,
    INTENT_FIRST,
    ONE_ANSWER,
    ONE_PUT,
    TRUE,
    Actions,
    Rules,
    Size,
    initial,
    quiet,
)
from tests.protocol.explore import Counterexample, Holds, explore

pytestmark = pytest.mark.no_cover  # a model: no code of ours runs here, and watching it takes half as long again

SIZES = {
    "two crashes, and somebody changes the pool": Size(1, crashes=2, changes=1),
    "a crash and a sleeper": Size(crashes=1, slow=1),
    "two sleepers": Size(slow=2),
    "a crash, a sleeper, an observation": Size(crashes=1, slow=1, observations=1),
    "a crash, a sleeper, an unreadable cluster": Size(crashes=1, slow=1, unreadable=1),
    "a crash, a sleeper, a cluster that is missing for a moment": Size(crashes=1, slow=1, missing=1),
    "a sleeper, a lost answer, a changed pool": Size(slow=1, changes=1, lost_answers=1),
    "a crash, a sleeper, a PUT that is repeated on its way": Size(crashes=1, slow=1, repeated_puts=1),
    "a PUT that takes longer than the lease": Size(slow=1, changes=1, lost_answers=1, punctual=False),
}

LEFT_OUT = {
    "save_before_put": (Size(1, crashes=1), IN_BUDGET),
    "intent_before_put": (Size(1), INTENT_FIRST),
    "if_match": (Size(slow=1, punctual=False), ONE_PUT),
    "keep_place_after_refusal": (Size(1, repeated_puts=1), IN_BUDGET),
    "doubt_missing": (Size(1, missing=1), IN_BUDGET),
    "learn_before_forgetting": (Size(1), COUNTED),
    "fence_head": (Size(slow=1), ONE_ANSWER),
    "fence_release": (Size(slow=1), IN_BUDGET),
    "one_answer_id": (Size(slow=1, observations=1), ONE_ANSWER),
    "last_fence": (Size(slow=1), TRUE),
    "say_that_it_was_not_begun": (Size(slow=1), CLOSED),
    "close_foreign_intents": (Size(crashes=1, slow=1, observations=1), CLOSED),
    "fence_close": (Size(crashes=1, slow=1, observations=1), TRUE),
    "remember_what_was_passed": (Size(crashes=1, slow=1, unreadable=1), CLOSED),
}
"""Where leaving out a rule shows, and which property the rule is there for."""


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_whatever_happens_there_is_one_put_and_the_evidence_is_whole(size: Size) -> None:
    model = Actions(size, Rules())
    found = explore(initial(size), model.steps, model.broken, quiet)
    assert isinstance(found, Holds), str(found)


@pytest.mark.parametrize(("rule", "shows"), LEFT_OUT.items(), ids=LEFT_OUT.keys())
def test_the_model_finds_what_goes_wrong_without_a_rule(rule: str, shows: tuple[Size, str]) -> None:
    size, broken = shows
    model = Actions(size, replace(Rules(), **{rule: False}))
    found = explore(initial(size), model.steps, model.broken, quiet)
    assert isinstance(found, Counterexample), "the rule makes no difference"
    assert found.broken == broken, str(found)


def test_every_rule_of_the_model_is_tested() -> None:
    assert {field.name for field in fields(Rules)} == set(LEFT_OUT)
