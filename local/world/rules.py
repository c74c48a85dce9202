"""What AKS makes of the body of an agent pool PUT: defaults, what it ignores, what it refuses.

Where facts/FACTS.md has no captured text for a refusal, the message here says in plain words what the documentation
says, and its code is AKS's general `BadRequest` or `InvalidParameter`: nobody may match on those texts.
"""

import re
from typing import Any

from local.world import images
from local.world.errors import ArmError
from local.world.model import Json, Pool

READ_ONLY = ("provisioningState", "currentOrchestratorVersion", "eTag", "status", "nodeImageVersion")
_IMMUTABLE = {
    "vmSize": "VMSize",
    "osType": "OSType",
    "osDiskType": "OSDiskType",
    "type": "Type",
    "scaleSetPriority": "ScaleSetPriority",
    "vnetSubnetID": "VnetSubnetID",
    "maxPods": "MaxPods",
    "availabilityZones": "AvailabilityZones",
    "hostGroupID": "HostGroupID",
}
_KATA = ("KataMshvVmIsolation", "KataVmIsolation", "KataCcIsolation")
VERSIONS = ("1.35.1", "1.35.0", "1.34.4", "1.34.3", "1.33.8", "1.32.11")
DEFAULT_VERSION = "1.34.4"
ROLLBACK_SINCE = "2026-04-01"


def normalise(body: Json, version: str, current: Pool | None) -> Json:
    """Return the pool that a PUT body asks for: a full replace, with AKS's defaults for what isn't there.

    Only what can't change anyway survives being left out.
    """
    asked = {name: value for name, value in body.items() if name not in READ_ONLY and value not in (None, [], "")}
    if asked.get("scaleSetPriority") == "Regular":  # AKS never shows the default (captured)
        for name in ("scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice"):
            asked.pop(name, None)
    kept = {name: current.properties[name] for name in _IMMUTABLE if current and name in current.properties}
    windows = {**kept, **asked}.get("osType", "Linux") == "Windows"
    defaults: Json = {
        "count": current.properties["count"] if current else 1,
        "vmSize": "Standard_D8ds_v5",
        "osDiskSizeGB": 128,
        "osDiskType": "Managed",
        "kubeletDiskType": "OS",
        "maxPods": 30 if windows else 110,
        "type": "VirtualMachineScaleSets",
        "enableAutoScaling": False,
        "scaleDownMode": "Delete",
        "powerState": {"code": "Running"},
        "orchestratorVersion": version,
        "enableNodePublicIP": False,
        "mode": "User",
        "enableEncryptionAtHost": False,
        "enableUltraSSD": False,
        "osType": "Linux",
        "osSKU": current.properties["osSKU"] if current else "Windows2022" if windows else "Ubuntu",
        "enableFIPS": False,
    }
    pool = {**defaults, **kept, **asked}
    pool["orchestratorVersion"] = full_version(str(pool["orchestratorVersion"]), version)
    pool["upgradeSettings"] = {"maxSurge": "10%", "maxUnavailable": "0"} | (asked.get("upgradeSettings") or {})
    pool["securityProfile"] = {"enableVTPM": False, "enableSecureBoot": False} | (asked.get("securityProfile") or {})
    if windows:
        pool.setdefault("windowsProfile", {})
    if machines := machines_of(pool):
        pool["count"] = sum(int(one["count"]) for one in machines)
    return pool


def machines_of(properties: Json) -> list[Json]:
    """Return how many machines of which size a pool of single machines has; none for another type of pool.

    API 2026-08-01, VirtualMachinesProfile: `scale.manual` lists sizes with counts.
    """
    if properties.get("type") != "VirtualMachines":
        return []
    return list(((properties.get("virtualMachinesProfile") or {}).get("scale") or {}).get("manual") or ())


def full_version(asked: str, cluster: str = DEFAULT_VERSION) -> str:
    """Return `1.34.4` for `1.34`: AKS takes an alias, and prefers the version that the cluster has."""
    known = (cluster, *VERSIONS)
    return next((version for version in known if version.startswith(f"{asked}.")), asked)


def check(name: str, asked: Json, current: Pool | None, body: Json, api_version: str) -> None:
    """Raise ArmError (400) for what AKS refuses."""
    _check_shape(name, asked)
    if current is None:
        _check_creation(name, asked)
    else:
        _check_update(asked, current)
        _check_rollback(current, body, api_version)
    if asked["enableFIPS"]:
        _check_fips(asked)


