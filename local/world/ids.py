"""ARM ids as strings. They compare without regard to case, so every dictionary here is keyed by `key(id)`."""

PROVIDER = "Microsoft.ContainerService"
CLUSTERS = f"{PROVIDER}/managedClusters"
POOLS = f"{CLUSTERS}/agentPools"


def key(resource_id: str) -> str:
    """Return what two spellings of one ARM id have in common."""
    return resource_id.lower()


def group_id(subscription: str, group: str) -> str:
    """Return a resource group's ARM id."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def cluster_id(subscription: str, group: str, name: str) -> str:
    """Return a managed cluster's ARM id, spelt as people write it."""
    return f"{group_id(subscription, group)}/providers/{CLUSTERS}/{name}"


def answered_id(resource_id: str) -> str:
    """Return the id as AKS spells it in answers: with a lower-case `resourcegroups` (captured traffic)."""
    return resource_id.replace("/resourceGroups/", "/resourcegroups/")
