"""A pool's twin: its name fits AKS, nothing that people have set is lost, and it is recognised by more than its tag."""

import inspect
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.capability import incapable, successor
from shared.domain.model import Pool, ProofLevel
from shared.domain.policy import Rule, stricter
from shared.domain.settings import ProofSettings, Settings
from shared.domain.twins import (
    NOT_CARRIED,
    TAG,
    differing,
    made_for,
    remade,
    twin_body,
    twin_name,
    twin_of,
    twin_properties,
)
from tests.builders import NOW, cluster, disabled, pool, profile

ID = "0123456789abcdef0123456789abcdef"
HOUR = timedelta(hours=1)
CHANGES = {"enableFIPS": True, "osSKU": "AzureLinux3"}
names = st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def writable() -> set[str]:
    """Names of the properties of a pool that the SDK lets a client set."""
    from azure.mgmt.containerservice.models import ManagedClusterAgentPoolProfileProperties

    found = set()
    source = inspect.getsource(ManagedClusterAgentPoolProfileProperties)
    for attribute, field in re.findall(r"(?ms)^    (\w+): [^=]*? = rest_field\((.*?)^    \"\"\"", source):
        name = re.search(r'name="(\w+)"', field)
        if '"create"' in field:
            found.add(name[1] if name else attribute)
    return found


WRITABLE = sorted(writable())


def old(**properties: Any) -> Pool:
    return pool("old", **{"enableFIPS": False, "osSKU": "Flatcar", **properties})


@given(name=names, taken=st.sets(names, max_size=5), windows=st.booleans())
def test_a_name_is_free_and_fits_aks(name: str, taken: set[str], *, windows: bool) -> None:
    made = replace(old(), name=name, os_type="Windows" if windows else "Linux")
    found = twin_name(made, taken | {name})

    assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", found)
    assert len(found) <= (6 if windows else 12)
    assert found not in taken | {name}
    assert found == twin_name(made, taken | {name}), "it is the same for the same names"


@pytest.mark.parametrize(
    ("name", "windows", "taken", "twin"),
    [
        ("np1", False, (), "np1f"),
        ("np1", False, ("np1f", "np1f2"), "np1f3"),
        ("winold", True, (), "winolf"),
        ("win", True, ("winf",), "winf2"),
        ("averylongone", False, (), "averylongonf"),
        ("oldf", False, (), "oldff"),
    ],
)
def test_a_twin_is_named_after_its_pool(name: str, taken: tuple[str, ...], twin: str, *, windows: bool) -> None:
    made = replace(old(), name=name, os_type="Windows" if windows else "Linux")
    assert twin_name(made, {*taken, name}) == twin


def test_where_every_name_is_taken_there_is_none() -> None:
    taken = {"old", "oldf", *(f"oldf{number}" for number in range(2, 100))}
    assert twin_name(old(), taken) == ""


def test_the_sdk_lists_what_is_carried_over() -> None:
    assert {"nodeLabels", "nodeTaints", "availabilityZones", "kubeletConfig", "linuxOSConfig", "messageOfTheDay"} <= {
        *WRITABLE
    }
    assert NOT_CARRIED & set(WRITABLE) == {"nodeImageVersion", "virtualMachineNodesStatus", "status"}


@given(st.dictionaries(st.sampled_from(WRITABLE) | st.text(max_size=8), values))
def test_nothing_that_is_set_is_lost_and_nothing_read_only_is_sent(body: dict[str, Any]) -> None:
    """Also what this version's SDK doesn't know."""
    made = replace(old(), body={**body, "eTag": "e", "provisioningState": "Succeeded"})
    found = twin_properties(made, CHANGES)

    assert found == {key: value for key, value in body.items() if key not in NOT_CARRIED} | CHANGES
    assert not NOT_CARRIED & set(found)


