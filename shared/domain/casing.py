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


def arm_properties(printed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `properties` of a cluster that has none of its own, in ARM's spelling, from either spelling.

    A field that is there in both spellings with two values is left out: neither is to be believed.
    """
    found = _spelled(printed, CLUSTER)
    if isinstance(storage := found.get("storageProfile"), dict):
        found["storageProfile"] = _spelled(storage, STORAGE)
    if isinstance(pools := found.get("agentPoolProfiles"), list):
        found["agentPoolProfiles"] = [_pool(pool) if isinstance(pool, dict) else pool for pool in pools]
    return found


def _pool(printed: Mapping[str, Any]) -> dict[str, Any]:
    found = _spelled(printed, POOL)
    if isinstance(security := found.get("securityProfile"), dict):
        found["securityProfile"] = _spelled(security, POOL_SECURITY)
    return found


def _spelled(printed: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = dict(printed)
    for ours, arms in names.items():
        if ours not in found:
            continue
        value = found.pop(ours)
        if arms in found and not _same(found[arms], value):
            del found[arms]
        else:
            found[arms] = value
    return found


def _same(one: Any, other: Any) -> bool:
    # As JSON: to Python, 1 and true are equal.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
