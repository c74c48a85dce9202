"""What the policy asks of a node pool and how far the product may go for it: one record that rules fill in parts.

The types are the language: the reader and the JSON Schema are made from them, and the reference in docs/ is held to
them. What a field's metadata may say is told in `language`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from shared.domain.addresses import ADDRESS
from shared.domain.api_server import ENTRA_ONLY, Way
from shared.domain.model import Mode, ProofLevel
from shared.domain.windows import Blackout, Window

CHANNELS = ("teams", "mail", "topic")
"""The names that the channels of alerts have."""
_MAIL = {
    "blank": True,
    "pattern": ADDRESS,
    "says": "is not a mail address: write it like `team@example.com`",
}


_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = {
    "blank": True,
    "longest": 400,
    # registry (with a port), path, tag, digest: the grammar of the OCI distribution specification
    "pattern": rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    "says": "is not the name of a container image: write it like `registry.example.com/tools/busybox:1.37`",
}


class Fips(StrEnum):
    """What must be true of a pool."""

    REQUIRED = "required"
    """FIPS on, and proven."""
    FORBIDDEN = "forbidden"
    """FIPS off."""
    ANY = "any"
    """Either: the pool is not applicable."""


class OsSku(StrEnum):
    """What may happen to the OS SKU of a Linux pool."""

    KEEP = "keep"
    UBUNTU2204 = "Ubuntu2204"
    AZURELINUX3 = "AzureLinux3"


class Modules(StrEnum):
    """Whether the certificates of an image's cryptographic modules count for the verdict."""

    REPORT = "report"
    """Shown, and never part of the verdict."""
    REQUIRED = "required"
    """A pool on modules without an active certificate is not compliant."""


class Strategy(StrEnum):
    """What becomes of a pool that can't be switched in place."""

    REPORT = "report"
    """It is reported, with what to do."""
    REPLACE = "replace"
    """The app makes a twin with FIPS, moves the pods there, and deletes the old pool."""


class Skip(StrEnum):
    """What a new pool need not wait for."""

    WINDOW = "window"
    SOAK = "soak"


@dataclass(frozen=True, slots=True)
class ProofSettings:
    """How a pool has to be proven."""

    level: ProofLevel = ProofLevel.NODE
    """How deep."""
    max_age: timedelta = field(default=timedelta(days=3), metadata={"least": timedelta(hours=1)})
    """How old a proof may be; FedRAMP 20x asks to verify machines every 3 days for class C, 7 for class B
    (VDR-TFR-MVX). Any operation on the pool ends it sooner."""
    joined_nodes: timedelta = timedelta()
    """How long nodes that joined since the proof are covered by it; at 0s they are unproven until asked."""
    sampling: bool = False
    """Whether at levels kernel and host some of a large pool's nodes may speak for all (`sampled`); the labels of all
    are read all the same, and the record says so."""
    image: str = field(default="", metadata=_IMAGE)
    """Container image of the pods that ask Linux nodes, with a shell and cat: levels kernel and host need one, and it
    comes from a registry that the nodes may pull from."""
    windows_image: str = field(default="", metadata=_IMAGE)
    """Container image of the HostProcess pods that read the registry of Windows nodes; naming one allows that, and it
    is access to the host. Empty, or at level control-plane: Windows nodes stay unknown."""
    client_certificates: bool = False
    """Whether clusters without Entra may be entered by the client certificate of their kubeconfig, which may do
    everything there."""
    run_command: bool = False
    """Whether AKS run command may be used where the API server can't be reached."""

    @property
    def registry_image(self) -> str:
        """Return the image that reads Windows nodes' registry; empty where none may, as at level control-plane."""
        return "" if self.level is ProofLevel.CONTROL_PLANE else self.windows_image

    @property
    def ways(self) -> frozenset[Way]:
        """Return the ways into a cluster that are allowed for a pool."""
        found = {Way.CERTIFICATE: self.client_certificates, Way.RUN_COMMAND: self.run_command}
        return ENTRA_ONLY | {way for way, allowed in found.items() if allowed}