@pytest.mark.parametrize("name", [name for name in WRITABLE if name not in NOT_CARRIED])
def test_each_property_of_the_sdk_is_carried_over_by_name(name: str) -> None:
    value = {"some": ["thing"]} if name != "tags" else {"some": "thing"}
    found = twin_body(old(**{name: value}), {}, ID)["properties"][name]
    assert found == (value if name != "tags" else {"some": "thing", TAG: f"old:{ID}"})


def test_a_twin_carries_whose_it_is_and_is_found_by_that() -> None:
    body = twin_body(old(tags={"owner": "ana", "Fipswarden-Replaces": "other:1"}), CHANGES, ID)["properties"]
    assert body["tags"] == {"owner": "ana", TAG: f"old:{ID}"}

    twin = profile("oldf", tags=body["tags"])
    read = cluster(disabled("old"), twin)
    found = twin_of(read, "old")
    assert found
    assert (found.name, made_for(found)) == ("oldf", ("old", ID))
    assert twin_of(read, "oldf") is None


@pytest.mark.parametrize("tag", ["", "old", "old:", f":{ID}", "old:not-an-id", f"old:{ID}0", f"old:{ID.upper()}"])
def test_a_tag_that_says_less_makes_no_twin(tag: str) -> None:
    assert made_for(pool("oldf", tags={TAG: tag})) == ("", "")


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"count": 7, "orchestratorVersion": "1.34.3", "tags": {"x": "y"}, "nodeTaints": None}, True),
        ({"upgradeStrategy": "Rolling", "scaleDownMode": "Delete", "enableNodePublicIP": False}, True),
        ({"upgradeSettings": {"maxSurge": "10%", "maxUnavailable": "0", "nodeSoakDurationInMinutes": 0}}, True),
        ({"securityProfile": {"enableVTPM": False, "enableSecureBoot": False, "sshAccess": "LocalUser"}}, True),
        ({"gpuProfile": {"driver": "Install"}, "networkProfile": {"allowedHostPorts": []}}, True),
        ({"upgradeStrategy": "BlueGreen"}, False),
        ({"upgradeSettings": {"maxSurge": "50%"}}, False),
        ({"securityProfile": {"enableVTPM": True}}, False),
        ({"gpuProfile": {"driver": "None"}}, False),
        ({"kubeletConfig": {"cpuCfsQuota": False}}, False),
        ({"spotMaxPrice": 0}, False),
        ({"maxPods": 30}, False),
        ({"mode": "System"}, False),
        ({"nodeTaints": ["a=b:NoSchedule"]}, False),
        ({"osType": "Windows"}, False),
        ({"vmSize": "Standard_D2s_v5"}, False),
    ],
)
def test_a_twin_has_its_pools_settings(changes: dict[str, Any], *, same: bool) -> None:
    twin = pool("oldf", **{"osSKU": "AzureLinux3", **changes})
    assert differing(old(), twin) == (() if same else tuple(changes))
    # Nor is anything missing that the pool has.
    assert differing(twin, old()) == differing(old(), twin)


def test_a_twin_tells_of_its_replacement_and_of_no_pool_that_is_not_as_it() -> None:
    tag = {TAG: f"old:{ID}"}
    read = cluster(disabled("old"), profile("oldf", tags=tag))
    found = remade(read, "old", NOW)
    assert found
    assert (found.id, found.pool, found.twin, found.began) == (ID, "old", "oldf", NOW)
    assert found.configuration == read.pools[0].configuration

    other = remade(cluster(disabled("old", maxPods=30), profile("oldf", tags=tag)), "old", NOW)
    assert other
    assert other.configuration == "", "what it was like when it began, nobody knows"
    assert remade(read, "oldf", NOW) is None
    assert remade(cluster(profile("oldf", tags=tag)), "old", NOW) is None


