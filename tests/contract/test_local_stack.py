"""The whole local stack starts, carries events from the local Azure to the app, and leaves nothing behind."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.identity import ManagedIdentityCredential

from local import seed
from local.event_schema import Schema
from local.stack import LocalStack, Options, Ports, StackError

APP = Path(__file__).parents[1] / "data" / "sample_app"
WAIT_SECONDS = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """What the sample app needs besides what the stack gives it."""
    return {
        "SAMPLE_QUEUE": f"q{uuid.uuid4().hex}",
        "SAMPLE_SEEN": str(tmp_path / "seen"),
        "SAMPLE_SCHEDULE": "0 0 0 1 1 *",
    }


@pytest.fixture
def stack(settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    """A stack with one cluster and the sample app."""
    world = seed.empty_world(operation_time=timedelta(milliseconds=50))
    seed.payments_prod(world)
    schema = getattr(request, "param", Schema.EVENT_GRID)
    with LocalStack(world, Options(APP, settings, schema)) as running:
        yield running


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def as_operator(env: dict[str, str], method: str, path: str, body: Any = None) -> requests.Response:
    """Asks the local Azure's ARM with an operator's token, as `az` does."""
    token = requests.get(
        env["IDENTITY_ENDPOINT"],
        params={"resource": "https://management.azure.com/", "api-version": "2019-08-01"},
        headers={"X-IDENTITY-HEADER": env["IDENTITY_HEADER"]},
        timeout=30,
    ).json()["access_token"]
    return requests.request(
        method,
        f"{env['LOCAL_ARM_ENDPOINT']}{path}",
        params={"api-version": "2026-01-01"},
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        verify=env["REQUESTS_CA_BUNDLE"],
        timeout=30,
    )


@pytest.mark.parametrize("stack", [Schema.EVENT_GRID, Schema.CLOUD_EVENTS], indirect=True)
def test_a_change_in_the_local_azure_reaches_the_app_as_an_event(stack: LocalStack, settings: dict[str, str]) -> None:
    cluster = next(stack.world.all_clusters())
    pool = f"{cluster.id}/agentPools/apps"
    body = as_operator(stack.env(), "GET", pool).json()
    body["properties"]["tags"] = {"changed": "yes"}

    assert as_operator(stack.env(), "PUT", pool, body).status_code == 200
    seen = Path(settings["SAMPLE_SEEN"])
    wait_until(lambda: seen.exists() and "message from event 1 True True" in seen.read_text())

    assert "Microsoft.ContainerService/managedClusters/agentPools/write" in seen.read_text()
    assert stack.event_grid.dead_letters == []


def test_the_app_publishes_to_the_topic_with_its_identity(stack: LocalStack) -> None:
    with (
        ManagedIdentityCredential() as credential,
        EventGridPublisherClient(stack.topic.endpoint, credential) as client,
    ):
        client.send(CloudEvent("/source", "type", data={}, id="1"))

    assert [event["id"] for event in stack.topic.received] == ["1"]


def test_a_host_that_died_is_replaced_at_its_address(stack: LocalStack) -> None:
    url, died = stack.host.event_grid_url("on_event"), stack.host

    stack.replace_host()

    assert stack.host is not died
    assert stack.host.event_grid_url("on_event") == url
    assert stack.host.invoke("on_timer").succeeded


def test_a_taken_port_is_named(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stack = LocalStack(seed.empty_world(), Options(APP, settings), Ports(host=port))

        with pytest.raises(StackError, match=rf"the trigger host did not start: .*{port}"), stack:
            pass

    assert "SAMPLE_QUEUE" not in os.environ


def test_make_local_says_when_it_is_ready_and_ends_without_a_trace(settings: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "local"
    command = [sys.executable, "-m", "local.main", "--app", str(APP), "--folder", str(folder), "--free-ports"]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True) as process:
        wait_until((folder / "env.sh").exists)
        shown = subprocess.run(
            ["bash", "-c", f"source {shlex.quote(str(folder / 'env.sh'))}; env -0"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        env = dict(line.split("=", 1) for line in shown.split("\0") if line)
        listed = as_operator(env, "GET", "/subscriptions")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=WAIT_SECONDS)

    assert (process.returncode, listed.status_code) == (0, 200)
    assert str(folder / "env.sh") in said
    assert not (folder / "env.sh").exists()
    queues = env["AZURE_STORAGE_CONNECTION_STRING"].split("QueueEndpoint=")[1].split(";")[0]
    with pytest.raises(requests.ConnectionError):
        requests.get(queues, timeout=30)
