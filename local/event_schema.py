"""How Event Grid selects and writes events: subscriptions, their filters, and the two schemas.

Facts: MicrosoftDocs/azure-docs articles/event-grid/event-schema*.md, cloud-event-schema.md, event-filtering.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from local.events import ResourceEvent


class Schema(StrEnum):
    """How a subscriber wants its events."""

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


@dataclass(frozen=True)
class Filters:
    """Which events a subscription takes; an empty field lets all pass. Nothing here minds upper or lower case."""

    event_types: tuple[str, ...] = ()
    """`includedEventTypes`."""
    subject_begins_with: str = ""
    """`subjectBeginsWith`."""
    subject_ends_with: str = ""
    """`subjectEndsWith`."""
    operation_names: tuple[str, ...] = ()
    """An advanced filter StringIn on `data.operationName`."""

    def match(self, event: ResourceEvent) -> bool:
        """Whether the subscription takes `event`."""
        subject = event.subject.lower()
        operation = str(event.data.get("operationName", "")).lower()
        return (
            (not self.event_types or event.event_type.lower() in _lower(self.event_types))
            and subject.startswith(self.subject_begins_with.lower())
            and subject.endswith(self.subject_ends_with.lower())
            and (not self.operation_names or operation in _lower(self.operation_names))
        )


@dataclass(frozen=True)
class Subscription:
    """An event subscription that has passed the handshake."""

    name: str
    """Made up; Event Grid sends it in upper case."""
    url: str
    """The webhook."""
    schema: Schema
    """How events are rendered."""
    filters: Filters
    """Which events it takes."""

    def headers(self, event_type: str) -> dict[str, str]:
        """The headers of a request of kind `event_type` to the webhook."""
        kind = "cloudevents+json" if self.schema is Schema.CLOUD_EVENTS else "json"
        return {
            "Content-Type": f"application/{kind}; charset=utf-8",
            "aeg-event-type": event_type,
            "aeg-subscription-name": self.name.upper(),
        }


def render(event: ResourceEvent, schema: Schema) -> dict[str, Any]:
    """The event as Event Grid sends it in `schema`; see facts/events for captured ones."""
    common = {"id": event.id, "subject": event.subject, "data": dict(event.data)}
    if schema is Schema.CLOUD_EVENTS:
        return {
            "source": event.topic,
            "type": event.event_type,
            "time": timestamp(event.time),
            "specversion": "1.0",
            **common,
        }
    return {
        "topic": event.topic,
        "eventType": event.event_type,
        "eventTime": timestamp(event.time),
        "dataVersion": "2" if event.event_type.startswith("Microsoft.Resources.") else "1",
        "metadataVersion": "1",
        **common,
    }


def timestamp(moment: datetime) -> str:
    """A time as .NET writes it: UTC, seven decimals, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def _lower(values: tuple[str, ...]) -> set[str]:
    return {value.lower() for value in values}
