"""Names of resources: what is no name never reaches a URL, a query or a key; case never makes two of one cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import ClusterId, pool_name
from tests.builders import SUBSCRIPTION, cluster_id
from tests.unit.strategies import any_text

ARM_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-pay/providers/Microsoft.ContainerService/managedClusters/aks"

groups = st.from_regex(r"[-\w.()]{0,89}[-\w()]", fullmatch=True)
names = st.from_regex(r"[a-zA-Z0-9]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9])?", fullmatch=True)
ids = st.builds(ClusterId, st.just(SUBSCRIPTION), groups, names)


@pytest.mark.parametrize(
    "arm_id",
    [
        ARM_ID,
        ARM_ID.upper(),
        ARM_ID.lower(),
        ARM_ID.replace("resourceGroups", "resourcegroups"),
        f"{ARM_ID}/agentPools/apps",
        f"{ARM_ID}/agentPools/apps/machines/1",
    ],
)
def test_an_id_in_any_case_or_of_anything_below_is_the_clusters(arm_id: str) -> None:
    found = ClusterId.parse(arm_id)

    assert found == ClusterId(SUBSCRIPTION, "rg-pay", "aks")
    assert hash(found) == hash(ClusterId(SUBSCRIPTION, "rg-pay", "aks"))
    assert found.key == f"{SUBSCRIPTION}|rg-pay|aks"


def test_the_case_that_was_read_is_kept_for_people() -> None:
    found = ClusterId.parse(ARM_ID.replace("rg-pay", "RG-Pay"))

    assert str(found) == "RG-Pay/aks"
    assert found.arm_id == ARM_ID.replace("rg-pay", "RG-Pay")
    assert found.path == f"{SUBSCRIPTION}/rg-pay/aks"


@pytest.mark.parametrize(
    "arm_id",
    [
        "",
        "/",
        "aks",
        SUBSCRIPTION,
        f"/subscriptions/{SUBSCRIPTION}",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-pay",
        ARM_ID[1:],
        ARM_ID + "\n",
        ARM_ID.replace("managedClusters", "storageAccounts"),
        ARM_ID.replace("Microsoft.ContainerService", "Microsoft.Kubernetes"),
        ARM_ID.replace(SUBSCRIPTION, "{subscription-id}"),
        ARM_ID.replace("rg-pay", ".."),
        ARM_ID.replace("rg-pay", "rg."),
        ARM_ID.replace("rg-pay", "rg?x"),
        ARM_ID.replace("rg-pay", "rg'"),
        ARM_ID.replace("rg-pay", ""),
        ARM_ID.replace("rg-pay", "r" * 91),
        ARM_ID + "?api-version=1",
        ARM_ID + "%2f..",
        ARM_ID[:-3] + "-aks",
        ARM_ID[:-3] + "a" * 64,
        ARM_ID[:-3] + "äks",
    ],
)
def test_what_is_not_the_id_of_a_cluster_is_refused(arm_id: str) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        ClusterId.parse(arm_id)


@given(any_text)
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for arm_id in (text, ARM_ID + text, ARM_ID.replace("rg-pay", text)):
        try:
            found = ClusterId.parse(arm_id)
        except ValueError:
            continue
        assert not set("/\\#?%'\"\n\t ") & set(found.key)


@given(ids)
def test_key_and_arm_id_lead_back_to_the_cluster(cluster: ClusterId) -> None:
    assert ClusterId.parse(cluster.arm_id) == cluster
    assert ClusterId.from_key(cluster.key) == cluster
    assert ClusterId.from_key(cluster.key).key == cluster.key


def test_a_letter_whose_lower_case_is_two_characters_is_kept() -> None:
    assert ClusterId.from_key(cluster_id(group="rg-İzmir").key) == cluster_id(group="RG-İzmir")


@pytest.mark.parametrize("key", ["", "a|b", f"{SUBSCRIPTION}|g|c|d", f"{SUBSCRIPTION}|g|../c", "head"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        ClusterId.from_key(key)


@pytest.mark.parametrize("name", ["", "1a", "a" * 13, "a-b", "a/b", "ä", "a\n", "None "])
def test_what_is_no_node_pool_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a node pool"):
        pool_name(name)


def test_node_pools_are_lower_case() -> None:
    assert pool_name("NpSys1") == "npsys1"
