"""What AKS sets on a pool by itself where nothing was asked for: a newer pool shows it, an older one may not.

So a twin may show more than its pool did, and be set as it all the same. Source of each value, unless said otherwise:
the models of azure-mgmt-containerservice ("If not specified, ..."; `_models.py`, API 2026-08-01).
"""

from collections.abc import Mapping
from typing import Any

DEFAULTS: Mapping[str, Any] = {
    "scaleDownMode": "Delete",
    "scaleSetPriority": "Regular",
    "scaleSetEvictionPolicy": "Delete",
    "spotMaxPrice": -1,
    # What a pool without a runtime of its own has, in recorded answers.
    "workloadRuntime": "OCIContainer",
    # Recorded, 2026-04-22: shown by pools that were made without.
    "kubeletDiskType": "OS",
    "podIPAllocationMode": "DynamicIndividual",
    # Answers to `az aks show` of 2026 have it on pools that asked for none; the models of 2026-08-01 don't.
    "upgradeStrategy": "Rolling",
    "upgradeSettings": {
        "maxSurge": "10%",
        "maxUnavailable": "0",
        "drainTimeoutInMinutes": 30,
        "nodeSoakDurationInMinutes": 0,
        # Recorded, 2026-04-22, of a pool that asked for none.
        "undrainableNodeBehavior": "Schedule",
    },
    "gpuProfile": {"driver": "Install"},
    # In answers to `az aks show` of pools that asked for none.
    "securityProfile": {"sshAccess": "LocalUser"},
    "kubeletConfig": {
        # Kubernetes' own (KubeletConfiguration, v1beta1).
        "failSwapOn": True,
        "cpuManagerPolicy": "none",
        "cpuCfsQuota": True,
        "cpuCfsQuotaPeriod": "100ms",
        "imageGcHighThreshold": 85,
        "imageGcLowThreshold": 80,
        "topologyManagerPolicy": "none",
    },
    # What AKS prefers is what it does where nothing is said.
    "localDNSProfile": {"mode": "Preferred"},
}
"""By ARM's names; what is off, empty or none at all needs no row."""


_EXACT = frozenset({"nodeLabels", "sysctls", "tags"})
"""Settings whose entries people choose: what is empty or 0 there is not what is missing."""
_SETS = frozenset({"availabilityZones", "nodeTaints"})
"""Lists whose order says nothing."""


def same(name: str, one: Any, other: Any, default: Any = None) -> bool:
    """Say whether two values of a setting mean the same, where either may be left out; `name` is its own in ARM."""
    if name in _EXACT:
        return bool((one or {}) == (other or {}))
    if name in _SETS and isinstance(one or [], list) and isinstance(other or [], list):
        return sorted(map(str, one or [])) == sorted(map(str, other or []))
    if isinstance(one or {}, dict) and isinstance(other or {}, dict) and (one or other):
        of = default if isinstance(default, dict) else {}
        one, other = one or {}, other or {}
        return all(same(key, one.get(key), other.get(key), of.get(key)) for key in one.keys() | other.keys())
    return bool(_meant(one, default) == _meant(other, default))


def _meant(value: Any, default: Any) -> Any:
    return (default or None) if value is None else (value or None)
