"""Lists a cluster's nodes through its API server."""

from shared.domain.api_server import read_all
from shared.domain.model import Unreadable
from shared.domain.observe import NODES, read_node
from shared.domain.proven import NodesRead
from shared.ports import KubernetesApi


def list_nodes(api: KubernetesApi | Unreadable) -> NodesRead:
    """List all nodes of a cluster; every failure is a value."""
    return api if isinstance(api, Unreadable) else read_all(api.get, NODES, read_node, "nodes")
