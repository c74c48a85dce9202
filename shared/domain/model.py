"""What the core talks about first: how anything is judged, and the clusters and node pools that ARM describes.

Everything is frozen; times are aware UTC; a field that could not be read is None and is judged unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.codec import fingerprint
from shared.domain.ids import ClusterId


class ComplianceState(StrEnum):
    """What a finding, a pool, a cluster or the fleet is; the order is from worst to best."""

    INCONSISTENT = "inconsistent"
    """The nodes and the control plane disagree."""
    NON_COMPLIANT = "non_compliant"
    """Observed is not what the policy asks for."""
    UNKNOWN = "unknown"
    """Could not be read or judged; never counted as compliant."""
    EXEMPT = "exempt"
    """Judged, then excused."""
    COMPLIANT = "compliant"
    """As the policy asks for, and proven at the level that it asks for."""
    NOT_APPLICABLE = "not_applicable"
    """The policy asks nothing of it."""


WORST_FIRST = tuple(ComplianceState)
"""The order in which the worst state wins."""


def worst(states: "list[ComplianceState]") -> ComplianceState:
    """Return the worst of some states; of none, `not_applicable`."""
    return min(states, key=WORST_FIRST.index, default=ComplianceState.NOT_APPLICABLE)


class Mode(StrEnum):
    """Enforcement mode: how far the product may go for a pool."""

    AUDIT = "audit"
    """Judge and record."""
    ALERT = "alert"
    """And tell."""
    APPROVE = "approve"
    """And act, once a person has agreed to exactly that."""
    ENFORCE = "enforce"
    """And act."""

    @property
    def acts(self) -> bool:
        """Say whether anything may be changed."""
        return self in (Mode.APPROVE, Mode.ENFORCE)


class ProofLevel(StrEnum):
    """How deep a pool has to be proven."""

    CONTROL_PLANE = "control-plane"
    """What ARM says: the flag, the operation's end, the name of the image."""
    NODE = "node"
    """And every node carries the label `kubernetes.azure.com/fips_enabled=true` and the pool's image."""
    KERNEL = "kernel"
    """And every node's kernel says so (`/proc/sys/crypto/fips_enabled`; on Windows the registry)."""
    HOST = "host"
    """And the host's OpenSSL has an active FIPS provider."""

    def reaches(self, wanted: "ProofLevel") -> bool:
        """Say whether this level is as deep as another one, or deeper."""
        order = tuple(ProofLevel)
        return order.index(self) >= order.index(wanted)


_VOLATILE = frozenset(
    {"eTag", "provisioningState", "powerState", "status", "count", "nodeImageVersion", "enableFIPS"}
    | {"currentOrchestratorVersion", "virtualMachineNodesStatus"}
)


READ_ONLY = ("eTag", "currentOrchestratorVersion", "provisioningState", "nodeImageVersion", "status")
"""Properties of a pool that ARM gives and a PUT must not carry: read-only in API 2026-08-01, and
`nodeImageVersion`, which is writable since 2026-04-01 and would trigger a rollback."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One node pool as ARM describes it."""

    name: str
    """Lower case."""
    etag: str | None
    """ARM's eTag of the pool at the read; None if ARM gave none (then nothing may be written)."""
    enable_fips: bool | None
    """`enableFIPS`; None if it is missing or no boolean."""
    os_type: str
    """`Linux`, `Windows` or whatever ARM said."""
    os_sku: str
    """For example `Ubuntu`, `AzureLinux`, `Windows2022`."""
    node_image: str
    """`nodeImageVersion`; empty if ARM gave none."""
    provisioning_state: str
    """ARM's word: `Succeeded`, `Updating`, `Upgrading`, `Failed`, ..."""
    stopped: bool
    """The pool's power state is `Stopped`."""
    count: int | None
    """Number of nodes that the pool should have."""
    kubernetes_version: str
    """`currentOrchestratorVersion`, or `orchestratorVersion` where ARM gives no other."""
    vm_size: str
    """Size of the machines."""
    mode: str
    """`System`, `User`, `Gateway` or whatever ARM said."""
    tags: Mapping[str, str] = field(hash=False)
    """Azure tags of the pool."""
    body: Mapping[str, Any] = field(repr=False, hash=False)
    """The pool's raw properties from the same read: what a PUT is made of."""

    @property
    def configuration(self) -> str:
        """A fingerprint of what people configure, without what AKS, the autoscaler or a FIPS switch changes."""
        return fingerprint({key: value for key, value in self.body.items() if key not in _VOLATILE})

    @property
    def restless(self) -> bool:
        """Its nodes come and go by themselves: autoscaled, or spot machines (agentPools, API 2026-08-01).

        A pool of single machines is taken for one: its sizes have autoscalers of their own.
        """
        of_sizes = str(self.body.get("type")).lower() == "virtualmachines"
        return of_sizes or bool(self.body.get("enableAutoScaling")) or self.body.get("scaleSetPriority") == "Spot"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One AKS cluster with all of its node pools, from one GET."""

    id: ClusterId
    location: str
    """Azure region."""
    tags: Mapping[str, str] = field(hash=False)
    """Resource tags."""
    provisioning_state: str
    """ARM's word for the cluster."""
    stopped: bool
    """The cluster's power state is `Stopped`."""
    entra: bool
    """The API server accepts Microsoft Entra tokens (`aadProfile` is there)."""
    created: datetime | None
    """`systemData.createdAt`; None if ARM gave none."""
    fips: bool | None
    """`enableFIPS` of the cluster itself (preview, API 2026-07-01): every pool must then have FIPS; None if missing."""
    unlisted: str
    """What makes nodes that ARM's list of pools doesn't show, such as node auto-provisioning; empty if nothing does."""
    pools: tuple[Pool, ...]
    """In ARM's order."""
    illegible: tuple[str, ...] = ()
    """What of the cluster's own properties can't be read, in words."""
    narrow: str = ""
    """What keeps others from the API server, such as authorised IP ranges; empty: the whole internet reaches it."""
    run_command: bool = True
    """False if the cluster has `disableRunCommand`."""
    hosted: bool = False
    """AKS manages its system node pools itself and lists none of them: its list of pools may be empty."""
    listed: bool = True
    """ARM gave a list of its pools, be it empty; False where it is missing or null."""


@dataclass(frozen=True, slots=True)
class Gone:
    """ARM says `ResourceNotFound` or `ResourceGroupNotFound`: the cluster does not exist any more."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was asked for could not be read; never a reason to call anything compliant."""

    reason: str
    """CamelCase code."""
    message: str
    """What happened and what to do."""
    retry_after: timedelta | None
    """When trying again may help; None if it will not until somebody changes something."""


ClusterRead = Cluster | Gone | Unreadable
