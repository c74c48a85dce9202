"""The Azure clouds: hosts and scopes that differ between them. No client may fall back to the public ones.

Sources: azure-mgmt-core `get_arm_endpoints`; the AKS server application's id is the same in all clouds (AKS
documentation, "kubelogin authentication"); portals: Microsoft Entra documentation, "National clouds"; audiences of
Event Grid: `EVENTGRID_AUDIENCE_MAP` of the Azure CLI's IoT Operations extension (the Event Grid SDK knows the public
one alone). Managed identities ask the platform for tokens, not an authority's host, so none stands here.
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
    """For tokens of ARM and Resource Graph; empty where only the cloud itself can tell (its /metadata/endpoints)."""
    portal: str = ""
    """Azure's web portal, without a slash at its end; empty: there is none to link to."""
    event_grid_scope: str = "https://eventgrid.azure.net/.default"
    """For tokens to publish to Event Grid topics."""


AKS_SCOPE = f"{_AKS_SERVER_APPLICATION}/.default"
"""For tokens of a cluster's Kubernetes API, in every cloud."""

CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://management.azure.com/.default",
            "https://portal.azure.com",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://portal.azure.us",
            "https://eventgrid.azure.us/.default",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://portal.azure.cn",
            "https://eventgrid.azure.cn/.default",
        ),
    )
}
"""By the names that the Azure CLI uses."""
