"""The Kubernetes API of a cluster, with Entra tokens: lists nodes. CA and address come from ARM."""

import base64
import binascii
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from shared.adapters.arm import Arm, classified
from shared.domain.clouds import AKS_SCOPE
from shared.domain.ids import ClusterId
from shared.domain.model import Node, NodesRead, Unreadable
from shared.domain.observe import read_node

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_PAGE = 500
_TIMEOUT = (10, 30)
_RETRY = timedelta(minutes=2)


class KubernetesNodes:
    """shared.ports.Nodes on AKS."""

    def __init__(self, arm: Arm, credential: "TokenCredential") -> None:
        self._arm, self._credential = arm, credential

    def read(self, cluster: ClusterId) -> NodesRead:
        """List all nodes of a cluster; every failure is a value, since its proof is then unknown."""
        from azure.core.exceptions import AzureError, HttpResponseError
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            server, authority = self._access(cluster)
            token = self._credential.get_token(AKS_SCOPE).token
            return tuple(_nodes(server, authority, token))
        except HttpResponseError as error:
            found = classified(error)
            return Unreadable(found.reason, found.message, found.retry_after)
        except ApiException as error:
            return _refused(error.status, error.reason)
        except (AzureError, HTTPError, OSError) as error:
            message = f"The cluster's API server can't be reached ({type(error).__name__}): {error}"
            return Unreadable("Unreachable", message[:500], _RETRY)
        except ValueError as error:
            return Unreadable("Unintelligible", f"The cluster's credentials or nodes can't be read: {error}", None)

    def _access(self, cluster: ClusterId) -> tuple[str, bytes]:
        """Return address and CA of the API server, from the kubeconfig that ARM hands out."""
        client = self._arm.client(cluster.subscription)
        answer = client.managed_clusters.list_cluster_user_credentials(
            cluster.resource_group, cluster.name, format="exec"
        )
        for kubeconfig in answer.kubeconfigs or ():
            try:
                entry = yaml.safe_load(bytes(kubeconfig.value or b""))["clusters"][0]["cluster"]
                server = str(entry["server"])
                authority = base64.b64decode(entry["certificate-authority-data"], validate=True)
            except (yaml.YAMLError, KeyError, IndexError, TypeError, binascii.Error) as error:
                raise ValueError(f"the kubeconfig is not one of AKS: {error!r}") from error
            if not server.startswith("https://"):
                raise ValueError(f"the kubeconfig names {server!r}, which is not https")
            return server, authority
        raise ValueError("ARM gave no kubeconfig")


def _nodes(server: str, authority: bytes, token: str) -> Iterator[Node]:
    from kubernetes import client

    with tempfile.TemporaryDirectory(prefix="fipswarden-") as folder:
        path = Path(folder, "ca.pem")
        path.write_bytes(authority)
        configuration = client.Configuration(host=server)
        configuration.ssl_ca_cert = str(path)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.retries = False
        with client.ApiClient(configuration) as api:
            core, more = client.CoreV1Api(api), None
            while True:
                # Raw JSON: the client's models would cost more than the rest of the look.
                page: Any = core.list_node(
                    limit=_PAGE, _continue=more, _preload_content=False, _request_timeout=_TIMEOUT
                )
                items, more = _page(json.loads(page.data))
                yield from map(read_node, items)
                if not more:
                    return


def _page(body: Any) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Return a page's items and where the next begins; raises ValueError for another shape.

    What is not sure to be a whole list must not be taken for one: it could hide the nodes that prove the contrary.
    """
    found = body if isinstance(body, dict) else {}
    items, metadata = found.get("items"), found.get("metadata")
    if not isinstance(items, list) or not isinstance(metadata, dict) or not all(isinstance(one, dict) for one in items):
        raise ValueError("the API server's answer is not a list of nodes")
    return items, str(metadata.get("continue") or "")


def _refused(status: int | None, reason: str | None) -> Unreadable:
    if status == 401:
        message = (
            "The API server does not take the app's Entra token: enable Microsoft Entra integration on the cluster."
        )
        return Unreadable("KubernetesUnauthenticated", message, None)
    if status == 403:
        message = "The app's identity may not list nodes: give it a role on the cluster (docs/security.md)."
        return Unreadable("KubernetesForbidden", message, None)
    if not status:
        # The client's word for a TLS failure (kubernetes.client.rest): no answer was had.
        return Unreadable("Unreachable", f"The API server's certificate is not sound: {reason}"[:500], _RETRY)
    transient = status in (408, 410, 429) or status >= 500
    return Unreadable("KubernetesError", f"The API server said {status} {reason}.", _RETRY if transient else None)
