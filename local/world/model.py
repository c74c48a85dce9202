"""The things of the local Azure, as it keeps them. Only code that holds the world's lock may change them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.world import ids, images
from local.world.access import Principal
from local.world.commands import Command
from local.world.faults import Ending
from local.world.kube.state import Kube

Json = dict[str, Any]

OPERATION_TERMINAL = ("Succeeded", "Failed", "Canceled")


@dataclass
class Node:
    """A node, or a node's place that is empty while its machine is being reimaged."""

    name: str
    uid: str
    boot_id: str
    created: datetime
    image: str
    version: str
    fips_label: bool
    """Carries `kubernetes.azure.com/fips_enabled=true`."""
    kernel_fips: int
    """What `/proc/sys/crypto/fips_enabled` reads, or the registry value on Windows."""
    surge: bool = False
    unschedulable: bool = False
    ready: bool = True
    labels: dict[str, str | None] = field(default_factory=dict)
    """Labels put on (or, as None, taken off) by hand."""
    fips_file: bool = True
    """False: there is no `/proc/sys/crypto/fips_enabled` (on Windows: no registry value)."""
    fips_provider: bool = True
    """False: OpenSSL 3 has no FIPS provider although the image should: a regression that Azure Linux 3 had."""


@dataclass
class Pool:
    """An agent pool. `properties` is what the last PUT asked for, with AKS's defaults."""

    name: str
    properties: Json
    image: str
    version: str
    provisioning_state: str
    etag: str
    recent_images: list[str] = field(default_factory=list)
    """`recentlyUsedVersions`: the images that a PUT may roll back to."""
    error: Json | None = None
    """`status.provisioningError` of the last operation."""
    nodes: list[Node] | None = None
    """None until somebody looks: fleets of 100,000 pools need not have their nodes in memory."""
    generation: int = 0
    """Counts nodes made, so that every one gets an identity of its own."""

    @property
    def windows(self) -> bool:
        """Tell a Windows pool."""
        return str(self.properties["osType"]) == "Windows"

    @property
    def fips(self) -> bool:
        """The pool's `enableFIPS`."""
        return bool(self.properties.get("enableFIPS"))

    @property
    def trusted_launch(self) -> bool:
        """Tell vTPM or secure boot."""
        security = self.properties.get("securityProfile") or {}
        return bool(security.get("enableVTPM") or security.get("enableSecureBoot"))

    def target_image(self) -> str:
        """Return the image that AKS would give the pool as it is asked for now."""
        return images.node_image(
            str(self.properties["osSKU"]),
            str(self.properties["orchestratorVersion"]),
            str(self.properties["vmSize"]),
            fips=self.fips,
            trusted_launch=self.trusted_launch,
        )


@dataclass
class Operation:
    """A long-running operation. At most one unfinished one exists per cluster."""

    id: str
    kind: str
    """The provisioning state while it runs: Creating, Updating, Upgrading, Deleting ..."""
    cluster: str
    """The key of its cluster."""
    pool: str | None
    subscription: str
    location: str
    principal: Principal
    correlation_id: str
    started: datetime
    signature: str
    """The long query of its URL: opaque to clients."""
    action: str
    """The ARM action that began it."""
    ending: Ending | None = None
    """How an injected fault, or a quota, makes it end."""
    rest: Callable[[], None] | None = None
    """What an operation that hangs has still to do, for who releases it."""
    status: str = "InProgress"
    """Also AKS's own words in between, such as `CreatingAgentPools: 1/3 nodes completed` (captured)."""
    ended: datetime | None = None
    error: Json | None = None
    leaves: str | None = None
    """The state in which it leaves its resource, if not its own: an abort that succeeds leaves Canceled."""

    @property
    def done(self) -> bool:
        """Tell that it has ended, one way or another."""
        return self.ended is not None


@dataclass
class Cluster:
    """A managed cluster with its pools."""

    subscription: str
    group: str
    name: str
    location: str
    version: str
    properties: Json
    tags: dict[str, str]
    pools: dict[str, Pool]
    """By lower-case name."""
    provisioning_state: str
    etag: str
    created: datetime
    kube: Kube = field(repr=False, compare=False)
    """What its API server keeps."""
    sku: Json = field(default_factory=lambda: {"name": "Base", "tier": "Free"})
    identity: Json = field(default_factory=lambda: {"type": "SystemAssigned"})
    power_state: str = "Running"
    operation: Operation | None = None
    token: str = ""
    """The static token in the kubeconfig of a cluster with local accounts."""
    readers: frozenset[str] = frozenset()
    """Object ids that a ClusterRoleBinding of the cluster lets read nodes."""
    maintenance: dict[str, Json] = field(default_factory=dict)
    """`maintenanceConfigurations` by name."""
    commands: dict[str, Command] = field(default_factory=dict)
    """What run command was asked for, by id."""

    @property
    def id(self) -> str:
        """The ARM id, as people write it."""
        return ids.cluster_id(self.subscription, self.group, self.name)

    @property
    def entra(self) -> bool:
        """Tell that the cluster's API server accepts Entra tokens."""
        return bool((self.properties.get("aadProfile") or {}).get("managed"))

    @property
    def azure_rbac(self) -> bool:
        """Tell that Azure role assignments decide on the cluster's API."""
        return bool((self.properties.get("aadProfile") or {}).get("enableAzureRBAC"))

    @property
    def node_group(self) -> str:
        """The resource group that AKS made for the cluster's nodes."""
        return f"MC_{self.group}_{self.name}_{self.location}"

    @property
    def private_name(self) -> str:
        """The `privateFQDN` of a private cluster; empty for the others."""
        if not self.api_access.get("enablePrivateCluster"):
            return ""
        return f"{self.properties['dnsPrefix']}.privatelink.{self.location}.azmk8s.io"

    @property
    def api_access(self) -> Json:
        """The cluster's `apiServerAccessProfile`: who reaches its API server, and whether run command does."""
        return self.properties.get("apiServerAccessProfile") or {}

    @property
    def busy(self) -> bool:
        """Tell that an operation runs on the cluster."""
        return self.operation is not None and not self.operation.done


@dataclass(frozen=True)
class Call:
    """Who asks for a change and how, as far as the answer and the events depend on it."""

    principal: Principal
    correlation_id: str = "00000000-0000-0000-0000-000000000000"
    api_version: str = "2026-08-01"
    ending: Ending | None = None
