"""Event Grid's deliveries look and behave like Azure's, and so do the receivers beside it."""

import json
import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from local import tls
from local.clock import ManualClock
from local.event_schema import Filters, Schema, render
from local.eventgrid import EventGrid, Faults, Reason, SubscriptionError
from local.events import ROLLING_SUCCEEDED, WRITE_SUCCESS, ResourceEvent
from local.serving import Server, localhost_tls
from local.sinks import Failure, MailSink, TeamsSink
from local.topic import Topic

DATA = Path(__file__).parents[1] / "data" / "events"
NOW = datetime(2026, 11, 23, 9, 30, 4, 611735, tzinfo=UTC)


class Receiver(Server):
    """A subscriber's webhook: it shakes hands, answers with the next of `answers`, and keeps what it got."""

    def __init__(self) -> None:
        super().__init__("receiver", [web.post("/hook", self._post), web.options("/hook", self._options)])
        self.answers: list[int] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.code: str | None = None
        self.origin = "eventgrid.azure.net"

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json(loads=json.loads)
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": self.code or body[0]["data"]["validationCode"]})
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        return web.Response(status=self.answers.pop(0) if self.answers else 202)

    async def _options(self, _request: web.Request) -> web.Response:
        return web.Response(headers={"WebHook-Allowed-Origin": self.origin})

    @property
    def hook(self) -> str:
        return f"{self.url}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A subscriber that says yes."""
    with Receiver() as server:
        yield server


@pytest.fixture
def grid() -> Iterator[EventGrid]:
    """Event Grid with next to no time between attempts."""
    with EventGrid(ManualClock(NOW), retry_scale=1e-7) as event_grid:
        yield event_grid


def event_like(document: dict[str, Any]) -> ResourceEvent:
    """The fact behind a captured event of either schema."""
    data = document["data"]
    return ResourceEvent(
        id=document["id"],
        event_type=document.get("eventType") or document["type"],
        topic=document.get("topic") or document["source"],
        subject=document["subject"],
        operation_name=data.get("operationName", ""),
        time=datetime.fromisoformat((document.get("eventTime") or document["time"])[:26] + "+00:00"),
        subscription_id="",
        tenant_id="",
        principal_id="",
        correlation_id="",
        data=data,
    )


def an_event(subject: str = "/subscriptions/1", event_type: str = WRITE_SUCCESS, **data: Any) -> ResourceEvent:
    """An event whose details don't matter."""
    return event_like(
        {
            "id": "e1",
            "eventType": event_type,
            "topic": "/subscriptions/1",
            "subject": subject,
            "eventTime": NOW.isoformat(),
            "data": data,
        }
    )


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_rendered_event_equals_the_captured_one(path: Path) -> None:
    captured = json.loads(path.read_text())
    document = captured[0] if isinstance(captured, list) else captured
    schema = Schema.CLOUD_EVENTS if "specversion" in document else Schema.EVENT_GRID

    rendered = render(event_like(document), schema)

    # a datetime holds six decimals, Azure writes seven
    for time in ("time", "eventTime"):
        if time in document:
            assert rendered[time] == document.pop(time)[:-2] + "0Z"
            rendered.pop(time)
    assert rendered == document


def test_an_event_grid_subscriber_gets_an_array_of_one(receiver: Receiver, grid: EventGrid) -> None:
    grid.subscribe(receiver.hook, "EventGridSchema")

    grid.publish(an_event(x=1))
    grid.idle()

    assert receiver.bodies == [[render(an_event(x=1), Schema.EVENT_GRID)]]
    assert receiver.headers[0]["aeg-event-type"] == "Notification"
    assert receiver.headers[0]["Content-Type"] == "application/json; charset=utf-8"
    assert receiver.headers[0]["aeg-delivery-count"] == "0"


def test_a_cloud_events_subscriber_gets_one_object(receiver: Receiver, grid: EventGrid) -> None:
    grid.subscribe(receiver.hook, "CloudEventSchemaV1_0")

    grid.publish(an_event())
    grid.idle()

    assert receiver.bodies == [render(an_event(), Schema.CLOUD_EVENTS)]
    assert receiver.headers[0]["Content-Type"] == "application/cloudevents+json; charset=utf-8"


