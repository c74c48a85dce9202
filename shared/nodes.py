"""Lists a cluster's nodes through its API server."""

from shared.domain.api_server import Way, read_all
from shared.domain.model import Cluster, NodesRead, Unreadable
from shared.domain.observe import NODES, read_node
from shared.ports import Kubernetes


def read_nodes(kubernetes: Kubernetes, cluster: Cluster, ways: frozenset[Way]) -> NodesRead:
    """List all nodes of a cluster, by one of the ways that are allowed; every failure is a value."""
    with kubernetes.open(cluster, ways) as api:
        return api if isinstance(api, Unreadable) else read_all(api.get, NODES, read_node, "nodes")
