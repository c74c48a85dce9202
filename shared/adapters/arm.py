"""What all clients of ARM share: credentials, the SDK's client per subscription, and errors as classified values."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.domain.arm_errors import ArmError, classify
from shared.domain.clouds import Cloud
from shared.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.mgmt.containerservice import ContainerServiceClient

NO_RETRY: dict[str, Any] = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 30}
"""Options of every client of ARM. The queue and the next resync are the retry: nothing waits inside a function, and
above all no PUT is ever sent twice. Times are seconds."""
_SUBSCRIPTIONS_API = "2022-12-01"
_METADATA_API = "api-version=2022-09-01"


class Arm:
    """ARM of one cloud."""

    def __init__(
        self, cloud: Cloud, credential: "TokenCredential", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.cloud = cloud if cloud.arm_scope else _discover(cloud)
        """Where everything is, with the scope of its tokens."""
        self.monotonic = monotonic
        """Seconds that never jump."""
        self._credential = credential
        self._clients: dict[str, ContainerServiceClient] = {}

    def client(self, subscription: str) -> "ContainerServiceClient":
        """Return the SDK's client of a subscription; it is kept, with its connections."""
        from azure.mgmt.containerservice import ContainerServiceClient

        from shared.adapters.deadline import SendBy

        found = self._clients.get(subscription)
        if found is None:
            found = self._clients[subscription] = ContainerServiceClient(
                self._credential,
                subscription,
                base_url=self.cloud.arm_endpoint,
                credential_scopes=[self.cloud.arm_scope],
                custom_hook_policy=SendBy(self.monotonic),
                **NO_RETRY,
            )
        return found

    def close(self) -> None:
        """Close the connections."""
        while self._clients:
            self._clients.popitem()[1].close()

    def get_json(
        self, subscription: str, url: str, keep: Callable[[Mapping[str, str]], None] = lambda _: None
    ) -> Mapping[str, Any]:
        """GET a URL of this cloud's ARM, absolute or a path; `keep` is given the headers of its answer.

        Raises as the SDK does, and ValueError for another host and for an answer that is no JSON object.
        """
        from azure.core.rest import HttpRequest

        absolute = self.cloud.arm_endpoint + url if url.startswith("/") and not url.startswith("//") else url
        if not self._is_ours(absolute):
            raise ValueError(f"{urlsplit(url).netloc!r} is not a host of ARM: no token is sent there")
        response = self.client(subscription).send_request(HttpRequest("GET", absolute))
        keep(response.headers)
        response.raise_for_status()
        body = response.json()
        if not isinstance(body, dict):
            raise ValueError(f"ARM's answer is a JSON {type(body).__name__}, not an object")  # noqa: TRY004 (bad input)
        return body

    def _is_ours(self, url: str) -> bool:
        # Of a URL with a backslash or a user's name, one parser reads another host than the next.
        if "\\" in url or "@" in urlsplit(url).netloc or not url.isascii() or not url.isprintable() or " " in url:
            return False
        own, other = urlsplit(self.cloud.arm_endpoint), urlsplit(url)
        same_host = other.hostname == own.hostname and other.port == own.port
        regional = bool(other.hostname and own.hostname and other.hostname.endswith(f".{own.hostname}"))
        return other.scheme == "https" and (same_host or (regional and other.port in (None, 443)))

    def subscriptions(self) -> Iterator[str]:
        """Yield the subscriptions that the app's identity can see, lower case; raises TransientError for no list."""
        # Any subscription's client will do: the URL names none.
        nobody = "00000000-0000-0000-0000-000000000000"
        url: Any = f"/subscriptions?api-version={_SUBSCRIPTIONS_API}"
        while url:
            try:
                page = self.get_json(nobody, url)
                found = [str(item["subscriptionId"]).lower() for item in page["value"]]
            except (ValueError, KeyError, TypeError) as error:
                # An empty list would say that there is nothing to cover.
                raise TransientError(f"ARM's list of subscriptions can't be read: {error!r}") from error
            yield from found
            url = page.get("nextLink")


def _discover(cloud: Cloud) -> Cloud:
    """Ask a cloud that has no name of ours for the audience of its tokens (ARM, GET /metadata/endpoints)."""
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest

    with PipelineClient[Any, Any](cloud.arm_endpoint) as client:
        response = client.send_request(HttpRequest("GET", f"{cloud.arm_endpoint}/metadata/endpoints?{_METADATA_API}"))
        response.raise_for_status()
        found = response.json()
    try:
        audience = str(found["authentication"]["audiences"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise ConfigError(
            "settings", (f"FIPSWARDEN_CLOUD: {cloud.arm_endpoint} tells no audience: {error!r}",)
        ) from error
    return replace(cloud, arm_scope=f"{audience.rstrip('/')}/.default")


def classified(error: "HttpResponseError") -> ArmError:
    """Classify an error that the SDK raised for an answer."""
    now = datetime.now(UTC)
    response = error.response
    if response is None:
        # No token could be had: azure-identity raises ClientAuthenticationError without an answer of ARM.
        message = f"{error.message} Check the app's managed identity."
        return ArmError(0, "", "Unauthenticated", message, timedelta(minutes=1))
    try:
        body = json.loads(response.text())
    except (ValueError, RecursionError):
        body = None
    return classify(int(response.status_code or 0), dict(getattr(response, "headers", {})), body, now)