@dataclass(frozen=True, slots=True)
class NewPools:
    """What holds for a pool that was created a moment ago: nothing runs on it yet."""

    within: timedelta = timedelta(days=1)
    """How long a pool counts as new, since a look last saw its cluster without it. Clusters at rest are looked at once
    a day, so that a shorter time mostly holds for the pools of new clusters alone."""
    enforce_after: timedelta = timedelta()
    """How soon it is remediated."""
    skip: tuple[Skip, ...] = ()
    """What it need not wait for; budget, exemption and approval hold all the same."""


class Risk(StrEnum):
    """What becomes of a reimage that would harm what runs on the pool."""

    DEFER = "defer"
    """It waits, and the verdict names the workloads."""
    NOTE = "note"
    """It goes on, and the verdict names the workloads."""
    IGNORE = "ignore"
    """It goes on, and nobody asks."""


@dataclass(frozen=True, slots=True)
class WorkloadSettings:
    """What is looked for before a reimage; where all is ignored, no pod is ever read."""

    smb: Risk = Risk.DEFER
    """Workloads that mount SMB volumes: they fail on FIPS nodes (enable-fips-nodes)."""
    budgets: Risk = Risk.DEFER
    """Pod disruption budgets that allow no eviction: AKS refuses the change, or it ends as failed."""
    unmanaged_pods: Risk = Risk.NOTE
    """Pods without a controller: nothing brings them back."""
    local_data: Risk = Risk.NOTE
    """Workloads with data on the node's own disk, which is made anew."""

    @property
    def asked(self) -> bool:
        """Say whether anything is looked for."""
        return {self.smb, self.budgets, self.unmanaged_pods, self.local_data} != {Risk.IGNORE}


@dataclass(frozen=True, slots=True)
class Notice:
    """Telling the owner before a reimage."""

    before: timedelta = timedelta()
    """How long before; 0s tells nobody."""
    owner: str = field(default="", metadata=_MAIL)
    """Mail address of the owner where the tag gives none; empty: none."""
    owner_tag: str = field(default="owner", metadata={"blank": True})
    """Tag of the node pool, or else of the cluster, that holds the owner's mail address; empty: no tag does."""
    objection_tag: str = "fips-objection"
    """Tag of the node pool or cluster by which an owner objects: any value holds the reimage back until removed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be said of a node pool; what a rule leaves out is as at the top of the policy."""

    fips: Fips = field(default=Fips.REQUIRED, metadata={"instead": dict.fromkeys(("true", "on", "yes"), Fips.REQUIRED)})
    """What must be true."""
    mode: Mode = Mode.AUDIT
    """How far the product may go."""
    proof: ProofSettings = ProofSettings()
    """How it has to be proven."""
    new_pools: NewPools = NewPools()
    """What holds in a pool's first time."""
    os_sku: OsSku = OsSku.KEEP
    """The OS SKU that a pool may be moved to, in place, where that makes it FIPS-capable or takes it off modules
    whose certificates are historical."""
    modules: Modules = Modules.REPORT
    """Whether validated modules are demanded."""
    workloads: WorkloadSettings = WorkloadSettings()
    """What is looked for on the nodes before a reimage."""
    notice: Notice = Notice()
    """Who is told before a reimage."""
    strategy: Strategy = field(default=Strategy.REPORT, metadata={"instead": {"recreate": Strategy.REPLACE}})
    """What becomes of a pool that can't be switched in place."""
    windows: tuple[Window, ...] = ()
    """When a reimage may begin; none: at any time."""
    blackouts: tuple[Blackout, ...] = ()
    """When none may begin, whatever the windows say."""
    cluster_maintenance: bool = False
    """Whether the cluster's own maintenance configuration has to be open as well."""
    alerts: tuple[str, ...] = field(
        default=(), metadata={"empty": "and would tell nobody: leave it out for all channels", "words": CHANNELS}
    )
    """Names of the channels that are told; none: all."""
