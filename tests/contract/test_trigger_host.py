"""The trigger host does for an app what the Functions host does."""

import base64
import json
import logging
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from local.host import HostError, TriggerHost
from local.host.timer import occurrences

APP = Path(__file__).parents[1] / "data" / "sample_app"
WAIT_SECONDS = 30.0


class Sample:
    """The sample app on a host, and what its handlers noted."""

    def __init__(self, host: TriggerHost, queue: QueueClient, seen: Path) -> None:
        self.host, self.queue, self._seen = host, queue, seen

    def seen(self) -> list[str]:
        return sorted(self._seen.read_text().splitlines()) if self._seen.exists() else []

    def expect(self, *lines: str) -> None:
        """Waits until each line was noted, as often as it is given."""
        deadline = time.monotonic() + WAIT_SECONDS
        while Counter(lines) - Counter(self.seen()):
            assert time.monotonic() < deadline, f"{lines} not in {self.seen()}"
            time.sleep(0.01)

    def send(self, body: str) -> None:
        self.queue.send_message(base64.b64encode(body.encode()).decode())

    def post_event(self, body: Any, kind: str = "Notification") -> requests.Response:
        return requests.post(
            self.host.event_grid_url("on_event"), json=body, headers={"aeg-event-type": kind}, timeout=30
        )


Start = Callable[..., Sample]


@pytest.fixture
def start(azurite: Azurite, tmp_path: Path) -> Iterator[Start]:
    """Starts the sample app; all hosts of one test share a queue."""
    name = f"q{uuid.uuid4().hex}"
    seen = tmp_path / "seen"
    with ExitStack() as stack:
        queue = stack.enter_context(QueueClient.from_connection_string(azurite.connection_string, name))
        queue.create_queue()

        def begin(schedule: str = "0 0 0 1 1 *", app: Path = APP, **options: Any) -> Sample:
            settings = {
                "SAMPLE_QUEUE": name,
                "SAMPLE_SEEN": str(seen),
                "SAMPLE_SCHEDULE": schedule,
                "AzureWebJobsStorage": azurite.connection_string,
            }
            host = stack.enter_context(TriggerHost(app, settings | options.pop("settings", {}), **options))
            return Sample(host, queue, seen)

        yield begin


def test_a_request_reaches_the_route_and_the_response_comes_back(start: Start) -> None:
    url = start().host.url

    answer = requests.get(f"{url}/api/hello/you?x=3", headers={"X-One": "1"}, timeout=30)

    assert (answer.status_code, answer.text, answer.headers["x-two"]) == (201, "you 3 1", "2")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_function_key_opens_functions_of_that_level_only(start: Start) -> None:
    host = start().host
    page = f"{host.url}/api/a/b"

    assert requests.get(page, timeout=30).status_code == 401
    assert requests.get(page, headers={"x-functions-key": "wrong"}, timeout=30).status_code == 401
    assert requests.get(page, headers={"x-functions-key": host.host_key}, timeout=30).text == "page a/b"
    assert requests.get(page, params={"code": host.host_key}, timeout=30).text == "page a/b"
    admin = f"{host.url}/admin/functions/on_timer"
    denied = requests.post(admin, json={"input": ""}, headers={"x-functions-key": host.host_key}, timeout=30)
    assert denied.status_code == 401


def test_a_method_that_no_route_takes_is_not_found(start: Start) -> None:
    assert requests.delete(f"{start().host.url}/api/submit", timeout=30).status_code == 404


def test_output_messages_are_sent_once_the_handler_returned(start: Start) -> None:
    sample = start()

    answer = requests.post(
        f"{sample.host.url}/api/submit", params={"code": sample.host.host_key}, data="one\ntwo", timeout=30
    )
    sample.host.idle()

    assert answer.status_code == 202
    assert sample.seen() == ["message one 1 True True", "message two 1 True True"]


def test_a_handler_that_raises_sends_nothing_and_answers_500(start: Start) -> None:
    sample = start()
    key = {"code": sample.host.host_key, "fail": ""}

    answer = requests.post(f"{sample.host.url}/api/submit", params=key, data="one", timeout=30)
    sample.host.idle()

    assert answer.status_code == 500
    assert sample.seen() == []


def test_a_message_is_deleted_after_success(start: Start) -> None:
    sample = start()

    sample.send("fine")
    sample.host.idle()

    assert sample.seen() == ["message fine 1 True True"]
    assert sample.queue.get_queue_properties().approximate_message_count == 0


def test_a_message_that_failed_is_tried_again(start: Start) -> None:
    sample = start()

    sample.send("fail once")
    sample.host.idle()

    assert sample.seen() == ["message fail once 1 True True", "message fail once 2 True True"]


def test_a_message_that_keeps_failing_moves_to_the_poison_queue(start: Start) -> None:
    sample = start()

    sample.send("fail")
    sample.host.idle()

    assert sample.seen() == ["message fail 1 True True", "message fail 2 True True", "poison fail"]


