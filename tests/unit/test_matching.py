"""Which clusters and node pools a part of the policy is about: all that is given must fit, without case."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.model import Cluster
from shared.domain.support import minor_version
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster, profile

READ = cluster(
    profile("apps", osSKU="Ubuntu2204", mode="User", tags={"Team": "Payments", "cost": "7"}),
    tags={"env": "Prod", "owner": "ana@example.com"},
    location="usgovvirginia",
)


def fits(match: Match, read: Cluster = READ) -> bool:
    """Whether a match is about the cluster's first pool."""
    return match.fits(read, read.pools[0])


PARTS: dict[str, list[tuple[Any, bool]]] = {
    "subscriptions": [((SUBSCRIPTION,), True), ((OTHER_SUBSCRIPTION, SUBSCRIPTION.upper()), True), (("2*",), False)],
    "resource_groups": [(("RG-PAY",), True), (("rg-*",), True), (("rg",), False)],
    "clusters": [(("aks-pay",), True), (("aks-[a-q]ay",), True), (("aks-?ay",), True), (("pay",), False)],
    "locations": [(("usgov*",), True), (("westeurope",), False)],
    "tags": [
        ({"env": "prod"}, True),
        ({"ENV": "p*", "owner": "*@example.com"}, True),
        ({"env": "prod", "missing": "*"}, False),
        ({"env": "test"}, False),
    ],
    "pools": [(("apps",), True), (("APP?",), True), (("batch", "a*"), True), (("app",), False)],
    "pool_tags": [({"team": "pay*"}, True), ({"cost": "7", "team": "*"}, True), ({"env": "prod"}, False)],
    "os_types": [(("linux",), True), (("Windows",), False)],
    "os_skus": [(("Ubuntu*",), True), (("AzureLinux*", "ubuntu2204"), True), (("Ubuntu",), False)],
    "pool_modes": [(("user",), True), (("System", "Gateway"), False)],
    "kubernetes": [(VersionRange(">=1.30 <1.35"), True), (VersionRange("1.34"), True), (VersionRange(">=1.35"), False)],
}
CASES = [(part, value, expected) for part, values in PARTS.items() for value, expected in values]


@pytest.mark.parametrize(("part", "value", "expected"), CASES)
def test_a_part_fits_by_glob_without_case(part: str, value: Any, *, expected: bool) -> None:
    assert fits(Match(**{part: value})) is expected


def test_what_is_left_out_fits_everything() -> None:
    assert fits(Match())
    assert ClusterMatch().fits_cluster(READ)


@given(st.data())
def test_every_part_that_is_given_must_fit(data: st.DataObject) -> None:
    chosen = {part: data.draw(st.sampled_from(values)) for part, values in PARTS.items() if data.draw(st.booleans())}

    match = Match(**{part: value for part, (value, _) in chosen.items()})

    assert fits(match) is all(expected for _, expected in chosen.values())


@given(st.data())
def test_of_a_cluster_alone_the_parts_of_a_cluster_count(data: st.DataObject) -> None:
    of_cluster = ("subscriptions", "resource_groups", "clusters", "locations", "tags")
    chosen = {part: data.draw(st.sampled_from(PARTS[part])) for part in of_cluster if data.draw(st.booleans())}
    values = {part: value for part, (value, _) in chosen.items()}

    assert ClusterMatch(**values).fits_cluster(READ) is all(expected for _, expected in chosen.values())
    assert Match(**values).fits_cluster(READ) is fits(Match(**values))
    assert Match(**values).only_cluster


@pytest.mark.parametrize("part", ["pools", "pool_tags", "os_types", "os_skus", "pool_modes", "kubernetes"])
def test_a_match_that_asks_something_of_pools_is_not_about_clusters_alone(part: str) -> None:
    assert not Match(**{part: PARTS[part][0][0]}).only_cluster


