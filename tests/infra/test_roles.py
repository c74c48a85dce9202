"""The roles hold exactly the actions that have a reason."""

import re
from typing import Any

import pytest
import yaml

from shared.domain.probes import NAMESPACES
from tests.infra.templates import INFRA, ROOT, json_file, part, resources

AKS = "Microsoft.ContainerService/managedClusters"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
KEYS = "Microsoft.KeyVault/vaults/keys"
REASONS = {
    "fipswarden-reader": {
        "Microsoft.Resources/subscriptions/read": "coverage is checked against the list of subscriptions",
        f"{AKS}/read": "the GET of a look, the list of a subscription, Resource Graph's rows",
        f"{AKS}/maintenanceConfigurations/read": "the cluster's own maintenance windows",
        f"{AKS}/listClusterUserCredential/action": "address and CA of the API server",
        "Microsoft.ContainerService/locations/operations/read": "how far an operation is",
    },
    "fipswarden-node-reader": {f"{AKS}/nodes/read": "labels and images of the nodes are the proof"},
    "fipswarden-workload-reader": {
        f"{AKS}/pods/read": "which pods are on a pool's nodes, what they mount, what controls them",
        f"{AKS}/persistentvolumes/read": "which claims are bound to SMB volumes or to a node's own disk",
        f"{AKS}/persistentvolumeclaims/read": "which volume a pod's claim is bound to",
        f"{AKS}/storage.k8s.io/storageclasses/read": "what volume a claim that waits would get",
        f"{AKS}/policy/poddisruptionbudgets/read": "which budgets allow no eviction",
        f"{AKS}/apps/daemonsets/read": "version of the monitoring agent",
    },
    "fipswarden-remediator": {
        f"{AKS}/agentPools/write": "the PUT that switches FIPS on",
        f"{AKS}/agentPools/abort/action": "`fipswarden abort`: stops an operation of the app's own",
        "Microsoft.Network/virtualNetworks/subnets/join/action": "AKS checks it on a PUT of a pool in a custom subnet",
    },
    "fipswarden-node-prover": {
        f"{AKS}/namespaces/read": "whether the proof's namespace is there, ours, and gone",
        f"{AKS}/namespaces/write": "the pods of a proof have a namespace of their own",
        f"{AKS}/namespaces/delete": "with it go the pods",
        f"{AKS}/pods/read": "exit code and termination message are the answer",
        f"{AKS}/pods/write": "a pod on each node reads the kernel's flag",
    },
    "fipswarden-pool-deleter": {
        f"{AKS}/agentPools/delete": "the last step of a replacement: the old pool, proven to be empty",
    },
    "fipswarden-node-drainer": {
        f"{AKS}/nodes/write": "cordons the old pool's nodes, and uncordons them after an abort",
        f"{AKS}/pods/write": "evictions; Azure has no action for them alone",
        **{
            f"{AKS}/{what}/read": "what makes pods that name the old pool, though it has none now"
            for what in (
                *("apps/deployments", "apps/statefulsets", "apps/daemonsets", "apps/replicasets"),
                *("batch/cronjobs", "batch/jobs"),
            )
        },
    },
    "fipswarden-run-command": {
        f"{AKS}/runcommand/action": "the way into clusters whose API server can't be reached",
        f"{AKS}/commandResults/read": "what a command printed",
    },
    "fipswarden-scope-reader": {
        "Microsoft.Management/managementGroups/descendants/read": "which subscriptions a group in the scope holds",
    },
    "fipswarden-evidence-writer": {
        f"{BLOBS}/read": "the chain is read forward; a taken number is compared",
        f"{BLOBS}/add/action": "creates a record; blobs/write would overwrite one",
    },
    "fipswarden-manifest-signer": {
        f"{KEYS}/read": "the public half goes into each manifest, with the version that signs it",
        f"{KEYS}/sign/action": "signs the day's manifest; Key Vault Crypto User could decrypt and back up, too",
    },
}
DATA = (
    "fipswarden-node-reader",
    "fipswarden-workload-reader",
    "fipswarden-node-prover",
    "fipswarden-node-drainer",
    "fipswarden-evidence-writer",
    "fipswarden-manifest-signer",
)
BUILT_IN = {
    # Microsoft's list of built-in roles, the same ids in every cloud: azure-docs,
    # role-based-access-control/built-in-roles.md
    "eventGridDataSender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
SCOPE = re.compile(r"/subscriptions/<subscription>|/providers/Microsoft.Management/managementGroups/<management group>")


def role(name: str) -> dict[str, Any]:
    """Read a role's file."""
    found: dict[str, Any] = json_file(f"infra/roles/{name}.json")
    return found


def test_every_role_file_is_in_the_table() -> None:
    assert {path.stem for path in (INFRA / "roles").glob("*.json")} == set(REASONS)


@pytest.mark.parametrize("name", REASONS)
def test_a_role_holds_exactly_the_actions_that_have_a_reason(name: str) -> None:
    kind = "DataActions" if name in DATA else "Actions"
    assert set(role(name)[kind]) == set(REASONS[name])
    assert all(REASONS[name].values())


@pytest.mark.parametrize("name", REASONS)
def test_a_role_is_a_valid_custom_role(name: str) -> None:
    found = role(name)
    lists = ("Actions", "NotActions", "DataActions", "NotDataActions", "AssignableScopes")
    assert set(found) == {"Name", "IsCustom", "Description", *lists}
    assert found["IsCustom"] is True
    assert found["Name"].replace(" ", "-") == name
    assert len(found["Description"]) <= 1024
    for each in lists:
        assert len(found[each]) == len({entry.lower() for entry in found[each]})
    assert found["Actions"] or found["DataActions"]
    assert all(SCOPE.fullmatch(scope) for scope in found["AssignableScopes"])


@pytest.mark.parametrize("name", REASONS)
def test_a_role_has_no_wildcard(name: str) -> None:
    found = role(name)
    assert not [entry for entry in found["Actions"] + found["DataActions"] if "*" in entry]


def test_a_role_with_data_actions_is_not_offered_to_management_groups() -> None:
    for name in REASONS:
        found = role(name)
        if found["DataActions"]:
            assert not [scope for scope in found["AssignableScopes"] if "managementGroups" in scope]


def test_nothing_but_the_remediator_can_change_anything_in_azure() -> None:
    """But for what deletes pools, and run command, which changes nothing in Azure, but may in a cluster."""
    for name in set(REASONS) - {"fipswarden-remediator", "fipswarden-pool-deleter", "fipswarden-run-command"}:
        changing = [entry for entry in role(name)["Actions"] if not entry.endswith("/read")]
        assert changing in ([], [f"{AKS}/listClusterUserCredential/action"])


def test_the_evidence_writer_can_neither_overwrite_nor_delete() -> None:
    given = set(role("fipswarden-evidence-writer")["DataActions"])
    assert not given & {
        f"{BLOBS}/write",
        f"{BLOBS}/delete",
        f"{BLOBS}/deleteBlobVersion/action",
        f"{BLOBS}/move/action",
    }


def test_every_role_file_is_defined_by_a_template() -> None:
    loaded = {
        value["value"]["function"]["parameters"]["file_path"]
        for file in ("roles.bicep", "scope-reader.bicep")
        for value in part(INFRA / "modules" / file, "variables").values()
        if "function" in value["value"]
    }
    assert loaded == {f"../roles/{name}.json" for name in REASONS}


def test_what_reads_a_management_group_is_deployed_at_the_group_by_a_template_of_its_own() -> None:
    users = {
        file.name
        for file in INFRA.glob("*.bicep")
        for used in part(file, "modules").values()
        if used["detail"]["path"] == "modules/scope-reader.bicep"
    }
    assert users == {"scope.bicep"}, "main.bicep is deployed at a subscription, and never reaches a group"
    for file in (INFRA / "scope.bicep", INFRA / "modules" / "scope-reader.bicep"):
        assert "targetScope = 'managementGroup'" in file.read_text()
    (given,) = [each for each in resources() if each.name == "scopeReaderAssignment"]
    assert given.file.name == "scope-reader.bicep"
    assert "scopeReaderRole" in str(given.properties["roleDefinitionId"])


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("remediator", "allowRemediation"),
        ("workloadReader", "allowWorkloadReading"),
        ("nodeProver", "allowNodePods"),
        ("runCommand", "allowRunCommand"),
        ("poolDeleter", "allowReplacement"),
        ("nodeDrainer", "allowReplacement"),
    ],
)
def test_a_role_that_is_not_always_given_is_defined_and_assigned_only_when_it_is_allowed(
    name: str, switch: str
) -> None:
    found = {
        (each.file.name, each.name): each.conditional
        for each in resources()
        if each.name in (f"{name}Role", f"{name}Assignment")
    }
    assert found == {
        ("roles.bicep", f"{name}Role"): True,
        ("watched-subscription.bicep", f"{name}Assignment"): True,
    }
    # Without a word of anybody's it is given only if it reads and no more.
    assert part(INFRA / "main.bicep", "parameters")[switch]["default"] is (name == "workloadReader")