def test_a_message_that_is_not_base64_moves_to_the_poison_queue_unread(start: Start) -> None:
    sample = start(settings={"AzureWebJobs.on_poison.Disabled": "true"})

    sample.queue.send_message("{not base64}")
    sample.host.idle()

    assert sample.seen() == []
    with QueueClient.from_connection_string(
        sample.host._settings["AzureWebJobsStorage"], sample.queue.queue_name + "-poison"
    ) as poison:
        assert [message.content for message in poison.receive_messages()] == ["{not base64}"]


def test_a_failing_reader_of_a_poison_queue_leaves_the_message_where_it_is(start: Start, azurite: Azurite) -> None:
    sample = start(settings={"SAMPLE_SEEN": "/no/such/folder/seen"})  # every handler fails to note
    name = sample.queue.queue_name

    sample.send("anything")
    sample.host.idle()

    with QueueClient.from_connection_string(azurite.connection_string, f"{name}-poison") as poison:
        assert poison.get_queue_properties().approximate_message_count == 1
    with (
        QueueClient.from_connection_string(azurite.connection_string, f"{name}-poison-poison") as none,
        pytest.raises(ResourceNotFoundError),
    ):
        none.get_queue_properties()


def test_as_many_messages_run_at_once_as_host_json_allows(start: Start) -> None:
    sample = start()

    sample.send("count long")
    for _ in range(5):
        sample.send("count")
    sample.host.idle()

    # newBatchThreshold 1: the long one, with a batch of batchSize 2
    assert max(line for line in sample.seen() if line.startswith("running")) == "running 3"


def test_an_invocation_over_the_time_limit_has_failed(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    sample = start(settings={"AzureWebJobs.on_poison.Disabled": "1"})

    with caplog.at_level(logging.INFO, "local.host"):
        outcome = sample.host.invoke("on_message", "hang")

    (line,) = (vars(record) for record in caplog.records if record.message == "invoked")
    assert line["function"] == "on_message"
    assert line["outcome"] == outcome.error == "Timeout: function on_message exceeded 1.0 s"


def test_a_message_comes_back_after_its_host_was_killed(start: Start) -> None:
    first = start(invisibility=timedelta(seconds=1))
    first.send("hang")
    first.expect("message hang 1 True True")

    first.host.kill()

    start().expect("message hang 1 True True", "message hang 2 True True")


def test_a_message_comes_back_after_its_worker_died(start: Start) -> None:
    sample = start(invisibility=timedelta(seconds=1))

    sample.send("die once")
    sample.host.idle()

    assert sample.seen() == ["message die once 1 True True", "message die once 2 True True"]
    assert sample.queue.get_queue_properties().approximate_message_count == 0


def test_a_message_stays_invisible_while_its_handler_runs_on(start: Start, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text((APP / "function_app.py").read_text())
    sample = start(app=tmp_path, invisibility=timedelta(seconds=1))

    sample.send("slow")
    sample.host.idle()

    assert sample.seen() == ["message slow 1 True True"]
    assert sample.queue.get_queue_properties().approximate_message_count == 0


def test_a_timer_runs_on_its_schedule(start: Start) -> None:
    start(schedule="* * * * * *").expect("timer False", "message from timer 1 True True")


def test_the_admin_api_runs_a_function_now(start: Start) -> None:
    sample = start(timers=False)
    headers = {"x-functions-key": sample.host.keys.master}
    admin = f"{sample.host.url}/admin/functions/"

    answer = requests.post(admin + "on_timer", json={"input": ""}, headers=headers, timeout=30)
    sample.expect("timer False", "message from timer 1 True True")

    assert answer.status_code == 202
    assert requests.post(admin + "nothing", json={"input": ""}, headers=headers, timeout=30).status_code == 404
    assert requests.post(admin + "on_timer", data="", headers=headers, timeout=30).status_code == 400


def test_invoke_waits_and_says_how_it_ended(start: Start) -> None:
    host = start().host

    assert host.invoke("on_timer").succeeded
    assert host.invoke("on_message", "fail").error == "ValueError: asked to fail"
    with pytest.raises(HostError, match="nothing"):
        host.invoke("nothing")


def test_each_event_of_a_delivery_is_one_invocation_with_the_raw_event(start: Start) -> None:
    sample = start()

    answer = sample.post_event([{"id": "1", "data": {"ü": [1, None]}}, {"id": "2"}])
    cloud_event = sample.post_event({"specversion": "1.0", "id": "3"})
    sample.host.idle()

    assert (answer.status_code, cloud_event.status_code) == (202, 202)
    assert sample.seen()[:3] == [
        'event {"id":"1","data":{"ü":[1,null]}}',
        'event {"id":"2"}',
        'event {"specversion":"1.0","id":"3"}',
    ]
    assert sample.seen()[3:] == ["message from event 1 True True"] * 3


def test_a_delivery_with_one_failing_event_is_answered_500(start: Start) -> None:
    answer = start().post_event([{"id": "1"}, {"id": "please-fail"}])

    assert (answer.status_code, answer.text) == (500, "ValueError: asked to fail")


def test_the_event_grid_handshake_is_answered_200_with_the_code(start: Start) -> None:
    sample = start()
    code = {"validationCode": "512d38b6"}

    classic = sample.post_event([{"data": code}], "SubscriptionValidation")
    cloud_event = sample.post_event({"data": json.dumps(code)}, "SubscriptionValidation")

    for answer in (classic, cloud_event):
        assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})


