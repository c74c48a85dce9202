"""Alerts to an Event Grid topic, as CloudEvents, for whatever a customer does with them (tickets, pagers)."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.domain.alert import Alert
from shared.domain.alerts import alert_id
from shared.domain.arm_errors import retry_after
from shared.domain.clouds import Cloud
from shared.domain.codec import plain
from shared.errors import FipswardenError, TerminalError, TransientError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential
    from azure.core.exceptions import AzureError
    from azure.core.messaging import CloudEvent

TYPE = "Fipswarden.Alert"
MANIFEST = "Fipswarden.Manifest"
"""Type of the event by which a manifest of evidence leaves the app."""
_FLEET = "/fipswarden"
"""Source of an alert that concerns no cluster."""
_ONCE: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 20}
"""The queue brings an alert back; the SDK's own ten tries would wait as long as any Retry-After says."""

# azure-eventgrid 4.22 takes these options with `send` alone, and then warns of each that it is no field of an event.
logging.getLogger("azure.eventgrid._legacy._generated._serialization").setLevel(logging.ERROR)


class TopicChannel:
    """shared.ports.Channel on an Event Grid topic that takes CloudEvents 1.0.

    The app's identity needs the role EventGrid Data Sender on it. Source and id of an event are the same in every
    repeat, so that consumers can drop those (CloudEvents 1.0: "producers MUST ensure that source + id is unique").
    """

    name = "topic"

    def __init__(self, endpoint: str, cloud: Cloud, credential: "TokenCredential") -> None:
        self._endpoint = endpoint
        self._credential = _Scoped(credential, cloud.event_grid_scope)

    def send(self, alert: Alert) -> None:
        """Publish an event, and one for the manifest that the alert may carry.

        Raises TransientError or TerminalError if the topic did not take them.
        """
        from azure.core.exceptions import AzureError
        from azure.eventgrid import EventGridPublisherClient

        try:
            with EventGridPublisherClient(self._endpoint, self._credential) as client:
                client.send(_events(alert), **_ONCE)
        except AzureError as error:
            raise _failure(error) from error


def _events(alert: Alert) -> "list[CloudEvent[dict[str, Any]]]":
    from azure.core.messaging import CloudEvent

    at, anchor = alert.at.astimezone(UTC), alert.anchor
    told: dict[str, Any] = plain(alert)
    del told["anchor"]
    source, subject = alert.cluster or _FLEET, alert.pool or None
    events: list[CloudEvent[dict[str, Any]]] = [
        CloudEvent(source, TYPE, id=alert_id(alert.key), time=at, subject=subject, data={"v": 1, **told})
    ]
    if anchor:
        data = {"v": 1, "record": anchor.record, "verify": anchor.verify, **plain(anchor)}
        # By its hash: who is told of another manifest of the same number is told, and does not drop it as a repeat.
        number = alert_id(f"manifest:{anchor.sha256}")
        events.append(CloudEvent(_FLEET, MANIFEST, id=number, time=at, subject=anchor.record, data=data))
    return events


class _Scoped:
    """A credential that asks for the tokens of its cloud: the SDK knows the public cloud's scope alone."""

    def __init__(self, credential: "TokenCredential", scope: str) -> None:
        self._credential, self._scope = credential, scope

    def get_token(self, *_scopes: str, **options: Any) -> "AccessToken":
        """Return a token for the topic, whatever scope is asked for."""
        return self._credential.get_token(self._scope, **options)


def _failure(error: "AzureError") -> FipswardenError:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    status = error.status_code if isinstance(error, HttpResponseError) else None
    said = f"topic: {f'HTTP {status}: ' if status else ''}{' '.join(str(error.message).split())[:300]}"
    if status in (401, 403, 404):
        return TerminalError(f"{said}; check ALERT_TOPIC_ENDPOINT and the app's role EventGrid Data Sender there")
    if status is None or isinstance(error, ClientAuthenticationError) or status in (408, 429) or status >= 500:
        # azure-core's type of a response leaves out the headers that every response has.
        headers = getattr(getattr(error, "response", None), "headers", {})
        return TransientError(said, retry_after(headers, datetime.now(UTC)))
    return TerminalError(said)