def _check_shape(name: str, asked: Json) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", name):
        raise _refused("InvalidParameter", f"The agent pool name '{name}' is invalid.", "agentPoolProfile.name")
    if not re.fullmatch(r"1\.\d+\.\d+", asked["orchestratorVersion"]):
        raise _refused(
            "InvalidParameter",
            f"Kubernetes version '{asked['orchestratorVersion']}' is not known here.",
            "agentPoolProfile.orchestratorVersion",
        )
    skus = images.WINDOWS_SKUS if asked["osType"] == "Windows" else images.LINUX_SKUS
    if asked["osSKU"] not in skus:
        raise _refused(
            "InvalidParameter",
            f"OS SKU '{asked['osSKU']}' can't be used with OS type '{asked['osType']}' here.",
            "agentPoolProfile.osSKU",
        )
    if not isinstance(asked["count"], int) or not 0 <= asked["count"] <= 1000:
        raise _refused("InvalidParameter", "The agent pool's count is invalid.", "agentPoolProfile.count")


def _check_creation(name: str, asked: Json) -> None:
    if asked["osType"] != "Windows":
        return
    if len(name) > 6:  # code: jenkins-infra/azure#284; text: as there and in kubernetes-sigs/cluster-api-provider-azure
        raise _refused("WindowsAgentPoolNameTooLong", "Windows agent pool name can not be longer than 6 characters.")
    if asked["mode"] == "System":  # documented: use-system-pools.md
        raise _refused("InvalidParameter", "System agent pools need OS type Linux.", "agentPoolProfile.mode")
    if asked["osSKU"] == "Windows2025" and not asked["enableFIPS"]:
        raise _refused(
            "InvalidParameter", "FIPS can't be disabled on Windows Server 2025.", "agentPoolProfile.enableFIPS"
        )


def _check_update(asked: Json, current: Pool) -> None:
    for name, spelt in _IMMUTABLE.items():
        if asked.get(name) != current.properties.get(name):
            raise _unchangeable(spelt)
    if current.windows and asked["osSKU"] != current.properties["osSKU"]:
        raise _unchangeable("OSSKU")
    if asked["enableFIPS"] == current.fips:
        return
    if current.windows:
        raise _refused("BadRequest", "Enabling or disabling FIPS on an existing Windows agent pool is not supported.")
    if current.properties["osSKU"] == "CBLMariner":
        raise _refused("BadRequest", "FIPS of an existing CBLMariner agent pool can't be changed.")


def _check_rollback(current: Pool, body: Json, api_version: str) -> None:
    image = rollback_target(current, body, api_version)
    if image is not None and image not in current.recent_images:
        raise _refused(
            "InvalidParameter",
            f"Node image version '{image}' is not in the agent pool's recently used versions.",
            "agentPoolProfile.nodeImageVersion",
        )


def rollback_target(current: Pool, body: Json, api_version: str) -> str | None:
    """Return the image that a PUT asks to go back to, or None.

    The pool's own image asks for nothing: Azure CLI 2.91 sends back what it read when it updates a pool.
    """
    image = body.get("nodeImageVersion")
    return None if api_version < ROLLBACK_SINCE or image == current.image else image


def _check_fips(asked: Json) -> None:
    problem = fips_problem(asked)
    if problem is not None:
        raise _refused("BadRequest", problem, "agentPoolProfile.enableFIPS")


def fips_problem(asked: Json) -> str | None:
    """Return why a pool can't have FIPS, or None (facts, section 1)."""
    sku, version, size = asked["osSKU"], asked["orchestratorVersion"], str(asked["vmSize"])
    effective = images.effective_sku(sku, version, fips=True)
    security: dict[str, Any] = asked["securityProfile"]
    trusted_launch = security.get("enableVTPM") or security.get("enableSecureBoot")
    checks = (
        (images.minor(version) < 19, "FIPS-enabled node pools need Kubernetes 1.19 or later."),
        (sku == "Ubuntu2404", "Ubuntu 24.04 does not support FIPS."),
        (sku == "Flatcar", "Flatcar does not support FIPS."),
        (
            images.is_arm64(size) and effective != "AzureLinux3",
            # the beginning of this text is third-hand, its end is not known (facts, section 3)
            "Creating FIPS-enabled node pools using ARM64 SKU is not supported for non Azure Linux 3.0 OS SKUs.",
        ),
        (images.is_confidential(size), "FIPS is not supported on confidential VM sizes."),
        (asked.get("workloadRuntime") in _KATA, "FIPS is not supported with Pod Sandboxing."),
        (
            trusted_launch and not (effective == "Ubuntu2204" and images.is_generation2(size)),
            "FIPS with Trusted Launch is supported only on Ubuntu 22.04, generation 2.",
        ),
    )
    return next((message for applies, message in checks if applies), None)


def _unchangeable(name: str) -> ArmError:
    target = f"agentPoolProfile.{name}"
    return ArmError(400, "PropertyChangeNotAllowed", f"Changing property '{target}' is not allowed.", target=target)


def _refused(code: str, message: str, target: str = "") -> ArmError:
    return ArmError(400, code, message, target=target)
