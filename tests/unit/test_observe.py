"""What is read of ARM's and Kubernetes' JSON: another type than expected reads as missing, never as a yes."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.model import ComplianceState, Mode, Pool, ProofLevel
from shared.domain.observe import read_cluster, read_node
from shared.domain.proven import Node
from shared.domain.settings import ProofSettings
from tests.builders import DATA, NOW, arm_cluster, book, cluster, cluster_id, pool, profile
from tests.unit.strategies import json_values

LABELS = {
    "kubernetes.azure.com/agentpool": "apps",
    "kubernetes.azure.com/fips_enabled": "true",
    "kubernetes.azure.com/node-image-version": "AKSAzureLinux-V3gen2fips-1",
}


def captured(name: str) -> Any:
    return json.loads((DATA / "arm" / f"{name}.json").read_text())


def as_profile(resource: dict[str, Any]) -> Pool:
    """A recorded agent pool as the cluster's GET would hold it."""
    return cluster({"name": resource["name"], **resource["properties"]}).pools[0]


class TestCapturedReads:
    """Answers of Azure."""

    def test_a_windows_2022_pool_says_false_although_fips_is_on(self) -> None:
        found = as_profile(captured("recorded.agentPool_GET_windows2022")["body"])

        assert (found.name, found.enable_fips, found.os_type, found.os_sku) == (
            "npwin",
            False,
            "Windows",
            "Windows2022",
        )
        assert found.etag is None

    def test_a_windows_2025_pool_has_the_flag_and_an_etag(self) -> None:
        found = as_profile(captured("recorded.agentPool_GET_windows2025")["body"])

        assert (found.enable_fips, found.os_sku) == (True, "Windows2025")
        assert found.etag == "7582f3ce-2420-4cbc-b4ad-7a6c9ac03ff1"

    def test_a_pool_created_with_fips_shows_it_before_it_has_it(self) -> None:
        exchanges = captured("recorded.agentPool_PUT_create_fips")["exchanges"]
        begun, ended = (as_profile(exchanges[at]["response"]["body"]) for at in (0, -1))

        assert [one.provisioning_state for one in (begun, ended)] == ["Creating", "Succeeded"]
        assert begun.enable_fips is ended.enable_fips is True
        assert ended.node_image == "AKSUbuntu-1804gen2fipscontainerd-2022.03.29"
        assert (ended.count, ended.vm_size, ended.kubernetes_version) == (3, "Standard_DS2_v2", "1.21.9")

    def test_a_reimage_shows_its_target_while_it_runs(self) -> None:
        """Why `Upgrading` is unknown whatever flag and image say."""
        begun = as_profile(captured("recorded.agentPool_PUT_ossku_reimage")["exchanges"][0]["response"]["body"])

        assert (begun.provisioning_state, begun.os_sku) == ("Upgrading", "AzureLinux")

    def test_the_specs_example_has_no_flag_and_no_os_sku(self) -> None:
        body = captured("ManagedClustersGet.2026-08-01")["responses"]["200"]["body"]

        found = read_cluster(body)

        assert str(found.id) == "rg1/clustername1"
        assert found.tags == {"archv2": "", "tier": "production"}
        assert (found.provisioning_state, found.stopped, found.entra) == ("Succeeded", False, False)
        only = found.pools[0]
        assert (only.name, only.etag, only.count) == ("nodepool1", "nvewbvoi", 3)
        assert (only.enable_fips, only.os_sku, only.kubernetes_version) == (None, "", "1.9.6")

    def test_the_specs_list_reads_too(self) -> None:
        listed = captured("ManagedClustersList.2026-08-01")["responses"]["200"]["body"]["value"]

        assert [len(read_cluster(body).pools) for body in listed] == [1]

    def test_a_pool_alone_reads_like_one_of_a_cluster(self) -> None:
        found = as_profile(captured("AgentPoolsGet.2026-08-01")["responses"]["200"]["body"])

        assert (found.name, found.etag, found.count) == ("agentpool1", "ebwiyfneowv", 3)


@pytest.mark.parametrize("value", ["true", "false", "True", 1, 0, None, [], {}, [True], 1.0])
def test_a_flag_that_is_no_boolean_reads_as_missing(value: object) -> None:
    assert pool(enableFIPS=value).enable_fips is None


@pytest.mark.parametrize("value", ["3", True, None, 3.0, [], {}, -1])
def test_a_count_that_is_no_count_reads_as_missing(value: object) -> None:
    assert pool(count=value).count is None


def test_the_raw_properties_are_kept_for_the_put() -> None:
    assert pool(somethingNew={"a": [1]}).body == profile(somethingNew={"a": [1]})


