"""The parts of a proof record: how nodes were asked, and what each of them showed and said."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.model import ProofLevel


@dataclass(frozen=True, slots=True)
class Said:
    """What a node answered to a pod, or to a command."""

    method: str
    """How it was asked."""
    fips: bool | None = None
    """Null: it has not said yes or no."""
    value: str = ""
    """The raw value; empty without an answer."""
    why: str = ""
    """Why it is a no in spite of the value, or why there is no answer; or what a yes does not cover."""
    exit_code: int | None = None
    started: datetime | None = None
    """When its pod did."""
    digest: str = ""
    """Of the image that the pod ran."""
    seen: str = ""
    """What else was seen on the host."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One node, with its labels as they stood and what it answered."""

    name: str
    uid: str
    pool: str
    """Label `kubernetes.azure.com/agentpool`; empty if there is none."""
    fips_label: str | None
    """Label `kubernetes.azure.com/fips_enabled`, as it stood."""
    image_label: str
    """Label `kubernetes.azure.com/node-image-version`; empty if there is none."""
    ready: bool
    boot: str = ""
    """`bootID`: changes whenever the machine starts anew."""
    os: str = ""
    os_sku: str = ""
    joined: datetime | None = None
    """When the node object was made."""
    virtual: bool = False
    """A virtual kubelet: no machine of the cluster."""
    answer: Said | None = None
    """Null if it was not asked for more than its labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How nodes were asked."""

    level: ProofLevel
    method: str
    """In words; empty if nobody could be asked."""
    way: str
    """How the API server was reached; empty if it was not."""
    proof_id: str = ""
    """Id of a proof that pods took."""
    began: datetime | None = None
    """When the first pod was sent; null where labels were read alone."""
    images: tuple[str, ...] = ()
    """Digests of the images that the pods ran."""
