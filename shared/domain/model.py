"""What the core talks about: the observed state of a cluster, findings, posture, plan and memory.

Everything is frozen; times are aware UTC; a field that could not be read is None and is judged unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.codec import fingerprint
from shared.domain.ids import ClusterId
from shared.domain.manifests import Anchor
from shared.domain.workloads import Workloads


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


@dataclass(frozen=True, slots=True)
class Node:
    """One Kubernetes node."""

    name: str
    uid: str
    """Changes with every reimage that replaces the node object."""
    pool: str
    """Label `kubernetes.azure.com/agentpool` (or `agentpool`), lower case; empty if there is none."""
    fips_label: str | None
    """Label `kubernetes.azure.com/fips_enabled`, as it stands."""
    image_label: str
    """Label `kubernetes.azure.com/node-image-version`; empty if there is none."""
    ready: bool
    """Its condition `Ready` is true; the labels of another one may be those of a machine that is gone."""
    boot: str = ""
    """`bootID`: changes whenever the machine starts anew; empty if the node does not say."""
    os: str = ""
    """`operatingSystem`: `linux`, `windows`; empty if the node does not say."""
    os_sku: str = ""
    """Label `kubernetes.azure.com/os-sku`; empty if there is none."""
    joined: datetime | None = None
    """When the node object was made."""
    virtual: bool = False
    """A virtual kubelet (ACI): no machine of the cluster, and nothing to ask."""


NodesRead = tuple[Node, ...] | Unreadable


@dataclass(frozen=True, slots=True)
class Proof:
    """What the nodes of one pool said at one time; it counts only for the image that it was taken on."""

    at: datetime
    node_image: str
    """The pool's `nodeImageVersion` when the proof was taken."""
    nodes: int
    """Number of nodes seen."""
    disagreeing: tuple[str, ...] = ()
    """Names of nodes whose label or image is not what the control plane says."""
    missing: int = 0
    """Nodes that the pool should have and Kubernetes does not show, or shows as not ready, or that did not answer."""
    unreadable: str = ""
    """Why the nodes could not be read, as `Reason: message`; empty if they could."""
    etag: str = ""
    """The pool's eTag when the proof was taken: any operation on the pool since then makes it worthless."""
    level: ProofLevel = ProofLevel.NODE
    """How deep the nodes were asked."""
    silent: str = ""
    """Why nodes that were asked have not answered, as `node: why`, of some of them; empty if all did."""
    sampled: int = 0
    """How many of the nodes were asked, where the policy lets some speak for all; 0: all were."""
    id: str = ""
    """The id of a proof that pods took; their evidence names it."""
    began: datetime | None = None
    """When the first pod of it was sent; None if it was taken at once, from labels."""
    asked: str = ""
    """Fingerprint of the nodes that there were, each with its boot."""
    changed: bool = False
    """Nodes were seen since that are not those: they joined, took another's place or started anew."""
    record: int = field(default=0, compare=False)
    """Number of the evidence record that holds it; 0 if none does, and in that record itself."""
    tries: int = 0
    """How many proofs before it came to the same of the same nodes, and settled nothing."""

    @property
    def flawed(self) -> bool:
        """Say whether it settled nothing: not every node could be asked and said yes."""
        return bool(self.unreadable or self.disagreeing or self.missing)


