"""Pools that can't have FIPS in place are replaced: no pod is lost that a budget protects, and nothing is forced."""

from tests.scenario.replacing import HOUR, Replacing


def test_a_pool_is_replaced_by_its_twin_with_all_that_was_set_on_it() -> None:
    lab = Replacing.made()
    before = dict(lab.pools["old"].properties)
    lab.look(lasting=HOUR)

    print(lab.parts(), lab.outcomes(), lab.verdict(pool="old"), lab.waits(pool="old"), lab.replacement)
    lab.assert_replaced()
    after = dict(lab.pools["oldf"].properties)
    assert after.pop("tags").pop("fipswarden-replaces").startswith("old:")
