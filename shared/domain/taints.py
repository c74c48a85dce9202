"""Which pods a node's taints keep away, and which taints a pool gives its nodes.

Pure. Only those count that keep pods away for certain; a toleration that can't be read is taken for one that holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.model import Pool

_KEEPS_AWAY = ("NoSchedule", "NoExecute")
"""Effects that keep pods away: the third one, `PreferNoSchedule`, only asks (Kubernetes, "Taints and Tolerations")."""


@dataclass(frozen=True, slots=True)
class Taint:
    """One taint of a node."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """Return it as kubectl and ARM write it."""
        return f"{self.key}{f'={self.value}' if self.value else ''}:{self.effect}"


SPOT = Taint("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule")
"""What AKS gives nodes of spot machines ("spot-node-pool"), whether the pool's `nodeTaints` show it or not."""


@dataclass(frozen=True, slots=True)
class Toleration:
    """What a pod tolerates; empty is any."""

    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, taint: Taint) -> bool:
        """Say whether it is for a taint; of an operator that is not known here, yes."""
        if self.effect not in ("", taint.effect) or self.key not in ("", taint.key):
            return False
        return self.operator not in ("", "Equal") or self.value == taint.value


def tolerated(taints: Iterable[Taint], tolerations: Sequence[Toleration]) -> bool:
    """Say whether a pod with some tolerations may run on a node with some taints."""
    return all(any(one.tolerates(taint) for one in tolerations) for taint in taints)


def of_pool(pool: Pool) -> frozenset[Taint]:
    """Return the taints that a pool gives its nodes, of those that keep pods away."""
    given = pool.body.get("nodeTaints")
    found = [_as_text(str(each)) for each in given] if isinstance(given, list) else []
    if str(pool.body.get("scaleSetPriority")).lower() == "spot":
        found.append(SPOT)
    return frozenset(taint for taint in found if taint.effect in _KEEPS_AWAY)


def _as_text(text: str) -> Taint:
    named, _, effect = text.rpartition(":")
    key, _, value = named.partition("=")
    return Taint(key, value, effect)


def read_taints(spec: Mapping[str, Any]) -> tuple[Taint, ...]:
    """Read those of a node that keep pods away, from its spec."""
    found = (Taint(*(_text(each, name) for name in ("key", "value", "effect"))) for each in _dicts(spec.get("taints")))
    return tuple(taint for taint in found if taint.effect in _KEEPS_AWAY)


def read_tolerations(spec: Mapping[str, Any]) -> tuple[Toleration, ...]:
    """Read them from a pod's spec."""
    names = ("key", "operator", "value", "effect")
    return tuple(Toleration(*(_text(each, name) for name in names)) for each in _dicts(spec.get("tolerations")))


def _text(found: Mapping[str, Any], name: str) -> str:
    return str(found.get(name) or "")


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