@dataclass(frozen=True, slots=True)
class Probing:
    """A proof that pods are taking on a cluster's nodes, between two looks.

    Which nodes are asked, and what they said, is not kept: pods are named by proof, node and boot, so that the next
    look finds out from the cluster. Its size does not depend on the number of nodes.
    """

    id: str
    """Random, so that no answer from before can hold it."""
    began: datetime
    moved: datetime
    """When another node answered for the last time."""
    way: str = ""
    """How the API server was reached: it is deleted the same way, whatever the policy says by then."""
    asked: int = 0
    """How many nodes are asked, as of the last look."""
    answered: int = 0
    over: bool = False
    """All is said: nothing is left to be done but to delete the namespaces."""
    kept: str = ""
    """Why a namespace could not be deleted, as `Reason: message`; empty if nothing was in the way."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Nodes of a cluster that belong to no node pool of ARM's list, as they were when the nodes were last asked."""

    at: datetime
    nodes: int
    """Without virtual nodes."""
    disabled: int = 0
    """How many of them don't carry the FIPS label, or said that they don't have it."""
    names: tuple[str, ...] = ()
    """Those, or else some of all: ten at most."""
    level: ProofLevel = ProofLevel.NODE
    """How deep they were asked."""
    began: datetime | None = None
    """When the first pod was sent to them; None if their labels were read alone."""
    missing: int = 0
    """How many of them are not ready, or did not answer, where they were asked for more than labels."""
    silent: str = ""
    """Why, of some of them; empty if all did."""
    virtual: tuple[str, ...] = ()
    """Names of virtual nodes, ten at most: what runs there runs on machines that nobody can ask."""
    doubted: bool = False
    """One of them has said no, or nothing, and not all have said yes since: the next proof by pods is no sample."""
    doubts: tuple[str, ...] = ()
    """Names of those; empty if there are more than a hundred of them."""
    asked: str = ""
    """Fingerprint of the machines that there were, each with its boot."""
    sampled: int = 0
    """How many of them were asked, where the policy lets some speak for all; 0: all were."""
    unreadable: str = ""
    """Why they may not be judged by what they show, as `Reason: message`; empty if they may."""
    denying: int = 0
    """How many carry the label and said that they don't have FIPS; `names` are theirs then."""
    tries: int = 0
    """How many proofs by pods before it came to the same of the same machines, and settled nothing."""
    record: int = field(default=0, compare=False)
    """Number of the evidence record that holds it; 0 if none does, and in that record itself."""

    @property
    def flawed(self) -> bool:
        """Say whether it settled nothing: not every machine could be asked and said yes."""
        return bool(self.disabled or self.missing)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check on one node pool (or on the cluster)."""

    check: str
    """Name of the check."""
    state: ComplianceState
    reason: str
    """CamelCase code."""
    message: str
    """A sentence that says what was seen and what to do."""
    since: datetime | None = None
    """Since when the check has had this reason; None where nobody compared it with an earlier verdict."""
    nodes: tuple[str, ...] = ()
    """Names of the nodes that say no, if any do: people are told of each further one."""


@dataclass(frozen=True, slots=True)
class PoolPosture:
    """The verdict on one pool."""

    pool: str
    state: ComplianceState
    """The worst of its findings."""
    findings: tuple[Finding, ...]
    """In the order of the checks, at least one."""
    mode: Mode
    rule: str
    """Name of the policy's rule that applied; `default` if none did."""
    line: int
    """Where that rule stands in the policy; 0 for what is at its top."""
    ring: str
    """Name of the pool's ring; empty if it is in none."""
    since: datetime
    """When the pool's state and reason became what they are."""
    channels: tuple[str, ...] = ()
    """Names of the channels that are told about it; none: all."""
    state_since: datetime | None = None
    """When its state became what it is, whatever the reasons since; None in rows of versions that did not say so."""

    @property
    def decisive(self) -> Finding:
        """The finding that made the state: the first of the worst, or the one that went deepest if all is well."""
        found = [finding for finding in self.findings if finding.state == self.state]
        return found[-1] if self.state is ComplianceState.COMPLIANT else found[0]


@dataclass(frozen=True, slots=True)
class Posture:
    """The verdict on a cluster at one time."""

    at: datetime
    state: ComplianceState
    """The worst of the pools' and of the cluster's own findings."""
    pools: tuple[PoolPosture, ...]
    cluster_findings: tuple[Finding, ...] = ()
    """What concerns no single pool, such as a cluster that could not be read."""
    in_scope: bool = True
    """False if the policy excludes the cluster: it then has no state."""