def test_a_glob_that_looks_like_a_pattern_is_none() -> None:
    assert not fits(Match(pools=("a.*",)))
    assert not fits(Match(pools=("apps|batch",)))


class TestVersions:
    """Kubernetes versions by their minor."""

    @pytest.mark.parametrize(
        ("text", "inside", "outside"),
        [
            (">=1.30 <1.35", ["1.30", "1.30.0", "1.34.99", "1.31.100-akslts"], ["1.29.9", "1.35.0", "2.0.0"]),
            (">1.30", ["1.31.0", "2.0.0"], ["1.30.9", "1.4.0"]),
            ("<=1.30", ["1.30.9", "1.4.0", "0.9.0"], ["1.31.0"]),
            ("=1.34", ["1.34.2"], ["1.33.9", "1.35.0"]),
            ("1.34", ["1.34"], ["1.340.0", "1.3.4"]),
            ("  >=1.9   <1.10 ", ["1.9.6"], ["1.10.0"]),
            (">1.30 <1.30", [], ["1.30.0", "1.29.0", "1.31.0"]),
        ],
    )
    def test_a_range_holds_by_the_minor_alone(self, text: str, inside: list[str], outside: list[str]) -> None:
        made = VersionRange(text)

        assert [version for version in inside if not made.holds(version)] == []
        assert [version for version in outside if made.holds(version)] == []

    @pytest.mark.parametrize(
        "text", ["", "  ", "1", "1.x", ">=1.30.1", "1.30-1.35", ">= 1.30", "~1.30", "=>1.30", ">=1.30,<1.35"]
    )
    def test_what_is_no_range_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="no range of Kubernetes versions"):
            VersionRange(text)

    @pytest.mark.parametrize(
        "version",
        [
            "",
            "latest",
            "1",
            "1.34.x",
            "1.34.2.1",
            "one.two",
            "12345.1",
            "v1.34.2",
            "01.34.2",
            "1.034.2",
            " 1.34.2",
            "1.34.2\n",
        ],
    )
    def test_what_reads_as_no_version_lies_in_no_range(self, version: str) -> None:
        assert minor_version(version) is None
        assert not VersionRange(">=0.0").holds(version)

    @given(
        st.lists(
            st.tuples(st.sampled_from([">=", "<=", ">", "<", "=", ""]), st.integers(0, 3), st.integers(0, 12)),
            min_size=1,
            max_size=3,
        )
    )
    def test_if_a_range_holds_anything_it_holds_one_of_its_edges(self, parts: list[tuple[str, int, int]]) -> None:
        made = VersionRange(" ".join(f"{sign}{one}.{two}" for sign, one, two in parts))

        anything = any(made.holds(f"{one}.{two}") for one in range(6) for two in range(16))

        assert anything == any(made.holds(edge) for edge in made.edges())


class TestUndecided:
    """Where only the version decides and can't be read, nobody knows which rule holds."""

    ASKING = Match(pools=("apps",), kubernetes=VersionRange(">=1.30"))

    def undecided(self, match: Match, version: str) -> bool:
        read = cluster(profile("apps", currentOrchestratorVersion=version, orchestratorVersion=version))
        return bool(match.undecided(read, read.pools[0]))

    @pytest.mark.parametrize("version", ["", "latest"])
    def test_a_version_that_cannot_be_read_leaves_it_open(self, version: str) -> None:
        assert self.undecided(self.ASKING, version)

    def test_one_that_can_be_read_decides(self) -> None:
        assert not self.undecided(self.ASKING, "1.34.2")
        assert not self.undecided(self.ASKING, "1.2.0")

    def test_so_does_any_other_part_that_does_not_fit(self) -> None:
        assert not self.undecided(Match(pools=("batch",), kubernetes=VersionRange(">=1.30")), "")

    def test_a_match_that_asks_for_no_version_is_decided(self) -> None:
        assert not self.undecided(Match(pools=("apps",)), "")
