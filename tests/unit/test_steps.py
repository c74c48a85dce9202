"""Which remediation steps are due, what each would change, and that the safest comes first."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.matching import Match
from shared.domain.memory import PoolMemory
from shared.domain.model import Cluster, Mode, ProofLevel
from shared.domain.plan import plan
from shared.domain.planned import Action, ActionKind
from shared.domain.policy import Ring
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Modules, OsSku, ProofSettings, Strategy
from shared.domain.steps import Step, approval_fingerprint, describe, due
from tests.builders import ENFORCING, book, cluster, disabled, exemption, memory, profile, proof, situation

HISTORICAL = {"osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2004gen2fipscontainerd-202611.03.0"}
"""FIPS is on, by Ubuntu 20.04, whose certificates are historical since 2026-09-21."""
FORBIDDEN = book(fips=Fips.FORBIDDEN)
DEMANDED = book(modules=Modules.REQUIRED, os_sku=OsSku.UBUNTU2204)


def steps(read: Cluster, rules: Rulebook = ENFORCING) -> list[Step]:
    """What is due."""
    return due(situation(read, rules=rules))


def acted(read: Cluster, rules: Rulebook = ENFORCING) -> Action:
    """What is done."""
    action = plan(situation(read, rules=rules)).action
    assert action is not None
    return action


KINDS: dict[str, tuple[dict[str, Any], Rulebook, ActionKind | None, dict[str, Any]]] = {
    "FIPS is off": (disabled(), ENFORCING, ActionKind.ENABLE_FIPS, {"enableFIPS": True}),
    "FIPS is on": (profile(), ENFORCING, None, {}),
    "FIPS is forbidden and on": (profile(), FORBIDDEN, ActionKind.DISABLE_FIPS, {"enableFIPS": False}),
    "FIPS is forbidden and off": (disabled(), FORBIDDEN, None, {}),
    "forbidden, and the image has it anyway": (
        profile(osType="Windows", osSKU="Windows2022"),
        FORBIDDEN,
        None,
        {},
    ),
    "nothing is asked": (disabled(), book(fips=Fips.ANY), None, {}),
    "it can't, and may be moved": (
        disabled(osSKU="Ubuntu2404"),
        book(os_sku=OsSku.UBUNTU2204),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True, "osSKU": "Ubuntu2204"},
    ),
    "it can, and keeps its OS SKU": (
        disabled(osSKU="AzureLinux"),
        book(os_sku=OsSku.UBUNTU2204),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True},
    ),
    "it would get historical modules, and may be moved": (
        disabled(osSKU="Ubuntu"),
        book(os_sku=OsSku.UBUNTU2204),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True, "osSKU": "Ubuntu2204"},
    ),
    "it has historical modules, which are demanded": (
        profile(**HISTORICAL),
        DEMANDED,
        ActionKind.CHANGE_OS_SKU,
        {"osSKU": "Ubuntu2204"},
    ),
    "they are only reported": (profile(**HISTORICAL), book(os_sku=OsSku.UBUNTU2204), None, {}),
    "they are demanded, and it may not be moved": (profile(**HISTORICAL), book(modules=Modules.REQUIRED), None, {}),
    "it can't, and is to be replaced": (
        disabled(osSKU="Flatcar"),
        book(strategy=Strategy.REPLACE),
        ActionKind.REPLACE,
        {"enableFIPS": True, "osSKU": "AzureLinux3"},
    ),
    "it can after a move, so it is not replaced": (
        disabled(osSKU="Ubuntu2404"),
        book(strategy=Strategy.REPLACE, os_sku=OsSku.UBUNTU2204),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True, "osSKU": "Ubuntu2204"},
    ),
    "it can, so it is not replaced": (
        disabled(),
        book(strategy=Strategy.REPLACE),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True},
    ),
    "it is exempt: due, and not taken": (
        disabled(),
        book(exemptions=(exemption(),)),
        ActionKind.ENABLE_FIPS,
        {"enableFIPS": True},
    ),
    "the flag can't be read": (disabled(enableFIPS="no"), ENFORCING, None, {}),
}


@pytest.mark.parametrize(("properties", "rules", "kind", "changes"), KINDS.values(), ids=KINDS.keys())
def test_what_would_mend_a_pool(
    properties: dict[str, Any], rules: Rulebook, kind: ActionKind | None, changes: dict[str, Any]
) -> None:
    found = steps(cluster(properties), rules)

    assert [step.kind for step in found] == ([kind] if kind else [])
    assert [dict(step.changes) for step in found] == ([changes] if kind else [])


def test_the_os_sku_and_the_flag_go_in_one_put() -> None:
    """Two reimages where one will do would disrupt twice."""
    action = acted(cluster(disabled(osSKU="Ubuntu2404")), book(os_sku=OsSku.UBUNTU2204))

    properties = action.body["properties"]
    assert (properties["enableFIPS"], properties["osSKU"]) == (True, "Ubuntu2204")
    assert "nodeImageVersion" not in properties


def test_a_change_of_the_os_sku_leaves_the_flag_on() -> None:
    properties = acted(cluster(profile(**HISTORICAL)), DEMANDED).body["properties"]

    assert (properties["enableFIPS"], properties["osSKU"]) == (True, "Ubuntu2204")


def test_where_it_is_forbidden_fips_is_switched_off() -> None:
    action = acted(cluster(), FORBIDDEN)

    assert (action.kind, action.body["properties"]["enableFIPS"]) == (ActionKind.DISABLE_FIPS, False)


TOGETHER = book(os_sku=OsSku.UBUNTU2204)


def test_where_aks_refused_both_at_once_the_os_sku_goes_first() -> None:
    read = cluster(disabled(osSKU="Ubuntu2404"))
    for on, kind in ((read.pools[0].configuration, ActionKind.CHANGE_OS_SKU), ("another", ActionKind.ENABLE_FIPS)):
        (step,) = due(situation(read, rules=TOGETHER, memory=memory(apps=PoolMemory(apart=on))))
        assert step.kind is kind
        assert ("enableFIPS" in step.changes) is (kind is ActionKind.ENABLE_FIPS)
        assert step.changes["osSKU"] == "Ubuntu2204"


def test_then_fips_is_switched_on_which_needs_a_word_of_its_own() -> None:
    both, after = cluster(disabled(osSKU="Ubuntu2404")), cluster(disabled(osSKU="Ubuntu2204"))
    apart = PoolMemory(apart=both.pools[0].configuration)
    found = [
        due(situation(read, rules=TOGETHER, memory=memory(apps=remembered)))[0]
        for read, remembered in ((both, PoolMemory()), (both, apart), (after, apart))
    ]
    assert [dict(step.changes) for step in found] == [
        {"enableFIPS": True, "osSKU": "Ubuntu2204"},
        {"osSKU": "Ubuntu2204"},
        {"enableFIPS": True},
    ]
    words = {approval_fingerprint(read, step) for read, step in zip((both, both, after), found, strict=True)}
    assert len(words) == 3


def test_an_approval_is_of_the_sizes_of_single_machines_too() -> None:
    def agreed(size: str) -> str:
        machines = {"scale": {"manual": [{"size": size, "count": 3}]}}
        pool = disabled(type="VirtualMachines", virtualMachinesProfile=machines, osSKU="Ubuntu2204")
        read = cluster({key: value for key, value in pool.items() if key != "vmSize"})
        return approval_fingerprint(read, due(situation(read))[0])

    assert agreed("Standard_D4s_v5") == agreed("Standard_D4s_v5") != agreed("Standard_M128s")


UNBLOCKED = memory(apps=PoolMemory(resume="ana"))
HALF_WAY: dict[str, tuple[dict[str, Any], Rulebook, dict[str, Any] | None]] = {
    "on, and failed": (profile(provisioningState="Failed"), ENFORCING, {"enableFIPS": True}),
    "on, and canceled": (profile(provisioningState="Canceled"), ENFORCING, {"enableFIPS": True}),
    "off, and failed": (disabled(provisioningState="Failed"), ENFORCING, {"enableFIPS": True}),
    "forbidden, off, and failed": (disabled(provisioningState="Failed"), FORBIDDEN, {"enableFIPS": False}),
    "on, and well": (profile(), ENFORCING, None),
    "nothing is asked": (profile(provisioningState="Failed"), book(fips=Fips.ANY), None),
    "Windows": (profile(osType="Windows", osSKU="Windows2022", provisioningState="Failed"), ENFORCING, None),
}


@pytest.mark.parametrize(("given", "rules", "changes"), HALF_WAY.values(), ids=HALF_WAY)
def test_what_aks_left_half_way_is_gone_on_with_where_a_person_unblocked_it(
    given: dict[str, Any], rules: Rulebook, changes: dict[str, Any] | None
) -> None:
    action = plan(situation(cluster(given), rules=rules, memory=UNBLOCKED)).action

    assert (dict(action.changes) if action else None) == changes


@pytest.mark.parametrize(("on", "reason"), [("", "ProvisioningCanceled"), ("this", "Blocked")])
def test_what_we_left_half_way_says_what_it_waits_for(on: str, reason: str) -> None:
    read = cluster(profile(provisioningState="Canceled"))
    blocked = PoolMemory(blocked="It was aborted.", blocked_on=on and read.pools[0].configuration)

    (deferral,) = plan(situation(read, memory=memory(apps=blocked))).deferrals

    assert deferral.reason == reason
    assert "fipswarden unblock rg-pay/aks-pay apps" in deferral.message


@pytest.mark.parametrize("given", [profile(provisioningState="Failed"), disabled(provisioningState="Canceled")])
def test_what_aks_left_half_way_is_left_alone_where_nobody_did(given: dict[str, Any]) -> None:
    assert plan(situation(cluster(given))).action is None


def test_the_place_that_an_action_needs_is_that_of_its_pool() -> None:
    action = acted(cluster(disabled(count=7)), book(rings=(Ring("one"),)))

    assert (action.nodes, action.ring, action.skip_soak) == (7, "one", False)
    assert acted(cluster(disabled(count=...))).nodes is None


class TestOrder:
    """The safest first: rings, then fewest nodes, user pools before system pools; the same for the same input."""

    def order(self, *profiles: dict[str, Any], rules: Rulebook = ENFORCING) -> list[str]:
        return [step.pool.name for step in steps(cluster(*profiles), rules)]

    def test_the_fewest_nodes_come_first(self) -> None:
        assert self.order(disabled("a", count=5), disabled("b", count=2), disabled("c", count=3)) == ["b", "c", "a"]

    def test_of_the_same_size_the_one_without_system_pods_comes_first(self) -> None:
        system = disabled("a", mode="System")

        assert self.order(system, disabled("b")) == ["b", "a"]
        assert self.order(disabled("b", mode="System", count=2), disabled("a")) == ["b", "a"], "size counts more"

    def test_what_is_no_user_pool_by_its_word_counts_as_system(self) -> None:
        assert self.order(disabled("a", mode="Gateway"), disabled("b", mode="User")) == ["b", "a"]

    def test_one_of_unknown_size_comes_last(self) -> None:
        assert self.order(disabled("a", count=...), disabled("b", count=900)) == ["b", "a"]

    def test_an_earlier_ring_comes_before_a_smaller_pool(self) -> None:
        rings = (Ring("first", Match(pools=("z*",))), Ring("second", Match(pools=("b",))))
        rules = book(rings=rings)

        assert self.order(disabled("a", count=1), disabled("b", count=2), disabled("z", count=9), rules=rules) == [
            "z",
            "b",
            "a",
        ], "a pool in no ring comes last"

    def test_the_last_word_is_the_name(self) -> None:
        assert self.order(disabled("b"), disabled("a"), disabled("c")) == ["a", "b", "c"]

    @given(st.permutations(range(6)), st.lists(st.integers(1, 3), min_size=6, max_size=6))
    def test_the_order_of_arms_list_is_nothing(self, order: list[int], sizes: list[int]) -> None:
        made = [
            disabled(f"p{number}", count=size, mode=("User", "System")[number % 2]) for number, size in enumerate(sizes)
        ]
        rules = book(rings=(Ring("odd", Match(pools=("p[135]",))),))

        turned = cluster(*(made[at] for at in order))

        assert self.order(*made, rules=rules) == [step.pool.name for step in steps(turned, rules)]
        one, other = (plan(situation(read, rules=rules)) for read in (cluster(*made), turned))
        assert one == other


def test_a_step_in_words_says_what_where_and_how_many() -> None:
    (step,) = steps(cluster(disabled(osSKU="Ubuntu2404")), book(os_sku=OsSku.UBUNTU2204))

    assert describe(step) == 'enable fips on apps (enableFIPS = true, osSKU = "Ubuntu2204"; 3 nodes)'


@pytest.mark.parametrize(
    ("rules", "asks"),
    [
        (book(cluster_maintenance=True), True),
        (book(Mode.APPROVE, cluster_maintenance=True), True),
        (book(Mode.ALERT, cluster_maintenance=True), False),
        (book(), False),
    ],
)
def test_a_step_that_nothing_will_take_needs_no_maintenance_window(rules: Rulebook, *, asks: bool) -> None:
    (step,) = steps(cluster(disabled()), rules)

    assert step.asks_maintenance is asks


def test_a_pool_that_nobody_has_judged_has_no_step() -> None:
    made = situation(cluster(disabled()))

    assert due(replace(made, posture=replace(made.posture, pools=()))) == []


def test_what_is_proven_needs_nothing() -> None:
    rules = book(proof=ProofSettings(level=ProofLevel.NODE))

    assert due(situation(cluster(), rules=rules, memory=memory(apps=proof()))) == []


@pytest.mark.parametrize(
    ("nodes", "said"), [(1, "; 1 node)"), (3, "; 3 nodes)"), (None, "; how many nodes is not known)")]
)
def test_a_step_in_words_counts_its_nodes(nodes: int | None, said: str) -> None:
    (step,) = steps(cluster(disabled(count=nodes)), ENFORCING)

    assert describe(step) == f"enable fips on apps (enableFIPS = true{said}"