class ActionKind(StrEnum):
    """The remediation steps."""

    ENABLE_FIPS = "enable_fips"
    DISABLE_FIPS = "disable_fips"
    CHANGE_OS_SKU = "change_os_sku"
    """To an image whose modules are validated; FIPS stays on."""
    REPLACE = "replace"
    """By a new pool, where the old one can't be switched in place."""


class Method(StrEnum):
    """How a step is taken; but for an update, all are parts of a replacement."""

    UPDATE = "update"
    """PUT of the pool, with If-Match."""
    CREATE = "create"
    """PUT of the pool's twin, with If-None-Match `*`."""
    ADOPT = "adopt"
    """Nothing is sent: the twin is there, and only its replacement was forgotten."""
    DRAIN = "drain"
    """Nothing is sent to ARM: nodes are cordoned, pods evicted."""
    DELETE = "delete"
    """DELETE of the pool, with If-Match."""


@dataclass(frozen=True, slots=True)
class Action:
    """One remediation step on one pool; it is taken only on the read that it was decided on."""

    kind: ActionKind
    pool: str
    etag: str
    """The pool's eTag in the read: goes into If-Match."""
    changes: Mapping[str, Any] = field(hash=False)
    """What it changes, by ARM's names, such as `{"enableFIPS": true}`."""
    body: Mapping[str, Any] = field(repr=False, hash=False)
    """The whole PUT body, made from the same read."""
    nodes: int | None = None
    """Nodes that it disrupts, for the budget; None if ARM gave no count."""
    ring: str = ""
    """Name of the pool's ring; empty if it is in none."""
    skip_soak: bool = False
    """The pool is new, and the policy lets new pools into a ring that is closed."""
    approvals: tuple[str, ...] = ()
    """Fingerprints of the approvals that it uses up."""
    before: datetime | None = None
    """When the window closes: it must have begun before that; None if none closes."""
    method: Method = Method.UPDATE
    target: str = ""
    """Name of the twin, where that is what is made; empty: the pool itself."""

    @property
    def on(self) -> str:
        """The pool that is sent to."""
        return self.target or self.pool


@dataclass(frozen=True, slots=True)
class Deferral:
    """A step that is due but not taken."""

    pool: str
    reason: str
    message: str
    until: datetime | None = None
    """When to look again for it; None if only somebody's change will help."""
    approval: str = ""
    """Fingerprint of what a person would approve; empty where that is not what is missing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An owner is to be told that a reimage comes."""

    pool: str
    owner: str
    """Mail address; empty if nobody is named: then only the channels are told."""
    until: datetime
    """When it may begin."""
    objection: str
    """The tag by which the owner objects."""
    step: str = ""
    """Fingerprint of the step that is announced."""
    kind: ActionKind = ActionKind.ENABLE_FIPS


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look will do: at most one action, and why the other due steps wait."""

    action: Action | None
    deferrals: tuple[Deferral, ...]
    requeue_after: timedelta | None
    """When the cluster should be looked at again; None: resync is soon enough."""
    notices: tuple[Notice, ...] = ()
    """Owners who are to be told now that a reimage comes."""
    barred: tuple[str, ...] = ()
    """Pools whose step nobody wants or AKS would refuse: whoever was told of it has to be told anew."""


class OutcomeState(StrEnum):
    """The result of an attempted action, then the end of its operation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_BEGUN = "not_begun"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class AbortTried:
    """What became so far of the abort of an operation that AKS did not take at once."""

    request: str
    """Id of the request for which it is sent."""
    refusals: int = 0
    """How often AKS refused it for the time being."""
    after: datetime | None = None
    """It is not sent again before this time; None: it may be."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Our own operation on a pool, kept in the rollout row before anything is begun."""

    intent: str
    """Id of the intent: evidence record, reservation and `x-ms-client-request-id` carry it."""
    kind: ActionKind
    pool: str
    etag: str
    """The pool's eTag before the PUT."""
    at: datetime
    """When it was decided."""
    changes: Mapping[str, Any] = field(hash=False)
    """What the PUT changes, by ARM's names; a pool that has these values shows the change."""
    outcome: OutcomeState | None = None
    """The last outcome that is recorded for it; None: not sent, or sent and not answered, only the world knows."""
    intent_seq: int | None = None
    """Number of the intent's evidence record, once it is written."""
    url: str = ""
    """`Azure-AsyncOperation`, opaque; empty if it was lost or never given."""
    message: str = ""
    """What the last outcome's record says."""
    stuck: datetime | None = None
    """From when on it takes too long; None in rows of versions that did not say so."""
    resumes: str = ""
    """Who let it be sent to a pool that AKS had left in Failed or Canceled; empty for any other."""
    aborted: str = ""
    """Who asked us to abort it, where AKS took that or may have; empty otherwise: then its end is nobody's wish."""
    abort: AbortTried | None = None
    """The abort that was sent last; None if none was."""
    method: Method = Method.UPDATE
    target: str = ""
    """Name of the twin that it makes; empty: it is on the pool itself."""

    @property
    def on(self) -> str:
        """The pool that it runs on."""
        return self.target or self.pool


