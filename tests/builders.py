"""Builders make data: healthy things by default, and each test says only what is different about its own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.adapters.blobs import BlobEvidence
from shared.domain.alert import Alert
from shared.domain.budget import Budget
from shared.domain.casing import CLUSTER, POOL, POOL_SECURITY, STORAGE
from shared.domain.evaluate import evaluate
from shared.domain.exemptions import Category, Exemption, Exemptions
from shared.domain.ids import ClusterId
from shared.domain.matching import ClusterMatch, Match
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Mode, Pool
from shared.domain.observe import read_cluster
from shared.domain.operation import Operation
from shared.domain.planned import ActionKind
from shared.domain.policy import Disruption, Policy, Ring, Rule, Scope
from shared.domain.posture import Posture
from shared.domain.proven import Node, Proof
from shared.domain.rulebook import Rulebook
from shared.domain.settings import ProofSettings, Settings
from shared.domain.situation import Situation
from shared.domain.workloads import HOLDS, Names, Workloads
from shared.storage_settings import Storage

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)
SUBSCRIPTION = "10000000-0000-4000-8000-000000000001"
ANA = "a0a00000-0000-4000-8000-000000000001"
"""Object id of a person."""
OTHER_SUBSCRIPTION = "20000000-0000-4000-8000-000000000002"
IMAGE = "AKSAzureLinux-V3gen2fips-202611.03.0"
PLAIN_IMAGE = "AKSAzureLinux-V3gen2-202611.03.0"
POLL = timedelta(seconds=30)


def book(
    mode: Mode = Mode.ENFORCE,
    *,
    exclude: tuple[ClusterMatch, ...] = (),
    rules: tuple[Rule, ...] = (),
    rings: tuple[Ring, ...] = (),
    exemptions: tuple[Exemption, ...] = (),
    disruption: Disruption = Disruption(),  # noqa: B008 (frozen)
    proof: ProofSettings = ProofSettings(),  # noqa: B008 (frozen)
    trouble: str = "",
    **settings: Any,
) -> Rulebook:
    """A rulebook: enforce everywhere, one remediation at a time, unless a test says otherwise."""
    policy = Policy(
        defaults=Settings(mode=mode, proof=proof, **settings),
        scope=Scope(exclude=exclude),
        rules=rules,
        rings=rings,
        disruption=disruption,
        hash="p1",
    )
    return Rulebook(policy, Exemptions(exemptions, hash="e1"), trouble)


ENFORCING = book()
OUT_OF_SCOPE = book(exclude=(ClusterMatch(clusters=("*",)),))


def exemption(name: str = "legacy", **changes: Any) -> Exemption:
    """An exemption of every pool, valid for a month to come."""
    made = Exemption(
        name,
        Match(),
        Category.WAIVER,
        "the vendor's driver does not load",
        "ana@example.com",
        "bob@example.com",
        "RISK-17",
        NOW - timedelta(days=10),
        NOW + timedelta(days=60),
    )
    return replace(made, **changes)


def cluster_id(name: str = "aks-pay", group: str = "rg-pay", subscription: str = SUBSCRIPTION) -> ClusterId:
    """A cluster's id."""
    return ClusterId(subscription, group, name)


def profile(name: str = "apps", **properties: Any) -> dict[str, Any]:
    """An agent pool as ARM has it in a cluster's `agentPoolProfiles`: three FIPS nodes, all well.

    A property that is given as `...` is left out.
    """
    made = {
        "name": name,
        "count": 3,
        "vmSize": "Standard_D8ds_v5",
        "type": "VirtualMachineScaleSets",
        "mode": "User",
        "osType": "Linux",
        "osSKU": "AzureLinux",
        "enableFIPS": True,
        "nodeImageVersion": IMAGE,
        "orchestratorVersion": "1.34.2",
        "currentOrchestratorVersion": "1.34.2",
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "eTag": f"etag-{name}",
        **properties,
    }
    return {key: value for key, value in made.items() if value is not ...}


def disabled(name: str = "apps", **properties: Any) -> dict[str, Any]:
    """An agent pool that could have FIPS and doesn't."""
    return profile(name, **{"enableFIPS": False, "nodeImageVersion": PLAIN_IMAGE, **properties})


