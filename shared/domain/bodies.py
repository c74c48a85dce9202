"""What evidence records say: a type for each kind, from which the published schema is made.

A field that a later version adds has a default: old records stay readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from shared import __version__
from shared.domain.budget import Approval
from shared.domain.model import Mode
from shared.domain.node_words import How, NodeSeen
from shared.domain.operation import OutcomeState
from shared.domain.people import Decision, RequestKind
from shared.domain.planned import ActionKind, Method
from shared.domain.proven import Proof, Strays
from shared.domain.records import Head, RecordKind
from shared.domain.signatures import PublicKey
from shared.domain.verdicts import Observed, Planned, Verdict


@dataclass(frozen=True, slots=True)
class Who:
    """What ran."""

    app: str = __version__
    """Version of the app."""
    principal: str = ""
    """Client id of the identity that it ran as; empty where it has none of its own, such as on a local Azure."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What every record says of where it comes from."""

    look: str = ""
    """Id of the look; empty where no look wrote it."""
    cause: str = ""
    """Why it was written at all: what the look was asked for; never an input to a decision."""
    who: Who = field(default_factory=Who)
    policy: str = ""
    """SHA-256 of the policy's text that was judged by; empty where nothing was judged."""
    exemptions: str = ""
    """SHA-256 of the text of the exemptions; empty if there are none."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A look that saw or decided something new; also that it does nothing, with the reason."""

    observed: Observed
    posture: Verdict
    plan: Planned


@dataclass(frozen=True, slots=True)
class NodeProof(How):
    """What the nodes of one pool said."""

    pool: str
    node_image_version: str
    """The pool's, by the control plane."""
    expected_nodes: int | None
    """How many the control plane says that there are."""
    proof: Proof
    """What follows from it, as later verdicts use it."""
    nodes: tuple[NodeSeen, ...]
    rule: str
    """Name of the policy's rule that applied to the pool."""
    line: int
    """Where that rule stands in the policy."""


@dataclass(frozen=True, slots=True)
class StrayProof(How):
    """What the nodes said that belong to no node pool."""

    strays: Strays
    """What follows from it, as later verdicts use it."""
    nodes: tuple[NodeSeen, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent to ARM; nothing is sent that no intent stands before."""

    pool: str
    action: ActionKind
    if_match: str
    """The eTag that it is conditional on."""
    body: Mapping[str, Any]
    """The whole body."""
    client_request_id: str
    """`x-ms-client-request-id`: the id of this record."""
    changes: Mapping[str, Any]
    """What it changes, by ARM's names."""
    approvals: Mapping[str, Approval]
    """The persons' words that it uses up, by fingerprint."""
    rule: str
    line: int
    mode: Mode
    location: str
    """Azure region of the cluster."""
    method: Method = Method.UPDATE
    """What is sent: an update in place, or a part of a replacement."""
    target: str = ""
    """The node pool that it is sent to, where that is not `pool`: the twin that replaces it."""
    if_none_match: str = ""
    """`*` where something is created: it must not exist."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an intent: first the answer, then the end of the operation."""

    pool: str
    action: ActionKind
    intent: str
    """Id of the intent."""
    intent_seq: int | None
    """Number of its record."""
    outcome: OutcomeState
    message: str
    correlation_id: str = ""
    """`x-ms-correlation-request-id` of ARM's answer that says so; empty if there was none."""
    request_id: str = ""
    """`x-ms-request-id` of the same answer."""
    method: Method = Method.UPDATE
    """What was sent."""
    target: str = ""
    """The node pool that it was sent to."""


class Stage(StrEnum):
    """How far a person's request is."""

    ASKED = "asked"
    """Recorded before anything is done for it."""
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A person asked for something; a second record says what became of it."""

    request: str
    """Id of the request."""
    asks: RequestKind
    pool: str
    """Empty for the whole cluster."""
    by: str
    """Who asked: the object id in Entra, as his own token has it."""
    asked: datetime
    """When, by the clock of whoever asked."""
    stage: Stage
    outcome: OutcomeState | None = None
    """Null before it is answered."""
    message: str = ""
    operation: str = ""
    """Id of the intent whose operation is concerned."""
    correlation_id: str = ""
    """`x-ms-correlation-request-id` of ARM's answer, where something was sent."""
    request_id: str = ""
    """`x-ms-request-id` of the same answer."""


class Part(StrEnum):
    """Parts of a replacement that are no operation of ARM's."""

    DRAINS = "drains"
    """Before nodes are cordoned or pods evicted."""
    DRAINED = "drained"
    """What came of that."""
    RESUMED = "resumed"
    """It was given up, or forgotten, and goes on."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ReplacementPart:
    """What is done for a pool that is being replaced by its twin, beside the operations of ARM."""

    replacement: str
    """Id of the intent by which the twin was made."""
    pool: str
    """The pool that is replaced."""
    twin: str
    stage: Part
    message: str = ""
    cordon: tuple[str, ...] = ()
    """Nodes that are about to be cordoned."""
    evict: tuple[str, ...] = ()
    """Pods that are about to be evicted, as `namespace/name`."""
    cordoned: tuple[str, ...] = ()
    """Nodes that were."""
    evicted: tuple[str, ...] = ()
    """Pods that were."""
    waits: str = ""
    """Why the others are still there, as `Reason: message`."""
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    """The persons' words that it uses up, by fingerprint."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A text that the app begins to judge by, whole."""

    hash: str
    """SHA-256 of the text."""
    text: str
    source: str
    """Where it was read from."""
    before: str = ""
    """Hash of the text that it takes the place of; empty for the first one."""


@dataclass(frozen=True, slots=True)
class PolicyText(RuleText):
    """Another text of the policy came into use."""


@dataclass(frozen=True, slots=True)
class ExemptionsText(RuleText):
    """Another text of the exemptions came into use; an empty one means that there are none."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the container `snapshots`."""

    name: str
    sha256: str
    """Of its bytes as stored."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The heads of all chains at one time: whoever holds it can tell whether any of them was changed later."""

    date: date
    chains: Mapping[str, Head]
    """By path of the chain: those of all clusters, also of those that are gone, and the fleet's."""
    snapshot: StoredFile | None = None
    """The day's snapshot of the fleet; null if there is none."""
    series: StoredFile | None = None
    """The day's line of the series; null if there is none."""
    key: PublicKey | None = None
    """Null, or not there, if it is not signed."""
    signature: str = ""
    """RSASSA-PKCS1-v1_5 with SHA-256 over the record's canonical bytes without this field, base64url."""

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """What it vouches for besides the chains."""
        return tuple(file for file in (self.snapshot, self.series) if file)


Body = (
    Observation
    | NodeProof
    | StrayProof
    | Intent
    | Outcome
    | RequestRecord
    | ReplacementPart
    | Decision
    | RuleText
    | Manifest
)

BODIES: Mapping[RecordKind, tuple[type[Body], ...]] = {
    RecordKind.OBSERVATION: (Observation,),
    RecordKind.PROOF: (NodeProof, StrayProof),
    RecordKind.INTENT: (Intent,),
    RecordKind.OUTCOME: (Outcome,),
    RecordKind.REQUEST: (RequestRecord,),
    RecordKind.REPLACEMENT: (ReplacementPart,),
    RecordKind.APPROVAL: (Decision,),
    RecordKind.POLICY: (PolicyText,),
    RecordKind.EXEMPTION: (ExemptionsText,),
    RecordKind.MANIFEST: (Manifest,),
}
"""What a record of each kind says; a proof that has `strays` is of nodes outside every pool."""
