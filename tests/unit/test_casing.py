"""The Azure CLI's spelling: read by tables, which the SDK's own names confirm."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from azure.mgmt.containerservice import models

from shared.domain.casing import CLUSTER, POOL, POOL_SECURITY, STORAGE, arm_properties
from tests.builders import arm_cluster, printed_by_az, profile


def differing(model: Any) -> dict[str, str]:
    """The CLI's name (`azure.cli.core.util.todict`: camel case of the attribute) and ARM's, where they differ."""
    named = {
        re.sub(r"(?!^)_([a-zA-Z])", lambda found: found[1].upper(), attribute): field._rest_name
        for attribute, field in model({})._attr_to_rest_field.items()
    }
    return {ours: arms for ours, arms in named.items() if ours != arms}


@pytest.mark.parametrize(
    ("table", "model"),
    [
        (CLUSTER, models.ManagedClusterProperties),
        (POOL, models.ManagedClusterAgentPoolProfile),
        (POOL_SECURITY, models.AgentPoolSecurityProfile),
        (STORAGE, models.ManagedClusterStorageProfile),
    ],
)
def test_the_tables_are_those_of_the_sdk(table: Mapping[str, str], model: Any) -> None:
    assert table == differing(model)


def test_what_the_cli_prints_becomes_what_arm_said() -> None:
    body = arm_cluster(
        profile(securityProfile={"enableVTPM": True}), enableFIPS=True, storageProfile={"fileCSIDriver": 1}
    )

    assert arm_properties(printed_by_az(body)) == {
        **body["properties"],
        **{name: body[name] for name in ("id", "location", "tags")},
    }


def test_a_field_in_both_spellings_with_two_values_is_none_of_them() -> None:
    pools = [profile(enableFips=False), profile(enableFips=True, osSku="AzureLinux")]

    first, second = arm_properties({"agentPoolProfiles": pools})["agentPoolProfiles"]

    assert "enableFIPS" not in first
    assert (second["enableFIPS"], second["osSKU"]) == (True, "AzureLinux")


@pytest.mark.parametrize("other", [1, 1.0, "true"])
def test_what_python_alone_calls_equal_is_two_values(other: Any) -> None:
    (found,) = arm_properties({"agentPoolProfiles": [profile(enableFips=True, enableFIPS=other)]})["agentPoolProfiles"]

    assert "enableFIPS" not in found


@pytest.mark.parametrize("spelling", ["enableFips", "enablefips", "ENABLEFIPS"])
@pytest.mark.parametrize("other", [1, False, "true", None])
def test_in_arms_own_properties_another_spelling_is_not_read_and_another_value_not_overlooked(
    spelling: str, other: Any
) -> None:
    same: dict[str, Any] = {spelling: True}
    pools = [profile(**{**same, spelling: other}), profile(**same), profile(enableFIPS=..., **same)]

    found = arm_properties({"agentPoolProfiles": pools}, printed=False)["agentPoolProfiles"]

    assert [pool.get("enableFIPS") for pool in found] == [None, True, None]


def test_a_spelling_that_nobody_uses_is_not_guessed() -> None:
    pool = profile(enableFIPS=..., enablefips=True, EnableFips=True, enable_fips=True)

    (found,) = arm_properties({"agentPoolProfiles": [pool]})["agentPoolProfiles"]

    assert "enableFIPS" not in found


def test_names_that_people_chose_are_left_alone() -> None:
    free = {"osSku": "mine", "enableFips": "true"}
    pool = profile(nodeLabels=free, tags=free)

    found = arm_properties({"agentPoolProfiles": [pool], "tags": free, "addonProfiles": {"osSku": {}}})

    assert (found["tags"], found["addonProfiles"]) == (free, {"osSku": {}})
    assert (found["agentPoolProfiles"][0]["nodeLabels"], found["agentPoolProfiles"][0]["tags"]) == (free, free)


@pytest.mark.parametrize("odd", [None, "x", 7, [7, None, "x"], [[]]])
def test_what_has_another_shape_is_left_as_it_is(odd: Any) -> None:
    given = {"agentPoolProfiles": odd, "storageProfile": odd}

    assert arm_properties(given) == given
