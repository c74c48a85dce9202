"""A policy's scope may name management groups: they are resolved by ARM or nothing is judged, and never guessed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.world.management import group_id
from shared.adapters.arm import Arm
from shared.adapters.management import ManagementGroups, Remembered
from shared.domain.clouds import CLOUDS
from shared.domain.matching import ClusterMatch
from shared.domain.model import Unreadable
from shared.domain.policy import Scope
from shared.domain.scope import empty_groups, outside, read_descendants, resolved, unresolved
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION, cluster, cluster_id
from tests.unit.trees import CLOSED, SLOW, THIRD, Tree, resolve, scoped

LETTERS = "abcdef00-0000-4000-8000-00000000000a"


def of(subscription: str) -> Any:
    return cluster(id=cluster_id(subscription=subscription).arm_id)


class TestScope:
    """What a resolved policy covers."""

    def test_given_subscriptions_and_those_of_every_group_are_covered(self) -> None:
        tree = Tree({"corp": (OTHER_SUBSCRIPTION,), "lab": (THIRD,)})
        policy = resolve(scoped("corp", "lab", subscriptions=(SUBSCRIPTION,)), tree)

        assert policy.scope.subscriptions == (SUBSCRIPTION, OTHER_SUBSCRIPTION, THIRD)
        assert all(policy.covers(of(one)) for one in policy.scope.subscriptions)
        assert not policy.covers(of("40000000-0000-4000-8000-000000000004"))

    def test_groups_without_subscriptions_cover_nothing_and_not_everything(self) -> None:
        policy = resolve(scoped("corp"), Tree({"corp": ()}))

        assert policy.scope.subscriptions == ()
        assert not policy.covers(cluster())
        assert scoped().covers(cluster()), "no scope at all is all"

    def test_a_policy_that_nobody_resolved_covers_nothing_by_its_groups(self) -> None:
        assert not scoped("corp").covers(cluster())

    def test_a_star_beside_a_group_still_covers_everything(self) -> None:
        assert resolve(scoped("corp", subscriptions=("*",)), Tree({"corp": ()})).covers(cluster())

    def test_an_exclusion_counts_within_a_group(self) -> None:
        policy = scoped("corp", exclude=(ClusterMatch(clusters=("aks-*",)),))
        assert not resolve(policy, Tree({"corp": (SUBSCRIPTION,)})).covers(cluster())

    def test_one_group_that_is_not_known_leaves_no_scope_at_all(self) -> None:
        tree = Tree({"lab": (SUBSCRIPTION,), "corp": CLOSED})
        assert resolved(scoped("lab", "corp", subscriptions=(THIRD,)), tree) == CLOSED

    def test_without_groups_nobody_is_asked_and_the_policy_stays_what_it_is(self) -> None:
        tree, policy = Tree(), scoped(subscriptions=(SUBSCRIPTION,))
        assert resolved(policy, tree) is policy
        assert unresolved(policy) is policy
        assert tree.asked == []

    def test_a_policy_with_groups_that_nobody_can_resolve_is_unreadable(self) -> None:
        found = unresolved(scoped("corp"))
        assert isinstance(found, Unreadable)
        assert "corp" in found.message

    def test_a_group_without_subscriptions_is_warned_of_by_name(self) -> None:
        tree = Tree({"corp": (SUBSCRIPTION,), "bare": (), "shut": CLOSED})
        (warning,) = empty_groups(scoped("corp", "bare", "shut"), tree)
        assert "management group `bare` has no subscription" in warning

    def test_what_nobody_looks_at_is_outside_unless_it_is_excluded_as_a_whole(self) -> None:
        scope = Scope(("corp",), (SUBSCRIPTION, OTHER_SUBSCRIPTION, THIRD, LETTERS, "*"))

        assert outside(scope, [SUBSCRIPTION, LETTERS.upper()]) == (OTHER_SUBSCRIPTION, THIRD)
        whole = ClusterMatch(subscriptions=("3000*",), line=7)
        part = ClusterMatch(subscriptions=("2000*",), clusters=("lab-*",))
        assert outside(replace(scope, exclude=(whole, part)), [SUBSCRIPTION, LETTERS]) == (OTHER_SUBSCRIPTION,)

    def test_a_scope_without_groups_has_no_outside(self) -> None:
        assert outside(Scope((), (OTHER_SUBSCRIPTION,)), [SUBSCRIPTION]) == ()


def entry(resource: Any) -> dict[str, Any]:
    return {"id": resource, "type": "whatever", "name": "x"}


class TestDescendants:
    """A page of ARM's list, read strictly: a part of a scope would be another scope."""

    def test_subscriptions_are_taken_in_lower_case_and_groups_left_to_their_own_entries(self) -> None:
        page = {"value": [entry(f"/Subscriptions/{LETTERS.upper()}"), entry(group_id(THIRD))]}
        assert read_descendants(page) == ((LETTERS,), "")

    def test_a_subscription_may_be_named_below_its_group(self) -> None:
        assert read_descendants({"value": [entry(f"{group_id('corp')}/subscriptions/{THIRD}")]}) == ((THIRD,), "")

    def test_the_next_link_is_passed_on(self) -> None:
        assert read_descendants({"value": [], "nextLink": "https://x/?a"}) == ((), "https://x/?a")
        assert read_descendants({"value": [], "nextLink": None}) == ((), "")

    @pytest.mark.parametrize(
        "page",
        [
            *({}, [], None, {"value": None}, {"value": {}}, {"value": [], "nextLink": 7}),
            {"value": ["x"]},
            {"value": [{}]},
            {"value": [entry(None)]},
            {"value": [entry("/subscriptions/")]},
            {"value": [entry(f"/subscriptions/{THIRD}/resourceGroups/rg")]},
            {"value": [entry(f"/subscriptions/{THIRD}\n")]},
            {"value": [entry("/providers/Microsoft.Management/managementGroups/")]},
            {"value": [entry(group_id("corp/settings/default"))]},
        ],
    )
    def test_what_is_no_such_page_is_refused(self, page: Any) -> None:
        with pytest.raises(ValueError, match=r"value|nextLink|neither"):
            read_descendants(page)

    @given(st.lists(st.uuids().map(str), unique=True), st.lists(st.text("abc-_.()", min_size=1, max_size=90)))
    def test_every_subscription_of_a_page_is_found_among_any_groups(self, ids: list[str], groups: list[str]) -> None:
        items = [entry(group_id(group)) for group in groups] + [entry(f"/subscriptions/{one}") for one in ids]
        assert read_descendants({"value": items}) == (tuple(ids), "")