def arm_cluster(*profiles: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A managed cluster as ARM's GET has it; `changes` with the name of a property of its own replace that."""
    properties = {
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "aadProfile": {"managed": True},
        "agentPoolProfiles": list(profiles) or [profile()],
    }
    top = {"id": cluster_id().arm_id, "location": "westeurope", "tags": {"env": "prod"}}
    for name, value in changes.items():
        (top if name in top else properties)[name] = value
    return {**top, "properties": properties}


def printed_by_az(body: Mapping[str, Any]) -> dict[str, Any]:
    """A managed cluster of ARM as `az aks list` prints it: without `properties`, in the CLI's spelling."""

    def spelled(value: Any, names: Mapping[str, str]) -> Any:
        ours = {arms: name for name, arms in names.items()}
        return {ours.get(name, name): item for name, item in value.items()} if isinstance(value, dict) else value

    top = {name: value for name, value in body.items() if name != "properties"}
    flat = {**top, **spelled(body["properties"], CLUSTER)}
    if "storageProfile" in flat:
        flat["storageProfile"] = spelled(flat["storageProfile"], STORAGE)
    pools = [spelled(pool, POOL) for pool in flat["agentPoolProfiles"]]
    for pool in pools:
        if "securityProfile" in pool:
            pool["securityProfile"] = spelled(pool["securityProfile"], POOL_SECURITY)
    return {**flat, "agentPoolProfiles": pools}


def cluster(*profiles: Mapping[str, Any], **changes: Any) -> Cluster:
    """A cluster, read as the product reads it."""
    return read_cluster(arm_cluster(*profiles, **changes))


def pool(name: str = "apps", **properties: Any) -> Pool:
    """A node pool, read as the product reads it."""
    return cluster(profile(name, **properties)).pools[0]


def node(name: str = "aks-apps-vmss000000", **changes: Any) -> Node:
    """A node that shows what it should."""
    made = Node(name, f"uid-{name}", "apps", "true", IMAGE, ready=True, boot=f"boot-{name}", os="linux")
    return replace(made, **changes)


def nodes(count: int = 3, **changes: Any) -> tuple[Node, ...]:
    """So many nodes of one pool."""
    return tuple(node(f"aks-apps-vmss{number:06}", **changes) for number in range(count))


def node_json(one: Node) -> dict[str, Any]:
    """A node as the Kubernetes API lists it."""
    labels = {
        "kubernetes.azure.com/agentpool": one.pool,
        "kubernetes.azure.com/fips_enabled": one.fips_label,
        "kubernetes.azure.com/node-image-version": one.image_label,
        "kubernetes.azure.com/os-sku": one.os_sku,
        "type": "virtual-kubelet" if one.virtual else "",
    }
    return {
        "metadata": {
            "name": one.name,
            "uid": one.uid,
            "labels": {key: text for key, text in labels.items() if text},
            **({"creationTimestamp": one.joined.isoformat()} if one.joined else {}),
        },
        "status": {
            "conditions": [{"type": "Ready", "status": str(one.ready)}],
            "nodeInfo": {"bootID": one.boot, "operatingSystem": one.os},
        },
    }


def proof(**changes: Any) -> Proof:
    """A good proof of three nodes, an hour old."""
    return replace(Proof(NOW - timedelta(hours=1), IMAGE, 3, etag="etag-apps"), **changes)


def memory(operation: Operation | None = None, /, **pools: PoolMemory | Proof) -> Memory:
    """What earlier looks left, by the names of pools; a proof alone is enough."""
    made = {
        name: PoolMemory(proof=replace(item, etag=f"etag-{name}")) if isinstance(item, Proof) else item
        for name, item in pools.items()
    }
    return Memory(operation, made)


def operation(pool_name: str = "apps", **changes: Any) -> Operation:
    """Our own operation on a pool."""
    return replace(
        Operation(
            "intent-1",
            ActionKind.ENABLE_FIPS,
            pool_name,
            f"etag-{pool_name}",
            NOW - timedelta(minutes=2),
            {"enableFIPS": True},
        ),
        **changes,
    )


def workloads(at: datetime = NOW, **found: tuple[str, ...]) -> Workloads:
    """What a look read of a pool: nothing that a reimage would harm, but for what is named."""
    named: dict[str, Any] = {kind: Names(names, len(names)) for kind, names in found.items()}
    return Workloads(at, at + HOLDS, **named)


def blob_evidence(storage: Storage, container: str) -> BlobEvidence:
    """Evidence in a container that is made first: where it is deployed, the template makes it, and the app may not."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(storage.connection_string, container) as client:
        client.create_container()
    return BlobEvidence(storage, None, container)


def rule(name: str, mode: Mode, **match: Any) -> Rule:
    """A rule of a policy."""
    return Rule(name, Match(**match), Settings(mode=mode), 1)


def judged(read: Cluster, remembered: Memory | None = None, rules: Rulebook = ENFORCING) -> Posture:
    """The posture of a cluster now."""
    return evaluate(read, remembered or Memory(), rules, None, NOW)


def situation(read: Cluster, **changes: Any) -> Situation:
    """What a plan is made from: the posture is that of the cluster unless it is given."""
    made = Situation(
        read, Posture(NOW, judged(read).state, ()), Memory(), ENFORCING, Budget(), (), NOW, POLL, assuming=True
    )
    made = replace(made, **changes)
    if "posture" in changes:
        return made
    return replace(made, posture=judged(read, made.memory, made.rules))


def alert(**changes: Any) -> Alert:
    """An alert."""
    made = Alert("key", cluster_id().arm_id, "apps", "warning", "FipsDisabled", "title", "text", NOW)
    return replace(made, **changes)
