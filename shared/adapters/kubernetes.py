"""The Kubernetes API of a cluster: by an Entra token or, where that is allowed, a certificate or AKS run command.

Address, CA and certificate come from ARM. A certificate is kept for the length of one entry, in a folder of our own.
"""

import base64
import binascii
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from shared.adapters.arm import Arm, classified
from shared.adapters.run_command import CommandApi, reached
from shared.domain.api_server import AWAY_FOR, Answered, Way, way_in
from shared.domain.clouds import AKS_SCOPE
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, Unreadable
from shared.ports import KubernetesApi

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from kubernetes.client import ApiClient

_TIMEOUT = (10, 30)
"""Seconds to connect, and between two bytes of an answer."""
T = TypeVar("T")
_AT_ONCE = 8
"""Requests under way at once."""
_CONTENT = {"POST": "application/json", "PATCH": "application/merge-patch+json", "DELETE": "application/json"}


class AksKubernetes:
    """shared.ports.Kubernetes on AKS."""

    def __init__(self, arm: Arm, credential: "TokenCredential", sleep: Callable[[float], None] = time.sleep) -> None:
        self._arm, self._credential, self._sleep = arm, credential, sleep

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        """Enter a cluster's API; every failure is a value, since its proof is then unknown."""
        with self._direct(cluster, ways) as api:
            yield reached(cluster, ways, api, lambda: self._by_command(cluster))

    def _by_command(self, cluster: Cluster) -> CommandApi:
        def post(body: Mapping[str, str]) -> str | Unreadable:
            return self._asked(lambda: self._post_command(cluster, body))

        def fetch(url: str) -> Mapping[str, Any] | Unreadable:
            return self._asked(lambda: self._arm.get_json(cluster.id.subscription, url))

        return CommandApi(post, fetch, self._sleep)

    def _post_command(self, cluster: Cluster, body: Mapping[str, str]) -> str:
        token = self._credential.get_token(AKS_SCOPE).token if cluster.entra else ""
        found: list[str] = []
        self._arm.client(cluster.id.subscription).managed_clusters.begin_run_command(
            cluster.id.resource_group,
            cluster.id.name,
            BytesIO(json.dumps({**body, "clusterToken": token}).encode()),
            polling=False,
            raw_response_hook=lambda got: found.append(str(got.http_response.headers.get("Location") or "")),
            cls=lambda *_: None,
        )
        if not found or not found[-1]:
            raise ValueError("AKS gave no URL of the command's result")
        return found[-1]

    def _asked(self, ask: Callable[[], T]) -> T | Unreadable:
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            return ask()
        except HttpResponseError as error:
            refused = classified(error)
            return Unreadable(refused.reason, f"AKS run command: {refused.message}", refused.retry_after)
        except (AzureError, ValueError) as error:
            return Unreadable("Unreachable", f"AKS run command ({type(error).__name__}): {error}"[:500], AWAY_FOR)

    @contextmanager
    def _direct(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:
        way = way_in(cluster, ways)
        access = way if isinstance(way, Unreadable) else self._access(cluster.id, way)
        if isinstance(access, Unreadable):
            yield access
            return
        with tempfile.TemporaryDirectory(prefix="fipswarden-") as folder, _client(access, Path(folder)) as client:
            yield _Api(client, access.way)

    def _access(self, cluster: ClusterId, way: Way) -> "_Access | Unreadable":
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            found = self._kubeconfig(cluster, way)
            return replace(found, token=self._credential.get_token(AKS_SCOPE).token) if way is Way.ENTRA else found
        except HttpResponseError as error:
            refused = classified(error)
            return Unreadable(refused.reason, refused.message, refused.retry_after)
        except AzureError as error:
            message = f"The cluster's credentials can't be had ({type(error).__name__}): {error}"
            return Unreadable("Unreachable", message[:500], AWAY_FOR)
        except ValueError as error:
            return Unreadable("Unintelligible", f"The cluster's credentials can't be read: {error}", None)

    def _kubeconfig(self, cluster: ClusterId, way: Way) -> "_Access":
        """Return the way into the API server as the kubeconfig that ARM hands out has it."""
        client = self._arm.client(cluster.subscription)
        answer = client.managed_clusters.list_cluster_user_credentials(
            cluster.resource_group, cluster.name, format="exec"
        )
        for kubeconfig in answer.kubeconfigs or ():
            return _read_kubeconfig(bytes(kubeconfig.value or b""), way)
        raise ValueError("ARM gave no kubeconfig")


def _read_kubeconfig(text: bytes, way: Way) -> "_Access":
    try:
        found = yaml.safe_load(text)
        entry = found["clusters"][0]["cluster"]
        server, authority = str(entry["server"]), _decoded(entry["certificate-authority-data"])
        user = found["users"][0]["user"] if way is Way.CERTIFICATE else {}
        pair = [_decoded(user[f"client-{part}-data"]) for part in ("certificate", "key")] if user else [b"", b""]
    except (yaml.YAMLError, KeyError, IndexError, TypeError, binascii.Error) as error:
        # Only the kind of an error: the words of one could hold a part of a key.
        told = type(error).__name__ if way is Way.CERTIFICATE else repr(error)
        raise ValueError(f"the kubeconfig is not one of AKS: {told}") from None
    if not server.startswith("https://"):
        raise ValueError(f"the kubeconfig names {server!r}, which is not https")
    return _Access(way, server, authority, certificate=pair[0], key=pair[1])


def _decoded(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)


@dataclass(frozen=True, slots=True)
class _Access:
    way: Way
    server: str
    authority: bytes
    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)


def _client(access: _Access, folder: Path) -> "ApiClient":
    from kubernetes import client

    configuration = client.Configuration(host=access.server)
    configuration.ssl_ca_cert = str(_kept(folder / "ca.pem", access.authority))
    if access.token:
        configuration.api_key = {"authorization": f"Bearer {access.token}"}
    if access.key:
        configuration.cert_file = str(_kept(folder / "client.pem", access.certificate))
        configuration.key_file = str(_kept(folder / "client.key", access.key))
    configuration.retries = False
    configuration.connection_pool_maxsize = _AT_ONCE
    return client.ApiClient(configuration)


def _kept(path: Path, content: bytes) -> Path:
    """Write a file that the client wants by name; its folder is ours alone and goes with the entry."""
    path.write_bytes(content)
    return path


@dataclass(frozen=True, slots=True)
class _Api:
    """shared.ports.KubernetesApi by HTTPS."""

    client: "ApiClient"
    way: Way

    def get(self, path: str) -> Answered | Unreadable:
        """GET a path."""
        return self._ask("GET", path, None)

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Send a body to each of some paths, a few at a time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return tuple(pool.map(lambda one: self._ask(method, *one), requests))

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answered | Unreadable:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": _CONTENT[method]})
        try:
            # Raw JSON: the client's models would cost more than the rest of the look.
            sent = self.client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response: Any = self.client.call_api(*sent, _request_timeout=_TIMEOUT)
            return Answered(int(response.status), _object(response.read()))
        except ApiException as error:
            # The client's word for a TLS failure (kubernetes.client.rest): no answer was had.
            message = f"The API server's certificate is not sound: {error.reason}"
            return Unreadable("Unreachable", message[:500], AWAY_FOR)
        except (HTTPError, OSError) as error:
            message = f"The cluster's API server can't be reached ({type(error).__name__}): {error}"
            return Unreadable("Unreachable", message[:500], AWAY_FOR)


def _object(text: bytes | str | None) -> Mapping[str, Any]:
    """Return the JSON object of an answer; of anything else nothing, which no list and no object is made of."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
