"""Who reaches a cluster's API server over the network, before anybody asks who he is."""

from ipaddress import ip_address, ip_network

from local.faces import kubeconfig
from local.faces.http import Request
from local.world.model import Cluster


def reaches(cluster: Cluster, request: Request) -> bool:
    """Tell that a request gets to the API server; where it doesn't the connection just ends.

    A private cluster is reached from its own network only; one with authorised ranges from these (facts, section 6).
    """
    if request.inside:
        return True
    if cluster.private_name:
        return False
    ranges = cluster.api_access.get("authorizedIPRanges") or ()
    return not ranges or any(ip_address(request.address) in ip_network(each, strict=False) for each in ranges)


def server(cluster: Cluster, base_url: str) -> str:
    """Return the address in a cluster's kubeconfig.

    That of a private cluster doesn't resolve outside its network. The ending makes sure of that wherever this runs:
    nothing below `.invalid` ever resolves (RFC 6761).
    """
    if cluster.private_name:
        return f"https://{cluster.private_name}.invalid:443"
    return f"{base_url}{kubeconfig.path(cluster)}"
