"""The Azure clouds: hosts and scopes that differ between them. No client may fall back to the public ones.

Sources: azure-mgmt-core `get_arm_endpoints`; the AKS server application's id is the same in all clouds (AKS
documentation, "kubelogin authentication"); portals: Microsoft Entra documentation, "National clouds"; audiences of
Event Grid: `EVENTGRID_AUDIENCE_MAP` of the Azure CLI's IoT Operations extension (the Event Grid SDK knows the public
one alone); vaults: `keyvault_dns` of the Azure CLI (azure-cli-core, cloud.py). Managed identities ask the platform for
tokens, not an authority's host, so none stands here.
"""

import re
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
    vault_suffix: str = ""
    """What the host of a Key Vault ends with; empty in a cloud that has no name of ours: any host may be one."""

    def key_fault(self, url: str) -> str:
        """Return why a URL names no key in a vault of this cloud, without repeating it; empty if it does.

        Tokens for the vault go to its host: another cloud's, or anybody's, would get them.
        """
        shape = re.fullmatch(
            r"https://([a-z0-9.-]+)(?::[0-9]{1,5})?/keys/[A-Za-z0-9-]{1,127}(?:/[0-9a-fA-F]{32})?/?", url
        )
        if shape is None:
            return "this is not the URL of a key: https://<vault>/keys/<name>, or with its version behind it"
        host = shape[1]
        if self.vault_suffix and not re.fullmatch(r"[a-z0-9-]{3,24}" + re.escape(self.vault_suffix), host):
            return f"its host is not a vault of {self.name}: those are called <name>{self.vault_suffix}"
        return ""


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
            vault_suffix=".vault.azure.net",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://portal.azure.us",
            "https://eventgrid.azure.us/.default",
            ".vault.usgovcloudapi.net",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://portal.azure.cn",
            "https://eventgrid.azure.cn/.default",
            ".vault.azure.cn",
        ),
    )
}
"""By the names that the Azure CLI uses."""