class TestClusters:
    """What a cluster as a whole says."""

    @pytest.mark.parametrize(
        ("value", "expected"), [(True, True), (False, False), (None, None), ("true", None), (1, None), (..., None)]
    )
    def test_its_own_fips_setting_is_a_boolean_or_missing(self, value: object, *, expected: bool | None) -> None:
        changes = {} if value is ... else {"enableFIPS": value}

        assert cluster(**changes).fips is expected

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, ""),
            ({"nodeProvisioningProfile": {"mode": "Auto"}}, "node auto-provisioning"),
            ({"nodeProvisioningProfile": {"mode": "AUTO"}}, "node auto-provisioning"),
            ({"nodeProvisioningProfile": {"mode": "Manual"}}, ""),
            ({"nodeProvisioningProfile": None}, ""),
            ({"hostedSystemProfile": {"enabled": True}}, "managed system node pools"),
            ({"hostedSystemProfile": {"enabled": False}}, ""),
            ({"hostedSystemProfile": {}}, ""),
            ({"addonProfiles": {"aciConnectorLinux": {"enabled": True}}}, "virtual nodes"),
            ({"addonProfiles": {"ACIConnectorLinux": {"enabled": "yes"}}}, "virtual nodes"),
            ({"addonProfiles": {"aciConnectorLinux": {"enabled": False}, "omsagent": {"enabled": True}}}, ""),
            (
                {"hostedSystemProfile": {"enabled": True}, "addonProfiles": {"aciConnectorLinux": {"enabled": True}}},
                "managed system node pools and virtual nodes",
            ),
            # Whatever is no clear no counts as a yes.
            ({"hostedSystemProfile": {"enabled": "true"}}, "managed system node pools"),
            ({"hostedSystemProfile": {"enabled": 0}}, "managed system node pools"),
            ({"hostedSystemProfile": []}, "managed system node pools"),
            ({"nodeProvisioningProfile": {"mode": "Auto2"}}, "node auto-provisioning"),
            ({"nodeProvisioningProfile": {"mode": True}}, "node auto-provisioning"),
            ({"nodeProvisioningProfile": ["Auto"]}, "node auto-provisioning"),
        ],
    )
    def test_what_makes_nodes_that_no_pool_lists_is_named(self, changes: dict[str, Any], expected: str) -> None:
        assert cluster(**changes).unlisted == expected

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({"createdAt": "2026-11-23T09:30:04Z"}, NOW),
            ({"createdAt": "2026-11-23T10:30:04+01:00"}, NOW),
            ({"createdAt": "2026-11-23T09:30:04"}, None),
            ({"createdAt": "yesterday"}, None),
            ({"createdAt": 7}, None),
            ({}, None),
            (None, None),
        ],
    )
    def test_its_age_is_known_where_arm_gave_a_moment(self, data: object, expected: datetime | None) -> None:
        assert read_cluster({**arm_cluster(), "systemData": data}).created == expected


@pytest.mark.parametrize("addons", ["x", [], ["aciConnectorLinux"], True])
def test_add_ons_that_are_no_object_cannot_be_read(addons: object) -> None:
    """Whether virtual nodes are among them is then not known."""
    assert cluster(addonProfiles=addons).illegible == (f"the cluster's addonProfiles {addons!r}",)


@pytest.mark.parametrize(
    ("current", "asked", "expected"),
    [
        ("1.34.2", "1.35", "1.34.2"),
        ("", "1.35", "1.35"),
        (None, "1.35", "1.35"),
        (0, "1.35", ""),
        (False, "1.35", ""),
        ([], "1.35", ""),
        ({}, "1.35", ""),
    ],
)
def test_the_version_that_was_asked_for_counts_only_where_arm_says_no_other(
    current: object, asked: str, expected: str
) -> None:
    assert pool(currentOrchestratorVersion=current, orchestratorVersion=asked).kubernetes_version == expected


class TestPoolsOfSingleMachines:
    """A pool of type VirtualMachines counts its nodes by VM size."""

    def test_the_count_is_the_sum_over_the_sizes(self) -> None:
        status = [{"size": "Standard_D2s_v5", "count": 2}, {"size": "Standard_D4s_v5", "count": 3}]

        assert pool(type="VirtualMachines", count=0, virtualMachineNodesStatus=status).count == 5

    def test_a_size_without_a_count_makes_it_unreadable(self) -> None:
        assert pool(type="VirtualMachines", virtualMachineNodesStatus=[{"count": 2}, {"size": "x"}]).count is None

    @pytest.mark.parametrize("status", [None, [], "x"])
    def test_without_sizes_it_is_not_known_whatever_the_count_says(self, status: object) -> None:
        assert pool(type="VirtualMachines", count=2, virtualMachineNodesStatus=status).count is None

    def test_a_scale_set_counts_as_ever(self) -> None:
        assert pool(count=2, virtualMachineNodesStatus=[{"count": 7}]).count == 2


