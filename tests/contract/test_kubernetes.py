"""What the nodes' adapter makes of a cluster that does not answer as it should; every failure is a value."""

import base64
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local import seed, tls
from local.clock import ManualClock
from local.server import LocalAzure
from local.serving import Server, localhost_tls
from local.world import World
from local.world.faults import Answer, Drop, Fault
from shared.adapters.arm import Arm
from shared.adapters.kubernetes import AksKubernetes
from shared.domain.api_server import ENTRA_ONLY
from shared.domain.clouds import Cloud
from shared.domain.ids import ClusterId
from shared.domain.model import Unreadable
from shared.domain.proven import NodesRead
from shared.nodes import list_nodes
from tests.builders import cluster

CLUSTER = replace(cluster(), id=ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod"))


@dataclass
class Kubeconfig:
    """An ARM that hands out one kubeconfig."""

    value: bytes
    managed_clusters: Any = field(init=False)
    kubeconfigs: Any = field(init=False)

    def __post_init__(self) -> None:
        self.managed_clusters, self.kubeconfigs = self, [self] if self.value else []

    def client(self, _subscription: str) -> "Kubeconfig":
        """Return itself, as the SDK's client."""
        return self

    def list_cluster_user_credentials(self, *_: str, **__: str) -> "Kubeconfig":
        """Return itself, as the answer."""
        return self


@pytest.mark.parametrize(("status", "waits"), [(429, True), (500, True), (503, True), (410, True), (400, False)])
def test_an_api_server_that_refuses_says_whether_to_come_back(
    world: World, kubernetes: AksKubernetes, status: int, waits: bool
) -> None:
    world.faults.add(Fault(Answer(status, "x", "no"), kind="kubernetes"))
    found = failed(listed(kubernetes))
    assert (found.reason, found.retry_after is not None) == ("KubernetesError", waits)
    assert str(status) in found.message


@pytest.fixture
def world() -> World:
    made = seed.empty_world(ManualClock(seed.EPOCH))
    with made.entered():
        seed.payments_prod(made)
    return made


@pytest.fixture
def kubernetes(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[AksKubernetes]:
    from azure.identity import ManagedIdentityCredential

    with LocalAzure(world) as azure:
        for name, value in azure.environment().items():
            monkeypatch.setitem(os.environ, name, value)
        with ManagedIdentityCredential() as credential:
            arm = Arm(Cloud("custom", azure.arm_endpoint, ""), credential)
            yield AksKubernetes(arm, credential)
            arm.close()


def failed(found: NodesRead) -> Unreadable:
    assert isinstance(found, Unreadable)
    return found


def test_credentials_that_arm_refuses_for_now_are_asked_for_again(world: World, kubernetes: AksKubernetes) -> None:
    fault = Answer(429, "Throttled", "slow down", retry_after=9)
    world.faults.add(Fault(fault, method="POST", resource="listClusterUserCredential"))
    found = failed(listed(kubernetes))
    assert (found.reason, found.retry_after) == ("Throttled", timedelta(seconds=9))


def test_a_connection_that_breaks_is_asked_for_again(world: World, kubernetes: AksKubernetes) -> None:
    world.faults.add(Fault(Drop(), method="POST", resource="listClusterUserCredential"))
    assert failed(listed(kubernetes)).retry_after is not None


def kubeconfig(server: str, authority: str = base64.b64encode(b"no certificate").decode()) -> bytes:
    return f"clusters: [{{cluster: {{server: '{server}', certificate-authority-data: {authority}}}}}]".encode()


class Token:
    """A credential."""

    def get_token(self, *_: str) -> Any:
        """Return a token."""
        from azure.core.credentials import AccessToken

        return AccessToken("token", 0)


@pytest.mark.usefixtures("kubernetes")
def test_an_api_server_that_is_not_there_is_asked_for_again() -> None:
    authority = base64.b64encode(Path(os.environ["REQUESTS_CA_BUNDLE"]).read_bytes()).decode()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{taken.getsockname()[1]}"
        found = failed(nodes_by(kubeconfig(server, authority)))
    assert found.reason == "Unreachable"
    assert found.retry_after is not None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"clusters: []",
        b"just text",
        b"clusters: [{cluster: {server: 'https://x'}}]",
        b"clusters: [{cluster: {server: 'https://x', certificate-authority-data: '%%'}}]",
        kubeconfig("http://not-tls"),
        b"clusters: [",
    ],
)
def test_a_kubeconfig_that_is_none_is_unintelligible(value: bytes) -> None:
    found = failed(nodes_by(value))
    assert (found.reason, found.retry_after) == ("Unintelligible", None)


class ApiServer:
    """An API server behind TLS that says one thing, and keeps the tokens that it got."""

    def __init__(self, body: bytes) -> None:
        self.body, self.tokens = body, list[str]()
        self._server = Server("api", [web.get("/{path:.*}", self._answer)], tls=localhost_tls())

    async def _answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.Response(body=self.body, content_type="application/json")

    def read(self, authority: bytes) -> NodesRead:
        """Read its nodes, trusting an authority."""
        with self._server:
            return nodes_by(kubeconfig(self._server.url, base64.b64encode(authority).decode()))


@pytest.mark.parametrize("authority", [b"no certificate", tls.Authority().certificate_pem])
def test_a_server_that_the_cluster_s_authority_does_not_vouch_for_gets_no_token(authority: bytes) -> None:
    server = ApiServer(b'{"items": [], "metadata": {}}')
    found = failed(server.read(authority))
    assert (found.reason, found.retry_after is not None) == ("Unreachable", True)
    assert server.tokens == []


def test_a_server_that_it_vouches_for_gets_the_token() -> None:
    """Guards the test before: its server would have noticed a token."""
    server = ApiServer(b'{"items": [], "metadata": {}}')
    assert server.read(tls.authority().certificate_pem) == ()
    assert server.tokens == ["Bearer token"]


@pytest.mark.parametrize(
    "body",
    [
        *("null", "[1]", '"x"', "{}", "<html>", '{"items": []}', '{"items": [], "metadata": null}'),
        *('{"items": null, "metadata": {}}', '{"items": {}, "metadata": {}}', '{"items": ["x"], "metadata": {}}'),
        *('{"items": [{}], "metadata": {}}', '{"items": [], "metadata": {"continue": 5}}'),
        # Nested so deep that Python's reader gives up.
        '{"items":' * 100_000,
    ],
)
def test_an_answer_that_is_no_list_of_nodes_is_unintelligible(body: str) -> None:
    found = failed(ApiServer(body.encode()).read(tls.authority().certificate_pem))
    assert (found.reason, found.retry_after) == ("Unintelligible", None)


def listed(kubernetes: AksKubernetes) -> NodesRead:
    """The cluster's nodes."""
    with kubernetes.open(CLUSTER, ENTRA_ONLY) as api:
        return list_nodes(api)


def nodes_by(value: bytes) -> NodesRead:
    arm: Any = Kubeconfig(value)
    credential: Any = Token()
    return listed(AksKubernetes(arm, credential))