def test_a_subscription_whose_validation_is_answered_wrongly_fails(receiver: Receiver, grid: EventGrid) -> None:
    receiver.code = "another code"

    with pytest.raises(SubscriptionError, match="no validationResponse"):
        grid.subscribe(receiver.hook + "?code=secret", "EventGridSchema")

    grid.publish(an_event())
    grid.idle()
    assert receiver.bodies == []


def test_a_subscription_whose_origin_is_not_allowed_fails(receiver: Receiver, grid: EventGrid) -> None:
    receiver.origin = "somebody.else"

    with pytest.raises(SubscriptionError, match="WebHook-Allowed-Origin"):
        grid.subscribe(receiver.hook, "CloudEventSchemaV1_0")


def test_a_subscription_to_nothing_fails_without_telling_the_key(grid: EventGrid) -> None:
    with pytest.raises(SubscriptionError) as caught:
        grid.subscribe("http://127.0.0.1:1/hook?code=secret", "EventGridSchema")

    assert "secret" not in str(caught.value).split(":", 3)[0]


def test_filters_choose_without_minding_case(receiver: Receiver, grid: EventGrid) -> None:
    wanted = Filters(
        event_types=("microsoft.resources.resourcewritesuccess",),
        subject_begins_with="/Subscriptions/1",
        subject_ends_with="/POOL",
        operation_names=("A/write",),
    )
    grid.subscribe(receiver.hook, "CloudEventSchemaV1_0", wanted)

    for event in (
        an_event("/subscriptions/1/pool", operationName="a/Write"),
        an_event("/subscriptions/1/pool", operationName="a/delete"),
        an_event("/subscriptions/1/other", operationName="a/write"),
        an_event("/subscriptions/2/pool", operationName="a/write"),
        an_event("/subscriptions/1/pool", ROLLING_SUCCEEDED, operationName="a/write"),
    ):
        grid.publish(event)
    grid.idle()

    assert [body["subject"] for body in receiver.bodies] == ["/subscriptions/1/pool"]


def test_a_failed_delivery_is_tried_again(receiver: Receiver, grid: EventGrid) -> None:
    grid.subscribe(receiver.hook, "EventGridSchema")
    receiver.answers = [500, 404, 503]

    grid.publish(an_event())
    grid.idle()

    assert [headers["aeg-delivery-count"] for headers in receiver.headers] == ["0", "1", "2", "3"]
    assert grid.dead_letters == []


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_an_answer_that_no_retry_can_mend_dead_letters_at_once(
    receiver: Receiver, grid: EventGrid, status: int
) -> None:
    grid.subscribe(receiver.hook, "EventGridSchema")
    receiver.answers = [status]

    grid.publish(an_event())
    grid.idle()

    (letter,) = grid.dead_letters
    assert (letter.attempts, letter.last_status, letter.at) == (1, status, NOW)


def test_an_event_lives_for_a_day(receiver: Receiver, grid: EventGrid) -> None:
    grid.subscribe(receiver.hook, "EventGridSchema")
    receiver.answers = [500] * 40

    grid.publish(an_event())
    grid.idle()

    (letter,) = grid.dead_letters
    # 10 s to 6 h, then 12 h: the next attempt would come after more than 24 h
    assert (letter.reason, letter.attempts) == (Reason.TIME_TO_LIVE, 11)


def test_duplicates_losses_and_another_order_can_be_asked_for(receiver: Receiver, grid: EventGrid) -> None:
    grid.subscribe(receiver.hook, "CloudEventSchemaV1_0")

    def deliver(*subjects: str) -> list[str]:
        receiver.bodies.clear()
        for subject in subjects:
            grid.publish(an_event(subject))
            if not grid.faults.reorder:
                grid.idle()
        grid.idle()
        return [body["subject"] for body in receiver.bodies]

    grid.faults = Faults(duplicates=2)
    assert deliver("a", "b") == ["a", "a", "a", "b", "b", "b"]
    grid.faults = Faults(drop_every=2)
    assert deliver("a", "b", "c", "d") == ["a", "c"]
    grid.faults = Faults(reorder=2)
    assert sorted(deliver("a", "b")) == ["a", "b"]
    grid.faults = Faults(delay=0.001)
    assert deliver("a") == ["a"]


