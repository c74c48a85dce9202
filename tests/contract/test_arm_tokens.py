"""A token for ARM goes to ARM: a link in an answer that leads elsewhere is refused before anything is sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import HttpTransport

from shared.adapters.arm import Arm
from shared.domain.clouds import CLOUDS, Cloud

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PATH = f"/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01"
TOKEN = "t0ken"


class NotSentError(Exception):
    """The test's end of the wire: nothing leaves this machine."""


class Credential:
    """A credential that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Return a token."""
        self.asked.extend(scopes)
        return AccessToken(TOKEN, 4_102_444_800)


class Wire:
    """What would have been sent: the URL and the header with the token."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from azure.core.pipeline.transport import RequestsTransport

        self.sent: list[tuple[str, str]] = []

        def send(_transport: HttpTransport[Any, Any], request: Any, **_options: Any) -> None:
            self.sent.append((request.url, request.headers.get("Authorization", "")))
            raise NotSentError

        monkeypatch.setattr(RequestsTransport, "send", send)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


@pytest.fixture
def credential() -> Credential:
    return Credential()


@pytest.fixture
def arm(credential: Credential) -> Iterator[Arm]:
    made = Arm(CLOUDS["AzureCloud"], credential)
    yield made
    made.close()


@pytest.mark.parametrize(
    "base",
    [
        "https://evil.example",
        "http://management.azure.com",
        "//evil.example",
        "ftp://management.azure.com",
        "https://management.azure.com@evil.example",
        "https://management.azure.com:443@evil.example",
        "https://evil.example#@management.azure.com",
        "https://evil.example/management.azure.com",
        "https://management.azure.com.evil.example",
        "https://evilmanagement.azure.com",
        "https://evil-management.azure.com",
        "https://azure.com",
        "https://management.usgovcloudapi.net",
        "https://management.azure.com:8443",
        "https://westeurope.management.azure.com:8443",
        "https://management.azure.com\\@evil.example",
        "https://evil.example\\.management.azure.com",
        "https://evil.example\\@management.azure.com",
        "@evil.example",
    ],
)
def test_no_token_goes_to_a_host_that_is_not_arms(base: str, arm: Arm, wire: Wire, credential: Credential) -> None:
    with pytest.raises(ValueError, match="not a host of ARM: no token is sent there"):
        arm.get_json(SUBSCRIPTION, base + PATH)

    assert (wire.sent, credential.asked) == ([], [])


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        (PATH, f"https://management.azure.com{PATH}"),
        (f"https://management.azure.com{PATH}", f"https://management.azure.com{PATH}"),
        (f"https://MANAGEMENT.Azure.com{PATH}", f"https://MANAGEMENT.Azure.com{PATH}"),
        (f"https://westeurope.management.azure.com{PATH}", f"https://westeurope.management.azure.com{PATH}"),
        (f"https://westeurope.management.azure.com:443{PATH}", f"https://westeurope.management.azure.com:443{PATH}"),
    ],
)
def test_arm_and_its_regions_get_the_token(
    url: str, sent_to: str, arm: Arm, wire: Wire, credential: Credential
) -> None:
    with pytest.raises(NotSentError):
        arm.get_json(SUBSCRIPTION, url)

    assert wire.sent == [(sent_to, f"Bearer {TOKEN}")]
    assert credential.asked == ["https://management.azure.com/.default"]


def test_a_cloud_with_a_port_of_its_own_gets_the_token_at_that_port_alone(wire: Wire, credential: Credential) -> None:
    arm = Arm(Cloud("custom", "https://localhost:8443", "https://localhost/.default"), credential)

    for url in (f"https://localhost{PATH}", f"https://localhost:8444{PATH}"):
        with pytest.raises(ValueError, match="not a host of ARM"):
            arm.get_json(SUBSCRIPTION, url)
    with pytest.raises(NotSentError):
        arm.get_json(SUBSCRIPTION, f"https://localhost:8443{PATH}")

    assert [url for url, _ in wire.sent] == [f"https://localhost:8443{PATH}"]
    arm.close()
