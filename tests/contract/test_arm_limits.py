"""What ARM and Resource Graph may cost in time, and what of ARM's answers is taken for an answer."""

from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from shared.adapters.aks import AksClusters
from shared.adapters.arm import Arm
from shared.adapters.graph import GraphFleet
from shared.domain.clouds import CLOUDS
from shared.domain.model import Unreadable
from shared.domain.operation import OperationRead, OperationStatus
from shared.errors import TransientError
from tests.builders import SUBSCRIPTION, cluster_id


class Credential:
    """A credential that is always good."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return a token."""
        return AccessToken("t0ken", 4_102_444_800)


class Answering(Arm):
    """ARM that gives one answer to whatever is asked."""

    def __init__(self, body: Any) -> None:
        super().__init__(CLOUDS["AzureCloud"], Credential())
        self._body = body
        self.headers: dict[str, str] = {}

    def client(self, subscription: str) -> Any:  # noqa: ARG002 (the name of Arm)
        return self

    def send_request(self, _request: Any) -> Any:
        return self

    def raise_for_status(self) -> None:
        return

    def json(self) -> Any:
        return self._body


def test_resource_graph_is_asked_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[float, float]] = []

    def send(transport: RequestsTransport, _request: Any, **_options: Any) -> None:
        assert not limits, "it is asked a second time"
        limits.append((transport.connection_config.timeout, transport.connection_config.read_timeout))
        raise ServiceRequestError("no route")

    monkeypatch.setattr(RequestsTransport, "send", send)
    fleet = GraphFleet(Arm(CLOUDS["AzureCloud"], Credential()), Credential(), ())

    with pytest.raises(ServiceRequestError):
        list(fleet.clusters((SUBSCRIPTION,)))

    assert limits == [(10, 30)]


@pytest.mark.parametrize("body", [[], ["InProgress"], "Succeeded", None, 7])
def test_an_operation_whose_answer_is_no_object_is_unreadable_and_not_in_progress(body: Any) -> None:
    found = AksClusters(Answering(body)).operation(cluster_id(), "/subscriptions/x/operations/1")

    assert isinstance(found, Unreadable)
    assert found.reason == "Unintelligible"
    assert found.message == f"ARM's answer is a JSON {type(body).__name__}, not an object"


def test_an_operation_whose_answer_is_an_object_is_read() -> None:
    found = AksClusters(Answering({"status": "Succeeded"})).operation(cluster_id(), "/subscriptions/x/operations/1")

    assert found == OperationRead(OperationStatus.SUCCEEDED)


@pytest.mark.parametrize("body", [[], {}, {"value": None}, {"value": ["x"]}, {"value": [{}]}])
def test_an_answer_that_lists_no_subscriptions_is_not_an_empty_list(body: Any) -> None:
    with pytest.raises(TransientError, match="ARM's list of subscriptions can't be read"):
        list(Answering(body).subscriptions())


def test_the_subscriptions_are_listed_in_lower_case() -> None:
    assert list(Answering({"value": [{"subscriptionId": "ABC"}]}).subscriptions()) == ["abc"]