class Stage(StrEnum):
    """How far a replacement is; always told from the cluster, never from what was remembered."""

    CREATING = "creating the twin"
    PROVING = "proving the twin"
    DRAINING = "emptying the old pool"
    DELETING = "deleting the old pool"
    ENDING = "giving up"


@dataclass(frozen=True, slots=True)
class Replacement:
    """A pool that is being replaced: what can't be told from the cluster."""

    id: str
    """The intent by which the twin was made; the twin's tag and the label of nodes that we cordoned carry it."""
    pool: str
    """The old pool."""
    twin: str
    began: datetime
    moved: datetime
    """When it last went on, or waited for what is in order, such as a window."""
    stage: Stage = Stage.CREATING
    """As of the last look."""
    waiting: str = ""
    """What it waits for, as `Reason: message`; empty if it goes on."""
    not_before: datetime | None = None
    """When evictions that were refused are tried again."""
    least: int = -1
    """The fewest pods that were to be evicted since nodes were cordoned: more or as many again have come back; -1: none
    was counted."""
    recorded: str = ""
    """Fingerprint of the last record of a drain: the same attempt is not recorded again."""
    ends: str = ""
    """Why it is given up, as `Reason: message`; empty if it goes on."""
    configuration: str = ""
    """The old pool's configuration, as it was judged when this began: another one is another pool."""