class Pages(Arm):
    """ARM that answers from a table of URLs, and refuses others as the real one does."""

    def __init__(self, pages: Mapping[str, Any]) -> None:
        nobody: Any = None
        super().__init__(CLOUDS["AzureCloud"], nobody)
        self.pages = pages

    def get_json(self, subscription: str, url: str, *given: Any) -> Mapping[str, Any]:
        """Answer."""
        if url in self.pages:
            found: Mapping[str, Any] = self.pages[url]
            return found
        return super().get_json(subscription, url, *given)


FIRST = "/providers/Microsoft.Management/managementGroups/corp/descendants?api-version=2020-05-01"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"value": [], "nextLink": "https://evil.example/next"}, "is not a host of ARM"),
        ({"value": [], "nextLink": FIRST}, "go in a circle"),
        ({"error": "?"}, "no list `value`"),
    ],
)
def test_links_that_lead_elsewhere_or_in_a_circle_make_a_group_unreadable(page: Any, said: str) -> None:
    found = ManagementGroups(Pages({FIRST: page}))("corp")
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("ManagementGroupUnreadable", None)
    assert "Management group corp" in found.message
    assert said in found.message


class TestRemembered:
    """An hour for what is known, a minute or what ARM says for what is not."""

    @pytest.mark.parametrize(
        ("answer", "seconds"), [((SUBSCRIPTION,), 3600), ((), 3600), (CLOSED, 60), (SLOW, 17)], ids=str
    )
    def test_it_is_asked_again_when_the_time_is_over_and_not_before(self, answer: Any, seconds: int) -> None:
        now, tree = [0.0], Tree({"corp": answer})
        below = Remembered(tree, lambda: now[0])

        assert below("corp") == below("CORP") == answer
        now[0] = seconds - 0.1
        assert below("corp") == answer
        assert tree.asked == ["corp"]
        now[0] = seconds + 0.1
        tree.groups["corp"] = (THIRD,)
        assert below("corp") == (THIRD,)

    def test_what_was_known_for_an_hour_is_not_believed_any_longer(self) -> None:
        now, tree = [0.0], Tree({"corp": (SUBSCRIPTION,)})
        below = Remembered(tree, lambda: now[0])
        below("corp")
        now[0], tree.groups["corp"] = 3601, SLOW
        assert below("corp") == SLOW