def test_the_manifest_for_clusters_without_azure_rbac_gives_what_the_roles_give() -> None:
    documents = list(yaml.safe_load_all((INFRA / "cluster-role.yaml").read_text()))
    given = {
        (each["metadata"]["name"], resource, verb)
        for each in documents
        if each["kind"] == "ClusterRole"
        for rule in each["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert given == {
        ("fipswarden-node-reader", "nodes", "list"),
        *(("fipswarden-node-prover", "namespaces", verb) for verb in ("create", "get", "delete")),
        *(("fipswarden-node-prover", "pods", verb) for verb in ("create", "list")),
    }
    narrowed = [
        rule["resourceNames"] for each in documents for rule in each.get("rules", ()) if "resourceNames" in rule
    ]
    assert narrowed == [list(NAMESPACES)]


def test_the_manifest_of_the_drainer_changes_nothing_but_by_cordons_and_evictions() -> None:
    manifests = list(yaml.safe_load_all((INFRA / "kubernetes" / "node-drainer.yaml").read_text()))
    given = {
        (resource, verb)
        for each in manifests
        for rule in each.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    listed = {what.split("/")[-2] for what in REASONS["fipswarden-node-drainer"] if what.endswith("/read")}
    assert given == {("nodes", "patch"), ("pods/eviction", "create"), *((what, "list") for what in listed)}


def test_the_ids_of_built_in_roles_are_microsofts() -> None:
    assert json_file("infra/built-in-roles.json") == BUILT_IN


def test_the_app_gets_no_built_in_role_on_the_evidence_account() -> None:
    text = (INFRA / "modules" / "evidence-storage.bicep").read_text()
    assert "built-in-roles" not in text
    assigned = [each for each in resources("Microsoft.Authorization/roleAssignments") if "evidence" in each.file.name]
    assert {each.config["scope"] for each in assigned} == {"evidence", "snapshots"}
    for each in assigned:
        assert each.properties["roleDefinitionId"]["function"]["parameters"]["resource_name_1"] == "writerRoleName"


@pytest.mark.parametrize(
    ("refused", "action"),
    [
        ("cordon a node", "nodes/write"),
        ("evict", "pods/write"),
        ("run anything", "pods/write"),
        ("run anything", "runcommand/action"),
        ("read secrets", "pods/write"),
        ("read pods", "pods/read"),
    ],
)
def test_what_the_docs_deny_in_a_cluster_names_every_role_that_gives_it(refused: str, action: str) -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    section = text.partition("### What the app can't do\n")[2].partition("\n### ")[0]
    (without,) = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ") and refused in line]

    giving = {role(name)["Name"] for name, actions in REASONS.items() if f"{AKS}/{action}" in actions}

    assert giving
    assert all(name.removeprefix("fipswarden ") in without for name in giving)


@pytest.mark.parametrize("name", REASONS)
def test_the_docs_give_a_reason_for_every_action(name: str) -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    assert role(name)["Name"] in text
    for action in REASONS[name]:
        assert f"`{action}`" in text or f"`{action.replace(BLOBS.removesuffix('/containers/blobs'), '…')}`" in text


def test_the_manifest_for_clusters_without_azure_rbac_gives_what_the_roles_do() -> None:
    manifests = list(yaml.safe_load_all((INFRA / "kubernetes" / "workload-reader.yaml").read_text()))
    rules = [rule for each in manifests for rule in each.get("rules", ())]
    given = {
        f"{AKS}/{f'{group}/' if group else ''}{resource}/read"
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    assert given == {*REASONS["fipswarden-workload-reader"], *REASONS["fipswarden-node-reader"]}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list"}
