"""Nodes, and what they have proven: of a pool, of none, and a proof that is under way."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.model import ProofLevel, Unreadable


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
    """Label `kubernetes.azure.com/node-image-version`; empty if there is none, `?` if it is no text."""
    ready: bool
    """Its condition `Ready` is true; the labels of another one may be those of a machine that is gone."""
    boot: str = ""
    """`bootID`: changes whenever the machine starts anew; empty if the node does not say."""
    os: str = ""
    """`operatingSystem`: `linux`, `windows`; empty if the node does not say."""
    os_sku: str = ""
    """Label `kubernetes.azure.com/os-sku`; empty if there is none."""
    os_sku_effective: str = ""
    """Label `kubernetes.azure.com/os-sku-effective`, which has its release as well; empty if there is none."""
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
    imageless: int = 0
    """How many of the nodes have no label of their image, as with older versions of AKS."""

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
    """How many of them are not ready, or did not answer."""
    silent: str = ""
    """Why, of some of them; empty if all did."""
    virtual: tuple[str, ...] = ()
    """Names of virtual nodes, ten at most: what runs there runs on machines that nobody can ask."""
    doubted: bool = False
    """One of them has said no, or nothing, and not all have said yes since: the next proof by pods is no sample."""
    doubts: tuple[str, ...] = ()
    """Names of those; empty if there are more than 160 of them."""
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
