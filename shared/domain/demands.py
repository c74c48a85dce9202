"""What a pod asks of its node by labels and by name, and which nodes have it: who could not follow to another pool.

Pure. Node selectors and required node affinity (Kubernetes, "Assigning Pods to Nodes"); taints and room are not asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

POOL_LABELS = ("kubernetes.azure.com/agentpool", "agentpool")
_OF_ITSELF = frozenset(
    {
        *POOL_LABELS,
        *("kubernetes.io/hostname", "kubernetes.azure.com/node-image-version", "kubernetes.azure.com/fips_enabled"),
        *(f"kubernetes.azure.com/os-sku{of}" for of in ("", "-effective", "-requested")),
        "node.kubernetes.io/windows-build",
    }
)
"""Labels that AKS and Kubernetes give each node, or each pool, a value of its own: no twin has the old one's."""
_GIVEN = ("kubernetes.io", "k8s.io", "azure.com")
"""Domains (and what is below them) of labels that AKS and Kubernetes give nodes: AKS refuses them in `nodeLabels`
(AKS, use-labels: reserved prefixes), and the topology of disks is `topology.disk.csi.azure.com`."""
_GIVEN_BARE = frozenset({"agentpool", "storageprofile", "storagetier", "accelerator"})
"""Such as have no domain (AKS, use-labels)."""
_ROLES = "node-role.kubernetes.io"
"""The domain of labels that people and scripts give nodes by kubectl, though it is Kubernetes' own."""
_ANYWHERE = frozenset(f"{of}kubernetes.io/{what}" for of in ("", "beta.") for what in ("os", "arch"))
"""Labels of which a twin is known to have the same."""
_NAME = "metadata.name"
"""The only field that a node affinity may name."""


class Labelled(Protocol):
    """A node, by its name and its labels."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        ...


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked of a node."""

    key: str
    """A label, or the field `metadata.name`."""
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, values: Mapping[str, str]) -> bool:
        """Say whether it holds; of an operator that is not known, no."""
        has = values.get(self.key)
        match self.operator:
            case "In":
                return has in self.values
            case "NotIn":
                return has not in self.values
            case "Exists":
                return has is not None
            case "DoesNotExist":
                return has is None
            case "Gt" | "Lt":
                return _compares(self.operator, has, self.values)
            case _:
                return False


def _compares(operator: str, has: str | None, values: Sequence[str]) -> bool:
    try:
        found, limit = int(has or ""), int(values[0] if values else "")
    except ValueError:
        return False
    return found > limit if operator == "Gt" else found < limit


@dataclass(frozen=True, slots=True)
class Term:
    """What has to hold together; one that asks nothing holds for no node (Kubernetes, NodeSelectorTerm)."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def holds(self, node: Labelled) -> bool:
        """Say whether a node has all of it."""
        asks = bool(self.labels or self.fields)
        named = all(one.holds({_NAME: node.name}) for one in self.fields)
        return asks and named and all(one.holds(node.labels) for one in self.labels)

    @property
    def pools(self) -> frozenset[str]:
        """Return the only pools that it leaves open, by their label; none if it names none."""
        named = [one for one in self.labels if one.key in POOL_LABELS and one.operator == "In"]
        return frozenset(value.lower() for value in named[0].values) if named else frozenset()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pod asks of its node."""

    selector: tuple[tuple[str, str], ...] = ()
    terms: tuple[Term, ...] | None = None
    """One of them has to hold; None: it asks for none."""

    def met_by(self, node: Labelled) -> bool:
        """Say whether a pod may run on a node, as far as labels and its name go."""
        if any(node.labels.get(key) != value for key, value in self.selector):
            return False
        return self.terms is None or any(term.holds(node) for term in self.terms)

    @property
    def pools(self) -> tuple[str, ...]:
        """The only pools in which it may run, by the pools' labels; empty if it names none."""
        named = [value.lower() for label in POOL_LABELS for key, value in self.selector if key == label]
        if named or not self.terms:
            return tuple(named[:1])
        found = [term.pools for term in self.terms]
        # One term is enough: one that names no pool leaves every pool open.
        return tuple(sorted(frozenset[str]().union(*found))) if all(found) else ()

    @property
    def node(self) -> str:
        """The only node that it names as such; empty if it names none, or more."""
        named = [one.values for term in self.terms or () for one in term.fields if one.operator == "In"]
        return named[0][0] if len(named) == 1 and len(named[0]) == 1 else ""

    @property
    def portable(self) -> bool:
        """Say whether any node of the same system will do."""
        return self.terms is None and all(key in _ANYWHERE for key, _ in self.selector)


NO_DEMAND = Demand()
"""Of a pod that any node may take."""


@dataclass(frozen=True, slots=True)
class AsTwin:
    """A node as one of a twin that is still to be made is expected to be."""

    labels: Mapping[str, str]
    name: str = ""


def as_twin(node: Labelled, carried: Mapping[str, str]) -> AsTwin:
    """Return what a twin's node will have: the labels of the pool (`carried`), and those that every node is given.

    Of what each node has for itself it is not known what, but another value. A label that somebody has put on the old
    nodes alone is not carried over.
    """
    given = {key: "" if key in _OF_ITSELF else value for key, value in node.labels.items() if _is_given(key)}
    return AsTwin({**given, **carried})


def _is_given(key: str) -> bool:
    domain, slash, _ = key.rpartition("/")
    if not slash:
        return key in _GIVEN_BARE
    return domain != _ROLES and any(domain == one or domain.endswith(f".{one}") for one in _GIVEN)


def tied(demand: Demand, pool: str, here: Iterable[Labelled], elsewhere: Iterable[Labelled]) -> bool:
    """Say whether a pod may run in a pool, and on no node outside of it."""
    if demand.portable:
        return False
    belongs = pool in demand.pools or any(demand.met_by(node) for node in here)
    return belongs and not any(demand.met_by(node) for node in elsewhere)


def read_demand(spec: Mapping[str, Any], *, of_template: bool = False) -> Demand:
    """Read it from a pod's spec; a template that names a node asks for that one."""
    selector = tuple(sorted((str(key), str(value)) for key, value in _dict(spec.get("nodeSelector")).items()))
    affinity = _dict(_dict(spec.get("affinity")).get("nodeAffinity"))
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = None if required is None else tuple(map(_term, _dicts(_dict(required).get("nodeSelectorTerms"))))
    if of_template and spec.get("nodeName"):
        terms = (Term(fields=(Requirement(_NAME, "In", (str(spec["nodeName"]),)),)),)
    return Demand(selector, terms)


def _term(term: Mapping[str, Any]) -> Term:
    return Term(_requirements(term.get("matchExpressions")), _requirements(term.get("matchFields")))


def _requirements(found: Any) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(str(one.get("key")), str(one.get("operator")), tuple(map(str, _list(one.get("values")))))
        for one in _dicts(found)
    )


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]
