"""The Azure CLI's spelling of an AKS cluster, put back into ARM's.

The CLI prints the SDK's attribute names in camel case (azure-cli, `azure.cli.core.util.todict`), and without the level
`properties`: ARM's `enableFIPS` and `osSKU` become `enableFips` and `osSku`. Only names that are in these tables are
read so: a spelling that neither of the two uses stays what it is, an unknown field. Free names (tags, labels, add-ons)
are never touched. The tables are compared with the SDK by a test.
"""

import json
from collections.abc import Mapping
from typing import Any

CLUSTER = {
    "azurePortalFqdn": "azurePortalFQDN",
    "diskEncryptionSetId": "diskEncryptionSetID",
    "enableFips": "enableFIPS",
    "enableRbac": "enableRBAC",
    "privateFqdn": "privateFQDN",
    "resourceUid": "resourceUID",
}
"""Of a managed cluster."""
POOL = {
    "capacityReservationGroupId": "capacityReservationGroupID",
    "enableFips": "enableFIPS",
    "enableNodePublicIp": "enableNodePublicIP",
    "enableUltraSsd": "enableUltraSSD",
    "hostGroupId": "hostGroupID",
    "linuxOsConfig": "linuxOSConfig",
    "localDnsProfile": "localDNSProfile",
    "nodePublicIpPrefixId": "nodePublicIPPrefixID",
    "osDiskSizeGb": "osDiskSizeGB",
    "osSku": "osSKU",
    "podIpAllocationMode": "podIPAllocationMode",
    "podSubnetId": "podSubnetID",
    "proximityPlacementGroupId": "proximityPlacementGroupID",
    "vnetSubnetId": "vnetSubnetID",
}
"""Of an agent pool profile."""
POOL_SECURITY = {"enableVtpm": "enableVTPM"}
"""Of an agent pool's `securityProfile`."""
STORAGE = {"blobCsiDriver": "blobCSIDriver", "diskCsiDriver": "diskCSIDriver", "fileCsiDriver": "fileCSIDriver"}
"""Of a cluster's `storageProfile`."""


def arm_properties(given: Mapping[str, Any], *, printed: bool = True) -> dict[str, Any]:
    """Return the `properties` of a cluster in ARM's spelling, from either if the CLI may have `printed` them.

    A field that is there in two spellings with two values is left out: neither is to be believed.
    """
    found = _spelled(given, CLUSTER, printed=printed)
    if isinstance(storage := found.get("storageProfile"), dict):
        found["storageProfile"] = _spelled(storage, STORAGE, printed=printed)
    if isinstance(pools := found.get("agentPoolProfiles"), list):
        found["agentPoolProfiles"] = [
            _pool(pool, printed=printed) if isinstance(pool, dict) else pool for pool in pools
        ]
    return found


def _pool(given: Mapping[str, Any], *, printed: bool) -> dict[str, Any]:
    found = _spelled(given, POOL, printed=printed)
    if isinstance(security := found.get("securityProfile"), dict):
        found["securityProfile"] = _spelled(security, POOL_SECURITY, printed=printed)
    return found


def _spelled(given: Mapping[str, Any], names: Mapping[str, str], *, printed: bool) -> dict[str, Any]:
    found = _undisputed(given)
    for ours, arms in names.items() if printed else ():
        if ours in found:
            found[arms] = found.pop(ours)
    return found


def _undisputed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields without those that differ in nothing but the case of their names, and have two values."""
    spellings: dict[str, list[str]] = {}
    for name in given:
        spellings.setdefault(name.lower(), []).append(name)
    return {
        name: value
        for name, value in given.items()
        if len(those := spellings[name.lower()]) == 1 or all(same(value, given[other]) for other in those)
    }


def same(one: Any, other: Any) -> bool:
    """Say whether two JSON values are one: to Python, 1 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