@dataclass(frozen=True, slots=True)
class PoolMemory:
    """What earlier looks left about one pool."""

    proof: Proof | None = None
    ended: datetime | None = None
    """When our last operation on the pool ended."""
    blocked: str = ""
    """Why the product does not try again by itself; empty if it may."""
    blocked_on: str = ""
    """The pool's configuration when it was blocked: another one clears the block."""
    blocked_reason: str = ""
    """CamelCase code of what it failed for; empty in rows of versions that did not say so."""
    resume: str = ""
    """Who let one PUT of ours be sent though AKS left the pool in Failed or Canceled; empty once it was."""
    apart: str = ""
    """The pool's configuration on which AKS refused to change OS SKU and FIPS together: first one, then the other."""
    refused: str = ""
    """What keeps AKS from taking our PUT until a person acts, such as a lock; empty once it was taken."""
    refusals: int = 0
    """How often AKS refused in a row."""
    not_before: datetime | None = None
    """No further try before this time."""
    waiting: str = ""
    """Why not, as `Reason: message`."""
    remediated: int = 0
    """How often we switched FIPS on in the last days: more than once means that somebody switches it off."""
    first_seen: datetime | None = None
    """When a look first saw it on a cluster that was known without it; None if it may be older."""
    absent: datetime | None = None
    """When the last look before that saw that it was not there: it is no older."""
    noticed: datetime | None = None
    """When its owner was told of the reimage that is due; None if that has not happened."""
    noticed_of: str = ""
    """Fingerprint of the step that its owner was told of."""
    workloads: Workloads | None = None
    """What a reimage would harm, as long as one is due and wanted, or else its SMB volumes; None if not read."""
    doubted: bool = False
    """A node has said no to pods, or nothing, and not all have said yes since, whatever was done to the pool: the next
    proof by pods is no sample."""
    doubts: tuple[str, ...] = ()
    """Names of those nodes; empty if there are more than a hundred of them."""
    shown: int = 0
    """How many nodes of it the last list of the nodes showed, though ARM calls it empty or stopped."""
    replaced: str = ""
    """Of a twin whose work is done: the id of the replacement that it was made by."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier looks left in the rollout row; a lost row is rebuilt by the next look."""

    operation: Operation | None = None
    pools: Mapping[str, PoolMemory] = field(default_factory=dict, hash=False)
    unreadable_since: datetime | None = None
    """Since when transient errors keep the cluster from being read."""
    gone_since: datetime | None = None
    """Since when ARM says that the cluster does not exist: one passing 404 is no deletion."""
    strays: Strays | None = None
    """Nodes outside every pool; None if the nodes were never asked."""
    agent: str = ""
    """Version of the monitoring agent's image; empty if it is not known."""
    agent_at: datetime | None = None
    """When that was read; None in rows of versions that did not say so."""
    probing: Probing | None = None
    """The proof that pods are taking; None if there is none, and nothing of one is left."""
    replacement: Replacement | None = None
    """The pool that is being replaced; one at a time."""
    searched: bool = False
    """A look has searched the cluster for what a proof left of which a lost row knew."""
    verifying: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """When a look first saw each request for a fresh proof, by the request's id: what was begun before is not fresh."""
    listed: datetime | None = None
    """When a look last listed the nodes, or tried to; None if none did."""

    def with_pool(self, name: str, pool: "PoolMemory") -> "Memory":
        """Return a memory in which one pool is remembered differently."""
        return replace(self, pools={**self.pools, name: pool})

    def pool(self, name: str) -> PoolMemory:
        """Return what is remembered of a pool; of a new one, nothing."""
        return self.pools.get(name, PoolMemory())


class OperationStatus(StrEnum):
    """How far an operation of AKS is; the last three are the only ends."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


AT_REST = ("Succeeded", "Failed", "Canceled")
"""Provisioning states in which AKS does nothing to a resource; any other word means that it does (ARM, async)."""


@dataclass(frozen=True, slots=True)
class OperationRead:
    """One answer to `how far is it`."""

    status: OperationStatus
    code: str = ""
    """ARM's error code, if it ended badly."""
    message: str = ""
    """ARM's error text with what is nested in it, if it ended badly."""
    correlation_id: str = field(default="", compare=False)
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """AKS took the PUT."""

    url: str
    """`Azure-AsyncOperation`; empty if AKS gave none."""
    correlation_id: str
    """`x-ms-correlation-request-id`, for support tickets and the evidence."""
    request_id: str = field(default="", compare=False)
    """`x-ms-request-id`, likewise."""


@dataclass(frozen=True, slots=True)
class Refused:
    """AKS or ARM did not take the PUT, and said so."""

    reason: str
    """CamelCase code of ours."""
    message: str
    """ARM's code and text."""
    retry_after: timedelta | None
    """When it may be tried again; None: not until something is changed."""
    correlation_id: str = field(default="", compare=False)
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The PUT was sent and no answer came: only the world knows; the next look reads it there."""

    message: str


BeginResult = Accepted | Refused | Unanswered


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that people should know, told once."""

    key: str
    """What makes it this alert: a second one with the same key is not sent."""
    cluster: str
    """ARM id; empty if it concerns no cluster."""
    pool: str
    """Empty if it concerns no pool."""
    severity: str
    """`critical`, `warning`, `info` or `good`."""
    reason: str
    title: str
    text: str
    at: datetime
    owner: str = ""
    """Mail address of one more reader; empty if there is none."""
    channels: tuple[str, ...] = ()
    """Names of the channels that are told; none: all."""
    anchor: Anchor | None = None
    """The manifest of evidence that it carries out of the app; None if it carries none."""
