"""Each check alone: what it says of which pool, and where it says nothing; the checks together are in test_evaluate."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import checks, images
from shared.domain.capability import incapable
from shared.domain.evaluate import CHECKS
from shared.domain.images import target_os_sku
from shared.domain.matching import Match, VersionRange
from shared.domain.memory import PoolMemory
from shared.domain.model import ComplianceState
from shared.domain.policy import Rule
from shared.domain.settings import Fips, Modules, OsSku, Settings
from shared.domain.subject import Check, Subject, decided
from tests.builders import IMAGE, NOW, PLAIN_IMAGE, cluster, disabled, operation, profile
from tests.unit.strategies import clusters

COMPLIANT, NON_COMPLIANT = ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT
UNKNOWN, NOT_APPLICABLE = ComplianceState.UNKNOWN, ComplianceState.NOT_APPLICABLE
ANY, FORBIDDEN = Settings(fips=Fips.ANY), Settings(fips=Fips.FORBIDDEN)
DEMANDED = Settings(modules=Modules.REQUIRED)
UBUNTU_20 = {"osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2004gen2fipscontainerd-202611.03.0"}
UBUNTU_22 = {"osSKU": "Ubuntu2204", "nodeImageVersion": "AKSUbuntu-2204gen2fipscontainerd-202611.03.0"}
WINDOWS_2022 = {"osType": "Windows", "osSKU": "Windows2022", "nodeImageVersion": "AKSWindows-2022-containerd-20348.1"}
EARLIER = datetime(2026, 3, 1, tzinfo=UTC)
"""When the certificates of Ubuntu 20.04 and 22.04 were active."""


def subject(properties: dict[str, Any] | None = None, **changes: Any) -> Subject:
    """A pool that is well, by a rule that asks for FIPS; `changes` with the name of a cluster's property are that."""
    of_cluster = {name: changes.pop(name) for name in ("enableFIPS", "powerState") if name in changes}
    settings = changes.pop("settings", Settings())
    read = cluster(profile(**(properties or {})), **of_cluster)
    made = Subject(read.pools[0], read, PoolMemory(), Rule("r", settings=settings), NOW)
    return replace(made, **changes)


@dataclass(frozen=True)
class Row:
    """What a check says of a pool; no reason: nothing."""

    check: Check
    reason: str
    state: ComplianceState | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)


