"""A made-up fleet of any size, as ARM would list it: for benchmarks, always the same for the same size."""

import json
import random
from collections.abc import Iterator
from typing import Any

_SKUS = ("AzureLinux", "Ubuntu", "Ubuntu2204", "AzureLinux3", "Ubuntu2404")


def clusters(count: int, pools: int) -> Iterator[dict[str, Any]]:
    """Yield so many managed clusters with so many node pools each; every fifth pool has no FIPS."""
    chance = random.Random(count * 1000 + pools)
    for number in range(count):
        subscription = f"{number % 200:08d}-0000-4000-8000-000000000000"
        group = f"/subscriptions/{subscription}/resourceGroups/rg-{number % 97}"
        yield {
            "id": f"{group}/providers/Microsoft.ContainerService/managedClusters/aks-{number}",
            "location": chance.choice(("westeurope", "usgovvirginia", "eastus")),
            "tags": {"env": chance.choice(("prod", "test", "dev")), "team": f"team-{number % 31}"},
            "properties": {
                "provisioningState": "Succeeded",
                "powerState": {"code": "Running"},
                "aadProfile": {"managed": True},
                "agentPoolProfiles": [_pool(chance, f"pool{index}") for index in range(pools)],
            },
        }


def _pool(chance: random.Random, name: str) -> dict[str, Any]:
    fips = chance.random() > 0.2
    sku = chance.choice(_SKUS)
    image = f"AKS{'AzureLinux-V3gen2' if sku.startswith('Azure') else 'Ubuntu-2204gen2'}{'fips' if fips else ''}"
    return {
        "name": name,
        "count": chance.randint(1, 40),
        "vmSize": "Standard_D8ds_v5",
        "osDiskSizeGB": 128,
        "type": "VirtualMachineScaleSets",
        "mode": chance.choice(("User", "System")),
        "osType": "Linux",
        "osSKU": sku,
        "enableFIPS": fips,
        "nodeImageVersion": f"{image}-202611.03.0",
        "orchestratorVersion": "1.34.2",
        "currentOrchestratorVersion": "1.34.2",
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "eTag": f"{chance.getrandbits(64):016x}",
        "maxPods": 110,
        "nodeLabels": {"team": "pay"},
        "upgradeSettings": {"maxSurge": "10%"},
    }


def text(count: int, pools: int) -> str:
    """Return the fleet as one JSON array."""
    return json.dumps(list(clusters(count, pools)))
