"""What Resource Graph's rows become."""

import logging
from typing import Any

import pytest

from shared.adapters.arm import Arm
from shared.adapters.graph import GraphFleet, hints
from shared.domain.clouds import CLOUDS
from shared.domain.model import Cluster, Unreadable

GOOD = (
    "/subscriptions/10000000-0000-4000-8000-000000000001/resourceGroups/rg"
    "/providers/Microsoft.ContainerService/managedClusters/aks"
)


def test_a_row_is_read_like_a_get() -> None:
    pool = {"name": "np", "enableFIPS": True, "osType": "Linux"}
    (hint,) = hints([{"id": GOOD, "location": "westeurope", "tags": {"env": "prod"}, "agentPoolProfiles": [pool]}])
    assert isinstance(hint.read, Cluster)
    assert (hint.read.tags, hint.read.pools[0].enable_fips) == ({"env": "prod"}, True)


def test_a_row_that_cannot_be_judged_is_an_unreadable_hint() -> None:
    (hint,) = hints([{"id": GOOD, "agentPoolProfiles": ["not an object"]}])
    assert isinstance(hint.read, Unreadable)
    assert hint.cluster is not None
    assert hint.cluster.name == "aks"


def test_a_row_without_a_usable_id_names_no_cluster_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = list(hints([{"id": "/subscriptions/x"}, {}, {"id": GOOD}]))
    assert [hint.cluster and hint.cluster.name for hint in found] == [None, None, "aks"]
    assert all(isinstance(hint.read, Unreadable) for hint in found[:2])
    assert len(caplog.records) == 2


def test_what_is_configured_is_watched_and_without_a_configuration_everything_is() -> None:
    nobody: Any = None
    arm = Arm(CLOUDS["AzureCloud"], nobody)
    one, other = GOOD.split("/")[2], "20000000-0000-4000-8000-00000000000A"
    some = GraphFleet(arm, nobody, (other.lower(),))

    assert (some.watches(other), some.watches(one)) == (True, False)
    assert some.subscriptions() == (other.lower(),)
    assert GraphFleet(arm, nobody, ()).watches(one)
