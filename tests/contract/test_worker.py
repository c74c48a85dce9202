"""The app in Microsoft's own Python worker library: it loads, and its bindings are those that are deployed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.queues import AlertQueue, WakeUpQueue
from shared.storage_settings import Storage

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "data" / "events"


def run(function: str, argument: str, kind: str, data: str) -> Any:
    """Start a worker, load the app, invoke one function."""
    done = subprocess.run(
        [sys.executable, "tests/contract/worker_driver.py", str(ROOT), function, argument, kind],
        input=data,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FIPSWARDEN_SUBSCRIPTIONS": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name", ["constructed.eventgrid.agentpool_write.batch.json", "constructed.cloudevents.agentpool_write.json"]
)
def test_an_event_of_either_schema_becomes_a_reconcile_request(name: str) -> None:
    event = json.loads((EVENTS / name).read_text())
    answer = run("pool_events", "event", "json", json.dumps(event[0] if isinstance(event, list) else event))
    assert answer["failed"] == ""
    (sent,) = answer["outputs"].values()
    request = json.loads(next(iter(sent.values())))
    assert request["v"] == 1
    assert request["cluster"].endswith("/providers/Microsoft.ContainerService/managedClusters/aks-prod")
    assert list(answer["outputs"]) == ["request"]


@pytest.mark.parametrize("data", ["not json", "[]", '{"eventType": "Microsoft.Resources.ResourceWriteSuccess"}'])
def test_what_is_no_event_is_kept_as_rejected_and_not_failed(data: str) -> None:
    answer = run("pool_events", "event", "json" if data != "not json" else "string", data)
    assert answer["failed"] == ""
    assert list(answer["outputs"]) == ["rejected"]


@pytest.mark.parametrize("data", ["not json", '{"v": 1, "cluster": "aks-prod", "cause": "test"}'])
def test_a_reconcile_request_that_cannot_be_read_is_poison_and_not_failed(data: str) -> None:
    answer = run("reconcile", "message", "string", data)
    assert answer["failed"] == ""
    assert answer["outputs"] == {"poison": {"string": data}}


def test_the_functions_and_their_bindings_are_the_deployed_ones() -> None:
    functions = run("pool_events", "event", "json", "{}")["functions"]
    triggers = {name: next(one for one in found if one["direction"] == "IN") for name, found in functions.items()}
    assert {name: one["type"] for name, one in triggers.items()} == {
        "pool_events": "eventGridTrigger",
        "reconcile": "queueTrigger",
        "alerts": "queueTrigger",
        "reconcile_poison": "queueTrigger",
        "alerts_poison": "queueTrigger",
        "rejected": "queueTrigger",
        "resync": "timerTrigger",
        "daily": "timerTrigger",
        "health": "httpTrigger",
    }
    assert triggers["resync"]["schedule"] == "%RESYNC_SCHEDULE%"
    assert triggers["daily"]["schedule"] == "%DAILY_SCHEDULE%"
    assert triggers["health"]["authLevel"].lower() == "function"
    queues = {one["queueName"] for found in functions.values() for one in found if "queueName" in one}
    assert queues == {"reconcile", "reconcile-poison", "alerts", "alerts-poison", "rejected"}
    connections = {one["connection"] for found in functions.values() for one in found if "queueName" in one}
    assert connections == {"AzureWebJobsStorage"}


def test_the_hosts_settings_fit_the_senders_and_the_look() -> None:
    from azure.storage.queue import TextBase64EncodePolicy

    host = json.loads((ROOT / "host.json").read_text())
    storage = Storage(
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;QueueEndpoint=http://127.0.0.1:1/a;", {}
    )
    for sender in (WakeUpQueue(storage, None), AlertQueue(storage, None)):
        client = sender._queue._client()
        assert isinstance(client._message_encode_policy, TextBase64EncodePolicy)
        client.close()
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"
    hours, minutes, seconds = (int(part) for part in host["functionTimeout"].split(":"))
    longest_look = 480
    assert hours * 3600 + minutes * 60 + seconds >= longest_look + 60, "a look ends before the host ends it"
    assert host["telemetryMode"] == "OpenTelemetry"


def test_a_rejected_event_always_fits_into_a_queue_message() -> None:
    answer = run("pool_events", "event", "string", "\N{SNOWMAN}\N{GRINNING FACE}" * 30_000)
    assert answer["failed"] == ""
    assert len(answer["outputs"]["rejected"]["string"].encode()) < 48 * 1024
