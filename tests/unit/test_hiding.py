"""A match that is said to hide another one takes whatever that one would."""

from hypothesis import given

from shared.domain.hiding import hides
from shared.domain.matching import Match
from tests.builders import cluster, cluster_id, profile
from tests.unit.policies import matches

FLEET = [
    cluster(profile("ab", tags={"a": "b"}), profile("ba"), id=cluster_id(name).arm_id) for name in ("a", "ab", "b-a")
]


@given(matches, matches)
def test_what_fits_a_hidden_match_fits_the_one_before_it(before: Match, after: Match) -> None:
    for read in FLEET if hides(before, after) else []:
        for pool in read.pools:
            assert before.fits(read, pool) or not after.fits(read, pool)


@given(matches)
def test_a_match_hides_itself_and_is_hidden_by_one_that_asks_nothing(match: Match) -> None:
    assert hides(match, match)
    assert hides(Match(), match)