def test_the_cloud_events_handshake_allows_the_origin(start: Start) -> None:
    url = start().host.event_grid_url("on_event")

    answer = requests.options(url, headers={"WebHook-Request-Origin": "eventgrid.azure.net"}, timeout=30)

    assert (answer.status_code, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    assert requests.options(url, timeout=30).status_code == 400


def test_the_event_grid_webhook_refuses_what_it_does_not_know(start: Start) -> None:
    sample = start()
    other = {"aeg-event-type": "Notification"}

    assert requests.post(sample.host.event_grid_url("on_timer"), headers=other, timeout=30).status_code == 404
    assert sample.post_event([], "Unsubscribe").status_code == 202
    assert sample.post_event([], "Other").status_code == 400
    without_key = sample.host.event_grid_url("on_event").split("&")[0]
    assert requests.post(without_key, headers=other, timeout=30).status_code == 401


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
@pytest.mark.parametrize("body", [b"plain", b"7", b"\xff"])
def test_a_delivery_that_is_no_json_of_events_is_answered_500_in_one_line(
    body: bytes, kind: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    host = start().host

    url = host.event_grid_url("on_event")
    answer = requests.post(url, data=body, headers={"aeg-event-type": kind}, timeout=30)

    assert answer.status_code == 500
    assert "delivery can't be read" in caplog.messages
    assert not any(record.exc_info for record in caplog.records)


def test_what_an_app_cached_is_forgotten_with_its_host(start: Start, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text((APP / "host.json").read_text())
    (tmp_path / "cached.py").write_text(
        "import functools, os\n\n@functools.cache\ndef queue(): return os.environ['SAMPLE_QUEUE']\n"
    )
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func, cached\n"
        "app = func.FunctionApp()\n"
        "@app.route(route='queue', auth_level='anonymous')\n"
        "def queue(req: func.HttpRequest) -> str: return cached.queue()\n"
    )

    for name in ("first", "second"):
        host = start(app=tmp_path, settings={"SAMPLE_QUEUE": name}).host
        assert requests.get(f"{host.url}/api/queue", timeout=30).text == name
        host.stop()
    sys.modules.pop("cached")


def test_a_disabled_function_is_not_loaded(start: Start) -> None:
    assert "on_timer" not in start(settings={"AzureWebJobs.on_timer.Disabled": "true"}).host.functions


def test_a_setting_that_a_binding_names_must_exist(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError, match="'%SAMPLE_QUEUE%' does not resolve"),
        TriggerHost(APP, {"SAMPLE_SEEN": str(tmp_path)}),
    ):
        pass


def test_a_connection_must_be_a_connection_string(tmp_path: Path) -> None:
    settings = {"SAMPLE_SEEN": str(tmp_path), "SAMPLE_QUEUE": "queue", "SAMPLE_SCHEDULE": "0 0 0 1 1 *"}

    with (
        pytest.raises(HostError, match="'AzureWebJobsStorage' of queue 'queue' must be a connection string"),
        TriggerHost(APP, settings),
    ):
        pass


def test_an_annotation_that_the_worker_refuses_stops_the_app(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.event_grid_trigger(arg_name='event')\n"
        "def on_event(event: func.EventGridEvent | str) -> None: ...\n"
    )

    with pytest.raises(HostError, match="cannot load function on_event"), TriggerHost(tmp_path, {}):
        pass


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 */5 * * * *", "2026-11-23T09:35:00"),
        ("30 0 3 * * MON-FRI", "2026-11-24T03:00:30"),
        ("*/10 * * * * *", "2026-11-23T09:30:10"),
    ],
)
def test_a_schedule_has_seconds_first(schedule: str, due: str) -> None:
    now = datetime(2026, 11, 23, 9, 30, 5, tzinfo=UTC)

    assert next(occurrences(schedule, now)) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("schedule", ["* * * * *", "00:05:00", "0 0 0 1 * MON", "0 61 * * * *"])
def test_a_schedule_that_the_host_would_read_differently_is_refused(schedule: str) -> None:
    with pytest.raises(HostError, match="schedule"):
        occurrences(schedule, datetime(2026, 11, 23, tzinfo=UTC))
