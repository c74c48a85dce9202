"""What a person does in the demo: creates a node pool without FIPS, with Microsoft's own SDK."""

from typing import Any

from azure.core.credentials import AccessToken

from local.stack import LocalStack
from local.world import World
from local.world.access import OPERATOR
from shared.domain.ids import ClusterId


class Operator:
    """A person's credential: what `az login` would give."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return a token for ARM."""
        return AccessToken(*self._world.access.token(OPERATOR, "https://management.azure.com"))


def create_pool(stack: LocalStack, cluster: ClusterId, pool: str) -> None:
    """Create a pool with FIPS off, with Microsoft's own SDK, and wait for it as a person would."""
    from azure.mgmt.containerservice import ContainerServiceClient

    body = {
        "properties": {
            "count": 3, "vmSize": "Standard_D4ds_v5", "mode": "User", "osType": "Linux", "osSKU": "AzureLinux",
            "enableFIPS": False, "nodeLabels": {"team": "batch"}, "nodeTaints": ["dedicated=batch:NoSchedule"],
        }
    }  # fmt: skip
    with ContainerServiceClient(
        Operator(stack.world),
        cluster.subscription,
        base_url=stack.azure.arm_endpoint,
        credential_scopes=["https://management.azure.com/.default"],
    ) as client:
        pools = client.agent_pools
        pools.begin_create_or_update(cluster.resource_group, cluster.name, pool, body).result()  # type: ignore[call-overload]  # JSON as the service takes it