@pytest.mark.parametrize(
    ("mine", "others", "level"),
    [
        (ProofLevel.NODE, ProofLevel.KERNEL, ProofLevel.KERNEL),
        (ProofLevel.HOST, ProofLevel.KERNEL, ProofLevel.HOST),
    ],
)
def test_a_twin_is_proven_by_the_stricter_of_two_rules(mine: ProofLevel, others: ProofLevel, level: ProofLevel) -> None:
    twins = Rule("twins", settings=Settings(proof=ProofSettings(mine, HOUR, image="t", sampling=True)))
    olds = Settings(proof=ProofSettings(others, 2 * HOUR, joined_nodes=HOUR, image="o"))
    found = stricter(twins, olds).settings.proof
    image = "t" if mine is level else "o"
    assert (found.level, found.max_age, found.sampling, found.joined_nodes) == (level, HOUR, False, timedelta())
    assert found.image == image


@pytest.mark.parametrize(
    ("properties", "wanted", "by"),
    [
        ({"osSKU": "Flatcar"}, "", "AzureLinux3"),
        ({"osSKU": "Flatcar"}, "Ubuntu2204", "Ubuntu2204"),
        ({"osSKU": "Ubuntu2404"}, "", "Ubuntu2204"),
        ({"osSKU": "Ubuntu2404", "vmSize": "Standard_D4ps_v5"}, "Ubuntu2204", "AzureLinux3"),
        ({"osSKU": "AzureLinux", "securityProfile": {"enableVTPM": True}}, "AzureLinux3", "Ubuntu2204"),
        ({"osSKU": "Ubuntu2404", "vmSize": "Standard_DC4as_v5"}, "", ""),
        ({"osSKU": "Ubuntu2404", "workloadRuntime": "KataVmIsolation"}, "", ""),
        ({"osSKU": "Flatcar", "currentOrchestratorVersion": "1.18.3"}, "", ""),
        ({"osType": "Windows", "osSKU": "Windows2019"}, "Ubuntu2204", "Windows2022"),
        ({"osType": "Windows", "osSKU": "WindowsAnnual", "currentOrchestratorVersion": "1.36.0"}, "", "Windows2022"),
        ({"osType": "Windows", "osSKU": "WindowsAnnual", "currentOrchestratorVersion": "1.37.0"}, "", ""),
        ({"osType": "Windows", "osSKU": "Windows2019", "currentOrchestratorVersion": "1.20.0"}, "", ""),
    ],
)
def test_the_successor_is_one_that_is_known_to_have_fips(properties: dict[str, Any], wanted: str, by: str) -> None:
    made = old(**properties)
    found = successor(made, wanted, today=NOW.date())

    assert found == by
    if found and made.os_type == "Linux":
        assert incapable(replace(made, os_sku=found), today=NOW.date()) is None


@pytest.mark.parametrize(
    ("mine", "its", "same"),
    [
        ({"nodeLabels": {"example.com/pci": ""}}, {"nodeLabels": None}, False),
        ({"nodeLabels": {"example.com/pci": ""}}, {"nodeLabels": {}}, False),
        ({"nodeLabels": {}}, {"nodeLabels": None}, True),
        ({"linuxOSConfig": {"sysctls": {"vmSwappiness": 0}}}, {"linuxOSConfig": {"sysctls": {}}}, False),
        ({"linuxOSConfig": {"sysctls": {}}}, {}, True),
        ({"kubeletConfig": {"failSwapOn": False}}, {}, False),
        ({"kubeletConfig": {"failSwapOn": True}}, {}, True),
        ({"availabilityZones": ["1", "2"]}, {"availabilityZones": ["2", "1"]}, True),
        ({"availabilityZones": ["1", "2"]}, {"availabilityZones": ["1"]}, False),
        ({"nodeTaints": ["a=b:NoSchedule", "c:NoExecute"]}, {"nodeTaints": ["c:NoExecute", "a=b:NoSchedule"]}, True),
    ],
)
def test_what_people_chose_is_compared_as_it_is(mine: dict[str, Any], its: dict[str, Any], *, same: bool) -> None:
    twin = pool("oldf", osSKU="AzureLinux3", **its)

    assert (differing(old(**mine), twin) == ()) is same