ROWS: dict[str, Row] = {
    "flag: on": Row(checks.flag, "FipsEnabled", COMPLIANT),
    "flag: off": Row(
        checks.flag, "FipsDisabled", NON_COMPLIANT, {"enableFIPS": False, "nodeImageVersion": PLAIN_IMAGE}
    ),
    "flag: off, and the image says otherwise": Row(checks.flag, "ImageContradictsFlag", UNKNOWN, {"enableFIPS": False}),
    "flag: an OS SKU of the other OS type": Row(checks.flag, "OsContradictory", UNKNOWN, {"osSKU": "Windows2022"}),
    "flag: an OS SKU of the other OS type, and forbidden": Row(
        checks.flag, "OsContradictory", UNKNOWN, {"osType": "Windows"}, {"settings": FORBIDDEN}
    ),
    "flag: off, as the policy asks": Row(
        checks.flag, "FipsOff", COMPLIANT, {"enableFIPS": False}, {"settings": FORBIDDEN}
    ),
    "flag: on, and forbidden": Row(checks.flag, "FipsForbidden", NON_COMPLIANT, {}, {"settings": FORBIDDEN}),
    "flag: unreadable, and forbidden": Row(
        checks.flag, "FlagUnreadable", UNKNOWN, {"enableFIPS": "false"}, {"settings": FORBIDDEN}
    ),
    "flag: on by default, and forbidden": Row(
        checks.flag, "FipsByDefault", NON_COMPLIANT, {**WINDOWS_2022, "enableFIPS": False}, {"settings": FORBIDDEN}
    ),
    "flag: settles nothing": Row(
        checks.flag, "FlagSettlesNothing", NOT_APPLICABLE, {**WINDOWS_2022, "enableFIPS": False}
    ),
    "flag: an OS SKU that nobody knows, and forbidden": Row(
        checks.flag, "OsSkuUnknown", UNKNOWN, {"osSKU": "Haiku"}, {"settings": FORBIDDEN}
    ),
    "capable: it is on": Row(checks.capable, "", properties={"osSKU": "Flatcar"}),
    "capable: it can't": Row(
        checks.capable, "OsSkuIncapable", NON_COMPLIANT, {"osSKU": "Flatcar", "enableFIPS": False}
    ),
    "capable: forbidden anyway": Row(
        checks.capable, "", None, {"osSKU": "Flatcar", "enableFIPS": False}, {"settings": FORBIDDEN}
    ),
    "capable: nobody knows what it is": Row(
        checks.capable, "", None, {"osType": "Windows", "osSKU": "Ubuntu2204", "enableFIPS": False}
    ),
    "capable: by default": Row(checks.capable, "", properties={**WINDOWS_2022, "enableFIPS": False}),
    "cluster: it has no setting": Row(checks.cluster_setting, "", None, {"enableFIPS": False}),
    "cluster: it is off": Row(checks.cluster_setting, "", None, {"enableFIPS": False}, {"enableFIPS": False}),
    "cluster: on, and the pool too": Row(checks.cluster_setting, "", None, {}, {"enableFIPS": True}),
    "cluster: on, and the pool isn't": Row(
        checks.cluster_setting, "ClusterFipsContradicted", NON_COMPLIANT, {"enableFIPS": False}, {"enableFIPS": True}
    ),
    "cluster: on, whatever the policy asks": Row(
        checks.cluster_setting,
        "ClusterFipsContradicted",
        NON_COMPLIANT,
        {"enableFIPS": False},
        {"enableFIPS": True, "settings": FORBIDDEN},
    ),
    "cluster: on, and the flag unreadable": Row(
        checks.cluster_setting, "", None, {"enableFIPS": None}, {"enableFIPS": True}
    ),
    "cluster: on, and the image has it anyway": Row(
        checks.cluster_setting, "", None, {**WINDOWS_2022, "enableFIPS": False}, {"enableFIPS": True}
    ),
    "cluster: on, and nobody knows what the pool is": Row(
        checks.cluster_setting, "", None, {"osType": "Plan9", "enableFIPS": False}, {"enableFIPS": True}
    ),
    "settled: at rest": Row(checks.settled, ""),
    "settled: off, so nothing is believed": Row(
        checks.settled, "", None, {"enableFIPS": False, "provisioningState": "Updating"}
    ),
    "settled: being switched off": Row(
        checks.settled,
        "OperationInProgress",
        UNKNOWN,
        {"enableFIPS": False, "provisioningState": "Updating"},
        {"settings": FORBIDDEN},
    ),
    "settled: our own operation": Row(checks.settled, "OperationInProgress", UNKNOWN, {}, {"operation": operation()}),
    "settled: our own operation takes too long": Row(
        checks.settled, "OperationStuck", UNKNOWN, {}, {"operation": operation(stuck=NOW - timedelta(seconds=1))}
    ),
    "settled: it hangs before the flag shows anything": Row(
        checks.settled,
        "OperationStuck",
        UNKNOWN,
        {"enableFIPS": False},
        {"operation": operation(stuck=NOW - timedelta(seconds=1))},
    ),
    "settled: our own operation may still take a while": Row(
        checks.settled, "OperationInProgress", UNKNOWN, {}, {"operation": operation(stuck=NOW)}
    ),
    "settled: failed": Row(checks.settled, "ProvisioningFailed", UNKNOWN, {"provisioningState": "Failed"}),
    "settled: no state": Row(checks.settled, "OperationInProgress", UNKNOWN, {"provisioningState": ...}),
    "image: of FIPS": Row(images.image, "ImageFips", COMPLIANT),
    "image: another": Row(images.image, "ImageNotFips", NON_COMPLIANT, {"nodeImageVersion": PLAIN_IMAGE}),
    "image: none": Row(images.image, "", None, {"nodeImageVersion": ...}),
    "image: none, and forbidden": Row(
        images.image, "", None, {"enableFIPS": False, "nodeImageVersion": ...}, {"settings": FORBIDDEN}
    ),
    "image: of which OS is not known": Row(
        images.image, "", None, {"osSKU": "Windows2022", "nodeImageVersion": PLAIN_IMAGE}
    ),
    **{
        f"image: {name}": Row(images.image, reason, state, {"nodeImageVersion": name})
        for name, reason, state in (
            ("AKSAzureLinux-V3nonfips-1", "ImageNotFips", NON_COMPLIANT),
            ("AKSHaiku-1fips-1", "ImageUnknown", UNKNOWN),
            ("AKSFlatcar-fips", "ImageUnknown", UNKNOWN),
            ("AKSAzureLinux-V3gen2-fips-notreally", "ImageUnknown", UNKNOWN),
            ("AKSUbuntu-2204gen2fipscontainerd-1", "ImageUnknown", UNKNOWN),
            ("AKSAzureLinux-V2gen2fips-1", "ImageFips", COMPLIANT),
        )
    },
    "legible: all of it": Row(checks.legible, ""),
    "legible: no version": Row(checks.legible, "FieldUnreadable", UNKNOWN, {"currentOrchestratorVersion": "newest"}),
    "legible: no mode": Row(checks.legible, "FieldUnreadable", UNKNOWN, {"mode": None}),
    "legible: no power state runs": Row(checks.legible, "", None, {"powerState": None}),
    "legible: single machines have sizes": Row(
        checks.legible,
        "",
        None,
        {"vmSize": None, "virtualMachinesProfile": {"scale": {"manual": [{"size": "Standard_D4ds_v5", "count": 2}]}}},
    ),
    "legible: of one of which no size is told": Row(
        checks.legible,
        "FieldUnreadable",
        UNKNOWN,
        {"vmSize": None, "virtualMachinesProfile": {"scale": {"manual": [{"size": "Standard_D4ds_v5"}, {"count": 2}]}}},
    ),
    "capable: one of its machines can't": Row(
        checks.capable,
        "ConfidentialVmIncapable",
        NON_COMPLIANT,
        {
            "enableFIPS": False,
            "nodeImageVersion": PLAIN_IMAGE,
            "vmSize": None,
            "virtualMachinesProfile": {"scale": {"autoscale": [{"size": "Standard_DC4as_v5"}]}},
        },
    ),
    "image: forbidden": Row(images.image, "", None, {}, {"settings": FORBIDDEN}),
    "image: Windows has no such name": Row(images.image, "", None, {**WINDOWS_2022, "enableFIPS": True}),
    "retiring: it will be": Row(images.retiring, "ReleaseRetiring", NOT_APPLICABLE, UBUNTU_20),
    "retiring: whatever the policy asks": Row(
        images.retiring, "ReleaseRetiring", NOT_APPLICABLE, UBUNTU_20, {"settings": FORBIDDEN}
    ),
    "retiring: not soon": Row(images.retiring, "", None, UBUNTU_22),
    "retiring: not as of then": Row(images.retiring, "", None, UBUNTU_20, {"now": EARLIER}),
    "retiring: an image that nobody knows": Row(images.retiring, "", None, {"nodeImageVersion": "AKSHaiku-1"}),
    "monitoring: too old": Row(checks.monitoring, "MonitoringAgentOld", NOT_APPLICABLE, {}, {"agent": "3.1.16"}),
    "monitoring: by number, not by letter": Row(
        checks.monitoring, "MonitoringAgentOld", NOT_APPLICABLE, {}, {"agent": "3.1.9"}
    ),
    "monitoring: too old on Windows": Row(
        checks.monitoring, "MonitoringAgentOld", NOT_APPLICABLE, {}, {"agent": "win-3.1.8"}
    ),
    "monitoring: new enough": Row(checks.monitoring, "", None, {}, {"agent": "3.1.17"}),
    "monitoring: newer": Row(checks.monitoring, "", None, {}, {"agent": "3.2.0-1"}),
    "monitoring: not known": Row(checks.monitoring, "", None, {}, {"agent": ""}),
    "monitoring: forbidden": Row(checks.monitoring, "", None, {}, {"agent": "3.1.1", "settings": FORBIDDEN}),
    "contested: twice": Row(
        checks.contested,
        "Contested",
        NON_COMPLIANT,
        {"enableFIPS": False},
        {"memory": PoolMemory(remediated=2, ended=NOW)},
    ),
    "contested: long ago": Row(
        checks.contested,
        "",
        None,
        {"enableFIPS": False},
        {"memory": PoolMemory(remediated=2, ended=NOW - timedelta(days=8))},
    ),
    "image: a FIPS image where it is forbidden": Row(
        images.image, "ImageIsFips", NON_COMPLIANT, {"enableFIPS": False}, {"settings": FORBIDDEN}
    ),
    "contested: once is no contest": Row(
        checks.contested, "", None, {"enableFIPS": False}, {"memory": PoolMemory(remediated=1)}
    ),
    "contested: as it should be": Row(checks.contested, "", None, {}, {"memory": PoolMemory(remediated=5)}),
    "contested: the other way round": Row(
        checks.contested,
        "Contested",
        NON_COMPLIANT,
        {},
        {"memory": PoolMemory(remediated=2, ended=NOW), "settings": FORBIDDEN},
    ),
    "contested: switched off as it should be": Row(
        checks.contested,
        "",
        None,
        {"enableFIPS": False},
        {"memory": PoolMemory(remediated=2, ended=NOW), "settings": FORBIDDEN},
    ),
    "decided: no version is asked for": Row(decided, ""),
    "decided: not": Row(
        decided,
        "VersionUnreadable",
        UNKNOWN,
        {"currentOrchestratorVersion": "latest"},
        {"rule": Rule("r", Match(kubernetes=VersionRange(">=1.30")))},
    ),
    "remediation: never failed": Row(checks.remediation, ""),
    "remediation: AKS refuses": Row(
        checks.remediation,
        "RemediationFailed",
        NON_COMPLIANT,
        {"enableFIPS": False},
        {"memory": PoolMemory(refused="AKS refused: ScopeLocked")},
    ),
    "remediation: AKS refuses until a person acts": Row(
        checks.remediation,
        "Locked",
        NON_COMPLIANT,
        {"enableFIPS": False},
        {"memory": PoolMemory(refused="AKS refused: ScopeLocked", waiting="Locked: AKS refused: ScopeLocked")},
    ),
    "remediation: of another configuration": Row(
        checks.remediation,
        "",
        None,
        {"enableFIPS": False},
        {"memory": PoolMemory(blocked="It failed.", blocked_on="another")},
    ),
    "remediation: AKS refuses to switch it off": Row(
        checks.remediation,
        "RemediationFailed",
        NON_COMPLIANT,
        {},
        {"memory": PoolMemory(refused="AKS refused: ScopeLocked"), "settings": FORBIDDEN},
    ),
    "remediation: mended meanwhile, and it is off": Row(
        checks.remediation,
        "",
        None,
        {"enableFIPS": False},
        {"memory": PoolMemory(refused="AKS refused: ScopeLocked"), "settings": FORBIDDEN},
    ),
    "remediation: mended meanwhile": Row(
        checks.remediation, "", None, {}, {"memory": PoolMemory(refused="AKS refused: ScopeLocked")}
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_check_says_one_thing_or_nothing(row: Row) -> None:
    found = row.check(subject(row.properties, **row.changes))

    assert (found.reason if found else "", found.state if found else None) == (row.reason, row.state)
    if found:
        assert len(found.message) > 10


@pytest.mark.parametrize("check", CHECKS)
@given(read=clusters)
def test_no_check_fails_on_anything_that_arm_may_say(check: Check, read: Any) -> None:
    for pool in read.pools:
        for settings in (Settings(), FORBIDDEN, DEMANDED):
            found = check(Subject(pool, read, PoolMemory(), Rule("r", settings=settings), NOW))
            assert found is None or (found.reason and found.message and found.since is None)


class TestModules:
    """Whether NIST's certificates count, by the dated list; enabled and validated are two things."""

    @pytest.mark.parametrize(
        ("properties", "now", "reason", "demanded"),
        [
            (UBUNTU_20, EARLIER, "ModulesValidated", COMPLIANT),
            (UBUNTU_20, NOW, "ModulesHistorical", NON_COMPLIANT),
            (UBUNTU_22, EARLIER, "ModulesValidated", COMPLIANT),
            (UBUNTU_22, NOW, "ModulesUnknown", UNKNOWN),
            ({"nodeImageVersion": IMAGE}, NOW, "ModulesUnknown", UNKNOWN),
            ({"nodeImageVersion": "AKSHaiku-1"}, NOW, "ModulesUnknown", UNKNOWN),
            (WINDOWS_2022, NOW, "ModulesUnknown", UNKNOWN),
        ],
    )
    def test_they_are_part_of_the_verdict_only_where_they_are_demanded(
        self, properties: dict[str, Any], now: datetime, reason: str, demanded: ComplianceState
    ) -> None:
        reported = images.modules(subject(properties, now=now))
        required = images.modules(subject(properties, now=now, settings=DEMANDED))

        assert reported is not None
        assert required is not None
        assert (reported.reason, reported.state) == (reason, NOT_APPLICABLE)
        assert (required.reason, required.state) == (reason, demanded)

    def test_of_a_pool_without_fips_they_are_those_that_it_would_get(self) -> None:
        """The trap: it runs Ubuntu 22.04 now, and would be Ubuntu 20.04."""
        found = images.modules(
            subject({"enableFIPS": False, "osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2204gen2containerd-1"})
        )

        assert found is not None
        assert found.reason == "ModulesHistorical"
        assert found.message.startswith("The pool would get Ubuntu 20.04.")

    def test_and_where_the_policy_moves_it_those_of_the_target(self) -> None:
        found = images.modules(
            subject({"enableFIPS": False, "osSKU": "Ubuntu"}, settings=Settings(os_sku=OsSku.UBUNTU2204))
        )

        assert found is not None
        assert found.message.startswith("The pool would get Ubuntu 22.04.")

    def test_where_fips_is_forbidden_nobody_asks(self) -> None:
        assert images.modules(subject(UBUNTU_20, settings=FORBIDDEN)) is None


class TestTarget:
    """The OS SKU that the policy moves a pool to: only where that helps."""

    @pytest.mark.parametrize(
        ("properties", "target", "expected"),
        [
            (disabled(osSKU="Ubuntu2404"), OsSku.UBUNTU2204, "Ubuntu2204"),
            (disabled(osSKU="Ubuntu2404"), OsSku.KEEP, ""),
            (disabled(osSKU="Ubuntu"), OsSku.UBUNTU2204, "Ubuntu2204"),
            (disabled(osSKU="Ubuntu", currentOrchestratorVersion="1.35.1"), OsSku.UBUNTU2204, ""),
            (disabled(osSKU="AzureLinux"), OsSku.UBUNTU2204, ""),
            (disabled(osSKU="UBUNTU2204"), OsSku.UBUNTU2204, ""),
            (disabled(osSKU="Flatcar"), OsSku.UBUNTU2204, ""),
            (disabled(osSKU="Ubuntu2404", vmSize="Standard_D8pds_v6"), OsSku.UBUNTU2204, ""),
            (disabled(osSKU="Ubuntu2404", vmSize="Standard_D8pds_v6"), OsSku.AZURELINUX3, "AzureLinux3"),
            (disabled(osType="Windows", osSKU="Windows2019"), OsSku.UBUNTU2204, ""),
            (profile(**UBUNTU_20), OsSku.UBUNTU2204, "Ubuntu2204"),
            (profile(**UBUNTU_20), OsSku.AZURELINUX3, "AzureLinux3"),
            (profile(**UBUNTU_22), OsSku.AZURELINUX3, ""),
            (profile(osSKU="Ubuntu", nodeImageVersion="AKSHaiku-1"), OsSku.UBUNTU2204, ""),
        ],
    )
    def test_a_pool_is_moved_only_where_that_helps(
        self, properties: dict[str, Any], target: OsSku, expected: str
    ) -> None:
        made = subject(properties, settings=Settings(os_sku=target))

        assert target_os_sku(made) == expected

    def test_before_its_modules_are_historical_it_stays(self) -> None:
        made = subject(UBUNTU_20, settings=Settings(os_sku=OsSku.UBUNTU2204), now=EARLIER)

        assert target_os_sku(made) == ""

    @given(clusters, st.sampled_from(OsSku))
    def test_it_never_goes_where_fips_is_not_to_be_had(self, read: Any, target: OsSku) -> None:
        for pool in read.pools:
            made = Subject(pool, read, PoolMemory(), Rule("r", settings=Settings(os_sku=target)), NOW)
            moved = target_os_sku(made)

            assert moved in ("", target.value)
            assert not moved or incapable(pool, moved, today=NOW.date()) is None


@pytest.mark.parametrize(
    ("properties", "changes", "empty"),
    [
        ({}, {}, False),
        ({"count": 0}, {}, True),
        ({"count": None}, {}, False),
        ({"powerState": {"code": "Stopped"}}, {}, True),
        ({}, {"powerState": {"code": "Stopped"}}, True),
    ],
)
def test_a_pool_is_empty_where_no_node_could_prove_anything(
    properties: dict[str, Any], changes: dict[str, Any], *, empty: bool
) -> None:
    assert subject(properties, **changes).empty is empty


def test_a_block_is_told_as_long_as_the_configuration_is_the_one_that_was_refused() -> None:
    made = subject({"enableFIPS": False})
    blocked = PoolMemory(blocked="QuotaExceeded: no.", blocked_on=made.pool.configuration)

    found = checks.remediation(replace(made, memory=blocked))

    assert found is not None
    assert found.message == "QuotaExceeded: no."


def test_retirement_says_the_day() -> None:
    found = images.retiring(subject(UBUNTU_20, now=NOW + timedelta(days=200)))

    assert found is not None
    assert "AKS removed the node images of Ubuntu 20.04 on 2027-03-17" in found.message