@pytest.mark.parametrize("name", [None, "", 7, True, "a/b", ["apps"], ...])
def test_a_pool_without_a_name_makes_the_cluster_unreadable(name: object) -> None:
    """It must not become a pool named `none`."""
    with pytest.raises(ValueError, match="name of a node pool"):
        cluster(profile(name=name))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["apps", None, 3, ["apps"]])
def test_a_pool_that_is_no_object_makes_the_cluster_unreadable(bad: Any) -> None:
    with pytest.raises(ValueError, match="not an object"):
        read_cluster(arm_cluster(profile(), bad))


@pytest.mark.parametrize("arm_id", [None, "", 3, "/subscriptions/x", ...])
def test_a_cluster_without_an_id_is_refused(arm_id: object) -> None:
    body = arm_cluster()
    body["id"] = arm_id
    with pytest.raises(ValueError, match="is not the ARM id"):
        read_cluster(body)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_part_of_another_type_reads_as_missing(value: object) -> None:
    found = cluster(powerState=value, aadProfile=value, tags=value, provisioningState=[])

    assert (found.stopped, found.entra, found.tags, found.provisioning_state) == (False, False, {}, "")


def test_stopped_is_read_without_case() -> None:
    assert cluster(powerState={"code": "STOPPED"}).stopped


@given(st.dictionaries(st.sampled_from([*profile(), "extra"]), json_values))
def test_whatever_a_pool_holds_fips_reads_as_on_only_where_arm_said_true(given_properties: dict[str, Any]) -> None:
    properties = {**profile(), **given_properties, "name": "apps"}

    found = cluster(properties).pools[0]

    assert (found.enable_fips is True) == (properties["enableFIPS"] is True)
    assert found.enable_fips is None or isinstance(properties["enableFIPS"], bool)


@given(json_values)
def test_whatever_arm_says_is_read_or_refused_and_never_compliant_by_accident(properties: Any) -> None:
    body = {"id": cluster_id().arm_id, "properties": properties}
    try:
        found = read_cluster(body)
    except ValueError:
        return

    posture = evaluate(
        found, Memory(), book(Mode.AUDIT, proof=ProofSettings(level=ProofLevel.CONTROL_PLANE)), None, NOW
    )

    assert posture.state is not ComplianceState.COMPLIANT


class TestNodes:
    """Nodes of the Kubernetes API."""

    def item(self, labels: Any, **metadata: Any) -> dict[str, Any]:
        return {"metadata": {"name": "n1", "uid": "u1", "labels": labels, **metadata}}

    def test_a_node_shows_its_pool_its_image_and_fips(self) -> None:
        found = read_node(self.item(LABELS))

        assert found == Node("n1", "u1", "apps", "true", "AKSAzureLinux-V3gen2fips-1", ready=False)

    @pytest.mark.parametrize(
        ("status", "ready"),
        [
            (
                {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]},
                True,
            ),
            ({"conditions": [{"type": "Ready", "status": "False"}]}, False),
            ({"conditions": [{"type": "Ready", "status": "Unknown"}]}, False),
            ({"conditions": [{"type": "Ready", "status": True}]}, False),
            ({"conditions": [{"type": "MemoryPressure", "status": "True"}]}, False),
            ({"conditions": []}, False),
            ({"conditions": None}, False),
            ({"conditions": ["Ready"]}, False),
            (None, False),
        ],
    )
    def test_a_node_is_ready_only_where_kubernetes_says_so(self, status: object, *, ready: bool) -> None:
        assert read_node({**self.item(LABELS), "status": status}).ready is ready

    @pytest.mark.parametrize("value", [None, "", 7, True, [], {"a": 1}])
    def test_a_label_of_the_image_that_names_none_is_that_of_another_one(self, value: object) -> None:
        found = read_node(self.item({**LABELS, "kubernetes.azure.com/node-image-version": value}))

        assert found.image_label == "?"

    def test_without_a_label_of_the_image_a_node_shows_none(self) -> None:
        assert read_node(self.item({"agentpool": "apps"})).image_label == ""

    def test_an_old_node_has_the_old_label_of_its_pool(self) -> None:
        assert read_node(self.item({"agentpool": "Apps"})).pool == "apps"

    @pytest.mark.parametrize("value", [True, 1, None, ["true"]])
    def test_a_label_that_is_no_text_is_no_label(self, value: object) -> None:
        assert read_node(self.item({**LABELS, "kubernetes.azure.com/fips_enabled": value})).fips_label is None

    @pytest.mark.parametrize("labels", [None, [], "x", {}])
    def test_a_node_without_labels_belongs_to_no_pool(self, labels: object) -> None:
        assert read_node(self.item(labels)) == Node("n1", "u1", "", None, "", ready=False)

    @pytest.mark.parametrize("item", [{}, {"metadata": None}, {"metadata": {"name": 3}}, {"metadata": {}}])
    def test_a_node_without_a_name_is_refused(self, item: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="no name"):
            read_node(item)