class Credential:
    """A credential of the kind that azure-identity provides."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", int(datetime.now(UTC).timestamp()) + 3600)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The certificate that clients of the local Azure trust."""
    path = tmp_path / "ca.pem"
    path.write_bytes(tls.authority().certificate_pem)
    return path


@pytest.fixture
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the SDK trust the certificate, as the local Azure does."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))


@pytest.mark.usefixtures("trusted")
def test_the_sdk_publishes_to_a_custom_topic_with_a_token() -> None:
    with (
        Topic(tls=localhost_tls()) as topic,
        EventGridPublisherClient(topic.endpoint, Credential()) as client,
    ):
        client.send([CloudEvent("/source", "Fipswarden.Alert", data={"pool": "p"}, id="1")])

    (event,) = topic.received
    assert (event["id"], event["type"], event["data"]) == ("1", "Fipswarden.Alert", {"pool": "p"})


@pytest.mark.usefixtures("trusted")
def test_a_custom_topic_refuses_who_may_not_send() -> None:
    with (
        Topic(tls=localhost_tls(), authorise=lambda header: header == "Bearer other") as topic,
        EventGridPublisherClient(topic.endpoint, Credential()) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.send([CloudEvent("/source", "type")])

    assert topic.received == []


def test_a_custom_topic_takes_cloud_events_only() -> None:
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
    batch = headers | {"Content-Type": "application/cloudevents-batch+json"}

    with Topic() as topic:
        assert requests.post(topic.endpoint, json=[], headers=headers, timeout=30).status_code == 400
        assert requests.post(topic.endpoint, json=[{"id": "1"}], headers=batch, timeout=30).status_code == 400


CARD: Any = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": {"type": "AdaptiveCard", "version": "1.5", "body": []},
        }
    ],
}


def test_a_teams_workflow_keeps_adaptive_cards() -> None:
    with TeamsSink() as teams:
        assert requests.post(teams.webhook, json=CARD, timeout=30).status_code == 202

    assert teams.cards == [{"type": "AdaptiveCard", "version": "1.5", "body": []}]


@pytest.mark.parametrize(
    "payload",
    [{}, [], "text", {"text": "hi"}, CARD | {"attachments": []}, CARD | {"attachments": [{"contentType": "x"}]}],
)
def test_a_teams_workflow_refuses_anything_else(payload: Any) -> None:
    with TeamsSink() as teams:
        assert requests.post(teams.webhook, json=payload, timeout=30).status_code == 400

    assert teams.cards == []


def test_a_teams_workflow_fails_when_told_to() -> None:
    with TeamsSink() as teams:
        teams.fail()
        teams.fail(failure=Failure(429, retry_after=7))
        answers = [requests.post(teams.webhook, json=CARD, timeout=30) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 429, 202]
    assert answers[1].headers["Retry-After"] == "7"


@pytest.fixture
def letter() -> EmailMessage:
    """A message to send."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Grüße"
    message.set_content("not FIPS-enabled: é")
    return message


def test_a_mail_server_keeps_messages(letter: EmailMessage) -> None:
    with MailSink() as mail, smtplib.SMTP(mail.host, mail.port) as client:
        client.send_message(letter)

    (kept,) = mail.messages
    assert (kept["Subject"], kept.get_content().strip()) == ("Grüße", "not FIPS-enabled: é")


def test_a_mail_server_with_a_certificate_wants_starttls(authority: Path, letter: EmailMessage) -> None:
    with MailSink(tls=localhost_tls()) as mail, smtplib.SMTP(mail.host, mail.port) as client:
        with pytest.raises(smtplib.SMTPException, match="STARTTLS"):
            client.send_message(letter)
        client.starttls(context=ssl.create_default_context(cafile=authority))
        client.send_message(letter)

    assert len(mail.messages) == 1


def test_a_mail_server_fails_when_told_to(letter: EmailMessage) -> None:
    with MailSink() as mail, smtplib.SMTP(mail.host, mail.port) as client:
        mail.fail()
        with pytest.raises(smtplib.SMTPDataError, match="451"):
            client.send_message(letter)
        client.send_message(letter)

    assert len(mail.messages) == 1
