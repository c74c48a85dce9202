"""The Azure clouds: hosts and scopes that differ between them. No client may fall back to the public ones.

Sources: azure-core `get_arm_endpoints`, azure-identity `AzureAuthorityHosts`; the AKS server application's id is
the same in all clouds (AKS documentation, "kubelogin authentication").
"""

from dataclasses import dataclass

_AKS_SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where one cloud's services are."""

    name: str
    arm_endpoint: str
    """Without a slash at its end."""
    arm_scope: str
    """For tokens of ARM and Resource Graph."""
    authority: str
    """Host of Microsoft Entra; empty: the credential's own, which managed identities don't ask."""
    aks_scope: str
    """For tokens of a cluster's Kubernetes API."""


def _cloud(name: str, arm: str, authority: str) -> Cloud:
    return Cloud(name, arm, f"{arm}/.default", authority, f"{_AKS_SERVER_APPLICATION}/.default")


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        _cloud("AzureCloud", "https://management.azure.com", "login.microsoftonline.com"),
        _cloud("AzureUSGovernment", "https://management.usgovcloudapi.net", "login.microsoftonline.us"),
        _cloud("AzureChinaCloud", "https://management.chinacloudapi.cn", "login.chinacloudapi.cn"),
    )
}
"""By the names that the Azure CLI uses."""
