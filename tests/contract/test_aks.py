"""What becomes of one request to AKS: a PUT leaves soon after the fence or not at all, a success is no refusal."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.rest import HttpRequest
from urllib3 import HTTPResponse

from shared import bootstrap
from shared.adapters.aks import AksClusters
from shared.adapters.arm import Arm
from shared.domain.clouds import CLOUDS
from shared.domain.model import Unreadable
from shared.domain.operation import Accepted, OperationRead, OperationStatus, Refused, Unanswered
from shared.domain.planned import Action, ActionKind
from tests.builders import cluster_id

OPERATION = "https://management.azure.com/operations/1"
STARTED = {"Azure-AsyncOperation": OPERATION, "x-ms-correlation-request-id": "c-1"}
CHALLENGE = {"WWW-Authenticate": 'Bearer authorization_uri="https://x", error="insufficient_claims", claims="e30="'}
ON = {"enableFIPS": True}
ACTION = Action(ActionKind.ENABLE_FIPS, "batch", "etag-1", ON, {"properties": ON})


@dataclass
class Here:
    """The test's end of the wire, its identity endpoint and its monotonic clock."""

    answers: list[tuple[int, Mapping[str, str], bytes]] = field(default_factory=list)
    """What ARM says, in this order: status, headers, body."""
    token_takes: list[float] = field(default_factory=list)
    """Seconds that each next token takes; then none."""
    now: float = 1000.0
    sent: list[str] = field(default_factory=list)

    def monotonic(self) -> float:
        """Return the clock."""
        return self.now

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return a token, which is asked for again each time."""
        self.now += self.token_takes.pop(0) if self.token_takes else 0
        return AccessToken("t0ken", 0)

    def send(self, request: HttpRequest, **_options: Any) -> Any:
        """Take a request in place of the network."""
        from azure.core.rest._requests_basic import RestRequestsTransportResponse

        self.sent.append(request.method)
        status, headers, body = self.answers.pop(0)
        raw = HTTPResponse(io.BytesIO(body), headers, status, preload_content=False, enforce_content_length=True)
        internal = requests.Response()
        internal.status_code, internal.raw = status, raw
        internal.headers.update(headers)
        made: Any = RestRequestsTransportResponse
        return made(request=request, internal_response=internal)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    from azure.core.pipeline.transport import RequestsTransport

    made = Here()
    monkeypatch.setattr(RequestsTransport, "send", lambda _self, request, **options: made.send(request, **options))
    return made


@pytest.fixture
def clusters(here: Here) -> Iterator[AksClusters]:
    arm = Arm(CLOUDS["AzureCloud"], here, here.monotonic)
    yield AksClusters(arm)
    arm.close()


def test_a_put_that_is_ready_in_time_is_sent(clusters: AksClusters, here: Here) -> None:
    here.token_takes = [19]
    here.answers = [(200, STARTED, b"{}")]

    assert clusters.begin(cluster_id(), ACTION, "intent-1") == Accepted(OPERATION, "c-1")
    assert here.sent == ["PUT"]


def test_a_put_whose_token_took_too_long_is_never_sent(clusters: AksClusters, here: Here) -> None:
    here.token_takes = [21]

    answer = clusters.begin(cluster_id(), ACTION, "intent-1")

    assert here.sent == []
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.message) == (
        "TooLate",
        "The request was not sent: it was ready 1.0 s after its deadline.",
    )
    assert answer.retry_after


def test_an_abort_is_sent_in_time_or_not_at_all(clusters: AksClusters, here: Here) -> None:
    here.token_takes = [21, 19]
    here.answers = [(202, STARTED, b"")]

    late = clusters.abort(cluster_id(), "batch", "request-1")
    assert (here.sent, isinstance(late, Refused) and late.reason) == ([], "TooLate")

    assert clusters.abort(cluster_id(), "batch", "request-1") == Accepted(OPERATION, "c-1")
    assert here.sent == ["POST"]


def test_an_operation_that_fails_is_read_with_what_is_nested_in_it(clusters: AksClusters, here: Here) -> None:
    error = {
        "code": "Outer",
        "message": "See details.",
        "details": [{"code": "SubnetIsFull", "message": "snet is full."}],
    }
    here.answers = [(200, {}, json.dumps({"status": "Failed", "error": error}).encode())]

    read = clusters.operation(cluster_id(), OPERATION)

    assert read == OperationRead(OperationStatus.FAILED, "Outer", "See details. SubnetIsFull: snet is full.")


IDS = {"x-ms-correlation-request-id": "c-2", "x-ms-request-id": "r-2"}


def test_whatever_arm_answers_comes_with_the_ids_by_which_its_support_finds_it(
    clusters: AksClusters, here: Here
) -> None:
    refusal = json.dumps({"code": "OperationNotAllowed", "message": "busy"}).encode()
    here.answers = [
        (200, {**STARTED, **IDS}, b"{}"),
        (409, IDS, refusal),
        (202, {**STARTED, **IDS}, b""),
        (409, IDS, refusal),
        (200, IDS, b'{"status": "Succeeded"}'),
        (200, {}, b'{"status": "Succeeded"}'),
    ]
    answers = [
        clusters.begin(cluster_id(), ACTION, "intent-1"),
        clusters.begin(cluster_id(), ACTION, "intent-2"),
        clusters.abort(cluster_id(), "batch", "request-1"),
        clusters.abort(cluster_id(), "batch", "request-2"),
        clusters.operation(cluster_id(), OPERATION),
        clusters.operation(cluster_id(), OPERATION),
    ]

    found = [
        (type(one), one.correlation_id, one.request_id)
        for one in answers
        if isinstance(one, Accepted | Refused | OperationRead)
    ]
    assert found == [
        (Accepted, "c-2", "r-2"),
        (Refused, "c-2", "r-2"),
        (Accepted, "c-2", "r-2"),
        (Refused, "c-2", "r-2"),
        (OperationRead, "c-2", "r-2"),
        (OperationRead, "", ""),
    ]


def test_a_put_that_arm_challenges_is_not_sent_again_after_its_time(clusters: AksClusters, here: Here) -> None:
    here.token_takes = [5, 16]
    here.answers = [(401, CHALLENGE, b""), (200, STARTED, b"{}")]

    answer = clusters.begin(cluster_id(), ACTION, "intent-1")

    assert here.token_takes == [], "a second token was fetched"
    assert here.sent == ["PUT"]
    assert isinstance(answer, Refused)
    assert answer.reason == "TooLate"


def test_the_answer_to_a_challenged_put_is_that_of_the_second(clusters: AksClusters, here: Here) -> None:
    here.answers = [(401, CHALLENGE, b""), (200, STARTED, b"{}")]

    assert clusters.begin(cluster_id(), ACTION, "intent-1") == Accepted(OPERATION, "c-1")


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_put_that_aks_took_is_accepted_though_its_body_cannot_be_read(
    clusters: AksClusters, here: Here, status: int
) -> None:
    here.answers = [(status, {**STARTED, "Content-Length": "1000"}, b'{"na')]

    assert clusters.begin(cluster_id(), ACTION, "intent-1") == Accepted(OPERATION, "c-1")


@pytest.mark.parametrize("status", [200, 202])
def test_a_success_that_neither_names_an_operation_nor_can_be_read_is_unanswered(
    clusters: AksClusters, here: Here, status: int
) -> None:
    here.answers = [(status, {"Content-Length": "1000"}, b"<html")]

    assert isinstance(clusters.begin(cluster_id(), ACTION, "intent-1"), Unanswered)


def test_a_refusal_that_cannot_be_read_is_no_success(clusters: AksClusters, here: Here) -> None:
    here.answers = [(409, {**STARTED, "Content-Length": "1000"}, b'{"co')]

    assert not isinstance(clusters.begin(cluster_id(), ACTION, "intent-1"), Accepted)


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"x"', b"<html", b""])
def test_a_read_that_is_answered_with_no_object_is_unreadable(clusters: AksClusters, here: Here, body: bytes) -> None:
    here.answers = [(200, {"Content-Type": "application/json"}, body)]

    assert isinstance(clusters.read(cluster_id()), Unreadable)


def test_the_identity_endpoint_is_asked_once_and_not_for_minutes(monkeypatch: pytest.MonkeyPatch, here: Here) -> None:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.pipeline.transport import RequestsTransport

    limits: list[tuple[float, float]] = []

    def send(transport: RequestsTransport, request: HttpRequest, **options: Any) -> Any:
        limits.append((transport.connection_config.timeout, transport.connection_config.read_timeout))
        return here.send(request, **options)

    monkeypatch.setattr(RequestsTransport, "send", send)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://identity.example/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)
    here.answers = [(500, {}, b"{}")] * 5
    bootstrap.credential.cache_clear()
    try:
        with pytest.raises(ClientAuthenticationError):
            bootstrap.credential().get_token("https://management.azure.com/.default")
    finally:
        bootstrap.credential.cache_clear()

    assert limits == [(5, 10)]
